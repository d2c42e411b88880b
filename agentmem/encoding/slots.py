"""Slots: what a text says of somebody or something that holds one value at a time, read by rules of English.

"My locker code is now 4417", "locker code: 4417" and "I changed my locker code to 4417" fill one slot; "I no longer
live in Porto" empties one. `read_slots` reads statements, `asked_slot` questions, and both make the same keys, so that
a newer value can be set against the older ones: `latest` says which value holds when.

The rules are English grammar: who ("my", "Ana's", "of Ana"), what, and a verb of being or of change. They follow "it"
to the clause before and no further, do not know which attributes may hold several values at once ("my favourite song"),
and miss what is said in other ways: they were fitted to four sets of twelve phrasings, and each set, when it was new,
scored far lower than after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from agentmem.encoding._slot_relations import endings, linked, places, related
from agentmem.encoding._slot_rules import Found, being, changes, pairs, values
from agentmem.encoding._slot_words import SELF, Key

__all__ = [
    "SELF",
    "Fact",
    "Held",
    "Key",
    "Slot",
    "State",
    "as_own",
    "as_written",
    "asked_known",
    "asked_loosely",
    "asked_slot",
    "latest",
    "likely_slots",
    "named_slots",
    "read_slots",
]

SCAN_LIMIT = 20_000
"""Characters of a text that are read; a longer one is a document, not a turn."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One value that a text gives: `subject` and `attribute` are keys, `value` is as written.

    `ends`: the text says that the value holds no more; no new one is given. `span` are the offsets of the clause.
    """

    subject: str
    attribute: str
    value: str
    ends: bool = False
    span: tuple[int, int] = (0, 0)

    @property
    def key(self) -> Key:
        """Whose slot, and which."""
        return Key(self.subject, self.attribute)


_RULES: tuple[tuple[frozenset[str], Callable[[str, str | None], Iterator[Found]]], ...] = (
    (frozenset(), pairs),
    (frozenset(("where", "which", "that", "who")), related),
    (
        frozenset(
            re.findall(
                r"\w\S*",
                """changed change changing update updated switch switched switching set reset renamed moved replaced
                it it's it\u2019s is one bumped raised lowered went corrected adjusted transferred migrated upgraded
                changes for""",
            )
        ),
        changes,
    ),
    (frozenset(("longer", "more", "anymore", "stopped", "quit")), endings),
    (
        frozenset(
            ("as", "for", "make", "made", "new", "replaced", "now", "current", "latest", "today", "from", "will")
        ),
        values,
    ),
    (frozenset(("is", "are", "be", "became", "become", "becomes", "reads")), being),
    (
        frozenset(
            re.findall(
                r"\w+",
                """in to at into near up down got grabbed took has holds gave dropped discarded left lost found""",
            )
        ),
        places,
    ),
    (
        frozenset(re.findall(r"\w+", """by in at with of for to from on works plays speaks leads runs owns married""")),
        linked,
    ),
)
"""Each rule with the words of which it needs one, so that small talk costs little; "key: value" needs its sign."""
_CLAUSES = re.compile(
    r"[;\n]+\s*|(?<=[.!?])(?<!\b[A-Z]\.)(?<!\b(?:Mr|Dr|St|Jr|Sr)\.)(?<!\b(?:Mrs|Inc|Ltd)\.)\s+"
    r"(?=[A-Z\"\u201c\u2018(\d])"
)
_OPENING = re.compile(
    r"(?:(?:so|and|but|well|oh|ok|okay|yes|yeah|hey|hi|also|actually|anyway|please|correction|update"
    r"|fyi|btw|by the way|just so you know|note to self|please note|note|remember|starting (?:today|now"
    r"|tomorrow)|you should know|as of (?:now|today|yesterday|tomorrow)"
    r"|heads up|reminder|for the record|good news|from now on|today|yesterday|recently|currently|now|i think|i believe"
    r"|it turns out|turns out|they said|then|after that|afterwards|following that)[,:!]? (?:that )?)+",
    re.IGNORECASE,
)


_GOES_ON = re.compile(r"(?:it['\u2019]s|it is|the new one|now it|this time|that['\u2019]s)\b", re.IGNORECASE)
"""How a clause begins that speaks on of what the one before named."""
_ABBREVIATED = re.compile(r"(?:\b\w\.\w|\b(?:Inc|Jr|Sr|Ltd|Co|St|Dr))\.$")


def read_slots(text: str, speaker: str | None = None) -> tuple[Slot, ...]:
    """Return the slots that a text fills or empties, in their order; `speaker` is who "I" and "my" mean.

    Questions fill nothing. The first `SCAN_LIMIT` characters are read. Without a speaker, what is "mine" and what is
    nobody's share the subject `SELF`.
    """
    return tuple(_slots(text[:SCAN_LIMIT], speaker))


def _slots(text: str, speaker: str | None) -> Iterator[Slot]:
    start, waiting = 0, -1
    for cut in (*(match.span() for match in _CLAUSES.finditer(text)), (len(text), len(text))):
        begin = start
        if waiting >= 0 and _GOES_ON.match(text, start):
            begin = waiting
        read = _read(text[begin : cut[0]], begin, speaker)
        yield from read
        waiting = -1 if read else start
        start = cut[1]


def _read(clause: str, start: int, speaker: str | None) -> list[Slot]:
    """Return what the first rule that fits makes of a clause; a question says nothing."""
    bare = clause.strip()
    if len(bare) < 4 or bare.endswith("?"):
        return []
    words = frozenset(bare.lower().replace(",", " ").replace(":", " ").replace(".", " ").split())
    signed = ": " in bare or "=" in bare or "->" in bare
    rules = [rule for signs, rule in _RULES if (signed if not signs else not signs.isdisjoint(words))]
    if not rules:
        return []
    if bare.endswith(".") and not _ABBREVIATED.search(bare):
        bare = bare[:-1]
    opening = _OPENING.match(bare)
    tried = [bare[opening.end() :], bare] if opening and opening.end() < len(bare) else [bare]
    at = start + clause.index(bare[0])
    for rule in rules:
        for said in tried:
            found = list(rule(said, speaker))
            if found:
                return [Slot(*f.key, f.value, f.ends, (at, at + len(bare))) for f in found]
    return []


def asked_slot(question: str, speaker: str | None = None) -> Key | None:
    """Return the subject and attribute that a question asks for, as `read_slots` would name them; None for no slot."""
    from agentmem.encoding._slot_questions import asked

    return asked(question, speaker)


def asked_loosely(question: str, speaker: str | None = None) -> Key | None:
    """Return the key of one's own thing whose present value a question asks for, however it is put; else None.

    For questions that `asked_slot` does not read, or to which the key that it makes finds nothing. It fires only where
    a question holds nothing but one noun phrase and the words in which one asks for values.
    """
    from agentmem.encoding._slot_loose import asked

    return asked(question, speaker)


def named_slots(question: str) -> tuple[str, ...]:
    """Return the attributes that a question may name, longest first: to be looked up among those that have values."""
    from agentmem.encoding._slot_known import named

    return named(question)


def likely_slots(question: str) -> tuple[str, ...]:
    """Return what may be attributes because it follows "my", "the" and the like in a question, known or not."""
    from agentmem.encoding._slot_known import likely

    return likely(question)


def as_own(question: str) -> tuple[str, str] | None:
    """Return whose thing a question asks for and the same question asked of one's own; None where nobody is named."""
    from agentmem.encoding._slot_owner import as_own

    return as_own(question)


def as_written(question: str, attribute: str) -> str:
    """Return how a question writes an attribute: "favorite colors" for the key "favourite colour"."""
    from agentmem.encoding._slot_known import written

    return written(question, attribute)


def asked_known(question: str, known: Mapping[str, int]) -> tuple[Key, ...]:
    """Return the keys of the `known` attributes that a question may ask for as one's own, the longest name first.

    `known` gives for each of `named_slots` or `likely_slots` how many values it had. Knowing that spares grammar: what
    else a question says need not be understood to the last word, and of what had more than one value, all that is not
    plainly something else asks for the newest.
    """
    from agentmem.encoding._slot_known import asked_of

    return asked_of(question, known)


@dataclass(frozen=True, slots=True)
class Fact:
    """A slot filled at a moment: `since` is world time (aware), `order` is the place in the ledger, which breaks ties.

    `ends` closes what holds: all of it where `value` is empty, else only that value.
    """

    id: str
    subject: str
    attribute: str
    value: str
    since: datetime
    order: int = 0
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A fact and the half-open span in which it holds: `valid_from <= t < valid_to`; None: it still holds."""

    fact: Fact
    valid_from: datetime
    valid_to: datetime | None


class State(NamedTuple):
    """What holds now, by slot, and when everything held, in the order of the facts given."""

    current: dict[Key, Fact]
    intervals: tuple[Held, ...]


def latest(facts: Sequence[Fact]) -> State:
    """Return which value of each slot holds, and since and until when each did.

    The contract of supersession: the result depends on the set of facts alone, never on the order in which they were
    learnt. Within a slot, facts are ordered by (`since`, `order`), and each is closed by the next one that gives a
    value or that ends it, so no moment has two values. A fact that only ends something has no span of its own. Nothing
    is stored: whoever erases a fact calls this with the survivors, and what the erased one had closed is open again.
    O(n log n). Raises TypeError where naive and aware moments are mixed, as comparing them does.
    """
    by_slot: dict[Key, list[Fact]] = {}
    for fact in facts:
        by_slot.setdefault(Key(fact.subject, fact.attribute), []).append(fact)
    closed: dict[int, datetime] = {}
    current: dict[Key, Fact] = {}
    for key, group in by_slot.items():
        held: Fact | None = None
        for fact in sorted(group, key=lambda f: (f.since, f.order, f.id)):
            if fact.ends and (held is None or (fact.value and _same(fact.value) != _same(held.value))):
                continue
            if held is not None:
                closed[id(held)] = fact.since
            held = None if fact.ends else fact
        if held is not None:
            current[key] = held
    return State(current, tuple(Held(f, f.since, f.since if f.ends else closed.get(id(f))) for f in facts))


def _same(value: str) -> str:
    return " ".join(value.casefold().split())
