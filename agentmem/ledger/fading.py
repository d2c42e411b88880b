"""The tables of fading: signals of each memory, the traces that use leaves, and what may not fade.

Signals say something of the memories before, so whatever is erased takes those of the memories after it along; they
are computed anew when they are next needed (`agentmem.retention.signals`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agentmem.ledger import rows
from agentmem.ledger.connection import Connection
from agentmem.types import MemoryId

Seqs = npt.NDArray[np.int64]
NAMES = ("arousal", "importance", "surprise", "specificity", "salience")
"""Columns of the signals, in order."""


class Protection(NamedTuple):
    """Why a memory is spared by every sweep; under a `hold` nothing may erase it."""

    id: MemoryId
    hold: bool
    reason: str
    since: datetime


def living(db: Connection) -> Seqs:
    """Return the seqs (n,) of all memories that can be recalled, in order."""
    return np.array([s for (s,) in db.all("SELECT seq FROM memories WHERE suppressed = 0 ORDER BY seq")], np.int64)


def unsigned(db: Connection) -> Seqs:
    """Return the seqs (n,) of memories that can be recalled and have no signals yet, in order."""
    sql = "SELECT seq FROM memories WHERE suppressed = 0 AND seq NOT IN (SELECT seq FROM signals) ORDER BY seq"
    return np.array([s for (s,) in db.all(sql)], np.int64)


def sign(db: Connection, seqs: Seqs, signals: npt.NDArray[np.float32]) -> None:
    """Write signals (n, 5), columns as `NAMES`; those of memories that are gone meanwhile are passed over."""
    sql = (
        "INSERT OR REPLACE INTO signals (seq, arousal, importance, surprise, specificity, salience) "
        "SELECT seq, ?, ?, ?, ?, ? FROM memories WHERE seq = ? AND suppressed = 0"
    )
    with db.transaction():
        db.many(sql, [(*row, seq) for row, seq in zip(signals.tolist(), seqs.tolist(), strict=True)])


def unsign(db: Connection, gone: Collection[int], reach: int) -> None:
    """Drop the signals of the `reach` memories after each of the `gone`. The caller holds the transaction."""
    seqs = np.array([s for (s,) in db.all("SELECT seq FROM memories ORDER BY seq")], np.int64)
    if not len(seqs) or not gone:
        return
    first = np.searchsorted(seqs, np.sort(np.fromiter(gone, np.int64, len(gone))))
    edges = np.zeros(len(seqs) + 1, np.int64)
    np.add.at(edges, first, 1)
    # what is gone lies in between as well, so the reach is counted from the last of a run of gone ones
    ends = np.minimum(first + reach + len(gone), len(seqs))
    np.add.at(edges, ends, -1)
    db.many("DELETE FROM signals WHERE seq = ?", [(s,) for s in seqs[np.cumsum(edges[:-1]) > 0].tolist()])


def unsign_all(db: Connection) -> None:
    """Drop all signals: they are computed anew. The caller holds the transaction."""
    db.all("DELETE FROM signals")


def traced(db: Connection, seqs: Collection[int] | None = None) -> list[tuple[Any, ...]]:
    """Return rows of what a policy may look at, of all memories that can be recalled or of some, in ledger order.

    (seq, id, kind, said_at, last_used_at, uses, unused, stability, difficulty, the five signals, bytes of text and
    vector, 1 if protected, how far the vector is compressed: 0, 1, 2); times in microseconds, None where there is no
    trace or no signal.
    """
    sql = (
        "SELECT m.seq, m.id, m.kind, m.said_at, t.last_used_at, t.uses, t.unused, t.stability, t.difficulty, "
        "s.arousal, s.importance, s.surprise, s.specificity, s.salience, "
        "length(CAST(m.text AS BLOB)) + length(v.vector), p.seq IS NOT NULL, v.tier "
        "FROM memories m JOIN vectors v USING (seq) LEFT JOIN traces t USING (seq) LEFT JOIN signals s USING (seq) "
        "LEFT JOIN protections p USING (seq) WHERE m.suppressed = 0 "
    )
    if seqs is None:
        return db.all(sql + "ORDER BY m.seq")
    some = "AND m.seq IN (SELECT value FROM json_each(?)) ORDER BY m.seq"
    return db.all(sql + some, (json.dumps(sorted(seqs)),))


def reinforce(db: Connection, traces: Sequence[tuple[Any, ...]]) -> None:
    """Write rows of (uses to add, last_used_at, unused to add, stability, difficulty, seq); the caller holds the lock.

    Those of memories that are gone meanwhile are passed over.
    """
    db.many(
        "INSERT INTO traces (uses, last_used_at, unused, stability, difficulty, seq) "
        "SELECT ?, ?, ?, ?, ?, seq FROM memories WHERE seq = ? ON CONFLICT (seq) DO UPDATE SET "
        "uses = uses + excluded.uses, unused = unused + excluded.unused, "
        "last_used_at = max(last_used_at, excluded.last_used_at), "
        "stability = excluded.stability, difficulty = excluded.difficulty",
        traces,
    )


def protect(db: Connection, seqs: Collection[int], reason: str, now: datetime, *, hold: bool) -> None:
    """Protect memories; the newer reason stands."""
    sql = "INSERT OR REPLACE INTO protections (seq, hold, reason, since) VALUES (?, ?, ?, ?)"
    with db.transaction():
        db.many(sql, [(seq, int(hold), reason, rows.micros(now)) for seq in seqs])


def release(db: Connection, seqs: Collection[int]) -> None:
    """Take protections away."""
    with db.transaction():
        db.many("DELETE FROM protections WHERE seq = ?", [(seq,) for seq in seqs])


def protections(db: Connection) -> list[Protection]:
    """Return what is protected, in ledger order."""
    sql = "SELECT m.id, p.hold, p.reason, p.since FROM protections p JOIN memories m USING (seq) ORDER BY m.seq"
    return [Protection(i, bool(hold), reason, rows.moment(since)) for i, hold, reason, since in db.all(sql)]


def spared(db: Connection) -> Mapping[int, bool]:
    """Return the seqs of what is protected and of all it was derived from, and whether a hold is among the reasons."""
    sql = (
        "WITH RECURSIVE up (seq, hold) AS (SELECT seq, hold FROM protections UNION "
        "SELECT l.parent, up.hold FROM lineage l JOIN up ON l.child = up.seq) "
        "SELECT seq, max(hold) FROM up GROUP BY seq"
    )
    return {seq: bool(hold) for seq, hold in db.all(sql)}


def features(db: Connection, seqs: Collection[int]) -> list[tuple[int, bytes]]:
    """Return (seq, text features as a blob) of memories."""
    return db.all(
        "SELECT seq, features FROM memories WHERE seq IN (SELECT value FROM json_each(?))", (json.dumps(list(seqs)),)
    )
