"""The second look: PageRank from the first evidence, searches that go on from it, and the rank of a graph store."""

from __future__ import annotations

from collections import Counter

import networkx as nx
import numpy as np
import pytest

import agentmem
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.errors import InputError
from agentmem.recall import association, engine
from agentmem.recall.association import RANK, associated, looked_twice
from agentmem.recall.confidence import Confidence
from agentmem.recall.features import query_features
from agentmem.recall.fusion import Weights
from agentmem.recall.signals import SIGNALS, standard
from agentmem.types import Draft, Filter


def units(n: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_it_is_networkx_pagerank_over_the_nearest():
    """The ranks are those of networkx on the same links, begun at the softmax of the best scores."""
    n = 40
    first, rows = np.random.default_rng(1).normal(size=n).astype(np.float32), units(n)
    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    for one in range(n):
        near = np.maximum(rows @ rows[one], 0)
        near[one] = 0
        for other in np.argsort(-near)[: association.NEAREST]:
            if near[other] > 0:
                graph.add_edge(one, int(other), weight=float(near[other]))
    best = np.argsort(-first)[: association.SEEDS]
    start = {int(i): float(np.exp(first[i] - first.max())) for i in best}
    ranks = nx.pagerank(graph, association.DAMPING, start, weight="weight", tol=1e-12, max_iter=1000)
    wanted = standard(np.log(np.array([ranks[i] for i in range(n)]) + association.FLOOR))
    np.testing.assert_allclose(associated(first, rows), wanted, atol=1e-4)


def test_what_lies_near_the_first_evidence_is_lifted():
    """Of two candidates with the same score, the one whose vector is like the best one's ranks higher."""
    rows = units(60, seed=3)
    rows[50] = rows[0] + 0.2 * rows[50]
    rows[50] /= np.linalg.norm(rows[50])
    first = np.linspace(3, 0, 60).astype(np.float32)
    first[50] = first[51]
    found = associated(first, rows)
    assert found[50] > found[51]
    assert found[0] == found.max()


def test_where_there_is_nothing_to_link():
    """A single candidate, and candidates without vectors, get zeros; those beyond the nodes rank like the last."""
    assert associated(np.ones(1, np.float32), units(1)).tolist() == [0]
    assert associated(np.ones(3, np.float32), np.zeros((3, 0), np.float32)).tolist() == [0, 0, 0]
    found = associated(np.arange(200, 0, -1).astype(np.float32), units(200))
    assert len(set(found[association.NODES :])) == 1
    assert found[association.NODES] == found.min()


def test_candidates_that_are_all_alike_stay_alike():
    """Equal vectors and equal scores give no reason to prefer any that begins alike."""
    found = associated(np.zeros(5, np.float32), np.tile(units(1), (5, 1)))
    assert np.abs(found).max() < 1e-9


def test_only_its_own_column_is_filled():
    """The second look fills the last column, and begins at what the others find without it."""
    rng = np.random.default_rng(5)
    columns = rng.normal(size=(30, len(SIGNALS))).astype(np.float32)
    values = rng.random(len(SIGNALS)).astype(np.float32)
    twice = looked_twice(columns, units(30), values)
    assert (np.delete(twice, RANK, 1) == np.delete(columns, RANK, 1)).all()
    again = columns.copy()
    again[:, RANK] = 100 * rng.random(30)
    assert (looked_twice(again, units(30), values) == twice).all()
    assert not looked_twice(columns, None, values)[:, RANK].any()


@pytest.mark.parametrize(
    ("question", "several"),
    [
        ("What activities does Ines partake in?", True),
        ("Which cities has Tom visited?", True),
        ("How many times did she go to the beach?", True),
        ("Where has Ines camped?", True),
        ("What do Ines and Tom have in common?", True),
        ("When did Ines paint a sunrise?", False),
        ("What is my locker code?", False),
        ("What does Tom do?", False),
        ("Where was the keynote?", False),
    ],
)
def test_questions_that_want_several_things(question: str, several: bool):
    """Plurals, numbers and the perfect tense ask for several pieces of evidence."""
    assert query_features(question).several is several


class Counted:
    """A store that counts how often it is searched."""

    def __init__(self, inner, searches: Counter[str], name: str) -> None:
        self.inner, self.searches, self.name = inner, searches, name

    def __getattr__(self, attribute):
        return getattr(self.inner, attribute)

    def __len__(self):
        return len(self.inner)

    def __contains__(self, i):
        return i in self.inner

    def search(self, query, k):
        self.searches[self.name] += 1
        return self.inner.search(query, k)


@pytest.fixture
def chain(space, monkeypatch):
    """A thread of small talk in which one memory leads to another that shares no word with the question."""
    space.remember([Draft(f"number {n} was quiet and grey", thread=f"t{n}") for n in range(40)])
    space.remember(Draft("the harbour festival is where Ines met her violin teacher", thread="a"))
    space.remember(Draft("violin teacher Moreau met harbour pupils daily", thread="b"))
    space.recall("warm up")
    monkeypatch.setattr(engine, "POOL", 1)
    monkeypatch.setattr(engine, "SEATS", 1)
    monkeypatch.setattr(engine, "KIN", 0)
    return space


def ranked(space, hops: int | None, weights: Weights, question: str):
    indexes = space._indexes
    counted: Counter[str] = Counter()
    plain = indexes.stores
    calls = []

    def embed(texts):
        calls.append(len(texts))
        return HashEmbedder()(texts)

    embed.name, embed.dim = HashEmbedder().name, HashEmbedder().dim
    indexes.stores = {name: Counted(store, counted, name) for name, store in plain.items()}
    try:
        ranking = engine.rank(question, embed, indexes, weights, asked=Filter(), limit=1, hops=hops)
        more = engine.rank(question, embed, indexes, weights, asked=Filter(), limit=1, hops=0)
    finally:
        indexes.stores = plain
    seen = engine.look(question, HashEmbedder(), indexes, asked=Filter(), limit=1)
    return ranking, more, counted, calls, seen


SURE = Weights((1.0,) * len(SIGNALS), Confidence(20.0))
UNSURE = Weights((1.0,) * len(SIGNALS), Confidence(-20.0))
ASKED = "At which festivals did Ines meet somebody?"


def test_recall_goes_on_from_the_first_evidence(chain):
    """A search from the evidence finds what the question alone does not, without a model, in two searches at most."""
    seen = engine.look(ASKED, HashEmbedder(), chain._indexes, asked=Filter(), limit=1)
    fused = engine.fuse(seen.candidates, seen.features, SURE)
    wider = engine._onward(seen, fused, chain._indexes, Filter())
    texts = {chain.get(chain._indexes.catalog.ids[row]).text for row in wider.pool}
    assert "violin teacher Moreau met harbour pupils daily" in texts
    assert len(wider.pool) > len(seen.pool)
    assert wider.candidates.n == len(wider.pool)
    assert engine._onward(wider, engine.fuse(wider.candidates, wider.features, SURE), chain._indexes, Filter()) is None
    _, _, counted, calls, _ = ranked(chain, 2, SURE, ASKED)
    assert counted["lexical"] == 2
    assert 2 < counted["episodic"] <= 4
    assert calls == [1, 1]


def test_recall_does_not_go_on_from_nothing(chain):
    """No search follows where nothing is likely to be there, where none is wanted, and where one thing is asked for."""
    for hops, weights, question in (
        (2, UNSURE, ASKED),
        (0, SURE, ASKED),
        (None, SURE, "When did Ines meet her violin teacher?"),
    ):
        assert ranked(chain, hops, weights, question)[2]["episodic"] == 2
    assert ranked(chain, None, SURE, ASKED)[2]["episodic"] > 2


def test_hops_are_checked(space):
    """A number of hops that cannot be is refused, in words."""
    space.remember("the cat sleeps")
    for hops in (-1, 3):
        with pytest.raises(InputError, match=f"hops={hops} must be from 0 to 2"):
            space.recall("cat", hops=hops)
    assert space.recall("cat", hops=2).texts == ("the cat sleeps",)


def test_a_graph_store_has_its_say(tmp_path):
    """With a graph store, its ranks are a signal of recall; without one the signal is zero."""
    talk = ["Ines lives in Porto", "Porto has a bridge of iron", "Tom sleeps late", "it rained all day"]
    for stores, speaks in ((("episodic", "lexical"), False), (("episodic", "lexical", "graph"), True)):
        with agentmem.open(tmp_path / stores[-1], embedder="hash", stores=stores) as system:
            space = system.space("a")
            space.remember(talk)
            signals = [e.signals["graph"] for e in space.recall("What is there in Porto?")]
            assert any(signals) is speaks
            if speaks:
                by_text = {e.memory.text: e.signals["graph"] for e in space.recall("What is there in Porto?")}
                assert by_text["Porto has a bridge of iron"] > by_text["it rained all day"]
