"""The adversary: who may ask two spaces what he likes, and must say which of them has forgotten something, and what.

One space has forgotten, the other never knew. The *blind* adversary scores single answers by what they show:
confidence, scores, how many. The *informed* one knows all that is left, builds it anew himself, and scores each answer
by how far it is from that of his own copy, which finds any difference there is. Each is worth 2 |AUC - 1/2|
(Adv_exist): 0 if the two spaces cannot be told apart, 1 if always. Who is to name what was forgotten among candidates
takes the one that is said most by answers which his copy does not hold, or else the one whose answer is farthest from
his copy's: (right - 1/n) / (1 - 1/n) for n candidates (Adv_id).

How long an answer took is reported beside that, with its interval: on a busy machine it says something of the machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agentmem.encoding.words import terms
from agentmem.proof.asking import Asker, Reply
from agentmem.proof.equivalence import ROUNDING, jaccard, scores_apart
from agentmem.types import Finding

MOST = 0.02
"""Advantage at most of a space that has forgotten exactly."""
FALSE_ALARMS = 0.01
Z = 2.576
"""Half the width of a 99 % interval, in standard errors."""

FEATURES: Mapping[str, Callable[[Reply], float]] = {
    "confidence": lambda reply: reply.confidence,
    "best score": lambda reply: reply.scores[0] if reply.scores else -math.inf,
    "sum of scores": lambda reply: math.fsum(reply.scores),
    "lead": lambda reply: reply.scores[0] - reply.scores[1] if len(reply.scores) > 1 else 0.0,
    "answers": lambda reply: float(len(reply.scores)),
}


@dataclass(frozen=True, slots=True)
class Advantage:
    """What an adversary gains by asking `queries` questions of each space, in [0, 1]; by what he looks at in `by`.

    `tpr` is the share of answers by which the informed one knows the space that forgot, at 1 % false alarms. `identity`
    is the gain in naming what was forgotten among `candidates`. `timing` is the AUC of how long answers took and the
    half-width of its 99 % interval.
    """

    queries: int
    by: Mapping[str, float] = field(default_factory=dict)
    tpr: float = 0.0
    identity: float = 0.0
    candidates: int = 0
    timing: tuple[float, float] = (0.5, 0.5)

    @property
    def exist(self) -> float:
        """The largest gain in telling that something was forgotten."""
        return max(self.by.values(), default=0.0)

    @property
    def holds(self) -> bool:
        """Whether no adversary gains more than what is bearable."""
        return self.queries > 0 and max(self.exist, self.identity, self.tpr) <= MOST

    def finding(self) -> Finding:
        """Return it in words."""
        best = max(self.by, key=lambda name: self.by[name], default="nothing")
        seen = f"advantage {self.exist:.3f} with {self.queries} questions, TPR {self.tpr:.3f} at 1 % false alarms"
        if self.exist > MOST:
            seen += f"; told by {best}"
        if self.candidates:
            seen += f"; {self.identity:.3f} in naming what it was among {self.candidates}"
        tells = abs(self.timing[0] - 0.5) > self.timing[1]
        seen += f"; time {'may tell' if tells else 'tells nothing'} (AUC {self.timing[0]:.2f} ± {self.timing[1]:.2f})"
        mend = (
            "" if self.holds else "whoever asks can tell that something was forgotten: forget it with what came of it"
        )
        return Finding("adversary", self.holds, seen, mend)


def play(forgot: Asker, never: Asker, questions: Sequence[str], candidates: Sequence[Sequence[str]] = ()) -> Advantage:
    """Play the game with each question; `candidates` are lists of texts of which the first is what was forgotten.

    `never` is asked twice: once as the adversary's own copy, once as the space that never knew.
    """
    one, zero, own = [], [], []
    for n, question in enumerate(questions):
        own.append(never(question))  # first, so that both find the question's vector where it was put
        forgot(question)
        asked = (forgot, never) if n % 2 else (never, forgot)
        replies = [ask(question) for ask in asked]
        one.append(replies[0] if n % 2 else replies[1])
        zero.append(replies[1] if n % 2 else replies[0])
    far = np.array([apart(a, b) for a, b in zip(one, own, strict=True)])
    near = np.array([apart(a, b) for a, b in zip(zero, own, strict=True)])
    by = {name: _gain(np.array([f(r) for r in one]), np.array([f(r) for r in zero])) for name, f in FEATURES.items()}
    took = auc(np.array([r.seconds for r in one]), np.array([r.seconds for r in zero]))
    return Advantage(
        queries=len(questions),
        by={**by, "own copy": _gain(far, near)},
        tpr=_tpr(far, near),
        identity=_identity(forgot, never, candidates),
        candidates=min(map(len, candidates), default=0),
        timing=(took, _interval(len(one))),
    )


def apart(one: Reply, two: Reply) -> float:
    """Return how far two answers are apart: by scores, by confidence and by what they hold; 0 for the same."""
    far = max(scores_apart(one, two), abs(one.confidence - two.confidence), 1 - jaccard(one, two))
    return far if far > ROUNDING else 0.0


def auc(ones: npt.NDArray[np.float64], zeros: npt.NDArray[np.float64]) -> float:
    """Return the chance that one of the first is larger than one of the second, ties half (Mann and Whitney, 1947)."""
    if not len(ones) or not len(zeros):
        return 0.5
    ordered = np.sort(zeros)
    below = np.searchsorted(ordered, ones, "left")
    equal = np.searchsorted(ordered, ones, "right") - below
    return float((below + equal / 2).mean() / len(zeros))


def _gain(ones: npt.NDArray[np.float64], zeros: npt.NDArray[np.float64]) -> float:
    """Return 2 |AUC - 1/2|; values that rounding alone sets apart are the same."""
    digits = int(-math.log10(ROUNDING))
    return 2 * abs(auc(np.round(ones, digits), np.round(zeros, digits)) - 0.5)


def _tpr(far: npt.NDArray[np.float64], near: npt.NDArray[np.float64]) -> float:
    """Return the share of the first above what at most 1 % of the second are above."""
    if not len(near):
        return 0.0
    bar = np.sort(near)[max(math.ceil(len(near) * (1 - FALSE_ALARMS)) - 1, 0)]
    return float((far > bar).mean())


def _identity(forgot: Asker, never: Asker, candidates: Sequence[Sequence[str]]) -> float:
    """Return the gain in naming the first of each list; whoever cannot tell guesses among the equal."""
    if not candidates:
        return 0.0
    right, chance = 0.0, 0.0
    for texts in candidates:
        far = [_told(text, forgot, never) for text in texts]
        largest = [n for n, value in enumerate(far) if value == max(far)]
        right += (0 in largest) / len(largest)
        chance += 1 / len(texts)
    share, guessed = right / len(candidates), chance / len(candidates)
    return max((share - guessed) / (1 - guessed), 0.0) if guessed < 1 else 0.0


def _told(text: str, forgot: Asker, never: Asker) -> tuple[float, float]:
    """Return how much of a text is said by what the own copy does not hold, and how far the answers are apart."""
    one, own = forgot(text), never(text)
    strange = [key[1] for key in one.keys if key not in own.keys and key not in never(key[1]).keys]
    words = set(terms(text))
    said = max((len(words & set(terms(other))) for other in strange), default=0)
    return said / max(len(words), 1), apart(one, own)


def _interval(n: int) -> float:
    """Return half a 99 % interval of an AUC of n against n by chance."""
    return Z * math.sqrt((2 * n + 1) / (12 * n * n)) if n else 0.5
