"""What a text says that a known thing now is, and which of one's own things a question asks for."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmem.encoding.slots import (
    SELF,
    Key,
    as_written,
    asked_known,
    asked_loosely,
    asked_slot,
    likely_slots,
    named_slots,
)
from agentmem.encoding.stated import SCAN_LIMIT, Stated, stated

SAID = (
    ("Hey! Quick thing, my {a} has become {v}.", "Do you have my current {a}?"),
    ("You can forget my old {a}; {v} is the one I use now.", "What did I pick for my {a}?"),
    ("So I caved and got {v} as my {a} after all.", "Remind me which {a} I settled on?"),
    ("Okay so {v} it is for my {a}, final answer.", "What's the final answer on my {a}?"),
    ("I'm done dithering: {v} is going to be my {a}.", "Tell me what my {a} is going to be."),
    ("They made me pick a new {a}, so I took {v}.", "What did I take as my {a}?"),
    ("As of the first of May, my {a} is {v}.", "What is my {a} as of the first of May?"),
    ("I hereby notify you of a change: my {a} is henceforth {v}.", "Please state my {a}."),
    ("The {a} currently assigned to me is {v}.", "Which {a} is currently assigned to me?"),
    ("Kindly update my {a} in your records to {v}.", "Could you please look up my {a}?"),
    ("The committee approved {v} as our {a}.", "What did the committee approve as our {a}?"),
    ("It has been agreed that {v} will be the {a} going forward.", "What will the {a} be going forward?"),
    ("{a}: {v} (updated)", "{a} now?"),
    ("{a} = {v} now", "{a} = ?"),
    ("my {a}... {v}", "my {a}... what is it?"),
    ("FYI {a} moved to {v}", "where's my {a} now"),
    ("{v} = my {a}", "what's {a}"),
    ("Now I am using {v} for my {a}.", "Which {a} I am using now?"),
    ("My {a} it changed and now is {v}.", "How is my {a} now?"),
    ("From today is {v} my {a}.", "What is from today my {a}?"),
    ("I have now other {a}, it is called {v}.", "What is called my {a}?"),
    ("They gave to me {v} for the {a}.", "What they gave to me for the {a}?"),
    ("The {a} of me is {v} at the moment.", "What is the {a} of me?"),
    ("{v}. Yes, that is really my {a} now.", "What is really my {a} now?"),
    ("We went to the lake on Sunday, and by the way, my {a} is {v} now.", "By the way, what's my {a}?"),
    ("{v} - not bad for a {a}, and it's mine from today.", "What's mine for a {a}?"),
    ("After three weeks of waiting, I was finally given {v} as my new {a}.", "What was I given as my new {a}?"),
    ("I asked for a different {a} and got {v}.", "What {a} did I get?"),
    ("Since the {a} broke, I've switched to {v}.", "What {a} have I switched to?"),
    ("My {a} changed when we reorganised last month; these days it's {v}.", "What's my {a} these days?"),
    ("{v} has taken over as my {a}.", "What has taken over as my {a}?"),
    ("Update on the {a} front: we're going with {v}.", "What's happening on the {a} front?"),
    ("Turns out {v} was available, so it's my {a} now.", "What's my {a} right now, please?"),
    ("Dad insisted on {v} for the {a}, so be it.", "Which {a} did dad insist on?"),
    ("I've officially moved on from my previous {a} and onto {v}.", "What have I moved onto as my {a}?"),
    ("My {a} is no longer the same; {v} took its place.", "What took the place of my {a}?"),
    ("Got my {a} today, {v}!", "What {a} did I get?"),
    ("{v} works best as my {a}, so I'm keeping it.", "Which {a} am I keeping?"),
    ("The company gave everybody a new {a}; mine is {v}.", "What's my own {a}?"),
    ("As for my {a}, you can put down {v}.", "What should you put down for my {a}?"),
    ("My {a}'s {v} now.", "What's my {a} at the minute?"),
    ("I decided to make {v} my {a}.", "What did I decide to make my {a}?"),
    ("My {a} has been {v} for a week.", "What's been my {a} for a week?"),
    ("I thought about it a lot and my {a} has to be {v}.", "What does my {a} have to be?"),
    ("I'm switching my {a}. {v}, starting tomorrow.", "What am I switching my {a} to?"),
    ("In the end it was {v} that I chose as my {a}.", "What was it that I chose as my {a}?"),
    ("Did I mention my {a} is {v} now?", "Did I mention what my {a} is?"),
    ("Good news: {v} agreed to be my {a}!", "Who agreed to be my {a}?"),
    ("I've updated my {a}\u2014{v}.", "Which {a} should I be using?"),
    ("My {a}'s been changed, it's now {v}.", "What's my {a} been changed to?"),
    ("The {a} we settled on is {v}.", "What {a} did we settle on?"),
    ("They've assigned me a new {a}, which is {v}.", "What's the new {a} they assigned me?"),
    ("Just got my {a}: {v}!", "Which {a} did they give me?"),
    ("For my {a}, it's {v}.", "For my {a}, what is it?"),
    ("Guess what, I switched to {v} for {a}.", "Have I switched my {a}? To what?"),
    ("Starting tomorrow you should use {v} as the {a}.", "Which {a} should you use from tomorrow?"),
    ("My {a} is no longer the old one but {v}.", "What's my {a} instead of the old one?"),
    ("Instead of the old {a} I now use {v}.", "What do I use instead of the old {a}?"),
    ("If you need my {a}, it's {v}.", "If I need my {a}, what is it?"),
    ("I got assigned {v} as my {a}.", "What {a} was I assigned?"),
)
"""Statements and questions that the rules were developed on."""
UNSEEN = (
    ("Ugh, finally sorted it, {v} is what my {a} ended up being.", "So what did my {a} end up being?"),
    ("oh btw they swapped my {a} over to {v} this morning", "what's my {a} these days, do you know?"),
    ("You won't believe it but I actually went and chose {v} for the {a} haha", "Hey, which {a} did I go for again?"),
    ("Long story short, the {a} is {v} until further notice.", "What is the {a} until further notice?"),
    ("My sister talked me into {v} as my {a}, and I love it.", "What {a} have I got at the moment?"),
    ("guess who's got a new {a}... it's {v}!", "can you tell me my {a}?"),
    ("I was torn for ages but with the {a} I've landed on {v}.", "With the {a}, what did I land on?"),
    ("So the {a} thing: {v}. Done.", "What's the deal with my {a} now?"),
    ("The old {a} is history, I'm on {v} now.", "What {a} am I on now?"),
    ("After the meeting my {a} got bumped to {v}, no idea why.", "I can't remember my {a}, what is it?"),
    ("Just so we're on the same page, {v} \u2013 that's my {a}.", "Can you read me back my {a}?"),
    ("If anyone asks, my {a} is {v}.", "If somebody asks me for my {a}, what do I say?"),
    ("Please be advised that my {a} has been amended to {v} with immediate effect.", "Kindly confirm my {a}."),
    ("I would like to inform you that {v} shall serve as my {a} henceforth.", "May I ask what my {a} is at present?"),
    ("Effective Monday, {v} replaces the previous {a}.", "Which {a} is in force at the moment?"),
    ("Since last week I have {v} like my {a}.", "Which is my {a} actually?"),
    ("For your records: the {a} on file should read {v}.", "What do you have on file as my {a}?"),
    ("My {a}, it is {v} since yesterday.", "My {a}, what is it?"),
    ("The administration has assigned me {v} as my {a}.", "What {a} was assigned to me?"),
    ("Following our discussion, I confirm {v} to be my {a}.", "Could you confirm what I gave as my {a}?"),
    ("We have decided that our {a} will from today be {v}.", "What have we decided our {a} to be?"),
    ("Regarding my {a}, kindly note {v}.", "Regarding my {a}, what is the current state?"),
    ("I did change the {a}, now I am having {v}.", "Please to tell me my {a} of now."),
    ("Kindly replace whatever {a} you hold for me by {v}.", "What {a} do you hold for me?"),
    ("{a} -> {v}, sorry, had it wrong before", "{a}?"),
    ("{v} (my {a})", "my {a}?"),
    ("wait no, scratch that, my {a} is {v}", "sorry, what was my {a} again?"),
    ("{a} changed again. {v}.", "latest {a}?"),
    ("Got a call: {v} is now down as my {a}.", "What am I down for as my {a}?"),
    ("They took away my {a} and I got {v} instead.", "What do I have for a {a} now?"),
    ("new {a} {v}", "current {a}"),
    ("um, my {a} is, let me see, {v}", "what would my {a} be?"),
    ("It rained all day. On the bright side, {v} is officially my {a}!", "What's officially my {a}?"),
    ("My {a} isn't what it used to be, it's {v}.", "Is my {a} still the same, or what is it now?"),
    ("re {a}: going for {v} after all", "Which one did I end up choosing for the {a}?"),
    ("I said my {a} would stay the same but no, {v} it is.", "What {a} is it now?"),
)
"""Statements and questions of three other sets, written before the rules and not looked at while they were made.

By the same hand, which knew their idioms when it listed the fillers: a guard against harm, no measure of strangers'
phrasings. Fourteen sets of twelve written later scored .25 to .92 of the values when they were new, the last .58.
"""
SILENT = (
    "I lost my {a} on the train.",
    "My {a} is broken again.",
    "I'm so tired of my {a}.",
    "Did I ever tell you my {a}?",
    "Perhaps I should pick {v} as my {a}.",
    "My {a} was {v} when I was young.",
    "I can never remember my {a}.",
    "Before the move, my {a} was {v}.",
    "I don't want {v} as my {a}.",
    "We argued about the {a} all evening.",
    "The {a} was a nightmare.",
    "My brother asked what my {a} was.",
    "I love how my {a} looks.",
    "If they change my {a} once more I quit.",
    "I wonder whether my {a} will change.",
    "She mentioned the {a} in passing.",
    "Thanks for asking about my {a}!",
    "I'll tell you my {a} later.",
    "My {a} has changed.",
    "I got a new {a}!",
    "Let's talk about my {a} tomorrow.",
    "Is {v} your {a}?",
    "I considered {v} for my {a}, but decided against it.",
    "The worst part was my {a}.",
    "I forgot my {a} again.",
    "I hate my new {a}.",
    "Should I change my {a}?",
    "I might change my {a} to {v} next year.",
    "My old {a} was {v}.",
    "I need to write down my {a} somewhere.",
    "Do you remember when I lost my {a}?",
    "My {a} is great.",
    "I was talking with Tom about my {a}.",
    "If I had a better {a}, I would be happier.",
    "Nobody knows my {a}.",
    "I wish my {a} were {v}.",
    "My {a} is not {v}.",
    "I almost picked {v} as my {a}.",
    "Back then my {a} used to be {v}.",
    "I'd never use {v} as my {a}.",
    "My {a} makes me laugh.",
    "Can you imagine {v} as a {a}?",
    "I can't find my {a} anywhere.",
    "Have you seen my {a}?",
    "The {a} is important to me.",
    "Someone asked me for my {a} yesterday.",
    "My {a} reminds me of {v}.",
    "I told Maria my {a} and she laughed.",
    "I cleaned my {a} on Friday.",
    "My {a} was stolen in Berlin.",
    "Do I need a {a} for {v}?",
    "I met Tom at the {a}.",
    "My {a} cost me a fortune, {v} is cheaper.",
    "I read about {v} next to my {a}.",
    "She liked my {a} better than {v}.",
    "I spilled coffee on my {a}.",
    "We visited {v} with my {a}.",
    "My {a} doesn't know {v}.",
    "I need {v} before I can get a {a}.",
    "Tom's {a} is {v}.",
    "Her {a} changed to {v}.",
    "Your {a} is {v}, right?",
)
"""Statements that name the thing and give it no present value."""
OTHER = (
    "What did Ana say yesterday?",
    "When did Tom start painting?",
    "Why was I late for work?",
    "How did I feel about the move?",
    "Who helped me with my homework?",
    "What is the capital of France?",
    "Where did I go last weekend?",
    "What does Leo do to relax?",
    "How long did the trip take?",
    "What are Mia's plans for the summer?",
    "Did Nora like my present?",
    "What kind of music does Eva enjoy?",
    "What do I think about the new law?",
    "When was the last time I saw my sister?",
    "What did my boss say about my report?",
    "How many times have I been to Rome?",
    "Why did Ana quit her job?",
    "What was my reaction to the news?",
    "What books have I read this year?",
    "Which of my friends went to Spain?",
    "What did Ana paint last week?",
    "Why did I leave my job?",
    "When did I move?",
    "How long have I had my car?",
    "What did Tom say about my garden?",
    "Where did Maria go after the concert?",
    "Who came to my party?",
    "What made Jon change his mind?",
    "How did the interview go?",
    "What are the benefits of green tea?",
    "Did I ever tell you about my trip to Rome?",
    "What happened on my birthday?",
    "What gift did I receive from Eva?",
    "When is Ana's exam?",
    "Why is my dog so tired?",
    "What would Caro think of the plan?",
    "How many books did Leo read in May?",
    "What has Ana been doing since she left?",
    "Who did I meet at the fair?",
    "What did I eat on Sunday?",
)
"""Questions that ask for something else than the present value of a thing."""
FILLS = (
    ("locker code", "4417"),
    ("dentist", "Dr. Meyer"),
    ("project codename", "Operation Tumbleweed"),
    ("favourite colour", "teal"),
    ("desk", "B-17"),
)
UNSEEN_FLOOR = 0.90
"""Share of `UNSEEN` read right; it was .917 on the first look; not to be tuned on."""


def plain(value: str) -> str:
    return re.sub(r"^(?:the|a) ", "", value.casefold().strip(" .,!"))


@pytest.mark.parametrize(("thing", "value"), FILLS)
def test_the_value_is_read_from_any_phrasing(thing: str, value: str) -> None:
    """Terse, chatty, formal or wordy: the value is found, as written."""
    for said, _ in SAID:
        found = stated(said.format(a=thing, v=value), thing)
        assert found is not None, said
        assert not found.ends, said
        assert plain(found.value) == plain(value), said


def test_unseen_phrasings_keep_their_score() -> None:
    """Most statements and questions that nobody fitted are read."""
    right = asked = 0
    for said, question in UNSEEN:
        for thing, value in FILLS:
            found = stated(said.format(a=thing, v=value), thing)
            right += found is not None and plain(found.value) == plain(value)
            keys = (asked_slot(question.format(a=thing)), asked_loosely(question.format(a=thing)))
            asked += Key(SELF, thing) in keys
    assert right >= UNSEEN_FLOOR * len(UNSEEN) * len(FILLS)
    assert asked >= UNSEEN_FLOOR * len(UNSEEN) * len(FILLS)


@pytest.mark.parametrize("said", SILENT)
def test_what_gives_no_present_value_states_none(said: str) -> None:
    """Laments, wishes, questions, conditions, negations and the past assert nothing of now."""
    for thing, value in FILLS:
        found = stated(said.format(a=thing, v=value), thing)
        assert found is None or found.ends


@pytest.mark.parametrize("question", OTHER)
def test_other_questions_ask_for_no_thing_of_ones_own(question: str) -> None:
    """Episodes, reasons, times and other people are left to plain recall."""
    assert asked_loosely(question) is None


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("I don't have a locker code any more.", ""),
        ("I no longer have a locker code.", ""),
        ("I got rid of my locker code last week.", ""),
        ("I gave up my locker code. Now it's 12, my new locker code.", "12"),
    ],
)
def test_an_ending_is_told_from_a_value(said: str, value: str) -> None:
    """Having none any more is news too; a value given later in the text overrules it."""
    found = stated(said, "locker code")
    assert found is not None
    assert (found.value, found.ends) == (value, not value)


@pytest.mark.parametrize(
    ("text", "owner", "speaker", "value"),
    [
        ("Ana's locker code is now 12.", "ana", "Tom", "12"),
        ("Ana told me her locker code changed to 12.", "ana", "Tom", "12"),
        ("My locker code is now 12.", "ana", "Ana", "12"),
        ("My locker code is now 12.", "ana", "Tom", None),
        ("Tom's locker code is now 12.", "ana", "Ana", None),
        ("Your locker code is now 12.", None, None, None),
        ("The new locker code of Ana is 12.", "ana", "Tom", "12"),
    ],
)
def test_only_the_owners_thing_counts(text: str, owner: str | None, speaker: str | None, value: str | None) -> None:
    """What is "mine" is the speaker's, "Ana's" is Ana's, and nobody else's value is taken for it."""
    found = stated(text, "locker code", owner=owner, speaker=speaker)
    assert (None if found is None else found.value) == value


def test_a_longer_name_is_another_thing() -> None:
    """The work phone is not the phone, and an office chair is no office."""
    assert stated("My work phone number is now 12.", "phone number") is None
    assert stated("I picked the Aeron as my office chair.", "office") is None


def test_a_date_says_when_unless_it_is_the_value() -> None:
    """A date beside a value is left out; alone it is the value."""
    beside = stated("My locker code changed to 4417 on 3 June.", "locker code")
    alone = stated("I settled on 12 March as the delivery date.", "delivery date")
    assert beside is not None
    assert beside.value == "4417"
    assert alone is not None
    assert alone.value == "12 March"


def test_the_span_holds_the_value() -> None:
    """The offsets are those of the value in the text."""
    text = "So I caved and got Dr. Meyer as my dentist."
    assert stated(text, "my dentist") == Stated("Dr. Meyer", ends=False, span=(19, 28))


def test_a_participle_before_a_noun_is_part_of_the_value() -> None:
    """The left ventricle is a thing; what is left of the door, or left alone, is where or how it is."""
    assert stated("My chamber is left ventricle.", "chamber") == Stated("left ventricle", False, (14, 28))
    assert stated("My desk is left of the door.", "desk") is None


def test_nothing_is_stated_of_nothing() -> None:
    """A thing without a word, an empty text, and what lies beyond the limit state nothing."""
    assert stated("My locker code is now 12.", "the") is None
    assert stated("", "locker code") is None
    assert stated("x " * SCAN_LIMIT + "I picked 12 as my locker code.", "locker code") is None


LOOSE = (
    ("Heads up, {a} got swapped, we're on {v} now", "What {a} are we on now?"),
    ("They want me to use {v} for my {a} from now on.", "Which {a} am I on these days?"),
    ("It's come to this: {v} as my {a}.", "Quick, the {a}!"),
    ("{v}'s my {a} from here on.", "What does it say under {a} on my badge?"),
    ("So apparently my {a} is supposed to be {v} now??", "I asked you to remember my {a}. What was it?"),
    ("It looks like {v} is going to be my {a} for a while.", "Which {a} am I on now?"),
    ("It seems {v} is the {a} we use.", "What's my {a}, as things stand?"),
    ("My {a}? That'd be {v}.", "And my {a} is what?"),
    ("Our new {a} would be {v}.", "What's the new {a} called?"),
    ("We had the {a} swapped for {v}.", "What did we exchange the {a} for?"),
    ("In place of my previous {a} I have {v} now.", "What do I have for my {a}?"),
    ("Never mind what I said before about my {a}, I'm sticking with {v}.", "I can never remember my {a}, help?"),
    ("Ignore the {a} I sent earlier. {v} is the right one.", "Do you have my {a} written down?"),
    ("I told you the wrong {a} earlier, it's {v}.", "If anybody asks about my {a}, what do you tell them?"),
    ("Sorry, I meant {v} for the {a}.", "What's my {a} instead of what I had before?"),
    ("My boss wants {v} as our {a}.", "What has replaced the old {a}?"),
    ("I no longer have the old {a}; {v} is the new one.", "I no longer have the old {a}, what's the new one?"),
    ("My {a}, in case you were wondering, is {v}.", "What's the {a} after the last change?"),
    ("My {a} has gone from whatever it was to {v}.", "Which {a} did I tell you about last?"),
    ("I'd say my {a} these days is {v}.", "What does it look like my {a} will be?"),
    ("I can't believe my {a} is {v} now.", "What took the place of my old {a}?"),
    ("The {a} was {v} all along, sorry.", "Regarding my {a}, what do we use?"),
    ("Ok, {v} it is, that's the {a}.", "What is going to be my {a}?"),
    ("Let's say {v} for my {a}.", "What have I been told the {a} is?"),
)
"""Phrasings of no known shape, of a thing that had several values."""
BESIDE = (
    "What did I eat at my {a}?",
    "Why did I change my {a}?",
    "When did I change my {a}?",
    "What was my {a} before?",
    "What is my {a} afraid of?",
    "What happened to my {a}?",
    "Who painted my {a}?",
    "What is my sister's {a}?",
    "Which {a} did Tom like?",
    "What do I use my {a} for?",
    "Did I like my {a}?",
)
"""Questions that name a known thing of one's own and ask for something else than its value."""


@pytest.mark.parametrize(("said", "question"), LOOSE)
def test_a_thing_that_changes_is_read_and_asked_for_loosely(said: str, question: str) -> None:
    """Of what had several values, what a sentence leaves over is the next, and most questions ask for it."""
    for thing, value in (("locker code", "4417"), ("dentist", "Dr. Meyer"), ("project codename", "Tumbleweed")):
        found = stated(said.format(a=thing, v=value), thing, loosely=True, changing=True)
        assert found is not None
        assert value in found.value
        asked = question.format(a=thing)
        assert asked_known(asked, {thing: 2})[:1] == (Key(SELF, thing),)


@pytest.mark.parametrize(
    "said", [s for s in SILENT if "cost me" not in s and "told Maria" not in s and "read about" not in s]
)
def test_loose_reading_is_silent_where_nothing_is_said(said: str) -> None:
    """Laments, wishes, episodes and negations give a thing no value, however loosely they are read.

    Three do, and are left out: what something costs, whom one told, and what stood beside it.
    """
    for thing, value in FILLS:
        found = stated(said.format(a=thing, v=value), thing, loosely=True, changing=True)
        assert found is None or found.ends


@pytest.mark.parametrize("question", BESIDE)
def test_what_is_asked_beside_a_known_thing_is_no_question_for_its_value(question: str) -> None:
    """Reasons, times, places and other people's doings are left to plain recall, however well the thing is known."""
    assert asked_known(question.format(a="desk"), {"desk": 5}) == ()


def test_a_known_name_is_taken_whole() -> None:
    """The longest name that memory knows is asked for, in whatever spelling; of several things none is."""
    assert asked_known("What's the work phone number on my account?", {"work phone number": 1, "number": 1})[0] == Key(
        SELF, "work phone number"
    )
    assert "favourite colour" in named_slots("what's my favorite color")
    assert as_written("what's my favorite color", "favourite colour") == "favorite color"
    assert asked_known("Which books have I read this year?", {"book": 3}) == ()
    assert asked_known("x" * 300 + " my desk", {"desk": 1}) == ()
    assert "work phone number" in likely_slots("any idea what my work phone number is?")


def test_a_loose_question_knows_who_asks() -> None:
    """What is "my" is the speaker's; what is only "the" is nobody's."""
    assert asked_loosely("Remind me which locker code I settled on?", "Ana") == Key("ana", "locker code")
    assert asked_loosely("What is the locker code now?", "Ana") == Key(SELF, "locker code")
    assert asked_loosely("x" * 300) is None


@given(st.text(max_size=120), st.sampled_from(["locker code", "desk", "a"]))
def test_any_text_is_read_without_error(text: str, thing: str) -> None:
    """Whatever is written, the span is that of the value, and a question is a key or none."""
    said = f"{text} my {thing} {text}"
    found = stated(said, thing)
    assert found is None or found.value in said[slice(*found.span)]
    asked_loosely(text)
