"""The same on GateMem: what the ten memories that are recalled for a checkpoint hold, without each part of memory.

An episode is played once, with every deriver on, and what is asked to be forgotten is forgotten. Before a checkpoint
is asked, derivers settle. Access is not controlled, so what was not to be told comes up if it is recalled.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import agentmem
from agentmem.clock import FixedClock
from agentmem.formats.gatemem import Checkpoint, Episode
from agentmem.ledger.matching import Matching
from agentmem.protocols import Embedder
from agentmem.recall import mixed
from agentmem.recall.engine import POOL
from agentmem.recall.fusion import Weights
from agentmem.space import Space
from agentmem_evaluators._ablate_figures import K, gain, interval
from agentmem_evaluators._ablate_play import EVERYTHING, deriver, mixing
from agentmem_evaluators._ablate_report import METRICS
from agentmem_evaluators._forgetting import OnRequest
from agentmem_evaluators._gatemem_play import drafted
from agentmem_evaluators._gatemem_scores import of_context

LEAST = 2
"""Checkpoints from which on there is an interval."""
Scored = Mapping[str, Mapping[str, float]]
"""Of one checkpoint: by what was left out, its figures."""


def play(
    episode: Episode, embedder: Embedder, weights: Mapping[str | None, Weights], derivers: Sequence[str]
) -> list[Scored]:
    """Play an episode and return the figures of its checkpoints; `weights` are those without each signal (None: all).

    Ways are "turns", "mixed", "deriver NAME" for that one alone, and "no NAME" for turns without a signal.
    """
    forgetting = OnRequest()
    asks: dict[str, list[Checkpoint]] = {}
    for checkpoint in episode.checkpoints:
        asks.setdefault(checkpoint.after, []).append(checkpoint)
    clock = FixedClock(episode.turns[0].said_at)
    scored: list[Scored] = []
    with (
        tempfile.TemporaryDirectory(prefix="agentmem-eval-", ignore_cleanup_errors=True) as root,
        agentmem.open(root, embedder=embedder, clock=clock, derive=derivers) as system,
    ):
        space = system.space("episode")
        space.deriving.close()
        waiting = []
        for turn in episode.turns:
            clock.now = max(clock.now, turn.said_at)
            waiting.append(drafted(turn))
            acts = forgetting.wants(turn.text)
            if acts or turn.id in asks:
                space.remember(waiting, guarded="skip")
                if acts:
                    forgetting.heard(space, waiting[-1])
                waiting = []
            if turn.id in asks:
                space.settle()
                how = {"embedder": embedder, "limit": POOL, "now": clock.now}
                scored += _asked(space, episode, asks[turn.id], weights, derivers, **how)
    return scored


def figures(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return, by way, each figure with its interval and what it is more than that of turns, paired by checkpoint."""
    ways: dict[str, Any] = {}
    for way in scored[0] if scored else ():
        ways[way] = {}
        for metric in METRICS:
            both = [(of[way][metric], of["turns"][metric]) for of in scored if metric in of["turns"]]
            if len(both) >= LEAST:
                ours, turns = zip(*both, strict=True)
                more = gain(ours, turns)
                ways[way][metric] = {"mean": sum(ours) / len(ours), "ci": interval(ours), "gain": more, "n": len(ours)}
    return ways


def _asked(
    space: Space,
    episode: Episode,
    checkpoints: Sequence[Checkpoint],
    weights: Mapping[str | None, Weights],
    derivers: Sequence[str],
    **how: Any,
) -> list[Scored]:
    memories = {m.id: m for m in space.memories()}
    by = {i: name for i, m in memories.items() if (name := deriver(m))}
    ledger, indexes = space._ledger, space._level()  # noqa: SLF001 - what recall works with, asked apart
    indexes.place(how["embedder"])
    sources = mixed.sources(ledger, list(memories))
    scored: list[Scored] = []
    for checkpoint in checkpoints:
        of = (checkpoint.question, ledger, indexes, EVERYTHING, Matching())
        alone, beside = mixed.both(*of, weights=weights[None], **how)
        found = {"turns": alone.ids, "mixed": mixing(alone, beside, by, sources, derivers)}
        found |= {f"deriver {name}": mixing(alone, beside, by, sources, [name]) for name in derivers}
        found |= {f"no {s}": mixed.turns(*of, weights=w, **how).ids for s, w in weights.items() if s is not None}
        texts = {way: "\n".join(memories[i].text for i in ids[:K]) for way, ids in found.items()}
        scored.append({way: of_context(episode, checkpoint, text) for way, text in texts.items()})
    return scored
