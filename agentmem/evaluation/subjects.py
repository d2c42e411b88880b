"""What can be asked: the space as it is, and the baselines every figure must be held against.

All subjects of a run share one reader, so that they differ in what they recall and in nothing else. A subject hands the
question to recall and reader, never what is known about it; only the oracle looks at the gold evidence.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agentmem import registry
from agentmem.evaluation.cases import Ask, Reply
from agentmem.evaluation.readers import Reader
from agentmem.protocols import MemoryStore
from agentmem.recall.fitting import tokens
from agentmem.space import Space
from agentmem.types import Evidence, Memory, MemoryId, Query

SURE = 1.0
"""The confidence of what cannot doubt: a bare store never says that the answer is not there."""


@dataclass(frozen=True, slots=True)
class Whole:
    """The space itself: recall, then read the first `context` memories."""

    reader: Reader
    k: int = 50
    context: int = 10
    name: str = "agentmem"

    def reply(self, space: Space, ask: Ask) -> Reply:
        """Recall and read."""
        begin = time.perf_counter()
        recall = space.recall(ask.question, self.k, explain=False)
        seconds = time.perf_counter() - begin
        return _read(
            self.reader, ask.question, recall.evidence, recall.confidence, context=self.context, seconds=seconds
        )


class Held:
    """The memories of a space in ledger order, read once, and again where the space is another or has changed.

    `spoken` are the same as other systems store a turn: with its speaker in the text, "Ines: The canoe is finished.",
    embedded as such. Share one between the baselines of a run, so that this is done once.
    """

    def __init__(self) -> None:
        self._space: Space | None = None
        self._memories: tuple[Memory, ...] = ()
        self._spoken: tuple[Memory, ...] | None = None

    def memories(self, space: Space) -> tuple[Memory, ...]:
        """Return all memories; the same tuple for as long as nothing changes."""
        if self._space is not space or len(self._memories) != len(space):
            self._memories = tuple(space.memories())
            self._space = space
            self._spoken = None
        return self._memories

    def spoken(self, space: Space) -> tuple[Memory, ...]:
        """Return all memories with their speakers in text and vector; the same tuple for as long as nothing changes."""
        memories = self.memories(space)
        if self._spoken is None:
            texts = [f"{m.speaker}: {m.text}" if m.speaker else m.text for m in memories]
            vectors = space.embedder(texts)
            self._spoken = tuple(
                replace(memory, text=text, vector=vector)
                for memory, text, vector in zip(memories, texts, vectors, strict=True)
            )
        return self._spoken


class StoreAlone:
    """One store over the memories of a space, asked with the plain question: dense alone, or BM25 alone.

    It is what most systems do, as well as they do it: the speaker is part of the text. Without, dense search is far
    worse on dialogues, and a baseline that nobody would use flatters.
    """

    def __init__(self, name: str, store: str, reader: Reader, held: Held, *, k: int = 50, context: int = 10) -> None:
        self.name = name
        self._plugin = store
        self._reader = reader
        self._held = held
        self._k = k
        self._context = context
        self._indexed: tuple[Memory, ...] = ()
        self._store: MemoryStore | None = None
        self._by_id: dict[MemoryId, Memory] = {}

    def reply(self, space: Space, ask: Ask) -> Reply:
        """Search and read."""
        store = self._index(space)
        begin = time.perf_counter()
        vector = space.embedder([ask.question])[0]
        hits = store.search(Query(ask.question, vector), self._k)
        seconds = time.perf_counter() - begin
        evidence = [Evidence(self._by_id[hit.id], hit.score) for hit in hits]
        return _read(self._reader, ask.question, evidence, SURE, context=self._context, seconds=seconds)

    def _index(self, space: Space) -> MemoryStore:
        spoken = self._held.spoken(space)
        if self._store is None or self._indexed is not spoken:
            self._store = registry.make_store(self._plugin, {})
            self._store.add(spoken)
            self._by_id = {memory.id: memory for memory in self._held.memories(space)}
            self._indexed = spoken
        return self._store


@dataclass(frozen=True, slots=True)
class NoMemory:
    """Recalls nothing: what the reader can do, or guess, by itself."""

    reader: Reader
    name: str = "none"

    def reply(self, space: Space, ask: Ask) -> Reply:  # noqa: ARG002 - it is a subject without a memory
        """Read nothing."""
        return _read(self.reader, ask.question, (), 0.0, context=0, seconds=0.0)


@dataclass(frozen=True, slots=True)
class Everything:
    """Recalls nothing and reads it all: every memory in its order, however long that is."""

    reader: Reader
    held: Held
    name: str = "full"

    def reply(self, space: Space, ask: Ask) -> Reply:
        """Read everything; nothing is ranked."""
        evidence = [Evidence(memory, SURE) for memory in self.held.memories(space)]
        read = _read(self.reader, ask.question, evidence, SURE, context=len(evidence), seconds=0.0)
        return replace(read, ranking=())


class Oracle:
    """Recalls the gold evidence and nothing else, as it was said: what the reader could do with perfect recall."""

    def __init__(self, reader: Reader, held: Held, name: str = "oracle") -> None:
        self.name = name
        self._reader = reader
        self._held = held

    def reply(self, space: Space, ask: Ask) -> Reply:
        """Look the gold up and read it."""
        gold = frozenset(ask.gold.evidence)
        evidence = [Evidence(memory, SURE) for memory in self._held.memories(space) if memory.origin in gold]
        return _read(self._reader, ask.question, evidence, SURE, context=len(evidence), seconds=0.0)


def _read(
    reader: Reader,
    question: str,
    evidence: Sequence[Evidence],
    confidence: float,
    *,
    context: int,
    seconds: float,
) -> Reply:
    shown = evidence[:context]
    answer = reader(question, shown, confidence)
    return Reply(
        ranking=tuple(e.memory.origin or e.memory.id for e in evidence),
        answer=answer.text,
        abstained=answer.abstained,
        confidence=answer.confidence,
        seconds=seconds,
        tokens=sum(tokens(e.memory) for e in shown),
    )
