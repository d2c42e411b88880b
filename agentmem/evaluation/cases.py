"""What an evaluation is made of: a Case is a script, a Reply is what came back, a Score is what it was worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from agentmem.types import Draft


@dataclass(frozen=True, slots=True)
class Remember:
    """Remember the drafts in one call. Each needs an origin where gold evidence refers to it."""

    drafts: tuple[Draft, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass."""

    span: timedelta


@dataclass(frozen=True, slots=True)
class Forget:
    """Erase the memories of these origins, with all that was derived from them."""

    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gold:
    """What is known about a question and must stay hidden from what is measured.

    `evidence` are the origins of the drafts that hold the answer; `labels` are what figures are grouped by.
    """

    id: str
    answer: str = ""
    evidence: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask a question. Of this, only `question` is shown to the system; `gold` is for the scorer and for the oracle."""

    question: str
    gold: Gold


Step = Remember | Wait | Forget | Ask


@dataclass(frozen=True, slots=True)
class Case:
    """A script that is played on a space of its own, from the moment `began` (aware)."""

    name: str
    began: datetime
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one question.

    `ranking`: origins of what was recalled, best first. `confidence`: the answer's. `seconds` is the time the recall
    took, without the reading. `tokens` is the estimated size of the context that was read.
    """

    ranking: tuple[str, ...] = ()
    answer: str = ""
    abstained: bool = False
    confidence: float = 1.0
    seconds: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """Figures of one reply, by metric. A metric that does not apply is left out: unscored is not zero."""

    values: Mapping[str, float]
    reason: str = ""

    @classmethod
    def unscored(cls, reason: str) -> Score:
        """Return a score without any figure, and why."""
        return cls({}, reason)


class Evaluator(Protocol):
    """One evaluation: a file with a `make(config)` that returns this."""

    @property
    def name(self) -> str:
        """What the command line calls it."""
        ...

    def cases(self) -> Iterator[Case]:
        """Yield the scripts to be played."""
        ...

    def score(self, ask: Ask, reply: Reply, /) -> Score:
        """Say what a reply was worth."""
        ...
