"""A look at the ledger of a space without opening the space."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection
from pathlib import Path

from agentmem.errors import StorageError
from agentmem.ledger.ledger import Ledger
from agentmem.types import MemoryId


def glance(file: Path) -> tuple[str, int, str]:
    """Return name, number of memories and embedder of the space whose ledger this is. Raises StorageError."""
    ledger = Ledger(file)
    try:
        return str(ledger.meta("name") or file.parent.name), ledger.count(), str(ledger.meta("embedder") or "")
    finally:
        ledger.close()


def living(file: Path, ids: Collection[MemoryId]) -> frozenset[MemoryId]:
    """Return those of the ids that can be recalled; it waits for nobody. Raises StorageError."""
    sql = "SELECT id FROM memories WHERE suppressed = 0 AND id IN (SELECT value FROM json_each(?))"
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return frozenset(row[0] for row in db.execute(sql, (json.dumps(list(ids)),)).fetchall())
    except sqlite3.Error as error:
        raise StorageError(f"{file} cannot be read ({error}); run `agentmem doctor` on the space") from error
