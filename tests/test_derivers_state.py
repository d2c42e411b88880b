"""What holds now of each subject, and what went against what was expected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import agentmem
from agentmem import Draft, Filter, registry
from agentmem.errors import InputError

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


def test_small_talk_has_no_state(told):
    """Questions and pleasantries give nothing; what is nobody's is said without an owner."""
    space = told("state", "Ana: What is my code?", "Ben: Long time no see!", "Ben: alarm code: 77")
    assert derived(space, "fact") == {"The alarm code is 77": ["alarm code: 77"]}


@pytest.mark.parametrize("name", ["state"])
def test_a_setting_that_there_is_not_is_refused(name):
    """With what there is."""
    with pytest.raises(InputError, match=f"the deriver {name} knows no setting 'speed'"):
        registry.make_deriver(name, {"speed": 1})
