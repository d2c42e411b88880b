"""Chats in OpenAI's shapes: the `conversations.json` of a ChatGPT export, and plain lists of messages.

An export is a list of conversations, each a tree (`mapping`), because questions may be edited and answers regenerated;
the branch that was shown last (`current_node` up to the root) is what was said. Plain chats are
`[{"role", "content"}, ...]`, `{"messages": [...]}`, a list of those, or one of those a line. Only what `user` and
`assistant` said is remembered: system prompts, tool calls, hidden messages and pictures are counted in
`Parsed.skipped`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    Field,
    ValidationError,
    model_validator,
)

from agentmem.formats.faults import Origins, check_text, line_of, of_json, of_model, refuse
from agentmem.formats.parsed import Parsed
from agentmem.types import Draft

LATEST = datetime.max.replace(tzinfo=UTC).timestamp() - 1
Seconds = Annotated[float, Field(ge=0, le=LATEST)]
"""Seconds since 1970."""
SAID = frozenset({"user", "assistant"})
SPOKEN = frozenset({"text", "multimodal_text", "code"})
"""Content types that somebody said; the others are a model's thoughts, browsing and errors."""


def _words(content: str | list[Any] | None) -> str:
    """Return the words of a content: a string, or parts of which some may be pictures."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = [part if isinstance(part, str) else part.get("text") for part in content if isinstance(part, str | dict)]
    return "\n".join(part for part in parts if isinstance(part, str) and part)


def _sayable(content: str | list[Any] | None) -> str | list[Any] | None:
    words = _words(content)
    if words.strip():
        check_text(words)
    return content


Content = Annotated[str | list[Any] | None, AfterValidator(_sayable)]


class PlainMessage(BaseModel):
    """A message of the chat completions shape."""

    role: str
    content: Content = None
    name: str | None = None
    at: AwareDatetime | None = Field(
        default=None, validation_alias=AliasChoices("created_at", "timestamp", "create_time", "said_at")
    )


class PlainChat(BaseModel):
    """A chat as a list of messages."""

    messages: list[PlainMessage]
    id: str | None = Field(default=None, validation_alias=AliasChoices("id", "conversation_id", "thread"))
    title: str | None = None


class TreeAuthor(BaseModel):
    """Who wrote a message of the export."""

    role: str
    name: str | None = None


class TreeContent(BaseModel):
    """What a message of the export holds."""

    content_type: str = "text"
    parts: Content = None
    text: Content = None


class TreeMessage(BaseModel):
    """A message of the export."""

    author: TreeAuthor
    content: TreeContent
    id: str | None = None
    create_time: Seconds | None = None
    metadata: dict[str, Any] | None = None

    @property
    def hidden(self) -> bool:
        """Whether the interface never showed it."""
        return bool((self.metadata or {}).get("is_visually_hidden_from_conversation"))


class Node(BaseModel):
    """A place in the tree; the root has no message."""

    message: TreeMessage | None = None
    parent: str | None = None
    children: list[str] = []


class Tree(BaseModel):
    """A conversation of the export."""

    mapping: dict[str, Node]
    current_node: str | None = None
    title: str | None = None
    create_time: Seconds | None = None
    id: str | None = Field(default=None, validation_alias=AliasChoices("conversation_id", "id"))

    @model_validator(mode="after")
    def _whole(self) -> Tree:
        if self.current_node is not None and self.current_node not in self.mapping:
            raise ValueError(f"current_node {self.current_node!r} is not in the mapping: the export was cut")
        for name, node in self.mapping.items():
            if node.parent is not None and node.parent not in self.mapping:
                raise ValueError(f"the parent of node {name!r} is not in the mapping: the export was cut")
        return self


def parse(text: str, source: str = "the file", stem: str = "chat") -> Parsed:
    """Return the drafts of a JSON document in one of OpenAI's shapes; chats without a name are called after `stem`.

    Raises ImportRefusedError naming each line at fault.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise refuse(source, [(error.lineno, of_json(error))]) from error
    chats, paths = _chats(document)
    faults: list[tuple[int, str]] = []
    read = _Reading(stem, alone=len(chats) == 1)
    for number, (chat, prefix) in enumerate(zip(chats, paths, strict=True), start=1):
        try:
            read.take(number, chat)
        except ValidationError as error:
            wrapped = isinstance(document, list) and prefix == ()
            for path, what in of_model(error):
                inside = path[1:] if wrapped else path
                faults.append((line_of(text, (*prefix, *inside)), what))
    if faults:
        raise refuse(source, faults)
    return read.parsed()


def parse_lines(text: str, source: str = "the file", stem: str = "chat") -> Parsed:
    """Return the drafts of JSON lines, each a whole chat. Raises ImportRefusedError naming each line at fault."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    faults: list[tuple[int, str]] = []
    read = _Reading(stem, alone=len(lines) == 1)
    for number, line in lines:
        try:
            read.take(number, json.loads(line))
        except json.JSONDecodeError as error:
            faults.append((number, of_json(error)))
        except ValidationError as error:
            faults += [(number, what) for _, what in of_model(error)]
    if faults:
        raise refuse(source, faults)
    return read.parsed()


def _chats(document: Any) -> tuple[list[Any], list[tuple[str | int, ...]]]:
    """Return the chats of a document, each with its path in it."""
    if isinstance(document, list) and not (document and isinstance(document[0], dict) and "role" in document[0]):
        return document, [(index,) for index in range(len(document))]
    return [{"messages": document} if isinstance(document, list) else document], [()]


class _Reading:
    """The drafts gathered so far, and what was left out."""

    def __init__(self, stem: str, *, alone: bool) -> None:
        self._stem = stem
        self._alone = alone
        self._origins = Origins("chat")
        self._drafts: list[Draft] = []
        self._skipped: Counter[str] = Counter()

    def parsed(self) -> Parsed:
        return Parsed("openai", self._drafts, dict(self._skipped))

    def take(self, number: int, chat: Any) -> None:
        if isinstance(chat, dict) and "mapping" in chat:
            self._tree(number, Tree.model_validate(chat))
        else:
            self._plain(number, PlainChat.model_validate(chat))

    def _name(self, number: int, *names: str | None) -> str:
        return next((name for name in names if name), self._stem if self._alone else f"{self._stem}-{number}")

    def _tree(self, number: int, tree: Tree) -> None:
        thread = self._name(number, tree.id, tree.title)
        at = tree.create_time
        for node, message in _shown(tree):
            at = message.create_time or at
            content = message.content
            if message.hidden or content.content_type not in SPOKEN:
                self._skipped["hidden" if message.hidden else content.content_type] += 1
                continue
            words = _words(content.parts) or _words(content.text)
            said = datetime.fromtimestamp(at, UTC) if at is not None else None
            origin = ("tree", tree.id, tree.title, message.id or node, words)
            self._keep(message.author.role, message.author.name, words, thread, said, tree.title, origin)

    def _plain(self, number: int, chat: PlainChat) -> None:
        thread = self._name(number, chat.id, chat.title)
        for place, message in enumerate(chat.messages):
            words = _words(message.content)
            origin = ("plain", thread, place, message.role, words)
            self._keep(message.role, message.name, words, thread, message.at, chat.title, origin)

    def _keep(
        self,
        role: str,
        name: str | None,
        words: str,
        thread: str,
        said_at: datetime | None,
        title: str | None,
        origin: tuple[object, ...],
    ) -> None:
        if role not in SAID:
            self._skipped[role] += 1
        elif not words.strip():
            self._skipped["empty"] += 1
        else:
            metadata = {"title": title} if title else {}
            speaker = name or role
            self._drafts.append(
                Draft(
                    words,
                    speaker=speaker,
                    thread=thread,
                    said_at=said_at,
                    metadata=metadata,
                    origin=self._origins(origin),
                )
            )


def _shown(tree: Tree) -> Iterator[tuple[str, TreeMessage]]:
    """Yield the messages of the branch that was shown last, from the root down."""
    name = tree.current_node or _last_leaf(tree)
    branch: list[tuple[str, TreeMessage]] = []
    seen: set[str] = set()
    while name is not None and name not in seen:
        seen.add(name)
        node = tree.mapping[name]
        if node.message is not None:
            branch.append((name, node.message))
        name = node.parent
    yield from reversed(branch)


def _last_leaf(tree: Tree) -> str | None:
    """Return the leaf below the youngest children: what ChatGPT shows where an export names no current node."""
    name = next((name for name, node in tree.mapping.items() if node.parent is None), None)
    seen: set[str] = set()
    while name is not None and name not in seen:
        seen.add(name)
        below = [child for child in tree.mapping[name].children if child in tree.mapping]
        if not below:
            break
        name = below[-1]
    return name
