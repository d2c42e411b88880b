"""The running conversation of one thread: which messages stay in it, from turn to turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage, SystemMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES

from agentmem.agent import context
from agentmem.agent.messages import MEMORY_ID, UNSAVED, has, id_of, marked, origin, passes, unheard
from agentmem.agent.resting import remember_resting
from agentmem.errors import GuardedError, LineageError, StaleError
from agentmem.types import Draft, Filter, MemoryId
from agentmem.unlearning.request import is_request

if TYPE_CHECKING:
    from agentmem.agent.state import Setting, State
    from agentmem.space import Space


class Running:
    """One thread of a space, as the graph runs it."""

    def __init__(self, space: Space, setting: Setting, thread: str) -> None:
        self.space = space
        self.setting = setting
        self.thread = thread

    def settled(self, state: State, *, last: bool) -> list[AnyMessage]:
        """Return the conversation as it is to go on: without what is erased or was not to stay.

        A request that nobody answered does not stay either; one that is the last message, only if `last` stays. A reply
        that a crash kept from the ledger is remembered now.
        """
        waiting = state.get("pending")
        messages = [m for m in state["messages"] if not passes(m)]
        gone = {waiting["message"]} if waiting else set()
        gone |= {str(m.id) for m in unheard(messages) if is_request(context.plain(m))}
        stays = [m for m in messages if m.id not in gone or (last and m is messages[-1])]
        parents, epoch = state.get("parents", []), state.get("epoch")
        return self.living([s for m in stays for s in (self.kept(m, parents, epoch) if has(m, UNSAVED) else [m])])

    def living(self, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
        """Leave out messages whose memory was erased; one of which a part was says what is left."""
        alive = [m for m in messages if (known := id_of(m)) is None or known in self.space]
        return [m if (known := id_of(m)) is None else _saying(m, self.space.get(known).text) for m in alive]

    def exactly(self, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
        """Make the conversation exactly these messages: the system's, and the newest of the others."""
        newest = [m for m in messages if not isinstance(m, SystemMessage)][-self.setting.window :]
        kept = [m for m in messages if isinstance(m, SystemMessage) or any(m is n for n in newest)]
        return [cast("AnyMessage", RemoveMessage(id=REMOVE_ALL_MESSAGES)), *kept]

    def kept(self, reply: AnyMessage, parents: Sequence[MemoryId], epoch: int | None) -> list[AnyMessage]:
        """Remember a reply and return it, marked; nothing if what it was made of was forgotten, or it says what was."""
        draft = Draft(
            context.plain(reply),
            kind="reply",
            speaker=self.setting.assistant,
            thread=self.thread,
            parents=tuple(parents),
            origin=origin(self.thread, reply),
        )
        try:
            known = remember_resting(self.space, draft, (), epoch)
        except (LineageError, GuardedError, StaleError):
            return []
        return [marked(reply, MEMORY_ID, known)]

    def refilled(self) -> list[AnyMessage]:
        """Return the newest messages of a conversation that the checkpoints lost, from the ledger."""
        if self.thread not in self.space.threads():
            return []
        prefix = origin(self.thread, None)
        said = [
            m
            for m in self.space.memories(Filter(threads=(self.thread,), kinds=("turn", "reply")))
            if m.origin is not None and m.origin.startswith(prefix)
        ]
        return [
            (AIMessage if m.kind == "reply" else HumanMessage)(
                m.text, id=(m.origin or "").removeprefix(prefix), additional_kwargs={MEMORY_ID: m.id}
            )
            for m in said[-self.setting.window :]
        ]


def _saying(message: AnyMessage, text: str) -> AnyMessage:
    """Return a message with another text, and whatever else it holds."""
    if context.plain(message) == text:
        return message
    other = [p for p in message.content if isinstance(p, dict) and p.get("type") != "text"]
    content = [{"type": "text", "text": text}, *other] if other else text
    return message.model_copy(update={"content": content})
