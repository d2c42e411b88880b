"""Asking a space without leaving a trace in it: what proofs read is no use of a memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from agentmem.clock import aware
from agentmem.retention.reinforcement import Uses
from agentmem.space import Space
from agentmem.types import Evidence, Filter, Memory, Recall
from agentmem.unlearning.probes import Read, Reader

DEEP = 20
"""Answers that probes look through."""

Key = tuple[str, ...]
"""What tells a memory from the others in any space that holds it: its words, who said them, where and when."""


class Reply(NamedTuple):
    """What an adversary sees of an answer: which memories, their scores, how sure, and how many seconds it took."""

    keys: tuple[Key, ...]
    scores: tuple[float, ...]
    confidence: float
    seconds: float = 0.0


Asker = Callable[[str], Reply]


@contextlib.contextmanager
def unnoticed(space: Space, now: datetime | None = None) -> Iterator[datetime]:
    """Let recalls count nothing, and its clock stand still (at `now`), meanwhile; give that moment.

    Holds the space's lock: other threads wait.
    """
    with space._lock:  # noqa: SLF001 - a proof looks inside
        moment = aware(space.clock(), "the clock's time") if now is None else now
        uses, clock = space.retention.uses, space.clock
        space.retention.uses, space.clock = _Unused(), lambda: moment
        try:
            yield moment
        finally:
            space.retention.uses, space.clock = uses, clock


class _Unused(Uses):
    """Counts no use."""

    def note(self, used: Sequence[int], runner_up: Sequence[int], now: datetime) -> None:
        """Pass over it."""


def asker(space: Space, k: int = 10) -> Asker:
    """Return what asks a space as an adversary would, who sees everything that a recall shows."""

    def ask(question: str) -> Reply:
        begun = time.perf_counter()
        found = space.recall(question, k)
        seconds = time.perf_counter() - begun
        return Reply(tuple(key(e.memory) for e in found), tuple(e.score for e in found), found.confidence, seconds)

    return ask


def key(memory: Memory) -> Key:
    """Return what tells a memory from others, whatever id it has."""
    said = memory.said_at.isoformat()
    return (memory.kind, memory.text, memory.speaker or "", memory.thread, str(memory.position), said)


def readers(space: Space, before: datetime | None = None) -> dict[str, Reader]:
    """Return every path on which a space can be read, for `agentmem.unlearning.probes`.

    `before` is a moment at which what was forgotten was still known.
    """
    lineage = _lineage(space)

    def read(evidence: Sequence[Evidence] | Recall) -> Read:
        ids = tuple(e.id for e in evidence)
        return Read(ids, tuple(e.memory.text for e in evidence), frozenset().union(*(lineage(i) for i in ids)))

    def listed(_: str) -> Read:
        ids = tuple(m.id for m in space.memories())
        return Read(ids, (), frozenset(parent for m in space.memories() for parent in m.parents))

    def timeline(name: str) -> Read:
        facts = space.timeline(name)
        ids = [i for fact in facts for i in (*fact.memories, fact.superseded_by) if i]
        return Read(tuple(ids), tuple(f"{f.subject} {f.attribute} {f.value}" for f in facts))

    def graph(_: str) -> Read:
        nodes = list(space.graph().nodes)
        names = tuple(name for part, name in nodes if part == "entity")
        return Read(tuple(i for part, i in nodes if part == "memory"), names)

    found: dict[str, Reader] = {
        "recall": lambda question: read(space.recall(question, DEEP)),
        "timeline": timeline,
        "threads": lambda _: Read((), tuple(space.threads())),
        "speakers": lambda _: Read((), tuple(space.speakers())),
        "memories": listed,
        "graph": graph,
    }
    if before is not None:
        found["as_of"] = lambda question: read(space.recall(question, DEEP, filter=Filter(as_of=before)))
    return found


def _lineage(space: Space) -> Callable[[str], frozenset[str]]:
    """Return what says from which memories one was derived, through any number of steps."""
    sql = (
        "WITH RECURSIVE up (seq) AS (SELECT parent FROM lineage JOIN memories m ON m.seq = child WHERE m.id = ? "
        "UNION SELECT parent FROM lineage JOIN up ON child = up.seq) SELECT id FROM memories JOIN up USING (seq)"
    )
    db = space._ledger.connection  # noqa: SLF001
    return lambda id_: frozenset(i for (i,) in db.all(sql, (id_,)))
