"""Finds memories that share a number with the question: a price, a year, a flight."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from agentmem.types import Hit, Memory, MemoryId, Query


class Numbers:
    """An index from memories to the numbers in them."""

    def __init__(self) -> None:
        self._numbers: dict[MemoryId, set[str]] = {}

    def add(self, memories: Sequence[Memory]) -> None:
        """Take memories in; a known id is replaced."""
        self._numbers |= {memory.id: set(re.findall(r"\d+", memory.text)) for memory in memories}

    def search(self, query: Query, k: int) -> list[Hit]:
        """Return at most `k` hits, best first, ties by id; only allowed ones."""
        wanted = set(re.findall(r"\d+", query.text))
        allowed = self._numbers.keys() if query.allowed is None else query.allowed & self._numbers.keys()
        hits = [Hit(found, float(len(shared))) for found in allowed if (shared := wanted & self._numbers[found])]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[: max(k, 0)]

    def remove(self, ids: Collection[MemoryId]) -> frozenset[MemoryId]:
        """Drop the ids and return those that were really there."""
        return frozenset(gone for gone in ids if self._numbers.pop(gone, None) is not None)

    def __contains__(self, key: object) -> bool:
        return key in self._numbers

    def __len__(self) -> int:
        return len(self._numbers)


def make(config: Mapping[str, Any]) -> Numbers:
    """Make an empty store; it has no settings."""
    del config
    return Numbers()
