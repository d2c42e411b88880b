"""Tastes: how things are liked after all that a person said of them, and when that changed (PAMU).

Each saying leans from -1 (hates) to 1 (loves). What is derived leans as PAMU has it (arXiv 2510.09720): the mean SW of
the last three sayings and the moving average EMA = 0.7 EMA + 0.3 x, joined as 0.6 SW + 0.4 EMA. A taste has changed
where |SW - EMA| / (variance of the window + 0.000001) > 0.9 and SW has another sign than what was before the window, or
where the words say so ("I prefer coffee now"); what was said before then no longer counts, and is told as what was.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import fmean, pvariance
from typing import NamedTuple

from agentmem.types import Draft, Memory
from agentmem_stores.derive._liking import Liking, likings
from agentmem_stores.derive._sessions import on

WINDOW = 3
KEEP, SHARE = 0.7, 0.6
"""Of the moving average kept at each step; of the window's mean in what is derived."""
CHANGE = 0.9
CLEAR, STRONG = 0.2, 0.75
"""From where a lean is a taste, and a strong one."""
MOST = 12
"""Tastes of one person that are told, those spoken of most and last."""


class Taste(NamedTuple):
    """How a thing is liked now, and how until when it was before (0 and None: not otherwise)."""

    lean: float
    before: float
    until: datetime | None


class Spoken(NamedTuple):
    """A saying and the memory that it is of."""

    memory: Memory
    liking: Liking


def preferences(speaker: str, members: Sequence[Memory]) -> list[Draft]:
    """Return the preferences that a person's sayings come to."""
    spoken = [
        Spoken(memory, liking)
        for memory in sorted(members, key=lambda m: (m.said_at, m.seq))
        for liking in likings(memory.text)
    ]
    by_thing: dict[tuple[str, ...], list[Spoken]] = {}
    for one in spoken:
        by_thing.setdefault(one.liking.key, []).append(one)
    told = sorted(by_thing.values(), key=lambda of: (-len(of), -of[-1].memory.seq))
    drafts = [draft for of in told if (draft := _draft(speaker, of, spoken)) is not None][:MOST]
    return sorted(drafts, key=lambda draft: (draft.said_at or members[0].said_at, draft.text))


def taste(leans: Sequence[float], changed: Sequence[bool], moments: Sequence[datetime]) -> Taste:
    """Return how something is liked after some sayings, oldest first, and how it was before that changed."""
    since, averages, lean, before, until = 0, [leans[0]], leans[0], 0.0, None
    for n, x in enumerate(leans[1:], 1):
        averages.append(KEEP * averages[-1] + (1 - KEEP) * x)
        if changed[n] and x * lean < 0:
            since, before, until, averages[n] = n, lean, moments[n], x
        start = n + 1 - WINDOW
        window = leans[max(since, start) : n + 1]
        mean = fmean(window)
        turned = abs(mean - averages[n]) / (pvariance(window) + 1e-6) > CHANGE
        if turned and start > since and mean * averages[start - 1] < 0:
            since, before, until, averages[n] = start, averages[start - 1], moments[start], mean
        lean = SHARE * mean + (1 - SHARE) * averages[n]
    return Taste(lean, before, until)


def _draft(speaker: str, of: Sequence[Spoken], spoken: Sequence[Spoken]) -> Draft | None:
    now = taste([s.liking.lean for s in of], [s.liking.changed for s in of], [s.memory.said_at for s in of])
    if abs(now.lean) < CLEAR:
        return None
    last = of[-1]
    rival = _rival(last, spoken)
    was = "" if now.until is None else f" now ({_verb(now.before, past=True)} it until {on(now.until)})"
    if rival is not None:
        was = f" now ({rival.liking.topic} until {on(last.memory.said_at)})"
    parents = [s.memory for s in of] + ([rival.memory] if rival is not None else [])
    ordered = sorted({m.id: m for m in parents}.values(), key=lambda m: m.seq)
    over = f" to {last.liking.over}" if last.liking.over and not was else ""
    return Draft(
        f"{_begun(speaker, last.liking, now)}{over}{was}",
        kind="preference",
        speaker=last.memory.speaker,
        said_at=last.memory.said_at,
        parents=tuple(m.id for m in ordered),
        metadata={"topic": last.liking.topic, "lean": round(now.lean, 3), "changed": bool(was)},
    )


def _begun(speaker: str, last: Liking, now: Taste) -> str:
    if last.of:
        return f"{speaker}'s favourite {last.of} is {last.topic}"
    verb = "prefers" if last.preferred and now.lean > 0 else _verb(now.lean)
    return f"{speaker} {verb} {last.topic}"


def _rival(last: Spoken, spoken: Sequence[Spoken]) -> Spoken | None:
    """Return the latest saying of what stood in the place of a thing that is preferred, or the favourite, now."""
    mine = last.liking
    earlier = [s for s in spoken[: spoken.index(last)] if s.liking.key != mine.key]
    for one in reversed(earlier):
        same_sort = mine.of and one.liking.of.casefold() == mine.of.casefold()
        in_place = mine.preferred and one.liking.preferred and mine.topic.casefold() == one.liking.over.casefold()
        turned = mine.preferred and one.liking.preferred and mine.over.casefold() == one.liking.topic.casefold()
        if same_sort or in_place or turned:
            return one
    return None


def _verb(lean: float, *, past: bool = False) -> str:
    verb = ("love" if lean >= STRONG else "like") if lean > 0 else ("hate" if lean <= -STRONG else "dislike")
    return f"{verb}d" if past else f"{verb}s"
