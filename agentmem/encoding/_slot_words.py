"""What two phrasings of one slot have in common: keys without articles, owners, tense, plural and words of change.

Knows nothing of sentences; `slots` and `_slot_questions` find the phrases, this says which of them mean the same.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

SELF = ""
"""The subject of "my code" where nobody is known to speak, and of a code that nobody is said to own."""


class Key(NamedTuple):
    """What a slot is of: whose (normalised), and what (normalised)."""

    subject: str
    attribute: str


_DROPPED = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "my",
        "our",
        "own",
        "new",
        "newest",
        "latest",
        "most",
        "recent",
        "current",
        "currently",
        "present",
        "old",
        "older",
        "previous",
        "former",
        "actual",
        "correct",
        "updated",
        "today",
        "just",
        "now",
    ]
)
_RENAMED = {
    "author": "writer",
    "favorite": "favourite",
    "color": "colour",
    "cellphone": "phone",
    "headquarter": "headquarters",
}
_PLURAL = {"people": "person", "children": "child", "wives": "wife"}
_IRREGULAR = {"written": "write", "sung": "sing", "drawn": "draw", "born": "born", "known": "famous", "built": "build",
              "made": "make", "led": "lead", "won": "win", "held": "hold", "founded": "found", "based": "base",
              "located": "locate", "taught": "teach", "spoken": "speak",
              "did": "do", "does": "do", "went": "go", "died": "die", "dies": "die"}  # fmt: skip
_WORD = re.compile(r"[^\W_]+(?:['\u2019.&+/-][^\W_]+)*", re.UNICODE)
_OWNER = re.compile(r"['\u2019]s?$")
_OF_NAME = re.compile(r"(?:the |a )?(?:\w+ )?(?:name|value|content|contents) of ", re.IGNORECASE)
_MY = re.compile(r"(?:all )?(?:my|our|mine)\s+(?:own\s+)?(.+)", re.IGNORECASE)
_YOUR = re.compile(r"your\s+(.+)", re.IGNORECASE)
_POSSESSIVE = re.compile(r"(.{1,80}?)(?:['\u2019]s|(?<=s)['\u2019])\s+(?=[\w\"])(.+)", re.IGNORECASE)
_COMPOUND = re.compile(
    r"((?:the )?(?:[\w-]+ ){0,3}(?:head|chief|place|date|country|type|kind|point|means|state|line|field"
    r"|cause|year|form|secretary)"
    r" of [a-z]\w*) (?:of|for|in|at) (.+)"
)
"""Nouns that are one with what follows them: the "head of state" of a country, the "place of birth" of a person."""
_OF = re.compile(r"((?:the |a |an )?[^\W\d_][\w' -]{0,60}?) (?:of|for) (.+)", re.IGNORECASE)
_PRONOUN = re.compile(
    r"(?:his|her|hers|their|its|it|he|she|they|this|that|these|those|there|what|who|which|one)\b", re.IGNORECASE
)


@lru_cache(maxsize=4096)
def singular(word: str) -> str:
    """Return the one form in which a noun is compared: "codes" and "code", "cities" and "city"."""
    if word in _RENAMED:
        word = _RENAMED[word]
    if word in _PLURAL:
        return _PLURAL[word]
    if len(word) < 4 or word.endswith(("ss", "us", "is", "news", "ics")) or not word.endswith("s"):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > 5 else word[:-1]
    if word.endswith(("ches", "shes", "xes", "sses", "zzes")):
        return word[:-2]
    return _RENAMED.get(word[:-1], word[:-1])


@lru_cache(maxsize=4096)
def verb(word: str) -> str:
    """Return the one form in which a verb is compared, tense and person taken off; it need not be a word."""
    word = word.lower()
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for end in ("ies", "ied"):
        if word.endswith(end) and len(word) > 4:
            return word[:-3] + "y"
    stem = word
    for end in ("ing", "ed", "es", "s", "e"):
        if stem.endswith(end) and len(stem) - len(end) > 2 and not stem.endswith("ss"):
            stem = stem[: -len(end)]
            break
    if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "sl":
        stem = stem[:-1]
    return stem.removesuffix("e") if len(stem) > 3 else stem


def words(phrase: str) -> list[str]:
    """Return the words of a phrase, lower case."""
    return [word.replace("\u2019", "'").lower() for word in _WORD.findall(phrase)]


def attribute(phrase: str) -> str:
    """Return the key of what is held: "the new locker codes" is "locker code"; empty where nothing is left."""
    kept = [_OWNER.sub("", word) for word in words(phrase)]
    return " ".join(singular(word) for word in kept if word not in _DROPPED)


def subject(phrase: str) -> str:
    """Return the key of who or what holds it: case, a leading article and a possessive are taken off."""
    found = words(phrase)
    if found and found[0] in {"the", "a", "an", "this"} and len(found) > 1:
        found = found[1:]
    return _OWNER.sub("", " ".join(found))


def owned(phrase: str, speaker: str | None) -> Key | None:
    """Return the key of a noun phrase: "my code", "Ana's code", "the code of Ana", "the code".

    None where it hangs on a pronoun whose meaning another sentence holds, or is no phrase of at most seven words.
    """
    phrase = _OF_NAME.sub("", phrase.strip(" ,.!?\"'\u201c\u201d"))
    if mine := _MY.fullmatch(phrase):
        return _key(subject(speaker) if speaker else SELF, mine[1], speaker)
    if yours := _YOUR.fullmatch(phrase):
        return _key("you", yours[1], speaker)
    if _PRONOUN.match(phrase):
        return None
    if theirs := _POSSESSIVE.fullmatch(phrase):
        return _key(subject(theirs[1]), theirs[2], speaker)
    found = _COMPOUND.fullmatch(phrase) or _OF.fullmatch(phrase)
    if found:
        owner = found[2].strip()
        if mine := _MY.fullmatch(owner):
            owner = mine[1]
        return None if _PRONOUN.fullmatch(owner) else _key(subject(owner), found[1], speaker)
    return _key(SELF, phrase, speaker)


def _key(owner: str, phrase: str, speaker: str | None) -> Key | None:
    if owner and (deeper := _POSSESSIVE.fullmatch(phrase)):  # "my sister's code" is the code of "ana's sister"
        return _key(f"{owner} {attribute(deeper[1])}", deeper[2], speaker)
    key = attribute(phrase)
    return Key(owner, key) if key and key.count(" ") < 7 else None
