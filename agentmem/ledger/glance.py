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


def living(file: Path, ids: Collection[MemoryId]) -> dict[MemoryId, str]:
    """Return what those of the memories say that can be recalled, by id; it waits for nobody. Raises StorageError."""
    sql = "SELECT id, text FROM memories WHERE suppressed = 0 AND id IN (SELECT value FROM json_each(?))"
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return dict(db.execute(sql, (json.dumps(list(ids)),)).fetchall())
    except sqlite3.Error as error:
        raise StorageError(f"{file} cannot be read ({error}); run `agentmem doctor` on the space") from error
