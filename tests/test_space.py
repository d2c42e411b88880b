"""The facade: what goes in is recalled, filtered, refused with a reason, and the same for every process and thread."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

import agentmem
from agentmem import Draft, Filter
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.errors import (
    EmbedderMismatchError,
    InputError,
    LineageError,
    MemoryNotFoundError,
    NameRefusedError,
    SpaceClosedError,
    SpaceNotFoundError,
    TextError,
    TimeError,
)


def test_what_was_said_is_recalled_first(space):
    """The memory that answers comes before those that do not, with its signals and its date."""
    space.remember(
        ["I adopted a cat called Miso.", "The weather is grey again.", "My brother plays the cello."], speaker="Ana"
    )
    recall = space.recall("What is the cat called?", k=2)
    assert recall[0].memory.text == "I adopted a cat called Miso."
    assert len(recall) == 2
    assert recall[0].score >= recall[1].score
    assert recall[0].signals
    assert recall[0].score == pytest.approx(sum(recall[0].signals.values()), abs=1e-3)
    assert 0 <= recall.confidence <= 1


def test_an_empty_space_recalls_nothing(space):
    """Nothing in, nothing out, no confidence, no error."""
    recall = space.recall("Anything?")
    assert (len(recall), recall.confidence, recall.tokens) == (0, 0.0, 0)


def test_one_memory_is_enough(space):
    """A space of one memory has finite scores."""
    space.remember("The door code is 4711.")
    recall = space.recall("What is the door code?")
    assert recall.texts == ("The door code is 4711.",)
    assert recall[0].score == recall[0].score


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Filter(threads=("b",)), {"two", "three"}),
        (Filter(speakers=("Ana",)), {"one", "three"}),
        (Filter(kinds=("note",)), {"three"}),
        (Filter(since=datetime(2025, 1, 2, tzinfo=UTC)), {"two", "three"}),
        (Filter(until=datetime(2025, 1, 2, tzinfo=UTC)), {"one"}),
        (Filter(where={"room": "kitchen"}), {"two"}),
        (Filter(as_of=datetime(2025, 1, 2, 12, tzinfo=UTC)), {"one", "two"}),
        (Filter(threads=("nowhere",)), set()),
        (Filter(threads=("b",), speakers=("Ana",)), {"three"}),
    ],
)
def test_filters_restrict_recall_and_listing(space, asked, expected):
    """Each field of a filter holds for recall and for listing alike."""
    day = datetime(2025, 1, 1, tzinfo=UTC)
    space.remember(
        [
            Draft("one", thread="a", speaker="Ana", said_at=day),
            Draft("two", thread="b", speaker="Bo", said_at=day + timedelta(days=1), metadata={"room": "kitchen"}),
            Draft("three", thread="b", speaker="Ana", said_at=day + timedelta(days=2), kind="note"),
        ]
    )
    assert set(space.recall("one two three", filter=asked).texts) == expected
    assert {m.text for m in space.memories(asked)} == expected


def test_as_of_sees_what_was_valid_then(space):
    """A fact that has ended is not valid any more, and one that has not begun is not valid yet."""
    day = datetime(2025, 1, 1, tzinfo=UTC)
    (turn,) = space.remember("Ana moved.", said_at=day)
    space.remember(
        [
            Draft("Ana lives in Porto.", kind="fact", parents=(turn,), said_at=day, valid_to=day + timedelta(days=9)),
            Draft("Ana lives in Riga.", kind="fact", parents=(turn,), said_at=day, valid_from=day + timedelta(days=9)),
        ]
    )
    facts = ("fact",)
    early = space.recall("Where does Ana live?", filter=Filter(kinds=facts, as_of=day + timedelta(days=3)))
    late = space.recall("Where does Ana live?", filter=Filter(kinds=facts, as_of=day + timedelta(days=30)))
    assert early.texts == ("Ana lives in Porto.",)
    assert late.texts == ("Ana lives in Riga.",)


def test_as_of_knows_nothing_of_what_came_later(tmp_path, clock):
    """Going back in time gives the scores of a space in which the later turns were not yet said."""
    day = datetime(2025, 1, 1, tzinfo=UTC)
    drafts = [
        Draft(f"Turn {n} about {w} and tea.", said_at=day + timedelta(days=n), speaker="Ana")
        for n, w in enumerate(["cats", "trains", "bread", "cats", "rivers", "cats"])
    ]
    with agentmem.open(tmp_path, embedder="hash", clock=clock) as system:
        then, now = system.space("then"), system.space("now")
        then.remember(drafts[:4])
        now.remember(drafts)
        back = now.recall("What about cats?", filter=Filter(as_of=day + timedelta(days=3)))
        assert sorted(back.texts) == sorted(then.recall("What about cats?").texts)
        assert {m.text for m in now.memories(Filter(as_of=day + timedelta(days=3)))} == {d.text for d in drafts[:4]}


def test_a_question_is_no_evidence_for_itself(space):
    """Asking again does not bring back the asking, nor what was replied then, but what was said."""
    (fact,) = space.remember("I keep the spare key under the third flower pot.", speaker="Ana")
    (asked,) = space.remember("Where is the spare key?", speaker="Ana")
    (reply,) = space.remember(Draft("Under the spare key.", kind="reply", parents=(asked, fact)))
    assert space.recall("Where is the spare key?").ids == (fact,)
    assert space.recall("Where is Ana's spare key?").ids == (fact,)
    assert set(space.recall("spare key").ids) == {fact, asked}
    assert space.recall("Where is the spare key?", filter=Filter(kinds=("reply",))).ids == (reply,)


def test_a_question_is_found_where_there_is_nothing_else(space):
    """A space that holds only the question still brings it back."""
    ids = space.remember("Should I sell the car?")
    assert space.recall("Should I sell the car?").ids == tuple(ids)


def test_a_token_budget_is_kept(space):
    """`max_tokens` fills a context and never exceeds it; what does not fit is passed over for what does."""
    space.remember([f"The cat {'sleeps ' * (n * 20)}." for n in range(1, 6)])
    recall = space.recall("Where does the cat sleep?", max_tokens=100)
    assert 0 < recall.tokens <= 100
    assert recall.tokens == sum(-(-len(t.encode()) // 4) + 8 for t in recall.texts)


@pytest.mark.parametrize(
    ("bad", "error", "says"),
    [
        ("", TextError, "empty"),
        ("   \n", TextError, "empty"),
        ("a\0b", TextError, "NUL"),
        ("\ud800", TextError, "surrogate"),
        ("x" * (10 * 2**20), TextError, "split it"),
        (7, TextError, "must be a string"),
        (Draft("x", said_at=datetime(2025, 1, 1)), TimeError, "no timezone"),  # noqa: DTZ001
        (Draft("x", kind="fact"), LineageError, "parents"),
        (Draft("x", kind="dream"), InputError, "unknown"),
        (Draft("x", metadata={"a": [1]}), InputError, "flatten"),
        (Draft("x", metadata={"a": float("nan")}), InputError, "finite"),
        (Draft("x", position=-1), InputError, "position"),
        (Draft("x", thread=""), InputError, "thread"),
        (Draft("x", parents=("01NOPE",)), LineageError, "not in this space"),
        (
            Draft("x", valid_from=datetime(2025, 1, 2, tzinfo=UTC), valid_to=datetime(2025, 1, 1, tzinfo=UTC)),
            TimeError,
            "before",
        ),
    ],
)
def test_bad_input_is_refused_and_loses_nothing(space, bad, error, says):
    """A bad draft among good ones says what is wrong with it, and none of them is written."""
    space.remember("kept")
    with pytest.raises(error, match=says):
        space.remember(["good", bad] if not isinstance(bad, int) else [Draft("good"), Draft(bad)])
    assert [m.text for m in space.memories()] == ["kept"]


LANGUAGES = (
    "Der Hund bellt",
    "犬が吠える",
    "الكلب ينبح",
    "הכלב נובח",
    "собака лает",
    "कुत्ता भौंकता है",
    "Σκύλος γαβγίζει",
    "狗在叫",
    "개가 짖는다",
    "สุนัขเห่า",
    "köpek havlıyor",
    "con chó sủa",
    "pies szczeka",
    "hunden gøer",
    "koira haukkuu",
    "a kutya ugat",
    "câinele latră",
    "кучето лае",
    "pas laje",
    "suns rej",
    "šuo loja",
    "koer haugub",
    "hundurinn geltir",
    "anjing menggonggong",
    "mbwa anabweka",
    "inja iyakhonkotha",
    "כלב",
    "سگ پارس می‌کند",
    "کتا بھونکتا ہے",
    "কুকুর ঘেউ ঘেউ করে",
    "நாய் குரைக்கிறது",
    "కుక్క మొరుగుతుంది",
    "ನಾಯಿ ಬೊಗಳುತ್ತದೆ",
    "നായ കുരയ്ക്കുന്നു",
    "කුකුරා බුරනවා",
    "ဓွေးဟောင်တယ်",
    "ឆ្កែព្រុស",
    "ໝາເຫົ່າ",
    "ძაღლი ყეფს",
    "շունը հաչում է",
    "🐕🔊",
    "\u202edog\u202c backwards",
)


def test_every_language_goes_in_and_comes_back(space):
    """Forty languages, emoji and bidi marks are stored byte for byte and can be recalled."""
    ids = space.remember(LANGUAGES)
    assert [space.get(i).text for i in ids] == list(LANGUAGES)
    for text in LANGUAGES:
        assert text in space.recall(text, k=5).texts


@pytest.mark.parametrize(
    "name", ["../../x", "CON", "con", "a" * 300, "Ünï/çode", ".", "..", "a b", "%2e", "C:\\x", "~"]
)
def test_no_name_leaves_the_root(system, name):
    """Any printable name makes a space of its own inside the root, found again under that name."""
    space = system.space(name)
    space.remember("hello")
    assert space.path.parent == system.root / "spaces"
    assert space.path.resolve().parent == (system.root / "spaces").resolve()
    assert len(space.path.name) <= 150
    assert name in {info.name for info in system.spaces()}
    assert len(system.space(name.swapcase() + "2")) == 0


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "a\nb", "\ud800"])
def test_what_cannot_be_a_name_is_refused(system, name):
    """Empty, invisible and invalid names are errors, not folders."""
    with pytest.raises(NameRefusedError):
        system.space(name)


def test_spaces_that_differ_by_case_differ(system):
    """`Ana` and `ana` are two spaces, also on disks that fold case."""
    assert system.space("Ana").path.name.lower() != system.space("ana").path.name.lower()


def test_a_missing_space_is_named_with_what_there_is(system):
    """Opening what is not there suggests the nearest name."""
    system.space("alice").remember("x")
    with pytest.raises(SpaceNotFoundError, match="Did you mean 'alice'"):
        system.space("alise", create=False)


def test_another_embedder_is_refused_until_rebuilt(tmp_path):
    """A space remembers who filled it; another embedder is an error that names the way, and the way works."""
    with agentmem.open(tmp_path, embedder=HashEmbedder(32)) as system:
        system.space("a").remember(["the cat sleeps", "the dog barks"])
    with (
        agentmem.open(tmp_path, embedder=HashEmbedder(48)) as system,
        pytest.raises(EmbedderMismatchError, match="agentmem rebuild a --embedder"),
    ):
        system.space("a")
    with agentmem.open(tmp_path) as system:
        space = system.space("a")
        space.rebuild(HashEmbedder(48))
        assert space.recall("cat").texts[0] == "the cat sleeps"
        assert len(space.get(space.recall("cat").ids[0]).vector) == 48
        assert all(f.ok for f in space.doctor())


def test_a_space_read_by_older_rules_is_read_anew(tmp_path):
    """What rules read out of texts is refreshed when the rules have changed; vectors and ids stay as they are."""
    with agentmem.open(tmp_path, embedder="hash") as system:
        space = system.space("a")
        (id_,) = space.remember("We met in Porto on 3 May 2024.")
        truth = [(e.id, e.score) for e in space.recall("Where did we meet?")]
        vector = space.get(id_).vector.tolist()
        space._ledger.connection.all("UPDATE memories SET features = x'00000000', happened_from = NULL")
        space._ledger.connection.all("DELETE FROM cues")
        space._ledger.note("rules", "0 older")
    with agentmem.open(tmp_path, embedder="hash") as system:
        space = system.space("a")
        assert [(e.id, e.score) for e in space.recall("Where did we meet?")] == truth
        assert space.get(id_).cues.when.start == datetime(2024, 5, 3, tzinfo=UTC)
        assert "Porto" in space.get(id_).cues.entities
        assert space.get(id_).vector.tolist() == vector


def test_many_threads_share_one_space(space):
    """Concurrent writers and readers lose nothing and see no half-written state."""
    errors: list[BaseException] = []

    def work(n: int) -> None:
        try:
            for i in range(10):
                space.remember(f"thread {n} says number {i}", thread=f"t{n}")
                assert len(space.recall(f"number {i}", k=3)) >= 1
        except BaseException as error:  # noqa: BLE001 - reported below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == []
    assert len(space) == 60
    assert {(m.thread, m.position) for m in space.memories()} == {(f"t{n}", i) for n in range(6) for i in range(10)}
    assert all(f.ok for f in space.doctor())


def test_a_closed_space_says_so(space):
    """After close every call is refused in plain words, and closing again is fine."""
    space.close()
    space.close()
    with pytest.raises(SpaceClosedError, match="open it again"):
        space.recall("x")


def test_recalls_leave_traces_that_survive_the_close(tmp_path, clock):
    """How often a memory was recalled is written down at the latest when the space closes."""
    with agentmem.open(tmp_path, embedder="hash", clock=clock) as system:
        space = system.space("a")
        space.remember(["the cat sleeps", "the dog barks"])
        for _ in range(3):
            space.recall("cat", k=1)
    with agentmem.open(tmp_path, embedder="hash", clock=clock) as system:
        traces = system.space("a")._ledger.connection.all("SELECT seq, uses, unused FROM traces")
    assert traces == [(1, 3, 0), (2, 0, 3)]


def test_unknown_ids_are_errors(space):
    """Get and erase name what they do not know, and erase then does nothing."""
    (id_,) = space.remember("kept")
    with pytest.raises(MemoryNotFoundError):
        space.get("01NOPE")
    with pytest.raises(MemoryNotFoundError, match="Nothing was erased"):
        space.erase([id_, "01NOPE"])
    assert id_ in space
    with pytest.raises(InputError):
        space.erase([])


@pytest.mark.parametrize("arguments", [{"k": 0}, {"max_tokens": 0}, {"k": -1}])
def test_impossible_limits_are_refused(space, arguments):
    """K and max_tokens begin at one."""
    with pytest.raises(InputError, match="at least 1"):
        space.recall("x", **arguments)


def test_an_empty_question_is_refused(space):
    """A question needs words."""
    with pytest.raises(TextError, match="empty"):
        space.recall("  ")
