"""Agent checkpoints: taking a forgotten thing out of every saved state of a thread, head and history.

LangGraph's own tables, whoever wrote them, read and rewritten as serialised trees, so that a forget request needs no
agent library and none of the application's classes. What is left is as it was: the same checkpoints with the same
parents and versions, so that the thread goes on and time travel runs.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from agentmem.errors import ResidueError
from agentmem.ledger.connection import Connection
from agentmem.types import Memory
from agentmem.unlearning.states import INPUT, Edit, Part
from agentmem.unlearning.wording import Wording, words

WHOLE = 16
"""Memories shorter than this many bytes must be all that a text of the state says, not a part of another."""
BATCH = 200
"""Rows read at a time: a history may be larger than memory."""


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What a pass over saved states read and changed; on a dry run, what it would change.

    `rows` were rewritten of `read`; `messages` were edited and `dropped` dropped, each counted once however often it
    stands in the history. `threads` are those that held anything. `pending` says why bytes remain, `out_of_scope` what
    no pass over the tables reaches.
    """

    mode: str
    threads: tuple[str, ...] = ()
    read: int = 0
    rows: int = 0
    messages: int = 0
    dropped: int = 0
    dry_run: bool = False
    pending: str = ""
    out_of_scope: tuple[str, ...] = ()


class Row(NamedTuple):
    """One saved state or pending write: where it is, how it is serialised, its value, and its metadata as JSON."""

    table: str
    key: Any
    thread: str
    checkpoint: str
    kind: str
    value: bytes | None
    metadata: bytes | str | None = None
    channel: str = ""

    @property
    def part(self) -> Part:
        """What the value is; where metadata are rows of their own, they are that."""
        return "input" if self.channel == INPUT else _PARTS.get(self.table, "value")


_PARTS: dict[str, Part] = {"checkpoints": "checkpoint", "metadata": "metadata"}


class States(Protocol):
    """A database of saved states."""

    out_of_scope: tuple[str, ...]

    def writing(self) -> AbstractContextManager[None]:
        """Hold the write lock: all that is changed inside lands at once, or nothing."""
        ...

    def rows(self, thread: str | None) -> Iterator[Row]:
        """Yield all states and pending writes of one thread, or of all; each may be updated meanwhile."""
        ...

    def update(self, row: Row) -> None:
        """Write the kind, the value and the metadata of a row."""
        ...

    def delete(self, threads: Collection[str]) -> None:
        """Delete threads with all their states."""
        ...

    def reclaim(self) -> str:
        """Overwrite the bytes of what was changed and deleted; return why that must wait, or nothing."""
        ...

    def residue(self, count: Callable[[bytes], int]) -> list[str]:
        """Return where the raw bytes hold more of what is counted than living rows, as far as they can be seen."""
        ...


Recode = Callable[[Edit, Row], tuple[str, bytes]]
"""How the value of a row is edited: returns its kind and its bytes, the same ones if nothing was found."""


def recode(edit: Edit, row: Row) -> tuple[str, bytes]:
    """Edit what LangGraph's own serialisation wrote."""
    return row.kind, edit.blob(row.kind, row.value or b"", row.part)


def edited(edit: Edit, row: Row, how: Recode = recode) -> Row:
    """Return a row as it is to be."""
    if row.value is not None:
        kind, value = how(edit, row)
        row = row._replace(kind=kind, value=value)
    if row.metadata:
        before = raw(row.metadata)
        done = edit.blob("json", before, "metadata")
        if done != before:
            row = row._replace(metadata=done)
    return row


def rewrite(
    states: States, edit: Edit, thread: str | None = None, how: Recode = recode, *, dry_run: bool = False
) -> Scrubbed:
    """Edit every saved state of one thread or of all. The caller holds the write lock, unless on a dry run."""
    read = changed = 0
    threads: dict[str, None] = {}
    for row in states.rows(thread):
        read += 1
        done = edited(edit, row, how)
        if done != row:
            changed += 1
            threads[row.thread] = None
            if not dry_run:
                states.update(done)
    messages = len(edit.edited)
    return Scrubbed(edit.mode, tuple(threads), read, changed, messages, len(edit.dropped), dry_run)


def leaks(states: States, fresh: Edit, thread: str | None = None, how: Recode = recode) -> list[str]:
    """Return where what `fresh` looks for still is: in the states of the thread, in names, in raw bytes.

    `fresh` is a pass that has found nothing yet. Sealed wording is looked for in the states only.
    """
    found: list[str] = []
    certain = fresh.wording.in_bytes(at_least=WHOLE)
    for row in states.rows(thread):
        before = fresh.hits
        edited(fresh, row, how)
        where = f"{row.table}, thread {row.thread!r}, checkpoint {row.checkpoint}"
        if fresh.hits != before:
            found.append(where)
        elif certain and any(certain(raw(part)) for part in row):
            found.append(f"{where}, in a name or an id")
    count = fresh.wording.in_bytes()
    return found + (states.residue(count) if count else [])


def refuse(found: Sequence[str], pending: str = "") -> None:
    """Raise ResidueError if anything was found."""
    if found:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise ResidueError(
            f"what was to be forgotten can still be found: {'; '.join(found[:5])}{more}. "
            + (pending or "A name or an id can only go with its thread: delete that (mode `delete-thread`).")
        )


def wording_of(memories: Sequence[Memory], texts: Sequence[str] = (), alone: Sequence[str] = ()) -> Wording:
    """Return what recognises memories, by text and by id, and more texts. A short memory must be all that is said."""
    said = [memory.text for memory in memories if words(memory.text)]
    long = [text for text in said if len(text.encode()) >= WHOLE]
    short = [text for text in said if len(text.encode()) < WHOLE]
    return Wording([*texts, *long, *(memory.id for memory in memories)], [*alone, *short])


def raw(value: object) -> bytes:
    """Return the bytes of a value of a row; of what is neither bytes nor text, none."""
    return value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else b""


class SqliteStates:
    """The tables of LangGraph's SqliteSaver, on an open connection; `file` is where they are, or None in memory."""

    out_of_scope: tuple[str, ...] = (
        "backups and copies of the file",
        "blocks that a disk or a file system keeps of overwritten pages",
    )

    def __init__(self, db: sqlite3.Connection, file: Path | None = None) -> None:
        self.db = db
        self.file = file

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Be the one writer."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def rows(self, thread: str | None) -> Iterator[Row]:
        """Yield all rows in the order they were written."""
        for table, columns in (("checkpoints", "checkpoint, metadata, ''"), ("writes", "value, NULL, channel")):
            last, more = -1, self._has(table)
            while more:
                found = self.db.execute(
                    f"SELECT rowid, thread_id, checkpoint_id, type, {columns} FROM {table} "  # noqa: S608 - ours
                    "WHERE rowid > ?1 AND (?2 IS NULL OR thread_id = ?2) ORDER BY rowid LIMIT ?3",
                    (last, thread, BATCH),
                ).fetchall()
                for key, *rest in found:
                    last = key
                    yield Row(table, key, *rest)
                more = len(found) == BATCH

    def update(self, row: Row) -> None:
        """Write a row back."""
        if row.table == "checkpoints":
            sql = "UPDATE checkpoints SET type = ?, checkpoint = ?, metadata = ? WHERE rowid = ?"
            self.db.execute(sql, (row.kind, row.value, row.metadata, row.key))
        else:
            self.db.execute("UPDATE writes SET type = ?, value = ? WHERE rowid = ?", (row.kind, row.value, row.key))

    def delete(self, threads: Collection[str]) -> None:
        """Delete threads with all their states."""
        for table in filter(self._has, ("checkpoints", "writes")):
            self.db.executemany(f"DELETE FROM {table} WHERE thread_id = ?", [(t,) for t in threads])  # noqa: S608 - ours

    def reclaim(self) -> str:
        """Rewrite the database without free space and empty its log; return why not, if somebody prevents it."""
        try:
            for step in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                done = self.db.execute(step).fetchall()
                if step != "VACUUM" and done[0][0]:
                    return "Another program reads the database: when it is done, run this again."
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise
            return f"Another program holds the database ({error}): close it and run this again."
        return ""

    def residue(self, count: Callable[[bytes], int]) -> list[str]:
        """Look into the file and its logs, beside all tables: those of an application may say it rightfully."""
        if self.file is None:
            return []
        tables = [name for (name,) in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        alive = sum(
            count(raw(value))
            for name in tables
            for row in self.db.execute('SELECT * FROM "{}"'.format(name.replace('"', '""')))  # noqa: S608 - quoted
            for value in row
        )
        files = [self.file, *(self.file.with_name(self.file.name + end) for end in ("-wal", "-journal"))]
        counts = {file.name: count(file.read_bytes()) for file in files if file.exists()}
        return [f"{name}, {found - alive} times in its bytes" for name, found in counts.items() if found > alive]

    def _has(self, table: str) -> bool:
        sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return self.db.execute(sql, (table,)).fetchone() is not None


# -- the threads of a space --------------------------------------------------------------------------------------------


def scrub(file: Path, memories: Sequence[Memory], *, redacted: Sequence[str] = ()) -> Scrubbed:
    """Take erased memories out of a space's running conversations: their messages, their ids, and what quotes them.

    `redacted` are clauses that left memories which stay: only these words go, and the messages stay. A reply that is
    not yet in the ledger and was made of an erased memory goes with its thread: the conversation is in the ledger, and
    the thread starts with an empty scratch pad. The bytes are left to whoever reclaims the space's.
    """
    if not file.exists():
        return Scrubbed("drop")
    ids = frozenset(memory.id for memory in memories)
    erased = Edit(wording_of(memories), ids=ids, mode="drop", spare=True)
    clauses = Edit(Wording(text for text in redacted if words(text)))
    with contextlib.closing(Connection(file)) as db, db.transaction():
        states = SqliteStates(db.raw)
        gone = {memory.thread for memory in memories if not words(memory.text)} | _unsaved(states, ids)
        states.delete(gone)
        first = rewrite(states, erased)
        then = rewrite(states, clauses) if clauses.wording else Scrubbed("redact")
    threads = tuple(dict.fromkeys([*sorted(gone), *first.threads, *then.threads]))
    return Scrubbed("drop", threads, first.read, first.rows + then.rows, first.messages + then.messages, first.dropped)


def _unsaved(states: States, ids: Collection[str]) -> set[str]:
    """Return the threads with a reply that is not yet in the ledger, and with one of the ids anywhere."""
    unsaved, touched = set(), set()
    for row in states.rows(None):
        data = row.value or b""
        if b"unsaved" in data:
            unsaved.add(row.thread)
        if any(i.encode() in data for i in ids):
            touched.add(row.thread)
    return unsaved & touched
