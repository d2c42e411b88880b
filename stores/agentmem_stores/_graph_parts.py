"""What a graph is kept in: a weighted symmetric matrix whose edges change in place, and rows of vectors by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from agentmem.types import Floats, Vectors

_LATE = 4096
"""Edges that are always kept beside the matrix; more are merged into it as soon as they are a _PART of it."""
_PART = 16

Doubles = npt.NDArray[np.float64]


class Adjacency:
    """Weights between numbered nodes, undirected: a CSR matrix, and beside it the edges that came since it was made.

    The weight of an edge that has a place in the matrix is written there, 0 for one that went; any other is kept in a
    dict until there are enough to make the matrix anew. So a change costs what it touches, and nothing that was taken
    away has any weight left. A node is a number; numbers of freed nodes are used again.
    """

    def __init__(self) -> None:
        self._pointers = np.zeros(1, np.int32)
        self._columns = np.empty(0, np.int32)
        self._weights = np.empty(0, np.float64)
        self._late: dict[tuple[int, int], float] = {}
        self._free: list[int] = []
        self._size = 0
        self._made: tuple[Any, Any, Doubles] | None = None

    def __len__(self) -> int:
        """Return how many numbers are given out or free: the length of a vector over the nodes."""
        return self._size

    def node(self) -> int:
        """Return the number of a new node without edges."""
        self._made = None
        if self._free:
            return self._free.pop()
        self._size += 1
        return self._size - 1

    def free(self, node: int) -> None:
        """Take a node back; its edges must have been set to 0."""
        self._free.append(node)

    def set(self, one: int, other: int, weight: float) -> None:
        """Give an edge its weight, 0 for none; the order of the two nodes does not matter."""
        self._made = None
        here, there = self._place(one, other), self._place(other, one)
        if here >= 0:
            self._weights[here] = self._weights[there] = weight
            return
        pair = (min(one, other), max(one, other))
        if weight:
            self._late[pair] = weight
        else:
            self._late.pop(pair, None)

    def edges(self) -> Iterator[tuple[int, int, float]]:
        """Yield each edge once, the smaller number first, in no order that matters."""
        for node in range(len(self._pointers) - 1):
            at = slice(self._pointers[node], self._pointers[node + 1])
            for other, weight in zip(self._columns[at].tolist(), self._weights[at].tolist(), strict=True):
                if node < other and weight:
                    yield node, other, weight
        for (one, other), weight in self._late.items():
            yield one, other, weight

    @property
    def degrees(self) -> Doubles:
        """Return (n,) the sum of the weights at each node."""
        return self._parts()[2]

    def product(self, vectors: Any) -> Any:
        """Return the matrix times (n, q)."""
        main, late, _ = self._parts()
        found = main @ vectors
        if late.nnz:
            found += late @ vectors
        return found

    def _place(self, one: int, other: int) -> int:
        """Return where the matrix has a weight, or -1."""
        if one + 1 >= len(self._pointers):
            return -1
        begin, end = self._pointers[one], self._pointers[one + 1]
        at = begin + int(np.searchsorted(self._columns[begin:end], other))
        return int(at) if at < end and self._columns[at] == other else -1

    def _parts(self) -> tuple[Any, Any, Doubles]:
        """Return the matrix, what came late as another, and the degrees; made when first asked for after a change."""
        if self._made is None:
            from scipy.sparse import csr_array

            if len(self._late) > max(_LATE, len(self._columns) // _PART):
                self._merge()
            size, known = self._size, len(self._pointers) - 1
            pointers = np.append(self._pointers, np.full(size - known, self._pointers[-1], np.int32))
            main = csr_array((self._weights, self._columns, pointers), shape=(size, size))
            late = csr_array(_both_ways(self._late), shape=(size, size))
            degrees = np.asarray(main.sum(axis=1)).ravel() + np.asarray(late.sum(axis=1)).ravel()
            self._made = (main, late, degrees)
        return self._made

    def _merge(self) -> None:
        """Make the matrix anew from itself and what came late, without the edges that went."""
        from scipy.sparse import coo_array, csr_array

        rows = np.repeat(np.arange(len(self._pointers) - 1, dtype=np.int32), np.diff(self._pointers))
        alive = self._weights != 0
        weights, (ones, others) = _both_ways(self._late)
        whole = coo_array(
            (
                np.append(self._weights[alive], weights),
                (np.append(rows[alive], ones), np.append(self._columns[alive], others)),
            ),
            shape=(self._size, self._size),
        )
        merged = csr_array(whole)
        merged.sort_indices()
        self._pointers, self._columns = merged.indptr.astype(np.int32), merged.indices.astype(np.int32)
        self._weights, self._late = merged.data, {}


def _both_ways(edges: dict[tuple[int, int], float]) -> tuple[Doubles, tuple[Any, Any]]:
    """Return weights, rows and columns of the edges, each in both directions."""
    pairs = np.array(list(edges), np.int32).reshape(-1, 2)
    weights = np.fromiter(edges.values(), np.float64, len(edges))
    ones, others = pairs.T
    return np.append(weights, weights), (np.append(ones, others), np.append(others, ones))


class Rows:
    """Vectors by name in one growing array; the last row moves into the hole of a removed one."""

    def __init__(self) -> None:
        self._rows: Vectors = np.empty((0, 0), np.float32)
        self._place: dict[str, int] = {}
        self.names: list[str] = []

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._place

    @property
    def matrix(self) -> Vectors:
        """Return (n, dim) all rows, in the order of `names`; a view."""
        return self._rows[: len(self.names)]

    def add(self, name: str, row: Vectors) -> None:
        """Take a row in under a name that is new."""
        if not self.names:
            self._rows = np.empty((16, len(row)), np.float32)
        elif len(self.names) == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[len(self.names)] = row
        self._place[name] = len(self.names)
        self.names.append(name)

    def remove(self, name: str) -> None:
        """Drop a row, if it is there, and overwrite it."""
        hole = self._place.pop(name, None)
        if hole is None:
            return
        last = self.names.pop()
        if hole < len(self.names):
            self._rows[hole] = self._rows[len(self.names)]
            self.names[hole] = last
            self._place[last] = hole
        self._rows[len(self.names)] = 0

    def scores(self, sought: Vectors) -> Floats:
        """Return (n,) the dot product of each row with a vector: the same bits wherever a row stands, unlike BLAS's."""
        found: Floats = np.einsum("ij,j->i", self.matrix, sought.astype(np.float32))
        return found

    def near(self, names: Sequence[str], least: float) -> Iterable[tuple[str, str, float]]:
        """Yield (name, other, cosine) for all others at least that close to each of the names; unit rows are meant.

        Found by a product in single precision, then summed in double precision in one order, so that neither the order
        in which rows came nor the size of a batch moves a bit.
        """
        for start in range(0, len(names), 1024):
            some = [self._place[name] for name in names[start : start + 1024]]
            ones, others = np.nonzero(self.matrix[some] @ self.matrix.T >= least - 1e-4)
            for one, other in zip(np.array(some)[ones].tolist(), others.tolist(), strict=True):
                if one != other:
                    cosine = float((self._rows[one].astype(np.float64) * self._rows[other]).sum())
                    if cosine >= least:
                        yield self.names[one], self.names[other], cosine
