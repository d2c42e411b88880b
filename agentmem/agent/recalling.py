"""What is recalled for a message, of what is worth showing at the user's reliance.

Nothing where no memory can help, or the message asks back what was forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentmem.agent.choosing import worthwhile
from agentmem.agent.messages import folded
from agentmem.agent.reliance import least_at
from agentmem.recall.fitting import tokens
from agentmem.types import Filter, MemoryId, Recall

if TYPE_CHECKING:
    from agentmem.space import Space

Gate = Callable[[str], bool]
"""Says of a message whether a memory could bear on it."""
MAX_TOKENS = 800
"""Budget of the quotes in a prompt, in estimated tokens, unless said otherwise."""


@dataclass(frozen=True, slots=True)
class Recalling:
    """How an agent recalls: at most `k` memories and `max_tokens`, and of these what is worth `least` at balance.

    `gate` None: every message is worth a recall.
    """

    k: int | None
    max_tokens: int | None
    least: float
    filter: Filter
    gate: Gate | None

    def __call__(
        self,
        space: Space,
        message: str,
        reliance: float,
        shown: Collection[MemoryId] = (),
        origins: Collection[str] = (),
    ) -> Recall:
        """Return what to show for a message, at a reliance in [0, 1], best first.

        What is `shown` anyway, what has one of the `origins`, and the message itself, said now or before, is left out.
        """
        if not reliance or not message.strip() or (self.gate is not None and not self.gate(message)):
            return Recall(message, (), 0.0, 0)
        if space.guard.asked_back(message):
            return Recall(message, (), 0.0, 0)
        found = space.recall(message, self.k, max_tokens=self.max_tokens, filter=self.filter, explain=False)
        asked = folded(message)
        new = [
            e for e in found if e.id not in shown and e.memory.origin not in origins and folded(e.memory.text) != asked
        ]
        kept = tuple(worthwhile(new, least_at(reliance, self.least)))
        return Recall(message, kept, found.confidence, sum(tokens(e.memory) for e in kept))
