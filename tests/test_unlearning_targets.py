"""What is to be forgotten of a conversation and which turns that is, and how well sentences alone find it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

import agentmem
from agentmem.formats import locomo
from agentmem.types import Draft
from agentmem_evaluators._unlearning_resolver import figures, measured, outcomes
from agentmem_evaluators._unlearning_targets import TARGET_KINDS, aliases, targets, topic_of

SAMPLE = {
    "sample_id": "a",
    "conversation": {
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            {"speaker": "Ana", "dia_id": "D1:1", "text": "I met my friend Matt Patterson in Lisbon."},
            {"speaker": "Ben", "dia_id": "D1:2", "text": "I know that Matt, he paints."},
            {"speaker": "Ana", "dia_id": "D1:3", "text": "My pottery class was in Lisbon, too."},
        ],
        "session_2_date_time": "2:00 pm on 3 June, 2023",
        "session_2": [
            {"speaker": "Ben", "dia_id": "D2:1", "text": "I will draw will and hope. You said Hope?"},
            {"speaker": "Ana", "dia_id": "D2:2", "text": "We talked on Monday about tea."},
        ],
    },
    "qa": [
        {"question": "Where was Ana's pottery class?", "answer": "Lisbon", "evidence": ["D1:3"], "category": 4},
        {"question": "When did they meet?", "answer": "May", "evidence": ["D1:1"], "category": 2},
        {"question": "What did Ben do?", "answer": "", "evidence": [], "category": 4},
    ],
}


@pytest.fixture
def sample() -> locomo.Sample:
    return locomo.parse(json.dumps([SAMPLE]))[0]


def test_the_targets_of_a_conversation(sample):
    """Names mentioned twice or more, topics of questions with evidence, sessions, months, speakers, and their turns."""
    turns = {v: k for k, v in sample.origins.items()}
    read = {(t.kind, t.name): {turns[o] for o in t.gold} for t in targets(sample)}
    assert read == {
        ("entity", "Lisbon"): {"D1:1", "D1:3"},
        ("entity", "Matt"): {"D1:1", "D1:2"},
        ("entity", "Matt Patterson"): {"D1:1", "D1:2"},
        ("topic", "Ana's pottery class"): {"D1:3"},
        ("thread", "session 1"): {"D1:1", "D1:2", "D1:3"},
        ("thread", "session 2"): {"D2:1", "D2:2"},
        ("time", "May 2023"): {"D1:1", "D1:2", "D1:3"},
        ("time", "June 2023"): {"D2:1", "D2:2"},
        ("speaker", "Ana"): {"D1:1", "D1:3", "D2:2"},
        ("speaker", "Ben"): {"D1:2", "D2:1"},
    }
    assert [t.request for t in targets(sample)][:3] == [
        "Forget everything about Lisbon.",
        "Please delete all you know about Matt.",
        "Could you forget Matt Patterson?",
    ]


def test_aliases_belong_to_one_name():
    """A first name is an alias of the only name it is part of."""
    names = ["Matt Patterson", "Matt", "Anna Smith", "Anna Jones", "Anna"]
    assert aliases("Matt Patterson", names) == ("Matt",)
    assert aliases("Anna Smith", names) == ()
    assert aliases("Matt", names) == ()


def test_topics_are_questions_without_asking():
    """What is left of a question is what it is about."""
    assert topic_of("What kind of pot did Mel make?") == "pot did Mel make"
    assert topic_of("When did Caroline go to the support group?") == "Caroline go to the support group"
    assert topic_of("Is Oscar a dog?") == "Oscar a dog"


def test_figures_of_a_small_conversation(system, sample):
    """Names, sessions, months and speakers are found exactly; topics are only asked, and answered truthfully."""
    space = system.space("a")
    space.remember(list(sample.drafts))
    now = max(d.said_at for d in sample.drafts) + timedelta(days=1)
    read = figures(outcomes(space, targets(sample), now))
    assert list(read) == list(TARGET_KINDS)
    for kind in ("entity", "thread", "time", "speaker"):
        assert (read[kind]["precision"], read[kind]["recall"]) == (1, 1), kind
    assert read["topic"]["recall"] == 1
    assert read["topic"]["recall_unasked"] == 0
    assert "precision_unasked" not in read["topic"]
    assert 1 <= read["topic"]["asked"] <= 10
    assert figures([])["topic"] == {"n": 0}


def test_wrong_selections_cost_precision(system, sample):
    """A target whose gold is less than what is found, or more, lowers the figure that says so."""
    from dataclasses import replace

    space = system.space("b")
    space.remember([*sample.drafts, Draft("I love Lisbon.", speaker="Ana", origin="more")])
    lisbon = next(t for t in targets(sample) if t.name == "Lisbon")
    now = max(d.said_at for d in sample.drafts) + timedelta(days=1)
    one = figures(outcomes(space, [lisbon], now))["entity"]
    assert one["precision"] == pytest.approx(2 / 3)
    more = replace(lisbon, gold=lisbon.gold | {"more", "x"})
    assert figures(outcomes(space, [more], now))["entity"]["recall"] == pytest.approx(3 / 4)


@pytest.mark.slow
def test_sentences_find_what_they_mean(data, tmp_path):
    """On a long conversation, with the model: the figures that are promised for each kind of target."""
    sample = locomo.load(data / "locomo" / "locomo_dev.json")[1]
    with agentmem.open(tmp_path / "root") as system:
        read = figures(measured([sample], system))
    assert read["entity"]["precision"] >= 0.95
    assert read["entity"]["recall"] >= 0.9
    assert read["entity"]["precision_unasked"] >= 0.9
    assert read["entity"]["recall_unasked"] >= 0.8
    for kind in ("thread", "time", "speaker"):
        assert (read[kind]["precision_unasked"], read[kind]["recall_unasked"]) == (1, 1), kind
    assert read["topic"]["recall"] >= 0.75
    assert read["topic"]["asked"] <= 10
