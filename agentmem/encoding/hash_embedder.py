"""An embedder for tests: no model, no download, the same vector in every process.

It knows no meaning. Texts that share words, word stems or spellings come out close; synonyms do not.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from agentmem.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agentmem.types import Vectors

DEFAULT_DIM = 64
SMALLEST_DIM = 2
LONGEST_TEXT = 32_768  # characters that count; the rest of a paste adds time, not meaning
WORD = re.compile(r"\w+")
ENDINGS = ("ingly", "edly", "ies", "ing", "ed", "es", "ly", "s")
COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be been but by did do does for from had has have he her his i in is it its me my of on or "
        "she so that the their them they this to was we were what when where which who will with you your",
    )
)
COMMON_WEIGHT = 0.15
WORD_WEIGHT = 1.0
PIECE_WEIGHT = 0.35


class HashEmbedder:
    """Feature hashing (Weinberger et al. 2009) of word stems and character trigrams into `dim` signed buckets."""

    def __init__(self, dim: int = DEFAULT_DIM) -> None:
        if dim < SMALLEST_DIM:
            raise InputError(f"a hash embedder needs at least {SMALLEST_DIM} dimensions, not {dim}; try hash-64")
        self.dim = dim
        self.name = f"hash-{dim}"

    def __call__(self, texts: Sequence[str], /) -> Vectors:
        """Return (n, dim) float32 unit rows, one a text; a text without any letter or digit gets a fixed row."""
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            self._fill(row, text)
        return rows

    def close(self) -> None:
        """Release nothing: there is nothing held."""

    def _fill(self, row: Vectors, text: str) -> None:
        for feature, count in Counter(_features(text)).items():
            # surrogatepass: half an emoji is a strange text, but no reason to crash
            bucket = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
            weight = _weight(feature) * (1 + np.log(count))
            row[(bucket >> 1) % self.dim] += weight if bucket & 1 else -weight
        length = float(np.linalg.norm(row))
        if length > 0:
            row /= length
        else:
            row[0] = 1


def _features(text: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKC", text[:LONGEST_TEXT]).casefold()
    for word in WORD.findall(plain):
        stem = _stem(word)
        yield "w" + stem
        if word not in COMMON:
            framed = f"<{stem}>"
            yield from ("c" + framed[i : i + 3] for i in range(len(framed) - 2))


def _stem(word: str) -> str:
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) > 2:
            return word[: -len(ending)]
    return word


def _weight(feature: str) -> float:
    if feature[0] == "c":
        return PIECE_WEIGHT
    return COMMON_WEIGHT if feature[1:] in COMMON else WORD_WEIGHT
