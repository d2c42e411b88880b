"""Our own marks on the messages of a conversation, in `additional_kwargs`, and what they tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage, ToolMessage

if TYPE_CHECKING:
    from agentmem.types import MemoryId

MEMORY_ID = "memory_id"
"""Which memory a message is."""
UNSAVED = "unsaved"
"""A reply that is not yet in the ledger."""
FLEETING = "fleeting"
"""A message that is not remembered, and leaves the conversation with its turn, or at the next."""

TOOLS = ("recall_memory", "remember_fact", "forget_memory")
"""Names of the tools that a memory gives to a model."""

_MARKS = frozenset({MEMORY_ID, UNSAVED, FLEETING})


def id_of(message: BaseMessage) -> MemoryId | None:
    """Return the id of the memory that a message is, if it is one."""
    return cast("MemoryId | None", message.additional_kwargs.get(MEMORY_ID))


def marked(message: AnyMessage, mark: str, value: str = "yes") -> AnyMessage:
    """Return a message with one of our marks in place of any other."""
    kept = {key: v for key, v in message.additional_kwargs.items() if key not in _MARKS}
    return message.model_copy(update={"additional_kwargs": {**kept, mark: value}})


def has(message: BaseMessage, mark: str) -> bool:
    """Say whether a message bears a mark."""
    return mark in message.additional_kwargs


def passes(message: BaseMessage) -> bool:
    """Say whether a message leaves the conversation with its turn: marked so, or about the call of a tool."""
    return has(message, FLEETING) or isinstance(message, ToolMessage) or bool(getattr(message, "tool_calls", ()))


def looked_up(messages: Sequence[BaseMessage]) -> list[MemoryId]:
    """Return the ids of what a model was shown, or wrote, by the tools of the memory."""
    shown = [m.artifact for m in messages if isinstance(m, ToolMessage) and m.name in TOOLS]
    return [id_ for artifact in shown if isinstance(artifact, list) for id_ in artifact]


def unheard(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Return what the user said last, since anybody answered, as far as it is not yet remembered."""
    said: list[AnyMessage] = []
    for message in reversed(messages):
        if not isinstance(message, HumanMessage):
            break
        if id_of(message) is None:
            said.append(message)
    return said[::-1] if said and said[0] is messages[-1] else []


def origin(thread: str, message: BaseMessage | None) -> str:
    """Name a message of a conversation for the ledger: a second writing of it, after a crash, adds nothing."""
    return f"chat:{thread}:{'' if message is None else message.id}"


def folded(text: str) -> str:
    """Return a text in one case and with single spaces."""
    return " ".join(text.casefold().split())
