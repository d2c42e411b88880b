"""Facts read out of memories: the value they are, what reads them (an extractor), and the one that needs no model.

A fact is subject, relation and object, with the memories that it was read from. Slots of the rules become facts that
hold one value at a time ("Ana Reyes's locker code is 4417"); simple relations become facts that do not. "I" and "my"
are the speaker. An ending ("I no longer live in Porto") gives no fact: the memory itself empties the slot.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agentmem import types
from agentmem.clock import aware
from agentmem.encoding._relations import UNNAMED, Relation, relations, third
from agentmem.encoding._slot_words import subject as key_of
from agentmem.encoding.dates import find_times
from agentmem.encoding.slots import Slot, read_slots
from agentmem.errors import InputError, LineageError
from agentmem.types import Memory, MemoryId

RULES = "rules"
"""What a fact of the rules names as its reader."""


CONTEXT = 4
"""Turns before those that are read, which an extractor may need to understand them."""


class ExtractionWarning(RuntimeWarning):
    """Something of an extraction went another way than asked, and was not lost; the message says what and why."""


@dataclass(frozen=True, slots=True)
class ExtractedFact:
    """What one or more memories say: subject, relation and object as written.

    `functional`: one value at a time, so a newer one supersedes it. `valid_from` and `valid_to` are aware, None where
    nothing is said. `parents` are the memories it was read from, never none. `confidence` in [0, 1] is what a model
    says of itself; rules say nothing of it. `by` is who read it. `sentence` says it in words, by default the three in a
    row.

    Raises InputError for empty parts and impossible numbers, LineageError without parents, TimeError for naive times.
    """

    subject: str
    relation: str
    object: str
    parents: tuple[MemoryId, ...]
    functional: bool = False
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    confidence: float | None = None
    by: str = RULES
    sentence: str = ""

    def __post_init__(self) -> None:
        if not (self.subject.strip() and self.relation.strip() and self.object.strip()):
            raise InputError(f"a fact has three parts, and one of {self.triple} is empty")
        if not self.parents:
            raise LineageError(f"{self.triple} names no memory that it was read from")
        if self.confidence is not None and not 0 <= self.confidence <= 1:
            raise InputError(f"confidence={self.confidence} must be between 0 and 1")
        for name in ("valid_from", "valid_to"):
            if (moment := getattr(self, name)) is not None:
                aware(moment, name)

    @property
    def triple(self) -> tuple[str, str, str]:
        """Subject, relation, object."""
        return (self.subject, self.relation, self.object)

    @property
    def text(self) -> str:
        """The fact as a sentence."""
        return self.sentence or " ".join(self.triple)

    @property
    def digest(self) -> str:
        """What is the same for facts that say the same, compared without case and space: 32 hexadecimal digits."""
        folded = [" ".join(part.casefold().split()) for part in self.triple]
        return hashlib.sha256(json.dumps(folded).encode()).hexdigest()[:32]


class FactExtractor(Protocol):
    """Reads facts out of turns. `name` goes into every fact."""

    @property
    def name(self) -> str:
        """What is named as the reader of its facts."""
        ...

    def __call__(self, turns: Sequence[Memory], context: Sequence[Memory] = (), /) -> list[ExtractedFact]:
        """Return the facts of `turns`, which follow one another in a thread; `context` are those before them."""
        ...


class RuleExtractor:
    """The extractor without a model. It reads each turn on its own."""

    name = RULES

    def __call__(self, turns: Sequence[Memory], context: Sequence[Memory] = (), /) -> list[ExtractedFact]:  # noqa: ARG002 - the protocol's
        """Return what `rule_facts` reads."""
        return rule_facts(turns)


def rule_facts(memories: Sequence[Memory]) -> list[ExtractedFact]:
    """Return the facts that rules read out of memories, in their order, each once a memory."""
    facts: list[ExtractedFact] = []
    for memory in memories:
        said = tuple(relations(memory.text, memory.speaker))
        held = list(_of_slots(memory, said))
        pairs = {(fact.subject, fact.object) for fact in held}
        free = [_of_relation(memory, r) for r in said if (r.subject, r.object) not in pairs]
        once: dict[str, ExtractedFact] = {}
        for fact in (*held, *free):
            once.setdefault(fact.digest, fact)
        facts += once.values()
    return facts


_IN_WORDS = {
    "home": "lives in",
    "place": "is in",
    "employer": "works at",
    "job": "works as",
}
"""Attributes that a verb says, where the sentence is read as the same slot again."""


_NO_VALUE = re.compile(r"(?:and|but|or|so|which|because|if|when|while|can['\u2019]t|hard)\b", re.IGNORECASE)
"""How what a slot rule took for a value begins where it is another clause, or no thing."""


def _of_slots(memory: Memory, said: Sequence[Relation]) -> Iterator[ExtractedFact]:
    read = read_slots(memory.text, memory.speaker)
    homes = {(slot.subject, slot.value, slot.span) for slot in read if slot.attribute == "home"}
    for slot in read:
        # whoever moves to a town lives there and is there: one fact says it
        doubled = slot.attribute == "place" and (slot.subject, slot.value, slot.span) in homes
        if slot.ends or doubled or not slot.value.strip() or _NO_VALUE.match(slot.value):
            continue
        if (fact := _of_slot(memory, slot, said)) is not None:
            yield fact


def in_words(memory: Memory, slot: types.Slot) -> str | None:
    """Return a sentence that says one slot of a memory, and from which the rules read it again; None for none."""
    read = Slot(slot.subject, slot.attribute, slot.value)
    if not slot.value.strip() or _NO_VALUE.match(slot.value):
        return None
    return next((sentence for _, _, sentence in _sayings(memory, read, "", ()) if _says(sentence, read)), None)


def _says(sentence: str, slot: Slot) -> bool:
    """Say whether the rules read a slot from a sentence that names everybody it speaks of."""
    again = {(slot.key, slot.value) for slot in read_slots(sentence)}
    return not UNNAMED.search(sentence) and (slot.key, slot.value) in again


def _of_slot(memory: Memory, slot: Slot, said: Sequence[Relation]) -> ExtractedFact | None:
    """Return the fact of a slot, in a sentence from which the rules read the same slot again; None for no such one.

    A slot that cannot be said in a sentence was read from words that are none of it.
    """
    clause = memory.text[slice(*slot.span)]
    for who, relation, sentence in _sayings(memory, slot, clause, said):
        if _says(sentence, slot):
            since = _since(clause, slot.value, memory.said_at)
            parents = (memory.id,)
            return ExtractedFact(
                who, relation, slot.value, parents, functional=True, valid_from=since, sentence=sentence
            )
    return None


def _sayings(memory: Memory, slot: Slot, clause: str, said: Sequence[Relation]) -> Iterator[tuple[str, str, str]]:
    """Yield subject, relation and sentence in which a slot may be said, the most natural first."""
    if not slot.subject:
        yield slot.attribute, "is", f"The {slot.attribute} is {slot.value}"
        if re.match(rf"{re.escape(slot.attribute)}\s*(?:[:=]|->)", clause, re.IGNORECASE):
            yield slot.attribute, "is", f"{slot.attribute}: {slot.value}"
        return
    who = _as_written(slot.subject, memory)
    verbs = [r.relation for r in said if (r.subject, r.object) == (who, slot.value)]
    verbs += [_IN_WORDS[slot.attribute]] if slot.attribute in _IN_WORDS else []
    between = re.search(rf"\b(?:I|[Ww]e|{re.escape(who)}) ((?:[a-z]+ ){{1,5}}){re.escape(slot.value)}", clause)
    verbs += [between[1].strip(), third(between[1].strip())] if between else []
    for verb in verbs:
        yield who, verb, f"{who} {verb} {slot.value}"
    yield who, slot.attribute, f"{who}'s {slot.attribute} is {slot.value}"


def _as_written(key: str, memory: Memory) -> str:
    """Return who a slot's subject is, as the text or the speaker's name writes it."""
    if memory.speaker and (speaker := key_of(memory.speaker)):
        if key == speaker:
            return memory.speaker
        if key.startswith(f"{speaker} "):  # my sister
            return f"{memory.speaker}'s {key.removeprefix(speaker).strip()}"
    found = re.search(rf"(?<!\w){re.escape(key)}(?!\w)", memory.text, re.IGNORECASE)
    return found[0] if found else key


def _of_relation(memory: Memory, said: Relation) -> ExtractedFact:
    thing = _timeless(said.object, memory.said_at)
    since = _since(said.clause, thing, memory.said_at)
    return ExtractedFact(said.subject, said.relation, thing, (memory.id,), valid_from=since)


def _timeless(value: str, said_at: datetime) -> str:
    """Return a value without the time at its end, which is none of the thing's name: "the Louvre in May 2023"."""
    times = find_times(value, said_at)
    if not times or times[-1].end_char < len(value):
        return value
    return _BEFORE_TIME.sub("", value[: times[-1].start_char]) or value


def _since(clause: str, value: str, said_at: datetime) -> datetime | None:
    """Return since when it is so, where the clause says so ("since 2016", "last week") and that is past when said.

    A value that is a time itself ("my deadline is 1 March") says nothing of when it came to hold.
    """
    place = clause.find(value)
    for time in find_times(clause, said_at):
        before = f" {clause[place : time.start_char]}"
        its_value = 0 <= place <= time.start_char < place + len(value) and not _BEFORE_TIME.sub("", before)
        if time.kind in {"since", "point"} and time.interval.start < said_at and not its_value:
            return time.interval.start
    return None


_BEFORE_TIME = re.compile(r"(?:[ ,]+(?:in|on|at|the|since|from|by|around|during))*[ ,]*$")
"""What leads from a thing to a time."""
