"""A question taken apart, before anything is searched: what to look for, who is meant, and which time.

Pure, deterministic and quick; knows no model, store or clock. The features of memories are in
`agentmem.encoding.features`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agentmem.encoding.dates import parse_when

_SEVERAL = re.compile(
    r"\b(?:how (?:many|often)|in common|all|both|each|every|various|different|list|kinds?|types?|sorts?|ways|everything"
    r"|(?:what|which) (?:\w+ )?(?!does|is|was|has|this)\w{3,}(?<!s)s"
    r"|(?:what|which|where|who|whom)\b.* (?:has|have|had) \w+)\b",
    re.IGNORECASE,
)
"""Plurals, numbers, and the perfect tense, which asks for all that happened until now."""
_POSSESSIVE = r"(?:['\u2019](?:s\b)?)?"


@dataclass(frozen=True, slots=True)
class QueryFeatures:
    """A question taken apart.

    `content` is the question without the names of the space's speakers: who said something is a column, not a word, so
    the names would only pull the vector and the term counts to memories that *address* that person. It is what to embed
    and to look up in the lexical store; it is the question itself where no word would be left. `named` are the speakers
    the question names. `asked` is the half-open span of time it asks about, in seconds since 1970, None for no time.
    `several`: it seems to want more than one thing, or what several people share.
    """

    text: str
    content: str
    named: tuple[str, ...] = ()
    asked: tuple[float, float] | None = None
    several: bool = False


def query_features(question: str, speakers: Sequence[str] = (), now: datetime | None = None) -> QueryFeatures:
    """Take a question apart, given the names of those who speak in the space and, to resolve dates, the time it is.

    A speaker is named by the full name or by its first word, as a whole word in the same case, so that the speaker
    "Will" is not named by "will"; a name all in lower case ("user", "assistant") is a role and never taken for a word
    of the question. Without `now` no time is read. Raises TimeError when `now` is naive.
    """
    content = question
    named = []
    for speaker in sorted(
        speakers, key=len, reverse=True
    ):  # "Ann Lee" before "Ann": the longer name is the better match
        for name in dict.fromkeys((speaker, *speaker.split()[:1])):
            if len(name) < 2 or name == name.lower() or name not in content:
                continue
            content, times = re.subn(rf"\b{re.escape(name)}\b{_POSSESSIVE}", " ", content)
            if times and speaker not in named:
                named.append(speaker)
    content = " ".join(content.split())
    span = None if now is None else parse_when(question, now)
    return QueryFeatures(
        question,
        content if re.search(r"\w", content) else question,
        tuple(named),
        None if span is None else (span.start.timestamp(), span.end.timestamp()),
        len(named) > 1 or bool(_SEVERAL.search(question)),
    )
