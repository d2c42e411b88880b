"""What is derived from what, by scope: which memories a deriver reads together, what it made of them, what is stale.

A scope ("a thread", "a day", "a person") stands here as a keyed digest, never in words: a row of `stale` outlives the
memories whose erasure made it, until the scope is derived anew.

    scopes   the members of each scope, for each deriver; a member that goes makes its scopes stale (a trigger)
    derived  which deriver made a memory, of which scope
    stale    the scopes that must be derived anew, numbered, so that what became stale meanwhile stays so
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agentmem.ledger.connection import Connection
from agentmem.ledger.ledger import Ledger


class Stale(NamedTuple):
    """A scope that must be derived anew: by which deriver, its digest, and when it became so."""

    deriver: str
    scope: bytes
    number: int


def digest(ledger: Ledger, scope: str) -> bytes:
    """Return what stands for a scope in the ledger: 12 bytes, keyed by the space."""
    key = bytes(ledger.note_once("scope_key", secrets.token_bytes(32)))
    return hashlib.blake2b(scope.encode(), key=key, digest_size=12).digest()


def enroll(ledger: Ledger, deriver: str, members: Iterable[tuple[int, Sequence[str]]]) -> None:
    """Note of which scopes memories are members now, by seq; their old and new scopes are stale. In a transaction."""
    db = ledger.connection
    members = list(members)
    rows = [(deriver, digest(ledger, scope), seq) for seq, scopes in members for scope in scopes]
    seqs = [seq for seq, _ in members]  # those without a scope too: what was rewritten may have lost all
    db.all(
        "DELETE FROM scopes WHERE deriver = ? AND seq IN (SELECT value FROM json_each(?))",
        (deriver, json.dumps(seqs)),
    )
    db.many("INSERT OR IGNORE INTO scopes (deriver, scope, seq) VALUES (?, ?, ?)", rows)
    mark_stale(db, deriver, {scope for _, scope, _ in rows})


def mark_stale(db: Connection, deriver: str, scopes: Iterable[bytes]) -> None:
    """Note that scopes must be derived anew."""
    db.many(
        "INSERT OR REPLACE INTO stale (deriver, scope, number) "
        "VALUES (?, ?, (SELECT coalesce(max(number), 0) + 1 FROM stale))",
        [(deriver, scope) for scope in sorted(scopes)],
    )


def stale(db: Connection, derivers: Sequence[str], limit: int = -1) -> list[Stale]:
    """Return the scopes of these derivers that must be derived anew, the oldest first."""
    sql = (
        "SELECT deriver, scope, number FROM stale WHERE deriver IN (SELECT value FROM json_each(?)) "
        "ORDER BY number LIMIT ?"
    )
    return [Stale(*row) for row in db.all(sql, (json.dumps(list(derivers)), limit))]


def fresh(db: Connection, done: Stale) -> None:
    """Note that a scope was derived anew, unless it became stale once more meanwhile."""
    db.all("DELETE FROM stale WHERE deriver = ? AND scope = ? AND number <= ?", tuple(done))


def members(db: Connection, of: Stale) -> list[int]:
    """Return the seqs of a scope's members that can be recalled, in ledger order."""
    sql = (
        "SELECT seq FROM scopes JOIN memories USING (seq) WHERE deriver = ? AND scope = ? AND suppressed = 0 "
        "ORDER BY seq"
    )
    return [seq for (seq,) in db.all(sql, (of.deriver, of.scope))]


def made(db: Connection, of: Stale) -> dict[str, int]:
    """Return what was derived of a scope: origin to seq, of what can be recalled."""
    sql = "SELECT origin, seq FROM derived JOIN memories USING (seq) WHERE deriver = ? AND scope = ? AND suppressed = 0"
    return {origin or f"seq:{seq}": seq for origin, seq in db.all(sql, (of.deriver, of.scope))}


def note_made(db: Connection, of: Stale, seqs: Iterable[int]) -> None:
    """Note that memories were derived of a scope."""
    db.many("INSERT INTO derived (seq, deriver, scope) VALUES (?, ?, ?)", [(s, of.deriver, of.scope) for s in seqs])


def replace(db: Connection, seqs: Iterable[int]) -> None:
    """Take away what a newer derivation stands for; what was derived from it keeps its sources as parents."""
    gone = [(seq,) for seq in sorted(seqs, reverse=True)]
    db.many(
        "INSERT OR IGNORE INTO lineage (child, parent) SELECT c.child, p.parent FROM lineage c "
        "JOIN lineage p ON p.child = c.parent WHERE c.parent = ?",
        gone,
    )
    db.many("DELETE FROM lineage WHERE parent = ?", gone)
    db.many("DELETE FROM memories WHERE seq = ?", gone)
    db.many("INSERT INTO changes (seq) VALUES (?)", gone)
