"""LoCoMo JSON to drafts and questions: long two-person dialogues over many dated sessions, with questions and evidence.

A file is a list of samples (one sample alone is taken too):

```
{"sample_id": "a", "conversation": {"session_1_date_time": "1:56 pm on 8 May, 2023",
   "session_1": [{"speaker": "Ana", "dia_id": "D1:1", "text": "Hi!", "blip_caption": "a photo of a dog"}, ...], ...},
 "qa": [{"question": "...", "answer": "...", "evidence": ["D1:1"], "category": 4}, ...]}
```

What the published files get wrong is taken as it is: dated sessions without turns, answers that are numbers, evidence
that is missing, misspelt or several ids in one string. Anything else that does not fit is refused, with its line.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter, ValidationError

from agentmem.errors import ImportRefusedError, NotFoundError
from agentmem.formats.faults import Origins, check_text, line_of, of_json, of_model, refuse
from agentmem.types import Draft

Category = Literal[1, 2, 3, 4, 5]
CATEGORIES: Mapping[Category, str] = {
    1: "multi-hop",
    2: "temporal",
    3: "open-domain",
    4: "single-hop",
    5: "adversarial",
}
ADVERSARIAL: Category = 5

_SESSION = re.compile(r"session_(\d+)")
_MOMENT = re.compile(r"\s*(\d{1,2}):(\d\d)\s*([ap])\.?m\.?\s+on\s+(\d{1,2})\s+([a-z]+),?\s+(\d{4})\s*", re.IGNORECASE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_BETWEEN_IDS = re.compile(r"[;\s]+")

Place = tuple[str | int, ...]


class RawTurn(BaseModel):
    """A turn, as the file has it."""

    speaker: str
    dia_id: str
    text: str = ""
    blip_caption: str | None = None


class RawQuestion(BaseModel):
    """A question, as the file has it; adversarial ones have the answer that must not be given instead of one."""

    question: str
    category: Category
    answer: str | int | float | None = None
    adversarial_answer: str | int | float | None = None
    evidence: list[str] = []


class RawSample(BaseModel):
    """A sample, as the file has it; the sessions are read one by one, because they are keys."""

    conversation: dict[str, Any]
    sample_id: str | int | None = None
    qa: list[RawQuestion] = []


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a conversation.

    `answer` is what should be answered, empty where the conversation does not say (category 5); `trap` is the wrong
    answer that such a question fishes for. `evidence` are the dia_ids of the turns that hold the answer, only those
    that exist.
    """

    id: str
    question: str
    answer: str
    category: Category
    evidence: tuple[str, ...]
    trap: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """A conversation: its turns as drafts, in order, and its questions.

    `origins` leads from a dia_id to the origin of its draft. `digest` (64 hex digits) is of what was said, by whom and
    when: two files that hold the same conversation agree on it, whatever they ask.
    """

    id: str
    drafts: tuple[Draft, ...]
    questions: tuple[Question, ...]
    origins: Mapping[str, str]
    digest: str


def drafts(path: Path) -> list[Draft]:
    """Return the turns of all conversations of a file; with several, threads are called "sample/session_1"."""
    samples = load(path)
    if len(samples) == 1:
        return list(samples[0].drafts)
    return [replace(draft, thread=f"{sample.id}/{draft.thread}") for sample in samples for draft in sample.drafts]


def load(path: Path) -> list[Sample]:
    """Return the samples of a file. Raises NotFoundError, and ImportRefusedError naming each line at fault."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no file {path}; LoCoMo's is locomo10.json from https://github.com/snap-research/locomo"
        ) from error
    except UnicodeDecodeError as error:
        raise ImportRefusedError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise ImportRefusedError(f"{path} cannot be read: {error.strerror or error}") from error
    return parse(text, path.name)


def parse(text: str, source: str = "the file") -> list[Sample]:
    """Return the samples of a LoCoMo document. Raises ImportRefusedError naming each line at fault."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise refuse(source, [(error.lineno, of_json(error))]) from error
    alone = isinstance(document, dict)
    raw = [document] if alone else document
    if not isinstance(raw, list) or not raw:
        raise refuse(source, [(1, "expected a list of samples, each with a 'conversation' and its 'qa'")])
    reading = _Reading()
    samples = [reading.sample(() if alone else (number,), item) for number, item in enumerate(raw)]
    if reading.faults:
        raise refuse(source, [(line_of(text, place), what) for place, what in reading.faults])
    return [sample for sample in samples if sample is not None]


def moment(text: str) -> datetime:
    """Return the time a session's date says, as UTC: "1:56 pm on 8 May, 2023". Raises ValueError."""
    found = _MOMENT.fullmatch(text)
    if found is None or found[5].lower()[:3] not in _MONTHS:
        raise ValueError(f"{text!r} is no date of the form '1:56 pm on 8 May, 2023'")
    hour = int(found[1]) % 12 + (12 if found[3].lower() == "p" else 0)
    return datetime(
        int(found[6]), _MONTHS.index(found[5].lower()[:3]) + 1, int(found[4]), hour, int(found[2]), tzinfo=UTC
    )


def clean_evidence(evidence: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """Return the ids named in the evidence strings, each once, in order; only those that are `known`."""
    there = frozenset(known)
    named = (name for entry in evidence for name in _BETWEEN_IDS.split(entry))
    return tuple(dict.fromkeys(name for name in named if name in there))


def shown(turn: RawTurn) -> str:
    """Return the text of a turn, with the caption of its photo."""
    photo = f"[shares a photo: {turn.blip_caption.strip()}]" if turn.blip_caption and turn.blip_caption.strip() else ""
    return " ".join(part for part in (turn.text.strip(), photo) if part)


class _Reading:
    """Reads samples and keeps what is wrong with them, each with its place in the document."""

    def __init__(self) -> None:
        self.faults: list[tuple[Place, str]] = []
        self._origins = Origins("locomo")
        self._names: Counter[str] = Counter()

    def sample(self, place: Place, item: Any) -> Sample | None:
        try:
            raw = RawSample.model_validate(item)
        except ValidationError as error:
            self.faults += [((*place, *path), what) for path, what in of_model(error)]
            return None
        number = str(place[0]) if place else "conversation"
        name = self._name(number if raw.sample_id is None else str(raw.sample_id))
        found, origins = self._turns(name, (*place, "conversation"), raw.conversation)
        return Sample(
            id=name,
            drafts=tuple(found),
            questions=tuple(self._questions(name, (*place, "qa"), raw.qa, origins)),
            origins=origins,
            digest=_digest(found),
        )

    def _name(self, wanted: str) -> str:
        """Return the name, numbered where another sample has it already."""
        self._names[wanted] += 1
        return wanted if self._names[wanted] == 1 else f"{wanted}#{self._names[wanted]}"

    def _turns(self, name: str, place: Place, conversation: Mapping[str, Any]) -> tuple[list[Draft], dict[str, str]]:
        found: list[Draft] = []
        origins: dict[str, str] = {}
        numbers = sorted(int(match[1]) for key in conversation if (match := _SESSION.fullmatch(key)))
        for key in (f"session_{number}" for number in numbers):
            if not conversation.get(key):
                continue
            said_at = self._moment(place, key, conversation.get(f"{key}_date_time"))
            for position, turn in enumerate(self._session((*place, key), conversation[key])):
                words = shown(turn)
                if not words:
                    continue
                try:
                    check_text(words)
                except ValueError as error:
                    self.faults.append(((*place, key, position), str(error)))
                origin = self._origins((name, turn.dia_id, turn.speaker, words, said_at))
                # Where two turns share an id, evidence means the first.
                origins.setdefault(turn.dia_id, origin)
                found.append(
                    Draft(
                        text=words,
                        speaker=turn.speaker,
                        thread=key,
                        said_at=said_at,
                        position=position,
                        metadata={"dia_id": turn.dia_id},
                        origin=origin,
                    )
                )
        if not found:
            self.faults.append((place, "the conversation holds no turn: expected session_1, session_2, ..."))
        return found, origins

    def _session(self, place: Place, value: Any) -> list[RawTurn]:
        try:
            return TypeAdapter(list[RawTurn]).validate_python(value)
        except ValidationError as error:
            self.faults += [((*place, *path), what) for path, what in of_model(error)]
            return []

    def _moment(self, place: Place, key: str, value: Any) -> datetime | None:
        try:
            return moment(value if isinstance(value, str) else str(value))
        except ValueError as error:
            where = (*place, f"{key}_date_time") if value is not None else (*place, key)
            wrong = str(error) if value is not None else f"{key} has turns but no {key}_date_time"
            self.faults.append((where, wrong))
            return None

    def _questions(
        self, name: str, place: Place, raw: Sequence[RawQuestion], known: Mapping[str, str]
    ) -> Iterable[Question]:
        for number, question in enumerate(raw):
            missing = question.answer is None and question.category != ADVERSARIAL
            if missing or not question.question.strip():
                self.faults.append(((*place, number), "a question needs a text and, outside category 5, an answer"))
                continue
            yield Question(
                id=f"{name}/{number}",
                question=question.question.strip(),
                answer="" if question.answer is None else str(question.answer),
                category=question.category,
                evidence=clean_evidence(question.evidence, known),
                trap="" if question.adversarial_answer is None else str(question.adversarial_answer),
            )


def _digest(turns: Sequence[Draft]) -> str:
    said = [[d.thread, d.speaker, d.said_at and d.said_at.isoformat(), d.text] for d in turns]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()
