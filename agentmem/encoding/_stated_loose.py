"""What a sentence that names a thing and speaks of news leaves over: "gate code got swapped, we're on 0093 now".

The last resort of `stated`, for phrasings of which no rule knows the shape. Where the text says that something is new,
changed or as it is now, the words that are no grammar, no verb that tells an episode and no part of the thing's name
are taken for its value. A clause that denies, supposes, asks or remembers, or that tells what happened, gives none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentmem.encoding._stated_tags import Tagged
from agentmem.encoding._stated_words import LEXICON

_NEWS = re.compile(
    r"\b(?:now|new|newest|latest|current|currently|nowadays|these days|today|anymore|any (?:more|longer)|no (?:more"
    r"|longer)"
    r"|instead|this time|for good|henceforth|actually|officially|finally|correction|corrected|misspoke|mistake"
    r"|scratch that"
    r"|(?:from|as of|starting|effective|since|until) (?:now|today|tomorrow|here|next|this|last|yesterday|the|further"
    r"|\w+day)"
    r"|at (?:present|the moment|this point)|chang(?:e|es|ed|ing)|switch\w*|swap\w*|update\w*|updating|replac\w+"
    r"|mov(?:e|ed|ing)"
    r"|renam\w+|reassign\w+|different|another|(?:done|through|finished) with|(?:goodbye|bye|farewell)|used to|was still"
    r"|after all|in the end|ended up|turns? out|but|sorry|never mind|ignore|forget|given|assigned|supposed to|wrote"
    r"|written|noted|put|note|please|remember|record|write|fyi|reminder|heads up)\b"
)
_CLAUSES = re.compile(r"[^,:!j]+")
_BLOCK = re.compile(r"[xvLOP]|q(?!l)|H(?!o)|(?<!u)p(?![gce])")
_RUN = re.compile(r"d?(?P<value>V+(?:(?:nd?|d)V+){0,2})")
_VERB = re.compile(r"[VE]?A(?=V)|^[IY]?V(?=d?A)")
"""What may be an unknown verb beside the thing: "my gym smells of paint", "Tom guards my bike"."""
_SHAPED = re.compile(r"\d|[A-Z].*[A-Z]|[_#@+]")
_BESIDE = re.compile(
    r"\b(?:about|at|with|without|near|on|in|from|behind|by|of|during|after|before|past|over|around|than)\s*$",
    re.IGNORECASE,
)
"""What leads to a thing that something else is said to be beside: "we talked about my gym", "rain at the office"."""
_INVERTED = re.compile(
    r"^\W*(?:(?:so|and|but|hey|well|ok|okay|please),? )*(?:what|which|who|whose|where|when|why|how|is|are|was|were"
    r"|am|do|does"
    r"|did|have|has|had|can|could|would|will|should|shall|may|might)\b|\b(?:what|which|who|why|when|how)\b",
    re.IGNORECASE,
)
"""How a sentence begins that asks; "So my gym is the Y now??" marvels."""

Place = tuple[int, int]


def read(text: str, sentences: Sequence[Tagged], *, news: bool) -> Place | None:
    """Return the offsets of what is left over as the value of the thing `A`; None where that is nothing or too much.

    `news`: the text must speak of a change; else it is known that the thing changes.
    """
    if not any("A" in s.tags or "O" in s.tags for s in sentences) or (news and not _NEWS.search(text.lower())):
        return None
    found: list[tuple[Place, bool, bool]] = []
    for sentence in sentences:
        if not sentence.spans or (
            sentence.asks and _INVERTED.search(text[sentence.spans[0][0] : sentence.spans[-1][1]])
        ):
            continue
        for clause in _CLAUSES.finditer(sentence.tags):
            found += _left(text, sentence, clause)
    if not found:
        return None
    shaped = [place for place, looks, _ in found if looks]
    near = [place for place, _, says in found if says]
    return (shaped or near or [place for place, _, _ in found])[-1]


def _left(text: str, sentence: Tagged, clause: re.Match[str]) -> list[tuple[Place, bool, bool]]:
    """Return the content of a clause: where, whether it looks like a code, whether "is" or a sign leads it."""
    tags = clause[0]
    thing = tags.find("A")
    if _BLOCK.search(tags) or _VERB.search(tags):
        return []
    if thing >= 0 and _BESIDE.search(text[: sentence.spans[clause.start() + thing][0]]):
        return []
    runs = []
    for run in _RUN.finditer(tags):
        first, last = (clause.start() + at for at in run.span("value"))
        place = sentence.spans[first][0], sentence.spans[last - 1][1]
        looks = _SHAPED.search(text[slice(*place)]) is not None
        if "e" in tags[: run.start()] and not looks and "be" not in tags:
            continue
        leads = clause.start() + run.start()
        runs.append((place, looks, leads > 0 and sentence.tags[leads - 1] in "b:cgo"))
    for at in range(clause.start(), clause.end()):
        place = sentence.spans[at]
        # "mirthful" may be a mood, "great" is praise; "ful" tells an adjective where no list does
        if not runs and sentence.tags[at] == "E" and text[slice(*place)].lower() not in LEXICON:
            runs.append((place, False, False))
    return runs
