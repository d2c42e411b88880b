"""A conversation with a space: ask and get a reply, whole or as it comes; it goes on where it was left.

    with chat(space, "openai:gpt-4o-mini") as talk:
        print(talk.ask("What is Alice's cat called?").text)

A facade over the graph for people and for the command line; langgraph is loaded when a chat is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from agentmem.errors import TextError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from langchain_core.language_models import BaseChatModel

    from agentmem.space import Space
    from agentmem.types import Answer, MemoryId, Recall


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of the reply, as it comes."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """A whole reply, and what it rests on.

    `asked` is the memory of what the user said, `id` that of the reply: None if something it was made of was erased
    meanwhile, so that it was not kept. `recall` holds the evidence with its scores.
    """

    answer: Answer
    recall: Recall
    thread: str
    asked: MemoryId
    id: MemoryId | None

    @property
    def text(self) -> str:
        """The reply in words."""
        return self.answer.text


ChatEvent = Piece | Reply


class Chat:
    """A running conversation. Set `thread` to go over to another one; each goes on where it was left."""

    def __init__(self, space: Space, graph: Any, thread: str = "main") -> None:
        self.space = space
        self.graph = graph
        self.thread = thread

    def stream(self, text: str) -> Iterator[ChatEvent]:
        """Say `text` and yield the reply's text as it comes, then the whole Reply.

        Raises:
            TextError: the text is empty.
            ModelError: the model failed; what was said is remembered, and nothing was replied.

        """
        if not text.strip():
            raise TextError("the message is empty; write something")
        thread, final = self.thread, dict[str, Any]()
        modes = ["messages", "values"]
        for mode, data in self.graph.stream(_said(text), self._config(thread), stream_mode=modes, durability="sync"):
            if mode == "values":
                final = data
            elif data[1]["langgraph_node"] == "reply" and data[0].text:
                yield Piece(str(data[0].text))
        yield self._reply(final, thread)

    def ask(self, text: str) -> Reply:
        """Say `text` and return the whole reply. Raises as `stream`."""
        if not text.strip():
            raise TextError("the message is empty; write something")
        thread = self.thread
        final = self.graph.invoke(_said(text), self._config(thread), durability="sync")
        return self._reply(final, thread)

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
        return {"configurable": {"thread_id": thread}}

    def _reply(self, final: dict[str, Any], thread: str) -> Reply:
        flush = getattr(self.graph.checkpointer, "flush", None)
        if final["replied"] is None and flush is not None:
            flush()  # the reply rests on something erased; its text stood in a checkpoint for a moment
        return Reply(final["answer"], final["recall"], thread, final["asked"], final["replied"])


def _said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def chat(space: Space, model: str | BaseChatModel | None = None, *, thread: str = "main", **settings: Any) -> Chat:
    """Open a conversation with `space`; `settings` are those of `build_agent`.

    Raises:
        ModelNotFoundError, MissingExtraError, InputError: the model's name cannot be used here.
        StorageError: the file of the conversations cannot be opened.

    """
    from agentmem.agent.graph import build_agent

    return Chat(space, build_agent(space, model, **settings), thread)
