"""Rewriting memories in their place: text, lineage and surroundings change, id, seq and time of storing stay.

Until a rewriting is settled, its shadow holds what the memory was before, so that it can be undone, and so that whoever
looks for residue knows what must be gone. A shadow goes with its memory.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from agentmem.encoding.encoder import by_rule
from agentmem.encoding.extraction import RULES
from agentmem.ledger import audiences, derivations, rows
from agentmem.ledger.ledger import Ledger
from agentmem.ledger.vectors import compressed, unpacked
from agentmem.types import TIERS, Encoded, Memory


class Rewrite(NamedTuple):
    """What becomes of one memory: `memory` is as it is to be, with its parents; `removed` are texts that it loses.

    `encoded` is None where rules read the same of it as before: text, speaker, time and metadata stay.
    """

    memory: Memory
    encoded: Encoded | None
    removed: tuple[str, ...] = ()


class Shadow(NamedTuple):
    """What a memory was before it was rewritten, with its vector, and the texts that it lost."""

    memory: Memory
    removed: tuple[str, ...]


_PLACE = "text, speaker, thread, position, said_at, said_zone, metadata, origin"


def rewrite(ledger: Ledger, number: int, rewrites: Sequence[Rewrite]) -> None:
    """Rewrite memories for erasure `number`, keeping shadows. The caller holds the transaction."""
    db = ledger.connection
    for change in rewrites:
        m = change.memory
        before = db.one("SELECT text FROM memories WHERE seq = ?", (m.seq,))
        held = [seq for (seq,) in db.all("SELECT parent FROM lineage WHERE child = ? ORDER BY parent", (m.seq,))]
        db.all(
            f"INSERT OR REPLACE INTO shadows (number, seq, {_PLACE}, vector, tier, parents, removed) "  # noqa: S608 - ours
            f"SELECT ?, m.seq, {_PLACE}, vector, tier, ?, ? FROM memories m JOIN vectors USING (seq) WHERE m.seq = ?",
            (number, json.dumps(held), json.dumps(change.removed, ensure_ascii=False), m.seq),
        )
        db.all(
            "UPDATE memories SET text = ?, speaker = ?, thread = ?, position = ?, said_at = ?, said_zone = ?, "
            "metadata = ?, origin = ? WHERE seq = ?",
            (
                *(m.text, m.speaker, m.thread, m.position, rows.micros(m.said_at), rows.zone_minutes(m.said_at)),
                *(rows.dumps(m.metadata), m.origin, m.seq),
            ),
        )
        left = ledger.seqs(m.parents)
        db.all(
            "DELETE FROM lineage WHERE child = ? AND parent NOT IN (SELECT value FROM json_each(?))",
            (m.seq, json.dumps(sorted(left.values()))),
        )
        if change.encoded is not None:
            _encode(ledger, m.seq, change.encoded, anew=before != m.text)
    audiences.follow(db, [change.memory.seq for change in rewrites])
    db.many("INSERT INTO changes (seq) VALUES (?)", [(change.memory.seq,) for change in rewrites])


def _encode(ledger: Ledger, seq: int, encoded: Encoded, *, anew: bool) -> None:
    """Write what a memory is encoded as, a new vector in the tier of the old one; what was derived from it is stale.

    The rules read it once more: they may find in a shorter text what they did not find in the longer.
    """
    db = ledger.connection
    tier = int(db.one("SELECT tier FROM vectors WHERE seq = ?", (seq,)))
    ledger.replace_encodings({seq: encoded}, with_vectors=anew)
    if tier and anew:
        held = db.all("SELECT seq, vector, tier FROM vectors WHERE seq = ?", (seq,))
        compressed(db, held, TIERS[tier - 1])
    db.all("UPDATE meta SET value = min(value, ?) WHERE name = ?", (seq - 1, f"extracted:{RULES}"))
    _stale(ledger, seq)


def _stale(ledger: Ledger, seq: int) -> None:
    db = ledger.connection
    for deriver, scope in db.all("SELECT DISTINCT deriver, scope FROM scopes WHERE seq = ?", (seq,)):
        derivations.mark_stale(db, deriver, [scope])


def shadows(ledger: Ledger, number: int) -> list[Shadow]:
    """Return what erasure `number` rewrote as it was before, in ledger order, where it is still there."""
    db = ledger.connection
    found = db.all(
        "SELECT s.seq, s.text, s.speaker, s.thread, s.position, s.said_at, s.said_zone, s.metadata, s.origin, "
        "s.vector, s.tier, s.parents, s.removed FROM shadows s WHERE s.number = ? ORDER BY s.seq",
        (number,),
    )
    now = {m.seq: m for chunk in ledger.read(seqs=[row[0] for row in found]) for m in chunk}
    return [_shadow(now[row[0]], row) for row in found if row[0] in now]


def _shadow(now: Memory, row: tuple[Any, ...]) -> Shadow:
    seq, text, speaker, thread, position, said, zone, metadata, origin, vector, tier, _, removed = row
    full, code = unpacked([(seq, vector, tier)])[seq]
    before = replace(
        now,
        text=text,
        speaker=speaker,
        thread=thread,
        position=position,
        said_at=rows.moment(said, zone),
        metadata=json.loads(metadata),
        origin=origin,
        vector=full,
        code=code,
    )
    return Shadow(before, tuple(json.loads(removed)))


def restore(ledger: Ledger, number: int) -> list[int]:
    """Make what erasure `number` rewrote what it was; return the seqs. The caller holds the transaction."""
    db = ledger.connection
    before = shadows(ledger, number)
    seqs = [shadow.memory.seq for shadow in before]
    for seq in seqs:
        db.all(
            f"UPDATE memories SET ({_PLACE}) = (SELECT {_PLACE} FROM shadows s WHERE s.number = ? AND s.seq = ?) "  # noqa: S608 - ours
            "WHERE seq = ?",
            (number, seq, seq),
        )
        db.all(
            "UPDATE vectors SET (vector, tier) = (SELECT vector, tier FROM shadows WHERE number = ? AND seq = ?) "
            "WHERE seq = ?",
            (number, seq, seq),
        )
        db.all(
            "INSERT OR IGNORE INTO lineage (child, parent) SELECT s.seq, p.value FROM shadows s, "
            "json_each(s.parents) p JOIN memories m ON m.seq = p.value WHERE s.number = ? AND s.seq = ?",
            (number, seq),
        )
    audiences.follow(db, seqs)
    read = {s.memory.seq: by_rule(s.memory, s.memory.vector) for s in before if s.memory.vector is not None}
    ledger.replace_encodings(read, with_vectors=False)
    for seq in seqs:
        _stale(ledger, seq)
    settle(ledger, number)
    return seqs


def settle(ledger: Ledger, number: int) -> None:
    """Drop the shadows of erasure `number`. The caller holds the transaction."""
    ledger.connection.all("DELETE FROM shadows WHERE number = ?", (number,))
