"""Who says which of two things was said first: by the dates of what is found for each, or without any, or by a model.

All see the question alone, "Which of these two was said first? (a) ... (b) ...", and take the two things out of it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from agentmem.evaluation.cases import Ask, Gold, Reply
from agentmem.evaluation.readers import ChatReader
from agentmem.evaluation.readers import context as written
from agentmem.evaluation.replay import Subject
from agentmem.evaluation.subjects import Held
from agentmem.space import Space
from agentmem.types import Evidence, Memory

READ = 5
"""Memories that a model is shown for each of the two things."""
UNREADABLE = "?"
"""What stands for a model's answer that is neither a nor b."""
PROMPT = """\
Below are excerpts of conversations, in the order of time. The date of each is written at its beginning.

{context}

Based on the above context, answer the question with one letter, a or b, and nothing else.

{question}"""
_THINGS = re.compile(r"\n\(a\) (.*)\n\(b\) (.*)\Z")
_LETTER = re.compile(r"\W*(?:answer\W+(?:is\W+)?)?([ab])\W*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByDates:
    """Looks for each thing and compares the times of what is found first; the same for both: the second for b."""

    finder: Subject
    held: Held
    name: str

    def reply(self, space: Space, ask: Ask) -> Reply:
        """Return the letter of the earlier one, or nothing where one is not found."""
        by_origin = {m.origin or m.id: m for m in self.held.memories(space)}
        first, second = (_found(self.finder, space, thing) for thing in things(ask.question))
        other = second.ranking[1:] if first.ranking[:1] == second.ranking[:1] else second.ranking
        seconds = first.seconds + second.seconds
        if not first.ranking or not other:
            return Reply(abstained=True, seconds=seconds)
        both = (first.ranking[0], other[0])
        a, b = (_when(by_origin[origin]) for origin in both)
        return Reply(both, "a" if a < b else "b", seconds=seconds)


@dataclass(frozen=True, slots=True)
class WithoutDates:
    """Says that first was what stands first when a store is asked the whole question: likeness knows no time."""

    finder: Subject
    name: str

    def reply(self, space: Space, ask: Ask) -> Reply:
        """Return the letter of the one that is more like the question."""
        ranking = self.finder.reply(space, ask).ranking
        a, b = (_found(self.finder, space, thing).ranking[:1] for thing in things(ask.question))
        places = [ranking.index(found[0]) if found and found[0] in ranking else len(ranking) for found in (a, b)]
        return Reply((*a, *b), "a" if places[0] <= places[1] else "b")


@dataclass(frozen=True, slots=True)
class Chance:
    """Guesses, the same each time it is asked the same."""

    name: str = "random"

    def reply(self, space: Space, ask: Ask) -> Reply:  # noqa: ARG002 - it looks at nothing
        """Return a or b."""
        return Reply((), random.Random(ask.question).choice("ab"))


@dataclass(frozen=True, slots=True)
class Knowing:
    """Is told which turns the two are, and compares their times: what perfect recall would answer."""

    held: Held
    name: str = "oracle"

    def reply(self, space: Space, ask: Ask) -> Reply:
        """Look the gold up."""
        by_origin = {m.origin: m for m in self.held.memories(space)}
        a, b = (_when(by_origin[origin]) for origin in ask.gold.evidence)
        return Reply(ask.gold.evidence, "a" if a < b else "b")


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat model that reads, dated and in order, what is found for both things; nothing without a finder."""

    reader: ChatReader
    held: Held
    finder: Subject | None
    name: str

    def reply(self, space: Space, ask: Ask) -> Reply:
        """Return the letter that the model says; one that says anything else is unreadable, and so not right."""
        by_origin = {m.origin or m.id: m for m in self.held.memories(space)}
        shown: list[str] = []
        for thing in things(ask.question) if self.finder else ():
            shown += _found(self.finder, space, thing).ranking[:READ]
        evidence = [Evidence(by_origin[origin], 1.0) for origin in dict.fromkeys(shown)]
        said = self.reader.ask(PROMPT.format(context=written(evidence) or "(nothing)", question=ask.question))
        return Reply((), letter(said))


def letter(said: str) -> str:
    """Return "a" or "b" where a model says that and nothing else, else "?"."""
    found = _LETTER.fullmatch(said)
    return found[1].lower() if found else UNREADABLE


def things(question: str) -> Sequence[str]:
    """Return the two things of a question."""
    found = _THINGS.search(question)
    return found.groups() if found else ()


def _found(finder: Subject | None, space: Space, thing: str) -> Reply:
    return Reply() if finder is None else finder.reply(space, Ask(thing, Gold("")))


def _when(memory: Memory) -> tuple[object, ...]:
    return memory.said_at, memory.thread, memory.position
