"""Looking for what should be gone: needles of erased memories, searched in the bytes of every file of a space.

Whoever looks must be able to find: with every look a canary is planted in the folder, in every form, and what cannot be
read (a file that is compressed or encrypted, a canary that was not found) is said. Then nothing found proves nothing.
"""

from __future__ import annotations

import bz2
import contextlib
import lzma
import math
import secrets
import sqlite3
import string
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agentmem.clock import system_clock
from agentmem.types import Memory
from agentmem.unlearning.needles import SHORT, Needle, needles

CHUNK = 2**24
"""Bytes of a file that are read at a time."""
BLOCK = 2**17
"""Four-byte words that are looked at at a time: they stay in the processor's cache."""
STEPS = 4
"""An aligned word lies in every needle of at least 2 * STEPS - 1 bytes, wherever that begins."""
ENTROPY = 7.9
"""Bits a byte from which bytes look like chance: vectors have 7.4 and less, texts 5, what is encrypted 8."""
SAMPLE = 2**14
"""Bytes of one of the `SAMPLES` of a file by which it is judged; of fewer than `LEAST` nothing can be said."""
SAMPLES = 9
LEAST = 2**12
ABANDONED = 3600
"""Seconds after which a canary is nobody's any more."""

_CASE = np.uint32(0x20202020)
_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4", b"7z\xbc\xaf": "7z"}


class Residue(NamedTuple):
    """Where a needle was found: file, offset of the first occurrence, what it is."""

    file: Path
    offset: int
    needle: Needle


class Look(NamedTuple):
    """What was found, and why more may be there that cannot be seen; `blind` empty: nothing was out of sight."""

    found: list[Residue]
    blind: list[str]


def look(folder: Path, wanted: Sequence[Needle]) -> Look:
    """Search every file below `folder` for the needles, with a canary planted there that must be found."""
    blind = []
    with contextlib.ExitStack() as stack:
        try:
            file, canary = stack.enter_context(_planted(folder))
        except OSError as error:
            return Look(scan(folder, wanted), [f"no canary could be planted in {folder} ({error.strerror or error})"])
        found = scan(folder, [*wanted, *canary])
    seen = {r.needle.data for r in found if r.file == file}
    missed = sorted({n.what for n in canary if n.data not in seen})
    if missed:
        blind.append(f"a canary planted in {folder} was not found again: {', '.join(missed)}")
    return Look([r for r in found if r.file != file], blind + opaque(folder))


def control(folder: Path) -> list[str]:
    """Return why a search of `folder` would prove nothing, or nothing: a planted canary must be found, all be seen."""
    return look(folder, []).blind


def scan(folder: Path, wanted: Sequence[Needle]) -> list[Residue]:
    """Return every needle that lies in any file below `folder`, once a file, in order of its place.

    One pass over the bytes whatever the number of needles: of every fourth place the word there is looked up in a table
    that passes on one in fifty, and where word and neighbour begin a needle the bytes are compared (after Karp and
    Rabin, 1987). Raises ValueError for a needle too short to be found so.
    """
    if not wanted:
        return []
    search = Search(wanted)
    return [residue for file in _files(folder) for residue in search.file(file)]


def opaque(folder: Path) -> list[str]:
    """Return which files below `folder` no search for bytes can see through, and why."""
    reasons = ((file, _opaque(file)) for file in _files(folder))
    return [f"{file.relative_to(folder)} is {why}" for file, why in reasons if why]


class Search:
    """Many needles, to be found in one pass. Raises ValueError for one too short to be found so."""

    def __init__(self, wanted: Sequence[Needle]) -> None:
        if short := [n.what for n in wanted if len(n.data) < 2 * STEPS - 1]:
            raise ValueError(f"a needle ({short[0]}) of fewer than {2 * STEPS - 1} bytes is no evidence")
        self.needles: dict[bytes, Needle] = {}
        self.folded: dict[bytes, Needle] = {}
        self.by_key: dict[int, set[tuple[int, int]]] = {}
        self.by_word: dict[int, set[tuple[int, int]]] = {}
        asked = [n.data.lower() if n.folded else n.data for n in wanted]
        for needle, data, first in zip(wanted, asked, _rarest(asked), strict=True):
            (self.folded if needle.folded else self.needles)[data] = needle
            long = len(data) >= SHORT + STEPS - 1
            for at in range(first, first + STEPS):
                key = _key(data[at : at + (SHORT if long else STEPS)])
                (self.by_key if long else self.by_word).setdefault(key, set()).add((at, len(data)))
        self.keys = np.array(sorted(self.by_key), np.uint64)
        self.words = np.array(sorted(self.by_word), np.uint32)
        self.table = np.zeros(2**20, bool)
        self.table[_hashed(self.keys.astype(np.uint32))] = True
        self.table[_hashed(self.words)] = True
        self.overlap = 2 * max(len(n.data) for n in wanted)

    def file(self, path: Path) -> Iterator[Residue]:
        """Yield every needle that lies in a file, once, in order of its place."""
        found: dict[bytes, Residue] = {}
        try:
            with path.open("rb") as handle:
                start, data = 0, handle.read(CHUNK)
                while data:
                    for at, needle in self.inside(data):
                        known = found.get(needle.data)
                        if known is None or start + at < known.offset:
                            found[needle.data] = Residue(path, start + at, needle)
                    more = handle.read(CHUNK)
                    tail = data[max(len(data) - self.overlap, 0) :]
                    start += len(data) - len(tail)
                    data = tail + more if more else b""
        except FileNotFoundError:
            return  # another process dropped a snapshot between the listing and the look
        yield from sorted(found.values(), key=lambda residue: residue.offset)

    def inside(self, data: bytes) -> Iterator[tuple[int, Needle]]:
        """Yield what lies in some bytes, and where, in no order and as often as it does."""
        for place, forms in self._places(data):
            for at, length in forms:
                begin = place - at
                there = data[begin : begin + length] if begin >= 0 else b""
                for known, bytes_ in ((self.needles, there), (self.folded, there.lower())):
                    if bytes_ in known:
                        yield begin, known[bytes_]

    def _places(self, data: bytes) -> Iterator[tuple[int, set[tuple[int, int]]]]:
        padded = data + bytes(-len(data) % STEPS + STEPS)
        words = np.frombuffer(padded, "<u4")
        for start in range(0, len(words) - 1, BLOCK):
            block = words[start : start + BLOCK + 1] | _CASE
            near = np.flatnonzero(self.table[_hashed(block[:-1])])
            if not len(near):
                continue
            keys = block[near].astype(np.uint64) | block[near + 1].astype(np.uint64) << np.uint64(32)
            for hits, known in ((_member(keys, self.keys), self.by_key), (_member(block[near], self.words), None)):
                for n in np.flatnonzero(hits).tolist():
                    place = (start + int(near[n])) * STEPS
                    yield place, self.by_word[int(block[near[n]])] if known is None else known[int(keys[n])]


def _member(values: npt.NDArray[np.unsignedinteger], of: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.bool_]:
    """Say which values are among sorted ones."""
    if not len(of):
        return np.zeros(len(values), bool)
    found: npt.NDArray[np.bool_] = of[np.minimum(np.searchsorted(of, values), len(of) - 1)] == values
    return found


def _rarest(wanted: Sequence[bytes]) -> list[int]:
    """Return where in each needle the eight bytes begin that fewest needles hold, and so, likely, fewest texts do."""
    joined = np.frombuffer(b"".join(wanted) + bytes(SHORT), np.uint8)
    keys = np.zeros(len(joined) - SHORT, np.uint64)
    for n in range(SHORT):
        keys |= (joined[n : n + len(keys)] | np.uint8(0x20)).astype(np.uint64) << np.uint64(8 * n)
    _, which, often = np.unique(keys, return_inverse=True, return_counts=True)
    common = often[which]
    worst = np.max([np.roll(common, -n) for n in range(STEPS)], axis=0)
    found, start = [], 0
    for data in wanted:
        places = len(data) - SHORT - STEPS + 2
        found.append(int(worst[start : start + places].argmin()) if places > 0 else 0)
        start += len(data)
    return found


def _key(data: bytes) -> int:
    """Return bytes as a number, capitals like small letters (and some other bytes like each other)."""
    return int.from_bytes(data, "little") | int.from_bytes(b"\x20" * len(data), "little")


def _hashed(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    return (words * np.uint32(2654435761)) >> np.uint32(12)


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


# -- whether the search can see ------------------------------------------------------------------------------------


@contextlib.contextmanager
def _planted(folder: Path) -> Iterator[tuple[Path, list[Needle]]]:
    """Plant a canary, of random letters and numbers, in every form; give its file and its needles."""
    letters = "".join(secrets.choice(string.ascii_letters) for _ in range(3 * SHORT))
    now = datetime(2000, 1, 1, tzinfo=UTC)  # of no matter: the canary is never stored
    vector = np.random.default_rng(secrets.randbits(64)).normal(size=64).astype(np.float32)
    text = f'{letters} "canary" \u00e9'
    canary = needles(Memory(secrets.token_hex(13), 0, "turn", text, None, "main", 0, now, now, vector=vector))
    for left in folder.glob("control-*"):  # by a crash, not by somebody who is looking now
        if system_clock().timestamp() - left.stat().st_mtime > ABANDONED:
            left.unlink(missing_ok=True)
    file = folder / f"control-{secrets.token_hex(8)}"
    try:
        file.write_bytes(b"\0".join(needle.data for needle in canary))
        yield file, canary
    finally:
        file.unlink(missing_ok=True)


def _opaque(file: Path) -> str:
    """Return as what a file hides its bytes, or nothing."""
    try:
        samples = _samples(file)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"not readable ({error.strerror or error})"
    head = samples[0]
    if head.startswith(b"SQLite format 3\0"):
        return _sealed(file)
    if head.startswith(b"PK\x03\x04"):
        return _zipped(file)
    if packed := next((name for magic, name in _PACKED.items() if head.startswith(magic)), _stream(head)):
        return f"compressed ({packed})"
    looks = [_entropy(sample) for sample in samples if len(sample) >= LEAST]
    return "compressed or encrypted: its bytes look like chance" if looks and min(looks) > ENTROPY else ""


def _samples(file: Path) -> list[bytes]:
    """Return the beginning of a file and samples from all over it."""
    with file.open("rb") as handle:
        samples = [handle.read(SAMPLE)]
        size = handle.seek(0, 2)
        for n in range(1, SAMPLES):
            handle.seek(size * n // SAMPLES)
            samples.append(handle.read(SAMPLE))
    return samples


def _sealed(file: Path) -> str:
    """Say whether a database keeps saved states of conversations encrypted: their kind then names a cipher."""
    try:
        with contextlib.closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as db:
            sql = "SELECT count(*) FROM pragma_table_info('checkpoints') WHERE name = 'type'"
            if not db.execute(sql).fetchone()[0]:
                return ""
            sealed = db.execute("SELECT count(*) FROM checkpoints WHERE type LIKE '%+%'").fetchone()[0]
    except sqlite3.Error as error:
        return f"not readable ({error})"
    return f"encrypted in part: {sealed} saved states" if sealed else ""


def _zipped(file: Path) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            packed = any(i.compress_type != zipfile.ZIP_STORED or i.flag_bits & 1 for i in archive.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        return f"not readable ({error})"
    return "compressed (zip)" if packed else ""


def _stream(head: bytes) -> str:
    """Return what a stream is packed with that begins so: zlib, bzip2 or xz, or nothing."""
    for begins, name, one in (
        (b"x", "zlib", zlib.decompressobj()),
        (b"BZh", "bzip2", bz2.BZ2Decompressor()),
        (b"\xfd7zXZ", "xz", lzma.LZMADecompressor()),
    ):
        if head.startswith(begins):
            with contextlib.suppress(zlib.error, OSError, lzma.LZMAError):
                one.decompress(head)
                return name
    return ""


def _entropy(sample: bytes) -> float:
    """Return the entropy in bits a byte (Shannon), freed of what so small a sample takes from it (Miller, 1955)."""
    counts = np.bincount(np.frombuffer(sample, np.uint8), minlength=256)
    shares = counts[counts > 0] / len(sample)
    return float(-(shares * np.log2(shares)).sum()) + (len(shares) - 1) / (2 * len(sample) * math.log(2))
