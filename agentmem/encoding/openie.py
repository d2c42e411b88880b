"""Facts read by a chat model: open information extraction, with validity, each fact with the turns that it comes from.

The model is a callable from outside, `ask(messages, schema)`, so that no agent library is needed here. Whatever it
answers names the turns it was read from, by the numbers it was shown; what names none of those that were asked about is
refused. Its word for it is not enough: erasing a turn must take along all that was read from it, so a turn that alone
holds a word of a fact is a parent of it, named or not.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from pydantic import BaseModel, ValidationError

from agentmem.encoding._openie_form import MOST_CHARS, Messages, Reading, Statement, again, prompt, warn
from agentmem.encoding.dates import find_times
from agentmem.encoding.extraction import CONTEXT, ExtractedFact, rule_facts
from agentmem.encoding.words import terms
from agentmem.errors import ModelError
from agentmem.protocols import Answered
from agentmem.types import Interval, Memory

Ask = Callable[[Messages, type[BaseModel]], BaseModel]
"""Asks a model for an instance of a schema. Raises ValueError for an answer that is none, ModelError for no answer."""

BATCH = 12
"""Turns a call; a handful is enough to know what is spoken of, and few enough to name each by number."""
LONGEST_PART = 400
"""Characters of a subject, relation or object; what is longer is no part of a triple but a copied text."""
FIRST_WAIT_S = 1.0
"""Before the second attempt; doubled before each further one."""


class OpenIE:
    """The extractor with a model: batched, retried, its answers kept in `answers`; rubbish falls back to the rules.

    An answer that is no `Reading`, or in which no fact names a turn that was asked about, is rubbish; it is asked for
    again, `attempts` times in all, and then the rules read that batch, with an ExtractionWarning that says so. A model
    that cannot be reached is asked as often, with pauses that double, and then its ModelError is raised: nobody wants
    ten thousand turns read by rules since a key was wrong.
    """

    def __init__(
        self,
        name: str,
        ask: Ask,
        *,
        answers: Answered | None = None,
        attempts: int = 3,
        batch: int = BATCH,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._ask = ask
        self._answers = answers
        self._attempts = attempts
        self._batch = batch
        self._wait = wait

    def __call__(self, turns: Sequence[Memory], context: Sequence[Memory] = (), /) -> list[ExtractedFact]:
        """Return the facts of the turns. Raises ModelError where the model does not answer."""
        facts: list[ExtractedFact] = []
        before = list(context)
        for part in self._parts(turns):
            facts += self._read(part, before)
            before = [*before, *part][-CONTEXT:]
        return facts

    def _parts(self, turns: Sequence[Memory]) -> Iterator[list[Memory]]:
        """Yield what fits one call."""
        part: list[Memory] = []
        size = 0
        for turn in turns:
            length = min(len(turn.text), MOST_CHARS)
            if part and (len(part) == self._batch or size + length > MOST_CHARS):
                yield part
                part, size = [], 0
            part.append(turn)
            size += length
            if len(turn.text) > MOST_CHARS:
                warn(f"{turn.id} is read up to its character {MOST_CHARS:,} of {len(turn.text):,}")
        if part:
            yield part

    def _read(self, turns: Sequence[Memory], context: Sequence[Memory]) -> list[ExtractedFact]:
        messages = prompt(turns, context)
        schema = json.dumps(Reading.model_json_schema())
        key = hashlib.sha256(json.dumps([self.name, *messages, schema]).encode()).hexdigest()
        known = self._known(key)
        if known is not None:
            return self._facts(known, turns, context)
        try:
            reading, facts = self._asked(turns, context)
        except ValueError as error:
            why = " ".join(str(error).split())[:200]
            warn(f"{self.name} answered rubbish for {_span(turns)}, so the rules read them instead: {why}")
            return rule_facts(turns)
        if self._answers is not None:
            self._answers.put(key, reading.model_dump_json(), [*context, *turns])
        if lost := len(reading.facts) - len(facts):
            warn(
                f"{self.name}: {lost} of {len(reading.facts)} facts of {_span(turns)} were left out: they were said "
                "twice, named no turn that was asked about, or had a part that was empty or a whole text"
            )
        return facts

    def _asked(self, turns: Sequence[Memory], context: Sequence[Memory]) -> tuple[Reading, list[ExtractedFact]]:
        """Return what the model answers, at the last attempt at the latest. Raises ModelError, ValueError."""
        messages, pause = prompt(turns, context), FIRST_WAIT_S
        for left in reversed(range(self._attempts)):
            try:
                reading = self._ask(messages, Reading)
                if not isinstance(reading, Reading):
                    raise TypeError(f"asked for a Reading, the callable gave a {type(reading).__name__}")
                return reading, self._facts(reading, turns, context)
            except ModelError as error:
                if not left or not passing(error):
                    raise
                self._wait(pause)
                pause *= 2
            except ValueError:
                if not left:
                    raise
                messages = [*prompt(turns, context), again(turns, context)]
        raise ValueError("it was not asked at all: attempts must be at least 1")

    def _facts(self, reading: Reading, turns: Sequence[Memory], context: Sequence[Memory]) -> list[ExtractedFact]:
        """Return the facts that name a turn that was asked about; ValueError where there are facts and none does."""
        numbered = dict(enumerate([*context, *turns], 1))
        asked = frozenset(range(len(context) + 1, len(numbered) + 1))
        facts = [f for s in reading.facts if (f := _fact(s, numbered, asked, self.name)) is not None]
        if reading.facts and not facts:
            raise ValueError(f"none of {len(reading.facts)} facts names a turn from {min(asked)} to {max(asked)}")
        return list({(fact.parents, fact.digest): fact for fact in facts}.values())

    def _known(self, key: str) -> Reading | None:
        """Return a kept answer; None for none, and for one of another form, which an older version may have kept."""
        kept = self._answers.get(key) if self._answers is not None else None
        try:
            return None if kept is None else Reading.model_validate_json(kept)
        except ValidationError:
            return None


def passing(error: ModelError) -> bool:
    """Say whether a failure may pass by itself; a refused key, a missing model and a refused request do not."""
    code = getattr(error.__cause__, "status_code", None)
    return code not in {400, 401, 403, 404, 413, 422}


def _fact(statement: Statement, numbered: dict[int, Memory], asked: frozenset[int], by: str) -> ExtractedFact | None:
    subject, relation, value = parts = tuple(map(_plain, (statement.subject, statement.relation, statement.object)))
    named = [number for number in sorted(set(statement.turns)) if number in numbered]
    if not all(parts) or max(map(len, parts)) > LONGEST_PART or asked.isdisjoint(named):
        return None
    said_at = max(numbered[number].said_at for number in named)
    since, until = span(statement.valid_from, said_at), span(statement.valid_to, said_at)
    start = None if since is None else since.start
    end = None if until is None else until.end
    if start and end and start >= end:
        start = end = None
    # what had ended before it was told, nobody knows since when, must not supersede what holds now
    over = end is not None and end <= said_at and start is None
    sure = statement.confidence
    return ExtractedFact(
        subject,
        relation,
        value,
        parents=tuple(numbered[number].id for number in sources(named, f"{subject} {value}", numbered)),
        functional=bool(statement.functional) and not over,
        valid_from=start,
        valid_to=end,
        confidence=None if sure is None or math.isnan(sure) else min(max(sure, 0.0), 1.0),
        by=by,
    )


def sources(named: Sequence[int], said: str, numbered: dict[int, Memory]) -> list[int]:
    """Return the turns named and, for each word that none of them holds, the nearest one that does, rather before."""
    known = {term for turn in numbered.values() for term in terms(turn.speaker or "")}
    known.update(term for number in named for term in terms(numbered[number].text))
    sources, last = set(named), max(named)
    for term in set(terms(said)) - known:
        holding = [number for number, turn in numbered.items() if term in terms(turn.text)]
        if holding:
            sources.add(min(holding, key=lambda number: (number > last, abs(number - last))))
    return sorted(sources)


_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2}))?")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d")


def _plain(part: str) -> str:
    return " ".join(_CONTROL.sub(" ", part).split())


def span(text: str | None, said_at: datetime) -> Interval | None:
    """Return the time that a model gave: ISO 8601, a year, a month, or words as `dates` reads them; None for others."""
    said = (text or "").strip()
    if not said:
        return None
    try:
        if partial := _PARTIAL.fullmatch(said):
            year, month = int(partial[1]), int(partial[2] or 1)
            months = year * 12 + month - 1 + (1 if partial[2] else 12)
            start = datetime(year, month, 1, tzinfo=said_at.tzinfo)
            return Interval(start, datetime(months // 12, months % 12 + 1, 1, tzinfo=said_at.tzinfo))
        if _MOMENT.match(said):
            moment = datetime.fromisoformat(said)
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=said_at.tzinfo)
            return Interval(moment, moment)
    except (ValueError, OverflowError):
        return None
    found = find_times(said, said_at)
    return found[0].interval if found else None


def _span(turns: Sequence[Memory]) -> str:
    return turns[0].id if len(turns) == 1 else f"{len(turns)} turns from {turns[0].id} to {turns[-1].id}"
