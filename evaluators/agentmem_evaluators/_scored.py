"""Figures of single questions, and of many: means over questions, with intervals over the groups they come in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from agentmem.evaluation.statistics import RESAMPLES, SEED


class Row(NamedTuple):
    """The figures of one question for one system; what belongs to one `group` is drawn together for intervals."""

    group: str
    domain: str
    question: str
    system: str
    values: Mapping[str, float]


def means(rows: Iterable[Row]) -> dict[str, float]:
    """Return the mean of each figure over the questions that have it."""
    grouped: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.values.items():
            grouped.setdefault(name, []).append(value)
    return {name: sum(of) / len(of) for name, of in grouped.items()}


def intervals(rows: Sequence[Row]) -> dict[str, list[float]]:
    """Return the 95 % interval of each mean: whole groups are drawn with replacement, for what they share."""
    groups = sorted({row.group for row in rows})
    names = sorted({name for row in rows for name in row.values})
    draws = np.random.default_rng(SEED).integers(0, len(groups), (RESAMPLES, len(groups)))
    place = {group: number for number, group in enumerate(groups)}
    found = {}
    for name in names:
        sums, counts = np.zeros(len(groups)), np.zeros(len(groups))
        for row in rows:
            if name in row.values:
                sums[place[row.group]] += row.values[name]
                counts[place[row.group]] += 1
        drawn = counts[draws].sum(axis=1)
        resampled = sums[draws].sum(axis=1)[drawn > 0] / drawn[drawn > 0]
        found[name] = [float(bound) for bound in np.quantile(resampled, (0.025, 0.975))]
    return found


def by_system(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Return the means of each system."""
    systems = dict.fromkeys(row.system for row in rows)
    return {system: means(row for row in rows if row.system == system) for system in systems}
