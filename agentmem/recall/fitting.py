"""What fits into a prompt: how many tokens a memory takes, and how much of what was recalled goes into so many."""

from __future__ import annotations

from agentmem.types import Evidence, Memory


def tokens(memory: Memory) -> int:
    """Estimate the tokens a memory takes in a prompt with date and speaker: a quarter of its UTF-8 bytes, and eight."""
    return -(-len(memory.text.encode()) // 4) + 8


def within(evidence: list[Evidence], max_tokens: int | None) -> list[Evidence]:
    """Return what fits into `max_tokens` in all, best first, passing over what is too long; None: everything."""
    if max_tokens is None:
        return evidence
    kept, left = [], max_tokens
    for e in evidence:
        cost = tokens(e.memory)
        if cost <= left:
            kept.append(e)
            left -= cost
    return kept
