"""What holds, as members of a scope say it one after another: each slot they fill is one of four operations on it.

    append   nothing was known of the slot
    pass     the same is said again
    replace  another value is said, which holds from then on
    delete   the value is said to hold no more

These are the operations of Keep Me Updated! (Bae et al., EMNLP 2022), and rewriting what a new text contradicts is what
ERASE does to a whole store (Li et al., 2024); here they are worked out anew from what was said, so whoever forgets the
newer value has the older one back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from agentmem.types import Memory, Slot

Operation = Literal["append", "pass", "replace", "delete"]


class Held(NamedTuple):
    """A value that holds: the slot as last said, since when, and the memories that say so, oldest first."""

    slot: Slot
    since: datetime
    said: tuple[Memory, ...]


class Step(NamedTuple):
    """What one memory did to one slot: what held before (None: nothing) and what holds then (None: nothing)."""

    operation: Operation
    memory: Memory
    before: Held | None
    after: Held | None


def steps(members: Sequence[Memory], subject: str) -> Iterator[Step]:
    """Yield what members do, one after another, to the slots of a subject (a key of `cues.slots`)."""
    held: dict[str, Held] = {}
    for memory in sorted(members, key=lambda m: (since(m), m.seq)):
        for slot in _slots(memory, subject):
            before = held.get(slot.attribute)
            if slot.ends:
                if before is not None and (not slot.value or same(slot.value, before.slot.value)):
                    yield Step("delete", memory, held.pop(slot.attribute), None)
                continue
            again = before is not None and same(slot.value, before.slot.value)
            after = Held(slot, since(memory), (memory,))
            if before is not None and again:
                after = Held(slot, before.since, before.said if memory in before.said else (*before.said, memory))
            held[slot.attribute] = after
            yield Step("append" if before is None else "pass" if again else "replace", memory, before, after)


def holding(members: Sequence[Memory], subject: str) -> dict[str, Step]:
    """Return the last step of each slot of a subject that has a value now, by attribute, in the order of filling."""
    last: dict[str, Step] = {}
    for step in steps(members, subject):
        for held in (step.before, step.after):
            if held is not None:
                last.pop(held.slot.attribute, None)
        if step.after is not None:
            last[step.after.slot.attribute] = step
    return last


def since(memory: Memory) -> datetime:
    """Return the moment from which a memory says how things are."""
    return memory.valid_from or memory.said_at


def same(one: str, other: str) -> bool:
    """Say whether two values are the same, but for case and space."""
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())


def core(value: str) -> str:
    """Return a value without what goes on behind it: "4417, before I forget it", "Lisbon and work as a nurse"."""
    return _BEHIND_NAME.sub(r"\1", _BEHIND.sub("", value)).strip() or value


_BEHIND = re.compile(r"(?<=\w),? (?:because|before|so that|since|while|although)\b.*|(?<=\w), (?=[a-z]).*", re.DOTALL)
_BEHIND_NAME = re.compile(r"^([A-Z][\w'-]*(?: [A-Z][\w'-]*)*),? (?:and|but|where) [a-z].*", re.DOTALL)


def _slots(memory: Memory, subject: str) -> list[Slot]:
    """Return the slots of a subject, without those that another of them says, and those that say what lies ahead.

    Whoever moves to a town lives there and is there; whoever goes there next month is not there yet.
    """
    ahead = memory.cues.when is not None and memory.cues.when.start > memory.said_at
    mine = [slot._replace(value=core(slot.value)) for slot in memory.cues.slots if slot.subject == subject]
    homes = {slot.value for slot in mine if slot.attribute == "home"}
    return [slot for slot in mine if slot.attribute != "place" or not (ahead or slot.value in homes)]
