"""The counterfactual: a space built anew from what is left, as if what was forgotten had never been told.

It is written by the ordinary way of remembering, in a folder of its own, with the times, places, threads, lineage,
validity and audiences of what is left; ids are new. Vectors are made anew: where the kept one is the same but for
rounding, the kept one is used, so that scores can be compared to the last bit. What recalls have counted cannot be
lived through again and is taken over.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from agentmem.clock import FixedClock
from agentmem.encoding.encoder import Progress, checked
from agentmem.ledger import audiences
from agentmem.protocols import Embedder
from agentmem.space import Space
from agentmem.system import System
from agentmem.types import PRIMARY, Draft, Memory, MemoryId, Vectors

BATCH = 512
ROUNDING = 1e-3
"""How far coordinates of a vector may lie apart where the same text was embedded in another batch."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A space that never knew: `ids` maps ids of the original to its own.

    `orphans` are memories of the original that could not have come to be: derived, and nothing they came from is left.
    `other_vectors` have a vector that their text does not have.
    """

    space: Space
    ids: dict[MemoryId, MemoryId]
    orphans: tuple[MemoryId, ...]
    other_vectors: tuple[MemoryId, ...]


@contextlib.contextmanager
def rebuilt(
    space: Space, memories: Sequence[Memory] | None = None, *, progress: Progress | None = None
) -> Iterator[Rebuilt]:
    """Build a space anew from what is left of `space`, or from `memories` of it (with vectors), in a temporary folder.

    Pass what was there before an erasure without all that it takes, to try an eraser that is not trusted.
    """
    space.retention.write_uses()
    left = list(space.memories(vectors=True)) if memories is None else list(memories)
    with TemporaryDirectory(prefix="agentmem-rebuilt-") as root:
        ahead = _Ahead(space.embedder, [m.text for m in left], progress)
        clock = FixedClock(space.clock())
        system = System(
            Path(root),
            embedder=ahead,
            clock=clock,
            weights=space._weights_file,  # noqa: SLF001 - as the original, in all that is not memory
            stores=space._stores,  # noqa: SLF001
            retention=space.retention.policy,
            retention_weight=space.retention.weight,
            guard="none",
            derive=(),
        )
        with system:
            fresh = system.space(space.name)
            fresh.retention.name = space.retention.name
            given = audiences.own(space._ledger.connection, [m.seq for m in left])  # noqa: SLF001
            ids, orphans = _remember(fresh, left, given, clock)
            clock.now = space.clock()
            other = _keep_vectors(fresh, left, ids, ahead)
            _keep_traces(space, fresh, ids)
            yield Rebuilt(fresh, ids, orphans, other)


class _Ahead:
    """The embedder of the original, which has embedded all texts at once."""

    def __init__(self, embedder: Embedder, texts: Sequence[str], progress: Progress | None) -> None:
        self.name, self.dim = embedder.name, embedder.dim
        self.known: dict[str, Vectors] = {}
        self._embedder = embedder
        wanted = list(dict.fromkeys(texts))
        for start in range(0, len(wanted), BATCH):
            some = wanted[start : start + BATCH]
            self.known.update(zip(some, checked(embedder(some), len(some), embedder), strict=True))
            if progress is not None:
                progress(len(self.known), len(wanted))

    def __call__(self, texts: Sequence[str]) -> Vectors:
        if all(text in self.known for text in texts) and texts:
            return np.stack([self.known[text] for text in texts])
        return self._embedder(texts)


def _remember(
    fresh: Space, left: Sequence[Memory], given: Mapping[int, audiences.Audience], clock: FixedClock
) -> tuple[dict[MemoryId, MemoryId], tuple[MemoryId, ...]]:
    """Remember what is left, in batches of one moment; return ids by those of the original, and orphans."""
    ids: dict[MemoryId, MemoryId] = {}
    orphans: list[MemoryId] = []
    batch: list[Memory] = []

    def flush() -> None:
        if batch:
            clock.now = batch[0].stored_at
            drafts = [_draft(m, tuple(ids[p] for p in m.parents if p in ids), given.get(m.seq, ())) for m in batch]
            ids.update(zip((m.id for m in batch), fresh.remember(drafts), strict=True))
            batch.clear()

    at: datetime | None = None
    waiting: set[MemoryId] = set()
    for memory in left:
        if memory.stored_at != at or not waiting.isdisjoint(memory.parents) or len(batch) == BATCH:
            flush()
            waiting.clear()
        at = memory.stored_at
        if memory.kind not in PRIMARY and not any(p in ids for p in memory.parents):
            orphans.append(memory.id)
            continue
        batch.append(memory)
        waiting.add(memory.id)
    flush()
    return ids, tuple(orphans)


def _draft(m: Memory, parents: tuple[MemoryId, ...], audience: Collection[str]) -> Draft:
    return Draft(
        text=m.text,
        kind=m.kind,
        speaker=m.speaker,
        thread=m.thread,
        said_at=m.said_at,
        position=m.position,
        valid_from=m.valid_from,
        valid_to=m.valid_to,
        parents=parents,
        metadata=m.metadata,
        origin=m.origin,
        audience=tuple(sorted(audience)),
    )


def _keep_vectors(
    fresh: Space, left: Sequence[Memory], ids: dict[MemoryId, MemoryId], ahead: _Ahead
) -> tuple[MemoryId, ...]:
    """Write the vectors of the original, in their tiers, where the text has that vector; return where it has not."""
    ledger, other = fresh._ledger, []  # noqa: SLF001
    seqs = ledger.seqs(list(ids.values()))
    tiers: dict[str, list[int]] = {}
    exact: list[tuple[bytes, int]] = []
    for memory in left:
        if memory.id not in ids or memory.vector is None:
            continue
        made, seq = ahead.known[memory.text], seqs[ids[memory.id]]
        if memory.code is not None:
            tiers.setdefault(memory.code.tier, []).append(seq)
        elif float(np.abs(made - memory.vector).max()) > ROUNDING:
            other.append(memory.id)
        elif made.tobytes() != memory.vector.tobytes():
            exact.append((memory.vector.astype("<f4").tobytes(), seq))
    with ledger.connection.transaction():
        ledger.connection.many("UPDATE vectors SET vector = ? WHERE seq = ?", exact)
        ledger.connection.many("INSERT INTO changes (seq) VALUES (?)", [(seq,) for _, seq in exact])
    for tier, cold in tiers.items():
        ledger.compress(cold, "int8" if tier == "int8" else "int4")
    return tuple(other)


def _keep_traces(space: Space, fresh: Space, ids: dict[MemoryId, MemoryId]) -> None:
    """Take over what uses have left: they cannot be lived through again."""
    seqs = space._ledger.seqs(list(ids))  # noqa: SLF001
    new = fresh._ledger.seqs(list(ids.values()))  # noqa: SLF001
    by_seq = {seqs[old]: new[now] for old, now in ids.items() if old in seqs}
    rows = space._ledger.connection.all(  # noqa: SLF001
        "SELECT uses, last_used_at, unused, stability, difficulty, seq FROM traces"
    )
    fresh._ledger.connection.many(  # noqa: SLF001
        "INSERT OR REPLACE INTO traces (uses, last_used_at, unused, stability, difficulty, seq) VALUES (?,?,?,?,?,?)",
        [(*row[:-1], by_seq[row[-1]]) for row in rows if row[-1] in by_seq],
    )
