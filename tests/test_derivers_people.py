"""Thoughts of heads, pages of persons, and skills from runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentmem import registry
from agentmem.errors import InputError
from agentmem.testing.fakes import derive_all, make_talk


def made(name, talk):
    return derive_all(registry.make_deriver(name, {}), talk)


def test_thoughts_with_one_head_and_relation_are_merged():
    """In one sentence, what was said last behind; what was said once is a fact already."""
    talk = make_talk(
        "Ana: I collect stamps.",
        "Ben: I collect spoons.",
        "Ana: I collect old maps.",
        "Ana: I collect stamps.",
        "Ana: I love hiking.",
    )
    assert made("thoughts", talk) == {
        "Ana collects old maps and stamps": ["I collect stamps.", "I collect old maps.", "I collect stamps."]
    }


def test_a_thought_that_is_contradicted_is_forgotten():
    """The opposite takes a thing out of what was merged, and the newer value the place of the older."""
    likes = ["Ana: I love hiking.", "Ana: I love chess.", "Ana: I love tea."]
    assert list(made("thoughts", make_talk(*likes))) == ["Ana loves hiking, chess and tea"]
    against = make_talk(*likes, "Ana: I hate chess.")
    assert list(made("thoughts", against)) == ["Ana loves hiking and tea"]
    assert list(made("thoughts", against[:2] + against[3:])) == []
    assert made("thoughts", make_talk("Ana: I live in Porto.", "Ana: I live in Lisbon.")) == {}


PAGE = (
    "Ana: My locker code is 4417.",
    "Ana: My sister Lena paints boats.",
    "Ben: I love chess.",
    "Ana: I really love green tea.",
    "Ana: We are going to Porto in June.",
    "Ana: They changed my locker code to 0093.",
    "Ben: Nice weather.",
)


def test_a_page_says_what_holds_what_is_liked_who_there_is_and_what_is_planned():
    """Of that person alone; parents are the memories that say so."""
    assert made("profile", make_talk(*PAGE)) == {
        'Ana. Now: locker code is 0093. Tastes: loves green tea. People: sister Lena. Plans: "We are going to Porto in '
        'June" (7 March 2025).': [
            "My sister Lena paints boats.",
            "I really love green tea.",
            "We are going to Porto in June.",
            "They changed my locker code to 0093.",
        ],
        "Ben. Tastes: loves chess.": ["I love chess."],
    }


def test_a_plan_is_none_once_its_time_has_passed():
    """At the last thing that the person said."""
    talk = make_talk("Ana: We are going to Porto in June.", "Ana: Good morning.", days=200)
    assert made("profile", talk[:1]) == {
        'Ana. Plans: "We are going to Porto in June" (3 March 2025).': ["We are going to Porto in June."]
    }
    assert made("profile", talk) == {}


def test_who_tells_nothing_has_no_page():
    """Nor has who is only spoken of."""
    assert made("profile", make_talk("Ana: Hello!", "Ben: How is Lena?")) == {}


def steps(*told):
    """Return memories of runs: (run, outcome or "", text)."""
    talk = make_talk(*(f"agent: {text}" for _, _, text in told))
    marks = [{"task": "bake bread", "run": run} | ({"outcome": out} if out else {}) for run, out, _ in told]
    return [replace(memory, metadata=mark) for memory, mark in zip(talk, marks, strict=True)]


def test_the_shortest_success_is_the_skill():
    """With its steps in order, how often it went well, and what only failures did."""
    told = steps(
        (1, "", "Knead the dough"),
        (1, "", "Wait an hour."),
        (2, "", "Knead the dough"),
        (1, "success", "Bake at 230 degrees."),
        (2, "", "Bake at once."),
        (2, "failure", "It stayed flat."),
        (3, "", "Wait an hour."),
        (3, "success", "Bake at 230 degrees."),
    )
    assert made("skills", told) == {
        "How to bake bread: 1. Wait an hour. 2. Bake at 230 degrees. Went well 2 of 3 times. Avoid: Bake at once. It "
        "stayed flat.": [
            "Bake at 230 degrees.",
            "Bake at once.",
            "It stayed flat.",
            "Wait an hour.",
            "Bake at 230 degrees.",
        ]
    }


def test_without_a_success_there_is_no_skill():
    """Failures, runs whose end nobody told, and a success that turned out to be none."""
    assert made("skills", steps((1, "failure", "Bake at once."), (2, "", "Knead."))) == {}
    assert made("skills", steps((1, "success", "Bake at once."), (1, "failure", "It stayed flat."))) == {}
    assert made("skills", make_talk("Ana: I baked bread.")) == {}


@pytest.mark.parametrize("name", ["thoughts", "profile", "skills"])
def test_settings_are_refused(name):
    """With the one that is not known."""
    with pytest.raises(InputError, match=f"the deriver {name} knows no setting 'size'"):
        registry.make_deriver(name, {"size": 2})
