"""What derivers share: a session is what was said in one thread on one day; texts are made of sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from agentmem.types import PRIMARY, Memory

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
"""In English, whatever the locale: what is derived must not depend on where it is derived."""

_CLAUSE = re.compile(
    r"[;\n]|, ?(?:and|but|so|yet)\b|\s(?:and|but)\s(?=I\b)|\s[-\u2013\u2014]+\s|,(?= (?:I|my)\b)", re.IGNORECASE
)
_END = re.compile(r"(?<=[.!?])[\"')\u201d]*\s+(?=[A-Z\d\"'(\u201c])|\n+")


def said(memory: Memory) -> bool:
    """Say whether a memory is something that was said or noted, not derived."""
    return memory.kind in PRIMARY and not memory.parents


def session(memory: Memory) -> str:
    """Return the name of the session that a memory belongs to."""
    return f"{memory.thread}, {memory.said_at:%Y-%m-%d}"


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, stripped, without empty ones."""
    return [part.strip() for part in _END.split(text) if part.strip()]


def clauses(text: str) -> list[str]:
    """Return the clauses of a text that stand for themselves, stripped, each with the sign at its end."""
    return [part.strip() for sentence in sentences(text) for part in _CLAUSE.split(sentence) if part.strip()]


def on(moment: datetime) -> str:
    """Return a day in words: "4 March 2025"."""
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def spoken(memories: Sequence[Memory]) -> Iterator[tuple[Memory, str]]:
    """Yield each sentence with the memory that it is of."""
    for memory in memories:
        for sentence in sentences(memory.text):
            yield memory, sentence
