"""Forget requests in words: what is recognised as one, which selector it becomes, and what it asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agentmem.errors import InputError, TextError, TimeError
from agentmem.testing.views import ListedView
from agentmem.unlearning.request import is_request, parse
from agentmem.unlearning.selector import (
    NOTHING,
    AllOf,
    AnyOf,
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
    Understood,
    Where,
    Words,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MARCH = Said(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
WEEK = Said(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC))
SPACE = (
    {"text": "My ex Anna called me today.", "speaker": "Ana"},
    {"text": "I met Tom Reyes at the office.", "speaker": "Ana"},
    {"text": "My address is 12 Elm Street, Porto.", "speaker": "Ana"},
    {"text": "We did pottery, and saw Lisbon.", "speaker": "Ben", "thread": "session_2"},
    {"text": "Version 3 is out.", "metadata": {"tool": "deploy"}},
    {"text": "To deploy, call the deploy tool.", "kind": "skill", "parents": ("m4",)},
    {"text": "The wiki says so.", "metadata": {"source": "wiki"}},
)


def understood(request: str, *drafts, speaker: str | None = "Ana", thread: str | None = "main", **more) -> Understood:
    return parse(request, ListedView(drafts or SPACE, NOW), NOW, speaker=speaker, thread=thread, **more)


def parts(selector: Selector) -> Selector | set[Selector]:
    """Return the parts of a conjunction, whose order means nothing, or the selector itself."""
    return set(selector.parts) if isinstance(selector, AllOf) else selector


@pytest.mark.parametrize(
    "text",
    [
        "forget everything about my ex",
        "Please forget everything about Anna.",
        "Could you please forget my address?",
        "I want you to forget my phone number.",
        "Stop knowing how to use the deploy tool",
        "delete what I told you last March",
        "erase my address from your memory",
        "Hi! We broke up. Please forget everything about Anna.",
        "I changed my mind, please forget my address",
        "Forget that I live in Porto",
        "please forget that",
        "can you please delete this conversation?",
        "don't remember my salary any more",
        "would you mind forgetting my address?",
        "Deletion request: remove the exact label 'red fox' from shared memory.",
        "I want my old address removed from your memory.",
        "Please retire and stop recalling the old gate code GT-4410-X.",
        "Withdraw the earlier estimate of 12,400 EUR from the shared notes.",
        "The old gate code GT-4410-X should be purged from the working memory.",
        "Cleanup note: the earlier room Cedar Hall 12 has been deleted; only Cedar Hall 14 remains.",
        "Done. The earlier quote of 12,400 EUR is removed from the case record.",
        "The retired gate code GT-4410-X must not be recalled.",
        "The earlier gate code GT-4410-X is out of use. Do not revive it in later answers.",
    ],
)
def test_requests_are_recognised(text):
    """What asks to forget is recognised, with its politeness and in the middle of a message."""
    assert is_request(text)


@pytest.mark.parametrize(
    "text",
    [
        "don't forget to buy milk",
        "I forgot my keys",
        "I'll never forget Anna",
        "Forget it.",
        "forget about it",
        "Did you forget my name?",
        "how could you forget my birthday?",
        "I want to forget Anna",
        "Let's forget the past and move on",
        "Forgetting is hard",
        "Forget to lock the door and you are done for",
        "Forget the meeting, let's get lunch",
        "forget-me-nots are lovely",
        "delete the file foo.txt",
        "Remove the second paragraph please",
        "Can you clear the table?",
        "Could you delete the last sentence of my essay?",
        "Deletion request logged: keep only the code BX-2291.",
        "Stop using plastic bags, please",
        "Don't keep me waiting",
        "The old branch feature-x1 was deleted",
        "Was the old code BX-2291 deleted from memory?",
        "Is it true that the old code BX-2291 is deleted from your memory?",
        "If the old code BX-2291 is deleted from memory, tell me",
        "The file has been removed from the records",
        "Recap before deletion work: the code is BX-2291 and the earlier one stays for now",
        "Cleanup plan: the old code BX-2291 is deleted next week",
        "Nothing has been deleted from memory",
        "Do not mention it again",
        "",
    ],
)
def test_talk_of_forgetting_is_no_request(text):
    """What only speaks of forgetting, or of deleting other things, is left alone."""
    assert not is_request(text)


def test_no_turn_of_people_talking_is_taken_for_a_request(data):
    """Of the turns of five long conversations between people, none is taken for a request."""
    from agentmem.formats import locomo

    turns = [d.text for s in locomo.load(data / "locomo" / "locomo_dev.json") for d in s.drafts]
    assert [t for t in turns if is_request(t)] == []


@pytest.mark.parametrize(
    ("request_", "meant"),
    [
        ("forget everything about Lisbon", Entity("Lisbon")),
        ("Forget everything about lisbon!", Entity("Lisbon")),
        ("forget Tom Reyes and Lisbon", Entity("Tom Reyes") | Entity("Lisbon")),
        ("forget the pottery class", Topic("pottery class")),
        ("delete all you know about pottery, please", Topic("pottery")),
        ("delete what I told you last March", Speaker("Ana") & MARCH),
        ("forget everything from last March", MARCH),
        ("forget everything before 3 May", Said(None, datetime(2026, 5, 3, tzinfo=UTC))),
        ("forget all I said since 3 May", Speaker("Ana") & Said(datetime(2026, 5, 3, tzinfo=UTC), None)),
        (
            "forget what we talked about between 3 May and 5 May",
            Said(datetime(2026, 5, 3, tzinfo=UTC), datetime(2026, 5, 6, tzinfo=UTC)),
        ),
        ("forget everything I told you in the last 2 hours", Speaker("Ana") & Said(NOW - timedelta(hours=2), None)),
        ("forget everything Ben said", Speaker("Ben")),
        ("delete all messages from Ben", Speaker("Ben")),
        ("forget what Ben said about pottery", Speaker("Ben") & Topic("pottery")),
        ("forget session 2", Thread("session_2")),
        ("delete this conversation", Thread("main")),
        ("forget our last conversation", Thread("session_2")),
        ("forget what I said in session 2", Speaker("Ana") & Thread("session_2")),
        ("stop knowing how to use the deploy tool", Tool("deploy")),
        ("forget everything from the wiki", Source("wiki")),
        ("forget everything in the namespace work", Where({"namespace": "work"})),
        ("forget all your summaries", Kind("summary")),
        ("forget my address", Attribute("Ana", "address")),
        ("forget my old address", Attribute("Ana", "address", which="former")),
        ("forget where I live", Attribute("Ana", "home")),
        ("forget my address but keep the city", Attribute("Ana", "address") - Attribute("Ana", "city")),
        ("forget everything about Lisbon except the trip", Entity("Lisbon") - Topic("trip")),
        ("forget everything except what Ben said", Everything() - Speaker("Ben")),
        ("forget everything that is NOT about work", OneOf((Everything() - Topic("work"),))),
        ("forget what we discussed this week about pottery", WEEK & Topic("pottery")),
        ("forget everything about Lisbon that I said in March", Entity("Lisbon") & Speaker("Ana") & MARCH),
        ("forget all of March", MARCH),
        ("forget everything from March to April", Said(MARCH.since, datetime(2026, 5, 1, tzinfo=UTC))),
        ("forget everything older than a month", Said(None, datetime(2026, 10, 26, 12, tzinfo=UTC))),
        ("forget everything up to 1 June", Said(None, datetime(2026, 6, 1, tzinfo=UTC))),
        ("remove all mentions of Lisbon from your memory", Entity("Lisbon")),
        ("forget all messages that mention Lisbon", Entity("Lisbon")),
        ("forget that Lisbon exists", Entity("Lisbon")),
        ("I don't want you to remember Lisbon any more", Entity("Lisbon")),
        ("I'd prefer it if you forgot Lisbon", Entity("Lisbon")),
        ("forget Ben's messages", Speaker("Ben")),
        ("forget what I just said", Ids(("m2",))),
        ("forget my last two messages", Ids(("m1", "m2"))),
        ("forget everything the deploy tool returned", Tool("deploy")),
        ("forget the conversation about Lisbon", Entity("Lisbon")),
        ("forget the label 'red fox'", Words("red fox")),
        ("delete my phone number +351 912 345 678", Words("+351 912 345 678")),
        (
            "Deletion request: remove the exact note 'Project Fir = Oak Bank' from memory.",
            Words("Project Fir = Oak Bank") | Words("Oak Bank"),
        ),
        (
            "Delete the exact mapping from memory: that Project Fir corresponds to Oak Bank.",
            AnyOf((Words("Oak Bank"),)),
        ),
        (
            "Delete the older details from memory: code AX-77-Q, Cedar Hall 12 and 12,400 EUR.",
            AnyOf((Words("AX-77-Q"), Words("12,400 EUR"), Words("Cedar Hall 12"))),
        ),
        (
            "Delete the earlier code AX-77-Q from memory because BX-91-R is in use now.",
            AnyOf((Words("AX-77-Q"),)),
        ),
        (
            "Cleanup note: the earlier code AX-77-Q has been deleted; BX-91-R remains.",
            AnyOf((Words("AX-77-Q"),)),
        ),
        (
            "Delete the older wording 'on site through May 3, 2026' from memory.",
            AnyOf((Words("on site through May 3, 2026"),)),
        ),
        ("forget the memory 01ARZ3NDEKTSV4RRFFQ69G5FAV", Ids(("01ARZ3NDEKTSV4RRFFQ69G5FAV",))),
    ],
)
def test_a_request_becomes_a_selector(request_, meant):
    """People, topics, times, threads, speakers, sources, tools, kinds, properties, exceptions: each by its rule."""
    read = understood(request_)
    selector = read.selector.parts[0] if isinstance(meant, Words) else read.selector
    assert parts(selector) == parts(meant)
    assert read.questions == ()


def test_a_relation_is_who_goes_by_it():
    """What the speaker calls "my ex" is meant, and whoever stands beside those words, also by a name given with it."""
    ex = (Entity("my ex") & Speaker("Ana")) | (Entity("your ex") - Speaker("Ana"))
    assert understood("forget everything about my ex").selector == ex | Entity("Anna")
    assert understood("forget my ex Anna").selector == ex | Entity("Anna")


def test_two_people_of_one_relation_are_asked_about():
    """Where the speaker had two, neither is selected before it is known which."""
    read = understood("forget my ex", {"text": "My ex Anna called.", "speaker": "Ana"}, "Bea is my ex-girlfriend.")
    assert [q.text for q in read.questions] == ["Who is meant by 'my ex'?"]
    answered = read.answered(read.questions[0], "Bea")
    assert answered.questions == ()
    assert Entity("Bea") in answered.selector.parts
    assert Entity("Anna") not in answered.selector.parts


def test_two_people_of_one_name_are_asked_about():
    """Anna is nobody in particular where two are known; all that could be meant is asked until it is answered."""
    read = understood("forget Anna", "Anna Smith came.", "Anna Jones came.")
    assert read.selector == OneOf((Entity("Anna"),))
    (question,) = read.questions
    assert [c.label for c in question.choices] == ["Anna Jones", "Anna Smith", "all of them"]
    assert read.answered(question, "all of them").selector == Entity("Anna")
    with pytest.raises(InputError, match="'Bob' is no answer to 'Which Anna is meant\\?'"):
        read.answered(question, "Bob")


def test_a_nickname_and_a_speaker_are_asked_about():
    """Whether "Mel" is Melanie, and whether what she said herself is meant too, is asked and not assumed."""
    drafts = [{"text": "Hi Mel! Melanie, meet Caro.", "speaker": "Caroline"}, {"text": "Hi!", "speaker": "Melanie"}]
    read = understood("forget everything about Melanie", *drafts, speaker="Caroline")
    assert [q.text for q in read.questions] == [
        "Is Mel the same as Melanie?",
        "Melanie speaks here as well. Forget all that Melanie said, too?",
    ]
    no_to_both = read.answered(read.questions[0], "no").answered(read.questions[1], "no")
    assert [p for p in no_to_both.selector.parts if p != NOTHING] == [Entity("Melanie")]


def test_a_misspelt_name_is_asked_about():
    """A name that nothing holds is not taken for a near one without asking."""
    read = understood("forget everything about Lisbonn")
    assert read.questions[0].text == "Nothing names Lisbonn. Who or what is meant?"
    assert "Lisbon" in [c.label for c in read.questions[0].choices]


def test_an_ambiguous_date_is_asked_about():
    """5/9/2026 may be in May or in September."""
    read = understood("forget what I said on 5/9/2026")
    (question,) = read.questions
    may = Said(datetime(2026, 5, 9, tzinfo=UTC), datetime(2026, 5, 10, tzinfo=UTC))
    assert read.answered(question, "2026-05-09").selector == Speaker("Ana") & may


def test_what_cannot_be_clear_is_asked():
    """Pronouns without a name, everything at once, and threads that are not there need an answer or another request."""
    assert understood("forget that").questions[0].choices == ()
    everything = understood("forget everything")
    assert everything.selector == OneOf((Everything(),))
    assert everything.answered(everything.questions[0], "no").selector == NOTHING
    assert "there are: none" not in understood("forget the thread zebra").questions[0].text
    assert understood("forget the thread zebra").questions[0].text.startswith("No thread is called 'zebra'")
    assert understood("delete this conversation", thread=None).questions[0].text == "Which conversation is meant?"


def test_who_asks_must_be_known_where_several_speak():
    """What "I told you" is nobody's in particular among several people, unless it is said who asks."""
    read = understood("forget what I told you", speaker=None)
    assert [c.label for c in read.questions[0].choices] == ["Ana", "Ben"]


def test_names_that_are_dates_are_names():
    """A thing called like a day or a month is that thing where memories name it so."""
    assert understood("forget April", "We asked April O'Neil, and April came.").selector == Entity("April")
    assert understood("forget everything from April").selector == Said(
        datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    )


def test_a_time_in_a_topic_belongs_to_the_topic():
    """The trip in March may have been told later, so the time narrows nothing down."""
    assert understood("forget the trip in March").selector == Topic("trip in March")


def test_several_requests_in_one_message_are_all_meant():
    """Two sentences that ask are two requests, and one that says what stays belongs to the one before."""
    read = understood("Please forget Lisbon. Also forget my address. Keep the city.", *SPACE)
    assert read.selector == Entity("Lisbon") | (Attribute("Ana", "address") - Attribute("Ana", "city"))


def test_a_model_may_propose_and_is_asked_about():
    """A proposal is checked against what is there, never selected unasked, and not wanted where rules suffice."""
    seen = []

    def propose(request, context):
        seen.append((request, context["threads"]))
        return {"thread": {"name": "session_2"}}

    read = understood("forget the thing with the clay", propose=propose)
    assert read.selector == OneOf((Thread("session_2"),))
    assert read.answered(read.questions[0], "yes").selector == Thread("session_2")
    assert seen == [("forget the thing with the clay", ["main", "session_2"])]
    assert understood("forget Lisbon", propose=propose).selector == Entity("Lisbon")
    assert len(seen) == 1
    assert understood("forget the clay", propose=lambda *_: None).selector == Topic("clay")


@pytest.mark.parametrize(
    ("proposal", "message"),
    [
        ('{"thread": {"name": "session_9"}}', "names the thread 'session_9', which is not there"),
        ('{"any": {"parts": [{"ids": {"ids": ["x"]}}]}}', "a memory that is not there: 'x'"),
        ('{"threads": {}}', "no selector is called 'threads'"),
        ("the thread", "is no JSON"),
    ],
)
def test_a_bad_proposal_is_refused(proposal, message):
    """A model's rubbish is an error that says what is wrong with it."""
    with pytest.raises(InputError, match=message):
        understood("forget the clay", propose=lambda *_: proposal)


@pytest.mark.parametrize("word", ["about ", "everything ", "5 ", "a, ", "that I said ", "keep ", "from ", "A. ", "my "])
def test_endless_repetition_is_read_all_the_same(word):
    """A request that repeats itself up to the limit is read to some end, by rules that do not run away."""
    read = understood("forget " + word * (1900 // len(word)))
    assert isinstance(read.selector, Selector)


def test_bad_requests_are_refused():
    """An empty request, an endless one and a naive clock get their errors."""
    with pytest.raises(TextError, match="the request is empty"):
        understood("  ")
    with pytest.raises(TextError, match="the most is 2000"):
        understood("forget " + "x" * 2000)
    with pytest.raises(TimeError, match="has no time zone"):
        parse("forget last March", ListedView(SPACE, NOW), NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    "selector",
    [
        Entity("Anna", ("Annie",)) | Topic("x") | Words("red fox"),
        (Said(NOW, None) & Speaker("Ana")) - Where({"a": 1, "b": None}),
        OneOf((Everything(), Kind("fact"), Ids(("m1", "m2")))),
        Attribute("", "address", which="former") | Tool("deploy") | Source("wiki") | Thread("t"),
        NOTHING,
    ],
)
def test_selectors_pass_through_json(selector):
    """What goes to JSON comes back equal."""
    assert Selector.from_json(selector.to_json()) == selector


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "the selector is no JSON"),
        ("[]", "selector must be an object of one key"),
        ('{"entity": {}}', "selector.entity lacks something it needs; it may be given aliases, name"),
        ('{"entity": {"name": 3}}', "selector.entity.name must be text, not 3"),
        ('{"entity": {"called": "x"}}', "selector.entity has no field 'called'; it has name, aliases"),
        ('{"entity": []}', "selector.entity must be an object of its fields"),
        ('{"said": {"since": "2026-03-01"}}', "selector.said.since must say its time zone"),
        ('{"said": {"since": "March"}}', "selector.said.since must be a time such as"),
        ('{"kind": {"name": "x"}}', "no kind of memory is called 'x'"),
        ('{"attribute": {"subject": "", "attribute": "a", "which": "x"}}', "which='x' must be"),
        ('{"any": {"parts": {}}}', "selector.any.parts must be a list"),
        ('{"all": {"parts": [{"thread": 1}]}}', r"selector.all.parts\[0\].thread must be an object"),
        ('{"where": {"metadata": {"a": []}}}', "must be an object of plain values"),
    ],
)
def test_bad_json_is_refused_with_its_place(text, message):
    """An error names the part at fault."""
    with pytest.raises(InputError, match=message):
        Selector.from_json(text)
