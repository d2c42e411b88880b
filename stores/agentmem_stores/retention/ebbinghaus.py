"""Ebbinghaus's curve as MemoryBank has it: exp(-t / S), each recall strengthens and begins anew.

Zhong et al., "MemoryBank: Enhancing Large Language Models with Long-Term Memory" (AAAI 2024, arXiv 2305.10250): t in
days since the last recall, strength S is 1 at first and 1 more after each recall. The released code says
`math.exp(-t / 5*S)`, which Python reads as exp(-(t / 5) * S): under it, what is recalled more is forgotten sooner.

Variants: "paper" exp(-t / S); "fixed" exp(-t / (5 S)), what the code seems to mean; "as_coded" exp(-t S / 5), the slip
itself, for comparison and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentmem.protocols import RetentionPolicy
from agentmem.traces import Traces
from agentmem.types import Floats
from agentmem_stores.retention._arithmetic import decay, finite, unit, wide
from agentmem_stores.retention._settings import choice, only

VARIANTS = ("paper", "fixed", "as_coded")


@dataclass(frozen=True, slots=True)
class Ebbinghaus:
    """The curve in one of its variants; S is `traces.stability`."""

    variant: str = "paper"

    def retention(self, traces: Traces) -> Floats:
        """Return (n,) in [0, 1]: the chance that it is still remembered."""
        strength = wide(traces.stability)
        if self.variant == "as_coded":
            return unit(decay(traces.rest, 5 / strength))
        return unit(decay(traces.rest, 5 * strength if self.variant == "fixed" else strength))

    def reinforce(self, traces: Traces) -> Traces:
        """Add 1 to the strength and begin anew."""
        return traces.used(stability=finite(wide(traces.stability) + 1))


def make(config: Mapping[str, Any]) -> RetentionPolicy:
    """Make the policy; setting: `variant` ("paper", "fixed" or "as_coded")."""
    only("ebbinghaus", config, "variant")
    return Ebbinghaus(choice("ebbinghaus", config, "variant", VARIANTS))
