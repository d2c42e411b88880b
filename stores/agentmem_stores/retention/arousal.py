"""Arousal stretches stability: wraps any other policy, for which time then runs slower over what was exciting.

What is said in excitement is forgotten more slowly (McGaugh, "The amygdala modulates the consolidation of memories of
emotionally arousing experiences", 2004; LUFY, arXiv 2409.12524, gives arousal its largest weight). In all curves here
stability only ever divides time, so dividing time by gain^(2 arousal - 1) is multiplying stability by it, and works for
policies that have none, such as lru. Neutral arousal, .5, changes nothing; at gain 2 the most exciting memory lasts
twice as long and the calmest half as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agentmem.errors import InputError
from agentmem.protocols import RetentionPolicy, Staged
from agentmem.registry import make_policy
from agentmem.traces import Codes, Traces
from agentmem.types import Floats
from agentmem_stores.retention._arithmetic import Doubles, finite, wide
from agentmem_stores.retention._settings import number, only


@dataclass(frozen=True, slots=True)
class Arousal:
    """Another policy, seen through stretched time."""

    policy: RetentionPolicy
    gain: float = 2.0

    def retention(self, traces: Traces) -> Floats:
        """Return (n,) what the other policy says of the stretched traces."""
        return self.policy.retention(self.stretched(traces))

    def reinforce(self, traces: Traces) -> Traces:
        """Reinforce as the other policy does; the age stays what it is."""
        used = self.policy.reinforce(self.stretched(traces))
        return replace(used, age=traces.age, rest=finite(wide(used.rest) * self._stretch(traces)))

    def stretched(self, traces: Traces) -> Traces:
        """Return the traces with `age` and `rest` divided by what arousal makes of them."""
        stretch = self._stretch(traces)
        return replace(traces, age=finite(wide(traces.age) / stretch), rest=finite(wide(traces.rest) / stretch))

    def _stretch(self, traces: Traces) -> Doubles:
        return self.gain ** (2 * wide(traces.arousal) - 1)


@dataclass(frozen=True, slots=True)
class StagedArousal(Arousal):
    """The same over a policy that has stages."""

    def stages(self, traces: Traces) -> Codes:
        """Return (n,) the stages that the other policy gives the stretched traces."""
        assert isinstance(self.policy, Staged)
        return self.policy.stages(self.stretched(traces))


def make(config: Mapping[str, Any]) -> RetentionPolicy:
    """Make the policy; settings: `policy` (a name or a policy, "ebbinghaus"), its `config`, `gain` (2, above 1)."""
    only("arousal", config, "policy", "config", "gain")
    inner = config.get("policy", "ebbinghaus")
    if isinstance(inner, str):
        inner = make_policy(inner, config.get("config", {}))
    elif not isinstance(inner, RetentionPolicy):
        raise InputError(f"policy of the policy arousal is a {type(inner).__name__}; pass a policy's name, or a policy")
    elif "config" in config:
        raise InputError("config of the policy arousal goes with a policy's name; a policy that is passed has its own")
    gain = number("arousal", config, "gain", 2.0, low=1.0)
    return StagedArousal(inner, gain) if isinstance(inner, Staged) else Arousal(inner, gain)
