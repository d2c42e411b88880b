"""The graph: recall -> reply -> remember, one turn of a conversation with a space behind it.

In this order, and saved after every step, so that a crash leaves at worst a remembered turn without a reply:

1. recall: search the ledger (before the question is in it, so it is not its own evidence), then remember the turn;
2. reply: the model, or without one the extractive reader; if it fails, the turn stays and nothing is replied;
3. remember: the reply, derived from all that it was made of, so that erasing any of that takes the reply along.

What was recalled is never saved in a checkpoint, only its ids. The conversation is: its newest messages, bounded by
`window`; messages of erased memories leave it at the next turn; the ledger remains the truth and refills it where it is
lost. Replies are not recalled as evidence by default: an agent that quotes itself drifts.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypedDict, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, RemoveMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langgraph.channels import UntrackedValue
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES, add_messages

from agentmem.agent import context
from agentmem.agent.checkpoints import open_saver
from agentmem.agent.manners import acknowledge, is_question
from agentmem.agent.models import check_model, checked, failure, name_of, open_model
from agentmem.errors import GuardedError, InputError, LineageError, ModelError, TextError
from agentmem.recall.fitting import tokens
from agentmem.space import Space
from agentmem.types import Answer, Draft, Evidence, Filter, MemoryId, Recall

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

MEMORY_ID = "memory_id"
UNSAVED = "unsaved"
"""Marks of our own messages, in `additional_kwargs`: which memory one is; that a reply is not yet in the ledger."""

WINDOW = 20
"""Messages of the running conversation that are kept in the state and shown to a model."""


class Reader(Protocol):
    """Answers a question in words from evidence, without a model."""

    def __call__(self, question: str, evidence: Sequence[Evidence], /, *, confidence: float) -> Answer:
        """Return the answer, or one that abstains."""
        ...


class State(TypedDict, total=False):
    """One conversation. `recall` and `answer` live as long as a run; the rest is saved and holds no recalled text."""

    messages: Annotated[list[AnyMessage], add_messages]
    asked: MemoryId
    recalled: list[MemoryId]
    parents: list[MemoryId]
    replied: MemoryId | None
    confidence: float
    recall: Annotated[Recall, UntrackedValue]
    answer: Annotated[Answer, UntrackedValue]


@dataclass(frozen=True, slots=True)
class Setting:
    """What the caller of `build_agent` chose; the fields are its parameters."""

    k: int | None
    max_tokens: int | None
    filter: Filter
    user: str
    assistant: str
    instructions: str
    window: int
    reader: Reader | None
    refill: bool


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
            each call; only what the user said last is remembered); or any of LangGraph's.
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
    agent = _Agent(space, _opener(model), setting)
    graph = StateGraph(State)
    graph.add_node("recall", agent.recall)
    graph.add_node("reply", agent.reply)
    graph.add_node("remember", agent.remember)
    graph.add_edge(START, "recall")
    graph.add_edge("recall", "reply")
    graph.add_edge("reply", "remember")
    graph.add_edge("remember", END)
    saver = open_saver(space.path / "threads.db") if checkpointer is None else checkpointer or None
    return graph.compile(checkpointer=saver, name="agentmem")


class _Agent:
    """The three nodes, and what they share."""

    def __init__(self, space: Space, model: Callable[[], BaseChatModel] | None, setting: Setting) -> None:
        self.space = space
        self.model = model
        self.setting = setting

    def recall(self, state: State, config: RunnableConfig) -> State:
        """Recall what bears on the question, then remember the user's turn.

        First, a reply that a crash kept from the ledger is remembered: it stands in the checkpoint, marked as unsaved.
        """
        thread = _thread(config)
        messages = self._living(
            [
                settled
                for m in state["messages"]
                for settled in (self._kept(m, state["parents"], thread) if UNSAVED in m.additional_kwargs else [m])
            ]
        )
        new = _unheard(messages)
        if not new:
            raise InputError("nothing was asked: the last message must be the user's, and not answered before")
        if not all(context.plain(m).strip() for m in new):
            raise TextError("the message is empty; write something")
        if self.setting.refill and messages[0] is new[0]:
            messages = [*self._refill(thread), *messages]
        origins = {_origin(thread, m): m for m in new}
        recall = self._search(context.plain(new[-1]), messages, origins)
        ids = self.space.remember(
            [
                Draft(context.plain(m), speaker=self.setting.user, thread=thread, origin=origin)
                for origin, m in origins.items()
            ],
            guarded="pass",  # what a person says in a chat is said on purpose
        )
        known = dict(zip(origins, ids, strict=True))
        marked = [_marked(m, MEMORY_ID, known[o]) if (o := _origin(thread, m)) in known else m for m in messages]
        return {
            "messages": self._all(marked),
            "asked": ids[-1],
            "recalled": list(recall.ids),
            "parents": [],
            "replied": None,
            "confidence": recall.confidence,
            "recall": recall,
        }

    def reply(self, state: State, config: RunnableConfig) -> State:
        """Answer with the model, or with the reader; note everything that the answer was made of."""
        *earlier, question = state["messages"]
        evidence = self._evidence(state)
        if self.model is None:
            answer = self._read(context.plain(question), evidence, state["confidence"])
            said, parents = AIMessage(answer.text, id=f"reply-{state['asked']}"), list(answer.sources)
        else:
            said, heard = self._ask(self.model, earlier, question, evidence, config)
            used = [e.id for e in evidence]
            answer = Answer(context.plain(said), tuple(used), state["confidence"])
            parents = [*used, *heard]
        return {
            "messages": [_marked(said, UNSAVED, "yes")],
            "parents": list(dict.fromkeys([*parents, state["asked"]])),
            "answer": answer,
        }

    def remember(self, state: State, config: RunnableConfig) -> State:
        """Remember the reply with its parents; one whose parents were erased meanwhile is forgotten with them."""
        *earlier, reply = state["messages"]
        kept = self._kept(reply, state["parents"], _thread(config))
        messages = self._all([*self._living(earlier), *kept])
        if not kept:
            return {"messages": messages, "replied": None, "recalled": [], "parents": []}
        return {"messages": messages, "replied": _id(kept[0])}

    def _search(self, question: str, messages: Sequence[AnyMessage], origins: Collection[str]) -> Recall:
        """Recall without what the prompt shows anyway, and without the question itself, asked now or before."""
        setting = self.setting
        shown = {_id(m) for m in context.fitting(messages)} if self.model is not None else set()
        found = self.space.recall(question, setting.k, max_tokens=setting.max_tokens, filter=setting.filter)
        asked = _folded(question)
        kept = [
            e
            for e in found.evidence
            if e.id not in shown and e.memory.origin not in origins and _folded(e.memory.text) != asked
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
        return AIMessage(text, id=said.id, usage_metadata=said.usage_metadata), [i for m in heard if (i := _id(m))]

    def _kept(self, reply: AnyMessage, parents: Sequence[MemoryId], thread: str) -> list[AnyMessage]:
        """Remember a reply and return it, marked; nothing if what it was made of was erased, or it says what was."""
        draft = Draft(
            context.plain(reply),
            kind="reply",
            speaker=self.setting.assistant,
            thread=thread,
            parents=tuple(parents),
            origin=_origin(thread, reply),
        )
        try:
            (known,) = self.space.remember([draft])
        except (LineageError, GuardedError):
            return []
        return [_marked(reply, MEMORY_ID, known)]

    def _living(self, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
        """Leave out messages whose memory was erased."""
        return [m for m in messages if (known := _id(m)) is None or known in self.space]

    def _all(self, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
        """Make the conversation exactly these messages: the system's, and the newest of the others."""
        newest = [m for m in messages if not isinstance(m, SystemMessage)][-self.setting.window :]
        kept = [m for m in messages if isinstance(m, SystemMessage) or any(m is n for n in newest)]
        return [cast("AnyMessage", RemoveMessage(id=REMOVE_ALL_MESSAGES)), *kept]

    def _refill(self, thread: str) -> list[AnyMessage]:
        """Return the newest messages of a conversation that the checkpoints lost, from the ledger."""
        if thread not in self.space.threads():
            return []
        prefix = _origin(thread, None)
        said = [
            m
            for m in self.space.memories(Filter(threads=(thread,), kinds=("turn", "reply")))
            if m.origin is not None and m.origin.startswith(prefix)
        ]
        return [
            (AIMessage if m.kind == "reply" else HumanMessage)(
                m.text, id=(m.origin or "").removeprefix(prefix), additional_kwargs={MEMORY_ID: m.id}
            )
            for m in said[-self.setting.window :]
        ]


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


def _unheard(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Return what the user said last, since anybody answered, as far as it is not yet remembered."""
    said: list[AnyMessage] = []
    for message in reversed(messages):
        if not isinstance(message, HumanMessage):
            break
        if _id(message) is None:
            said.append(message)
    return said[::-1] if said and said[0] is messages[-1] else []


def _origin(thread: str, message: BaseMessage | None) -> str:
    """Name a message of a conversation for the ledger: a second writing of it, after a crash, adds nothing."""
    return f"chat:{thread}:{'' if message is None else message.id}"


def _id(message: BaseMessage) -> MemoryId | None:
    return cast("MemoryId | None", message.additional_kwargs.get(MEMORY_ID))


def _marked(message: AnyMessage, mark: str, value: str) -> AnyMessage:
    kept = {key: v for key, v in message.additional_kwargs.items() if key not in {MEMORY_ID, UNSAVED}}
    return message.model_copy(update={"additional_kwargs": {**kept, mark: value}})


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
