"""Fact update: made-up worlds in which facts change, asked for what holds now and what held on a day."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from agentmem.cli import app
from agentmem.errors import InputError
from agentmem.evaluation.cases import Ask, Gold, Remember, Reply, Wait
from agentmem_evaluators import _update_world as world
from agentmem_evaluators import update

CASE = world.case(0, 0)
SAID = {d.origin: d for step in CASE.steps if isinstance(step, Remember) for d in step.drafts}
ASKS = [step for step in CASE.steps if isinstance(step, Ask)]


def test_a_world_is_made_from_its_seed_alone():
    """The same seed gives the same world, another seed or number another one."""
    assert world.case(0, 0) == CASE
    assert world.case(0, 1) != CASE
    assert world.case(1, 0) != CASE


def test_each_fact_is_told_changed_and_asked_for_twice():
    """Three people, six attributes: of each attribute one fact changes once, one twice, one four times."""
    assert len(ASKS) == 2 * world.PEOPLE * len(world.ATTRIBUTES)
    for name in world.ATTRIBUTES:
        changes = sorted(int(a.gold.labels["updates"]) for a in ASKS if f"/{name}/now" in a.gold.id)
        assert changes == sorted(world.UPDATES)
    for ask in ASKS:
        (gold,) = ask.gold.evidence
        assert ask.gold.answer in SAID[gold].text
        assert SAID[gold].speaker == gold.partition("/")[0]
        assert SAID[gold].speaker in ask.question


def test_the_gold_is_what_the_person_last_said_before_the_day_that_is_asked_for():
    """Now: nothing later tells the fact. Of a day: told before it, and the next change comes after it."""
    for ask in ASKS:
        (gold,) = ask.gold.evidence
        fact = gold.rpartition("/")[0]
        history = sorted((d.said_at, o) for o, d in SAID.items() if o.rpartition("/")[0] == fact)
        dated = re.search(r"on (\d+) (\w+) (\d+)\?", ask.question)
        if ask.gold.labels["asks"] == "current":
            assert history[-1][1] == gold
            assert dated is None
        else:
            day = datetime(int(dated[3]), world.MONTHS.index(dated[2]) + 1, int(dated[1]), 12, tzinfo=UTC)
            assert [origin for moment, origin in history if moment < day][-1] == gold
            assert history[-1][1] != gold


def test_values_are_told_by_one_person_once_and_are_no_parts_of_each_other():
    """So that an answer can be told right from stale: no value of a world stands for two facts."""
    everything = [value for attribute in world.ATTRIBUTES.values() for value in attribute.values]
    assert len(set(everything)) == len(everything)
    assert not [(a, b) for a in everything for b in everything if a != b and update.holds(a, b)]
    golds = {ask.gold.answer: ask.gold.evidence for ask in ASKS}
    for value, (gold,) in golds.items():
        fact, _, place = gold.rpartition("/")
        tells = {o for o, d in SAID.items() if update.holds(d.text, value)}
        assert tells <= {gold, f"{fact}/{int(place) + 1}"}  # the change after it may say what it was
    assert not [text for text in world.SMALL_TALK for value in everything if update.holds(text, value)]


def test_sessions_come_in_order_with_time_between():
    """Twelve sessions three weeks apart, played at the dates that they have, and the questions a week later."""
    clock, sessions = CASE.began, 0
    for step in CASE.steps:
        if isinstance(step, Wait):
            clock += step.span
        elif isinstance(step, Remember):
            sessions += 1
            assert {d.said_at.date() for d in step.drafts} == {clock.date()}
            assert [d.position for d in step.drafts] == list(range(len(step.drafts)))
    assert sessions == world.SESSIONS
    assert (clock - max(d.said_at for d in SAID.values())).days == 6


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(("Ines/home/1",), "It is Porto."), (1, 0, 1, 0)),
        (Reply(("Ines/home/0", "Ines/home/1"), "Ghent"), (0, 1, 0, 1)),
        (Reply(("Ines/home/1",), "I left Ghent, home is Porto"), (1, 0, 0, 1)),
        (Reply(("Ines/job/1",), "portobello"), (0, 0, 0, 0)),
        (Reply(abstained=True), (0, 0, 0, 0)),
    ],
)
def test_right_and_stale_are_told_apart(reply, expected):
    """First and answer are scored apart; an answer with both values is stale, part of a word is none."""
    ask = Ask("?", Gold("x", "Porto", ("Ines/home/1",), {"others": "Ghent", "asks": "current"}))
    score = update.make({}).score(ask, reply)
    assert tuple(score.values[m] for m in ("first", "first_other", "answer", "answer_other")) == expected


def test_the_command_needs_no_data_and_the_page_comes_from_the_figures(tmp_path):
    """The oracle's first is always right, what is last said hardly ever; the JSON gives the same page again."""
    report = update.run(worlds=1, seed=5, embedder="hash")
    figures = report.figures
    assert figures["n_questions"] == 36
    assert figures["baselines"]["oracle"]["current"]["first"] == figures["baselines"]["oracle"]["as of"]["first"] == 1.0
    assert figures["baselines"]["fifo"]["current"]["first"] < 0.5
    assert figures["failures"] == []
    low, high = figures["ci"]["as of"]["first"]
    assert low <= figures["metrics"]["as of"]["first"] <= high
    assert "--seed 5" in figures["command"]
    assert update.sections(json.loads(report.json())) == list(report.sections)


def test_as_of_sees_nothing_that_was_said_after_the_day():
    """Told the day, recall returns no later memory; where no day is named, it is plain recall."""
    seen = []

    class Looking:
        def recall(self, question, k, *, filter, explain):  # noqa: A002
            seen.append((question, filter.as_of))
            raise LookupError

        def clock(self):
            return datetime(2025, 9, 8, tzinfo=UTC)

    for question in ("Where did Ines live on 3 March 2025?", "Where does Ines live now?"):
        with pytest.raises(LookupError):
            update.AsOf(None).reply(Looking(), Ask(question, Gold("x")))
    assert [(as_of and as_of.date().isoformat()) for _, as_of in seen] == ["2025-03-04", None]


def test_settings_that_make_no_sense_are_refused(tmp_path):
    """Data, no world at all, and an option that the evaluator lacks."""
    with pytest.raises(InputError, match="makes its data up"):
        update.run(tmp_path / "x.json", embedder="hash")
    with pytest.raises(InputError, match="at least one"):
        update.run(worlds=0, embedder="hash")
    done = CliRunner().invoke(app, ["eval", "update", "--budgets", ".1"])
    assert "has no --budgets" in " ".join(done.output.split())
    done = CliRunner().invoke(app, ["eval", "babi"])
    assert "needs its data" in " ".join(done.output.split())
