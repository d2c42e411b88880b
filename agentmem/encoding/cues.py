"""Rule cues: whom and what a text names, and when its event happened, read without a model.

Entities are runs of capitalised words ("Bay Area", "Lord of the Rings"), quoted titles, #tags and @handles. A lone
capital at the beginning of a sentence proves nothing, so it counts only with other evidence. A text's cues depend on
that text and on the names passed in, never on other texts: forgetting a memory must not change what another one means.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agentmem.encoding.dates import SCAN_LIMIT, find_times, main_time
from agentmem.encoding.timewords import MONTH_NUMBERS, WEEKDAY_NUMBERS
from agentmem.types import Cues

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

MAX_ENTITIES = 64
"""Entities kept of one text, in their order; a text that names more is a list, not an event."""

_QUOTED = re.compile(r"[\"\u201c\u00ab]([^\"\u201c\u201d\u00ab\u00bb\n]{2,80})[\"\u201d\u00bb]")
_TAG = re.compile(r"(?<![\w#@])[#@]\w[\w-]{0,60}")
_CAPITAL = r"[A-Z\u00c0-\u00d6\u00d8-\u00de\u0100-\u017f\u0391-\u03a9\u0410-\u042f]"
_WORD = rf"(?:(?:{_CAPITAL}\.){{1,3}}(?=\s?{_CAPITAL})|(?:Dr|Mr|Mrs|Ms|St|Prof|Mt)\.(?= {_CAPITAL})|{_CAPITAL}[\w&+-]*)"
_RUN = re.compile(
    rf"(?<![\w#@'\u2019-]){_WORD}"
    rf"(?: (?:& )?{_WORD}| (?:(?:of|de|del|von|van|der|du|da|di)(?: the| la)? ){_WORD}| \d{{1,4}}(?![\w:.,/]\w))*"
)
"""A run of capitalised words, with what may link them: "J. K. Rowling", "Lord of the Rings", "Room 101", "Q & A"."""

_SUBJECT = re.compile(
    r"(?:['\u2019]s)?\s+(?:is|was|has|had|will|would|can|could|does|did|and\s+[A-Z]\w*|said|says|told|loves|likes|wants|went"
    r"|got|came)\b"
)
"""What follows the subject of a sentence: "Luna is", "Nils and Jo"."""

_BEFORE_NAMES = frozenset({"new", "great", "big", "old", "good", "little", "best", "the"})
"""Ordinary words that also begin names: New York, Great Wall, Little Women."""

_ORDINARY = frozenset(  # function words, and how people open a turn
    re.split(
        r"\s+",
        """i i'm i've i'd i'll a an the this that these those it it's he she we they you me my your his her our
        their its mine and or but so if because although though while when where who what which how why whose
        since until unless as at by for from in into of off on onto out over to up with without about after
        before during between under again is are was were be been am do does did don't didn't doesn't have has
        had haven't will won't would can can't could should shall may might must let let's not no nor yes yep
        yeah yup nope nah ok okay well now then there here too also just even only still yet ever never always
        sometimes often usually maybe perhaps probably hopefully luckily actually honestly seriously basically
        definitely absolutely totally exactly really very quite rather almost already soon later recently lately
        today tonight tomorrow yesterday last next first second finally meanwhile anyway besides however all any
        both each every everyone everything everybody someone something anyone anything nothing nobody none some
        many much more most few several other another such same one two three four five six seven eight nine ten
        hi hey hello hiya yo bye goodbye goodnight thanks thank thx congrats congratulations cheers sorry please
        wow whoa woah woohoo yay yikes oh ooh ah aw aww awww haha hah ha hmm hm huh ugh oops phew gosh omg lol
        btw fyi asap imo tbh sure cool great good nice awesome amazing wonderful fantastic perfect lovely
        beautiful sweet brilliant excellent incredible interesting impressive glad happy sad excited proud best
        better keep take look looks sounds seems seeing guess hope wish love like need want think thinking know
        got get gotta gonna wanna go going come coming see make makes making feel feels tell thought check
        speaking talking remember imagine being done having time times day days life work nature music art
        family friends people kids things stuff money food dance peace right true fair fun hard easy long short
        big small new old crazy wild super lots plenty god goodness mom dad mum grandma grandpa""",
    )
) | frozenset((*MONTH_NUMBERS, *WEEKDAY_NUMBERS))


def rule_cues(text: str, said_at: datetime, *, names: Collection[str] = ()) -> Cues:
    """Return the entities a text names and the time of its event, resolved against `said_at`.

    `names` are names known beforehand, such as a space's speakers: they are found in any case and at any place. The
    first `dates.SCAN_LIMIT` characters are read, at most `MAX_ENTITIES` entities kept, each once, as first written.
    Raises TimeError when `said_at` is naive.
    """
    expression = main_time(find_times(text, said_at), said_at)
    return Cues(entities=find_entities(text, names=names), when=expression.interval if expression else None)


def batch_cues(texts: Sequence[str], said_at: Sequence[datetime], *, names: Collection[str] = ()) -> list[Cues]:
    """Return the cues of many texts; each is read on its own, exactly as `rule_cues` would."""
    known = frozenset(names)
    return [rule_cues(text, moment, names=known) for text, moment in zip(texts, said_at, strict=True)]


def find_entities(text: str, *, names: Collection[str] = ()) -> tuple[str, ...]:
    """Return the entities a text names, each once (compared without case), in their order."""
    text = text[:SCAN_LIMIT]
    quoted = list(_quoted(text))
    found = [*quoted, *((m.start(), m[0]) for m in _TAG.finditer(text)), *_known(text, names)]
    if not (len(text) > 20 and text.isupper()):  # a text in capitals only shouts
        inside = [(start, start + len(title)) for start, title in quoted]
        found += (e for e in _capitalised(text) if not any(start <= e[0] < end for start, end in inside))
    entities: dict[str, str] = {}
    for _, entity in sorted(found, key=lambda pair: pair[0]):
        entities.setdefault(entity.casefold(), entity)
        if len(entities) == MAX_ENTITIES:
            break
    return tuple(entities.values())


def _quoted(text: str) -> Iterator[tuple[int, str]]:
    """Yield quoted titles: two to 80 characters, beginning with a capital or digit, at most eight words."""
    if '"' not in text and "\u201c" not in text and "\u00ab" not in text:
        return
    for match in _QUOTED.finditer(text):
        title = match[1].strip(" ,.!?")
        if title and (title[0].isupper() or title[0].isdigit()) and title.count(" ") < 8:
            yield match.start(1), title


def _known(text: str, names: Collection[str]) -> Iterator[tuple[int, str]]:
    """Yield the names known beforehand where they stand as whole words, in any case."""
    folded = text.casefold()
    for name in names:
        at = folded.find(name.casefold())
        if name and at >= 0 and (match := re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)):
            yield match.start(), name


def _capitalised(text: str) -> Iterator[tuple[int, str]]:
    """Yield runs of capitalised words, cut at ordinary words, without what only begins a sentence."""
    for match in _RUN.finditer(text):
        start, run = match.start(), match[0]
        words = run.split(" ")
        while words and _ordinary(words, start, text):
            start += len(words.pop(0)) + 1
        kept: list[str] = []
        for word in words:
            if word[0].isupper() and word.casefold() in _ORDINARY and word.casefold() not in _BEFORE_NAMES:
                break
            kept.append(word)
        while kept and not (kept[-1][0].isupper() or kept[-1][0].isdigit()):
            kept.pop()
        entity = " ".join(kept).rstrip("-&+")
        if len(entity) > 1 and (len(kept) > 1 or _stands_alone(text, start, entity)):
            yield start, entity


def _ordinary(words: list[str], start: int, text: str) -> bool:
    """Say whether the first word of a run is no part of a name; "New" before a capital is."""
    first = words[0].casefold()
    if first not in _ORDINARY and words[0][0].isupper():
        return False
    names_follow = len(words) > 1 and words[1][0].isupper() and words[1].casefold() not in _ORDINARY
    return not (first in _BEFORE_NAMES and names_follow and (first == "new" or not _begins_sentence(text, start)))


def _stands_alone(text: str, start: int, entity: str) -> bool:
    """Say whether one capitalised word is a name, although it may owe its capital to the sentence it begins."""
    if not _begins_sentence(text, start):
        return True
    if entity.isupper() or any(c.isupper() for c in entity[1:]):
        return True
    end = start + len(entity)
    if re.search(rf"[a-z,] {re.escape(entity)}\b", text):
        return True
    plain = entity.endswith(("ing", "ed", "ly", "ness", "tion", "s"))
    return not plain and _SUBJECT.match(text, end) is not None


def _begins_sentence(text: str, start: int) -> bool:
    """Say whether nothing, or the end of a sentence, stands before `start`."""
    before = text[max(0, start - 4) : start].rstrip(" \"'\u201c\u2018(*-\u2013\u2014")
    return not before or before[-1] in ".!?:;\n\u2026~" or not (before[-1].isascii() or before[-1].isalnum())
