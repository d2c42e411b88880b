"""What agentmem itself reads in passages that come without ready triples: whom they name, and facts by rule.

A passage names its title, without what stands behind it in brackets ("Mercury (planet)" is Mercury), and the entities
that `find_entities` finds; its slots tie subject and value. Rules read some facts more. No model is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from agentmem.encoding.cues import find_entities
from agentmem.encoding.extraction import rule_facts
from agentmem.encoding.slots import read_slots
from agentmem.formats.hipporag import Passage, Triple
from agentmem.types import Cues, Memory, Slot

_BRACKETS = re.compile(r"\s*\([^()]*\)$")


@dataclass(frozen=True, slots=True)
class Read:
    """What was read in a passage: its cues, and facts with the sentences that say them."""

    cues: Cues
    facts: tuple[tuple[Triple, str], ...] = ()


def read(passages: Sequence[Passage], moment: datetime) -> Iterator[Read]:
    """Yield what is read in each passage, in order; a passage's reading depends on that passage alone."""
    for number, passage in enumerate(passages):
        title = _BRACKETS.sub("", passage.title) or passage.title
        slots = tuple(Slot(s.subject, s.attribute, s.value, s.ends) for s in read_slots(passage.text))
        cues = Cues(entities=(title, *find_entities(passage.text)), slots=slots)
        memory = Memory(str(number), number, "note", passage.text, None, "main", number, moment, moment)
        yield Read(cues, tuple((fact.triple, fact.text) for fact in rule_facts([memory])))
