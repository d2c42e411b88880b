"""Fact update over sessions: what holds after a fact has changed, and what held on a past day, against stale values.

Needs no data: people and what they say are made from a seed. A case is a world of three people over twelve sessions:

```
6 January   Ines: I live in Ghent, a bit outside the centre.
31 March    Ines: I left Ghent for good, home is Porto from now on.
12 May      Tomas: We have a small flat in Graz ...           (another's, talk, and places that only come up)

"Where does Ines live now?"                     Porto; "Ghent" is stale
"Where did Ines live on 3 March 2025?"          Ghent
```

All are asked the question alone; the row "told the day" takes the day out of the question and asks recall as of then.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agentmem import config
from agentmem.encoding.dates import parse_when
from agentmem.encoding.embedders import open_embedder
from agentmem.errors import InputError
from agentmem.evaluation import provenance
from agentmem.evaluation.cases import Ask, Case, Reply, Score
from agentmem.evaluation.readers import ExtractiveReader, Reader
from agentmem.evaluation.replay import Outcome, Progress, Settings, Subject, replay
from agentmem.evaluation.report import Report
from agentmem.evaluation.statistics import RESAMPLES, SEED, bootstrap
from agentmem.evaluation.subjects import Held, Oracle, StoreAlone, Whole
from agentmem.protocols import Embedder
from agentmem.space import Space
from agentmem.types import Filter
from agentmem_evaluators import _update_world as world
from agentmem_evaluators._slot_index import Fifo, Once
from agentmem_evaluators._update_report import AS_OF, ASKS, OURS, sections

WORLDS = 8
K, CONTEXT = 10, 5


@dataclass(frozen=True, slots=True)
class Update:
    """The evaluator: one case a world."""

    worlds: int = WORLDS
    seed: int = SEED
    name: str = "update"

    def cases(self) -> Iterator[Case]:
        """Yield the worlds."""
        for number in range(self.worlds):
            yield world.case(number, self.seed)

    def score(self, ask: Ask, reply: Reply) -> Score:
        """Return what came first and what was answered.

        `first`: the memory with the right value is first. `first_other`: one with another value of the same fact is,
        a stale one where the current is asked for. `answer`, `answer_other`: the same of the answer.
        """
        (gold,) = ask.gold.evidence
        fact, _, _ = gold.rpartition("/")
        first = reply.ranking[0] if reply.ranking else ""
        right = holds(reply.answer, ask.gold.answer)
        other = any(holds(reply.answer, value) for value in ask.gold.labels["others"].split("\n"))
        return Score(
            {
                "first": float(first == gold),
                "first_other": float(first != gold and first.rpartition("/")[0] == fact),
                "answer": float(right and not other),
                "answer_other": float(other),
            }
        )


@dataclass(frozen=True, slots=True)
class AsOf:
    """The space, asked as of the end of the day that the question names; as it is now where it names none."""

    reader: Reader
    name: str = AS_OF

    def reply(self, space: Space, ask: Ask) -> Reply:
        """Take the day out of the question, recall and read."""
        begin = time.perf_counter()
        now: datetime = space.clock()
        day = parse_when(ask.question, now)
        asked = Filter(as_of=day.end) if day is not None and day.end < now else Filter()
        recall = space.recall(ask.question, K, filter=asked, explain=False)
        seconds = time.perf_counter() - begin
        answer = self.reader(ask.question, recall.evidence[:CONTEXT], recall.confidence)
        ranking = tuple(e.memory.origin or e.id for e in recall.evidence)
        return Reply(ranking, answer.text, answer.abstained, answer.confidence, seconds)


def holds(answer: str, value: str) -> bool:
    """Say whether an answer has a value in it, as whole words in any case."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", answer, re.IGNORECASE) is not None


def make(config: Mapping[str, Any]) -> Update:
    """Make the evaluator: {"worlds": 8, "seed": 0}."""
    return _made(int(config.get("worlds", WORLDS)), int(config.get("seed", SEED)))


def _made(worlds: int, seed: int) -> Update:
    if worlds < 1:
        raise InputError(f"worlds={worlds}: at least one must be made up")
    return Update(worlds, seed)


def run(  # noqa: PLR0913 - one keyword for each option of the command
    data: Path | None = None,
    *,
    worlds: int = WORLDS,
    seed: int = SEED,
    ks: Sequence[int] = (),
    reader: Reader | None = None,
    weights: Path | None = None,
    cross_validate: bool = False,
    embedder: str | Embedder = config.EMBEDDER,
    progress: Progress | None = None,
) -> Report:
    """Measure agentmem, dense and BM25 search alone, the last memories, and the gold memory itself, on made-up worlds.

    `ks` is not used: the first memory counts, and an answer from the first five. Raises InputError for settings that
    make no sense, data among them.
    """
    if data is not None or cross_validate:
        raise InputError("update makes its data up and trains nothing; leave --data and --cross-validate out")
    evaluator = _made(worlds, seed)
    opened = Once(open_embedder(embedder) if isinstance(embedder, str) else embedder)
    reads, held, k = reader or ExtractiveReader(0.0), Held(), max([K, *ks])
    subjects: list[Subject] = [
        Whole(reads, k, CONTEXT, OURS),
        AsOf(reads),
        StoreAlone("dense", "exact", reads, held, k=k, context=CONTEXT),
        StoreAlone("bm25", "lexical", reads, held, k=k, context=CONTEXT),
        Fifo(reads, held, k=k, context=CONTEXT),
        Oracle(reads, held),
    ]
    commit = provenance.commit()
    played = [replay(case, evaluator, subjects, Settings(opened, weights), progress) for case in evaluator.cases()]
    outcomes = [outcome for one in played for outcome in one.outcomes]
    by_name = {subject.name: [o for o in outcomes if o.subject == subject.name] for subject in subjects}
    figures = {
        "benchmark": evaluator.name,
        "commit": commit,
        "embedder": opened.name,
        "reader": reads.name,
        "worlds": worlds,
        "n_questions": len(by_name[OURS]),
        "metrics": metrics(by_name[OURS]),
        "ci": metrics(by_name[OURS], bounds=True),
        "baselines": {name: metrics(of) for name, of in by_name.items() if name != OURS},
        "baselines_ci": {name: metrics(of, bounds=True) for name, of in by_name.items() if name != OURS},
        "by_updates": {
            name: {str(n): metrics([o for o in of if o.ask.gold.labels["updates"] == str(n)]) for n in world.UPDATES}
            for name, of in by_name.items()
        },
        "failures": [f for one in played for f in one.failures] + [o.failure for o in outcomes if o.failure],
        "seed": seed,
        "resamples": RESAMPLES,
        "machine": provenance.machine(),
        "command": shlex.join(
            ["agentmem", "eval", "update"]
            + (["--seed", str(seed)] if seed != SEED else [])
            + (["--model", reads.name] if reader is not None and not isinstance(reader, ExtractiveReader) else [])
        ),
    }
    return Report("Fact update: what holds now, and what held on a day", figures, sections(figures), _details(outcomes))


def metrics(outcomes: Sequence[Outcome], *, bounds: bool = False) -> dict[str, dict[str, Any]]:
    """Return the mean of each figure by what is asked, or with `bounds` the 95 % interval of each."""
    grouped: dict[str, dict[str, list[float]]] = {asks: {} for asks in ASKS}
    for o in outcomes:
        for metric, value in o.score.values.items():
            grouped[o.ask.gold.labels["asks"]].setdefault(metric, []).append(value)
    found = {asks: {m: bootstrap(v) for m, v in of.items()} for asks, of in grouped.items()}
    return {asks: {m: [i.low, i.high] if bounds else i.mean for m, i in of.items()} for asks, of in found.items()}


def _details(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    return [
        {
            "id": o.ask.gold.id,
            "system": o.subject,
            "question": o.ask.question,
            "expected": o.ask.gold.answer,
            "answer": o.reply.answer if o.reply else None,
            "failure": o.failure,
            **o.score.values,
        }
        for o in outcomes
        if o.subject in (OURS, AS_OF)
    ]
