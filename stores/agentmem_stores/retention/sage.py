"""SAGE's two thresholds: what is fresh stays at hand, what is fading goes to long-term memory, what has faded goes.

"SAGE: Self-evolving Agents with Reflective and Memory-augmented Abilities" (Neurocomputing 2025, arXiv 2409.00872), its
MemorySyntax: R = exp(-t / S); R >= theta1 stays in short-term memory, theta2 <= R < theta1 moves to long-term memory,
less is discarded. We know of no published values of the thresholds: .6 and .2 are ours. Long-term memory is the stage
"compressed" here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentmem.errors import InputError
from agentmem.protocols import RetentionPolicy
from agentmem.traces import Codes, Traces
from agentmem.types import Floats
from agentmem_stores.retention._arithmetic import decay, finite, staged, unit, wide
from agentmem_stores.retention._settings import number, only


@dataclass(frozen=True, slots=True)
class Sage:
    """The curve exp(-rest / stability) and the two thresholds, `keep` above `discard`."""

    keep: float = 0.6
    discard: float = 0.2

    def retention(self, traces: Traces) -> Floats:
        """Return (n,) in [0, 1]."""
        return unit(decay(traces.rest, traces.stability))

    def reinforce(self, traces: Traces) -> Traces:
        """Add 1 to the strength and begin anew."""
        return traces.used(stability=finite(wide(traces.stability) + 1))

    def stages(self, traces: Traces) -> Codes:
        """Return (n,) active, compressed or erased."""
        return staged(self.retention(traces), [(self.keep, "active"), (self.discard, "compressed")], "erased")


def make(config: Mapping[str, Any]) -> RetentionPolicy:
    """Make the policy; settings: `keep` (0.6) and `discard` (0.2), the thresholds, which must differ."""
    only("sage", config, "keep", "discard")
    keep, discard = number("sage", config, "keep", 0.6), number("sage", config, "discard", 0.2)
    if not discard < keep <= 1:
        raise InputError(f"the policy sage needs discard < keep <= 1, not {discard:g} and {keep:g}")
    return Sage(keep, discard)
