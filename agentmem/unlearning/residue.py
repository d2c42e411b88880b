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
from typing import Any, NamedTuple

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
_NEVER = 2**32
_PLACES = 2**20
"""Places in a needle among which the rarest is looked for."""
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
    that passes on one in sixteen at most, and where word and neighbour stand in a needle the bytes are compared (after
    Karp and Rabin, 1987). Raises ValueError for a needle too short to be found so.
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
        asked = [n.data.lower() if n.folded else n.data for n in wanted]
        self.needles = {data: n for data, n in zip(asked, wanted, strict=True) if not n.folded}
        self.folded = {data: n for data, n in zip(asked, wanted, strict=True) if n.folded}
        self.overlap = 2 * max(map(len, asked))
        self.long, self.short = _forms(asked)
        words = np.concatenate([self.long.keys.astype(np.uint32), self.short.keys.astype(np.uint32)])
        self.bits = min(max(20, (16 * len(words)).bit_length()), 24)
        self.table = np.zeros(2**self.bits, bool)
        self.table[_hashed(words, self.bits)] = True

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
        for begin, length in self._places(data):
            there = data[begin : begin + length] if begin >= 0 else b""
            for known, bytes_ in ((self.needles, there), (self.folded, there.lower())):
                if bytes_ in known:
                    yield begin, known[bytes_]

    def _places(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield where a needle may begin, and how long it would be: where it begins and ends as one does."""
        padded = data + bytes(-len(data) % STEPS + STEPS)
        words, bytes_ = np.frombuffer(padded, "<u4"), np.frombuffer(padded, np.uint8)
        for start in range(0, len(words) - 1, BLOCK):
            block = words[start : start + BLOCK + 1] | _CASE
            near = np.flatnonzero(self.table[_hashed(block[:-1], self.bits)])
            if len(near):
                low = block[near].astype(np.uint64)
                both = low | block[near + 1].astype(np.uint64) << np.uint64(32)
                for keys, forms in ((both, self.long), (low, self.short)):
                    key, row = forms.of(keys)
                    begin = (start + near[key]) * STEPS - forms.at[row]
                    end = begin + forms.length[row]
                    within = np.flatnonzero((begin >= 0) & (end <= len(data)))
                    like = within[_ending(bytes_, end[within]) == forms.ending[row[within]]]
                    yield from zip(begin[like].tolist(), (end - begin)[like].tolist(), strict=True)


class _Forms(NamedTuple):
    """Which bytes (as numbers, sorted) stand where in needles of which length and ending; all (n,)."""

    keys: npt.NDArray[np.uint64] = np.zeros(0, np.uint64)
    at: npt.NDArray[np.int64] = np.zeros(0, np.int64)
    length: npt.NDArray[np.int64] = np.zeros(0, np.int64)
    ending: npt.NDArray[np.uint32] = np.zeros(0, np.uint32)

    def of(self, keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return which of the keys (their places, (m,)) stand in which row, (m,); a key stands in many."""
        first = np.searchsorted(self.keys, keys)
        held = np.flatnonzero(self.keys[np.minimum(first, len(self.keys) - 1)] == keys) if len(self.keys) else first[:0]
        count = np.searchsorted(self.keys, keys[held], "right") - first[held]
        nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.repeat(held, count), np.repeat(first[held], count) + nth

    def take(self, rows: npt.NDArray[Any]) -> _Forms:
        """Return those rows, by place or by mask."""
        return _Forms(self.keys[rows], self.at[rows], self.length[rows], self.ending[rows])


def _ending(bytes_: npt.NDArray[np.uint8], end: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
    """Return the last four bytes before each place as one number, without their case."""
    last = bytes_[end[:, None] - np.arange(STEPS, 0, -1)] | np.uint8(0x20)
    return np.frombuffer(last.tobytes(), "<u4")


def _forms(asked: Sequence[bytes]) -> tuple[_Forms, _Forms]:
    """Return by which eight bytes long needles are looked up, and by which four short ones.

    Of a long one those are taken that fewest needles hold, and so, likely, fewest texts do.
    """
    lengths = np.fromiter(map(len, asked), np.int64, len(asked))
    starts = np.cumsum(lengths) - lengths
    joined = np.frombuffer(b"".join(asked) + bytes(SHORT + STEPS), np.uint8) | np.uint8(0x20)
    keys = np.zeros(len(joined) - SHORT, np.uint64)
    for n in range(SHORT):
        keys |= joined[n : n + len(keys)].astype(np.uint64) << np.uint64(8 * n)
    bins = ((keys * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(44)).astype(np.int32)
    often = np.bincount(bins).astype(np.int32)[bins]
    del bins
    worst = often[: lengths.sum()].copy()
    for n in range(1, STEPS):
        np.maximum(worst, often[n : n + len(worst)], out=worst)
    place = np.arange(len(worst)) - np.repeat(starts, lengths)
    worst = np.where(place < np.repeat(lengths, lengths) - SHORT - STEPS + 2, worst.astype(np.int64), _NEVER)
    first = np.minimum.reduceat(worst * _PLACES + np.minimum(place, _PLACES - 1), starts) % _PLACES
    long = lengths >= SHORT + STEPS - 1
    at = np.where(long, first, 0)[:, None] + np.arange(STEPS)
    held = keys[starts[:, None] + at]
    held[~long] &= np.uint64(2**32 - 1)
    sizes = np.repeat(lengths[:, None], STEPS, axis=1)
    endings = np.repeat(_ending(joined, starts + lengths)[:, None], STEPS, axis=1)
    rows = _Forms(held, at, sizes, endings)
    return _sorted(rows.take(long)), _sorted(rows.take(~long))


def _sorted(rows: _Forms) -> _Forms:
    """Return rows, of any shape, in order of their keys, each once, (n,)."""
    flat = _Forms(rows.keys.ravel(), rows.at.ravel(), rows.length.ravel(), rows.ending.ravel())
    flat = flat.take(np.lexsort(flat[::-1]))
    new = np.ones(len(flat.keys), bool)
    new[1:] = np.any([column[1:] != column[:-1] for column in flat], axis=0)
    return flat.take(new)


def _hashed(words: npt.NDArray[np.uint32], bits: int) -> npt.NDArray[np.uint32]:
    return (words * np.uint32(2654435761)) >> np.uint32(32 - bits)


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
