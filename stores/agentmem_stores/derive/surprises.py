"""Surprises: another value than was known, a habit that is broken, the opposite of what was said.

What violates an expectation teaches most about a person (Violation of Expectation via Metacognitive Prompting, 2023).
Here the expectations are plain ones: that a value stays as it is, that a habit is kept, and that whoever said something
does not say the opposite. Each surprise names both sides as parents. Rules of English: what they do not read is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from agentmem.encoding.extraction import in_words
from agentmem.encoding.words import terms
from agentmem.errors import InputError
from agentmem.types import Draft, Memory
from agentmem_stores.derive._holding import Step, steps
from agentmem_stores.derive._sessions import clauses, on, said

MOVING = frozenset({"place", "holder"})
"""Attributes whose values are expected to change."""
RESTLESS = 3
"""Changes of one slot after which another one is no surprise."""
MOST = 8
"""Surprises kept of what one person says against his or her own words, the newest."""

_OFTEN = re.compile(
    r"\b(?:always|usually|normally|every (?:single )?(?:day|morning|evening|night|week|weekend|month|year|\w+day)|"
    r"each (?:day|morning|evening|night|week|\w+day)|on \w+days)\b",
    re.IGNORECASE,
)
_NEVER = re.compile(r"\b(?:never|not|\w+n['\u2019]t|cannot|no longer)\b", re.IGNORECASE)
_MISSED = re.compile(
    r"\b(?:skip(?:ped)?|miss(?:ed)?|stopp(?:ed|ing)|quit|gave up|instead of|anymore|any more)\b", re.IGNORECASE
)
_UNDONE = re.compile(r"\b(?:yet|still|until|if|unless|when|wish|hope|maybe|might|could|would|wait)\b", re.IGNORECASE)
"""Where a negation says that something is to come, or is only supposed."""
_FIRST = re.compile(r"\b(?:I|we)\b(?!['\u2019]ll)")
_ADVERBS = frozenset(
    terms(
        """always usually normally every single each never day morning evening night week weekend month year skip
        skipped missed stopped quit gave longer anymore today tonight yesterday really just even actually ever like love
        know think feel got get going go thing want"""
    )
)
"""Stems that say how often, or too little to know a statement again by."""
ALIKE = 0.6
"""Shared stems among all of two statements, from which they are of the same thing."""


class Said(NamedTuple):
    """A clause in the first person, what it is about, and whether it denies."""

    memory: Memory
    clause: str
    stems: frozenset[str]
    denies: bool
    habit: bool


class Surprises:
    """Where somebody's words went against what was known."""

    def scopes(self, memory: Memory) -> list[str]:
        """Return the subjects of which a memory says how things are, and who speaks."""
        if not said(memory):
            return []
        subjects = dict.fromkeys(slot.subject for slot in memory.cues.slots if slot.attribute not in MOVING)
        speaker = [f"speaker {memory.speaker}"] if memory.speaker and _FIRST.search(memory.text) else []
        return [*(f"subject {subject}" for subject in subjects), *speaker]

    def derive(self, scope: str, members: Sequence[Memory]) -> list[Draft]:
        """Return a note for each surprise."""
        what, _, name = scope.partition(" ")
        return _changes(members, name) if what == "subject" else list(_opposites(members, name))[-MOST:]


def _changes(members: Sequence[Memory], subject: str) -> list[Draft]:
    """Return the last change of each slot that does not change all the time."""
    changed: dict[str, list[Step]] = {}
    for step in steps(members, subject):
        if step.before is not None and step.operation in {"replace", "delete"}:
            changed.setdefault(step.before.slot.attribute, []).append(step)
    drafts = [_change(of[-1]) for name, of in changed.items() if name not in MOVING and len(of) <= RESTLESS]
    return [draft for draft in drafts if draft is not None]


def _change(step: Step) -> Draft | None:
    before, after, memory = step.before, step.after, step.memory
    if before is None or (was := in_words(before.said[-1], before.slot)) is None:
        return None
    if after is None:
        text = f"No longer so since {on(memory.said_at)}: {was}"
    elif (now := in_words(memory, after.slot)) is not None:
        text = f"{now}, since {on(memory.said_at)} and against what was known: {before.slot.value}"
    else:
        return None
    parents = tuple(dict.fromkeys((*(m.id for m in before.said), memory.id)))
    return _note(text, memory, parents, "ended" if after is None else "changed")


def _opposites(members: Sequence[Memory], speaker: str) -> Iterator[Draft]:
    """Yield where a person breaks a habit or says the opposite of what he or she said, with the nearest such before."""
    told: list[Said] = []
    by_stem: dict[str, list[int]] = {}
    for one in _first_person(members):
        near = sorted({n for stem in one.stems for n in by_stem.get(stem, ())}, reverse=True)
        against = next((told[n] for n in near if _against(told[n], one)), None)
        if against is not None and against.memory.id != one.memory.id:
            text = (
                f'{speaker} said "{against.clause}" ({on(against.memory.said_at)}), but then "{one.clause}" '
                f"({on(one.memory.said_at)})"
            )
            yield _note(text, one.memory, (against.memory.id, one.memory.id), "habit" if against.habit else "denied")
        for stem in one.stems:
            by_stem.setdefault(stem, []).append(len(told))
        told.append(one)


def _against(before: Said, now: Said) -> bool:
    shared, alike = before.stems & now.stems, before.stems | now.stems
    if before.habit and now.denies != before.denies:
        return len(shared) >= max(1, ALIKE * len(before.stems))
    return now.denies != before.denies and len(shared) >= 2 and len(shared) >= ALIKE * len(alike)


def _first_person(members: Sequence[Memory]) -> Iterator[Said]:
    for memory in members:
        if any(slot.ends for slot in memory.cues.slots):
            continue  # that a value ended is told of its slot
        for clause in clauses(memory.text):
            if clause.endswith("?") or not _FIRST.search(clause) or _UNDONE.search(clause):
                continue
            stems = frozenset(terms(clause)) - _ADVERBS
            if stems:
                denies = bool(_NEVER.search(clause) or _MISSED.search(clause))
                yield Said(memory, clause.rstrip(".! "), stems, denies, bool(_OFTEN.search(clause)) and not denies)


def _note(text: str, last: Memory, parents: tuple[str, ...], why: str) -> Draft:
    return Draft(
        text, kind="note", speaker=last.speaker, said_at=last.said_at, parents=parents, metadata={"surprise": why}
    )


def make(config: Mapping[str, Any]) -> Surprises:
    """Make the deriver; it has no settings."""
    if config:
        raise InputError(f"the deriver surprises knows no setting {min(config)!r}; it has none")
    return Surprises()
