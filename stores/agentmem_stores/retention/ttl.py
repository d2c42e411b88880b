"""Time to live: kept in full for so many days after it was said, or last of use, then not at all.

LangGraph's stores expire items so (minutes, refreshed on read where asked): `langgraph.store.base.TTLConfig`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentmem.protocols import RetentionPolicy
from agentmem.traces import Traces
from agentmem.types import Floats
from agentmem_stores.retention._arithmetic import unit
from agentmem_stores.retention._settings import choice, number, only

VARIANTS = ("refreshed", "fixed")


@dataclass(frozen=True, slots=True)
class Ttl:
    """Retention is 1 within `days` of the last use where `refreshed`, else of when it was said, and 0 after."""

    days: float = 30.0
    refreshed: bool = True

    def retention(self, traces: Traces) -> Floats:
        """Return (n,) of 0 and 1."""
        return unit((traces.rest if self.refreshed else traces.age) < self.days)

    def reinforce(self, traces: Traces) -> Traces:
        """Begin the rest anew."""
        return traces.used()


def make(config: Mapping[str, Any]) -> RetentionPolicy:
    """Make the policy; settings: `days` (30), `variant` ("refreshed" by use, or "fixed")."""
    only("ttl", config, "days", "variant")
    return Ttl(number("ttl", config, "days", 30.0), choice("ttl", config, "variant", VARIANTS) == "refreshed")
