"""What becomes of memories when others go: the closure over lineage, and what of the derived survives.

    turn, reply   goes with any of its parents, and with any that is rewritten
    fact          stays while a parent that stays says it; else it goes
    the others    are composed anew from the parents that stay, where somebody registered how for their kind; else they
                  lose the sentences that what is forgotten supports
    all           go when all of their parents go

A text is supported by what is forgotten where it shares a word with it that nothing which stays says, or where one of
the forgotten texts says more of it than any of those that stay. Both weigh words alike whatever else a space holds, so
that forgetting one after the other comes to the same as forgetting both at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from agentmem.encoding.extraction import RULES, rule_facts
from agentmem.encoding.words import terms
from agentmem.ledger import Ledger
from agentmem.types import Memory, MemoryId
from agentmem.unlearning.clauses import LEAST_WORDS, Span, clauses
from agentmem.unlearning.redaction import without

Action = Literal["erase", "redact", "rewrite", "keep"]
Recompose = Callable[[Memory, Sequence[Memory]], str | None]
"""Given a derived memory and those of its parents that stay, its new text; None: it goes."""

SAID = 0.5
"""The share of a fact's words that one memory must say for the fact to stay."""
_GOES_ON = re.compile(
    r"\W*(?:(?:and|but|so|also|then)\s+)?(?:he|she|him|her|his|hers|they|them|their|it|its|this|that|these|those)\b",
    re.IGNORECASE,
)
_DESCENDANTS = """
WITH RECURSIVE below(seq) AS (
    SELECT value FROM json_each(?) UNION SELECT child FROM lineage JOIN below ON parent = below.seq
) SELECT m.seq, m.suppressed FROM memories m JOIN below USING (seq) ORDER BY m.seq"""


class Fate(NamedTuple):
    """What becomes of one memory: `after` is it as it is to be, None where it goes; `removed` are texts that it loses.

    `root`: it was meant itself, not reached through lineage.
    """

    memory: Memory
    action: Action
    why: str
    root: bool
    after: Memory | None = None
    removed: tuple[str, ...] = ()


class Fates(NamedTuple):
    """The fates of all that a forgetting touches, in ledger order, and the seqs of what another is about to erase."""

    all: tuple[Fate, ...]
    hidden: tuple[int, ...] = ()

    def of(self, *actions: Action) -> list[Fate]:
        """Return those of some actions."""
        return [fate for fate in self.all if fate.action in actions]


def fates(
    ledger: Ledger, roots: Mapping[MemoryId, Sequence[Span]], recomposers: Mapping[str, Recompose] | None = None
) -> Fates:
    """Return what forgetting the roots does: each whole, or the spans of it. Nothing is written.

    Raises MemoryNotFoundError for an id that is not there.
    """
    named = ledger.get(list(roots))
    found = ledger.connection.all(_DESCENDANTS, (json.dumps([m.seq for m in named]),))
    living = [seq for seq, suppressed in found if not suppressed]
    touched = [m for chunk in ledger.read(seqs=living, vectors=True) for m in chunk]
    near = {p for m in touched for p in m.parents}
    judge = _Judge({**ledger.find(list(near)), **{m.id: m for m in touched}}, recomposers or {})
    for memory in touched:
        judge.see(memory, roots.get(memory.id))
    decided = tuple(_at_place(ledger, fate) for fate in judge.fates.values())
    return Fates(decided, tuple(seq for seq, suppressed in found if suppressed))


def _at_place(ledger: Ledger, fate: Fate) -> Fate:
    """Give a memory that moves to another thread a place there, behind what was there when it was stored."""
    if fate.after is None or fate.after.thread == fate.memory.thread:
        return fate
    sql = "SELECT coalesce(max(position) + 1, 0) FROM memories WHERE thread = ? AND seq < ?"
    position = int(ledger.connection.one(sql, (fate.after.thread, fate.memory.seq)))
    return fate._replace(after=replace(fate.after, position=position))


class _Judge:
    """Sees memories in ledger order, so that the fates of parents are known before those of their children."""

    def __init__(self, known: Mapping[MemoryId, Memory], recomposers: Mapping[str, Recompose]) -> None:
        self.known = known
        self.recomposers = recomposers
        self.fates: dict[MemoryId, Fate] = {}
        self.lost: dict[MemoryId, tuple[str, ...]] = {}

    def see(self, memory: Memory, spans: Sequence[Span] | None) -> None:
        fate = None if spans is None else self._meant(memory, spans)
        if fate is None or fate.after is not None:  # what a part was cut out of may also have lost a parent
            fate = self._derived(memory if fate is None or fate.after is None else fate.after, memory, fate) or fate
        if fate is not None:
            self.fates[memory.id] = fate
            above = tuple(t for p in memory.parents for t in self.lost.get(p, ()))
            if fate.after is None:
                self.lost[memory.id] = (told(memory), *above)
            elif fate.removed:
                self.lost[memory.id] = (*fate.removed, *above)

    @staticmethod
    def _meant(memory: Memory, spans: Sequence[Span]) -> Fate | None:
        text = without(memory.text, spans) if spans and memory.kind != "fact" else ""
        if not text:
            return Fate(memory, "erase", "it is meant", root=True)
        if text == memory.text:
            return None
        removed = tuple(memory.text[start:end].strip() for start, end in spans if memory.text[start:end].strip())
        after = replace(memory, text=text, metadata=_clean(memory, removed))
        return Fate(memory, "redact", "a part of it is meant", root=True, after=after, removed=removed)

    def _derived(self, now: Memory, memory: Memory, so_far: Fate | None) -> Fate | None:
        """Return what the fates of its parents make of a memory; None: nothing."""
        gone = [p for p in memory.parents if (f := self.fates.get(p)) is not None and f.after is None]
        lost = tuple(dict.fromkeys(text for p in memory.parents for text in self.lost.get(p, ())))
        if not gone and not lost:
            return None
        root = so_far is not None
        left = [self._now(p) for p in memory.parents if p not in gone]
        why = (
            ("all it was derived from goes" if not left else "")
            or ("it was said from what goes" if memory.kind in ("turn", "reply") else "")
            or ("nothing that stays says it" if memory.kind == "fact" and not _still_said(now, left, lost) else "")
        )
        if why:
            return Fate(memory, "erase", why, root)
        if memory.kind == "fact":
            after = _placed(now, left, gone, self.known)
            return Fate(memory, "keep", f"{len(left)} of {len(memory.parents)} parents stay and say it", root, after)
        own = () if so_far is None else so_far.removed
        return self._composed(now, left, lost, gone, Fate(memory, "rewrite", "", root, removed=own))

    def _composed(
        self, now: Memory, left: Sequence[Memory], lost: Sequence[str], gone: Sequence[MemoryId], fate: Fate
    ) -> Fate:
        """Return the fate of a summary, a note or the like of which some parents stay."""
        recompose = self.recomposers.get(now.kind)
        text = now.text if recompose is None else (recompose(now, left) or "")
        kept, dropped = supported(text, [told(p) for p in left], lost)
        if not kept:
            return fate._replace(action="erase", why="nothing of it is left without what goes", removed=())
        removed = (*fate.removed, *dropped) if recompose is None else (fate.memory.text,)
        after = _placed(replace(now, text=kept, metadata=_clean(now, removed)), left, gone, self.known)
        if kept == fate.memory.text:
            return fate._replace(action="keep", why="nothing in it is from what goes", after=after, removed=())
        why = "composed anew from what stays" if recompose is not None else "sentences go that what goes supports"
        return fate._replace(why=why, after=after, removed=removed)

    def _now(self, id_: MemoryId) -> Memory:
        fate = self.fates.get(id_)
        return self.known[id_] if fate is None or fate.after is None else fate.after


def supported(text: str, stays: Sequence[str], lost: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return a text without the clauses that what is lost supports, and those; nothing where hardly a word is left."""
    dropped: list[Span] = []
    for start, end in clauses(text):
        clause = text[start:end]
        after_one = bool(dropped) and dropped[-1][1] == start
        hangs = after_one and _GOES_ON.match(clause) is not None and _most(_words(clause), stays) < SAID
        if hangs or _from(clause, stays, lost):
            dropped.append((start, end))
    if not dropped:
        return text, ()
    kept = without(text, dropped)
    if len(re.findall(r"\w+", kept)) < LEAST_WORDS:
        kept = ""
    return kept, tuple(text[start:end].strip() for start, end in dropped)


def _still_said(fact: Memory, left: Sequence[Memory], lost: Sequence[str]) -> bool:
    """Say whether memories that stay say a fact; one that the rules read, whether they would read it again."""
    if fact.metadata.get("by") == RULES and len(left) == 1 == len(fact.parents):
        return (fact.text, fact.valid_from) in {(f.text, f.valid_from) for f in rule_facts(left)}
    said = [told(p) for p in left]
    return not _from(fact.text, said, lost) and _most(_words(fact.text), said) >= SAID


def told(memory: Memory) -> str:
    """Return what a memory says, with who said it."""
    return f"{memory.speaker}: {memory.text}" if memory.speaker else memory.text


def _from(text: str, stays: Sequence[str], lost: Sequence[str]) -> bool:
    """Say whether what is lost supports a text."""
    words = _words(text)
    if not words:
        return False
    said = {word for other in stays for word in _words(other)}
    only = {word for other in lost for word in _words(other)} - said
    return bool(words & only) or _most(words, lost) > _most(words, stays)


def _most(words: Collection[str], texts: Sequence[str]) -> float:
    """Return the largest share of the words that one of the texts says."""
    return max((len(_words(text).intersection(words)) / len(words) for text in texts), default=0.0)


def _words(text: str) -> frozenset[str]:
    return frozenset(terms(text))


def _clean(memory: Memory, removed: Sequence[str]) -> dict[str, str | int | float | bool | None]:
    """Return the metadata without values that say what was removed."""
    gone = {word for text in removed for word in _words(text)} - _words(without_all(memory.text, removed))
    return {k: v for k, v in memory.metadata.items() if not (isinstance(v, str) and _words(v) & gone)}


def without_all(text: str, removed: Sequence[str]) -> str:
    """Return a text without every place where one of the texts stands in it."""
    for part in removed:
        text = text.replace(part, " ")
    return text


def _placed(
    memory: Memory, left: Sequence[Memory], gone: Sequence[MemoryId], known: Mapping[MemoryId, Memory]
) -> Memory:
    """Return a derived memory with the parents that stay; nothing in it names one that goes.

    What stood where the last of its parents did (a fact of an extractor) stands at the last that stays.
    """
    memory = replace(memory, parents=tuple(p.id for p in left))
    if not gone:
        return memory
    last = max(left, key=lambda m: m.seq)
    latest = max((known[i] for i in gone), key=lambda m: m.seq)
    if latest.seq > last.seq and (memory.thread, memory.said_at) == (latest.thread, latest.said_at):
        speaker = last.speaker if memory.speaker == latest.speaker else memory.speaker
        memory = replace(memory, thread=last.thread, said_at=last.said_at, speaker=speaker)
    origin = memory.origin
    for i in gone:
        origin = None if origin is None else origin.replace(i, last.id)
    named = {k: v for k, v in memory.metadata.items() if not (isinstance(v, str) and any(i in v for i in gone))}
    return replace(memory, origin=origin, metadata=named)
