"""Speed of forgetting: a hundred memories of a large space, with facts and summaries of them, verified to the bytes.

The space is filled by the hash embedder: what forgetting costs does not depend on who made the vectors. `visible_ms` is
how long it takes from the call until no process can recall any of it; what is timed before that is the plan.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import agentmem
from agentmem import steps
from agentmem.types import Draft

EMBEDDER = "hash"
FORGOTTEN = 100
WANTED_MS = 8_000
"""For a hundred of 100,000 memories, verified."""


def forget(memories: int, embedder: str, progress: Callable[[int, int], None] | None) -> dict[str, Any]:  # noqa: ARG001 - a benchmark's
    """Time the plan by ids and from a sentence, until it is hidden, and until it is verified, in milliseconds.

    Every tenth of what is forgotten has a fact, which goes, and shares a summary with a memory that stays. `ratio` is
    the whole over what is wanted at 100,000.
    """
    from agentmem.evaluation.bench import _fill

    with tempfile.TemporaryDirectory() as root, agentmem.open(root, embedder=EMBEDDER) as system:
        space = system.space("bench")
        _fill(space, memories, progress)
        every = [m.id for m in space.memories()]
        chosen = every[:: max(len(every) // FORGOTTEN, 1)][:FORGOTTEN]
        told = {m.id: m.text for m in space.memories()}
        space.remember(
            draft
            for n, i in enumerate(chosen[::10])
            for draft in (
                Draft(told[i], kind="fact", parents=(i,)),
                Draft(f"{told[i]} {told[every[10 * n + 1]]}", kind="summary", parents=(i, every[10 * n + 1])),
            )
        )
        space.recall("load the indexes")
        sentence, _ = _timed(partial(space.forgetting.plan, "forget everything about Zorblax"))
        planned, plan = _timed(partial(space.forgetting.plan, chosen))
        passed: dict[str, float] = {}

        def listener(step: str) -> None:
            passed.setdefault(step, time.perf_counter())

        before, steps.listener = steps.listener, listener
        begun = time.perf_counter()
        try:
            done, receipt = _timed(partial(space.forgetting.execute, plan))
        finally:
            steps.listener = before
        after, _ = _timed(partial(space.recall, "load the indexes"))
        return {
            "ratio": done / WANTED_MS,
            "median_ms": done,
            "visible_ms": (passed["forget.suppressed"] - begun) * 1000,
            "plan_ms": planned,
            "plan_sentence_ms": sentence,
            "erased_ms": (passed["erase.deleted"] - begun) * 1000,
            "reclaimed_ms": (passed["erase.reclaimed"] - begun) * 1000,
            "next_recall_ms": after,
            "erased": sum(receipt.erased.values()),
            "rewritten": sum(receipt.rewritten.values()),
            "level": receipt.level,
            "checked": receipt.checked,
            "embedder": EMBEDDER,
        }


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    found = work()
    return (time.perf_counter() - begin) * 1000, found
