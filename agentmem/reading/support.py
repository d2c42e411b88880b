"""How far the recalled evidence supports an answer at all.

Was it said by the person asked about, in the words asked? A question about the wrong person finds the right words in
somebody else's mouth. The features compare the best memory of the people asked about with the best of all others; none
depends on the scale of the recall's scores.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agentmem.reading.relevance import FEATURES as PASSAGE_FEATURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentmem.reading.questions import Question
    from agentmem.reading.relevance import Passage

_COMPARED = ("covered", "covered_by_memory", "window_covered", "covered_names", "pairs")
_AT = {name: place for place, name in enumerate(PASSAGE_FEATURES)}
LEADERS = 5
FEATURES = (
    "intercept", "one_person",
    *(f"{part}_{name}" for name in _COMPARED for part in ("best", "asked_less_other", "other")),
    "first_by_asked", "leaders_by_asked", "stems", "when", "first_person", "asks_a_time",
)  # fmt: skip


def support_features(question: Question, found: Sequence[Passage]) -> npt.NDArray[np.float64]:
    """Return the features (F,) of a question and the passages recalled for it."""
    table = np.stack([p.features for p in found]) if found else np.zeros((1, len(PASSAGE_FEATURES)))
    asked, other = table[:, _AT["by_asked"]] > 0, table[:, _AT["by_other"]] > 0
    one = float(len(question.people) == 1)

    def best(rows: npt.NDArray[np.bool_], name: str) -> float:
        return float(table[rows, _AT[name]].max()) if rows.any() else 0.0

    compared: list[float] = []
    for name in _COMPARED:
        theirs, others = best(asked, name), best(other, name)
        compared += [float(table[:, _AT[name]].max()), one * (theirs - others), one * others]
    leaders: dict[int, bool] = {}
    for passage in found:
        leaders.setdefault(passage.rank, bool(passage.features[_AT["by_asked"]]))
    by_asked = [leaders[rank] for rank in sorted(leaders)[:LEADERS]]
    rest = (
        one * (by_asked[0] if by_asked else 0.0), one * sum(by_asked), len(question.stems), question.kind == "when",
        best(asked, "first_person"), question.when is not None,
    )  # fmt: skip
    return np.array([1.0, one, *compared, *rest], dtype=np.float64)


def logistic(score: float) -> float:
    """Return the probability of a logit."""
    return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, score))))


def logit(probability: float) -> float:
    """Return the logit of a probability, at most 40 in size."""
    inside = min(max(probability, 1e-17), 1 - 1e-16)
    return math.log(inside / (1 - inside))


def train_support(
    x: npt.NDArray[np.float64], answerable: npt.NDArray[np.bool_], decay: float = 10.0
) -> npt.NDArray[np.float64]:
    """Fit logistic regression with an L2 penalty of `decay` / 2 on standardised features, by Newton's method; (F,).

    The first column of `x` (n, F) is the constant, and free of the penalty.
    """
    mean, scale = x.mean(0), x.std(0)
    mean[0], scale[0] = 0.0, 1.0
    scale[scale < 1e-9] = np.inf
    z = (x - mean) / scale
    w = np.zeros(z.shape[1])
    penalty = np.full(z.shape[1], decay)
    penalty[0] = 1e-6
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(z @ w, -30, 30)))
        gradient = z.T @ (answerable - p) - penalty * w
        hessian = (z * (p * (1 - p))[:, None]).T @ z + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        w = w + step
        if np.abs(step).max() < 1e-8:
            break
    raw: npt.NDArray[np.float64] = w / scale
    raw[0] = w[0] - float((w[1:] * mean[1:] / scale[1:]).sum())
    return raw
