"""The kits themselves: what we ship passes them, and each fault is caught by the test that is meant to catch it."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from _pytest.outcomes import Failed

from agentmem.encoding.words import terms
from agentmem.protocols import TermCounts
from agentmem.testing._histories import check_histories
from agentmem.testing.embedder_kit import EmbedderKit
from agentmem.testing.fakes import HashEmbedder, fake_id, make_memory, make_query, unit_rows, vector_of
from agentmem.testing.store_kit import MemoryStoreKit
from agentmem.types import Hit
from agentmem_stores.episodic import Episodic
from agentmem_stores.exact import Exact
from agentmem_stores.lexical import BM25


class TestHashEmbedder(EmbedderKit):
    def make(self):
        return HashEmbedder(32)


class Shared(Exact):
    _all: dict = {}  # noqa: RUF012 - the fault

    def __init__(self):
        super().__init__()
        self._vectors = self._all


class WithoutOrder(Exact):
    def search(self, query, k):
        return super().search(query, k)[::-1]


class TiesByArrival(Exact):
    def search(self, query, k):
        place = {i: n for n, i in enumerate(self._vectors)}
        return sorted(super().search(query, len(self)), key=lambda hit: (-hit.score, place[hit.id]))[:k]


class CutBeforeFilter(Exact):
    def search(self, query, k):
        every = super().search(type(query)(query.text, query.vector), k)
        return [hit for hit in every if query.allowed is None or hit.id in query.allowed]


class EmptyIsNoFilter(Exact):
    def search(self, query, k):
        return super().search(type(query)(query.text, query.vector, query.allowed or None), k)


class ClaimsTooMuch(Exact):
    def remove(self, ids):
        super().remove(ids)
        return frozenset(ids)


class KeepsTheOld(Exact):
    def add(self, memories):
        super().add([m for m in memories if m.id not in self])


class FirstOfBatch(Exact):
    def add(self, memories):
        super().add(list({m.id: m for m in reversed(memories)}.values()))


class HalfABatch(Exact):
    def add(self, memories):
        for memory in memories:
            super().add([memory])


class HandsOutViews(Exact):
    def vectors(self, ids):
        return self._vectors[ids[0]][None] if len(ids) == 1 and ids[0] in self else super().vectors(ids)


class Coarse(Exact):
    def search(self, query, k):
        hits = super().search(query, 4 * k)
        return sorted(hits, key=lambda hit: hit.id)[:k]


class StaleStatistics(BM25):
    def remove(self, ids):
        total = self._total
        gone = super().remove(ids)
        self._total = total
        return gone


class CountsRepeats(BM25):
    def term_counts(self, query, ids):
        right = super().term_counts(query, ids)
        times = [terms(query.text).count(term) for term in dict.fromkeys(terms(query.text))]
        return TermCounts(right.counts * np.array(times, np.float32), right.idf, right.lengths, right.mean_length)


class HoldsAny(BM25):
    def holding(self, query):
        return sorted(hit.id for hit in self.search(query, len(self)))


class BelievesAnyFile(Episodic):
    def save(self, folder):
        (folder / "ids").write_text("\n".join(self._ids))
        (folder / "codes").write_bytes(self._codes().tobytes() if self._ids else b"")

    def load(self, folder):
        ids = (folder / "ids").read_text().split()
        codes = np.frombuffer((folder / "codes").read_bytes(), np.float16).astype(np.float32).reshape(len(ids), -1)
        self.remove(list(self._ids))
        self.add([make_memory(n, "", id=i, vector=row) for n, (i, row) in enumerate(zip(ids, codes, strict=True))])


class AddsOnLoad(BM25):
    def load(self, folder):
        before = [make_memory(int(i[2:])) for i in self._row]
        super().load(folder)
        self.add(before)


FAULTS = [
    (Shared, "two_stores_share_nothing"),
    (WithoutOrder, "hits_come_best_first"),
    (TiesByArrival, "ties_are_broken_by_id"),
    (CutBeforeFilter, "allowed_is_a_prefilter"),
    (EmptyIsNoFilter, "allowed_may_be_empty_or_unknown"),
    (ClaimsTooMuch, "remove_says_what_was_there"),
    (KeepsTheOld, "same_id_replaces"),
    (FirstOfBatch, "last_of_a_batch_wins"),
    (HandsOutViews, "vectors_are_copies"),
    (Coarse, "nearest_are_the_exact_ones"),
    (StaleStatistics, "removed_memories_can_come_back"),
    (StaleStatistics, "counts_follow_the_history"),
    (CountsRepeats, "counts_are_those_of_counting"),
    (HoldsAny, "what_holds_all_words_is_found"),
]


def kit_of(make):
    class Kit(MemoryStoreKit):
        def make(self):
            return make()

    return Kit()


@pytest.mark.parametrize(("store", "test"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_the_kit_catches(store, test: str) -> None:
    """A store with one fault fails the test that is meant for it, and the message says what to look at."""
    with pytest.raises(AssertionError, match="if this fails"):
        getattr(kit_of(store), f"test_{test}")()


@pytest.mark.parametrize("store", [TiesByArrival, StaleStatistics, KeepsTheOld, ClaimsTooMuch])
def test_histories_catch(store) -> None:
    """A store that is wrong only after a certain past is caught by random histories."""
    with pytest.raises(AssertionError, match="if this fails"):
        check_histories(store, shrink=False)


def test_the_kit_catches_half_a_batch() -> None:
    """A store that takes in the good half of a refused batch is caught."""
    with pytest.raises(AssertionError, match="half in"):
        kit_of(HalfABatch).test_unusable_vectors_are_refused("nan")


def test_the_kit_catches_vectors_that_nobody_checks() -> None:
    """A store that swallows a vector of nans is caught."""

    class Swallows(Exact):
        def add(self, memories):
            self._vectors.update({m.id: m.vector for m in memories})

    with pytest.raises(Failed, match="DID NOT RAISE"):
        kit_of(Swallows).test_unusable_vectors_are_refused("nan")


@pytest.mark.parametrize("damage", ["changed", "cut"])
def test_the_kit_catches_snapshots_without_a_checksum(damage: str, tmp_path) -> None:
    """A store that believes a changed file or loads what a cut one still holds is caught."""
    with pytest.raises(AssertionError, match="if this fails, load"):
        kit_of(BelievesAnyFile).test_damaged_snapshots_are_refused(damage, tmp_path)


def test_the_kit_catches_loads_that_add(tmp_path) -> None:
    """A store that keeps what it held when it loads is caught."""
    with pytest.raises(AssertionError, match="if this fails, load adds"):
        kit_of(AddsOnLoad).test_loading_replaces(tmp_path)


def test_missing_abilities_are_skipped_and_said(tmp_path) -> None:
    """A store without an ability skips its tests with the reason, and does not pass them silently."""
    with pytest.raises(pytest.skip.Exception, match="not Lexical"):
        kit_of(Exact).test_counts_follow_the_history()
    with pytest.raises(pytest.skip.Exception, match="not Vectorial"):
        kit_of(BM25).test_vectors_come_back()
    with pytest.raises(pytest.skip.Exception, match="not Snapshot"):
        kit_of(Exact).test_loading_replaces(tmp_path)


def test_a_kit_without_make_cannot_be_used() -> None:
    """Forgetting `make` is an error at once."""
    with pytest.raises(TypeError, match="make"):
        MemoryStoreKit()


class Unnormalised(HashEmbedder):
    def __call__(self, texts, /):
        return super().__call__(texts) * np.float32(3)


class Doubles(HashEmbedder):
    def __call__(self, texts, /):
        return super().__call__(texts).astype(np.float64)


class SortedByLength(HashEmbedder):
    def __call__(self, texts, /):
        return super().__call__(sorted(texts, key=len))


class Leaky(HashEmbedder):
    def __call__(self, texts, /):
        rows = super().__call__(texts)
        rows *= np.float32(1 + 1e-6 * len(rows))
        return rows


class OneBuffer(HashEmbedder):
    def __call__(self, texts, /):
        self._kept = getattr(self, "_kept", {})
        return self._kept.setdefault(tuple(texts), super().__call__(texts))


class Constant(HashEmbedder):
    def __call__(self, texts, /):
        return np.tile(vector_of("same"), (len(texts), 1))


class Unsafe(HashEmbedder):
    """Works on a shared buffer and lets other threads in between."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.barrier = threading.Barrier(2)

    def __call__(self, texts, /):
        self.texts = texts
        if threading.current_thread() is not threading.main_thread():
            self.barrier.wait(timeout=10)
        return super().__call__(self.texts)


@pytest.mark.parametrize(
    ("embedder", "test"),
    [
        (Unnormalised, "rows_are_unit_float32"),
        (Doubles, "rows_are_unit_float32"),
        (SortedByLength, "rows_keep_the_order_of_the_texts"),
        (Leaky, "a_row_depends_on_its_own_text_alone"),
        (OneBuffer, "results_are_the_callers_own"),
        (Constant, "different_texts_get_different_rows"),
        (Unsafe, "threads_may_share_it"),
    ],
)
def test_the_embedder_kit_catches(embedder, test: str) -> None:
    """An embedder with one fault fails the test that is meant for it."""

    class Kit(EmbedderKit):
        def make(self):
            return embedder(32)

    kit = Kit()
    with pytest.raises(AssertionError, match="if this fails"):
        getattr(kit, f"test_{test}")(kit.make())


def test_fakes_are_the_same_every_time() -> None:
    """The same number makes the same memory, and its id sorts by number."""
    one, other = make_memory(3), make_memory(3)
    assert (one.id, one.text, one.vector.tolist()) == (other.id, other.text, other.vector.tolist())
    assert one.id == fake_id(3) == "01000000000000000000000003"
    assert fake_id(9) < fake_id(10)
    assert make_memory(3, vector=None).vector is None
    assert make_query("kiwi", [fake_id(1)]).allowed == frozenset({fake_id(1)})
    assert np.linalg.norm(unit_rows(5), axis=1) == pytest.approx(np.ones(5), rel=1e-6)
    assert Hit("a", 1.0) == ("a", 1.0)


@pytest.mark.parametrize("kit", ["store_kit", "embedder_kit"])
def test_kits_say_which_packages_they_need(kit: str) -> None:
    """Without pytest a kit names the command that brings it, and fakes and oracles work all the same."""
    code = (
        "import sys; sys.modules['pytest'] = sys.modules['hypothesis'] = None\n"
        "import agentmem.testing.fakes, agentmem.testing.oracles\n"
        "from agentmem.errors import MissingExtraError\n"
        f"try:\n    import agentmem.testing.{kit}\n"
        "except MissingExtraError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert "pip install 'agentmem[dev]'" in done.stdout, done.stderr
