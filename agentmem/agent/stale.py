"""What a run that began before an erasure still holds of it, and may not write back into the states of a conversation.

An erasure hides memories in the ledger first, and scrubs the saved states then. So whoever asks the ledger while it
holds the write lock of the states, and leaves out what is not there any more, leaves nothing behind: it either wrote
before the scrubbing, or knows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage, ToolMessage

from agentmem.agent.messages import UNSAVED, has, id_of
from agentmem.unlearning.states import REMOVED

if TYPE_CHECKING:
    from agentmem.types import MemoryId

LISTS = ("recalled", "parents")
"""Channels that hold ids of memories."""
SINGLE = ("asked", "replied")
"""Channels that hold one, or none."""


def named(values: Mapping[str, Any]) -> frozenset[MemoryId]:
    """Return the ids of memories in the values of channels."""
    messages = [m for m in _messages(values) if isinstance(m, BaseMessage)]
    found = [i for m in messages for i in (id_of(m), *_quoted(m)) if i is not None]
    found += [i for name in LISTS for i in values.get(name) or ()]
    found += [i for name in SINGLE if (i := values.get(name)) is not None]
    return frozenset(found)


def without(values: Mapping[str, Any], gone: Collection[MemoryId]) -> dict[str, Any]:
    """Return the values of channels without memories that are gone, and without a new reply that was made of one."""
    done = dict(values)
    made_of_gone = not set(gone).isdisjoint(values.get("parents") or ())
    if "messages" in done and isinstance(done["messages"], list):
        kept = [m for m in done["messages"] if id_of(m) not in gone and not (made_of_gone and has(m, UNSAVED))]
        done["messages"] = [_unquoted(m) if not set(gone).isdisjoint(_quoted(m)) else m for m in kept]
    done |= {name: [i for i in done[name] if i not in gone] for name in LISTS if done.get(name)}
    done |= {name: None for name in SINGLE if done.get(name) in gone}
    return done


def _messages(values: Mapping[str, Any]) -> list[Any]:
    held = values.get("messages")
    return held if isinstance(held, list) else []


def _quoted(message: Any) -> list[MemoryId]:
    """Return what the answer of a tool quotes."""
    artifact = message.artifact if isinstance(message, ToolMessage) else None
    return artifact if isinstance(artifact, list) else []


def _unquoted(message: Any) -> Any:
    return message.model_copy(update={"content": REMOVED, "artifact": []})
