"""Looking for what should be gone: needles of an erased memory, searched in the bytes of every file of a space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agentmem.types import Memory

WINDOW = 48
"""Bytes of a needle: short enough to lie within one database page, long enough to be found by chance never."""
MOST = 32
"""Needles of one text or vector: its start, its end and evenly between."""
SHORT = 8
"""Needles of fewer bytes are no evidence: they turn up in any file."""
CHUNK = 2**24


class Needle(NamedTuple):
    """Bytes to look for, and what they are."""

    what: str
    data: bytes


class Residue(NamedTuple):
    """Where a needle was found: file, offset of the first occurrence, what it is."""

    file: Path
    offset: int
    needle: Needle


def needles(memory: Memory) -> list[Needle]:
    """Return what would betray `memory`: windows of its text (UTF-8), its id, windows of its vector (float32) and code.

    Windows of vectors and codes that are nearly all zeros are no evidence.
    """
    found = [Needle("text", w) for w in _windows(memory.text.encode())]
    found.append(Needle("id", memory.id.encode()))
    if memory.vector is not None:
        found += [Needle("vector", w) for w in _windows(memory.vector.astype("<f4").tobytes()) if _telling(w)]
    if memory.code is not None:
        found += [Needle("vector", w) for w in _windows(memory.code.codes.tobytes()) if _telling(w)]
    return [needle for needle in found if len(needle.data) >= SHORT]


def scan(folder: Path, wanted: Sequence[Needle]) -> list[Residue]:
    """Return every needle that lies in any file below `folder`, once a file, in order of its place.

    One pass over the bytes whatever the number of needles: a table over hashed four-byte words passes on one place in a
    hundred, the eight bytes there are looked up, and what is left is compared whole (Karp and Rabin, 1987).
    """
    if not wanted:
        return []
    search = _Search(wanted)
    return [residue for file in sorted(p for p in folder.rglob("*") if p.is_file()) for residue in search.file(file)]


class _Search:
    def __init__(self, wanted: Sequence[Needle]) -> None:
        self.by_key: dict[int, list[Needle]] = {}
        for needle in wanted:
            self.by_key.setdefault(int.from_bytes(needle.data[:SHORT], "little"), []).append(needle)
        self.keys = np.array(sorted(self.by_key), np.uint64)
        self.table = np.zeros(2**20, bool)
        self.table[_hashed(self.keys.astype(np.uint32))] = True
        self.overlap = max(len(n.data) for n in wanted) - 1

    def file(self, path: Path) -> Iterator[Residue]:
        found: dict[bytes, Residue] = {}
        try:
            with path.open("rb") as handle:
                start, data = 0, handle.read(CHUNK)
                while data:
                    for place in self._places(data):
                        key = int.from_bytes(data[place : place + SHORT], "little")
                        for needle in self.by_key[key]:
                            if needle.data not in found and data.startswith(needle.data, place):
                                found[needle.data] = Residue(path, start + place, needle)
                    more = handle.read(CHUNK)
                    tail = data[max(len(data) - self.overlap, 0) :]
                    start += len(data) - len(tail)
                    data = tail + more if more else b""
        except FileNotFoundError:
            return  # another process dropped a snapshot between the listing and the look
        yield from sorted(found.values(), key=lambda residue: residue.offset)

    def _places(self, data: bytes) -> list[int]:
        places: list[int] = []
        if len(data) < SHORT:
            return places
        for offset in range(4):
            words = np.frombuffer(data, "<u4", count=(len(data) - offset) // 4, offset=offset)
            near = np.flatnonzero(self.table[_hashed(words[:-1])])
            keys = words[near].astype(np.uint64) | words[near + 1].astype(np.uint64) << np.uint64(32)
            places += (near[np.isin(keys, self.keys)] * 4 + offset).tolist()
        return sorted(places)


def _telling(window: bytes) -> bool:
    """Say whether a window is not nearly all zeros, nor begins with zeros: those lie everywhere."""
    return len(window) - window.count(0) >= SHORT and any(window[:SHORT])


def _hashed(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    return (words * np.uint32(2654435761)) >> np.uint32(12)


def _windows(data: bytes) -> list[bytes]:
    if len(data) <= WINDOW:
        return [data]
    last = len(data) - WINDOW
    count = min(MOST, -(-len(data) // WINDOW))
    return list(dict.fromkeys(data[last * n // (count - 1) :][:WINDOW] for n in range(count)))
