"""SuperLocalMemory's adaptive Ebbinghaus curve, its units made explicit, with the zones of a memory's life.

"SuperLocalMemory V3.3: The Living Brain" (arXiv 2604.04514), and what github.com/qualixar/superlocalmemory computes:

    R = exp(-t (1 + 2 (1 - trust)) / S), S = 2 ln(1 + uses) + 1.5 centrality + confirmations + 0.5 emotion, in [.1, 100]
    a recall after t days of rest adds ln(1 + t) to S: the spacing effect
    zones: active above .8, warm above .5, cold above .2, archive above .05, else forgotten

The code counts t in hours, so that a memory nobody came back to is forgotten after 3.4 hours and one recalled a
thousand times after 45; "days" is the default here, "hours" the code's variant. Its emotion is a signed valence, under
which bad news fades faster; arousal stands here. What reinforcement has earned, and the first saying as one
confirmation, is `traces.stability`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from agentmem.protocols import RetentionPolicy
from agentmem.traces import Codes, Stage, Traces
from agentmem.types import Floats
from agentmem_stores.retention._arithmetic import DAY_HOURS, Doubles, decay, finite, staged, unit, wide
from agentmem_stores.retention._settings import choice, number, only

DISTRUST = 2.0
FLOOR, CEILING = 0.1, 100.0
UNITS = {"days": 1.0, "hours": DAY_HOURS}
ZONES: tuple[tuple[float, Stage], ...] = (
    (0.8, "active"),
    (0.5, "compressed"),  # warm: 8 bits a number
    (0.2, "compressed"),  # cold: 4 bits
    (0.05, "summarised"),  # archive
)


@dataclass(frozen=True, slots=True)
class SuperLocal:
    """The curve; `trust` in (0, 1] in the source of all memories; units a day."""

    trust: float = 1.0
    units_a_day: float = 1.0

    summariser: ClassVar[str] = "summary"

    def strength(self, traces: Traces) -> Doubles:
        """Return S (n,) in [.1, 100]."""
        earned = wide(traces.stability)
        strength = 2 * np.log1p(wide(traces.uses)) + 1.5 * wide(traces.centrality) + 0.5 * wide(traces.arousal) + earned
        return np.clip(strength, FLOOR, CEILING)

    def retention(self, traces: Traces) -> Floats:
        """Return (n,) in [0, 1]."""
        hurry = 1 + DISTRUST * (1 - self.trust)
        return unit(decay(wide(traces.rest) * self.units_a_day * hurry, self.strength(traces)))

    def reinforce(self, traces: Traces) -> Traces:
        """Add ln(1 + days of rest) to the strength and begin anew."""
        return traces.used(stability=finite(wide(traces.stability) + np.log1p(wide(traces.rest))))

    def stages(self, traces: Traces) -> Codes:
        """Return (n,) the zones as stages: warm and cold are compressed, archive is summarised, forgotten is erased."""
        return staged(self.retention(traces), ZONES, "erased")


def make(config: Mapping[str, Any]) -> RetentionPolicy:
    """Make the policy; settings: `variant` ("days", or the code's "hours"), `trust` (1, in (0, 1])."""
    only("superlocal", config, "variant", "trust")
    trust = number("superlocal", config, "trust", 1.0, high=1.0)
    return SuperLocal(trust, UNITS[choice("superlocal", config, "variant", UNITS)])
