"""What recalls leave: counted in memory while they happen, written in batches, by the space's own policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from agentmem.ledger import Ledger, fading, recalls, rows
from agentmem.protocols import RetentionPolicy
from agentmem.retention.taking import DAY, take
from agentmem.traces import Traces

BATCH = 500
"""Memories whose uses are counted before they are written at the next write of the space."""
MOST = 16
"""Uses within one batch that reinforce one after the other; more in so short a time teach nothing new."""


class Uses:
    """Counts of uses, and of being the runner-up, by seq, until they are written. Not safe for threads by itself."""

    def __init__(self) -> None:
        self.used: Counter[int] = Counter()
        self.unused: Counter[int] = Counter()
        self._last: dict[int, int] = {}
        self._seen: list[recalls.Seen] = []

    def __len__(self) -> int:
        return len(self.used) + len(self.unused)

    def note(self, used: Sequence[int], runner_up: Sequence[int], now: datetime) -> None:
        """Count one use of each, and of who came next, at a moment."""
        self.used.update(used)
        self.unused.update(runner_up)
        self._last.update(dict.fromkeys(used, rows.micros(now)))
        if used:
            self._seen.append(recalls.Seen(tuple(used), tuple(runner_up), now))

    def write(self, ledger: Ledger, policy: RetentionPolicy, now: datetime) -> None:
        """Reinforce what was used as the policy has it, write all down in one transaction, and begin to count anew."""
        db = ledger.connection
        with db.transaction():
            taken = take(ledger, now, self.used.keys() | self.unused.keys())
            uses = np.array([self.used[int(seq)] for seq in taken.seqs], np.int64)
            stability, difficulty = taken.traces.stability.copy(), taken.traces.difficulty.copy()
            left = np.flatnonzero(uses)
            moments = np.array([self._last[int(seq)] for seq in taken.seqs[left]], np.int64)
            current = _before(taken.traces.take(left), np.maximum(rows.micros(now) - moments, 0) / DAY)
            for turn in range(1, min(MOST, int(uses.max(initial=0))) + 1):
                current = policy.reinforce(current)
                stability[left], difficulty[left] = current.stability, current.difficulty
                again = uses[left] > turn
                left, current = left[again], current.take(again)
            fading.reinforce(
                db,
                [
                    (int(use), self._last.get(int(seq), 0), self.unused[int(seq)], float(s), float(d), int(seq))
                    for seq, use, s, d in zip(taken.seqs, uses, stability, difficulty, strict=True)
                ],
            )
            recalls.note(db, self._seen)
        self._seen.clear()
        self.used.clear()
        self.unused.clear()
        self._last.clear()


def _before(traces: Traces, days: npt.NDArray[np.float64]) -> Traces:
    """Return the traces as they were so many days (n,) ago."""
    earlier = {name: np.maximum(getattr(traces, name) - days, 0).astype(np.float32) for name in ("age", "rest")}
    return replace(traces, **earlier)
