"""Facts read by rules: who, what and which value; since when; and all that is no fact."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmem import Draft
from agentmem.encoding.aliases import canonical, same
from agentmem.encoding.extraction import ExtractedFact, RuleExtractor, rule_facts
from agentmem.errors import InputError, LineageError, TimeError
from agentmem.extract import LOOK_BACK, STRIDE, extract, remember_facts
from agentmem.testing.fakes import make_memory

SAID_AT = datetime(2025, 6, 1, 12, tzinfo=UTC)


def turn(text, speaker="Ana Reyes", number=1):
    return replace(make_memory(number, text), speaker=speaker, said_at=SAID_AT)


def triples(text, speaker="Ana Reyes"):
    return [fact.triple for fact in rule_facts([turn(text, speaker)])]


def since(text):
    (fact,) = rule_facts([turn(text)])
    return None if fact.valid_from is None else f"{fact.valid_from:%Y-%m-%d}"


@pytest.mark.parametrize(
    ("text", "triple", "sentence"),
    [
        ("My locker code is 4417.", ("Ana Reyes", "locker code", "4417"), "Ana Reyes's locker code is 4417"),
        ("I changed my locker code to 9000.", ("Ana Reyes", "locker code", "9000"), "Ana Reyes's locker code is 9000"),
        ("Ben's locker code is now 12.", ("Ben", "locker code", "12"), "Ben's locker code is 12"),
        ("I live in Porto.", ("Ana Reyes", "lives in", "Porto"), "Ana Reyes lives in Porto"),
        ("I moved to Lima last week.", ("Ana Reyes", "lives in", "Lima"), "Ana Reyes lives in Lima"),
        ("Ben moved to Paris.", ("Ben", "lives in", "Paris"), "Ben lives in Paris"),
        ("Ben works as a nurse.", ("Ben", "works as", "a nurse"), "Ben works as a nurse"),
        ("My cat's name is Miso.", ("Ana Reyes's cat", "name", "Miso"), "Ana Reyes's cat's name is Miso"),
        ("locker code: 4417", ("locker code", "is", "4417"), "The locker code is 4417"),
        ("status: done", ("status", "is", "done"), "status: done"),
        ("The meeting room is now B12.", ("meeting room", "is", "B12"), "The meeting room is B12"),
    ],
)
def test_what_holds_one_value_becomes_a_fact_that_supersedes(text, triple, sentence):
    """First person, third person and assignments: whose it is, what, which value, and a sentence that says it."""
    (fact,) = rule_facts([turn(text)])
    assert (fact.triple, fact.text, fact.functional) == (triple, sentence, True)
    assert (fact.parents, fact.by, fact.confidence) == ((make_memory(1).id,), "rules", None)


@pytest.mark.parametrize(
    ("text", "triple"),
    [
        ("I love hiking.", ("Ana Reyes", "loves", "hiking")),
        ("Well, I have two cats and a dog.", ("Ana Reyes", "has", "two cats and a dog")),
        ("We bought a house!", ("Ana Reyes", "bought", "a house")),
        ("I read Dune yesterday.", ("Ana Reyes", "read", "Dune")),
        ("I met my aunt and we talked.", ("Ana Reyes", "met", "Ana Reyes's aunt")),
        ("I met some investors and got some advice.", ("Ana Reyes", "met", "some investors")),
        ("Maria Lopez visited the Louvre in May 2023.", ("Maria Lopez", "visited", "the Louvre")),
        ("Maria Lopez read Dune.", ("Maria Lopez", "read", "Dune")),
        ("I visited the US last year.", ("Ana Reyes", "visited", "the US")),
        ("Émilie loves jazz.", ("Émilie", "loves", "jazz")),
        ("I adopted a dog named Biscuit in 2016.", ("Ana Reyes", "adopted", "a dog named Biscuit")),
    ],
)
def test_simple_relations_stand_side_by_side(text, triple):
    """Likes, belongings and events: in the third person, without the time and without the clause that follows."""
    (fact,) = rule_facts([turn(text)])
    assert (fact.triple, fact.text, fact.functional) == (triple, " ".join(triple), False)


@pytest.mark.parametrize(
    "text",
    [
        *("Do I love hiking?", "Is my code 12?", "Have I told you I moved to Lima?"),
        *(
            "I don't love hiking.",
            "I never liked tea.",
            "I didn't buy the house.",
            "I have no cats.",
            "I have never won.",
        ),
        *(
            "I might move to Lima.",
            "If I lived in Lima, I would surf.",
            "I wish I lived in Lima.",
            "I want to visit Peru.",
        ),
        *(
            "I said I moved to Lima but that's a lie.",
            "He moved to Paris.",
            "She loves jazz.",
            "I love you.",
            "I love it!",
        ),
        *("I love how kind Tom is.", "I like to swim.", "I hate when it rains.", "Thanks, Tom!", "Ana love hiking."),
        *("Spider-Man has always been a favorite of mine.", "I know who did it.", "", "???"),
        *(
            "Daniel wrote to me.",
            "I went to your parents for the weekend.",
            "Tom met us.",
            "I gave my number to Yusuf.",
        ),
    ],
)
def test_questions_negations_and_wishes_are_no_facts(text):
    """What is asked, denied, wished, supposed, or said of somebody unnamed gives nothing."""
    assert triples(text) == []


def test_an_ending_gives_no_fact_but_closes_what_the_facts_said(space):
    """The turn itself says "no longer": the value of the fact before holds until then."""
    space.remember("I live in Porto.", speaker="Ana", said_at=datetime(2025, 1, 1, tzinfo=UTC))
    space.remember("I no longer live in Porto.", speaker="Ana", said_at=datetime(2025, 2, 1, tzinfo=UTC))
    (fact,) = extract(space)
    assert space.get(fact).text == "Ana lives in Porto"
    (line,) = space.timeline("Ana")
    assert (line.value, line.valid_from.month, line.valid_to.month, len(line.memories)) == ("Porto", 1, 2, 2)


def test_without_a_speaker_nobody_is_meant_by_i():
    """A note says nothing of an "I", and still says what it says of others."""
    assert triples("I love hiking. Tom loves tea.", None) == [("Tom", "loves", "tea")]
    assert triples("locker code: 4417", None) == [("locker code", "is", "4417")]


def test_since_when_it_is_so_is_read_from_the_clause_and_not_from_the_value():
    """A time beside the value dates it; a value that is a time, and a time that is to come, date nothing."""
    assert since("I moved to Lima last week.") == "2025-05-19"
    assert since("I moved to Lima in May 2024.") == "2024-05-01"
    assert since("I adopted a dog named Biscuit in 2016.") == "2016-01-01"
    assert since("I met Tom last Friday at the gym.") == "2025-05-30"
    assert since("I've played the violin since 2010.") == "2010-01-01"
    assert since("My deadline is now March 1.") is None
    assert since("My birthday is 3 May 1990.") is None
    assert since("I live in Porto.") is None


def test_several_facts_of_one_turn_come_once_each_and_in_order():
    """A turn that repeats itself says it once; what a slot says, no relation says again."""
    said = "My code is 7. I love tea. My code is 7! I love Tea. I moved to Lima."
    assert triples(said) == [
        ("Ana Reyes", "code", "7"),
        ("Ana Reyes", "lives in", "Lima"),
        ("Ana Reyes", "loves", "tea"),
    ]


def test_each_turn_names_itself_and_the_order_is_theirs():
    """Every fact has the turn that it was read from for its parent."""
    facts = RuleExtractor()([turn("I love tea.", number=1), turn("Hm.", number=2), turn("I love jazz.", "Ben", 3)])
    assert [(fact.subject, fact.object, fact.parents) for fact in facts] == [
        ("Ana Reyes", "tea", (make_memory(1).id,)),
        ("Ben", "jazz", (make_memory(3).id,)),
    ]


def test_a_long_text_is_read_up_to_its_limit_and_in_time():
    """Whatever is pasted costs no more than its first 20,000 characters, and nothing in it makes the rules run wild."""
    for text in ("I love " + "tea and " * 100_000, "Ana " * 100_000, "my " * 100_000, "a: " * 50_000, "." * 200_000):
        assert len(rule_facts([turn(text)])) <= 1


def test_a_fact_that_cannot_be_one_is_refused():
    """Three parts, a parent, a confidence within bounds, aware times."""
    with pytest.raises(InputError, match=r"one of .* is empty"):
        ExtractedFact("Ana", " ", "tea", ("a",))
    with pytest.raises(LineageError, match="names no memory"):
        ExtractedFact("Ana", "loves", "tea", ())
    with pytest.raises(InputError, match="confidence=2"):
        ExtractedFact("Ana", "loves", "tea", ("a",), confidence=2)
    with pytest.raises(TimeError, match="valid_from"):
        ExtractedFact("Ana", "loves", "tea", ("a",), valid_from=datetime(2025, 1, 1))  # noqa: DTZ001


def test_the_digest_sees_neither_case_nor_space():
    """The same said twice is the same; another order of the parts is not."""
    one = ExtractedFact("Ana", "loves", "green  tea", ("a",))
    assert one.digest == ExtractedFact("ana", "Loves", "Green tea", ("b",), confidence=0.5).digest
    assert one.digest != ExtractedFact("green tea", "loves", "Ana", ("a",)).digest


# -- names that mean the same --------------------------------------------------------------------------------------

NAMES = st.lists(
    st.sampled_from(["Ana", "ana", "Ana Reyes", "Dr. Reyes", "Reyes", "Ana Costa", "Ben", "Ana Reyes Sol"])
)


@given(NAMES, st.randoms(use_true_random=False))
def test_what_names_mean_depends_on_the_set_of_them_alone(names, random):
    """Whatever the order; each name means one that is known, which means itself; and all that mean it are the same."""
    merged = canonical(names)
    shuffled = list(names)
    random.shuffle(shuffled)
    assert canonical(shuffled) == merged
    assert merged.keys() == set(names)
    for name, whole in merged.items():
        assert merged[whole] == whole
        assert same(name, names) == {other for other in names if merged[other] == whole}


def test_spellings_of_a_name_are_one_name_and_titles_are_no_part_of_it():
    """Case and titles tell nobody apart; two people of one first name stay two."""
    assert same("ana reyes", ["Ana Reyes", "Dr. ANA REYES", "Ben"]) == {"ana reyes", "Ana Reyes", "Dr. ANA REYES"}
    assert same("Ana", ["ana", "Ana Reyes"]) == {"Ana", "ana", "Ana Reyes"}
    assert same("Ana", ["Ana Reyes", "Ana Costa"]) == {"Ana"}
    assert canonical([]) == {}


def test_facts_of_one_person_under_several_names_are_one_timeline(space):
    """Told by her first name and by her full one, it is one story; with a second Ana it is nobody's."""
    space.remember("I live in Porto.", speaker="Ana Reyes", said_at=datetime(2025, 1, 1, tzinfo=UTC))
    space.remember("Ana moved to Lima.", speaker="Ben", said_at=datetime(2025, 2, 1, tzinfo=UTC))
    extract(space)
    values = [(line.value, len(line.memories)) for line in space.timeline("Ana")]
    assert values == [("Porto", 2), ("Lima", 2)]
    (other,) = space.remember("I live in Rome.", speaker="Ana Costa", said_at=datetime(2025, 3, 1, tzinfo=UTC))
    extract(space)
    assert [line.value for line in space.timeline("Ana Reyes")] == ["Porto"]
    space.erase(other)
    assert [(line.value, len(line.memories)) for line in space.timeline("Ana")] == values


# -- into a space --------------------------------------------------------------------------------------------------


def texts(space, ids):
    return [space.get(i).text for i in ids]


def test_facts_stand_where_their_turns_do(space):
    """Thread, speaker, time and parents are those of the turn; the parts and the reader are told in metadata."""
    (said,) = space.remember("I moved to Lima last week.", speaker="Ana", thread="chat", said_at=SAID_AT)
    fact = space.get(extract(space)[0])
    assert (fact.kind, fact.text, fact.parents) == ("fact", "Ana lives in Lima", (said,))
    assert (fact.speaker, fact.thread, fact.said_at) == ("Ana", "chat", SAID_AT)
    assert fact.valid_from == datetime(2025, 5, 19, tzinfo=UTC)
    assert fact.metadata == {
        "subject": "Ana", "relation": "lives in", "object": "Lima", "functional": True, "by": "rules",
    }  # fmt: skip


def test_extracting_twice_adds_nothing_and_what_is_new_is_read(space):
    """Only unread memories are read; reading all `again` finds every fact known."""
    space.remember(["I love tea.", "I love jazz."], speaker="Ana")
    assert texts(space, extract(space)) == ["Ana loves tea", "Ana loves jazz"]
    held = len(space)
    assert extract(space) == []
    assert extract(space, again=True) == []
    space.remember("I love chess.", speaker="Ana")
    assert texts(space, extract(space)) == ["Ana loves chess"]
    assert len(space) == held + 2


def test_only_turns_and_notes_are_read(space):
    """Neither facts nor the agent's own replies are read: a memory that quotes itself soon believes anything."""
    (said,) = space.remember("Hello there.", speaker="Ana")
    space.remember(Draft("I love tea.", "reply", "Agent", parents=(said,)))
    space.remember(Draft("I love jazz.", "fact", "Ana", parents=(said,)))
    assert extract(space) == []
    space.remember(Draft("Tom loves chess.", "note"))
    assert texts(space, extract(space)) == ["Tom loves chess"]


def test_erasing_a_turn_takes_its_facts_and_every_byte_along(space):
    """The fact has no life of its own; what another turn says as well stays."""
    first, second = space.remember(["I adopted Quixotrix.", "I adopted Zanzibarix."], speaker="Ana")
    kept = extract(space)
    receipt = space.erase(first)
    assert (receipt.erased, receipt.level) == ({"turn": 1, "fact": 1}, "physical")
    assert [m.id for m in space.memories()] == [second, kept[1]]
    assert [f.name for f in space.path.rglob("*") if f.is_file() and b"Quixotrix" in f.read_bytes()] == []
    assert extract(space, again=True) == []


def test_a_fact_with_a_parent_that_is_gone_is_not_written(space):
    """What was read from something erased meanwhile stays out; the others come in."""
    one, two = space.remember(["We talked about Tom.", "And about tea."], speaker="Ana")
    space.erase(one)
    facts = [ExtractedFact("Tom", "loves", "tea", (one, two)), ExtractedFact("Ana", "loves", "tea", (two,))]
    assert texts(space, remember_facts(space, facts)) == ["Ana loves tea"]


def test_a_parent_erased_between_look_and_writing_is_noticed(space, monkeypatch):
    """An erasure that slips in makes it look again, not fail."""
    one, two = space.remember(["We talked about Tom.", "And about tea."], speaker="Ana")
    remember, told = space.remember, []

    def slow(drafts, **more):
        if not told:
            told.append(space.erase(one))
        return remember(drafts, **more)

    monkeypatch.setattr(space, "remember", slow)
    facts = [ExtractedFact("Tom", "loves", "jazz", (one,)), ExtractedFact("Ana", "loves", "tea", (two,))]
    assert texts(space, remember_facts(space, facts)) == ["Ana loves tea"]


class Recorder:
    """Reads nothing, notes what it is given, and fails once."""

    name = "recorder"

    def __init__(self, fail_at=None):
        self.calls = []
        self.fail_at = fail_at

    def __call__(self, turns, context=(), /):
        if len(self.calls) == self.fail_at:
            self.fail_at = None
            raise KeyboardInterrupt
        self.calls.append(([t.text for t in turns], [c.text for c in context]))
        return [ExtractedFact(t.text, "is", "said", (t.id,), by=self.name) for t in turns]


def test_a_broken_run_goes_on_where_it_stopped(space):
    """What was read before the break stays and is not read again, also for another reader of the same name."""
    space.remember([f"number {n}" for n in range(2 * STRIDE + 10)], speaker="Ana")
    broken = Recorder(fail_at=1)
    with pytest.raises(KeyboardInterrupt):
        extract(space, broken)
    assert len(space) == 3 * STRIDE + 10
    after = Recorder()
    assert len(extract(space, after)) == STRIDE + 10
    assert [len(turns) for turns, _ in after.calls] == [STRIDE, 10]
    assert after.calls[0][1] == [f"number {n}" for n in range(STRIDE - 4, STRIDE)]


def test_a_break_before_the_note_of_how_far_writes_nothing_twice(space, monkeypatch):
    """Facts that were written before a crash are known again by their origin."""
    space.remember(["I love tea.", "I love jazz."], speaker="Ana")
    note = space._ledger.note

    def crash(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(space._ledger, "note", crash)
    with pytest.raises(KeyboardInterrupt):
        extract(space)
    monkeypatch.setattr(space._ledger, "note", note)
    assert len(space) == 4
    assert extract(space) == []
    assert len(space) == 4


def test_turns_are_read_in_their_thread_with_those_before_them(space):
    """Threads are not mixed; the context is what was said before in the same thread, replies included."""
    space.remember("old", thread="a", speaker="Ana")
    extract(space, Recorder())
    (mark,) = space.remember("one", thread="a", speaker="Ana")
    space.remember("other", thread="b", speaker="Ben")
    space.remember(Draft("an answer", "reply", "Agent", "a", parents=(mark,)))
    space.remember("two", thread="a", speaker="Ana")
    reader = Recorder()
    seen = []
    extract(space, reader, progress=lambda done, of: seen.append((done, of)))
    assert reader.calls == [(["one", "two"], ["old"]), (["other"], [])]
    assert seen[-1][0] == seen[-1][1]
    reader.calls.clear()
    space.remember("three", thread="a", speaker="Ana")
    extract(space, reader)
    assert reader.calls == [(["three"], ["old", "one", "an answer", "two"])]


def test_the_look_back_is_bounded(space):
    """A thread that rested for very long is taken up without its context, instead of reading the whole ledger."""
    space.remember("long ago", thread="a", speaker="Ana")
    space.remember([f"number {n}" for n in range(LOOK_BACK + 5)], thread="b")
    extract(space, Recorder())
    space.remember("now", thread="a", speaker="Ana")
    reader = Recorder()
    extract(space, reader)
    assert reader.calls == [(["now"], [])]


def test_two_readers_keep_their_places_apart(space):
    """A model reads what the rules have read already; facts that both find are written once."""
    space.remember("I love tea.", speaker="Ana")
    assert len(extract(space)) == 1
    reader = Recorder()
    assert len(extract(space, reader)) == 1
    assert reader.calls == [(["I love tea."], [])]
