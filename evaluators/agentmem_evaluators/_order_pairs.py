"""Pairs of things said in one conversation, and which of them was said first.

A thing is a turn as it was said, or a fact in other words that the makers of the data wrote about one turn. Pairs are
drawn by how many sessions later the second was said; within a session the order of the turns decides, else the dates.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import NamedTuple

from agentmem.evaluation.cases import Ask, Case, Gold
from agentmem.formats.locomo import Sample
from agentmem_evaluators._unlearning_told import Told
from agentmem_evaluators.locomo import case_of

KINDS = ("verbatim", "other words")
BINS = {"0": (0, 0), "1": (1, 1), "2-4": (2, 4), "5-9": (5, 9), "10+": (10, 10_000)}
"""Sessions from one to the other: 0 is within one session, 1 the next."""
WORDS = 8
"""Words that a turn has at least: nobody can tell one "Thanks!" from another."""
QUESTION = "Which of these two was said first?\n(a) {a}\n(b) {b}"


class Thing(NamedTuple):
    """Something said: its words, the origin of its turn, and its place as (session, turn)."""

    text: str
    origin: str
    place: tuple[int, int]


def case(told: Told, pairs: int, seed: int) -> Case:
    """Return the script of a conversation: its sessions, then, a day later, at most `pairs` asks a kind and bin."""
    script = case_of(told.sample)
    steps = [step for step in script.steps if not isinstance(step, Ask)]
    draw = random.Random(f"{seed}/{told.sample.id}")
    asks = [
        ask
        for kind, things in (("verbatim", turns(told.sample)), ("other words", facts(told)))
        for name, (least, most) in BINS.items()
        for ask in _asks(things, kind, name, _drawn(things, least, most, pairs, draw), draw)
    ]
    return Case(told.sample.id, script.began, (*steps, *asks))


def turns(sample: Sample) -> list[Thing]:
    """Return the turns that are long enough, said once, and no questions, in their order."""
    places = _places(sample)
    texts = [_line(draft.text) for draft in sample.drafts]
    return [
        Thing(text, str(draft.origin), places[str(draft.origin)])
        for text, draft in zip(texts, sample.drafts, strict=True)
        if len(text.split()) >= WORDS and texts.count(text) == 1 and not text.endswith("?")
    ]


def facts(told: Told) -> list[Thing]:
    """Return the facts that come from one turn, in the order of the turns; none where the file has none."""
    places = _places(told.sample)
    found = [
        Thing(_line(one.draft.text), origin, places[origin])
        for one in told.artefacts
        if one.draft.kind == "fact" and len(one.sources) == 1
        for origin in one.sources
    ]
    return sorted(found, key=lambda thing: thing.place)


def _places(sample: Sample) -> dict[str, tuple[int, int]]:
    dated = sorted(sample.drafts, key=lambda draft: draft.said_at or datetime.min.replace(tzinfo=UTC))
    sessions = list(dict.fromkeys(draft.thread for draft in dated))
    return {str(d.origin): (sessions.index(d.thread), number) for number, d in enumerate(sample.drafts)}


def _drawn(
    things: Sequence[Thing], least: int, most: int, count: int, draw: random.Random
) -> list[tuple[Thing, Thing]]:
    """Return pairs of different turns that lie so many sessions apart, the earlier one first."""
    there = [
        (one, other)
        for one, other in combinations(things, 2)
        if one.origin != other.origin and least <= other.place[0] - one.place[0] <= most
    ]
    return draw.sample(there, min(count, len(there)))


def _asks(
    things: Sequence[Thing], kind: str, apart: str, pairs: Sequence[tuple[Thing, Thing]], draw: random.Random
) -> Iterator[Ask]:
    for earlier, later in pairs:
        a, b = (earlier, later) if draw.random() < 0.5 else (later, earlier)
        gold = Gold(
            f"{kind}/{apart}/{things.index(earlier)}-{things.index(later)}",
            "a" if a is earlier else "b",
            (a.origin, b.origin),
            {"kind": kind, "apart": apart},
        )
        yield Ask(QUESTION.format(a=a.text, b=b.text), gold)


def _line(text: str) -> str:
    return " ".join(text.split())
