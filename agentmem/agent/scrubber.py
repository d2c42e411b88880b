"""Taking a single fact out of the saved states of any LangGraph agent: every checkpoint and pending write, all history.

    CheckpointScrubber(saver).scrub(["I live in Lisbon"], thread="42")
    CheckpointScrubber.at("postgres:postgresql://localhost/agents").scrub(["I live in Lisbon"])
    await CheckpointScrubber(async_saver).ascrub(["I live in Lisbon"])
    graph = builder.compile(checkpointer=guarded(saver, ["I live in Lisbon"]))

LangGraph's `RemoveMessage` changes the newest state only; `delete_thread` takes everything. This takes the words, or
the messages that say them, and leaves checkpoints, parents and versions, so that the thread goes on and time travel
runs.
It works on the tables of SqliteSaver and PostgresSaver (synchronous or not, also written by others, also encrypted)
without building any of the application's objects, and on every other saver through the public methods: there a thread
is deleted and written again, which is no transaction, loses the paths of tasks, and says nothing about bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from agentmem.agent.guarding import guarded
from agentmem.agent.saved import BridgedSaver, PublicStates, sqlite_states, through
from agentmem.errors import InputError
from agentmem.unlearning.states import REMOVED, Edit
from agentmem.unlearning.threads import Scrubbed, States, leaks, refuse, rewrite, wording_of

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from agentmem.types import Memory

Mode = Literal["redact", "drop", "delete-thread"]
Result = TypeVar("Result")
PATIENCE_S = 10.0
"""How long to wait for other programs that hold the database."""


class CheckpointScrubber:
    """Finds and removes what a person wants forgotten in the states that `saver` keeps.

    Modes: "redact" exchanges the words for `replacement`, "drop" removes the messages that say them (one that is half
    of a tool call is redacted, and so is what is no message), "delete-thread" removes the threads.
    """

    def __init__(
        self,
        saver: BaseCheckpointSaver[Any] | None,
        *,
        mode: Mode = "redact",
        replacement: str = REMOVED,
        patience_s: float = PATIENCE_S,
    ) -> None:
        if mode not in {"redact", "drop", "delete-thread"}:
            raise InputError(f"mode {mode!r} is unknown; use redact, drop or delete-thread")
        self.saver = saver
        self.mode = mode
        self.replacement = replacement
        self.patience_s = patience_s
        self._how = through(None if saver is None else saver.serde)
        self._open: Callable[[], AbstractContextManager[States]] = lambda: _states(saver, patience_s)

    @classmethod
    def at(cls, address: str, **settings: Any) -> CheckpointScrubber:
        """Return a scrubber of the database at `sqlite:PATH` or `postgres:URL`, without any saver.

        Raises InputError for another kind of address. What an encrypting saver wrote needs that saver.
        """
        kind, colon, where = address.partition(":")
        made = cls(None, **settings)
        if kind == "sqlite" and where:
            made._open = lambda: sqlite_states(Path(where), made.patience_s)
        elif kind in {"postgres", "postgresql"} and where:
            from agentmem.agent.postgres import postgres_states

            url = address if where.startswith("//") else where
            made._open = lambda: postgres_states(url, made.patience_s)
        else:
            raise InputError(
                f"{address!r} is no place of checkpoints; write sqlite:PATH or postgres:URL, for example "
                f"sqlite:threads.db{'' if colon else ' - the kind is missing'}"
            )
        return made

    def find(
        self, texts: Sequence[str] = (), *, thread: str | None = None, memories: Sequence[Memory] = (), **how: Any
    ) -> Scrubbed:
        """Return what `scrub` would change, changing nothing. Parameters are those of `scrub`."""
        with self._open() as states:
            return rewrite(states, self._edit(texts, memories, **how), thread, self._how, dry_run=True)

    def scrub(
        self,
        texts: Sequence[str] = (),
        *,
        thread: str | None = None,
        memories: Sequence[Memory] = (),
        alone: Sequence[str] = (),
        messages: Sequence[str] = (),
    ) -> Scrubbed:
        """Take these texts out of one thread or of all, then reclaim the bytes and look whether anything is left.

        Args:
            texts: what is to be found no more; matched by words, in any case and escaping (`unlearning.wording`).
            thread: the id of the only thread to look into.
            memories: forgotten memories: their texts, their ids, and the messages that bear these.
            alone: texts that count only where they are all that a text of the state says.
            messages: ids of messages that go whole.

        Raises:
            InputError: there is nothing to look for.
            ResidueError: something is still there: in a name or an id, or in bytes that another program holds.
            StorageError: the database cannot be read or written.

        """
        wanted = (texts, memories, alone, messages)
        with self._open() as states:
            with states.writing():
                done = rewrite(states, self._edit(*wanted), thread, self._how, dry_run=self.mode == "delete-thread")
                if self.mode == "delete-thread":
                    states.delete(done.threads)
            pending = states.reclaim()
            refuse(leaks(states, self._edit(*wanted), thread, self._how), pending)
            return replace(done, mode=self.mode, dry_run=False, pending=pending, out_of_scope=states.out_of_scope)

    def leaks(
        self, texts: Sequence[str] = (), *, thread: str | None = None, memories: Sequence[Memory] = (), **how: Any
    ) -> list[str]:
        """Return where the texts can still be found: in states, names and bytes. Parameters are those of `scrub`."""
        with self._open() as states:
            return leaks(states, self._edit(texts, memories, **how), thread, self._how)

    def read(self, edit: Edit, thread: str | None = None) -> None:
        """Show every saved state to a pass that changes nothing."""
        with self._open() as states:
            rewrite(states, edit, thread, self._how, dry_run=True)

    async def ascrub(self, texts: Sequence[str] = (), **how: Any) -> Scrubbed:
        """Do what `scrub` does, beside the running loop: for asynchronous savers as well."""
        return await self._beside(self.scrub, texts, **how)

    async def afind(self, texts: Sequence[str] = (), **how: Any) -> Scrubbed:
        """Do what `find` does, beside the running loop."""
        return await self._beside(self.find, texts, **how)

    async def aleaks(self, texts: Sequence[str] = (), **how: Any) -> list[str]:
        """Do what `leaks` does, beside the running loop."""
        return await self._beside(self.leaks, texts, **how)

    async def _beside(self, do: Callable[..., Result], texts: Sequence[str], **how: Any) -> Result:
        """Run in a thread, with a way into the saver that works from there."""
        import aiosqlite

        connection = getattr(self.saver, "conn", None)
        if isinstance(connection, aiosqlite.Connection):
            async with connection.execute("PRAGMA database_list") as found:
                file = next(row[2] for row in await found.fetchall() if row[1] == "main")
            if not file:
                raise InputError("an asynchronous saver in memory cannot be scrubbed; keep it in a file")
            self._open = lambda: sqlite_states(Path(file), self.patience_s)
        elif self.saver is not None and _public(self.saver):
            bridged = BridgedSaver(self.saver, asyncio.get_running_loop())
            self._open = lambda: contextlib.nullcontext(PublicStates(bridged))
        return await asyncio.to_thread(do, texts, **how)

    def _edit(
        self,
        texts: Sequence[str],
        memories: Sequence[Memory] = (),
        alone: Sequence[str] = (),
        messages: Sequence[str] = (),
    ) -> Edit:
        ids = frozenset(memory.id for memory in memories)
        if not (texts or memories or alone or messages):
            raise InputError("there is nothing to look for; give a text, a memory or the id of a message")
        return Edit(
            wording_of(memories, texts, alone),
            ids=ids,
            messages=frozenset(messages),
            mode="drop" if self.mode == "drop" else "redact",
            replacement=self.replacement,
        )


def scrub(
    saver: BaseCheckpointSaver[Any],
    thread: str | None,
    forgotten: Sequence[Memory | str],
    mode: Mode = "redact",
) -> Scrubbed:
    """Take forgotten memories, or texts, out of a saver's states of one thread or of all. See `CheckpointScrubber`."""
    texts = [what for what in forgotten if isinstance(what, str)]
    memories = [what for what in forgotten if not isinstance(what, str)]
    return CheckpointScrubber(saver, mode=mode).scrub(texts, memories=memories, thread=thread)


def _public(saver: BaseCheckpointSaver[Any]) -> bool:
    from langgraph.checkpoint.sqlite import SqliteSaver

    return not isinstance(saver, SqliteSaver) and not _postgres(saver)


def _postgres(saver: BaseCheckpointSaver[Any]) -> bool:
    return any(kind.__module__.startswith("langgraph.checkpoint.postgres") for kind in type(saver).__mro__)


@contextlib.contextmanager
def _states(saver: Any, patience_s: float) -> Iterator[States]:
    """Open the states of a saver."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    if isinstance(saver, SqliteSaver):
        with saver.cursor() as cursor:
            file = next(row[2] for row in cursor.execute("PRAGMA database_list") if row[1] == "main")
        with sqlite_states(Path(file), patience_s) if file else sqlite_states(saver, patience_s) as states:
            yield states
    elif _postgres(saver):
        from agentmem.agent.postgres import address_of, postgres_states

        with postgres_states(address_of(saver), patience_s) as states:
            yield states
    elif type(saver).__module__ == "langgraph.checkpoint.sqlite.aio":
        raise InputError("an asynchronous saver is scrubbed with `await scrubber.ascrub(...)`")
    else:
        yield PublicStates(saver)


__all__ = ["CheckpointScrubber", "Mode", "Scrubbed", "guarded", "scrub"]
