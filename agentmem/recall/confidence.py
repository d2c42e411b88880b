"""How sure recall is that the answer is in memory at all: a calibrated probability, from the best candidates.

The question is not whether something similar was found (something always is), but whether it was said by the person
asked about, whether it holds the question's words, and whether it stands out. Pure arithmetic over the candidates of
one question.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from agentmem.recall.signals import Array, Candidates, Seconds, over_neighbours

MARKS: tuple[str, ...] = (
    "dense",
    "cover",
    "cover_near",
    "unknown",
    "lead",
    "other_dense",
    "other_cover",
    "other_content",
    "somebody",
    "terms",
)
"""Names of the entries of `marks`, in order."""

WINDOW = {-2: 1.0, -1: 1.0, 0: 1.0, 1: 1.0, 2: 1.0}
BEST = 10


@dataclass(frozen=True, slots=True)
class Confidence:
    """A logistic model over `marks`: an intercept and (G,) weights."""

    intercept: float = 0.0
    values: tuple[float, ...] = (0.0,) * len(MARKS)

    def __call__(self, found: Seconds) -> float:
        """Return the probability in [0, 1] that the answer is in memory, from `marks`."""
        score = self.intercept + float(np.dot(found, self.values))
        return 1.0 / (1.0 + math.exp(-min(max(score, -30.0), 30.0)))


def marks(c: Candidates, scores: Array, content: Array) -> Seconds:
    """Return (G,) float64 marks of a question by its candidates, columns as `MARKS`.

    There must be at least one candidate. `scores` (n,) are the fused ones, `content` (n,) the same without what the
    speaker contributed. `dense` is the best cosine and `cover` the best idf-weighted share of the question's terms in
    one memory of the person asked about (of anybody where nobody is named), `cover_near` the same in a memory with its
    neighbours; `unknown` is the share of terms that no candidate holds. `lead` is how far the best stands above the
    next nine. The `other_` marks are by how much the best memory of somebody else beats the best of the person asked
    about: that person may never have said it. `somebody` is 1 where a speaker is named, `terms` log(1 + the number of
    terms).
    """
    n = c.n
    mass = max(float(c.idf.sum()), 1e-6)
    has = (c.counts > 0).astype(np.float32)
    cover = has[:n] @ c.idf / mass
    near = (over_neighbours(c, has, WINDOW)[:n] > 0) @ c.idf / mass
    theirs = c.named[:n] >= 0.5
    others = ~theirs
    both = bool(theirs.any() and others.any())
    mine = theirs if theirs.any() else others

    def beaten(values: Seconds | Array) -> float:
        return float(values[others].max() - values[theirs].max()) if both else 0.0

    best = np.sort(scores)[::-1][:BEST]
    return np.array(
        (
            c.dense[:n][mine].max(),
            cover[mine].max(),
            near[mine].max(),
            1.0 - float(c.idf @ has[:n].any(0)) / mass if len(c.idf) else 1.0,
            best[0] - best[1:].mean() if len(best) > 1 else 0.0,
            beaten(c.dense[:n]),
            beaten(cover),
            beaten(content),
            bool(others.any() or (c.named[:n] == 1.0).any()),
            math.log1p(len(c.idf)),
        ),
        dtype=np.float64,
    )
