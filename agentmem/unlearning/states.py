"""Serialised agent states, edited in place: strings are exchanged in the MessagePack or JSON tree itself.

Nothing is ever built from a state: an object of the application's own (a dataclass, a pydantic model, an enum) stands
in the tree as its module, name and fields (LangGraph's extension types), and leaves it as the same. So its classes need
not be importable, no code of the state runs, and what is not touched keeps its bytes. Messages are recognised wherever
they stand: as LangChain's objects, as role-and-content dictionaries, in channels, inputs, pending writes, interrupts.

What holds a state together is not text and stays: names of channels and of fields, nodes and tasks, ids of messages and
tool calls, types. A message that is one half of a tool call is emptied, never dropped, so that each call keeps its
answer; log-probabilities, which spell a text token by token, leave every message that was edited.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from agentmem.errors import StorageError
from agentmem.unlearning.wording import Wording

REMOVED = "[removed]"
Mode = Literal["redact", "drop"]
Part = Literal["checkpoint", "metadata", "input", "value"]
"""What a serialised tree is: a whole checkpoint, its metadata, what a run was called with, or a value of a channel."""
INPUT = "__start__"
"""The channel of what a run was called with: a dictionary of values by the names of channels."""

_TREES = frozenset({0, 1, 2, 3, 4, 5, 7})
"""LangGraph's MessagePack extensions that hold a tree; 6 is a NumPy array, others are unknown and left alone."""
_PLAIN = frozenset({"null", "empty"})
_HELD = frozenset({"id", "type", "role", "tool_call_id", "status", "index", "usage_metadata", "memory_id", "unsaved"})
"""Fields of a message that hold no text of it."""
_FREE = frozenset({"args", "input", "arguments", "artifact"})
"""Fields of a message below which everything is text again."""
_CALL = frozenset({"args", "input", "arguments"})
"""Fields that tell a tool call in a message; its name is a tool's."""
_METADATA = frozenset({"source", "step", "parents", "run_id", "thread_id", "counters_since_delta_snapshot"})


@dataclass(frozen=True, slots=True)
class _Extension:
    """An object of the application in a MessagePack tree: its code, its bytes as they are to be, whether it goes."""

    code: int
    data: bytes
    drop: bool = False


_GONE = object()


class Messages:
    """Counts messages that a history shows again and again: by id, or, before they have one, by what they say."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._known: set[int] = set()
        self._nameless: set[int] = set()

    def add(self, fields: Mapping[str, Any]) -> None:
        """Count a message, once."""
        said = hash(repr([fields.get("content"), fields.get("tool_calls") or ()]))
        if fields.get("id"):
            self._ids.add(str(fields["id"]))
            self._known.add(said)
        else:
            self._nameless.add(said)

    def __len__(self) -> int:
        return len(self._ids) + len(self._nameless - self._known)


@dataclass
class Edit:
    """One pass over states: what to look for, what to do with it, and what was done.

    `wording` is looked for in every text. A message with one of the ids in `messages`, or whose `memory_id` (in
    `additional_kwargs`) is one of `ids`, goes whole; these ids also leave every list. With `spare`, messages that bear
    the id of another memory are left alone: what they say was not forgotten. `hits` counts what was found, as often as
    it stands there; `edited` and `dropped` count messages.
    """

    wording: Wording
    ids: frozenset[str] = frozenset()
    messages: frozenset[str] = frozenset()
    mode: Mode = "redact"
    replacement: str = REMOVED
    spare: bool = False
    edited: Messages = field(default_factory=Messages)
    dropped: Messages = field(default_factory=Messages)
    hits: int = 0

    def __post_init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._extensions: dict[tuple[str, int, bytes], tuple[_Extension, int]] = {}

    def blob(self, kind: str, data: bytes, part: Part = "value") -> bytes:
        """Return a serialised tree, edited; the very same bytes if nothing in it was.

        Raises StorageError for a serialisation that is not one of LangGraph's own, and for a damaged one.
        """
        before = self.hits
        if kind in _PLAIN or not data:
            return data
        if kind in {"bytes", "bytearray"}:
            return self._bytes(data)
        if kind not in {"msgpack", "json"}:
            raise StorageError(
                f"a state is serialised as {kind!r}, which cannot be read here; pass the saver itself, with its serde"
            )
        try:
            tree = json.loads(data) if kind == "json" else self._unpacked(data)
        except ValueError as error:
            raise StorageError(f"a state is no {kind} ({error}): the row is damaged. Delete its thread.") from error
        by = {"checkpoint": self.checkpoint, "metadata": self.metadata, "input": self.called_with, "value": self.value}
        done = by[part](tree)
        if self.hits == before:
            return data
        return json.dumps(done, ensure_ascii=False).encode() if kind == "json" else _packed(done)

    def checkpoint(self, tree: dict[str, Any]) -> dict[str, Any]:
        """Return a checkpoint's tree with the values of its channels edited, and, of old formats, pending sends."""
        done = dict(tree)
        if tree.get("channel_values"):
            done["channel_values"] = {
                name: self.called_with(value) if name == INPUT else self.value(value)
                for name, value in tree["channel_values"].items()
            }
        if tree.get("pending_sends"):
            done["pending_sends"] = [self._inner(sent) for sent in tree["pending_sends"]]
        return done

    def called_with(self, tree: Any) -> Any:
        """Return the input of a run or of a node, edited: at its top, keys are names of channels."""
        if isinstance(tree, dict) and not _is_message(tree) and "lc" not in tree:
            return self._values(tree)
        return self._inner(tree)

    def value(self, tree: Any) -> Any:
        """Return the value of a channel, edited."""
        return self._inner(tree)

    def metadata(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        """Return a checkpoint's metadata, edited, but for what LangGraph itself keeps there."""
        return {key: value if key in _METADATA else self._inner(value) for key, value in tree.items()}

    def text(self, text: str) -> str:
        """Return a text, edited."""
        if text not in self._texts:
            self._texts[text] = self.wording.replaced(text, self.replacement)
        done = self._texts[text]
        self.hits += done != text
        return done

    # -- trees -----------------------------------------------------------------------------------------------------

    def _tree(self, tree: Any, held: frozenset[str] = frozenset()) -> Any:
        """Edit any tree; the values of `held` keys stay. Return `_GONE` for a message that is to be dropped."""
        if isinstance(tree, str):
            return self.text(tree)
        if isinstance(tree, _Extension):
            if not tree.drop:
                return tree
            return _GONE if self.mode == "drop" else self._extension(tree.code, tree.data)
        if isinstance(tree, list | tuple):
            kept = (self._tree(item, held) for item in tree if not self._forgotten_id(item))
            return type(tree)(item for item in kept if item is not _GONE)
        if isinstance(tree, dict):
            return self._dict(tree, held)
        return self._bytes(tree) if isinstance(tree, bytes) else tree

    def _inner(self, tree: Any, held: frozenset[str] = frozenset()) -> Any:
        """Edit what stands where nothing can be dropped: a message there is edited instead."""
        done = self._tree(tree, held)
        if done is _GONE:
            mode, self.mode = self.mode, "redact"
            done = self._tree(tree, held)
            self.mode = mode
        return done

    def _forgotten_id(self, item: Any) -> bool:
        """Say whether an item of a list is the id of a forgotten memory, and count it."""
        gone = isinstance(item, str) and item in self.ids
        self.hits += gone
        return gone

    def _dict(self, tree: dict[Any, Any], held: frozenset[str]) -> Any:
        if _is_message(tree):
            return self._message(tree)
        fields = tree.get("kwargs")
        if "lc" in tree and isinstance(fields, dict):  # an object in LangChain's JSON
            done = self._fields(fields)
            return done if done is _GONE else {**tree, "kwargs": done}
        if held:
            return self._values(tree, held | {"name"} if tree.keys() & _CALL else held)
        edited: dict[Any, Any] = {}
        for key, value in tree.items():
            edited[self._key(key, edited)] = self._inner(value)
        return edited

    def _key(self, key: Any, taken: Mapping[Any, Any]) -> Any:
        """Edit a key of a dictionary; no two become one."""
        name = self._tree(key)
        while name != key and name in taken:
            name = f"{name}'"
        return name

    def _fields(self, fields: dict[str, Any]) -> Any:
        """Edit the fields of an object."""
        return self._message(fields) if _is_message(fields) else self._values(fields)

    def _values(self, tree: dict[Any, Any], held: frozenset[str] = frozenset()) -> dict[Any, Any]:
        """Edit the values of a dictionary whose keys are names of fields, as far as they can be names."""
        edited: dict[Any, Any] = {}
        for key, value in tree.items():
            name = key if not isinstance(key, str) or key.isidentifier() else self._key(key, edited)
            if key in held and isinstance(value, str) and len(value.split()) < 2:  # what has spaces is no name
                edited[name] = value
            else:
                edited[name] = self._inner(value, frozenset() if key in _FREE else held)
        return edited

    def _bytes(self, data: bytes) -> bytes:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return data
        done = self.text(text)
        return data if done == text else done.encode()

    # -- messages --------------------------------------------------------------------------------------------------

    def _message(self, fields: dict[str, Any]) -> Any:
        """Edit a message; return `_GONE` if it is to be dropped."""
        before = self.hits
        memory = (fields.get("additional_kwargs") or {}).get("memory_id")
        forgotten = fields.get("id") in self.messages or (isinstance(memory, str) and self._names(memory))
        if self.spare and memory is not None and not forgotten:
            return fields
        done = self._emptied(fields) if forgotten else self._values(fields, _HELD | self._named(fields))
        if self.hits == before:
            return fields
        half = fields.get("tool_calls") or fields.get("tool_call_id") or fields.get("role") == "tool"
        if self.mode == "drop" and not half:
            self.dropped.add(fields)
            return _GONE
        self.edited.add(fields)
        if isinstance(done.get("response_metadata"), dict):
            done["response_metadata"] = {k: v for k, v in done["response_metadata"].items() if k != "logprobs"}
        return done

    def _names(self, memory: str) -> bool:
        """Say whether this is the id of a forgotten memory; sealed wording knows ids as words."""
        return memory in self.ids or bool(self.wording.spans(memory))

    def _named(self, fields: dict[str, Any]) -> frozenset[str]:
        """Return what else holds no text: names of tools; the name of a person is one."""
        tool = fields.get("tool_call_id") or fields.get("type") == "tool" or fields.get("role") == "tool"
        return frozenset({"name"} if tool else ())

    def _emptied(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return a message of which nothing is left but its place: ids, type, and which tools it calls."""
        self.hits += 1
        done = {key: value for key, value in fields.items() if key not in {"artifact", "invalid_tool_calls"}}
        done["content"] = self.replacement
        if "additional_kwargs" in fields:
            done["additional_kwargs"] = {}
        if fields.get("tool_calls"):
            done["tool_calls"] = [{**call, "args": {}} if "args" in call else call for call in fields["tool_calls"]]
        return {key: self._inner(value, _HELD | self._named(fields)) for key, value in done.items()}

    # -- MessagePack -----------------------------------------------------------------------------------------------

    def _unpacked(self, data: bytes) -> Any:
        import ormsgpack

        return ormsgpack.unpackb(data, ext_hook=self._extension, option=ormsgpack.OPT_NON_STR_KEYS)

    def _extension(self, code: int, data: bytes) -> _Extension:
        """Edit an object, once however often it stands in a history."""
        data = bytes(data)
        if code not in _TREES:
            return _Extension(code, data)
        key = (self.mode, code, data)
        if key not in self._extensions:
            before = self.hits
            done = self._object(self._unpacked(data), code)
            if done is _GONE:
                made = _Extension(code, data, drop=True)
            else:
                made = _Extension(code, data if self.hits == before else _packed(done))
            self._extensions[key] = (made, self.hits - before)
            self.hits = before
        made, hits = self._extensions[key]
        self.hits += hits
        return made

    def _object(self, tree: Any, code: int) -> Any:
        """Edit what an object is made of: module, name, its fields or arguments, and how it is to be made of them."""
        if code == 7 or not isinstance(tree, list) or len(tree) < 3:
            return self._inner(tree)
        module, name, parts, *how = tree
        if isinstance(parts, dict):
            done = self._fields(parts)
        elif (module, name) == ("langgraph.types", "Send"):
            done = [parts[0], *(self.called_with(part) for part in parts[1:])]  # the first is the name of a node
        else:
            done = self._inner(parts)
        return done if done is _GONE else [module, name, done, *how]


def _is_message(tree: Mapping[str, Any]) -> bool:
    """Say whether a dictionary is a message: LangChain's fields, or a role and a content."""
    return "content" in tree and ("role" in tree or ("additional_kwargs" in tree and "type" in tree))


def _packed(tree: Any) -> bytes:
    import ormsgpack

    option = ormsgpack.OPT_NON_STR_KEYS | ormsgpack.OPT_PASSTHROUGH_DATACLASS | ormsgpack.OPT_REPLACE_SURROGATES
    return ormsgpack.packb(tree, default=_as_extension, option=option)


def _as_extension(value: Any) -> Any:
    import ormsgpack

    if isinstance(value, _Extension):
        return ormsgpack.Ext(value.code, value.data)
    raise TypeError(f"{type(value).__name__} in a state")
