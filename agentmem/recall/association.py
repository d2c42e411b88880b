"""What goes with the first evidence: PageRank among the best candidates of a question, begun at what was found first.

A question may have several pieces of evidence, and some of them hardly a word of it. The nodes are the best candidates
by all other signals, linked to those whose vectors lie nearest; the reset is the softmax of the scores of the very
first. Rank that flows from there says what else belongs to the matter. Personalized PageRank (Haveliwala, 2002) over so
few nodes is solved exactly: x = (1 - d) (I - d P)^-1 r with the links P (columns sum to 1), the reset r, the damping d.
"""

from __future__ import annotations

import numpy as np

from agentmem.recall.signals import SIGNALS, Array, Seconds, standard

RANK = SIGNALS.index("pagerank")

NODES = 64
"""Candidates that are ranked: with 100 or all 200 evidence recall is the same within .001."""
SEEDS = 10
"""Of these, those at which rank begins."""
NEAREST = 8
"""Links of each node, besides those of others to it; between 5 and 12 it hardly matters."""
DAMPING = 0.5
"""Probability of following a link, as in HippoRAG."""
FLOOR = 1e-6
"""Rank that all the others have: what rank does not reach is alike."""


def associated(first: Array, vectors: Array) -> Seconds:
    """Return (n,) log ranks in deviations from their mean, from first scores (n,) and unit vectors (n, dim).

    Zeros for a single candidate, and where nobody gave vectors (dim is 0).
    """
    best = np.argsort(-first, kind="stable")[:NODES]
    if len(best) < 2 or not vectors.shape[1]:
        return np.zeros(len(first))
    rows = vectors[best].astype(np.float32)
    alike = np.maximum(rows @ rows.T, 0)
    np.fill_diagonal(alike, 0)
    last = max(len(best) - NEAREST, 0)
    links = np.where(alike >= np.partition(alike, last, axis=1)[:, last, None], alike, 0).astype(np.float64)
    links = np.maximum(links, links.T)
    reset = np.zeros(len(best))
    reset[:SEEDS] = np.exp(np.asarray(first[best[:SEEDS]], np.float64) - float(first[best[0]]))
    reset /= reset.sum()
    follow = links / np.maximum(links.sum(0), FLOOR)
    ranks = np.log(np.linalg.solve(np.eye(len(best)) - DAMPING * follow, (1 - DAMPING) * reset) + FLOOR)
    found = np.full(len(first), ranks.min())
    found[best] = ranks
    return standard(found)


def looked_twice(columns: Array, vectors: Array | None, values: Array) -> Array:
    """Return signals (n, S) with their column of ranks, which begins at what the others find by these weights (S,)."""
    first = columns * values
    first[:, RANK] = 0
    twice = columns.copy()
    twice[:, RANK] = 0 if vectors is None else associated(first.sum(1), vectors)
    return twice
