"""Multi-hop questions (MuSiQue, HotpotQA, 2Wiki): are all passages found that answer together, against dense and BM25.

Every passage is a memory, every ready triple (OpenIE) a fact whose parent is its passage, and questions are asked of
the stores alone: no fusion, no reader, no model but the embedder. Where no triples come with the passages, the graph is
made of what agentmem's own rules read in them. For example

```
question   "In which city was the author of The Sea Wall born?"
gold       "The Sea Wall": "... a novel by Ines Moreau ..."      "Ines Moreau": "... born in Porto ..."
```

The second passage has hardly a word of the question; the graph leads there from the first. recall@k is the share of the
gold passages among the first k, all_gold@k whether all of them are. The authors of HippoRAG chose some of its settings
on these very questions, and so did we choose aliases and the weight of the entities in the question: a development set,
and a small one, so differences come with paired intervals. The files are read by `agentmem.formats.hipporag`.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import agentmem
from agentmem import config, registry
from agentmem.encoding.embedders import open_embedder
from agentmem.errors import InputError
from agentmem.evaluation import provenance
from agentmem.evaluation.cases import Ask, Case, Gold, Remember, Reply, Score
from agentmem.evaluation.readers import Reader
from agentmem.evaluation.replay import Progress
from agentmem.evaluation.report import Command, Prose, Report, Section, Table, percent
from agentmem.evaluation.statistics import RESAMPLES, SEED, bootstrap
from agentmem.formats import hipporag
from agentmem.protocols import Embedder, MemoryStore
from agentmem.types import Cues, Draft, Memory, Query, Vectors
from agentmem_evaluators import _own_facts
from agentmem_evaluators._own_facts import Read
from agentmem_evaluators._slot_index import Once
from agentmem_stores.graph import Graph, phrase

KS = (2, 5, 10)
ALL_GOLD = 5
BATCH = 512
BASELINES: Mapping[str, str] = {"dense": "exact", "bm25": "lexical"}
ABLATIONS: Mapping[str, Mapping[str, Any]] = {
    "without PageRank (links followed once)": {"spread": "once"},
    "without synonyms": {"synonyms": 2.0},
    "without aliases": {"aliases": 0},
    "without specificity": {"specificity": False},
    "without the entities in the question": {"named": 0.0},
    "HippoRAG 2, without its language model": {"preset": "hipporag2"},
    "HippoRAG 1 (entities in the question)": {"preset": "hipporag1"},
}
"""What is left out of the graph, and how."""
OWN = "own rules in place of the ready triples"

_BEGAN = datetime(2024, 1, 1, tzinfo=UTC)

Values = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class MultiHop:
    """The evaluator: one case, the whole corpus remembered at once and every question asked."""

    collection: hipporag.Collection
    ks: Sequence[int] = KS
    name: str = "multihop"

    def cases(self) -> Iterator[Case]:
        """Yield the one case."""
        drafts = tuple(
            Draft(passage.whole, kind="note", position=number, origin=_origin(number))
            for number, passage in enumerate(self.collection.passages)
        )
        asks = [
            Ask(q.question, Gold(q.id, q.answers[0], tuple(map(_origin, sorted(q.gold)))))
            for q in self.collection.questions
        ]
        yield Case(self.collection.name, _BEGAN, (Remember(drafts), *asks))

    def score(self, ask: Ask, reply: Reply) -> Score:
        """Return recall at each k, and whether all gold passages are among the first five."""
        return Score(found(frozenset(ask.gold.evidence), reply.ranking, self.ks))


@dataclass(frozen=True, slots=True)
class _Encoded:
    """The collection as memories and queries, each with its vector."""

    passages: list[Memory]
    facts: list[Memory]
    queries: list[Query]
    ready: bool


def make(config: Mapping[str, Any]) -> MultiHop:
    """Make the evaluator of a folder: {"data": folder, "ks": [2, 5, 10]}."""
    if "data" not in config:
        raise InputError('the evaluator multihop needs its data: {"data": "folder with musique_train.json ..."}')
    return MultiHop(hipporag.load(Path(config["data"])), _checked(config.get("ks", KS)))


def found(gold: frozenset[str], ranking: Sequence[str], ks: Sequence[int]) -> dict[str, float]:
    """Return recall@k for each k, and all_gold@5: 1 if every gold passage is among the first five."""
    recall = {f"recall@{k}": len(gold & set(ranking[:k])) / len(gold) for k in ks}
    return {**recall, f"all_gold@{ALL_GOLD}": float(gold <= set(ranking[:ALL_GOLD]))}


def run(
    data: Path,
    *,
    ks: Sequence[int] = KS,
    reader: Reader | None = None,
    weights: Path | None = None,
    cross_validate: bool = False,
    embedder: str | Embedder = config.EMBEDDER,
    progress: Progress | None = None,
    command: str | None = None,
) -> Report:
    """Measure the graph, its ablations and the baselines on a folder of HippoRAG's files.

    2, 5 and 10 are always among the `ks`. Nothing is read or trained, so `reader`, `weights` and `cross_validate` are
    refused with InputError. Raises NotFoundError and ImportRefusedError for a folder that does not fit.
    """
    if reader is not None or weights is not None or cross_validate:
        raise InputError("multihop measures stores alone: it takes no --model, no --weights and no --cross-validate")
    evaluator = MultiHop(hipporag.load(data), _checked({*KS, *ks}))
    opened = Once(open_embedder(embedder) if isinstance(embedder, str) else embedder)
    commit = provenance.commit()
    encoded = _encoded(evaluator.collection, opened, progress)
    graph, timing = _graph(encoded, opened, {}, {})
    phrases = graph.phrases()
    ours, timing["questions_per_s"] = _asked(graph, evaluator, encoded)
    baselines = {}
    for name, store_name in BASELINES.items():
        store = registry.make_store(store_name, {})
        store.add(encoded.passages)
        baselines[name] = _asked(store, evaluator, encoded)[0]
    ablations = {
        name: _asked(_graph(encoded, opened, settings, phrases)[0], evaluator, encoded)[0]
        for name, settings in ABLATIONS.items()
    }
    if encoded.ready:
        bare = [replace(passage, triples=()) for passage in evaluator.collection.passages]
        own = _encoded(replace(evaluator.collection, passages=tuple(bare)), opened, progress)
        ablations[OWN] = _asked(_graph(own, opened, {}, phrases)[0], evaluator, own)[0]
    figures = {
        "benchmark": evaluator.name,
        "commit": commit,
        "metrics": _means(ours),
        "ci": _intervals(ours),
        "baselines": {name: _means(values) for name, values in baselines.items()},
        "gain_over": {name: _gains(ours, values) for name, values in {**baselines, **ablations}.items()},
        "ablations": {name: _means(values) for name, values in ablations.items()},
        "collection": evaluator.collection.name,
        "n_questions": len(evaluator.collection.questions),
        "n_passages": len(encoded.passages),
        "n_facts": len(encoded.facts),
        "n_malformed": evaluator.collection.malformed,
        "facts_from": "ready triples" if encoded.ready else "own rules",
        "speed": timing,
        "system": f"agentmem {agentmem.__version__}",
        "embedder": opened.name,
        "seed": SEED,
        "resamples": RESAMPLES,
        "data_digest": {file.name: provenance.digest(file) for file in evaluator.collection.files},
        "machine": provenance.machine(),
        "command": command or f"agentmem eval multihop --data {shlex.quote(str(data))}",
    }
    details = [
        {"id": q.id, "question": q.question, **{name: values[row] for name, values in ours.items()}}
        for row, q in enumerate(evaluator.collection.questions)
    ]
    return Report("Multi-hop questions, by the passages that answer them together", figures, sections(figures), details)


def sections(figures: Mapping[str, Any]) -> list[Section]:
    """Return the report's sections, made from its figures alone."""
    heads = list(figures["metrics"])
    rows = [("graph", *(percent(figures["metrics"][m], figures["ci"][m]) for m in heads))]
    rows += [(name, *(percent(of[m]) for m in heads)) for name, of in figures["baselines"].items()]
    rows += [(name, *(percent(of[m]) for m in heads)) for name, of in figures["ablations"].items()]
    gains = [
        (f"over {name}", *(f"{100 * m:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]" for m, low, high in of.values()))
        for name, of in figures["gain_over"].items()
    ]
    said = (
        f"{figures['n_questions']} questions over {figures['n_passages']} passages with {figures['n_facts']} facts "
        f"from {figures['facts_from']} ({figures['n_malformed']} malformed triples left out), embedder "
        f"{figures['embedder']}. Brackets are 95 % intervals over questions, those of gains are paired: where one "
        "holds 0, no gain is shown."
    )
    said_of = {**figures["speed"], **figures["machine"]}
    made = [("commit", figures["commit"]), *((name, str(value)) for name, value in said_of.items())]
    return [
        Section(
            "Passages found",
            [
                Prose(said),
                Table("Evidence, %", ("", *heads), rows, strong=frozenset({0})),
                Table("Gain, points, on the same questions", ("", *heads), gains),
            ],
        ),
        Section("How this was made", [Command(figures["command"]), Table("Made with", ("", ""), made)]),
    ]


def _origin(number: int) -> str:
    return f"passage:{number}"


def _checked(ks: Any) -> tuple[int, ...]:
    chosen = tuple(sorted(set(ks)))
    if not chosen or min(chosen) < 1:
        raise InputError(f"recall at k = {list(ks)} cannot be measured; give numbers of 1 and more, such as 2,5,10")
    return chosen


def _encoded(collection: hipporag.Collection, embedder: Embedder, progress: Progress | None) -> _Encoded:
    """Return passages, facts and queries with their vectors; a triple without a subject or an object is left out."""
    wholes = [passage.whole for passage in collection.passages]
    ready = any(passage.triples for passage in collection.passages)
    if ready:
        read = [Read(Cues(), tuple((t, " ".join(map(phrase, t))) for t in p.triples)) for p in collection.passages]
    else:
        read = list(_own_facts.read(collection.passages, _BEGAN))
    triples = [
        (number, triple, text)
        for number, one in enumerate(read)
        for triple, text in one.facts
        if phrase(triple[0]) and phrase(triple[2])
    ]
    said = [text for _, _, text in triples]
    rows = _vectors([*wholes, *said, *(q.question for q in collection.questions)], embedder, progress)
    passages = [_memory(_origin(n), n, whole, rows[n], cues=read[n].cues) for n, whole in enumerate(wholes)]
    facts = [
        _memory(
            f"fact:{n}",
            n,
            text,
            rows[len(wholes) + n],
            kind="fact",
            parents=(_origin(number),),
            metadata=dict(zip(("subject", "relation", "object"), triple, strict=True)),
        )
        for n, (number, triple, text) in enumerate(triples)
    ]
    asked = rows[len(wholes) + len(said) :]
    queries = [Query(q.question, row) for q, row in zip(collection.questions, asked, strict=True)]
    return _Encoded(passages, facts, queries, ready)


def _memory(name: str, number: int, text: str, row: Vectors, **more: Any) -> Memory:
    fields: dict[str, Any] = {"kind": "note", **more}
    return Memory(
        id=name, seq=number, text=text, speaker=None, thread="main", position=number, said_at=_BEGAN, stored_at=_BEGAN,
        vector=row, **fields,
    )  # fmt: skip


def _vectors(texts: Sequence[str], embedder: Embedder, progress: Progress | None) -> Vectors:
    """Return (n, dim) rows; equal texts are embedded once."""
    distinct = list(dict.fromkeys(texts))
    rows = []
    for start in range(0, len(distinct), BATCH):
        rows.append(embedder(distinct[start : start + BATCH]))
        if progress is not None:
            progress("Embedding", min(start + BATCH, len(distinct)), len(distinct))
    place = {text: number for number, text in enumerate(distinct)}
    return np.concatenate(rows)[[place[text] for text in texts]]


def _graph(
    encoded: _Encoded, embedder: Embedder, settings: Mapping[str, Any], phrases: Mapping[str, Vectors]
) -> tuple[Graph, dict[str, float]]:
    """Return a filled graph, and how long that took without embedding; `phrases` are vectors known from before."""
    graph = registry.make_store("graph", settings)
    if not isinstance(graph, Graph):
        raise InputError(
            f"another package's store is called graph ({type(graph).__name__}); uninstall it to measure ours"
        )
    begin = time.perf_counter()
    graph.add([*encoded.passages, *encoded.facts])
    added = time.perf_counter() - begin
    names = graph.unplaced()
    known = names and all(name in phrases for name in names)
    rows = np.stack([phrases[name] for name in names]) if known else _vectors(names, embedder, None)
    begin = time.perf_counter()
    graph.place(names, rows)
    return graph, {"add_s": added, "synonyms_s": time.perf_counter() - begin}


def _asked(store: MemoryStore, evaluator: MultiHop, encoded: _Encoded) -> tuple[Values, float]:
    """Return the figures of each question, and questions a second."""
    begin = time.perf_counter()
    rankings = [[hit.id for hit in store.search(query, max(evaluator.ks))] for query in encoded.queries]
    speed = len(rankings) / (time.perf_counter() - begin)
    values: Values = {}
    for question, ranking in zip(evaluator.collection.questions, rankings, strict=True):
        for name, value in found(frozenset(map(_origin, question.gold)), ranking, evaluator.ks).items():
            values.setdefault(name, []).append(value)
    return values, speed


def _means(values: Values) -> dict[str, float]:
    return {name: float(np.mean(each)) for name, each in values.items()}


def _intervals(values: Values) -> dict[str, list[float]]:
    return {name: [bootstrap(each).low, bootstrap(each).high] for name, each in values.items()}


def _gains(ours: Values, others: Values) -> dict[str, list[float]]:
    """Return ours minus theirs on the same questions, as [mean, low, high]."""
    return {name: list(bootstrap(np.subtract(ours[name], others[name]))[:3]) for name in ours}
