"""A language model under interference: the paper's prompt, and the same with recalled memories in the stream's place.

One call asks for all keys of a stream. The answer is taken apart by the sentence that the prompt asks for, "The current
value of <key> is <value>."; a key without one is missing, which is wrong. The prompt is the paper's to the letter, a
missing blank included (Wang and Sun, "Unable to Forget", 2025).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence

from agentmem.evaluation.cases import Ask, Reply
from agentmem.evaluation.subjects import Held
from agentmem.space import Space
from agentmem.types import Memory

PROMPT = (
    "As my secretary, I need you to carefully read a text stream where the values of multiple keys are being "
    "continuously updated.The {n} keys to track include {keys}. I will ask you to identify the value of each key "
    "later.\n\nThe text stream starts on the next line.\n {stream}\n\nWhat are the current value of each key ({keys}) "
    "you are tracking? End your response with: 'The current value of <key> is <value>.'"
)
INVENTED = "invented"
"""Where a value stands that the stream never had."""
RECALLED = 5
"""Memories recalled for each key."""

Model = Callable[[str], str]


class Prompted:
    """Answers with what a model says: from the whole stream or, with `recall`, from what is recalled for each key."""

    def __init__(self, name: str, model: Model, held: Held, *, recall: bool) -> None:
        self.name = name
        self._model = model
        self._held = held
        self._recall = recall
        self._asked: tuple[Memory, ...] = ()
        self._origins: dict[str, str] = {}
        self._seconds = 0.0

    def reply(self, space: Space, ask: Ask) -> Reply:
        """Return the memory that holds the value which the model gives for the key, asked once a stream."""
        memories = self._held.memories(space)
        if memories is not self._asked:
            begin = time.perf_counter()
            self._origins = self._answered(space, memories)
            self._seconds = time.perf_counter() - begin
            self._asked = memories
        key = ask.gold.evidence[0].rpartition("/")[0]
        return Reply((self._origins[key],) if key in self._origins else (), seconds=self._seconds)

    def _answered(self, space: Space, memories: Sequence[Memory]) -> dict[str, str]:
        keys = list(dict.fromkeys(_key(m) for m in memories))
        shown: Sequence[Memory] = memories
        if self._recall:
            found = {m.id: m for key in keys for m in _recalled(space, key)}
            shown = sorted(found.values(), key=lambda m: (m.said_at, m.seq))
        listed = f"{{{', '.join(keys)}}}"
        stream = f"{{{'; '.join(m.text for m in shown)}}}"
        said = parse(self._model(PROMPT.format(n=len(keys), keys=listed, stream=stream)), keys)
        origins = {m.text.lower(): m.origin or m.id for m in memories}
        return {key: _origin(key, value, keys, origins) for key, value in said.items()}


def parse(answer: str, keys: Sequence[str]) -> dict[str, str]:
    """Return the value that an answer gives for each key, without case and blanks around; the last where it repeats."""
    found = {}
    for key in keys:
        told = re.findall(rf"current value of {re.escape(key)} is:? *(.+?)(?:\.(?=\s|$)|;|\n|$)", answer, re.IGNORECASE)
        if told:
            found[key] = told[-1].strip().strip("'\"*").lower()
    return found


def _origin(key: str, value: str, keys: Sequence[str], origins: Mapping[str, str]) -> str:
    """Return which update a value is: of the key itself, else of another key, else none."""
    for owner in (key, *keys):
        if (origin := origins.get(f"{owner}: {value}".lower())) is not None:
            return origin
    return f"{INVENTED}/0"


def _key(memory: Memory) -> str:
    return (memory.origin or "").rpartition("/")[0]


def _recalled(space: Space, key: str) -> list[Memory]:
    return [e.memory for e in space.recall(f"What is the current value of {key}?", RECALLED, explain=False)]
