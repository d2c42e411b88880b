"""Personalized PageRank against networkx: any graph, any reset, any damping."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from agentmem.errors import InputError
from agentmem_stores._pagerank import pagerank, pagerank_of


@st.composite
def graphs(draw):
    """A small weighted graph, isolated nodes and parts that hang apart among them, and a reset of it."""
    size = draw(st.integers(1, 12))
    node = st.integers(0, size - 1)
    weight = st.floats(0.01, 100, allow_nan=False)
    edges = draw(st.dictionaries(st.tuples(node, node).filter(lambda e: e[0] < e[1]), weight, max_size=30))
    reset = draw(st.lists(st.floats(0, 10), min_size=size, max_size=size).filter(lambda r: sum(r) > 1e-3))
    return size, edges, np.array(reset)


def matrix(size, edges, kind=np.float64):
    dense = np.zeros((size, size), kind)
    for (a, b), weight in edges.items():
        dense[a, b] = dense[b, a] = weight
    return csr_array(dense)


def oracle(size, edges, reset, damping):
    graph = nx.Graph()
    graph.add_nodes_from(range(size))
    graph.add_weighted_edges_from((a, b, weight) for (a, b), weight in edges.items())
    personalization = dict(enumerate(reset / reset.sum()))
    ranks = nx.pagerank(graph, damping, personalization, max_iter=2000, tol=1e-13)
    return np.array([ranks[node] for node in range(size)])


@given(graphs(), st.sampled_from([0.0, 0.1, 0.5, 0.85]))
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_ranks_are_those_of_networkx(graph, damping):
    """On any graph the ranks are networkx's, isolated nodes and all."""
    size, edges, reset = graph
    ranks = pagerank(matrix(size, edges), reset, damping=damping)
    assert np.abs(ranks - oracle(size, edges, reset, damping)).max() < 1e-8
    assert abs(ranks.sum() - 1) < 1e-12


@given(graphs())
@settings(max_examples=50, deadline=None, derandomize=True, database=None)
def test_single_precision_is_within_a_millionth(graph):
    """With a matrix of float32 the ranks are float32 and as exact as that allows."""
    size, edges, reset = graph
    ranks = pagerank(matrix(size, edges, np.float32), reset)
    assert ranks.dtype == np.float32
    assert np.abs(ranks - oracle(size, edges, reset, 0.5)).max() < 1e-6


def test_a_star_by_hand():
    """All reset on one leaf of a star of three leaves: the fractions of the closed form."""
    ranks = pagerank(matrix(4, {(0, 1): 1.0, (0, 2): 1.0, (0, 3): 1.0}), np.array([0, 1.0, 0, 0]))
    assert ranks == pytest.approx([1 / 3, 5 / 9, 1 / 18, 1 / 18], abs=1e-9)


def test_many_resets_at_once_are_as_one_by_one():
    """Each column of a block is what it is alone, one without any reset is zeros, and one that ends early waits."""
    draw = np.random.default_rng(0)
    edges = {(int(a), int(b)): 1.0 for a, b in draw.integers(0, 300, (900, 2)) if a < b}
    graph = matrix(300, edges)
    resets = draw.random((300, 6)) * (draw.random((300, 6)) < 0.02)
    resets[:, 2] = 0
    resets[:, 4] = np.asarray(graph.sum(axis=1)).ravel()
    block = pagerank(graph, resets)
    for column in range(6):
        assert np.abs(block[:, column] - pagerank(graph, resets[:, column])).max() < 1e-9
    assert not block[:, 2].any()
    assert np.abs(block[:, 4] - resets[:, 4] / resets[:, 4].sum()).max() < 1e-9


def test_a_large_graph_keeps_its_bound():
    """On 3,000 nodes with hubs and isolated ones the error stays below the tolerance that was asked for."""
    draw = np.random.default_rng(1)
    chance = 1 / np.arange(1, 3001)
    pairs = draw.choice(3000, (9000, 2), p=chance / chance.sum())
    edges = {(int(min(p)), int(max(p))): float(draw.random() + 0.1) for p in pairs if p[0] != p[1]}
    reset = np.zeros(3000)
    reset[[5, 2999]] = 1
    wanted = oracle(3000, edges, reset, 0.5)
    for tolerance in (1e-4, 1e-6, 1e-9):
        ranks = pagerank(matrix(3000, edges), reset, tolerance=tolerance)
        assert np.abs(ranks - wanted).max() < tolerance


def test_only_the_wanted_are_as_exact_as_asked():
    """Where a hub is not wanted, the leaves keep the bound and fewer products are made."""
    edges = {(0, n): 1.0 for n in range(1, 2000)} | {(n, n + 1): 0.5 for n in range(1, 1999)}
    graph = matrix(2000, edges)
    reset = np.zeros(2000)
    reset[[7, 900]] = 1
    leaves, made = np.arange(1, 2000), []

    def counted(vectors):
        made.append(1)
        return graph @ vectors

    degrees = np.asarray(graph.sum(axis=1)).ravel()
    whole = pagerank_of(counted, degrees, reset, tolerance=1e-7)
    most = len(made)
    some = pagerank_of(counted, degrees, reset, tolerance=1e-7, wanted=leaves)
    wanted = oracle(2000, edges, reset, 0.5)
    assert np.abs(whole - wanted).max() < 1e-7
    assert np.abs(some - wanted)[leaves].max() < 1e-7
    assert len(made) - most < most


def test_nonsense_is_refused():
    """Negative weights, resets that do not fit or are not numbers, and a damping that never resets are said so."""
    graph = matrix(2, {(0, 1): 1.0})
    with pytest.raises(InputError, match="negative or nan"):
        pagerank(matrix(2, {(0, 1): -1.0}), np.ones(2))
    with pytest.raises(InputError, match="one row a node"):
        pagerank(graph, np.ones(3))
    for damping in (1.0, -0.1, float("nan")):
        with pytest.raises(InputError, match="damping"):
            pagerank(graph, np.ones(2), damping=damping)
    for reset in ([1, -1], [np.nan, 1], [np.inf, 1]):
        with pytest.raises(InputError, match="reset"):
            pagerank(graph, np.array(reset, np.float64))


def test_a_graph_of_nothing_has_no_ranks():
    """No nodes, no ranks, and no error."""
    assert pagerank_of(lambda x: x, np.empty(0), np.empty(0)).shape == (0,)
