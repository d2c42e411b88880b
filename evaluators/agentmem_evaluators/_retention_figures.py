"""From what is left and what was answered to figures: by policy and budget, with intervals, against no forgetting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agentmem.evaluation.replay import Replayed
from agentmem.evaluation.statistics import bootstrap
from agentmem.formats.locomo import Sample
from agentmem.protocols import RetentionPolicy
from agentmem.traces import Counts, Traces
from agentmem_evaluators._retention_fading import Rows
from agentmem_evaluators._retention_policies import ORACLE, RANDOM, RECENCY, REFERENCES, needed

EVERYTHING = "everything"
"""What no forgetting is called."""
DAYS = (0, 1, 2, 4, 7, 14, 30, 60, 90, 180, 365)
SHOWN_FAILURES = 20

Key = tuple[str, bytes]
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Left:
    """What is left of a conversation after one way of forgetting; `at_once` if it all faded at the end instead.

    `draw` tells several random choices apart; `size` (n,) is the bytes of each turn of the whole conversation.
    """

    sample: Sample
    name: str
    draw: int
    budget: float
    rows: Rows
    at_once: Rows
    size: Counts

    @property
    def key(self) -> Key:
        """Equal where the same is left of the same conversation: it need only be asked once."""
        return self.sample.id, self.rows.tobytes()


def of_all(
    left: Sequence[Left], played: Mapping[Key, Replayed], samples: Sequence[Sample], ks: Sequence[int]
) -> Figures:
    """Return `metrics` and `ci` by policy and budget, `baselines`, what policies gain over random, and the counts.

    `evidence_kept` is the share of the gold evidence, each piece counted as often as it is asked for, of each
    conversation, then the mean over conversations (so its interval). Evidence recall and F1 are means over questions of
    categories 1 to 4, and evidence that is gone is not found. Gains are paired by question.
    """
    ways: dict[tuple[str, str], list[Left]] = {}
    for one in left:
        ways.setdefault((one.name, f"{one.budget:g}"), []).append(one)
    wanted = [*(f"recall@{k}" for k in ks), "f1"]
    of_way = {way: _by_question(of, played) for way, of in ways.items()}
    metrics: dict[str, Figures] = {}
    ci: dict[str, Figures] = {}
    everything = ways.pop((EVERYTHING, "1"))
    whole = _metrics(everything, of_way[EVERYTHING, "1"], played, wanted)
    for (name, budget), of in ways.items():
        found = _metrics(of, of_way[name, budget], played, wanted)
        found["recall@10_share"] = _ratio(found["recall@10"], whole["recall@10"])
        metrics.setdefault(name, {})[budget] = found
        ci.setdefault(name, {})[budget] = _intervals(of, of_way[name, budget], wanted)
    gains = {
        name: {
            budget: {m: _gain(of_way[name, budget], of_way[RANDOM, budget], m) for m in ("evidence_kept", "recall@10")}
            for budget in of
        }
        for name, of in metrics.items()
        if name != RANDOM
    }
    failures = [f for one in played.values() for f in (*one.failures, *(o.failure for o in one.outcomes if o.failure))]
    return {
        "metrics": metrics,
        "ci": ci,
        "baselines": {EVERYTHING: whole, **{name: metrics[name] for name in REFERENCES}},
        "gain_over": {RANDOM: gains},
        "no_better_than_random": {
            budget: [name for name, of in gains.items() if name not in REFERENCES and not _better(of[budget])]
            for budget in metrics[RANDOM]
        },
        "same_survivors": _same(ways),
        "n": {
            "conversations": len(samples),
            "turns": sum(len(s.drafts) for s in samples),
            "questions": len(of_way[EVERYTHING, "1"]),
            "questions_with_evidence": sum("recall@10" in v for v in of_way[EVERYTHING, "1"].values()),
        },
        "failures": {"n": len(failures), "first": failures[:SHOWN_FAILURES]},
    }


def _by_question(of: Sequence[Left], played: Mapping[Key, Replayed]) -> dict[str, dict[str, float]]:
    """Return the values of each question by its id; means, where there were several random choices."""
    several: dict[str, dict[str, list[float]]] = {}
    for one in of:
        there = {one.sample.drafts[row].origin for row in one.rows}
        for outcome in played[one.key].outcomes:
            mine = several.setdefault(outcome.ask.gold.id, {})
            for metric, value in outcome.score.values.items():
                mine.setdefault(metric, []).append(value)
            if evidence := outcome.ask.gold.evidence:
                mine.setdefault("evidence_kept", []).append(sum(e in there for e in evidence) / len(evidence))
    return {name: {m: float(np.mean(values)) for m, values in of.items()} for name, of in several.items()}


def _metrics(
    of: Sequence[Left],
    by_question: Mapping[str, Mapping[str, float]],
    played: Mapping[Key, Replayed],
    wanted: Sequence[str],
) -> Figures:
    took = [o.reply.seconds * 1000 for one in of for o in played[one.key].outcomes if o.reply is not None]
    draws = len({one.draw for one in of})
    return {
        "evidence_kept": _mean(_kept(of).values()),
        "evidence_kept_at_once": _mean(_kept(of, at_once=True).values()),
        **{m: _mean([v[m] for v in by_question.values() if m in v]) for m in wanted},
        "bytes": round(sum(int(one.size[one.rows].sum()) for one in of) / draws),
        "memories": round(sum(len(one.rows) for one in of) / draws),
        "recall_p50_ms": float(np.median(took)) if took else None,
    }


def _kept(of: Sequence[Left], *, at_once: bool = False) -> dict[str, float]:
    """Return the share of the evidence that is left, by conversation; those without evidence are left out."""
    shares: dict[str, list[float]] = {}
    for one in of:
        asked_for = needed(one.sample)
        if asked_for.any():
            rows = one.at_once if at_once else one.rows
            shares.setdefault(one.sample.id, []).append(float(asked_for[rows].sum() / asked_for.sum()))
    return {name: float(np.mean(values)) for name, values in shares.items()}


def _intervals(of: Sequence[Left], by_question: Mapping[str, Mapping[str, float]], wanted: Sequence[str]) -> Figures:
    values = {"evidence_kept": list(_kept(of).values())}
    values |= {m: [v[m] for v in by_question.values() if m in v] for m in wanted}
    found = {m: bootstrap(v) for m, v in values.items() if v}
    return {m: [i.low, i.high] for m, i in found.items()}


def _gain(
    ours: Mapping[str, Mapping[str, float]], other: Mapping[str, Mapping[str, float]], metric: str
) -> list[float] | None:
    pairs = [of[metric] - other[name][metric] for name, of in ours.items() if metric in of and metric in other[name]]
    if not pairs:
        return None
    gain = bootstrap(pairs)
    return [gain.mean, gain.low, gain.high]


def _better(gain: Mapping[str, Sequence[float] | None]) -> bool:
    """Say whether a policy finds more than a random choice, beyond chance."""
    found = gain["recall@10"]
    return found is not None and found[1] > 0


def _same(ways: Mapping[tuple[str, str], Sequence[Left]]) -> list[list[str]]:
    """Return the groups of names under which the very same memories are left at every budget."""
    marks: dict[str, tuple[Key, ...]] = {}
    for (name, _), of in ways.items():
        marks[name] = (*marks.get(name, ()), *(one.key for one in of))
    groups: dict[tuple[Key, ...], list[str]] = {}
    for name, mark in marks.items():
        groups.setdefault(mark, []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def curves(policies: Mapping[str, RetentionPolicy]) -> Figures:
    """Return the days, and by policy what it gives a memory with neutral signals that has rested since it was said."""
    later = Traces.of(len(DAYS), age=np.array(DAYS, np.float32))
    return {"days": list(DAYS), "retention": {n: [float(v) for v in p.retention(later)] for n, p in policies.items()}}


def order(metrics: Mapping[str, Any], budget: str) -> list[str]:
    """Return the names, best evidence kept first at a budget, the references last."""
    ours = sorted(
        (n for n in metrics if n not in REFERENCES), key=lambda n: -(metrics[n][budget]["evidence_kept"] or 0)
    )
    return [*ours, RANDOM, RECENCY, ORACLE]


def _mean(values: Any) -> float | None:
    found = list(values)
    return float(np.mean(found)) if found else None


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
