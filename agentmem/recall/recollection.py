"""From a question to evidence: the ranking of the indexes, and above it the memory that holds the value asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from agentmem.encoding._slot_words import attribute, subject
from agentmem.encoding.aliases import same
from agentmem.encoding.slots import (
    SELF,
    Key,
    as_own,
    as_written,
    asked_known,
    asked_loosely,
    asked_slot,
    likely_slots,
    named_slots,
)
from agentmem.encoding.stated import is_name, stated
from agentmem.ledger import Ledger, slots
from agentmem.ledger.matching import Matching, matching
from agentmem.ledger.rows import maybe_micros, micros
from agentmem.ledger.slots import Said
from agentmem.protocols import Embedder, Lexical
from agentmem.recall import engine, facts, mixed
from agentmem.recall.features import query_features
from agentmem.recall.fusion import Weights
from agentmem.recall.indexes import Indexes
from agentmem.recall.whereabouts import whereabouts
from agentmem.types import KINDS, PRIMARY, Evidence, Filter, Hit, Memory, MemoryId, Query

LEAST = 10
"""Memories that are looked at even where fewer are wanted: the newest of several that are alike must be among them."""
READ = 64
"""Memories that are read for a value no rule had written down, the newest that hold all words of what is asked for."""
SPOKEN = [number for number, kind in enumerate(KINDS) if kind in PRIMARY]
OWNED = re.compile(r"\b(?:my|our)\b|\w['\u2019]s? ", re.IGNORECASE)
"""How a question names a thing of somebody's: only then are memories read for it that no rule had read."""
OWN = re.compile(r"\b(?:my|mine|our|ours|i|me|we|us)\b", re.IGNORECASE)
"""How one asks of oneself. A question that names a speaker instead asks of somebody else, and is read to the letter: in
talk between people hardly any such question is about what holds one value at a time."""
NAMING = re.compile(r"[^\W_]+(?:[ '-][^\W_]+){0,3}")
"""A value that does no more than name something."""
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
    hops: int | None = None,
    worth: engine.Worth | None = None,
) -> tuple[list[Evidence], float]:
    """Return the best memories for a question, best first, and the confidence in [0, 1].

    `worth` says what the candidates are still worth by themselves; None: all the same.
    """
    passing = matching(ledger.connection, asked)
    indexes.place(embedder)
    ranking = mixed.rank(
        question,
        ledger,
        indexes,
        asked,
        passing,
        embedder=embedder,
        weights=weights,
        limit=max(limit, LEAST),
        now=now,
        hops=hops,
        worth=worth,
    )
    ruled, behind = _ruling(question, ledger, indexes, asked, passing, now) or (None, ())
    leading = [] if ruled is None else [ruled.first, *behind]
    found = ledger.find(list(dict.fromkeys([*ranking.ids, *leading])))
    evidence = [
        Evidence(found[i], float(score), ranking.explain(row) if explain else {})
        for row, (i, score) in enumerate(zip(ranking.ids, ranking.scores, strict=True))
        if i in found
    ]
    evidence = facts.newest_of_alike(facts.whole_first(evidence, question), question)
    if ruled is None or not found.keys() >= set(leading):
        return evidence[:limit], ranking.confidence
    for first in reversed(leading):
        evidence = facts.prefer(evidence, ruled, found[first], limit)
    return mixed.distinct(evidence, ledger, asked), max(ranking.confidence, SURE)


def alike(
    text: str, k: int, ledger: Ledger, indexes: Indexes, weights: Weights, embedder: Embedder, now: datetime
) -> list[Hit]:
    """Return the `k` memories of any kind that bear most on a text, best first, with their scores."""
    every = Filter(kinds=KINDS)
    found, _ = recollect(text, ledger, indexes, weights, embedder, asked=every, limit=k, now=now, explain=False, hops=0)
    return [Hit(e.id, e.score) for e in found]


def _ruling(
    question: str,
    ledger: Ledger,
    indexes: Indexes,
    asked: Filter,
    passing: Matching,
    now: datetime,
) -> tuple[facts.Ruling, tuple[MemoryId, ...]] | None:
    """Return what the memories that pass the filter say of the slot the question asks for; None where it asks none.

    Beside it the memories that belong directly behind the first, as the first alone does not tell.
    """
    catalog = indexes.catalog
    mask = catalog.mask(asked, passing) if asked else None
    speakers = [subject(name) for name in catalog.speakers]
    own = OWN.search(question) is not None or not query_features(question, list(catalog.speakers)).named
    whose, put = (own and as_own(question)) or (SELF, question)
    known = slots.known(ledger.connection, named_slots(put), [whose] if whose else [SELF, *speakers]) if own else {}
    likely = dict.fromkeys(likely_slots(put), 1) if own else {}

    def of(keys: Iterable[Key | None]) -> list[Key]:
        return [key._replace(subject=key.subject or whose) for key in keys if key is not None]

    loosely = of([asked_loosely(put) if own else None])
    plainly = of(asked_known(put, known) or asked_known(put, likely))
    strictly = of([asked_slot(question), asked_slot(put) if whose else None])
    strictly = [key for key in strictly if not (whose and key.subject.endswith(f" {whose}"))]  # "what did I hear Ana's"
    sure = [*strictly, *loosely, *plainly]
    if plainly and not (strictly and strictly[0].subject not in {SELF, whose}):
        sure = [*plainly, *strictly, *loosely]  # the "work phone number" is not the "number"

    def heard(attribute: str, subjects: frozenset[str]) -> list[Said]:
        said = slots.of_key(ledger.connection, attribute, subjects)
        return said if mask is None else [s for s in said if mask[catalog.row[s.id]]]

    maybe = of((*asked_known(put, dict.fromkeys(known, 2)), *asked_known(put, dict.fromkeys(likely, 2))))
    for key in dict.fromkeys((*sure, *maybe)):
        carried = whereabouts(key, lambda thing, of: heard(of, frozenset({thing})), asked.as_of or now)
        if carried is not None:
            return carried
        subjects = same(key.subject, speakers) if key.subject else frozenset({SELF, *speakers})
        said = heard(key.attribute, subjects)
        if key in loosely or key in maybe or OWNED.search(put):
            said += _stated(question, key, subjects, said, ledger, indexes, mask, own=key.subject == whose)
        # What is asked in no known way is asked only of a thing that is known to change.
        if said and (key in sure or len({s.value for s in said}) > 1):
            ruled = facts.ruling(said, asked.as_of or now)
            return None if ruled is None else (ruled, ())
    return None


def _stated(
    question: str,
    key: Key,
    subjects: frozenset[str],
    said: Sequence[Said],
    ledger: Ledger,
    indexes: Indexes,
    mask: npt.NDArray[np.bool_] | None,
    *,
    own: bool,
) -> list[Said]:
    """Return what the newest memories that hold all words of the attribute say of it where no slot rule read it.

    Of one's `own` thing, what no rule reads is read loosely, and more so where it is known to have had several values.
    """
    catalog = indexes.catalog
    lexical = next((store for store in indexes.stores.values() if isinstance(store, Lexical)), None)
    if lexical is None:
        return []
    read = [s.seq for s in said if not s.ends]
    names = dict.fromkeys((key.attribute, as_written(question, key.attribute)))
    holding = [lexical.holding(Query(name, np.empty(0, np.float32))) for name in names]
    rows = catalog.rows(list(dict.fromkeys(i for ids in holding for i in ids)))
    rows = rows[np.isin(catalog.kind[rows], SPOKEN) & ~np.isin(catalog.seq[rows], read)]
    if mask is not None:
        rows = rows[mask[rows]]
    newest = rows[np.lexsort((catalog.seq[rows], catalog.said_at[rows]))][-READ:]
    left = [m for m in ledger.find([catalog.ids[row] for row in newest]).values() if not _noted_elsewhere(m, key)]
    found = {m.id: told for m in left if (told := _told(m, key, subjects)) is not None}
    for changing in (False, True) if own else ():
        if changing and len({s.value for s in (*said, *found.values()) if not s.ends}) < 2:
            break
        for m in (m for m in left if m.id not in found):
            told = _told(m, key, subjects, loosely=True, changing=changing)
            if told is not None and not _told_of_another(m, key, told.value, ledger):
                found[m.id] = told
    return list(found.values())


def _noted_elsewhere(memory: Memory, key: Key) -> bool:
    """Say whether the thing is part of a value that the memory notes: "bird: fish eagle" says nothing of a fish."""
    noted = (s for s in memory.cues.slots if any(f"{sign} {s.value}" in memory.text for sign in ":="))
    return any(
        NAMING.fullmatch(s.value) and key.attribute in attribute(s.value) and is_name(s.attribute) for s in noted
    )


def _told_of_another(memory: Memory, key: Key, value: str, ledger: Ledger) -> bool:
    """Say whether a memory plainly gives the value to another known thing: "The office gave me 4417 as my code"."""
    speakers = [SELF, *([subject(memory.speaker)] if memory.speaker else [])]
    names = [name for name in named_slots(memory.text) if key.attribute not in name]
    others = slots.known(ledger.connection, names, speakers)
    read = (stated(memory.text, other, owner=None, speaker=memory.speaker) for other in others)
    return any(told is not None and told.value == value for told in read)


def _told(memory: Memory, key: Key, subjects: frozenset[str], **loosely: bool) -> Said | None:
    who = subject(memory.speaker) if memory.speaker else SELF
    owner = None if not key.subject else who if who in subjects else key.subject
    told = stated(memory.text, key.attribute, owner=owner, speaker=memory.speaker, **loosely)
    if told is None:
        return None
    since, until = micros(memory.valid_from or memory.said_at), maybe_micros(memory.valid_to)
    return Said(memory.seq, memory.id, owner or who, key.attribute, told.value, told.ends, since, until)
