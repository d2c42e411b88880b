"""Where savers keep their states, opened for a pass over all of them: SQLite files, and any saver's public methods."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from agentmem.errors import InputError, NotFoundError, StorageError
from agentmem.unlearning.states import Edit, Part
from agentmem.unlearning.threads import Recode, Row, SqliteStates

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
    from langgraph.checkpoint.sqlite import SqliteSaver

OURS = frozenset({"msgpack", "json", "null", "empty", "bytes", "bytearray"})
"""Kinds of serialisation that are edited as trees."""

PLAIN = JsonPlusSerializer(allowed_msgpack_modules=True)
"""For objects that live in this process: what they are made of is imported already."""


def through(serde: Any) -> Recode:
    """Return how rows are edited that `serde` wrote: encrypted ones below the cipher, foreign ones through objects."""

    def edited(edit: Edit, row: Row) -> tuple[str, bytes]:
        data, (kind, plus, cipher) = row.value or b"", row.kind.partition("+")
        if row.kind in OURS or serde is None:
            return row.kind, edit.blob(row.kind, data, row.part)
        if plus and hasattr(serde, "cipher"):
            before = serde.cipher.decrypt(cipher, data)
            done = edit.blob(kind, before, row.part)
            if done == before:
                return row.kind, data
            cipher, data = serde.cipher.encrypt(done)
            return f"{kind}+{cipher}", data
        value = serde.loads_typed((row.kind, data))
        done = objects(edit, value, row.part)
        return (row.kind, data) if done is value else serde.dumps_typed(done)

    return edited


def objects(edit: Edit, value: Any, part: Part = "value") -> Any:
    """Edit a living object by way of its serialised form; return the same object if nothing in it was found."""
    kind, before = PLAIN.dumps_typed(value)
    done = edit.blob(kind, before, part)
    return value if done == before else PLAIN.loads_typed((kind, done))


@contextlib.contextmanager
def sqlite_states(where: Path | SqliteSaver, patience_s: float) -> Iterator[SqliteStates]:
    """Open the states in a file, or, of a saver in memory, on its own connection.

    Raises:
        NotFoundError: there is no such file.
        InputError: it is a database without LangGraph's tables.
        StorageError: it cannot be read or written, or somebody holds it for longer than `patience_s`.

    """
    try:
        if not isinstance(where, Path):
            with where.lock:
                yield SqliteStates(where.conn)
            return
        if not where.is_file():
            raise NotFoundError(f"there is no file {where}; give the path of an agent's checkpoint database")
        uri = f"{where.absolute().as_uri()}?mode=rw"
        db = sqlite3.connect(uri, uri=True, timeout=patience_s, isolation_level=None, check_same_thread=False)
        with contextlib.closing(db):
            for pragma in ("secure_delete=ON", "temp_store=MEMORY"):
                db.execute(f"PRAGMA {pragma}").fetchall()
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'checkpoints'").fetchone():
                raise InputError(f"{where} holds no checkpoints of LangGraph: it has no table of that name")
            yield SqliteStates(db, where)
    except sqlite3.Error as error:
        raise StorageError(
            f"SQLite refused on {where}: {error}. Nothing was half changed; close other programs that use the file, "
            "check its mode, and run this again."
        ) from error


class PublicStates:
    """The states of any saver, by its public methods: a thread in which something was found is deleted and re-made."""

    out_of_scope: tuple[str, ...] = (
        "bytes that the saver's storage keeps of what it deletes",
        "backups",
        "the paths of tasks",
    )

    def __init__(self, saver: BaseCheckpointSaver[Any] | BridgedSaver) -> None:
        self.saver = saver
        self._threads: dict[str, list[CheckpointTuple]] = {}
        self._done: dict[tuple[str, int, str, int], Any] = {}

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Write again, at the end, what was changed inside; this is no transaction."""
        self._done.clear()
        yield
        for thread in {key[0] for key in self._done}:
            self.saver.delete_thread(thread)
            for n, saved in enumerate(self._threads[thread]):
                self._put(thread, n, saved)
        self._done.clear()

    def rows(self, thread: str | None) -> Iterator[Row]:
        """Yield the parts of every checkpoint, oldest first."""
        config: RunnableConfig | None = None if thread is None else {"configurable": {"thread_id": thread}}
        self._threads = {}
        for saved in reversed([*self.saver.list(config)]):
            self._threads.setdefault(str(saved.config["configurable"]["thread_id"]), []).append(saved)
        for name, history in self._threads.items():
            for n, saved in enumerate(history):
                yield self._row("checkpoints", name, n, 0, saved.checkpoint)
                yield self._row("metadata", name, n, 0, saved.metadata)
                for m, write in enumerate(saved.pending_writes or ()):
                    yield self._row("writes", name, n, m, write[2], write[1])

    def update(self, row: Row) -> None:
        """Note the new value of a part."""
        self._done[row.thread, row.key[0], row.table, row.key[1]] = PLAIN.loads_typed((row.kind, row.value or b""))

    def delete(self, threads: Collection[str]) -> None:
        """Delete threads."""
        for thread in threads:
            self.saver.delete_thread(thread)

    def reclaim(self) -> str:
        """Do nothing: what storage there is, is the saver's own."""
        return ""

    def residue(self, count: Callable[[bytes], int]) -> list[str]:
        """Return nothing: the bytes cannot be seen."""
        del count
        return []

    def _row(self, table: str, thread: str, n: int, m: int, value: Any, channel: str = "") -> Row:
        kind, data = PLAIN.dumps_typed(value)
        return Row(table, (n, m), thread, self._threads[thread][n].checkpoint["id"], kind, data, None, channel)

    def _put(self, thread: str, n: int, saved: CheckpointTuple) -> None:
        checkpoint = self._done.get((thread, n, "checkpoints", 0), saved.checkpoint)
        metadata = self._done.get((thread, n, "metadata", 0), saved.metadata)
        place = {"thread_id": thread, "checkpoint_ns": saved.config["configurable"].get("checkpoint_ns", "")}
        parent = saved.parent_config["configurable"]["checkpoint_id"] if saved.parent_config else None
        config: RunnableConfig = {"configurable": place | ({"checkpoint_id": parent} if parent else {})}
        put = self.saver.put(config, checkpoint, metadata, checkpoint["channel_versions"])
        tasks: dict[str, list[tuple[str, Any]]] = {}
        for m, (task, channel, value) in enumerate(saved.pending_writes or ()):
            tasks.setdefault(task, []).append((channel, self._done.get((thread, n, "writes", m), value)))
        for m, (task, writes) in enumerate(tasks.items()):
            self.saver.put_writes(put, writes, task, f"{m:06d}")  # a path keeps the order of the tasks


class BridgedSaver:
    """The methods of an asynchronous saver, for a thread beside its loop."""

    def __init__(self, saver: BaseCheckpointSaver[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.saver = saver
        self.loop = loop

    def list(self, config: RunnableConfig | None) -> Iterator[CheckpointTuple]:
        """Do what `alist` does."""

        async def collect() -> Sequence[CheckpointTuple]:
            return [saved async for saved in self.saver.alist(config)]

        return iter(self._wait(collect()))

    def put(self, *what: Any) -> RunnableConfig:
        """Do what `aput` does."""
        put: RunnableConfig = self._wait(self.saver.aput(*what))
        return put

    def put_writes(self, *what: Any) -> None:
        """Do what `aput_writes` does."""
        self._wait(self.saver.aput_writes(*what))

    def delete_thread(self, thread: str) -> None:
        """Do what `adelete_thread` does."""
        self._wait(self.saver.adelete_thread(thread))

    def _wait(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(doing, self.loop).result()
