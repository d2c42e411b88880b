"""From the outcomes of a LoCoMo run to its figures: means by category with intervals, gains, abstention, speed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from agentmem.evaluation.replay import Outcome, Replayed
from agentmem.evaluation.statistics import Interval, bootstrap, separability

GROUPS: Mapping[str, frozenset[str]] = {
    **{name: frozenset({name}) for name in "12345"},
    "1-4": frozenset("1234"),
    "all": frozenset("12345"),
}
"""What figures are given for: each category, those that have an answer, and all. Means are over questions."""
JUDGED = ("judge_strict", "judge_lenient")
"""Shares of the answers that a judge finds right, by its strict and by its lenient reading."""
SHOWN_FAILURES = 20
THRESHOLDS = range(0, 100, 5)
"""Confidences, in percent, below which an answer could be declined."""

Figures = dict[str, Any]


def of_system(outcomes: Sequence[Outcome], ks: Sequence[int]) -> Figures:
    """Return evidence recall, F1, exact match and, if there are any, verdicts of one subject by group.

    All but exact match have 95 % intervals.
    """
    recall = {str(k): _grouped(outcomes, f"recall@{k}") for k in ks}
    f1 = _grouped(outcomes, "f1")
    verdicts = {name: _grouped(outcomes, name) for name in JUDGED if any(name in o.score.values for o in outcomes)}
    return {
        "recall": {k: _means(found) for k, found in recall.items()},
        "recall_ci": {k: _bounds(found) for k, found in recall.items()},
        "f1": _means(f1),
        "f1_ci": _bounds(f1),
        "em": _means(_grouped(outcomes, "em")),
        **{name: _means(found) for name, found in verdicts.items()},
        **{f"{name}_ci": _bounds(found) for name, found in verdicts.items()},
    }


def counts(outcomes: Sequence[Outcome], ks: Sequence[int]) -> Figures:
    """Return how many questions were asked, and how many of them a figure is over, by group."""
    return {
        "asked": {group: sum(_in(o, group) for o in outcomes) for group in GROUPS},
        "recall": {group: len(_values(outcomes, f"recall@{ks[0]}", group)) for group in GROUPS},
        "f1": {group: len(_values(outcomes, "f1", group)) for group in GROUPS},
    }


def gain(ours: Sequence[Outcome], other: Sequence[Outcome], ks: Sequence[int]) -> Figures:
    """Return ours minus the other on the same questions, as [mean, low, high] of the paired differences."""
    return {
        "recall": {str(k): _paired(ours, other, f"recall@{k}") for k in ks},
        "f1": _paired(ours, other, "f1"),
    }


def abstention(ours: Sequence[Outcome], certain: Sequence[Outcome] | None) -> Figures:
    """Return how well doubt tells what is not in memory, how often the answer was declined, and what that cost.

    `auc`: the chance that a question with an answer gets a higher confidence than one without.
    """
    with_answer = [o.reply.confidence for o in ours if o.reply is not None and _in(o, "1-4")]
    without = [o.reply.confidence for o in ours if o.reply is not None and _in(o, "5")]
    found: Figures = {
        "auc": separability(with_answer, without),
        "declined": {
            group: _mean([float(o.reply.abstained) for o in ours if o.reply is not None and _in(o, group)])
            for group in GROUPS
        },
    }
    if certain is not None:
        found["by_threshold"] = {str(t): _with_threshold(certain, t / 100) for t in THRESHOLDS}
        found["f1_never_abstaining"] = _means(_grouped(certain, "f1"))
        found["f1_never_abstaining_ci"] = _bounds(_grouped(certain, "f1"))
    return found


def _with_threshold(certain: Sequence[Outcome], threshold: float) -> dict[str, float | None]:
    """Return the F1 by group if all answers that are less sure than this were declined; a declined one earns nothing.

    Of questions without an answer, the other way about: a declined one is right.
    """
    told = [(o, o.reply is not None and o.reply.confidence < threshold) for o in certain if "f1" in o.score.values]
    return {
        group: _mean(
            [
                float(declined) if _in(o, "5") else 0.0 if declined else o.score.values["f1"]
                for o, declined in told
                if _in(o, group)
            ]
        )
        for group in GROUPS
    }


def speed(ours: Sequence[Outcome], played: Sequence[Replayed]) -> Figures:
    """Return recall's latency over all questions, and how many turns a second were remembered."""
    took = [o.reply.seconds * 1000 for o in ours if o.reply is not None]
    seconds = sum(p.ingest_seconds for p in played)
    return {
        "latency_ms": {"recall_p50": _quantile(took, 0.5), "recall_p95": _quantile(took, 0.95)},
        "ingest_turns_per_s": sum(p.remembered for p in played) / seconds if seconds else None,
    }


def context(ours: Sequence[Outcome], played: Sequence[Replayed], limit: int) -> Figures:
    """Return the size of what is read for one question, against reading the whole conversation, in estimated tokens."""
    read = [float(o.reply.tokens) for o in ours if o.reply is not None]
    whole = {p.case: p.tokens for p in played}
    return {
        "memories": limit,
        "mean": _mean(read),
        "p95": _quantile(read, 0.95),
        "whole_conversation": _mean([float(whole[o.case]) for o in ours]),
    }


def failures(outcomes: Sequence[Outcome], played: Sequence[Replayed]) -> Figures:
    """Return how many questions broke, and the first of what went wrong."""
    broken = [f"{o.subject}: {o.ask.gold.id}: {o.failure}" for o in outcomes if o.failure]
    told = [*(f for p in played for f in p.failures), *broken]
    return {"questions": len(broken), "cases": sum(bool(p.failures) for p in played), "first": told[:SHOWN_FAILURES]}


def _in(outcome: Outcome, group: str) -> bool:
    return outcome.ask.gold.labels["category"] in GROUPS[group]


def _values(outcomes: Sequence[Outcome], metric: str, group: str) -> list[float]:
    return [o.score.values[metric] for o in outcomes if metric in o.score.values and _in(o, group)]


def _grouped(outcomes: Sequence[Outcome], metric: str) -> dict[str, Interval | None]:
    return _by_group(lambda group: _values(outcomes, metric, group))


def _paired(ours: Sequence[Outcome], other: Sequence[Outcome], metric: str) -> dict[str, list[float] | None]:
    theirs = {o.ask.gold.id: o.score.values[metric] for o in other if metric in o.score.values}
    found = _by_group(
        lambda group: [
            o.score.values[metric] - theirs[o.ask.gold.id]
            for o in ours
            if metric in o.score.values and o.ask.gold.id in theirs and _in(o, group)
        ]
    )
    return {group: None if i is None else [i.mean, i.low, i.high] for group, i in found.items()}


def _by_group(values: Callable[[str], Sequence[float]]) -> dict[str, Interval | None]:
    return {group: bootstrap(found) if (found := values(group)) else None for group in GROUPS}


def _means(found: Mapping[str, Interval | None]) -> dict[str, float | None]:
    return {group: None if i is None else i.mean for group, i in found.items()}


def _bounds(found: Mapping[str, Interval | None]) -> dict[str, list[float] | None]:
    return {group: None if i is None else [i.low, i.high] for group, i in found.items()}


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if values else None
