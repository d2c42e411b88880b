"""The intent log: what is being erased and how far it has come, in ids and keyed digests, never in words.

    SUPPRESSED  nothing can recall it any more (one transaction); it can be undone until a moment, if so asked
    ERASED      its rows are gone from the ledger (one transaction)
    RECLAIMED   its bytes are gone from the files
    VERIFIED    reclaimed, and every file was looked through afterwards (`checked`)
    UNDONE      it was taken back while it was suppressed

Before that a plan is PROPOSED and, by whoever executes it, CONFIRMED: of that nothing is written. Every step may be run
again; opening a space takes up whatever a crash left.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from agentmem.encoding.context import WINDOW
from agentmem.errors import HeldError, MemoryNotFoundError
from agentmem.ledger import Ledger, fading, recalls, replacing, rows
from agentmem.types import MemoryId, Receipt
from agentmem.unlearning.attest import digest

State = Literal["suppressed", "erased", "reclaimed", "undone"]
LEVEL: dict[str, Literal["suppressed", "logical", "physical"]] = {
    "suppressed": "suppressed",
    "erased": "logical",
    "reclaimed": "physical",
}

REWRITTEN = "rewritten"
"""Among the counts of a receipt: what stayed and lost a part."""

# Everything that was derived from the roots, through any number of steps, and the roots themselves.
_CLOSURE = """
WITH RECURSIVE doomed(seq) AS (
    SELECT seq FROM memories WHERE seq IN (SELECT value FROM json_each(?))
    UNION SELECT child FROM lineage JOIN doomed ON parent = doomed.seq
) SELECT m.seq, m.id, m.kind FROM memories m JOIN doomed USING (seq) ORDER BY m.seq"""


class Doomed(NamedTuple):
    """One memory that an erasure takes."""

    seq: int
    id: MemoryId
    kind: str


def closure(ledger: Ledger, ids: Sequence[MemoryId]) -> list[Doomed]:
    """Return the ids and everything derived from them, in ledger order; of what has faded, what stands for it.

    Raises MemoryNotFoundError for unknown ids.
    """
    ids = replacing.reached(ledger, ids)
    seqs = ledger.seqs(ids)
    if missing := [i for i in ids if i not in seqs]:
        raise MemoryNotFoundError(
            f"no memory {missing[0]!r} in this space (of {len(ids)} ids, {len(missing)} are unknown or already "
            f"erased). "
            "Nothing was erased. List what is there with `agentmem show SPACE`."
        )
    return [Doomed(*row) for row in ledger.connection.all(_CLOSURE, (json.dumps(sorted(seqs.values())),))]


def suppress(
    ledger: Ledger,
    ids: Sequence[MemoryId],
    now: datetime,
    also: Callable[[int, list[Doomed]], None] | None = None,
    first: Callable[[], None] | None = None,
) -> tuple[int, list[Doomed]]:
    """Hide the closure of `ids` from every read path and note the intent, in one transaction.

    Returns the erasure's number and what it will take, which `also` is told inside the transaction. The closure is read
    inside it as well: a derived memory that came in meanwhile is in it, and what `first` cuts loose is not.
    """
    with ledger.connection.transaction():
        if first is not None:
            first()
        doomed = closure(ledger, ids)
        number = begin(ledger, doomed, now)
        if also is not None:
            also(number, doomed)
    return number, doomed


def begin(
    ledger: Ledger,
    doomed: Sequence[Doomed],
    now: datetime,
    *,
    touched: Sequence[MemoryId] = (),
    undo_until: datetime | None = None,
) -> int:
    """Hide what is doomed and note the intent; return its number. The caller holds the transaction.

    `touched` are memories that will be rewritten: none of both may be under a hold. Raises HeldError.
    """
    db = ledger.connection
    _check_holds(ledger, {*(d.id for d in doomed), *touched})
    key = receipt_key(ledger)
    counts = dict(sorted(Counter(d.kind for d in doomed).items()))
    digests = sorted(digest(key, d.id) for d in doomed)
    until = rows.maybe_micros(undo_until)
    pending = "" if undo_until is None else f"it can be undone until {undo_until.isoformat(timespec='seconds')}"
    db.all(
        "INSERT INTO erasures (state, requested_at, erased, digests, pending, undo_until) "
        "VALUES ('suppressed', ?, ?, ?, ?, ?)",
        (rows.micros(now), json.dumps(counts), json.dumps(digests), pending, until),
    )
    number = int(db.one("SELECT last_insert_rowid()"))
    seqs = [(d.seq,) for d in doomed]
    db.many(
        "INSERT INTO erasing (number, seq, origin) SELECT ?, seq, origin FROM memories WHERE seq = ?",
        [(number, s) for (s,) in seqs],
    )
    # without its origin, the same text may be brought in again while the erasure is still under way
    db.many("UPDATE memories SET suppressed = 1, origin = NULL WHERE seq = ?", seqs)
    db.many("INSERT INTO changes (seq) VALUES (?)", seqs)
    return number


def _check_holds(ledger: Ledger, ids: Collection[MemoryId]) -> None:
    """Raise HeldError if any of the ids is under a hold."""
    sql = "SELECT m.id, p.reason FROM protections p CROSS JOIN memories m USING (seq) WHERE p.hold = 1 ORDER BY p.seq"
    held = [(i, reason) for i, reason in ledger.connection.all(sql) if i in ids]
    if held:
        raise HeldError(
            f"{len(held)} of the {len(ids)} memories that would go are under a legal hold (first: {held[0][0]}, "
            f"{held[0][1]!r}). Nothing was erased. End the hold first: space.retention.release(id)"
        )


def hidden(ledger: Ledger, seqs: Sequence[int]) -> list[Doomed]:
    """Return memories by seq, whether they can be recalled or not, in ledger order."""
    sql = "SELECT seq, id, kind FROM memories WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq"
    return [Doomed(*row) for row in ledger.connection.all(sql, (json.dumps(list(seqs)),))]


def state(ledger: Ledger, number: int) -> State | None:
    """Return how far erasure `number` has come; None if there is none."""
    found: State | None = ledger.connection.one("SELECT state FROM erasures WHERE number = ?", (number,))
    return found


def seqs_of(ledger: Ledger, number: int) -> list[int]:
    """Return what erasure `number` still has to take."""
    return [s for (s,) in ledger.connection.all("SELECT seq FROM erasing WHERE number = ? ORDER BY seq", (number,))]


def delete(ledger: Ledger, number: int, rewritten: Sequence[int] = ()) -> None:
    """Delete the rows of erasure `number`: derived first, then sources. The caller holds the transaction.

    What looks back on them or on what was `rewritten` (seqs) is computed anew, and what recalls counted is counted
    without them.
    """
    doomed = seqs_of(ledger, number)
    fading.unsign(ledger.connection, [*doomed, *rewritten], WINDOW)
    recalls.withdraw(ledger.connection, doomed)
    # what is derived came later than its parents
    ledger.connection.many("DELETE FROM memories WHERE seq = ?", [(seq,) for seq in reversed(doomed)])
    ledger.connection.all("DELETE FROM erasing WHERE number = ?", (number,))
    ledger.connection.all("UPDATE erasures SET state = 'erased' WHERE number = ?", (number,))


def finish(ledger: Ledger, number: int, now: datetime, *, checked: bool) -> None:
    """Note that the bytes of erasure `number` are gone."""
    ledger.connection.all(
        "UPDATE erasures SET state = 'reclaimed', finished_at = ?, checked = ?, pending = '' WHERE number = ?",
        (rows.micros(now), checked, number),
    )


def postpone(ledger: Ledger, number: int, why: str) -> None:
    """Note why the bytes of erasure `number` are still there."""
    ledger.connection.all("UPDATE erasures SET pending = ? WHERE number = ?", (why, number))


def unfinished(ledger: Ledger, now: datetime | None = None) -> list[tuple[int, State]]:
    """Return the erasures that are not yet reclaimed, oldest first; with `now`, only those that cannot be undone."""
    return ledger.connection.all(
        "SELECT number, state FROM erasures WHERE state NOT IN ('reclaimed', 'undone') "
        "AND (?1 IS NULL OR state <> 'suppressed' OR undo_until IS NULL OR undo_until <= ?1) ORDER BY number",
        (rows.maybe_micros(now),),
    )


class Record(NamedTuple):
    """How far one erasure has come: "suppressed", "erased", "reclaimed", "verified" or "undone".

    `forgotten`: it was a forgetting by a plan, not an erasure by id or a sweep.
    """

    number: int
    state: str
    requested_at: datetime
    finished_at: datetime | None
    undo_until: datetime | None
    erased: Mapping[str, int]
    rewritten: Mapping[str, int]
    pending: str
    forgotten: bool


def records(ledger: Ledger) -> list[Record]:
    """Return all erasures, oldest first, those undone too."""
    found = ledger.connection.all(
        "SELECT number, state, requested_at, finished_at, undo_until, erased, terms, pending, checked FROM erasures "
        "ORDER BY number"
    )
    return [_record(row) for row in found]


def _record(row: tuple[Any, ...]) -> Record:
    number, state, requested, finished, until, erased, terms, pending, checked = row
    noted = json.loads(terms)
    return Record(
        number,
        "verified" if state == "reclaimed" and checked else state,
        rows.moment(requested),
        rows.maybe(finished),
        rows.maybe(until),
        json.loads(erased),
        noted.get("counts", {}).get(REWRITTEN, {}),
        pending,
        bool(noted.get("selector")) or state == "undone",
    )


def epoch(ledger: Ledger) -> int:
    """Return the number of the last erasure that was ever begun: what was read before it may hold what it took."""
    return int(ledger.connection.one("SELECT seq FROM sqlite_sequence WHERE name = 'erasures'") or 0)


def undo(ledger: Ledger, number: int, now: datetime) -> list[int]:
    """Let what erasure `number` hides be recalled again; return its seqs. The caller holds the transaction."""
    db = ledger.connection
    db.all(
        "UPDATE memories SET suppressed = 0, origin = (SELECT e.origin FROM erasing e WHERE e.number = ? AND "
        "e.seq = memories.seq AND e.origin NOT IN (SELECT origin FROM memories WHERE origin IS NOT NULL)) "
        "WHERE seq IN (SELECT seq FROM erasing WHERE number = ?) "
        "AND seq NOT IN (SELECT seq FROM erasing WHERE number <> ?)",
        (number, number, number),
    )
    seqs = seqs_of(ledger, number)
    db.many("INSERT INTO changes (seq) VALUES (?)", [(s,) for s in seqs])
    db.all("DELETE FROM erasing WHERE number = ?", (number,))
    db.all("DELETE FROM tombstones WHERE erasure = ?", (number,))
    db.all(
        "UPDATE erasures SET state = 'undone', finished_at = ?, erased = '{}', digests = '[]', pending = '', "
        "terms = '{}' WHERE number = ?",
        (rows.micros(now), number),
    )
    return seqs


def receipts(ledger: Ledger, number: int | None = None) -> list[Receipt]:
    """Return all receipts, or that of one erasure, oldest first."""
    found = ledger.connection.all(
        "SELECT number, state, requested_at, finished_at, erased, digests, checked, pending, terms, coalesce((SELECT "
        "document FROM receipts r WHERE r.erasure = e.number ORDER BY r.number DESC LIMIT 1), '') FROM erasures e "
        "WHERE state <> 'undone' AND (?1 IS NULL OR number = ?1) ORDER BY number",
        (number,),
    )
    unsigned = str(ledger.meta("unsigned") or "")
    return [_receipt(row, unsigned) for row in found]


def _receipt(row: tuple[Any, ...], unsigned: str) -> Receipt:
    number, state, requested, finished, erased, digests, checked, pending, terms, signed = row
    return Receipt(
        number=number,
        requested_at=rows.moment(requested),
        finished_at=rows.maybe(finished),
        level=LEVEL[state],
        erased=json.loads(erased),
        digests=tuple(json.loads(digests)),
        checked=bool(checked),
        pending=pending,
        signed=signed,
        unsigned="" if signed else unsigned,
        rewritten=json.loads(terms).get("counts", {}).get(REWRITTEN, {}),
    )


def receipt_key(ledger: Ledger) -> bytes:
    """Return the key of this space under which receipts name memories: ids are random, so it may lie beside them."""
    return bytes(ledger.note_once("receipt_key", secrets.token_bytes(32)))
