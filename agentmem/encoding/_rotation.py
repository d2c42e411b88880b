"""A fixed rotation that spreads a vector evenly over its coordinates, so that few bits a coordinate suffice.

Seeded signs and Walsh-Hadamard butterflies (Ailon and Chazelle, "The fast Johnson-Lindenstrauss transform", 2009),
drawn from no data: it can remember nothing. Where the size is no power of two, one transform covers the beginning and
one the end. Sums of pairs only: a row turns into the same bits whatever rows it is turned with.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

_ROUNDS = 2
"""Of signs and butterflies; the second mixes what the first left apart at the ends."""


def rotate(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return (n, dim) the rows turned, in their own precision: lengths and dot products stay as they were."""
    columns = _columns(rows)
    for sign in _signs(len(columns)).astype(columns.dtype):
        columns *= sign[:, None]
        for part in _parts(columns):
            _transform(part)
    return columns.T.copy()


def rotate_back(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return (n, dim) what `rotate` made the rows of, in their own precision."""
    columns = _columns(rows)
    for sign in _signs(len(columns))[::-1].astype(columns.dtype):
        for part in _parts(columns)[::-1]:
            _transform(part)
        columns *= sign[:, None]
    return columns.T.copy()


def _columns(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a copy (dim, n): a coordinate of all rows lies together, so that a butterfly is one long sum."""
    return np.array(np.atleast_2d(rows).T, order="C")


def _parts(columns: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Return views of what is transformed, in order: all coordinates, or the first of them and then the last."""
    dim = len(columns)
    size = 1 << (dim.bit_length() - 1)
    return [columns] if size == dim else [columns[:size], columns[dim - size :]]


def _transform(columns: npt.NDArray[Any]) -> None:
    """Apply the orthonormal Walsh-Hadamard transform, which is its own inverse, to 2^k coordinates, in place."""
    dim, n = columns.shape
    step = 1
    while step < dim:
        pairs = columns.reshape(dim // (2 * step), 2, step, n)
        left, right = pairs[:, 0], pairs[:, 1]
        difference = left - right
        left += right
        right[:] = difference
        step *= 2
    columns *= dim**-0.5


@cache
def _signs(dim: int) -> Matrix:
    """Return (rounds, dim) of 1 and -1, the same in every process and with every version of NumPy."""
    drawn = hashlib.shake_256(f"agentmem rotation {dim}".encode()).digest(-(-dim // 8) * _ROUNDS)
    bits = np.unpackbits(np.frombuffer(drawn, np.uint8).reshape(_ROUNDS, -1), axis=1)[:, :dim]
    return bits.astype(np.float64) * 2 - 1
