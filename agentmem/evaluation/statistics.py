"""Means and their uncertainty: the percentile bootstrap, vectorised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
SEED = 0
LEVEL = 0.95
_CELLS = 4_000_000


class Interval(NamedTuple):
    """A mean over n values, and the bounds between which 95 % of its resamples lie."""

    mean: float
    low: float
    high: float
    n: int


def bootstrap(
    values: Sequence[float] | npt.NDArray[np.float64],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    level: float = LEVEL,
) -> Interval:
    """Return the mean of the values with its percentile bootstrap interval (Efron, 1979).

    Values are resampled with replacement, each as if independent. Pass differences of paired values for the interval
    of a gain. Raises ValueError where there are no values or one is not finite.
    """
    sample = np.asarray(values, np.float64)
    if sample.ndim != 1 or not len(sample) or not np.isfinite(sample).all():
        raise ValueError(f"a mean needs one or more finite values, got an array of shape {sample.shape}")
    draw = np.random.default_rng(seed)
    n = len(sample)
    rows = max(1, _CELLS // n)
    means = np.concatenate(
        [
            sample[draw.integers(0, n, (min(rows, resamples - done), n))].mean(axis=1)
            for done in range(0, resamples, rows)
        ]
    )
    low, high = np.quantile(means, ((1 - level) / 2, (1 + level) / 2))
    return Interval(float(sample.mean()), float(low), float(high), n)


def separability(higher: Sequence[float], lower: Sequence[float]) -> float:
    """Return the area under the ROC curve: the chance that one of `higher` exceeds one of `lower`, ties counting half.

    0.5 is no better than chance; nan where either is empty.
    """
    a, b = np.asarray(higher, np.float64), np.asarray(lower, np.float64)
    if not len(a) or not len(b):
        return float("nan")
    ordered = np.sort(b)
    below = np.searchsorted(ordered, a, side="left")
    not_above = np.searchsorted(ordered, a, side="right")
    return float((below + not_above).mean() / (2 * len(b)))
