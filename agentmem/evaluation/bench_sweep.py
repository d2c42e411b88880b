"""Speed of a sweep: to weigh all memories of a large space by every policy, and to erase a tenth of them for good.

The space is filled by the hash embedder: what a sweep costs does not depend on who made the vectors. The erasure is the
real one, with vectors, words, rewritten files and the look for residue.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import agentmem
from agentmem import registry
from agentmem.retention.budget import Budget
from agentmem.retention.reinforcement import Uses

EMBEDDER = "hash"
POLICY, WEIGHT = "power", 0.5
REPEATS = 100
SHARE = 10


def sweep(memories: int, embedder: str, progress: Callable[[int, int], None] | None) -> dict[str, Any]:  # noqa: ARG001 - a benchmark's
    """Time signals, traces, the weighing by each policy, the plan, and the erasing of a tenth, in milliseconds.

    `noting` and `weighing` are how much longer a recall takes that counts uses, and that is weighed as well: ratios.
    `ratio` is the slowest policy's weighing over the 150 ms that are wanted at 100,000.
    """
    from agentmem.evaluation.bench import _fill

    with tempfile.TemporaryDirectory() as root, agentmem.open(root, embedder=EMBEDDER, retention=POLICY) as system:
        space = system.space("bench")
        _fill(space, memories, progress)
        space.recall("load the indexes")
        noting, weighing = _on_recall(space)
        signed, (_, traces) = _timed(space.retention.traces)
        taken, (_, traces) = _timed(space.retention.traces)
        weighed = {n: _timed(partial(registry.make_policy(n, {}).retention, traces))[0] for n in registry.policies()}
        budget = Budget(count=memories - memories // SHARE)
        planned, _ = _timed(partial(space.sweep, "salience", budget=budget))
        done, result = _timed(partial(space.sweep, "salience", budget=budget, dry_run=False))
        slowest = max(weighed, key=lambda name: weighed[name])
        return {
            "ratio": weighed[slowest] / 150,
            "median_ms": sorted(weighed.values())[len(weighed) // 2],
            "slowest": slowest,
            "slowest_ms": weighed[slowest],
            "signals_ms": signed,
            "traces_ms": taken,
            "plan_ms": planned,
            "erase_ms": done,
            "noting": noting,
            "weighing": weighing,
            "erased": len(result.fading),
            "level": result.receipt.level if result.receipt else "",
            "embedder": EMBEDDER,
        }


class _Deaf(Uses):
    """Counts nothing."""

    def note(self, used: Sequence[int], runner_up: Sequence[int], now: datetime) -> None:
        """Do nothing."""


def _on_recall(space: agentmem.Space) -> tuple[float, float]:
    """Return the processor time of recalls that note uses, and of those that weigh as well, over that of plain ones.

    Ratios of medians; the three alternate, question by question.
    """
    deaf, listening = _Deaf(), space.retention.uses
    took: dict[str, list[float]] = {"plain": [], "noting": [], "weighing": []}
    for number in range(REPEATS):
        for how, times in took.items():
            space.retention.uses = deaf if how == "plain" else listening
            space.retention.weight = WEIGHT if how == "weighing" else 0.0
            begin = time.process_time()
            space.recall(f"What did we say about number {number}?")
            times.append(time.process_time() - begin)
    space.retention.uses, space.retention.weight = listening, 0.0
    plain, noting, weighing = (statistics.median(times) for times in took.values())
    return noting / plain, weighing / plain


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    found = work()
    return (time.perf_counter() - begin) * 1000, found
