"""What all parts of the kit of stores stand on: the hook that makes the store under test."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NoReturn

import pytest

from agentmem.protocols import MemoryStore


class StoreKit(ABC):
    """Makes the store under test."""

    @abstractmethod
    def make(self) -> MemoryStore:
        """Return a new, empty store; the one method that a subclass writes."""


def skip_without(ability: str) -> NoReturn:
    """Skip a test of an ability that the store under test does not have."""
    pytest.skip(f"this store is not {ability}: it lacks the methods of agentmem.protocols.{ability}")
