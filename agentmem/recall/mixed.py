"""Recall over mixed memory: which kinds answer, and how several forms of one thing come to be one piece of evidence.

    turns      what was said or noted, and nothing that was derived
    facts, summaries, notes    memories of that kind alone
    mixed      what was said ranks as if nothing were derived; what is derived ranks beside it, lower by `FAR` for each
               memory but one that it comes from, and whatever form ranks best stands for all that it comes from

A derived memory so leads to its sources where it tells more of the question than they do, and is not shown beside them.
Ranked all alike, which is what a space does that never derived anything, derived memories push out what they come from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agentmem.ledger import Ledger
from agentmem.ledger.matching import Matching
from agentmem.ledger.structure import structure_of
from agentmem.recall import engine
from agentmem.recall.engine import Ranking
from agentmem.recall.indexes import Indexes
from agentmem.types import KINDS, PRIMARY, Evidence, Filter, Kind, MemoryId

KIND_OF: Mapping[str, Kind] = {"facts": "fact", "summaries": "summary", "notes": "note"}
FAR = 1.0
"""How much lower a derived memory ranks for each memory but one that it comes from; .5 and 2 find no more."""
BESIDE = 60
"""How many of all kinds are looked at for derived memories among them."""
LINEAGE = "lineage"
"""The signal that says so."""
NOTE = KINDS.index("note")
SPOKEN = tuple(kind for kind in KINDS if kind in PRIMARY)
"""What is said or written down; a note may be derived as well."""

_SOURCES = """
WITH RECURSIVE above(child, seq) AS (
    SELECT m.seq, m.seq FROM memories m WHERE m.id IN (SELECT value FROM json_each(?)) AND (
        m.kind NOT IN (SELECT value FROM json_each(?)) OR EXISTS (SELECT 1 FROM lineage l WHERE l.child = m.seq)
    ) UNION SELECT above.child, parent FROM lineage JOIN above ON lineage.child = above.seq
) SELECT c.id, s.id FROM above JOIN memories c ON c.seq = above.child JOIN memories s ON s.seq = above.seq
WHERE NOT EXISTS (SELECT 1 FROM lineage WHERE lineage.child = above.seq)"""


def rank(question: str, ledger: Ledger, indexes: Indexes, asked: Filter, matching: Matching, **how: Any) -> Ranking:
    """Return the best memories as the structure of the space wants it; a filter that names kinds is kept to.

    `how` is what `engine.rank` wants beside.
    """
    structure = None if asked.kinds else structure_of(ledger)
    if structure is None:
        return engine.rank(question, indexes=indexes, asked=asked, matching=matching, **how)
    if structure in KIND_OF:
        narrowed = replace(asked, kinds=(KIND_OF[structure],))
        return engine.rank(question, indexes=indexes, asked=narrowed, matching=matching, **how)
    if structure == "turns":
        return turns(question, ledger, indexes, asked, matching, **how)
    alone, beside = both(question, ledger, indexes, asked, matching, **how)
    return once(alone, beside, sources(ledger, beside.ids), how["limit"])


def both(
    question: str, ledger: Ledger, indexes: Indexes, asked: Filter, matching: Matching, **how: Any
) -> tuple[Ranking, Ranking]:
    """Return how what was said ranks alone, and how all memories rank together, the derived among them.

    Both go deeper than the limit: what stands for several memories makes room for others.
    """
    wider = {**how, "limit": max(how["limit"], BESIDE)}
    alone = turns(question, ledger, indexes, asked, matching, **wider)
    return alone, engine.rank(question, indexes=indexes, asked=asked, matching=matching, **wider)


def turns(question: str, ledger: Ledger, indexes: Indexes, asked: Filter, matching: Matching, **how: Any) -> Ranking:
    """Return the best of what was said or noted, as if nothing were derived."""
    hidden = matching._replace(hidden=frozenset(matching.hidden) | _derived_notes(ledger, indexes))
    spoken = replace(asked, kinds=SPOKEN)
    return engine.rank(question, indexes=indexes, asked=spoken, matching=hidden, **how)


class _Form(NamedTuple):
    """One memory that was ranked: its score with the distance to what it comes from, and where it was ranked."""

    score: float
    ranking: Ranking
    row: int
    sources: frozenset[MemoryId]
    distance: int

    @property
    def id(self) -> MemoryId:
        return self.ranking.ids[self.row]


def once(
    alone: Ranking, beside: Ranking, come_from: Mapping[MemoryId, frozenset[MemoryId]], limit: int, far: float = FAR
) -> Ranking:
    """Return what was said, ranked `alone`, and what is derived, ranked `beside` it, each piece of evidence once.

    `come_from` says what the derived among the ids of `beside` come from in the end.
    """
    forms = [_Form(float(s), alone, n, frozenset({alone.ids[n]}), 0) for n, s in enumerate(alone.scores)]
    for n, (id_, score) in enumerate(zip(beside.ids, beside.scores, strict=True)):
        if (named := come_from.get(id_)) is not None:
            distance = max(len(named) - 1, 0)
            forms.append(_Form(float(score) - far * distance, beside, n, named, distance))
    kept: list[_Form] = []
    covered: set[MemoryId] = set()
    for form in sorted(forms, key=lambda form: -form.score):
        if len(kept) < limit and not form.sources <= covered:
            covered |= form.sources
            kept.append(form)
    scores = np.array([form.score for form in kept], np.float32)
    names, contributions = _explained(kept, far)
    confidence = (alone if alone.ids else beside).confidence
    return Ranking([form.id for form in kept], scores, confidence, names, contributions)


def distinct(evidence: Sequence[Evidence], ledger: Ledger, asked: Filter) -> list[Evidence]:
    """Return evidence without what comes only from what stands above it, as once something was put on top of it."""
    if asked.kinds or structure_of(ledger) != "mixed":
        return list(evidence)
    come_from = sources(ledger, [e.id for e in evidence])
    covered: set[MemoryId] = set()
    kept = []
    for e in evidence:
        named = come_from.get(e.id, frozenset({e.id}))
        if not named <= covered:
            covered |= named
            kept.append(e)
    return kept


def sources(ledger: Ledger, ids: Sequence[MemoryId]) -> dict[MemoryId, frozenset[MemoryId]]:
    """Return, for those of the ids that are derived, what they come from in the end; itself where that has faded."""
    found: dict[MemoryId, set[MemoryId]] = {}
    for child, source in ledger.connection.all(_SOURCES, (json.dumps(list(ids)), json.dumps(SPOKEN))):
        found.setdefault(child, set()).add(source)
    return {child: frozenset(named) for child, named in found.items()}


def _derived_notes(ledger: Ledger, indexes: Indexes) -> frozenset[int]:
    """Return the seqs of notes that were derived; notes may also be written down as such."""
    catalog = indexes.catalog
    notes = catalog.seq[catalog.kind == NOTE].tolist()
    if not notes:
        return frozenset()
    sql = "SELECT DISTINCT child FROM lineage WHERE child IN (SELECT value FROM json_each(?))"
    return frozenset(seq for (seq,) in ledger.connection.all(sql, (json.dumps(notes),)))


def _explained(kept: Sequence[_Form], far: float) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
    """Return the names of the signals and what each contributed (n, S), lineage the last."""
    names = tuple(dict.fromkeys(name for form in kept for name in form.ranking.names))
    rows = np.zeros((len(kept), len(names) + 1), np.float32)
    for n, form in enumerate(kept):
        if form.ranking.contributions is not None:
            rows[n, [names.index(name) for name in form.ranking.names]] = form.ranking.contributions[form.row]
        rows[n, -1] = -far * form.distance
    return (*names, LINEAGE), rows
