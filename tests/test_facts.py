"""Facts in time: what holds when, what is recalled first, timelines, and erasing the newer value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentmem
from agentmem import Draft, Filter
from agentmem.encoding.aliases import canonical, same
from agentmem.errors import InputError, TimeError
from agentmem.ledger import rows
from agentmem.ledger.slots import Said
from agentmem.reading.extractive import read
from agentmem.recall.facts import history, ruling

BEGAN = datetime(2025, 1, 1, tzinfo=UTC)


def day(n: int) -> datetime:
    return BEGAN + timedelta(days=n)


def said(
    seq: int, value: str, since: int, *, ends: bool = False, until: int | None = None, subject: str = "ana"
) -> Said:
    times = (rows.micros(day(since)), None if until is None else rows.micros(day(until)))
    return Said(seq, f"m{seq}", subject, "code", value, ends, *times)


def spans(statements: list[Said]) -> list[tuple[str, int, int | None]]:
    """Return (value, day from, day to) of each fact."""
    return [
        (f.value, (f.valid_from - BEGAN).days, None if f.valid_to is None else (f.valid_to - BEGAN).days)
        for f in history(statements)
    ]


def test_a_newer_value_closes_the_older():
    """Each value holds until the next, whatever order they came in."""
    statements = [said(2, "B", 5), said(1, "A", 0), said(3, "C", 9)]
    assert spans(statements) == [("A", 0, 5), ("B", 5, 9), ("C", 9, None)]
    assert [f.superseded_by for f in history(statements)] == ["m2", "m3", None]


def test_of_equal_times_the_later_written_wins():
    """Two values of the same moment: the ledger's order decides, and the older never held."""
    assert spans([said(1, "A", 3), said(2, "B", 3)]) == [("A", 3, 3), ("B", 3, None)]


def test_saying_it_again_adds_a_memory_and_closes_nothing():
    """A repeated value is one fact with two memories, whatever its case and blanks."""
    (fact,) = history([said(1, "Grey  Cat", 0), said(2, "grey cat", 4)])
    assert (fact.memories, fact.valid_from, fact.valid_to) == (("m1", "m2"), day(0), None)


def test_endings_close_what_they_name_and_nothing_else():
    """Of endings "No longer A" closes A, not B; an ending without a value closes whatever holds."""
    assert spans([said(1, "A", 0), said(2, "A", 4, ends=True)]) == [("A", 0, 4)]
    assert spans([said(1, "B", 0), said(2, "A", 4, ends=True)]) == [("B", 0, None)]
    assert spans([said(1, "B", 0), said(2, "", 4, ends=True), said(3, "C", 6)]) == [("B", 0, 4), ("C", 6, None)]


def test_a_value_with_an_end_of_its_own_holds_no_longer_than_that():
    """`valid_to` of a memory bounds its fact, also where nothing newer is said; the next value cannot stretch it."""
    assert spans([said(1, "A", 0, until=3), said(2, "B", 9)]) == [("A", 0, 3), ("B", 9, None)]
    assert spans([said(1, "A", 0, until=8), said(2, "B", 5)]) == [("A", 0, 5), ("B", 5, None)]


def test_what_is_told_later_is_dated_back(space):
    """What "I moved last week" closes, it closes last week, not today; but no earlier than it began."""
    space.remember("I live in Porto.", speaker="Ana", said_at=day(0))
    space.remember("I moved to Lima last week.", speaker="Ana", said_at=day(40))
    porto, lima = space.timeline("Ana")
    assert day(27) <= porto.valid_to == lima.valid_from <= day(34)
    at = rows.micros(day(2))
    assert spans([said(1, "A", 3), said(2, "B", 9)._replace(happened=at)]) == [("A", 3, 9), ("B", 9, None)]


def test_the_ruling_reads_the_valid_value_and_else_what_ended_it():
    """First comes the newest memory of the value that holds; where nothing holds, the memory that says so."""
    statements = [said(1, "A", 0), said(2, "B", 5), said(3, "B", 6)]
    assert ruling(statements, day(9)).first == "m3"
    assert ruling([*statements, said(4, "B", 7, ends=True)], day(9)).first == "m4"
    assert ruling([], day(9)) is None


STATEMENTS = st.lists(
    st.tuples(st.sampled_from(["A", "B", "C", "a"]), st.integers(0, 6), st.booleans(), st.sampled_from(["ana", "ben"])),
    max_size=12,
).map(lambda drawn: [said(n, v, t, ends=e and n % 3 == 0, subject=w) for n, (v, t, e, w) in enumerate(drawn, 1)])


def replayed(statements: list[Said], subject: str, moment: int) -> str | None:
    """Return by plain replay what holds of a subject after all statements up to a day."""
    value = None
    for s in sorted((s for s in statements if s.subject == subject), key=lambda s: (s.since, s.seq)):
        if s.since > rows.micros(day(moment)):
            break
        if not s.ends:
            value = s.value
        elif value is not None and s.value.casefold() == value.casefold():
            value = None
    return None if value is None else value.casefold()


@given(STATEMENTS, st.randoms(use_true_random=False))
def test_spans_say_what_a_replay_says(statements, random):
    """At every moment at most one value holds, the one a replay ends on, in whatever order the statements come."""
    shuffled = list(statements)
    random.shuffle(shuffled)
    facts = history(statements)
    assert history(shuffled) == facts
    for subject in ("ana", "ben"):
        for moment in range(8):
            now = day(moment)
            holds = [
                f.value.casefold()
                for f in facts
                if f.subject == subject and f.valid_from <= now and (f.valid_to is None or now < f.valid_to)
            ]
            expected = replayed(statements, subject, moment)
            assert holds == ([] if expected is None else [expected])


@pytest.fixture
def told(space, clock):
    """A space in which Ana has told of a code three times and of her home twice, a day each."""
    clock.moment = day(60)

    def say(text: str, at: int, speaker: str = "Ana Reyes") -> str:
        return space.remember(text, speaker=speaker, said_at=day(at))[0]

    space.ids = {
        "1234": say("My locker code is 1234.", 0),
        "Porto": say("I live in Porto.", 1),
        "4417": say("My locker code is now 4417.", 10),
        "Lima": say("I moved to Lima.", 20),
        "QX9000": say("I changed my locker code to QX9000.", 30),
        "quiet": say("Work is quiet these days.", 31),
        "ben": say("My locker code is 5555.", 32, "Ben"),
    }
    return space


def test_the_valid_value_comes_first_and_says_why(told):
    """The newest value leads; the older ones are kept, and each says what superseded it."""
    found = told.recall("What is Ana's locker code?", k=7)
    assert found[0].id == told.ids["QX9000"]
    assert found[0].reason.startswith("holds now: ana reyes locker code: QX9000 since 2025-01-31")
    assert found[0].signals["valid"] > 0
    older = {e.id: e for e in found}[told.ids["4417"]]
    assert (older.fact.value, older.fact.valid_to, older.fact.superseded_by) == ("4417", day(30), told.ids["QX9000"])
    assert "superseded by" in older.reason
    assert [e.score for e in found] == sorted((e.score for e in found), reverse=True)
    assert found.confidence >= 0.95


def test_as_of_goes_back_in_time(told):
    """At each moment the value that held then leads."""
    for at, expected in ((5, "1234"), (12, "4417"), (40, "QX9000")):
        found = told.recall("What is Ana's locker code?", k=2, filter=Filter(as_of=day(at)))
        assert found[0].id == told.ids[expected]


def test_erasing_the_newer_opens_the_older(told):
    """What the erased memory had closed holds again, as if it had never been said."""
    told.erase(told.ids["QX9000"])
    found = told.recall("What is Ana's locker code?")
    assert (found[0].id, found[0].fact.value, found[0].fact.valid_to) == (told.ids["4417"], "4417", None)
    told.erase([told.ids["4417"], told.ids["1234"]])
    assert all(e.fact is None for e in told.recall("What is Ana's locker code?"))


def test_the_value_may_lie_outside_what_similarity_finds(space, clock):
    """A thousand older values of one key do not hide the newest."""
    clock.moment = day(60)
    space.remember([Draft(f"bird: kea {n}", said_at=day(0) + timedelta(minutes=n)) for n in range(1000)])
    found = space.recall("What is the current value of bird?", k=1)
    assert found[0].fact.value == "kea 999"


def test_a_filter_decides_over_facts_as_well(told):
    """Only what passes the filter can hold."""
    found = told.recall("What is my locker code?", filter=Filter(speakers=("Ben",)))
    assert (found[0].id, found[0].fact.value) == (told.ids["ben"], "5555")
    found = told.recall("What is Ana's locker code?", filter=Filter(until=day(9)))
    assert found[0].id == told.ids["1234"]


def test_the_reader_answers_with_the_valid_value(told):
    """The extractive reader takes the value that recall has read."""
    found = told.recall("What is Ana's locker code?")
    answer = read(found.query, found.evidence, confidence=found.confidence)
    assert (answer.text, answer.sources) == ("QX9000", (told.ids["QX9000"],))


def test_of_statements_that_begin_alike_the_newest_comes_first(space, clock):
    """No rule knows the relation: the same beginning with another ending is enough."""
    clock.moment = day(60)
    older = space.remember("The Blue Lantern is performed on Tuesdays by Orla Finch.", said_at=day(0))
    newer = space.remember("The Blue Lantern is performed on Tuesdays by Tomas Grey.", said_at=day(9))
    other = space.remember("The Red Lantern is performed on Fridays by Orla Finch.", said_at=day(10))
    found = space.recall("Who performs the Blue Lantern on Tuesdays?", k=3)
    assert found.ids == (*newer, *older, *other)
    assert found.ids[:1] == space.recall("Who performs the Blue Lantern on Tuesdays?", k=1).ids


def test_a_timeline_knows_every_name_and_every_value(told):
    """By first or full name, oldest first, with what is said about the entity elsewhere."""
    told.remember("My best friend is Ana Reyes.", speaker="Ben", said_at=day(33))
    lines = [(f.subject, f.attribute, f.value) for f in told.timeline("Ana")]
    assert lines == [
        ("ana reyes", "locker code", "1234"),
        ("ana reyes", "home", "Porto"),
        ("ana reyes", "locker code", "4417"),
        ("ana reyes", "home", "Lima"),
        ("ana reyes", "locker code", "QX9000"),
        ("ben", "best friend", "Ana Reyes"),
    ]
    assert told.timeline("ana reyes") == told.timeline("Ana")
    assert [str(f) for f in told.timeline("Ana", as_of=day(12))][:2] == [
        "ana reyes locker code: 1234 since 2025-01-01 00:00 until 2025-01-11 00:00",
        "ana reyes home: Porto since 2025-01-02 00:00",
    ]
    assert told.timeline("Nobody") == []


def test_a_timeline_needs_a_name_and_an_aware_time(space):
    """An empty name and a naive time are refused in words."""
    with pytest.raises(InputError, match="whose timeline"):
        space.timeline("  ")
    with pytest.raises(TimeError):
        space.timeline("Ana", as_of=datetime(2025, 1, 1))  # noqa: DTZ001


def test_facts_that_hold_one_value_supersede_and_others_do_not(space, clock):
    """A derived fact closes another where it is `functional`; ordinary triples stand side by side."""
    clock.moment = day(60)
    (source,) = space.remember("We talked about the band.", said_at=day(0))

    def fact(value: str, at: int, **more: object) -> str:
        parts = {"subject": "Los Lobos", "relation": "drummer of", "object": value}
        text = f"the drummer of Los Lobos is {value}"
        return space.remember(Draft(text, "fact", parents=(source,), said_at=day(at), metadata={**parts, **more}))[0]

    fact("Bugs", 1, functional=True)
    newer = fact("Enrique", 2, functional=True)
    fact("Cougar", 3)
    assert [(f.value, f.valid_to) for f in space.timeline("Los Lobos")] == [("Bugs", day(2)), ("Enrique", None)]
    assert space.recall("Who is the drummer of Los Lobos?", k=1)[0].id == newer


def test_an_old_ledger_is_read_by_rule_when_it_is_opened(tmp_path, clock):
    """A ledger whose memories were written before slots were read gets them, and loses nothing."""
    with agentmem.open(tmp_path, embedder="hash", clock=clock) as system:
        space = system.space("a")
        space.remember("My locker code is 4417.", speaker="Ana")
        space._ledger.connection.all("DELETE FROM slots")
        space._ledger.note("rules", "1 older")
    with agentmem.open(tmp_path, embedder="hash", clock=clock) as system:
        assert [f.value for f in system.space("a").timeline("Ana")] == ["4417"]


def test_slots_leave_with_their_memory(told):
    """No row and no byte of a value outlives the memory that gave it."""
    told.erase(told.ids["QX9000"])
    db = told._ledger.connection
    assert db.one("SELECT count(*) FROM slots WHERE value = 'QX9000'") == 0
    assert [f.name for f in told.path.rglob("*") if f.is_file() and b"QX9000" in f.read_bytes()] == []


def test_names_merge_only_where_they_agree():
    """A short name is the one longer name it begins or ends; two that disagree leave it alone."""
    assert canonical(["Ana", "Ana Reyes", "Reyes", "Ben"]) == {
        "Ana": "Ana Reyes", "Ana Reyes": "Ana Reyes", "Reyes": "Ana Reyes", "Ben": "Ben",
    }  # fmt: skip
    assert canonical(["Ana", "Ana Reyes", "Ana Costa"])["Ana"] == "Ana"
    assert canonical(["Ana", "Ana Reyes", "Ana Reyes Silva"])["Ana"] == "Ana Reyes Silva"
    assert same("dr. reyes", ["Ana Reyes"]) == {"dr. reyes", "Ana Reyes"}


def test_questions_about_a_named_speaker_are_read_to_the_letter(space):
    """In talk between people, words that look like a thing with a value must not lift a memory above the evidence."""
    space.remember("I love to paint when work is over.", speaker="Caroline")
    space.remember("We talked about the painting and a sculpture for the art show.", speaker="Melanie")
    recall = space.recall("What inspired Caroline's painting for the art show?")
    assert all(e.fact is None for e in recall)
    assert recall.confidence < 0.95
    space.remember("My locker code is 4417.", speaker="Caroline")
    assert space.recall("What is Caroline's locker code?", k=1)[0].fact.value == "4417"
    assert space.recall("What is my locker code?", k=1)[0].fact.value == "4417"


def test_a_value_that_is_plainly_another_things_is_not_taken_loosely(space):
    """Who or what gives a value is not the thing that has it, even if it is a known thing itself."""
    space.remember("My locker code is 1234.")
    for room in ("B12", "C7"):
        space.remember(f"My office is {room}.")
    space.remember("The office moved me to 4417 as my locker code.")
    assert space.recall("Which office should be used?", k=1).texts == ("My office is C7.",)
    assert space.recall("What is my locker code?", k=1)[0].fact.value == "4417"


def test_the_newest_of_somebody_elses_values_is_found(space):
    """What a person who does not speak here has changed is followed as one's own is, and kept apart from it."""
    space.remember("Priya's locker code is 4417.")
    space.remember("My locker code is 1234.")
    space.remember("They gave Priya 9001 as her new locker code.")
    space.remember("Ben's locker code is 5555 now.")
    asked = ("What is Priya's locker code?", "What does Priya have as her locker code?", "Tell me Priya's locker code.")
    for question in asked:
        assert "9001" in space.recall(question, k=1).texts[0]
    assert "1234" in space.recall("What is my locker code?", k=1).texts[0]
    assert "5555" in space.recall("Which locker code does Ben have?", k=1).texts[0]


def test_a_thing_that_only_loose_reading_saw_change_is_known_to_change(space):
    """Two values that were read loosely tell that a thing changes, so that a third may be read from a plainer text."""
    space.remember("I've just been told that the dentist is Meyer.")
    space.remember("Could you update my dentist to Novak?")
    space.remember("My boss wants Okafor as our dentist, so that's what we use.")
    assert "Okafor" in space.recall("Who is my dentist?", k=1).texts[0]
