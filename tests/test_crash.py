"""kill -9 at every step of a batch remember and of an erase, in real processes; then reopen and look."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import agentmem
from agentmem import steps

SCRIPT = """
import os, signal, sys
from datetime import timedelta
from agentmem import Draft, steps
import agentmem

root, at, action = sys.argv[1:]

def listener(step):
    if step == at:
        os.kill(os.getpid(), signal.SIGKILL)

with agentmem.open(root, embedder="hash", stores=("episodic", "lexical", "graph")) as system:
    space = system.space("a")
    if action == "remember":
        space.recall("warm")
        steps.listener = listener
        space.remember([f"batch {n}" for n in range(300)], thread="batch")
    elif action == "erase":
        ids = [m.id for m in space.memories() if "zebra" in m.text and m.kind == "turn"]
        space.recall("zebra")
        steps.listener = listener
        space.erase(ids)
    elif action == "undo":
        space.recall("zebra")
        steps.listener = listener
        space.forgetting.undo()
    else:
        space.recall("zebra kazoo", k=1)
        plan = space.forgetting.plan("forget everything about Kazoo")
        steps.listener = listener
        space.forgetting.execute(plan, undo_for=timedelta(days=1) if action == "hide" else None)
"""


@pytest.fixture(scope="module")
def crash(tmp_path_factory):
    """Run an action in a process of its own that kills itself at a step; return its exit code."""
    script = tmp_path_factory.mktemp("crash") / "victim.py"
    script.write_text(textwrap.dedent(SCRIPT))

    def run(root: Path, step: str, action: str) -> int:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", str(script), str(root), step, action],
            timeout=120,
            check=False,
            capture_output=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr.decode()
        return done.returncode

    return run


STORES = ("episodic", "lexical", "graph")


def fill(root: Path) -> None:
    with agentmem.open(root, embedder="hash", stores=STORES) as system:
        space = system.space("a")
        space.remember([f"quiet memory number {n}" for n in range(40)])
        parents = space.remember([f"the zebra kazoo of Ana {n}" for n in range(5)])
        space.remember([agentmem.Draft(f"zebra derived {n}", kind="fact", parents=(p,)) for n, p in enumerate(parents)])


def same_as_a_rebuild(space) -> None:
    """Recall through the indexes as they are equals recall after a rebuild from the ledger."""
    questions = ("zebra kazoo", "quiet number 7", "batch 12")
    before = [[(e.id, e.score) for e in space.recall(q, k=20)] for q in questions]
    graph = sorted(space.graph().edges(data="weight"))
    space.rebuild()
    assert graph == sorted(space.graph().edges(data="weight"))
    assert before == [[(e.id, e.score) for e in space.recall(q, k=20)] for q in questions]
    assert [f for f in space.doctor() if not f.ok] == []


@pytest.mark.parametrize("step", steps.REMEMBER)
def test_a_batch_is_whole_or_absent_after_a_kill(tmp_path, crash, step):
    """Killed anywhere in a batch remember, the batch is either all there or not at all, and the indexes agree."""
    fill(tmp_path)
    assert crash(tmp_path, step, "remember") == -signal.SIGKILL
    with agentmem.open(tmp_path, embedder="hash", stores=STORES) as system:
        space = system.space("a")
        batch = [m for m in space.memories() if m.thread == "batch"]
        assert len(batch) == (300 if step in {"remember.committed", "remember.indexed"} else 0)
        assert len(space) == 50 + len(batch)
        same_as_a_rebuild(space)


@pytest.mark.parametrize("step", steps.ERASE)
def test_an_erasure_is_finished_after_a_kill(tmp_path, crash, step):
    """Killed anywhere in an erasure after it was noted, reopening finishes it down to the bytes."""
    fill(tmp_path)
    assert crash(tmp_path, step, "erase") == -signal.SIGKILL
    with agentmem.open(tmp_path, embedder="hash", stores=STORES) as system:
        space = system.space("a")
        zebras = [m for m in space.memories() if "zebra" in m.text]
        if step == "erase.planned":
            assert len(zebras) == 10
            assert space.receipts() == []
        else:
            assert zebras == []
            (receipt,) = space.receipts()
            assert (receipt.level, receipt.pending, receipt.erased) == ("physical", "", {"fact": 5, "turn": 5})
            assert [p.name for p in space.path.rglob("*") if p.is_file() and b"kazoo" in p.read_bytes()] == []
        same_as_a_rebuild(space)


KAZOO = "Kazoo the zebra plays all night long."
KEPT = "Kazoo the zebra plays all night long. The garden needs water every second day. Nothing else happened today."


def fill_to_forget(root: Path) -> None:
    """Make a space in which forgetting Kazoo erases, redacts, rewrites, and cuts the lineage of a fact."""
    with agentmem.open(root, embedder="hash", stores=STORES) as system:
        space = system.space("a")
        space.remember([f"quiet memory number {n}" for n in range(40)])
        said = space.remember([KAZOO, KEPT, "The garden needs water every second day, they say."])
        space.remember(
            [
                agentmem.Draft("The garden needs water", kind="fact", parents=(said[0], said[2])),
                agentmem.Draft(f"{KAZOO} The garden needs water.", kind="summary", parents=(said[0], said[2])),
                agentmem.Draft("Kazoo keeps you awake.", kind="reply", parents=(said[0],)),
            ]
        )
        space.recall("quiet number 7", k=2)


def canonical(space) -> list:
    """Return all that a space holds, without ids and times of storing."""
    named = {m.id: m.text for m in space.memories()}
    ids, traces = space.retention.traces()
    worth = {
        i: (int(u), int(n), float(s))
        for i, u, n, s in zip(ids, traces.uses, traces.unused, traces.surprise, strict=True)
    }
    return [
        (m.text, m.kind, m.position, sorted(named[p] for p in m.parents), m.vector.tobytes(), m.cues, worth[m.id])
        for m in space.memories(vectors=True)
    ]


@pytest.fixture(scope="module")
def forgotten(tmp_path_factory):
    """Return the space before, and after forgetting Kazoo without a crash: what every crash must lead to."""
    root = tmp_path_factory.mktemp("whole")
    fill_to_forget(root)
    with agentmem.open(root, embedder="hash", stores=STORES) as system:
        space = system.space("a")
        space.recall("zebra kazoo", k=1)
        before = canonical(space)
        receipt = space.forget("forget everything about Kazoo")
        assert (receipt.erased, receipt.rewritten) == ({"reply": 1, "turn": 1}, {"summary": 1, "turn": 1})
        return before, canonical(space)


FORGETTING = (*steps.FORGET, *steps.ERASE[2:])


@pytest.mark.parametrize("step", FORGETTING)
def test_a_forgetting_is_finished_after_a_kill(tmp_path, crash, forgotten, step):
    """Killed anywhere, reopening comes to the same state as without a crash, or to that before it was noted."""
    fill_to_forget(tmp_path)
    assert crash(tmp_path, step, "forget") == -signal.SIGKILL
    with agentmem.open(tmp_path, embedder="hash", stores=STORES) as system:
        space = system.space("a")
        if step in {"forget.planned", "forget.hidden", "forget.rewritten"}:
            assert [m[:3] for m in canonical(space)] == [m[:3] for m in forgotten[0]]
            assert space.forgetting.list() == []
        else:
            assert canonical(space) == forgotten[1]
            (record,) = space.forgetting.list()
            assert record.state in {"reclaimed", "verified"}
            assert (record.erased, record.rewritten) == ({"reply": 1, "turn": 1}, {"summary": 1, "turn": 1})
            assert [p.name for p in space.path.rglob("*") if p.is_file() and b"kazoo" in p.read_bytes().lower()] == []
        same_as_a_rebuild(space)


@pytest.mark.parametrize("step", ["forget.suppressed", "erase.threads_scrubbed"])
def test_what_is_hidden_survives_a_kill_and_can_be_undone(tmp_path, crash, forgotten, step):
    """Killed once it is hidden, it stays hidden, is not carried out before its time, and comes back whole."""
    fill_to_forget(tmp_path)
    assert crash(tmp_path, step, "hide") == -signal.SIGKILL
    with agentmem.open(tmp_path, embedder="hash", stores=STORES) as system:
        space = system.space("a")
        assert [m.text for m in space.memories()] == [m[0] for m in forgotten[1]]
        assert [r.state for r in space.forgetting.list()] == ["suppressed"]
        space.forgetting.undo()
        assert [m[:6] for m in canonical(space)] == [m[:6] for m in forgotten[0]]
        same_as_a_rebuild(space)


@pytest.mark.parametrize("step", steps.UNDO)
def test_undoing_is_whole_or_absent_after_a_kill(tmp_path, crash, forgotten, step):
    """Killed within it, it is still hidden and can be undone; killed after it, all is back."""
    fill_to_forget(tmp_path)
    assert crash(tmp_path, "never", "hide") == 0
    assert crash(tmp_path, step, "undo") == -signal.SIGKILL
    with agentmem.open(tmp_path, embedder="hash", stores=STORES) as system:
        space = system.space("a")
        if step == "undo.restored":
            assert [m.text for m in space.memories()] == [m[0] for m in forgotten[1]]
            space.forgetting.undo()
        assert [r.state for r in space.forgetting.list()] == ["undone"]
        assert [m[:6] for m in canonical(space)] == [m[:6] for m in forgotten[0]]
        same_as_a_rebuild(space)


def test_every_step_of_a_forgetting_is_passed(tmp_path):
    """The lists of steps are complete: a run that is not killed passes each of them, in order."""
    fill_to_forget(tmp_path)
    passed: list[str] = []
    steps.listener = passed.append
    try:
        with agentmem.open(tmp_path, embedder="hash", stores=STORES) as system:
            space = system.space("a")
            space.forgetting.forget("forget everything about Kazoo")
    finally:
        steps.listener = None
    assert tuple(passed) == FORGETTING


def test_every_step_is_passed(tmp_path, crash):
    """The lists of steps are complete: a run that is not killed passes each of them, in order."""
    fill(tmp_path)
    passed: list[str] = []
    steps.listener = passed.append
    try:
        with agentmem.open(tmp_path, embedder="hash", stores=STORES) as system:
            space = system.space("a")
            space.remember("one more")
            space.erase(next(space.memories()).id)
    finally:
        steps.listener = None
    assert tuple(s for s in passed if s.startswith("remember.")) == steps.REMEMBER
    assert tuple(s for s in passed if s.startswith("erase.")) == steps.ERASE
