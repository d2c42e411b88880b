"""Where a thing is that somebody carries: told by its holders' ways, and told anew when one of them is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agentmem import Filter
from agentmem.encoding.slots import Key, read_slots
from agentmem.ledger import rows
from agentmem.ledger.slots import Said
from agentmem.reading.extractive import read
from agentmem.recall.whereabouts import whereabouts

BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
STORY = (
    "Ana went to the garden.",
    "Ana took the ball.",
    "Ben went to the attic.",
    "Ana went to the hallway.",
    "Ana dropped the ball.",
    "Ana went to the kitchen.",
)


def at(minute: int) -> datetime:
    return BEGAN + timedelta(minutes=minute)


def told(*texts: str):
    """Return what is said of a subject's attribute in a story of one sentence a minute, newest first as the ledger."""
    said = [
        Said(n, f"m{n}", slot.subject, slot.attribute, slot.value, slot.ends, rows.micros(at(n)), None)
        for n, text in enumerate(texts, 1)
        for slot in read_slots(text)
    ]
    return lambda subject, attribute: [s for s in reversed(said) if (s.subject, s.attribute) == (subject, attribute)]


def ruled(*texts: str, thing: str = "ball", now: int = 99):
    """Return (place, the memories in the order in which they are to be read), or None."""
    found = whereabouts(Key(thing, "place"), told(*texts), at(now))
    if found is None:
        return None
    ruling, behind = found
    return ruling.facts[ruling.first].value, (ruling.first, *behind)


def remember(space, *texts: str) -> list[str]:
    return [space.remember(text, said_at=at(n))[0] for n, text in enumerate(texts, 1)]


def first(space, question: str, n: int, **options) -> list[str]:
    return [e.memory.text for e in space.recall(question, **options).evidence[:n]]


@pytest.mark.parametrize(
    ("until", "place", "because"),
    [
        (2, "garden", ("m1", "m2")),  # where she was when she took it
        (3, "garden", ("m1", "m2")),  # where others go does not matter
        (4, "hallway", ("m4", "m2")),  # it goes where she goes
        (5, "hallway", ("m4", "m5")),  # and stays where it is dropped
        (6, "hallway", ("m4", "m5")),
    ],
)
def test_a_thing_goes_where_its_holder_goes(until, place, because):
    """From taking to dropping a thing is with its holder, and after that where it was dropped."""
    assert ruled(*STORY[:until]) == (place, because)


def test_it_is_given_from_hand_to_hand():
    """Who takes a thing after another holds it alone, wherever the other goes."""
    story = (*STORY[:4], "Ben took the ball.", "Ana went to the kitchen.")
    assert ruled(*story) == ("attic", ("m3", "m5"))
    assert ruled("Ana took the ball.", "Ana gave the ball to Ben.", "Ben went to the attic.") == ("attic", ("m3", "m2"))


def test_where_it_was_before():
    """The place before another is known by three memories: its own, what parted it from there, and the next place."""
    assert ruled(*STORY, thing="ball before the hallway") == ("garden", ("m1", "m5", "m4"))
    assert ruled(*STORY, thing="ball before the garden") is None
    assert ruled(*STORY, thing="ball before the moon") is None


def test_what_is_said_of_the_thing_itself_counts_too():
    """The newest decides, be it said of the thing or of its holder."""
    assert ruled(*STORY, "The ball is in the cellar.") is not None
    said = told(*STORY)
    seen = Said(7, "m7", "ball", "place", "cellar", False, rows.micros(at(7)), None)
    both = whereabouts(
        Key("ball", "place"),
        lambda who, what: [*([seen] * ((who, what) == ("ball", "place"))), *said(who, what)],
        at(9),
    )
    assert both is not None
    assert (both[0].first, both[0].facts["m7"].value, both[1]) == ("m7", "cellar", ())


def test_nothing_is_ruled_where_nothing_is_carried():
    """People, things nobody took, holders whose place nobody told, things of one's own and other attributes: None."""
    assert ruled(*STORY, thing="ana") is None
    assert ruled(*STORY, thing="lamp") is None
    assert ruled("Ana took the ball.") is None
    assert ruled("I went to the garden.", "I took the ball.") is None
    assert ruled("Ana dropped the ball.", "Ana went to the garden.") is None
    assert whereabouts(Key("ball", "holder"), told(*STORY), at(99)) is None


def test_later_than_asked_does_not_count():
    """At a moment in the past the thing is where it then was."""
    assert ruled(*STORY, now=3) == ("garden", ("m1", "m2"))


def test_recall_reads_the_place_first_and_what_it_follows_from_behind_it(space):
    """The two memories lead, the place first, however few are wanted; the answer is the place."""
    remember(space, *STORY)
    assert first(space, "Where is the ball?", 2) == [STORY[3], STORY[4]]
    assert first(space, "Where was the ball before the hallway?", 3) == [STORY[0], STORY[4], STORY[3]]
    assert [e.memory.text for e in space.recall("Where is the ball?", k=1).evidence] == [STORY[3]]
    scores = [e.score for e in space.recall("Where is the ball?").evidence]
    assert scores == sorted(scores, reverse=True)
    found = space.recall("Where is the ball?")
    assert "hallway" in read(found.query, found.evidence, confidence=found.confidence).text


def test_forgetting_changes_the_answer_back(space):
    """Nothing of it is stored: without her way to the hallway it is in the garden; without the taking, nowhere."""
    ids = remember(space, *STORY)
    space.erase([ids[3]])
    assert first(space, "Where is the ball?", 2) == [STORY[0], STORY[4]]
    again = space.remember("Ben took the ball.", said_at=at(20))[0]
    assert first(space, "Where is the ball?", 1) == [STORY[2]]
    space.erase([again])
    assert first(space, "Where is the ball?", 2) == [STORY[0], STORY[4]]
    space.erase([ids[1]])
    assert "valid" not in space.recall("Where is the ball?").evidence[0].signals


def test_what_a_filter_hides_is_not_followed(space):
    """Of another thread nothing is known, and as of an earlier moment the later ways are not."""
    remember(space, *STORY)
    assert first(space, "Where is the ball?", 2, filter=Filter(as_of=at(3))) == [STORY[0], STORY[1]]
    space.remember("Ben took the ball.", thread="other", said_at=at(20))
    assert first(space, "Where is the ball?", 1) == [STORY[2]]
    hidden = space.recall("Where is the ball?", filter=Filter(threads=("other",))).evidence
    assert [e.memory.text for e in hidden] == ["Ben took the ball."]
    assert "valid" not in hidden[0].signals
