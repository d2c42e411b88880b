"""How much of what was recalled is worth its tokens.

A fixed number of memories spends as much on a question whose answer stands in the first as on one that needs many, and
as much on a long memory as on a short one. So each memory is judged by the evidence it can be expected to bring per
thousand tokens: the chance that it bears on the question, from how its score and rank compare, over its size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agentmem.recall.fitting import tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from agentmem.types import Evidence

FEATURES = ("one", "gap to the first", "log rank", "score", "lead of the first", "log tokens")
WEIGHTS = (-3.11, -0.53, -0.23, 0.37, -0.09, 0.07)
"""Of a logistic regression, whether a turn is evidence, over the 40 best turns for 760 questions of five LoCoMo
conversations; `python -m agentmem_evaluators._context_tokens` makes them anew, and measures with each left out."""
DEPTH = 40
"""Memories to recall and choose from, as many as the weights were learned on."""
LEAST = 0.2
"""Evidence per thousand tokens that a memory must be expected to bring, unless said otherwise: as much evidence as the
best 15 turns hold, for less than three quarters of their tokens."""


def features(evidence: Sequence[Evidence]) -> npt.NDArray[np.float64]:
    """Return (n, 6): what tells how likely each of the evidence, best first, bears on the question."""
    scores = np.array([e.score for e in evidence], dtype=np.float64)
    ranks = np.arange(len(scores))
    lead = scores[0] - scores[1] if len(scores) > 1 else 0.0
    sizes = np.log([tokens(e.memory) for e in evidence]) if evidence else np.empty(0)
    parts = (np.ones_like(scores), scores[:1] - scores, np.log1p(ranks), scores, lead * (ranks > 0), sizes)
    return np.stack(parts, axis=1)


def worth(evidence: Sequence[Evidence], weights: Sequence[float] = WEIGHTS) -> npt.NDArray[np.float64]:
    """Return (n,) the evidence that each memory can be expected to bring per thousand tokens."""
    chances = 1 / (1 + np.exp(-(features(evidence) @ np.asarray(weights))))
    sizes = np.array([tokens(e.memory) for e in evidence], dtype=np.float64)
    return np.asarray(1000 * chances / sizes, np.float64)


def worthwhile(
    evidence: Sequence[Evidence], least: float = LEAST, weights: Sequence[float] = WEIGHTS
) -> list[Evidence]:
    """Return what is worth its tokens, best first; always the first, and everything where `least` is 0.

    A memory with a fact that recall was asked for stays in any case: its score does not tell why it is there.
    """
    if not evidence:
        return []
    value = worth(evidence, weights)
    return [e for n, e in enumerate(evidence) if n == 0 or e.fact is not None or value[n] >= least]
