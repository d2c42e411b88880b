"""Generative agents: recency, importance and relevance in equal parts.

Park et al., "Generative Agents: Interactive Simulacra of Human Behavior" (UIST 2023, arXiv 2304.03442): recency is
0.995 to the power of the hours since the last use, importance a model's 1 to 10, relevance the cosine to the query; the
three are scaled to [0, 1] over all memories and added. Their score ranks for a question; without one, relevance is 0.

Variants: "absolute", the mean of the three as they are, so that a memory's retention depends on itself alone; "paper",
each first scaled to [0, 1] by minimum and maximum over the memories at hand (all .5 where they are equal).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agentmem.protocols import RetentionPolicy
from agentmem.traces import Traces
from agentmem.types import Floats
from agentmem_stores.retention._arithmetic import DAY_HOURS, Doubles, unit, wide
from agentmem_stores.retention._settings import choice, only

FADE = 0.995
"""What is left of recency after an hour."""

VARIANTS = ("absolute", "paper")


@dataclass(frozen=True, slots=True)
class GenerativeAgents:
    """The mean of recency, importance and relevance."""

    variant: str = "absolute"

    def retention(self, traces: Traces) -> Floats:
        """Return (n,) in [0, 1]."""
        parts: list[Doubles] = [
            np.asarray(FADE ** (DAY_HOURS * wide(traces.rest))),
            wide(traces.importance),
            wide(traces.relevance),
        ]
        if self.variant == "paper":
            parts = [_scaled(part) for part in parts]
        return unit(sum(parts, np.zeros(len(traces))) / len(parts))

    def reinforce(self, traces: Traces) -> Traces:
        """Begin the rest anew."""
        return traces.used()


def _scaled(values: Doubles) -> Doubles:
    span = float(np.ptp(values)) if len(values) else 0.0
    return (values - values.min()) / span if span else np.full(len(values), 0.5)


def make(config: Mapping[str, Any]) -> RetentionPolicy:
    """Make the policy; setting: `variant` ("absolute" or "paper")."""
    only("generative_agents", config, "variant")
    return GenerativeAgents(choice("generative_agents", config, "variant", VARIANTS))
