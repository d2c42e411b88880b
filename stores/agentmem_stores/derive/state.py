"""What holds now of each subject: appended, confirmed, replaced and deleted as it is said (Keep Me Updated!, ERASE).

One fact for each slot that has a value: "Ana's locker code is 0093". Its parents are the memories that say so since the
value was last another; what held before is not told here (see `surprises`), and what is said to have ended is gone.
Operations: Bae et al., EMNLP 2022; Li et al., 2024.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agentmem.encoding.extraction import in_words
from agentmem.errors import InputError
from agentmem.types import Draft, Memory
from agentmem_stores.derive._holding import Step, holding
from agentmem_stores.derive._sessions import said

LONGEST = 6
"""Words of a value; what is longer is a clause."""
_EXACT = re.compile(r"[A-Z\d\"']")
"""What values have in them that are names, numbers or codes."""


class State:
    """Facts of what holds now, of each subject."""

    def scopes(self, memory: Memory) -> list[str]:
        """Return the subjects of which a memory says how things are."""
        subjects = dict.fromkeys(slot.subject for slot in memory.cues.slots)
        return [f"subject {subject}" for subject in subjects] if said(memory) else []

    def derive(self, scope: str, members: Sequence[Memory]) -> list[Draft]:
        """Return a fact for each slot that has a value which can be said in a sentence."""
        steps = holding(members, scope.removeprefix("subject "))
        return [draft for step in steps.values() if (draft := _draft(step)) is not None]


def _draft(step: Step) -> Draft | None:
    held = step.after
    if held is None or not _tells(held.slot.value) or (text := in_words(held.said[-1], held.slot)) is None:
        return None
    slot, last = held.slot, held.said[-1]
    return Draft(
        text,
        kind="fact",
        speaker=last.speaker,
        said_at=last.said_at,
        valid_from=held.since,
        parents=tuple(memory.id for memory in held.said),
        metadata={
            "subject": slot.subject,
            "attribute": slot.attribute,
            "value": slot.value,
            "operation": step.operation,
        },
    )


def _tells(value: str) -> bool:
    """Say whether a value is a thing, and not what somebody thinks of it."""
    count = len(value.split())
    return count <= LONGEST and (count <= 2 or _EXACT.search(value) is not None)


def make(config: Mapping[str, Any]) -> State:
    """Make the deriver; it has no settings."""
    if config:
        raise InputError(f"the deriver state knows no setting {min(config)!r}; it has none")
    return State()
