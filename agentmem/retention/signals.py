"""The signals of memories: what encoding can say about the worth of keeping each, before anybody asks for it.

They are computed once and stored. Some look back on the memories before, never ahead; whoever erases one drops the
signals of those after it (`agentmem.ledger.fading.unsign`), and they are computed anew from what is left, so nothing of
the erased stays in them. That happens when they are next needed, so that writing costs nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from agentmem import registry
from agentmem.encoding.arousal import arousal
from agentmem.encoding.context import WINDOW, context_features
from agentmem.encoding.features import TEXT_FEATURES
from agentmem.errors import PluginNotFoundError
from agentmem.ledger import Ledger, fading
from agentmem.ledger.rows import floats
from agentmem.protocols import Appraiser
from agentmem.types import Floats, Memory, Vectors

SALIENCE = "salience"
"""The policy whose verdict is stored."""
NOVELTY, NOTED, SURPRISE = "novelty", "surprise", fading.NAMES.index("surprise")
"""What surprise is unless a language model is asked, where the ledger notes which it was, and its column."""
BEFORE = 50
"""Memories before that one is compared with for novelty."""
NEUTRAL = 0.5
CHUNK = 2_000
"""Memories that are signed at a time."""

Signals = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]


class Surprise(Protocol):
    """Says how surprising texts are by themselves, in place of their novelty."""

    @property
    def name(self) -> str:
        """What it is, so that signals made by another are made anew."""
        ...

    def __call__(self, texts: Sequence[str], /) -> Floats:
        """Return (n,) in [0, 1], each by its text alone."""
        ...


def sign(ledger: Ledger, embedder: str, progress: Progress | None = None, surprising: Surprise | None = None) -> int:
    """Compute and store the signals that are missing, a chunk a transaction; return how many there were.

    All of them are where another than `surprising` (None: novelty) was last asked what surprises.
    """
    by = NOVELTY if surprising is None else surprising.name
    if (ledger.meta(NOTED) or NOVELTY) != by:
        with ledger.connection.transaction():
            fading.unsign_all(ledger.connection)
            ledger.note(NOTED, by)
    missing, everything = fading.unsigned(ledger.connection), fading.living(ledger.connection)
    for start in range(0, len(missing), CHUNK):
        wanted = missing[start : start + CHUNK]
        rows = np.searchsorted(everything, wanted)
        for run in np.split(rows, np.flatnonzero(np.diff(rows) > WINDOW) + 1):
            before = max(int(run[0]) - WINDOW, 0)
            read = everything[before : int(run[-1]) + 1]
            memories = [m for chunk in ledger.read(seqs=read.tolist(), vectors=True, whole=False) for m in chunk]
            if len(memories) != len(read):
                continue  # erased meanwhile: the next call sees to the rest
            of_each = dict(fading.features(ledger.connection, read.tolist()))
            features = np.stack([floats(of_each[m.seq]) for m in memories])
            made = signals(memories, features, embedder)
            if surprising is not None:
                made[run - before, SURPRISE] = surprising([memories[row].text for row in run - before])
            fading.sign(ledger.connection, everything[run], made[run - before])
        if progress is not None:
            progress(min(start + CHUNK, len(missing)), len(missing))
    return len(missing)


def signals(memories: Sequence[Memory], features: Floats, embedder: str) -> Signals:
    """Return (n, 5) float32 in [0, 1], columns as `fading.NAMES`, of memories in ledger order.

    `features` (n, F) are their text features, `embedder` made their vectors. What a memory gets depends on itself and
    the `WINDOW` before it alone.
    """
    vectors = np.stack([m.vector for m in memories if m.vector is not None])
    context = context_features([(m.thread, m.text) for m in memories])
    columns = (
        arousal(vectors, [m.text for m in memories], embedder),
        importance(features),
        surprise(vectors),
        specificity(features),
        _salience(np.concatenate([features, context], axis=1), vectors, embedder),
    )
    return np.clip(np.stack(columns, axis=1), 0, 1).astype(np.float32)


def importance(features: Floats) -> Floats:
    """Return (n,) in [0, 1] how much each text states, by rule: LUFY asks a language model for this on a scale of ten.

    Statements in the first person, names, times and reasons raise it from .35; questions and small talk lower it.
    """
    of = dict(zip(TEXT_FEATURES, features.T[: len(TEXT_FEATURES)], strict=True))
    raised = 0.2 * (of["first_person"] > 0) + 0.15 * np.minimum(of["names"], 1) + 0.15 * np.minimum(of["time_words"], 1)
    lowered = 0.3 * of["asks"] + 0.6 * np.minimum(of["small_talk"], 0.5)
    return np.asarray(np.clip(0.35 + raised + 0.15 * of["reasons"] - lowered, 0, 1), np.float32)


def surprise(vectors: Vectors) -> Floats:
    """Return (n,) in [0, 1] how new each is: 1 less its largest cosine with the `BEFORE` before it."""
    found = np.ones(len(vectors), np.float32)
    for row in range(1, len(vectors)):
        # einsum, not @: the bits of a sum in BLAS depend on where a row stands
        alike = np.einsum("ij,j->i", vectors[max(row - BEFORE, 0) : row], vectors[row])
        found[row] = 1 - max(float(alike.max()), 0.0)
    return np.asarray(np.clip(found, 0, 1), np.float32)


def specificity(features: Floats) -> Floats:
    """Return (n,) in [0, 1): 1 - exp(-(names + times) / 2), of the counts behind the text features."""
    of = dict(zip(TEXT_FEATURES, features.T[: len(TEXT_FEATURES)], strict=True))
    return np.asarray(1 - np.exp(-(np.expm1(of["names"]) + np.expm1(of["time_words"])) / 2), np.float32)


def _salience(features: Floats, vectors: Vectors, embedder: str) -> Floats:
    """Return what the learned policy says is worth keeping; neutral where it is not installed."""
    try:
        policy = registry.make_policy(SALIENCE, {})
    except PluginNotFoundError:
        return np.full(len(features), NEUTRAL, np.float32)
    if not isinstance(policy, Appraiser):
        return np.full(len(features), NEUTRAL, np.float32)
    return policy.appraise(features, vectors, embedder)
