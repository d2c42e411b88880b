"""Forgetting on request: the plan, what goes and what stays changed, undoing, holds, schedules, and late writers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import agentmem
from agentmem import Draft
from agentmem.errors import (
    HeldError,
    InputError,
    LineageError,
    MemoryNotFoundError,
    PlanChangedError,
    ResidueError,
    StaleError,
)
from agentmem.extract import extract
from agentmem.unlearning.derived import supported
from agentmem.unlearning.redaction import without
from agentmem.unlearning.selector import Entity, Everything, Ids, Kind, Nomination, Said, Speaker, Thread, Topic

TEA = "I drink green tea every morning before work."
BRUNO = "My ex Bruno lives in Braga with his two dogs."
CALLED = "Bruno called me again yesterday evening."
GARDEN = "The garden needs water every second day."


def anas(space, *texts, **fields):
    return space.remember([Draft(t, speaker="Ana", **fields) for t in texts])


def everywhere(space, text):
    """Name the files of a space that hold a text, in any case."""
    data = text.encode().lower()
    return [p.name for p in space.path.rglob("*") if p.is_file() and data in p.read_bytes().lower()]


def texts(space, kind=None):
    return [m.text for m in space.memories() if kind is None or m.kind == kind]


def cut(space, id_, part):
    """Return a plan that redacts one part of one memory."""
    start = space.get(id_).text.index(part)
    return space.forgetting.plan([Nomination(id_, 1.0, "asked for", ((start, start + len(part)),))])


# -- the plan ----------------------------------------------------------------------------------------------------------


def test_a_plan_says_what_goes_where_why_and_writes_nothing(space):
    """Items, what was derived, counts, stores and what is out of reach; and the space is as it was."""
    tea, bruno, _, _ = anas(space, TEA, BRUNO, CALLED, GARDEN)
    (fact,) = space.remember([Draft("Bruno lives in Braga", kind="fact", parents=(bruno,))])
    before = (space._ledger.mark(), texts(space), space.receipts())
    plan = space.forgetting.plan("forget everything about Bruno")
    assert (space._ledger.mark(), texts(space), space.receipts()) == before
    assert {i.id: (i.action, i.confidence >= 0.9) for i in plan.items if i.memory.kind == "turn"} == {
        bruno: ("erase", True),
        **{i.id: ("erase", True) for i in plan.items if i.memory.text == CALLED},
    }
    assert fact in {i.id for i in plan.items} | {e.id for e in plan.derived}
    assert plan.counts == {"erased": 3, "redacted": 0, "rewritten": 0, "kept": 0, "asked": 0, "near misses": 0}
    assert plan.kinds == {"fact": 1, "turn": 2}
    assert "ledger" in plan.stores
    assert any("providers" in what for what in plan.out_of_scope)
    assert tea not in {i.id for i in plan.items}


def test_the_json_of_a_plan_holds_no_content_unless_it_is_asked_for(space):
    """Ids, counts and reasons pass through JSON; texts and the request only with `show`."""
    anas(space, TEA, BRUNO)
    plan = space.forgetting.plan("forget everything about Bruno")
    plain, shown = (json.dumps(plan.to_dict(show=show)) for show in (False, True))
    assert "Braga" not in plain
    assert "request" not in plan.to_dict()
    assert "Braga" in shown
    assert json.loads(plain)["digest"] == plan.digest


def test_a_plan_is_bound_to_what_it_was_made_of(space):
    """The same request in the same space has the same digest; another request or another state has another."""
    anas(space, TEA, BRUNO)
    first, again = (space.forgetting.plan("forget everything about Bruno").digest for _ in range(2))
    assert first == again
    assert space.forgetting.plan("forget everything I said").digest != first
    anas(space, GARDEN)
    assert space.forgetting.plan("forget everything about Bruno").digest != first


@pytest.mark.parametrize("change", ["remember", "erase", "redact"])
def test_a_plan_is_not_carried_out_once_the_space_has_changed(space, change):
    """Whatever was remembered, erased or rewritten since: plan again; and nothing was forgotten."""
    tea, bruno = anas(space, TEA, BRUNO)
    plan = space.forgetting.plan([bruno])
    if change == "remember":
        space.remember(GARDEN)
    elif change == "erase":
        space.erase(tea)
    else:
        space.forgetting.execute(cut(space, tea, " before work"))
    with pytest.raises(PlanChangedError, match=r"plan again|Plan again"):
        space.forgetting.execute(plan)
    assert bruno in space


def test_a_plan_that_was_tampered_with_is_refused(space):
    """Another item in the plan than was found: it is not the plan that was made."""
    tea, bruno = anas(space, TEA, BRUNO)
    plan = space.forgetting.plan([bruno])
    other = space.forgetting.plan([tea])
    with pytest.raises(PlanChangedError, match="not what it was"):
        space.forgetting.execute(replace(plan, items=other.items))
    assert tea in space


def test_what_another_process_writes_in_between_is_seen(tmp_path, clock):
    """A second program that has the space open changes it: the plan of the first is refused."""
    with agentmem.open(tmp_path, embedder="hash", clock=clock) as one:
        (bruno,) = anas(one.space("a"), BRUNO)
        plan = one.space("a").forgetting.plan([bruno])
        with agentmem.open(tmp_path, embedder="hash", clock=clock) as two:
            anas(two.space("a"), GARDEN)
        with pytest.raises(PlanChangedError):
            one.space("a").forgetting.execute(plan)
        assert one.space("a").forgetting.forget([bruno]).level == "physical"


def test_what_is_unsure_is_asked_and_stays_unless_answered(space):
    """A topic only asks; without answers nothing goes, with one answer one goes, and strange answers are refused."""
    tea, bruno, called, _ = anas(space, TEA, BRUNO, CALLED, GARDEN)
    plan = space.forgetting.plan(Topic("Bruno and Braga"))
    assert not plan.items
    assert bruno in {i.id for i in plan.asks}
    with pytest.raises(InputError, match="must be asked about first"):
        space.forgetting.execute(plan)
    with pytest.raises(InputError, match="neither selected nor asked"):
        space.forgetting.execute(plan, {"01NOPE": True})
    space.forgetting.execute(plan, {bruno: True, called: False})
    assert bruno not in space
    assert {tea, called} <= {m.id for m in space.memories()}


def test_what_is_selected_may_be_answered_with_no(space):
    """A person who looks at the plan keeps one of what was selected."""
    bruno, called = anas(space, BRUNO, CALLED)
    space.forgetting.execute(space.forgetting.plan(Entity("Bruno")), {called: False})
    assert [m.id for m in space.memories()] == [called]
    assert bruno not in space


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("", InputError),
        ([], InputError),
        (["01NOPE"], MemoryNotFoundError),
        ("forget everything about Zed", InputError),
    ],
)
def test_what_means_nothing_is_an_error_that_says_so(space, what, error):
    """Empty requests, no ids, unknown ids and requests that find nothing: nothing was forgotten."""
    anas(space, TEA)
    with pytest.raises(error):
        space.forget(what)
    assert len(space) == 1


def test_forgetting_twice_finds_nothing_the_second_time(space):
    """Idempotent: the second request has nothing left to forget, and the space is as the first left it."""
    anas(space, TEA, BRUNO, CALLED)
    space.forget("forget everything about Bruno", guard=False)
    before = texts(space)
    with pytest.raises(InputError, match="nothing in this space is meant"):
        space.forget("forget everything about Bruno")
    assert texts(space) == before == [TEA]


# -- what goes ---------------------------------------------------------------------------------------------------------


def test_a_receipt_says_how_far_it_went_and_the_list_as_well(space):
    """Erased to the bytes and looked for: physical and checked, in the list verified; counts of both kinds."""
    bruno, tea = anas(space, BRUNO, TEA)
    space.remember([Draft(f"{BRUNO} {TEA}", kind="summary", parents=(bruno, tea))])
    receipt = space.forget([bruno])
    assert (receipt.level, receipt.checked, receipt.pending) == ("physical", True, "")
    assert (receipt.erased, receipt.rewritten) == ({"turn": 1}, {"summary": 1})
    (record,) = space.forgetting.list()
    assert (record.state, record.erased, record.rewritten) == ("verified", {"turn": 1}, {"summary": 1})
    said = json.loads(receipt.signed)
    assert (said["basis"], said["level"]) == ("request", "physical")
    assert said["counts"]["rewritten"] == {"summary": 1}
    assert everywhere(space, "Braga") == []


def test_residue_that_stays_is_an_error_that_says_where(space):
    """A copy in a file of the space of what a redaction took is found as well."""
    (bruno,) = anas(space, "I like the sea. My ex Bruno lives in Braga with his two dogs and a parrot.")
    (space.path / "notes.txt").write_text("My ex Bruno lives in Braga with his two dogs and a parrot.")
    with pytest.raises(ResidueError, match=r"notes\.txt"):
        space.forgetting.execute(cut(space, bruno, "My ex Bruno lives in Braga with his two dogs and a parrot."))
    assert texts(space) == ["I like the sea."]


def test_a_hold_keeps_what_would_go_and_what_would_be_rewritten(space):
    """Nothing of the plan is carried out until the hold is ended."""
    bruno, tea = anas(space, BRUNO, TEA)
    (summary,) = space.remember([Draft(f"{BRUNO} {TEA}", kind="summary", parents=(bruno, tea))])
    for held in (bruno, summary):
        space.forgetting.hold(held, "litigation 12")
        with pytest.raises(HeldError, match="litigation 12"):
            space.forget([bruno])
        assert bruno in space
        space.forgetting.release(held)
    space.forget([bruno])
    assert texts(space) == [TEA, TEA]
    with pytest.raises(InputError, match="needs a reason"):
        space.forgetting.hold(tea, " ")


# -- a part of a memory ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "part", "left"),
    [
        ("I met Anna, and I like tea.", "I met Anna", "I like tea."),
        ("I like tea, and I met Anna.", "I met Anna.", "I like tea."),
        ("I like tea and Anna moved to Porto and Tom stayed.", "Anna moved to Porto", "I like tea and Tom stayed."),
        ("We left. Anna moved to Porto. Tom stayed!", "Anna moved to Porto.", "We left. Tom stayed!"),
        ("We left. Anna moved to Porto.", "Anna moved to Porto.", "We left."),
        ("My address is 5 Rua Nova, Porto.", "5 Rua Nova, ", "My address is Porto."),
        ("My address is 5 Rua Nova, Porto.", ", Porto", "My address is 5 Rua Nova."),
        ("Tom (my ex Anna) came by.", "my ex Anna", "Tom came by."),
        ("- tea\n- Anna's number\n- milk", "- Anna's number\n", "- tea\n- milk"),
        ("My code is 4417 and my cat is Miso.", "My code is 4417", "My cat is Miso."),
        ("Call f() or  g(), then Anna!", ", then Anna", "Call f() or  g()!"),
        ("Anna", "Anna", ""),
        ("Anna!", "Anna", ""),
    ],
)
def test_what_is_left_of_a_text_still_reads(text, part, left):
    """Signs, joining words and capitals are put right where it was cut, and nothing else is touched."""
    start = text.index(part)
    assert without(text, [(start, start + len(part))]) == left


def test_cutting_nothing_changes_nothing():
    """No spans, empty ones, and ones beyond the end."""
    for spans in ([], [(3, 3)], [(99, 120)]):
        assert without(" I like  tea, and", spans) == " I like  tea, and"


def test_a_part_goes_and_the_rest_is_as_if_it_had_been_said_alone(tmp_path, clock):
    """Same id and place, and the same vector, cues, slots, signals, scores and links as of the shorter text."""
    secret = ", and my locker code is QX4417"
    whole = f"Sister Marta visits us in July{secret}."
    with agentmem.open(tmp_path, embedder="hash", clock=clock, stores=("episodic", "lexical", "graph")) as system:
        one, two = system.space("one"), system.space("two")
        ids = anas(one, TEA, whole, GARDEN)
        one.recall("warm up the indexes")
        one.retention.traces()  # signals are there before
        one.forgetting.execute(cut(one, ids[1], secret))
        anas(two, TEA, "Sister Marta visits us in July.", GARDEN)
        assert texts(one) == texts(two)
        now, never = one.get(ids[1]), [*two.memories(vectors=True)][1]
        assert (now.position, now.seq, now.said_at) == (1, 2, never.said_at)
        assert np.array_equal(now.vector, never.vector)
        assert now.cues == never.cues
        for question in ("When does Marta visit?", "What is my locker code?", "tea or water"):
            a, b = one.recall(question, k=3), two.recall(question, k=3)
            assert [(e.memory.text, e.score) for e in a] == [(e.memory.text, e.score) for e in b]
            assert a.confidence == b.confidence
        a, b = one.retention.traces()[1], two.retention.traces()[1]
        for name in ("arousal", "importance", "surprise", "specificity", "salience"):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name
        assert one.timeline("Ana") == two.timeline("Ana") == []
        assert everywhere(one, "QX4417") == everywhere(one, "locker") == []
        assert [f for f in one.doctor() if not f.ok] == []
        assert one.receipts()[0].erased == {}
        assert one.receipts()[0].rewritten == {"turn": 1}


def test_what_was_derived_of_a_memory_that_lost_a_part_is_looked_at_again(space):
    """A fact of the part that went goes, one of what stayed stays, a summary loses the sentence, a reply goes."""
    (said,) = anas(space, "My cat Miso sleeps all day long, and my locker code is 4417.")
    gone, stays, summary, reply = space.remember(
        [
            Draft("Ana's locker code is 4417", kind="fact", parents=(said,)),
            Draft("Ana's cat Miso sleeps all day", kind="fact", parents=(said,)),
            Draft("Ana has a cat Miso. Her locker code is 4417.", kind="summary", parents=(said,)),
            Draft("Noted.", kind="reply", parents=(said,)),
        ]
    )
    space.forgetting.execute(cut(space, said, ", and my locker code is 4417"))
    assert [gone in space, stays in space, summary in space, reply in space] == [False, True, True, False]
    assert space.get(summary).text == "Ana has a cat Miso."
    assert space.get(stays).parents == (said,)


def test_of_a_fact_no_part_stays(space):
    """Subject, relation and object stand in its metadata too: a fact goes whole."""
    (said,) = anas(space, "My locker code is 4417, said Ana at the gym today.")
    (fact,) = space.remember([Draft("Ana's locker code is 4417 at the gym", kind="fact", parents=(said,))])
    space.forgetting.execute(cut(space, fact, " 4417"))
    assert fact not in space
    assert said in space


def test_metadata_that_say_what_went_go_too(space):
    """Values that hold a word that only the part held are dropped, others stay."""
    (said,) = anas(space, "My cat is Miso, and Bruno called.", metadata={"who": "Bruno", "pet": "Miso", "n": 3})
    space.forgetting.execute(cut(space, said, ", and Bruno called"))
    assert dict(space.get(said).metadata) == {"pet": "Miso", "n": 3}
    assert everywhere(space, "Bruno") == []


# -- what was derived --------------------------------------------------------------------------------------------------


def test_a_fact_stays_while_a_surviving_parent_says_it(space):
    """Two say it and one is forgotten: the fact stays, of the other alone, and names nothing that went."""
    later = datetime(2025, 5, 1, tzinfo=UTC)
    first, second = anas(space, "I live in Braga now.", "As you know I live in Braga.", thread="a", said_at=later)
    (fact,) = space.remember(
        [
            Draft(
                "Ana lives in Braga",
                kind="fact",
                speaker="Ana",
                thread="a",
                said_at=later,
                parents=(first, second),
                metadata={"subject": "Ana", "from": second},
                origin=f"fact:{second}:digest",
            )
        ]
    )
    space.forget([second])
    kept = space.get(fact)
    assert (kept.parents, kept.origin, dict(kept.metadata)) == ((first,), f"fact:{first}:digest", {"subject": "Ana"})
    assert everywhere(space, second) == []
    space.forget([first])
    assert len(space) == 0


def test_a_fact_moves_to_the_last_parent_that_stays(space):
    """It stood where the last of its parents did; now it stands where the last of those that are left does."""
    (first,) = anas(space, "I live in Braga now.", thread="a", said_at=datetime(2025, 4, 1, tzinfo=UTC))
    (second,) = anas(space, "I live in Braga.", thread="b", said_at=datetime(2025, 5, 1, tzinfo=UTC))
    (fact,) = space.remember(
        [
            Draft(
                "Ana lives in Braga",
                kind="fact",
                thread="b",
                parents=(first, second),
                said_at=datetime(2025, 5, 1, tzinfo=UTC),
            )
        ]
    )
    space.forget([second])
    kept = space.get(fact)
    assert (kept.thread, kept.said_at, kept.position) == ("a", datetime(2025, 4, 1, tzinfo=UTC), 1)


def test_a_fact_that_only_what_went_said_goes(space):
    """The surviving parent speaks of the same person, and not of that."""
    first, second = anas(space, "I moved to Braga.", "My code is 4417.")
    (fact,) = space.remember([Draft("Ana's code is 4417", kind="fact", parents=(first, second))])
    space.forget([second])
    assert fact not in space
    assert first in space


def test_facts_of_the_rules_are_those_that_would_be_read_now(system):
    """After a part went, what the rules read is what they read of the shorter text: here a fact less, and another."""
    one, two = system.space("one"), system.space("two")
    (said,) = anas(one, "I live in Porto, and my locker code is 4417.")
    anas(two, "I live in Porto.")
    extract(one)
    assert texts(one, "fact") == ["Ana's locker code is 4417"]
    one.forgetting.execute(cut(one, said, ", and my locker code is 4417"))
    for space in (one, two):
        extract(space)
    assert texts(one, "fact") == texts(two, "fact") == ["Ana lives in Porto"]
    assert extract(one, again=True) == []


@pytest.mark.parametrize("kind", ["summary", "note", "preference", "skill"])
def test_sentences_that_what_went_supports_are_dropped(space, kind):
    """What survivors say stays to the letter; what only the forgotten said goes, with the sentence that goes on."""
    ids = anas(space, TEA, BRUNO, GARDEN)
    told = f"{TEA} Bruno lives in Braga. He has two dogs. {GARDEN}"
    (made,) = space.remember([Draft(told, kind=kind, parents=tuple(ids))])
    space.forget([ids[1]])
    kept = space.get(made)
    assert kept.text == f"{TEA} {GARDEN}"
    assert kept.parents == (ids[0], ids[2])


def test_a_summary_of_summaries_is_rewritten_too(space):
    """The levels above lose the same sentence; one that is left with nothing goes."""
    ids = anas(space, TEA, BRUNO)
    (low,) = space.remember([Draft(f"{TEA} {BRUNO}", kind="summary", parents=tuple(ids))])
    (high,) = space.remember([Draft(f"In short: {BRUNO} {TEA}", kind="summary", parents=(low,))])
    (only,) = space.remember([Draft(BRUNO, kind="summary", parents=(low,))])
    space.forget([ids[1]])
    assert space.get(low).text == TEA
    assert space.get(high).text == TEA
    assert only not in space


def test_what_survivors_say_as_well_stays(space):
    """Nothing is dropped for words that others say too; only the lineage is cut."""
    one, two = anas(space, TEA, "I drink green tea every morning before work, really.")
    (summary,) = space.remember([Draft("Ana drinks green tea every morning.", kind="summary", parents=(one, two))])
    receipt = space.forget([one])
    assert space.get(summary).text == "Ana drinks green tea every morning."
    assert space.get(summary).parents == (two,)
    assert receipt.rewritten == {}


def test_replies_go_with_any_of_their_parents(space):
    """What the agent said from what is forgotten goes; what it said from others stays."""
    tea, bruno = anas(space, TEA, BRUNO)
    both, other = space.remember(
        [Draft("You told me.", kind="reply", parents=(tea, bruno)), Draft("Tea.", kind="reply", parents=(tea,))]
    )
    space.forget([bruno])
    assert both not in space
    assert other in space


def test_a_registered_way_composes_anew_and_is_checked_all_the_same(space):
    """What comes out of it is used; a sentence of what went is dropped from that too; None lets it go."""
    tea, bruno, garden = anas(space, TEA, BRUNO, GARDEN)
    (summary,) = space.remember([Draft("All of it.", kind="summary", parents=(tea, bruno, garden))])
    seen = []

    def compose(memory, parents):
        seen.append((memory.id, [p.text for p in parents]))
        return f"Composed: {parents[0].text} She knows a man in Braga."

    space.forgetting.recompose("summary", compose)
    space.forget([bruno])
    assert (summary, [TEA, GARDEN]) in seen
    assert space.get(summary).text == f"Composed: {TEA}"
    space.forgetting.recompose("summary", lambda *_: None)
    space.forget([tea])
    assert summary not in space
    with pytest.raises(InputError, match="kind='poem'"):
        space.forgetting.recompose("poem", compose)


def test_what_the_plan_said_is_what_is_done(space):
    """A plan is carried out as it was shown, whatever composes by now; where the asked go too, it is decided anew."""
    tea, bruno, garden = anas(space, TEA, BRUNO, GARDEN)
    (summary,) = space.remember([Draft("All of it.", kind="summary", parents=(tea, bruno, garden))])
    space.forgetting.recompose("summary", lambda _, parents: f"First: {parents[0].text}")
    planned = space.forgetting.plan([bruno])
    asked = space.forgetting.plan([Nomination(bruno, 1.0, "named"), Nomination(garden, 0.6, "perhaps")])
    assert [i.id for i in asked.asks] == [garden]
    space.forgetting.recompose("summary", lambda _, parents: f"{len(parents)} left: {parents[0].text}")
    said = planned.derived[0].after
    assert said == f"First: {TEA}"
    undone = space.forgetting.execute(planned, undo_for=timedelta(hours=1))
    assert space.get(summary).text == said
    with pytest.raises(PlanChangedError):
        space.forgetting.execute(asked, True)
    space.forgetting.undo(undone.number)
    with pytest.raises(PlanChangedError):  # the space says what it said then, and has changed all the same
        space.forgetting.execute(asked, True)
    asked = space.forgetting.plan([Nomination(bruno, 1.0, "named"), Nomination(garden, 0.6, "perhaps")])
    space.forgetting.execute(asked, True)
    assert space.get(summary).text == f"1 left: {TEA}"


def test_what_was_derived_without_sentences_keeps_nothing_of_what_went():
    """The rule itself: shared words that nobody else says, and a forgotten text that says more than any that stays."""
    assert supported("Ana moved. Bruno has dogs.", ["Ana moved to Porto"], ["Bruno has two dogs"]) == (
        "",
        ("Bruno has dogs.",),
    )
    kept, dropped = supported(
        "Ana moved to Porto in May.", ["Ana likes May", "we moved", "Porto"], ["Ana moved to Porto in May"]
    )
    assert (kept, dropped) == ("", ("Ana moved to Porto in May.",))
    assert supported("Nothing in common here.", [], ["Bruno"]) == ("Nothing in common here.", ())


def test_forgetting_the_newer_value_re_opens_the_older(space, clock):
    """The older code holds again, in the timeline and as an answer."""
    anas(space, "My locker code is 4417.")
    clock.advance(timedelta(days=1))
    (newer,) = anas(space, "My locker code is now 9000.")
    assert space.recall("What is my locker code?", k=1)[0].fact.value == "9000"
    space.forget([newer])
    assert space.recall("What is my locker code?", k=1)[0].fact.value == "4417"
    assert [(f.value, f.valid_to) for f in space.timeline("Ana")] == [("4417", None)]


def counted(space):
    """Return how often each memory was used and was the runner-up, by text."""
    ids, traces = space.retention.traces()
    of = {i: space.get(i).text for i in ids}
    return {of[i]: (int(u), int(n)) for i, u, n in zip(ids, traces.uses, traces.unused, strict=True)}


def test_recalls_count_as_if_the_forgotten_had_never_been_there(space):
    """Who came next after what is forgotten was used instead; who was used beside it stays so."""
    _, bruno, called = anas(space, TEA, BRUNO, CALLED)
    for _ in range(2):
        space.recall("Where does my ex Bruno live, in Braga?", k=1)
    space.recall("Bruno called and lives in Braga with his dogs", k=2)
    assert counted(space) == {BRUNO: (3, 0), CALLED: (1, 2), TEA: (0, 1)}
    space.forget([bruno])
    assert counted(space) == {CALLED: (3, 0), TEA: (1, 0)}
    space.forget([called])
    assert counted(space) == {TEA: (1, 0)}
    assert space._ledger.connection.one("SELECT count(*) FROM recalls") == 1


def test_only_the_last_recalls_are_noted(space, monkeypatch):
    """The table stays small: what is older keeps the count it had."""
    from agentmem.ledger import recalls

    monkeypatch.setattr(recalls, "KEPT", 3)
    _, bruno, _ = anas(space, TEA, BRUNO, CALLED)
    for _ in range(5):
        space.recall("Where does my ex Bruno live, in Braga?", k=1)
    assert counted(space)[CALLED] == (0, 5)
    space.forget([bruno])
    assert counted(space)[CALLED] == (3, 2)


# -- undoing -----------------------------------------------------------------------------------------------------------


def state(space):
    """Return all that recall and policies can tell of a space."""
    return (
        [(m.id, m.text, m.kind, m.thread, m.position, m.parents, m.origin, dict(m.metadata), m.vector.tobytes(), m.cues)
         for m in space.memories(vectors=True)],
        [[(e.id, e.score) for e in space.recall(q, k=5)] for q in ("Where does Bruno live?", "tea")],
        sorted((f.value, f.valid_to) for f in space.timeline("Ana")),
    )  # fmt: skip


def test_what_is_hidden_can_be_taken_back_whole(space, clock):
    """Until the window ends nothing recalls it; undone, the space is as it was: texts, vectors, lineage, origins."""
    bruno, tea = anas(space, BRUNO, TEA)
    (origin,) = anas(space, "My locker code is 4417.", origin="file:7")
    made = space.remember(
        [
            Draft(f"{TEA} Bruno lives in Braga.", kind="summary", parents=(bruno, tea), origin="sum:1"),
            Draft("Bruno lives in Braga", kind="fact", parents=(bruno,)),
        ]
    )
    before = state(space)
    receipt = space.forget([bruno, origin], undo_for=timedelta(hours=1))
    assert (receipt.level, receipt.finished_at) == ("suppressed", None)
    assert "can be undone until" in receipt.pending
    assert texts(space) == [TEA, TEA]
    assert bruno not in space.recall("Where does Bruno live?", k=5).ids
    assert [f for f in space.doctor() if not f.ok] == []
    clock.advance(timedelta(minutes=59))
    assert space.forgetting.undo() == receipt.number
    assert made[0] in space
    assert state(space) == before
    assert space.receipts() == []
    assert [r.state for r in space.forgetting.list()] == ["undone"]
    assert space.guard.stones() == []
    assert space.remember(Draft("again", origin="file:7")) == [origin]
    assert [f for f in space.doctor() if not f.ok] == []


def test_when_the_time_is_over_it_is_erased_and_cannot_be_undone(system, clock):
    """The next opening carries it out to the bytes, and the receipt is signed then."""
    space = system.space("alice")
    bruno, tea = anas(space, BRUNO, TEA)
    space.remember([Draft(f"{TEA} {BRUNO}", kind="summary", parents=(bruno, tea))])
    space.forget([bruno], undo_for=timedelta(hours=1))
    space.close()
    assert everywhere(space, "Braga")
    clock.advance(timedelta(hours=1))
    space = system.space("alice")
    (record,) = space.forgetting.list()
    assert record.state == "reclaimed"
    assert everywhere(space, "Braga") == []
    assert space.receipts()[0].signed
    with pytest.raises(InputError, match="is reclaimed and cannot be undone"):
        space.forgetting.undo(record.number)
    with pytest.raises(InputError, match="no forgetting that can still be undone"):
        space.forgetting.undo()
    with pytest.raises(InputError, match="no forgetting 9"):
        space.forgetting.undo(9)


def test_only_the_last_forgetting_can_be_undone(space):
    """What an earlier one hid might hold what a later one took: the later first."""
    bruno, tea = anas(space, BRUNO, TEA)
    first = space.forget([bruno], undo_for=timedelta(hours=1))
    second = space.forget([tea], undo_for=timedelta(hours=1))
    with pytest.raises(InputError, match="1 came after it"):
        space.forgetting.undo(first.number)
    assert space.forgetting.undo() == second.number
    assert space.forgetting.undo() == first.number
    with pytest.raises(InputError, match="was undone already"):
        space.forgetting.undo(first.number)
    assert texts(space) == [BRUNO, TEA]


def test_what_is_hidden_has_no_children(space):
    """While it can still be undone, nothing can be derived from it, and what another erasure takes goes with it."""
    tea, bruno = anas(space, TEA, BRUNO)
    (fact,) = space.remember([Draft("Bruno drinks tea", kind="fact", parents=(tea, bruno))])
    space.forget([bruno], undo_for=timedelta(hours=1))
    with pytest.raises(LineageError, match="erased meanwhile"):
        space.remember(Draft("late", kind="reply", parents=(bruno,)))
    assert fact not in space
    space.erase(tea)
    space.forgetting.undo()
    assert texts(space) == [BRUNO]


def test_an_archive_waits_until_nothing_is_hidden(space, tmp_path):
    """A copy of what may still be undone would outlive it."""
    from agentmem.archive import export

    (bruno,) = anas(space, BRUNO)
    space.forget([bruno], undo_for=timedelta(hours=1))
    with pytest.raises(agentmem.AgentmemError, match="under way"):
        export(space, tmp_path / "a.zip")


def test_a_window_needs_a_length(space):
    """No time, or less: refused, and nothing was forgotten."""
    (bruno,) = anas(space, BRUNO)
    with pytest.raises(InputError, match="undo_for"):
        space.forget([bruno], undo_for=timedelta())
    assert bruno in space


# -- late writers ------------------------------------------------------------------------------------------------------


def test_what_was_begun_before_a_forgetting_is_refused(space):
    """A writer that names its epoch is told to begin anew; one of after it passes."""
    (bruno,) = anas(space, BRUNO)
    epoch = space.forgetting.epoch
    space.remember("Said in time.", epoch=epoch)
    space.forget([bruno])
    with pytest.raises(StaleError, match="begun before something was forgotten"):
        space.remember("Bruno lives somewhere in the north.", epoch=epoch, guarded="pass")
    assert texts(space) == ["Said in time."]
    space.remember("Begun anew.", epoch=space.forgetting.epoch)
    assert texts(space) == ["Said in time.", "Begun anew."]


def test_undoing_is_no_way_around_the_fence(space):
    """The epoch never goes back: what was begun before a forgetting that was undone is refused too."""
    (bruno,) = anas(space, BRUNO)
    epoch = space.forgetting.epoch
    space.forget([bruno], undo_for=timedelta(hours=1))
    space.forgetting.undo()
    assert space.forgetting.epoch == epoch + 1


# -- again and again ---------------------------------------------------------------------------------------------------


def test_a_schedule_is_carried_out_when_it_is_due(space, clock):
    """Every day what is older than a week goes, and only that; the schedule is due again a day later."""
    (old,) = anas(space, TEA)
    number = space.forgetting.schedule(Kind("turn"), every=timedelta(days=1), older_than=timedelta(days=7))
    clock.advance(timedelta(days=6))
    (new,) = anas(space, GARDEN)
    assert space.forgetting.run_due() == []
    assert old in space
    clock.advance(timedelta(days=2))
    (receipt,) = space.forgetting.run_due()
    assert receipt.erased == {"turn": 1}
    assert json.loads(receipt.signed)["policy"] == f"schedule {number}"
    assert [m.id for m in space.memories()] == [new]
    (schedule,) = space.forgetting.schedules()
    assert schedule.due_at == clock.now + timedelta(days=1)
    space.forgetting.cancel(number)
    assert space.forgetting.schedules() == []
    with pytest.raises(MemoryNotFoundError, match="no schedule"):
        space.forgetting.cancel(number)


def test_a_schedule_is_carried_out_on_opening(system, clock):
    """Once, at a time: whoever opens the space after that finds it done, and the schedule gone."""
    space = system.space("alice")
    anas(space, TEA, thread="work")
    anas(space, GARDEN, thread="home")
    space.forgetting.schedule(Thread("work"), at=clock.now + timedelta(days=1))
    space.close()
    clock.advance(timedelta(days=1))
    space = system.space("alice")
    assert texts(space) == [GARDEN]
    assert space.forgetting.schedules() == []


@pytest.mark.parametrize(
    "selector",
    [Entity("Anna"), Topic("the divorce"), Speaker("Anna"), Kind("turn") & Entity("Anna"), Everything() - Topic("x")],
)
def test_a_schedule_holds_no_content(space, selector):
    """Names, topics and values would stay in the ledger after what they name is forgotten."""
    with pytest.raises(InputError, match="a schedule may not hold"):
        space.forgetting.schedule(selector, every=timedelta(days=1))
    assert space.forgetting.schedules() == []


def test_a_schedule_needs_a_time(space):
    """Neither a time nor an interval, or none worth the name: refused."""
    for times in ({}, {"every": timedelta(seconds=1)}, {"every": timedelta(1), "older_than": timedelta()}):
        with pytest.raises(InputError):
            space.forgetting.schedule(Said(until=datetime(2025, 1, 1, tzinfo=UTC)), **times)


def test_what_a_schedule_cannot_do_does_not_keep_a_space_from_opening(system, clock):
    """Under a hold: opening says so and goes on, and it stays due."""
    space = system.space("alice")
    (tea,) = anas(space, TEA)
    space.forgetting.hold(tea, "litigation 12")
    space.forgetting.schedule(Everything(), at=clock.now)
    space.close()
    with pytest.warns(UserWarning, match="litigation 12"):
        space = system.space("alice")
    assert tea in space
    with pytest.raises(HeldError):
        space.forgetting.run_due()
    assert len(space.forgetting.schedules()) == 1


# -- small things ------------------------------------------------------------------------------------------------------


def test_a_nomination_without_its_memory_is_no_item(space, monkeypatch):
    """What a resolver names and the ledger does not have (a race) is left out of the plan."""
    from agentmem.unlearning import facade

    (tea,) = anas(space, TEA)
    found = [Nomination("01NOPE", 1.0, "gone"), Nomination(tea, 1.0, "there")]
    monkeypatch.setattr(facade, "resolve", lambda *_: found)
    assert [i.id for i in space.forgetting.plan(Ids((tea,))).items] == [tea]
