"""`agentmem forget` as it is typed: what it shows, what it asks, what it does, and its exit codes."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from agentmem import cli

ANSI = re.compile(r"\x1b\[[0-9;]*m")
runner = CliRunner()
ANNA = "My ex Anna lives in Lisbon with her sister."
CALLED = "Anna called me again yesterday evening."
GARDEN = "The garden needs water every second day."


def run(*words, code=0, stdin=None):
    """Type a command; return what it printed, after checking its exit code."""
    result = runner.invoke(cli.app, [str(word) for word in words], input=stdin)
    assert result.exit_code == code, f"{words}: {result.output}\n{result.stderr}\n{result.exception!r}"
    return ANSI.sub("", result.stdout) if code != 2 else ANSI.sub("", result.stderr)


def run_json(*words, code=0):
    return json.loads(run(*words, "--json", code=code))


@pytest.fixture(autouse=True)
def told():
    """Three memories of Ana; return their ids."""
    said = (ANNA, CALLED, GARDEN)
    return [run_json("remember", "ana", t, "--speaker", "Ana", "--embedder", "hash")["ids"][0] for t in said]


def left():
    return {m["text"] for m in run_json("show", "ana", "-n", 0)["listed"]}


def test_a_dry_run_shows_counts_and_no_contents():
    """What would go, why and how sure; texts only with --show; and all is still there."""
    plain = run("forget", "ana", "everything about Anna", "--dry-run")
    assert "2 erased" in plain
    assert "Lisbon" not in plain
    assert "Lisbon" in run("forget", "ana", "everything about Anna", "--dry-run", "--show")
    plan = run_json("forget", "ana", "everything about Anna", "--dry-run")["plan"]
    assert plan["counts"]["erased"] == 2
    assert "Lisbon" not in json.dumps(plan)
    assert left() == {ANNA, CALLED, GARDEN}


def test_yes_forgets_and_says_what_was_proven():
    """The sentence says how far it went; JSON has plan and receipt; a second time there is nothing: 1."""
    done = run_json("forget", "ana", "everything about Anna", "--yes")
    assert (done["receipt"]["level"], done["receipt"]["checked"], done["receipt"]["erased"]) == (
        "physical",
        True,
        {"turn": 2},
    )
    assert left() == {GARDEN}
    assert "nothing in this space is meant" in run("forget", "ana", "everything about Anna", "--yes", code=1)
    assert run_json("forget", "ana", "everything about Anna", "--yes", code=1)["receipt"] is None


def test_it_asks_first_and_no_means_no():
    """Without --yes it asks; no leaves everything and sets the code, yes forgets."""
    assert "Nothing was forgotten" in run("forget", "ana", "everything about Anna", stdin="n\n", code=1)
    assert left() == {ANNA, CALLED, GARDEN}
    assert "erased 2 turns" in run("forget", "ana", "everything about Anna", stdin="y\n")
    assert left() == {GARDEN}


def test_what_is_unsure_is_asked_about_one_by_one():
    """A topic is unsure: without --ask nothing goes; with it each is asked, and --unsure takes all."""
    assert "unsure" in run("forget", "ana", "--selector", '{"topic": {"text": "Anna in Lisbon"}}', "--yes", code=1)
    shown = run(
        "forget", "ana", "--selector", '{"topic": {"text": "Anna in Lisbon"}}', "--ask", "--show", stdin="y\nn\nn\ny\n"
    )
    assert shown.count("forget it?") == 3
    assert len(left()) == 2
    run("forget", "ana", "--selector", '{"topic": {"text": "Anna in Lisbon"}}', "--unsure", "--yes")
    assert left() == set()


def test_an_ambiguous_request_is_asked_back():
    """Two people of one name: the question is shown, answered by number or by text, and only that person goes."""
    for text in ("Tom Reed bought a boat in spring.", "Tom Hale sings in a choir in town."):
        run("remember", "ana", text, "--speaker", "Ana")
    assert "--answer" in run("forget", "ana", "everything about Tom", "--yes", code=1)
    question = run_json("forget", "ana", "everything about Tom", "--dry-run")["plan"]["questions"][0]
    assert any("Reed" in answer for answer in question["answers"])
    number = 1 + next(n for n, answer in enumerate(question["answers"]) if "Reed" in answer)
    run("forget", "ana", "everything about Tom", "--yes", "--answer", number)
    assert not any("Reed" in text for text in left())
    assert any("Hale" in text for text in left())


def test_what_is_hidden_can_be_undone_and_resumed():
    """--undo-for hides it; --list says so; --undo brings it back, once."""
    assert "--undo 1" in run("forget", "ana", "everything about Anna", "--yes", "--undo-for", "24h")
    assert left() == {GARDEN}
    assert "suppressed" in run("forget", "ana", "--list")
    assert run_json("forget", "ana", "--undo", 1) == {"undone": 1}
    assert left() == {ANNA, CALLED, GARDEN}
    assert "undone already" in run("forget", "ana", "--undo", 1, code=2)
    assert run_json("forget", "ana", "--list")["forgettings"][0]["state"] == "undone"
    assert "Nothing was left" in run("forget", "ana", "--resume")


def test_holds_keep_it(told):
    """Under a hold it is refused with code 1; released, it goes."""
    run("forget", "ana", "--hold", told[0], "--reason", "litigation 12")
    failed = runner.invoke(cli.app, ["forget", "ana", "everything about Anna", "--yes"])
    assert failed.exit_code == 1
    assert "litigation 12" in failed.stderr
    run("forget", "ana", "--release", told[0])
    run("forget", "ana", "everything about Anna", "--yes")
    assert left() == {GARDEN}
    assert "needs a reason" in run("forget", "ana", "--hold", told[2], code=2)


def test_schedules_are_made_listed_run_and_cancelled():
    """Only of selectors without content; nothing is due yet."""
    made = run_json("forget", "ana", "--selector", '{"kind": {"name": "turn"}}', "--every", "1d", "--older-than", "90d")
    assert made["schedule"] == 1
    assert run_json("forget", "ana", "--due") == {"receipts": []}
    (listed,) = run_json("forget", "ana", "--list")["schedules"]
    assert (listed["every_s"], listed["older_than_s"], listed["selector"]) == (
        86400,
        90 * 86400,
        {"kind": {"name": "turn"}},
    )
    assert "90 days" in run("forget", "ana", "--list")
    assert run_json("forget", "ana", "--cancel", 1) == {"cancelled": 1}
    refused = run("forget", "ana", "--selector", '{"entity": {"name": "Anna"}}', "--every", "1d", code=2)
    assert "may not hold" in refused


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "say one thing"),
        (("everything about Anna", "--list"), "say one thing"),
        (("everything about Anna", "--json"), "needs --yes or --dry-run"),
        (("everything about Anna", "--yes", "--undo-for", "soon"), "no span of time"),
        (("everything about Anna", "--yes", "--undo-for", "0h"), "no span of time"),
        (("--every", "1d"), "needs --selector"),
        (("--selector", "{", "--yes"), "no JSON"),
        (("--undo", "7"), "no forgetting 7"),
        (("--cancel", "7"), "no schedule 7"),
    ],
)
def test_what_is_typed_wrongly_is_said(words, why):
    """Exit code 2, a sentence that says what to type, and nothing forgotten."""
    assert why in run("forget", "ana", *words, code=2)
    assert left() == {ANNA, CALLED, GARDEN}
