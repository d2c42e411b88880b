"""From what was recalled to figures: evidence recall, tokens and intervals of structures, derivers and signals.

A derived memory counts as the turns that it comes from. R@10 looks at the first ten different turns; tokens at equal
recall are those of as many memories as together come from as much evidence as the ten best turns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from agentmem.evaluation.statistics import LEVEL, SEED, bootstrap
from agentmem.recall.fitting import tokens
from agentmem.types import MemoryId
from agentmem_evaluators import _locomo_scorer as scorer
from agentmem_evaluators._ablate_play import DEPTH, Asked, Played

K = 10
KS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 40)
TEMPORAL = 2
"""The category whose answers are dates, which no text needs to hold."""
FEWER = 0.95
"""A deriver that takes surely less of the tokens than this earns its place without more evidence."""
RESAMPLES = 2_000
"""Of the ratio of tokens, which is no mean."""
Array = npt.NDArray[np.float64]
Recalls = Callable[[Played, Asked], Sequence[MemoryId]]


@dataclass(frozen=True, slots=True)
class Found:
    """By question (n,): evidence among the first ten turns; (n, DEPTH) by memories recalled: evidence and tokens.

    `covered` (m, DEPTH) is the share of the words of the answer that they say, of the questions that have some.
    """

    recall: Array
    evidence: Array
    tokens: Array
    covered: Array


def found(played: Sequence[Played], recalls: Recalls) -> Found:
    """Return what one way to recall finds for every question."""
    rows = [_one(p, q, recalls(p, q)) for p in played for q in p.asked]
    covered = [row[3] for row in rows if row[3] is not None]
    return Found(
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows]),
        np.array(covered).reshape(-1, DEPTH),
    )


def of_structures(turns: Found, others: Mapping[str, Found]) -> dict[str, Any]:
    """Return recall, tokens and coverage of turns alone and of each other structure, and what equal recall takes."""
    every = {"turns": turns, **others}
    curves = {name: [_point(of, k) for k in KS] for name, of in every.items()}
    structures = {
        name: {
            "recall@10": float(of.recall.mean()),
            "recall@10_ci": interval(of.recall),
            "gain": gain(of.recall, turns.recall),
            "tokens@10": float(of.tokens[:, K - 1].mean()),
            "covered@10": _mean(of.covered[:, K - 1]),
            "covered_gain": gain(of.covered[:, K - 1], turns.covered[:, K - 1]) if len(of.covered) else None,
            "tokens_at_recall_of_turns": at(_curve(of.tokens), _curve(of.evidence), _aim(turns.evidence)),
            "tokens_at_answers_of_turns": at(_curve(of.tokens), _curve(of.covered), _aim(turns.covered))
            if len(of.covered)
            else None,
            "token_ratio": ratio(of, turns),
        }
        for name, of in every.items()
    }
    return {"structures": structures, "curves": curves}


def of_deriver(turns: Found, every: Found, alone: Found, off: Found) -> dict[str, Any]:
    """Return what a deriver adds to turns alone, what is lost when it alone is off, and its tokens at equal recall."""
    added, lost, size = gain(alone.recall, turns.recall), gain(every.recall, off.recall), ratio(alone, turns)
    return {
        "recall@10": float(alone.recall.mean()),
        "recall@10_ci": interval(alone.recall),
        "added": added,
        "lost_when_off": lost,
        "tokens@10": float(alone.tokens[:, K - 1].mean()),
        "token_ratio": size,
        "earns": added[1] > 0 or lost[1] > 0 or (size is not None and size[2] < FEWER),
    }


def of_signals(recall: Mapping[str | None, Sequence[float]]) -> dict[str, Any]:
    """Return what is lost without each signal, and recall with all of them (under "all")."""
    every = recall[None]
    signals: dict[str, Any] = {"all": {"recall@10": float(np.mean(every)), "recall@10_ci": interval(every)}}
    for name, without in recall.items():
        if name is not None:
            lost = gain(every, without)
            mean = float(np.mean(without))
            signals[name] = {"recall@10": mean, "recall@10_ci": interval(without), "lost": lost, "earns": lost[1] > 0}
    return signals


def at(tokens_: Array, reached: Array, aim: float) -> float | None:
    """Return the tokens (both (k,), rising) that reach so much, between two settings; None where none does."""
    if reached[-1] < aim:
        return None
    n = int(np.argmax(reached >= aim))
    if n == 0:
        return float(tokens_[0])
    share = (aim - reached[n - 1]) / (reached[n] - reached[n - 1])
    return float(tokens_[n - 1] + share * (tokens_[n] - tokens_[n - 1]))


def ratio(of: Found, turns: Found) -> list[float] | None:
    """Return the tokens at the evidence of ten turns over those that turns take, with the bounds of their interval.

    Questions are drawn with replacement, for both the same; a draw in which so much is never reached counts as endless.
    None where that is so of the questions themselves.
    """
    draws = np.random.default_rng(SEED)
    n = len(turns.recall)
    counts = np.concatenate([np.ones((1, n)), draws.multinomial(n, np.full(n, 1 / n), RESAMPLES)]) / n
    curves = zip(*(counts @ rows for f in (of, turns) for rows in (f.tokens, f.evidence)), strict=True)
    values = []
    for ours, reached, theirs, aims in curves:
        aim = float(aims[K - 1])
        size, whole = at(ours, reached, aim), at(theirs, aims, aim)
        values.append(np.inf if size is None or whole is None else size / whole)
    if values[0] == np.inf:
        return None
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values[1:], (tail, 1 - tail), method="nearest")
    return [float(values[0]), float(low), float(high)]


def gain(one: Sequence[float] | Array, other: Sequence[float] | Array) -> list[float]:
    """Return the mean of what one has more, with the bounds of its paired interval."""
    more = bootstrap(np.subtract(one, other))
    return [more.mean, more.low, more.high]


def interval(values: Sequence[float] | Array) -> list[float]:
    """Return the bounds of a mean."""
    of = bootstrap(values)
    return [of.low, of.high]


def _one(played: Played, asked: Asked, ids: Sequence[MemoryId]) -> tuple[float, Array, Array, Array | None]:
    """Return recall of ten turns, and by number of memories evidence, tokens and words of the answer."""
    turns: dict[str, None] = {}
    evidence, sizes, covered = (np.zeros(DEPTH) for _ in range(3))
    answer = _answer(asked)
    said: set[str] = set()
    for n in range(DEPTH):
        if n < len(ids):
            turns |= dict.fromkeys(played.origins(ids[n]))
            evidence[n] = scorer.evidence_recall(asked.gold, list(turns), len(turns))
            sizes[n] = tokens(played.memories[ids[n]])
            said |= answer & _words(played.memories[ids[n]].text)
        elif n:
            evidence[n] = evidence[n - 1]
        covered[n] = len(said) / max(len(answer), 1)
    best = scorer.evidence_recall(asked.gold, list(turns), K)
    return best, evidence, np.cumsum(sizes), covered if answer else None


def _answer(asked: Asked) -> frozenset[str]:
    """Return the words of the answer; none of dates."""
    question = asked.question
    if question.category == TEMPORAL:
        return frozenset()
    return _words(scorer.expected_of(question.answer, question.category))


@lru_cache(maxsize=100_000)
def _words(text: str) -> frozenset[str]:
    return frozenset(scorer.tokens(text))


def _point(of: Found, k: int) -> dict[str, float | int | None]:
    curves = {"recall": of.evidence, "covered": of.covered, "tokens": of.tokens}
    return {"k": k, **{name: _mean(rows[:, k - 1]) for name, rows in curves.items()}}


def _curve(rows: Array) -> Array:
    return np.asarray(rows.mean(0))


def _aim(rows: Array) -> float:
    return float(rows[:, K - 1].mean())


def _mean(values: Array) -> float | None:
    return float(values.mean()) if len(values) else None
