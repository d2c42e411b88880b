"""Summaries in place of what fades: made by a deriver, written with lineage to all that they replace.

The deriver's first scope says what is summarised together ("summary": what was said in one thread on one day, in
sentences that were really said). Once written, a summary is a memory like any other: what it replaces may go by a sweep
and leave it, and a request to forget takes it along.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from agentmem import steps
from agentmem.encoding.encoder import check, encode
from agentmem.ledger import Ledger, fading, replacing, rows
from agentmem.protocols import Deriver, Embedder
from agentmem.types import Draft, Memory, MemoryId


def condense(
    ledger: Ledger, ids: Sequence[MemoryId], deriver: Deriver, embedder: Embedder, now: datetime
) -> list[MemoryId]:
    """Write summaries of memories that nothing stands for yet, in one transaction; return their ids.

    A summary counts as used now, since it was made now of what is old.
    """
    done = replacing.replaced(ledger, ids)
    members = ledger.get([i for i in ids if i not in done], vectors=True)
    drafts = [check(draft, now) for draft in _summaries(sorted(members, key=lambda m: m.seq), deriver)]
    if not drafts:
        return []
    encoded = encode(drafts, embedder)
    steps.reached("condense.encoded")
    with ledger.connection.transaction():
        added = ledger.commit(drafts, encoded, now).added
        for memory in added:
            replacing.note(ledger, memory.seq, memory.parents)
        fading.reinforce(ledger.connection, [(1, rows.micros(now), 0, 1.0, 5.0, m.seq) for m in added])
        steps.reached("condense.written")
    steps.reached("condense.committed")
    return [m.id for m in added]


def _summaries(members: Sequence[Memory], deriver: Deriver) -> Iterator[Draft]:
    groups: dict[str, list[Memory]] = {}
    for memory in members:
        for scope in deriver.scopes(memory)[:1]:
            groups.setdefault(scope, []).append(memory)
    for scope, group in groups.items():
        last, speakers = group[-1], {m.speaker for m in group}
        for draft in deriver.derive(scope, group):
            yield replace(
                draft,
                # where what it replaces stood, so that whoever asks for a thread, a day or a speaker finds it there
                thread=last.thread,
                position=last.position,
                speaker=last.speaker if len(speakers) == 1 else None,
                said_at=draft.said_at or last.said_at,
                parents=tuple(m.id for m in group),
                metadata={**draft.metadata, "stands for": len(group)},
            )
