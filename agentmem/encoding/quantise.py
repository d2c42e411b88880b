"""Vectors in 8 or 4 bits a coordinate, for memories that have gone cold, and scores that never flatter them.

Nothing is trained on the vectors: a quantiser that was would remember erased ones. int8 divides a row by its largest
coordinate; int4 turns the row by a fixed rotation, which leaves its coordinates all but normally distributed, and takes
the nearest of the sixteen levels that are best for a normal distribution (Max, "Quantizing for minimum distortion",
1960).

A row keeps its length and its `slack`: the angle between it and what its code stands for. Angles obey the triangle
inequality, so angle(q, row) <= angle(q, code) + slack, and a score made of the right-hand side is never above the true
dot product, whatever the query; no smaller correction has that property for every row with that slack. Where slacks
differ they reorder a tier, so that in int4 the smaller ones are raised to what most rows need: of the ten nearest of
2,760 turns of LoCoMo .953 then stay among the ten, else .938.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from agentmem.encoding._rotation import rotate, rotate_back
from agentmem.errors import InputError, VectorError
from agentmem.types import TIERS, Floats, Quantised, Tier, Vectors

_HALF = (0.1284, 0.3881, 0.6568, 0.9424, 1.2562, 1.6181, 2.0690, 2.7326)
LEVELS: Floats = np.array([-x for x in reversed(_HALF)] + list(_HALF), np.float32)
"""The 16 levels of least mean squared error for a standard normal variable (Max 1960, table I)."""

_BOUNDS = (LEVELS[1:].astype(np.float64) + LEVELS[:-1]) / 2
_FLOOR = {"int8": 0.0, "int4": 0.105}
"""Least slack. The levels leave asin(sqrt(.0095)) = .0976 radians of a long normal row."""
_ROUNDING = 1e-5
"""Taken off every cosine for what sums in float32 may round up (6e-8 an addition, some hundred of them in a row)."""
_BLOCK = 1024
"""Rows that are worked on at once: they stay in the processor's cache."""

_PAIRS = np.stack([np.tile(LEVELS, 16), np.repeat(LEVELS, 16)], axis=1).view(np.complex64)[:, 0].copy()
"""What a byte of two codes stands for: 256 pairs of float32, each looked up as if it were one complex number."""

Matrix = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8] | npt.NDArray[np.uint8]


def quantise(vectors: Vectors, tier: Tier, off: Floats | float = 0.0) -> Quantised:
    """Return the codes of (n, dim) rows of any length; a row gets the same code whatever rows it comes with.

    `off` (n,) are the angles by which the rows themselves may lie off what they stand for: slacks are that much larger.
    Raises VectorError for what is not a finite matrix, InputError for a tier that does not exist.
    """
    if tier not in TIERS:
        raise InputError(f"there is no tier {tier!r} of compressed vectors; use one of {', '.join(TIERS)}")
    rows = np.asarray(vectors, np.float64)
    if rows.ndim != 2 or not rows.shape[1] or not np.isfinite(rows).all():
        raise VectorError(
            f"vectors of shape {rows.shape} cannot be compressed: (n, dim) finite numbers were due; "
            "encode the texts again with one embedder"
        )
    more = np.broadcast_to(np.asarray(off, np.float64), len(rows))
    starts = range(0, len(rows), _BLOCK)
    parts = [_quantised(rows[start : start + _BLOCK], tier, more[start : start + _BLOCK]) for start in starts]
    return parts[0] if len(parts) == 1 else joined(tier, rows.shape[1], parts)


def coarser(quantised: Quantised, tier: Tier) -> Quantised:
    """Return codes of the same rows in a tier, made of those that there are; scores stay below the true ones."""
    return quantise(decode(quantised), tier, quantised.slacks)


def joined(tier: Tier, dim: int, parts: Sequence[Quantised]) -> Quantised:
    """Return the rows of the parts, all of that tier and size, as one; of no parts none."""
    parts = [*parts, _quantised(np.empty((0, dim)), tier, np.empty(0))]
    columns = zip(*((part.codes, part.lengths, part.norms, part.slacks) for part in parts), strict=True)
    return Quantised(tier, dim, *(np.concatenate(column) for column in columns))


def decode(quantised: Quantised) -> Vectors:
    """Return (n, dim) float32 what the codes stand for, with the lengths that the rows had."""
    norms = quantised.norms.astype(np.float64)
    scales = np.divide(quantised.lengths, norms, out=np.zeros_like(norms), where=norms > 0)
    rows: Vectors = (_values(quantised) * scales[:, None]).astype(np.float32)
    return rows if quantised.tier == "int8" else rotate_back(rows)  # in float32: three times as quick


def corrected(quantised: Quantised, query: Vectors, spare: float = 0.0, *, quick: bool = False) -> Matrix:
    """Return (n,) float64 the least dot product with the query that a row behind each code can have.

    Never above the dot product with the row itself (of a length that float32 has in full, 1e-37 or more), so that a
    compressed copy cannot outrank the full one. `spare` is taken off every cosine besides: what a full copy that is
    rounded itself may lose. `quick`: in half the time, but the last bits of a score may depend on where its row stands.

    Raises VectorError for a query of another size.
    """
    sought = np.asarray(query, np.float64)
    if sought.shape != (quantised.dim,):
        raise VectorError(
            f"the query has shape {sought.shape} where the compressed vectors have ({quantised.dim},); "
            "encode it with the embedder that filled the space"
        )
    length = float(_length(sought[None])[0])
    if length == 0:
        return np.zeros(len(quantised))
    turned = (sought / length if quantised.tier == "int8" else rotate(sought / length)[0]).astype(np.float32)
    found = np.empty(len(quantised))
    for start in range(0, len(quantised), _BLOCK):
        block = quantised[start : start + _BLOCK]
        values = _values(block)
        # einsum, not @: the bits of a sum in BLAS depend on where a row stands.
        dots = (values @ turned if quick else np.einsum("ij,j->i", values, turned)).astype(np.float64)
        cosines = np.divide(dots, block.norms, out=np.zeros_like(dots), where=block.norms > 0) - _ROUNDING
        angles = np.arccos(np.clip(cosines, -1, 1)) + block.slacks
        reach = length * block.lengths.astype(np.float64)
        found[start : start + _BLOCK] = reach * (np.cos(np.minimum(angles, np.pi)) - _ROUNDING - spare)
    return found


def _quantised(rows: Matrix, tier: Tier, off: Matrix) -> Quantised:
    lengths = _length(rows)
    turned = rows if tier == "int8" else rotate(rows)
    codes, values = _int8(turned) if tier == "int8" else _int4(turned, lengths)
    slacks = np.clip(_angles(turned, values) + off, _FLOOR[tier], np.pi)
    return Quantised(tier, rows.shape[1], codes, *(x.astype(np.float32) for x in (lengths, _length(values), slacks)))


def _int8(rows: Matrix) -> tuple[Codes, Matrix]:
    """Return codes, and their values: multiples of a 127th of the row's largest coordinate."""
    steps = np.abs(rows).max(axis=1, initial=0, keepdims=True) / 127
    values = np.rint(np.divide(rows, steps, out=np.zeros_like(rows), where=steps > 0))
    return values.astype(np.int8), values


def _int4(turned: Matrix, lengths: Matrix) -> tuple[Codes, Matrix]:
    """Return codes, two a byte with the earlier one low, and their values: levels in units of the mean coordinate."""
    unit = lengths[:, None] * turned.shape[1] ** -0.5
    codes = np.searchsorted(_BOUNDS, np.divide(turned, unit, out=np.zeros_like(turned), where=unit > 0))
    padded = np.pad(codes.astype(np.uint8), ((0, 0), (0, codes.shape[1] % 2)))
    return padded[:, ::2] | (padded[:, 1::2] << 4), LEVELS[codes].astype(np.float64)


def _values(quantised: Quantised) -> Vectors:
    """Return (n, dim) float32 the values of the codes, in units of the scales."""
    if quantised.tier == "int8":
        return quantised.codes.astype(np.float32)
    pairs: Vectors = _PAIRS.take(quantised.codes, mode="clip").view(np.float32)  # in two thirds of the time of []
    return np.ascontiguousarray(pairs[:, : quantised.dim])


def _length(rows: Matrix) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = np.sqrt((rows * rows).sum(axis=1))
    return found


def _angles(one: Matrix, other: Matrix) -> npt.NDArray[np.float64]:
    """Return (n,) radians between rows, exact for small angles too (Kahan); 0 where a row is zero."""
    a, b = _length(one), _length(other)
    usable = (a > 0) & (b > 0)
    u = np.divide(one, a[:, None], out=np.zeros_like(one), where=usable[:, None])
    v = np.divide(other, b[:, None], out=np.zeros_like(other), where=usable[:, None])
    found: npt.NDArray[np.float64] = 2 * np.arctan2(_length(u - v), _length(u + v))
    return np.where(usable, found, 0)
