"""Words of a sentence with their closed classes: what is an article, a preposition, a number, a name, a mark.

There is no tagger: function words are listed (they are few and do not change), everything else is judged by its shape
and ending. A token's bits are one integer, so that a whole sentence is one array.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agentmem.encoding.timewords import MONTH_NUMBERS, NUMBERS, VAGUE_NUMBERS, WEEKDAY_NUMBERS
from agentmem.encoding.words import terms

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SENTENCE = 60
"""Tokens of a sentence that are read; the rest of a longer one becomes the next sentence."""

BITS = (
    "strong", "comma", "mark", "quote", "determiner", "possessive", "pronoun", "first_person", "second_person",
    "preposition", "to", "coordination", "subordination", "reason", "auxiliary", "negation", "question_word", "degree",
    "interjection", "number", "time", "name", "content", "ing", "past", "adverb", "adjective", "plural",
)  # fmt: skip
"""The classes a token may have, one bit each."""

BIT = {name: 1 << place for place, name in enumerate(BITS)}

_LISTS = {
    "determiner": "a an the this that these those some any every each no another both all",
    "possessive": "my your his her its our their whose",
    "pronoun": "i you he she it we they me him them us myself yourself himself herself itself ourselves themselves "
    "who that this it's that's there he's she's they're i'm you're we're i've you've we've they've i'd "
    "i'll everyone someone everything something anything nothing anyone people one",
    "first_person": "i me my we us our myself ourselves i'm i've i'd i'll we're we've we'll we'd mine ours",
    "second_person": "you your you're you've you'll you'd yours yourself",
    "preposition": "of in on at by for with about from into onto over under through during after before between among "
    "against without within around near across behind beyond along toward towards up down off out as "
    "like since until inside outside beside besides than",
    "to": "to",
    "coordination": "and or but nor plus &",
    "subordination": "because since so that if when while although though unless until where which who whom whose as "
    "'cause cause",
    "reason": "because since so 'cause cause cuz reason",
    "auxiliary": "am is are was were be been being do does did have has had will would can could shall should may "
    "might must 's 're 've 'll 'd it's that's i'm you're we're they're he's she's there's here's what's "
    "i've we've they've you've i'll we'll gonna gotta",
    "negation": "not no never n't don't didn't doesn't isn't wasn't can't couldn't won't wouldn't haven't hasn't "
    "aren't none",
    "question_word": "what which who whom whose when where why how",
    "degree": "so very really too quite pretty super such just also even still totally definitely actually always "
    "especially more most much only rather truly",
    "interjection": "hey hi hello wow thanks thank yeah yep yes no oh ah haha ok okay sure well woah congrats bye btw "
    "lol",
    "time": "today tonight yesterday tomorrow ago last next week weeks weekend month months year years day days "
    "night morning afternoon evening hour hours minute minutes ever always often sometimes usually "
    "daily weekly once twice recently lately now soon spring summer autumn fall winter time times",
}
"""Words of each class; what shortens "not" is added below to the auxiliaries and the negations."""

_DENIALS = "isn't wasn't don't didn't doesn't can't couldn't won't wouldn't haven't hasn't aren't"

_WORD_BITS: dict[str, int] = {}
for _name, _words in _LISTS.items():
    for _word in _words.split():
        _WORD_BITS[_word] = _WORD_BITS.get(_word, 0) | BIT[_name]
for _word in _DENIALS.split():
    _WORD_BITS[_word] = BIT["auxiliary"] | BIT["negation"]
for _word in (*NUMBERS, *VAGUE_NUMBERS):
    if _word not in ("a", "an", "some"):
        _WORD_BITS[_word] = _WORD_BITS.get(_word, 0) | BIT["number"]
for _word in (*(m for m in MONTH_NUMBERS if len(m) > 3), *(d for d in WEEKDAY_NUMBERS if len(d) > 4)):
    _WORD_BITS[_word] = _WORD_BITS.get(_word, 0) | BIT["time"]
_FUNCTION = sum(
    BIT[name]
    for name in (
        "determiner",
        "possessive",
        "pronoun",
        "preposition",
        "to",
        "coordination",
        "subordination",
        "auxiliary",
        "negation",
        "question_word",
        "degree",
        "interjection",
    )
)
_TOKEN = re.compile(
    r"\$?\d[\d,.:]*\d%?|\d%?|"
    r"[^\W_](?:[^\W_]|['\u2019&-](?=[^\W_])|(?<=\b[A-Z])\.(?=[A-Z]))*|"
    r"['\u2019](?:s|re|ve|ll|d|cause)\b|[^\w\s]"
)
_ADJECTIVE = re.compile(r"\w{2,}(?:ful|ous|ive|able|ible|al|ic|less|ish|ary|ant|ent|y|ed|ing)$")
_SENTENCE_END = re.compile(r"(?<=[.!?\u2026\n])[\s\"\u201d')\]]+(?=\S)|\n+|\s*(?=\[share)")
_SHARED = re.compile(
    r"^\[shares?\s+(?:an?\s+(?:photo|picture|image|video)\b\s*:?\s*)?"
    r"(?:an?\s+(?:photo|photograph|photography|picture|image)\s+of\s+)?",
    re.IGNORECASE,
)
"""What a shared picture's caption begins with, "[shares a photo: a picture of", which tells nothing of the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    """One sentence: its text, where each token stands (n, 2), the tokens' bits (n,) and their stems ("" for none)."""

    text: str
    offsets: npt.NDArray[np.int32]
    bits: npt.NDArray[np.int64]
    words: tuple[str, ...]
    stems: tuple[str, ...]
    asks: bool
    picture: bool


def sentences(text: str, limit: int) -> Iterator[Sentence]:
    """Yield the sentences of the first `limit` characters, each with at most `MAX_SENTENCE` tokens."""
    for part in _SENTENCE_END.split(text[:limit]):
        if part is None or not part.strip():
            continue
        picture = part.startswith("[share")
        body = _SHARED.sub("", part).rstrip("] ") if picture else part
        tokens = [(m[0], m.start(), m.end()) for m in _TOKEN.finditer(body)]
        for at in range(0, len(tokens), MAX_SENTENCE):
            yield _sentence(body, tokens[at : at + MAX_SENTENCE], picture=picture)


def _sentence(text: str, tokens: list[tuple[str, int, int]], *, picture: bool) -> Sentence:
    words = tuple(word.lower().replace("\u2019", "'") for word, _, _ in tokens)
    bits = np.array(
        [
            _word_bits(low) | _shape_bits(word, first=place == 0)
            for place, (low, (word, _, _)) in enumerate(zip(words, tokens, strict=True))
        ],
        dtype=np.int64,
    )
    return Sentence(
        text,
        np.array([(start, end) for _, start, end in tokens], dtype=np.int32).reshape(-1, 2),
        bits,
        words,
        tuple(_stem(word) for word in words),
        bool(words) and words[-1] == "?",
        picture,
    )


def _stem(word: str) -> str:
    """Return the index term of a word, "" for stop words and marks (the cache of terms is `encoding.words`'s)."""
    found = terms(word)
    return found[0] if found else ""


def _word_bits(word: str) -> int:
    """Return the bits of a word that do not depend on its case or place."""
    known = _WORD_BITS.get(word, 0)
    first = word[0]
    if not first.isalnum() and first not in "'$":
        return _mark_bits(word)
    if first.isdigit() or first == "$":
        return BIT["number"] | BIT["content"]
    if known & _FUNCTION:
        return known
    bits = known | BIT["content"]
    if word.endswith("ing") and len(word) > 4:
        bits |= BIT["ing"]
    if word.endswith("ed") and len(word) > 3:
        bits |= BIT["past"]
    if word.endswith("ly") and len(word) > 3:
        bits |= BIT["adverb"]
    elif _ADJECTIVE.match(word):
        bits |= BIT["adjective"]
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        bits |= BIT["plural"]
    return bits


@cache
def _mark_bits(mark: str) -> int:
    if mark in ".!?;:\u2026":
        return BIT["strong"]
    if mark == ",":
        return BIT["comma"]
    if mark == "&":
        return BIT["coordination"]
    return BIT["quote"] if mark in '"\u201c\u201d\u00ab\u00bb' else BIT["mark"]


def _shape_bits(word: str, *, first: bool) -> int:
    """Return the bit for a name: a capital that a sentence's beginning does not explain, or an acronym."""
    if word[0].isupper() and word not in ("I", "I'm", "I've", "I'd", "I'll") and (not first or word[1:2].isupper()):
        return BIT["name"]
    return 0
