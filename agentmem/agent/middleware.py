"""Memory for an agent that somebody already has: one line more in LangChain's `create_agent`.

    agent = create_agent(model, tools, middleware=[AgentMemoryMiddleware(space)])

Before the agent, what bears on the user's message is recalled, unless it is small talk; every call of the model in that
turn sees it, quoted as data in the user's message. After the agent, the turn and the reply are remembered, the reply as
derived from all that it was made of. The quotes are never saved in a checkpoint, only their ids (what the tools return
is: they are messages). The first token waits for the recall and for nothing else.

What was erased meanwhile leaves the conversation at the next turn. A turn in which something was forgotten is not
remembered: it names what was to be forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, cast

from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ModelCallResult,
    ModelRequest,
    ModelResponse,
    PrivateStateAttr,
)
from langchain.tools import ToolRuntime
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage, ToolMessage
from langgraph.channels import UntrackedValue
from langgraph.config import get_config

from agentmem.agent import context
from agentmem.agent.choosing import DEPTH, LEAST
from agentmem.agent.gate import worth_recalling
from agentmem.agent.messages import MEMORY_ID, TOOLS, id_of, looked_up
from agentmem.agent.recalling import MAX_TOKENS, Gate, Recalling
from agentmem.agent.reliance import BALANCED, Reliance, dependence, placed, told
from agentmem.agent.resting import remember_resting
from agentmem.agent.tools import FORGOTTEN, Turn, memory_tools
from agentmem.agent.upkeep import Upkeep
from agentmem.errors import GuardedError, InputError, LineageError, StaleError
from agentmem.space import NO_FILTER
from agentmem.types import Draft, Evidence, Filter, MemoryId, Recall
from agentmem.unlearning.states import REMOVED

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from agentmem.space import Space

DEPENDENCE = "memory_dependence"
"""Where a reply's message says, in `additional_kwargs`, how far it depends on memory."""


class MemoryState(AgentState[Any]):
    """What the middleware keeps beside the messages: ids, and while a run lasts the recall itself."""

    memory_recalled: NotRequired[Annotated[list[MemoryId], PrivateStateAttr]]
    memory_began: NotRequired[Annotated[str, PrivateStateAttr]]
    memory_epoch: NotRequired[Annotated[int, PrivateStateAttr]]
    memory_recall: NotRequired[Annotated[Recall, UntrackedValue, PrivateStateAttr]]


class AgentMemoryMiddleware(AgentMiddleware[MemoryState, Any, Any]):
    """Recall before the model, remember after the agent, and three tools.

    Args:
        space: where turns are recalled from and remembered in; the thread of the run is the thread in the space.
        k: how many memories to recall at most, of which are shown what is worth it and fits `max_tokens`.
        max_tokens: budget of the quotes, in estimated tokens.
        reliance: how far replies rest on memory, from 0 or "fresh" to 1 or "faithful" (`agentmem.agent.reliance`); a
            run may have another: `{"configurable": {"thread_id": "main", "reliance": "fresh"}}`.
        least: evidence per thousand tokens that a memory must be expected to bring (`agentmem.agent.choosing`); 0 shows
            all that fits.
        filter: which memories may be recalled; the agent's own replies only where `kinds` names them.
        user: the speaker that the user's turns are remembered under.
        assistant: the speaker that replies and facts are remembered under.
        thread: where to remember, for runs without a `thread_id`.
        tools: which tools the model gets; forget_memory asks a person by an interrupt, so it needs a checkpointer.
        gate: says of a message whether recall can help; None: it always may.
        upkeep: looks after the space after each turn; default one that lets nothing fade.

    """

    state_schema = MemoryState

    def __init__(  # noqa: PLR0913 - each is a choice of its own, and named
        self,
        space: Space,
        *,
        k: int = DEPTH,
        max_tokens: int = MAX_TOKENS,
        reliance: Reliance = BALANCED,
        least: float = LEAST,
        filter: Filter = NO_FILTER,  # noqa: A002 - what it is called everywhere
        user: str = "user",
        assistant: str = "assistant",
        thread: str = "main",
        tools: Sequence[str] = TOOLS,
        gate: Gate | None = worth_recalling,
        upkeep: Upkeep | None = None,
    ) -> None:
        super().__init__()
        if k < 1 or max_tokens < 1 or least < 0:
            raise InputError(f"k={k} and max_tokens={max_tokens} must be at least 1, and least={least} at least 0")
        self.space = space
        self.recalling = Recalling(k, max_tokens, least, filter, gate)
        self.reliance = placed(reliance)
        self.user = user
        self.assistant = assistant
        self.thread = thread
        self.upkeep = upkeep or Upkeep(space)
        if unknown := [name for name in tools if name not in TOOLS]:
            raise InputError(f"there is no tool {unknown[0]!r}; there are {', '.join(TOOLS)}")
        made = memory_tools(
            space, self._turn, user=user, assistant=assistant, k=k, max_tokens=max_tokens, filter=filter
        )
        offered = {tool.name: tool for tool in made}
        self.tools = [offered[name] for name in tools]

    # -- the hooks -------------------------------------------------------------------------------------------------

    def before_agent(self, state: MemoryState, runtime: Runtime[Any]) -> dict[str, Any]:
        """Recall what bears on the user's message; take out of the conversation what was erased."""
        del runtime
        new = _unheard(state["messages"])
        question = context.plain(new[-1]) if new else ""
        shown = {i for m in state["messages"] if (i := id_of(m))}
        began, epoch = self.space.clock().isoformat(), self.space.forgetting.epoch
        recall = self.recalling(self.space, question, self._reliance(), shown)
        return {
            "messages": self._erased(state["messages"]),
            "memory_recalled": list(recall.ids),
            "memory_began": began,
            "memory_epoch": epoch,
            "memory_recall": recall,
        }

    async def abefore_agent(self, state: MemoryState, runtime: Runtime[Any]) -> dict[str, Any]:
        """Do what `before_agent` does, in a thread."""
        return await asyncio.to_thread(self.before_agent, state, runtime)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelCallResult[Any]:
        """Show the model what was recalled, as data in the user's message; nothing of it is saved."""
        return handler(self._with_memories(request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelCallResult[Any]:
        """Do what `wrap_model_call` does."""
        return await handler(await asyncio.to_thread(self._with_memories, request))

    def after_agent(self, state: MemoryState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Remember what the user said and what was replied; a second time adds nothing."""
        del runtime
        messages, thread = state["messages"], self._thread()
        if any(_forgot(m) for m in _run(messages)):
            return {"messages": self._erased(messages)}
        asked = self._remember_asked(messages, thread)
        marked = [_marked(m, id_) for m, id_ in asked]
        reply = messages[-1]
        said = context.sound(context.plain(reply))
        if isinstance(reply, AIMessage) and said.strip() and not reply.tool_calls:
            made_of = [*state.get("memory_recalled", ()), *looked_up(messages), *filter(None, map(id_of, messages))]
            draft = Draft(
                said,
                kind="reply",
                speaker=self.assistant,
                thread=thread,
                parents=tuple(dict.fromkeys([*made_of, *(id_ for _, id_ in asked)])),
                origin=_origin(thread, reply),
            )
            try:
                known = remember_resting(self.space, draft, (), state.get("memory_epoch"))
            except (LineageError, GuardedError, StaleError):
                pass  # what it was made of was forgotten meanwhile, so the reply is not remembered either
            else:
                marked.append(_marked(reply, known, self._dependence(state, reply)))
        self.upkeep.poke()
        return {"messages": [*self._erased(messages), *marked]} if marked else None

    async def aafter_agent(self, state: MemoryState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Do what `after_agent` does, in a thread."""
        return await asyncio.to_thread(self.after_agent, state, runtime)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _with_memories(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        evidence = self._evidence(cast("MemoryState", request.state))
        messages = list(request.messages)
        places = [n for n, m in enumerate(messages) if isinstance(m, HumanMessage)]
        if evidence and places:
            at = places[-1]
            messages[at] = context.with_memories(messages[at], evidence, self.space.clock())
        dial = self._reliance()
        tools = [t for t in request.tools if dial or getattr(t, "name", None) != "recall_memory"]
        system = context.with_rule(request.system_message, told(dial))
        return request.override(messages=messages, system_message=system, tools=tools)

    def _reliance(self) -> float:
        own = get_config().get("configurable", {}).get("reliance")
        return self.reliance if own is None else placed(own)

    def _dependence(self, state: MemoryState, reply: AIMessage) -> float:
        """Return how far the reply depends on what was recalled and looked up, beyond what the conversation said."""
        said = "\n".join(context.plain(m) for m in state["messages"][:-1] if not isinstance(m, ToolMessage))
        found = [*state.get("memory_recalled", ()), *looked_up(_run(state["messages"]))]
        held = [self.space.get(i).text for i in dict.fromkeys(found) if i in self.space]
        return dependence(context.plain(reply), held, said)

    def _evidence(self, state: MemoryState) -> Sequence[Evidence]:
        """Return what was recalled and still is there; a run that was interrupted reads it again by its ids."""
        living = [id_ for id_ in state.get("memory_recalled", ()) if id_ in self.space]
        if "memory_recall" in state:
            return [e for e in state["memory_recall"] if e.id in living]
        return [Evidence(self.space.get(id_), 1 / rank) for rank, id_ in enumerate(living, start=1)]

    def _turn(self, runtime: ToolRuntime) -> Turn:
        state, thread = cast("MemoryState", runtime.state), self._thread()
        messages, began = state["messages"], state.get("memory_began")

        def asked() -> list[MemoryId]:
            return [id_ for _, id_ in self._remember_asked(messages, thread)]

        return Turn(
            thread,
            asked,
            [*state.get("memory_recalled", ()), *looked_up(messages)],
            None if began is None else datetime.fromisoformat(began),
            state.get("memory_epoch"),
        )

    def _remember_asked(self, messages: Sequence[AnyMessage], thread: str) -> list[tuple[AnyMessage, MemoryId]]:
        """Remember what the user said in this run; return each message with the id of its memory."""
        asked = [m for m in _run(messages) if isinstance(m, HumanMessage) and context.sound(context.plain(m)).strip()]
        drafts = [
            Draft(context.sound(context.plain(m)), speaker=self.user, thread=thread, origin=_origin(thread, m))
            for m in asked
        ]
        ids = self.space.remember(drafts, guarded="pass")  # what a person says to an agent is said on purpose
        return list(zip(asked, ids, strict=True))

    def _erased(self, messages: Sequence[AnyMessage]) -> list[Any]:
        """Return what takes out the messages whose memory was erased, and what tools quoted of it."""
        gone: list[Any] = [RemoveMessage(id=str(m.id)) for m in messages if (i := id_of(m)) and i not in self.space]
        quoting = [
            m for m in messages if isinstance(m, ToolMessage) and m.name in TOOLS and isinstance(m.artifact, list)
        ]
        stale = [m for m in quoting if any(i not in self.space for i in m.artifact)]
        return [*gone, *(m.model_copy(update={"content": REMOVED, "artifact": []}) for m in stale)]

    def _thread(self) -> str:
        return str(get_config().get("configurable", {}).get("thread_id", self.thread))


def _unheard(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Return what the user said last, since anybody else spoke."""
    said: list[AnyMessage] = []
    for message in reversed(messages):
        if not isinstance(message, HumanMessage):
            break
        said.append(message)
    return said[::-1]


def _run(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Return the messages of this run: from what the user said since the last reply on, to the end."""
    end = len(messages) - 1 if messages and _replies(messages[-1]) else len(messages)
    start = max((n + 1 for n in range(end) if _replies(messages[n])), default=0)
    return list(messages[start:])


def _replies(message: AnyMessage) -> bool:
    return isinstance(message, AIMessage) and not message.tool_calls


def _forgot(message: AnyMessage) -> bool:
    artifact = message.artifact if isinstance(message, ToolMessage) else None
    return isinstance(artifact, dict) and bool(artifact.get(FORGOTTEN))


def _origin(thread: str, message: AnyMessage) -> str:
    return f"agent:{thread}:{message.id}"


def _marked(message: AnyMessage, id_: MemoryId, dependence: float | None = None) -> AnyMessage:
    marks = {MEMORY_ID: id_} if dependence is None else {MEMORY_ID: id_, DEPENDENCE: dependence}
    return message.model_copy(update={"additional_kwargs": {**message.additional_kwargs, **marks}})
