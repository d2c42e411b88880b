"""Keeping a stale run from bringing a forgotten thing back: a saver that scrubs, or refuses, what is put into it.

A graph that runs while its thread is scrubbed still holds the old state in memory and saves it at its next step. So
states are looked through on their way in as well, for as long as such runs may live. It needs no words for that: sealed
wording recognises what was forgotten by keyed digests.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from agentmem.agent.saved import objects
from agentmem.errors import InputError, ResidueError
from agentmem.unlearning.states import INPUT, REMOVED, Edit, Part
from agentmem.unlearning.wording import Wording

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver, ChannelVersions, Checkpoint, CheckpointMetadata

Saver = TypeVar("Saver", bound="BaseCheckpointSaver[Any]")
Action = Literal["scrub", "refuse"]


def guarded(
    saver: Saver,
    forgotten: Wording | Sequence[str],
    *,
    memories: Collection[str] = (),
    action: Action = "scrub",
    replacement: str = REMOVED,
) -> Saver:
    """Return a saver over the same storage that lets nothing forgotten in; it is of the class of `saver`, too.

    Args:
        saver: any saver of LangGraph's, synchronous or not. It stays as it is: compile the graph with what is returned.
        forgotten: what was forgotten; seal it with a key (`Wording(texts).sealed(key)`) to keep no words.
        memories: ids of forgotten memories; a message that bears one is emptied.
        action: "scrub" saves the state without it; "refuse" saves nothing and raises ResidueError in the stale run.
        replacement: what stands in its place.

    """
    if action not in {"scrub", "refuse"}:
        raise InputError(f"action {action!r} is unknown; use scrub or refuse")
    wording = forgotten if isinstance(forgotten, Wording) else Wording(forgotten)
    kind = type(f"Guarded{type(saver).__name__}", (_Guard, type(saver)), {})
    guard: Saver = object.__new__(kind)
    guard.__dict__ |= saver.__dict__
    guard.__dict__["_guarded"] = saver  # which may close its file when it is collected
    guard.__dict__["_guard"] = (wording, frozenset(memories), action, replacement)
    return guard


class _Guard:
    """What comes before the saver's own methods."""

    _guard: tuple[Wording, frozenset[str], Action, str]

    def put(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, versions: ChannelVersions
    ) -> RunnableConfig:
        put: RunnableConfig = super().put(config, *self._let_in(checkpoint, metadata), versions)  # type: ignore[misc]
        return put

    async def aput(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, versions: ChannelVersions
    ) -> RunnableConfig:
        let_in = self._let_in(checkpoint, metadata)
        put: RunnableConfig = await super().aput(config, *let_in, versions)  # type: ignore[misc]
        return put

    def put_writes(self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], *task: str, **more: str) -> None:
        super().put_writes(config, self._let_writes_in(writes), *task, **more)  # type: ignore[misc]

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], *task: str, **more: str
    ) -> None:
        await super().aput_writes(config, self._let_writes_in(writes), *task, **more)  # type: ignore[misc]

    def _let_in(self, checkpoint: Checkpoint, metadata: CheckpointMetadata) -> tuple[Any, Any]:
        return self._clean(checkpoint, "checkpoint"), self._clean(metadata, "metadata")

    def _let_writes_in(self, writes: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
        return [(channel, self._clean(value, "input" if channel == INPUT else "value")) for channel, value in writes]

    def _clean(self, value: Any, part: Part = "value") -> Any:
        wording, memories, action, replacement = self._guard
        edit = Edit(wording, ids=memories, replacement=replacement)
        done = objects(edit, value, part)
        if action == "refuse" and edit.hits:
            raise ResidueError(
                "this run began before something was forgotten and still holds it: its state is not saved. Start the "
                "run again from the newest checkpoint."
            )
        return done
