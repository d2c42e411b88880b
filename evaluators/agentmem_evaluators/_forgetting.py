"""Ways to forget what a dialogue asks to be forgotten: agentmem's, and those that every figure must be held against.

Each hears what has just been remembered and looks at one space. None sees a question or what is known about it; only
the oracle, and whoever answers agentmem's questions truthfully, are told what is to be gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from agentmem.space import Space
from agentmem.types import Draft, Hit, Memory, MemoryId
from agentmem.unlearning.redaction import without
from agentmem.unlearning.request import is_request, parse
from agentmem.unlearning.resolve import resolve
from agentmem.unlearning.selector import ASKED, SELECTED, Nomination, Selector
from agentmem_evaluators._unlearning_resolver import SpaceView

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

    def heard(self, space: Space, said: Memory, /) -> Forgotten:
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

    def heard(self, space: Space, said: Memory) -> Forgotten:  # noqa: ARG002 - it is deaf
        """Do nothing."""
        return Forgotten()

    def before(self, space: Space, turn: str) -> Forgotten:  # noqa: ARG002 - it did already
        """Do nothing."""
        return Forgotten()


@dataclass(frozen=True, slots=True)
class OnRequest:
    """agentmem: carries out what it understands of a request, and asks about the rest; `truth` answers (None: no).

    A request stands: what is said of the same later goes too. `standing` are what was selected, in words; a topic is
    asked about once only.
    """

    truth: Truth | None = None
    name: str = "agentmem"
    standing: list[Selector] = field(default_factory=list)

    def wants(self, text: str) -> bool:
        """Say whether it asks to forget."""
        return is_request(text)

    def heard(self, space: Space, said: Memory) -> Forgotten:
        """Resolve the request in the space, its own words included, and carry it out."""
        view = SpaceView(space)
        understood = parse(said.text, view, space.clock(), speaker=said.speaker, thread=said.thread)
        self.standing.append(understood.selector)
        return carry_out(space, resolve(understood.selector, view), self.truth)

    def before(self, space: Space, turn: str) -> Forgotten:  # noqa: ARG002 - whenever it is
        """Hold what was said since against the requests that stand."""
        done = Forgotten()
        for selector in self.standing:
            done += carry_out(space, resolve(selector, _Quiet(space)))._replace(asked=0)
        return done


@dataclass(frozen=True, slots=True)
class Nuke:
    """Forgets everything as soon as anything is to be forgotten."""

    name: str = "nuke"

    def wants(self, text: str) -> bool:
        """Say whether it asks to forget."""
        return is_request(text)

    def heard(self, space: Space, said: Memory) -> Forgotten:  # noqa: ARG002 - whatever it was
        """Erase all there is."""
        return _erase(space, [m.id for m in space.memories()])

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

    def heard(self, space: Space, said: Memory) -> Forgotten:
        """Erase what this speaker said."""
        return _erase(space, [m.id for m in space.memories() if m.speaker == said.speaker])

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

    def heard(self, space: Space, said: Memory) -> Forgotten:
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

    def heard(self, space: Space, said: Memory) -> Forgotten:  # noqa: ARG002 - it needs no telling
        """Do nothing."""
        return Forgotten()

    def before(self, space: Space, turn: str) -> Forgotten:
        """Erase what holds any of it."""
        meant = self.truth(turn)
        return _erase(space, [m.id for m in space.memories() if meant(m)])


class _Quiet(SpaceView):
    """A space in which nothing can be searched for, so that a topic finds nothing a second time."""

    def search(self, text: str, k: int, /) -> list[Hit]:  # noqa: ARG002 - it looks for nothing
        """Return nothing."""
        return []


def forget(
    space: Space, request: str, *, speaker: str | None, thread: str | None, truth: Truth | None = None
) -> Forgotten:
    """Carry out a request in words, or as much of it as is understood without asking."""
    view = SpaceView(space)
    understood = parse(request, view, space.clock(), speaker=speaker, thread=thread)
    return carry_out(space, resolve(understood.selector, view), truth)


def carry_out(space: Space, nominations: Sequence[Nomination], truth: Truth | None = None) -> Forgotten:
    """Erase or redact what is selected, and of what is asked about, what `truth` says yes to."""
    by_id = {m.id: m for m in space.memories()}
    asked = [n for n in nominations if ASKED <= n.confidence < SELECTED]
    meant = [n for n in nominations if n.confidence >= SELECTED]
    meant += [n for n in asked if truth is not None and truth(by_id[n.id])]
    rest = {n.id: without(by_id[n.id].text, n.spans) for n in meant if n.spans}
    _erase(space, [n.id for n in meant])
    space.remember([_redacted(by_id[i], text) for i, text in rest.items() if text])
    left = sum(map(bool, rest.values()))
    return Forgotten(len(meant) - left, left, len(asked))


def delete_similar(space: Space, text: str, nearest: int, alike: float) -> Forgotten:
    """Erase at most `nearest` memories whose cosine with the text is at least `alike`."""
    memories = list(space.memories(vectors=True))
    vectors = np.stack([m.vector for m in memories if m.vector is not None])
    cosines = vectors @ space.embedder([text])[0]
    best = np.argsort(-cosines, kind="stable")[:nearest]
    return _erase(space, [memories[i].id for i in best if cosines[i] >= alike])


def _redacted(memory: Memory, text: str) -> Draft:
    return Draft(
        text,
        kind=memory.kind,
        speaker=memory.speaker,
        thread=memory.thread,
        said_at=memory.said_at,
        position=memory.position,
        metadata=memory.metadata,
        origin=memory.origin,
    )


def _erase(space: Space, ids: Sequence[MemoryId]) -> Forgotten:
    if ids:
        space.erase(ids)
    return Forgotten(gone=len(ids))
