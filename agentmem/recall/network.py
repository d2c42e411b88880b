"""The graph of a space, as networkx has it: entities, memories, and what links them."""

from __future__ import annotations

from typing import Any

from agentmem import registry
from agentmem.errors import AgentmemError
from agentmem.ledger import Ledger
from agentmem.protocols import Associative, Embedder
from agentmem.recall.indexes import Indexes, place


def network(ledger: Ledger, indexes: Indexes, embedder: Embedder) -> Any:
    """Return a networkx.Graph of all memories: of the space's own graph store, or of one made for the occasion.

    Nodes are ("entity", phrase) and ("memory", id), the latter with `text`, `speaker`, `thread`, `said_at` and
    `memory_kind`; edges have `weight` and `kinds` ("fact", "mention", "synonym", "neighbour", joined by "+").
    """
    store = next((s for s in indexes.stores.values() if isinstance(s, Associative)), None) or _filled(ledger)
    place(store, embedder)
    graph = store.to_networkx()
    for chunk in ledger.read(whole=False):
        for memory in chunk:
            node = ("memory", memory.id)
            if node in graph:
                graph.nodes[node].update(
                    text=memory.text,
                    speaker=memory.speaker or "",
                    thread=memory.thread,
                    said_at=memory.said_at.isoformat(),
                    memory_kind=memory.kind,
                )
    return graph


def _filled(ledger: Ledger) -> Associative:
    store = registry.make_store("graph", {})
    if not isinstance(store, Associative):
        raise AgentmemError(f"the store called graph ({type(store).__name__}) cannot show its graph")
    for chunk in ledger.read(vectors=True):
        store.add(chunk)
    return store
