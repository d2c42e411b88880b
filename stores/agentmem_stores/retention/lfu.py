"""Least frequently used goes first, and of those used equally often the one that has rested longest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentmem.protocols import RetentionPolicy
from agentmem.traces import Traces
from agentmem.types import Floats
from agentmem_stores.retention._arithmetic import unit, wide
from agentmem_stores.retention._settings import only


class Lfu:
    """Retention is x / (1 + x) of x = uses + 1 / (2 + rest): a use weighs more than any freshness."""

    def retention(self, traces: Traces) -> Floats:
        """Return (n,) in (0, 1)."""
        worth = wide(traces.uses) + 1 / (2 + wide(traces.rest))
        return unit(worth / (1 + worth))

    def reinforce(self, traces: Traces) -> Traces:
        """Count the use."""
        return traces.used()


def make(config: Mapping[str, Any]) -> RetentionPolicy:
    """Make the policy; it has no settings."""
    only("lfu", config)
    return Lfu()
