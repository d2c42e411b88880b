"""What is asked once a target is forgotten, and what an answer then gives away or keeps.

`forgotten` are questions all of whose evidence goes; `near` and `far` those of which none does, near ones with evidence
among the turns that stay and are most like one that goes; `verbatim` are the forgotten turns themselves, which only the
adversary asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from agentmem.formats.locomo import ADVERSARIAL, Question
from agentmem.types import Vectors
from agentmem_evaluators._locomo_scorer import tokens
from agentmem_evaluators._unlearning_stage import Shown
from agentmem_evaluators._unlearning_targets import Target
from agentmem_evaluators._unlearning_told import Told

NEIGHBOURS = 20
"""Turns nearest to the target whose questions count as near."""
QUESTIONS = 10
"""Questions at most of each group by which the forgetting of a target is judged."""
VERBATIM = 3
ENOUGH = 0.8
"""Share of an answer's words that one memory must hold to give it away."""

Item = TypeVar("Item")


class Asked(NamedTuple):
    """Something to ask: its group, its id and its words; `answer` and `evidence` (origins) where they are known."""

    group: str
    id: str
    text: str
    answer: str = ""
    evidence: frozenset[str] = frozenset()


def evidence_of(told: Told, question: Question) -> frozenset[str]:
    """Return the origins of the turns that hold the answer; none for questions that have no answer."""
    if question.category == ADVERSARIAL:
        return frozenset()
    return frozenset(told.sample.origins[e] for e in question.evidence)


def measurable(told: Told, target: Target) -> bool:
    """Say whether any question is about the target alone, so that what leaks of it can be measured."""
    return any(e and e <= target.gold for e in (evidence_of(told, q) for q in told.sample.questions))


def of_target(told: Told, target: Target, vectors: Vectors, most: int = QUESTIONS) -> list[Asked]:
    """Return what is asked about a target, of each group at most so many, evenly spread over the file.

    `vectors` (n, dim) are those of the artefacts.
    """
    turns = [(row, a.origin) for row, a in enumerate(told.artefacts) if not a.derived]
    gone = vectors[[row for row, origin in turns if origin in target.gold]]
    left = [(origin, float((gone @ vectors[row]).max())) for row, origin in turns if origin not in target.gold]
    near = {origin for origin, _ in sorted(left, key=lambda of: -of[1])[:NEIGHBOURS]}
    groups: dict[str, list[Asked]] = {"forgotten": [], "near": [], "far": [], "verbatim": []}
    for question in told.sample.questions:
        evidence = evidence_of(told, question)
        group = "forgotten" if evidence <= target.gold else "near" if evidence & near else "far"
        if evidence and (group == "forgotten" or not evidence & target.gold):
            groups[group].append(Asked(group, question.id, question.question, question.answer, evidence))
    said = [a for a in told.artefacts if a.origin in target.gold]
    groups["verbatim"] = [Asked("verbatim", a.origin, a.draft.text) for a in spread(said, VERBATIM)]
    return [asked for of in groups.values() for asked in spread(of, most)]


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most so many of the items, evenly spread, in order."""
    if len(items) <= most:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, most).round().astype(int)]


def scored(asked: Asked, gold: frozenset[str], shown: Sequence[Shown]) -> dict[str, float]:
    """Return what is leaked, or, of a question that should still be answered, whether its evidence is there."""
    if asked.group == "verbatim":
        return {}
    if asked.group != "forgotten":
        there = float(any(s.sources & asked.evidence for s in shown))
        return {"found": there, f"found_{asked.group}": there}
    leaks = {"leak_provenance@10": float(any(s.sources & gold for s in shown))}
    wanted = set(tokens(asked.answer))
    if wanted:
        held = max((len(wanted.intersection(tokens(s.text))) / len(wanted) for s in shown), default=0.0)
        leaks["leak_answer"] = float(held >= ENOUGH)
    return leaks
