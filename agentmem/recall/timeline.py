"""The timeline of a person or thing: every value it is said to have had, and from when until when."""

from __future__ import annotations

from datetime import datetime

from agentmem.encoding._slot_words import subject
from agentmem.encoding.aliases import same
from agentmem.ledger import Ledger, rows, slots
from agentmem.recall.facts import history
from agentmem.types import Fact


def timeline(ledger: Ledger, entity: str, as_of: datetime | None = None) -> list[Fact]:
    """Return what is known of an entity, by any of its names, and of whom it is a value, ordered by `valid_from`.

    `as_of` goes back in time: only what had been said by then, as it then stood.
    """
    db = ledger.connection
    names = {subject(name) for name in same(entity, _names(ledger))}
    of_it = slots.of_subjects(db, names)
    keys = {(s.attribute, s.subject) for s in slots.of_values(db, names)} - {(s.attribute, s.subject) for s in of_it}
    said = of_it + [s for attribute, owner in sorted(keys) for s in slots.of_key(db, attribute, {owner})]
    if as_of is not None:
        said = [s for s in said if s.since <= rows.micros(as_of)]
    facts = [f for f in history(said) if f.subject in names or subject(f.value) in names]
    facts.sort(key=lambda fact: (fact.valid_from, fact.subject, fact.attribute))
    # whoever moves to a town lives there and is there: one line says it
    return list({(f.subject, f.value, f.valid_from, f.memories): f for f in reversed(facts)}.values())[::-1]


def _names(ledger: Ledger) -> list[str]:
    """Return the names that memories give to people and things, as written, and those of who speaks."""
    sql = (
        "SELECT DISTINCT value FROM cues JOIN memories USING (seq) WHERE suppressed = 0 UNION "
        "SELECT DISTINCT speaker FROM memories WHERE suppressed = 0 AND speaker IS NOT NULL ORDER BY 1"
    )
    return [name for (name,) in ledger.connection.all(sql)]
