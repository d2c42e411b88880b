"""BM25 over stemmed words: postings in memory that can be added to, taken from and counted at any time.

Every number that BM25 needs is read off the living postings when a question comes, so the scores after any history are
those of an index built anew from what is left, and nothing of a removed memory stays, not even a word only it used.

score = sum over terms of idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean length)), where
idf = ln(1 + (N - df + .5) / (df + .5)). Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and
Beyond" (2009), with Lucene's idf, which is never negative. What a word is stands in `agentmem.encoding.words`.
"""

from __future__ import annotations

import heapq
import threading
from array import array
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentmem.encoding.words import forget_words, terms
from agentmem.protocols import MemoryStore, TermCounts
from agentmem.types import Hit, Memory, MemoryId, Query
from agentmem_stores._snapshot import pack, read_snapshot, unpack, write_snapshot

_FORM = "agentmem lexical 1"
_COMPACT = 1024
"""Holes that are always borne; more are closed as soon as they outnumber the memories."""
_FEW = 2048
"""Allowed ids that are looked up one by one; where more are allowed, it is quicker to search and then to look."""

Ints = npt.NDArray[np.int32]


class BM25:
    """An inverted index with its forward index; safe to share between threads.

    A memory is a row; rows only grow, so postings stay sorted by row. `_rows[t]` and `_counts[t]` are the postings of
    term number t; `_terms[row]` are the term numbers of a memory, as bytes of int32. The defaults of k1 and b are those
    of Anserini for passages: turns are shorter than the pages that 1.2 and 0.75 are meant for.
    """

    def __init__(self, k1: float = 0.9, b: float = 0.4) -> None:
        if not (k1 >= 0 and 0 <= b <= 1):
            raise ValueError(f"k1={k1}, b={b}: BM25 needs k1 >= 0 and 0 <= b <= 1; 0.9 and 0.4 suit turns")
        self.k1 = k1
        self.b = b
        self._lock = threading.RLock()
        self._ids: list[MemoryId] = []  # by row, "" for a hole
        self._row: dict[MemoryId, int] = {}
        self._lengths = array("i")
        self._terms: list[bytes] = []
        self._total = 0
        self._words: list[str] = []  # by term number, "" for a free one
        self._number: dict[str, int] = {}
        self._free: list[int] = []
        self._rows: list[array[int]] = []
        self._counts: list[array[int]] = []

    def add(self, memories: Sequence[Memory]) -> None:
        """Take memories in, known ids replaced."""
        with self._lock:
            last = {memory.id: memory for memory in memories}
            self._drop([i for i in last if i in self._row])
            for memory in last.values():
                self._add_one(memory.id, Counter(terms(memory.text)))

    def search(self, query: Query, k: int) -> list[Hit]:
        """Return the k best of the memories that share a term with the query, ties by id."""
        with self._lock:
            asked = dict.fromkeys(terms(query.text))
            numbers = [self._number[t] for t in asked if t in self._number]
            if not numbers or k <= 0:
                return []
            lengths = np.frombuffer(self._lengths, np.int32)
            penalty = lengths * np.float32(self.k1 * self.b / self._mean_length)
            penalty += np.float32(self.k1 * (1 - self.b))
            scores = np.zeros(len(lengths), np.float32)
            for number in numbers:
                rows, counts = self._posting(number)
                weight = np.float32(self._idf(len(rows)) * (self.k1 + 1))
                tf = counts.astype(np.float32)
                scores[rows] += weight * tf / (tf + penalty[rows])
            del lengths
            found = np.flatnonzero(scores) if query.allowed is None else self._among(scores, k, query.allowed)
            return self._best(found, scores[found], k)

    def remove(self, ids: Collection[MemoryId]) -> frozenset[MemoryId]:
        """Drop the ids and return those that were there."""
        with self._lock:
            gone = frozenset(i for i in ids if i in self._row)
            self._drop(gone)
            return gone

    def holding(self, query: Query) -> list[MemoryId]:
        """Return the memories that hold every term of the query, sorted by id."""
        with self._lock:
            asked = set(terms(query.text))
            if not asked or not asked <= self._number.keys():
                return []
            postings = sorted((self._posting(self._number[term])[0] for term in asked), key=len)
            rows = postings[0]
            for other in postings[1:]:
                rows = rows[np.isin(rows, other, assume_unique=True)]
            held = sorted(self._ids[row] for row in rows.tolist())
            return held if query.allowed is None else [i for i in held if i in query.allowed]

    def term_counts(self, query: Query, ids: Sequence[MemoryId]) -> TermCounts:
        """Return the counts of the query's distinct terms, in order, in each memory; an unknown id counts as empty."""
        with self._lock:
            asked = list(dict.fromkeys(terms(query.text)))
            row = self._row
            sought = np.array([row.get(i, -1) for i in ids], np.int32)
            lengths = np.frombuffer(self._lengths, np.int32) if self._lengths else np.zeros(1, np.int32)
            held = np.where(sought < 0, 0, lengths[sought]).astype(np.float32)
            del lengths
            counts = np.zeros((len(asked), len(ids)), np.float32)
            idf = np.empty(len(asked), np.float32)
            for place, term in enumerate(asked):
                number = self._number.get(term)
                if number is None:
                    idf[place] = self._idf(0)
                    continue
                rows, times = self._posting(number)
                idf[place] = self._idf(len(rows))
                at = np.searchsorted(rows, sought)
                at[at == len(rows)] = 0
                counts[place] = np.where(rows[at] == sought, times[at], 0)
            return TermCounts(counts.T, idf, held, self._mean_length)

    def save(self, folder: Path) -> None:
        """Write vocabulary, postings and lengths into the folder."""
        with self._lock:
            self._compact()
            live = sorted(self._number.items())
            numbers = [number for _, number in live]
            place = np.zeros(len(self._rows), np.int32)
            place[numbers] = np.arange(len(numbers))
            arrays = {
                "ids": pack(self._ids),
                "words": pack([term for term, _ in live]),
                "rows": np.frombuffer(b"".join(self._rows[n] for n in numbers), np.int32),
                "counts": np.frombuffer(b"".join(self._counts[n] for n in numbers), np.int32),
                "found_in": np.array([len(self._rows[n]) for n in numbers], np.int32),
                "terms": place[np.frombuffer(b"".join(self._terms), np.int32)],
                "distinct": np.array([len(t) // 4 for t in self._terms], np.int32),
                "lengths": np.array(self._lengths, np.int32),
            }
            write_snapshot(folder, _FORM, arrays)

    def load(self, folder: Path) -> None:
        """Take back what `save` wrote; raise ValueError for files that are not understood."""
        names = ("ids", "words", "rows", "counts", "found_in", "terms", "distinct", "lengths")
        arrays = read_snapshot(folder, _FORM, names)
        ids, words = unpack(arrays[0]), unpack(arrays[1])
        rows, counts, found_in, numbers, distinct, lengths = arrays[2:]
        row_of, number_of = (
            dict(zip(ids, range(len(ids)), strict=True)),
            dict(zip(words, range(len(words)), strict=True)),
        )
        fits = (
            len(rows) == len(counts) == len(numbers) == found_in.sum() == distinct.sum()
            and len(row_of) == len(ids) == len(distinct) == len(lengths)
            and len(number_of) == len(words) == len(found_in)
            and all(a.dtype == np.int32 for a in (rows, counts, found_in, numbers, distinct, lengths))
        )
        if not fits:
            raise ValueError(f"{folder} holds a lexical index whose parts do not fit together; delete it and rebuild")
        with self._lock:
            self._ids, self._row, self._words, self._number = ids, row_of, words, number_of
            self._free = []
            self._rows, self._counts = _cut(rows, found_in), _cut(counts, found_in)
            flat, ends = numbers.tobytes(), (np.cumsum(distinct, dtype=np.int64) * 4).tolist()
            self._terms = [flat[start:end] for start, end in zip([0, *ends], ends, strict=False)]
            self._lengths = array("i", lengths.tobytes())
            self._total = int(lengths.sum(dtype=np.int64))

    def __contains__(self, id: object) -> bool:  # noqa: A002 - the name in the protocol
        return id in self._row

    def __len__(self) -> int:
        return len(self._row)

    @property
    def _mean_length(self) -> float:
        return self._total / len(self._row) if self._total else 1.0

    def _idf(self, found_in: int) -> float:
        return float(np.log1p((len(self._row) - found_in + 0.5) / (found_in + 0.5)))

    def _posting(self, number: int) -> tuple[Ints, Ints]:
        """Return rows and counts of a term; views that must be gone before the posting can grow."""
        return np.frombuffer(self._rows[number], np.int32), np.frombuffer(self._counts[number], np.int32)

    def _among(self, scores: npt.NDArray[np.float32], k: int, allowed: frozenset[MemoryId]) -> npt.NDArray[np.int64]:
        """Return the allowed rows that score, or at least the k best of them and all that tie with the last."""
        if len(allowed) > _FEW:
            ids = self._ids
            found = np.flatnonzero(scores)
            enough = 2 * k * max(1, len(self._row) // len(allowed))
            if enough < len(found):
                best = np.partition(scores[found], len(found) - enough)[len(found) - enough]
                some = [row for row in found[scores[found] >= best].tolist() if ids[row] in allowed]
                if len(some) >= k:
                    return np.array(some, np.int64)
            return np.array([row for row in found.tolist() if ids[row] in allowed], np.int64)
        rows = np.array([self._row[i] for i in allowed if i in self._row], np.int64)
        return rows[scores[rows] > 0]

    def _best(self, found: npt.NDArray[np.int64], scores: npt.NDArray[np.float32], k: int) -> list[Hit]:
        """Return the k best rows, ties by id."""
        ids = self._ids
        if len(found) > k:
            last = np.partition(scores, len(scores) - k)[len(scores) - k]
            better = scores > last
            hits = _hits(ids, found[better], scores[better])
            tied = heapq.nsmallest(k - len(hits), (ids[row] for row in found[scores == last].tolist()))
            hits.extend(Hit(i, float(last)) for i in tied)
        else:
            hits = _hits(ids, found, scores)
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))

    def _add_one(self, memory: MemoryId, counted: Counter[str]) -> None:
        row = len(self._ids)
        numbers = array("i")
        for term, count in counted.items():
            number = self._number.get(term)
            if number is None:
                number = self._new_term(term)
            self._rows[number].append(row)
            self._counts[number].append(count)
            numbers.append(number)
        length = counted.total()
        self._ids.append(memory)
        self._row[memory] = row
        self._lengths.append(length)
        self._terms.append(numbers.tobytes())
        self._total += length

    def _new_term(self, term: str) -> int:
        if self._free:
            number = self._free.pop()
            self._words[number] = term
        else:
            number = len(self._words)
            self._words.append(term)
            self._rows.append(array("i"))
            self._counts.append(array("i"))
        self._number[term] = number
        return number

    def _drop(self, ids: Collection[MemoryId]) -> None:
        """Take known ids out of every posting; a term that nobody uses any more goes too."""
        if not ids:
            return
        holes: dict[int, list[int]] = {}
        for i in ids:
            row = self._row.pop(i)
            for number in np.frombuffer(self._terms[row], np.int32).tolist():
                holes.setdefault(number, []).append(row)
            self._total -= self._lengths[row]
            self._ids[row], self._lengths[row], self._terms[row] = "", 0, b""
        for number, gone in holes.items():
            rows, counts = self._posting(number)
            keep = np.ones(len(rows), np.bool_)
            keep[np.searchsorted(rows, gone)] = False
            self._rows[number], self._counts[number] = _array(rows[keep]), _array(counts[keep])
            if not self._rows[number]:
                del self._number[self._words[number]]
                self._words[number] = ""
                self._free.append(number)
        forget_words()
        if len(self._ids) - len(self._row) > max(_COMPACT, len(self._row)):
            self._compact()

    def _compact(self) -> None:
        """Close the holes: number the rows anew, in their order."""
        if len(self._ids) == len(self._row):
            return
        alive = np.array([i != "" for i in self._ids])
        renumbered = np.cumsum(alive, dtype=np.int32) - np.int32(1)
        self._rows = [_array(renumbered[np.frombuffer(rows, np.int32)]) if rows else rows for rows in self._rows]
        kept = np.flatnonzero(alive).tolist()
        self._ids = [self._ids[row] for row in kept]
        self._terms = [self._terms[row] for row in kept]
        self._lengths = array("i", [self._lengths[row] for row in kept])
        self._row = {i: row for row, i in enumerate(self._ids)}


def _hits(ids: list[MemoryId], rows: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]) -> list[Hit]:
    return [Hit(ids[row], score) for row, score in zip(rows.tolist(), scores.tolist(), strict=True)]


def _array(values: Ints) -> array[int]:
    return array("i", values.tobytes())


def _cut(flat: Ints, sizes: Ints) -> list[array[int]]:
    """Cut a flat array into one growable array a size."""
    content, ends = flat.tobytes(), (np.cumsum(sizes, dtype=np.int64) * 4).tolist()
    return [array("i", content[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


def make(config: Mapping[str, Any]) -> MemoryStore:
    """Make an empty store; `k1` (default 0.9) and `b` (0.4) may be set."""
    unknown = sorted(set(config) - {"k1", "b"})
    if unknown:
        raise ValueError(f"the lexical store has no settings {unknown}; it knows k1 and b")
    return BM25(float(config.get("k1", 0.9)), float(config.get("b", 0.4)))
