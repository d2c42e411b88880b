"""A text without some of its parts, so that the rest still reads: signs, joining words and capitals at the cuts.

    without("I met Anna, and I like tea.", [(0, 10)])    "I like tea."

Away from the cuts nothing changes, not even blanks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentmem.unlearning.clauses import Span, merged

_JOINT = r"(?:and|but|or|nor|so|yet|while|whereas|because|although|though|which|who|also|then|plus)"
_HANGING = re.compile(rf"(?:[\s,;:\u2013\u2014-]+|(?<!\w){_JOINT}(?=\W*$))+$", re.IGNORECASE)
"""What a part ends in that leads to nothing any more: "I like tea, and"."""
_LEADING = re.compile(rf"^(?:[\s,;:\u2013\u2014-]|{_JOINT}\b(?!['\u2019]))+", re.IGNORECASE)
"""What a part begins with that goes on from nothing any more: ", and I like tea"."""
_CLOSED = re.compile(r"[.!?\u2026][\"'\u201d\u2019)]*$")
_SIGN = re.compile(r"^[,;:.!?\u2026)]")
_END = re.compile(r"[.!?\u2026]+[\"'\u201d\u2019)]*\s*$")
_PAIRS = ("()", "[]", '""', "\u201c\u201d")
_WORD = re.compile(r"\w")


def without(text: str, spans: Sequence[Span]) -> str:
    """Return the text without the spans, tidied where it was cut; empty where no word would be left."""
    cuts = [(max(start, 0), min(end, len(text))) for start, end in merged(spans)]
    cuts = [(start, end) for start, end in cuts if start < end]
    if not cuts:
        return text
    edges = [0, *(edge for cut in cuts for edge in cut), len(text)]
    kept = text[edges[0] : edges[1]]
    for start, end in zip(edges[2::2], edges[3::2], strict=True):
        kept = _joined(kept, text[start:end])
    if not _WORD.search(kept):
        return ""
    if cuts[-1][1] == len(text) or not text[cuts[-1][1] :].strip():
        kept = _ended(kept, text)
    return kept.strip()


def _joined(before: str, after: str) -> str:
    """Join what stands on both sides of a cut."""
    left, right = before.rstrip(), after.lstrip()
    while left and right and left[-1] + right[0] in _PAIRS:
        left, right = left[:-1].rstrip(), right[1:].lstrip()
    newline = "\n" if "\n" in before[len(left) :] or "\n" in after[: len(after) - len(right)] else ""
    if not right:
        return left
    if not left or _CLOSED.search(left) or newline:
        bare = _LEADING.sub("", right) if not left or _CLOSED.search(left) else right
        bare = re.sub(r"^[.!?\u2026]+\s*", "", bare)
        return f"{left}{newline or (' ' if left and bare else '')}{bare[:1].upper()}{bare[1:]}"
    if _SIGN.match(right):
        return _HANGING.sub("", left) + right
    hanging = _HANGING.search(left)
    if hanging and _LEADING.match(right):
        right = _LEADING.sub("", right)
    return f"{left} {right}"


def _ended(kept: str, text: str) -> str:
    """Give a text whose end was cut the end that it had."""
    bare = _HANGING.sub("", kept.rstrip())
    end = _END.search(text)
    return bare if _CLOSED.search(bare) or end is None else bare + end.group().strip()
