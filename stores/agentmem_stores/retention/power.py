"""A power law of forgetting with stability and difficulty: FSRS-6, each recall a review that was rated "good".

Ye, Su and Cao, "A Stochastic Shortest Path Algorithm for Optimizing Spaced Repetition Scheduling" (KDD 2022), in the
sixth edition of its model, with the default parameters of py-fsrs (MIT, github.com/open-spaced-repetition/py-fsrs):

    R = (1 + f t / S)^-w20, f = 0.9^(-1 / w20) - 1, so that R = 0.9 after S days
    S' = S (1 + e^w8 (11 - D) S^-w9 (e^(w10 (1 - R)) - 1))            after a day or more: late recalls strengthen most
    S' = S max(1, e^(w17 w18) S^-w19)                                 within a day
    D' = w7 D0(easy) + (1 - w7) D

py-fsrs counts whole days; here days have fractions. The slower tail is why it is here: after a hundred days exp(-t) is
nothing, and a power law still knows which of two memories is the fresher.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentmem.protocols import RetentionPolicy
from agentmem.traces import DIFFICULTY_MAX, DIFFICULTY_MIN, STABILITY_MIN, Traces
from agentmem.types import Floats
from agentmem_stores.retention._arithmetic import Doubles, finite, unit, wide
from agentmem_stores.retention._settings import only

W4, W5, W7, W8, W9, W10 = 6.4133, 0.8334, 0.001, 1.8722, 0.1666, 0.796
W17, W18, W19, W20 = 0.5425, 0.0912, 0.0658, 0.1542
FACTOR = 0.9 ** (-1 / W20) - 1
EASY = 4
EASIEST = W4 - np.exp(W5 * (EASY - 1)) + 1
"""D0(easy), not clamped: where difficulty drifts to."""

GOOD_STABILITY, GOOD_DIFFICULTY = 2.3065, 2.11810397
"""What FSRS-6 gives a card after a first review rated "good", for those who want its own beginning (S0, D0)."""


class Power:
    """R over `rest`, with S = `stability` and D = `difficulty`."""

    def retention(self, traces: Traces) -> Floats:
        """Return (n,) in (0, 1]: the chance of recall, .9 after as many days as the stability says."""
        return unit(_recall(traces))

    def reinforce(self, traces: Traces) -> Traces:
        """Review each, rated "good"."""
        stability, difficulty = wide(traces.stability), wide(traces.difficulty)
        late = np.exp(W10 * (1 - _recall(traces))) - 1
        spaced = 1 + np.exp(W8) * (11 - difficulty) * stability**-W9 * late
        massed = np.maximum(1, np.exp(W17 * W18) * stability**-W19)
        grown = stability * np.where(traces.rest < 1, massed, spaced)
        drifted = W7 * EASIEST + (1 - W7) * difficulty
        return traces.used(
            stability=finite(np.maximum(grown, STABILITY_MIN)),
            difficulty=np.clip(drifted, DIFFICULTY_MIN, DIFFICULTY_MAX).astype(np.float32),
        )


def _recall(traces: Traces) -> Doubles:
    return np.asarray((1 + FACTOR * wide(traces.rest) / wide(traces.stability)) ** -W20)


def make(config: Mapping[str, Any]) -> RetentionPolicy:
    """Make the policy; it has no settings."""
    only("power", config)
    return Power()
