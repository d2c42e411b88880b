"""Speed of a sweep: to weigh all memories of a large space by every policy, and to erase a tenth of them for good.

The space is filled by the hash embedder: what a sweep costs does not depend on who made the vectors. The erasure is the
real one, with vectors, words, rewritten files and the look for residue.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import agentmem
from agentmem import registry
from agentmem.retention.budget import Budget

EMBEDDER = "hash"
SHARE = 10


def sweep(memories: int, embedder: str, progress: Callable[[int, int], None] | None) -> dict[str, Any]:  # noqa: ARG001 - a benchmark's
    """Time signals, traces, the weighing by each policy, the plan, and the erasing of a tenth, in milliseconds.

    `ratio` is the slowest policy's weighing over the 150 ms that are wanted at 100,000.
    """
    from agentmem.evaluation.bench import _fill

    with tempfile.TemporaryDirectory() as root, agentmem.open(root, embedder=EMBEDDER) as system:
        space = system.space("bench")
        _fill(space, memories, progress)
        space.recall("load the indexes")
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
            "erased": len(result.fading),
            "level": result.receipt.level if result.receipt else "",
            "embedder": EMBEDDER,
        }


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    found = work()
    return (time.perf_counter() - begin) * 1000, found
