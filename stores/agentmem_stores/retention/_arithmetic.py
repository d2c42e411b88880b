"""The few operations that most policies are written in: float64 inside, float32 in [0, 1] outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from agentmem.traces import STAGES, Codes, Stage
from agentmem.types import Floats

Doubles = npt.NDArray[np.float64]

DAY_HOURS = 24.0


def wide(column: npt.NDArray[Any]) -> Doubles:
    """Return a column in float64, in which no formula here overflows."""
    return column.astype(np.float64)


def unit(values: npt.NDArray[Any]) -> Floats:
    """Return values as float32 in [0, 1]."""
    return np.asarray(np.clip(values, 0.0, 1.0), np.float32)


def finite(values: npt.NDArray[Any]) -> Floats:
    """Return values as float32, none infinite."""
    return np.asarray(np.clip(values, None, float(np.finfo(np.float32).max)), np.float32)


def decay(time: npt.NDArray[Any], stability: npt.NDArray[Any]) -> Doubles:
    """Return exp(-time / stability): Ebbinghaus's curve in the form that MemoryBank and most after it use."""
    return np.asarray(np.exp(-wide(time) / wide(stability)))


def staged(retention: Floats, steps: Sequence[tuple[float, Stage]], last: Stage) -> Codes:
    """Return the stage of each: that of the first step whose threshold is reached, `last` below them all."""
    reached = [retention >= np.float32(threshold) for threshold, _ in steps]
    return np.select(reached, [STAGES.index(stage) for _, stage in steps], STAGES.index(last)).astype(np.int8)
