"""From a question to evidence: the ranking of the indexes, and above it the memory that holds the value asked for."""

from __future__ import annotations

import re
from datetime import datetime

import numpy as np
import numpy.typing as npt

from agentmem.encoding._slot_words import subject
from agentmem.encoding.aliases import same
from agentmem.encoding.slots import SELF, Key, asked_loosely, asked_slot
from agentmem.encoding.stated import stated
from agentmem.ledger import Ledger, slots
from agentmem.ledger.rows import maybe_micros, micros
from agentmem.ledger.slots import Said
from agentmem.protocols import Embedder, Lexical
from agentmem.recall import engine, facts
from agentmem.recall.fusion import Weights
from agentmem.recall.indexes import Indexes
from agentmem.types import KINDS, PRIMARY, Evidence, Filter, Query

LEAST = 10
"""Memories that are looked at even where fewer are wanted: the newest of several that are alike must be among them."""
READ = 64
"""Memories that are read for a value no rule had written down, the newest that hold all words of what is asked for."""
SPOKEN = [number for number, kind in enumerate(KINDS) if kind in PRIMARY]
OWNED = re.compile(r"\b(?:my|our)\b|\w['\u2019]s? ", re.IGNORECASE)
"""How a question names a thing of somebody's: only then are memories read for it that no rule had read."""
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
    indexes.place(embedder)
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
    evidence = facts.newest_of_alike(facts.whole_first(evidence, question), question)
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
    loosely = asked_loosely(question)
    catalog = indexes.catalog
    mask = catalog.mask(asked, matching) if asked else None
    speakers = [subject(name) for name in catalog.speakers]
    for key in dict.fromkeys(key for key in (asked_slot(question), loosely) if key is not None):
        subjects = same(key.subject, speakers) if key.subject else frozenset({SELF, *speakers})
        said = slots.of_key(ledger.connection, key.attribute, subjects)
        said = [s for s in said if mask is None or mask[catalog.row[s.id]]]
        if key == loosely or OWNED.search(question):
            said += _stated(key, subjects, {s.seq for s in said}, ledger, indexes, mask)
        if said:
            return facts.ruling(said, asked.as_of or now)
    return None


def _stated(
    key: Key,
    subjects: frozenset[str],
    read: set[int],
    ledger: Ledger,
    indexes: Indexes,
    mask: npt.NDArray[np.bool_] | None,
) -> list[Said]:
    """Return what the newest memories that hold all words of the attribute say of it where no slot rule read it."""
    catalog = indexes.catalog
    lexical = next((store for store in indexes.stores.values() if isinstance(store, Lexical)), None)
    if lexical is None:
        return []
    rows = catalog.rows(lexical.holding(Query(key.attribute, np.empty(0, np.float32))))
    rows = rows[np.isin(catalog.kind[rows], SPOKEN) & ~np.isin(catalog.seq[rows], list(read))]
    if mask is not None:
        rows = rows[mask[rows]]
    newest = rows[np.lexsort((catalog.seq[rows], catalog.said_at[rows]))][-READ:]
    found = []
    for memory in ledger.find([catalog.ids[row] for row in newest]).values():
        if any(f"{sign} {slot.value}" in memory.text for slot in memory.cues.slots for sign in ":="):
            continue  # "bird: fish eagle" says nothing of a fish
        who = subject(memory.speaker) if memory.speaker else SELF
        owner = None if not key.subject else who if who in subjects else key.subject
        told = stated(memory.text, key.attribute, owner=owner, speaker=memory.speaker)
        if told is not None:
            since = micros(memory.valid_from or memory.said_at)
            until = maybe_micros(memory.valid_to)
            found.append(Said(memory.seq, memory.id, owner or who, key.attribute, told.value, told.ends, since, until))
    return found
