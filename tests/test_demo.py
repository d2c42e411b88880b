"""The demonstration: it runs, twice, checks itself, and says so when something does not hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentmem import demo
from agentmem.demo import script
from agentmem.demo.stage import Stage
from agentmem.errors import InputError


@pytest.fixture
def home():
    return Path(os.environ["AGENTMEM_HOME"])


def test_demo_holds_twice_in_a_row(home):
    """`agentmem demo` holds every check, also over what an earlier one left, and its space can be used."""
    run = [sys.executable, "-c", "from agentmem.cli import main; main()"]
    for _ in range(2):
        played = subprocess.run([*run, "demo"], capture_output=True, text=True, check=False, timeout=240)
        assert played.returncode == 0, played.stdout + played.stderr
        assert "checks held." in played.stdout
        assert "Traceback" not in played.stderr
    for act in ("Remember", "Recall", "Answer", "A month passes", "Erase", "Yours now"):
        assert f". {act}\n" in played.stdout
    assert "4 April 2025" in played.stdout
    assert "No information available" in played.stdout
    assert "NOT" not in played.stdout
    assert str(home / "spaces" / "demo") in played.stdout
    typed = [line.split("  ")[1] for line in played.stdout.splitlines() if line.startswith("  agentmem ")]
    assert len(typed) == 5
    words = ["recall", "demo", "What did Biscuit eat?"]
    recalled = subprocess.run([*run, *words], capture_output=True, text=True, check=True, timeout=60)
    assert "chocolate" in recalled.stdout
    checked = subprocess.run([*run, "doctor", "demo"], capture_output=True, text=True, check=False, timeout=60)
    assert checked.returncode == 0, checked.stdout


def test_erased_fact_is_in_no_byte_of_the_space(home, monkeypatch):
    """After the demo, what was erased is in no file, and other turns are (so we would see it)."""
    demo.play(home, "hash")
    bytes_ = b"".join(file.read_bytes() for file in (home / "spaces" / "demo").rglob("*") if file.is_file())
    assert b"forty litres of beige" in bytes_
    assert b"coeliac" not in bytes_


def test_what_does_not_hold_is_said_and_counts(monkeypatch, home, capsys):
    """A wrong answer makes the demo fail aloud: the last line names it, and the program ends with 1."""
    wrong = (script.Question("What colour is the wall?", ("a colour that nobody named",)),)
    monkeypatch.setattr(script, "QUESTIONS", wrong)
    assert demo.play(home, "hash") is False
    printed = capsys.readouterr().out
    assert "NOT expected: a colour that nobody named" in printed
    assert "checks failed: " in printed


def test_space_that_is_not_ours_is_left_alone(home):
    """A space called demo that somebody else filled is not thrown away."""
    import agentmem

    with agentmem.open(home, embedder="hash") as system:
        system.space("demo").remember("Mine.")
    with pytest.raises(InputError, match="--root"):
        demo.play(home, "hash")
    with agentmem.open(home, embedder="hash") as system:
        assert len(system.space("demo")) == 1


def test_stage_counts_checks(capsys):
    """A check that holds may pass quietly; one that does not never does."""
    stage = Stage()
    stage.check("quiet", held=True, quiet=True)
    stage.check("aloud", held=False, quiet=True)
    assert (stage.checks, stage.failed, stage.held) == (2, ["aloud"], False)
    assert "NOT aloud" in capsys.readouterr().out
