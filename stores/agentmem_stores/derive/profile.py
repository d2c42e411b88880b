"""A profile page of each person, short: what holds, likes and dislikes, people, and plans, as he or she told them.

One page a person, made of all that the person said and of that alone, so the page of one who told nothing of himself is
not there. It reads what `state` and `preference` read; a plan is what lay ahead when it was told, and still does at the
last thing the person said. Profiles of this kind are MemoryOS's and Letta's; theirs are rewritten by a model, and keep
what was deleted. Everything on the page has its parents, those memories that say it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from agentmem.encoding._slot_words import subject
from agentmem.encoding.extraction import in_words
from agentmem.protocols import Deriver
from agentmem.types import Draft, Memory
from agentmem_stores.derive._asking import Form, with_model
from agentmem_stores.derive._holding import holding
from agentmem_stores.derive._sessions import clauses, on, said
from agentmem_stores.derive._tastes import preferences

KIN = (
    r"(?:(?:grand|step|god)?(?:mother|father|son|daughter)|sister|brother|mom|mum|dad|wife|husband|partner|girlfriend|"
    r"boyfriend|fianc[e\u00e9]e?|aunt|uncle|cousin|niece|nephew|friend|best friend|roommate|flatmate|boss|manager|"
    r"colleague|coworker|neighbou?r|teacher|mentor|therapist|doctor|dog|cat|puppy|kitten)"
)
_PEOPLE = re.compile(
    rf"\b[Mm]y (?:\w+ )?(?P<kin>{KIN})(?:'s name is|,? (?:called|named)|,)? (?P<name>[A-Z][\w'-]+(?: [A-Z][\w'-]+)?)"
)
_PLAN = re.compile(
    r"\b(?:I|[Ww]e)(?:['\u2019]m|['\u2019]re| am| are)?(?: \w+){0,2} (?:going|planning|hoping|travell?ing|flying|"
    r"moving|meeting|starting|plan|hope|want|will|have)\b|\b(?:I|[Ww]e)['\u2019]ll\b",
)
HOLDS, TASTES, PEOPLE, PLANS = 6, 6, 6, 3
"""Lines of each part of a page, the newest."""


class Line(NamedTuple):
    """One thing on a page, and the memories that say it."""

    text: str
    parents: tuple[str, ...]


FORM = Form(
    "profile",
    "All turns are of one speaker. Write a short page about this person as one item: what holds now, likes and "
    "dislikes, people, plans that are still ahead at the last turn. Where a later turn contradicts an earlier one, it "
    "holds.",
    "summary",
    whole=True,
)


class Profile:
    """A page of each person."""

    def scopes(self, memory: Memory) -> list[str]:
        """Return who speaks."""
        return [f"person {memory.speaker}"] if said(memory) and memory.speaker else []

    def derive(self, scope: str, members: Sequence[Memory]) -> list[Draft]:
        """Return the page, or none where there is nothing to say."""
        name = scope.removeprefix("person ")
        parts = {
            "Now": list(_holds(name, members))[-HOLDS:],
            "Tastes": list(_tastes(name, members))[-TASTES:],
            "People": list(_people(members))[-PEOPLE:],
            "Plans": list(_plans(members))[-PLANS:],
        }
        filled = {title: lines for title, lines in parts.items() if lines}
        if not filled:
            return []
        by_id = {memory.id: memory for memory in members}
        parents = sorted({p for lines in filled.values() for line in lines for p in line.parents}, key=_seq(by_id))
        told = " ".join(f"{title}: {'; '.join(line.text for line in lines)}." for title, lines in filled.items())
        return [
            Draft(
                f"{name}. {told}",
                kind="summary",
                speaker=name,
                said_at=max(by_id[parent].said_at for parent in parents),
                parents=tuple(parents),
                metadata={"profile": name},
            )
        ]


def _seq(by_id: Mapping[str, Memory]) -> Callable[[str], int]:
    return lambda parent: by_id[parent].seq


def _holds(name: str, members: Sequence[Memory]) -> Iterator[Line]:
    """Yield what holds of a person now, without the name."""
    for step in holding(members, subject(name)).values():
        held = step.after
        if held is not None and (text := in_words(held.said[-1], held.slot)) is not None:
            bare = re.sub(rf"^{re.escape(name)}(?:['\u2019]s)? ", "", text)
            yield Line(bare, tuple(memory.id for memory in held.said))


def _tastes(name: str, members: Sequence[Memory]) -> Iterator[Line]:
    """Yield likes and dislikes, without the name."""
    for draft in preferences(name, members):
        yield Line(re.sub(rf"^{re.escape(name)}(?:'s)? ", "", draft.text), draft.parents)


def _people(members: Sequence[Memory]) -> Iterator[Line]:
    """Yield the people and animals of a person who have a name: "sister Lena"."""
    found: dict[str, list[str]] = {}
    for memory in members:
        for match in _PEOPLE.finditer(memory.text):
            found.setdefault(f"{match['kin'].lower()} {match['name']}", []).append(memory.id)
    for text, parents in found.items():
        yield Line(text, tuple(dict.fromkeys(parents)))


def _plans(members: Sequence[Memory]) -> Iterator[Line]:
    """Yield what lay ahead when it was told and does still, in the person's words, with the day of telling."""
    last = max(memory.said_at for memory in members)
    for memory in members:
        when = memory.cues.when
        if when is None or when.end <= last or when.start <= memory.said_at:
            continue
        clause = next((c for c in clauses(memory.text) if _PLAN.search(c) and not c.endswith("?")), None)
        if clause is not None:
            yield Line(f'"{clause.rstrip(".!")}" ({on(memory.said_at)})', (memory.id,))


def make(config: Mapping[str, Any]) -> Deriver:
    """Make the deriver; with {"ask": an Ask, "budget": a Budget} a model writes the pages."""
    return with_model(Profile(), FORM, config)
