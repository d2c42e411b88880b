"""What to forget, as a value: selectors that combine with `&`, `|` and `-`, and what they nominate.

    Entity("Anna", aliases=("Annie",)) | Topic("the divorce")
    Said(since=march, until=april) & Speaker("Ana")
    Everything() - Thread("work")

A selector is frozen, compares by value and passes through JSON, so that a schedule or a policy file can name one. It
knows no store: `agentmem.unlearning.resolve` finds what it means in a `View`, and says how sure it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Protocol

from agentmem.errors import InputError
from agentmem.types import KINDS, Hit, Memory, MemoryId, Metadata
from agentmem.unlearning import _selector_json as _json

SELECTED = 0.9
"""A nomination of at least this confidence is selected."""
ASKED = 0.5
"""One of at least this, and less than `SELECTED`, is asked about; one of less is a near miss, shown and kept."""


class Nomination(NamedTuple):
    """One memory that a selector means: `confidence` in [0, 1], `why` in words, without quoting the memory.

    `spans` are half-open character ranges of its text to redact, sorted and apart; none: the whole memory goes.
    """

    id: MemoryId
    confidence: float
    why: str
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def band(self) -> str:
        """Return "selected", "asked" or "near miss"."""
        return "selected" if self.confidence >= SELECTED else "asked" if self.confidence >= ASKED else "near miss"


class View(Protocol):
    """What a request is read against: the living memories of one space, and its search."""

    def memories(self) -> Iterable[Memory]:
        """Return every memory that is not suppressed, in ledger order; vectors are not needed."""
        ...

    def search(self, text: str, k: int, /) -> Sequence[Hit]:
        """Return the `k` memories that bear most on a text, best first, counting as no use of them."""
        ...


class Selector:
    """A set of memories, said and not yet found. Combine with `&`, `|` and `-` (all of the left but the right)."""

    tag: ClassVar[str] = ""

    def __and__(self, other: Selector) -> Selector:
        return AllOf((*_flat(self, AllOf), *_flat(other, AllOf)))

    def __or__(self, other: Selector) -> Selector:
        return AnyOf((*_flat(self, AnyOf), *_flat(other, AnyOf)))

    def __sub__(self, other: Selector) -> Selector:
        return Except(self, other)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON: one key, the kind of selector, over its fields; what is empty is left out."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]  # all are dataclasses
        return {self.tag: {name: _json.plain(value) for name, value in values.items() if value not in (None, (), {})}}

    def to_json(self) -> str:
        """Return `to_dict` as text."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    @staticmethod
    def from_dict(data: Any) -> Selector:
        """Return the selector that `to_dict` wrote. Raises InputError, which names the part at fault."""
        read: Selector = _json.selector(data, "selector", _KINDS)
        return read

    @staticmethod
    def from_json(text: str) -> Selector:
        """Return the selector that `to_json` wrote. Raises InputError."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f'the selector is no JSON ({error}); write for example {{"thread": {{"name": "work"}}}}'
            ) from error
        return Selector.from_dict(data)

    def replaced(self, old: Selector, new: Selector) -> Selector:
        """Return this selector with every part that equals `old` exchanged for `new`."""
        return new if self == old else self


@dataclass(frozen=True, slots=True)
class Ids(Selector):
    """The memories of these ids."""

    tag: ClassVar[str] = "ids"
    ids: tuple[MemoryId, ...]


@dataclass(frozen=True, slots=True)
class Everything(Selector):
    """All that the space remembers."""

    tag: ClassVar[str] = "everything"


@dataclass(frozen=True, slots=True)
class Entity(Selector):
    """What names a person, place or thing, by its name or an alias, as a whole word.

    Where only one clause of a memory does, that clause is nominated.
    """

    tag: ClassVar[str] = "entity"
    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Words(Selector):
    """What holds these very words, or an identifier however it is written; they are nominated, not what is around."""

    tag: ClassVar[str] = "words"
    text: str


@dataclass(frozen=True, slots=True)
class Topic(Selector):
    """What is about something, told in words. Never selected without being asked: likeness only nominates."""

    tag: ClassVar[str] = "topic"
    text: str


@dataclass(frozen=True, slots=True)
class Attribute(Selector):
    """What says a property of somebody: `Attribute("", "address")` is "my address" of whoever is not named.

    `subject` is a name, or empty for the speaker's own; `value`, where given, is the only value that is meant. `which`
    is "current" for what holds, "former" for what held once, and empty for all values there ever were.
    """

    tag: ClassVar[str] = "attribute"
    subject: str
    attribute: str
    value: str = ""
    which: str = ""

    def __post_init__(self) -> None:
        if self.which not in ("", "current", "former"):
            raise InputError(f'which={self.which!r} must be "current", "former" or empty for every value')


@dataclass(frozen=True, slots=True)
class Said(Selector):
    """What was said in `since <= said_at < until`; None is open. Both are aware."""

    tag: ClassVar[str] = "said"
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Thread(Selector):
    """What was said in one thread, session, run or conversation."""

    tag: ClassVar[str] = "thread"
    name: str


@dataclass(frozen=True, slots=True)
class Speaker(Selector):
    """What one speaker said."""

    tag: ClassVar[str] = "speaker"
    name: str


@dataclass(frozen=True, slots=True)
class Source(Selector):
    """What came from one source: metadata `source`, or the part of the origin before its first colon."""

    tag: ClassVar[str] = "source"
    name: str


@dataclass(frozen=True, slots=True)
class Tool(Selector):
    """What came from a tool (metadata `tool`) and the skills of how to use it."""

    tag: ClassVar[str] = "tool"
    name: str


@dataclass(frozen=True, slots=True)
class Kind(Selector):
    """The memories of one kind, such as "summary"."""

    tag: ClassVar[str] = "kind"
    name: str

    def __post_init__(self) -> None:
        if self.name not in KINDS:
            raise InputError(f"no kind of memory is called {self.name!r}; the kinds are {', '.join(KINDS)}")


@dataclass(frozen=True, slots=True)
class Where(Selector):
    """The memories whose metadata hold all of these values."""

    tag: ClassVar[str] = "where"
    metadata: Metadata = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.metadata.items(), key=lambda item: item[0])))


@dataclass(frozen=True, slots=True)
class OneOf(Selector):
    """One of several, and it is not known which: all of them are asked about, none is selected."""

    tag: ClassVar[str] = "one_of"
    parts: tuple[Selector, ...]

    def replaced(self, old: Selector, new: Selector) -> Selector:
        """Exchange a part, or the whole."""
        return new if self == old else OneOf(tuple(p.replaced(old, new) for p in self.parts))


@dataclass(frozen=True, slots=True)
class AllOf(Selector):
    """What every part means."""

    tag: ClassVar[str] = "all"
    parts: tuple[Selector, ...]

    def replaced(self, old: Selector, new: Selector) -> Selector:
        """Exchange a part, or the whole."""
        return new if self == old else AllOf(tuple(p.replaced(old, new) for p in self.parts))


@dataclass(frozen=True, slots=True)
class AnyOf(Selector):
    """What any part means; no parts mean nothing."""

    tag: ClassVar[str] = "any"
    parts: tuple[Selector, ...]

    def replaced(self, old: Selector, new: Selector) -> Selector:
        """Exchange a part, or the whole."""
        return new if self == old else AnyOf(tuple(p.replaced(old, new) for p in self.parts))


@dataclass(frozen=True, slots=True)
class Except(Selector):
    """What `of` means and `but` does not; where `but` means only a clause of a memory, that clause is kept."""

    tag: ClassVar[str] = "except"
    of: Selector
    but: Selector

    def replaced(self, old: Selector, new: Selector) -> Selector:
        """Exchange a part, or the whole."""
        return new if self == old else Except(self.of.replaced(old, new), self.but.replaced(old, new))


NOTHING = AnyOf(())


def _flat(part: Selector, kind: type[AllOf | AnyOf]) -> tuple[Selector, ...]:
    return part.parts if isinstance(part, kind) else (part,)


_KINDS: dict[str, type[Selector]] = {
    kind.tag: kind
    for kind in (
        *(Ids, Everything, Entity, Words, Topic, Attribute, Said, Thread, Speaker, Source, Tool, Kind, Where),
        *(OneOf, AllOf, AnyOf, Except),
    )
}
"""Every kind of selector by its name in JSON."""


class Choice(NamedTuple):
    """One answer to a question: what to call it, and what is then meant."""

    label: str
    selector: Selector


class Question(NamedTuple):
    """What must be asked before a request is clear: `about` is the part of the selector that the answer replaces.

    Without choices, only a new request helps.
    """

    text: str
    about: Selector
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Understood:
    """A request as it was read. While there are questions, what they are about is asked and never selected."""

    selector: Selector
    questions: tuple[Question, ...] = ()

    def answered(self, question: Question, label: str) -> Understood:
        """Return this with one question answered by the label of a choice. Raises InputError for no such choice."""
        chosen = {choice.label: choice.selector for choice in question.choices}
        if label not in chosen:
            raise InputError(
                f"{label!r} is no answer to {question.text!r}; the answers are {', '.join(map(repr, chosen)) or 'none'}"
            )
        left = tuple(q for q in self.questions if q != question)
        return Understood(self.selector.replaced(question.about, chosen[label]), left)
