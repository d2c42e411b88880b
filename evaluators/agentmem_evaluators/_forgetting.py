"""Ways to forget what a dialogue asks to be forgotten: agentmem's, and those that every figure must be held against.

Each hears what has just been remembered and looks at one space. None sees a question or what is known about it; only
the oracle, and whoever answers agentmem's questions truthfully, are told what is to be gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from agentmem.space import Space
from agentmem.types import Draft, Memory, MemoryId
from agentmem.unlearning.plan import ForgetPlan
from agentmem.unlearning.request import is_request
from agentmem.unlearning.selector import AllOf, AnyOf, Attribute, Entity, Except, Selector, Words

NEAREST, ALIKE = 10, 0.5
"""Delete by similarity: at most so many memories beside the request itself, of at least this cosine."""

Truth = Callable[[Memory], bool]
"""Whether a memory is meant, as somebody says who is asked about it."""


class Forgotten(NamedTuple):
    """What a request led to: memories gone whole, memories redacted, and memories that it would have to ask about."""

    gone: int = 0
    redacted: int = 0
    asked: int = 0

    def __add__(self, other: tuple[object, ...]) -> Forgotten:
        return Forgotten(*(a + b for a, b in zip(self, Forgotten(*other), strict=True)))  # type: ignore[arg-type]


class Forgetting(Protocol):
    """A way to forget."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    def wants(self, text: str, /) -> bool:
        """Say whether something said makes it act; all that was said until then is remembered first."""
        ...

    def heard(self, space: Space, said: Draft, /) -> Forgotten:
        """Act on something that was said, and is remembered."""
        ...

    def before(self, space: Space, turn: str, /) -> Forgotten:
        """Act before anything is asked, after the turn of this origin."""
        ...


@dataclass(frozen=True, slots=True)
class Nothing:
    """Forgets nothing."""

    name: str = "none"

    def wants(self, text: str) -> bool:  # noqa: ARG002 - it is deaf
        """Never."""
        return False

    def heard(self, space: Space, said: Draft) -> Forgotten:  # noqa: ARG002 - it is deaf
        """Do nothing."""
        return Forgotten()

    def before(self, space: Space, turn: str) -> Forgotten:  # noqa: ARG002 - it did already
        """Do nothing."""
        return Forgotten()


@dataclass(frozen=True, slots=True)
class OnRequest:
    """agentmem: carries out what it understands of a request, and asks about the rest; `truth` answers (None: no).

    With `guard`, what was forgotten is kept out when it is said again: by the tombstones of the texts, and of whatever
    the request names to the letter.
    """

    truth: Truth | None = None
    name: str = "agentmem"
    guard: bool = True

    def wants(self, text: str) -> bool:
        """Say whether it asks to forget."""
        return is_request(text)

    def heard(self, space: Space, said: Draft) -> Forgotten:
        """Plan the request, its own words included, and carry it out."""
        plan = space.forgetting.plan(said.text, speaker=said.speaker, thread=said.thread)
        return carry_out(space, plan, self.truth, guard=self.guard, names=named(plan.selector))

    def before(self, space: Space, turn: str) -> Forgotten:  # noqa: ARG002 - it did already
        """Do nothing."""
        return Forgotten()


@dataclass(frozen=True, slots=True)
class Nuke:
    """Forgets everything as soon as anything is to be forgotten."""

    name: str = "nuke"

    def wants(self, text: str) -> bool:
        """Say whether it asks to forget."""
        return is_request(text)

    def heard(self, space: Space, said: Draft) -> Forgotten:  # noqa: ARG002 - whatever it was
        """Erase all there is."""
        return erase(space, [m.id for m in space.memories()])

    def before(self, space: Space, turn: str) -> Forgotten:  # noqa: ARG002 - it did already
        """Do nothing."""
        return Forgotten()


@dataclass(frozen=True, slots=True)
class Speaker:
    """Forgets all that the person has said who asks."""

    name: str = "person"

    def wants(self, text: str) -> bool:
        """Say whether it asks to forget."""
        return is_request(text)

    def heard(self, space: Space, said: Draft) -> Forgotten:
        """Erase what this speaker said."""
        return erase(space, [m.id for m in space.memories() if m.speaker == said.speaker])

    def before(self, space: Space, turn: str) -> Forgotten:  # noqa: ARG002 - it did already
        """Do nothing."""
        return Forgotten()


@dataclass(frozen=True, slots=True)
class Similar:
    """Deletes what is most like the request, as a vector store does: the nearest ten of at least half the cosine."""

    nearest: int = NEAREST
    alike: float = ALIKE
    name: str = "similarity"

    def wants(self, text: str) -> bool:
        """Say whether it asks to forget."""
        return is_request(text)

    def heard(self, space: Space, said: Draft) -> Forgotten:
        """Erase the request and its neighbours."""
        return delete_similar(space, said.text, self.nearest + 1, self.alike)

    def before(self, space: Space, turn: str) -> Forgotten:  # noqa: ARG002 - it did already
        """Do nothing."""
        return Forgotten()


@dataclass(frozen=True, slots=True)
class Oracle:
    """Erases every memory that is to be gone, as if it had never been told. `truth` says which, after which turn."""

    truth: Callable[[str], Truth]
    name: str = "oracle"

    def wants(self, text: str) -> bool:  # noqa: ARG002 - it needs no telling
        """Never."""
        return False

    def heard(self, space: Space, said: Draft) -> Forgotten:  # noqa: ARG002 - it needs no telling
        """Do nothing."""
        return Forgotten()

    def before(self, space: Space, turn: str) -> Forgotten:
        """Erase what holds any of it."""
        meant = self.truth(turn)
        return erase(space, [m.id for m in space.memories() if meant(m)])


def named(selector: Selector) -> tuple[str, ...]:
    """Return what a selector names to the letter: names of entities and their aliases, words, values of attributes."""
    match selector:
        case Words(text):
            return (text,)
        case Entity(name, aliases):
            return (name, *aliases)
        case Attribute(value=value) if value:
            return (value,)
        case AllOf(parts) | AnyOf(parts):
            return tuple(name for part in parts for name in named(part))
        case Except(of):
            return named(of)
    return ()


def carry_out(
    space: Space, plan: ForgetPlan, truth: Truth | None = None, *, guard: bool = True, names: Sequence[str] = ()
) -> Forgotten:
    """Forget what a plan selects, and of what it asks about, what `truth` says yes to; guard against `names` too."""
    answers = {item.id: truth is not None and truth(item.memory) for item in plan.asks}
    meant = [*plan.items, *(item for item in plan.asks if answers[item.id])]
    if meant:
        space.forgetting.execute(plan, answers, guard=guard, names=names)
    redacted = sum(item.action == "redact" for item in meant)
    return Forgotten(len(meant) - redacted, redacted, len(plan.asks))


def delete_similar(space: Space, text: str, nearest: int, alike: float) -> Forgotten:
    """Erase at most `nearest` memories whose cosine with the text is at least `alike`."""
    memories = list(space.memories(vectors=True))
    if not memories:
        return Forgotten()
    vectors = np.stack([m.vector for m in memories if m.vector is not None])
    cosines = vectors @ space.embedder([text])[0]
    best = np.argsort(-cosines, kind="stable")[:nearest]
    return erase(space, [memories[i].id for i in best if cosines[i] >= alike])


def erase(space: Space, ids: Sequence[MemoryId]) -> Forgotten:
    """Erase memories, with all that was derived from them; nothing where there are none."""
    if ids:
        space.erase(ids)
    return Forgotten(gone=len(ids))
