"""Bringing what is derived level with the ledger: enroll what is new, derive what is stale, write the difference.

    enroll   memories that came in or changed become members of their scopes, which are stale from then on
    derive   a stale scope's members are read, and a deriver makes its drafts of them, without any lock
    write    what stays the same stays; the rest is replaced, in one transaction, unless something went meanwhile

What is left when a process ends or dies is in the ledger and is taken up by the next call, in any process.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from agentmem import steps
from agentmem.clock import Clock
from agentmem.encoding.encoder import check, encode
from agentmem.errors import AgentmemError, LineageError
from agentmem.ledger import Ledger, derivations
from agentmem.ledger.derivations import Stale
from agentmem.protocols import Deriver, Embedder
from agentmem.types import Draft, Encoded, Memory, MemoryId

BATCH = 32
"""Scopes that are derived, encoded and written together."""
STRIDE = 2_000
"""Memories that are enrolled in one transaction."""
TRIES = 5
"""How often a batch is made again because something was erased or rewritten meanwhile, before it is left for later."""

ORIGIN = "derived:"
"""How the origins of all that is derived here begin."""


class KeptOut(Protocol):
    """That a draft says what was forgotten."""

    @property
    def index(self) -> int:
        """Which of the drafts."""
        ...


Screen = Callable[[Sequence[Draft], Literal["skip"]], Sequence[KeptOut]]
"""What the guard keeps out of some drafts."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What settling did: scopes derived anew, memories written, replaced, and kept out by the guard."""

    scopes: int = 0
    written: int = 0
    replaced: int = 0
    kept_out: int = 0

    def __add__(self, other: Settled) -> Settled:
        return Settled(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


class _Made(NamedTuple):
    """What a deriver makes of a stale scope."""

    of: Stale
    drafts: list[Draft]


def made_by_deriver(memory: Memory) -> bool:
    """Say whether a memory was written by settling, and so is nothing to derive from."""
    return (memory.origin or "").startswith(ORIGIN)


def read_to(ledger: Ledger, name: str) -> tuple[int, int]:
    """Return the last memory and the last change that a deriver has looked at."""
    seq, change = json.loads(ledger.meta(f"derived:{name}") or "[0, 0]")
    return seq, change


def unread(ledger: Ledger, name: str) -> None:
    """Let a deriver look at everything once more, as if it had seen nothing yet."""
    ledger.note(f"derived:{name}", "[0, 0]")


def enroll(ledger: Ledger, name: str, deriver: Deriver, limit: int | None = None) -> int:
    """Take in what came into the ledger or changed since the deriver last looked; return how many memories."""
    noted, done = f"derived:{name}", 0
    while limit is None or done < limit:
        with ledger.connection.transaction():
            seq, change = read_to(ledger, name)
            now = ledger.mark()
            new = next(ledger.read(seq, vectors=False), [])[:STRIDE]
            changed = [s for s in ledger.changed_since(change) if s <= seq]
            again = [m for chunk in ledger.read(seqs=changed) for m in chunk]
            if not new and (now.change == change or not again):
                if now.change != change:
                    ledger.note(noted, json.dumps([seq, now.change]))
                return done
            read = [(m.seq, deriver.scopes(m)) for m in [*again, *new] if not made_by_deriver(m)]
            derivations.enroll(ledger, name, read)
            ledger.note(noted, json.dumps([new[-1].seq if new else seq, now.change]))
            steps.reached("derive.enrolled")
        done += len(new) + len(again)
    return done


def settle(
    ledger: Ledger,
    derivers: Mapping[str, Deriver],
    stale: Sequence[Stale],
    embedder: Embedder,
    clock: Clock,
    lock: AbstractContextManager[object],
    screen: Screen,
) -> Settled:
    """Derive stale scopes anew, at most `BATCH` of them, and write what differs.

    The lock is held to read and to write, not while derivers and the embedder work.
    """
    db = ledger.connection
    for _ in range(TRIES):
        with lock, db.reading():
            before = ledger.mark().change
            read = [(of, _read(ledger, of), derivations.made(db, of)) for of in stale[:BATCH]]
        moved = [(of, members) for of, members, _ in read if members and _scope(ledger, derivers, of, members) is None]
        if moved:
            _enroll_anew(ledger, derivers, moved, lock)
            continue
        made = [_Made(of, _drafts(ledger, derivers, of, members)) for of, members, _ in read]
        now = clock()
        there = {origin for _, _, old in read for origin in old}
        new = {d.origin: check(d, now) for _, drafts in made for d in drafts if d.origin not in there}
        encoded = dict(zip(new, encode(list(new.values()), embedder), strict=True)) if new else {}
        steps.reached("derive.encoded")
        with lock:
            origins = list(new)
            kept_out = {origins[verdict.index] for verdict in screen(list(new.values()), "skip")} if new else set()
            with db.transaction():
                if ledger.mark().change != before:
                    continue  # what was read may be gone: read again
                done = Settled(kept_out=len(kept_out))
                for of, drafts in made:
                    wanted = {d.origin: d for d in drafts if d.origin not in kept_out}
                    done += _write(ledger, of, wanted, encoded, now)
                steps.reached("derive.written")
            steps.reached("derive.committed")
            return done
    return Settled()


def _write(
    ledger: Ledger, of: Stale, wanted: Mapping[str | None, Draft], encoded: Mapping[str | None, Encoded], now: datetime
) -> Settled:
    """Write the difference between what is there of a scope and what is wanted; the scope is fresh then."""
    old = derivations.made(ledger.connection, of)
    gone = [seq for origin, seq in old.items() if origin not in wanted]
    new = [origin for origin in wanted if origin not in old]
    derivations.replace(ledger.connection, gone)
    added = ledger.commit([wanted[o] for o in new], [encoded[o] for o in new], now).added if new else []
    derivations.note_made(ledger.connection, of, [m.seq for m in added])
    derivations.fresh(ledger.connection, of)
    return Settled(1, len(added), len(gone))


def _read(ledger: Ledger, of: Stale) -> list[Memory]:
    seqs = derivations.members(ledger.connection, of)
    return [m for chunk in ledger.read(seqs=seqs, vectors=True) for m in chunk]


def _scope(ledger: Ledger, derivers: Mapping[str, Deriver], of: Stale, members: Sequence[Memory]) -> str | None:
    """Return the name of a stale scope, None where its deriver puts the members into others by now."""
    named = derivers[of.deriver].scopes(members[-1])
    return next((scope for scope in named if derivations.digest(ledger, scope) == of.scope), None)


def _enroll_anew(
    ledger: Ledger,
    derivers: Mapping[str, Deriver],
    moved: Sequence[tuple[Stale, Sequence[Memory]]],
    lock: AbstractContextManager[object],
) -> None:
    """Take members into the scopes in which their deriver reads them now: by a model others than by rules, say.

    Raises AgentmemError for a deriver that names other scopes each time.
    """
    for of, members in moved:
        deriver = derivers[of.deriver]
        scopes = [(m.seq, list(deriver.scopes(m))) for m in members]
        if scopes != [(m.seq, list(deriver.scopes(m))) for m in members]:
            raise AgentmemError(
                f"the deriver {of.deriver!r} does not name the same scopes for the same memory twice; scopes must "
                "depend on the memory alone"
            )
        with lock, ledger.connection.transaction():
            there = ledger.seqs([m.id for m in members])
            derivations.enroll(ledger, of.deriver, [(seq, to) for seq, to in scopes if seq in there.values()])


def _drafts(ledger: Ledger, derivers: Mapping[str, Deriver], of: Stale, members: Sequence[Memory]) -> list[Draft]:
    """Return what a deriver makes of a scope's members, placed and with origins; raise for what breaks its contract."""
    scope = _scope(ledger, derivers, of, members) if members else None
    if scope is None:
        return []
    deriver = derivers[of.deriver]
    places = {m.id: m.position for m in members}
    return [_placed(draft, of.deriver, scope, places, members[-1]) for draft in deriver.derive(scope, members)]


def _placed(draft: Draft, name: str, scope: str, places: Mapping[MemoryId, int], last: Memory) -> Draft:
    if not draft.parents or not places.keys() >= set(draft.parents):
        raise LineageError(
            f"the deriver {name!r} made a memory whose parents are not among those it was given; name those it follows "
            "from: Draft(..., parents=(memory.id, ...))"
        )
    draft = replace(draft, said_at=draft.said_at or last.said_at)
    said = repr((draft.kind, draft.text, draft.speaker, draft.said_at, draft.valid_from, draft.valid_to, draft.parents))
    mark = hashlib.sha256((said + repr(sorted(draft.metadata.items()))).encode()).hexdigest()[:24]
    return replace(
        draft,
        thread=f"{name}: {scope}",
        position=max(places[parent] for parent in draft.parents),
        origin=f"{ORIGIN}{name}:{hashlib.sha256(scope.encode()).hexdigest()[:12]}:{mark}",
    )
