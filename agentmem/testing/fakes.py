"""Memories and queries out of thin air, the same in every process: what tests of stores put in and ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from agentmem.encoding.encoder import by_rule
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.encoding.quantise import decode, quantise
from agentmem.errors import VectorError
from agentmem.protocols import Deriver
from agentmem.types import Memory, MemoryId, Query, Tier, Vectors

__all__ = [
    "DIM", "WORDS", "HashEmbedder", "compressed", "derive_all", "fake_id", "make_memories", "make_memory", "make_query",
    "make_talk", "unit_rows", "vector_of",
]  # fmt: skip

DIM = 32
"""Length of the fakes' vectors."""

WORDS = (
    "kiwi", "zulu", "tango", "banjo", "mango", "gizmo", "turbo", "yoyo",
    "judo", "pogo", "disco", "bingo", "lasso", "polka", "rumba", "safari",
)  # fmt: skip
"""Words that are their own stems and nobody's stop words."""

_START = datetime(2024, 1, 1, 12, tzinfo=UTC)


def fake_id(number: int) -> MemoryId:
    """Return the ULID that a memory of that number has; larger numbers sort behind."""
    return f"01{number:024d}"


def make_memory(number: int, text: str | None = None, **changes: Any) -> Memory:
    """Return a turn with a vector of its text; the text always holds the word "memory" unless it is given.

    `changes` are fields of `Memory`; `vector=None` leaves the vector out.
    """
    if text is None:
        text = f"memory {WORDS[number % len(WORDS)]} number{number}"
    said_at = _START + timedelta(minutes=number % 1_000_000)
    memory = Memory(fake_id(number), number, "turn", text, "Ann", "main", number, said_at, said_at)
    return replace(memory, **{"vector": None if "vector" in changes else vector_of(text), **changes})


def make_talk(*lines: str, days: float = 1) -> list[Memory]:
    """Return turns of "speaker: text" lines, encoded by rule and some days apart, the first on 3 March 2025."""
    turns = []
    for number, line in enumerate(lines, 1):
        who, _, text = line.partition(": ")
        said_at = datetime(2025, 3, 3, 9, tzinfo=UTC) + timedelta(days=days) * (number - 1)
        turn = make_memory(number, text, speaker=who, said_at=said_at, stored_at=said_at)
        turns.append(replace(turn, cues=by_rule(turn, vector_of(text)).cues))
    return turns


def derive_all(deriver: Deriver, members: Sequence[Memory]) -> dict[str, list[str]]:
    """Return what a deriver makes of memories, scope by scope: each text, and the texts of its parents."""
    texts = {memory.id: memory.text for memory in members}
    read: dict[str, list[Memory]] = {}
    for memory in members:
        for scope in deriver.scopes(memory):
            read.setdefault(scope, []).append(memory)
    drafts = [draft for scope, of in read.items() for draft in deriver.derive(scope, of)]
    return {draft.text: [texts[parent] for parent in draft.parents] for draft in drafts}


def compressed(memory: Memory, tier: Tier) -> Memory:
    """Return a memory as the ledger gives it back once its vector was compressed to a tier."""
    if memory.vector is None:
        raise VectorError(f"memory {memory.id} has no vector that could be compressed; make it with one")
    code = quantise(memory.vector[None], tier)
    return replace(memory, vector=decode(code)[0], code=code)


def make_memories(count: int, start: int = 0) -> list[Memory]:
    """Return memories numbered from `start`; all share the word "memory" and every sixteenth one more."""
    return [make_memory(number) for number in range(start, start + count)]


def make_query(text: str, allowed: Sequence[MemoryId] | None = None) -> Query:
    """Return a query with the vector of its text, for all memories or those allowed."""
    return Query(text, vector_of(text), None if allowed is None else frozenset(allowed))


def vector_of(text: str) -> Vectors:
    """Return the (DIM,) unit vector of a text; texts that share words lie close."""
    row: Vectors = _embedder()([text])[0]
    return row


def unit_rows(count: int, dim: int = DIM, seed: int = 0) -> Vectors:
    """Return (count, dim) random float32 rows of unit length."""
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


@cache
def _embedder() -> HashEmbedder:
    return HashEmbedder(DIM)
