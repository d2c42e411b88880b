"""HEMA: single memories are pruned by age, and the summaries of what they said stay.

"HEMA: A Hippocampus-Inspired Extended Memory Architecture for Long-Context AI Conversations" (arXiv 2504.16754)
prunes its vector memory by age-weighted salience while a compact memory of summaries keeps the thread. The abstract
gives no formula; here the weight is exp(-age / (days (1 + uses))), so use slows ageing. A memory whose weight has
fallen below `threshold` is summarised, and below `prune` it leaves only what its summary says of it. Summaries are
never pruned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from agentmem.protocols import RetentionPolicy
from agentmem.traces import Codes, Traces
from agentmem.types import Floats
from agentmem_stores.retention._arithmetic import decay, staged, unit, wide
from agentmem_stores.retention._settings import number, only


@dataclass(frozen=True, slots=True)
class Hema:
    """Weights by age: after `days` without use 1 / e is left; below `prune` the summary alone is kept."""

    days: float = 30.0
    threshold: float = 0.1
    prune: float = 0.01

    summariser: ClassVar[str] = "summary"

    def retention(self, traces: Traces) -> Floats:
        """Return (n,) in [0, 1], 1 for summaries."""
        weight = decay(traces.age, self.days * (1 + wide(traces.uses)))
        return unit(np.where(traces.of_kind("summary"), 1.0, weight))

    def reinforce(self, traces: Traces) -> Traces:
        """Count the use; the age stays."""
        return traces.used()

    def stages(self, traces: Traces) -> Codes:
        """Return (n,) active, summarised below the threshold, or erased."""
        return staged(self.retention(traces), [(self.threshold, "active"), (self.prune, "summarised")], "erased")


def make(config: Mapping[str, Any]) -> RetentionPolicy:
    """Make the policy; settings: `days` (30), `threshold` (0.1), `prune` (0.01)."""
    only("hema", config, "days", "threshold", "prune")
    threshold = number("hema", config, "threshold", 0.1, high=1.0)
    return Hema(number("hema", config, "days", 30.0), threshold, number("hema", config, "prune", 0.01, high=1.0))
