"""Play a Case on a fresh space in a temporary root, at the times the script says, and ask every subject each question.

A subject is something that can be asked: the space itself, or a baseline that looks at the same memories. A crash is
recorded with its place and the run goes on: one broken question does not lose the others.
"""

from __future__ import annotations

import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agentmem import config
from agentmem.clock import FixedClock
from agentmem.evaluation.cases import Ask, Case, Evaluator, Forget, Remember, Reply, Score, Wait
from agentmem.protocols import Embedder
from agentmem.recall.fitting import tokens
from agentmem.space import Space
from agentmem.system import open_system

Progress = Callable[[str, int, int], None]
"""Called with what is going on, how far it is, and how far it goes."""


class Subject(Protocol):
    """Something that can be asked."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    def reply(self, space: Space, ask: Ask, /) -> Reply:
        """Answer a question from the space as it is now."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question, asked of one subject: the reply and its score, or what went wrong."""

    case: str
    subject: str
    ask: Ask
    score: Score
    reply: Reply | None = None
    failure: str = ""


@dataclass(slots=True)
class Replayed:
    """All that playing a case gave. `failures` say where it broke; `ingest_seconds` is the time spent in `remember`.

    `tokens` is what the whole space would take in a prompt at the end.
    """

    case: str
    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    remembered: int = 0
    ingest_seconds: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """How the space of a case is opened; `weights` of None are those that ship with the package."""

    embedder: str | Embedder = config.EMBEDDER
    weights: Path | None = None
    stores: Sequence[str] = config.STORES


def replay(
    case: Case,
    evaluator: Evaluator,
    subjects: Sequence[Subject],
    settings: Settings,
    progress: Progress | None = None,
) -> Replayed:
    """Play one case. What goes wrong is in the result; only KeyboardInterrupt and its like stop it."""
    played = Replayed(case.name)
    clock = FixedClock(case.began)
    asked = 0
    questions = sum(isinstance(step, Ask) for step in case.steps)
    with tempfile.TemporaryDirectory(prefix="agentmem-eval-", ignore_cleanup_errors=True) as root:
        try:
            with open_system(
                root,
                embedder=settings.embedder,
                clock=clock,
                weights=settings.weights,
                stores=settings.stores,
            ) as system:
                space = system.space(case.name)
                for step in case.steps:
                    if isinstance(step, Ask):
                        played.outcomes += [_ask(case, space, subject, step, evaluator) for subject in subjects]
                        asked += 1
                        if progress:
                            progress(case.name, asked, questions)
                    else:
                        _carry_out(step, space, clock, played)
                played.tokens = sum(tokens(memory) for memory in space.memories())
        except Exception as fault:  # noqa: BLE001 - it is recorded and reported, and the other cases are still played
            played.failures.append(f"{case.name}: {_told(fault)}")
            played.outcomes += _unasked(case, subjects, asked, _told(fault))
    return played


def _carry_out(step: Remember | Wait | Forget, space: Space, clock: FixedClock, played: Replayed) -> None:
    match step:
        case Remember(drafts):
            begin = time.perf_counter()
            space.remember(drafts)
            played.ingest_seconds += time.perf_counter() - begin
            played.remembered += len(drafts)
        case Wait(span):
            clock.advance(span)
        case Forget(origins):
            wanted = frozenset(origins)
            space.erase([memory.id for memory in space.memories() if memory.origin in wanted])


def _ask(case: Case, space: Space, subject: Subject, ask: Ask, evaluator: Evaluator) -> Outcome:
    try:
        reply = subject.reply(space, ask)
        return Outcome(case.name, subject.name, ask, evaluator.score(ask, reply), reply)
    except Exception as fault:  # noqa: BLE001 - it is recorded and reported, and the other questions are still asked
        told = _told(fault)
        return Outcome(case.name, subject.name, ask, Score.unscored(told), failure=told)


def _unasked(case: Case, subjects: Iterable[Subject], asked: int, why: str) -> list[Outcome]:
    """Return the questions that a broken case never came to."""
    rest = [step for step in case.steps if isinstance(step, Ask)][asked:]
    return [
        Outcome(case.name, subject.name, ask, Score.unscored(why), failure=why) for ask in rest for subject in subjects
    ]


def _told(fault: Exception) -> str:
    """Return one line about an exception: its type, its message, and the last place in the code it came through."""
    frames = traceback.extract_tb(fault.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    message = (str(fault).splitlines() or [""])[0]
    return f"{type(fault).__name__}: {message}{place}"
