"""Recall over mixed memory: what is derived answers and leads to its sources, and one thing is shown once."""

from __future__ import annotations

import numpy as np
import pytest

import agentmem
from agentmem import Draft, Filter
from agentmem.errors import InputError
from agentmem.recall import mixed
from agentmem.recall.engine import Ranking

SAID = (
    ("Ana", "I adopted a grey cat from the shelter last Friday, and it broke a vase at once."),
    ("Ben", "Hey, that is great! How are you doing otherwise?"),
    ("Ana", "My locker code is 4417, before I forget it."),
    ("Ben", "We are going to Porto in June with my sister Lena."),
    ("Ana", "I live in Lisbon and I work as a nurse."),
)


@pytest.fixture
def space(tmp_path):
    with agentmem.open(tmp_path, embedder="hash", derive=["facts", "summary", "notes"]) as system:
        space = system.space("ana")
        space.deriving.close()
        space.remember([Draft(text, speaker=who) for who, text in SAID])
        space.settle()
        yield space


def ranking(ids, scores, confidence=0.5):
    contributions = np.array(scores, np.float32)[:, None] if ids else np.zeros((0, 1), np.float32)
    return Ranking(list(ids), np.array(scores, np.float32), confidence, ("words",), contributions)


def test_the_form_that_ranks_best_stands_for_what_it_comes_from():
    """A fact above its turn is shown in its place; one below it is not shown; a summary that adds a source is."""
    alone = ranking("abc", [3.0, 2.0, 1.0], 0.7)
    beside = ranking(["f", "a", "g", "s"], [3.5, 3.0, 1.5, 3.9], 0.1)
    come_from = {"f": frozenset("b"), "g": frozenset("a"), "s": frozenset("ac")}
    found = mixed.once(alone, beside, come_from, 10)
    assert (found.ids, found.scores.tolist(), found.confidence) == (
        ["f", "a", "s"],
        [3.5, 3.0, pytest.approx(2.9)],
        0.7,
    )
    assert found.explain(0) == {"words": 3.5, "lineage": 0.0}
    assert found.explain(2) == pytest.approx({"words": 3.9, "lineage": -1.0})
    assert mixed.once(alone, beside, come_from, 1).ids == ["f"]


def test_what_outlived_its_sources_stands_for_itself():
    """A summary of which nothing is left but itself is ranked as it is, also where nothing else is there."""
    beside = ranking(["s"], [0.5], 0.4)
    found = mixed.once(ranking([], [], 0.0), beside, {"s": frozenset("s")}, 5)
    assert (found.ids, found.scores.tolist(), found.confidence) == (["s"], [0.5], 0.4)


def test_no_piece_of_evidence_is_recalled_twice(space):
    """Each memory that is recalled comes from something that nothing before it comes from, and turns lose no rank."""
    for question in ("Where does Ana live?", "What did Ana adopt?", "Who goes to Porto?", "What is Ana's job?"):
        found = space.recall(question, k=20)
        covered: set[str] = set()
        for evidence in found:
            sources = mixed.sources(space._ledger, [evidence.id]).get(evidence.id, frozenset({evidence.id}))
            assert not sources <= covered
            covered |= sources
        every = {m.id for m in space.memories(Filter(kinds=("turn",)))}
        assert covered <= every
        assert [e.score for e in found] == sorted((e.score for e in found), reverse=True)
        assert all(e.score == pytest.approx(sum(e.signals.values()), abs=1e-4) for e in found)


def test_a_structure_is_chosen_for_a_space_and_kept(space, tmp_path):
    """Turns, facts, summaries and notes answer alone where they are chosen, in whichever process opens the space."""
    derived = {m.id for m in space.memories() if m.parents}
    kinds = {"facts": "fact", "summaries": "summary", "notes": "note"}
    assert space.deriving.structure == "mixed"
    for structure, kind in kinds.items():
        space.deriving.structure = structure
        assert {e.memory.kind for e in space.recall("Where does Ana live?", k=20)} <= {kind}
    space.deriving.structure = "turns"
    found = space.recall("Where does Ana live?", k=20)
    assert set(found.ids).isdisjoint(derived)
    with agentmem.open(tmp_path, embedder="hash") as system:
        other = system.space("ana")
        assert other.deriving.structure == "turns"
        assert other.recall("Where does Ana live?", k=20).ids == found.ids
        assert other.recall("Where does Ana live?", k=20, filter=Filter(kinds=("fact",)))[0].memory.kind == "fact"
    with pytest.raises(InputError, match="choose one of turns, facts, summaries, notes, mixed"):
        space.deriving.structure = "graph"


def test_where_nothing_derives_all_is_ranked_alike(tmp_path):
    """What somebody derived by hand is a memory like any other there, until a structure is chosen."""
    with agentmem.open(tmp_path, embedder="hash") as system:
        space = system.space("ana")
        (turn,) = space.remember("The sponsor is Orion.")
        (fact,) = space.remember(Draft("Orion is the sponsor.", kind="fact", parents=(turn,)))
        assert space.deriving.structure is None
        assert set(space.recall("Who is the sponsor?").ids) == {turn, fact}
        space.deriving.structure = "mixed"
        assert space.recall("Who is the sponsor?").ids in {(turn,), (fact,)}
        note = space.remember(Draft("The sponsor wants a banner.", kind="note"))[0]
        assert note in space.recall("What does the sponsor want?").ids
