"""What a question asks for: a time, a person, a number, a reason, a list; about whom; and in which words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from agentmem.encoding.dates import parse_when
from agentmem.reading.tokens import BIT, sentences

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from agentmem.types import Interval

QuestionKind = Literal[
    "when", "how_long", "how_often", "how_many", "who", "where", "why", "feeling", "how", "title", "sort", "doing",
    "yes_no", "list", "what",
]  # fmt: skip
KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)

_TITLES = (
    "book|books|movie|movies|film|films|song|songs|game|games|show|shows|series|band|name|names|called|title|nickname|"
    "character|novel|album|artist|brand|team|company|city|country|state|place|town|dish|instrument|pet|breed|color|colour"
)
_PATTERNS: dict[QuestionKind, tuple[str, ...]] = {
    "how_long": (r"\bhow\s+(?:long|much\s+time|many\s+(?:days|weeks|months|years|hours|minutes))\b",),
    "how_often": (r"\bhow\s+(?:often|frequently)\b",),
    "how_many": (r"\bhow\s+(?:many|much|old|far|big|tall)\b",),
    "when": (
        r"^\W*(?:(?:and|so|but|around|about|since|until)\s+)?when\b",
        r"\b(?:what|which)\s+(?:(?:exact|specific)\s+)?(?:date|day|week|weekend|month|year|season|time)\b",
        r"\bwhen\s+(?:did|was|were|is|will|does|do|are|has|have)\b",
    ),
    "who": (r"^\W*(?:with\s+|from\s+|to\s+|for\s+)?who(?:m|se)?\b",),
    "where": (r"^\W*(?:from\s+|to\s+)?where\b",),
    "why": (r"^\W*why\b", r"\bwhat\s+(?:is|was|were|are)\s+the\s+reasons?\b", r"\bfor\s+what\s+reason\b"),
    "feeling": (
        r"\bhow\s+(?:\w+\s+){1,5}?(?:feel|feels|felt|feeling|describe|describes|described|react|reacted)\b",
        r"\b(?:emotions?|feelings?|reaction|attitude|mood|opinion|impression)\b",
    ),
    "how": (r"^\W*how\b",),
    "yes_no": (r"^\W*(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|might)\b",),
    "sort": (r"\bwhat(?:'s|\s+is|\s+was)?\s+(?:the\s+)?(?:kinds?|types?|sorts?|styles?|genres?|forms?|nature)\b",),
    "title": (rf"\b(?:what|which)(?:'s|\s+is|\s+was|\s+are)?(?:\s+the)?(?:\s+\w+){{0,2}}?\s+(?:{_TITLES})\b",),
    "doing": (
        r"\bwhat\s+(?:did|does|do|is|was|are|were|has|have|will|would)\b.*\b(?:do|doing|done|plan|planning|planned)\b",
    ),
}
"""The words by which each kind is known; the first kind that matches is it."""

_RULES = tuple((kind, re.compile("|".join(found), re.IGNORECASE)) for kind, found in _PATTERNS.items())
_PLURAL_HEAD = re.compile(
    r"\b(?:what|which)\s+(?:\w+\s+){0,2}?(?!(?:is|was|does|this|his)\b)(?P<head>[a-z]{3,}s|people|children)\s+"
    r"(?:do|does|did|has|have|are|were|is|was|can|will|would|might|describe|that|both)\b"
    r"|\bwhat\s+(?:are|were)\b|\bin\s+what\s+ways\b|\bwhat\s+all\b",
    re.IGNORECASE,
)
_UNIT = re.compile(r"\b(date|day|weekend|week|month|year|season)\b", re.IGNORECASE)
_AGO = re.compile(r"\bhow\s+long\s+ago\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Question:
    """A question, read: its kind, whom it is about, its content stems, and the unit a when-question asks for."""

    text: str
    kind: QuestionKind
    plural: bool
    people: frozenset[str]
    stems: frozenset[str]
    names: frozenset[str]
    unit: str | None
    pairs: frozenset[tuple[str, str]]
    ago: bool
    when: Interval | None
    verb: str
    head: str


def analyse(text: str, speakers: Iterable[str | None], now: datetime | None = None) -> Question:
    """Read a question; `speakers` are the names that may be asked about, `now` is what "last week" counts from."""
    people = {s for s in speakers if s and named(s, text)}
    verb, head = _verb_and_head(text, {word for person in people for word in person.lower().split()})
    kind: QuestionKind = next((kind for kind, pattern in _RULES if pattern.search(text)), "what")
    if kind == "how_long" and _AGO.search(text):
        kind = "when"
    plural = kind in ("what", "title", "sort", "doing", "where", "feeling") and _PLURAL_HEAD.search(text) is not None
    unit = _UNIT.search(text) if kind == "when" else None
    stems: set[str] = set()
    names: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    people_words = {word for person in people for word in person.lower().split()}
    for sentence in sentences(text, 1000):
        pairs |= {(a, b) for a, b in zip(sentence.stems, sentence.stems[1:], strict=False) if a and b}
        for word, stem, bits in zip(sentence.words, sentence.stems, sentence.bits, strict=True):
            if not stem or word.removesuffix("'s") in people_words:
                continue
            stems.add(stem)
            if bits & BIT["name"]:
                names.add(stem)
    return Question(
        text,
        "list" if plural and kind == "what" else kind,
        plural,
        frozenset(people),
        frozenset(stems),
        frozenset(names),
        unit[1].lower() if unit else None,
        pairs=frozenset(pairs),
        ago=_AGO.search(text) is not None,
        when=parse_when(text, now) if now is not None else None,
        verb=verb,
        head=head,
    )


def named(speaker: str, text: str) -> bool:
    """Say whether a text names a speaker, by the whole name or its first word, as a whole word."""
    first = next(iter(speaker.split()), "")
    return bool(first) and re.search(rf"(?<!\w){re.escape(first)}(?!\w)", text, re.IGNORECASE) is not None


_ASKING = frozenset({"what", "which", "whose"})
_SORTS = frozenset(
    {"kind", "type", "sort", "style", "genre", "form", "kinds", "types", "sorts", "styles", "of", "the", "a", "an"}
)
_HELPING = BIT["auxiliary"]


def _verb_and_head(text: str, people: set[str]) -> tuple[str, str]:
    """Return the stems of the main verb ("what did Ann *donate* to ...") and of the head ("what *book* did ...").

    The head is the noun after "what" or "which"; the verb is the first content word after the next auxiliary that is no
    name of a person asked about. Either is "" where there is none.
    """
    verb = head = ""
    state = "start"
    for sentence in sentences(text, 400):
        for word, stem, bits in zip(sentence.words, sentence.stems, sentence.bits, strict=True):
            bare = word.removesuffix("'s")
            if bits & BIT["question_word"] and state == "start":
                state = "head" if bare in _ASKING else "auxiliary"
                continue
            if state == "head" and not (bits & _HELPING) and stem and bare not in _SORTS and bare not in people:
                head = stem
                continue
            if bits & _HELPING and state != "verb":
                state = "verb"
                continue
            if state == "verb" and stem and bare not in people and not (bits & BIT["name"]) and not verb:
                verb = stem
    return verb, head
