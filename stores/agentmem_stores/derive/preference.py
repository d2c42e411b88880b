"""What each person likes and dislikes, from a sliding window and a moving average, and when it changed (PAMU).

How a taste is worked out from what was said: `_tastes`. With the setting `ask`, a model reads what each person said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentmem.protocols import Deriver
from agentmem.types import Draft, Memory
from agentmem_stores.derive._asking import Form, with_model
from agentmem_stores.derive._liking import likings
from agentmem_stores.derive._sessions import said
from agentmem_stores.derive._tastes import preferences

FORM = Form(
    "preference",
    "All turns are of one speaker. Write each thing that this person likes, prefers, dislikes or avoids as an item. "
    "Where that changed, say what it is now and until when it was otherwise.",
    "preference",
    scopes=lambda memory: [f"likes of {memory.speaker}"] if said(memory) and memory.speaker else [],
)


class Preference:
    """Likes and dislikes of each person."""

    def scopes(self, memory: Memory) -> list[str]:
        """Return who speaks, where something is said to be liked or disliked."""
        tastes = said(memory) and memory.speaker is not None and any(True for _ in likings(memory.text))
        return [f"likes of {memory.speaker}"] if tastes else []

    def derive(self, scope: str, members: Sequence[Memory]) -> list[Draft]:
        """Return a preference for each thing that is clearly liked or disliked, the sayings in order of time."""
        return preferences(scope.removeprefix("likes of "), members)


def make(config: Mapping[str, Any]) -> Deriver:
    """Make the deriver; with {"ask": an Ask, "budget": a Budget} a model reads what is liked."""
    return with_model(Preference(), FORM, config)
