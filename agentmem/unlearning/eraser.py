"""Carrying an erasure out: suppress, drop snapshots, scrub threads, delete, reclaim the bytes, look for residue."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentmem import config, steps
from agentmem.clock import Clock, aware
from agentmem.encoding.context import WINDOW
from agentmem.errors import DiskFullError, LedgerBusyError, PlanChangedError, ResidueError
from agentmem.ledger import Ledger, Mark, fading, rewriting
from agentmem.ledger.connection import Connection
from agentmem.ledger.rewriting import Rewrite, Shadow
from agentmem.types import Memory, MemoryId, Receipt
from agentmem.unlearning import intents, receipts, threads
from agentmem.unlearning.derived import Fates
from agentmem.unlearning.keys import Keys
from agentmem.unlearning.living import Living
from agentmem.unlearning.needles import FEW, MOST, SHORT, SPARSE, needles, pieces, spelt, words
from agentmem.unlearning.residue import Look, Residue, look
from agentmem.unlearning.tombstones import Cut

if TYPE_CHECKING:
    from agentmem.unlearning.guard import Guard

PATIENCE_MS = 1_000
"""How long reclaiming waits for other readers before it says that bytes remain and leaves the rest for later."""

LATER = "its rows are gone; its bytes go with those of the next erasure, or when the space is closed"
"""Why the bytes of an erasure remain that was to be reclaimed later."""

_LABEL = re.compile(r"[^\w .,:;()/+@='-]")


class Eraser:
    """Erases from one space's folder. Every step may be repeated; `resume` takes up what a crash left."""

    def __init__(self, folder: Path, ledger: Ledger, clock: Clock) -> None:
        self.folder = folder
        self.ledger = ledger
        self.clock = clock
        self.keys = Keys(config.keys(folder))
        self._later: dict[
            int, list[Memory]
        ] = {}  # what is erased, by erasure, and whose bytes are reclaimed with others

    @property
    def snapshots(self) -> Path:
        """The folder of index snapshots, which hold copies of vectors and words."""
        return self.folder / "index"

    def plan(self, ids: Sequence[MemoryId]) -> list[intents.Doomed]:
        """Return all that erasing `ids` would take, without writing anything."""
        return intents.closure(self.ledger, ids)

    def suppress(
        self,
        ids: Sequence[MemoryId],
        guard: Guard | None = None,
        *,
        first: Callable[[], None] | None = None,
        **terms: Any,
    ) -> tuple[int, list[intents.Doomed]]:
        """Hide the ids and all that was derived from them, at once and for every process.

        In the same transaction `first` is done before it is seen what that is, `guard` keeps tombstones of them, and
        `terms` are noted for the receipt.
        """

        def also(number: int, _: list[intents.Doomed]) -> None:
            if guard is not None:
                guard.entomb(self._suppressed(number), erasure=number)
            if terms:
                receipts.note(self.ledger, self.keys, number, **terms)

        steps.reached("erase.planned")
        number, doomed = intents.suppress(self.ledger, ids, self.clock(), also, first)
        steps.reached("erase.suppressed")
        return number, doomed

    def forget(
        self,
        fates: Fates,
        rewrites: Sequence[Rewrite],
        mark: Mark,
        guard: Guard | None = None,
        *,
        names: Iterable[str] = (),
        undo_until: datetime | None = None,
        **terms: Any,
    ) -> int:
        """Hide what goes and rewrite what stays changed, at once and for every process; return the erasure's number.

        Raises PlanChangedError if the ledger is not at `mark`, the one that the fates were read at; HeldError.
        """
        gone = [intents.Doomed(f.memory.seq, f.memory.id, f.memory.kind) for f in fates.of("erase")]
        steps.reached("forget.planned")
        with self.ledger.connection.transaction():
            if self.ledger.mark() != mark:
                raise PlanChangedError(
                    "the space has changed since the plan was made: something was remembered, erased or rewritten. "
                    "Nothing was forgotten. Plan again and look at it: space.forgetting.plan(...), or run the command "
                    "again"
                )
            doomed = sorted({*gone, *intents.hidden(self.ledger, fates.hidden)})
            touched = [r.memory.id for r in rewrites]
            number = intents.begin(self.ledger, doomed, self.clock(), touched=touched, undo_until=undo_until)
            steps.reached("forget.hidden")
            rewriting.rewrite(self.ledger, number, rewrites)
            steps.reached("forget.rewritten")
            if guard is not None:
                going = [f.memory for f in fates.of("erase")] + self._read(fates.hidden)
                cut = [Cut(text, fate.memory.text) for fate in fates.of("redact") for text in fate.removed]
                guard.entomb([*going, *cut], names=names, erasure=number)
            receipts.note(self.ledger, self.keys, number, **terms)
        steps.reached("forget.suppressed")
        if undo_until is not None:
            self._scrub(number, self._suppressed(number), rewriting.shadows(self.ledger, number))
        return number

    def undo(self, number: int) -> None:
        """Let what erasure `number` hides be recalled again, and be what it was. The caller sees to it that it may."""
        with self.ledger.connection.transaction():
            back = intents.undo(self.ledger, number, self.clock())
            back += rewriting.restore(self.ledger, number)
            fading.unsign(self.ledger.connection, back, WINDOW)
            steps.reached("undo.restored")
        steps.reached("undo.done")

    def carry_out(self, number: int, *, later: bool = False) -> Receipt:
        """Do what is left of erasure `number`. Raises ResidueError if something can still be found afterwards.

        With `later` its rows are deleted, and its bytes are reclaimed, and looked for, with those of the next erasure
        or by `resume`, at the latest when the space is closed.
        """
        doomed, before = self._suppressed(number), rewriting.shadows(self.ledger, number)
        if intents.state(self.ledger, number) == "suppressed":
            self._delete(number, doomed)
        if later:
            self._later[number] = doomed
            intents.postpone(self.ledger, number, LATER)
            return intents.receipts(self.ledger, number)[0]
        try:
            self._reclaim(doomed, number, before)
        except ResidueError:
            receipts.issue_due(self.ledger, self.keys, self.clock())
            raise
        receipts.issue_due(self.ledger, self.keys, self.clock())
        return intents.receipts(self.ledger, number)[0]

    def resume(self) -> list[Receipt]:
        """Finish every erasure that a crash, a reader or the time for undoing it left unfinished."""
        open_ones = intents.unfinished(self.ledger, aware(self.clock(), "the clock's time"))
        for number, state in open_ones:
            if state == "suppressed":
                self._delete(number, self._suppressed(number))
        if open_ones:
            self._reclaim([])
        receipts.issue_due(self.ledger, self.keys, self.clock())
        return [receipt for number, _ in open_ones for receipt in intents.receipts(self.ledger, number)]

    def _suppressed(self, number: int) -> list[Memory]:
        return self._read(intents.seqs_of(self.ledger, number))

    def _read(self, seqs: Sequence[int]) -> list[Memory]:
        return [m for chunk in self.ledger.read(seqs=seqs, vectors=True, suppressed=True) for m in chunk]

    def _scrub(self, number: int, doomed: Sequence[Memory], before: Sequence[Shadow]) -> None:
        """Take what is gone out of running conversations, and count it for the receipt."""
        redacted = [text for shadow in before for text in shadow.removed]
        done = threads.scrub(self.folder / "threads.db", doomed, redacted=redacted)
        if done.rows or done.threads:
            counts = {"states": done.rows, "messages": done.messages, "dropped messages": done.dropped}
            receipts.note(self.ledger, self.keys, number, counts={"conversations": counts})
        steps.reached("erase.threads_scrubbed")

    def _delete(self, number: int, doomed: Sequence[Memory]) -> None:
        before = rewriting.shadows(self.ledger, number)
        self._scrub(number, doomed, before)
        with self.ledger.connection.transaction():
            # under the write lock: no process can put a snapshot back that was made before
            if self.snapshots.exists():
                shutil.rmtree(self.snapshots)
            steps.reached("erase.snapshots_dropped")
            intents.delete(self.ledger, number, [shadow.memory.seq for shadow in before])
            rewriting.settle(self.ledger, number)
            steps.reached("erase.deleting")
        steps.reached("erase.deleted")

    def _reclaim(self, doomed: Sequence[Memory], checked: int | None = None, before: Sequence[Shadow] = ()) -> None:
        """Reclaim the bytes of every erasure whose rows are gone.

        Look for `doomed`, what erasure `checked` took, and for what it has rewritten, as that was `before`.
        """
        numbers = [number for number, state in intents.unfinished(self.ledger) if state == "erased"]
        steps.reached("erase.reclaiming")
        why = self._reclaim_bytes()
        if why:
            for number in numbers:
                intents.postpone(self.ledger, number, why)
            return
        steps.reached("erase.reclaimed")
        doomed = [*doomed, *(m for gone in self._later.values() for m in gone)]
        rewritten = [shadow.memory for shadow in before]
        seen = self.look(doomed, rewritten, [text for shadow in before for text in shadow.removed])
        if found := seen.found:
            where = "; ".join(f"{r.needle.what} in {r.file.name} at byte {r.offset}" for r in found[:5])
            why = f"{len(found)} traces are left: {where}"
            for number in numbers:
                intents.postpone(self.ledger, number, why)
            raise ResidueError(
                f"erased, but {why}. Nothing recalls it any more; run `agentmem doctor` on the space, close other "
                f"programs "
                "that have it open, and open it again to finish."
            )
        sought = [number for number in numbers if number == checked or number in self._later]
        if seen.blind:
            hidden = [_LABEL.sub(" ", f"not looked through: {why}")[:160] for why in seen.blind]
            for number in sought:
                receipts.note(self.ledger, self.keys, number, out_of_scope=hidden)
        looked = bool(doomed or rewritten) and not seen.blind
        for number in numbers:
            intents.finish(self.ledger, number, self.clock(), checked=number in sought and looked)
        self._later.clear()
        # the intent's own pages pass through the WAL as well
        _checkpoint(self.ledger.connection)
        steps.reached("erase.finished")

    def _reclaim_bytes(self) -> str:
        """Rewrite the databases without free space, and their WALs away; return why not, if that could not be done."""
        try:
            left = _vacuum(self.ledger.connection)
            steps.reached("erase.vacuumed")
            saved = self.folder / "threads.db"
            if not left and saved.exists():
                with contextlib.closing(Connection(saved)) as db:
                    left = _vacuum(db)
        except LedgerBusyError:
            left = True
        except DiskFullError:
            return (
                "the disk is too full to rewrite the database; free as much space as it takes and open the space again"
            )
        return (
            "bytes remain until another program that has this space open lets go of it; the next open, close or erase "
            "of the space finishes this"
            if left
            else ""
        )

    def residue(
        self, doomed: Sequence[Memory], rewritten: Sequence[Memory] = (), removed: Iterable[str] = ()
    ) -> list[Residue]:
        """Return what is left in the files of erased memories, and of what `rewritten` ones were before.

        `removed` are texts that were cut out. What a living memory says as well is no residue.
        """
        return self.look(doomed, rewritten, removed).found

    def look(self, doomed: Sequence[Memory], rewritten: Sequence[Memory] = (), removed: Iterable[str] = ()) -> Look:
        """Return what is left, as `residue` does, and why more may be left that cannot be seen."""
        cut = list(removed)
        if not (doomed or rewritten or cut):
            return Look([], [])
        most = MOST if len(doomed) + len(rewritten) <= FEW else SPARSE
        wanted = {n.data: n for m in doomed for n in needles(m, most)}
        wanted |= {n.data: n for m in rewritten for n in needles(m, most) if not n.what.startswith("id")}
        wanted |= {n.data: n for text in cut for piece in pieces(text) for n in spelt(piece) if len(n.data) >= SHORT}
        living = Living(self.ledger)
        telling = words([*(m.text for m in (*doomed, *rewritten)), *cut])
        wanted |= {n.data: n for n in living.lacks(telling.values())}
        seen = look(self.folder, list(wanted.values()))
        left = [r for r in seen.found if not _said_by_others(r)]
        alive = living.holds([r.needle for r in left])
        return Look([r for r in left if r.needle.data not in alive], seen.blind)


def _said_by_others(residue: Residue) -> bool:
    """Say whether it proves nothing: conversations hold what no memory says, and are searched by their own scrubber."""
    needle = residue.needle
    short = bool(needle.plain) and len(needle.plain.encode()) < threads.WHOLE
    return residue.file.name.startswith("threads.db") and (needle.what == "word" or short)


def _vacuum(db: Connection) -> bool:
    """Rewrite a database and empty its WAL; return whether a reader kept bytes alive.

    VACUUM even with secure_delete: pages that were split while it was off keep copies in their slack, and the rewritten
    pages lie in the WAL until it is checkpointed (both measured).
    """
    with db.patience(PATIENCE_MS):
        if _checkpoint(db):
            return True
        db.all("VACUUM")
        return _checkpoint(db)


def _checkpoint(db: Connection) -> bool:
    busy, _, _ = db.all("PRAGMA wal_checkpoint(TRUNCATE)")[0]
    return bool(busy)
