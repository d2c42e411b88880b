"""A `View` of a few memories, for tests of forget requests: rule cues, search by shared words, no space, no model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from agentmem.encoding.cues import rule_cues
from agentmem.encoding.slots import read_slots
from agentmem.encoding.words import terms
from agentmem.types import Cues, Draft, Hit, Memory, Slot


class ListedView:
    """Memories made of drafts, a minute apart, with the ids "m0", "m1", ...; texts and mappings stand for drafts."""

    def __init__(self, drafts: Sequence[Draft | str | dict[str, Any]], now: datetime) -> None:
        self._memories = [
            self._memory(n, _draft(d), now - timedelta(minutes=len(drafts) - n)) for n, d in enumerate(drafts)
        ]

    def memories(self) -> list[Memory]:
        """Return the memories, in order."""
        return self._memories

    def search(self, text: str, k: int, /) -> list[Hit]:
        """Return the memories that share most stems with a text; none that shares none."""
        wanted = set(terms(text))
        hits = [Hit(m.id, float(len(wanted & set(terms(m.text))))) for m in self._memories]
        return sorted((h for h in hits if h.score), key=lambda h: -h.score)[:k]

    def _memory(self, number: int, draft: Draft, moment: datetime) -> Memory:
        said_at = draft.said_at or moment
        cues = rule_cues(draft.text, said_at)
        slots = tuple(Slot(s.subject, s.attribute, s.value, s.ends) for s in read_slots(draft.text, draft.speaker))
        return Memory(
            id=f"m{number}",
            seq=number,
            kind=draft.kind,
            text=draft.text,
            speaker=draft.speaker,
            thread=draft.thread,
            position=number,
            said_at=said_at,
            stored_at=moment,
            valid_from=draft.valid_from,
            valid_to=draft.valid_to,
            cues=Cues(cues.entities, cues.when, slots),
            parents=draft.parents,
            metadata=draft.metadata,
            origin=draft.origin,
        )


def _draft(given: Draft | str | dict[str, Any]) -> Draft:
    if isinstance(given, Draft):
        return given
    return Draft(given) if isinstance(given, str) else Draft(**given)
