"""The part of the kit for stores that search by vector and can give the vectors back."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from agentmem.errors import VectorError
from agentmem.protocols import MemoryStore, Vectorial
from agentmem.testing._store_base import StoreKit, skip_without
from agentmem.testing.fakes import DIM, fake_id, make_memories, make_memory, make_query, unit_rows
from agentmem.testing.oracles import nearest
from agentmem.types import Query, Vectors


class VectorialKit(StoreKit):
    """Tests of the ability `Vectorial`."""

    closeness: ClassVar[float] = 0.99
    """Least cosine between a vector that went in and what comes out; below 1 for a store that keeps fewer bits."""

    recall_of_exact: ClassVar[float] = 0.95
    """Least share of the exact ten nearest that a search finds."""

    def test_vectors_come_back(self) -> None:
        """The vectors of memories come back in the order asked, float32, as close as the store keeps them."""
        store = self.make()
        rows = unit_rows(200)
        store.add([make_memory(n, vector=row) for n, row in enumerate(rows)])
        asked = [7, 199, 0, 7]
        found = _vectors(store, asked)
        assert found.dtype == np.float32, "if this fails, vectors are not float32"
        assert found.shape == (4, DIM), "if this fails, there is not one row an id, or of another length"
        cosines = (found * rows[asked]).sum(axis=1) / np.linalg.norm(found, axis=1)
        assert (cosines >= self.closeness).all(), f"if this fails, rows are muddled or kept too coarsely: {cosines}"
        assert _vectors(store, []).shape[0] == 0, "if this fails, asking for no vectors returns some"

    def test_vectors_of_unknown_ids_are_zero(self) -> None:
        """An unknown or removed id gets a row of zeros, and the others theirs."""
        store = self.make()
        store.add(make_memories(6))
        store.remove([fake_id(1)])
        found = _vectors(store, [1, 2, 50])
        assert not found[[0, 2]].any(), "if this fails, an id that is not there gets the vector of another memory"
        assert found[1].any(), "if this fails, an unknown id takes its neighbour's vector away"

    def test_vectors_follow_the_history(self) -> None:
        """After replacing and removing, each id still has its own vector."""
        store, rows = self.make(), unit_rows(80)
        store.add([make_memory(n, vector=rows[n]) for n in range(60)])
        store.remove([fake_id(n) for n in range(0, 60, 3)])
        store.add([make_memory(n, vector=rows[n + 40]) for n in range(20, 40)])
        wanted = {n: rows[n] for n in range(60) if n % 3} | {n: rows[n + 40] for n in range(20, 40)}
        found = _vectors(store, list(wanted))
        cosines = (found * np.stack(list(wanted.values()))).sum(axis=1) / np.linalg.norm(found, axis=1)
        assert (cosines >= self.closeness).all(), "if this fails, rows moved and their ids did not move with them"

    def test_vectors_are_copies(self) -> None:
        """Nobody outside can change what the store holds, neither through what went in nor through what came out."""
        store = self.make()
        mine = unit_rows(1)[0].copy()
        store.add([make_memory(1, vector=mine)])
        before = _vectors(store, [1]).copy()
        mine[:] = 9
        _vectors(store, [1])[:] = 9
        assert (_vectors(store, [1]) == before).all(), "if this fails, the store keeps or hands out a view, not a copy"

    def test_nearest_are_the_exact_ones(self) -> None:
        """The ten nearest of 2,000 are those of brute force."""
        store, rows = self.make(), unit_rows(2040, seed=1)
        if not isinstance(store, Vectorial):
            skip_without("Vectorial")
        memories = [make_memory(n, vector=row) for n, row in enumerate(rows[:2000])]
        store.add(memories)
        shares = []
        for row in rows[2000:]:
            wanted = {hit.id for hit in nearest(memories, Query("", row), 10)}
            shares.append(len(wanted & {hit.id for hit in store.search(Query("", row), 10)}) / 10)
        assert np.mean(shares) >= self.recall_of_exact, (
            f"if this fails, the search is too coarse: {np.mean(shares):.3f}"
        )

    @pytest.mark.parametrize("fault", ["none", "short", "long", "flat", "nan", "inf"])
    def test_unusable_vectors_are_refused(self, fault: str) -> None:
        """A missing, wrong-sized or non-finite vector is a VectorError, and nothing of its batch is taken in."""
        store = self.make()
        if not isinstance(store, Vectorial):
            skip_without("Vectorial")
        row = unit_rows(1)[0]
        bad = {
            "none": None,
            "short": row[:-1],
            "long": np.append(row, row[:1]),
            "flat": row[None],
            "nan": np.where(np.arange(DIM) == 3, np.nan, row).astype(np.float32),
            "inf": np.where(np.arange(DIM) == 3, np.inf, row).astype(np.float32),
        }[fault]
        broken = replace(make_memory(50), vector=bad)
        store.add(make_memories(3))
        before = store.search(make_query("memory"), 9)
        for batch in ([broken], [make_memory(0, "changed"), make_memory(40), broken], [broken, make_memory(41)]):
            with pytest.raises(VectorError):
                store.add(batch)
            after = store.search(make_query("memory"), 9)
            assert after == before, "if this fails, a refused batch is half in: check all first"
        if bad is not None:
            with pytest.raises(VectorError):
                store.search(Query("memory", bad), 3)

    def test_a_first_batch_of_mixed_sizes_is_refused(self) -> None:
        """A new store refuses vectors of two sizes in one batch, and then takes either size."""
        store = self.make()
        if not isinstance(store, Vectorial):
            skip_without("Vectorial")
        short = make_memory(2, vector=unit_rows(1, dim=8)[0])
        with pytest.raises(VectorError):
            store.add([make_memory(1), short])
        assert len(store) == 0, "if this fails, a refused batch is half taken in"
        store.add([short])
        assert len(store) == 1, "if this fails, a refused batch has fixed the size of the vectors"


def _vectors(store: MemoryStore, numbers: list[int]) -> Vectors:
    if not isinstance(store, Vectorial):
        skip_without("Vectorial")
    found: Vectors = store.vectors([fake_id(number) for number in numbers])
    return found
