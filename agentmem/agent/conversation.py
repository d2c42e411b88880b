"""A conversation with a space: ask and get a reply, whole or as it comes; it goes on where it was left.

    with chat(space, "openai:gpt-4o-mini") as talk:
        print(talk.ask("What is Alice's cat called?").text)

    reply = talk.ask("Forget everything about Tom.")    nothing is forgotten yet: reply.question is open
    talk.ask("yes")                                     what is said next answers it, also days later, from elsewhere

A facade over the graph for people and for the command line; langgraph is loaded when a chat is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from agentmem.errors import TextError
from agentmem.types import Answer, Recall

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from langchain_core.language_models import BaseChatModel

    from agentmem.agent.reliance import Reliance
    from agentmem.space import Space
    from agentmem.types import MemoryId

SPEAKING = frozenset({"reply", "forget", "erase"})
"""The steps of the graph that say something."""
TOOL = "tool"
"""The step of a question that a tool asks."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of the reply, as it comes."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """A whole reply, and what it rests on.

    `asked` is the memory of what the user said, `id` that of the reply: None if something it was made of was erased
    meanwhile, so that it was not kept. Both are None where nothing of the turn is to be remembered. `recall` holds the
    evidence with its scores. `question` is what must be answered first, if anything must (see `agentmem.agent.asking`;
    {"step": "tool", "text": ..., "value": ...} where a tool asks): its text is that of the reply, and what is said next
    in the thread answers it. `dependence` says how far the reply depends on memory, in [0, 1] (see
    `agentmem.agent.reliance`).
    """

    answer: Answer
    recall: Recall
    thread: str
    asked: MemoryId | None
    id: MemoryId | None
    question: Mapping[str, Any] | None = None
    dependence: float = 0.0

    @property
    def text(self) -> str:
        """The reply in words."""
        return self.answer.text


ChatEvent = Piece | Reply


class Chat:
    """A running conversation. Set `thread` to go over to another one; each goes on where it was left.

    Set `reliance` to have what comes next rest more, or less, on memory; None: as the graph was built.
    """

    def __init__(self, space: Space, graph: Any, thread: str = "main") -> None:
        self.space = space
        self.graph = graph
        self.thread = thread
        self.reliance: Reliance | None = None

    def stream(self, text: str) -> Iterator[ChatEvent]:
        """Say `text` and yield the reply's text as it comes, then the whole Reply.

        What a model says before it calls a tool comes as well, and is no part of the reply.

        Raises:
            TextError: the text is empty.
            ModelError: the model failed; what was said is remembered, and nothing was replied.

        """
        if not text.strip():
            raise TextError("the message is empty; write something")
        thread, final = self.thread, dict[str, Any]()
        modes = ["messages", "values"]
        said = self._said(text)
        for mode, data in self.graph.stream(said, self._config(thread), stream_mode=modes, durability="sync"):
            if mode == "values":
                final = data
            elif data[1]["langgraph_node"] in SPEAKING and data[0].text:
                yield Piece(str(data[0].text))
        reply = self._reply(final, thread)
        if reply.question is not None:
            yield Piece(reply.text)
        yield reply

    def ask(self, text: str) -> Reply:
        """Say `text` and return the whole reply. Raises as `stream`."""
        if not text.strip():
            raise TextError("the message is empty; write something")
        thread = self.thread
        final = self.graph.invoke(self._said(text), self._config(thread), durability="sync")
        return self._reply(final, thread)

    @property
    def question(self) -> Mapping[str, Any] | None:
        """What must be answered first in this thread, if anything must."""
        if self.graph.checkpointer is None:
            return None
        waiting = self.graph.get_state(self._config(self.thread)).interrupts
        return _asked(waiting[0].value) if waiting else None

    def withdraw(self) -> Reply | None:
        """Answer an open question with no: nothing is forgotten, nor remembered again. None: there was none."""
        if self.question is None:
            return None
        from langgraph.types import Command

        no: Command[Any] = Command(resume="cancel")
        return self._reply(self.graph.invoke(no, self._config(self.thread), durability="sync"), self.thread)

    def history(self) -> list[tuple[str, str]]:
        """Return the running conversation of this thread as (role, text): "human" or "ai", oldest first."""
        messages = self.graph.get_state(self._config(self.thread)).values.get("messages", [])
        return [(m.type, str(m.text)) for m in messages]

    def close(self) -> None:
        """Close the file of the conversations; the space stays open."""
        closing = getattr(self.graph.checkpointer, "close", None)
        if closing is not None:
            closing()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _config(self, thread: str) -> dict[str, Any]:
        own = {} if self.reliance is None else {"reliance": self.reliance}
        return {"configurable": {"thread_id": thread, **own}}

    def _said(self, text: str) -> Any:
        """Return what the graph goes on with: an answer to its open question, or something new, which withdraws that.

        A question, or another request, that is no answer is something new; what a tool asks is answered by anything.
        """
        from agentmem.agent import asking
        from agentmem.agent.manners import is_question
        from agentmem.unlearning.request import is_request

        asked = self.question
        if asked is not None and (
            asked["step"] == TOOL
            or asking.heard(asked, text) is not None
            or not (is_question(text) or is_request(text))
        ):
            from langgraph.types import Command

            return Command(resume=text)
        return {"messages": [{"role": "user", "content": text}]}

    def _reply(self, final: dict[str, Any], thread: str) -> Reply:
        recall = final.get("recall", Recall("", (), 0.0, 0))
        if final.get("__interrupt__"):
            asked = _asked(final["__interrupt__"][0].value)
            return Reply(Answer(asked["text"]), recall, thread, None, None, asked)
        flush = getattr(self.graph.checkpointer, "flush", None)
        if final["replied"] is None and flush is not None:
            flush()  # what was said must not stay, or the reply rests on something erased: it stood in a checkpoint
        depends = final.get("dependence", 0.0) if final["asked"] else 0.0
        return Reply(final["answer"], recall, thread, final["asked"], final["replied"], dependence=depends)


def _asked(value: Any) -> Mapping[str, Any]:
    """Return an open question of ours, or what a tool asks, in one form."""
    if isinstance(value, Mapping) and {"step", "text"} <= value.keys():
        return value
    return {"step": TOOL, "text": value if isinstance(value, str) else json.dumps(value, default=str), "value": value}


def chat(space: Space, model: str | BaseChatModel | None = None, *, thread: str = "main", **settings: Any) -> Chat:
    """Open a conversation with `space`; `settings` are those of `build_agent`.

    Raises:
        ModelNotFoundError, MissingExtraError, InputError: the model's name cannot be used here.
        StorageError: the file of the conversations cannot be opened.

    """
    from agentmem.agent.graph import build_agent

    return Chat(space, build_agent(space, model, **settings), thread)
