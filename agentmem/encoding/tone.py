"""What a text shows of its own intensity: signs, capitals, negations, intensifiers, and which words it uses.

The input of the models in `arousal`, beside the vector. Written for this package, no lexicon of others: which words
excite is learned from hashed words (Weinberger et al., "Feature hashing", 2009). Pure, of one text.
"""

from __future__ import annotations

import math
import re
import zlib

import numpy as np
import numpy.typing as npt

from agentmem.types import Floats

TONE: tuple[str, ...] = (
    "exclamations",
    "asks",
    "characters",
    "words",
    "shouted",
    "negated",
    "intensified",
    "commas",
    "quoted",
    "digits",
    "word_length",
    "first_person",
    "second_person",
    "trails_off",
    "clauses",
    "dashes",
    "capitalised",
    "ing",
    "ed",
    "compared",
    "money",
    "short",
)
"""Names of the columns of `tone`, in order."""

BUCKETS = 2048
READ = 4_000
"""Characters of a text that are looked at; an embedder reads no more either."""

_WORD = re.compile(r"[A-Za-z]+(?:['\u2019][a-z]+)?")
_TOKEN = re.compile(rf"{_WORD.pattern}|[!?]")
_NEGATIONS = frozenset(
    ["no", "not", "never", "none", "nobody", "nothing", "nor", "neither", "cannot", "without", "hardly"]
)
_INTENSIFIERS = frozenset(
    re.findall(
        r"\w+",
        "very so really extremely absolutely totally completely incredibly too much quite truly deeply utterly such "
        "ever just",
    )
)
_FIRST = frozenset(["i", "me", "my", "we", "our"])
_SECOND = frozenset(["you", "your"])


def tone(text: str) -> Floats:
    """Return (len(TONE),) float32: log(1 + count) of signs and lengths, shares of words, or 0 and 1; all finite."""
    said = text[:READ]
    words = _WORD.findall(said)
    lower = [word.lower().replace("\u2019", "'") for word in words]
    count = max(len(words), 1)
    return np.array(
        (
            math.log1p(said.count("!")),
            "?" in said,
            math.log1p(len(said)),
            math.log1p(len(words)),
            sum(word.isupper() and len(word) > 1 for word in words) / count,
            sum(word in _NEGATIONS or word.endswith("n't") for word in lower) / count,
            sum(word in _INTENSIFIERS for word in lower) / count,
            math.log1p(said.count(",")),
            '"' in said,
            any(map(str.isdigit, said)),
            sum(map(len, words)) / count,
            sum(word in _FIRST for word in lower) / count,
            sum(word in _SECOND for word in lower) / count,
            "..." in said or "\u2026" in said,
            ";" in said or ":" in said,
            "--" in said or "\u2014" in said,
            sum(word[0].isupper() for word in words[1:]) / count,
            sum(word.endswith("ing") for word in lower) / count,
            sum(word.endswith("ed") for word in lower) / count,
            sum(word.endswith(("est", "er")) for word in lower) / count,
            "$" in said or "\u20ac" in said or "\u00a3" in said,
            len(words) <= 3,
        ),
        dtype=np.float32,
    )


def hashed_words(text: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the buckets that the words (and ! and ?) of a text fall into, and their signed weights, of unit length."""
    sums: dict[int, int] = {}
    for token in _TOKEN.findall(text[:READ].lower().replace("\u2019", "'")):
        bucket = zlib.crc32(token.encode())
        place = (bucket >> 1) % BUCKETS
        sums[place] = sums.get(place, 0) + (1 if bucket & 1 else -1)
    weights = np.fromiter(sums.values(), np.float64, len(sums))
    length = math.sqrt(sum(value * value for value in sums.values()))
    return np.fromiter(sums, np.int64, len(sums)), weights / length if length else weights
