"""What stands for memories that faded: summaries, known by keyed digests of the ids of what they replace.

While what it was made of is there, lineage leads from a summary to it. What fades goes, its summary stays, and only the
digest remains of the tie: enough for a request to forget the memory by its id to find what stands for it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Iterable, Sequence

from agentmem.ledger import audiences
from agentmem.ledger.ledger import Ledger
from agentmem.types import MemoryId


def note(ledger: Ledger, summary: int, replaced: Iterable[MemoryId]) -> None:
    """Note that the summary with that seq stands for memories. The caller holds the transaction."""
    rows = [(summary, digest) for digest in _digests(ledger, list(replaced))]
    ledger.connection.many("INSERT OR IGNORE INTO replaced (child, parent) VALUES (?, ?)", rows)


def replaced(ledger: Ledger, ids: Sequence[MemoryId]) -> frozenset[MemoryId]:
    """Return those of the ids that something stands for."""
    return frozenset(_standing(ledger, ids))


def outlive(ledger: Ledger, gone: Collection[int]) -> None:
    """Cut what stands for memories loose from those that go (seqs), unless it goes too. In a transaction.

    It is seen by nobody who could not see it before.
    """
    db, asked = ledger.connection, json.dumps(sorted(gone))
    cut = (
        "parent IN (SELECT value FROM json_each(?1)) AND child IN (SELECT child FROM replaced) "
        "AND child NOT IN (SELECT value FROM json_each(?1))"
    )
    audiences.keep(db, {seq for (seq,) in db.all(f"SELECT child FROM lineage WHERE {cut}", (asked,))})  # noqa: S608 - ours
    db.all(f"DELETE FROM lineage WHERE {cut}", (asked,))  # noqa: S608 - ours


def reached(ledger: Ledger, ids: Sequence[MemoryId]) -> list[MemoryId]:
    """Return the ids, those that have faded replaced by what stands for them; the unknown stay as they are."""
    there = ledger.seqs(ids)
    standing = _standing(ledger, [i for i in ids if i not in there])
    return list(dict.fromkeys(found for i in ids for found in standing.get(i, [i])))


def _standing(ledger: Ledger, ids: Sequence[MemoryId]) -> dict[MemoryId, list[MemoryId]]:
    """Return, for those of the ids that something stands for, the ids of what does."""
    if not ids or not ledger.connection.one("SELECT 1 FROM replaced LIMIT 1"):
        return {}
    of = dict(zip(_digests(ledger, ids), ids, strict=True))
    found: dict[MemoryId, list[MemoryId]] = {}
    sql = (
        "SELECT r.parent, m.id FROM json_each(?) j JOIN replaced r ON r.parent = j.value "
        "JOIN memories m ON m.seq = r.child WHERE m.suppressed = 0 ORDER BY m.seq"
    )
    for digest, summary in ledger.connection.all(sql, (json.dumps(list(of)),)):
        found.setdefault(of[digest], []).append(summary)
    return found


def _digests(ledger: Ledger, ids: Sequence[MemoryId]) -> list[str]:
    key = bytes(ledger.note_once("replaced_key", secrets.token_bytes(32)))
    return [hashlib.blake2b(i.encode(), key=key, digest_size=16).hexdigest() for i in ids]
