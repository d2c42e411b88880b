"""Answers to when-questions: the time expression that goes with the best evidence, or the day on which it was said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agentmem.encoding import calendar as cal
from agentmem.encoding.dates import TimeExpression, find_times
from agentmem.reading.relevance import CHARACTERS
from agentmem.reading.relevance import FEATURES as PASSAGE_FEATURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentmem.encoding.calendar import Granularity
    from agentmem.reading.questions import Question
    from agentmem.reading.relevance import Passage
    from agentmem.types import Evidence

FEATURES = (
    *PASSAGE_FEATURES, "best_of_memory", "said_day", "said_day_no_time", "same_sentence", "today", "vague",
    "since", "duration", "day",
    "week", "month", "year", "unit_fits", "future_asked_and_told", "future_asked_not_told", "past_asked_future_told",
    "inside_asked_time", "asked_in_words",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Dating:
    """One possible answer: the words, the memory it comes from, its features (F,)."""

    text: str
    evidence: Evidence
    features: npt.NDArray[np.float64]


def datings(question: Question, found: Sequence[Passage]) -> list[Dating]:
    """Return the possible times: each expression of each memory, and the day each was said."""
    by_memory: dict[int, list[Passage]] = {}
    for passage in found:
        by_memory.setdefault(passage.rank, []).append(passage)
    future = (
        any(w in question.text.lower().split() for w in ("will", "going", "planning", "plan", "plans"))
        or " is " in question.text
    )
    lasting = question.ago or re.search(r"\b(?:start|begin|began|begun)", question.text) is not None
    out: list[Dating] = []
    for parts in by_memory.values():
        memory = parts[0].evidence.memory
        text = memory.text[:CHARACTERS]
        times = [t for t in find_times(text, memory.said_at) if t.kind != "duration" or (lasting and not t.vague)]
        best = max(parts, key=lambda p: (p.features[0], p.features[13]))
        for time in times:
            home = next((p for p in parts if time.text in p.sentence.text), best)
            out.append(_dating(question, time, home, best, future=future))
        if not any(t.kind == "duration" and t.text in best.sentence.text for t in times):
            out.append(_dating(question, None, best, best, future=future, alone=not times))
    return out


def _dating(
    question: Question, time: TimeExpression | None, home: Passage, best: Passage, *, future: bool, alone: bool = False
) -> Dating:
    memory = home.evidence.memory
    today = cal.day_span(memory.said_at)
    span = time.interval if time else today
    granularity = time.granularity if time else "day"
    ahead = span.start > memory.said_at
    unit = question.unit
    extra = (
        home is best,
        time is None,
        time is None and alone,
        time is not None and home is best,
        time is not None and span == today,
        time is not None and time.vague,
        time is not None and time.kind == "since",
        time is not None and time.kind == "duration",
        granularity == "day",
        granularity in ("week", "weekend"),
        granularity == "month",
        granularity in ("year", "season", "decade"),
        unit is not None and unit == granularity,
        future and ahead,
        future and not ahead,
        not future and ahead,
        question.when is not None and span.overlaps(question.when),
        time is not None and time.text.lower() in question.text.lower(),
    )
    return Dating(
        _words(question, time, home), home.evidence, np.concatenate([home.features, np.array(extra, dtype=np.float64)])
    )


def _words(question: Question, time: TimeExpression | None, home: Passage) -> str:
    """Say a time in the unit that was asked for, else in its own."""
    span = time.interval if time else cal.day_span(home.evidence.memory.said_at)
    granularity: Granularity = time.granularity if time else "day"
    if time is not None and question.ago and (time.text.endswith("ago") or time.kind == "duration"):
        return time.text.lower() if time.text.endswith("ago") else f"{time.words} ago"
    own: Granularity | None = None
    if time is None:
        own = "day"
    elif time.kind == "duration":  # "for four months" began in a month, said to the day it would claim too much
        span = cal.day_span(span.start)
        own = "month" if granularity in ("day", "week", "weekend") else granularity
    if question.unit == "year":
        own = "year"
    elif question.unit in ("month", "season") and granularity in ("day", "week", "weekend", "month"):
        own = "month"
    elif question.unit in ("day", "date") and granularity == "day":
        own = "day"
    if own is None and time is not None:
        return time.words[0].upper() + time.words[1:]
    return cal.span_words(span, own or granularity)
