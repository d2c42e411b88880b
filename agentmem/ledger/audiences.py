"""Who may see a memory: nobody but its audience, where it has one; what is derived, only who may see all its parents.

A memory without rows is for everyone. `NOBODY` stands alone where the audiences of its parents have nobody in common.
What a memory was given itself is kept apart (`own_audiences`): when a parent goes, who may see what was derived from it
follows anew from that and from the parents that stay.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from agentmem.ledger.connection import Connection
from agentmem.ledger.rows import micros

NOBODY = ""
Audience = frozenset[str]


def of(db: Connection, seqs: Iterable[int]) -> dict[int, Audience]:
    """Return the audience of each memory that has one, by seq."""
    return _read(db, "audiences", seqs)


def own(db: Connection, seqs: Iterable[int]) -> dict[int, Audience]:
    """Return the audience that each memory was given itself, whatever its parents allow, where it was given one."""
    return _read(db, "own_audiences", seqs)


def _read(db: Connection, table: str, seqs: Iterable[int]) -> dict[int, Audience]:
    found: dict[int, set[str]] = defaultdict(set)
    sql = f"SELECT seq, principal FROM {table} WHERE seq IN (SELECT value FROM json_each(?))"  # noqa: S608 - ours
    for seq, principal in db.all(sql, (json.dumps(sorted(seqs)),)):
        found[seq].add(principal)
    return {seq: frozenset(names) for seq, names in found.items()}


def shared(own: Collection[str], parents: Iterable[Audience]) -> tuple[str, ...]:
    """Return who may see what is for `own` (empty: everyone) and follows from memories with these audiences."""
    sets = [frozenset(own)] if own else []
    sets += list(parents)
    if not sets:
        return ()
    return tuple(sorted(frozenset.intersection(*sets))) or (NOBODY,)


def set_for(db: Connection, seqs: Iterable[int], audience: Collection[str]) -> None:
    """Let memories, and all that was derived from them, be seen by `audience` alone (empty: what their parents allow).

    In a transaction. What is derived never gets a wider audience than its parents.
    """
    wanted = sorted(seqs)
    db.many("DELETE FROM own_audiences WHERE seq = ?", [(seq,) for seq in wanted])
    _insert(db, "own_audiences", dict.fromkeys(wanted, audience))
    follow(db, wanted)


def follow(db: Connection, seqs: Iterable[int]) -> None:
    """Let the audiences of memories, and of all that was derived from them, follow anew from what they were given.

    In a transaction; for when what they were given, or their parents, are others.
    """
    tree = [seq for (seq,) in db.all(_CLOSURE, (json.dumps(sorted(seqs)),))]  # parents come before their children
    given = own(db, tree)
    for seq in tree:
        parents = [p for (p,) in db.all("SELECT parent FROM lineage WHERE child = ?", (seq,))]
        known = of(db, [*parents, seq])
        before = known.pop(seq, frozenset())
        names = shared(given.get(seq, ()), known.values())
        if before != frozenset(names):
            db.all("DELETE FROM audiences WHERE seq = ?", (seq,))
            _insert(db, "audiences", {seq: names})
            db.all("INSERT INTO changes (seq) VALUES (?)", (seq,))


def keep(db: Connection, seqs: Iterable[int]) -> None:
    """Take the audiences of memories for what they were given themselves: they are about to lose parents to time."""
    kept = of(db, wanted := sorted(seqs))
    db.many("DELETE FROM own_audiences WHERE seq = ?", [(seq,) for seq in wanted])
    _insert(db, "own_audiences", kept)


_CLOSURE = """
WITH RECURSIVE below(seq) AS (
    SELECT value FROM json_each(?) UNION SELECT child FROM lineage JOIN below ON parent = below.seq
) SELECT seq FROM below ORDER BY seq"""


def insert(db: Connection, audiences: Mapping[int, Collection[str]], given: Mapping[int, Collection[str]]) -> None:
    """Note the audiences of new memories, and what they were given themselves, by seq."""
    _insert(db, "audiences", audiences)
    _insert(db, "own_audiences", given)


def _insert(db: Connection, table: str, audiences: Mapping[int, Collection[str]]) -> None:
    rows = [(seq, name) for seq, names in audiences.items() for name in sorted(set(names))]
    if rows:
        db.many(f"INSERT INTO {table} (seq, principal) VALUES (?, ?)", rows)  # noqa: S608 - ours


def hidden_from(db: Connection, viewer: str) -> frozenset[int]:
    """Return the seqs of the memories that `viewer` may not see."""
    sql = "SELECT seq FROM audiences GROUP BY seq HAVING sum(principal = ?) = 0"
    return frozenset(seq for (seq,) in db.all(sql, (viewer,)))


def audiences(db: Connection) -> dict[Audience, int]:
    """Return how many memories that can be recalled each audience has; the empty one is everyone."""
    sql = (
        "SELECT coalesce((SELECT json_group_array(principal) FROM (SELECT principal FROM audiences a "
        "WHERE a.seq = m.seq ORDER BY principal)), '[]') AS who, count(*) FROM memories m WHERE suppressed = 0 "
        "GROUP BY who"
    )
    return {frozenset(json.loads(who)): count for who, count in db.all(sql)}


def note_access(db: Connection, principal: str, action: str, seqs: Iterable[int], now: datetime) -> None:
    """Count that a principal has read or written memories."""
    db.many(
        "INSERT INTO accesses (seq, principal, action, times, last_at) VALUES (?, ?, ?, 1, ?) "
        "ON CONFLICT (seq, principal, action) DO UPDATE SET times = times + 1, last_at = excluded.last_at",
        [(seq, principal, action, micros(now)) for seq in seqs],
    )


def accesses(db: Connection) -> list[tuple[str, str, int, int]]:
    """Return principal, action, how many memories and how often, by principal."""
    sql = (
        "SELECT principal, action, count(*), sum(times) FROM accesses JOIN memories USING (seq) WHERE suppressed = 0 "
        "GROUP BY principal, action ORDER BY principal, action"
    )
    return db.all(sql)
