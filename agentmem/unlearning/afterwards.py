"""What comes after a forgetting, and before the next: how far it has come, undoing it, holds, and schedules."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agentmem.clock import Clock, aware
from agentmem.errors import InputError, StaleError
from agentmem.ledger import Ledger, fading
from agentmem.protocols import Embedder
from agentmem.types import Finding, Hit, MemoryId, Receipt
from agentmem.unlearning import attest, intents, receipts, schedules
from agentmem.unlearning.attest import Document
from agentmem.unlearning.eraser import Eraser
from agentmem.unlearning.guard import Guard
from agentmem.unlearning.intents import Record
from agentmem.unlearning.schedules import Schedule
from agentmem.unlearning.selector import Selector

Search = Callable[[str, int], Sequence[Hit]]
Records = list[Record]
Receipts = list[Receipt]
Documents = list[Document]
Findings = list[Finding]
Schedules = list[Schedule]
Seqs = list[int]


@dataclass(frozen=True, slots=True)
class Host:
    """What a space lends to forgetting.

    `alive` raises SpaceClosedError once it is closed; `embedder` encodes what is rewritten, `search` finds topics,
    `settle` writes down what recalls have counted, and `changed` tells the indexes to look again.
    """

    ledger: Ledger
    eraser: Eraser
    guard: Guard
    clock: Clock
    lock: threading.RLock
    alive: Callable[[], None]
    embedder: Callable[[], Embedder]
    search: Search
    settle: Callable[[], None]
    changed: Callable[[], None]


class Afterwards:
    """How far forgettings have come, what may not be forgotten, and what is to be forgotten again and again."""

    def __init__(self, host: Host) -> None:
        self._ledger = host.ledger
        self._eraser = host.eraser
        self._clock = host.clock
        self._lock = host.lock
        self._check_open = host.alive
        self._changed = host.changed

    @property
    def epoch(self) -> int:
        """The number of the last forgetting: `remember(..., epoch=)` refuses what was begun before a later one."""
        with self._lock:
            self._check_open()
            return intents.epoch(self._ledger)

    def rewrote(self, epoch: int) -> bool:
        """Say whether any forgetting after `epoch` left a memory with less than it said before."""
        with self._lock:
            self._check_open()
            return any(r.rewritten for r in intents.records(self._ledger) if r.number > epoch)

    @contextlib.contextmanager
    def fenced(self, epoch: int | None) -> Iterator[None]:
        """Hold the ledger's write lock. Raises StaleError if anything was forgotten after `epoch` (None: passes)."""
        with self._ledger.connection.joined():
            if epoch is not None and intents.epoch(self._ledger) > epoch:
                raise StaleError(
                    "this was begun before something was forgotten, and may hold it; nothing was written. Begin anew: "
                    "note space.forgetting.epoch, recall, and remember what comes of that"
                )
            yield

    def list(self) -> Records:
        """Return how far every erasure has come, oldest first, with those that were undone."""
        with self._lock:
            self._check_open()
            return intents.records(self._ledger)

    def receipts(self) -> Receipts:
        """Return the receipts of all erasures, oldest first."""
        with self._lock:
            self._check_open()
            return intents.receipts(self._ledger)

    def documents(self) -> Documents:
        """Return the signed receipts, oldest first, as JSON: to hand out, and for `attest.verify`, which is offline."""
        with self._lock:
            self._check_open()
            return [*receipts.documents(self._ledger)]

    def check(self, documents: Sequence[Document] | None = None, trusted: Collection[str] = ()) -> Findings:
        """Check signed receipts (default: all) against this space: sound, its own, all gone, none back.

        `trusted` are public keys; default the operator's own. Keys that these have vouched for are trusted as well.
        """
        with self._lock:
            self._check_open()
            given = receipts.documents(self._ledger) if documents is None else documents
            ours = self._eraser.keys
            known = {key for key in trusted or {ours.public()} for key in attest.successors(key, ours.successions())}
            sound = [document for document in given if attest.sound(document)]
            return [*attest.verify(given, known), *receipts.recheck(self._ledger, sound)]

    def resume(self) -> Receipts:
        """Finish what a crash, another reader or the time for undoing it left unfinished; return the receipts."""
        with self._lock:
            self._check_open()
            return self._eraser.resume()

    def undo(self, number: int | None = None) -> int:
        """Take a forgetting back that is still hidden (default: the last); return its number.

        Raises InputError where it is too late, where there is none, or where another forgetting came after it: what
        comes back could hold what that took.
        """
        with self._lock:
            self._check_open()
            known = {r.number: r for r in intents.records(self._ledger)}
            now = aware(self._clock(), "the clock's time")
            waiting = [n for n, r in known.items() if r.state == "suppressed" and r.undo_until and r.undo_until > now]
            chosen = number if number is not None else max(waiting, default=None)
            if chosen is None:
                raise InputError("there is no forgetting that can still be undone; see space.forgetting.list()")
            if chosen not in waiting:
                raise InputError(_too_late(known.get(chosen), chosen))
            later = [n for n, r in known.items() if n > chosen and r.forgotten and r.state != "undone"]
            if later:
                raise InputError(
                    f"forgetting {chosen} cannot be undone alone: {len(later)} came after it, and what comes back "
                    "could hold what they took. Undo the last first, while that can be: "
                    f"space.forgetting.undo({later[-1]})"
                )
            self._eraser.undo(chosen)
            self._changed()
            return chosen

    def hold(self, ids: MemoryId | Iterable[MemoryId], reason: str) -> None:
        """Put memories under a legal hold: nothing erases or rewrites them until `release`. Raises InputError."""
        if not reason.strip():
            raise InputError("a hold needs a reason, so that whoever finds it knows whether it still holds")
        with self._lock:
            fading.protect(self._ledger.connection, self._seqs(ids), reason, self._now(), hold=True)

    def release(self, ids: MemoryId | Iterable[MemoryId]) -> None:
        """End holds. Raises MemoryNotFoundError."""
        with self._lock:
            fading.release(self._ledger.connection, self._seqs(ids))

    # -- again -----------------------------------------------------------------------------------------------------

    def schedule(
        self,
        selector: Selector,
        *,
        at: datetime | None = None,
        every: timedelta | None = None,
        older_than: timedelta | None = None,
    ) -> int:
        """Have something forgotten `at` a time, or `every` so often, or both; return the number of the schedule.

        `older_than`: of it only what was said longer ago than that, when it comes due. The selector stays in the
        ledger, so that names of people, topics and values are refused. Carried out by `run_due`, and whenever the space
        is opened.
        """
        with self._lock:
            self._check_open()
            first = None if at is None else aware(at, "at")
            return schedules.add(self._ledger, selector, self._now(), at=first, every=every, older_than=older_than)

    def schedules(self) -> Schedules:
        """Return what is scheduled, the one due first first."""
        with self._lock:
            self._check_open()
            return schedules.listed(self._ledger)

    def cancel(self, number: int) -> None:
        """Take a schedule back. Raises MemoryNotFoundError."""
        with self._lock:
            self._check_open()
            schedules.cancel(self._ledger, number)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _seqs(self, ids: MemoryId | Iterable[MemoryId]) -> Seqs:
        self._check_open()
        return [m.seq for m in self._ledger.get([ids] if isinstance(ids, str) else list(ids))]

    def _now(self) -> datetime:
        return aware(self._clock(), "the clock's time")


def _too_late(record: Record | None, number: int) -> str:
    if record is None:
        return f"there is no forgetting {number}; see space.forgetting.list()"
    if record.state == "undone":
        return f"forgetting {number} was undone already"
    return f"forgetting {number} is {record.state} and cannot be undone any more"
