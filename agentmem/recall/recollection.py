"""From a question to evidence: the ranking of the indexes, and above it the memory that holds the value asked for."""

from __future__ import annotations

from datetime import datetime

from agentmem.encoding._slot_words import subject
from agentmem.encoding.aliases import same
from agentmem.encoding.slots import SELF, asked_slot
from agentmem.ledger import Ledger, slots
from agentmem.protocols import Embedder
from agentmem.recall import engine, facts
from agentmem.recall.fusion import Weights
from agentmem.recall.indexes import Indexes
from agentmem.types import Evidence, Filter

LEAST = 10
"""Memories that are looked at even where fewer are wanted: the newest of several that are alike must be among them."""
SURE = 0.95
"""Confidence at least, where a rule has read the very value that is asked for."""


def recollect(  # noqa: PLR0913 - one keyword for each thing a recall may say
    question: str,
    ledger: Ledger,
    indexes: Indexes,
    weights: Weights,
    embedder: Embedder,
    *,
    asked: Filter,
    limit: int,
    now: datetime,
    explain: bool = True,
) -> tuple[list[Evidence], float]:
    """Return the best memories for a question, best first, and the confidence in [0, 1]."""
    matching = ledger.where(asked.where) if asked.where else None
    ranking = engine.rank(
        question, embedder, indexes, weights, asked=asked, matching=matching, limit=max(limit, LEAST), now=now
    )
    ruled = _ruling(question, ledger, indexes, asked, matching, now)
    ids = ranking.ids if ruled is None else [*ranking.ids, ruled.first]
    found = ledger.find(list(dict.fromkeys(ids)))
    evidence = [
        Evidence(found[i], float(score), ranking.explain(row) if explain else {})
        for row, (i, score) in enumerate(zip(ranking.ids, ranking.scores, strict=True))
        if i in found
    ]
    evidence = facts.newest_of_alike(evidence)
    if ruled is None or ruled.first not in found:
        return evidence[:limit], ranking.confidence
    return facts.prefer(evidence, ruled, found[ruled.first], limit), max(ranking.confidence, SURE)


def _ruling(
    question: str,
    ledger: Ledger,
    indexes: Indexes,
    asked: Filter,
    matching: set[int] | None,
    now: datetime,
) -> facts.Ruling | None:
    """Return what the memories that pass the filter say of the slot the question asks for; None where it asks none."""
    key = asked_slot(question)
    if key is None:
        return None
    catalog = indexes.catalog
    speakers = map(subject, catalog.speakers)
    subjects = same(key.subject, speakers) if key.subject else {SELF, *speakers}
    said = slots.of_key(ledger.connection, key.attribute, subjects)
    if said and asked:
        mask = catalog.mask(asked, matching)
        said = [s for s in said if mask[catalog.row[s.id]]]
    return facts.ruling(said, asked.as_of or now)
