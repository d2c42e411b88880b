"""What is left of a store once a target is forgotten, by how its store forgets; each is told exactly which turns.

none          nothing goes
turns only    the turns go, what was derived from them stays: a store that knows no lineage
+ facts       with the turns, every fact that comes from one of them
+ summaries   every summary of a session with one of them, too: nothing that comes from the target is left, at the
              price of all else those summaries said
similarity    the turns, and everything with a cosine of `ALIKE` at least to one of them: derived or not
nuke          everything goes
null          a store that never held anything
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from agentmem.types import Vectors
from agentmem_evaluators._unlearning_told import Artefact

OURS = "agentmem"
REBUILD = "rebuild"
NONE, TURNS, FACTS, SUMMARIES, SIMILAR = "none", "turns_only", "facts", "summaries", "similarity"
NUKE, NULL = "nuke", "null"
CONDITIONS = (OURS, NONE, TURNS, FACTS, SUMMARIES, SIMILAR, REBUILD, NUKE, NULL)
BUILT = (TURNS, FACTS, SUMMARIES, SIMILAR)
"""Conditions whose space is built anew from what they leave; `none` has one for all targets."""
ALIKE = 0.7


def gone(condition: str, artefacts: Sequence[Artefact], gold: Collection[str], vectors: Vectors) -> frozenset[str]:
    """Return the origins that go under a condition that is no space of its own making; `vectors` (n, dim), a row each.

    Raises KeyError for another condition.
    """
    meant = frozenset(gold)
    found: Mapping[str, frozenset[str]] = {NONE: frozenset(), NULL: frozenset(), TURNS: meant}
    if condition in found:
        return found[condition]
    if condition == SIMILAR:
        near = (vectors @ vectors[[a.origin in meant for a in artefacts]].T).max(axis=1, initial=-1.0) >= ALIKE
        return meant | {a.origin for a, alike in zip(artefacts, near, strict=True) if alike}
    kinds = {FACTS: {"turn", "fact"}, SUMMARIES: {"turn", "fact", "summary"}, NUKE: {"turn", "fact", "summary"}}
    every = condition == NUKE
    return frozenset(a.origin for a in artefacts if a.draft.kind in kinds[condition] and (every or a.sources & meant))


def collateral(artefacts: Sequence[Artefact], gold: Collection[str], lost: Collection[str]) -> dict[str, float]:
    """Return what went that was not meant: `collateral`, the share of all that has nothing of the target.

    `derived_collateral`: of the derived that went, the mean share of their sources that was not meant.
    """
    meant = frozenset(gold)
    others = [a for a in artefacts if not a.sources & meant]
    found = {"collateral": float(np.mean([a.origin in lost for a in others]))} if others else {}
    derived = [a for a in artefacts if a.derived and a.origin in lost]
    if derived:
        found["derived_collateral"] = float(np.mean([1 - len(a.sources & meant) / len(a.sources) for a in derived]))
    return found
