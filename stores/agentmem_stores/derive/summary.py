"""Summaries in levels: of each session, day and thread, and of all, in sentences that were really said.

Rolling, hierarchical summaries read coarse first and then in detail are HEMA's and HCAM's idea (Ahn, 2025; Lampinen et
al., 2021); here they are extractive, so no word is invented, and each names exactly the memories that it quotes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agentmem.errors import InputError
from agentmem.protocols import Deriver
from agentmem.types import Draft, Memory
from agentmem_stores.derive._asking import SETTINGS, Form, with_model
from agentmem_stores.derive._extractive import best
from agentmem_stores.derive._sessions import said, session, spoken


class Level(NamedTuple):
    """How long a summary may be: sentences, and words of all of them."""

    sentences: int
    words: int


LEVELS = {"session": Level(3, 60), "day": Level(2, 40), "thread": Level(6, 120), "all": Level(8, 160)}


FORM = Form(
    "summary",
    "Write one item that sums the turns up in one sentence, or in two where they are about several things: who did, "
    "said, decided or plans what, and when.",
    "summary",
    whole=True,
)


class Summary:
    """Summaries of the levels that are wanted, and of a thread what it is about in one sentence (`rolling`)."""

    def __init__(self, levels: Sequence[str]) -> None:
        self.levels = tuple(levels)

    def scopes(self, memory: Memory) -> list[str]:
        """Return the session, the day, the thread, and all."""
        if not said(memory):
            return []
        names = {
            "session": f"session {session(memory)}",
            "day": f"day {memory.said_at:%Y-%m-%d}",
            "thread": f"thread {memory.thread}",
            "all": "all",
        }
        return [names[level] for level in self.levels]

    def derive(self, scope: str, members: Sequence[Memory]) -> list[Draft]:
        """Return one summary; none where nothing is worth keeping, or a level below says the same."""
        level = scope.partition(" ")[0]
        if _one_below(level, members):
            return []
        quotable = list(spoken(members))
        chosen = [quotable[n] for n in best([sentence for _, sentence in quotable], *LEVELS[level])]
        if not chosen:
            return []
        text = " ".join(f"{memory.speaker}: {sentence}" if memory.speaker else sentence for memory, sentence in chosen)
        parents = tuple(dict.fromkeys(memory.id for memory, _ in chosen))
        return [Draft(text, kind="summary", said_at=members[-1].said_at, parents=parents, metadata={"level": level})]


def _one_below(level: str, members: Sequence[Memory]) -> bool:
    """Say whether a level has but one scope of a level below it, which says the same already."""
    if level == "session":
        return False
    return len({session(m) for m in members}) == 1 or (level == "all" and len({m.thread for m in members}) == 1)


def make(config: Mapping[str, Any]) -> Deriver:
    """Make the deriver; {"levels": ["session", "thread"]} chooses among session, day, thread and all.

    By default there are all; with {"ask": an Ask, "budget": a Budget} a model writes, by default of sessions alone.
    """
    levels = config.get("levels", tuple(LEVELS) if config.get("ask") is None else ("session",))
    settings = {name: value for name, value in config.items() if name != "levels"}
    if unknown := [level for level in levels if level not in LEVELS] or sorted(set(settings) - set(SETTINGS)):
        raise InputError(f"the deriver summary knows no {unknown[0]!r}; its levels are {', '.join(LEVELS)}")
    return with_model(Summary(levels), FORM, settings)
