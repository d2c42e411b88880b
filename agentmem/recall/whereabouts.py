"""Where a thing is that somebody carries: wherever its holder goes, for as long as it is held.

"Ana took the ball." "Ana went to the garden." "Ana dropped the ball." "Ana went to the kitchen.": the ball is in the
garden. Worked out from what the living memories say of holders and places whenever it is asked, and never stored.
Only holders that are named are followed: what one says of oneself ("I got a lamp") tells of buying, not of carrying.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from agentmem.encoding._slot_words import subject, words
from agentmem.encoding.slots import SELF, Key
from agentmem.ledger import rows
from agentmem.ledger.slots import Said
from agentmem.recall.facts import Ruling, history
from agentmem.types import MemoryId

Tell = Callable[[str, str], Sequence[Said]]
"""What is said of a subject's attribute, in any order."""
ARTICLES = frozenset({"the", "a", "an"})


def whereabouts(key: Key, tell: Tell, now: datetime) -> tuple[Ruling, tuple[MemoryId, ...]] | None:
    """Return the ruling on where a carried thing is at `now`, or was before some place, and what else it follows from.

    The memory that is ruled to be first names the place; of the others, the first says that the thing was there. None
    where nothing is asked of a place, nobody ever held the thing, or it is not known where the holders were.
    """
    thing, _, left = key.subject.partition(" before ")
    if key.attribute != "place":
        return None

    def heard(whose: str, what: str) -> list[Said]:
        return sorted((said for said in tell(whose, what) if said.since <= rows.micros(now)), key=_order)

    moves = heard(thing, "holder")
    if not moves:
        return None
    at, because = _carried(moves, heard)
    been = history([*heard(thing, "place"), *at])
    if left:
        went = [pair for pair in pairwise(been) if _bare(pair[1].value) == _bare(left)]
        if not went:
            return None
        fact, then = went[-1]
        behind = (*because.get(then.memories[-1], ()), then.memories[-1])
    elif been:
        fact = been[-1]
        behind = because.get(fact.memories[-1], ())
    else:
        return None
    return Ruling(fact.memories[-1], dict.fromkeys(fact.memories, fact)), behind


def _carried(moves: Sequence[Said], heard: Tell) -> tuple[list[Said], Mapping[MemoryId, tuple[MemoryId, ...]]]:
    """Return where the holders brought a thing, and by which memories it was with them there.

    `moves` are all takings and leavings of the thing, in order.
    """
    at: list[Said] = []
    because: dict[MemoryId, tuple[MemoryId, ...]] = {}
    holders = {subject(move.value) for move in moves} - {SELF}
    been = {holder: heard(holder, "place") for holder in holders}
    for taken, until in zip(moves, [*moves[1:], None], strict=True):
        if taken.ends:
            continue
        for place in _places(been.get(subject(taken.value), ()), taken, until):
            began = max(place.since, taken.since)
            at.append(place._replace(subject=moves[0].subject, since=began, until=None, happened=None))
            because[place.id] = ((until if until is not None and until.ends else taken).id,)
    return at, because


def _places(said: Sequence[Said], taken: Said, until: Said | None) -> list[Said]:
    """Return where the holder was when the thing was taken, and went until it was given away."""
    been = [s for s in said if not s.ends and (until is None or _order(s) < _order(until))]
    before = [s for s in been if _order(s) <= _order(taken)]
    return [*before[-1:], *been[len(before) :]]


def _order(said: Said) -> tuple[int, int]:
    return said.since, said.seq


def _bare(place: str) -> list[str]:
    return [word for word in words(place) if word not in ARTICLES]
