"""Speed of personalized PageRank: ours against networkx on the same graph, and what new memories cost.

A made-up graph of n memories and n entities, in which every memory names one entity of its own and five others, and
ties five pairs, some much oftener named than others: n = 50,000 makes 100,000 nodes and a little over a million edges.

A search is timed as a user pays for it: what is near among all vectors, the ranks, the best ten; only the embedding of
the question is left out, which networkx does not do either. `cpu_ms` is the processor time of the same searches, of
all threads together: where it is not above `median_ms`, no more than one core was used.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np

from agentmem import registry
from agentmem.errors import AgentmemError
from agentmem.protocols import Associative
from agentmem.types import Cues, Memory, Query, Slot

SEED = 0
DIM = 384
EACH = 5
QUERIES = 30
NEW = 1_000
DAMPING = 0.5
TOLERANCE = 3e-7
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)


def pagerank(memories: int, embedder: str, progress: Callable[[int, int], None] | None) -> dict[str, Any]:
    """Time a search of the graph store, networkx.pagerank on the same graph, and taking in `NEW` memories.

    `ratio` is a search over networkx.pagerank (of the same damping, and as exact: its tolerance is an error a node);
    `add_ratio` taking in the new
    memories, the first search after them included, over embedding their texts.
    """
    import networkx as nx

    from agentmem.encoding.embedders import open_embedder
    from agentmem.evaluation.bench import texts

    rng = np.random.default_rng(SEED)
    store = registry.make_store("graph", {})
    if not isinstance(store, Associative):
        raise AgentmemError(f"the store called graph ({type(store).__name__}) is not ours; uninstall it to time ours")
    for start in range(0, memories, NEW):
        store.add(_memories(start, min(memories, start + NEW), memories, rng))
        if progress is not None:
            progress(min(memories, start + NEW), memories)
    queries = [Query(f"thing{n} and thing{n + 1}", row) for n, row in enumerate(_rows(QUERIES + 2, rng))]
    store.search(queries[0], 10)
    ours, processor = [], []
    for query in queries[1:-1]:
        began = time.process_time()
        ours.append(_timed(partial(store.search, query, 10)))
        processor.append((time.process_time() - began) * 1000)
    graph = store.to_networkx()
    nodes, edges = graph.number_of_nodes(), graph.number_of_edges()
    start_at = {("entity", f"thing{n}"): 1.0 for n in range(10)} | {n: 1e-6 for n in graph if n[0] == "memory"}
    theirs = _timed(partial(nx.pagerank, graph, DAMPING, start_at, tol=TOLERANCE / nodes, max_iter=1000))
    late = _memories(memories, memories + NEW, memories, rng)
    added = _timed(partial(store.add, late)) + _timed(partial(store.search, queries[-1], 10))
    model = open_embedder(embedder)
    model(["load the model"])
    embedded = _timed(partial(model, texts(NEW)))
    return {
        "ratio": statistics.median(ours) / theirs,
        "median_ms": statistics.median(ours),
        "cpu_ms": statistics.median(processor),
        "p95_ms": float(np.percentile(ours, 95)),
        "reference_ms": theirs,
        "reference": "networkx.pagerank, the same graph, damping and tolerance",
        "nodes": nodes,
        "edges": edges,
        "add_ratio": added / embedded,
        "add_ms": added,
        "embed_ms": embedded,
        "added": NEW,
        "embedder": model.name,
        "runs": len(ours),
        "seed": SEED,
    }


def _memories(start: int, stop: int, things: int, rng: np.random.Generator) -> list[Memory]:
    # a few things are named very often, most hardly ever
    named = (things * rng.random((stop - start, EACH)) ** 2).astype(int)
    tied = (things * rng.random((stop - start, EACH, 2)) ** 2).astype(int)
    made = []
    for n, row, names, ties in zip(range(start, stop), _rows(stop - start, rng), named, tied, strict=True):
        entities = (f"thing{n}", *(f"thing{thing}" for thing in names))
        slots = tuple(Slot(f"thing{one}", "knows", f"thing{other}") for one, other in ties)
        cues = Cues(entities=entities, slots=slots)
        made.append(Memory(f"m{n:07}", n + 1, "turn", "", None, "main", n, BEGAN, BEGAN, cues=cues, vector=row))
    return made


def _rows(count: int, rng: np.random.Generator) -> Any:
    rows = rng.standard_normal((count, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000
