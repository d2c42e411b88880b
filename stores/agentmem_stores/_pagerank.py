"""Personalized PageRank over an undirected weighted graph, many questions at once, by conjugate gradients.

The rank is y = (I - d A D^-1)^-1 p, scaled to sum 1, with the weights A (symmetric), the degrees D, the reset p and the
damping d: the probability of following a link. Haveliwala, "Topic-Sensitive PageRank" (2002). A node without links
gives what it has back to the reset, as in networkx, which only scales the sum.

Because A is symmetric, u = D^-1 y solves (D - d A) u = p, which is positive definite with a condition number of at
most (1 + d) / (1 - d) under the preconditioner D. At d = .5 each step shrinks the error to .27 or less, a power
iteration only to .5, and on graphs that mix quickly conjugate gradients gain more. The error has a bound that is known
while it runs: |y_v - exact| <= sqrt(deg_v) |D^-1/2 r| / (1 - d), where r is the residual. A itself is never scaled, so
that an edge can change without touching its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from agentmem.errors import InputError

TOLERANCE = 1e-9
"""Largest error of a rank, absolute."""
_MOST_STEPS = 10_000

Ranks = npt.NDArray[np.floating[Any]]
Product = Callable[[Ranks], Ranks]


def pagerank(matrix: Any, resets: Ranks, *, damping: float = 0.5, tolerance: float = TOLERANCE) -> Ranks:
    """Return the ranks for one reset (n,) or for several (n, q), each summing to 1, in the precision of the matrix.

    `matrix` is a symmetric scipy sparse matrix of weights >= 0; a reset is any weights >= 0. A reset of zeros gives
    zeros. With a matrix of float32 the tolerance is at least 1e-7. Raises InputError for what is no graph or no reset.
    """
    if matrix.shape[0] != matrix.shape[1] or resets.shape[:1] != matrix.shape[:1]:
        raise InputError(f"a graph of {matrix.shape} does not fit resets of {resets.shape}: one row a node")
    if len(matrix.data) and not matrix.data.min() >= 0:
        raise InputError("a weight of the graph is negative or nan; PageRank needs weights of 0 and more")
    degrees = np.asarray(matrix.sum(axis=1)).ravel()
    return pagerank_of(matrix.__matmul__, degrees, resets, damping=damping, tolerance=tolerance)


def pagerank_of(
    product: Product,
    degrees: Ranks,
    resets: Ranks,
    *,
    damping: float = 0.5,
    tolerance: float = TOLERANCE,
    wanted: npt.NDArray[np.int64] | None = None,
) -> Ranks:
    """Return the ranks of a graph that is known by its product with vectors and by its degrees (n,).

    The tolerance is that of the nodes `wanted`, by default of all. The bound grows with the degree, so where hubs are
    not among them it is met some steps earlier; the ranks of the others are then that much less exact.
    """
    if not 0 <= damping < 1:
        raise InputError(f"a damping of {damping} never resets; choose 0 <= damping < 1, such as 0.5")
    if resets.size and not (np.isfinite(resets).all() and resets.min() >= 0):
        raise InputError("a reset holds a negative number, nan or inf; it is made of weights of 0 and more")
    kind: type[np.floating[Any]] = np.float32 if degrees.dtype == np.float32 else np.float64
    tolerance = max(tolerance, 1e-7) if kind is np.float32 else tolerance
    columns = resets if resets.ndim == 2 else resets[:, None]
    sums = columns.sum(axis=0, dtype=np.float64)
    start: Ranks = (columns / np.where(sums > 0, sums, 1)).astype(kind)
    linked = degrees > 0
    scale: Ranks = np.where(linked, degrees, 1).astype(kind)[:, None]
    reset: Ranks = np.where(linked[:, None], start, kind(0))
    most = float((scale if wanted is None else scale[wanted]).max(initial=1))
    ranks: Ranks = _solve(product, scale, linked[:, None], reset, damping, tolerance / math.sqrt(most)) * scale
    ranks[~linked] = start[~linked]
    totals = ranks.sum(axis=0, dtype=np.float64)
    ranks /= np.where(totals > 0, totals, 1).astype(kind)
    shaped: Ranks = ranks.reshape(resets.shape)
    return shaped


def _solve(
    product: Product,
    scale: Ranks,
    linked: npt.NDArray[np.bool_],
    reset: Ranks,
    damping: float,
    tolerance: float,
) -> Ranks:
    """Solve (D - d A) u = p for all columns; each stops changing once it is exact enough.

    The tolerance is that of a node of degree 1; that of any other is larger by the root of its degree.
    """
    goal = (tolerance * (1 - damping) / 2) ** 2
    kind = reset.dtype
    inverse = 1 / scale
    found = reset * inverse
    # The first guess is p, and what rank has forgotten of it: following links without end leads to each node in
    # proportion to its degree, whose product with the matrix is known. That spares a step.
    residual = kind.type(damping) * product(found)
    endless = np.where(linked, residual.sum(axis=0) / max(float(scale[linked].sum()), 1), 0).astype(kind)
    found += endless / kind.type(1 - damping)
    residual -= endless * scale
    towards = residual * inverse
    step = towards.copy()
    size = _dot(residual, towards)
    for _ in range(_MOST_STEPS):
        if not (size > goal).any():
            break
        spread = product(step)
        spread *= kind.type(-damping)
        spread += scale * step
        along = _dot(step, spread)
        length = np.where(size > goal, size / np.where(along > 0, along, 1), 0).astype(kind)
        found += length * step
        residual -= length * spread
        np.multiply(residual, inverse, out=towards)
        before, size = size, _dot(residual, towards)
        step *= (size / np.where(before > 0, before, 1)).astype(kind)
        step += towards
    return found


def _dot(one: Ranks, other: Ranks) -> npt.NDArray[np.float64]:
    """Return the inner product of each pair of columns."""
    products: npt.NDArray[np.float64] = np.einsum("ij,ij->j", one, other).astype(np.float64)
    return products
