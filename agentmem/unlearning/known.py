"""What one space knows by name: its memories in their threads, and the people, threads, sources and tools in them.

Read once for a request; a `Known` is a `View` itself, so that parsing and resolving a request read the space once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property
from typing import Any, TypeVar

from agentmem.encoding.aliases import same
from agentmem.types import Hit, Memory, MemoryId
from agentmem.unlearning.names import fold
from agentmem.unlearning.selector import View

T = TypeVar("T")
SHORTEST_NICKNAME = 3
PRONOUN = re.compile(r"\b(?:he|she|him|her|his|hers|himself|herself)\b", re.IGNORECASE)
"""How a text speaks of one person."""


def plain(name: str) -> str:
    """Return a name as threads, sources and tools are compared: letters and digits only, without case and accents."""
    return "".join(re.findall(r"[^\W_]+", fold(name)))


class Known:
    """The memories of a view and the names in them."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._memories = tuple(view.memories())
        self._found: dict[Hashable, Any] = {}
        self._threads: dict[str, list[Memory]] = {}
        for memory in self._memories:
            self._threads.setdefault(memory.thread, []).append(memory)
        self._places: dict[MemoryId, int] = {}
        for turns in self._threads.values():
            turns.sort(key=lambda m: (m.position, m.seq))
            self._places.update((m.id, place) for place, m in enumerate(turns))

    @classmethod
    def of(cls, view: View) -> Known:
        """Return what a view knows, read anew unless it has been read already."""
        return view if isinstance(view, Known) else cls(view)

    def memories(self) -> Sequence[Memory]:
        """Return every memory, in ledger order."""
        return self._memories

    def search(self, text: str, k: int, /) -> Sequence[Hit]:
        """Search the view."""
        return self._view.search(text, k)

    def once(self, key: Hashable, find: Callable[[], T]) -> T:
        """Return what `find` finds, and the same whenever the key is asked for again."""
        if key not in self._found:
            self._found[key] = find()
        found: T = self._found[key]
        return found

    def after(self, memory: Memory, count: int) -> list[Memory]:
        """Return the memories that follow one in its thread, at most `count`."""
        place = self._places[memory.id] + 1
        return self._threads[memory.thread][place : place + count]

    @cached_property
    def by_id(self) -> dict[MemoryId, Memory]:
        """Every memory by its id."""
        return {m.id: m for m in self._memories}

    @cached_property
    def names(self) -> Counter[str]:
        """The entities that memories name, as written, and how many memories do."""
        return Counter(name for m in self._memories for name in m.cues.entities)

    @cached_property
    def speakers(self) -> tuple[str, ...]:
        """Who has spoken, in order of appearance."""
        return tuple(dict.fromkeys(m.speaker for m in self._memories if m.speaker))

    @property
    def threads(self) -> tuple[str, ...]:
        """The names of the threads, in order of appearance."""
        return tuple(self._threads)

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Where memories came from."""
        return tuple(dict.fromkeys(name for m in self._memories for name in sources_of(m)))

    @cached_property
    def tools(self) -> tuple[str, ...]:
        """The tools that memories came from."""
        return tuple(dict.fromkeys(str(m.metadata["tool"]) for m in self._memories if m.metadata.get("tool")))

    @cached_property
    def _spelled(self) -> dict[str, str]:
        """Every known name by how it reads without case and accents; the most frequent spelling."""
        found: dict[str, str] = {}
        for name, _ in self.names.most_common():
            found.setdefault(fold(name), name)
        return {**found, **{fold(s): s for s in self.speakers}}

    def spelled(self, name: str) -> str | None:
        """Return how memories write a name, compared without case and accents; None for one they do not know."""
        return self._spelled.get(fold(name))

    def is_word(self, name: str) -> bool:
        """Say whether a word that is written small is one of the language: memories write it small more than not."""
        if not name.islower() or " " in name:
            return False
        small = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        return sum(small.search(m.text) is not None for m in self._memories) > self.names[self.spelled(name) or name]

    def also_called(self, name: str) -> tuple[str, ...]:
        """Return the shorter names that mean the same person: "Anna" where the only Anna known is "Anna Smith"."""
        if len(name.split()) != 2 or self.spelled(name) is None:
            return ()
        words = {fold(w) for w in name.split()}
        merged = same(name, [*self.names, *self.speakers])
        return tuple(sorted(n for n in merged if " " not in n and fold(n) in words))

    def longer(self, name: str) -> tuple[str, ...]:
        """Return the people of two names that one name may mean: "Anna Smith" and "Anna Jones" for "Anna"."""
        wanted = fold(name)
        if " " in wanted:
            return ()
        found = {fold(n): n for n in [*self.names, *self.speakers] if len(n.split()) == 2}
        return tuple(sorted(n for folded, n in found.items() if wanted in folded.split()))

    def nicknames(self, name: str) -> tuple[str, ...]:
        """Return the names that may be short for a person's first name, or long for it: "Mel" and "Melanie"."""
        first = fold(name).split()[0] if name.split() else ""
        known = [n for n in self._spelled.values() if " " not in n and fold(n) != first]
        alike = [n for n in known if _short(fold(n), first) or _short(first, fold(n))]
        return tuple(sorted(n for n in alike if self.is_person(max(n, name, key=len))))

    def is_person(self, name: str) -> bool:
        """Say whether a name seems to be a person's: a speaker's, or one beside which somebody is he or she."""
        if any(fold(s).split()[0] == fold(name) for s in self.speakers):
            return True
        return any(name in m.cues.entities and PRONOUN.search(m.text) for m in self._memories)

    def matching(self, name: str, among: Iterable[str]) -> tuple[str, ...]:
        """Return which of the names are meant: the one that reads the same, else those that hold all of its words."""
        wanted = plain(name)
        exact = tuple(n for n in among if plain(n) == wanted)
        words = set(re.findall(r"[^\W_]+", fold(name)))
        return exact or tuple(n for n in among if words and words <= set(re.findall(r"[^\W_]+", fold(n))))


def sources_of(memory: Memory) -> tuple[str, ...]:
    """Return what a memory's sources are called: metadata `source`, and its origin's first part."""
    named = memory.metadata.get("source")
    first, colon, _ = (memory.origin or "").partition(":")
    return tuple(dict.fromkeys(s for s in (str(named) if named else "", first if colon else "") if s))


def _short(short: str, long: str) -> bool:
    return SHORTEST_NICKNAME <= len(short) < len(long) and long.startswith(short)
