"""What holds now of each subject, and what went against what was expected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import agentmem
from agentmem import Draft, Filter, registry
from agentmem.errors import InputError
from agentmem_stores.derive._holding import core

BEGAN = datetime(2025, 3, 3, 9, tzinfo=UTC)


@pytest.fixture
def told(tmp_path):
    """Return a function that tells a space what "speaker: text" lines say, a day apart, settles, and gives it back."""
    systems = []

    def tell(name, *lines):
        system = agentmem.open(tmp_path / str(len(systems)), embedder="hash", derive=[name])
        systems.append(system)
        space = system.space("a")
        space.deriving.close()
        for n, line in enumerate(lines):
            who, text = line.split(": ", 1)
            space.remember(Draft(text, speaker=who, said_at=BEGAN + timedelta(days=n)))
        space.settle()
        return space

    yield tell
    for system in systems:
        system.close()


def derived(space, kind):
    """Return what is derived: text to the texts of its parents."""
    texts = {m.id: m.text for m in space.memories()}
    return {m.text: [texts[p] for p in m.parents] for m in space.memories(Filter(kinds=(kind,))) if m.parents}


def test_a_value_is_appended_confirmed_replaced_and_deleted(told):
    """What was said last holds, with all that say so; an ending leaves nothing."""
    space = told(
        "state",
        "Ana: I live in Porto.",
        "Ana: My locker code is 4417.",
        "Ben: Nice.",
        "Ana: They changed my locker code to 0093.",
        "Ana: By the way, 0093 is my new locker code.",
        "Ana: I work at Bluefin.",
        "Ana: I no longer live in Porto.",
    )
    assert derived(space, "fact") == {
        "Ana's locker code is 0093": [
            "They changed my locker code to 0093.",
            "By the way, 0093 is my new locker code.",
        ],
        "Ana works at Bluefin": ["I work at Bluefin."],
    }
    made = {m.metadata["attribute"]: m for m in space.memories(Filter(kinds=("fact",)))}
    assert [made[a].metadata["operation"] for a in ("locker code", "employer")] == ["pass", "append"]
    assert made["locker code"].valid_from == BEGAN + timedelta(days=3)
    assert made["locker code"].said_at == BEGAN + timedelta(days=4)


def test_forgetting_the_newer_value_brings_the_older_back(told):
    """And forgetting that something ended, what had ended."""
    space = told("state", "Ana: My locker code is 4417.", "Ana: They changed my locker code to 0093.")
    newer = next(m.id for m in space.memories(Filter(kinds=("turn",))) if "0093" in m.text)
    space.erase(newer)
    space.settle()
    assert list(derived(space, "fact")) == ["Ana's locker code is 4417"]
    space = told("state", "Ana: I live in Porto.", "Ana: I no longer live in Porto.")
    assert derived(space, "fact") == {}
    space.erase(next(m.id for m in space.memories() if "longer" in m.text))
    space.settle()
    assert list(derived(space, "fact")) == ["Ana lives in Porto"]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("4417, before I forget it", "4417"),
        ("Lisbon and work as a nurse", "Lisbon"),
        ("Porto, Portugal", "Porto, Portugal"),
        ("salt and pepper", "salt and pepper"),
        ("the 7th because of Lena", "the 7th"),
    ],
)
def test_a_value_ends_where_another_clause_begins(value, kept):
    """What goes on behind a value is none of it."""
    assert core(value) == kept


def test_small_talk_has_no_state(told):
    """Questions and pleasantries give nothing; what is nobody's is said without an owner."""
    space = told("state", "Ana: What is my code?", "Ben: Long time no see!", "Ben: alarm code: 77")
    assert derived(space, "fact") == {"The alarm code is 77": ["alarm code: 77"]}


def test_another_value_is_a_surprise(told):
    """Both sides are named, and are its parents; saying the same again, or for the first time, surprises nobody."""
    space = told(
        "surprises",
        "Ana: My locker code is 4417.",
        "Ana: I live in Porto.",
        "Ana: They changed my locker code to 0093.",
        "Ana: I no longer live in Porto.",
        "Ana: By the way, 0093 is my new locker code.",
    )
    assert derived(space, "note") == {
        "Ana's locker code is 0093, since 5 March 2025 and against what was known: 4417": [
            "My locker code is 4417.",
            "They changed my locker code to 0093.",
        ],
        "No longer so since 6 March 2025: Ana lives in Porto": ["I live in Porto.", "I no longer live in Porto."],
    }


def test_what_changes_all_the_time_is_no_surprise(told):
    """After three changes of a value nobody expects it to stay."""
    space = told("surprises", *(f"Ana: My desk number is {n}." for n in range(4)))
    (text,) = derived(space, "note")
    assert text.startswith("Ana's desk number is 3,")
    space = told("surprises", *(f"Ana: My desk number is {n}." for n in range(5)))
    assert derived(space, "note") == {}


def test_a_broken_habit_and_a_denial_are_surprises(told):
    """With the person's own words; somebody else's break nobody's habit, and what is yet to come denies nothing."""
    space = told(
        "surprises",
        "Ana: I swim in the lake every morning.",
        "Ben: I didn't swim in the lake at all.",
        "Ben: I moved the old piano to the attic.",
        "Ana: I have not finished the blue scarf yet.",
        "Ana: I skipped the lake swim today, it was too cold.",
        "Ben: I never moved the old piano to the attic!",
        "Ana: I finished the blue scarf.",
    )
    assert derived(space, "note") == {
        'Ana said "I swim in the lake every morning" (3 March 2025), but then "I skipped the lake swim today, it was '
        'too cold" (7 March 2025)': [
            "I swim in the lake every morning.",
            "I skipped the lake swim today, it was too cold.",
        ],
        'Ben said "I moved the old piano to the attic" (5 March 2025), but then "I never moved the old piano to the '
        'attic" (8 March 2025)': [
            "I moved the old piano to the attic.",
            "I never moved the old piano to the attic!",
        ],
    }


@pytest.mark.parametrize("name", ["state", "surprises"])
def test_a_setting_that_there_is_not_is_refused(name):
    """With what there is."""
    with pytest.raises(InputError, match=f"the deriver {name} knows no setting 'speed'"):
        registry.make_deriver(name, {"speed": 1})
