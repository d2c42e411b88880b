"""Tombstones: what is kept of a forgotten text so that it can be recognised, and nothing can be read.

Of a text its words (stemmed) and its speaker's name are kept, each as the first 32 bits of an HMAC-SHA256 under a key
that lies outside the ledger; of a name, the first 64 bits of one over all its words. Without the key they say only how
many words there were, and which tombstones share some; with it, words can be guessed at, so who holds the key holds
personal data. How much a text says of a forgotten one:

    score(x) = max over tombstones t of  sum over h in x of idf(h) w(h, t)  /  (sum over h in x of idf(h) + 1.5 new)

with w = 1 for words of t and 1/2 for words of the text forgotten just before or after it; idf is of the memories that
are alive. The added mass, that of a word and a half that nobody has used, keeps short texts from passing for
something: "Wow, great!" lies in many a forgotten text. Weighted containment: research on n-gram overlap (Broder 1997),
idf as in BM25.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self
from unicodedata import normalize

import numpy as np
import numpy.typing as npt

from agentmem.encoding.words import terms
from agentmem.types import Memory

Hashes = npt.NDArray[np.uint32]
"""(k,) distinct digests of the words of one text, sorted."""

NEIGHBOUR = 0.5
"""What a word counts that stands in the text forgotten just before or after."""
ADDED = 1.5
"""Unseen words' worth of mass added to every text."""
RATE = 0.01
"""The share of a space's own memories that may be taken for forgotten; it sets the threshold."""
LOWEST, HIGHEST = 0.35, 0.7
"""The threshold stays between these: a small space says little of what is usual, a copy that was kept too much."""
GUARDED = frozenset({"turn", "note", "fact", "preference"})
"""Kinds of which tombstones are kept. Summaries and replies say much else, which must not be kept out for it."""
LONGEST_NAME = 8
"""Words of a name; longer ones are known by their first."""

_WORD = re.compile(r"\w+")


def of_text(key: bytes, text: str, speaker: str | None = None, known: dict[str, int] | None = None) -> Hashes:
    """Return the digests of the words of a text and of its speaker's name.

    Those of words in `known` are taken from there, and the others added: many texts share most of their words.
    """
    words = {*terms(text), *(terms(speaker) if speaker else ())}
    known = {} if known is None else known
    keyed = hmac.new(key, digestmod="sha256")  # prepared once, and copied: twice as fast as a key for each word
    for word in words - known.keys():
        digest = keyed.copy()
        digest.update(word.encode())
        known[word] = int.from_bytes(digest.digest()[:4], "little")
    return np.array(sorted({known[word] for word in words}), "<u4")


def of_name(key: bytes, name: str) -> int:
    """Return the digest of a name, compared without case."""
    return _name(key, _words(name)[:LONGEST_NAME])


def names_in(key: bytes, text: str, longest: int) -> set[int]:
    """Return the digests of every run of up to `longest` words in a text: all names that could stand in it."""
    words = _words(text)
    runs = {tuple(words[i : i + n]) for n in range(1, longest + 1) for i in range(len(words) - n + 1)}
    return {_name(key, run) for run in runs}


def _words(text: str) -> list[str]:
    return _WORD.findall(normalize("NFKC", text).casefold())


def _name(key: bytes, words: Sequence[str]) -> int:
    return int.from_bytes(hmac.digest(key, b"name\0" + " ".join(words).encode(), "sha256")[:8], "little")


class Cut(NamedTuple):
    """A text that was cut out of another, and the other as it was."""

    text: str
    whole: str


class Tombstone(NamedTuple):
    """One row: `scope` is "text", "next" (a text whose neighbour is the tombstone before it), "cut" or "names".

    Of what was cut out of a text are held how many words it has, these, and those around it. By the latter a question
    is known that asks for it ("What was the deleted door code?", where only the figures went); they keep nothing out.
    """

    number: int
    scope: str
    hashes: bytes

    def words(self) -> Hashes:
        """Return the digests of what was forgotten."""
        held = np.frombuffer(self.hashes, "<u4")
        return held[1 : 1 + int(held[0])] if self.scope == "cut" else held

    def around(self) -> Hashes:
        """Return the digests of the words from among which it was cut."""
        held = np.frombuffer(self.hashes if self.scope == "cut" else b"", "<u4")
        return held[1 + int(held[0]) :] if len(held) else held


class Frequencies:
    """In how many living texts a word stands, by its digest."""

    def __init__(self, texts: Iterable[Hashes]) -> None:
        listed = list(texts)
        self.texts = len(listed)
        joined = np.concatenate(listed) if listed else np.zeros(0, np.uint32)
        self._known, self._counts = np.unique(joined, return_counts=True)
        self.unseen = float(self._idf(np.zeros(1))[0])

    def idf(self, hashes: Hashes) -> npt.NDArray[np.float64]:
        """Return how telling each word is, (k,), positive."""
        at, there = _found(self._known, hashes)
        counts = np.zeros(len(hashes))
        counts[there] = self._counts[at[there]]
        return self._idf(counts)

    def _idf(self, counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.log1p((self.texts - counts + 0.5) / (counts + 0.5))


class Match(NamedTuple):
    """How much a text says of what was forgotten, 0 to 1, and of which tombstone (-1: of none)."""

    score: float
    number: int


@dataclass(frozen=True, slots=True, eq=False)
class Graves:
    """All tombstones of one key, as arrays: for each word, which tombstones hold it and with what weight."""

    numbers: npt.NDArray[np.int64]
    known: Hashes
    starts: npt.NDArray[np.int64]
    holders: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    names: dict[int, int]
    longest: int
    around: Hashes

    @classmethod
    def of(cls, stones: Sequence[Tombstone]) -> Self:
        """Build the arrays from rows in the order of their numbers."""
        texts = [s for s in stones if s.scope != "names"]
        words = [s.words() for s in texts]
        rows = [(row, h, np.ones(len(h))) for row, h in enumerate(words)]
        for row in range(1, len(texts)):
            if texts[row].scope == "next" and texts[row].number == texts[row - 1].number + 1:
                for own, other in ((row, row - 1), (row - 1, row)):
                    new = np.setdiff1d(words[other], words[own])
                    rows.append((own, new, np.full(len(new), NEIGHBOUR)))
        hashes = np.concatenate([h for _, h, _ in rows]) if rows else np.zeros(0, np.uint32)
        holders = np.repeat([r for r, _, _ in rows], [len(h) for _, h, _ in rows]).astype(np.int64)
        weights = np.concatenate([w for _, _, w in rows]) if rows else np.zeros(0)
        # a word may stand in the texts on both sides; it counts once
        order = np.lexsort((holders, hashes))
        hashes, holders, weights = hashes[order], holders[order], weights[order]
        first = np.ones(len(hashes), bool)
        first[1:] = (hashes[1:] != hashes[:-1]) | (holders[1:] != holders[:-1])
        hashes, holders, weights = hashes[first], holders[first], weights[first]
        known, starts = np.unique(hashes, return_index=True)
        names: dict[int, int] = {}
        longest = 0
        for stone in stones:
            if stone.scope == "names":
                longest = max(longest, stone.hashes[0])
                names |= {int(n): stone.number for n in np.frombuffer(stone.hashes[1:], "<u8")}
        numbers = np.array([s.number for s in texts], np.int64)
        around = np.unique(np.concatenate([np.zeros(0, np.uint32), *(s.around() for s in texts)]))
        return cls(numbers, known, np.append(starts, len(hashes)), holders, weights, names, longest, around)

    def match(self, hashes: Hashes, frequencies: Frequencies, supported: Hashes | None = None) -> Match:
        """Return the tombstone that a text says most of; `supported` words stand in what it was derived from."""
        if not len(self.numbers) or not len(hashes):
            return Match(0.0, -1)
        idf = frequencies.idf(hashes)
        at, there = _found(self.known, hashes)
        if supported is not None:
            there &= ~np.isin(hashes, supported)
        rows = at[there]
        counts = self.starts[rows + 1] - self.starts[rows]
        if not counts.sum():
            return Match(0.0, -1)
        ends = np.cumsum(counts)
        places = np.arange(ends[-1]) + np.repeat(self.starts[rows] - (ends - counts), counts)
        worth = np.repeat(idf[there], counts) * self.weights[places]
        sums = np.bincount(self.holders[places], worth, len(self.numbers))
        best = int(sums.argmax())
        return Match(float(sums[best] / (idf.sum() + ADDED * frequencies.unseen)), int(self.numbers[best]))

    def shares(self, hashes: Hashes) -> bool:
        """Say whether any of these words stands in a forgotten text, or around one that was cut out."""
        return any(_found(held, hashes)[1].any() for held in (self.known, self.around))

    def named(self, key: bytes, text: str, supported: Iterable[str] = ()) -> int:
        """Return the number of the tombstone of a name that stands in a text and in none of `supported`; -1: none."""
        if not self.names:
            return -1
        found = self.names.keys() & names_in(key, text, self.longest)
        for other in supported if found else ():
            found -= names_in(key, other, self.longest)
        return min((self.names[name] for name in found), default=-1)


def threshold(graves: Graves, frequencies: Frequencies, living: Iterable[Hashes]) -> float:
    """Return the score above which a text counts as forgotten: one in a hundred of the living memories has it."""
    own = [graves.match(hashes, frequencies).score for hashes in living] or [0.0]
    return float(np.clip(np.quantile(own, 1 - RATE), LOWEST, HIGHEST))


def packed_names(key: bytes, names: Iterable[str]) -> bytes:
    """Return the names of one person or thing as one row holds them: words of the longest, then 64 bits a name."""
    listed = [name for name in names if _words(name)]
    longest = max((min(len(_words(name)), LONGEST_NAME) for name in listed), default=0)
    return bytes([longest]) + np.unique(np.array([of_name(key, n) for n in listed], "<u8")).tobytes()


def of_memories(key: bytes, forgotten: Sequence[Memory | Cut | str]) -> list[tuple[str, bytes]]:
    """Return scope and digests of each text, those of neighbours in a thread one after the other."""
    memories = sorted((m for m in forgotten if isinstance(m, Memory)), key=lambda m: (m.thread, m.position, m.seq))
    stones: list[tuple[str, bytes]] = []
    known: dict[str, int] = {}
    before: Memory | None = None
    for m in memories:
        if m.kind not in GUARDED:
            continue
        hashes = of_text(key, m.text, m.speaker, known)
        if not len(hashes):
            continue
        close = before is not None and before.thread == m.thread and m.position - before.position <= 1
        stones.append(("next" if close else "text", hashes.tobytes()))
        before = m
    for cut in (Cut(f, f) if isinstance(f, str) else f for f in forgotten if not isinstance(f, Memory)):
        if len(own := of_text(key, cut.text, known=known)):
            around = np.setdiff1d(of_text(key, cut.whole, known=known), own)
            stones.append(("cut", len(own).to_bytes(4, "little") + own.tobytes() + around.tobytes()))
    return stones


def of_names(key: bytes, names: Iterable[str]) -> list[tuple[str, bytes]]:
    """Return scope and digests of the names of one person or thing: one row, or none."""
    packed = packed_names(key, names)
    return [("names", packed)] if packed[0] else []


def _found(known: Hashes, hashes: Hashes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return where each of the hashes stands among the known, and whether it does."""
    if not len(known):
        return np.zeros(len(hashes), np.int64), np.zeros(len(hashes), bool)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return at, known[at] == hashes
