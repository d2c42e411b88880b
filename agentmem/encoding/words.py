"""Text to index terms: the one place that decides what a word is.

NFKC and case folding, runs of letters, digits and combining marks of any script, English stop words out, Snowball
(Porter2) stems. Scripts written without spaces (Han, kana, Thai, Lao, Khmer, Myanmar) are cut into overlapping pairs of
characters, as Lucene's CJK analyser does, so that a part of a sentence can be found. Knows nothing of stores or scores.
"""

from __future__ import annotations

import re
import threading
from functools import cache
from typing import Any
from unicodedata import is_normalized, normalize

STOP_WORDS: frozenset[str] = frozenset(
    re.findall(
        r"\w+",
        """
        a about above after again against all am an and any are as at be because been before being below between both
        but by can could d did do does doing don down during each few for from further had has have having he her here
        hers herself him himself his how i if in into is isn it its itself just ll m me more most my myself no nor not
        now o of off on once only or other our ours ourselves out over own re s same she should so some such t than that
        the their theirs them themselves then there these they this those through to too under until up ve very was wasn
        we were what when where which while who whom why will with would you your yours yourself yourselves
        """,
    )
)
"""Words that nearly every English text holds; what is left of a contraction ("don't", "we'll") is among them."""

MAX_TERM = 64
"""Characters of a term; longer runs (pasted keys, base64) count by their beginning."""

_CACHED = 200_000
_ASCII = re.compile(r"[a-z0-9]+")
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0\u07eb-\u07f3\u0900-\u0963"
    "\u0966-\u0df3\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u0f18-\u0f19\u0f35\u0f37\u0f39"
    "\u0f3e-\u0f84\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u1a55-\u1a7f\u1b00-\u1b04\u1b34-\u1b44"
)
_ANY = re.compile(rf"[\w{_MARKS}]+")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]+"
)

_stems: dict[str, str] = {}
_lock = threading.Lock()


def terms(text: str) -> list[str]:
    """Return the index terms of `text` in order, repeats kept; none for a text of stop words or signs alone."""
    words = _ASCII.findall(text.lower()) if text.isascii() else _words(text)
    known = _stems
    found: list[str] = []
    for word in words:
        stem = known.get(word)
        if stem is None:
            stem = _learn(word)
        if stem:
            found.append(stem)
    return found


def forget_words() -> None:
    """Empty the cache of stems, so that no word of an erased text stays in it."""
    _stems.clear()


def _words(text: str) -> list[str]:
    if not is_normalized("NFKC", text):
        text = normalize("NFKC", text)
    text = normalize("NFKC", text.casefold()).replace("_", " ")
    words: list[str] = []
    for word in _ANY.findall(text):
        if word.isascii() or not _UNSPACED.search(word):
            words.append(word)
        else:
            words.extend(_pairs(word))
    return words


def _pairs(word: str) -> list[str]:
    """Cut the runs of unspaced script in `word` into overlapping pairs; what stands between them stays whole."""
    parts: list[str] = []
    end = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > end:
            parts.append(word[end : run.start()])
        end = run.end()
        letters = run.group()
        parts.extend([letters[i : i + 2] for i in range(len(letters) - 1)] or [letters])
    if end < len(word):
        parts.append(word[end:])
    return parts


def _learn(word: str) -> str:
    """Return the stem of `word`, "" for a stop word, and keep it at hand."""
    cut = word[:MAX_TERM]
    with _lock:  # a stemmer holds state while it works
        stem: str = "" if cut in STOP_WORDS else _stemmer().stemWord(cut)
        if len(word) <= MAX_TERM:
            if len(_stems) >= _CACHED:
                _stems.clear()
            _stems[word] = stem
    return stem


@cache
def _stemmer() -> Any:
    from Stemmer import Stemmer

    return Stemmer("english", 0)  # 0: no cache of its own, which could not be emptied
