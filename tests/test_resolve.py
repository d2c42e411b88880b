"""From a selector to memories: every trap that forget requests are known to fall into, and what is exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmem.testing.views import ListedView
from agentmem.unlearning import clauses
from agentmem.unlearning.names import Name
from agentmem.unlearning.request import parse
from agentmem.unlearning.resolve import ASKS, resolve
from agentmem.unlearning.selector import (
    Attribute,
    Entity,
    Everything,
    Ids,
    Kind,
    OneOf,
    Said,
    Selector,
    Source,
    Speaker,
    Thread,
    Tool,
    Topic,
    Where,
    Words,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def found(meant: str | Selector, *drafts) -> dict[str, list[str]]:
    """Return the texts of each band; where a part is meant, that part between brackets."""
    view = ListedView(drafts, NOW)
    selector = parse(meant, view, NOW, speaker="Ana").selector if isinstance(meant, str) else meant
    texts = {m.id: m.text for m in view.memories()}
    bands: dict[str, list[str]] = {"selected": [], "asked": [], "near miss": []}
    for n in resolve(selector, view):
        text = texts[n.id]
        for start, end in reversed(n.spans):
            text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
        bands[n.band].append(text)
    return bands


def ana(text: str, **more) -> dict:
    return {"text": text, "speaker": "Ana", **more}


# -- the ten kinds of trap ---------------------------------------------------------------------------------------------


def test_trap_substring():
    """Anna is not in Annapolis, and Art is not in parties."""
    bands = found(Entity("Anna"), "We drove to Annapolis.", "Anna came.", "Joanna and Hannah came.")
    assert bands == {"selected": ["Anna came."], "asked": [], "near miss": []}


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("alice@x.org", "Write to alice.smith@x.org."),
        ("alice@x.org", "Write to malice@x.org."),
        ("alice@x.org", "Write to alice@x.org.uk or alice@x.organic."),
        ("smith@x.org", "Write to alice.smith@x.org."),
        ("Room 10", "It is in Room 101."),
        ("user_1", "That was user_12, not user_1b."),
        ("555-0101", "Dial 555-01012."),
    ],
)
def test_trap_prefix_collision(name, other):
    """An identifier is not a longer one that begins or ends with it."""
    assert found(Entity(name), other, f"It is {name}.") == {
        "selected": [f"It is {name}."],
        "asked": [],
        "near miss": [],
    }


def test_trap_paraphrase_supersession():
    """A property is found in whatever words it was given, the older values too."""
    bands = found(
        "forget my address", ana("I live at 2 Bay Road in Porto."), ana("My address is now 7 Elm Street, Lisbon.")
    )
    assert bands["selected"] == ["I live at 2 Bay Road in Porto.", "My address is now 7 Elm Street, Lisbon."]


def test_trap_negation():
    """What is not about something cannot be told by likeness: all is asked, nothing selected."""
    drafts = ("Work was awful.", "I like tea.")
    bands = found("forget everything that is NOT about work", *drafts)
    assert bands == {"selected": [], "asked": ["Work was awful.", "I like tea."], "near miss": []}
    assert found("forget everything about work except the office", *drafts)["selected"] == []


def test_trap_temporal_qualifier():
    """Old values, the present one, and what was said in a time are three different things."""
    drafts = (
        ana("My address is 1 Oak Road, Porto.", said_at=NOW - timedelta(days=300)),
        ana("My address is now 2 Bay Road, Porto.", said_at=NOW - timedelta(days=200)),
        ana("My address is 3 Elm Street, Porto.", said_at=NOW - timedelta(days=100)),
    )
    texts = [d["text"] for d in drafts]
    assert found("forget my old address", *drafts)["selected"] == texts[:2]
    assert found("forget my current address", *drafts) == {
        "selected": texts[2:],
        "asked": [],
        "near miss": texts[:2],
    }
    assert found("forget what I told you before March 2026", *drafts)["selected"] == texts[:1]


def test_trap_shared_attribute():
    """A value that two people share goes only where it is said of the one who is meant."""
    bands = found(
        "forget Anna's phone number", "Anna's phone number is 555-010-1234.", "Tom's phone number is 555-010-1234."
    )
    assert bands == {
        "selected": ["Anna's phone number is 555-010-1234."],
        "asked": [],
        "near miss": ["Tom's phone number is 555-010-1234."],
    }


def test_trap_compound_fact():
    """Of a sentence about two things, only the clause that is meant goes."""
    bands = found(Entity("Anna"), "Anna lives in Porto and my dentist appointment is on Monday at four.")
    assert bands["selected"] == ["[Anna lives in Porto ]and my dentist appointment is on Monday at four."]
    bands = found("forget my address but keep the city", ana("My address is 12 Elm Street, 4000-123 Porto, Portugal."))
    assert bands["selected"] == ["My address is [12 Elm Street, 4000-123 ]Porto[, Portugal]."]
    bands = found("forget my phone number", ana("My email is a@b.org, and my phone number is 555-010-1234."))
    assert bands["selected"] == ["My email is a@b.org, [and my phone number is 555-010-1234.]"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("555-010-9999", "Call 555.010.9999 now."),
        ("+1 (555) 010-9999", "Call 5550109999 now."),
        ("555-010-9999", "Call +1 555 010 9999 now."),
        ("5550109999", "It is five five five, zero one zero, nine nine nine nine."),
        ("alice@x.org", "Write to alice at x dot org."),
        ("alice@x.org", "Write to alice [at] x [dot] org."),
        ("AB-123-CD", "The plate is AB123CD."),
    ],
)
def test_trap_identifier_obfuscation(name, text):
    """An identifier in other clothes is asked about."""
    assert found(Entity(name), text)["asked"] == [text]
    assert found(Words(name), text)["selected"] == []


@pytest.mark.parametrize(
    ("name", "text", "band"),
    [
        ("Jos\u00e9", "Jose came.", "selected"),
        ("Jose", "JOS\u00c9 came.", "selected"),
        ("Anna", "A\u200bnna came.", "selected"),
        ("M\u00fcller", "Mueller came.", "asked"),
        ("Mueller", "M\u00fcller came.", "asked"),
        ("Anna", "\u042f \u0432\u0438\u0434\u0435\u043b \u0410\u043d\u043d\u0443.", "asked"),
        ("\u0410\u043d\u043d\u0430", "I saw Anna.", "asked"),
        ("\u0418\u0432\u0430\u043d", "\u042f \u0432\u0438\u0434\u0435\u043b \u0418\u0432\u0430\u043d\u0430.", "asked"),
        ("\u7530\u4e2d", "\u7530\u4e2d\u3055\u3093\u304c\u6765\u305f\u3002", "asked"),
        ("\u7530\u4e2d", "\u7530\u4e2d came.", "selected"),
    ],
)
def test_trap_cross_lingual_identifier(name, text, band):
    """Accents make no difference; another script, or one without blanks, is asked about."""
    assert found(Entity(name), text)[band] == [text]


def test_trap_recursive_supersession():
    """Of a chain of values all go, so that none re-opens an older one."""
    drafts = [ana(f"My code is {n}{n}{n}{n}.") for n in range(1, 6)]
    assert found("forget my code", *drafts)["selected"] == [d["text"] for d in drafts]


# -- people ------------------------------------------------------------------------------------------------------------


def test_two_people_of_one_name():
    """Before it is known which Anna, nothing is selected; then the other's memories stay and lone names are asked."""
    drafts = ("Anna Smith came.", "Anna Jones left.", "I saw Anna.")
    assert found("forget Anna", *drafts) == {"selected": [], "asked": list(drafts), "near miss": []}
    view = ListedView(drafts, NOW)
    read = parse("forget Anna", view, NOW)
    bands = {n.id: n.band for n in resolve(read.answered(read.questions[0], "Anna Smith").selector, view)}
    assert bands == {"m0": "selected", "m1": "near miss", "m2": "asked"}
    assert found("forget Anna Smith", *drafts) == {
        "selected": ["Anna Smith came."],
        "asked": ["I saw Anna."],
        "near miss": ["Anna Jones left."],
    }


def test_an_only_anna_is_anna_smith():
    """Where one Anna is known, her first name means her, but not within another's name that is not in memory by cue."""
    bands = found(Entity("Anna Smith", ("Anna",)), "I saw Anna.", "I read Anna Karenina.", "Anna Smith came.")
    assert bands == {
        "selected": ["I saw Anna.", "Anna Smith came."],
        "asked": [],
        "near miss": ["I read Anna Karenina."],
    }


def test_an_ex_is_found_by_relation_and_by_name():
    """My ex is also Anna, in the words of whoever speaks; another's ex is not."""
    bands = found(
        "forget everything about my ex",
        ana("My ex called."),
        ana("Anna is my ex."),
        {"text": "My ex is a painter.", "speaker": "Ben"},
        {"text": "Your ex seems nice.", "speaker": "Ben"},
        {"text": "I met Anna.", "speaker": "Ben"},
    )
    assert bands["selected"] == ["My ex called.", "Anna is my ex.", "Your ex seems nice.", "I met Anna."]
    assert bands["asked"] == []


def test_pronouns_after_a_name_are_asked():
    """She who moved out after Anna was named may be Anna; in another thread, or after another's name, she is not."""
    bands = found(
        Entity("Anna"),
        ana("Anna called, and her voice was low."),
        ana("She moved out in May."),
        ana("Then Bea said that she would come."),
        ana("She was late."),
        ana("She is fine.", thread="other"),
    )
    assert bands == {
        "selected": ["Anna called, and her voice was low."],
        "asked": ["She moved out in May."],
        "near miss": [],
    }


def test_a_name_that_is_a_word():
    """Hope is a friend where she is named amid a sentence; hoping is asked about at most."""
    bands = found(Entity("Hope"), "I hope so.", "I hope you are well.", "My friend Hope is here.", "Hope you are fine!")
    assert bands["selected"] == ["My friend Hope is here."]
    assert len(bands["asked"]) == 3


def test_a_name_within_something_longer_is_asked():
    """Anna-Maria and anna@x.org may be Anna, and may not."""
    bands = found(Entity("Anna"), "I met Anna-Maria.", "Write to anna@x.org.", "Anna's dog barks.")
    assert bands["selected"] == ["Anna's dog barks."]
    assert bands["asked"] == ["I met Anna-Maria.", "Write to anna@x.org."]


def test_forgetting_one_and_keeping_the_other():
    """Where both are named, only the name that is to be forgotten could go, and that is asked."""
    bands = found("forget Anna but keep Tom", "Anna and Tom went to Lisbon.", "Anna left.", "Tom stayed.")
    assert bands["selected"] == ["Anna left."]
    assert bands["asked"] == ["[Anna] and Tom went to Lisbon."]


def test_what_speaks_on_of_a_person_goes_with_the_name():
    """The sentence after the name, with a pronoun, goes too; what then would be left is too little to keep."""
    assert found(Entity("Anna"), "Anna came by. She looked sad.")["selected"] == ["Anna came by. She looked sad."]
    text = "I start my new job on Monday. Anna came by. She looked sad."
    assert found(Entity("Anna"), text)["selected"] == ["I start my new job on Monday. [Anna came by. She looked sad.]"]


# -- values, topics, and what is exact ---------------------------------------------------------------------------------


def test_words_to_the_letter():
    """Only the words go, not what is told around them; and where hardly anything else is told, all of it."""
    bands = found(
        "delete the retired code K4-77-X from memory, keep only the one that replaced it",
        "The door code K4-77-X was changed to K5-12-Z today.",
        "Code: K4-77-X",
    )
    assert bands["selected"] == ["The door code [K4-77-X] was changed to K5-12-Z today.", "[Code: K4-77-X]"[1:-1]]


def test_an_attribute_that_no_rule_reads_is_asked():
    """What speaks of the address without giving one that is understood is asked about, and the value elsewhere."""
    bands = found(
        "forget my address",
        ana("My address is 12 Elm Street, Porto."),
        ana("Send it to my address, please."),
        ana("The parcel went to 12 Elm Street, Porto."),
    )
    assert bands["selected"] == ["My address is 12 Elm Street, Porto."]
    assert bands["asked"] == ["Send it to my address, please.", "The parcel went to 12 Elm Street, Porto."]


def test_whose_attribute_must_be_known():
    """Where two people told their address and it is not known who asks, both are asked about."""
    drafts = (ana("My address is 1 Oak Road."), {"text": "My address is 2 Bay Road.", "speaker": "Ben"})
    assert found(Attribute("", "address"), *drafts)["selected"] == []
    assert len(found(Attribute("", "address"), *drafts)["asked"]) == 2
    assert found(Attribute("Ben", "address"), *drafts)["selected"] == ["My address is 2 Bay Road."]


def test_topics_are_asked_and_never_selected():
    """However many memories are like a topic, ten are asked about and none is selected."""
    bands = found(Topic("pottery class"), *[f"The pottery class number {n} was fun." for n in range(40)])
    assert bands["selected"] == []
    assert len(bands["asked"]) == ASKS == 10
    assert len(bands["near miss"]) == 20


def test_exact_selectors():
    """Ids, times, threads, speakers, sources, tools, kinds and metadata mean what they say, no more and no less."""
    drafts = (
        ana("zero", said_at=NOW - timedelta(days=3), thread="work"),
        ana("one", said_at=NOW - timedelta(days=2)),
        {"text": "two", "speaker": "Ben", "said_at": NOW - timedelta(days=1), "origin": "wiki:17"},
        {"text": "three", "metadata": {"tool": "deploy", "source": "log", "n": 3}},
        {"text": "Call deploy with a token.", "kind": "skill", "parents": ("m3",)},
        {"text": "The deploy tool is slow.", "speaker": "Ben"},
    )
    assert found(Ids(("m1", "m9")), *drafts)["selected"] == ["one"]
    assert found(Said(NOW - timedelta(days=3), NOW - timedelta(days=1)), *drafts)["selected"] == ["zero", "one"]
    assert found(Thread("work"), *drafts)["selected"] == ["zero"]
    assert found(Speaker("ben"), *drafts)["selected"] == ["two", "The deploy tool is slow."]
    assert found(Source("wiki"), *drafts)["selected"] == ["two"]
    assert found(Source("log"), *drafts)["selected"] == ["three"]
    assert found(Where({"n": 3}), *drafts)["selected"] == ["three"]
    assert found(Where({"missing": None}), *drafts)["selected"] == []
    assert found(Kind("skill"), *drafts)["selected"] == ["Call deploy with a token."]
    assert found(Tool("deploy"), *drafts) == {
        "selected": ["three", "Call deploy with a token."],
        "asked": ["The deploy tool is slow."],
        "near miss": [],
    }
    assert len(found(Everything(), *drafts)["selected"]) == 6


def test_selectors_combine():
    """And, or, except and one-of: the least sure of all, the surest of any, nothing that is kept, nothing unasked."""
    drafts = (ana("Anna came."), {"text": "Anna left.", "speaker": "Ben"}, ana("Tea is good."))
    assert found(Entity("Anna") & Speaker("Ana"), *drafts)["selected"] == ["Anna came."]
    assert len(found(Entity("Anna") | Speaker("Ana"), *drafts)["selected"]) == 3
    assert found(Everything() - Speaker("Ana"), *drafts) == {
        "selected": ["Anna left."],
        "asked": [],
        "near miss": ["Anna came.", "Tea is good."],
    }
    assert found(Everything() - Topic("tea"), *drafts)["asked"] == ["Tea is good."]
    assert found(OneOf((Speaker("Ana"),)), *drafts) == {
        "selected": [],
        "asked": ["Anna came.", "Tea is good."],
        "near miss": [],
    }


def test_a_part_and_a_part_of_the_same_memory():
    """Two clauses that are both meant go together; a clause of each that must be both is none."""
    text = "Anna likes the sea very much. I moved to another flat. Tom likes the hills very much."
    assert found(Entity("Anna") | Entity("Tom"), text)["selected"] == [
        "[Anna likes the sea very much. ]I moved to another flat. [Tom likes the hills very much.]"
    ]
    assert found(Entity("Anna") & Entity("Tom"), text)["selected"] == []


def test_state_trajectory_and_environment_requests():
    """One item, one run, and all that came from one tool: the three things an agent is asked to forget."""
    drafts = (
        {"text": "Opened the door.", "thread": "run 7"},
        {"text": "Went to the private house.", "thread": "run 7"},
        {"text": "Deployed.", "metadata": {"tool": "deploy"}, "thread": "run 8"},
    )
    assert found("forget run 7", *drafts)["selected"] == ["Opened the door.", "Went to the private house."]
    assert found("forget everything from the deploy tool", *drafts)["selected"] == ["Deployed."]
    assert found(Ids(("m1",)), *drafts)["selected"] == ["Went to the private house."]


# -- names and clauses -------------------------------------------------------------------------------------------------


@given(st.text(min_size=1, max_size=12), st.text(max_size=40), st.text(max_size=40))
def test_mentions_lie_within_the_text(name, before, after):
    """Whatever the name and the text, mentions are spans of it, in order, and a name among blanks is found."""
    text = f"{before} {name} {after}"
    mentions = Name(name).mentions(text)
    assert all(0 <= m.start < m.end <= len(text) for m in mentions)
    if name.strip().isalnum() and name.isascii():
        assert any(text[m.start : m.end].casefold() == name.strip().casefold() for m in mentions)


@given(st.text(max_size=80), st.lists(st.tuples(st.integers(0, 79), st.integers(1, 9)), max_size=3))
def test_clauses_cover_the_text(text, marks):
    """Clauses are in order and apart, and what is to go holds every mention."""
    parts = clauses.clauses(text)
    assert all(a < b for a, b in parts)
    assert all(first[1] <= second[0] for first, second in pairwise(parts))
    spans = [(a, min(a + n, len(text))) for a, n in marks if a < len(text)]
    taken = clauses.around(text, spans)
    if taken:
        assert all(any(a <= start and end <= b for a, b in taken) for start, end in spans if text[start:end].strip())


def test_arithmetic_of_spans():
    """Spans merge where they touch, and lose what is kept."""
    assert clauses.merged([(5, 7), (0, 3), (3, 4)]) == ((0, 4), (5, 7))
    assert clauses.minus([(0, 10)], [(2, 4), (9, 12)]) == ((0, 2), (4, 9))
    assert clauses.common([(0, 5), (7, 9)], [(3, 8)]) == ((3, 5), (7, 8))
