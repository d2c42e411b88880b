"""LUFY: arousal, surprise, importance and retrieval practice make strength; sessions pass, and most of it is forgotten.

"Enhancing Long-term RAG Chatbots with Psychological Models of Memory Importance and Forgetting" (arXiv 2409.12524),
with the constants of its code (github.com/ryuichi-sumida/LUFY):

    S = a1 w1 imp + a2 w2 ppl + a3 w3 aro + a4 w4 (recalls) - a5 w5 unused, at least .1
    imp = importance 1..10 / 27.5;  ppl = min(perplexity, 160) / 400, or / 250 in retrieval;  aro = arousal 1..5 / 15
    retention = exp(-sessions / (0.33 S)) for forgetting, exp(-sessions / (0.5 S)) for retrieval

The signs are as published: surprise weakens, and since w5 is negative, being the runner-up strengthens a little, though
R2 is meant to model retrieval-induced forgetting. R1 (the best hit: one more recall, rest begins anew) is `reinforce`;
R2 (the second hit: one more in `traces.unused`) is for whoever recalls to count. Here a session is `session_days` long,
and the [0, 1] of the traces are spread over LUFY's ranges (perplexity: up to 160).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agentmem.protocols import RetentionPolicy
from agentmem.traces import Traces
from agentmem.types import Floats
from agentmem_stores.retention._arithmetic import Doubles, decay, unit, wide
from agentmem_stores.retention._settings import choice, number, only

W = (0.44776699, -0.2801391, 2.76290708, 1.02800192, -0.01241566)
A = (2.1297349437869455, 2.8709762924617905, 1.5012260479089086, 0.62885264522, 2.2459023043571427)
WEIGHTS = tuple(a * w for a, w in zip(A, W, strict=True))
FLOOR = 0.1
VARIANTS = {"forgetting": (0.33, 400.0), "retrieval": (0.5, 250.0)}
"""The factor of S in the curve, and what perplexity is divided by."""


@dataclass(frozen=True, slots=True)
class Lufy:
    """LUFY's curve in one of its two variants; a session is so many days."""

    variant: str = "forgetting"
    session_days: float = 1.0

    def strength(self, traces: Traces) -> Doubles:
        """Return S (n,), at least .1, in sessions."""
        importance = (1 + 9 * wide(traces.importance)) / 27.5
        surprise = 160 * wide(traces.surprise) / VARIANTS[self.variant][1]
        arousal = (1 + 4 * wide(traces.arousal)) / 15
        w1, w2, w3, w4, w5 = WEIGHTS
        strength = w1 * importance + w2 * surprise + w3 * arousal + w4 * wide(traces.uses) - w5 * wide(traces.unused)
        return np.maximum(strength, FLOOR)

    def retention(self, traces: Traces) -> Floats:
        """Return (n,) in [0, 1]."""
        factor = VARIANTS[self.variant][0]
        return unit(decay(wide(traces.rest) / self.session_days, factor * self.strength(traces)))

    def reinforce(self, traces: Traces) -> Traces:
        """Count one more recall and begin anew: R1, for the best hit alone."""
        return traces.used()


def keep_count(retention: Floats, session: int) -> int:
    """Return how many of n memories LUFY keeps after its session number 1, 2, ...: some tenth of them.

    ceil(clip(mean retention, .10, .15) n + session - 2), never below 0 or above n; the highest retention is kept.
    """
    if not len(retention):
        return 0
    share = min(max(float(np.mean(retention, dtype=np.float64)), 0.10), 0.15)
    return min(max(math.ceil(share * len(retention) + session - 2), 0), len(retention))


def make(config: Mapping[str, Any]) -> RetentionPolicy:
    """Make the policy; settings: `variant` ("forgetting" or "retrieval"), `session_days` (1)."""
    only("lufy", config, "variant", "session_days")
    return Lufy(choice("lufy", config, "variant", VARIANTS), number("lufy", config, "session_days", 1.0))
