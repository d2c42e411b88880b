"""Which memories recalls brought back together, and which came next: seqs only, so that counts can be put right.

A trace counts how often a memory was used, and how often it was the runner-up. Who was the runner-up of what is then
forgotten would have been used without it; so the last `KEPT` recalls are noted, and a forgetting counts them again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from agentmem.ledger import rows
from agentmem.ledger.connection import Connection

KEPT = 10_000
"""Recalls that are noted, the last ones; about a megabyte. What older ones counted stays as it is."""


class Seen(NamedTuple):
    """One recall: what it brought back, best first, who came next (none or one), and when."""

    used: tuple[int, ...]
    runner_up: tuple[int, ...]
    at: datetime


def note(db: Connection, seen: Sequence[Seen]) -> None:
    """Note recalls; those of memories that are gone meanwhile are passed over. The caller holds the transaction."""
    named = {seq for recall in seen for seq in (*recall.used, *recall.runner_up)}
    sql = "SELECT seq FROM memories WHERE suppressed = 0 AND seq IN (SELECT value FROM json_each(?))"
    alive = {seq for (seq,) in db.all(sql, (json.dumps(sorted(named)),))}
    db.many(
        "INSERT INTO recalls (at, used, seqs) VALUES (?, ?, ?)",
        [
            (rows.micros(recall.at), len(recall.used), _packed([*recall.used, *recall.runner_up]))
            for recall in seen[-KEPT:]
            if alive.issuperset((*recall.used, *recall.runner_up))
        ],
    )
    db.all("DELETE FROM recalls WHERE number <= (SELECT max(number) FROM recalls) - ?", (KEPT,))


def withdraw(db: Connection, doomed: Collection[int]) -> None:
    """Count the noted recalls as if what is doomed had not been there. The caller holds the transaction."""
    found = db.all("SELECT number, at, used, seqs FROM recalls ORDER BY number")
    if not found or not doomed:
        return
    every = np.frombuffer(b"".join(row[3] for row in found), "<i8")
    of = np.repeat(np.arange(len(found)), [len(row[3]) // 8 for row in found])
    gone = np.isin(every, np.fromiter(doomed, np.int64, len(doomed)))
    for place in np.unique(of[gone]).tolist():
        number, at, used, _ = found[place]
        left = every[(of == place) & ~gone].tolist()
        before = every[of == place][:used].tolist()
        risen = [seq for seq in left[:used] if seq not in before]
        db.many(
            "UPDATE traces SET uses = uses + 1, unused = unused - 1, last_used_at = max(last_used_at, ?) WHERE seq = ?",
            [(at, seq) for seq in risen],
        )
        if left:
            db.all(
                "UPDATE recalls SET used = ?, seqs = ? WHERE number = ?", (min(used, len(left)), _packed(left), number)
            )
        else:
            db.all("DELETE FROM recalls WHERE number = ?", (number,))


def _packed(seqs: Sequence[int]) -> bytes:
    return np.array(seqs, "<i8").tobytes()
