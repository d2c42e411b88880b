"""What recall knows about each candidate of one question, as plain arrays, and the signals computed from them.

Pure arithmetic: no text, no store, no clock and no model. The rows of `Candidates` are the candidates themselves,
followed by memories that stand near them in their threads: those are there for context only and get no score.

Context is a kernel over scores, not over texts: a dot product is linear, so the neighbours' cosines say what the vector
of a window would say; counts of terms are added up before BM25 saturates them, as if the window were one text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from agentmem.encoding.features import TEXT_FEATURES
from agentmem.recall.features import QueryFeatures

Ints = npt.NDArray[np.int64]
Array = npt.NDArray[np.float32]
Seconds = npt.NDArray[np.float64]

SIGNALS: tuple[str, ...] = (
    *("dense", "dense_near", "words_near", "speaker", "time", "thread", "opens"),
    *TEXT_FEATURES,
    *("graph", "pagerank"),
)
"""Names of the columns of `signals`, in order. The last is filled at a second look (`association`)."""

STANDARDISED = frozenset({"dense", "dense_near", "words_near", "thread", "graph"})
"""Signals without a scale of their own: divided by their deviation over the candidates of the question."""

DENSE_KERNEL: Mapping[int, float] = {-2: 0.4, -1: 0.6, 0: 1.0, 1: 0.6, 2: 0.4}
WORDS_KERNEL: Mapping[int, float] = {-2: 0.6, -1: 1.0, 0: 1.0, 1: 0.5}
"""How much a neighbour so many places on counts; an answer shares the words of what it answers, less of what
follows."""

K1, B = 0.9, 0.4
"""BM25 over windows. Fused, the choice hardly matters: k1 .6 .. 1.5 and b .2 .. .75 lie within .3 points of R@10."""

DAY = 86_400.0
SLACK_DAYS, SLACK_SHARE, LONGEST_DAYS = 7.0, 0.15, 366.0
"""What happened is told about a week later; a longer span is asked about more loosely, up to that of a year."""

TINY = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Columns over m rows: the first `n` are candidates, the rest their neighbours in the thread (two each way).

    `dense` (m,): cosine with the question. `counts` (m, T): how often each of the question's T terms occurs; `idf` (T,)
    >= 0; `lengths` (m,) in terms; `mean_length` > 0 over the store. `previous` and `following` (m,): row of the
    neighbour in the thread, -1 where there is none or it is not among the rows. `thread` (m,): codes. `said_at`,
    `event_from`, `event_to` (m,): seconds since 1970, nan where unknown. `features` (m, F): `text_features`. `named`
    (m,): 1 where the row's speaker is named in the question, 0 where another one is, .5 where nobody is. Of the
    candidates alone: `vectors` (n, dim) unit rows, and `graph` (n,) their rank in a graph store; None where there is
    none.
    """

    n: int
    dense: Array
    counts: Array
    idf: Array
    lengths: Array
    mean_length: float
    previous: Ints
    following: Ints
    thread: Ints
    said_at: Seconds
    event_from: Seconds
    event_to: Seconds
    features: Array
    named: Array
    vectors: Array | None = None
    graph: Array | None = None


def signals(c: Candidates, query: QueryFeatures) -> Array:
    """Return (n, S) float32 signals of the candidates, columns as `SIGNALS`, each relative to its mean over them.

    A signal that does not tell the candidates apart is a column of zeros; so is every signal of a single candidate.
    """
    n = c.n
    dense = c.dense.astype(np.float64)
    words = bm25(c.counts[:n], c.lengths[:n], c)
    own = standard(dense[:n]) + standard(words)
    nothing = np.zeros(n)
    columns: dict[str, npt.NDArray[Any]] = {
        "dense": dense[:n],
        "dense_near": over_neighbours(c, dense - dense.mean(), DENSE_KERNEL)[:n],
        "words_near": words_near(c),
        "speaker": c.named[:n],
        "time": closeness(c, query),
        "thread": best_of_thread(own, c.thread[:n]),
        "opens": c.previous[:n] < 0,
        **dict(zip(TEXT_FEATURES, c.features[:n].T, strict=True)),
        "graph": nothing if c.graph is None else c.graph,
        "pagerank": nothing,
    }
    found = np.empty((n, len(SIGNALS)), np.float32)
    for place, name in enumerate(SIGNALS):
        column = np.asarray(columns[name], np.float64)
        found[:, place] = standard(column) if name in STANDARDISED else column - column.mean()
    return found


def standard(values: Seconds) -> Seconds:
    """Return the values less their mean, in deviations; zeros where they hardly differ."""
    deviation = float(values.std())
    return np.asarray((values - values.mean()) / (deviation if deviation > TINY else 1.0))


def over_neighbours(c: Candidates, values: Seconds | Array, kernel: Mapping[int, float]) -> Seconds:
    """Return the sum of (m,) or (m, T) values over each row and its neighbours, weighted by the kernel."""
    padded = np.concatenate([values, np.zeros_like(values[:1])])  # -1, for no neighbour, is the row of zeros
    total = kernel[0] * padded[:-1]
    for step, link in ((-1, c.previous), (1, c.following)):
        linked = np.append(link, -1)
        row = link
        for distance in range(1, max(abs(place) for place in kernel) + 1):
            weight = kernel.get(step * distance, 0.0)
            if weight:
                total = total + weight * padded[row]
            row = linked[row]
    return total


def bm25(counts: Seconds | Array, lengths: Seconds | Array, c: Candidates, texts: float = 1.0) -> Seconds:
    """Return (n,) BM25 of counts (n, T) in lengths (n,) of so many texts taken together; zeros for no terms."""
    norm = K1 * (1 - B + B * np.asarray(lengths, np.float64) / (texts * max(c.mean_length, TINY)))
    return np.asarray((counts * (K1 + 1) / (counts + norm[:, None] + TINY)) @ c.idf, np.float64)


def words_near(c: Candidates) -> Seconds:
    """Return (n,) BM25 of each candidate with its neighbours as one text."""
    both = np.concatenate([c.counts, c.lengths[:, None]], axis=1)
    near = over_neighbours(c, both, WORDS_KERNEL)[: c.n]
    return bm25(near[:, :-1], near[:, -1], c, sum(WORDS_KERNEL.values()))


def best_of_thread(scores: Seconds, thread: Ints) -> Seconds:
    """Return for each candidate the best score in its thread: what was talked about once is talked about nearby."""
    _, code = np.unique(thread, return_inverse=True)
    best = np.full(code.max(initial=0) + 1, -np.inf)
    np.maximum.at(best, code, scores)
    return best[code]


def closeness(c: Candidates, query: QueryFeatures) -> Seconds:
    """Return (n,) in [0, 1] how near each candidate lies to the time asked about; 0 for no time asked or known.

    exp(-distance / slack): the distance of the span asked about to when it was said, or to when it happened if nearer.
    """
    if query.asked is None:
        return np.zeros(c.n)
    start, end = query.asked
    slack = SLACK_DAYS + SLACK_SHARE * min((end - start) / DAY, LONGEST_DAYS)
    said, first, last = c.said_at[: c.n], c.event_from[: c.n], c.event_to[: c.n]
    away = np.fmin(_away(said, said, start, end), _away(first, last, start, end))
    return np.asarray(np.nan_to_num(np.exp(-away / DAY / slack), nan=0.0))


def _away(first: Seconds, last: Seconds, start: float, end: float) -> Seconds:
    return np.asarray(np.maximum(np.maximum(start - last, first - end), 0.0))
