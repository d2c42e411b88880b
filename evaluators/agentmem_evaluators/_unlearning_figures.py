"""From replies and records to figures: what leaks, what is kept, what is lost beside, by kind of target and condition.

`excess_leak` is the leak of answers minus that of the rebuild on the same questions; `excess_leak_dropped` minus that
of the store without the touched summaries, which counts as a leak also what rewritten summaries still say. The retain
ratios are evidence recall over that of the rebuild. Means are over questions of all targets of a kind; intervals draw
targets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from agentmem.evaluation.statistics import RESAMPLES, SEED
from agentmem.proof import adversary
from agentmem.proof.asking import Reply
from agentmem_evaluators import _unlearning_guard as guard
from agentmem_evaluators._scored import Row, means
from agentmem_evaluators._unlearning_conditions import CONDITIONS, OURS, REBUILD, SUMMARIES, TURNS
from agentmem_evaluators._unlearning_targets import TARGET_KINDS

Figures = dict[str, Any]
LEAK = "leak_answer"
RECALL = {"recall@10": "found"}
EXCESS = {"excess_leak": REBUILD, "excess_leak_dropped": SUMMARIES}
KEPT = {"retain_ratio": "found", "retain_ratio_near": "found_near", "retain_ratio_far": "found_far"}


def of_kind(rows: Sequence[Row], kind: str) -> tuple[dict[str, Figures], dict[str, list[float]]]:
    """Return the figures of each condition for a kind of target, and the 95 % intervals of agentmem's."""
    there = [row for row in rows if row.domain == kind]
    found = {c: means(row for row in there if row.system == c) for c in CONDITIONS}
    figures: dict[str, Figures] = {}
    for condition, of in found.items():
        figures[condition] = {name: value for name, value in of.items() if not name.startswith("found")}
        figures[condition] |= {name: of[plain] for name, plain in RECALL.items() if plain in of}
        figures[condition] |= {name: _ratio(of, found[REBUILD], plain) for name, plain in KEPT.items()}
        for name, other in EXCESS.items():
            if LEAK in of:
                figures[condition][name] = of[LEAK] - found[other][LEAK]
    return figures, _intervals(there)


def _ratio(of: Mapping[str, float], rebuilt: Mapping[str, float], name: str) -> float | None:
    return of[name] / rebuilt[name] if name in of and rebuilt.get(name) else None


def _intervals(rows: Sequence[Row]) -> dict[str, list[float]]:
    """Draw targets with replacement, the same for both sides of a difference or a ratio."""
    cases = sorted({row.group for row in rows})
    place = {case: n for n, case in enumerate(cases)}
    sums: dict[tuple[str, str], Any] = {}
    for row in rows:
        if row.system in (OURS, REBUILD, SUMMARIES):
            for name, value in row.values.items():
                total = sums.setdefault((row.system, name), np.zeros((2, len(cases))))
                total[:, place[row.group]] += (value, 1)
    draws = np.random.default_rng(SEED).integers(0, len(cases), (RESAMPLES, len(cases)))

    def drawn(system: str, name: str) -> Any:
        values, counts = sums[system, name][:, draws].sum(axis=2)
        return np.divide(values, counts, out=np.full(len(draws), np.nan), where=counts > 0)

    wanted = {name: drawn(OURS, name) for system, name in sums if system == OURS and not name.startswith("found")}
    if (OURS, LEAK) in sums:
        wanted |= {name: drawn(OURS, LEAK) - drawn(other, LEAK) for name, other in EXCESS.items()}
    for name, plain in KEPT.items():
        if (OURS, plain) in sums:
            over = drawn(REBUILD, plain)
            wanted[name] = np.divide(drawn(OURS, plain), over, out=np.full(len(draws), np.nan), where=over > 0)
    usable = {name: of[np.isfinite(of)] for name, of in wanted.items()}
    return {name: [float(b) for b in np.quantile(of, (0.025, 0.975))] for name, of in usable.items() if len(of)}


def of_forgotten(records: Sequence[Mapping[str, Any]]) -> Figures:
    """Return what agentmem's forgettings left, and how long they took: figures that are not of single questions."""
    told = sum(r["told_again"] for r in records)
    seconds = [r["seconds"] for r in records]
    same = [all(r["same_replies"]) for r in records]
    words = [sum(r[name] for r in records) for name in ("words_after", "words_before")]
    return {
        "residue_bytes": sum(r["residue_bytes"] for r in records),
        "residue": {
            "first": [where for r in records for where in r["residue"]][:5],
            "before_forgetting": sum(r["residue_before"] for r in records),
            "nothing_found_before": sum(not r["residue_before"] for r in records),
        },
        "checkpoint_leak": _share(r["checkpoints"] for r in records),
        "checkpoints": {
            "leak_before": _share(r["checkpoints_before"] for r in records),
            "n": sum(r["checkpoints"][1] for r in records),
        },
        "resurrection_rate": sum(r["back"] for r in records) / told if told else None,
        "resurrection": {
            "unguarded": sum(r["back_unguarded"] for r in records) / told if told else None,
            "told_again": told,
        },
        "seconds": float(np.median(seconds)) if seconds else None,
        "seconds_longest": max(seconds, default=None),
        "same_replies": float(np.mean([s for r in records for s in r["same_replies"]])) if records else None,
        "same_in_all": float(np.mean(same)) if same else None,
        "summary_words_kept": words[0] / words[1] if words[1] else None,
        "erased": sum(r["erased"] for r in records),
        "rewritten": sum(r["rewritten"] for r in records),
    }


def _share(counts: Iterable[tuple[int, int]]) -> float | None:
    held, of = np.array(list(counts), int).reshape(-1, 2).sum(axis=0)
    return float(held / of) if of else None


def by_kind(rows: Sequence[Row]) -> tuple[dict[str, dict[str, Figures]], dict[str, dict[str, list[float]]]]:
    """Return `of_kind` for every kind that was measured."""
    kinds = [kind for kind in TARGET_KINDS if any(row.domain == kind for row in rows)]
    found = {kind: of_kind(rows, kind) for kind in kinds}
    return {kind: of[0] for kind, of in found.items()}, {kind: of[1] for kind, of in found.items()}


def of_adversary(seen: Sequence[Mapping[str, Mapping[str, Reply]]]) -> dict[str, Figures]:
    """Return what an adversary gains by asking what forgot and its rebuild; the same of the store that forgot turns.

    He asks once and for all: every question and forgotten text of every target.
    """
    replies = {name: {key: r for of in seen for key, r in of[name].items()} for name in (OURS, TURNS, REBUILD)}
    never = replies[REBUILD]
    found = {}
    for name in (OURS, TURNS):
        game = adversary.play(replies[name].__getitem__, never.__getitem__, list(never))
        found[name] = {"advantage": game.exist, "tpr_at_1fpr": game.tpr, "queries": game.queries, "by": dict(game.by)}
    return found


def of_guard(found: Sequence[guard.Session]) -> Figures:
    """Return the guard's figures over sessions; none where no facts are known to come back."""
    usable = [s for s in found if len(s.back)]
    return guard.figures(usable) if usable and any(len(s.other) for s in usable) else {}
