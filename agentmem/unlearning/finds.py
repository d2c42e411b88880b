"""What a part of a selector found in a memory, and how two such finds combine."""

from __future__ import annotations

from typing import NamedTuple

from agentmem.types import MemoryId
from agentmem.unlearning.clauses import Span, common, merged
from agentmem.unlearning.selector import ASKED, SELECTED


class Find(NamedTuple):
    """How sure it is that a memory is meant, why, and which `spans` of its text; none: all of it.

    `values` are the spans of the values within it, where it was found for what it says of somebody, and `length` is
    that of the text where either is given.
    """

    confidence: float
    why: str
    spans: tuple[Span, ...] = ()
    values: tuple[Span, ...] = ()
    length: int = 0

    @property
    def whole(self) -> tuple[Span, ...]:
        """The whole text as a span."""
        return ((0, self.length),)

    def or_(self, other: Find) -> Find:
        """Return what is known when either is meant: the surer one; of two as sure, both parts."""
        first, second = (self, other) if self.confidence >= other.confidence else (other, self)
        if _band(first) != _band(second):
            return first
        spans = merged(first.spans + second.spans) if first.spans and second.spans else ()
        return first._replace(spans=spans, values=merged(first.values + second.values))

    def and_(self, *others: Find) -> Find:
        """Return what is known when all are meant: as sure as the least sure, the part that they share."""
        find = self
        for other in others:
            least = min(find, other, key=lambda f: f.confidence)
            spans = common(find.spans, other.spans) if find.spans and other.spans else find.spans or other.spans
            apart = bool(find.spans and other.spans and not spans)
            find = Find(
                min(least.confidence, ASKED - 0.1) if apart else least.confidence,
                f"{find.why} and {other.why}",
                spans,
                find.values or other.values,
                max(find.length, other.length),
            )
        return find


Finds = dict[MemoryId, Find]


def _band(find: Find) -> int:
    return (find.confidence >= ASKED) + (find.confidence >= SELECTED)
