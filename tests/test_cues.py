"""Rule cues: the entities a text names and the time of its event."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmem.encoding.cues import MAX_ENTITIES, batch_cues, find_entities, rule_cues
from agentmem.errors import TimeError
from agentmem.types import Cues

SAID = datetime(2023, 6, 9, 19, 55, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("Hey Anna! I went to the Bay Area with Dr. Seuss and Bo's dog.", ("Anna", "Bay Area", "Dr. Seuss", "Bo")),
        ("We read The Lord of the Rings again", ("The Lord of the Rings",)),
        ('I loved "Nothing is Impossible", truly', ("Nothing is Impossible",)),
        ("Luna is my cat.", ("Luna",)),
        ("Painting's great. Wow, Music is fun. Thanks so much! I'm off.", ()),
        ("Nora and Johan met J.K. Rowling in New York City", ("Nora", "Johan", "J.K. Rowling", "New York City")),
        ("#pride, says @mel_b", ("#pride", "@mel_b")),
        ("mail me at a@b.org", ()),
        ("She works at NASA, then AT&T; on Monday in May", ("NASA", "AT&T")),
        ("I live in Room 101, at the University of Oxford", ("Room 101", "University of Oxford")),
        ("WHY ARE YOU ALWAYS SHOUTING AT PETER", ()),
        ("Paris, then paris, then PARIS and Rome: in Paris again", ("Paris", "Rome")),
        (
            "\u042f \u0435\u0434\u0443 \u0432 \u041c\u043e\u0441\u043a\u0432\u0443",
            ("\u041c\u043e\u0441\u043a\u0432\u0443",),
        ),
        ("\u6211\u6628\u5929\u53bb\u4e86\u201cHarry Potter\u201d", ("Harry Potter",)),
        ("", ()),
        ("\x00\u202e\U0001f600", ()),
    ],
)
def test_entities_are_what_a_text_names(text, entities):
    """Names, titles, tags and handles are found; what only begins a sentence is not."""
    assert find_entities(text) == entities


def test_known_names_are_found_in_any_case_and_place():
    """A speaker's name counts also in lower case and at the beginning of a sentence, but not inside a word."""
    assert find_entities("mel came. so did JOHN. melon", names=("Mel", "John", "Max")) == ("Mel", "John")


def test_the_time_is_that_of_the_event():
    """The cue's time is the main time expression, resolved against when it was said."""
    cues = rule_cues("I was in Rome last year.", SAID)
    assert cues.entities == ("Rome",)
    assert cues.when is not None
    assert (cues.when.start, cues.when.end) == (datetime(2022, 1, 1, tzinfo=UTC), datetime(2023, 1, 1, tzinfo=UTC))
    assert rule_cues("I was in Rome.", SAID).when is None


def test_a_batch_reads_each_text_on_its_own():
    """A batch gives what each text gives alone, so that forgetting one changes no other."""
    texts = ["Hi Anna, I saw Rome yesterday", "Rome", "", "anna?"]
    assert batch_cues(texts, [SAID] * 4, names=["Anna"]) == [rule_cues(t, SAID, names=["Anna"]) for t in texts]
    with pytest.raises(ValueError, match="shorter"):
        batch_cues(texts, [SAID])


def test_naive_moments_are_refused():
    """A naive said_at is refused."""
    with pytest.raises(TimeError, match="time zone"):
        rule_cues("Rome", datetime(2023, 6, 9))  # noqa: DTZ001


def test_ten_megabytes_are_read_up_to_the_bound():
    """A huge text gives the cues of its beginning, and at most the allowed number of entities."""
    names = " and ".join(f"in City{chr(65 + i // 26)}{chr(97 + i % 26)}x" for i in range(200))
    cues = rule_cues(names + " x" * 5_000_000 + " Rome yesterday", SAID)
    assert len(cues.entities) == MAX_ENTITIES
    assert cues.entities[:2] == ("CityAax", "CityAbx")
    assert cues.when is None


@pytest.mark.parametrize(
    "text",
    ["A " * 50_000, '"' * 50_000, "Lord of " * 10_000, "3 more " * 3_000, "0-" * 10_000, "@" * 50_000, "May " * 5_000],
)
def test_hostile_repetitions_are_read(text):
    """Texts made to make a pattern backtrack still give cues."""
    assert isinstance(rule_cues(text, SAID), Cues)


LANGUAGES = (
    "Hallo Welt", "Bonjour le monde", "Hola Mundo", "Ciao mondo", "Olá Mundo", "Hallo wereld",
    "Hej världen", "Hei maailma", "Tere maailm", "Sveika pasaule", "Labas pasauli", "Witaj świecie",
    "Ahoj světe", "Helló világ", "Salut lume", "Здраво свете", "Привет мир", "Геиа κόσμε",
    "Merhaba dünya", "مرحبا بالعالم", "שלום עולם", "سلام دنیا", "नमस्ते दुनिया", "হ্যালো",
    "வணக்கம்", "నమస్కారం", "ನಮಸ್ಕಾರ", "നമസ്കാരം", "හෙලෝ", "สวัสดี", "ສະບາຍດີ", "မင်္ဂလာပါ",
    "សួស្តី", "Xin chào", "Halo dunia", "你好世界", "こんにちは", "안녕", "გამარჯობა", "Բարեւ", "ሰላም",
)  # fmt: skip


@pytest.mark.parametrize("text", LANGUAGES)
def test_forty_languages_are_read(text):
    """A text in any language gives cues, with the ISO date it holds."""
    cues = rule_cues(f"{text} 2021-03-04", SAID)
    assert cues.when is not None
    assert cues.when.start == datetime(2021, 3, 4, tzinfo=UTC)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200), names=st.lists(st.text(max_size=8), max_size=4))
def test_any_text_gives_entities_that_stand_in_it(text, names):
    """Whatever is written, each entity stands in the text (names in any case), and none twice."""
    found = find_entities(text, names=names)
    known = {name.casefold() for name in names}
    for entity in found:
        assert entity in text or entity.casefold() in known
    assert len({e.casefold() for e in found}) == len(found)
