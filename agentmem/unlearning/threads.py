"""Agent checkpoints: dropping the threads whose saved state, in its whole history, holds an erased text.

Read as plain SQLite (tables `checkpoints` and `writes`, values serialised as msgpack, in which a string is a length
followed by its UTF-8 bytes), so that a forget request needs no agent library. The conversation itself lives in the
ledger; a dropped thread starts with an empty scratch pad, not with an empty memory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from agentmem.ledger.connection import Connection
from agentmem.types import Memory

WHOLE = 16
"""Texts shorter than this many bytes must be a whole string of the state to count, not a part of another."""

_COLUMNS = (("checkpoints", "checkpoint"), ("checkpoints", "metadata"), ("writes", "value"))


def scrub(file: Path, memories: Sequence[Memory]) -> list[str]:
    """Drop every thread of the checkpoint database `file` that holds one of the memories; return their names.

    The memories' own threads are dropped whatever they hold: a message on its way to the ledger bears no id yet.
    """
    if not file.exists():
        return []
    with contextlib.closing(Connection(file)) as db:
        tables = {name for (name,) in db.all("SELECT name FROM sqlite_master WHERE type = 'table'")}
        present = [(table, column) for table, column in _COLUMNS if table in tables]
        own = sorted({memory.thread for memory in memories})
        found = {thread for thread in own for table in tables & {"checkpoints"} if _has(db, table, thread)}
        for memory in memories:
            for needle in (_needle(memory.text), memory.id.encode()):
                for table, column in present:
                    found |= {
                        thread
                        for (thread,) in db.all(
                            f"SELECT DISTINCT thread_id FROM {table} WHERE instr({column}, ?)",  # noqa: S608 - ours
                            (needle,),
                        )
                    }
        with db.transaction():
            for table in {table for table, _ in present}:
                db.many(f"DELETE FROM {table} WHERE thread_id = ?", [(t,) for t in sorted(found)])  # noqa: S608
        return sorted(found)


def _has(db: Connection, table: str, thread: str) -> bool:
    return db.one(f"SELECT 1 FROM {table} WHERE thread_id = ? LIMIT 1", (thread,)) is not None  # noqa: S608 - ours


def _needle(text: str) -> bytes:
    data = text.encode()
    if len(data) >= WHOLE:
        return data
    return bytes([0xA0 | len(data)]) + data  # msgpack's fixstr: up to 31 bytes, one byte of header
