"""Who somebody is by a relation: whom the speaker calls "my ex", from slots and from names put beside it."""

from __future__ import annotations

import re

from agentmem.encoding._slot_words import subject as owner_of
from agentmem.encoding.slots import SELF
from agentmem.unlearning.known import Known
from agentmem.unlearning.names import fold

_NAME = r"(?P<name>[A-Z\u00c0-\u00de][\w'-]+(?: [A-Z\u00c0-\u00de][\w'-]+)?)"


def called(relation: str, known: Known, speaker: str | None) -> tuple[str, ...]:
    """Return the names of whom the speaker calls so ("my ex Anna", "Anna is my ex"), each once, as written.

    Without a speaker, anybody's "my" counts. A short name that is part of another found one is left out.
    """
    noun = r"ex(?:[- ](?:husband|wife|boyfriend|girlfriend|partner))?" if relation == "ex" else re.escape(relation)
    said = (
        re.compile(
            rf"\bmy {noun}(?:,| is| was| called| named| is called| was called|'s name is)?,? {_NAME}", re.IGNORECASE
        ),
        re.compile(rf"\b{_NAME},? (?:(?:is|was|who is|who was) )?my {noun}\b", re.IGNORECASE),
    )
    found: dict[str, str] = {}
    for memory in known.memories():
        if speaker is not None and memory.speaker is not None and fold(memory.speaker) != fold(speaker):
            continue
        own = {SELF, owner_of(memory.speaker) if memory.speaker else SELF}
        values = [s.value for s in memory.cues.slots if s.subject in own and re.fullmatch(noun, s.attribute)]
        values += [m["name"] for rule in said for m in rule.finditer(memory.text)]
        for value in values:
            name = re.match(_NAME, value.strip(" ."))
            if name is not None:
                found.setdefault(fold(name["name"]), re.sub(r"['\u2019]s$", "", name["name"]))
    return tuple(n for f, n in found.items() if not any(f != other and f in other.split() for other in found))
