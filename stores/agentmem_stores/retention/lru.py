"""Least recently used goes first: only the time since the last use counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentmem.protocols import RetentionPolicy
from agentmem.traces import Traces
from agentmem.types import Floats
from agentmem_stores.retention._arithmetic import unit, wide
from agentmem_stores.retention._settings import only


class Lru:
    """Retention is 1 / (1 + rest in days): any falling function would order alike, and this one never reaches 0."""

    def retention(self, traces: Traces) -> Floats:
        """Return (n,) in (0, 1], 1 for what was used, or said, just now."""
        return unit(1 / (1 + wide(traces.rest)))

    def reinforce(self, traces: Traces) -> Traces:
        """Begin the rest anew."""
        return traces.used()


def make(config: Mapping[str, Any]) -> RetentionPolicy:
    """Make the policy; it has no settings."""
    only("lru", config)
    return Lru()
