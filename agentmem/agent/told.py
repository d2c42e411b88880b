"""A request in words, read against what an agent's saved states say: which of their texts are meant.

    meant = nominate(scrubber, "forget everything about my sister", now=clock())
    scrubber.scrub(**wanted([m for m in meant if m.nomination.band == "selected"]))

Every text of the states (what messages say, what tools were given, summaries, notes) is laid before the same rules that
read requests to a space; what they nominate, a clause or a whole text, is then looked for by its words wherever it
stands.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from agentmem.errors import InputError
from agentmem.types import Hit, Kind, Memory
from agentmem.unlearning.states import Edit
from agentmem.unlearning.threads import WHOLE
from agentmem.unlearning.wording import Wording, words

if TYPE_CHECKING:
    from agentmem.agent.scrubber import CheckpointScrubber
    from agentmem.unlearning.selector import Nomination, Selector

_KINDS: dict[str, Kind] = {"human": "turn", "user": "turn", "ai": "reply", "assistant": "reply"}


class Meant(NamedTuple):
    """A text of the states that a request may mean: what it is, how sure that is, and which of its words."""

    nomination: Nomination
    text: Memory

    @property
    def says(self) -> tuple[str, ...]:
        """The clauses that are meant; the whole text, if not only a part is."""
        text = self.text.text
        return tuple(text[start:end] for start, end in self.nomination.spans) or (text,)


def nominate(
    scrubber: CheckpointScrubber, request: str | Selector, *, now: datetime, thread: str | None = None
) -> list[Meant]:
    """Return the texts that a request, or a selector, may mean, near misses included, oldest first.

    Raises InputError for a request that must be asked about first; it says what.
    """
    from agentmem.unlearning.request import parse
    from agentmem.unlearning.resolve import resolve

    texts = Texts(now)
    scrubber.read(texts, thread)
    if isinstance(request, str):
        understood = parse(request, texts, now)
        if understood.questions:
            asked = "; ".join(
                question.text + "".join(f" {choice.label}?" for choice in question.choices)
                for question in understood.questions
            )
            raise InputError(f"the request is not clear: {asked} Say it more exactly, or give the words with --text.")
        request = understood.selector
    return [Meant(found, texts.known[found.id]) for found in resolve(request, texts)]


def wanted(meant: Iterable[Meant]) -> dict[str, list[str]]:
    """Return the parameters of `CheckpointScrubber.scrub` that take out what is meant."""
    said = list(dict.fromkeys(part for m in meant for part in m.says if words(part)))
    long = [part for part in said if len(part.encode()) >= WHOLE]
    return {"texts": long, "alone": [part for part in said if len(part.encode()) < WHOLE]}


class Texts(Edit):
    """A pass that changes nothing and keeps every text once, as a memory: the `View` of a request."""

    def __init__(self, now: datetime) -> None:
        super().__init__(Wording(()))
        self.known: dict[str, Memory] = {}
        self._seen: dict[str, str] = {}
        self._now = self._said_at = now
        self._kind: Kind = "summary"
        self._speaker: str | None = None
        self._tool: str | None = None
        self._terms: dict[str, Counter[str]] = {}

    def memories(self) -> Sequence[Memory]:
        """Return the texts in the order they were first seen."""
        return [*self.known.values()]

    def search(self, text: str, k: int, /) -> Sequence[Hit]:
        """Return the texts that share most with `text`: the sum of log(N / n) over shared terms, over their root."""
        from agentmem.encoding.words import terms

        for memory in self.known.values():
            self._terms.setdefault(memory.id, Counter(terms(memory.text)))
        often = Counter(term for found in self._terms.values() for term in found)
        asked = set(terms(text))
        scores = {
            key: sum(math.log(1 + len(self._terms) / often[term]) for term in asked & found.keys())
            / math.sqrt(1 + len(found))
            for key, found in self._terms.items()
            if asked & found.keys()
        }
        best = sorted(scores.items(), key=lambda item: -item[1])[:k]
        return [Hit(key, score) for key, score in best]

    def checkpoint(self, tree: dict[str, Any]) -> dict[str, Any]:
        """Note when the checkpoint was made, then read it."""
        self._said_at = datetime.fromisoformat(tree["ts"]) if "ts" in tree else self._now
        return super().checkpoint(tree)

    def text(self, text: str) -> str:
        """Keep a text; of one that is JSON, what its values say."""
        inner = _read_json(text)
        if isinstance(inner, dict | list):
            self._inner(inner)
        elif text not in self._seen and words(text):
            number = len(self.known)
            key = self._seen[text] = f"{number:026d}"
            metadata = {} if self._tool is None else {"tool": self._tool}
            self.known[key] = Memory(
                *(key, number, self._kind, text, self._speaker, "states", number, self._said_at, self._now),
                metadata=metadata,
            )
        return text

    def _message(self, fields: dict[str, Any]) -> Any:
        before = (self._kind, self._speaker, self._tool)
        role = str(fields.get("role") or fields.get("type"))
        self._kind = _KINDS.get(role, "note")
        self._speaker = fields.get("name") or {"turn": "user", "reply": "assistant"}.get(self._kind)
        self._tool = (fields.get("name") or "tool") if role == "tool" else None
        done = super()._message(fields)
        self._kind, self._speaker, self._tool = before
        return done


def _read_json(text: str) -> Any:
    """Return what a text is as JSON, if it is an object or a list; None otherwise."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None
