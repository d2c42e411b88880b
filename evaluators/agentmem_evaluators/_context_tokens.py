"""How many tokens of context buy how much evidence: what is worth its tokens, against the best k turns.

Each conversation of a LoCoMo file is remembered, and every question of categories 1 to 4 recalled, with recall weights
and weights of `agentmem.agent.choosing` that never saw the conversation. A turn counts as recalled only where it is
shown whole. Plain is what an agent shows without any choosing: the best k turns, each in a line with date, speaker and
words. Ours is the block that the middleware shows of what is worth its tokens. Tokens are a quarter of the UTF-8 bytes,
of the whole block in both; between two settings, tokens at an evidence recall are interpolated.

    python -m agentmem_evaluators._context_tokens locomo_dev.json
    python -m agentmem_evaluators._context_tokens locomo_dev.json facts,summary

The second has ours of mixed memory, in which the named derive; what is derived counts as the turns it comes from. Plain
is of turns alone in both.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import agentmem
from agentmem.agent import choosing, context
from agentmem.clock import FixedClock
from agentmem.encoding.embedders import open_embedder
from agentmem.formats import locomo
from agentmem.protocols import Embedder
from agentmem.recall.mixed import sources
from agentmem.space import Space
from agentmem.types import Evidence, MemoryId
from agentmem_evaluators._locomo_scorer import evidence_recall
from agentmem_evaluators._locomo_weights import folds

DEPTH = 40
"""Memories that are recalled for a question."""
KS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 40)
LEASTS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
TARGETS = (0.7, 0.75, 0.8, 0.85)
RIDGE = 1.0


class Asked(NamedTuple):
    """A question: of which conversation, what its evidence is, and what was recalled for it, when."""

    conversation: str
    gold: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    now: datetime
    origins: Mapping[MemoryId, frozenset[str]] = {}
    """Of what is derived: the origins of the turns it comes from."""

    def named(self, e: Evidence) -> frozenset[str]:
        """Return the origins that a memory counts as."""
        return self.origins.get(e.id, frozenset({e.memory.origin or ""}))


class Point(NamedTuple):
    """One setting: mean evidence recall in [0, 1] and mean tokens of the context."""

    setting: float
    recall: float
    tokens: float


def asked(
    samples: Sequence[locomo.Sample], embedder: Embedder, folder: Path, derive: Sequence[str] = ()
) -> tuple[list[Asked], list[Asked]]:
    """Recall every question of categories 1 to 4 that has evidence, with weights that never saw its conversation.

    The first are of turns alone; the second of mixed memory, where something derives, else the same.
    """
    files = folds(samples, embedder, folder)
    turns: list[Asked] = []
    mixed: list[Asked] = []
    for sample in samples:
        now = max(d.said_at for d in sample.drafts if d.said_at is not None) + timedelta(days=1)
        how = {"embedder": embedder, "clock": FixedClock(now), "weights": files[sample.id]}
        with agentmem.open(folder / sample.id, **how, derive=derive) as system:  # type: ignore[arg-type]
            space = system.space("locomo")
            space.deriving.close()
            space.remember(sample.drafts)
            turns += _recalled(space, sample, now)
            if derive:
                space.settle()
                mixed += _recalled(space, sample, now)
    return turns, mixed or turns


def _recalled(space: Space, sample: locomo.Sample, now: datetime) -> list[Asked]:
    said = {m.id: m.origin or "" for m in space.memories()}
    come_from = sources(space._ledger, list(said))  # noqa: SLF001 - lineage, of all at once
    origins = {id_: frozenset(said[source] for source in of) for id_, of in come_from.items()}
    return [
        Asked(
            sample.id,
            tuple(sample.origins[name] for name in question.evidence),
            space.recall(question.question, DEPTH, explain=False).evidence,
            now,
            origins,
        )
        for question in sample.questions
        if question.category in {1, 2, 3, 4} and question.evidence
    ]


def fit(questions: Sequence[Asked]) -> npt.NDArray[np.float64]:
    """Return the weights of `choosing`: a logistic regression with a ridge of 1, by Newton's steps."""
    x = np.concatenate([choosing.features(q.evidence) for q in questions])
    y = np.array([not q.named(e).isdisjoint(q.gold) for q in questions for e in q.evidence], dtype=np.float64)
    weights = np.zeros(x.shape[1])
    for _ in range(30):
        chances = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (chances - y) + RIDGE * weights
        curvature = (x.T * (chances * (1 - chances))) @ x + RIDGE * np.eye(len(weights))
        weights -= np.linalg.solve(curvature, slope)
    return weights


def plain(questions: Sequence[Asked], ks: Sequence[int] = KS) -> list[Point]:
    """Return evidence recall and tokens of the best k turns, each in a line of its own."""
    return [_point(k, questions, [(q.evidence[:k], _lines(q.evidence[:k], q.now)) for q in questions]) for k in ks]


def ours(questions: Sequence[Asked], leasts: Sequence[float] = LEASTS) -> list[Point]:
    """Return evidence recall and tokens of the block of what is worth its tokens, with weights of the others."""
    names = {q.conversation for q in questions}
    weights = {name: fit([q for q in questions if q.conversation != name]) for name in names}
    points = []
    for least in leasts:
        kept = [choosing.worthwhile(q.evidence, least, weights[q.conversation].tolist()) for q in questions]
        shown = [(k, context.block(k, q.now)) for k, q in zip(kept, questions, strict=True)]
        points.append(_point(least, questions, shown))
    return points


def at(points: Sequence[Point], recall: float) -> float:
    """Return the tokens that an evidence recall takes, between the two settings next to it; NaN where none reach it."""
    ordered = sorted(points, key=lambda point: point.recall)
    for low, high in pairwise(ordered):
        if low.recall <= recall <= high.recall:
            share = (recall - low.recall) / ((high.recall - low.recall) or 1.0)
            return low.tokens + share * (high.tokens - low.tokens)
    return float("nan")


def measure(path: Path, derive: Sequence[str] = (), embedder: Embedder | None = None) -> Mapping[str, Any]:
    """Return both curves of a LoCoMo file of two or more conversations, and the tokens at equal evidence recall.

    With `derive`, ours is of mixed memory, in which the derivers of these names have settled.
    """
    samples = locomo.load(path)
    with tempfile.TemporaryDirectory(prefix="agentmem-eval-") as folder:
        turns, questions = asked(samples, embedder or open_embedder("default"), Path(folder), derive)
    theirs, mine = plain(turns), ours(questions)
    equal = {
        str(target): {
            "plain": at(theirs, target),
            "agentmem": at(mine, target),
            "ratio": at(mine, target) / at(theirs, target),
        }
        for target in TARGETS
    }
    return {
        "questions": len(questions),
        "derive": list(derive),
        "equal": equal,
        "plain": [point._asdict() for point in theirs],
        "agentmem": [point._asdict() for point in mine],
        "weights": dict(zip(choosing.FEATURES, fit(questions).round(2).tolist(), strict=True)),
    }


def _point(setting: float, questions: Sequence[Asked], shown: Sequence[tuple[Sequence[Evidence], str]]) -> Point:
    recalls = [
        evidence_recall(q.gold, names := [n for e in kept for n in q.named(e)], len(names))
        for q, (kept, _) in zip(questions, shown, strict=True)
    ]
    sizes = [-(-len(text.encode()) // 4) for _, text in shown]
    return Point(setting, float(np.mean(recalls)), float(np.mean(sizes)))


def _lines(evidence: Sequence[Evidence], now: datetime) -> str:
    """Return the turns as an agent shows them that chooses nothing: in order of time, each with date and speaker."""
    ordered = sorted((e.memory for e in evidence), key=lambda m: (m.said_at, m.thread, m.position))
    lines = [f"[{context.stamp(m.said_at)}] {m.speaker}: {m.text}" for m in ordered]
    return "\n".join([f'<memories today="{context.stamp(now)}">', *lines, "</memories>"])


if __name__ == "__main__":
    sys.stdout.write(
        json.dumps(measure(Path(sys.argv[1]), sys.argv[2].split(",") if sys.argv[2:] else ()), indent=2) + "\n"
    )
