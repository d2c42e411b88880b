"""How far replies rest on memory: a dial that a user sets, from a fresh start to high fidelity.

All or nothing serves badly: with all of it an agent never gets away from what was said before, with none of it it has
learned nothing. The dial, of which SteeM (Controllable Memory Usage, 2026) has shown what it is good for, is a number
from 0 to 1, or one of five names, and decides two things:

- how much is shown. What is recalled must be worth `least * (1 - r) / r` evidence per thousand tokens: at .5 what is
  measured to serve best, at 1 whatever fits, at 0 nothing is recalled at all. A higher setting shows all that a lower
  one shows, and perhaps more.
- what a model is told to do with it.

`dependence` measures what comes of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from agentmem.encoding.words import terms
from agentmem.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

Level = Literal["fresh", "light", "balanced", "close", "faithful"]
Reliance = float | Level

LEVELS: dict[str, float] = {"fresh": 0.0, "light": 0.25, "balanced": 0.5, "close": 0.75, "faithful": 1.0}
"""The names of the dial, and where they stand on it."""
BALANCED = LEVELS["balanced"]

_TOLD = {
    "fresh": "This is a fresh start: no memories are shown. Work from this conversation and from what is generally "
    "known, and bring ideas of your own.",
    "light": "Take the quotes as background only: use one where the user refers to it, and otherwise bring ideas of "
    "your own, also where they differ from what was said before.",
    "balanced": "",
    "close": "Stay close to the quotes: keep to the wishes, decisions and names in them, and say where you depart from "
    "them.",
    "faithful": "Keep strictly to the quotes: take over the wishes, decisions, names and wording in them, add nothing "
    "of your own, and say so where they do not hold what is needed.",
}


def placed(reliance: object) -> float:
    """Return where a reliance stands on the dial, in [0, 1]. Raises InputError for what is none."""
    if isinstance(reliance, str) and reliance in LEVELS:
        return LEVELS[reliance]
    if isinstance(reliance, int | float) and not isinstance(reliance, bool) and 0 <= reliance <= 1:
        return float(reliance)
    raise InputError(f"reliance={reliance!r} is unknown; use a number from 0 to 1, or one of {', '.join(LEVELS)}")


def least_at(reliance: float, least: float) -> float:
    """Return the evidence per thousand tokens that a memory must bring at a setting in (0, 1]; `least` is that at .5.

    The odds against memory, (1 - r) / r, times `least`: it falls as r rises.
    """
    return least * (1 - reliance) / reliance


def told(reliance: float) -> str:
    """Return what a model is told at a setting: what belongs to the nearest name; nothing where that is balanced."""
    return _TOLD[min(LEVELS, key=lambda name: abs(LEVELS[name] - reliance))]


def dependence(reply: str, memories: Iterable[str], message: str = "", *, without: str | None = None) -> float:
    """Return how far a reply depends on memories, in [0, 1]: the share of what it adds that they hold.

    With w(x) the terms of a text (stems, no stop words), M the memories and q the message and whatever else was in the
    conversation,

        D(reply) = |w(reply) & w(M) - w(q)| / |w(reply) - w(q)|        0 where the reply adds nothing

    Given a reply to the same message `without` memories, what that shares with them by itself is not owed to them:
    D(reply) - D(without), at least 0. No model judges, so that it costs nothing and is the same every time; what is
    taken over in other words is missed, so it is a lower bound.
    """
    held, known = frozenset(terms("\n".join(memories))), frozenset(terms(message))
    owed = _share(reply, held, known)
    return owed if without is None else max(0.0, owed - _share(without, held, known))


def _share(reply: str, held: frozenset[str], known: frozenset[str]) -> float:
    added = frozenset(terms(reply)) - known
    return len(added & held) / len(added) if added else 0.0
