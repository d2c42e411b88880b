"""A picture of a space's knowledge graph: its best linked entities, what is said of them, and what is said together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentmem.errors import InputError, NotFoundError
from agentmem.evaluation.plots import COLOURS

if TYPE_CHECKING:
    import networkx as nx

MOST = 40
"""Entities in a picture: more cannot be read."""
CROWD = 12
"""Entities named by one memory that are linked with each other at most; a list of fifty names is no bond."""
GAP = 0.6
LIFT = 0.06
"""By how much a label stands above its node."""
INCHES = (13, 9)


def draw(graph: nx.Graph, path: Path, *, around: str | None = None, most: int = MOST) -> None:
    """Draw the entities of a graph as PNG, SVG or PDF, by the ending of the file.

    `graph` is what `Space.graph` returns. Solid lines are facts, dashed ones synonyms, and grey ones tie what memories
    name together, and whoever speaks with what is named, the wider the oftener. Only the `most` best linked entities
    are drawn or, with `around`, that entity and those nearest to it. The same graph gives the same picture. Raises
    InputError for a graph without entities, NotFoundError for an unknown one.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = projection(graph, around=around, most=most)
    figure = Figure(figsize=INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _paint(shown, axes, around and _entity(graph, around), _written(graph, shown))
    axes.set_title(_title(graph, shown), fontsize=10, color="#444a52", loc="left")
    figure.savefig(path, dpi=110)


def projection(graph: nx.Graph, *, around: str | None = None, most: int = MOST) -> nx.Graph:
    """Return the graph of entities alone: `together` counts memories that name both, `kinds` other links.

    Whoever speaks counts as named by what they say. Nodes have `memories`, how many name them. Entities that nothing
    links are left out, except `around`.
    """
    import networkx as nx

    shown = nx.Graph()
    for kind, label in graph:
        if kind == "entity":
            named = [m for m in graph[kind, label] if m[0] == "memory"]
            shown.add_node(label, memories=len(named))
    if not shown:
        raise InputError("the graph has no entities yet: remember something that names people, places or things")
    together: Counter[tuple[str, str]] = Counter()
    for names in _named(graph):
        for name in names - set(shown):
            shown.add_node(name, memories=1)
        together.update(combinations(sorted(names), 2))
    for (one, other), count in together.items():
        shown.add_edge(one, other, together=count, kinds="", weight=float(count))
    for (kind, one), (other_kind, other), edge in graph.edges(data=True):
        if kind == other_kind == "entity":
            count = shown.get_edge_data(one, other, {}).get("together", 0)
            shown.add_edge(one, other, together=count, kinds=edge["kinds"], weight=count + float(edge["weight"]))
    return _best(graph, shown, around, most)


def _named(graph: nx.Graph) -> Iterator[set[str]]:
    """Yield what each memory ties together: what it names, if that is no long list, and who says it."""
    for node, told in graph.nodes(data=True):
        names = {label for kind, label in graph[node] if kind == "entity"} if node[0] == "memory" else set()
        if names and len(names) <= CROWD:
            yield names | ({_key(told.get("speaker", ""))} - {""})


def _key(name: str) -> str:
    return " ".join(name.casefold().split())


def _best(graph: nx.Graph, shown: nx.Graph, around: str | None, most: int) -> nx.Graph:
    import networkx as nx

    if around is None:
        rank = {name: shown.degree(name, weight="weight") for name in shown if shown.degree(name)}
    else:
        centre = _entity(graph, around)
        ranks: dict[str, float] = nx.pagerank(shown, personalization={centre: 1}) if shown.degree(centre) else {}
        rank = {name: value for name, value in ranks.items() if value > 0} | {centre: 2.0}
    best = sorted(rank, key=lambda name: (-rank[name], name))[:most]
    if not best:
        best = sorted(shown, key=lambda name: (-shown.nodes[name]["memories"], name))[:most]
    return shown.subgraph(best).copy()


def _entity(graph: nx.Graph, name: str) -> str:
    """Return the label of an entity, as typed in any case or as part of it."""
    wanted = " ".join(name.casefold().split())
    labels: list[str] = sorted(label for kind, label in graph if kind == "entity")
    for label in (*labels, *sorted(labels, key=len)):
        if wanted == label or (wanted in label.split() and wanted not in labels):
            return label
    raise NotFoundError(f"the graph has no entity {name!r}; there are, for example: {', '.join(labels[:8])}")


def _written(graph: nx.Graph, shown: nx.Graph) -> dict[str, str]:
    """Return each entity's label as somebody wrote it."""
    labels = {name: name for name in shown}
    for node, told in graph.nodes(data=True):
        if node[0] == "memory":
            text = f"{told.get('speaker', '')}\n{told.get('text', '')}"
            for name in [_key(told.get("speaker", "")), *(label for _, label in graph[node])]:
                if labels.get(name) == name:
                    said = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
                    labels[name] = said[0] if said else name
    return labels


def _paint(shown: nx.Graph, axes: Any, centre: str | None, written: Mapping[str, str]) -> None:
    import networkx as nx
    from matplotlib.patheffects import withStroke

    groups = nx.community.greedy_modularity_communities(shown, weight="weight") if shown.edges else [set(shown)]
    group = {name: number for number, names in enumerate(groups) for name in names}
    at = _places(shown)
    heavy = max((edge["together"] for *_, edge in shown.edges(data=True)), default=1) or 1
    tied = [(a, b) for a, b, edge in shown.edges(data=True) if edge["together"]]
    widths = [0.6 + 3.4 * shown.edges[pair]["together"] / heavy for pair in tied]
    nx.draw_networkx_edges(shown, at, edgelist=tied, width=widths, edge_color="#c9ced6", ax=axes)
    for kind, style, colour in (("fact", "solid", "#b03a48"), ("synonym", "dashed", "#0b5fa5")):
        some = [(a, b) for a, b, edge in shown.edges(data=True) if kind in edge["kinds"]]
        nx.draw_networkx_edges(shown, at, edgelist=some, style=style, edge_color=colour, width=1.4, ax=axes)
    sizes = [120 + 60 * shown.nodes[name]["memories"] ** 0.75 for name in shown]
    colours = ["#111111" if name == centre else COLOURS[group[name] % len(COLOURS)] for name in shown]
    nx.draw_networkx_nodes(shown, at, node_size=sizes, node_color=colours, linewidths=0.8, edgecolors="white", ax=axes)
    above = {name: (x, y + LIFT) for name, (x, y) in at.items()}
    labels = nx.draw_networkx_labels(shown, above, dict(written), font_size=9, verticalalignment="bottom", ax=axes)
    for text in labels.values():
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    axes.margins(0.08)
    axes.axis("off")


def _places(shown: nx.Graph) -> dict[str, tuple[float, float]]:
    """Return where each node goes: every connected part in a box of its own, rows of boxes, the largest first."""
    import networkx as nx

    parts = sorted(nx.connected_components(shown), key=lambda part: (-len(part), min(part)))
    at: dict[str, tuple[float, float]] = {}
    left, top, high = 0.0, 0.0, 0.0
    wide = max(len(parts[0]) ** 0.5, sum(len(part) for part in parts) ** 0.5) * INCHES[0] / INCHES[1]
    for part in parts:
        side = max(1.0, len(part) ** 0.5)
        if left and left + side > wide + 0.01:
            left, top, high = 0.0, top - high - GAP, 0.0
        laid = (
            nx.kamada_kawai_layout(shown.subgraph(sorted(part)), weight=None) if len(part) > 1 else {min(part): (0, 0)}
        )
        for name, (x, y) in laid.items():
            at[name] = (left + side * (0.5 + 0.5 * float(x)), top - side * (0.5 - 0.5 * float(y)))
        left, high = left + side + GAP, max(high, side)
    return at


def _title(graph: nx.Graph, shown: nx.Graph) -> str:
    kinds = Counter(kind for kind, _ in graph)
    return (
        f"{len(shown)} of {kinds['entity']} entities in {kinds['memory']} memories. Grey: named together, "
        "or by whom; red: a fact; blue, dashed: much alike. Size: memories that name it."
    )
