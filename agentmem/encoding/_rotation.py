"""A fixed rotation that spreads a vector evenly over its coordinates, so that few bits a coordinate suffice.

Seeded signs and Walsh-Hadamard butterflies (Ailon and Chazelle, "The fast Johnson-Lindenstrauss transform", 2009),
drawn from no data: it can remember nothing. Where the size is no power of two, one transform covers the beginning and
one the end. Sums of pairs only: a row turns into the same bits whatever rows it is turned with.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

_ROUNDS = 2
"""Of signs and butterflies; the second mixes what the first left apart at the ends."""


def rotate(rows: npt.NDArray[np.floating]) -> Matrix:
    """Return (n, dim) float64 the rows turned: lengths and dot products stay as they were."""
    turned = np.array(rows, np.float64, ndmin=2)
    for sign in _signs(turned.shape[1]):
        turned *= sign
        for part in _parts(turned):
            _transform(part)
    return turned


def rotate_back(rows: npt.NDArray[np.floating]) -> Matrix:
    """Return (n, dim) float64 what `rotate` made the rows of."""
    turned = np.array(rows, np.float64, ndmin=2)
    for sign in _signs(turned.shape[1])[::-1]:
        for part in _parts(turned)[::-1]:
            _transform(part)
        turned *= sign
    return turned


def _parts(rows: Matrix) -> list[Matrix]:
    """Return views of the columns that are transformed, in order: all of them, or the first and then the last."""
    dim = rows.shape[1]
    size = 1 << (dim.bit_length() - 1)
    return [rows] if size == dim else [rows[:, :size], rows[:, dim - size :]]


def _transform(rows: Matrix) -> None:
    """Apply the orthonormal Walsh-Hadamard transform, which is its own inverse, to rows of 2^k columns, in place."""
    dim = rows.shape[1]
    step = 1
    while step < dim:
        for start in range(0, dim, 2 * step):
            left, right = rows[:, start : start + step], rows[:, start + step : start + 2 * step]
            difference = left - right
            left += right
            right[:] = difference
        step *= 2
    rows *= dim**-0.5


@cache
def _signs(dim: int) -> Matrix:
    """Return (rounds, dim) of 1 and -1, the same in every process and with every version of NumPy."""
    drawn = hashlib.shake_256(f"agentmem rotation {dim}".encode()).digest(-(-dim // 8) * _ROUNDS)
    bits = np.unpackbits(np.frombuffer(drawn, np.uint8).reshape(_ROUNDS, -1), axis=1)[:, :dim]
    return bits.astype(np.float64) * 2 - 1
