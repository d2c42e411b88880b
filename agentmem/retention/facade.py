"""Forgetting on purpose, as `space.retention`: count uses, protect, sweep, and say why a memory is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

import numpy as np

from agentmem import config, registry
from agentmem.clock import Clock, aware
from agentmem.encoding.encoder import Progress
from agentmem.errors import InputError
from agentmem.ledger import Ledger, fading, replacing
from agentmem.ledger.fading import Protection, Seqs
from agentmem.protocols import Condensing, Deriver, Embedder, RetentionPolicy
from agentmem.retention import sweep as sweeps
from agentmem.retention.budget import Budget
from agentmem.retention.condensing import condense
from agentmem.retention.reinforcement import Uses
from agentmem.retention.signals import Surprise, sign
from agentmem.retention.sweep import STAGE, Sweep
from agentmem.retention.taking import Taken, take
from agentmem.traces import Stage, Traces
from agentmem.types import Floats, Memory, MemoryId, Receipt, Tier

WEIGHT = 0.0
"""How much retention weighs in recalls unless told otherwise; the lab journal says why it is nothing."""

TIERS: dict[Stage, Tier] = {"compressed": "int8", "summarised": "int4"}
"""What becomes of a vector at the stages between."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Why a memory is kept or fades: what the policy gives it now, and at which of its traces it looks.

    `curve` is what it would still give it after each of `days` without use; `rank` is its place among all `of`, 1 for
    the one that would go last. A recall adds `weight` times the retention to its score, less the candidates' mean.
    """

    memory: Memory
    policy: str
    retention: float
    rank: int
    of: int
    traces: Traces
    days: tuple[float, ...]
    curve: Floats
    protection: Protection | None
    weight: float = 0.0


DAYS = (0.0, 1.0, 2.0, 4.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0)


class Opening(Protocol):
    """The embedder of a space: opened when it is called for, known by name before."""

    @property
    def recorded(self) -> str | None:
        """Its name; None while the space is empty."""
        ...

    def __call__(self) -> Embedder:
        """Return it, opened."""
        ...


class Erase(Protocol):
    """The space's one eraser."""

    def __call__(self, ids: list[MemoryId], /, *, first: Callable[[], None]) -> Receipt:
        """Erase; `first` is done in the transaction that hides them, before it is seen what goes with them."""
        ...


class Retention:
    """What a space lets fade. It works under the space's lock; `erase` is the space's one eraser.

    `alive` raises SpaceClosedError once the space is closed; `embedder` opens what made the vectors. `weight` is how
    much retention weighs in recalls, beside signals whose deviations are about 1; `summariser` writes the summaries of
    what fades, in place of the one that a policy names; `surprising` says what surprises, in place of novelty.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        lock: threading.RLock,
        policy: str | RetentionPolicy,
        erase: Erase,
        alive: Callable[[], None],
        embedder: Opening,
    ) -> None:
        self.uses = Uses()
        self.name, self.policy = named(policy)
        self.weight = WEIGHT
        self.summariser: Deriver | None = None
        self.surprising: Surprise | None = None
        self._ledger = ledger
        self._clock = clock
        self._lock = lock
        self._erase = erase
        self._check_open = alive
        self._embedder = embedder

    def sweep(
        self,
        policy: str | RetentionPolicy | None = None,
        *,
        threshold: float | None = None,
        budget: Budget | str | None = None,
        dry_run: bool = True,
        progress: Progress | None = None,
    ) -> Sweep:
        """Let fade what is worth least by a policy (default: the space's own); only a plan, unless `dry_run` is false.

        What the policy gives less than `threshold` (0 to 1) goes, and so much more that the `budget` is kept: "5000"
        memories, "20MB" of text and vectors, "10%" of all that was ever remembered. A policy with stages needs neither.
        Erasing is done by the one eraser, with everything derived; protected memories and what they came from stay, and
        so do the summaries that a policy with the stage "summarised" leaves in place of what it erases (`Sweep.left`).

        Raises InputError where nothing says what should fade, PluginNotFoundError, ResidueError as `erase` does.
        """
        limit = Budget.of(budget) if isinstance(budget, str) else budget
        with self._lock:
            name, chosen = self._chosen(policy)
            now = self._now()
            taken = self._taken(now, progress)
            spared = fading.spared(self._ledger.connection)
            ever = self._ledger.mark().seq
            found = sweeps.plan(name, chosen, taken, spared, now, threshold=threshold, budget=limit, ever=ever)
            if dry_run:
                return found
            left = self._condense(found, chosen, now)
            for stage, tier in TIERS.items():
                self._ledger.compress(self._ledger.seqs(found.ids(stage)).values(), tier)
            doomed = found.ids("erased")
            cut_loose = partial(replacing.outlive, self._ledger, self._ledger.seqs(doomed).values())
            receipt = self._erase(doomed, first=cut_loose) if doomed else None
            return replace(found, carried_out=True, receipt=receipt, left=tuple(left))

    def explain(self, id: MemoryId, policy: str | RetentionPolicy | None = None) -> Explanation:  # noqa: A002
        """Return why a memory is kept or fades, by a policy (default: the space's own). Raises MemoryNotFoundError."""
        with self._lock:
            memory = self._ledger.get([id])[0]
            name, chosen = self._chosen(policy)
            taken = self._taken(self._now(), None)
            retention = chosen.retention(taken.traces)
            row = taken.ids.index(id)
            own = taken.traces.take([row])
            curve = chosen.retention(_later(own))
            held = {p.id: p for p in fading.protections(self._ledger.connection)}
            rank = 1 + int((retention > retention[row]).sum())
            worth = float(retention[row])
            weight = self.weight if policy is None else 0.0
            return Explanation(memory, name, worth, rank, len(taken.ids), own, DAYS, curve, held.get(id), weight)

    @property
    def worth(self) -> Callable[[Seqs], Floats] | None:
        """What memories, by seq (n,), are worth to a recall: retention (n,) times `weight`; None where it is nothing.

        One SELECT. Uses that are counted but not yet written, and signals not yet computed, are not in it.
        """
        return self._worth if self.weight and self.name != config.RETENTION else None

    def traces(self) -> tuple[list[MemoryId], Traces]:
        """Return what policies look at: the ids of all memories in ledger order, and their traces as they are now."""
        with self._lock:
            taken = self._taken(self._now(), None)
            return taken.ids, taken.traces

    def protect(self, ids: MemoryId | Iterable[MemoryId], reason: str, *, hold: bool = False) -> None:
        """Keep memories from every sweep; with `hold` (a legal hold) from every erasure as well, until `release`.

        Raises MemoryNotFoundError, and InputError without a reason.
        """
        if not reason.strip():
            raise InputError("a protection needs a reason, so that whoever finds it knows whether it still holds")
        with self._lock:
            seqs = self._seqs(ids)
            fading.protect(self._ledger.connection, seqs, reason, self._now(), hold=hold)

    def release(self, ids: MemoryId | Iterable[MemoryId]) -> None:
        """Take protections and holds away. Raises MemoryNotFoundError."""
        with self._lock:
            fading.release(self._ledger.connection, self._seqs(ids))

    def protections(self) -> list[Protection]:
        """Return what is protected and held, in ledger order."""
        with self._lock:
            self._check_open()
            return fading.protections(self._ledger.connection)

    def write_uses(self, at_least: int = 1) -> None:
        """Write down what recalls have counted, if it is so much, and reinforce by the policy of the space."""
        with self._lock:
            if len(self.uses) >= at_least:
                self._check_open()
                self.uses.write(self._ledger, self.policy, self._now())

    # -- inside ----------------------------------------------------------------------------------------------------

    def _worth(self, seqs: Seqs) -> Floats:
        taken = take(self._ledger, self._now(), seqs.tolist())
        worth = np.zeros(len(seqs), np.float32)  # also of what another process erased meanwhile
        found = np.isin(seqs, taken.seqs)
        worth[found] = self.policy.retention(taken.traces)[np.searchsorted(taken.seqs, seqs[found])]
        return np.float32(self.weight) * worth

    def _condense(self, found: Sweep, policy: RetentionPolicy, now: datetime) -> list[MemoryId]:
        """Write summaries of what comes to the stage "summarised", and of what the policy erases past it."""
        if not isinstance(policy, Condensing):
            return []
        past = [f.id for f in found.fading if f.stage == "summarised" or (f.stage == "erased" and f.why == STAGE)]
        if not past:
            return []
        deriver = registry.make_deriver(policy.summariser, {}) if self.summariser is None else self.summariser
        return condense(self._ledger, past, deriver, self._embedder(), now)

    def _seqs(self, ids: MemoryId | Iterable[MemoryId]) -> list[int]:
        self._check_open()
        wanted = [ids] if isinstance(ids, str) else list(ids)
        return [m.seq for m in self._ledger.get(wanted)]

    def _now(self) -> datetime:
        return aware(self._clock(), "the clock's time")

    def _chosen(self, policy: str | RetentionPolicy | None) -> tuple[str, RetentionPolicy]:
        self._check_open()
        return (self.name, self.policy) if policy is None else named(policy)

    def _taken(self, now: datetime, progress: Progress | None) -> Taken:
        self.write_uses()
        sign(self._ledger, self._embedder.recorded or "", progress, self.surprising)
        return take(self._ledger, now)


def named(policy: str | RetentionPolicy) -> tuple[str, RetentionPolicy]:
    """Return a policy with its name. Raises PluginNotFoundError."""
    if isinstance(policy, str):
        return policy, registry.make_policy(policy, {})
    return type(policy).__name__, policy


def _later(own: Traces) -> Traces:
    """Return the traces of one memory as they are after each of `DAYS` more without use."""
    later = own.take(np.zeros(len(DAYS), np.int64))
    more = np.array(DAYS, np.float32)
    return replace(later, age=later.age + more, rest=later.rest + more)
