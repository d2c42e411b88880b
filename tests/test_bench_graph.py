"""The PageRank benchmark on a graph of a few dozen nodes: what it times and what it says of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from agentmem import registry
from agentmem.cli import app
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.errors import AgentmemError
from agentmem.evaluation import bench, bench_graph


@pytest.fixture(autouse=True)
def _little(monkeypatch):
    """Few new memories and questions, for speed."""
    monkeypatch.setattr(bench_graph, "NEW", 8)
    monkeypatch.setattr(bench_graph, "QUERIES", 3)


def test_it_says_how_large_the_graph_was_and_what_was_timed():
    """Every memory and every entity is a node, and ratios are those of the times beside them."""
    seen = []
    figures = bench.run("pagerank", 20, embedder="hash", progress=lambda *at: seen.append(at))
    assert (figures["benchmark"], figures["memories"], figures["nodes"]) == ("pagerank", 20, 40)
    assert 100 < figures["edges"] < 20 * (6 + 10 + 5)
    assert (figures["runs"], figures["added"], figures["embedder"]) == (3, 8, "hash-64")
    assert figures["ratio"] == pytest.approx(figures["median_ms"] / figures["reference_ms"])
    assert figures["add_ratio"] == pytest.approx(figures["add_ms"] / figures["embed_ms"])
    assert min(figures[name] for name in ("median_ms", "cpu_ms", "reference_ms", "add_ms", "embed_ms")) > 0
    assert seen == [(8, 20), (16, 20), (20, 20)]


def test_the_same_seed_makes_the_same_graph():
    """Names, ties and vectors are drawn from the seed alone."""
    one, other = (bench_graph._memories(0, 5, 5, np.random.default_rng(3)) for _ in range(2))
    assert [(m.id, m.cues) for m in one] == [(m.id, m.cues) for m in other]
    assert one[2].cues.entities[0] == "thing2"
    assert all((a.vector == b.vector).all() for a, b in zip(one, other, strict=True))


def test_another_packages_graph_is_not_timed(monkeypatch):
    """A store of the same name that keeps no graph is named."""
    monkeypatch.setattr(registry, "make_store", lambda *_: object())
    with pytest.raises(AgentmemError, match="is not ours"):
        bench_graph.pagerank(5, "hash", None)


def test_the_command_line_writes_it(tmp_path, monkeypatch):
    """`agentmem bench pagerank --memories N --json OUT` writes the figures."""
    out = tmp_path / "out" / "pagerank.json"
    monkeypatch.setattr("agentmem.encoding.embedders.open_embedder", lambda _: HashEmbedder())
    done = CliRunner().invoke(app, ["bench", "pagerank", "--memories", "6", "--json", str(out)])
    assert done.exit_code == 0, done.output
    assert json.loads(out.read_text())["nodes"] == 12
