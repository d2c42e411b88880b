"""Looking for what should be gone: needles of an erased memory, searched in the bytes of every file of a space."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from agentmem.types import Memory

WINDOW = 48
"""Bytes of a needle: short enough to lie within one database page, long enough to be found by chance never."""
MOST = 64
"""Needles of one text: its start, its end and evenly between."""
SHORT = 6
"""Texts of fewer bytes are no evidence: they turn up in any file."""


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
    """Return what would betray `memory`: windows of its text (UTF-8), its id, and windows of its vector (float32)."""
    found = [Needle("text", w) for w in _windows(memory.text.encode()) if len(w) >= SHORT]
    found.append(Needle("id", memory.id.encode()))
    if memory.vector is not None:
        found += [Needle("vector", w) for w in _windows(memory.vector.astype("<f4").tobytes()) if any(w)]
    return found


def scan(folder: Path, wanted: Sequence[Needle]) -> list[Residue]:
    """Return every needle that lies in any file below `folder`, once a file."""
    return [residue for file in _files(folder) for residue in _scan(file, wanted)]


def _files(folder: Path) -> Iterable[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def _scan(file: Path, wanted: Sequence[Needle]) -> Iterable[Residue]:
    try:
        with file.open("rb") as handle:
            if file.stat().st_size == 0:
                return
            with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
                for needle in wanted:
                    offset = data.find(needle.data)
                    if offset >= 0:
                        yield Residue(file, offset, needle)
    except FileNotFoundError:
        return  # another process dropped a snapshot between the listing and the look


def _windows(data: bytes) -> list[bytes]:
    if len(data) <= WINDOW:
        return [data]
    last = len(data) - WINDOW
    count = min(MOST, -(-len(data) // WINDOW))
    return list(dict.fromkeys(data[last * n // (count - 1) :][:WINDOW] for n in range(count)))
