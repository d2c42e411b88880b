"""From a question to a ranking: encode once, search the stores, gather columns, fuse. No text is looked at here.

Where a question wants several pieces of evidence, recall goes on from the first ones: the store of vectors is asked
again, for what lies near question and first evidence together, and all is ranked anew. It stops where the confidence
says that there is nothing to go on from, where nothing new turns up, and after `MOST_HOPS` searches; no model is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from agentmem.encoding.encoder import checked
from agentmem.encoding.features import TEXT_FEATURES
from agentmem.ledger.matching import Matching
from agentmem.protocols import Associative, Embedder, Lexical, TermCounts, Tiered, Vectorial
from agentmem.recall.catalog import EVERY, NONE, Catalog, Rows
from agentmem.recall.confidence import ABSTAIN_BELOW
from agentmem.recall.features import QueryFeatures, query_features
from agentmem.recall.fusion import Fused, Weights, faded, fuse
from agentmem.recall.indexes import Indexes
from agentmem.recall.signals import Candidates
from agentmem.types import KINDS, Filter, Floats, MemoryId, Query

POOL = 150
"""How many each store proposes."""
SEATS = 200
"""How many of all proposals are looked at: twice the pool adds .0006 to evidence recall@10 and half as much time."""
KIN = 40
"""How many of the best bring their neighbours in the thread along as candidates."""
RRF = 60
"""Constant of reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009)."""
REACH = 2
"""How many neighbours each way give a candidate its context."""
MOST_HOPS = 2
"""How many searches may follow the first ones."""
FIRST = 3
"""How many of the best are the first evidence; 1 and 5 find as much."""
ONWARD = 60
"""How many a search from the first evidence proposes."""
FAINT = 1e-9
"""Added to ranks before their logarithm is taken."""
NAMED, OTHER, NOBODY = 1.0, 0.0, 0.5
REPLY = KINDS.index("reply")
ASKS = TEXT_FEATURES.index("asks")

Worth = Callable[[Rows], Floats]
"""What memories, by seq (n,), are still worth: (n,) in the units of scores."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The ids of the best, their fused scores (n,), how each signal moved them (n, S), and the confidence in [0, 1]."""

    ids: list[MemoryId]
    scores: Floats
    confidence: float
    names: tuple[str, ...] = ()
    contributions: npt.NDArray[np.float32] | None = None

    def explain(self, row: int) -> Mapping[str, float]:
        """Return what each signal contributed to the score of one row."""
        if self.contributions is None:
            return {}
        return {n: float(c) for n, c in zip(self.names, self.contributions[row], strict=True)}


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A question taken apart, the catalog rows (n,) proposed for it, and their columns.

    `linked` are the ranks that a graph store gave to what it proposed, None without such a store; `known` are the rows
    that may give context.
    """

    features: QueryFeatures
    query: Query
    pool: Rows
    candidates: Candidates
    linked: Mapping[MemoryId, float] | None = None
    known: npt.NDArray[np.bool_] | None = None


def rank(  # noqa: PLR0913 - one keyword for each thing a recall may say
    question: str,
    embedder: Embedder,
    indexes: Indexes,
    weights: Weights,
    *,
    asked: Filter,
    matching: Matching = EVERY,
    limit: int = 10,
    now: datetime | None = None,
    hops: int | None = None,
    worth: Worth | None = None,
) -> Ranking:
    """Return the `limit` best memories of the indexes for a question; `now` resolves dates in it ("last week").

    `hops` is how many searches may follow from the first evidence, at most `MOST_HOPS`; None: that many where the
    question asks for several things, else none. `worth` says what the candidates are worth by themselves.
    """
    seen = look(question, embedder, indexes, asked=asked, matching=matching, limit=limit, now=now)
    if seen is None:
        return Ranking([], np.empty(0, np.float32), 0.0)
    fused = _fused(seen, indexes, weights, worth)
    for _ in range(MOST_HOPS * seen.features.several if hops is None else min(hops, MOST_HOPS)):
        wider = None if fused.confidence < ABSTAIN_BELOW else _onward(seen, fused, indexes, asked)
        if wider is None:
            break
        seen, fused = wider, _fused(wider, indexes, weights, worth)
    best = np.argsort(-fused.scores, kind="stable")[:limit]
    return Ranking(
        [indexes.catalog.ids[row] for row in seen.pool[best]],
        fused.scores[best],
        fused.confidence,
        fused.names,
        fused.contributions[best],
    )


def _fused(seen: Seen, indexes: Indexes, weights: Weights, worth: Worth | None) -> Fused:
    fused = fuse(seen.candidates, seen.features, weights)
    return fused if worth is None else faded(fused, worth(indexes.catalog.seq[seen.pool]))


def look(
    question: str,
    embedder: Embedder,
    indexes: Indexes,
    *,
    asked: Filter,
    matching: Matching = EVERY,
    limit: int = 10,
    now: datetime | None = None,
) -> Seen | None:
    """Return all that the ranking of a question is computed from, None where there is nothing to rank."""
    catalog = indexes.catalog
    if not len(catalog):
        return None
    features = query_features(question, list(catalog.speakers), now)
    vector = checked(embedder([features.content]), 1, embedder)[0]
    mask = catalog.mask(asked, matching) if asked else None
    allowed = None if mask is None else frozenset(catalog.ids[row] for row in np.flatnonzero(mask))
    query = Query(features.content, vector, allowed)
    pool, linked = propose(query, indexes, max(POOL, limit), replies="reply" in asked.kinds)
    pool = pool[~echoes(query, features, pool, indexes)]
    if not len(pool):
        return None
    # a filter says what may be returned, and its neighbours still give it context; `as_of` and `viewer`, what there is
    behind = Filter(as_of=asked.as_of, viewer=asked.viewer)
    known = catalog.mask(behind, Matching(hidden=matching.hidden)) if behind else None
    return Seen(features, query, pool, gather(query, features, pool, indexes, known, linked), linked, known)


def propose(
    query: Query, indexes: Indexes, size: int, *, replies: bool = False
) -> tuple[Rows, Mapping[MemoryId, float] | None]:
    """Return the rows that any store finds among its `size` best, and the neighbours of the best, in ledger order.

    The best are those by reciprocal rank over the stores: an answer may share no word with what it answers. The agent's
    own `replies` are no evidence unless asked for: a memory that quotes itself soon believes anything. Beside them, the
    ranks that a graph store gave, None without one.
    """
    found: dict[MemoryId, float] = {}
    linked: Mapping[MemoryId, float] | None = None
    for store in indexes.stores.values():
        hits = store.search(query, size)
        for place, hit in enumerate(hits):
            found[hit.id] = found.get(hit.id, 0.0) + 1 / (RRF + place)
        if isinstance(store, Associative):
            linked = dict(hits)
    catalog = indexes.catalog
    ranked = catalog.rows(sorted(found, key=lambda memory: (-found[memory], memory)))
    best = ranked[:KIN]
    kin = np.concatenate([catalog.previous[best], catalog.next[best]])
    kin = kin[kin != NONE]
    if query.allowed is not None:
        kin = np.array([row for row in kin if catalog.ids[row] in query.allowed], np.int64)
    if not replies:
        ranked, kin = ranked[catalog.kind[ranked] != REPLY], kin[catalog.kind[kin] != REPLY]
    return np.union1d(ranked[: max(SEATS, size)], kin), linked


def _onward(seen: Seen, fused: Fused, indexes: Indexes, asked: Filter) -> Seen | None:
    """Return what is seen when the search goes on from the first evidence; None where nothing new turns up.

    It is sought near the sum of the question's vector and the mean of the evidence's (Rocchio, 1971).
    """
    store = next((store for store in indexes.stores.values() if isinstance(store, Vectorial)), None)
    vectors = seen.candidates.vectors
    if store is None or vectors is None:
        return None
    first = np.argsort(-fused.scores, kind="stable")[:FIRST]
    sought = seen.query.vector + unit(vectors[first].sum(0))
    found = indexes.catalog.rows([h.id for h in store.search(replace(seen.query, vector=unit(sought)), ONWARD)])
    if "reply" not in asked.kinds:
        found = found[indexes.catalog.kind[found] != REPLY]
    pool = np.union1d(seen.pool, found)
    pool = pool[~echoes(seen.query, seen.features, pool, indexes)]
    if len(pool) == len(seen.pool):
        return None
    wider = gather(seen.query, seen.features, pool, indexes, seen.known, seen.linked)
    return replace(seen, pool=pool, candidates=wider)


def unit(vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a vector at length 1; one of zeros as it is."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


def echoes(query: Query, features: QueryFeatures, pool: Rows, indexes: Indexes) -> npt.NDArray[np.bool_]:
    """Return (n,) which of the pool only ask the question once more: a question with no word that it does not have.

    Nobody is spared an echo by naming whom it is about. Where there is nothing else, they are what there is.
    """
    catalog = indexes.catalog
    none = np.zeros(len(pool), bool)
    asking = np.flatnonzero(catalog.features[pool, ASKS] > 0)
    if not len(asking) or not features.text.rstrip().endswith("?"):
        return none
    counts = _counts(query, [catalog.ids[row] for row in pool[asking]], indexes)
    new = counts.lengths - counts.counts.sum(1)
    none[asking] = new <= sum(len(name.split()) for name in features.named)
    return none if not none.all() else ~none


def gather(
    query: Query,
    features: QueryFeatures,
    pool: Rows,
    indexes: Indexes,
    known: npt.NDArray[np.bool_] | None = None,
    linked: Mapping[MemoryId, float] | None = None,
) -> Candidates:
    """Return the columns of the pool and, behind it, of its neighbours in their threads as far as `known`.

    What is not among the `linked` is taken to rank like the last of them.
    """
    catalog = indexes.catalog
    around = _around(pool, catalog)
    rows = np.concatenate([pool, around if known is None else around[known[around]]])
    ids = [catalog.ids[row] for row in rows]
    place = _places(rows)
    vectors = _vectors(ids, indexes)
    counts = _counts(query, ids, indexes)
    named = np.full(len(rows), NOBODY, np.float32)
    if features.named:
        codes = [catalog.speakers[name] for name in features.named]
        named[:] = np.where(np.isin(catalog.speaker[rows], codes), NAMED, OTHER)
        named[catalog.speaker[rows] == NONE] = NOBODY
    happened = catalog.happened[rows]
    return Candidates(
        n=len(pool),
        dense=_dense(query, ids, vectors, indexes),
        counts=counts.counts,
        idf=counts.idf,
        lengths=counts.lengths,
        mean_length=counts.mean_length,
        previous=place(catalog.previous[rows]),
        following=place(catalog.next[rows]),
        thread=catalog.thread[rows],
        said_at=catalog.said_at[rows],
        event_from=happened[:, 0],
        event_to=happened[:, 1],
        features=catalog.features[rows],
        named=named,
        vectors=vectors[: len(pool)],
        graph=_ranks(linked, ids[: len(pool)]) if linked else None,
    )


def _around(pool: Rows, catalog: Catalog) -> Rows:
    reached = []
    before, after = pool, pool
    for _ in range(REACH):
        before = catalog.previous[before]
        after = catalog.next[after]
        before, after = before[before != NONE], after[after != NONE]
        reached += [before, after]
    return np.setdiff1d(np.concatenate(reached), pool)


class _places:  # noqa: N801 - used as a function
    """Maps catalog rows to places among the gathered rows, -1 for what was not gathered."""

    def __init__(self, rows: Rows) -> None:
        self.order = np.argsort(rows)
        self.sorted = rows[self.order]

    def __call__(self, rows: Rows) -> Rows:
        found = np.minimum(np.searchsorted(self.sorted, rows), len(self.sorted) - 1)
        return np.where((self.sorted[found] == rows) & (rows != NONE), self.order[found], NONE)


def _ranks(linked: Mapping[MemoryId, float], ids: list[MemoryId]) -> Floats:
    last = min(linked.values())
    return np.log(np.array([linked.get(i, last) for i in ids]) + FAINT).astype(np.float32)


def _vectors(ids: list[MemoryId], indexes: Indexes) -> npt.NDArray[np.float32]:
    for store in indexes.stores.values():
        if isinstance(store, Vectorial):
            return store.vectors(ids)
    return np.zeros((len(ids), 0), np.float32)


def _dense(query: Query, ids: list[MemoryId], vectors: npt.NDArray[np.float32], indexes: Indexes) -> Floats:
    """Return (n,) dot products with the question; of compressed memories what their store is sure of."""
    if not vectors.shape[1]:
        return np.zeros(len(ids), np.float32)
    dense: Floats = vectors @ query.vector
    for store in indexes.stores.values():
        if isinstance(store, Tiered):
            places, scores = store.bounds(ids, query.vector)
            dense[places] = scores
            break
    return dense


def _counts(query: Query, ids: list[MemoryId], indexes: Indexes) -> TermCounts:
    for store in indexes.stores.values():
        if isinstance(store, Lexical):
            return store.term_counts(query, ids)
    empty = np.zeros(0, np.float32)
    return TermCounts(np.zeros((len(ids), 0), np.float32), empty, np.ones(len(ids), np.float32), 1.0)
