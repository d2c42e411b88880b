"""Thoughts about each person and thing: relations put in, forgotten when contradicted, merged by their head (TiM).

A thought is a head, a relation and its objects in one sentence: "Ana collects stamps, coins and old maps". As in
Think-in-Memory (arXiv 2311.08719), a relation that is read is inserted; what a newer one of the same head contradicts
is forgotten (one value at a time: "lives in"; the opposite: "likes" and "hates"); what has head and relation in common
is merged. Single relations are facts already, so only what was merged is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentmem.encoding.extraction import ExtractedFact, rule_facts
from agentmem.protocols import Deriver
from agentmem.types import Draft, Memory
from agentmem_stores.derive._asking import Form, with_model
from agentmem_stores.derive._sessions import said, session

OPPOSED = (frozenset({"loves", "likes", "enjoys", "adores", "prefers"}), frozenset({"hates", "dislikes"}))
MOST = 12
"""Objects of a thought, the newest."""

FORM = Form(
    "thoughts",
    "Write what follows from the turns about the people and things in them: one relation a sentence, such as who does "
    "what with whom and why. Merge what has subject and relation in common; leave out what a later turn contradicts.",
    "summary",
    scopes=lambda memory: [session(memory)] if said(memory) else [],
)


class Thoughts:
    """What is thought of each head."""

    def scopes(self, memory: Memory) -> list[str]:
        """Return whom and what a memory tells of."""
        if not said(memory):
            return []
        return [f"of {head}" for head in dict.fromkeys(fact.subject.casefold() for fact in rule_facts([memory]))]

    def derive(self, scope: str, members: Sequence[Memory]) -> list[Draft]:
        """Return a thought for each relation of a head that has more than one object."""
        head = scope.removeprefix("of ")
        told = {memory.id: memory for memory in members}
        thoughts: dict[str, dict[str, list[ExtractedFact]]] = {}
        for fact in rule_facts(sorted(members, key=lambda m: (m.said_at, m.seq))):
            if fact.subject.casefold() == head:
                _forget(thoughts, fact)
                thoughts.setdefault(fact.relation, {}).setdefault(fact.object.casefold(), []).append(fact)
        return [_merged(objects, told) for objects in thoughts.values() if len(objects) > 1]


def _forget(thoughts: dict[str, dict[str, list[ExtractedFact]]], fact: ExtractedFact) -> None:
    """Take away what a newer relation of the same head contradicts; what is said again is moved behind the others."""
    key = fact.object.casefold()
    if fact.functional:
        thoughts.pop(fact.relation, None)
    for one, other in (OPPOSED, OPPOSED[::-1]):
        if fact.relation in one:
            for relation in other:
                thoughts.get(relation, {}).pop(key, None)
    objects = thoughts.get(fact.relation, {})
    if key in objects:
        objects[key] = objects.pop(key)


def _merged(objects: Mapping[str, Sequence[ExtractedFact]], told: Mapping[str, Memory]) -> Draft:
    kept = list(objects.values())[-MOST:]
    facts = [fact for of in kept for fact in of]
    names = [of[-1].object for of in kept]
    parents = sorted({told[parent].seq: parent for fact in facts for parent in fact.parents}.items())
    last = facts[-1]
    return Draft(
        f"{last.subject} {last.relation} {', '.join(names[:-1])} and {names[-1]}",
        kind="summary",
        said_at=max(told[parent].said_at for _, parent in parents),
        parents=tuple(parent for _, parent in parents),
        metadata={"subject": last.subject, "relation": last.relation, "objects": len(names)},
    )


def make(config: Mapping[str, Any]) -> Deriver:
    """Make the deriver; with {"ask": an Ask, "budget": a Budget} a model thinks."""
    return with_model(Thoughts(), FORM, config)
