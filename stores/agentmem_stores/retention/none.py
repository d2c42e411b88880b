"""Keeps everything for ever: what a memory without retention does, and the line to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentmem.protocols import RetentionPolicy
from agentmem.traces import Traces
from agentmem.types import Floats
from agentmem_stores.retention._settings import only


class Keep:
    """Retention is 1."""

    def retention(self, traces: Traces) -> Floats:
        """Return ones (n,)."""
        return np.ones(len(traces), np.float32)

    def reinforce(self, traces: Traces) -> Traces:
        """Count the use."""
        return traces.used()


def make(config: Mapping[str, Any]) -> RetentionPolicy:
    """Make the policy; it has no settings."""
    only("none", config)
    return Keep()
