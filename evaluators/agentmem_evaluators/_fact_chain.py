"""A reference for multi-hop questions without a language model: from fact to fact, always by the newest value.

"What is the country of citizenship of the spouse of the author of Zork?" names one thing, Zork. From there the walk
goes along the values that hold now, and after each step a path is put into words, the last step first: "is a citizen
of, is married to, the author of, Zork". The path whose words are nearest to the question answers it. The walk knows no
relation by name, only the cosine of two sentences; where no rule had read a slot it cannot step. It is no part of
recall.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agentmem.encoding.slots import Fact, latest
from agentmem.evaluation.cases import Ask, Reply
from agentmem.evaluation.subjects import Held
from agentmem.protocols import Embedder
from agentmem.space import Space
from agentmem.types import Memory

HOPS = 4
"""Steps of a path at most: the benchmark's questions have two to four."""
BEAM = 8
"""Paths of each length that go on, the nearest to the question."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class _Path:
    """Where a walk has come to: the value, what the path is called, and the memories that say so, the last first."""

    value: str
    words: str
    said: tuple[str, ...] = ()


class FactChain:
    """Answers with the end of the path whose words are nearest to the question."""

    name = "chain"

    def __init__(self, held: Held) -> None:
        self._held = held
        self._indexed: tuple[Memory, ...] = ()
        self._steps: dict[str, list[tuple[str, str, str]]] = {}

    def reply(self, space: Space, ask: Ask) -> Reply:
        """Walk from every thing that the question names; the ranking holds the facts of the path, the last first."""
        memories = self._held.memories(space)
        if memories is not self._indexed:
            self._index(memories)
        begin = time.perf_counter()
        best = self._walk(ask.question, space.embedder)
        seconds = time.perf_counter() - begin
        if best is None:
            return Reply(abstained=True, confidence=0.0, seconds=seconds)
        return Reply(best.said, best.value, seconds=seconds)

    def _walk(self, question: str, embedder: Embedder) -> _Path | None:
        asked = embedder([question])[0]
        paths = [_Path(name, name) for name in self._named(question)]
        best: tuple[float, _Path] | None = None
        for _ in range(HOPS):
            longer = {path.words: path for one in paths for path in self._on(one)}
            if not longer:
                break
            near = embedder(list(longer)) @ asked
            order = np.argsort(-near, kind="stable")[:BEAM].tolist()
            ranked = list(longer.values())
            paths = [ranked[place] for place in order]
            if best is None or near[order[0]] > best[0]:
                best = float(near[order[0]]), paths[0]
        return best[1] if best else None

    def _named(self, question: str) -> list[str]:
        """Return the subjects that a question names, longer ones first, no word twice."""
        words, found, at = _WORD.findall(question.lower()), [], 0
        while at < len(words):
            for end in range(len(words), at, -1):
                name = " ".join(words[at:end])
                if name in self._steps:
                    found.append(name)
                    at = end - 1
                    break
            at += 1
        return sorted(found, key=len, reverse=True)

    def _on(self, path: _Path) -> Iterator[_Path]:
        for relation, value, origin in self._steps.get(_name(path.value), ()):
            if origin not in path.said:
                yield _Path(value, f"{relation}, {path.words}", (origin, *path.said))

    def _index(self, memories: tuple[Memory, ...]) -> None:
        by_id = {m.id: m for m in memories}
        facts = [
            Fact(m.id, slot.subject, slot.attribute, slot.value, m.said_at, m.seq, slot.ends)
            for m in memories
            for slot in m.cues.slots
        ]
        self._steps = {}
        for key, fact in latest(facts).current.items():
            memory = by_id[fact.id]
            relation = _relation(memory.text, key.subject, fact.value) or key.attribute
            self._steps.setdefault(_name(key.subject), []).append((relation, fact.value, memory.origin or memory.id))
        self._indexed = memories


def _name(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def _relation(text: str, subject: str, value: str) -> str:
    """Return what is left of a statement without its subject and its value, where it holds both: the relation."""
    rest = re.sub(rf"\b{re.escape(value)}\W*$", "", text)
    bare = re.sub(rf"\b(?:the )?{re.escape(subject)}(?!\w)", "", rest, count=1, flags=re.IGNORECASE)
    return " ".join(bare.split()) if text != rest != bare else ""
