"""Slots: what a text says of somebody that holds one value at a time, and which value holds when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmem.encoding.slots import SELF, Fact, Key, as_own, asked_slot, latest, read_slots

T0 = datetime(2025, 1, 1, tzinfo=UTC)


def filled(text: str, speaker: str | None = None) -> list[tuple[str, str, str]]:
    return [(s.subject, s.attribute, s.value) for s in read_slots(text, speaker) if not s.ends]


SAME = (
    ("My {a} is now {v}.", "What is my {a} now?"),
    ("I changed my {a} to {v} this morning.", "What's my current {a}?"),
    ("By the way, {v} is my new {a}.", "What is my {a}?"),
    ("Please update my {a}: it's {v} from today on.", "Do you remember my {a}?"),
    ("I've switched to {v} for my {a}.", "Which {a} do I have now?"),
    ("They gave me a new {a}, {v}.", "Can you tell me my {a}?"),
    ("From now on use {v} as my {a}.", "What is the latest value of my {a}?"),
    ("Forget the old {a}, it is {v} these days.", "What's the {a} these days?"),
    ("So the {a} has been set to {v}.", "What is the {a} at the moment?"),
    ("My {a} used to be something else, but now it's {v}.", "What would my {a} be right now?"),
    ("We ended up going with {v} as the {a}.", "Remind me what the {a} is."),
    ("Correction: the {a} should be {v}.", "Tell me the {a}, please."),
    ("My {a}? It's {v} now.", "So what's my {a} these days?"),
    ("Had to reset the {a}; the new one is {v}.", "What is the {a}?"),
    ("{v} will be my {a} from now on.", "What is my most recent {a}?"),
    ("{a}: {v}", "What is the current value of {a}?"),
    ("{a} = {v}", "what is {a}?"),
)


@pytest.mark.parametrize("said", [said for said, _ in SAME])
@pytest.mark.parametrize("what", ["locker code", "favourite tea", "desk number"])
@pytest.mark.parametrize("value", ["4417", "blue heron", "Dr Lindqvist"])
def test_phrasings_of_one_slot_meet(said: str, what: str, value: str) -> None:
    """However a value is stated, and however it is asked for, the key is the same and the value is as written."""
    assert (SELF, what, value) in filled(said.format(a=what, v=value))
    for _, asked in SAME:
        assert asked_slot(asked.format(a=what)) == Key(SELF, what)


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("Ana's phone number is 0455 12.", ("ana", "phone number", "0455 12")),
        ("The capital of France is Paris.", ("france", "capital", "Paris")),
        ("Kenji was born in the city of Osaka.", ("kenji", "born in", "Osaka")),
        ("Lena moved to Porto last month.", ("lena", "home", "Porto")),
        ("My sister Lena moved to Porto.", ("ana sister lena", "home", "Porto")),
        ("I work at Bluefin.", ("ana", "employer", "Bluefin")),
        ("Bluefin was founded by Mara Quist.", ("bluefin", "founder", "Mara Quist")),
        ("Ben plays the position of goalkeeper.", ("ben", "play position", "goalkeeper")),
        ("Ben picked up the ball.", ("ball", "holder", "Ben")),
    ],
)
def test_third_person(text: str, slot: tuple[str, str, str]) -> None:
    """Names, possessives, "of" and verbs that tie a subject to a value are read."""
    assert slot in filled(text, "Ana")


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("What's my locker code now?", Key("ana", "locker code")),
        ("Where does Lena live?", Key("lena", "home")),
        ("Where do I live?", Key("ana", "home")),
        ("Where is the football?", Key("football", "place")),
        ("Who is Lena's boss?", Key("lena", "boss")),
        ("What is the capital of France?", Key("france", "capital")),
        ("Who founded Bluefin?", Key("bluefin", "founder")),
        ("Where was Kenji born?", Key("kenji", "born in")),
        ("What position does Ben play?", Key("ben", "play position")),
        ("Did it rain?", None),
        ("", None),
    ],
)
def test_questions(question: str, key: Key | None) -> None:
    """A question asks for the key that a statement makes; one that asks for no slot says so."""
    assert asked_slot(question, "Ana") == key


def test_several_in_one_text_keep_their_places() -> None:
    """Each assignment of a stream is read, and its span leads back to the words."""
    text = "k1: v1; k2: v two; k1: v3"
    slots = read_slots(text)
    assert [(s.attribute, s.value) for s in slots] == [("k1", "v1"), ("k2", "v two"), ("k1", "v3")]
    assert [text[slice(*s.span)] for s in slots] == ["k1: v1", "k2: v two", "k1: v3"]


def test_an_ending_gives_no_new_value() -> None:
    """What holds no longer is said to end, under the key that had been filled."""
    (lived,) = [s for s in read_slots("I no longer live in Porto.", "Ana") if s.attribute == "home"]
    assert (lived.subject, lived.value, lived.ends) == ("ana", "Porto", True)


@pytest.mark.parametrize(
    "text",
    [
        "What is my locker code?",
        "Hey, long time no see!",
        "see https://example.org/a?x",
        "it is 5:30",
        "Her code is 5.",
        "Thanks, that means a lot to me.",
        "",
        "   ",
        ": ; = : ;",
    ],
)
def test_what_fills_nothing(text: str) -> None:
    """Questions, pleasantries, addresses, times and pronouns that nothing resolves fill no slot."""
    assert read_slots(text, "Ana") == ()


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200)


@given(WORDS, st.none() | st.sampled_from(["Ana", "O'Neil"]))
def test_any_text_can_be_read(text: str, speaker: str | None) -> None:
    """No text breaks the reader; spans lie in the text, keys are normalised and values are not empty."""
    for slot in read_slots(text, speaker):
        assert 0 <= slot.span[0] < slot.span[1] <= len(text)
        assert slot.value
        assert slot.attribute == slot.attribute.strip().lower()
    asked_slot(text, speaker)


TOKEN = st.from_regex(r"[b-df-hj-np-tv-z]{3,8}[0-9]", fullmatch=True)


@given(st.lists(st.tuples(TOKEN, TOKEN), min_size=1, max_size=12))
def test_a_stream_of_pairs_is_read_in_order(pairs: list[tuple[str, str]]) -> None:
    """What is written as "key: value; key: value" is read back."""
    read = read_slots("; ".join(f"{k}: {v}" for k, v in pairs))
    assert [(s.attribute, s.value) for s in read] == pairs


FACTS = st.lists(
    st.builds(
        lambda who, value, day, ends: (who, value, day, ends),
        st.sampled_from(["ana", "ben"]),
        st.sampled_from(["x", "y", "z"]),
        st.integers(0, 6),
        st.booleans(),
    ),
    max_size=14,
).map(
    lambda rows: [
        Fact(str(n), who, "code", value, T0 + timedelta(days=day), n, ends)
        for n, (who, value, day, ends) in enumerate(rows)
    ]
)


def obvious(facts: list[Fact], who: str, moment: datetime) -> str | None:
    """Return what holds at a moment by playing all that had happened until then."""
    value = None
    for fact in sorted(facts, key=lambda f: (f.since, f.order)):
        if fact.subject == who and fact.since <= moment:
            if not fact.ends:
                value = fact.value
            elif fact.value == value:
                value = None
    return value


@given(FACTS, st.data())
def test_latest_is_the_obvious(facts: list[Fact], data: st.DataObject) -> None:
    """At every moment at most one value holds, and it is the one that playing the history gives."""
    state = latest(facts)
    assert [held.fact for held in state.intervals] == facts
    for who in ("ana", "ben"):
        for day in range(8):
            moment = T0 + timedelta(days=day)
            holding = [
                held.fact.value
                for held in state.intervals
                if held.fact.subject == who
                and held.valid_from <= moment
                and (held.valid_to is None or moment < held.valid_to)
            ]
            expected = obvious(facts, who, moment)
            assert holding == ([] if expected is None else [expected])
        now = state.current.get(Key(who, "code"))
        assert (now.value if now else None) == obvious(facts, who, T0 + timedelta(days=9))
    shuffled = latest(data.draw(st.permutations(facts)))
    assert shuffled.current == state.current
    assert {h.fact.id: h for h in shuffled.intervals} == {h.fact.id: h for h in state.intervals}


@given(FACTS.filter(bool), st.data())
def test_erasing_equals_never_having_heard(facts: list[Fact], data: st.DataObject) -> None:
    """What an erased fact had closed is open again: the survivors alone decide."""
    gone = data.draw(st.sampled_from(facts))
    survivors = [fact for fact in facts if fact is not gone]
    assert latest([fact for fact in facts if fact.id != gone.id]) == latest(survivors)
    before = [h for h in latest(facts).intervals if h.fact is not gone]
    for old, new in zip(before, latest(survivors).intervals, strict=True):
        if old.fact.subject != gone.subject:
            assert old == new


def test_erasing_the_newer_opens_the_older() -> None:
    """A code that a newer one had closed holds again once the newer is erased."""
    old = Fact("1", SELF, "code", "4417", T0)
    new = Fact("2", SELF, "code", "9001", T0 + timedelta(days=1))
    both = latest([old, new])
    assert both.current == {Key(SELF, "code"): new}
    assert both.intervals[0].valid_to == new.since
    alone = latest([old])
    assert alone.current == {Key(SELF, "code"): old}
    assert alone.intervals[0].valid_to is None


def test_moments_with_and_without_zone_do_not_mix() -> None:
    """Naive moments beside aware ones are refused rather than guessed at."""
    naive = datetime(2025, 1, 2)  # noqa: DTZ001 - what is refused
    with pytest.raises(TypeError):
        latest([Fact("1", SELF, "code", "a", T0), Fact("2", SELF, "code", "b", naive)])


@pytest.mark.parametrize(
    ("question", "own"),
    [
        ("What did Ana change her locker code to?", ("ana", "what did I change my locker code to?")),
        ("Is Ana Reyes' code short?", ("ana reyes", "is my code short?")),
        ("Tell me Ana's American place.", ("ana", "tell me my American place.")),
        ("What does Ana use for her American place?", ("ana", "what do I use for my American place?")),
        ("What's the latest dentist of Ana?", ("ana", "what's the latest dentist of mine?")),
        ("Which dentist did Ana just get?", ("ana", "which dentist did I just get?")),
        ("What is the current value of the door code?", ("", "what is my door code?")),
        ("What's the latest setting for my thermostat?", ("", "what's my thermostat?")),
        ("Which state of the US do I live in?", None),
        ("What is the value of Ana's code, and of Ben's?", None),
        ("What is my code?", None),
        ("What is Ana's code, and what is Ben's?", None),
        ("What is my code, Ana's?", None),
        ("What did her boss say?", None),
        ("Where's the station?", None),
        ("", None),
    ],
)
def test_anothers_thing_is_asked_for_as_ones_own(question: str, own: tuple[str, str] | None) -> None:
    """One named owner stands for "I" and "my"; of several, of none, or beside oneself, nobody does."""
    assert as_own(question) == own


def test_who_no_longer_has_the_old_one_may_have_a_new_one() -> None:
    """Only an ending that names no old one ends what holds."""
    assert not any(s.ends for s in read_slots("I no longer have the old code."))
    assert [(s.attribute, s.ends) for s in read_slots("I no longer work at Acme.")] == [("employer", True)]
