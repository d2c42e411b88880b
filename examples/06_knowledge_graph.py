"""The knowledge graph of a dialogue, as a picture: who and what is named together, and what is said of whom.

Run it: python examples/06_knowledge_graph.py [FILE.png]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import agentmem
from agentmem.demo import DIALOGUE
from agentmem.evaluation.drawing import draw, projection
from agentmem.extract import extract
from agentmem.formats import jsonl

with tempfile.TemporaryDirectory() as folder, agentmem.open(folder) as system:
    picture = Path(sys.argv[1] if len(sys.argv) > 1 else f"{folder}/graph.png")
    space = system.space("friends")
    space.remember(jsonl.drafts(DIALOGUE.read_text(encoding="utf-8")))
    print(f"{len(extract(space))} facts were read out of it by rules, each with its parent turns")

    graph = space.graph()  # a networkx graph: every algorithm of networkx works on it
    kinds = [kind for kind, _ in graph]
    print(f"{kinds.count('entity')} entities in {kinds.count('memory')} memories, {graph.number_of_edges()} edges")

    entities = projection(graph)
    print("most named:", ", ".join(sorted(entities, key=lambda name: -entities.nodes[name]["memories"])[:4]))
    draw(graph, picture)
    print(f"drawn: {picture.name}, {picture.stat().st_size // 1000} kB")
