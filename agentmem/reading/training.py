"""Trains the extractive reader on answered questions: `train_reader` returns what `weights.json` holds.

An example brings its own judge, `reward(answer) -> [0, 1]`, so that nothing here knows a benchmark or its score.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from agentmem.reading import dating, relevance, spans, support
from agentmem.reading.extractive import Weights, weights_from
from agentmem.reading.questions import Question, analyse
from agentmem.reading.scorer import Group, Matrix, train

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agentmem.reading.relevance import Embed, Passage
    from agentmem.types import Evidence, MemoryId

SPAN_SHARE = 0.3
"""Weight of a span's score beside the log-probability of its sentence."""

THRESHOLD = 0.62
"""Belief below which the reader abstains: cross-validated, it declines about 64 % of the questions that nothing answers
and 8 % of the simple ones that something does, mostly those it would get wrong."""

TAUGHT_SENTENCES = 3
"""Best rewarded sentences of the gold evidence whose spans teach."""

LEAST_REWARD = 0.3
"""A sentence in which no span earns more teaches nothing about spans."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A question with what was recalled for it, the ids of the memories that answer it, and the judge of answers.

    `answerable` is false where the right answer is that there is none; such an example teaches when to abstain.
    """

    question: str
    evidence: Sequence[Evidence]
    gold: frozenset[MemoryId]
    reward: Callable[[str], float]
    answerable: bool = True


@dataclass(slots=True, eq=False)
class _Lessons:
    """Groups of candidates by the ranker they teach."""

    dating: list[Group] = field(default_factory=list)
    passage: list[Group] = field(default_factory=list)
    span: list[Group] = field(default_factory=list)


def train_reader(
    examples: Sequence[Example], embed: Embed | None = None, *, threshold: float = THRESHOLD
) -> dict[str, dict[str, float]]:
    """Train all rankers, and the support check; without `embed` the ranker with vectors is the one without."""
    plain, vectors = _Lessons(), _Lessons()
    checks: list[tuple[Any, bool]] = []
    for example in examples:
        if not example.evidence:
            continue
        asked, found = _recalled(example, None)
        checks.append((support.support_features(asked, found), example.answerable))
        if example.answerable:
            _teach(example, asked, found, plain)
            if embed is not None:
                _teach(example, *_recalled(example, embed), vectors)
    passage = train(relevance.FEATURES, plain.passage, decay=0.005)
    weights = support.train_support(np.stack([x for x, _ in checks]), np.array([y for _, y in checks]))
    return {
        "settings": {"span_share": SPAN_SHARE, "threshold": threshold},
        "dating": train(dating.FEATURES, plain.dating).to_json(),
        "passage": passage.to_json(),
        "passage_with_vectors": (
            train(relevance.FEATURES, vectors.passage, decay=0.005) if embed is not None else passage
        ).to_json(),
        "span": train(spans.OWN_FEATURES, plain.span, decay=0.03, epochs=60).to_json(),
        "support": {n: round(float(w), 4) for n, w in zip(support.FEATURES, weights, strict=True)},
    }


def trained(examples: Sequence[Example], embed: Embed | None = None) -> Weights:
    """Return the weights ready for `read`."""
    return weights_from(train_reader(examples, embed))


def _recalled(example: Example, embed: Embed | None) -> tuple[Question, list[Passage]]:
    now = max(e.memory.said_at for e in example.evidence)
    asked = analyse(example.question, {e.memory.speaker for e in example.evidence}, now)
    return asked, relevance.passages(asked, example.evidence, embed)


def _teach(example: Example, asked: Question, found: list[Passage], lessons: _Lessons) -> None:
    if asked.kind == "when":
        dates = dating.datings(asked, found)
        lessons.dating.append((_matrix([c.features for c in dates]), _rewards([example.reward(c.text) for c in dates])))
        return
    rows, best = [], []
    taught: list[tuple[float, Group]] = []
    for passage in found:
        phrases = spans.spans(asked, passage)
        if phrases is None:
            continue
        gold = passage.evidence.id in example.gold
        rewards = _rewards([example.reward(phrases.text(k)) for k in range(len(phrases.bounds))])
        rows.append(passage.features)
        best.append(float(rewards.max()) * gold)
        if (gold or not example.gold) and rewards.max() >= LEAST_REWARD:
            taught.append((float(rewards.max()), (phrases.own, rewards)))
    if rows:
        lessons.passage.append((_matrix(rows), _rewards(best)))
    taught.sort(key=lambda item: -item[0])
    lessons.span += [group for _, group in taught[:TAUGHT_SENTENCES]]


def _matrix(rows: Sequence[Any]) -> Matrix:
    return np.stack(rows).astype(np.float32)


def _rewards(values: Sequence[float]) -> Matrix:
    return np.array(values, dtype=np.float32)
