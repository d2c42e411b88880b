"""The graph store: through the kit of all stores, against a rebuilt graph, against networkx, and by hand."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from agentmem.errors import VectorError
from agentmem.testing.fakes import fake_id, make_memories, make_memory, make_query, unit_rows, vector_of
from agentmem.testing.store_kit import MemoryStoreKit
from agentmem.types import Cues, Query, Slot
from agentmem_stores import _graph_parts, graph
from agentmem_stores._graph_nodes import phrase

NAMES = ("Ana", "Ben", "the lake", "Lake", "Porto", "a cat", "Ana Lake", "Ana Porto", "Porto Lake Ana")
KINDS = {"neighbours": 0.5, "synonyms": 0.6, "named": 1.0, "aliases": 1}


class TestGraph(MemoryStoreKit):
    def make(self):
        return graph.make({})


class TestHippoRAG2(MemoryStoreKit):
    def make(self):
        return graph.make({"preset": "hipporag2"})


class TestHippoRAG1(MemoryStoreKit):
    def make(self):
        return graph.make({"preset": "hipporag1"})


def fact(number, subject, object_, parents=(), relation="knows"):
    return make_memory(
        number,
        f"{subject} {relation} {object_}",
        kind="fact",
        parents=tuple(fake_id(parent) for parent in parents),
        metadata={"subject": subject, "relation": relation, "object": object_},
        vector=vector_of(f"{subject} {relation} {object_}"),
    )


def turn(number, text, *entities, position=None, slots=()):
    return make_memory(
        number,
        text,
        cues=Cues(entities=entities, slots=tuple(Slot(who, "knows", whom) for who, whom in slots)),
        position=number if position is None else position,
        vector=vector_of(text),
    )


def placed(store):
    """Give every entity without a vector its own, as whoever holds the embedder does."""
    names = store.unplaced()
    if names:
        store.place(names, np.stack([vector_of(name) for name in names]))
    return store


def shape(store):
    """Nodes, and edges with their weights and kinds: bit for bit."""
    drawn = store.to_networkx()
    return set(drawn.nodes), {frozenset((a, b)): tuple(sorted(d.items())) for a, b, d in drawn.edges(data=True)}


def of(memories, **config):
    store = graph.make(config)
    for memory in memories:
        store.add([memory])
    return placed(store)


NUMBERS = st.integers(0, 7)
ENTITY = st.sampled_from(NAMES)
TURNS = st.builds(
    lambda n, names, at, slots: turn(n, f"memory {' '.join(names)}", *names, position=at, slots=slots),
    NUMBERS,
    st.lists(ENTITY, max_size=3),
    st.integers(0, 4),
    st.lists(st.tuples(ENTITY, ENTITY), max_size=2),
)
FACTS = st.builds(
    lambda n, a, b, parents: fact(n + 8, a, b, parents), NUMBERS, ENTITY, ENTITY, st.lists(NUMBERS, max_size=2)
)


@pytest.mark.parametrize("late", [0, 4096])
def test_any_history_of_a_graph_equals_a_rebuild(late, monkeypatch):
    """After random turns, facts, replacements and removals, nodes, edges, weights and hits are those of a rebuild."""
    monkeypatch.setattr(_graph_parts, "_LATE", late)

    class History(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.store = graph.make(KINDS)
            self.model = {}

        @rule(batch=st.lists(TURNS | FACTS, min_size=1, max_size=5))
        def add(self, batch):
            self.store.add(batch)
            placed(self.store)
            self.model.update({memory.id: memory for memory in batch})

        @rule(numbers=st.lists(st.integers(0, 15), max_size=4))
        def remove(self, numbers):
            gone = self.store.remove([fake_id(number) for number in numbers])
            assert gone == self.model.keys() & {fake_id(number) for number in numbers}
            for i in gone:
                del self.model[i]

        @invariant()
        def is_what_it_would_be(self):
            other = of((self.model[i] for i in sorted(self.model)), **KINDS)
            assert shape(self.store) == shape(other)
            for question in ("memory", "Ana knows Porto", "who swims in the lake"):
                query = make_query(question)
                assert self.store.search(query, 9) == other.search(query, 9)

        def teardown(self):
            """Whatever it held, taking all away leaves nothing at all."""
            self.store.remove(list(self.model))
            held = self.store._held
            tables = (held.known, held.entity, held.memory, held._holders, held._facts, held._mentions)
            assert held._longer == {}
            rest = (held.spread, held._synonyms, held._threads, held.passage_rows, held.fact_rows, held.phrase_rows)
            assert [len(table) for table in (*tables, *rest)] == [0] * 12
            assert list(held.adjacency.edges()) == []
            assert not held.adjacency.degrees.any()
            assert len(held.adjacency._free) == len(held.adjacency)

    quiet = settings(
        max_examples=40,
        stateful_step_count=12,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(History, settings=quiet)


def test_weights_are_counts_of_what_holds_them_up():
    """Two facts that say the same make an edge of 2; with the parent of one gone its mention goes, not the edge."""
    store = of([turn(1, "hello"), turn(2, "again"), fact(3, "Ana", "Porto", [1]), fact(4, "ana", "PORTO!", [2])])
    drawn = store.to_networkx()
    ana, porto = ("entity", "ana"), ("entity", "porto")
    assert drawn.edges[ana, porto] == {"weight": 2.0, "kinds": "fact"}
    assert drawn.edges[ana, ("memory", fake_id(1))] == {"weight": 1.0, "kinds": "mention"}
    store.remove([fake_id(3)])
    drawn = store.to_networkx()
    assert drawn.edges[ana, porto]["weight"] == 1
    assert not drawn.has_edge(ana, ("memory", fake_id(1)))
    store.remove([fake_id(4)])
    assert set(store.to_networkx().nodes) == {("memory", fake_id(1)), ("memory", fake_id(2))}


def test_what_a_memory_fills_is_an_edge_of_its_own():
    """A slot ties subject and value and the memory mentions both; sentences, and what has ended, are no entities."""
    held = of([turn(1, "I live in Porto", slots=[("Ana", "Porto")]), fact(2, "Ana", "Porto")])
    drawn = held.to_networkx()
    assert drawn.edges[("entity", "ana"), ("entity", "porto")] == {"weight": 2.0, "kinds": "fact"}
    assert drawn.edges[("entity", "porto"), ("memory", fake_id(1))]["kinds"] == "mention"
    held.remove([fake_id(1)])
    assert held.to_networkx().edges[("entity", "ana"), ("entity", "porto")]["weight"] == 1
    assert len(of([turn(1, "x", slots=[("Ana", "what nobody ever called anything at all")])]).to_networkx()) == 1
    ended = make_memory(1, "x", cues=Cues(slots=(Slot("ana", "home", "Porto", ends=True),)))
    assert len(of([ended]).to_networkx()) == 1


def test_a_chain_of_facts_leads_to_what_the_question_does_not_say():
    """A memory two facts away is found before one that is as far in words but joined to nothing."""
    store = of(
        [
            turn(1, "Lena keeps bees behind the mill."),
            turn(2, "The mill burned down in May."),
            turn(3, "Nothing much happened in June."),
            fact(11, "Lena", "the mill", [1], "keeps bees behind"),
            fact(12, "the mill", "May", [2], "burned down in"),
        ]
    )
    hits = store.search(make_query("Lena keeps bees"), 3)
    assert [hit.id for hit in hits] == [fake_id(1), fake_id(2), fake_id(3)]
    assert fake_id(11) in store, "a fact is in the store, but it is an edge and no hit"
    assert len(store) == 5
    damped = of([], damping=0.0)
    damped.add([turn(1, "x"), turn(2, "y")])
    assert len(damped.search(make_query("x"), 5)) == 2


@pytest.mark.parametrize(("preset", "named"), [("hipporag2", 0.0), ("agentmem", 0.2)])
def test_scores_are_the_ranks_of_networkx(preset, named):
    """The score of a memory is its PageRank in the graph that the store shows, from the reset by hand."""
    memories = [turn(1, "Ana swims", "Ana"), turn(2, "Ben rows", "Ben"), turn(3, "sun"), fact(9, "Ana", "Ben", [3])]
    store = of(memories, preset=preset)
    query = make_query("Ana knows Ben")
    sought = query.vector.astype(np.float64)
    cosine = {n: float(vector_of(text) @ sought) for n, text in ((1, "Ana swims"), (2, "Ben rows"), (3, "sun"))}
    low, high = min(cosine.values()), max(cosine.values())
    start = {("memory", fake_id(n)): 0.05 * (value - low) / (high - low) for n, value in cosine.items()}
    start |= {("entity", name): (float(vector_of("Ana knows Ben") @ sought) + named) / 2 for name in ("ana", "ben")}
    wanted = nx.pagerank(store.to_networkx(), 0.5, start, max_iter=1000, tol=1e-12)
    for hit in store.search(query, 3):
        assert hit.score == pytest.approx(wanted["memory", hit.id], abs=1e-6)


def test_synonyms_need_vectors_and_go_with_their_entity():
    """Phrases without a vector are named; near ones are linked by their cosine; the last holder takes it along."""
    store = graph.make({"synonyms": 0.8, "aliases": 0})
    store.add([turn(1, "a", "New York"), turn(2, "b", "New York City"), turn(3, "c", "NY"), turn(4, "d", "New York")])
    assert store.unplaced() == ("new york", "new york city"), "two letters are too few to have synonyms"
    one, other = unit_rows(2)
    near = 0.9 * one + np.sqrt(1 - 0.81) * (other - one * (one @ other)) / np.linalg.norm(other - one * (one @ other))
    store.place(["new york", "new york city", "nobody"], np.stack([one, near.astype(np.float32), other]))
    assert store.unplaced() == ()
    pair = (("entity", "new york"), ("entity", "new york city"))
    edge = store.to_networkx().edges[pair]
    assert edge["kinds"] == "synonym"
    assert edge["weight"] == pytest.approx(0.9, abs=1e-6)
    store.add([fact(9, "New York City", "New York", [1])])
    edge = store.to_networkx().edges[pair]
    assert (edge["kinds"], round(edge["weight"], 5)) == ("fact+synonym", 1.9)
    store.remove([fake_id(9), fake_id(1)])
    assert store.to_networkx().has_edge(*pair)
    store.remove([fake_id(4)])
    assert ("entity", "new york") not in store.to_networkx()
    store.add([turn(1, "a", "New York")])
    assert store.unplaced() == ("new york",), "a vector does not outlive what it was for"
    store.place(["new york", "new york city"], np.stack([one, other]))
    assert not store.to_networkx().has_edge(*pair)


def test_a_snapshot_keeps_vectors_and_synonyms(tmp_path):
    """What comes back is the same graph to the last bit, with nothing left to be placed; other settings refuse it."""
    names = ("Reyes", "Ana Reyes", "Porto")
    store = of([turn(1, "a", *names), turn(2, "b", slots=[("Ana Reyes", "Porto")]), fact(9, "Ben", "Porto", [1])])
    store.remove([fake_id(2)])
    store.save(tmp_path)
    other = graph.make({})
    other.load(tmp_path)
    assert (shape(other), other.unplaced()) == (shape(store), ())
    assert other.phrases().keys() == store.phrases().keys()
    with pytest.raises(ValueError, match="delete the folder"):
        graph.make({"aliases": 2}).load(tmp_path)


def test_neighbours_share_rank_where_that_is_wanted():
    """With a weight for it, memories beside each other in a thread are joined; a gap stays a gap."""
    store = of([turn(n, f"turn {n}", position=at) for n, at in ((1, 1), (2, 2), (3, 4))], neighbours=0.5)
    edges = shape(store)[1]
    assert list(edges.values()) == [(("kinds", "neighbour"), ("weight", 0.5))]
    assert list(edges) == [frozenset((("memory", fake_id(1)), ("memory", fake_id(2))))]


def test_the_question_may_name_entities():
    """HippoRAG 1 begins at the entities that a question names, the longest name first, weighted by specificity."""
    turns = [turn(1, "a", "Lake Como"), turn(2, "b", "Lake"), turn(3, "c", "Lake"), turn(4, "d", "Como", "the")]
    store = of(turns, preset="hipporag1")
    hits = store.search(make_query("What is the depth of LAKE COMO?"), 4)
    assert hits[0].id == fake_id(1)
    assert [hit.score for hit in hits[1:]] == [0, 0, 0]
    hits = store.search(make_query("Lake, or Como?"), 4)
    assert [hit.id for hit in hits] == [fake_id(4), fake_id(2), fake_id(3), fake_id(1)]
    assert store.search(make_query("d"), 1)[0].id == fake_id(4), "a question that names nothing goes by nearness"


def test_many_questions_at_once_are_as_one_by_one():
    """A block of questions finds what each finds alone."""
    store = of([*make_memories(30), fact(90, "kiwi", "zulu", [0, 1]), fact(91, "zulu", "tango", [2])])
    queries = [make_query("kiwi knows zulu"), make_query("tango", [fake_id(2), fake_id(90)]), make_query("memory")]
    assert store.search_many(queries, 5) == [store.search(query, 5) for query in queries]
    assert [hit.id for hit in store.search(queries[1], 5)] == [fake_id(2)]
    assert store.search_many([], 5) == []


def test_following_links_once_is_no_pagerank():
    """The comparison without PageRank reaches mentions, not what lies two links away."""
    chain = [turn(1, "one"), turn(2, "two"), turn(3, "three"), fact(8, "one", "x", [1]), fact(9, "x", "y", [2])]
    store = of([*chain, fact(10, "y", "z", [3])], facts=1, passages=0.0, spread="once")
    scores = {hit.id: hit.score for hit in store.search(make_query("one knows x"), 3)}
    assert scores[fake_id(1)] > scores[fake_id(2)] > 0
    assert scores[fake_id(3)] == 0


def test_a_short_name_is_tied_to_the_long_one_while_that_is_clear():
    """An alias weighs 1 over the names it may stand for; from one too many on it stands for none, until one goes."""
    store = of([turn(1, "a", "Reyes"), turn(2, "b", "Ana Reyes"), turn(3, "c", "Reyes Street")], aliases=2)
    short, long, street = (("entity", name) for name in ("reyes", "ana reyes", "reyes street"))
    assert store.to_networkx().edges[short, long] == {"weight": 0.5, "kinds": "alias"}
    store.add([turn(4, "d", "Ben Reyes")])
    assert not store.to_networkx().has_edge(short, long)
    store.remove([fake_id(3), fake_id(4)])
    drawn = store.to_networkx()
    assert drawn.edges[short, long] == {"weight": 1.0, "kinds": "alias"}
    assert street not in drawn
    assert (
        not of([turn(1, "a", "Of"), turn(2, "b", "Of Ana")], aliases=2)
        .to_networkx()
        .has_edge(("entity", "of"), ("entity", "of ana"))
    )


def test_bad_vectors_change_nothing():
    """Missing, short and non-finite vectors are refused before anything is taken in."""
    store = of([turn(1, "a", "Ana")])
    before = shape(store)
    row = vector_of("b")
    for bad in (None, row[:-1], row[None], np.where(np.arange(len(row)) == 1, np.nan, row)):
        with pytest.raises(VectorError):
            store.add([turn(1, "changed", "Ben"), replace(turn(2, "b"), vector=bad)])
        if bad is not None:
            with pytest.raises(VectorError):
                store.search(Query("b", bad), 1)
    with pytest.raises(VectorError, match="one row a phrase"):
        store.place(["ana"], unit_rows(2))
    with pytest.raises(VectorError, match="nan"):
        store.place(["ana"], np.full((1, len(row)), np.nan, np.float32))
    assert shape(store) == before


def test_a_fact_without_phrases_is_a_memory():
    """A memory of kind "fact" that does not say of what is found like any other."""
    store = of([make_memory(1, "memory alone", kind="fact", parents=(fake_id(0),)), fact(2, "?", "Ana", [0])])
    assert {hit.id for hit in store.search(make_query("memory"), 5)} == {fake_id(1), fake_id(2)}


def test_names_are_normalised():
    """Case, signs and blanks do not tell two entities apart; letters of any script do."""
    assert [phrase(text) for text in (" New-York!", "new  york", "Straße_1", "東京", "?!", 7)] == [
        "new york", "new york", "strasse 1", "東京", "", "7",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [{"reach": 0.5}, {"preset": "graphrag"}, {"damping": 1.0}, {"synonyms": 0}, {"facts": -1}, {"passages": -0.1},
     {"aliases": -1}, {"spread": "twice"}],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(config):
    """Unknown names and impossible values are said so when the store is made."""
    with pytest.raises(ValueError, match=r"graph store|wanted|weights"):
        graph.make(config)
