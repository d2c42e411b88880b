"""What ablating needs of a conversation, worked out once: its labelled questions, and how its memories rank for them.

Derivers settle one after the other, each timed alone. What is recalled without one is what is recalled with all, its
memories taken out of a ranking deep enough that others move up: turns rank as if nothing were derived, so nothing else
moves, but for the scale of signals that have none of their own.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np

import agentmem
from agentmem import registry
from agentmem.clock import FixedClock
from agentmem.deriving.settling import ORIGIN
from agentmem.formats.locomo import Question, Sample
from agentmem.ledger.matching import Matching
from agentmem.protocols import Embedder
from agentmem.recall import engine, mixed
from agentmem.recall.engine import POOL, Ranking
from agentmem.recall.fitting import tokens
from agentmem.recall.fusion import Weights
from agentmem.recall.labelled import Problem
from agentmem.recall.train import ROUNDS, fit_ranking, second_look
from agentmem.types import Filter, Memory, MemoryId

DEPTH = 40
"""Memories that are recalled for a question."""
CATEGORIES = frozenset({1, 2, 3, 4})
EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class Cost:
    """What a deriver takes and makes: seconds of processor time, and memories with the tokens that they hold."""

    seconds: float
    memories: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: its evidence by origin, how turns alone, all memories together, and those of one kind rank for it."""

    question: Question
    gold: tuple[str, ...]
    alone: Ranking
    beside: Ranking
    kinds: Mapping[str, Sequence[MemoryId]]


@dataclass(frozen=True, slots=True)
class Played:
    """A conversation: memories by id, by whom each was derived, where it comes from, costs by deriver, questions."""

    sample: Sample
    memories: Mapping[MemoryId, Memory]
    by: Mapping[MemoryId, str]
    sources: Mapping[MemoryId, frozenset[MemoryId]]
    costs: Mapping[str, Cost]
    asked: Sequence[Asked]

    def mixed(self, one: Asked, derivers: Collection[str]) -> list[MemoryId]:
        """Return what mixed memory recalls with these derivers alone, best first."""
        return mixing(one.alone, one.beside, self.by, self.sources, derivers)[:DEPTH]

    def origins(self, id_: MemoryId) -> list[str]:
        """Return the turns that a memory comes from, by origin, in their order."""
        named = [self.memories[i] for i in self.sources.get(id_, frozenset({id_}))]
        return [m.origin or "" for m in sorted(named, key=lambda m: m.seq)]


def played(sample: Sample, embedder: Embedder, weights: Weights, derivers: Sequence[str]) -> Played:
    """Remember a conversation, let each deriver settle, and rank for each question that has an answer and evidence."""
    now = max(d.said_at for d in sample.drafts if d.said_at is not None) + timedelta(days=1)
    costs: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory(prefix="agentmem-eval-") as root:
        for name in (None, *derivers):
            derive = [name] if name else []
            with agentmem.open(root, embedder=embedder, clock=FixedClock(now), derive=derive) as system:
                space = system.space("locomo")
                space.deriving.close()
                if name is None:
                    space.remember(sample.drafts)
                    continue
                began = time.process_time()
                space.settle()
                seconds = time.process_time() - began
                made = [m for m in space.memories() if deriver(m) == name]
                costs[name] = Cost(seconds, len(made), sum(map(tokens, made)))
        with agentmem.open(root, embedder=embedder, clock=FixedClock(now), derive=[]) as system:
            space = system.space("locomo")
            memories = {m.id: m for m in space.memories()}
            ledger, indexes = space._ledger, space._level()  # noqa: SLF001 - what recall works with, asked apart
            indexes.place(embedder)
            how: dict[str, Any] = {"embedder": embedder, "weights": weights, "limit": POOL, "now": now}
            asked = []
            for question in sample.questions:
                if question.category in CATEGORIES and question.evidence:
                    text = question.question
                    alone, beside = mixed.both(text, ledger, indexes, EVERYTHING, Matching(), **how)
                    kinds = {
                        structure: engine.rank(text, indexes=indexes, asked=Filter(kinds=(kind,)), **how).ids[:DEPTH]
                        for structure, kind in mixed.KIND_OF.items()
                    }
                    gold = tuple(sample.origins[name] for name in question.evidence)
                    asked.append(
                        Asked(
                            question,
                            gold,
                            replace(alone, contributions=None),
                            replace(beside, contributions=None),
                            kinds,
                        )
                    )
            sources = mixed.sources(ledger, list(memories))
    by = {i: name for i, m in memories.items() if (name := deriver(m))}
    return Played(sample, memories, by, sources, costs, asked)


def mixing(
    alone: Ranking,
    beside: Ranking,
    by: Mapping[MemoryId, str],
    sources: Mapping[MemoryId, frozenset[MemoryId]],
    derivers: Collection[str],
) -> list[MemoryId]:
    """Return what mixed memory recalls with these derivers alone, of rankings in which others took part as well."""
    rows = [n for n, i in enumerate(beside.ids) if by.get(i) is None or by[i] in derivers][: mixed.BESIDE]
    kept = replace(beside, ids=[beside.ids[n] for n in rows], scores=beside.scores[rows], contributions=None)
    said = alone.ids[: mixed.BESIDE]
    first = replace(alone, ids=said, scores=alone.scores[: len(said)], contributions=None)
    return mixed.once(first, kept, sources, DEPTH).ids


def without(problems: Sequence[Problem], signal: int | None) -> tuple[float, ...]:
    """Return weights of the signals trained on problems, with one of them never seen (None: with all)."""
    taught = [blind(p, signal) for p in problems if p.ranks]
    values = fit_ranking(taught)
    for _ in range(ROUNDS):
        values = fit_ranking([blind(second_look(p, values), signal) for p in taught])
    return values


def ranked(problem: Problem, values: Sequence[float], signal: int | None) -> float:
    """Return the evidence recall at 10 of a problem under weights that never saw a signal."""
    seen = blind(second_look(blind(problem, signal), values), signal)
    order = np.argsort(-(seen.signals @ np.array(values, np.float32)), kind="stable")
    return float(seen.relevant[order[:10]].sum()) / seen.total


def blind(problem: Problem, signal: int | None) -> Problem:
    """Return a problem in which a signal tells nothing."""
    if signal is None:
        return problem
    signals = problem.signals.copy()
    signals[:, signal] = 0.0
    return replace(problem, signals=signals)


def known(derivers: Sequence[str] | None) -> list[str]:
    """Return the derivers to ablate: those named, else all that there are."""
    return list(derivers) if derivers is not None else list(registry.derivers())


def deriver(memory: Memory) -> str | None:
    """Return who derived a memory; None of what was said."""
    origin = memory.origin or ""
    return origin.removeprefix(ORIGIN).split(":")[0] if origin.startswith(ORIGIN) else None
