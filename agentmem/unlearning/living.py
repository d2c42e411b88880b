"""What living memories say as well is no residue: which needles they hold, looked up in one pass over the ledger.

Texts are compared piece by piece whatever the case and the form of their letters, vectors byte by byte in the form that
was found. Beside memories a ledger says its own things (names of tables, kinds, policies, who asked): of single words
that counts as well, since a word alone says not who wrote it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np

from agentmem.encoding.quantise import quantise
from agentmem.encoding.words import terms
from agentmem.ledger import Ledger
from agentmem.types import TIERS
from agentmem.unlearning.needles import Needle
from agentmem.unlearning.residue import STEPS, Search

COMMON = 2**18
"""Bytes of what is said in which common words are found at once."""
CHUNK = 2_000
"""Vectors that are looked through at a time."""

# What is hidden and may yet be undone is there on purpose, and so is what it was before a forgetting rewrote it.
_SAID = """
SELECT text, speaker, thread, metadata, origin FROM memories
UNION ALL SELECT text, speaker, thread, metadata, origin || removed FROM shadows"""
_OWN = """
SELECT sql FROM sqlite_master
UNION ALL SELECT name || ' ' || value FROM meta WHERE typeof(value) <> 'blob'
UNION ALL SELECT erased || pending || terms FROM erasures
UNION ALL SELECT document FROM receipts
UNION ALL SELECT key || ' ' || scope FROM tombstones
UNION ALL SELECT selector FROM schedules
UNION ALL SELECT reason FROM protections
UNION ALL SELECT deriver FROM derived UNION ALL SELECT deriver FROM stale
UNION ALL SELECT principal FROM audiences UNION ALL SELECT principal FROM own_audiences
UNION ALL SELECT principal || action FROM accesses"""
_READ = """
SELECT c.name || ' ' || c.value FROM cues c JOIN memories USING (seq)
UNION ALL SELECT s.subject || ' ' || s.attribute || ' ' || s.value FROM slots s JOIN memories USING (seq)"""


class Living:
    """What the memories of a ledger say at this moment; it is read when it is first asked for, and kept."""

    def __init__(self, ledger: Ledger) -> None:
        self._db = ledger.connection

    def holds(self, found: Sequence[Needle]) -> set[bytes]:
        """Return the data of those needles that living memories hold as well."""
        drawn = [n for n in found if n.what.startswith("vector")]
        alone = [n for n in found if n.what == "word"]
        said = [n for n in found if n.plain and n not in drawn and n not in alone]
        return self._said(said) | self._words(alone) | self._vectors(drawn)

    def lacks(self, words: Iterable[Needle]) -> list[Needle]:
        """Return those of single words that neither a living memory nor the ledger itself says, in this very form.

        What rules have read of living memories is only asked, by `holds`, once a word was found.
        """
        asked = list(words)
        held = self._within(asked, [self._text, self._own])
        return [n for n in asked if n.data not in held]

    def _said(self, found: Sequence[Needle]) -> set[bytes]:
        return self._within(found, [self._text])

    def _words(self, found: Sequence[Needle]) -> set[bytes]:
        """Return the words that are said, as they stand or as stems of what is said."""
        if not found:
            return set()
        held = self._within(found, [self._text, self._own, self._joined(_READ)])
        for needle in found:
            if needle.data not in held:
                near = (line for line in self._lines if needle.plain[:4] in line)
                if any(needle.plain in terms(line) for line in near):
                    held.add(needle.data)
        return held

    @staticmethod
    def _within(found: Sequence[Needle], texts: Sequence[bytes]) -> set[bytes]:
        plain: dict[bytes, list[bytes]] = {}
        for needle in found:
            plain.setdefault(_folded(needle.plain).encode(), []).append(needle.data)
        start = [text[:COMMON] for text in texts]
        there = {data for data in plain if any(data in text for text in start)}
        left = [data for data in plain if data not in there]
        there |= {data for data in left if len(data) < 2 * STEPS - 1 and any(data in text for text in texts)}
        long = [Needle("plain", data) for data in left if len(data) >= 2 * STEPS - 1]
        if long:
            search = Search(long)
            there |= {needle.data for text in texts for _, needle in search.inside(text)}
        return {data for piece in there for data in plain[piece]}

    def _vectors(self, found: Sequence[Needle]) -> set[bytes]:
        if not found:
            return set()
        search, held = Search(found), set[bytes]()
        forms = {n.what for n in found}
        for rows in self._chunks():
            for data in _drawn(rows, forms):
                held |= {needle.data for _, needle in search.inside(data)}
        return held

    def _chunks(self) -> Iterator[list[tuple[int, bytes, int]]]:
        after = 0
        while rows := self._db.all(
            "SELECT seq, vector, tier FROM vectors WHERE seq > ? ORDER BY seq LIMIT ?", (after, CHUNK)
        ):
            yield rows
            after = rows[-1][0]

    @cached_property
    def _lines(self) -> list[str]:
        return self._text.decode().split("\0")

    @cached_property
    def _text(self) -> bytes:
        return self._joined(_SAID)

    @cached_property
    def _own(self) -> bytes:
        return self._joined(_OWN)

    def _joined(self, sql: str) -> bytes:
        return _plain(_folded("\0".join(value for row in self._db.all(sql) for value in row if value)))


def _plain(text: str) -> bytes:
    r"""Return a text with the escapes of JSON (metadata) undone as well: "a \"b\"" says `a "b"`."""
    if "\\" not in text:
        return text.encode()
    bare = text.replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\")
    return f"{text}\0{bare}".encode()


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text.casefold())


def _drawn(rows: Sequence[tuple[int, bytes, int]], forms: set[str]) -> Iterator[bytes]:
    """Yield vectors as they are kept, and in the other forms of which something was found."""
    yield b"".join(blob for _, blob, _ in rows)
    full = [blob for _, blob, tier in rows if not tier]
    if not full or forms == {"vector"}:
        return
    matrix = np.frombuffer(b"".join(full), "<f4").reshape(len(full), -1)
    if "vector (float16)" in forms:
        yield matrix.astype("<f2").tobytes()
    for tier in TIERS:
        if f"vector ({tier})" in forms:
            yield quantise(matrix, tier).codes.tobytes()
