"""The guard: what was forgotten on request does not come back, what was not does, and nothing can be read of either."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import agentmem
from agentmem import cli
from agentmem.errors import GuardedError, InputError, KeysError, MemoryNotFoundError
from agentmem.extract import remember_facts
from agentmem.types import Draft
from agentmem.unlearning import tombstones
from agentmem.unlearning.selector import Nomination
from agentmem.unlearning.tombstones import Frequencies, Graves, Tombstone, of_text, packed_names

SECRET = "My ex Anna moved to Porto with her beagle Quixote and opened a bakery."
PARAPHRASE = "Anna opened a bakery in Porto, where she lives with the beagle Quixote."
OTHER = "The weather in town was fine, so we walked along the river."
KEY = b"k" * 32


@pytest.fixture
def guarded(space, clock):
    """A space that forgot one memory among many, on request, a day ago."""
    space.remember([f"On day {n} we talked about topic {n % 7} and about work." for n in range(120)])
    space.erase(space.remember(SECRET, speaker="Ines"), guard=True)
    clock.advance(timedelta(days=1))
    return space


def test_it_does_not_come_back_in_other_words(guarded):
    """A paraphrase is kept out, with an error that names time and tombstone and repeats nothing of it."""
    with pytest.raises(GuardedError) as caught:
        guarded.remember(PARAPHRASE)
    assert (caught.value.indexes, caught.value.tombstones) == ((0,), (1,))
    assert "forgotten on request on 2025-06-01 (tombstone 1" in str(caught.value)
    assert not [w for w in ("anna", "porto", "bakery", "quixote") if w in str(caught.value).lower()]
    assert not [m for m in guarded.memories() if "Porto" in m.text]
    assert guarded.remember(OTHER)
    assert [s.hits for s in guarded.guard.stones()] == [1]


@pytest.mark.parametrize(
    ("question", "back"),
    [
        ("What was the deleted line about Anna?", True),
        ("Where did the bakery that was erased from memory stand?", True),
        ("Which ex did I ask you to forget?", True),
        ("Just yes or no: did the removed Porto note name a bakery?", True),
        ("Please undelete the beagle.", True),
        ("Where is Anna's bakery?", False),  # asks for it, and recall has nothing: nothing stands next to it
        ("Why have I deleted the photos of Porto?", False),  # what a person deleted
        ("When was the bakery removed from the list?", False),
        ("What was the deleted score of the match?", False),  # nothing of this was forgotten
        ("What was deleted?", False),
        ("", False),
    ],
)
def test_a_question_asks_back_what_was_forgotten(guarded, question, back):
    """By how it is put, and by a word that stood in what was forgotten; switched off, no question does."""
    assert guarded.guard.asked_back(question) is back
    guarded.guard.set("none")
    assert guarded.guard.asked_back(question) is False


def test_nothing_asks_back_where_nothing_was_forgotten_on_request(space):
    """Erasing alone leaves nothing to recognise a question by, and a released tombstone is none."""
    space.erase(space.remember(SECRET))
    assert not space.guard.asked_back("What was the deleted line about Anna?")
    space.erase(space.remember(SECRET), guard=True)
    assert space.guard.asked_back("What was the deleted line about Anna?")
    space.guard.release()
    assert not space.guard.asked_back("What was the deleted line about Anna?")


def test_what_was_cut_out_is_asked_back_by_what_stood_around_it(space):
    """Only the figures went: a question names the door, and what is said of the door is not kept out for it."""
    whole, code = "The door code of the depot is 4471 until May.", "4471"
    id_ = space.remember(whole)[0]
    start = whole.index(code)
    cut = space.forgetting.plan([Nomination(id_, 1.0, "asked for", ((start, start + len(code)),))])
    space.forgetting.execute(cut)
    assert code not in space.get(id_).text
    assert space.guard.asked_back("What was the deleted door code?")
    assert not space.guard.asked_back("What was the deleted score of the match?")
    assert space.remember("The door of the depot is painted green, and the code of May is on it.")
    assert len(space.guard.stones()) == 1


def test_of_many_the_others_are_written_and_it_is_said_which_were_not(guarded):
    """A batch is written without what is kept out; the result names the places, and a warning is given."""
    with pytest.warns(UserWarning, match=r"1 of 3 \(first: index 1\)"):
        done = guarded.remember([OTHER, PARAPHRASE, "The end."])
    assert [guarded.get(i).text for i in done] == [OTHER, "The end."]
    assert [(v.index, v.tombstone) for v in done.kept_out] == [(1, 1)]
    before = len(guarded)
    with pytest.raises(GuardedError) as caught:
        guarded.remember(["First.", PARAPHRASE], guarded="raise")
    assert (caught.value.indexes, len(guarded)) == ((1,), before)
    assert guarded.remember([PARAPHRASE], guarded="skip") == []


def test_without_tombstones_nothing_is_asked(space):
    """Erasing by id and sweeping leave none, so that the same may be said again at once."""
    space.erase(space.remember(SECRET))
    assert space.guard.stones() == []
    assert space.guard.check([SECRET])[0].kept_out is False
    assert space.remember(SECRET).kept_out == ()


def test_a_person_may_say_it_again_on_purpose(guarded):
    """By default the caller says that it is on purpose; then facts drawn from what is said again come in as well."""
    (again,) = guarded.remember(PARAPHRASE, guarded="pass")
    fact = Draft("Anna opened a bakery.", kind="fact", parents=(again,))
    assert guarded.remember(fact)
    # not what the parent does not say
    with pytest.raises(GuardedError):
        guarded.remember(
            Draft("Anna moved, her beagle is Quixote, my ex.", kind="fact", parents=(again_other(guarded),))
        )


def again_other(space):
    (other,) = space.remember(OTHER)
    return other


@pytest.mark.parametrize(
    ("action", "draft", "mode", "out"),
    [
        ("quarantine", Draft(PARAPHRASE), "raise", True),
        ("quarantine", Draft(PARAPHRASE), "pass", False),
        ("block", Draft(PARAPHRASE), "pass", True),
        ("allow", Draft(PARAPHRASE), "raise", False),
        ("allow", Draft(PARAPHRASE), "skip", True),  # of a batch without times nobody knows when it was said
        ("allow", Draft(PARAPHRASE, kind="note"), "raise", True),
        ("none", Draft(PARAPHRASE), "skip", False),
    ],
)
def test_what_is_done_is_set(guarded, action, draft, mode, out):
    """Block, quarantine, allow and none differ in what becomes of what a person says again."""
    guarded.guard.set(action)
    assert guarded.guard.action == action
    assert guarded.guard.check([draft], guarded=mode)[0].kept_out is out


def test_allowing_means_what_was_said_after_the_forgetting(guarded, clock):
    """An import of old turns stays out even then; what was said later comes in."""
    guarded.guard.set("allow")
    old, new = clock.now - timedelta(days=5), clock.now
    done = guarded.remember([Draft(PARAPHRASE, said_at=old), Draft(PARAPHRASE, said_at=new)], guarded="skip")
    assert (len(done), [v.index for v in done.kept_out]) == (1, [0])
    with pytest.raises(InputError, match="block, quarantine, allow, none"):
        guarded.guard.set("maybe")


def test_opened_with_a_guard_it_is_that(system, tmp_path, clock):
    """open(guard=...) goes before what the space has set; a wrong word is refused."""
    system.space("alice").guard.set("block")
    system.close()
    with agentmem.open(system.root, embedder="hash", clock=clock, guard="none") as other:
        space = other.space("alice")
        assert space.guard.action == "none"
        space.erase(space.remember(SECRET), guard=True)
        assert space.guard.stones() == [], "with the guard off, nothing is kept to recognise it by"
    with agentmem.open(system.root, embedder="hash", guard="perhaps") as other, pytest.raises(InputError):
        other.space("alice")


def test_agents_derivers_and_imports_are_kept_out(guarded, system, tmp_path):
    """A reply, an extracted fact and an imported file bring nothing back; the import says how many it left out."""
    (parent,) = guarded.remember(OTHER)
    reply = Draft(PARAPHRASE, kind="reply", parents=(parent,))
    assert guarded.guard.check([reply], guarded="pass")[0].kept_out is False
    with pytest.raises(GuardedError):
        guarded.remember(reply)
    from agentmem.encoding.extraction import ExtractedFact

    fact = ExtractedFact("Anna", "opened", "a bakery in Porto", (parent,))
    assert remember_facts(guarded, [fact]) == []
    guarded.close()
    file = tmp_path / "old.jsonl"
    file.write_text("\n".join(json.dumps({"text": t, "speaker": "Ines"}) for t in (OTHER, SECRET, "Bye.")))
    result = CliRunner().invoke(cli.app, ["import", "alice", str(file), "--root", str(system.root), "--json"])
    assert (result.exit_code, json.loads(result.stdout)["kept_out"]) == (0, [1])
    result = CliRunner().invoke(cli.app, ["import", "alice", str(file), "--root", str(system.root)])
    assert "1 turn kept out" in result.stdout


def test_a_name_is_kept_out_exactly(space):
    """Of a person of whom all was forgotten neither name nor alias comes back; Annapolis and Joanna do."""
    space.remember([OTHER, "Something else."])
    space.guard.entomb([], names=["Anna Reyes", "Annie", "the beagle"])
    texts = [
        "I met ANNA  REYES.",
        "Annie's shop",
        "Anna is nice.",
        "Annapolis is in Maryland.",
        "Beagles bark.",
        "the Beagle",
    ]
    assert [v.kept_out for v in space.guard.check(texts)] == [True, True, False, False, False, True]
    assert space.guard.check([Draft("Hello.", speaker="Annie")])[0].kept_out
    assert [s.scope for s in space.guard.stones()] == ["names"]


def test_nothing_can_be_read_from_tombstones(guarded):
    """The ledger holds no word of it, no plain hash of one, and other spaces' tombstones of the same text differ."""
    import hashlib

    guarded._ledger.connection.all("PRAGMA wal_checkpoint(TRUNCATE)")
    data = b"".join(p.read_bytes() for p in guarded.path.rglob("*") if p.is_file()).lower()
    words = ("anna", "porto", "beagl", "beagle", "quixot", "quixote", "bakeri", "bakery")
    assert [w for w in words if w.encode() in data] == []
    (blob,) = guarded._ledger.connection.all("SELECT hashes FROM tombstones")[0]
    kept = set(np.frombuffer(blob, "<u4").tolist())
    guesses = {int.from_bytes(hashlib.sha256(w.encode()).digest()[:4], "little") for w in words}
    guesses |= {
        h
        for key in (b"", b"\0" * 32, bytes(guarded._ledger.meta("receipt_key")))
        for w in words
        for h in of_text(key, w)
    }
    assert kept.isdisjoint(guesses)
    name = guarded._ledger.meta("guard_key")
    right = guarded._eraser.keys.guard(name)
    assert set(of_text(right, "Porto").tolist()) <= kept, "with the key a guess can be checked: that is its use"


def test_two_spaces_have_two_keys(system):
    """Who compares the tombstones of two spaces learns nothing, and destroying one key leaves the other guard."""
    stones = []
    for name in ("alice", "bob"):
        space = system.space(name)
        space.erase(space.remember(SECRET), guard=True)
        stones.append(space._ledger.connection.all("SELECT hashes FROM tombstones")[0][0])
    assert set(np.frombuffer(stones[0], "<u4")).isdisjoint(np.frombuffer(stones[1], "<u4"))
    assert system.space("alice").guard.shred() == 1
    assert system.space("bob").guard.check([SECRET])[0].kept_out
    assert all(f.ok for f in system.space("alice").doctor())


def test_without_its_key_the_guard_is_silent_and_the_doctor_says_so(guarded):
    """A lost key keeps nothing out and stops nothing; brought back, it works again."""
    name = guarded._ledger.meta("guard_key")
    path = guarded._eraser.keys.folder / f"guard-{name}.key"
    key = path.read_text()
    path.unlink()
    assert not guarded.guard.check([SECRET])[0].kept_out
    (bad,) = [f for f in guarded.doctor() if not f.ok]
    assert bad.check == "guard"
    assert "1 of 1 tombstones keep nothing out" in bad.seen
    assert [s.key_here for s in guarded.guard.stones()] == [False]
    path.write_text(key)
    assert guarded.guard.check([SECRET])[0].kept_out
    path.write_text("ab" * 32)
    guarded.guard._stamp = ()
    with pytest.raises(KeysError, match="holds another key"):
        guarded.remember(OTHER)
    assert [f.check for f in guarded.doctor() if not f.ok] == ["guard"]


def test_after_a_loss_new_tombstones_get_a_new_key(guarded):
    """What is forgotten later is guarded again, under a key of its own; rotation does the same on purpose."""
    guarded._eraser.keys.destroy_guard(guarded._ledger.meta("guard_key"))
    guarded.erase(guarded.remember("Bruno keeps seven llamas in Umbria."), guard=True)
    assert [s.key_here for s in guarded.guard.stones()] == [False, True]
    guarded.guard.rotate()
    guarded.erase(guarded.remember("Clara restores harpsichords in Ghent."), guard=True)
    keys = [k for (k,) in guarded._ledger.connection.all("SELECT DISTINCT key FROM tombstones")]
    assert len(keys) == 3
    texts = ["Seven llamas Bruno keeps, in Umbria.", "In Ghent Clara restores harpsichords."]
    assert [v.kept_out for v in guarded.guard.check(texts)] == [True, True]


def test_tombstones_expire_and_are_released(guarded, clock):
    """After its time a tombstone is deleted; a released one lets the text in; an unknown number is refused."""
    guarded.guard.entomb(["Dora plays the theorbo in a cave."], lasting=timedelta(days=30))
    assert [s.expires for s in guarded.guard.stones()] == [None, clock.now + timedelta(days=30)]
    assert guarded.guard.check(["In a cave Dora plays the theorbo."])[0].kept_out
    clock.advance(timedelta(days=31))
    assert not guarded.guard.check(["In a cave Dora plays the theorbo."])[0].kept_out
    assert [s.number for s in guarded.guard.stones()] == [1]
    with pytest.raises(MemoryNotFoundError, match="no tombstone 7"):
        guarded.guard.release(7)
    assert guarded.guard.release(1) == 1
    assert guarded.remember(PARAPHRASE)


def test_tombstones_are_written_with_the_suppression_or_not_at_all(space, monkeypatch):
    """A crash between the two is impossible: they are one transaction."""
    (one,) = space.remember([SECRET])

    def fail(*_args, **_more):
        raise KeysError("no key today")

    monkeypatch.setattr(space._eraser.keys, "new_guard", fail)
    with pytest.raises(KeysError):
        space.erase(one, guard=True)
    assert one in space
    assert space.receipts() == []
    monkeypatch.undo()
    number = space.erase(one, guard=True).number
    assert [s.erasure for s in space.guard.stones()] == [number]
    assert space.guard.entomb([SECRET], erasure=number) == [], "once an erasure, however often it is resumed"


def test_summaries_and_replies_leave_none(space):
    """They say much besides, and the rest of it must not be kept out."""
    (turn,) = space.remember([SECRET])
    space.remember(
        Draft("Anna bakes. Unrelated: the river flooded the old mill again.", kind="summary", parents=(turn,))
    )
    space.erase(turn, guard=True)
    assert len(space.guard.stones()) == 1
    assert not space.guard.check(["Unrelated: the river flooded the old mill again."])[0].kept_out


def test_it_stays_on_when_the_space_is_opened_again(guarded, system, clock):
    """Another process reads the tombstones and the key from disk; one that holds the space open sees new ones."""
    with agentmem.open(system.root, embedder="hash", clock=clock) as other:
        space = other.space("alice")
        assert space.guard.check([PARAPHRASE])[0].kept_out
        guarded.erase(guarded.remember("Bruno keeps seven llamas in Umbria."), guard=True)
        assert space.guard.check(["Seven llamas are kept by Bruno in Umbria."])[0].kept_out


def test_what_is_forgotten_while_it_is_being_written_stays_out(space, system, clock, monkeypatch):
    """Another process forgets between the look and the writing: the late writer is refused, and sees it next time."""
    space.remember([OTHER, "Something else."])
    with agentmem.open(system.root, embedder="hash", clock=clock) as other:
        late = other.space("alice")
        look = late.guard.screen

        def forgotten_meanwhile(*given):
            seen = look(*given)
            space.guard.entomb([SECRET])
            return seen

        monkeypatch.setattr(late.guard, "screen", forgotten_meanwhile)
        with pytest.raises(GuardedError, match="just now"):
            late.remember(PARAPHRASE)
        monkeypatch.undo()
        with pytest.raises(GuardedError, match="tombstone 1"):
            late.remember(PARAPHRASE)
        assert len(late) == 2


def test_an_agent_goes_on_when_its_reply_is_kept_out(guarded):
    """What the person says in a chat is remembered; a reply that repeats the forgotten is said, but not kept."""
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage

    from agentmem.agent import build_agent

    model = GenericFakeChatModel(messages=iter([AIMessage(PARAPHRASE)]))
    agent = build_agent(guarded, model)
    agent.invoke({"messages": [("user", "How was the weather?")]}, {"configurable": {"thread_id": "t"}})
    texts = [m.text for m in guarded.memories()]
    assert "How was the weather?" in texts
    assert PARAPHRASE not in texts


# -- the arithmetic ------------------------------------------------------------------------------------------------

WORDS = st.lists(
    st.sampled_from(["abbey", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "islet", "jetty"]),
    max_size=8,
)


def slow_score(text, forgotten, living):
    """The formula of the module, written out with sets."""
    sets = [set(of_text(KEY, t).tolist()) for t in forgotten]
    alive = [set(of_text(KEY, t).tolist()) for t in living]

    def idf(h):
        held = sum(h in a for a in alive)
        return np.log1p((len(alive) - held + 0.5) / (held + 0.5))

    x = set(of_text(KEY, text).tolist())
    total = sum(idf(h) for h in x) + 1.5 * np.log1p((len(alive) + 0.5) / 0.5)
    best = 0.0
    for i, own in enumerate(sets):
        near = set().union(*(sets[j] for j in (i - 1, i + 1) if 0 <= j < len(sets)))
        best = max(best, sum(idf(h) * (1 if h in own else 0.5) for h in x & (own | near)) / total)
    return best


@settings(max_examples=150, deadline=None)
@given(WORDS, st.lists(WORDS, min_size=1, max_size=5), st.lists(WORDS, max_size=5))
def test_the_arrays_compute_the_formula(text, forgotten, living):
    """Fast and slow agree on any texts, with neighbours."""
    text, forgotten, living = " ".join(text), [" ".join(f) for f in forgotten], [" ".join(v) for v in living]
    stones = [Tombstone(i + 1, "next" if i else "text", of_text(KEY, f).tobytes()) for i, f in enumerate(forgotten)]
    frequencies = Frequencies([of_text(KEY, v) for v in living])
    match = Graves.of(stones).match(of_text(KEY, text), frequencies)
    assert match.score == pytest.approx(slow_score(text, forgotten, living))
    assert (match.number == -1) == (match.score == 0)


@settings(max_examples=100)
@given(WORDS, WORDS)
def test_what_the_parents_say_is_not_held_against_a_text(text, parent):
    """With all of its words supported a text scores nothing; support never raises a score."""
    forgotten = [Tombstone(1, "text", of_text(KEY, " ".join(text)).tobytes())]
    graves, frequencies = Graves.of(forgotten), Frequencies([of_text(KEY, "abbey birch")])
    hashes = of_text(KEY, " ".join(text))
    assert graves.match(hashes, frequencies, hashes).score == 0
    some = graves.match(hashes, frequencies, of_text(KEY, " ".join(parent))).score
    assert some <= graves.match(hashes, frequencies).score


@settings(max_examples=100)
@given(st.lists(st.text("ab cé", min_size=1, max_size=12), min_size=1, max_size=4), st.text("ab cé", max_size=30))
def test_names_are_found_as_whole_words_and_only_so(names, text):
    """A name is found where its words stand in a row in the text, and nowhere else."""
    rows = [packed_names(KEY, names)]
    graves = Graves.of([Tombstone(1, "names", rows[0])] if rows[0][0] else [])
    padded = f" {' '.join(text.split())} "
    there = any(n.split() and f" {' '.join(n.split())} " in padded for n in names)
    assert (graves.named(KEY, text) == 1) == there


def test_the_threshold_is_set_by_the_living_and_bounded():
    """One in a hundred of the space's own memories may look forgotten; never below or above the bounds."""
    graves = Graves.of([Tombstone(1, "text", of_text(KEY, "abbey birch cedar").tobytes())])
    living = [of_text(KEY, "abbey birch cedar delta")] * 3 + [of_text(KEY, f"ember w{n}") for n in range(97)]
    high = tombstones.threshold(graves, Frequencies(living), living)
    assert tombstones.LOWEST < high < tombstones.HIGHEST
    assert tombstones.threshold(graves, Frequencies([]), []) == tombstones.LOWEST
    assert tombstones.threshold(graves, Frequencies(living), living[:3] * 40) <= tombstones.HIGHEST


# -- measured ------------------------------------------------------------------------------------------------------


def test_on_locomo_it_recognises_paraphrases(data):
    """On two development conversations: .7 at least at one false alarm in a hundred, more than plain containment."""
    from agentmem.formats import locomo
    from agentmem_evaluators._unlearning_guard import figures, observations, sessions

    path = data / "locomo" / "locomo_dev.json"
    about, samples = observations(path), locomo.load(path)[:2]
    guard = figures([s for m in samples for s in sessions(m.drafts, about[m.id])])
    plain = figures([s for m in samples for s in sessions(m.drafts, about[m.id], plain=True)])
    assert guard["tpr_at_1%_fpr"] >= 0.7
    assert guard["tpr_at_1%_fpr"] > plain["tpr_at_1%_fpr"] > 0.5
    assert guard["tpr"] >= 0.7
    assert guard["fpr"] <= 0.015


def test_the_guard_of_a_space_does_what_the_figures_say(data, space):
    """One session forgotten in a real space: what comes back of it is kept out, what others were told comes in."""
    from agentmem.formats import locomo
    from agentmem_evaluators._unlearning_guard import observations

    path = data / "locomo" / "locomo_dev.json"
    sample = locomo.load(path)[0]
    about = observations(path)[sample.id]
    space.remember(sample.drafts)
    gone = [m.id for m in space.memories() if m.thread == "session_1"]
    space.erase(gone, guard=True)
    verdicts = space.guard.check([Draft(o.text, "turn", o.speaker) for o in about], guarded="skip")
    own = np.array([o.thread == "session_1" for o in about])
    out = np.array([v.kept_out for v in verdicts])
    assert out[own].mean() >= 0.5
    assert out[~own].mean() <= 0.03


def test_the_command_line_shows_and_sets(guarded, system):
    """The command lists without words, releases, switches off and on; wrong words exit with 2."""

    def run(*words):
        result = CliRunner().invoke(cli.app, ["guard", "alice", *words, "--root", str(system.root)])
        return result.exit_code, result.stdout

    guarded.close()
    code, out = run("--json")
    assert (code, json.loads(out)["action"], len(json.loads(out)["stones"])) == (0, "quarantine", 1)
    assert "quarantine; tombstones: 1" in run("--list")[1]
    assert json.loads(run("--off", "--json")[1])["action"] == "none"
    assert json.loads(run("--on", "--json")[1])["action"] == "quarantine"
    assert json.loads(run("--set", "block", "--json")[1])["action"] == "block"
    assert run("--on", "--off")[0] == 2
    assert run("--set", "perhaps")[0] == 2
    assert run("--release", "9")[0] == 2
    assert "1 tombstone taken away" in run("--release-all")[1]
    remember = ["remember", "alice", SECRET, "--root", str(system.root)]
    assert CliRunner().invoke(cli.app, remember).exit_code == 0


def test_from_the_command_line_it_can_be_said_again(guarded, system):
    """`agentmem remember` refuses it in words, and takes it with --again."""
    guarded.close()
    words = ["remember", "alice", PARAPHRASE, "--root", str(system.root)]
    refused = CliRunner().invoke(cli.app, words)
    assert refused.exit_code == 1
    assert "--again" in refused.stderr
    assert CliRunner().invoke(cli.app, [*words, "--again"]).exit_code == 0
