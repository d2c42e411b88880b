"""References beside recall: slots alone, the newest value first, and what was said last, whatever is asked.

The first is the part of recall that reads slots without all else: it answers from `read_slots` and `latest`, and finds
nothing where no rule reads. The second is degenerate: what forgets the oldest first and looks at no question.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from agentmem.encoding.slots import SELF, Fact, Key, State, asked_slot, latest, read_slots
from agentmem.evaluation.cases import Ask, Reply
from agentmem.evaluation.readers import Reader
from agentmem.evaluation.subjects import Held
from agentmem.protocols import Embedder
from agentmem.space import Space
from agentmem.types import Answer, Evidence, Memory, Vectors


class SlotIndex:
    """Answers with the memory that holds the current value of the slot that is asked for."""

    name = "slots"

    def __init__(self, held: Held) -> None:
        self._held = held
        self._indexed: tuple[Memory, ...] = ()
        self._state = State({}, ())
        self._origins: dict[str, str] = {}

    def reply(self, space: Space, ask: Ask) -> Reply:
        """Look the slot up; the ranking holds one memory, or none."""
        memories = self._held.memories(space)
        if memories is not self._indexed:
            self._index(memories)
        begin = time.perf_counter()
        fact = self.current(asked_slot(ask.question))
        seconds = time.perf_counter() - begin
        if fact is None:
            return Reply(abstained=True, confidence=0.0, seconds=seconds)
        return Reply((self._origins[fact.id],), fact.value, seconds=seconds)

    def current(self, key: Key | None) -> Fact | None:
        """Return what holds of a slot now; where nothing is known of its owner's, what is nobody's."""
        if key is None:
            return None
        return self._state.current.get(key) or self._state.current.get(Key(SELF, key.attribute))

    def _index(self, memories: tuple[Memory, ...]) -> None:
        facts = [
            Fact(m.id, slot.subject, slot.attribute, slot.value, m.said_at, m.seq, slot.ends)
            for m in memories
            for slot in read_slots(m.text, m.speaker)
        ]
        self._state = latest(facts)
        self._origins = {m.id: m.origin or m.id for m in memories}
        self._indexed = memories


class Fifo:
    """Recalls the last `k` memories, newest first, and reads the first `context` of them: no search at all."""

    def __init__(self, reader: Reader, held: Held, *, k: int, context: int, name: str = "fifo") -> None:
        self.name = name
        self._reader = reader
        self._held = held
        self._k = k
        self._context = context

    def reply(self, space: Space, ask: Ask) -> Reply:
        """Take what came last."""
        begin = time.perf_counter()
        last = self._held.memories(space)[: -self._k - 1 : -1]
        evidence = [Evidence(memory, 1.0) for memory in last]
        seconds = time.perf_counter() - begin
        answer = self._reader(ask.question, evidence[: self._context], 1.0)
        return Reply(tuple(m.origin or m.id for m in last), answer.text, answer.abstained, answer.confidence, seconds)


class NoReading:
    """Answers nothing: where the ranking is what is scored, reading would only cost time."""

    name = "none"

    def __call__(self, question: str, evidence: Sequence[Evidence], confidence: float, /) -> Answer:  # noqa: ARG002 - a Reader
        """Return an empty answer."""
        return Answer("", (), confidence)


class Once:
    """An embedder that embeds each text once: streams of values share most of theirs."""

    def __init__(self, inner: Embedder) -> None:
        self.name = inner.name
        self.dim = inner.dim
        self._inner = inner
        self._known: dict[str, Vectors] = {}

    def __call__(self, texts: Sequence[str], /) -> Vectors:
        """Return (n, dim) unit rows."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._inner(new), strict=True))
        return np.stack([self._known[text] for text in texts]) if texts else self._inner(())
