"""Consolidation (FactConsolidation): facts that contradict each other, the newest to be recalled above the stale ones.

A case is a list of facts, remembered in order, and a hundred questions. For example, of

```
8. Ana Reyes was born in the city of Porto.     ...     412. Ana Reyes was born in the city of Lima.
```

"Which city was Ana Reyes born in?" is right with Lima: the newest fact is 412, and 8 is stale. The data name no
evidence. The newest fact is taken to be the one that ends on the answer and whose other words are most like the
question's, rare words counting more (of equals, the latest), and stale are earlier facts of the same words but for the
value; where no fact ends on an answer, as in multi-hop questions, only the answer is scored. Hu et al., 2025, MIT.

Some answers in the data are not those of the newest fact; they are scored as they are.
"""

from __future__ import annotations

import math
import re
import shlex
import string
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agentmem import config
from agentmem.encoding.embedders import open_embedder
from agentmem.errors import InputError
from agentmem.evaluation import provenance
from agentmem.evaluation.cases import Ask, Case, Gold, Remember, Reply, Score
from agentmem.evaluation.readers import ExtractiveReader, Reader
from agentmem.evaluation.replay import Outcome, Progress, Settings, Subject, replay
from agentmem.evaluation.report import Command, Prose, Report, Section, Table, Warned, percent
from agentmem.evaluation.statistics import RESAMPLES, SEED, bootstrap
from agentmem.evaluation.subjects import Held, StoreAlone, Whole
from agentmem.formats import factconsolidation
from agentmem.protocols import Embedder
from agentmem.types import Draft
from agentmem_evaluators._fact_chain import FactChain
from agentmem_evaluators._slot_index import Fifo, Once, SlotIndex

BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
KS = (5, 10)
CONTEXT = 5
OURS = "agentmem"
NAMES = {
    OURS: OURS,
    "slots": "slots alone (reference)",
    "chain": "fact to fact (reference)",
    "dense": "dense alone",
    "bm25": "BM25 alone",
    "fifo": "the last ones (degenerate)",
}
_SEPARATOR = "\x1f"
PLAINLY = (
    "The row 'slots' looks up what rules of English read and takes the newest: one part of recall, on its own. The row "
    "'fact to fact' follows what those rules read from value to value, for multi-hop questions; recall does not. The "
    "rules were repaired on this development split, so both flatter, and agentmem with them. All others read with the "
    "same extractive reader; 'the last ones' ignores the question."
)


@dataclass(frozen=True, slots=True)
class Consolidation:
    """The evaluator: one case a list of facts."""

    samples: Sequence[factconsolidation.Sample]
    ks: Sequence[int] = KS
    name: str = "consolidation"

    def cases(self) -> Iterator[Case]:
        """Yield one case a list, in the order of the file."""
        yield from map(case_of, self.samples)

    def score(self, ask: Ask, reply: Reply) -> Score:
        """Return substring_em and, where the newest fact is known, whether it came first, and after a stale one."""
        answer = normalized(reply.answer)
        golds = [normalized(gold) for gold in ask.gold.answer.split(_SEPARATOR)]
        values = {"substring_em": float(any(gold in answer for gold in golds))}
        if not ask.gold.evidence:
            return Score(values, "no fact ends on the answer, so none is known to be the newest")
        newest, *stale = ask.gold.evidence
        place = reply.ranking.index(newest) if newest in reply.ranking else len(reply.ranking)
        values["newest_top1"] = float(reply.ranking[:1] == (newest,))
        values |= {f"newest@{k}": float(place < k and newest in reply.ranking) for k in self.ks}
        if stale:
            values["stale_above"] = float(any(old in reply.ranking[:place] for old in stale))
        return Score(values)


def case_of(sample: factconsolidation.Sample) -> Case:
    """Return the script of a list: a fact a second, then, a day later, every question."""
    drafts = tuple(
        Draft(text, said_at=BEGAN + timedelta(seconds=n), origin=str(n)) for n, text in enumerate(sample.facts)
    )
    single = sample.name.startswith("sh")
    rare = rarities(sample.facts)
    asks = [
        Ask(
            question,
            Gold(
                f"{sample.name}-{number}",
                _SEPARATOR.join(answers),
                evidence(sample.facts, question, answers, rare) if single else (),
                {"sample": sample.name},
            ),
        )
        for number, (question, answers) in enumerate(sample.questions)
    ]
    return Case(sample.name, BEGAN + timedelta(days=1), (Remember(drafts), *asks))


def evidence(
    facts: Sequence[str], question: str, answers: Sequence[str], rarity: Mapping[str, float] | None = None
) -> tuple[str, ...]:
    """Return the numbers of the newest fact that answers a question and of those it made stale, newest first.

    `rarity` is how much each word tells facts apart, by default by `rarities(facts)`.
    """
    rare = rarities(facts) if rarity is None else rarity
    asked = _words(question)
    best: tuple[float, int, str] | None = None
    for number, fact in enumerate(facts):
        bare = fact.removesuffix(".")
        for answer in answers:
            if bare.lower().endswith(f" {answer.lower()}"):
                stem = bare[: -len(answer)]
                words = _words(stem)
                alike = _weight(words & asked, rare) / _weight(words | asked, rare)
                best = max(best or (0.0, -1, ""), (alike, number, stem))
    if best is None:
        return ()
    _, newest, stem = best
    stale = [n for n in range(newest) if facts[n].startswith(stem) and facts[n] != facts[newest]]
    return (str(newest), *map(str, reversed(stale)))


def rarities(facts: Sequence[str]) -> dict[str, float]:
    """Return the inverse document frequency of each word."""
    held = Counter(word for fact in facts for word in _words(fact))
    return {word: math.log(1 + len(facts) / count) for word, count in held.items()}


def _weight(words: Collection[str], rare: Mapping[str, float]) -> float:
    return sum(rare.get(word, 1.0) for word in words)


def normalized(text: str) -> str:
    """Return a text as the benchmark compares it: lower case, no punctuation, no articles, single spaces."""
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(?:a|an|the)\b", " ", bare).split())


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def make(config: Mapping[str, Any]) -> Consolidation:
    """Make the evaluator of a file: {"data": path, "ks": [5, 10]}."""
    if "data" not in config:
        raise InputError('the evaluator consolidation needs its data: {"data": "factconsolidation.json"}')
    return Consolidation(factconsolidation.load(Path(config["data"])), tuple(config.get("ks", KS)))


def run(
    data: Path,
    *,
    ks: Sequence[int] = KS,
    reader: Reader | None = None,
    weights: Path | None = None,
    cross_validate: bool = False,
    embedder: str | Embedder = config.EMBEDDER,
    progress: Progress | None = None,
) -> Report:
    """Measure agentmem, dense and BM25 search alone, and the slot reference, on a FactConsolidation file.

    Raises ImportRefusedError for data that is none, InputError for settings that make no sense.
    """
    if cross_validate:
        raise InputError("consolidation trains nothing; leave --cross-validate out")
    if not ks or min(ks) < 1:
        raise InputError(f"k must be one or more numbers from 1 on, such as 5,10, not {list(ks)}")
    evaluator = Consolidation(factconsolidation.load(data), tuple(sorted(set(ks))))
    opened = Once(open_embedder(embedder) if isinstance(embedder, str) else embedder)
    reads, held, k = reader or ExtractiveReader(0.0), Held(), max(*ks, 10)
    subjects: list[Subject] = [
        Whole(reads, k, CONTEXT, OURS),
        SlotIndex(held),
        FactChain(held),
        StoreAlone("dense", "exact", reads, held, k=k, context=CONTEXT),
        StoreAlone("bm25", "lexical", reads, held, k=k, context=CONTEXT),
        Fifo(reads, held, k=k, context=CONTEXT),
    ]
    commit = provenance.commit()
    played = [replay(case, evaluator, subjects, Settings(opened, weights), progress) for case in evaluator.cases()]
    outcomes = [outcome for one in played for outcome in one.outcomes]
    by_name = {name: [o for o in outcomes if o.subject == name] for name in NAMES}
    figures = {
        "benchmark": evaluator.name,
        "commit": commit,
        "embedder": opened.name,
        "reader": reads.name,
        "n_questions": len(by_name[OURS]),
        "metrics": metrics(by_name[OURS]),
        "ci": metrics(by_name[OURS], bounds=True),
        "baselines": {name: metrics(by_name[name]) for name in NAMES if name != OURS},
        "n": {s.name: _counts(s.name, by_name[OURS]) for s in evaluator.samples},
        "failures": [f for one in played for f in one.failures] + [o.failure for o in outcomes if o.failure],
        "seed": SEED,
        "resamples": RESAMPLES,
        "data_digest": provenance.digest(data),
        "machine": provenance.machine(),
        "command": shlex.join(
            ["agentmem", "eval", "consolidation", "--data", str(data), "--k", ",".join(map(str, evaluator.ks))]
        ),
    }
    return Report("Consolidation: the newest of facts that contradict each other", figures, sections(figures))


def metrics(outcomes: Sequence[Outcome], *, bounds: bool = False) -> dict[str, dict[str, Any]]:
    """Return the mean of each metric by sample, or with `bounds` the 95 % interval of each."""
    grouped: dict[str, dict[str, list[float]]] = {}
    for o in outcomes:
        sample = grouped.setdefault(o.ask.gold.labels["sample"], {})
        for metric, value in o.score.values.items():
            sample.setdefault(metric, []).append(value)
    found = {name: {m: bootstrap(v) for m, v in of.items()} for name, of in grouped.items()}
    return {name: {m: [i.low, i.high] if bounds else i.mean for m, i in of.items()} for name, of in found.items()}


def _counts(sample: str, outcomes: Sequence[Outcome]) -> dict[str, int]:
    mine = [o.score.values for o in outcomes if o.ask.gold.labels["sample"] == sample]
    return {m: sum(m in values for values in mine) for m in ("substring_em", "newest_top1", "stale_above")}


def sections(figures: Mapping[str, Any]) -> list[Section]:
    """Return the page, made from the figures alone."""
    short: list[Prose | Warned] = [Prose(PLAINLY)]
    if figures["failures"]:
        short.append(Warned(f"{len(figures['failures'])} questions or cases broke: {figures['failures'][0]}"))
    tables = []
    for sample, ours in figures["metrics"].items():
        heads = sorted(ours, key=lambda m: (m == "substring_em", m))
        systems = [(OURS, figures["metrics"]), *figures["baselines"].items()]
        rows = [(NAMES[name], *(percent(of.get(sample, {}).get(m)) for m in heads)) for name, of in systems]
        counts = ", ".join(f"{m}: {n}" for m, n in figures["n"][sample].items())
        tables.append(Table(f"{sample}, %", ("", *heads), rows, f"Questions scored: {counts}."))
    made = f"{figures['n_questions']} questions, reader {figures['reader']}, commit {figures['commit'][:12]}."
    return [
        Section("In short", short),
        Section("By list of facts", tables),
        Section("How this was made", [Prose(made), Command(figures["command"])]),
    ]
