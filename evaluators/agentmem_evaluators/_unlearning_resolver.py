"""How well a sentence alone finds what is to be forgotten: precision and recall of the resolver, and what it asks.

Measured twice: without asking, by what is selected alone; and with everything that is asked answered truthfully, each
question by the choice that fits the gold best, each asked memory by whether it is in the gold. `asked` counts both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from agentmem.formats.locomo import Sample
from agentmem.space import Space
from agentmem.system import System
from agentmem.types import Hit, Memory
from agentmem.unlearning.known import Known
from agentmem.unlearning.request import parse
from agentmem.unlearning.resolve import resolve
from agentmem.unlearning.selector import Nomination, Understood
from agentmem_evaluators._unlearning_targets import TARGET_KINDS, Target, targets


class SpaceView:
    """A space as the resolver sees it."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def memories(self) -> list[Memory]:
        """Return the living memories, in ledger order."""
        return list(self._space.memories())

    def search(self, text: str, k: int, /) -> list[Hit]:
        """Return what recall finds."""
        return [Hit(e.id, e.score) for e in self._space.recall(text, k, explain=False)]


class Outcome(NamedTuple):
    """What one request led to: the origins it selects unasked and after asking, and how much it asked."""

    target: Target
    selected: frozenset[str]
    answered: frozenset[str]
    asked: int


def outcome(target: Target, known: Known, origins: Mapping[str, str], now: datetime) -> Outcome:
    """Resolve the request of a target. `origins` leads from ids to origins."""
    understood = parse(target.request, known, now)
    selected = _band(resolve(understood.selector, known), origins, "selected")
    questions = 0
    while any(q.choices for q in understood.questions):
        understood = _truthfully(understood, target, known, origins)
        questions += 1
    found = resolve(understood.selector, known)
    asked = _band(found, origins, "asked")
    answered = _band(found, origins, "selected") | (asked & target.gold)
    return Outcome(target, selected, answered, questions + len(asked))


def outcomes(space: Space, wanted: Sequence[Target], now: datetime) -> list[Outcome]:
    """Resolve every wanted target of the conversation that a space remembers; `now` is when it is asked."""
    known = Known(SpaceView(space))
    origins = {m.id: str(m.origin) for m in known.memories()}
    return [outcome(target, known, origins, now) for target in wanted]


def measured(samples: Sequence[Sample], system: System) -> list[Outcome]:
    """Resolve all targets of conversations, each remembered in a new space of its own, a day after its last turn."""
    found: list[Outcome] = []
    for sample in samples:
        with system.space(sample.id) as space:
            space.remember(list(sample.drafts))
            now = max(d.said_at for d in sample.drafts if d.said_at is not None) + timedelta(days=1)
            found += outcomes(space, targets(sample), now)
    return found


def figures(found: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Return by kind of target: n, precision, recall (both after asking), both unasked, and asked; means of targets.

    The precision of a request that selects nothing is left out of the mean, unless the gold is empty too.
    """
    return {kind: _means([o for o in found if o.target.kind == kind]) for kind in TARGET_KINDS}


def _means(found: Sequence[Outcome]) -> dict[str, float]:
    if not found:
        return {"n": 0.0}
    values: dict[str, list[float | None]] = {
        "precision": [_precision(o.answered, o.target.gold) for o in found],
        "recall": [len(o.answered & o.target.gold) / len(o.target.gold) for o in found],
        "precision_unasked": [_precision(o.selected, o.target.gold) for o in found],
        "recall_unasked": [len(o.selected & o.target.gold) / len(o.target.gold) for o in found],
        "asked": [float(o.asked) for o in found],
        "most_asked": [float(max(o.asked for o in found))],
    }
    known = {name: [v for v in each if v is not None] for name, each in values.items()}
    return {"n": float(len(found))} | {name: float(np.mean(each)) for name, each in known.items() if each}


def _precision(found: Collection[str], gold: frozenset[str]) -> float | None:
    return len(gold.intersection(found)) / len(found) if found else None


def _band(found: Sequence[Nomination], origins: Mapping[str, str], band: str) -> frozenset[str]:
    return frozenset(origins[n.id] for n in found if n.band == band)


def _truthfully(understood: Understood, target: Target, known: Known, origins: Mapping[str, str]) -> Understood:
    """Answer the first question that has choices by the one that comes nearest to the gold, the earlier of equals."""
    question = next(q for q in understood.questions if q.choices)

    def fit(answer: Understood) -> float:
        found = resolve(answer.selector, known)
        meant = _band(found, origins, "selected") | (_band(found, origins, "asked") & target.gold)
        right = len(meant & target.gold)
        return 2 * right / (len(meant) + len(target.gold))

    return max((understood.answered(question, c.label) for c in question.choices), key=fit)
