"""Probes: every way of asking is tried, what leaks is counted by how, and what others say is no leak."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

import agentmem
from agentmem import Draft
from agentmem.encoding.words import terms
from agentmem.proof import readers, rebuilt, unnoticed
from agentmem.types import Cues, Memory, Slot
from agentmem.unlearning import probes
from agentmem.unlearning.probes import PARAPHRASES, Probe, Read, Report, Tally

THEN = datetime(2025, 1, 1, tzinfo=UTC)
TEXT = "Anna keeps her greyhound Bo in Lisbon, near the river."


def memory(text=TEXT, id_="A" * 26, entities=("Anna", "Bo"), slots=()):
    return Memory(id_, 1, "turn", text, "Anna", "main", 0, THEN, THEN, cues=Cues(entities, None, tuple(slots)))


def test_every_way_of_asking_is_tried():
    """Direct, paraphrased, verbatim, reversed, by way of others, and as those ask who want it all."""
    doomed = [memory(slots=[Slot("anna", "city", "Lisbon")])]
    asked = probes.probes(doomed, ["Where does Anna live?"], ["Tom", "Anna"])
    assert Counter(p.way for p in asked) == {
        "direct": 1,
        "extraction": 4,
        "verbatim": 1,
        "paraphrase": len(PARAPHRASES),
        "reverse": 2,
        "multi-hop": 2,
    }
    assert len(PARAPHRASES) >= 5
    questions = [p.question for p in asked]
    assert {"Whose city is Lisbon?", "What connects Anna and Bo?", "What does Tom have to do with Anna?"} <= {
        *questions
    }
    assert "What do you know about Anna and Bo?" in questions


def test_who_names_nobody_is_asked_about_by_his_words():
    """Without names, a text is asked about by its longest words, in their order."""
    asked = probes.probes([memory("It is forbidden to photograph elderflower at night.", entities=())])
    assert "What do you know about forbidden photograph elderflower night?" in [p.question for p in asked]


def test_of_many_forgotten_some_are_asked_about():
    """A forgetting of thousands is probed by a hundred of them, the first to the last."""
    many = [memory(f"Secret number {n} of all.", f"{n:026}", ()) for n in range(1000)]
    verbatim = [p for p in probes.probes(many) if p.way == "verbatim"]
    assert len(verbatim) == probes.MOST
    assert verbatim[0].question == many[0].text
    assert verbatim[-1].question == many[990].text


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (Read(("A" * 26,), (TEXT,)), Tally(asked=1, by_id=1)),
        (Read(("B" * 26,), ("It was said.",), frozenset({"A" * 26})), Tally(asked=1, by_lineage=1)),
        (Read(("B" * 26,), ("In Lisbon, near the river, Anna keeps the greyhound Bo.",)), Tally(asked=1, by_text=1)),
        (Read(("B" * 26,), ("Anna keeps a cat in Lisbon.",)), Tally(asked=1)),
        (Read(), Tally(asked=1)),
    ],
    ids=["id", "lineage", "text", "less", "nothing"],
)
def test_a_leak_is_told_by_how_it_leaks(read, expected):
    """By its id, by what it was derived from, by most of its telling words; less than that is none."""
    report = probes.run(
        lambda q: read if q == "direct?" else Read(), [memory()], questions=["direct?"], rebuilt=lambda q: Read()
    )
    assert report.tallies["direct"] == expected
    assert report.ok == (not expected.leaks)
    assert probes.says("nothing", frozenset(terms(TEXT))) is False


def test_what_a_space_that_never_knew_says_too_is_no_leak():
    """A text that others said is counted as such, and so it is where nobody knows what a rebuild would say."""
    read = Read(("B" * 26,), (TEXT,))
    with_rebuild = probes.run(lambda q: read, [memory()], rebuilt=lambda q: read)
    assert (with_rebuild.leaks, with_rebuild.ok) == (0, True)
    assert with_rebuild.again == with_rebuild.asked
    assert probes.run(lambda q: read, [memory()]).again == with_rebuild.again
    assert not probes.run(lambda q: read, [memory()], rebuilt=lambda q: Read()).ok


def test_a_greeting_is_recognised_by_nothing():
    """A text of two telling words is said by everyone: it leaks by id alone."""
    report = probes.run(
        lambda q: Read(("B",), ("Good morning!",)), [memory("Good morning!", entities=())], rebuilt=lambda q: Read()
    )
    assert report.ok


def test_each_read_path_is_asked_what_it_understands():
    """Timelines are asked for names, lists once, the past what recall was asked; neighbours and caches come last."""
    heard: list[Probe] = []

    def path(name):
        return lambda question: heard.append(Probe("direct", question, name)) or Read((), ("A neighbour.",))

    names = ("recall", "timeline", "threads", "as_of")
    report = probes.run({n: path(n) for n in names}, [memory()], questions=["Where?"], before=["Where was it?"])
    by = {name: [p.question for p in heard if p.reader == name] for name in names}
    assert by["timeline"] == ["Anna", "Bo"]
    assert by["threads"] == [""]
    assert by["as_of"] == ["Where?", TEXT]
    assert by["recall"][-3:] == ["Where was it?", "Where?", TEXT]
    assert "A neighbour." in by["recall"]
    assert [*report.tallies] == [w for w in probes.WAYS if w in report.tallies]
    assert {"neighbour", "history", "cache"} <= {*report.tallies}


def test_a_report_is_counts_alone():
    """What was asked and what came back is nowhere in it."""
    leaky = probes.run(lambda q: Read(("A" * 26,), (TEXT,)), [memory()], questions=["Where is Anna?"])
    assert not leaky.ok
    for text in (repr(leaky), str(leaky)):
        assert not any(word in text for word in ("Anna", "Lisbon", "A" * 26))
    assert "1 of 1 direct" in str(leaky)
    assert not Report({}).ok


# -- against a space -------------------------------------------------------------------------------------------------


def told(space):
    """Tell of Anna, a neighbour of hers, a newer value, and what was derived."""
    space.remember(
        [Draft(t, speaker="Tom") for t in ("Bread is warm.", "The river is near Lisbon.", "Trains run late.")]
    )
    (anna,) = space.remember(TEXT, speaker="Anna")
    (fact,) = space.remember(Draft("Anna keeps a greyhound.", kind="fact", parents=(anna,)))
    return anna, fact


QUESTIONS = ("Where does Anna live?", "Who has a greyhound?")


def test_after_an_erasure_no_way_of_asking_brings_it_back(space, clock):
    """In the same process that was asked before, on every read path, also back in time."""
    anna, _ = told(space)
    doomed = space.plan_erase(anna)
    before = clock.now
    clock.advance(timedelta(days=1))
    known = probes.run(readers(space, before), doomed, questions=QUESTIONS)
    assert {way for way, tally in known.tallies.items() if tally.leaks} >= {
        "direct",
        "verbatim",
        "paraphrase",
        "history",
    }
    space.erase(anna)
    with unnoticed(space):
        report = probes.run(readers(space, before), doomed, questions=QUESTIONS, linked=["Lisbon"], before=QUESTIONS)
    assert report.ok
    assert report.again == 0
    assert {*report.tallies} == {*probes.WAYS}
    assert space.retention.uses.used.total() == 0 or space.retention.write_uses() is None


def test_a_fact_that_stays_leaks_by_its_lineage(tmp_path):
    """Where only the turn is filtered out, what was derived from it is told by what it was derived from."""
    with agentmem.open(tmp_path, embedder="hash") as system:
        space = system.space("s")
        anna, fact = told(space)
        doomed = [space.get(anna)]
        recall = readers(space)["recall"]

        def filtered(question):
            read = recall(question)
            kept = [n for n, i in enumerate(read.ids) if i != anna]
            return Read(tuple(read.ids[n] for n in kept), tuple(read.texts[n] for n in kept), read.lineage)

        assert recall("greyhound").lineage == frozenset({anna})
        report = probes.run(filtered, doomed, questions=QUESTIONS)
        assert report.tallies["direct"].by_lineage == 2
        assert sum(t.by_id for t in report.tallies.values()) == 0
        assert fact in space


def test_a_copy_without_lineage_leaks_by_what_it_says(space):
    """A note that says it again and names no parent is found by its words, against a rebuild of what was before."""
    anna, _ = told(space)
    doomed = space.plan_erase(anna)
    kept = [m for m in space.memories(vectors=True) if m.id not in {d.id for d in doomed}]
    space.remember(Draft("Note: Anna keeps her greyhound Bo in Lisbon near the river.", kind="note"))
    space.erase(anna)
    with rebuilt(space, kept) as other:
        report = probes.run(readers(space), doomed, questions=QUESTIONS, rebuilt=readers(other.space)["recall"])
    assert not report.ok
    assert report.tallies["direct"].by_text > 0
    assert report.tallies["direct"].by_id == 0
