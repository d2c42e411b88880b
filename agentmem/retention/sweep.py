"""A sweep: what a policy lets fade by a threshold, a budget or both, first as a plan, then by the one eraser.

A memory fades in steps: "compressed" keeps its text and its vector in 8 bits a number, "summarised" in 4, beside a
summary that will stand for it, "erased" keeps nothing but that. Pure: `plan` looks at traces and writes nothing. What
is protected stays, and so does all that it was derived from. The same sweep at the same moment finds nothing to do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from agentmem.errors import InputError
from agentmem.protocols import RetentionPolicy, Staged
from agentmem.retention.budget import Budget, over
from agentmem.retention.taking import Taken
from agentmem.traces import STAGES, Codes, Flags, Stage
from agentmem.types import Floats, MemoryId, Receipt

THRESHOLD, BUDGET, STAGE = "threshold", "budget", "stage"
"""Why a memory fades: it is worth less than the threshold, others are worth more, or the policy itself says so."""


@dataclass(frozen=True, slots=True)
class Fading:
    """One memory that a sweep lets fade: how much it is worth keeping, in [0, 1], the stage it comes to, and why."""

    id: MemoryId
    retention: float
    stage: Stage
    why: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep found at a moment, and what it did.

    `fading` in ledger order; `kept` counts what stays as it is, `spared` those of them that are protected, or parents
    of such; `bytes` are what the erased took, of text and vector. `carried_out` is false for a plan; `receipt` is
    that of the erasure, None where nothing was erased; `left` are the summaries that were written.
    """

    policy: str
    at: datetime
    fading: tuple[Fading, ...]
    kept: int
    spared: int
    bytes: int
    carried_out: bool = False
    receipt: Receipt | None = None
    left: tuple[MemoryId, ...] = ()

    @property
    def stages(self) -> Mapping[str, int]:
        """How many come to each stage."""
        return dict(Counter(f.stage for f in self.fading))

    def ids(self, stage: Stage) -> list[MemoryId]:
        """Return the memories that come to a stage."""
        return [f.id for f in self.fading if f.stage == stage]


def plan(
    name: str,
    policy: RetentionPolicy,
    taken: Taken,
    spared: Mapping[int, bool],
    now: datetime,
    *,
    threshold: float | None,
    budget: Budget | None,
    ever: int,
) -> Sweep:
    """Return what would fade. Without threshold and budget, a policy that has stages says so itself.

    Raises InputError for a threshold outside [0, 1], and where nothing says what should fade.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise InputError(f"threshold={threshold} must be from 0 (keep all) to 1")
    if threshold is None and budget is None and not isinstance(policy, Staged):
        raise InputError(
            f"the policy {name} only ranks memories, so say how far to go: a threshold such as 0.2, or a budget such "
            "as 5000 memories, 20MB or 10% of them"
        )
    traces = taken.traces
    retention = policy.retention(traces)
    stays = traces.protected | np.isin(taken.seqs, list(spared))
    stage = policy.stages(traces) if isinstance(policy, Staged) else np.zeros(len(traces), np.int8)
    stage = np.where(stage > taken.tiers, stage, 0)  # what has come so far need not go there again
    why = np.where(stage > 0, STAGE, "").astype(object)
    erased = np.int8(STAGES.index("erased"))
    for reason, goes in (
        (THRESHOLD, np.zeros(len(traces), bool) if threshold is None else retention < threshold),
        (BUDGET, np.zeros(len(traces), bool) if budget is None else over(budget, retention, traces.size, stays, ever)),
    ):
        new = goes & (stage < erased)
        stage, why = np.where(new, erased, stage), np.where(new, reason, why)
    return _sweep(name, now, taken, retention, stage, why.tolist(), stays)


def _sweep(
    name: str, now: datetime, taken: Taken, retention: Floats, stage: Codes, why: Sequence[str], stays: Flags
) -> Sweep:
    fades = np.flatnonzero((stage > 0) & ~stays)
    found = tuple(Fading(taken.ids[n], float(retention[n]), STAGES[stage[n]], why[int(n)]) for n in fades)
    erased = fades[stage[fades] == STAGES.index("erased")]
    size = int(taken.traces.size[erased].sum())
    return Sweep(name, now, found, len(taken.ids) - len(found), int(np.count_nonzero(stays)), size)
