"""From evidence to an answer: the extractive reader of the package, or any chat model, with its answers kept on disk.

A reader sees a question, what was recalled for it, and how sure the recall is. It is never told what kind of question
it is.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agentmem.errors import ModelError
from agentmem.evaluation.spending import Said, Spent
from agentmem.types import Answer, Evidence

if TYPE_CHECKING:
    from agentmem.reading.extractive import Weights

REFUSAL = "No information available"
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
PROMPT = """\
Below are excerpts of conversations. The date of each is written at its beginning.

{context}

Based on the above context, write an answer in the form of a short phrase for the following question. \
Answer with exact words from the context whenever possible. \
If the context does not hold the answer, write '{refusal}'.

Question: {question} Short answer:"""
"""LoCoMo's question prompt, without its hints by category, and with the one sentence that lets a model decline.

The official run tells the model which questions are about time and which may be a trap; here every question gets the
same.
"""


class Reader(Protocol):
    """Answers a question from evidence."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    def __call__(self, question: str, evidence: Sequence[Evidence], confidence: float, /) -> Answer:
        """Answer from the evidence, best first; `confidence` in [0, 1] is the recall's."""
        ...


class ExtractiveReader:
    """The package's own reader: no model. `threshold` and `weights` of None are those that ship."""

    name = "extractive"

    def __init__(self, threshold: float | None = None, weights: Weights | None = None) -> None:
        self.threshold = threshold
        self.weights = weights

    def __call__(self, question: str, evidence: Sequence[Evidence], confidence: float, /) -> Answer:
        """Answer in a short phrase or sentence of the evidence."""
        from agentmem.reading.extractive import read

        return read(question, evidence, confidence=confidence, threshold=self.threshold, weights=self.weights)


class ChatReader:
    """A chat model, asked at temperature 0 by `ask(prompt)`; the model judges by itself whether the answer is there.

    `ask` returns the text, or a `Said` with the tokens that it took. `cache` is a file that keeps each answer under the
    digest of model and prompt, so that a broken run resumes and a repeated one asks nothing. `spent` counts what this
    reader's prompts take.
    """

    def __init__(self, name: str, ask: Callable[[str], str | Said], cache: Path | None = None) -> None:
        self.name = name
        self.spent = Spent()
        self._ask = ask
        self._kept = _open(cache) if cache is not None else None

    def __call__(self, question: str, evidence: Sequence[Evidence], confidence: float, /) -> Answer:
        """Ask the model, or repeat what it answered before. Raises ModelError where it answers nothing."""
        text = self.ask(PROMPT.format(context=context(evidence), question=question, refusal=REFUSAL))
        return Answer(
            text,
            sources=tuple(e.id for e in evidence),
            confidence=confidence,
            abstained=REFUSAL.lower() in text.lower(),
        )

    def account(self) -> ChatReader:
        """Return a reader of the same model and the same kept answers that counts what it takes for itself."""
        other = copy(self)
        other.spent = Spent()
        return other

    def ask(self, prompt: str) -> str:
        """Return what the model says to a prompt, or said before. Raises ModelError where it answers nothing."""
        key = hashlib.sha256(json.dumps([self.name, prompt]).encode()).hexdigest()
        said = self._look_up(key)
        asked = said is None
        if said is None:
            answer = self._ask(prompt)
            said = Said(answer) if isinstance(answer, str) else answer
            said = said._replace(text=said.text.strip())
            if not said.text:
                raise ModelError(f"{self.name} answered nothing to {prompt[-80:]!r}; run again to ask once more")
            self._keep(key, said)
        self.spent.add(prompt, said, asked=asked)
        return said.text

    def _look_up(self, key: str) -> Said | None:
        if self._kept is None:
            return None
        row = self._kept.execute("SELECT answer, read, written FROM answers WHERE key = ?", (key,)).fetchone()
        return None if row is None else Said(str(row[0]), None if row[1] is None else (row[1], row[2]))

    def _keep(self, key: str, said: Said) -> None:
        if self._kept is not None:
            self._kept.execute(
                "INSERT OR REPLACE INTO answers (key, model, answer, read, written) VALUES (?, ?, ?, ?, ?)",
                (key, self.name, said.text, *(said.tokens or (None, None))),
            )


def context(evidence: Sequence[Evidence]) -> str:
    """Return the evidence as LoCoMo writes it, one line a memory in the order of time: date, speaker, words."""
    ordered = sorted((e.memory for e in evidence), key=lambda m: (m.said_at, m.thread, m.position))
    return "\n".join(f'{_dated(m.said_at)}: {m.speaker or "Somebody"} said, "{m.text}"' for m in ordered)


def _dated(said_at: datetime) -> str:
    """Return "1:56 pm on 8 May, 2023", the same on every system."""
    hour, noon = said_at.hour % 12 or 12, "pm" if said_at.hour >= 12 else "am"
    return f"{hour}:{said_at.minute:02d} {noon} on {said_at.day} {MONTHS[said_at.month - 1]}, {said_at.year}"


def _open(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    kept.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, model TEXT NOT NULL, answer TEXT NOT NULL)")
    there = {row[1] for row in kept.execute("PRAGMA table_info(answers)")}
    for column in ("read", "written"):  # files from before tokens were counted have neither
        if column not in there:
            kept.execute(f"ALTER TABLE answers ADD COLUMN {column} INTEGER")
    return kept
