"""The stores: each through the kit, and what is particular to each."""

from __future__ import annotations

from agentmem.testing.store_kit import MemoryStoreKit
from agentmem_stores import episodic, exact, lexical


class TestEpisodic(MemoryStoreKit):
    def make(self):
        return episodic.make({})


class TestLexical(MemoryStoreKit):
    def make(self):
        return lexical.make({})


class TestExact(MemoryStoreKit):
    def make(self):
        return exact.make({})
