"""Playing a persona of Memora: all sessions into a space, what they take back forgotten, then every question asked.

The forgetting is driven by the sessions' own operations: a value that is deleted or replaced is forgotten as soon as
its session is over, from everything said until then, the taking back included. What is added again later is said again
on purpose, and stays. Whether a text says a value is judged by its words, not by a model.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agentmem.clock import FixedClock
from agentmem.encoding.words import terms
from agentmem.evaluation.replay import Settings
from agentmem.formats.memora import Persona, Question, Session
from agentmem.space import Space
from agentmem.system import open_system
from agentmem.types import Draft, Evidence
from agentmem.unlearning.request import is_request
from agentmem.unlearning.selector import Topic, Words
from agentmem_evaluators._forgetting import ALIKE, NEAREST, Forgotten, carry_out, delete_similar, erase

OURS, ANSWERED, NONE, NULL, WHOLE, ORACLE = "agentmem", "asked", "none", "null", "whole", "oracle"
SAID = 0.8
"""Share of a value's words that one memory holds, from which on it says the value."""
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")

Way = Callable[[Space, str], Forgotten]
"""Forgets one value in a space."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What one system had before it when it was asked."""

    persona: str
    question: Question
    system: str
    evidence: tuple[Evidence, ...]


@dataclass(slots=True)
class Played:
    """What playing a persona in one way gave; `operations` are the values that sessions took back."""

    recalled: list[Recalled] = field(default_factory=list)
    operations: int = 0
    forgotten: Forgotten = field(default_factory=Forgotten)


def _by_plan(space: Space, value: str) -> Forgotten:
    return carry_out(space, space.forgetting.plan(Words(value) | Topic(value)))


def _answered(space: Space, value: str) -> Forgotten:
    return carry_out(space, space.forgetting.plan(Words(value) | Topic(value)), lambda m: says(m.text, value))


def _nothing(space: Space, value: str) -> Forgotten:  # noqa: ARG001 - that is what it does
    return Forgotten()


def _everything(space: Space, value: str) -> Forgotten:  # noqa: ARG001 - whatever it was
    return erase(space, [m.id for m in space.memories()])


def _similar(space: Space, value: str) -> Forgotten:
    return delete_similar(space, value, NEAREST, ALIKE)


def _known(space: Space, value: str) -> Forgotten:
    return erase(space, [m.id for m in space.memories() if says(m.text, value)])


WAYS: dict[str, Way] = {
    OURS: _by_plan,
    ANSWERED: _answered,
    "similarity": _similar,
    "nuke": _everything,
    ORACLE: _known,
    NONE: _nothing,
}
"""The ways to forget that are compared: agentmem by what it is sure of, or asking; and what it is held against."""


def play(persona: Persona, name: str, settings: Settings, k: int) -> Played:
    """Play a persona on a fresh space in a temporary root, forgetting in the way of that name."""
    played = Played()
    clock = FixedClock(persona.sessions[0].began)
    with (
        tempfile.TemporaryDirectory(prefix="agentmem-eval-", ignore_cleanup_errors=True) as root,
        open_system(root, embedder=settings.embedder, clock=clock, weights=settings.weights) as system,
    ):
        space = system.space("persona")
        for session in persona.sessions:
            clock.now = max(clock.now, session.began)
            space.remember(drafts(session), guarded="pass")
            for value in session.gone:
                played.operations += 1
                played.forgotten += WAYS[name](space, value)
        for question in persona.questions:
            found = space.recall(question.text, k, explain=False).evidence
            played.recalled.append(Recalled(persona.name, question, name, found))
            if name == NONE:
                played.recalled.append(Recalled(persona.name, question, NULL, ()))
                whole = tuple(Evidence(m, 1.0) for m in space.memories())
                played.recalled.append(Recalled(persona.name, question, WHOLE, whole))
    return played


def drafts(session: Session) -> list[Draft]:
    """Return the turns of a session as they are remembered, in a thread of its own."""
    thread = f"session-{session.number:04d}"
    return [
        Draft(turn.text, speaker=turn.speaker, thread=thread, said_at=session.began, origin=f"{thread}:{number}")
        for number, turn in enumerate(session.turns, start=1)
    ]


def recognised(persona: Persona) -> tuple[int, int]:
    """Return how many sessions take something back in words that agentmem takes for a request to forget, and of all."""
    back = [session for session in persona.sessions if session.gone]
    asked = [any(turn.shared and is_request(turn.text) for turn in session.turns) for session in back]
    return sum(asked), len(asked)


def values(one: Recalled, k: int) -> dict[str, float]:
    """Return the figures of one question: shares of checks passed, and FAMA, as far as evidence names the value.

    `memory_presence`: the recalled memories say what they should; `forgetting_absence`: they do not say what they
    should not. FAMA = max(0, MPA - share of absence checks x (1 - FAA)); without a presence check there is none.
    """
    texts = [e.memory.text for e in (one.evidence if one.system == WHOLE else one.evidence[:k])]
    present = [said(texts, c.value) for c in one.question.checks if c.value and c.wanted]
    absent = [not said(texts, c.value) for c in one.question.checks if c.value and not c.wanted]
    found = {}
    if present:
        found["memory_presence"] = sum(present) / len(present)
        gone = sum(absent) / len(absent) if absent else 1.0
        found["fama"] = max(0.0, found["memory_presence"] - len(absent) / (len(present) + len(absent)) * (1 - gone))
    if absent:
        found["forgetting_absence"] = sum(absent) / len(absent)
    return found


def said(texts: Sequence[str], value: str) -> bool:
    """Say whether any of the texts says the value."""
    return any(says(text, value) for text in texts)


def says(text: str, value: str) -> bool:
    """Say whether one text holds the words of a value, as stems: all of a short one, four fifths of a long one."""
    wanted = set(_terms(value))
    if not wanted:
        return value.casefold() in text.casefold()
    return len(wanted.intersection(_terms(text))) >= SAID * len(wanted)


def _terms(text: str) -> list[str]:
    return terms(_THOUSANDS.sub("", text))
