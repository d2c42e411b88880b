"""Taking traces from a ledger: the arrays that policies look at, as of a moment."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from agentmem.ledger import Ledger, fading
from agentmem.ledger.fading import Seqs
from agentmem.ledger.rows import micros
from agentmem.traces import DIFFICULTY_MAX, DIFFICULTY_MIN, STABILITY_MIN, Codes, Traces
from agentmem.types import KINDS, MemoryId

DAY = 86_400e6
"""Microseconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """The traces of n memories in ledger order, whose they are, and how far their vectors are compressed: 0, 1, 2."""

    seqs: Seqs
    ids: list[MemoryId]
    traces: Traces
    tiers: Codes


def take(ledger: Ledger, now: datetime, seqs: Collection[int] | None = None) -> Taken:
    """Return the traces of all memories that can be recalled, or of some, as they are `now`.

    What was said later than `now` has the age 0. Signals that are not computed yet are neutral.
    """
    found = fading.traced(ledger.connection, seqs)
    if not found:
        return Taken(np.empty(0, np.int64), [], Traces.of(0), np.empty(0, np.int8))
    columns = list(zip(*found, strict=True))
    seq, ids, kind, said, used, uses, unused, stability, difficulty, *signals, size, protected, tier = columns
    moment = micros(now)
    age = np.maximum(moment - np.array(said, np.int64), 0) / DAY
    last = np.array([u or s for s, u in zip(said, used, strict=True)], np.int64)
    signed = {
        name: np.array([np.nan if value is None else value for value in column])
        for name, column in zip(fading.NAMES, signals, strict=True)
    }
    return Taken(
        np.array(seq, np.int64),
        list(ids),
        Traces.of(
            len(found),
            age=age,
            rest=np.maximum(moment - last, 0) / DAY,
            uses=np.array([u or 0 for u in uses]),
            unused=np.array([u or 0 for u in unused]),
            stability=np.maximum(np.array([1.0 if s is None else s for s in stability]), STABILITY_MIN),
            difficulty=np.clip(np.array([5.0 if d is None else d for d in difficulty]), DIFFICULTY_MIN, DIFFICULTY_MAX),
            size=np.array(size),
            kind=np.array([KINDS.index(k) for k in kind]),
            protected=np.array(protected, bool),
            **{name: np.where(np.isnan(column), 0.5, column) for name, column in signed.items()},
        ),
        np.array(tier, np.int8),
    )
