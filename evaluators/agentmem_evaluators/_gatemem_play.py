"""Playing an episode of GateMem: the dialogue into a space, its requests carried out, and what is recalled when asked.

A checkpoint is asked as soon as its turn has been said. The context is what the `k` memories say that are recalled for
it, or everything that is remembered; agentmem shows nothing, as its agents do, where the question asks back what was
forgotten. Who asks sees what the policies said in the dialogue until then leave to him or her:
`agentmem.sharing_policies` reads them, and knows of people what the episode's header says, ids, names and roles.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from agentmem.clock import FixedClock
from agentmem.evaluation.replay import Settings
from agentmem.formats.gatemem import Checkpoint, Episode, Principal, Turn
from agentmem.sharing_policies import Person, apply
from agentmem.space import NO_FILTER, Space
from agentmem.system import open_system
from agentmem.types import Draft, Evidence, Filter
from agentmem_evaluators._forgetting import (
    Forgetting,
    Forgotten,
    Nothing,
    Nuke,
    OnRequest,
    Oracle,
    Similar,
    Speaker,
    Truth,
)
from agentmem_evaluators._gatemem_scores import deleted, holds_words

OURS, ANSWERED, UNGUARDED, OPEN = "agentmem", "asked", "unguarded", "open"
NONE, NULL, WHOLE = "none", "null", "whole"
CONTROLLED = frozenset({OURS, ANSWERED, UNGUARDED})
"""The systems in which access is controlled."""
SILENT = CONTROLLED | {OPEN}
"""The systems that are shown what an agent is: nothing for a question that the guard says asks back the forgotten."""
Allowed = Callable[[Space, Episode, Principal], Filter]
"""Which memories a principal may be shown: passed to recall, which applies it before anything is ranked."""


@dataclass(frozen=True, slots=True)
class Context:
    """What one system had before it when it was asked."""

    episode: Episode
    checkpoint: Checkpoint
    system: str
    evidence: tuple[Evidence, ...]

    def text(self, k: int) -> str:
        """Return the texts of the `k` best, a line each; of the whole dialogue, all."""
        shown = self.evidence if self.system == WHOLE else self.evidence[:k]
        return "\n".join(e.memory.text for e in shown)


@dataclass(slots=True)
class Played:
    """What playing an episode in one way gave: contexts in the order of checkpoints, and what its requests led to."""

    contexts: list[Context] = field(default_factory=list)
    requests: int = 0
    forgotten: Forgotten = field(default_factory=Forgotten)


def everyone(space: Space, episode: Episode, asker: Principal) -> Filter:  # noqa: ARG001 - that is what it says
    """Let everybody be shown everything: no access control."""
    return NO_FILTER


def by_policy(space: Space, episode: Episode, asker: Principal) -> Filter:
    """Let somebody be shown what the policies said in the dialogue so far leave to him or her."""
    apply(space, [Person(p.id, p.name, p.role) for p in episode.principals])
    return Filter(viewer=asker.id)


def ways(episode: Episode) -> list[Forgetting]:
    """Return the ways to forget that are compared; agentmem is the first, and what forgets nothing the last."""
    gone_after = [(c.after, value) for c in episode.checkpoints for value in deleted(episode, c)]
    place = {turn.id: number for number, turn in enumerate(episode.turns)}

    def known(turn: str) -> Truth:
        """Return what tells the deleted, as far as checkpoints up to a turn know it."""
        gone = [value for after, value in gone_after if place[after] <= place[turn]]
        return lambda memory: holds_words(memory.text, gone)

    return [
        OnRequest(),
        OnRequest(known(episode.turns[-1].id), ANSWERED),
        OnRequest(None, UNGUARDED, guard=False),
        OnRequest(None, OPEN),
        Nuke(),
        Speaker(),
        Similar(),
        Oracle(known),
        Nothing(NONE),
    ]


def play(episode: Episode, way: Forgetting, settings: Settings, k: int, allowed: Allowed = by_policy) -> Played:
    """Play an episode on a fresh space in a temporary root, forgetting one way.

    `allowed` says which memories an asker may be shown, in the systems in which access is controlled.
    """
    shown = allowed if way.name in CONTROLLED else everyone
    played = Played()
    asks: dict[str, list[Checkpoint]] = {}
    for checkpoint in episode.checkpoints:
        asks.setdefault(checkpoint.after, []).append(checkpoint)
    clock = FixedClock(episode.turns[0].said_at)
    with (
        tempfile.TemporaryDirectory(prefix="agentmem-eval-", ignore_cleanup_errors=True) as root,
        open_system(root, embedder=settings.embedder, clock=clock, weights=settings.weights) as system,
    ):
        space = system.space("episode")
        waiting: list[Draft] = []
        for turn in episode.turns:
            clock.now = max(clock.now, turn.said_at)
            waiting.append(drafted(turn))
            acts = way.wants(turn.text)
            if not acts and turn.id not in asks:
                continue
            space.remember(waiting, guarded="skip")
            if acts:
                played.requests += 1
                played.forgotten += way.heard(space, waiting[-1])
            waiting = []
            if turn.id in asks:
                played.forgotten += way.before(space, turn.id)
            for checkpoint in asks.get(turn.id, ()):
                played.contexts += _asked(space, episode, checkpoint, way.name, k, shown)
    return played


def drafted(turn: Turn) -> Draft:
    """Return a turn as it is remembered: its speaker by name, and in its metadata by id and role."""
    whose = {"principal": turn.speaker.id, "role": turn.speaker.role}
    return Draft(turn.text, speaker=turn.speaker.name, said_at=turn.said_at, metadata=whose, origin=turn.id)


def _asked(
    space: Space, episode: Episode, checkpoint: Checkpoint, way: str, k: int, allowed: Allowed
) -> Iterable[Context]:
    evidence: tuple[Evidence, ...] = ()
    if way not in SILENT or not space.guard.asked_back(checkpoint.question):
        shown = allowed(space, episode, checkpoint.asker)
        evidence = space.recall(checkpoint.question, k, filter=shown, explain=False).evidence
    yield Context(episode, checkpoint, way, evidence)
    if way == NONE:
        yield Context(episode, checkpoint, NULL, ())
        yield Context(episode, checkpoint, WHOLE, tuple(Evidence(m, 1.0) for m in space.memories()))
