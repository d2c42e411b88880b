"""The part of the kit for stores that can count the words of a query in their memories."""

from __future__ import annotations

import numpy as np

from agentmem.protocols import Lexical, MemoryStore, TermCounts
from agentmem.testing._store_base import StoreKit, skip_without
from agentmem.testing.fakes import fake_id, make_memory, make_query
from agentmem.testing.oracles import term_counts
from agentmem.types import Memory

_TEXTS = ("kiwi zulu kiwi", "tango", "kiwi kiwi kiwi banjo mango", "zulu tango zulu", "!", "mango kiwi")


class LexicalKit(StoreKit):
    """Tests of the ability `Lexical`."""

    def test_counts_are_those_of_counting(self) -> None:
        """Counts, idf, lengths and mean length are what counting by hand gives, also for unknown ids and words."""
        store = self.make()
        memories = [make_memory(n, text) for n, text in enumerate(_TEXTS)]
        store.add(memories)
        _same(store, memories, "kiwi tango zulu kiwi polka", [5, 0, 77, 2, 2, 4, 1])

    def test_counts_follow_the_history(self) -> None:
        """After replacing and removing, counts and statistics are those of what is left."""
        store = self.make()
        store.add([make_memory(n, text) for n, text in enumerate(_TEXTS)])
        store.remove([fake_id(2), fake_id(3)])
        store.add([make_memory(0, "tango tango disco"), make_memory(9, "kiwi disco")])
        left = {0: "tango tango disco", 1: "tango", 4: "!", 5: "mango kiwi", 9: "kiwi disco"}
        memories = [make_memory(n, text) for n, text in left.items()]
        _same(store, memories, "disco kiwi tango zulu banjo", [0, 1, 2, 3, 4, 5, 9])

    def test_what_holds_all_words_is_found(self) -> None:
        """Every memory with all terms of the query, whatever else it says; none for no terms or an unknown one."""
        store = self.make()
        if not isinstance(store, Lexical):
            skip_without("Lexical")
            return
        store.add([make_memory(n, text) for n, text in enumerate(_TEXTS)])
        store.remove([fake_id(5)])
        wanted: dict[str, list[int]] = {"kiwi": [0, 2], "mango kiwi": [2], "Mangos": [2], "kiwi polka": [], "?": []}
        for text, numbers in wanted.items():
            have = store.holding(make_query(text))
            assert have == [fake_id(n) for n in numbers], f"if this fails, {text!r} is not held by {have}"
        allowed = make_query("kiwi", allowed=[fake_id(2), fake_id(5)])
        assert store.holding(allowed) == [fake_id(2)], "if this fails, the allowed ids are not heeded"

    def test_counts_may_be_of_nothing(self) -> None:
        """No ids, no words and an empty store give empty counts and a mean length above zero, not an error."""
        store = self.make()
        _same(store, [], "kiwi zulu", [1, 2])
        memories = [make_memory(n, text) for n, text in enumerate(_TEXTS)]
        store.add(memories)
        _same(store, memories, "kiwi", [])
        _same(store, memories, "?", [1, 2])
        store.remove([m.id for m in memories])
        _same(store, [], "kiwi", [1])

    def test_counts_of_long_texts_are_whole(self) -> None:
        """A word that stands 70,000 times in a text counts 70,000 times."""
        store = self.make()
        memories = [make_memory(1, "kiwi " * 70_000), make_memory(2, "kiwi")]
        store.add(memories)
        _same(store, memories, "kiwi", [1, 2])


def _same(store: MemoryStore, memories: list[Memory], question: str, numbers: list[int]) -> None:
    if not isinstance(store, Lexical):
        skip_without("Lexical")
        return
    query, ids = make_query(question), [fake_id(number) for number in numbers]
    found: TermCounts = store.term_counts(query, ids)
    wanted = term_counts(memories, query, ids)
    for field in ("counts", "idf", "lengths"):
        have, want = getattr(found, field), getattr(wanted, field)
        assert have.dtype == np.float32, f"if this fails, {field} is not float32"
        assert have.shape == want.shape, f"if this fails, {field} has the wrong shape: check for repeated query words"
        assert np.allclose(have, want, rtol=1e-5), f"if this fails, {field} is wrong: {have} where {want} is right"
    assert np.isclose(found.mean_length, wanted.mean_length), "if this fails, mean_length counts what is not there"
