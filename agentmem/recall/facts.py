"""Facts in time: which value of a slot holds when, and which memory should be read for it first.

A newer value for the same subject and attribute closes the older one. Nothing of this is stored: it is worked out from
what the living memories say, so it depends on the set of them alone, never on the order in which they were learnt, and
whoever erases the newer value finds the older one open again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from agentmem.encoding.words import terms
from agentmem.ledger import rows
from agentmem.ledger.slots import Said
from agentmem.types import Evidence, Fact, Memory, MemoryId

MARGIN = 1.0
"""By how much the memory that holds the valid value stands above the best other one."""

SAME_BEGINNING = 4
"""Words with which two statements must begin alike for the newer to replace the older..."""
OTHER_ENDING = 6
"""...if no more words than this follow."""
BE = frozenset({"is", "are", "was", "were", "am"})
"""What stands before a value: where it differs too, the statements are about different things."""
WHOLE = 2
"""Words that a question must have, stop words not counted, to be known again in a statement."""


def history(said: Sequence[Said]) -> list[Fact]:
    """Return the values of each slot with the spans in which they held, by slot, oldest first.

    Within a slot, what is said is ordered by (`since`, `seq`). Each value is closed by the next statement that gives
    another or says that it ended, at the latest by its own `until`; saying the same again adds a memory to it. What is
    told later is dated back ("I moved last week"), but never past what held before. No moment has two values.
    O(n log n).
    """
    ordered = sorted(said, key=lambda s: (s.subject, s.attribute, s.since, s.seq, s.value, s.ends))
    return [fact for _, slot in groupby(ordered, key=lambda s: (s.subject, s.attribute)) for fact in _slot(slot)]


def _slot(said: Iterator[Said]) -> Iterator[Fact]:
    held: Fact | None = None
    for s in said:
        moment = _began(s, held)
        if held is not None and not s.ends and _same(held.value, s.value) and _open(held, moment):
            held = replace(held, memories=(*held.memories, s.id), valid_to=rows.maybe(s.until))
            continue
        if s.ends and (held is None or (s.value and not _same(held.value, s.value))):
            continue
        if held is not None:
            yield _closed(held, moment, s.id)
        held = None
        if not s.ends:
            held = Fact(s.subject, s.attribute, s.value, moment, rows.maybe(s.until), (s.id,))
    if held is not None:
        yield held


def _began(said: Said, held: Fact | None) -> datetime:
    """Return since when it is so: since the time the text names ("last week"), if that leaves the order as it is."""
    happened = rows.maybe(said.happened)
    if happened is None or (held is not None and happened <= held.valid_from):
        return rows.moment(said.since)
    return happened


def _open(fact: Fact, moment: datetime) -> bool:
    return fact.valid_to is None or fact.valid_to > moment


def _closed(fact: Fact, moment: datetime, by: MemoryId) -> Fact:
    return replace(fact, valid_to=moment, superseded_by=by) if _open(fact, moment) else fact


def _same(one: str, other: str) -> bool:
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())


@dataclass(frozen=True, slots=True)
class Ruling:
    """What memory says of the slot that a question asks for.

    `first` is the memory to read first: the newest that gives the valid value or, where none is valid, that says so.
    """

    first: MemoryId
    facts: Mapping[MemoryId, Fact]


def ruling(said: Sequence[Said], now: datetime) -> Ruling | None:
    """Return what holds at `now` by the statements about one slot (of several subjects: the newest); None for none."""
    newest = max((s for s in said), key=lambda s: (s.since, s.seq), default=None)
    if newest is None:
        return None
    facts = history([s for s in said if s.subject == newest.subject])
    by_memory = {i: fact for fact in facts for i in fact.memories}
    valid = [fact for fact in facts if fact.valid_from <= now and (fact.valid_to is None or fact.valid_to > now)]
    return Ruling(valid[-1].memories[-1] if valid else newest.id, by_memory)


def prefer(evidence: Sequence[Evidence], ruled: Ruling, first: Memory, limit: int) -> list[Evidence]:
    """Return the evidence with the memory `first` on top, and what each says of the slot; at most `limit`."""
    told = [replace(e, fact=ruled.facts.get(e.id)) for e in evidence]
    own = next((e for e in told if e.id == first.id), Evidence(first, 0.0, fact=ruled.facts.get(first.id)))
    rest = [e for e in told if e.id != first.id]
    lift = max((e.score for e in rest), default=own.score) + MARGIN - own.score
    if rest and lift <= 0:  # it leads already
        return [own, *rest][:limit]
    top = replace(own, score=own.score + lift, signals={**own.signals, "valid": lift})
    return [top, *rest][:limit]


def whole_first(evidence: Sequence[Evidence], question: str) -> list[Evidence]:
    """Return the evidence with those first that repeat every word of the question and say little else.

    "Who coaches Norland United?" is answered by "Norland United is coached by Ana Reyes", whatever the relation. What a
    statement says beyond the question is its value; the shorter that is, the surer the statement is about it.
    """
    asked = frozenset(terms(question))
    if len(asked) < WHOLE:
        return list(evidence)
    more = {}
    for e in evidence:
        said = frozenset(terms(e.memory.text))
        if asked <= said and 1 <= len(said - asked) <= OTHER_ENDING and not e.memory.text.rstrip().endswith("?"):
            more[e.id] = len(said - asked)
    whole = sorted((e for e in evidence if e.id in more), key=lambda e: more[e.id])
    told = [*whole, *(e for e in evidence if e.id not in more)]
    lifted = []
    for e, other in zip(told, evidence, strict=True):
        moved = other.score - e.score
        lifted.append(e if not moved else replace(e, score=other.score, signals={**e.signals, "whole": moved}))
    return lifted


def newest_of_alike(evidence: Sequence[Evidence], question: str) -> list[Evidence]:
    """Return the evidence with the newest first of those that say another thing of the same.

    "Ana Reyes was born in Porto" and "Ana Reyes was born in Lima" begin alike and end differently: whatever the
    relation, no rule need know it, the newer is likelier to hold. Alike are statements of one speaker that share their
    first words up to a short ending, in which neither names what the question asks of; they change places among
    themselves, so nothing else moves.
    """
    told = list(evidence)
    asked = frozenset(terms(question))
    words = [_words(e.memory.text) for e in told]
    begins: dict[tuple[str | None, tuple[str, ...]], list[int]] = {}
    for n, e in enumerate(told):
        if len(words[n]) > SAME_BEGINNING:
            begins.setdefault((e.memory.speaker, tuple(words[n][:SAME_BEGINNING])), []).append(n)
    for left in begins.values():  # only what begins alike is compared, not each with each
        while len(left) > 1:
            first = left[0]
            alike = [first, *(n for n in left[1:] if _alike(told[first], told[n], words[first], words[n], asked))]
            left[:] = [n for n in left if n not in alike]
            newest = sorted((evidence[n] for n in alike), key=lambda e: (e.memory.said_at, e.memory.seq), reverse=True)
            for place, e in zip(alike, newest, strict=True):
                moved = evidence[place].score - e.score
                told[place] = (
                    e if not moved else replace(e, score=e.score + moved, signals={**e.signals, "newer": moved})
                )
    return told


def _words(text: str) -> list[str]:
    return text.casefold().rstrip(".! ").split()


def _alike(one: Evidence, other: Evidence, ours: Sequence[str], theirs: Sequence[str], asked: frozenset[str]) -> bool:
    if one.memory.speaker != other.memory.speaker or one.memory.text.endswith("?") or ours == theirs:
        return False
    shorter = min(len(ours), len(theirs)) - 1  # "rugby" ends differently from "rugby union"
    same = next((n for n, (a, b) in enumerate(zip(ours[:shorter], theirs, strict=False)) if a != b), shorter)
    ends = ours[same:], theirs[same:]
    if same < SAME_BEGINNING or not all(1 <= len(end) <= OTHER_ENDING for end in ends):
        return False
    # "The author of Zork is Ana" and "The author of Quill is Ben" begin alike and are about different things
    open_ = asked.difference(terms(" ".join(ours[:same])))
    return all(BE.isdisjoint(end) and open_.isdisjoint(terms(" ".join(end))) for end in ends)
