"""The slots table: which memory gives which value to what holds one value at a time.

Only what a memory says is written, never what holds: that is worked out from the living rows whenever it is asked
(`agentmem.recall.facts`), so erasing a newer value leaves nothing that would have to be opened again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from agentmem.ledger.connection import Connection
from agentmem.types import MemoryId, Slot

CHUNK = 500
NEWEST = 5_000
"""Rows of one attribute that are read at most, the newest: enough for every value anybody will ask about."""

_SAID = """
SELECT s.seq, m.id, s.subject, s.attribute, s.value, s.ends, coalesce(m.valid_from, m.said_at), m.valid_to,
    CASE WHEN m.valid_from IS NULL AND m.happened_from < m.said_at THEN m.happened_from END
FROM slots s JOIN memories m USING (seq) WHERE m.suppressed = 0 AND """
_ORDER = " ORDER BY 7 DESC, s.seq DESC LIMIT ?"


class Said(NamedTuple):
    """One row: a memory gives (or `ends`) a value; times are microseconds since 1970, None where unknown.

    `since` is when it was said, or `valid_from` of the memory; `happened` the earlier time that its text names.
    """

    seq: int
    id: MemoryId
    subject: str
    attribute: str
    value: str
    ends: bool
    since: int
    until: int | None
    happened: int | None = None


def insert(db: Connection, filled: Sequence[tuple[Any, ...]]) -> None:
    """Write rows of (seq, subject, attribute, value, ends). The caller holds the transaction."""
    db.many("INSERT INTO slots (seq, subject, attribute, value, ends) VALUES (?, ?, ?, ?, ?)", filled)


def of_memories(db: Connection, seqs: Sequence[int]) -> dict[int, tuple[Slot, ...]]:
    """Return the slots of memories, by seq."""
    found: dict[int, tuple[Slot, ...]] = {}
    for start in range(0, len(seqs), CHUNK):
        part = seqs[start : start + CHUNK]
        sql = f"SELECT seq, subject, attribute, value, ends FROM slots WHERE seq IN ({_marks(part)})"  # noqa: S608
        for seq, subject, attribute, value, ends in db.all(sql, part):
            found[seq] = (*found.get(seq, ()), Slot(subject, attribute, value, bool(ends)))
    return found


def of_key(db: Connection, attribute: str, subjects: Collection[str]) -> list[Said]:
    """Return what is said of an attribute of any of the subjects, newest first."""
    wanted = sorted(subjects)[:CHUNK]
    sql = f"{_SAID} s.attribute = ? AND s.subject IN ({_marks(wanted)}) {_ORDER}"
    return _said(db.all(sql, (attribute, *wanted, NEWEST)))


def known(db: Connection, attributes: Collection[str], subjects: Collection[str]) -> dict[str, int]:
    """Return which of the attributes were ever given a value, for any of the subjects, and how many different ones."""
    named, whose = sorted(attributes)[:CHUNK], sorted(subjects)[:CHUNK]
    sql = (
        f"SELECT attribute, count(DISTINCT value) FROM slots WHERE attribute IN ({_marks(named)}) "  # noqa: S608
        f"AND subject IN ({_marks(whose)}) AND ends = 0 GROUP BY attribute"
    )
    return {str(row[0]): int(row[1]) for row in db.all(sql, (*named, *whose))}


def of_subjects(db: Connection, subjects: Collection[str]) -> list[Said]:
    """Return all that is said of any of the subjects, newest first."""
    wanted = sorted(subjects)[:CHUNK]
    return _said(db.all(f"{_SAID} s.subject IN ({_marks(wanted)}) {_ORDER}", (*wanted, NEWEST)))


def of_values(db: Connection, values: Collection[str]) -> list[Said]:
    """Return where any of these is the value, compared without case, newest first."""
    wanted = sorted(values)[:CHUNK]
    return _said(db.all(f"{_SAID} lower(s.value) IN ({_marks(wanted)}) {_ORDER}", (*wanted, NEWEST)))


def _said(rows: Sequence[tuple[Any, ...]]) -> list[Said]:
    return [Said._make((*row[:5], bool(row[5]), *row[6:])) for row in rows]


def _marks(values: Collection[Any]) -> str:
    return ",".join("?" * len(values))
