"""What derivers share: a session is what was said in one thread on one day; texts are made of sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agentmem.types import PRIMARY, Memory

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


def spoken(memories: Sequence[Memory]) -> Iterator[tuple[Memory, str]]:
    """Yield each sentence with the memory that it is of."""
    for memory in memories:
        for sentence in sentences(memory.text):
            yield memory, sentence
