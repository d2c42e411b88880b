"""The conformance kit of derivers: what whoever makes memories of memories must do, as tests to inherit.

    from agentmem.testing.deriver_kit import DeriverKit

    class TestMine(DeriverKit):
        def make(self):
            return make({})

`talk` is what is derived from; override it where your deriver reads something particular, so that it makes something of
it. A test that does not hold for a deriver is xfailed in the subclass with a reason, never dropped.
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import agentmem
from agentmem import Draft, Memory
from agentmem.errors import MissingExtraError
from agentmem.protocols import Deriver
from agentmem.space import Space
from agentmem.types import PRIMARY

try:
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st
except ModuleNotFoundError as error:
    raise MissingExtraError("hypothesis", "dev") from error

BEGAN = datetime(2025, 3, 3, 9, tzinfo=UTC)
SAID = (
    ("Ana", "I adopted a grey cat last Friday. Her name is Miso."),
    ("Ben", "How lovely! I have been learning the cello since January."),
    ("Ana", "My locker code is 4417, before I forget it."),
    ("Ben", "I really love green tea, but I hate coffee."),
    ("Ana", "Miso broke a vase yesterday, so I moved it to the attic."),
    ("Ben", "We are going to Porto in June with my sister Lena."),
    ("Ana", "They changed my locker code to 0093."),
    ("Ben", "I prefer coffee now, to be honest. Tea bores me."),
    ("Ana", "I live in Lisbon and work as a nurse."),
    ("Ben", "My sister Lena lives in Porto and paints boats."),
)


def talk() -> list[Draft]:
    """Return three days of talk of two people, in one thread."""
    return [
        Draft(text, speaker=who, said_at=BEGAN + timedelta(days=n // 4, minutes=n), origin=f"talk-{n}")
        for n, (who, text) in enumerate(SAID)
    ]


class DeriverKit(ABC):
    """Inherit it, give `make`, and run pytest."""

    @abstractmethod
    def make(self) -> Deriver:
        """Return the deriver."""

    def talk(self) -> Sequence[Draft]:
        """Return what is remembered, in order; each draft has an origin of its own."""
        return talk()

    # -- what a deriver is -----------------------------------------------------------------------------------------

    def test_it_makes_something(self) -> None:
        """The talk gives something, and each of it is of a derived kind, in words, with parents that were there."""
        with self._space() as space:
            said = self._remember(space, range(len(self.talk())))
            made = self._made(space)
            assert made
            for memory in made:
                assert memory.kind not in PRIMARY or memory.parents
                assert memory.text.strip()
                assert set(memory.parents) <= set(said)

    def test_scopes_depend_on_the_memory_alone(self) -> None:
        """The same memory names the same scopes, each once, whoever asks."""
        with self._space() as space:
            self._remember(space, range(len(self.talk())))
            one, other = self.make(), self.make()
            for memory in space.memories():
                scopes = list(one.scopes(memory))
                assert scopes == list(other.scopes(memory))
                assert len(set(scopes)) == len(scopes)

    def test_it_is_a_function(self) -> None:
        """The same members give the same drafts, in this instance and in another; the members are not changed."""
        with self._space() as space:
            self._remember(space, range(len(self.talk())))
            members = [m for m in space.memories(vectors=True) if not m.parents]
            one, other = self.make(), self.make()
            for scope in sorted({s for m in members for s in one.scopes(m)}):
                inside = [m for m in members if scope in one.scopes(m)]
                texts = [m.text for m in inside]
                made = list(one.derive(scope, inside))
                assert made == list(one.derive(scope, inside)) == list(other.derive(scope, inside))
                assert [m.text for m in inside] == texts

    def test_settling_twice_changes_nothing(self) -> None:
        """What is level stays level."""
        with self._space() as space:
            self._remember(space, range(len(self.talk())))
            again = space.settle()
            assert (again.scopes, again.written, again.replaced) == (0, 0, 0)

    def test_nothing_is_made_of_nothing(self) -> None:
        """An empty space derives nothing."""
        with self._space() as space:
            assert space.settle().written == 0

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.data())
    def test_erasing_equals_never_having_been_told(self, data: st.DataObject) -> None:
        """Told all, settled here and there, and some erased: the same as told the rest alone."""
        count = len(self.talk())
        gone = data.draw(st.sets(st.integers(0, count - 1), max_size=count))
        settled = data.draw(st.sets(st.integers(0, count - 1), max_size=3))
        with self._space() as space, self._space() as rebuilt:
            ids = {}
            for n, draft in enumerate(self.talk()):
                ids[n] = space.remember(draft)[0]
                if n in settled:
                    space.settle()
            if gone:
                space.erase([ids[n] for n in sorted(gone)])
            space.settle()
            self._remember(rebuilt, sorted(set(range(count)) - gone))
            assert self._state(space) == self._state(rebuilt)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _space(self) -> _Opened:
        return _Opened(self.make())

    def _remember(self, space: Space, which: Sequence[int] | range) -> list[str]:
        drafts = list(self.talk())
        ids = list(space.remember([drafts[n] for n in which])) if which else []
        space.settle()
        return ids

    def _made(self, space: Space) -> list[Memory]:
        return [m for m in space.memories() if (m.origin or "").startswith("derived:")]

    def _state(self, space: Space) -> list[tuple[object, ...]]:
        texts = {m.id: m.origin or m.text for m in space.memories()}
        return sorted(
            (m.kind, m.text, m.speaker or "", m.thread, m.said_at, sorted(texts[p] for p in m.parents))
            for m in space.memories()
        )


class _Opened:
    """A space in a folder of its own, without the background worker."""

    def __init__(self, deriver: Deriver) -> None:
        self.deriver = deriver
        self.folder = tempfile.TemporaryDirectory()
        self.system = agentmem.open(Path(self.folder.name), embedder="hash", derive={"kit": deriver})

    def __enter__(self) -> Space:
        space = self.system.space("kit")
        space.deriving.close()
        return space

    def __exit__(self, *_: object) -> None:
        self.system.close()
        self.folder.cleanup()
