"""Summaries in place of what fades: written before it goes, kept when it goes, and gone when it is forgotten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from datetime import timedelta

import pytest

import agentmem
from agentmem import steps
from agentmem.errors import MemoryNotFoundError
from agentmem.ledger import replacing
from agentmem.registry import make_policy
from agentmem.types import Draft
from agentmem.unlearning.residue import scan
from agentmem.unlearning.selector import Thread

SAID = {
    "monday": "I adopted a grey cat called Miso because I was lonely.",
    "tuesday": "My sister Lena moved to Porto in May because of her work.",
}
SMALL = (
    "Is that so, and when was it?",
    "Oh wow, thanks so much!",
    "How are you then?",
    "Was it raining?",
    "Really, was it?",
)
TALK = {thread: (text, *(f"{small} {thread}" for small in SMALL)) for thread, text in SAID.items()}
HEMA = make_policy("hema", {"days": 10, "threshold": 0.5, "prune": 0.1})


@pytest.fixture
def told(space):
    """Twelve memories of two threads; with HEMA's weights they are summarised after a week, erased after 24 days."""
    return [i for thread, texts in TALK.items() for i in space.remember(list(texts), speaker="Ana", thread=thread)]


def summaries(space):
    return [m for m in space.memories() if m.kind == "summary"]


def unquoted(space) -> list[str]:
    """Return what was said that no summary repeats."""
    said = " ".join(m.text for m in summaries(space))
    return [text for texts in TALK.values() for text in texts if text not in said]


def gone_from_files(space, texts, ids) -> bool:
    from agentmem.unlearning.residue import Needle

    wanted = [Needle("text", t.encode()) for t in texts] + [Needle("id", i.encode()) for i in ids]
    return scan(space.path, wanted) == []


def test_a_summary_is_written_beside_what_it_will_stand_for(space, told, clock):
    """At the stage "summarised" each thread's day has a summary with lineage to all of it, and vectors in int4."""
    clock.advance(timedelta(days=8))
    assert set(space.sweep(HEMA).stages) == {"summarised"}
    assert summaries(space) == []
    done = space.sweep(HEMA, dry_run=False)
    first, second = summaries(space)
    assert done.left == (first.id, second.id)
    assert [(m.thread, m.speaker) for m in (first, second)] == [("monday", "Ana"), ("tuesday", "Ana")]
    assert SAID["monday"] in first.text
    assert SAID["tuesday"] in second.text
    assert (set(first.parents), set(second.parents)) == (set(told[:6]), set(told[6:]))
    assert {space.get(i).tier for i in told} == {"int4"}
    assert space.sweep(HEMA, dry_run=False).fading == ()
    assert len(summaries(space)) == 2
    assert told[0] in space.recall("Who is Miso?", k=10).ids


@pytest.mark.parametrize("at_once", [False, True])
def test_what_is_erased_leaves_its_summary_and_nothing_else(space, told, clock, at_once):
    """However often it was swept before: only what the summaries say is in any file, and they have no parents left."""
    if not at_once:
        clock.advance(timedelta(days=8))
        space.sweep(HEMA, dry_run=False)
    clock.advance(timedelta(days=40))
    done = space.sweep(HEMA, dry_run=False)
    assert (done.receipt.level, done.receipt.checked, dict(done.receipt.erased)) == ("physical", True, {"turn": 12})
    assert [(m.kind, m.thread, m.parents) for m in space.memories()] == [
        ("summary", "monday", ()),
        ("summary", "tuesday", ()),
    ]
    assert len(unquoted(space)) >= 4
    assert gone_from_files(space, unquoted(space), told)
    assert SAID["monday"] in space.recall("Who is Miso?", k=1)[0].memory.text
    assert space.sweep(HEMA, dry_run=False).fading == ()
    assert all(finding.ok for finding in space.doctor())


def faded(space, clock):
    clock.advance(timedelta(days=40))
    space.sweep(HEMA, dry_run=False)


@pytest.mark.parametrize("ask", ["erase", "forget"])
def test_a_request_by_the_id_of_what_has_faded_reaches_its_summary(space, told, clock, ask):
    """The id is in no file, and still whoever has kept it can have what stands for it forgotten."""
    faded(space, clock)
    getattr(space, ask)(told[1])
    assert [m.thread for m in space.memories()] == ["tuesday"]
    assert gone_from_files(space, TALK["monday"], told)
    with pytest.raises(MemoryNotFoundError):
        space.erase(told[1])


def test_a_request_in_words_and_by_thread_reaches_the_summaries(space, told, clock):
    """What a summary says is found as what anybody says, where it was said."""
    faded(space, clock)
    space.forget("forget everything about Miso")
    assert all("Miso" not in m.text for m in space.memories())
    assert gone_from_files(space, [SAID["monday"]], told)
    space.forget(Thread("monday") | Thread("tuesday"))
    assert len(space) == 0
    assert gone_from_files(space, [t for texts in TALK.values() for t in texts], told)


def test_a_request_takes_the_summary_of_what_is_still_there(space, told, clock):
    """While its parents are there, lineage leads to the summary; it goes with any of them."""
    clock.advance(timedelta(days=8))
    space.sweep(HEMA, dry_run=False)
    space.erase(told[0])
    assert [m.thread for m in summaries(space)] == ["tuesday"]
    faded(space, clock)  # what is left of the thread has no summary any more, and gets one as it goes
    assert gone_from_files(space, TALK["monday"][:1], told)
    assert all("cat" not in m.text for m in space.memories())


def test_budgets_and_policies_without_summaries_leave_none(space, told, clock):
    """What a budget lets go was not summarised by anybody's wish; SAGE discards."""
    assert space.sweep(HEMA, budget="4", dry_run=False).left == ()
    clock.advance(timedelta(days=400))
    assert space.sweep("sage", dry_run=False).left == ()
    assert len(space) == 0


def test_a_summary_fades_in_its_turn(space, told, clock):
    """Under a policy that spares no kind, a summary is used once when it is made, fades from then, and leaves none."""
    clock.advance(timedelta(days=3))
    assert dict(space.sweep("superlocal", dry_run=False).stages) == {"summarised": 12}
    assert {m.tier for m in summaries(space)} == {"full"}
    clock.advance(timedelta(days=300))
    assert space.sweep("superlocal", dry_run=False).left == ()
    assert len(space) == 0


class Mine:
    """A deriver of one's own: one summary of everything."""

    def scopes(self, memory):
        return ["all"] if memory.kind == "turn" else []

    def derive(self, scope, members):
        return [Draft(f"{len(members)} things were said", kind="summary", parents=(members[0].id,))]


def test_a_summariser_of_ones_own(space, told, clock):
    """Any deriver may write them; it is held to naming all that its summary replaces."""
    space.retention.summariser = Mine()
    clock.advance(timedelta(days=8))
    space.sweep(HEMA, dry_run=False)
    (only,) = summaries(space)
    assert (only.text, len(only.parents), only.thread, only.metadata["stands for"]) == (
        "12 things were said",
        12,
        "tuesday",
        12,
    )


def test_ids_that_nothing_stands_for_stay_what_they_are(space, told):
    """An unknown id stays in its place for whoever says that it is unknown."""
    assert replacing.reached(space._ledger, ["nobody", told[1], told[1]]) == ["nobody", told[1]]
    assert replacing.replaced(space._ledger, told) == frozenset()


SCRIPT = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
import agentmem
from agentmem import steps
from agentmem.clock import FixedClock
from agentmem.registry import make_policy

root, at, days = sys.argv[1:]

def listener(step):
    if step == at:
        os.kill(os.getpid(), signal.SIGKILL)

clock = FixedClock(datetime(2025, 6, 1, 12, tzinfo=UTC) + timedelta(days=int(days)))
with agentmem.open(root, embedder="hash", clock=clock) as system:
    space = system.space("alice")
    steps.listener = listener
    space.sweep(make_policy("hema", {"days": 10, "threshold": 0.5, "prune": 0.1}), dry_run=False)
"""


@pytest.mark.parametrize(
    ("days", "step"),
    [(days, step) for days in (8, 48) for step in (*steps.CONDENSE, *steps.COMPRESS)] + [(48, s) for s in steps.ERASE],
)
def test_a_sweep_that_was_killed_is_finished_by_the_next(tmp_path, clock, days, step):
    """Killed at any step, the next sweep comes to the state of one that nobody killed: one summary a thread's day."""
    root = tmp_path / "root"
    with agentmem.open(root, embedder="hash", clock=clock) as system:
        for thread, texts in TALK.items():
            system.space("alice").remember(list(texts), speaker="Ana", thread=thread)
    script = tmp_path / "victim.py"
    script.write_text(textwrap.dedent(SCRIPT))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), str(root), step, str(days)], check=False, env=environment
    )
    assert done.returncode == -signal.SIGKILL
    clock.advance(timedelta(days=days))
    with agentmem.open(root, embedder="hash", clock=clock) as system:
        space = system.space("alice")
        space.sweep(HEMA, dry_run=False)
        assert [m.thread for m in summaries(space)] == list(TALK)
        assert len(space) == (14 if days == 8 else 2)
        if days == 48:
            assert gone_from_files(space, unquoted(space), [])
        assert space.sweep(HEMA, dry_run=False).fading == ()
