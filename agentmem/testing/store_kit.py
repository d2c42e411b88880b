"""The conformance kit of stores: what every index over memories must do, as tests to inherit.

    from agentmem.testing.store_kit import MemoryStoreKit

    class TestMine(MemoryStoreKit):
        def make(self):
            return make({})

Optional abilities (`Vectorial`, `Tiered`, `Lexical`, `Snapshot`) are tested where the store has them and skipped,
saying so, where it has not. A test that does not hold for a store is xfailed in the subclass with a reason, never
dropped.
"""

from __future__ import annotations

import math

from agentmem.errors import MissingExtraError
from agentmem.testing.fakes import WORDS, fake_id, make_memories, make_memory, make_query
from agentmem.testing.oracles import rebuilt

try:
    from agentmem.testing._histories import check_histories
    from agentmem.testing._lexical_kit import LexicalKit
    from agentmem.testing._snapshot_kit import SnapshotKit
    from agentmem.testing._tiered_kit import TieredKit
    from agentmem.testing._vectorial_kit import VectorialKit
except ModuleNotFoundError as error:
    raise MissingExtraError("pytest or hypothesis", "dev") from error

EVERYTHING = make_query("memory")
"""Near, or equal in a word, to every memory of `make_memories`."""

ODD_TEXTS = (
    " ",
    "?!",
    "x" * 200_000,
    "memory " * 70_000,
    "a" * 63 + " " + "b" * 65,
    "nul\x00inside",
    "\x00",
    "\u202egnp.exe",
    "\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea",
    "e\u0301 \u00e9",
    "\ufeffbom",
    "half an emoji \ud83d",
    "line\nline\r\n",
    "\u0130stanbul \ufb00 \u00df",
)


class MemoryStoreKit(VectorialKit, TieredKit, LexicalKit, SnapshotKit):
    """Inherit, write `make`, and every test below runs against your store."""

    def test_empty_store_has_nothing(self) -> None:
        """A new store holds nothing, finds nothing and removes nothing."""
        store = self.make()
        assert len(store) == 0, "if this fails, a new store starts with something in it: look for shared state"
        assert fake_id(1) not in store, "if this fails, __contains__ says yes to anything"
        assert store.search(EVERYTHING, 5) == [], "if this fails, searching an empty store does not return []"
        assert store.remove([fake_id(1)]) == frozenset(), "if this fails, remove claims to have removed what never was"

    def test_two_stores_share_nothing(self) -> None:
        """What one store takes in, another made in the same way does not have."""
        one, other = self.make(), self.make()
        one.add(make_memories(3))
        assert len(other) == 0, "if this fails, stores share a class attribute or a file"

    def test_finds_each_memory_by_what_only_it_says(self) -> None:
        """A question that names one thing finds the memory that speaks of it."""
        store, memories = self.make(), make_memories(len(WORDS))
        store.add(memories)
        for memory, word in zip(memories, WORDS, strict=True):
            hits = store.search(make_query(f"memory {word}"), 3)
            assert hits, f"if this fails, nothing is found for {word!r}: check that add indexes what it is given"
            assert hits[0].id == memory.id, f"if this fails, {word!r} finds another memory first: check the scores"

    def test_len_and_contains_follow_the_history(self) -> None:
        """The store knows how many memories it holds and which."""
        store = self.make()
        store.add(make_memories(5))
        store.add(make_memories(3, start=5))
        assert len(store) == 8, "if this fails, len does not count what was added"
        store.remove([fake_id(2), fake_id(99)])
        assert len(store) == 7, "if this fails, len does not follow remove"
        kept = [n for n in range(9) if fake_id(n) in store]
        assert kept == [0, 1, 3, 4, 5, 6, 7], "if this fails, __contains__ does not follow add and remove"
        assert 3 not in store, "if this fails, __contains__ cannot be asked about things that are no ids"

    def test_adding_nothing_changes_nothing(self) -> None:
        """An empty batch is no error."""
        store = self.make()
        store.add([])
        assert len(store) == 0, "if this fails, an empty batch added something"
        store.add(make_memories(2))
        store.add([])
        assert len(store.search(EVERYTHING, 5)) == 2, "if this fails, an empty batch emptied the store"

    def test_k_bounds_the_hits(self) -> None:
        """No k returns more than k, a k above the size returns all, and 0 returns none."""
        store = self.make()
        store.add(make_memories(7))
        sizes = [len(store.search(EVERYTHING, k)) for k in (0, 1, 6, 7, 8, 5000)]
        assert sizes == [0, 1, 6, 7, 7, 7], "if this fails, k is ignored, or a k above the size is not cut down"

    def test_hits_come_best_first(self) -> None:
        """Scores fall, are numbers, and equal ones are ordered by id; a smaller k is a beginning of a larger one."""
        store = self.make()
        store.add(make_memories(64))
        hits = store.search(make_query(f"memory {WORDS[3]} number3"), 40)
        assert all(math.isfinite(hit.score) for hit in hits), "if this fails, a score is nan or infinite"
        expected = sorted(hits, key=lambda hit: (-hit.score, hit.id))
        assert hits == expected, "if this fails, hits are not sorted by falling score, then by id"
        assert len({hit.id for hit in hits}) == len(hits), "if this fails, a memory is returned twice"
        for k in (1, 5, 17):
            again = store.search(make_query(f"memory {WORDS[3]} number3"), k)
            assert again == hits[:k], "if this fails, the best k change with k: check what is cut off before sorting"

    def test_ties_are_broken_by_id(self) -> None:
        """Of equal memories those with the smallest ids come first, whatever the order they came in."""
        store = self.make()
        numbers = [*range(150, 300), *range(150)]
        store.add([make_memory(number, "memory of a tango") for number in numbers])
        store.add([make_memory(900, "memory of nothing else")])
        for k in (1, 3, 150, 300):
            hits = store.search(make_query("memory tango"), k)
            wanted = [fake_id(number) for number in range(k)]
            assert [hit.id for hit in hits] == wanted, "if this fails, ties are cut by place in the index, not by id"
            assert len({hit.score for hit in hits}) == 1, "if this fails, equal memories get unequal scores"

    def test_same_id_replaces(self) -> None:
        """A memory added again under its id is found by what it says now, not by what it said."""
        store = self.make()
        store.add(make_memories(6))
        store.add([make_memory(2, "memory safari number2")])
        oracle = rebuilt(
            self.make, [make_memory(2, "memory safari number2"), *(make_memory(n) for n in (0, 1, 3, 4, 5))]
        )
        assert len(store) == 6, "if this fails, a replaced memory counts twice"
        for word in (WORDS[2], "safari", "memory"):
            hits, wanted = store.search(make_query(word), 6), oracle.search(make_query(word), 6)
            assert hits == wanted, f"if this fails, the old text or vector of a replaced memory still counts ({word})"

    def test_last_of_a_batch_wins(self) -> None:
        """Of two memories of one id in one batch the later one stays."""
        store = self.make()
        store.add([make_memory(1, "memory kiwi"), make_memory(2, "memory zulu"), make_memory(1, "memory tango")])
        oracle = rebuilt(self.make, [make_memory(2, "memory zulu"), make_memory(1, "memory tango")])
        assert len(store) == 2, "if this fails, a batch with one id twice takes both in"
        for word in ("kiwi", "tango", "memory"):
            hits, wanted = store.search(make_query(word), 3), oracle.search(make_query(word), 3)
            assert hits == wanted, "if this fails, the earlier of two memories of one id in a batch is not replaced"

    def test_remove_says_what_was_there(self) -> None:
        """Removing returns the ids that were there, and those are found no more; everything else still is."""
        store = self.make()
        store.add(make_memories(20))
        asked = [fake_id(n) for n in (3, 19, 0, 3, 77)]
        gone = store.remove(asked)
        assert isinstance(gone, frozenset), "if this fails, remove returns something else than a frozenset"
        assert gone == {fake_id(0), fake_id(3), fake_id(19)}, "if this fails, remove misreports what it removed"
        assert store.remove(set(asked)) == frozenset(), "if this fails, a second removal finds what is gone"
        left = {hit.id for hit in store.search(EVERYTHING, 50)}
        assert left == {fake_id(n) for n in range(1, 19)} - {fake_id(3)}, (
            "if this fails, remove took too much or little"
        )
        assert store.remove([]) == frozenset(), "if this fails, removing nothing removes something"

    def test_removed_memories_can_come_back(self) -> None:
        """A store that was emptied is as good as new."""
        store, memories = self.make(), make_memories(10)
        store.add(memories)
        store.remove([m.id for m in memories])
        assert (len(store), store.search(EVERYTHING, 5)) == (0, []), "if this fails, an emptied store is not empty"
        store.add(memories[::-1])
        wanted = rebuilt(self.make, memories).search(EVERYTHING, 10)
        assert store.search(EVERYTHING, 10) == wanted, "if this fails, something of the first filling is still there"

    def test_allowed_is_a_prefilter(self) -> None:
        """Only allowed ids are found, and as many of them as k allows."""
        store = self.make()
        store.add(make_memories(300))
        every = store.search(EVERYTHING, 300)
        for chosen in (range(290, 300), range(0, 300, 7), range(300)):
            allowed = [fake_id(n) for n in chosen]
            wanted = [hit for hit in every if hit.id in set(allowed)]
            hits = store.search(make_query("memory", allowed), 300)
            assert hits == wanted, "if this fails, allowed changes scores or order, or lets others through"
            few = store.search(make_query("memory", allowed), 4)
            assert few == wanted[:4], "if this fails, allowed is applied after the cut to k and loses hits"

    def test_allowed_may_be_empty_or_unknown(self) -> None:
        """An empty set allows nothing, and unknown ids are no error."""
        store = self.make()
        store.add(make_memories(5))
        assert store.search(make_query("memory", []), 5) == [], "if this fails, an empty set is taken for no filter"
        assert store.search(make_query("memory", [fake_id(99)]), 5) == [], (
            "if this fails, unknown allowed ids find others"
        )
        hits = store.search(make_query("memory", [fake_id(99), fake_id(4)]), 5)
        assert [hit.id for hit in hits] == [fake_id(4)], (
            "if this fails, an unknown id among the allowed breaks the rest"
        )

    def test_ten_thousand_at_once(self) -> None:
        """A batch of 10,000 goes in, is found, filtered and half of it removed."""
        store, memories = self.make(), make_memories(10_000)
        store.add(memories)
        assert len(store) == 10_000, "if this fails, a large batch is cut"
        assert len(store.search(EVERYTHING, 10_000)) == 10_000, "if this fails, a large k is cut"
        question = f"{WORDS[5]} number4005"
        assert store.search(make_query(question), 1)[0].id == fake_id(4005), "if this fails, large batches are muddled"
        half = [memory.id for memory in memories[::2]]
        odd = store.search(make_query(question, [m.id for m in memories[1::2]]), 20)
        wanted = [hit for hit in store.search(make_query(question), 10_000) if int(hit.id[2:]) % 2][:20]
        assert odd == wanted, "if this fails, a large set of allowed ids is not searched in full"
        assert store.remove(half) == frozenset(half), "if this fails, a large removal is cut"
        rest = self.make()
        rest.add(memories[1::2])
        hits, wanted = store.search(make_query(question), 50), rest.search(make_query(question), 50)
        assert hits == wanted, "if this fails, a large removal leaves a store that differs from a rebuilt one"

    def test_odd_texts_do_no_harm(self) -> None:
        """Signs, control characters, half an emoji and very long words go in and out and hurt nobody else."""
        store = self.make()
        store.add(make_memories(4))
        before = store.search(EVERYTHING, 10)
        odd = [make_memory(100 + n, text) for n, text in enumerate(ODD_TEXTS)]
        store.add(odd)
        assert len(store) == 4 + len(odd), "if this fails, a strange text is dropped"
        for memory in odd:
            store.search(make_query(memory.text), 3)
        store.remove([memory.id for memory in odd])
        assert store.search(EVERYTHING, 10) == before, "if this fails, strange texts leave something behind"

    def test_order_of_arrival_does_not_matter(self) -> None:
        """The same memories in another order, in other batches, give the same hits."""
        memories = make_memories(90)
        one, other = self.make(), self.make()
        one.add(memories)
        for start in range(0, 90, 7):
            other.add(memories[::-1][start : start + 7])
        for question in ("memory", f"{WORDS[0]} number16", f"memory {WORDS[9]}"):
            hits, wanted = one.search(make_query(question), 30), other.search(make_query(question), 30)
            assert hits == wanted, "if this fails, scores or ties depend on the order in which memories came"

    def test_any_history_equals_a_rebuild(self) -> None:
        """After random adds, replacements and removals, hits are those of a store built from what is left."""
        check_histories(self.make)
