"""What memories say of a property of somebody: "my address", "Anna's phone number", whatever the words it is given in.

Read by the rules of `agentmem.encoding.slots`, clause by clause, so that only the clause that gives the value need go,
and so that it is known which value holds now and which did before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from agentmem.encoding._slot_words import attribute as key_of
from agentmem.encoding._slot_words import subject as owner_of
from agentmem.encoding.slots import SELF, Fact, latest, read_slots
from agentmem.types import Memory
from agentmem.unlearning import clauses
from agentmem.unlearning.finds import Find, Finds
from agentmem.unlearning.known import Known
from agentmem.unlearning.names import Name, fold, is_identifier
from agentmem.unlearning.selector import SELECTED, Attribute

GIVES, SPEAKS_OF, NAMES_VALUE, UNSURE, OF_ANOTHER, WOULD_HOLD = 0.95, 0.6, 0.55, 0.7, 0.3, 0.3

_FAMILIES = tuple(
    frozenset(names.split(","))
    for names in (
        "address,home address,home,street address,residence,postal address",
        "phone number,phone,mobile,mobile number,cell,cell number,cell phone number,telephone number,telephone",
        "email,email address,e-mail,e-mail address,mail address",
        "birthday,date of birth,birth date,birthdate,born",
        "job,occupation,profession,job title,employer,work",
        "password,passphrase,passcode",
    )
)
"""Attributes that are one thing by several names."""
_SIGNS = {"home": r"liv(?:e|es|ed|ing)|mov(?:e|ed|ing)|resid\w+|home|address|settled"}
PARTS = frozenset({"city", "town", "country", "street", "postcode", "zip", "zip code", "postal code", "house number"})
_POSTCODE = re.compile(r"\b(?=[\w-]*\d)[A-Z\d][A-Z\d-]{2,8}\b")


class _Given(NamedTuple):
    """One value that a clause of a memory gives: whose, which, where it stands, and the clause (offsets)."""

    memory: Memory
    owner: str
    attribute: str
    value: str
    at: clauses.Span
    clause: clauses.Span
    ends: bool


def family(attribute: str) -> frozenset[str]:
    """Return all keys by which an attribute goes."""
    key = key_of(attribute) or attribute.casefold()
    return next((f for f in _FAMILIES if key in f), frozenset({key}))


def given(selector: Attribute, known: Known) -> Finds:
    """Return what gives the attribute, and to be asked about, what speaks of it or names its value elsewhere."""
    return known.once(selector, lambda: _given(selector, known))


def _given(selector: Attribute, known: Known) -> Finds:
    key = key_of(selector.attribute) or selector.attribute.casefold()
    part = key if key in PARTS else ""
    said = [g for g in _read(known, family("address") if part else family(key)) if _owns(g, selector.subject)]
    if part:
        own = [g for g in _read(known, family(key)) if _owns(g, selector.subject)]
        said = own or [p for g in said for p in _part_of(g, part)]
    owners = {g.owner for g in said}
    unsure = not selector.subject and len(owners) > 1
    wanted, others = _which(selector, said)
    finds: Finds = {}
    for g in others:
        finds[g.memory.id] = Find(WOULD_HOLD, "gives another value of the same")
    for g in wanted:
        text = g.memory.text
        spans = (g.at,) if part else clauses.around(text, [g.clause])
        find = Find(
            UNSURE if unsure else GIVES, f"gives the {selector.attribute}", spans, (g.at,) if g.value else (), len(text)
        )
        finds[g.memory.id] = find.or_(finds[g.memory.id]) if g.memory.id in finds else find
    values = {g.value for g in wanted if g.value} if not part else set()
    return _loosely(selector, known) | _elsewhere(values, known, selector) | finds


def _read(known: Known, keys: frozenset[str]) -> Iterator[_Given]:
    """Read the memories that may give one of the attributes."""
    signs = "|".join(_SIGNS.get(key, re.escape(key.split()[-1])) for key in sorted(keys))
    may = re.compile(rf"\b(?:{signs})", re.IGNORECASE)
    for memory in known.memories():
        read = False
        if may.search(memory.text):
            for start, end in clauses.clauses(memory.text):
                clause = memory.text[start:end]
                opening = re.match(r"(?:and|but|while|whereas|also)\s+", clause, re.IGNORECASE)
                offset = start + (opening.end() if opening else 0)
                for slot in read_slots(memory.text[offset:end], memory.speaker):
                    if slot.attribute in keys:
                        read = True
                        at = _place(memory.text, slot.value, offset)
                        yield _Given(memory, slot.subject, slot.attribute, slot.value, at, (start, end), slot.ends)
        if not read:
            for cue in memory.cues.slots:
                if cue.attribute in keys:
                    at = _place(memory.text, cue.value, 0)
                    whole = (0, len(memory.text))
                    yield _Given(memory, cue.subject, cue.attribute, cue.value, at, whole, cue.ends)


def _place(text: str, value: str, start: int) -> clauses.Span:
    at = fold(text).find(fold(value), start) if len(fold(text)) == len(text) else text.find(value, start)
    return (at, at + len(value)) if at >= 0 else (start, len(text))


def _owns(given_: _Given, subject: str) -> bool:
    """Say whether a value is of the one who is meant: a name, or of whoever speaks, where none is named."""
    spoke = owner_of(given_.memory.speaker) if given_.memory.speaker else SELF
    if not subject:
        return given_.owner in (SELF, spoke)
    wanted = owner_of(subject)
    if given_.owner == SELF:
        return spoke in (wanted, SELF)
    return given_.owner == wanted or wanted.split()[0] == given_.owner or given_.owner.split()[0] == wanted


def _which(selector: Attribute, said: list[_Given]) -> tuple[list[_Given], list[_Given]]:
    """Return the values that are meant, and the others."""
    facts = [
        Fact(str(n), g.owner, "", g.value, g.memory.valid_from or g.memory.said_at, g.memory.seq, g.ends)
        for n, g in enumerate(said)
    ]
    holding = {int(f.id) for f in latest(facts).current.values()}
    now = {(said[n].owner, fold(said[n].value)) for n in holding}
    meant = []
    for g in said:
        current = (g.owner, fold(g.value)) in now
        if selector.value and fold(selector.value) != fold(g.value):
            meant.append(False)
        else:
            meant.append(not selector.which or current == (selector.which == "current"))
    pairs = list(zip(said, meant, strict=True))
    return [g for g, yes in pairs if yes], [g for g, yes in pairs if not yes]


def _part_of(given_: _Given, part: str) -> Iterator[_Given]:
    """Find the city, the street, the country or the code in an address: "12 Elm Street, 4000-123 Porto, Portugal"."""
    value, start = given_.value.rstrip(" ."), given_.at[0]
    pieces = [(m.start(), m.end()) for m in re.finditer(r"[^,]+?(?=\s+in\s+[A-Z]|,|$)|(?<=\bin\s)[^,]+", value)]
    pieces = [_bare(value, *p) for p in pieces if value[slice(*_bare(value, *p))]]
    streets = [p for p in pieces if re.search(r"\d+\w?\s+\D|\D\s\d+\w?$", value[slice(*p)]) and p == pieces[0]]
    towns = [_without_code(value, *p) for p in pieces if p not in streets]
    towns = [p for p in towns if re.search(r"[^\W\d]{2}", value[slice(*p)])]
    chosen: list[clauses.Span] = []
    if part in ("city", "town"):
        chosen = towns[:1]
    elif part == "country":
        chosen = towns[1:][-1:]
    elif part in ("street", "house number"):
        chosen = streets
    else:
        chosen = [m.span() for p in pieces if p not in streets for m in _POSTCODE.finditer(value, *p)]
    for a, b in chosen:
        at = (start + a, start + b)
        yield given_._replace(value=value[a:b], at=at, attribute=part)


def _bare(value: str, start: int, end: int) -> clauses.Span:
    text = re.sub(r"^\s*(?:in\s+)?", "", value[start:end])
    return end - len(text), end - (len(text) - len(text.rstrip()))


def _without_code(value: str, start: int, end: int) -> clauses.Span:
    code = _POSTCODE.search(value, start, end)
    if code is None:
        return start, end
    if code.start() == start:
        return _bare(value, code.end(), end)
    return start, start + len(value[start : code.start()].rstrip())


def _loosely(selector: Attribute, known: Known) -> Finds:
    """Find what speaks of the attribute without giving a value that could be read."""
    named = family(selector.attribute) - {"home"}
    words = [re.escape(name) for name in sorted(named)]
    owner = re.escape(selector.subject.split()[0]) if selector.subject else ""
    theirs = re.compile(rf"\b{owner}\b.*\b(?:{'|'.join(words)})s?\b", re.IGNORECASE) if owner else None
    mine = re.compile(rf"\b(?:my|our)\b[^.!?]*\b(?:{'|'.join(words)})s?\b", re.IGNORECASE)
    finds: Finds = {}
    spoke = {name: owner_of(name) for name in known.speakers}
    meant = owner_of(selector.subject) if selector.subject else None
    for memory in known.memories():
        if not any(word in fold(memory.text) for word in named):
            continue
        own = memory.speaker is None or meant is None or spoke[memory.speaker] == meant
        if (theirs is not None and theirs.search(memory.text)) or (own and mine.search(memory.text)):
            finds[memory.id] = Find(SPEAKS_OF, f"speaks of the {selector.attribute}")
    return finds


def _elsewhere(values: set[str], known: Known, selector: Attribute) -> Finds:
    """Find where a value with digits in it stands again; where it is said of another, it is left alone."""
    finds: Finds = {}
    for value in sorted(v.rstrip(" .") for v in values):
        if not re.search(r"\d", value) and not is_identifier(value):
            continue
        name = Name(value)
        for memory in known.memories():
            mentions = name.mentions(memory.text)
            if not mentions:
                continue
            owners = {s.subject for s in memory.cues.slots} | {
                s.subject for s in read_slots(memory.text, memory.speaker)
            }
            mine = {SELF, owner_of(selector.subject) if selector.subject else SELF}
            if owners and not owners & mine and selector.subject:
                finds[memory.id] = Find(OF_ANOTHER, "gives the same value, but to another")
            else:
                finds[memory.id] = Find(NAMES_VALUE, "names the value")
    return {i: f for i, f in finds.items() if f.confidence < SELECTED}
