"""Clauses of a text, and arithmetic on spans: what to redact where only a part of a memory is meant.

A part can go alone only where the rest stands by itself: a clause that goes on speaking of the same person ("She moved
out in May.") goes with it, and where hardly anything would be left, the whole memory goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

Span = tuple[int, int]

LEAST_WORDS = 4
"""Words that must be left for the rest of a memory to be worth keeping."""

_CUT = re.compile(
    r"(?<=[.!?\u2026])(?<!\b[A-Z]\.)(?<!\b(?:Mr|Dr|St|Jr|Sr)\.)(?<!\bMrs\.)[\"\u201d')]?\s+(?=[^a-z\s])"
    r"|\n+|;\s+"
    r"|,\s+(?=(?:and|but|while|whereas|also)\s+(?:i|i'm|i've|we|you|he|she|they|it|my|our|your|his|her|their|the|[A-Z]\w+)\b)"
    r"|\s+(?=(?:and|but)\s+(?:my|our|your|his|her|their|the|[A-Z]\w+['\u2019]s)\s+(?:\w+\s+){1,4}?(?:is|are|was|were|has|will)\b)"
)
_GOES_ON = re.compile(
    r"\b(?:he|she|him|her|his|hers|they|them|their|theirs|himself|herself)\b"
    r"|^\W*(?:(?:and|but|so|also|then)\s+)?(?:it|this|that|these|those|which|who|so|then|there|because|too|both)\b",
    re.IGNORECASE,
)


def clauses(text: str) -> list[Span]:
    """Cut a text into sentences and the clauses that could be sentences; without gaps, in order."""
    cuts = [0, *(match.end() for match in _CUT.finditer(text)), len(text)]
    return [(start, end) for start, end in pairwise(cuts) if text[start:end].strip()]


def around(text: str, mentions: Iterable[Span]) -> tuple[Span, ...]:
    """Return the clauses that hold the mentions and those that go on about them; () where the whole text should go."""
    marks = list(mentions)
    parts = clauses(text)
    taken = [any(start < end_ and start_ < end for start_, end_ in marks) for start, end in parts]
    for n, (start, end) in enumerate(parts):
        if not taken[n] and any(taken) and _GOES_ON.search(text[start:end]):
            taken[n] = True
    left = " ".join(text[start:end] for (start, end), goes in zip(parts, taken, strict=True) if not goes)
    if all(taken) or len(re.findall(r"\w+", left)) < LEAST_WORDS:
        return ()
    return merged(span for span, goes in zip(parts, taken, strict=True) if goes)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the spans sorted, with those that touch made one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return tuple(found)


def minus(spans: Sequence[Span], kept: Sequence[Span]) -> tuple[Span, ...]:
    """Return the spans without what is kept."""
    left = list(merged(spans))
    for start, end in kept:
        left = [part for a, b in left for part in ((a, min(b, start)), (max(a, end), b)) if part[0] < part[1]]
    return merged(left)


def common(spans: Sequence[Span], others: Sequence[Span]) -> tuple[Span, ...]:
    """Return what two sets of spans share."""
    return merged((max(a, c), min(b, d)) for a, b in spans for c, d in others if max(a, c) < min(b, d))
