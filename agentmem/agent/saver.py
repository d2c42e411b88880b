"""A checkpointer for LangGraph that can forget: the whole history in one SQLite file, and a fact out of all of it.

    saver = AgentMemorySaver("agent.db")
    graph = builder.compile(checkpointer=saver)
    saver.erase(["I live in Lisbon"])          # every thread, every checkpoint, every pending write, every byte
    saver.prune(["42"])                         # only the newest state of a thread

It is SqliteSaver (the same tables, synchronous and asynchronous) with what that lacks: `prune`, `delete_for_runs`,
`copy_thread`, and `erase`. For a while after an erasure, a run that still holds the old state cannot bring it back, in
this process or another: what it saves is looked through by keyed digests, whose key lies beside the file, not in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentmem.agent.checkpoints import FileSaver, connected
from agentmem.agent.saved import objects, through
from agentmem.agent.scrubber import CheckpointScrubber, Mode
from agentmem.clock import Clock, system_clock
from agentmem.errors import InputError, NotFoundError
from agentmem.unlearning.states import INPUT, Edit
from agentmem.unlearning.threads import Scrubbed, SqliteStates, rewrite, wording_of
from agentmem.unlearning.wording import Wording

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
    from langgraph.checkpoint.serde.base import SerializerProtocol

    from agentmem.types import Memory

GUARDED_FOR = timedelta(hours=1)
"""How long a stale run is reckoned with: longer than any run that is not stopped at an interrupt."""

_TABLE = "CREATE TABLE IF NOT EXISTS forgotten (number INTEGER PRIMARY KEY, digests TEXT, until TEXT)"
_DELTA = "counters_since_delta_snapshot"
"""In the metadata of a checkpoint: the channels whose value may have to be rebuilt from its ancestors' writes."""


class AgentMemorySaver(FileSaver):
    """A full checkpointer with erasure of single facts.

    Args:
        path: the file, made if it is not there.
        serde: LangGraph's serialiser, or one of your own.
        guarded_for: how long what was erased is kept out; zero to guard nothing.
        clock: what time it is.

    Raises:
        StorageError: the file cannot be opened.

    """

    def __init__(
        self,
        path: str | Path,
        *,
        serde: SerializerProtocol | None = None,
        guarded_for: timedelta = GUARDED_FOR,
        clock: Clock = system_clock,
    ) -> None:
        super().__init__(connected(Path(path), self.holds), Path(path), serde)
        self.guarded_for = guarded_for
        self.clock = clock
        self._own_key = os.urandom(32)

    def setup(self) -> None:
        """Make the tables, where they are missing."""
        if not self.is_setup:
            super().setup()
            self.conn.execute(_TABLE)
            self.conn.commit()

    # -- forgetting ------------------------------------------------------------------------------------------------

    def erase(self, forgotten: Iterable[str | Memory], *, thread: str | None = None, mode: Mode = "redact") -> Scrubbed:
        """Take texts, or memories with their ids, out of all states of one thread or of all, and keep them out.

        Raises InputError if there is nothing to look for, and ResidueError if anything is left; see
        `CheckpointScrubber.scrub`.
        """
        given = list(forgotten)
        texts = [what for what in given if isinstance(what, str)]
        memories = [what for what in given if not isinstance(what, str)]
        if self.guarded_for and given:
            self._keep_out(wording_of(memories, texts))
        return CheckpointScrubber(self, mode=mode).scrub(texts, memories=memories, thread=thread)

    async def aerase(
        self, forgotten: Iterable[str | Memory], *, thread: str | None = None, mode: Mode = "redact"
    ) -> Scrubbed:
        """Do what `erase` does, beside the running loop."""
        return await asyncio.to_thread(lambda: self.erase(forgotten, thread=thread, mode=mode))

    def allow(self) -> None:
        """Keep nothing out any more: somebody says again, on purpose, what was forgotten."""
        with self.cursor() as cursor:
            cursor.execute("DELETE FROM forgotten")

    def _keep_out(self, wording: Wording) -> None:
        now = self.clock()
        digests = wording.sealed(self._key(make=True)).to_json()
        with self.cursor() as cursor:
            cursor.execute("DELETE FROM forgotten WHERE until <= ?", (now.isoformat(),))
            row = (digests, (now + self.guarded_for).isoformat())
            cursor.execute("INSERT INTO forgotten (digests, until) VALUES (?, ?)", row)

    def _guards(self) -> dict[int, Edit]:
        """Return fresh passes that keep out what must not come back, by the number of the erasure."""
        with self.cursor(transaction=False) as cursor:
            sql = "SELECT number, digests FROM forgotten WHERE until > ?"
            found = cursor.execute(sql, (self.clock().isoformat(),)).fetchall()
        if not found:
            return {}
        key = self._key()
        return {number: Edit(Wording.from_json(digests, key)) for number, digests in found}

    def _key(self, *, make: bool = False) -> bytes:
        """Return the key of the digests, from its own file beside the database."""
        if self.path.name == ":memory:":
            return self._own_key
        path = self.path.with_name(self.path.name + ".key")
        if make and not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(os.urandom(32))
        if not path.exists():
            raise NotFoundError(
                f"{path} is missing, so that what was erased cannot be recognised. Put it back, or call `allow()` to "
                "keep nothing out any more."
            )
        return path.read_bytes()

    @contextmanager
    def _fence(self, thread: str) -> Iterator[dict[int, Edit]]:
        """Give the guards for a write; if an erasure began meanwhile, go over the thread again."""
        guards = self._guards()
        yield guards
        late = {number: edit for number, edit in self._guards().items() if number not in guards}
        if late:
            with self.cursor() as cursor:
                states = SqliteStates(cursor.connection)
                for edit in late.values():
                    rewrite(states, edit, thread, through(self.serde))
            self.flush()

    # -- LangGraph's interface -------------------------------------------------------------------------------------

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint, without what was erased a while ago."""
        with self._fence(str(config["configurable"]["thread_id"])) as guards:
            for edit in guards.values():
                checkpoint = objects(edit, checkpoint, "checkpoint")
                metadata = objects(edit, metadata, "metadata")
            return super().put(config, checkpoint, metadata, new_versions)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a node wrote, without what was erased a while ago."""
        with self._fence(str(config["configurable"]["thread_id"])) as guards:
            for edit in guards.values():
                writes = [
                    (channel, objects(edit, value, "input" if channel == INPUT else "value"))
                    for channel, value in writes
                ]
            super().put_writes(config, writes, task_id, task_path)

    def delete_thread(self, thread_id: str) -> None:
        """Drop all checkpoints of a thread."""
        super().delete_thread(thread_id)
        self.flush()

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Drop all checkpoints of threads but the newest of each namespace ("keep_latest"), or all ("delete").

        Ancestors stay that a `DeltaChannel` of a newest one is rebuilt from. Raises InputError for another strategy.
        """
        if strategy not in {"keep_latest", "delete"}:
            raise InputError(f"strategy {strategy!r} is unknown; use keep_latest or delete")
        with self.cursor() as cursor:
            for thread in map(str, thread_ids):
                saved = {key for key, _ in _parents(cursor, thread)}
                newest = {ns: max(i for n, i in saved if n == ns) for ns, _ in saved} if strategy != "delete" else {}
                kept = {key for head in newest.items() for key in self._needed(cursor, thread, head)}
                _delete(cursor, thread, saved - kept)
        self.flush()

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Drop the checkpoints of runs with their writes; those that followed go on from the one before.

        Raises InputError, having dropped nothing, if a `DeltaChannel` of what stays is rebuilt from them.
        """
        with self.cursor() as cursor:
            sql = "SELECT thread_id, checkpoint_ns, checkpoint_id, metadata FROM checkpoints"
            runs: dict[str, set[_Key]] = {}
            for thread, ns, checkpoint, metadata in cursor.execute(sql).fetchall():
                if json.loads(metadata or b"{}").get("run_id") in run_ids:
                    runs.setdefault(thread, set()).add((ns, checkpoint))
            for thread, gone in runs.items():
                after = [
                    key for key, parent in _parents(cursor, thread) if key not in gone and (key[0], parent) in gone
                ]
                if any(gone & self._needed(cursor, thread, key) for key in after):
                    raise InputError(
                        f"a DeltaChannel of thread {thread!r} is rebuilt from what these runs wrote, so nothing was "
                        "deleted; delete the thread, or prune it, which keeps what is needed"
                    )
            for thread, gone in runs.items():
                _delete(cursor, thread, gone)
        self.flush()

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy the whole history of a thread. Raises InputError if the target has one."""
        with self.cursor() as cursor:
            if _parents(cursor, str(target_thread_id)):
                raise InputError(
                    f"thread {target_thread_id!r} has a history already; delete it, or choose another name"
                )
            for table, columns in (
                ("checkpoints", "checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata"),
                ("writes", "checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value"),
            ):
                cursor.execute(
                    f"INSERT INTO {table} (thread_id, {columns}) SELECT ?, {columns} FROM {table} "  # noqa: S608 - ours
                    "WHERE thread_id = ?",
                    (str(target_thread_id), str(source_thread_id)),
                )

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Do what `prune` does."""
        await asyncio.to_thread(lambda: self.prune(thread_ids, strategy=strategy))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Do what `delete_for_runs` does."""
        await asyncio.to_thread(self.delete_for_runs, run_ids)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Do what `copy_thread` does."""
        await asyncio.to_thread(self.copy_thread, source_thread_id, target_thread_id)

    def _needed(self, cursor: sqlite3.Cursor, thread: str, key: _Key) -> set[_Key]:
        """Return a checkpoint and its ancestors up to where the value of each of its delta channels is saved."""
        sql = (
            "SELECT parent_checkpoint_id, metadata, type, checkpoint FROM checkpoints "
            "WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?"
        )
        needed: set[_Key] = set()
        wanted: set[str] | None = None
        while key not in needed and (row := cursor.execute(sql, (thread, *key)).fetchone()) is not None:
            needed.add(key)
            parent, metadata, kind, data = row
            if wanted is None:
                wanted = set(json.loads(metadata or b"{}").get(_DELTA) or ())
            wanted -= set(self.serde.loads_typed((kind, data))["channel_values"]) if wanted else set()
            if not wanted or parent is None:
                break
            key = (key[0], parent)
        return needed


_Key = tuple[str, str]
"""Namespace and id of a checkpoint of a thread."""


def _parents(cursor: sqlite3.Cursor, thread: str) -> list[tuple[_Key, str | None]]:
    """Return the checkpoints of a thread, each with the id of its parent."""
    sql = "SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id FROM checkpoints WHERE thread_id = ?"
    return [((ns, checkpoint), parent) for ns, checkpoint, parent in cursor.execute(sql, (thread,))]


def _delete(cursor: sqlite3.Cursor, thread: str, gone: set[_Key]) -> None:
    """Delete checkpoints with their writes; what followed them follows their nearest ancestor that stays."""
    parents = dict(_parents(cursor, thread))
    for key in parents.keys() - gone:
        old = new = parents[key]
        while new is not None and (key[0], new) in gone:
            new = parents[key[0], new]
        if new != old:
            sql = (
                "UPDATE checkpoints SET parent_checkpoint_id = ? "
                "WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?"
            )
            cursor.execute(sql, (new, thread, *key))
    for table in ("checkpoints", "writes"):
        sql = f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?"  # noqa: S608 - ours
        cursor.executemany(sql, [(thread, *key) for key in gone])
