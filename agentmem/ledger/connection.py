"""One SQLite connection, set up for durability and for erasure, whose errors speak agentmem's language."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentmem.errors import DiskFullError, LedgerBusyError, LedgerCorruptError, StorageError

PRAGMAS = (
    "PRAGMA page_size=8192",  # five 384-dimensional vectors a page, with 6 % waste instead of 25 %
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # a commit that was acknowledged survives a power cut
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",  # not FAST: FAST leaves the bytes of overflow pages on the freelist
    "PRAGMA temp_store=MEMORY",  # no plain text in temporary files
    "PRAGMA cache_size=-16000",
)


def set_up(db: sqlite3.Connection, pragmas: Sequence[str], patience_s: float) -> None:
    """Set pragmas, again while another process makes or closes the file: SQLite itself does not wait then."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            for pragma in pragmas:
                db.execute(pragma).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


class Connection:
    """A connection that several threads may share, one at a time."""

    def __init__(self, path: Path, *, busy_ms: int = 10_000) -> None:
        self.path = path
        self.lock = threading.RLock()
        self.busy_ms = busy_ms
        with self.translated():
            self._db = sqlite3.connect(path, timeout=busy_ms / 1000, isolation_level=None, check_same_thread=False)
            try:
                set_up(self._db, PRAGMAS, busy_ms / 1000)
            except sqlite3.Error:
                self._db.close()
                raise

    @property
    def raw(self) -> sqlite3.Connection:
        """The connection itself, for migrations and backups."""
        return self._db

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Run one statement and return all its rows."""
        with self.lock, self.translated():
            return self._db.execute(sql, parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the first column of the first row, or None without rows."""
        with self.lock, self.translated():
            row = self._db.execute(sql, parameters).fetchone()
        return None if row is None else row[0]

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each row of parameters."""
        with self.lock, self.translated():
            self._db.executemany(sql, rows)

    def count(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement and return how many rows it changed."""
        with self.lock, self.translated():
            return self._db.execute(sql, parameters).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the one write lock of the space; commit at the end, or roll back all of it."""
        with self.lock, self.translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Be part of the transaction that this thread holds, or else one of its own."""
        with self.lock, contextlib.nullcontext() if self._db.in_transaction else self.transaction():
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read from one state of the ledger, whatever other processes commit meanwhile."""
        with self.lock, self.translated():
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("ROLLBACK")

    @contextmanager
    def patience(self, busy_ms: int) -> Iterator[None]:
        """Wait at most `busy_ms` for other connections inside the block."""
        with self.lock:
            self._db.execute(f"PRAGMA busy_timeout={busy_ms:d}")
            try:
                yield
            finally:
                self._db.execute(f"PRAGMA busy_timeout={self.busy_ms:d}")

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what SQLite says into what a person can do."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise _translate(error, self.path) from error

    def close(self) -> None:
        """Close the connection; SQLite checkpoints the WAL if this was the last one."""
        with self.lock:
            self._db.close()


def _translate(error: sqlite3.Error, path: Path) -> StorageError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return LedgerCorruptError(
            f"{path} is damaged ({error}), so agentmem will not guess what it held. Nothing was changed. Restore the "
            f"last "
            f"archive with `agentmem restore ARCHIVE --as NEW_NAME`, or try SQLite's own `sqlite3 {path.name} "
            f".recover`."
        )
    if code == sqlite3.SQLITE_FULL:
        return DiskFullError(
            f"no space left on the disk of {path}: nothing of this call was written and the space still opens. Free "
            f"some "
            "space and try again."
        )
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return LedgerBusyError(
            f"another process has held {path} for too long ({error}). Nothing was written; try again, or see who "
            f"holds it "
            f"with `lsof {path}`."
        )
    if code == sqlite3.SQLITE_READONLY:
        return StorageError(
            f"{path} cannot be written ({error}). Check the owner and the mode of the file and its folder."
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return StorageError(f"{path} cannot be opened ({error}). Check that its folder exists and may be written.")
    return StorageError(f"SQLite refused on {path}: {error}. Run `agentmem doctor` to check the space.")
