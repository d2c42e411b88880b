"""Event order (SORT-style): of two things said in a long conversation, which was said first, by what a memory recalls.

A case is one conversation, remembered session by session, and then pairs of things from it. For example, of a turn of
8 May and one of 2 July:

```
Which of these two was said first?
(a) The canoe is finished. It is called Heron.        said in session 7
(b) I signed the lease for the boat shed.             said in session 1: b is right
```

Things are asked for verbatim, as in SORT, and in other words: as facts that the makers of the data wrote about a turn.
agentmem recalls each of the two and compares the dates of what comes first; no model is needed. Chance is one half.
Pairs are told apart by how many sessions later the second was said. Pink et al., "Assessing Episodic Memory with
Sequence Order Recall Tasks", 2024, has books and a model that reads; this has dialogues of yours, in LoCoMo's form.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentmem import config
from agentmem.encoding.embedders import open_embedder
from agentmem.errors import InputError
from agentmem.evaluation import provenance
from agentmem.evaluation.cases import Ask, Case, Reply, Score
from agentmem.evaluation.readers import ChatReader, Reader
from agentmem.evaluation.replay import Outcome, Progress, Settings, Subject, replay
from agentmem.evaluation.report import Report
from agentmem.evaluation.statistics import RESAMPLES, SEED, bootstrap
from agentmem.evaluation.subjects import Held, StoreAlone, Whole
from agentmem.protocols import Embedder
from agentmem_evaluators import _order_pairs as pairs_
from agentmem_evaluators import _unlearning_told as told
from agentmem_evaluators._locomo_weights import folds, trained_on
from agentmem_evaluators._order_answerers import UNREADABLE, Asked, ByDates, Chance, Knowing, WithoutDates
from agentmem_evaluators._order_report import MODEL, MODEL_RECALLING, OURS, sections
from agentmem_evaluators._slot_index import NoReading, Once

K = 10
PAIRS = 20
"""Pairs of each kind and distance that are drawn of a conversation, at most."""


@dataclass(frozen=True, slots=True)
class Order:
    """The evaluator: one case a conversation."""

    conversations: Sequence[told.Told]
    pairs: int = PAIRS
    seed: int = SEED
    name: str = "order"

    def cases(self) -> Iterator[Case]:
        """Yield the conversations, in the order of the file."""
        for one in self.conversations:
            yield pairs_.case(one, self.pairs, self.seed)

    def score(self, ask: Ask, reply: Reply) -> Score:
        """Return right, whether the answer was no letter, and, where two memories were found, whether both are gold."""
        values = {"right": float(reply.answer == ask.gold.answer), "unreadable": float(reply.answer == UNREADABLE)}
        if len(reply.ranking) == 2:
            values["found"] = float(reply.ranking == ask.gold.evidence)
        return Score(values)


def make(config: Mapping[str, Any]) -> Order:
    """Make the evaluator of a file: {"data": path, "pairs": 20}."""
    if "data" not in config:
        raise InputError('the evaluator order needs its data: {"data": "locomo10.json"}')
    return _made(Path(config["data"]), int(config.get("pairs", PAIRS)))


def _made(data: Path, pairs: int) -> Order:
    if pairs < 1:
        raise InputError(f"pairs={pairs}: at least one pair of each kind and distance must be asked for")
    return Order(told.load(data), pairs)


def run(
    data: Path,
    *,
    pairs: int = PAIRS,
    ks: Sequence[int] = (),
    reader: Reader | None = None,
    weights: Path | None = None,
    cross_validate: bool = False,
    embedder: str | Embedder = config.EMBEDDER,
    progress: Progress | None = None,
) -> Report:
    """Measure agentmem, stores with and without dates, chance, and with a `ChatReader` a model with and without recall.

    `cross_validate` trains recall weights for each conversation on the others. `ks` is not used: only what comes first
    counts. Raises ImportRefusedError for data that is none, InputError for settings that make no sense.
    """
    if reader is not None and not isinstance(reader, ChatReader):
        raise InputError(f"order compares dates, or asks a chat model; {reader.name} is none")
    if weights is not None and cross_validate:
        raise InputError("cross-validation trains its own weights; leave --weights or --cross-validate out")
    evaluator = _made(data, pairs)
    opened = Once(open_embedder(embedder) if isinstance(embedder, str) else embedder)
    commit = provenance.commit()
    subjects = _subjects(reader, max([K, *ks]))
    samples = [one.sample for one in evaluator.conversations]
    with tempfile.TemporaryDirectory(prefix="agentmem-eval-") as scratch:
        files = folds(samples, opened, Path(scratch), progress) if cross_validate else {}
        played = [
            replay(case, evaluator, subjects, Settings(opened, files.get(case.name, weights)), progress)
            for case in evaluator.cases()
        ]
    outcomes = [outcome for one in played for outcome in one.outcomes]
    by_name = {subject.name: [o for o in outcomes if o.subject == subject.name] for subject in subjects}
    ours = by_name[OURS]
    seen = frozenset[str]() if cross_validate else trained_on(weights)
    figures = {
        "benchmark": evaluator.name,
        "commit": commit,
        "embedder": opened.name,
        "model": reader.name if reader else None,
        "n_conversations": len(samples),
        "n_questions": len(ours),
        "n": _means(ours, "right", count=True),
        "metrics": _means(ours, "right"),
        "ci": _means(ours, "right", bounds=True),
        "found": {
            name: _means(of, "found") for name, of in by_name.items() if any("found" in o.score.values for o in of)
        },
        "baselines": {name: _means(of, "right") for name, of in by_name.items() if name != OURS},
        "baselines_ci": {name: _means(of, "right", bounds=True) for name, of in by_name.items() if name != OURS},
        "unreadable": {
            name: sum(o.score.values.get("unreadable", 0.0) for o in by_name[name])
            for name in (MODEL, MODEL_RECALLING)
            if name in by_name
        },
        "failures": [f for one in played for f in one.failures] + [o.failure for o in outcomes if o.failure],
        "cross_validated": cross_validate,
        "weights_trained_on_this_data": any(sample.digest in seen for sample in samples),
        "seed": SEED,
        "resamples": RESAMPLES,
        "data_digest": provenance.digest(data),
        "machine": provenance.machine(),
        "command": shlex.join(
            ["agentmem", "eval", "order", "--data", str(data)]
            + (["--cross-validate"] if cross_validate else [])
            + (["--model", reader.name] if reader else [])
        ),
    }
    return Report("Event order: which of two things was said first", figures, sections(figures), _details(ours))


def _subjects(reader: ChatReader | None, k: int) -> list[Subject]:
    held, unread = Held(), NoReading()
    ours = Whole(unread, k, 1, OURS)
    dense, bm25 = (StoreAlone(name, name, unread, held, k=50, context=1) for name in ("exact", "lexical"))
    found: list[Subject] = [
        ByDates(ours, held, OURS),
        ByDates(dense, held, "dense+dates"),
        ByDates(bm25, held, "bm25+dates"),
        WithoutDates(dense, "dense"),
        WithoutDates(bm25, "bm25"),
        Chance(),
        Knowing(held),
    ]
    if reader is not None:
        found += [Asked(reader, held, None, MODEL), Asked(reader, held, ours, MODEL_RECALLING)]
    return found


def _means(
    outcomes: Sequence[Outcome], metric: str, *, bounds: bool = False, count: bool = False
) -> dict[str, dict[str, Any]]:
    """Return the mean of a metric by kind and distance, or with `bounds` its interval, with `count` over how many."""
    grouped: dict[str, dict[str, list[float]]] = {kind: {} for kind in pairs_.KINDS}
    for o in outcomes:
        if metric in o.score.values:
            labels = o.ask.gold.labels
            for apart in (labels["apart"], "all"):
                grouped[labels["kind"]].setdefault(apart, []).append(o.score.values[metric])
    if count:
        return {kind: {apart: len(values) for apart, values in of.items()} for kind, of in grouped.items()}
    found = {kind: {apart: bootstrap(values) for apart, values in of.items()} for kind, of in grouped.items()}
    return {k: {apart: [i.low, i.high] if bounds else i.mean for apart, i in of.items()} for k, of in found.items()}


def _details(ours: Sequence[Outcome]) -> list[dict[str, Any]]:
    return [
        {
            "id": o.ask.gold.id,
            "case": o.case,
            "question": o.ask.question,
            "expected": o.ask.gold.answer,
            "answer": o.reply.answer if o.reply else None,
            "failure": o.failure,
            **o.ask.gold.labels,
            **o.score.values,
        }
        for o in ours
    ]
