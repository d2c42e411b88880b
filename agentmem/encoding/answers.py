"""What a model answered, kept in an SQLite file under the digest of what it was asked: a broken run asks nothing twice.

The answers tell what people said, so they are kept among what every erasure throws away. The file is no truth: it may
go at any time.
"""

from __future__ import annotations

import contextlib
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from agentmem.encoding.extraction import ExtractionWarning
from agentmem.types import Memory, MemoryId

Still = Callable[[Sequence[MemoryId]], AbstractContextManager[bool]]
"""Says whether memories are all still there, and keeps them from being erased inside the block."""

BUSY_S = 10.0
_TABLE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID"


@contextlib.contextmanager
def _always(ids: Sequence[MemoryId]) -> Iterator[bool]:  # noqa: ARG001 - the type's
    yield True


class Answers:
    """The file. It is opened for each call and holds no lock between, so that an eraser may delete it at any time.

    Nothing is kept of memories that are not `still` there: what was erased while the model was thinking stays erased.
    """

    def __init__(self, file: Path, still: Still = _always) -> None:
        self.file = file
        self._still = still

    def get(self, key: str) -> str | None:
        """Return the answer under a key, or None."""
        if not self.file.exists():
            return None
        with self._surviving("read"), self._opened() as db:
            row = db.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
            return None if row is None else str(row[0])
        return None

    def put(self, key: str, answer: str, read: Sequence[Memory]) -> None:
        """Keep an answer to what was `read`, unless some of that is gone meanwhile."""
        with self._still([memory.id for memory in read]) as there:
            if not there:
                return
            with self._surviving("written"), self._opened() as db:
                db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, answer))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self.file, timeout=BUSY_S)) as db:
            # a rollback journal, not a WAL: nothing lies beside the file once it is closed
            db.execute("PRAGMA secure_delete=ON")
            db.execute("PRAGMA temp_store=MEMORY")
            db.execute(_TABLE)
            with db:
                yield db

    @contextlib.contextmanager
    def _surviving(self, what: str) -> Iterator[None]:
        """Go on without the file where it cannot be used: an answer costs a call, not the work."""
        try:
            yield
        except sqlite3.Error as error:
            damaged = not isinstance(error, sqlite3.OperationalError)
            if damaged:
                self.file.unlink(missing_ok=True)
            note = " It was deleted and is begun anew." if damaged else ""
            warnings.warn(
                f"the answers kept in {self.file} could not be {what} ({error}); the model is asked again.{note}",
                ExtractionWarning,
                stacklevel=4,
            )
