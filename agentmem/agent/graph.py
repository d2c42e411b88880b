"""The graph: recall -> reply -> remember, one turn of a conversation with a space behind it; or forget -> erase.

In this order, and saved after every step, so that a crash leaves at worst a remembered turn without a reply:

1. recall: search the ledger (before the question is in it, so it is not its own evidence), then remember the turn;
2. reply: the model, or without one the extractive reader; if it fails, the turn stays and nothing is replied;
3. remember: the reply, derived from all that it was made of, so that erasing any of that takes the reply along.

What was recalled is never saved in a checkpoint, only its ids. The conversation is: its newest messages, bounded by
`window`; messages of erased memories leave it at the next turn; the ledger remains the truth and refills it where it is
lost. Replies are not recalled as evidence by default: an agent that quotes itself drifts.

A request to forget goes another way (`agentmem.agent.forgetting`): forget plans it, ask waits for what a person says
(LangGraph's `interrupt`), erase carries it out. It is not remembered, nor shown to the model, nor is what was replied
to it. What says what was forgotten on request is remembered again only after a yes; the guard of the space decides.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from agentmem.agent import asking, context, forgetting
from agentmem.agent.checkpoints import open_saver
from agentmem.agent.forgetting import Pending, Requests
from agentmem.agent.manners import UNKEPT, acknowledge, is_question
from agentmem.agent.messages import FLEETING, MEMORY_ID, UNSAVED, folded, has, id_of, marked, origin, unheard
from agentmem.agent.models import check_model, checked, failure, name_of, open_model
from agentmem.agent.running import Running
from agentmem.agent.state import WINDOW, Reader, Setting, State
from agentmem.errors import InputError, ModelError, TextError
from agentmem.recall.fitting import tokens
from agentmem.space import Space
from agentmem.types import Answer, Draft, Evidence, Filter, MemoryId, Recall
from agentmem.unlearning.request import is_request

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

__all__ = ["MEMORY_ID", "WINDOW", "Reader", "State", "build_agent"]


def build_agent(  # noqa: PLR0913 - each is a choice of its own, and named
    space: Space,
    model: str | BaseChatModel | None = None,
    *,
    k: int | None = None,
    max_tokens: int | None = None,
    filter: Filter | None = None,  # noqa: A002 - what it is called everywhere
    checkpointer: BaseCheckpointSaver[Any] | Literal[False] | None = None,
    user: str = "user",
    assistant: str = "assistant",
    instructions: str = "",
    window: int = WINDOW,
    reader: Reader | None = None,
) -> CompiledStateGraph[State, None, State, State]:
    """Return the compiled graph: `graph.invoke({"messages": [...]}, {"configurable": {"thread_id": "main"}})`.

    Pass `durability="sync"` with it to have every step on disk before the next one begins, as `chat` does.

    Args:
        space: where turns are recalled from and remembered in; the thread of the graph is the thread in the space.
        model: "provider:model" (opened at the first question), a LangChain chat model, or None for the reader.
        k: how many memories to recall at most; default 10, or what fits `max_tokens`.
        max_tokens: budget of the recalled memories in the prompt, in estimated tokens.
        filter: which memories may be recalled; the agent's own replies only where `kinds` names them.
        checkpointer: default a file in the space's folder; False for none (the caller then passes the conversation with
            each call; only what the user said last is remembered, and nothing can be forgotten in the chat, as nobody
            can be asked back); or any of LangGraph's: what is forgotten leaves its whole history.
        user: the speaker that the user's turns are remembered under.
        assistant: the speaker that replies are remembered under.
        instructions: standing instructions for the model, after agentmem's own.
        window: how many messages of the conversation are kept in the state and shown to the model, at least 2.
        reader: answers without a model; default the extractive reader.

    Raises:
        ModelNotFoundError, MissingExtraError, InputError: the model's name cannot be used here. Nothing is contacted.
        StorageError: the file of the conversations cannot be opened.

    """
    if window < 2:
        raise InputError(f"window={window} is too small: a conversation needs at least the question and its reply")
    wanted, refill = filter or Filter(), checkpointer is not False
    setting = Setting(k, max_tokens, wanted, user, assistant, instructions, window, reader, refill=refill)
    saver = open_saver(space.path / "threads.db") if checkpointer is None else checkpointer or None
    agent = _Agent(space, _opener(model), setting, Requests(space, user, saver))
    graph = StateGraph(State)
    for node in (agent.recall, agent.reply, agent.remember, agent.forget, agent.ask, agent.erase):
        graph.add_node(node.__name__, node)
    graph.add_conditional_edges(START, _begins, ["recall", "forget"])
    graph.add_conditional_edges("recall", lambda state: "ask" if state.get("pending") else "reply", ["ask", "reply"])
    graph.add_edge("reply", "remember")
    graph.add_edge("remember", END)
    graph.add_conditional_edges("forget", _goes_on, ["ask", "erase", END])
    graph.add_conditional_edges("ask", _answered, ["recall", "forget"])
    graph.add_edge("erase", END)
    return graph.compile(checkpointer=saver, name="agentmem")


class _Agent:
    """The nodes, and what they share."""

    def __init__(
        self, space: Space, model: Callable[[], BaseChatModel] | None, setting: Setting, requests: Requests
    ) -> None:
        self.space = space
        self.model = model
        self.setting = setting
        self.requests = requests

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
        recall = self._search(context.plain(new[-1]), messages, {origin(thread, m) for m in new})
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
            "recall": recall,
            "pending": None,
            "told": None,
        }

    def reply(self, state: State, config: RunnableConfig) -> State:
        """Answer with the model, or with the reader; note everything that the answer was made of."""
        *earlier, question = state["messages"]
        evidence = self._evidence(state)
        asked = [i for i in (state["asked"],) if i is not None]
        if not asked and not is_question(context.plain(question)):
            answer, parents = Answer(UNKEPT), list[MemoryId]()
            said = AIMessage(answer.text, id=f"reply-{question.id}")
        elif self.model is None:
            answer = self._read(context.plain(question), evidence, state["confidence"])
            said, parents = AIMessage(answer.text, id=f"reply-{(*asked, question.id)[0]}"), list(answer.sources)
        else:
            said, heard = self._ask(self.model, earlier, question, evidence, config)
            used = [e.id for e in evidence]
            answer = Answer(context.plain(said), tuple(used), state["confidence"])
            parents = [*used, *heard]
        return {
            "messages": [marked(said, UNSAVED if asked else FLEETING)],
            "parents": list(dict.fromkeys([*parents, *asked])),
            "answer": answer,
        }

    def remember(self, state: State, config: RunnableConfig) -> State:
        """Remember the reply with its parents; one whose parents were erased meanwhile is forgotten with them."""
        *earlier, reply = state["messages"]
        running = self._running(config)
        kept = [] if has(reply, FLEETING) else running.kept(reply, state["parents"])
        messages = running.exactly([*(m for m in running.living(earlier) if not has(m, FLEETING)), *kept])
        if not kept:
            return {"messages": messages, "replied": None, "recalled": [], "parents": []}
        return {"messages": messages, "replied": id_of(kept[0])}

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

    def _search(self, question: str, messages: Sequence[AnyMessage], origins: Collection[str]) -> Recall:
        """Recall without what the prompt shows anyway, and without the question itself, asked now or before."""
        setting = self.setting
        shown = {id_of(m) for m in context.fitting(messages)} if self.model is not None else set()
        found = self.space.recall(question, setting.k, max_tokens=setting.max_tokens, filter=setting.filter)
        asked = folded(question)
        kept = [
            e
            for e in found.evidence
            if e.id not in shown and e.memory.origin not in origins and folded(e.memory.text) != asked
        ]
        return Recall(question, tuple(kept), found.confidence, sum(tokens(e.memory) for e in kept))

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

    def _ask(
        self,
        opener: Callable[[], BaseChatModel],
        earlier: Sequence[AnyMessage],
        question: AnyMessage,
        evidence: Sequence[Evidence],
        config: RunnableConfig,
    ) -> tuple[AIMessage, list[MemoryId]]:
        """Return what the model says, and the ids of the messages that it was shown."""
        system = [context.plain(m) for m in earlier if isinstance(m, SystemMessage)]
        heard = context.fitting([m for m in earlier if isinstance(m, HumanMessage | AIMessage)])
        instructions = "\n\n".join(part for part in (self.setting.instructions, *system) if part)
        shown = context.prompt(heard, question, evidence, self.space.clock(), instructions)
        name = "the model"
        try:
            model = opener()
            name = name_of(model)
            said = model.invoke(shown, config)
            text = checked(context.plain(said), name)
        except ModelError as error:
            raise ModelError(f"{error} (Your message is remembered; nothing was replied.)") from error
        except Exception as error:
            raise ModelError(f"{failure(error, name)} (Your message is remembered; nothing was replied.)") from error
        return AIMessage(text, id=said.id, usage_metadata=said.usage_metadata), [i for m in heard if (i := id_of(m))]


def _opener(model: str | BaseChatModel | None) -> Callable[[], BaseChatModel] | None:
    """Return what gives the model; a name is checked now and opened once, at the first call."""
    if model is None:
        return None
    if not isinstance(model, str):
        return lambda: model
    check_model(model)
    lock, opened = threading.Lock(), list[BaseChatModel]()

    def give() -> BaseChatModel:
        with lock:
            if not opened:
                opened.append(open_model(model))
            return opened[0]

    return give


def _thread(config: RunnableConfig) -> str:
    return str(config.get("configurable", {}).get("thread_id", "main"))


def _begins(state: State) -> str:
    """Say where a turn begins: with what the user asks to forget, or with everything else."""
    last = unheard(state["messages"])[-1:]
    return "forget" if last and is_request(context.plain(last[0])) else "recall"


def _goes_on(state: State) -> str:
    pending = state.get("pending")
    return END if not pending else "ask" if "question" in pending else "erase"


def _answered(state: State) -> str:
    pending = state.get("pending")
    return "recall" if pending and pending["question"]["step"] == "again" else "forget"
