"""Forgetting on request, as `space.forgetting`: plan it, look at it, carry it out, undo it in time, have it come again.

plan = space.forgetting.plan("forget everything about Anna")     nothing is written
space.forgetting.execute(plan, answers={id: True})               suppressed, erased, reclaimed, verified: a receipt
space.forgetting.forget("forget my address", undo_for=timedelta(hours=24))
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from agentmem.clock import aware
from agentmem.encoding.encoder import by_rule, encode
from agentmem.errors import AgentmemError, InputError, PlanChangedError
from agentmem.ledger import Ledger, replacing
from agentmem.ledger.rewriting import Rewrite
from agentmem.types import KINDS, Draft, Hit, Memory, MemoryId, Receipt
from agentmem.unlearning import derived, intents, receipts, request, schedules
from agentmem.unlearning.afterwards import Afterwards, Host, Search
from agentmem.unlearning.clauses import Span
from agentmem.unlearning.derived import Recompose
from agentmem.unlearning.known import Known
from agentmem.unlearning.plan import ForgetPlan, Item, Ready, bound, collateral, effects
from agentmem.unlearning.resolve import resolve
from agentmem.unlearning.selector import Ids, Nomination, Selector, Understood

TRIES = 3
"""Plans that `forget` makes while other programs go on writing, before it gives up."""


Request = str | Selector | Understood | Iterable[MemoryId | Nomination]
"""What to forget: in words, as a selector, by ids, or by nominations that name parts of memories."""
Answers = Mapping[MemoryId, bool] | bool
"""Whether what was asked about goes, by id; True: all of it."""


class LedgerView:
    """What a request is read against: the living memories of a ledger, and a search."""

    def __init__(self, ledger: Ledger, search: Search) -> None:
        self._ledger = ledger
        self._search = search

    def memories(self) -> Iterable[Memory]:
        """Return every memory that can be recalled, in ledger order, without vectors."""
        return (memory for chunk in self._ledger.read() for memory in chunk)

    def search(self, text: str, k: int, /) -> Sequence[Hit]:
        """Return the `k` memories that bear most on a text, best first."""
        return self._search(text, k)


class Forgetting(Afterwards):
    """Plans and carries out what a space is asked to forget. It works under the space's lock.

    With what came after a plan was carried out, it is `Afterwards`.
    """

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._guard = host.guard
        self._embedder = host.embedder
        self._settle = host.settle
        self._recomposers: dict[str, Recompose] = {}
        self.view = LedgerView(host.ledger, host.search)

    # -- by plan ---------------------------------------------------------------------------------------------------

    def plan(
        self,
        what: Request,
        *,
        speaker: str | None = None,
        thread: str | None = None,
        propose: request.Propose | None = None,
    ) -> ForgetPlan:
        """Return what a request, a selector, ids or nominations would forget; nothing is written.

        `speaker` is who asks and `thread` where, for a request in words; `propose` asks a model where the rules do not
        understand one (see `agentmem.unlearning.request`). Raises TextError for a request that says nothing,
        MemoryNotFoundError for ids that are not here.
        """
        with self._lock:
            self._check_open()
            mark = self._ledger.mark()
            asked, understood, found = self._understood(what, speaker, thread, propose)
            memories = self._ledger.find([n.id for n in found])
            items = [Item(memories[n.id], n.confidence, n.why, n.spans) for n in found if n.id in memories]
            bands: dict[str, list[Item]] = {"selected": [], "asked": [], "near miss": []}
            for item, nomination in zip(items, (n for n in found if n.id in memories), strict=True):
                bands[nomination.band].append(item)
            ready = self._ready({i.id: i.spans for i in bands["selected"]})
        plan = ForgetPlan(
            request=asked,
            selector=understood.selector,
            items=tuple(bands["selected"]),
            asks=tuple(bands["asked"]),
            near_misses=tuple(bands["near miss"]),
            derived=effects(ready.fates),
            questions=understood.questions,
            collateral=collateral(ready.fates, len(bands["near miss"])),
            mark=mark,
            ready=ready,
        )
        return replace(plan, digest=bound(plan))

    def _understood(
        self,
        what: Request,
        speaker: str | None,
        thread: str | None,
        propose: request.Propose | None,
    ) -> tuple[str, Understood, list[Nomination]]:
        """Return a request in words (or nothing), what is meant by it, and what that finds."""
        asked, known = "", None
        if isinstance(what, str) and not self._ledger.seqs(replacing.reached(self._ledger, [what])):
            now = aware(self._clock(), "the clock's time")
            asked, known = what, Known(self.view)  # read once for both
            understood = request.parse(what, known, now, speaker=speaker, thread=thread, propose=propose)
        elif isinstance(what, Understood | Selector):
            understood = what if isinstance(what, Understood) else Understood(what)
        else:
            named = (what,) if isinstance(what, str) else tuple(what)
            ids = replacing.reached(self._ledger, [n for n in named if isinstance(n, str)])
            found = [n for n in named if isinstance(n, Nomination)]
            found += [Nomination(n, 1.0, "named by its id") for n in ids]
            if not found:
                raise InputError("no ids were given, so there is nothing to forget")
            self._ledger.get([n.id for n in found])
            return "", Understood(Ids(tuple(n.id for n in found))), found
        return asked, understood, resolve(understood.selector, known or self.view)

    def execute(
        self,
        plan: ForgetPlan,
        answers: Answers = False,
        *,
        undo_for: timedelta | None = None,
        guard: bool = True,
        names: Iterable[str] = (),
        **terms: Any,
    ) -> Receipt:
        """Carry a plan out: what is selected and what of the asked is answered with yes (True: all of it).

        It is hidden at once for every process, then erased from everything derived, the indexes, the running
        conversations and the bytes of every file, and looked for. With `undo_for` it stays hidden so long, and can be
        taken back; what conversations held does not come back. With `guard`, tombstones keep it from coming in again,
        of `names` whatever names them. `terms` are for the receipt: `actor`, `basis`, `policy`, `subject`, ...

        Raises PlanChangedError if the space has changed since the plan was made, HeldError for what is under a legal
        hold, InputError where nothing is left to forget; then nothing was forgotten. ResidueError: it is forgotten, but
        traces were found.
        """
        if undo_for is not None and undo_for <= timedelta():
            raise InputError(f"undo_for={undo_for} must be longer than nothing, or left out")
        chosen = plan.chosen(answers)
        if not chosen:
            raise InputError(_nothing(plan))
        if bound(plan) != plan.digest:
            raise PlanChangedError("the plan is not what it was when it was made; plan again")
        with self._lock:
            self._check_open()
            self._settle()
            if self._ledger.mark() != plan.mark:
                self._changed()
                raise PlanChangedError(
                    "the space has changed since the plan was made: something was remembered, erased or rewritten. "
                    "Nothing was forgotten. Plan again and look at it: space.forgetting.plan(...)"
                )
            as_planned = chosen == {i.id: i.spans for i in plan.items}
            fates, rewrites = plan.ready if plan.ready is not None and as_planned else self._ready(chosen)
            kinds = [f.memory.kind for f in fates.of("redact", "rewrite")]
            noted = {intents.REWRITTEN: {kind: kinds.count(kind) for kind in KINDS if kind in kinds}}
            terms = {"basis": receipts.REQUEST, **terms, "selector": plan.selector.to_json()}
            until = None if undo_for is None else aware(self._clock(), "the clock's time") + undo_for
            number = self._eraser.forget(
                fates,
                rewrites,
                plan.mark,
                self._guard if guard else None,
                names=names,
                undo_until=until,
                counts=noted if kinds else {},
                **terms,
            )
            self._changed()
            if undo_for is not None:
                return intents.receipts(self._ledger, number)[0]
            return self._eraser.carry_out(number)

    def _ready(self, chosen: Mapping[MemoryId, Sequence[Span]]) -> Ready:
        """Return what becomes of everything, and what is written of it: encoded anew where it says something else."""
        fates = derived.fates(self._ledger, chosen, self._recomposers)
        now = [(f, f.after) for f in fates.all if f.after is not None]
        other = [after for f, after in now if after.text != f.memory.text]
        drafts = [
            Draft(m.text, m.kind, m.speaker, said_at=m.said_at, parents=m.parents, metadata=m.metadata) for m in other
        ]
        encoded = dict(zip((m.id for m in other), encode(drafts, self._embedder()) if drafts else (), strict=True))
        done = []
        for fate, after in now:
            code, vector = encoded.get(after.id), fate.memory.vector
            if code is None and vector is not None and _read_otherwise(fate.memory, after):
                code = by_rule(after, vector)
            done.append(Rewrite(after, code, fate.removed))
        return Ready(fates, tuple(done))

    def forget(
        self,
        what: Request,
        answers: Answers = False,
        *,
        speaker: str | None = None,
        thread: str | None = None,
        **terms: Any,
    ) -> Receipt:
        """Plan and carry out in one go; see `plan` and `execute`. What would be asked about stays, unless answered."""
        for _ in range(TRIES - 1):
            try:
                return self.execute(self.plan(what, speaker=speaker, thread=thread), answers, **terms)
            except PlanChangedError:
                continue  # another program wrote in between
        return self.execute(self.plan(what, speaker=speaker, thread=thread), answers, **terms)

    def recompose(self, kind: str, how: Recompose | None) -> None:
        """Have derived memories of a kind composed anew from the parents that stay, by `how` (None: not any more).

        What comes out still loses every sentence that what is forgotten supports.
        """
        if kind not in KINDS:
            raise InputError(f"kind={kind!r} is unknown; use one of {', '.join(KINDS)}")
        if how is None:
            self._recomposers.pop(kind, None)
        else:
            self._recomposers[kind] = how

    # -- by id -----------------------------------------------------------------------------------------------------

    def erase(
        self, ids: MemoryId | Iterable[MemoryId], *, guard: bool = False, later: bool = False, **terms: Any
    ) -> Receipt:
        """Erase memories and everything derived from them; see `Space.erase`.

        With `later`, bytes are reclaimed, and looked for, together with those of the next erasure, by `resume`, or when
        the space is closed; the receipt says so.
        """
        wanted = [ids] if isinstance(ids, str) else list(ids)
        if not wanted:
            raise InputError("no ids were given, so there is nothing to erase")
        with self._lock:
            self._check_open()
            self._settle()
            number, _ = self._eraser.suppress(wanted, self._guard if guard else None, **terms)
            self._changed()
            return self._eraser.carry_out(number, later=later)

    def plan_erase(self, ids: MemoryId | Iterable[MemoryId]) -> list[Memory]:
        """Return what `erase` would take."""
        wanted = [ids] if isinstance(ids, str) else list(ids)
        with self._lock:
            self._check_open()
            return self._ledger.get([d.id for d in self._eraser.plan(wanted)])

    # -- what is due -----------------------------------------------------------------------------------------------

    def run_due(self, *, opening: bool = False) -> list[Receipt]:
        """Carry out the schedules that are due; return the receipts. One that finds nothing leaves none.

        While a space is `opening`, what fails stays due and is a warning: the space must open all the same.
        """
        with self._lock:
            self._check_open()
            now, found = self._now(), []
            for schedule in schedules.listed(self._ledger, now):
                try:
                    plan = self.plan(schedule.at(now))
                    if plan.items:
                        found.append(self.execute(plan, actor="schedule", policy=f"schedule {schedule.number}"))
                except AgentmemError as error:
                    if not opening:
                        raise
                    warnings.warn(f"schedule {schedule.number} could not be carried out: {error}", stacklevel=4)
                    continue
                schedules.done(self._ledger, schedule, now)
            return found


def _read_otherwise(before: Memory, after: Memory) -> bool:
    """Say whether rules may read something else of a memory whose text stays."""
    return (before.speaker, before.said_at, dict(before.metadata)) != (
        after.speaker,
        after.said_at,
        dict(after.metadata),
    )


def _nothing(plan: ForgetPlan) -> str:
    if plan.asks:
        return (
            f"nothing is selected for sure, and {len(plan.asks)} memories must be asked about first: answer with "
            "answers={id: True, ...}, or answers=True for all of them. Nothing was forgotten"
        )
    if plan.questions:
        return f"it is not clear what is meant: {plan.questions[0].text} Nothing was forgotten"
    near = f"; {len(plan.near_misses)} memories come near, see plan.near_misses" if plan.near_misses else ""
    return f"nothing in this space is meant{near}. Nothing was forgotten"
