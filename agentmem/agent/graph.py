"""The graph: recall -> reply -> remember -> maintain, one turn of a conversation with a space; or forget -> erase.

In this order, and saved after every step, so that a crash leaves at worst a remembered turn without a reply:

1. recall: search the ledger, unless a gate says that no memory could help (before the question is in it, so it is not
   its own evidence), then remember the turn;
2. reply: the model, which may call tools as often as it likes, or without one the extractive reader; if it fails, the
   turn stays and nothing is replied;
3. remember: the reply, derived from all that it was made of, so that erasing any of that takes the reply along;
4. maintain: have the space looked after beside the conversation (`agentmem.agent.upkeep`).

The first token waits for the recall and for nothing else.

What was recalled is never saved in a checkpoint, only its ids. The conversation is: its newest messages, bounded by
`window`; messages of erased memories leave it at the next turn, calls of tools with their own turn; the ledger remains
the truth and refills it where it is lost. Replies are not recalled as evidence by default: an agent that quotes itself
drifts.

A request to forget goes another way (`agentmem.agent.forgetting`): forget plans it, ask waits for what a person says
(LangGraph's `interrupt`), erase carries it out. It is not remembered, nor shown to the model, nor is what was replied
to it. What says what was forgotten on request is remembered again only after a yes; the guard of the space decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import interrupt

from agentmem.agent import asking, context, forgetting
from agentmem.agent.checkpoints import open_saver
from agentmem.agent.choosing import DEPTH, LEAST
from agentmem.agent.forgetting import Pending, Requests
from agentmem.agent.gate import worth_recalling
from agentmem.agent.manners import UNKEPT, acknowledge, is_question
from agentmem.agent.messages import (
    FLEETING,
    MEMORY_ID,
    UNSAVED,
    has,
    id_of,
    looked_up,
    marked,
    origin,
    passes,
    unheard,
)
from agentmem.agent.recalling import MAX_TOKENS, Gate, Recalling
from agentmem.agent.reliance import BALANCED, Reliance, dependence, placed, told
from agentmem.agent.running import Running
from agentmem.agent.speaking import Speaker, heard, parted
from agentmem.agent.state import WINDOW, Reader, Setting, State
from agentmem.agent.tools import Turn, chosen
from agentmem.agent.upkeep import Upkeep
from agentmem.errors import InputError, TextError
from agentmem.space import NO_FILTER, Space
from agentmem.types import Answer, Draft, Evidence, Filter, MemoryId
from agentmem.unlearning.request import is_request

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from langchain.tools import ToolRuntime
    from langchain_core.language_models import BaseChatModel
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

__all__ = ["MEMORY_ID", "WINDOW", "Reader", "State", "build_agent"]


def build_agent(  # noqa: PLR0913 - each is a choice of its own, and named
    space: Space,
    model: str | BaseChatModel | None = None,
    *,
    tools: Sequence[BaseTool | Callable[..., Any] | str] = (),
    reliance: Reliance = BALANCED,
    k: int | None = None,
    max_tokens: int | None = None,
    least: float = LEAST,
    filter: Filter = NO_FILTER,  # noqa: A002 - what it is called everywhere
    gate: Gate | None = worth_recalling,
    checkpointer: BaseCheckpointSaver[Any] | Literal[False] | None = None,
    user: str = "user",
    assistant: str = "assistant",
    instructions: str = "",
    window: int = WINDOW,
    reader: Reader | None = None,
    upkeep: Upkeep | None = None,
) -> CompiledStateGraph[State, None, State, State]:
    """Return the compiled graph: `graph.invoke({"messages": [...]}, {"configurable": {"thread_id": "main"}})`.

    Pass `durability="sync"` with it to have every step on disk before the next one begins, as `chat` does.

    Args:
        space: where turns are recalled from and remembered in; the thread of the graph is the thread in the space.
        model: "provider:model" (opened at the first question), a LangChain chat model, or None for the reader.
        tools: what the model may call: tools of LangChain's, functions, and by name "recall_memory" and
            "remember_fact" of the memory's own. One may ask a person by LangGraph's `interrupt`.
        reliance: how far replies rest on memory, from 0 or "fresh" to 1 or "faithful" (`agentmem.agent.reliance`); a
            run may have another: `{"configurable": {"thread_id": "main", "reliance": "fresh"}}`.
        k: how many memories to recall at most; default 10 for the reader, 40 for a model, or what fits `max_tokens`.
        max_tokens: budget of the recalled memories in the prompt, in estimated tokens; default 800 for a model.
        least: evidence per thousand tokens that a memory must be expected to bring to be shown to a model
            (`agentmem.agent.choosing`); 0 shows all that fits. The reader is given everything.
        filter: which memories may be recalled; the agent's own replies only where `kinds` names them.
        gate: says of a message whether recall can help; None: it always may.
        checkpointer: default a file in the space's folder; False for none (the caller then passes the conversation with
            each call; only what the user said last is remembered, and nothing can be forgotten in the chat, as nobody
            can be asked back); or any of LangGraph's: what is forgotten leaves its whole history.
        user: the speaker that the user's turns are remembered under.
        assistant: the speaker that replies are remembered under.
        instructions: standing instructions for the model, after agentmem's own.
        window: how many messages of the conversation are kept in the state and shown to the model, at least 2.
        reader: answers without a model; default the extractive reader.
        upkeep: looks after the space after each turn; default one that lets nothing fade.

    Raises:
        ModelNotFoundError, MissingExtraError, InputError: the model's name cannot be used here. Nothing is contacted.
        InputError: a window, a reliance or tools that cannot be.
        StorageError: the file of the conversations cannot be opened.

    """
    if window < 2:
        raise InputError(f"window={window} is too small: a conversation needs at least the question and its reply")
    if model is None and tools:
        raise InputError("tools need a model that calls them; name one: build_agent(space, 'openai:gpt-4o-mini', ...)")
    if model is None:
        recalling = Recalling(k, max_tokens, 0.0, filter, gate)
    else:
        depth, budget = (DEPTH, MAX_TOKENS) if k is None and max_tokens is None else (k, max_tokens)
        recalling = Recalling(depth, budget, least, filter, gate)
    kept = Setting(recalling, placed(reliance), user, assistant, window, reader, refill=checkpointer is not False)
    saver = open_saver(space.path / "threads.db") if checkpointer is None else checkpointer or None
    agent = _Agent(space, kept, Requests(space, user, saver), upkeep or Upkeep(space))
    offered = chosen(
        tools, space, agent.turn, user=user, assistant=assistant, k=k, max_tokens=max_tokens, filter=filter
    )
    agent.speaker = None if model is None else Speaker(model, instructions, offered)
    graph = StateGraph(State)
    for node in (agent.recall, agent.reply, agent.remember, agent.maintain, agent.forget, agent.ask, agent.erase):
        graph.add_node(node.__name__, node)
    graph.add_conditional_edges(START, _begins, ["recall", "forget"])
    graph.add_conditional_edges("recall", lambda state: "ask" if state.get("pending") else "reply", ["ask", "reply"])
    if offered:
        graph.add_node("tools", ToolNode(offered))
        graph.add_conditional_edges("reply", _calls, ["tools", "remember"])
        graph.add_edge("tools", "reply")
    else:
        graph.add_edge("reply", "remember")
    graph.add_edge("remember", "maintain")
    graph.add_edge("maintain", END)
    graph.add_conditional_edges("forget", _goes_on, ["ask", "erase", END])
    graph.add_conditional_edges("ask", _answered, ["recall", "forget"])
    graph.add_edge("erase", END)
    return graph.compile(checkpointer=saver, name="agentmem")


class _Agent:
    """The nodes, and what they share."""

    speaker: Speaker | None = None

    def __init__(self, space: Space, setting: Setting, requests: Requests, upkeep: Upkeep) -> None:
        self.space = space
        self.setting = setting
        self.requests = requests
        self.upkeep = upkeep

    def recall(self, state: State, config: RunnableConfig) -> State:
        """Recall what bears on the question, then remember the user's turn.

        First, a reply that a crash kept from the ledger is remembered: it stands in the checkpoint, marked as unsaved.
        """
        thread, running = _thread(config), self._running(config)
        messages = running.settled(state, last=True)
        new = unheard(messages)
        if not new:
            raise InputError("nothing was asked: the last message must be the user's, and not answered before")
        if not all(context.plain(m).strip() for m in new):
            raise TextError("the message is empty; write something")
        drafts = [
            Draft(context.plain(m), speaker=self.setting.user, thread=thread, origin=origin(thread, m)) for m in new
        ]
        out, pending = self._kept_out(drafts, new[-1], state)
        if pending:
            return {"messages": running.exactly(messages), "pending": pending, "told": None}
        if self.setting.refill and messages[0] is new[0]:
            messages = [*running.refilled(), *messages]
        epoch = self.space.forgetting.epoch
        shown = (
            {i for m in context.fitting(messages) if (i := id_of(m))} if self.speaker is not None else set[MemoryId]()
        )
        own = {origin(thread, m) for m in new}
        recall = self.setting.recalling(self.space, context.plain(new[-1]), self._reliance(config), shown, own)
        said = [(m, d) for n, (m, d) in enumerate(zip(new, drafts, strict=True)) if n not in out]
        # what is kept out was sorted out above, and what a person says in a chat is said on purpose
        ids = self.space.remember([d for _, d in said], guarded="pass")
        known = {str(m.id): id_ for (m, _), id_ in zip(said, ids, strict=True)}
        unsaid = {str(new[n].id) for n in out}
        messages = [marked(m, MEMORY_ID, known[str(m.id)]) if str(m.id) in known else m for m in messages]
        messages = [marked(m, FLEETING) if str(m.id) in unsaid else m for m in messages]
        return {
            "messages": running.exactly(messages),
            "asked": known.get(str(new[-1].id)),
            "recalled": list(recall.ids),
            "parents": [],
            "replied": None,
            "confidence": recall.confidence,
            "dependence": 0.0,
            "epoch": epoch,
            "recall": recall,
            "pending": None,
            "told": None,
        }

    def reply(self, state: State, config: RunnableConfig) -> State:
        """Answer with the model, which may call tools first, or with the reader; note what the answer was made of."""
        earlier, question, work = parted(state["messages"])
        evidence = self._evidence(state)
        asked = [i for i in (state["asked"],) if i is not None]
        if not asked and not is_question(context.plain(question)):
            answer, parents = Answer(UNKEPT), list[MemoryId]()
            said = AIMessage(answer.text, id=f"reply-{question.id}")
        elif self.speaker is None:
            answer = self._read(context.plain(question), evidence, state["confidence"])
            said, parents = AIMessage(answer.text, id=f"reply-{(*asked, question.id)[0]}"), list(answer.sources)
        else:
            dial = self._reliance(config)
            without = frozenset() if dial else frozenset({"recall_memory"})
            now = self.space.clock()
            said = self.speaker.say(state["messages"], evidence, now, config, told=told(dial), without=without)
            if said.tool_calls:
                return {"messages": [said]}
            used = list(dict.fromkeys([*(e.id for e in evidence), *looked_up(work)]))
            answer = Answer(context.plain(said), tuple(used), state["confidence"])
            parents = [*used, *(i for m in heard(earlier) if (i := id_of(m)))]
        before = "\n".join(context.plain(m) for m in (*heard(earlier), question))
        held = [
            *(e.memory.text for e in evidence),
            *(self.space.get(i).text for i in looked_up(work) if i in self.space),
        ]
        return {
            "messages": [marked(said, UNSAVED if asked else FLEETING)],
            "parents": list(dict.fromkeys([*parents, *asked])),
            "dependence": dependence(answer.text, held, before),
            "answer": answer,
        }

    def remember(self, state: State, config: RunnableConfig) -> State:
        """Remember the reply with its parents; one whose parents were erased meanwhile is forgotten with them."""
        *earlier, reply = state["messages"]
        running = self._running(config)
        kept = [] if has(reply, FLEETING) else running.kept(reply, state["parents"], state.get("epoch"))
        messages = running.exactly([*(m for m in running.living(earlier) if not passes(m)), *kept])
        if not kept:
            return {"messages": messages, "replied": None, "recalled": [], "parents": []}
        return {"messages": messages, "replied": id_of(kept[0])}

    def maintain(self, state: State) -> State:  # noqa: ARG002 - a node is given the state
        """Have the space looked after; nobody waits for it."""
        self.upkeep.poke()
        return {}

    def turn(self, runtime: ToolRuntime) -> Turn:
        """Return the turn in which the model calls a tool of the memory."""
        state = runtime.state
        asked = [i for i in (state["asked"],) if i is not None]
        shown = [*state["recalled"], *looked_up(parted(state["messages"])[2])]
        return Turn(_thread(runtime.config), lambda: asked, shown, None, state.get("epoch"), asked)

    def forget(self, state: State, config: RunnableConfig) -> State:
        """Plan what the user's last message asks to forget; ask, pass on what goes, or say that nothing does."""
        request, running = state["messages"][-1], self._running(config)
        if self.requests.saver is None:
            return self._said(state, running, forgetting.UNABLE)
        waiting = state.get("pending")
        pending = waiting if waiting and waiting["message"] == request.id else Pending(message=str(request.id))
        todo = self.requests.proceed(context.plain(request), running.thread, pending, state.get("told"))
        if isinstance(todo, str):
            return self._said(state, running, todo)
        going = "going" in todo  # then the request is of no more use
        traces = [context.plain(request), *todo.pop("traces", ())] if going else []
        messages = running.exactly(running.settled(state, last=not going))
        return {"messages": messages, "pending": todo, "told": None, "traces": traces}

    def ask(self, state: State) -> State:
        """Wait for what a person says to the open question. `Command(resume=...)` gives it, in words or as a value."""
        pending = state["pending"]
        return {"told": interrupt(pending["question"] if pending else None)}

    def erase(self, state: State, config: RunnableConfig) -> State:
        """Forget what was confirmed; the running conversation loses it, too."""
        pending, running = state["pending"], self._running(config)
        if pending is None:
            raise InputError("nothing was confirmed, so nothing is forgotten")
        said = self.requests.carry_out(pending, running.thread, state.get("traces", ()))
        return self._said(state, running, said)

    def _said(self, state: State, running: Running, text: str) -> State:
        """Reply to a request that is done with; it is gone, and the reply goes at the next turn."""
        return {
            "messages": [*running.exactly(running.settled(state, last=False)), marked(AIMessage(text), FLEETING)],
            "asked": None,
            "recalled": [],
            "parents": [],
            "replied": None,
            "answer": Answer(text),
            "pending": None,
            "told": None,
        }

    def _running(self, config: RunnableConfig) -> Running:
        return Running(self.space, self.setting, _thread(config))

    def _kept_out(
        self, drafts: Sequence[Draft], last: AnyMessage, state: State
    ) -> tuple[Collection[int], Pending | None]:
        """Return which of the user's messages must not be remembered, or what to ask before that is known.

        They say what was forgotten on request. Only what is told is asked about: a question may be asked, unremembered.
        """
        out = [v.index for v in self.space.guard.check(drafts) if v.kept_out]
        told = [n for n in out if not is_question(drafts[n].text)]
        if not told or self.space.guard.action == "block" or self.requests.saver is None:
            return out, None
        waiting = state.get("pending")
        if waiting is None or waiting["message"] != last.id:
            return out, Pending(message=str(last.id), question=asking.again())
        said = asking.heard(waiting["question"], state.get("told"))
        if said is None:
            question = asking.repeated(waiting["question"], forgetting.UNHEARD)
            return out, Pending(message=str(last.id), question=question)
        return (set(out) - set(told) if said else out), None

    def _reliance(self, config: RunnableConfig) -> float:
        own = config.get("configurable", {}).get("reliance")
        return self.setting.reliance if own is None else placed(own)

    def _evidence(self, state: State) -> Sequence[Evidence]:
        """Return what was recalled; when a run goes on after a crash, read it again by its ids."""
        if "recall" in state:
            return state["recall"].evidence
        living = [i for i in state["recalled"] if i in self.space]
        return [Evidence(self.space.get(i), 1 / rank) for rank, i in enumerate(living, start=1)]

    def _read(self, question: str, evidence: Sequence[Evidence], confidence: float) -> Answer:
        if not is_question(question):
            return Answer(acknowledge(question), confidence=confidence)
        if self.setting.reader is not None:
            return self.setting.reader(question, evidence, confidence=confidence)
        from agentmem.reading.extractive import read

        return read(question, evidence, confidence=confidence)


def _thread(config: RunnableConfig) -> str:
    return str(config.get("configurable", {}).get("thread_id", "main"))


def _begins(state: State) -> str:
    """Say where a turn begins: with what the user asks to forget, or with everything else."""
    last = unheard(state["messages"])[-1:]
    return "forget" if last and is_request(context.plain(last[0])) else "recall"


def _calls(state: State) -> str:
    """Say where it goes on after the model spoke: to the tools that it calls, or to remembering what it said."""
    return "tools" if getattr(state["messages"][-1], "tool_calls", ()) else "remember"


def _goes_on(state: State) -> str:
    pending = state.get("pending")
    return END if not pending else "ask" if "question" in pending else "erase"


def _answered(state: State) -> str:
    pending = state.get("pending")
    return "recall" if pending and pending["question"]["step"] == "again" else "forget"
