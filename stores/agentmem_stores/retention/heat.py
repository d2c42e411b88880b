"""MemoryOS's heat: visits, length of the interaction and recency, in equal parts; the coldest go first.

Kang et al., "Memory OS of AI Agent" (EMNLP 2025, arXiv 2506.06326), and its code (github.com/BAI-LAB/MemoryOS):

    heat = N_visit + L_interaction + exp(-hours since the last visit / 24)

and what is hotter than 5 is moved to long-term memory. There a segment holds many pages; a memory here is a segment of
one page, so L_interaction is 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentmem.protocols import RetentionPolicy
from agentmem.traces import Traces
from agentmem.types import Floats
from agentmem_stores.retention._arithmetic import Doubles, unit, wide
from agentmem_stores.retention._settings import only

PAGES = 1.0
HOT = 5.0
"""The heat from which MemoryOS takes a segment over into long-term memory."""


class Heat:
    """Retention is heat / (heat + 5): one half where MemoryOS would promote."""

    def heat(self, traces: Traces) -> Doubles:
        """Return the heat (n,), 1 or more."""
        return np.asarray(wide(traces.uses) + PAGES + np.exp(-wide(traces.rest)))  # 24 hours are the unit of rest

    def retention(self, traces: Traces) -> Floats:
        """Return (n,) in (0, 1)."""
        heat = self.heat(traces)
        return unit(heat / (heat + HOT))

    def reinforce(self, traces: Traces) -> Traces:
        """Count a visit."""
        return traces.used()


def make(config: Mapping[str, Any]) -> RetentionPolicy:
    """Make the policy; it has no settings."""
    only("heat", config)
    return Heat()
