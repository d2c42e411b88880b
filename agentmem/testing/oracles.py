"""Slow but obvious: what the clever code must agree with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from math import log

import numpy as np

from agentmem.encoding.words import terms
from agentmem.protocols import MemoryStore, TermCounts
from agentmem.types import Hit, Memory, MemoryId, Query


def rebuilt(make: Callable[[], MemoryStore], memories: Iterable[Memory]) -> MemoryStore:
    """Return a new store that never held anything but `memories`."""
    store = make()
    for memory in memories:
        store.add([memory])
    return store


def best(scores: Mapping[MemoryId, float], k: int) -> list[Hit]:
    """Return the k best of some scores, ties by id."""
    return sorted((Hit(i, score) for i, score in scores.items()), key=lambda hit: (-hit.score, hit.id))[:k]


def nearest(memories: Iterable[Memory], query: Query, k: int) -> list[Hit]:
    """Return the k memories whose vectors have the largest dot product with the query's."""
    seen = [m for m in memories if query.allowed is None or m.id in query.allowed]
    sought = query.vector.astype(np.float64)
    return best({m.id: float((m.vector * sought).sum()) for m in seen if m.vector is not None}, k)


def bm25(memories: Iterable[Memory], query: Query, k: int, *, k1: float = 0.9, b: float = 0.4) -> list[Hit]:
    """Return the k best by BM25 with Lucene's idf, of the memories that share a term with the query."""
    counted = {memory.id: Counter(terms(memory.text)) for memory in memories}
    mean = sum(c.total() for c in counted.values()) / max(len(counted), 1)
    scores: dict[MemoryId, float] = {}
    for i, count in counted.items():
        score = 0.0
        for term in dict.fromkeys(terms(query.text)):
            if term in count:
                found_in = sum(term in other for other in counted.values())
                idf = log(1 + (len(counted) - found_in + 0.5) / (found_in + 0.5))
                tf = count[term]
                score += idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * count.total() / mean))
        if score > 0 and (query.allowed is None or i in query.allowed):
            scores[i] = score
    return best(scores, k)


def term_counts(memories: Iterable[Memory], query: Query, ids: Iterable[MemoryId]) -> TermCounts:
    """Return what `Lexical.term_counts` must."""
    counted = {memory.id: Counter(terms(memory.text)) for memory in memories}
    asked = list(dict.fromkeys(terms(query.text)))
    found_in = [sum(term in count for count in counted.values()) for term in asked]
    wanted = [counted.get(i, Counter()) for i in ids]
    mean = sum(c.total() for c in counted.values()) / len(counted) if counted else 0.0
    return TermCounts(
        np.array([[count[term] for term in asked] for count in wanted], np.float32).reshape(len(wanted), len(asked)),
        np.array([log(1 + (len(counted) - n + 0.5) / (n + 0.5)) for n in found_in], np.float32),
        np.array([count.total() for count in wanted], np.float32),
        mean or 1.0,
    )
