"""The command line forgets on purpose: plans, sweeps, protections, explanations."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from agentmem import cli
from agentmem.cli import retention


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli.app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def ids() -> list[str]:
    """Three memories of a space called ana, in the test's own home."""
    return [
        json.loads(run("remember", "ana", text, "--embedder", "hash", "--json"))["ids"][0]
        for text in ("I adopted a grey cat", "thanks!", "I live in Porto")
    ]


def test_a_plan_then_the_sweep(ids):
    """Without --yes nothing goes and what would is shown; with it, it is gone."""
    plan = run("sweep", "ana", "--policy", "fifo", "--budget", "1")
    assert "would be 2 erased; 1 memory kept" in plan
    assert "I adopted a grey cat" in plan
    assert "do it with --yes" in plan
    assert json.loads(run("show", "ana", "--json"))["kinds"] == {"turn": 3}
    done = json.loads(run("sweep", "ana", "--policy", "fifo", "--budget", "1", "--yes", "--json"))
    assert [f["id"] for f in done["fading"]] == ids[:2]
    assert (done["carried_out"], done["receipt"]["level"], done["kept"]) == (True, "physical", 1)
    assert "nothing; 1 memory kept" in run("sweep", "ana", "--policy", "fifo", "--budget", "1", "--yes")


def test_what_is_protected_is_said_and_spared(ids):
    """A protected memory stays and is counted; a hold is named where it stops an erasure."""
    run("protect", "ana", ids[0], "--reason", "her favourite")
    assert "1 of them protected" in run("sweep", "ana", "--policy", "fifo", "--budget", "0")
    run("protect", "ana", ids[0], "--reason", "case 12", "--hold")
    assert "case 12" in run("erase", "ana", ids[0], "--yes", code=1)
    assert "under a legal hold: case 12" in run("explain", "ana", ids[0])
    assert json.loads(run("release", "ana", ids[0], "--json")) == []
    run("erase", "ana", ids[0], "--yes")


def test_an_explanation_with_its_curve(ids, tmp_path):
    """What a memory is worth, its traces, how it goes on, and a picture of that."""
    shown = run("explain", "ana", ids[0], "--policy", "power", "--plot", tmp_path / "curve.png")
    assert "by power: 1.00, place 3 of 3" in shown
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads(run("explain", "ana", ids[0], "--policy", "power", "--json"))
    assert found["days"]["0"] == pytest.approx(1, abs=1e-3)
    assert found["days"]["365"] < found["days"]["30"] < 1
    assert found["traces"]["importance"] > 0.4
    assert "drawn as .png" in run("explain", "ana", ids[0], "--plot", tmp_path / "curve.doc", code=2)


def test_again_and_again(ids, monkeypatch):
    """--every sweeps after each span; it needs --yes, and a span that can be read."""
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(retention.time, "sleep", sleep)
    shown = CliRunner().invoke(
        cli.app, ["sweep", "ana", "--policy", "fifo", "--budget", "2", "--yes", "--every", "1.5h"]
    )
    assert slept == [5400.0] * 3
    assert shown.output.count("kept") == 3
    assert "needs --yes" in run("sweep", "ana", "--budget", "1", "--every", "1h", code=2)
    assert "no span of time" in run("sweep", "ana", "--budget", "1", "--yes", "--every", "soon", code=2)


def test_what_cannot_be_swept(ids):
    """Neither threshold nor budget, an unknown policy, and no budget at all, are errors in words."""
    assert "only ranks memories" in run("sweep", "ana", "--policy", "lru", code=2)
    assert "Did you mean 'lfu'" in run("sweep", "ana", "--policy", "lfuu", "--budget", "1", code=2)
    assert "is no budget" in run("sweep", "ana", "--policy", "lru", "--budget", "some", code=2)
