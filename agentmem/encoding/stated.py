"""What a text says that a known thing now is: "my boss gave me 4417 as a locker code", asked for the locker code.

Reading for a known attribute is easier than reading openly (`slots.read_slots`): whatever the verb, a clause that names
the attribute, asserts something, and holds one more phrase, gives that phrase as the value. So the words of English
that carry no value are known, and the rest is what counts. Questions, wishes, conditions, negations and the past assert
nothing of the present. Nothing is known here of how the texts were found or which of them is newer.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from agentmem.encoding import _stated_loose
from agentmem.encoding._slot_words import SELF, attribute, subject
from agentmem.encoding._stated_rules import read
from agentmem.encoding._stated_tags import has_dates, tagged
from agentmem.encoding._stated_words import LEXICON

SCAN_LIMIT = 4_000
"""Characters of a text that are read; a longer one is a document, not a turn."""

_SENTENCE = re.compile(
    r"(?:(?<![.])[.](?![.])|[!?;]+|\n)[\"'\u201d)]*(?:\s+|$)(?<!\b[A-Za-z]\.\s)(?<!\b(?:Mr|Dr|St|Jr|Sr|No|vs)\.\s)"
    r"(?<!\b(?:Mrs|Inc|Ltd|etc)\.\s)"
)
_WHERE = re.compile(r"(?<=.) (?:at|on|in|from|during) (?:the |my |our )?[a-z]+$")
"""What is said of the place or time behind a value: "4417 at work"."""
_SOFT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?:wants?|wanted)(?= (?:me|us|you) to\b)|\bwould(?= be (?:my|our|the)\b)"), "will"),
    (re.compile(r"(?i)(?<=\?\s)(that|it|this)(?:['\u2019]d| would) be\b"), r"\1 is"),
    (re.compile(r"\bwas(?= [^,!?]{1,40} (?:all along|the whole time|all the time|from the start)\b)"), "is"),
    (re.compile(r"\bwant(?:s|ed)?(?= [^,]{1,40} (?:as|for|to be) (?:my|our|the)\b)"), "use"),
    (
        re.compile(r"(?i)\b((?:my|our|the) (?:new|current|latest|next) [\w -]{1,40}?)(?:['\u2019]d| would) be\b"),
        r"\1 is",
    ),
    (re.compile(r"\bhad(?= (?:my|our|the) [\w -]{1,40}(?:replaced|changed|switched|swapped|moved|set)\b)"), "got"),
    (re.compile(r"(?i)\b(?:instead|in place|in lieu) of (?:my|our|the) (?:old|previous|former)\b"), "for my"),
)
"""What a loose reading takes for assertions, each no longer than what it stands for: what they want me to use, what
would politely be, what I had changed, and what there is instead of the old one."""
_NO_VALUE = re.compile(
    r"(?:[Mm]y|[Oo]ur|[Yy]our|[Ss]ome|[Aa]ny|[Ee]ach|[Ee]very|[Tt]hese|[Tt]hose|[Ss]uch)\b|[Aa]n? (?!.*[A-Z\d])"
    r"|[a-z]+ing .* "
)
"""What speaks of something instead of naming it: "my way of life", "a dream come true", "growing the team"."""


class Stated(NamedTuple):
    """A value as written, or the news that there is none any more (`ends`, `value` empty); `span`: its offsets."""

    value: str
    ends: bool
    span: tuple[int, int]


def stated(
    text: str,
    what: str,
    *,
    owner: str | None = None,
    speaker: str | None = None,
    loosely: bool = False,
    changing: bool = False,
) -> Stated | None:
    """Return what `text` says that `what` (a noun phrase: "locker code") is from now on; None where it says nothing.

    `loosely`: where no rule fits, what a text that speaks of news leaves over is the value; of a thing that is known to
    be `changing`, any text's that asserts something.

    `owner` is whose it is, as a `Key.subject`: what is "mine" counts if `speaker` is the owner. Without an owner it is
    the speaker's or nobody's, whoever speaks. The last statement of a text wins. The first `SCAN_LIMIT` characters are
    read, O(length).
    """
    words = tuple(attribute(what).split())
    if not words:
        return None
    me = subject(speaker) if speaker else SELF
    mine = owner is None or owner == me
    whose = me if owner is None else owner
    text = text[:SCAN_LIMIT]
    cuts = [0, *(found.end() for found in _SENTENCE.finditer(text)), len(text)]
    pieces = [(start, end) for start, end in pairwise(cuts) if end > start and not text[start:end].isspace()]
    pieces = _around(text.lower(), pieces, words[-1])
    found = read([tagged(text, *piece, words, whose, mine=mine) for piece in pieces])
    if found is None and pieces and has_dates(text):  # a date may be the value
        found = read([tagged(text, *piece, words, whose, mine=mine, dated=True) for piece in pieces])
    if found is None and loosely:
        soft = _softened(text)
        sentences = [tagged(soft, *piece, words, whose, mine=mine) for piece in pieces]
        found = _stated_loose.read(text, sentences, news=not changing)
    if found is None:
        return None
    span = found
    value = _WHERE.sub("", text[span[0] : span[1]])
    span = span[0], span[0] + len(value)
    if _NO_VALUE.match(value) and not changing:
        return None
    return Stated(value.strip("\"'\u201c\u201d\u2018\u2019*"), not value, span)


def _softened(text: str) -> str:
    for said, meant in _SOFT:
        parts, at = [], 0
        for found in said.finditer(text):
            parts += [text[at : found.start()], found.expand(meant).ljust(len(found[0]))]
            at = found.end()
        text = "".join([*parts, text[at:]])
    return text


def is_name(attribute: str) -> bool:
    """Say whether a key is the name of a thing: "locker code" is, "jot this down" is not."""
    return all(LEXICON.get(word, "V") in "VEe" for word in attribute.split())


def _around(text: str, pieces: list[tuple[int, int]], head: str) -> list[tuple[int, int]]:
    """Return the sentences that may name the thing, by how its noun begins, and their neighbours, to spare the rest."""
    begins = ("au", "wr") if head == "writer" else (head[:2],)  # the key of "author"
    named = [any(text.find(begin, *piece) >= 0 for begin in begins) for piece in pieces]
    near = zip([False, *named], named, [*named[1:], False], strict=False)
    return [piece for piece, sides in zip(pieces, near, strict=True) if any(sides)]
