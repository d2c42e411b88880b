"""Vectors in three tiers, full, int8 and int4, searched as one: what fades takes less room and never gains rank."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, get_args

import numpy as np

from agentmem.encoding.quantise import Quantised, Tier, corrected, decode, joined, quantise
from agentmem.errors import InputError, MemoryNotFoundError, VectorError
from agentmem.types import Hit, MemoryId, Vectors

Level = Literal["full"] | Tier
LEVELS: tuple[Level, ...] = ("full", *get_args(Tier))
"""From the finest to the coarsest."""


class Tiers:
    """Rows by id, each in one tier; not safe to share between threads while it changes.

    Rows only go down: what was compressed cannot be made finer again but by putting its full vector.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._ids: dict[Level, list[MemoryId]] = {level: [] for level in LEVELS}
        self._level: dict[MemoryId, Level] = {}
        self._full: Vectors = np.empty((0, dim), np.float32)
        self._cold: dict[Tier, Quantised] = {tier: joined(tier, dim, ()) for tier in get_args(Tier)}

    def put(self, ids: Sequence[MemoryId], vectors: Vectors, level: Level = "full") -> None:
        """Take rows (n, dim) in at a level, known ids replaced; of an id given twice the last row counts.

        Raises InputError for an unknown level, VectorError for rows that do not match, and then changes nothing.
        """
        if level not in LEVELS:
            raise InputError(f"there is no tier {level!r} of vectors; use one of {', '.join(LEVELS)}")
        rows = np.asarray(vectors, np.float32)
        if rows.shape != (len(ids), self.dim) or not np.isfinite(rows).all():
            raise VectorError(
                f"vectors of shape {rows.shape} were given for {len(ids)} ids where finite ({len(ids)}, {self.dim}) "
                "were due; encode the texts with the embedder that filled the space"
            )
        last = {i: place for place, i in enumerate(ids)}
        rows = rows[list(last.values())]
        fresh = None if level == "full" else quantise(rows, level)
        self.remove(last)
        if level == "full" or fresh is None:
            self._full = np.concatenate([self._full, rows])
        else:
            self._cold[level] = joined(level, self.dim, (self._cold[level], fresh))
        self._ids[level].extend(last)
        self._level.update(dict.fromkeys(last, level))

    def compress(self, ids: Sequence[MemoryId], tier: Tier) -> None:
        """Move rows down to a tier; those in it, or below, stay. Raises MemoryNotFoundError for an id not held."""
        moving = [i for i in dict.fromkeys(ids) if LEVELS.index(self.level(i)) < LEVELS.index(tier)]
        if moving:
            self.put(moving, self.vectors(moving), tier)

    def remove(self, ids: Collection[MemoryId]) -> frozenset[MemoryId]:
        """Drop rows, and return the ids that were there; nothing of them stays in any array."""
        gone = frozenset(i for i in ids if i in self._level)
        for level in {self._level.pop(i) for i in gone}:
            kept = np.array([i not in gone for i in self._ids[level]], np.bool_)
            self._ids[level] = [i for i in self._ids[level] if i not in gone]
            if level == "full":
                self._full = self._full[kept]
            else:
                self._cold[level] = self._cold[level][kept]
        return gone

    def level(self, id: MemoryId) -> Level:  # noqa: A002 - the name in the protocols
        """Return the tier of a row. Raises MemoryNotFoundError for an id not held."""
        try:
            return self._level[id]
        except KeyError as error:
            raise MemoryNotFoundError(f"no vector of memory {id} is held; put it first") from error

    def vectors(self, ids: Sequence[MemoryId]) -> Vectors:
        """Return (n, dim) float32 rows, those of a compressed tier as they decode."""
        found = np.empty((len(ids), self.dim), np.float32)
        levels = [self.level(i) for i in ids]
        for level in set(levels):
            places = [place for place, at in enumerate(levels) if at == level]
            row = {i: number for number, i in enumerate(self._ids[level])}
            rows = [row[ids[place]] for place in places]
            found[places] = self._full[rows] if level == "full" else decode(self._cold[level][rows])
        return found

    def search(self, query: Vectors, k: int) -> list[Hit]:
        """Return the min(k, size) best rows of all tiers, ties by id: full rows by dot product, others by its bound.

        Raises VectorError for a query of another size.
        """
        sought = np.asarray(query, np.float32)
        if sought.shape != (self.dim,):
            raise VectorError(f"the query has shape {sought.shape} where ({self.dim},) was due; encode it as the rows")
        parts = [np.einsum("ij,j->i", self._full, sought).astype(np.float64)]
        parts += [corrected(rows, sought) for rows in self._cold.values()]
        ids = [i for level in LEVELS for i in self._ids[level]]
        best = sorted(zip(np.concatenate(parts).tolist(), ids, strict=True), key=lambda pair: (-pair[0], pair[1]))
        return [Hit(i, score) for score, i in best[: max(k, 0)]]

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return self._full.nbytes + sum(rows.nbytes for rows in self._cold.values())

    def __contains__(self, id: object) -> bool:  # noqa: A002 - the name in the protocols
        return id in self._level

    def __len__(self) -> int:
        return len(self._level)
