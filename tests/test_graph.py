"""The knowledge graph of a space: as networkx has it, as a file, as a picture, and among the stores of recall."""

from __future__ import annotations

import json

import networkx as nx
import pytest
from typer.testing import CliRunner

import agentmem
from agentmem import Draft, cli
from agentmem.errors import InputError, NotFoundError
from agentmem.evaluation import drawing
from agentmem.evaluation.drawing import draw, projection

STORES = ("episodic", "lexical", "graph")
TALK = (
    "Lena Moss moved to Porto with Tomas.",
    "We met Lena Moss at the Blue Lantern.",
    "The concert in Porto was loud.",
    "It rained all day.",
)


@pytest.fixture
def ids(space):
    """Four turns, three of which name somebody or something, and a fact derived from the first."""
    found = space.remember(TALK, speaker="Ana")
    parts = {"subject": "Tomas", "relation": "plays in", "object": "Los Lobos"}
    found += space.remember(Draft("Tomas plays in Los Lobos", "fact", parents=(found[0],), metadata=parts))
    return found


def test_the_graph_links_memories_by_what_they_name(space, ids):
    """Entities hang on the memories that name them; a fact is an edge, and mentions its parent."""
    graph = space.graph()
    assert isinstance(graph, nx.Graph)
    entities = {label for kind, label in graph if kind == "entity"}
    assert {"lena moss", "porto", "tomas", "los lobos", "blue lantern"} <= entities
    assert {m for m in graph["entity", "porto"] if m[0] == "memory"} == {("memory", ids[0]), ("memory", ids[2])}
    assert "fact" in graph.edges[("entity", "tomas"), ("entity", "los lobos")]["kinds"]
    assert graph.nodes["memory", ids[1]]["text"] == TALK[1]
    assert graph.nodes["memory", ids[1]]["speaker"] == "Ana"
    assert ("memory", ids[4]) not in graph


def test_erasing_leaves_the_graph_that_never_held_it(space, ids, system):
    """What only an erased memory held up is gone: nodes, edges and weights are those of a space without it."""
    space.erase(ids[0])
    never = system.space("never")
    never.remember(TALK[1:], speaker="Ana")

    def plain(graph):
        def name(node):
            return node if node[0] == "entity" else ("memory", graph.nodes[node]["text"])

        edges = {frozenset((name(a), name(b))): edge["weight"] for a, b, edge in graph.edges(data=True)}
        return {name(node) for node in graph}, edges

    assert plain(space.graph()) == plain(never.graph())


def test_a_graph_store_takes_part_in_recall(tmp_path, clock):
    """Among the stores of a space, the graph is filled, placed, searched, and level after erasing and reopening."""
    with agentmem.open(tmp_path, embedder="hash", clock=clock, stores=STORES) as system:
        space = system.space("a")
        ids = space.remember(TALK, speaker="Ana")
        assert ids[0] in space.recall("Who moved to Porto?").ids
        held = space._indexes.stores["graph"]
        assert held.unplaced() == ()
        assert len(held) == 4
        space.erase(ids[0])
        assert ids[0] not in space.recall("Who moved to Porto?").ids
        assert "tomas" not in {label for _, label in space.graph()}
        lived = [(e.id, e.score) for e in space.recall("Who is in Porto?")]
    with agentmem.open(tmp_path, embedder="hash", clock=clock, stores=STORES) as system:
        space = system.space("a")
        assert [(e.id, e.score) for e in space.recall("Who is in Porto?")] == lived
        assert [f for f in space.doctor() if not f.ok] == []


def test_the_projection_counts_what_is_named_together(space, ids):
    """Entities are tied by the number of memories that name both, and by facts."""
    shown = projection(space.graph())
    assert shown.edges["lena moss", "porto"]["together"] == 1
    assert shown.edges["los lobos", "tomas"]["kinds"] == "fact"
    assert shown.nodes["porto"]["memories"] == 2
    near = projection(space.graph(), around="Lena", most=2)
    assert len(near) == 2
    assert "lena moss" in near


def test_whoever_speaks_is_tied_to_what_is_named(system):
    """A speaker is a node of the picture, even one whom nobody names, and goes by the name as it is written."""
    space = system.space("talk")
    space.remember("Biscuit ran off in Naples again.", speaker="Ines Okoye")
    graph = space.graph()
    shown = projection(graph)
    assert shown.edges["ines okoye", "naples"]["together"] == 1
    assert shown.nodes["ines okoye"]["memories"] == 1
    assert drawing._written(graph, shown)["ines okoye"] == "Ines Okoye"
    assert drawing._written(graph, shown)["naples"] == "Naples"


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_a_picture_is_drawn(space, ids, tmp_path, ending):
    """The picture is a file of its kind, and the same again for the same graph."""
    begin = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[ending]
    file = tmp_path / f"graph{ending}"
    draw(space.graph(), file)
    assert file.read_bytes().startswith(begin)
    assert file.stat().st_size > 2000


def test_what_cannot_be_drawn_is_said(space, tmp_path, ids, system):
    """A space without entities and an entity that is none of it are refused in words."""
    with pytest.raises(NotFoundError, match="no entity 'Zoe'; there are, for example"):
        draw(space.graph(), tmp_path / "x.png", around="Zoe")
    empty = system.space("empty")
    empty.remember("it rains")
    with pytest.raises(InputError, match="no entities yet"):
        draw(empty.graph(), tmp_path / "x.png")


# -- the commands --------------------------------------------------------------------------------------------------


def run(*words, code=0):
    result = CliRunner().invoke(cli.app, [str(word) for word in words])
    assert result.exit_code == code, f"{words}: {result.output}\n{result.stderr}"
    return result.stdout if code == 0 else result.stderr


@pytest.fixture
def told():
    """A space on disk that the commands see."""
    with agentmem.open(embedder="hash") as system:
        space = system.space("alice")
        space.remember([*TALK, "My locker code is 1234."], speaker="Ana")
        space.remember("My locker code is now 4417.", speaker="Ana")


@pytest.mark.parametrize("ending", ["graphml", "json", "png"])
def test_graph_is_written_to_files(told, tmp_path, ending):
    """Each form can be read back by what it is for, and says what it wrote."""
    file = tmp_path / "new" / f"g.{ending}"
    assert f"wrote {file}" in run("graph", "alice", "--export", file)
    if ending == "graphml":
        assert "entity:porto" in nx.read_graphml(file)
    elif ending == "json":
        assert "entity:porto" in nx.node_link_graph(json.loads(file.read_text()), edges="edges")
    else:
        assert file.read_bytes().startswith(b"\x89PNG")


def test_graph_shows_who_is_tied_to_whom(told):
    """Without a file, a table for people and the same as JSON."""
    assert "lena moss" in run("graph", "alice")
    figures = json.loads(run("graph", "alice", "--json"))
    assert figures["nodes"]["memory"] == 6
    (porto,) = [e for e in figures["entities"] if e["name"] == "porto"]
    assert (porto["memories"], "lena moss" in porto["near"]) == (2, True)


def test_a_format_alone_names_the_file_after_the_space(told, tmp_path, monkeypatch):
    """`--export graphml` writes alice.graphml where one stands."""
    monkeypatch.chdir(tmp_path)
    for form in ("graphml", "json", "png"):
        assert f"wrote alice.{form}" in run("graph", "alice", "--export", form)
        assert (tmp_path / f"alice.{form}").stat().st_size > 100


def test_graph_refuses_what_it_cannot_write(told, tmp_path):
    """Another ending, and --around without a picture, are errors that say what to type."""
    assert ".graphml" in run("graph", "alice", "--export", tmp_path / "g.doc", code=2)
    assert "--export FILE.png" in run("graph", "alice", "--around", "Lena", code=2)
    assert "no entity" in run("graph", "alice", "--around", "Zoe", "--export", tmp_path / "g.png", code=2)


def test_timeline_shows_what_held_when(told):
    """A row a value; JSON has the same; of a stranger nothing is known, and that is said."""
    facts = json.loads(run("timeline", "alice", "Ana", "--json"))["facts"]
    assert [(f["attribute"], f["value"], f["valid_to"] is None) for f in facts] == [
        ("locker code", "1234", False),
        ("locker code", "4417", True),
    ]
    assert facts[0]["superseded_by"] == facts[1]["memories"][0]
    assert "4417" in run("timeline", "alice", "Ana")
    assert "Nothing that holds one value" in run("timeline", "alice", "Zoe")
    assert "not a time" in run("timeline", "alice", "Ana", "--as-of", "soon", code=2)
