"""Exact cosine search in NumPy: slow but obvious, the oracle that `episodic` is judged by.

Keeps the float32 vectors as they came and compares the query with every one of them. A compressed memory is kept as its
code and scored, by itself, by the least that its full vector can have.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from agentmem.encoding.quantise import Matrix, corrected
from agentmem.errors import VectorError
from agentmem.protocols import MemoryStore, Rows
from agentmem.types import Hit, Memory, MemoryId, Quantised, Query, Vectors


class Exact:
    """Brute force over float32 vectors; the score is the dot product, summed in float64, or what a code is sure of."""

    def __init__(self) -> None:
        self._vectors: dict[MemoryId, Vectors] = {}
        self._codes: dict[MemoryId, Quantised] = {}

    def add(self, memories: Sequence[Memory]) -> None:
        """Take memories in; raise VectorError, and take none, if one has no usable vector."""
        taken: dict[MemoryId, Vectors] = {}
        dim = self._dim
        for memory in memories:
            taken[memory.id] = _checked(memory.vector, dim, f"memory {memory.id}")
            dim = len(taken[memory.id])
        self._vectors.update(taken)
        for memory in memories:
            self._codes.pop(memory.id, None)
            if memory.code is not None:
                self._codes[memory.id] = memory.code

    def search(self, query: Query, k: int) -> list[Hit]:
        """Return the min(k, size) nearest, ties by id; raise VectorError for a query of another size."""
        ids = [i for i in self._vectors if query.allowed is None or i in query.allowed]
        if not ids or k <= 0:
            return []
        sought = _checked(query.vector, self._dim, "the query")
        rows = np.stack([self._vectors[i] for i in ids]).astype(np.float64)
        scores = (rows * sought).sum(axis=1)  # not `@`: there the sum of a row may depend on its neighbours
        places, least = self.bounds(ids, sought)
        scores[places] = least
        hits = [Hit(i, float(s)) for i, s in zip(ids, scores, strict=True)]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:k]

    def remove(self, ids: Collection[MemoryId]) -> frozenset[MemoryId]:
        """Drop the ids and return those that were there."""
        for i in ids:
            self._codes.pop(i, None)
        return frozenset(i for i in ids if self._vectors.pop(i, None) is not None)

    def vectors(self, ids: Sequence[MemoryId]) -> Vectors:
        """Return (n, dim) the vectors as they came, zeros for an unknown id; (n, 0) of an empty store."""
        found = np.zeros((len(ids), self._dim or 0), np.float32)
        for row, i in enumerate(ids):
            if i in self._vectors:
                found[row] = self._vectors[i]
        return found

    def bounds(self, ids: Sequence[MemoryId], query: Vectors) -> tuple[Rows, Matrix]:
        """Return which of the ids are compressed, as places (m,), and the score (m,) of each."""
        places = [place for place, i in enumerate(ids) if i in self._codes]
        scores = [corrected(self._codes[ids[place]], query)[0] for place in places]
        return np.array(places, np.int64), np.array(scores, np.float64)

    def __contains__(self, id: object) -> bool:  # noqa: A002 - the name in the protocol
        return id in self._vectors

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def _dim(self) -> int | None:
        return len(next(iter(self._vectors.values()))) if self._vectors else None


def _checked(vector: Vectors | None, dim: int | None, whose: str) -> Vectors:
    """Return a float32 copy of a usable vector."""
    if vector is None:
        raise VectorError(f"{whose} has no vector, and this store searches by vector; encode the text first")
    row = np.array(vector, np.float32)
    if row.ndim != 1 or not len(row) or (dim is not None and len(row) != dim):
        raise VectorError(
            f"{whose} has a vector of shape {row.shape} where this store holds ({dim or 'dim'},); "
            "encode it with the embedder that filled the space"
        )
    if not np.isfinite(row).all():
        raise VectorError(f"{whose} has a vector with nan or inf in it; encode the text again")
    return row


def make(config: Mapping[str, Any]) -> MemoryStore:
    """Make an empty store; it has nothing to configure."""
    if config:
        raise ValueError(f"the exact store has no settings, but was given {sorted(config)}; leave them out")
    return Exact()
