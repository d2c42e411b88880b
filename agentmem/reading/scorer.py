"""A linear ranker of candidates, trained to maximise the expected reward of the one it picks; numpy only.

A softmax over the candidates of one question makes a policy, and its expected reward J (for answers, the F1 of the
candidate) is climbed by its exact gradient, `dJ/ds_i = p_i (r_i - J)`: REINFORCE (Williams 1992) over a list short
enough to need no sampling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Matrix = npt.NDArray[np.float32]
Group = tuple[Matrix, Matrix]
"""Features (n, F) and rewards (n,) of the candidates of one question."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranker:
    """One weight a feature, by name, so that a file of weights can be read by people and checked against the code."""

    names: tuple[str, ...]
    weights: Matrix

    def __call__(self, x: npt.NDArray[Any]) -> Matrix:
        """Score candidates, (n, F) to (n,)."""
        scores: Matrix = x.astype(np.float32, copy=False) @ self.weights
        return scores

    def to_json(self) -> dict[str, float]:
        """Return the weights by name; what is not there weighs nothing."""
        return {n: round(float(w), 4) for n, w in zip(self.names, self.weights, strict=True) if abs(w) >= 5e-5}

    @classmethod
    def from_json(cls, names: Sequence[str], data: dict[str, float]) -> Ranker:
        """Read what `to_json` wrote. Raises ValueError where it names features that do not exist."""
        unknown = data.keys() - set(names)
        if unknown:
            raise ValueError(f"weights for unknown features: {', '.join(sorted(unknown))}; train again")
        return cls(tuple(names), np.array([data.get(n, 0.0) for n in names], dtype=np.float32))


def train(
    names: Sequence[str],
    groups: Sequence[Group],
    *,
    decay: float = 0.01,
    epochs: int = 150,
    rate: float = 0.02,
    keep: int = 150,
    seed: int = 0,
) -> Ranker:
    """Train on groups; those without any reward teach nothing. Deterministic for a seed.

    At most `keep` candidates of a group are used: the best rewarded quarter and a random rest. `decay` weighs half the
    squared weights (of standardised features) in the loss; the optimiser is Adam (Kingma and Ba 2015).
    """
    rng = np.random.default_rng(seed)
    taken = [_thin(x, r, keep, rng) for x, r in groups if len(r) and r.max() > 0]
    if not taken:
        return Ranker(tuple(names), np.zeros(len(names), np.float32))
    x = np.concatenate([g[0] for g in taken]).astype(np.float32)
    r = np.concatenate([g[1] for g in taken]).astype(np.float32)
    sizes = np.array([len(g[1]) for g in taken])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    scale = x.std(0)
    scale[scale < 0.02] = np.inf  # what hardly ever varies gets no weight: it would be a huge one
    z = (x - x.mean(0)) / scale
    w = np.zeros(z.shape[1], np.float32)
    first, second = np.zeros_like(w), np.zeros_like(w)
    for step in range(1, epochs + 1):
        scores = z @ w
        scores -= np.repeat(np.maximum.reduceat(scores, starts), sizes)
        p = np.exp(scores)
        p /= np.repeat(np.add.reduceat(p, starts), sizes)
        expected = np.add.reduceat(p * r, starts)
        slope = z.T @ (p * (r - np.repeat(expected, sizes))) / len(taken) - decay * w
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        pace = rate * min(1.0, 2 * (1 - step / (epochs + 1)))
        w = w + pace * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
    return Ranker(tuple(names), (w / scale).astype(np.float32))


def log_softmax(scores: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the logarithm of the probabilities that scores (n,) stand for; n is at least 1."""
    shifted = scores.astype(np.float64) - scores.max()
    result: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum())
    return result


def _thin(x: Matrix, r: Matrix, keep: int, rng: np.random.Generator) -> Group:
    if len(r) <= keep:
        return x, r
    best = np.argsort(-r, kind="stable")[: keep // 4]
    rest = rng.choice(np.setdiff1d(np.arange(len(r)), best), keep - len(best), replace=False)
    chosen = np.sort(np.concatenate([best, rest]))
    return x[chosen], r[chosen]
