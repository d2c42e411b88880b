"""Simple relations, read by rules: "I love hiking", "Ana Reyes visited the Louvre". They may hold many objects at once.

A subject ("I" or a name), one verb of a short list, and what follows it up to the next clause. Negations, questions and
conditions are not read; nor is anything in which a pronoun other than "I" and "we" stands for somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from agentmem.encoding.cues import find_entities

SCAN_LIMIT = 20_000
"""Characters of a text that are read, as for slots."""


class Relation(NamedTuple):
    """One relation as written, with the verb in the third person; `clause` is where it stands."""

    subject: str
    relation: str
    object: str
    clause: str


_VERBS = (
    *("love", "like", "enjoy", "hate", "dislike", "adore", "prefer", "miss", "collect", "own", "have", "know", "teach"),
    *("play", "practice", "practise", "study", "speak", "read", "write", "paint", "grow", "cook", "volunteer at"),
)
"""Verbs read in the present: what one likes, has and does."""
_PAST = (
    *("adopted", "bought", "visited", "met", "joined", "started", "finished", "won", "built", "painted", "wrote"),
    *("read", "watched", "attended", "organized", "organised", "planted", "learned", "learnt", "ran", "made"),
    *("founded", "played", "studied"),
)
"""Verbs read in the past: what happened once."""


def third(verb: str) -> str:
    """Return a verb in the third person: "loves", "studies", "has"; of "volunteer at" the first word."""
    word, _, rest = verb.partition(" ")
    if word == "have":
        word = "has"
    elif re.search(r"[^aeiou]y$", word):
        word = word[:-1] + "ies"
    else:
        word += "es" if word.endswith(("s", "sh", "ch", "x", "o")) else "s"
    return f"{word} {rest}".strip()


_THIRD = {third(verb) for verb in _VERBS}
_BARE = {*_VERBS} - {*_PAST}
"""Verbs that a name cannot stand before: "Ana love"."""
_CLAUSES = re.compile(r"(?<=[.!?;\n])\s*|, (?:and|but|so) |\s+(?:and|but) (?=I\b)|\s[-\u2013\u2014]+\s")
_ADVERBS = r"(?:also|really|just|absolutely|both|still|recently|finally|always|often|usually|even|actually)"
_CAPITAL = r"[A-Z\u00c0-\u00d6\u00d8-\u00de\u0100-\u017f\u0391-\u03a9\u0410-\u042f]"
_NAME = rf"{_CAPITAL}[\w'\u2019-]*(?: {_CAPITAL}[\w'\u2019-]*){{0,3}}"
_RELATION = re.compile(
    rf"(?P<subject>I|[Ww]e|{_NAME})(?:['\u2019]ve| have| has)? (?:{_ADVERBS} )*"
    rf"(?P<verb>{'|'.join(sorted({*_VERBS, *_THIRD, *_PAST}, key=len, reverse=True))}) (?P<object>.+)",
)
_OPENING = re.compile(r"(?:and|but|so|well|oh|yes|yeah|wow|hey|btw|also|then),? ", re.IGNORECASE)
_NO_NAME = re.compile(
    r"(?:he|she|it|they|you|this|that|these|those|there|who|what|which|how|when|where|if|everyone|someone|nobody|people"
    r"|please|do|does|did|don['\u2019]t|not|have|let|to|the|my|our|your|his|her|their)\b",
    re.IGNORECASE,
)
_END = re.compile(
    r"[,;:!?\n]|\.(?=\s|$)| (?:because|since|when|while|which|who|so|but|if|although|after|before|that|as|"
    r"and (?:I|we|it|they|he|she|got|met|had|was|were|\w{3,}ed)|"
    r"last|yesterday|today|tonight|tomorrow|recently|ago|too|lately|these days|right now)\b",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    r"(?:it|them|that|this|him|her|you|me|us|so|to|been|a lot|lots|no|not|nothing|had|got|always|never|already|just"
    r"|only|ever|how|what|why|where|when|if|whether|who|which|.*n['\u2019]t)\b",
    re.IGNORECASE,
)
_CUT = re.compile(r"(?:^| )(?:to|of|in|on|at|for|with|from|the|an?|my|our|his|her|their|some|any)$", re.IGNORECASE)
"""What ends before its noun came."""
UNNAMED = re.compile(r"\b(?:you|yours?|me|my|mine|our|ours|them|(?-i:I|we|us))\b", re.IGNORECASE)
"""What stands for somebody whom a fact has to name."""
_LONGEST = 8
"""Words of an object; what is longer is a clause of its own."""


def relations(text: str, speaker: str | None) -> Iterator[Relation]:
    """Yield the relations of a text in their order; "I" and "we" are the speaker, and say nothing without one."""
    for clause in _CLAUSES.split(text[:SCAN_LIMIT]):
        bare = clause.strip()
        if bare.endswith("?") or not (found := _RELATION.fullmatch(_opened(bare))):
            continue
        who = found["subject"]
        if who in {"I", "We", "we"}:
            if speaker is None:
                continue
            who = speaker
        elif _NO_NAME.match(who) or found["verb"] in _BARE or who not in find_entities(bare, names=(speaker or "",)):
            continue
        cut = _END.search(found["object"])
        value = _owned(found["object"][: cut.start() if cut else None].strip(" .\"'"), speaker)
        if (
            not value
            or _EMPTY.match(value)
            or len(value.split()) > _LONGEST
            or any(no.search(value) for no in (_CUT, UNNAMED))
        ):
            continue
        verb = found["verb"]
        yield Relation(who, third(verb) if verb in _BARE else verb, value, bare)


def _owned(value: str, speaker: str | None) -> str:
    """Return an object in which "my" and "our" are the speaker's."""
    if speaker is None:
        return value
    value = re.sub(r"\b(?:my|our)\b(?= )", lambda _: f"{speaker}'s", value, flags=re.IGNORECASE)
    return re.sub(r"\bmyself\b", lambda _: speaker, value)


def _opened(clause: str) -> str:
    opening = _OPENING.match(clause)
    return clause[opening.end() :] if opening else clause
