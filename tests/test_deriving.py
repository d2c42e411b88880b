"""Derived memory is kept level with the ledger: what is stale is made anew, and what stays the same stays."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import agentmem
from agentmem import Draft, steps
from agentmem.cli import app
from agentmem.errors import AgentmemError, LineageError, PluginNotFoundError
from agentmem.ledger import derivations
from agentmem.testing.stub_openai import StubOpenAI
from agentmem.types import Finding, Slot


class Last:
    """The last thing said in each thread, and how much was said before."""

    def scopes(self, memory):
        return [memory.thread] if memory.kind == "turn" else []

    def derive(self, scope, members):
        text = f"{scope}, {len(members)} turns: {members[-1].text}"
        return [Draft(text, kind="summary", parents=tuple(m.id for m in members))]


@pytest.fixture
def space(tmp_path):
    with agentmem.open(tmp_path, embedder="hash", derive={"last": Last()}) as system:
        yield system.space("ana")


def summaries(space):
    return sorted(m.text for m in space.memories(agentmem.Filter(kinds=("summary",))))


def test_what_is_said_is_derived_once_and_made_anew_when_more_is_said(space):
    """A scope has one derivation; settling again does nothing; a new turn replaces it."""
    space.deriving.close()
    space.remember(["one", "two"], thread="a")
    space.remember("three", thread="b")
    done = space.settle()
    assert (done.scopes, done.written, done.replaced) == (2, 2, 0)
    assert summaries(space) == ["a, 2 turns: two", "b, 1 turns: three"]
    assert space.settle().scopes == 0
    before = {m.text: m.id for m in space.memories(agentmem.Filter(kinds=("summary",)))}
    space.remember("four", thread="a")
    done = space.settle()
    assert (done.scopes, done.written, done.replaced) == (1, 1, 1)
    after = {m.text: m.id for m in space.memories(agentmem.Filter(kinds=("summary",)))}
    assert sorted(after) == ["a, 3 turns: four", "b, 1 turns: three"]
    assert after["b, 1 turns: three"] == before["b, 1 turns: three"]
    found = space.recall("a 3 turns four", k=1, filter=agentmem.Filter(kinds=("summary",)))
    assert [e.memory.text for e in found] == ["a, 3 turns: four"]


def test_what_is_erased_is_derived_without(space):
    """Erasing a member takes the derivation along; the next settling makes that of the survivors."""
    space.deriving.close()
    ids = space.remember(["one", "two", "three"], thread="a")
    space.settle()
    space.erase(ids[2])
    assert summaries(space) == []
    assert space.deriving.backlog() == 1
    space.settle()
    assert summaries(space) == ["a, 2 turns: two"]
    space.erase(list(ids)[:2])
    assert space.settle().written == 0
    assert summaries(space) == []
    assert space.deriving.backlog() == 0


SCRIPT = """
import os, signal, sys
import agentmem
from agentmem import steps

root, at = sys.argv[1:]

def listener(step):
    if step == at:
        os.kill(os.getpid(), signal.SIGKILL)

with agentmem.open(root, embedder="hash") as system:
    space = system.space("a")
    space.deriving.close()
    space.remember("And then Ben moved to Porto in June.", thread="b", speaker="Ben")
    steps.listener = listener
    space.settle()
"""


@pytest.mark.parametrize("step", steps.DERIVE)
def test_a_crash_loses_nothing_and_doubles_nothing(tmp_path, step):
    """Killed at any step, the next settling leaves what one without a crash would have left."""
    script = tmp_path / "victim.py"
    script.write_text(SCRIPT)
    states = []
    for root, at in ((tmp_path / "killed", step), (tmp_path / "spared", "never")):
        with agentmem.open(root, embedder="hash", derive=["facts", "summary"]) as system:
            space = system.space("a")
            space.deriving.close()
            space.remember(["I adopted a grey cat last Friday.", "I live in Lisbon now."], speaker="Ana", thread="a")
            space.settle()
        done = subprocess.run([sys.executable, script, root, at], timeout=120, check=False, capture_output=True)
        assert done.returncode == (-signal.SIGKILL if at == step else 0), done.stderr.decode()
        with agentmem.open(root, embedder="hash") as system:
            space = system.space("a")
            space.deriving.close()
            space.settle()
            assert space.deriving.backlog() == 0
            assert all(finding.ok for finding in space.doctor())
            states.append(sorted((m.kind, m.thread, m.text, len(m.parents)) for m in space.memories()))
    assert states[0] == states[1]
    assert {kind for kind, *_ in states[0]} == {"turn", "fact", "summary"}


def test_two_processes_derive_once(tmp_path):
    """Both settle at the same time; nothing is there twice."""
    with agentmem.open(tmp_path, embedder="hash", derive=["summary"]) as system:
        space = system.space("a")
        space.deriving.close()
        space.settle()
        for n in range(12):
            space.remember(f"I moved to flat number {n} in June with my sister.", speaker="Ana", thread=f"t{n}")
    script = tmp_path / "settle.py"
    script.write_text(SCRIPT.replace('    space.remember("And then Ben', '    # space.remember("And then Ben'))
    running = [subprocess.Popen([sys.executable, script, tmp_path, "never"]) for _ in range(2)]
    assert [process.wait(120) for process in running] == [0, 0]
    with agentmem.open(tmp_path, embedder="hash") as system:
        texts = summaries(system.space("a"))
        assert sorted(t for t in texts if t.count("flat") == 1) == sorted(
            f"Ana: I moved to flat number {n} in June with my sister." for n in range(12)
        )


def test_the_doctor_says_how_far_deriving_is(tmp_path):
    """Who derives, what waits, and what stopped it."""

    class Breaks(Last):
        def derive(self, scope, members):
            raise ValueError("out of ideas")

    with agentmem.open(tmp_path, embedder="hash", derive={"breaks": Breaks()}) as system:
        space = system.space("ana")
        assert space.deriving.finding() == Finding("derived", True, "by breaks; level with what was remembered")
        space.remember("one")
        space.deriving._worker.join(0.3)
        found = space.deriving.finding()
        assert (found.ok, found.seen) == (False, "stopped: out of ideas")
        with pytest.raises(ValueError, match="out of ideas"):
            space.settle()
        assert space.deriving.backlog() == 1
    with agentmem.open(tmp_path, embedder="hash", derive=[]) as system:
        assert system.space("ana").deriving.finding().seen == "nothing derives here"


def test_the_background_worker_derives(space):
    """Remembering wakes it; closing waits for it."""
    space.remember("one", thread="a")
    for _ in range(200):
        if summaries(space):
            break
        space.deriving._worker.join(0.02)
    assert summaries(space) == ["a, 1 turns: one"]
    assert space.deriving.failed is None


def test_a_deriver_without_lineage_is_refused(tmp_path):
    """A draft whose parents are not members is an error, and nothing is written."""

    class Orphan(Last):
        def derive(self, scope, members):
            return [Draft("from nowhere", kind="summary", parents=("01ARZ3NDEKTSV4RRFFQ69G5FAV",))]

    with agentmem.open(tmp_path, embedder="hash", derive={"orphan": Orphan()}) as system:
        space = system.space("ana")
        space.deriving.close()
        space.remember("one")
        with pytest.raises(LineageError, match="not among those it was given"):
            space.settle()
        assert len(space) == 1
        assert space.deriving.backlog() == 1


def test_an_unknown_deriver_is_refused(tmp_path):
    """With what there is."""
    wrong = pytest.raises(PluginNotFoundError, match="no deriver is called 'sumary'")
    with agentmem.open(tmp_path, embedder="hash", derive=["sumary"]) as system, wrong:
        system.space("ana")


def test_a_space_keeps_its_derivers(tmp_path):
    """Who opens it next need not name them: what is told then is derived as well, and nobody else's are run."""
    with agentmem.open(tmp_path, embedder="hash", derive=["summary"]) as system:
        space = system.space("ana")
        space.deriving.close()
        space.remember("I adopted a grey cat from the shelter last Friday.", speaker="Ana")
        space.settle()
        (before,) = summaries(space)
    with agentmem.open(tmp_path, embedder="hash") as system:
        space = system.space("ana")
        assert list(space.deriving.derivers) == ["summary"]
        space.deriving.close()
        space.remember("Then my sister Lena moved to Porto in June.", speaker="Ana")
        space.settle()
        assert summaries(space) == [f"{before} Ana: Then my sister Lena moved to Porto in June."]
        assert space.threads() == ["main"]


def test_settle_on_the_command_line(tmp_path):
    """It says what was written and by whom; an empty choice says what to type."""
    with agentmem.open(tmp_path, embedder="hash") as system:
        system.space("ana").remember("I adopted a grey cat from the shelter last Friday.", speaker="Ana")

    def run(*words):
        done = CliRunner().invoke(app, ["settle", "ana", "--root", str(tmp_path), *words])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "Begin with: agentmem settle ana --derive" in run()
    assert run("--derive", "summary").startswith("1 memory written, 0 replaced.\nBy summary.")
    assert json.loads(run("--json", "--structure", "turns"))["structure"] == "turns"
    run("--structure", "mixed")
    assert json.loads(run("--json")) == {
        "space": "ana",
        "derivers": ["summary"],
        "scopes": 0,
        "written": 0,
        "replaced": 0,
        "kept_out": 0,
        "structure": "mixed",
        "model": None,
        "calls": 0,
        "tokens": 0,
    }


def test_a_model_settles_on_the_command_line(tmp_path, monkeypatch):
    """Over HTTP: what rules have derived it derives anew when asked to; what it cost is told."""
    with agentmem.open(tmp_path, embedder="hash", derive=["summary", "state"]) as system:
        space = system.space("ana")
        space.deriving.close()
        space.remember("I adopted a grey cat from the shelter last Friday.", speaker="Ana")
        space.remember("My locker code is 4417.", speaker="Ana")
        space.settle()

    def run(*words, code=0):
        done = CliRunner().invoke(app, ["settle", "ana", "--root", str(tmp_path), *words])
        assert done.exit_code == code, done.output
        return done.output

    written = json.dumps({"items": [{"text": "Ana has a grey cat from a shelter.", "turns": [1], "keywords": []}]})
    with StubOpenAI(written) as stub:
        monkeypatch.setenv("OPENAI_BASE_URL", stub.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        assert "derives with --again" in run("--model", "openai:stub")
        assert stub.requests == []
        told = json.loads(run("--model", "openai:stub", "--budget", "2,5000", "--again", "--json"))
        assert (told["derivers"], told["model"], told["calls"]) == (["state", "summary"], "openai:stub", 1)
        assert told["tokens"] > 100
        assert "grey cat from the shelter" in stub.requests[0]["messages"][1]["content"]
        assert "openai:stub was asked 0 times" in run("--model", "openai:stub", "--again")  # its answer was kept
    with agentmem.open(tmp_path, embedder="hash") as system:
        assert summaries(system.space("ana")) == ["Ana has a grey cat from a shelter."]
        assert [m.text for m in system.space("ana").memories(agentmem.Filter(kinds=("fact",)))] == [
            "Ana's locker code is 4417"
        ]
    assert "name the model as well" in run("--budget", "1,1500", code=2)
    assert "is not calls and tokens" in run("--model", "openai:stub", "--budget", "1", code=2)


def test_a_deriver_may_come_to_read_in_other_scopes(tmp_path):
    """What is stale under a name that its deriver gives no more is read under those it gives now; all if asked to."""

    class Threads(Last):
        def scopes(self, memory):
            return [f"thread {memory.thread}"] if memory.kind == "turn" else []

    with agentmem.open(tmp_path, embedder="hash", derive={"last": Last()}) as system:
        space = system.space("ana")
        space.deriving.close()
        ids = space.remember(["one", "two"], thread="a")
        space.remember("three", thread="b")
        space.settle()
        space.erase(ids[1])
    with agentmem.open(tmp_path, embedder="hash", derive={"last": Threads()}) as system:
        space = system.space("ana")
        space.deriving.close()
        space.settle()
        assert summaries(space) == ["b, 1 turns: three", "thread a, 1 turns: one"]
        assert space.deriving.backlog() == 0
        space.deriving.settle(again=True)
        assert summaries(space) == ["thread a, 1 turns: one", "thread b, 1 turns: three"]


def test_a_deriver_that_names_other_scopes_each_time_is_refused(tmp_path):
    """With what scopes must be."""

    class Fickle(Last):
        named = 0

        def scopes(self, memory):
            Fickle.named += 1
            return [f"scope {Fickle.named}"] if memory.kind == "turn" else []

    with agentmem.open(tmp_path, embedder="hash", derive={"fickle": Fickle()}) as system:
        space = system.space("ana")
        space.deriving.close()
        space.remember("one")
        with pytest.raises(AgentmemError, match="does not name the same scopes"):
            space.settle()


class Codes:
    """What is said of codes, by who says it; what names none has no scope."""

    def scopes(self, memory):
        return [memory.speaker] if "code" in memory.text else []

    def derive(self, scope, members):
        return [Draft(f"{scope} spoke of codes", kind="note", parents=tuple(m.id for m in members))]


def test_what_loses_its_last_scope_is_a_member_no_more(tmp_path):
    """A memory that is rewritten so that no scope reads it leaves the one it was in, which is derived anew without."""
    with agentmem.open(tmp_path, embedder="hash", derive={"codes": Codes()}) as system:
        space = system.space("ana")
        space.deriving.close()
        ids = space.remember(["The code is 1.", "My code is 2."], speaker="Ana")
        space.settle()
        derivations.enroll(space._ledger, "codes", [(space.get(ids[0]).seq, [])])
        assert space.settle().scopes == 1
        (note,) = space.memories(agentmem.Filter(kinds=("note",)))
        assert note.parents == (ids[1],)


def test_a_derived_note_fills_no_slot(tmp_path):
    """It repeats what its parents say: a code is not said a second time by it, and not as nobody's."""
    with agentmem.open(tmp_path, embedder="hash", derive={"codes": Codes()}) as system:
        space = system.space("ana")
        space.deriving.close()
        said = space.remember("My locker code is 4417.", speaker="Ana")[0]
        derived = space.remember("My locker code is 4417.", kind="note", parents=(said,))[0]
        assert space.get(said).cues.slots == (Slot("ana", "locker code", "4417"),)
        assert space.get(derived).cues.slots == ()
