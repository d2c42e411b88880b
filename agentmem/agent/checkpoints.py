"""Where conversations wait between turns: LangGraph's SQLite checkpointer, kept lean and made fit for erasure.

`threads.db` is working state, not truth: every turn and reply is in the ledger. So only the newest checkpoint of a
thread is kept (LangGraph itself would keep five a turn, each with all messages), overwritten pages are zeroed, and only
plain values and messages are ever loaded from it.

Tables, as LangGraph makes them, for whoever erases:

- `checkpoints(thread_id TEXT, checkpoint_ns TEXT, checkpoint_id TEXT, parent_checkpoint_id TEXT, type TEXT, checkpoint
  BLOB, metadata BLOB)`: `checkpoint` is msgpack (type "msgpack"), `metadata` is UTF-8 JSON.
- `writes(thread_id TEXT, checkpoint_ns TEXT, checkpoint_id TEXT, task_id TEXT, task_path TEXT, idx INTEGER, channel
  TEXT, type TEXT, value BLOB)`: `value` is msgpack, or empty.

Text stands in the msgpack as raw UTF-8, so `instr(blob, text_as_bytes)` finds it. Memory ids stand there as 26 ASCII
characters: `recalled`, `parents` and `asked` in the state, and `memory_id` on every message that is in the ledger.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import weakref
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from agentmem.agent import stale
from agentmem.errors import DiskFullError, StorageError
from agentmem.ledger.connection import set_up
from agentmem.ledger.glance import living

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import (
        BaseCheckpointSaver,
        ChannelVersions,
        Checkpoint,
        CheckpointMetadata,
        CheckpointTuple,
        DeltaChannelHistory,
    )
    from langgraph.checkpoint.serde.base import SerializerProtocol

BUSY_S = 10.0
"""How long to wait for another process that writes to the same file."""

PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",  # a power cut may cost the last turn of a conversation, which the ledger has
    "PRAGMA secure_delete=ON",  # the bytes of a dropped checkpoint are zeroed, not left on the freelist
    "PRAGMA temp_store=MEMORY",
)


def open_saver(path: Path) -> LeanSaver:
    """Open (or make) the checkpoint file at `path`; close it with `close()`, or let it be collected.

    Raises:
        StorageError: the file is damaged or cannot be opened; it is disposable, and the message says so.

    """
    return LeanSaver(
        connected(path, LeanSaver.holds),
        path,
        # strict: nothing but plain values and LangChain messages is ever built from the file
        serde=JsonPlusSerializer(allowed_msgpack_modules=None),
    )


def connected(path: Path, holds: str) -> sqlite3.Connection:
    """Open (or make) a file for checkpoints, set up for erasure. Raises StorageError, which says what it `holds`."""
    with _translated(path, holds):
        connection = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
        try:
            set_up(connection, PRAGMAS, BUSY_S)
        except sqlite3.Error:
            connection.close()
            raise
    return connection


class FileSaver(SqliteSaver):
    """A SqliteSaver over one file that speaks agentmem's errors and also serves `ainvoke`.

    The asynchronous methods run the synchronous ones in a thread: SQLite has one writer anyway.
    """

    holds = "It holds the states of an agent's threads. Restore a copy of it, or try `sqlite3 FILE .recover`."
    """What a damaged file means to a person."""

    def __init__(self, conn: sqlite3.Connection, path: Path, serde: SerializerProtocol | None = None) -> None:
        super().__init__(conn, serde=serde)
        self.path = path
        self.close = weakref.finalize(self, conn.close)

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:
        """Give a cursor, as the base class does; what SQLite says is turned into what a person can do."""
        with _translated(self.path, self.holds), super().cursor(transaction) as cursor:
            yield cursor

    def threads(self) -> list[str]:
        """Return the names of the threads that have a checkpoint, sorted."""
        with self.cursor(transaction=False) as cursor:
            return [row[0] for row in cursor.execute("SELECT DISTINCT thread_id FROM checkpoints ORDER BY 1")]

    def flush(self) -> None:
        """Empty the write-ahead log, so that what was dropped does not lie in it; a reader elsewhere may prevent it."""
        with self.lock, _translated(self.path, self.holds):
            self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> BaseCheckpointSaver[str]:
        """Return a saver over the same connection, which stays open as long as either is used."""
        clone = super().with_allowlist(extra_allowlist)
        if clone is not self:
            vars(clone)["_source"] = self
        return clone

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Do what `get_tuple` does."""
        return await asyncio.to_thread(self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's signature
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Do what `list` does."""
        how = {"filter": filter, "before": before, "limit": limit}
        for found in await asyncio.to_thread(lambda: [*self.list(config, **how)]):  # type: ignore[arg-type]
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Do what `put` does."""
        return await asyncio.to_thread(self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Do what `put_writes` does."""
        await asyncio.to_thread(self.put_writes, config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Do what `delete_thread` does."""
        await asyncio.to_thread(self.delete_thread, thread_id)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Do what `get_delta_channel_history` does."""
        return await asyncio.to_thread(self.get_delta_channel_history, config=config, channels=channels)


class LeanSaver(FileSaver):
    """A saver that keeps one checkpoint a thread, and takes in nothing of what the ledger beside it has erased."""

    holds = (
        "It only holds the running state of conversations; what was said is in the ledger. Delete FILE in that "
        "folder and go on."
    )

    def __init__(self, conn: sqlite3.Connection, path: Path, serde: SerializerProtocol | None = None) -> None:
        super().__init__(conn, path, serde)
        self._ledger = path.with_name("ledger.db")
        self._one_writer = threading.RLock()

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:
        """Give a cursor, as the base class does; one that commits waits until nobody else is writing here."""
        with self._one_writer if transaction else nullcontext(), super().cursor(transaction) as cursor:
            yield cursor

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint, then drop the older ones of its thread with their writes.

        A crash between the two leaves one checkpoint too many; the next save drops it.
        """
        with self._writing():
            values = checkpoint["channel_values"]
            if (kept := self._living(values)) is not values:
                checkpoint = {**checkpoint, "channel_values": dict(kept)}
            saved = super().put(config, checkpoint, metadata, new_versions)
        where = "thread_id = ? AND checkpoint_ns = ? AND checkpoint_id < ?"
        key = (str(config["configurable"]["thread_id"]), config["configurable"]["checkpoint_ns"], checkpoint["id"])
        with self.cursor() as cursor:
            cursor.execute(f"DELETE FROM checkpoints WHERE {where}", key)  # noqa: S608 - constant text
            cursor.execute(f"DELETE FROM writes WHERE {where}", key)  # noqa: S608
        return saved

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a node wrote, unless a newer checkpoint already contains it: LangGraph saves both at once."""
        with self._writing():
            written = dict(writes)
            kept = self._living(written)  # of a channel that is written twice, which none of ours is, the last
            writes = [(name, kept[name] if value is written[name] else value) for name, value in writes]
            super().put_writes(config, writes, task_id, task_path)
        key = (str(config["configurable"]["thread_id"]), config["configurable"]["checkpoint_ns"])
        with self.cursor() as cursor:
            cursor.execute(
                "DELETE FROM writes WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id < "
                "(SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ?)",
                key * 2,
            )

    def flush(self) -> None:
        """Empty the write-ahead log, as `FileSaver.flush` does, while nothing is being written here."""
        with self._one_writer:
            super().flush()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the write lock of the file until something is committed: what is looked up meanwhile stays true."""
        with self._one_writer:
            with self.cursor(transaction=False) as cursor:
                cursor.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                if self.conn.in_transaction:  # nothing was committed: what was to be saved cannot be serialised
                    self.conn.rollback()

    def _living(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the values of channels as they may be saved: the same, if nothing of them was erased or redacted."""
        ids = stale.named(values)
        if not ids or not self._ledger.exists():
            return values
        return stale.renewed(values, living(self._ledger, ids))


@contextmanager
def _translated(path: Path, holds: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        holds = holds.replace("FILE", path.name)
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise StorageError(f"{path} is damaged ({error}). {holds}") from error
        if code == sqlite3.SQLITE_FULL:
            raise DiskFullError(
                f"no space left on the disk of {path}: the conversation was not saved; what was remembered is in "
                "the ledger. Free some space and ask again."
            ) from error
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise StorageError(
                f"another process has held {path} for too long ({error}). Try again, or see who holds it with "
                f"`lsof {path}`."
            ) from error
        raise StorageError(f"SQLite refused on {path}: {error}. Check the file and its folder. {holds}") from error
