"""What a run that began before an erasure still holds of it, and may not write back into the states of a conversation.

An erasure hides memories in the ledger first, or the part of them that goes, and scrubs the saved states then. So
whoever asks the ledger while it holds the write lock of the states, and leaves out what is not there any more, leaves
nothing behind: it either wrote before the scrubbing, or knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage, ToolMessage

from agentmem.agent.context import plain, sound
from agentmem.agent.messages import UNSAVED, folded, has, id_of
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


def renewed(values: Mapping[str, Any], living: Mapping[MemoryId, str]) -> Mapping[str, Any]:
    """Return the values of channels as they are now that of the memories in them `living` are left, and say that.

    A new reply that was made of one that is gone goes too. The same values, where nothing has changed.
    """
    gone = named(values) - living.keys()
    messages = [m for m in _messages(values) if isinstance(m, BaseMessage)]
    if not gone and all(_as_it_is(m, living) is m for m in messages):
        return values
    done = dict(values)
    made_of_gone = not gone.isdisjoint(values.get("parents") or ())
    if isinstance(done.get("messages"), list):
        kept = [m for m in done["messages"] if id_of(m) not in gone and not (made_of_gone and has(m, UNSAVED))]
        done["messages"] = [_as_it_is(_unquoted(m) if not gone.isdisjoint(_quoted(m)) else m, living) for m in kept]
    done |= {name: [i for i in done[name] if i not in gone] for name in LISTS if done.get(name)}
    done |= {name: None for name in SINGLE if done.get(name) in gone}
    return done


def _as_it_is(message: Any, living: Mapping[MemoryId, str]) -> Any:
    """Return a message with what its memory says by now: a part of it may have been forgotten."""
    says = living.get(id_of(message) or "")
    if says is None or folded(says) == folded(sound(plain(message))):
        return message
    return message.model_copy(update={"content": says})


def _messages(values: Mapping[str, Any]) -> list[Any]:
    held = values.get("messages")
    return held if isinstance(held, list) else []


def _quoted(message: Any) -> list[MemoryId]:
    """Return what the answer of a tool quotes."""
    artifact = message.artifact if isinstance(message, ToolMessage) else None
    return artifact if isinstance(artifact, list) else []


def _unquoted(message: Any) -> Any:
    return message.model_copy(update={"content": REMOVED, "artifact": []})
