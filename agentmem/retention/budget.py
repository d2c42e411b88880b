"""How much may stay: a budget in memories, bytes or a share of all that was said, and what it lets go."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from agentmem.errors import InputError
from agentmem.traces import Counts, Flags
from agentmem.types import Floats

_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_WRITTEN = re.compile(r"(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>%|[KMGkmg]?i?[Bb])?")


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `count` memories, `bytes` of text and vectors, and a `share` (0 to 1) of all that was ever remembered.

    None: no limit. A share counts what is gone as well, so that keeping to it twice changes nothing.

    Raises InputError for a negative number, a share above 1, and a budget that limits nothing.
    """

    count: int | None = None
    bytes: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        limits = [limit for limit in (self.count, self.bytes, self.share) if limit is not None]
        if not limits or min(limits) < 0 or (self.share is not None and self.share > 1):
            raise InputError(
                f"{self} is no budget: give a number of memories, of bytes, or a share from 0 to 1, none negative"
            )

    @classmethod
    def of(cls, written: str) -> Budget:
        """Read "5000" (memories), "20MB" (bytes) or "10%" (of the memories). Raises InputError for anything else."""
        found = _WRITTEN.fullmatch(written.strip())
        if found is None or (found["unit"] is None and "." in found["number"]):
            raise InputError(f"{written!r} is no budget; write 5000 (memories), 20MB (bytes) or 10% (of the memories)")
        number, unit = float(found["number"]), found["unit"]
        if unit == "%":
            return cls(share=number / 100)
        return cls(count=int(number)) if unit is None else cls(bytes=int(number * _UNITS[unit.lower()]))


def over(budget: Budget, retention: Floats, sizes: Counts, spared: Flags, ever: int) -> Flags:
    """Return (n,) which memories go so that the budget is kept, those of the lowest retention first, older ones first.

    `sizes` are bytes, `ever` is how many memories there ever were. The `spared` stay and count; where they alone exceed
    the budget all others go.
    """
    n = len(retention)
    limits = [n]
    if budget.count is not None:
        limits.append(budget.count)
    if budget.share is not None:
        limits.append(round(budget.share * ever))
    # those that stay, in the order in which they earn it: the spared, then by retention, then the newer ones
    order = np.lexsort((-np.arange(n), -retention, ~spared))
    stays = np.arange(n) < min(limits)
    if budget.bytes is not None:
        stays &= np.cumsum(np.asarray(sizes, np.float64)[order]) <= budget.bytes
    gone = np.zeros(n, np.bool_)
    gone[order] = ~stays
    return gone & ~spared
