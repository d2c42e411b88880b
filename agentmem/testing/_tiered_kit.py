"""The part of the kit for stores that keep compressed memories as codes, beside those in full."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import pytest

from agentmem.encoding.quantise import corrected
from agentmem.errors import VectorError
from agentmem.protocols import MemoryStore, Snapshot, Tiered, Vectorial
from agentmem.testing._store_base import StoreKit, skip_without
from agentmem.testing.fakes import DIM, compressed, fake_id, make_memory, unit_rows
from agentmem.types import LEVELS, TIERS, Level, Memory, Query


class _Store(MemoryStore, Vectorial, Tiered, Protocol):
    pass


class TieredKit(StoreKit):
    """Tests of the ability `Tiered`."""

    spare: ClassVar[float] = 1e-3
    """How far below the bound of `corrected` a store may score a compressed memory, for what its full rows lose."""

    def test_a_compressed_copy_never_outranks_the_full_one(self) -> None:
        """Of three copies, in full, int8 and int4, no question scores a compressed one above the full one."""
        store, rows = self._tiered(), unit_rows(40)
        store.add(
            [_at(100 * place + n, row, level) for n, row in enumerate(rows) for place, level in enumerate(LEVELS)]
        )
        codes = [compressed(make_memory(n, vector=row), tier) for n, row in enumerate(rows) for tier in TIERS]
        errors = [m.vector - rows[m.seq] for m in codes if m.vector is not None]
        hard = np.array([e / np.linalg.norm(e) for e in errors if np.linalg.norm(e) > 0], np.float32)
        for query in np.concatenate([unit_rows(30, seed=1), rows, -rows, hard, -hard]):
            scores = dict(store.search(Query("", query), 200))
            assert len(scores) == 120, "if this fails, compressed memories are not all found"
            for n in range(40):
                copies = [scores[fake_id(100 * place + n)] for place in (1, 2)]
                assert max(copies) <= scores[fake_id(n)], "if this fails, a score is not lowered by what a code hides"

    def test_scores_are_bounds(self) -> None:
        """A compressed memory scores just below its dot product in full, in a search and when asked for."""
        store, rows = self._tiered(), unit_rows(60)
        memories = [_at(n, row, LEVELS[n % 3]) for n, row in enumerate(rows)]
        store.add(memories)
        ids = [*(memory.id for memory in memories[::-1]), fake_id(999)]
        for query in unit_rows(5, seed=2):
            scores = dict(store.search(Query("", query), 60))
            places, least = store.bounds(ids, query)
            cold = {m.id: corrected(m.code, query)[0] for m in memories if m.code is not None}
            assert [ids[place] for place in places] == [i for i in ids if i in cold], (
                "if this fails, bounds does not say in order which of the ids are compressed"
            )
            assert [scores[ids[place]] for place in places] == least.tolist(), "if this fails, there are two scores"
            for i, score in zip((ids[place] for place in places), least, strict=True):
                assert cold[i] - self.spare <= score <= cold[i], "if this fails, a bound is too low or too high"

    def test_the_best_are_the_best_of_all_tiers(self) -> None:
        """The ten nearest of 900 in three tiers are the first ten of all, also among the allowed."""
        store, rows = self._tiered(), unit_rows(910, seed=4)
        store.add([_at(n, row, LEVELS[n % 3]) for n, row in enumerate(rows[:900])])
        for query in rows[900:]:
            every = store.search(Query("", query), 900)
            assert store.search(Query("", query), 10) == every[:10], "if this fails, a tier is cut before it is merged"
            for allowed in (frozenset(map(fake_id, range(0, 900, 5))), frozenset({fake_id(1), fake_id(5000)})):
                wanted = [hit for hit in every if hit.id in allowed]
                found = store.search(Query("", query, allowed), 10)
                assert found == wanted[:10], "if this fails, a tier does not keep to what is allowed"

    def test_vectors_of_codes_are_decoded(self) -> None:
        """Compressed memories give back what their codes stand for, in the order asked; an unknown id gets zeros."""
        store, rows = self._tiered(), unit_rows(30)
        memories = [_at(n, row, LEVELS[n % 3]) for n, row in enumerate(rows)]
        store.add(memories)
        asked = [5, 0, 4, 29]
        found = store.vectors([*map(fake_id, asked), fake_id(77)])
        wanted = np.array([memories[n].vector for n in asked])
        assert found[:4] == pytest.approx(wanted, abs=1e-3), "if this fails, codes are muddled or decoded otherwise"
        assert not found[4].any(), "if this fails, an unknown id gets somebody's vector"

    def test_memories_change_tiers(self) -> None:
        """A memory that is added again in another tier is held once, in that one; of a batch the last counts."""
        store, row = self._tiered(), unit_rows(2)
        for level in ("full", "int8", "int4", "full", "int4", "int8"):
            store.add([_at(1, row[0], level), _at(2, row[1], "full")])
            assert len(store) == 2, f"if this fails, a memory that goes to {level} is held twice or lost"
            cold = store.bounds([fake_id(1), fake_id(2)], row[0])[0].tolist()
            assert cold == ([] if level == "full" else [0]), (
                f"if this fails, a memory stays where it was before {level}"
            )
        store.add([_at(3, row[0], "full"), _at(3, row[0], "int4"), _at(2, row[1], "int4"), _at(2, row[1], "full")])
        assert store.bounds([fake_id(3), fake_id(2)], row[0])[0].tolist() == [0], "if this fails, the first of two wins"

    def test_removed_codes_are_gone(self) -> None:
        """Removing takes compressed memories as any; a store emptied of them takes vectors of another size."""
        store, rows = self._tiered(), unit_rows(9)
        store.add([_at(n, row, LEVELS[n % 3]) for n, row in enumerate(rows)])
        gone = store.remove([fake_id(n) for n in (0, 1, 2, 50)])
        assert gone == {fake_id(0), fake_id(1), fake_id(2)}, "if this fails, remove misreports compressed memories"
        assert [fake_id(n) in store for n in range(4)] == [False, False, False, True]
        assert len(store.search(Query("", rows[1]), 20)) == 6, "if this fails, a removed code is still found"
        store.remove([fake_id(n) for n in range(9)])
        assert (len(store), store.search(Query("", rows[0]), 3)) == (0, [])
        store.add([_at(1, unit_rows(1, dim=8)[0], "int4")])
        assert store.vectors([fake_id(1)]).shape == (1, 8), "if this fails, an emptied store remembers a size"

    def test_a_store_of_codes_alone_works(self) -> None:
        """With every memory compressed a store searches, and refuses codes and questions of another size."""
        store, rows = self._tiered(), unit_rows(20)
        store.add([_at(n, row, TIERS[n % 2]) for n, row in enumerate(rows)])
        assert [store.search(Query("", row), 1)[0].id for row in rows] == [fake_id(n) for n in range(20)]
        for level in LEVELS:
            with pytest.raises(VectorError):
                store.add([_at(50, rows[0], level), _at(51, unit_rows(1, dim=DIM + 2)[0], level)])
            assert len(store) == 20, "if this fails, a refused batch is half in"
        with pytest.raises(VectorError):
            store.search(Query("", rows[0][:-1]), 3)

    def test_snapshots_keep_tiers(self, tmp_path: Path) -> None:
        """A loaded store has every memory in the tier in which it was saved, with the same scores."""
        store, other, rows = self._tiered(), self._tiered(), unit_rows(31)
        if not isinstance(store, Snapshot) or not isinstance(other, Snapshot):
            skip_without("Snapshot")
        for levels in (LEVELS, TIERS):
            folder = tmp_path / str(len(levels))
            folder.mkdir()
            store.remove([fake_id(n) for n in range(30)])
            store.add([_at(n, row, levels[n % len(levels)]) for n, row in enumerate(rows[:30])])
            store.save(folder)
            other.load(folder)
            query = Query("", rows[30])
            assert other.search(query, 30) == store.search(query, 30), "if this fails, codes change on the disk"
            ids = [fake_id(n) for n in range(30)]
            mine, theirs = store.bounds(ids, rows[30])[0], other.bounds(ids, rows[30])[0]
            assert theirs.tolist() == mine.tolist(), "if this fails, a snapshot forgets tiers"
            assert (other.vectors(ids) == store.vectors(ids)).all()

    def _tiered(self) -> _Store:
        store = self.make()
        if not isinstance(store, Tiered) or not isinstance(store, Vectorial):
            skip_without("Tiered")
        return store


def _at(number: int, row: np.ndarray, level: Level) -> Memory:
    memory = make_memory(number, vector=row)
    return memory if level == "full" else compressed(memory, level)
