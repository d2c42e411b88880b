"""Commands about what a space knows: graph, timeline."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentmem.cli import options
from agentmem.cli.memories import of_fact
from agentmem.cli.options import AsJson, AsOf, Embedder, Root, Space
from agentmem.cli.terminal import counted, emit, open_space, shown, table
from agentmem.config import folder_name
from agentmem.errors import InputError

if TYPE_CHECKING:
    import networkx as nx

PANEL = "Memories"
PICTURES = (".png", ".svg", ".pdf")
DATA = (".graphml", ".json")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(rich_help_panel=PANEL)(graph)
    app.command(rich_help_panel=PANEL)(timeline)


def graph(
    space: Space,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write graphml, json or a picture (png, svg, pdf): a file, or SPACE.FORMAT."),
    ] = None,
    around: Annotated[
        str | None, typer.Option(metavar="ENTITY", help="In a picture: only this entity and what is near it.")
    ] = None,
    most: Annotated[int, typer.Option(min=2, metavar="N", help="Entities in a picture or a table.")] = 40,
    embedder: Embedder = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Show whom and what a space knows and how it hangs together, or write that to a file.

    [dim]$[/] agentmem graph demo --export demo.png
    """
    if export is not None and f".{export}" in (*PICTURES, *DATA):
        export = Path(f"{folder_name(space)}.{export}")
    if export is not None and export.suffix not in (*PICTURES, *DATA):
        raise InputError(f"{export.name}: a graph is written as {', '.join((*DATA, *PICTURES))}")
    if around is not None and (export is None or export.suffix not in PICTURES):
        raise InputError("--around is for pictures; name one with it: --export FILE.png")
    with open_space(space, root, embedder) as opened:
        found = opened.graph()
    if export is not None:
        _write(found, export, around, most)
    figures = _figures(found)
    if as_json:
        emit({"space": space, **figures, "entities": _entities(found, most), "file": export and str(export)})
        return
    typer.echo(f"{shown(space)}: " + ", ".join(counted(n, name, many) for name, many, n in _counts(figures)))
    rows = [(e["name"], e["memories"], shown(", ".join(e["near"]))) for e in _entities(found, min(most, 15))]
    if rows and export is None:
        table(("entity", "memories", "tied to"), rows, right=(1,))
    if export is not None:
        typer.echo(f"wrote {export}")


def _write(found: nx.Graph, path: Path, around: str | None, most: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in PICTURES:
        from agentmem.evaluation.drawing import draw

        draw(found, path, around=around, most=most)
        return
    import networkx as nx

    named = nx.relabel_nodes(found, ":".join)
    if path.suffix == ".graphml":
        nx.write_graphml(named, path)
    else:
        import json

        document = json.dumps(nx.node_link_data(named, edges="edges"), ensure_ascii=False, indent=1)
        path.write_text(document + "\n", encoding="utf-8")


def _figures(found: nx.Graph) -> dict[str, dict[str, int]]:
    return {
        "nodes": dict(sorted(Counter(kind for kind, _ in found).items())),
        "edges": dict(sorted(Counter(edge["kinds"] for *_, edge in found.edges(data=True)).items())),
    }


def _counts(figures: dict[str, dict[str, int]]) -> list[tuple[str, str, int]]:
    many = {"entity": "entities", "memory": "memories"}
    nodes = [(name, many.get(name, f"{name}s"), n) for name, n in figures["nodes"].items()]
    return nodes + [(f"{name} edge", f"{name} edges", n) for name, n in figures["edges"].items()]


def _entities(found: nx.Graph, most: int) -> list[dict[str, Any]]:
    """Return the entities that most memories name, each with those it is tied to."""
    named = {node: sum(other[0] == "memory" for other in found[node]) for node in found if node[0] == "entity"}
    best = sorted(named, key=lambda node: (-named[node], node))[:most]
    listed = []
    for node in best:
        near: Counter[str] = Counter()
        for other in found[node]:
            if other[0] == "entity":
                near[other[1]] += 2
            else:
                near.update(label for kind, label in found[other] if kind == "entity" and label != node[1])
        listed.append({"name": node[1], "memories": named[node], "near": [name for name, _ in near.most_common(5)]})
    return listed


def timeline(
    space: Space,
    entity: Annotated[str, typer.Argument(metavar="ENTITY", help="A person or a thing.", show_default=False)],
    as_of: AsOf = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Show every value that a person or thing is said to have had, and when each held.

    [dim]$[/] agentmem timeline demo Marek
    """
    with open_space(space, root) as opened:
        facts = opened.timeline(entity, as_of=options.moment(as_of, "--as-of") if as_of else None)
    if as_json:
        emit({"space": space, "entity": entity, "facts": [of_fact(fact) for fact in facts]})
        return
    if not facts:
        typer.echo(f"Nothing that holds one value at a time is known of {shown(entity)}.")
        return
    rows = [
        (
            f"{f.valid_from:%Y-%m-%d %H:%M}",
            "now" if f.valid_to is None else f"{f.valid_to:%Y-%m-%d %H:%M}",
            shown(" ".join(filter(None, (f.subject, f.attribute)))),
            shown(f.value),
            f.memories[-1],
        )
        for f in facts
    ]
    table(("from", "until", "what", "value", "said in"), rows, whole=(0, 1, 4))
