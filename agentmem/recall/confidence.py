"""How sure recall is that the answer is in memory at all: a calibrated probability, from the best candidates.

The question is not whether something similar was found (something always is), but whether it was said by the person
asked about, whether it holds the question's words, and whether it stands out. Pure arithmetic over the candidates of
one question.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agentmem.encoding.features import TEXT_FEATURES
from agentmem.recall.signals import Array, Candidates, Seconds

MARKS: tuple[str, ...] = (
    *("dense", "cover", "others_share", "others_statement"),
    *("nobody", "nobody_dense", "nobody_cover"),
)
"""Names of the entries of `marks`, in order."""

NOBODY = 0.5
"""What stands in `Candidates.named` where nobody is named."""

ABSTAIN_BELOW = 0.6
"""Confidence below which a reader should say that it does not know; trained on a quarter of unanswerable questions."""

BEST = 20
COVER = 0.5
"""What covering all of a question's terms is worth, in cosine, when one statement is held against another."""
ASKS, FIRST_PERSON = TEXT_FEATURES.index("asks"), TEXT_FEATURES.index("first_person")


@dataclass(frozen=True, slots=True)
class Confidence:
    """A logistic model over `marks`: an intercept and (G,) weights."""

    intercept: float = 0.0
    values: tuple[float, ...] = (0.0,) * len(MARKS)

    def __call__(self, found: Seconds) -> float:
        """Return the probability in [0, 1] that the answer is in memory, from `marks`."""
        score = self.intercept + float(np.dot(found, self.values))
        return 1.0 / (1.0 + math.exp(-min(max(score, -30.0), 30.0)))


def marks(c: Candidates, content: Array) -> Seconds:
    """Return (G,) float64 marks of a question by its candidates, columns as `MARKS`; (n,) >= 1 candidates.

    `content` (n,) are the fused scores without what the speaker contributed. `dense` is the best cosine. `cover` is the
    best idf-weighted share of the question's terms in one memory of the person asked about (of anybody where nobody is
    named). The last two say whether it was somebody else: `others_share`, which part of the softmax over the best
    `content` is not the person's; `others_statement`, by how much the best matching first-person statement of somebody
    else beats that of the person. Both are 0 where nobody else speaks.

    A question that names nobody says less about itself, so it is judged by a line of its own: `nobody` is then 1, the
    best cosine and cover stand in the last two marks, and the first four are 0.
    """
    n = c.n
    dense = c.dense[:n].astype(np.float64)
    cover = (c.counts[:n] > 0) @ c.idf / max(float(c.idf.sum()), 1e-6)
    others = c.named[:n] < 0.5
    theirs = ~others
    share = beats = 0.0
    if theirs.any() and others.any():
        best = np.argsort(-content, kind="stable")[:BEST]
        odds = np.exp(np.asarray(content, np.float64)[best] - content[best[0]])
        share = float(odds[others[best]].sum() / odds.sum())
        match = dense + COVER * cover
        states = (c.features[:n, ASKS] < 0.5) & (c.features[:n, FIRST_PERSON] > 0)
        beats = _best(match, others & states) - _best(match, theirs & states)
    if (c.named[:n] == NOBODY).all():
        return np.array((0, 0, 0, 0, 1, dense.max(), cover.max()), np.float64)
    asked = theirs if theirs.any() else others
    return np.array((dense.max(), cover[asked].max(), share, beats, 0, 0, 0), np.float64)


def _best(match: Seconds, among: npt.NDArray[np.bool_]) -> float:
    return float(match[among].max() if among.any() else match.min())
