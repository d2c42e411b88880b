"""What would betray an erased memory: pieces of its text in every form in which programs keep text, ids, vectors.

A needle is bytes that lie nowhere by chance. Text is looked for in UTF-8 in any case, as JSON escapes it, in base64
(wherever the text begins in what was encoded), in UTF-16, and as stems of its telling words; vectors as float32,
float16 and as the codes that they are compressed to; ids as text and as bytes. MessagePack keeps strings in UTF-8.
"""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ulid import ULID

from agentmem.encoding.quantise import quantise
from agentmem.encoding.words import terms
from agentmem.types import TIERS, Memory, Vectors

WINDOW = 48
"""Bytes of a needle: short enough to lie within one database page, long enough to be found by chance never."""
MOST = 32
"""Needles of one text or vector: its start, its end and evenly between."""
FEW = 1_000
"""Of more memories at once, each has fewer needles: what is copied of so many is copied in whole pages."""
SPARSE = 4
"""Needles of one text or vector where there are many memories."""
SHORT = 8
"""Needles of fewer bytes are no evidence: they turn up in any file."""
WORD = 7
"""Bytes of the shortest word that is evidence by itself, where no living memory holds it."""
HEXADECIMAL = 12
"""Bytes of the shortest word of hexadecimal digits alone: digests are full of shorter ones."""

_HEXADECIMAL = re.compile(r"[0-9a-f]+")


class Needle(NamedTuple):
    """Bytes to look for, and what they are; `folded`: in upper and lower case alike.

    `plain` is the piece of text that they stand for, of a vector the whole text.
    """

    what: str
    data: bytes
    plain: str = ""
    folded: bool = False


def needles(memory: Memory, most: int = MOST) -> list[Needle]:
    """Return what would betray `memory`: its text, id and vector, in all forms but single words.

    Windows of vectors and codes that are nearly all zeros are no evidence. At most so many of each form; where that is
    fewer than `MOST`, not in codes that the memory does not have.
    """
    found = [needle for piece in pieces(memory.text, most) for needle in spelt(piece)]
    found += _named(memory)
    if memory.vector is not None:
        found += _drawn(memory.vector, memory.text, most)
    if memory.code is not None:
        found += _windowed("vector", memory.code.codes.tobytes(), memory.text, most)
    return list({n.data: n for n in reversed(found) if len(n.data) >= SHORT}.values())[::-1]


def words(texts: Iterable[str]) -> dict[str, Needle]:
    """Return the telling words of texts, stemmed as indexes keep them: long ones, by word."""
    found = {stem for text in texts for stem in terms(text)}
    telling = sorted(stem for stem in found if len(stem.encode()) >= WORD and not _digits(stem))
    return {stem: Needle("word", stem.encode(), stem, folded=stem.isascii()) for stem in telling}


def pieces(text: str, most: int = MOST) -> list[str]:
    """Return pieces of a text: all of it if it is short, else its start, its end and evenly between."""
    width = WINDOW if text.isascii() else WINDOW // 2
    if len(text) <= width:
        return [text]
    return [text[start : start + width] for start in _starts(len(text), width, most)]


def spelt(piece: str) -> Iterator[Needle]:
    """Yield a piece of text in the forms in which programs keep text."""
    for form in dict.fromkeys((piece, *_cases(piece))):
        yield Needle("text", form.encode(), piece, folded=form.isascii())
    for escaped in _escaped(piece):
        yield Needle("text (JSON)", escaped.encode(), piece, folded=escaped.isascii())
    wide = piece.encode("utf-16-le")
    if piece.isascii():  # without its last zero it is found in either byte order
        yield Needle("text (UTF-16)", wide[:-1], piece, folded=True)
    else:
        yield Needle("text (UTF-16)", wide, piece)
        yield Needle("text (UTF-16)", piece.encode("utf-16-be"), piece)
    for code in _base64(piece.encode()):
        yield Needle("text (base64)", code, piece)


def _cases(piece: str) -> Iterator[str]:
    """Yield how else the piece may be written: in other cases where these are no matter of ASCII, composed or not."""
    for form in ("NFC", "NFD") if not piece.isascii() else ():
        same = unicodedata.normalize(form, piece)
        yield from (same, same.casefold(), same.lower(), same.upper())


def _escaped(piece: str) -> list[str]:
    """Return the piece as JSON has it, once and twice, with and without escapes for letters beyond ASCII."""
    found = []
    for ascii_only in (True, False):
        once = json.dumps(piece, ensure_ascii=ascii_only)[1:-1]
        found += [once, json.dumps(once, ensure_ascii=ascii_only)[1:-1]]
    return [form for form in dict.fromkeys(found) if form != piece]


def _base64(data: bytes) -> list[bytes]:
    """Return what base64 makes of the piece wherever it begins in a longer text, in both alphabets."""
    found = []
    for skipped in range(3):
        whole = data[skipped : skipped + (len(data) - skipped) // 3 * 3]
        found += [base64.b64encode(whole), base64.urlsafe_b64encode(whole)]
    return list(dict.fromkeys(found))


def _named(memory: Memory) -> list[Needle]:
    found = [Needle("id", memory.id.encode())]
    try:
        found.append(Needle("id (bytes)", ULID.from_str(memory.id).bytes))
    except ValueError:  # no ULID
        return found
    return found


def _drawn(vector: Vectors, text: str, most: int) -> list[Needle]:
    """Return windows of a vector as it is and as what it may be compressed to."""
    found = _windowed("vector", vector.astype("<f4").tobytes(), text, most)
    found += _windowed("vector (float16)", vector.astype("<f2").tobytes(), text, most)
    for tier in TIERS if most == MOST else ():
        found += _windowed(f"vector ({tier})", quantise(vector[None], tier).codes.tobytes(), text, most)
    return found


def _windowed(what: str, data: bytes, text: str, most: int) -> list[Needle]:
    starts = [0] if len(data) <= WINDOW else _starts(len(data), WINDOW, most)
    windows = dict.fromkeys(data[start : start + WINDOW] for start in starts)
    return [Needle(what, window, text) for window in windows if _telling(window)]


def _starts(size: int, width: int, most: int) -> list[int]:
    count = min(most, -(-size // width))
    return [(size - width) * n // (count - 1) for n in range(count)]


def _telling(window: bytes) -> bool:
    """Say whether a window is not nearly all of one byte, nor begins with zeros: those lie everywhere."""
    most = max(window.count(0), window.count(window[-1:]), window.count(window[len(window) // 2 :][:1]))
    return len(window) - most >= SHORT and any(window[:SHORT])


def _digits(word: str) -> bool:
    return len(word) < HEXADECIMAL and _HEXADECIMAL.fullmatch(word) is not None
