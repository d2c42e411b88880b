r"""Memora: months of short sessions in which a person adds, changes and takes back what an assistant should know.

A folder of a persona (or one that holds such folders, at any depth) with `conversations/session_0001.json`, ...:

```
{"session_id": 30, "session_type": "preference", "operation": "delete", "date": "2025-06-02", "persona": "writer",
 "operation_details": {"item": "Bonobo", "preference": "like", "subcategory": "artists"},
 "conversation": [{"turn": 1, "speaker": "user_agent", "message": "I am not into Bonobo any more.",
                   "share_memory": true}, ...]}
```

and `evaluation_questions_<persona>.json` with questions of three tasks. Each has evidence, and questions of yes or no
about an answer to it, of the type memory_presence (it should say so) or forgetting_absence (it should not). Apache 2.0,
https://github.com/geniesinc/Memora.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from agentmem.errors import ImportRefusedError, NotFoundError
from agentmem.formats.faults import check_text, line_of, of_json, of_model, refuse

SESSIONS, QUESTIONS = "conversations", "evaluation_questions_*.json"
NO_VALUES = frozenset(
    {"session_id", "session_date", "session_history", "created_at", "updated_at", "field", "is_goal_met"}
)
"""Fields of evidence that say where it comes from, not what it is."""
_GONE = ("old_item", "removed_item")
_NAMES = ("description", "event_name")
_Model = TypeVar("_Model", bound=BaseModel)


class _Turn(BaseModel):
    speaker: str
    message: Annotated[str, AfterValidator(check_text)]
    share_memory: bool = False


class _Session(BaseModel):
    session_id: int
    operation: Literal["add", "update", "delete"] | None = None
    operation_details: dict[str, Any] = {}
    day: date = Field(alias="date")
    conversation: list[_Turn]


class _Check(BaseModel):
    evaluation_question: str
    evaluation_type: Literal["memory_presence", "forgetting_absence"]


class _Evaluation(BaseModel):
    evaluation_questions: list[_Check]


class _Question(BaseModel):
    question_id: str
    question: str
    memory_evidence: Any = None
    forgetting_evidence: Any = None
    evaluation: _Evaluation


class _Questions(BaseModel):
    persona: str
    questions: dict[str, list[_Question]]


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said by the person or by the assistant; `shared`: it says something to remember, or to forget."""

    speaker: Literal["user", "assistant"]
    text: str
    shared: bool


@dataclass(frozen=True, slots=True)
class Session:
    """One session; `gone` are the values that it takes back or replaces, in words."""

    number: int
    began: datetime
    operation: str
    gone: tuple[str, ...]
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One question of yes or no about an answer. `value` is what it asks for, empty where no evidence names it."""

    text: str
    wanted: bool
    value: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question that is asked after all sessions, and what an answer is checked for."""

    id: str
    task: str
    text: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Persona:
    """One person's sessions, in their order, and questions."""

    name: str
    sessions: tuple[Session, ...]
    questions: tuple[Question, ...]


def files(path: Path) -> list[tuple[Path, list[Path]]]:
    """Return, for each persona in a folder, the file of questions and those of sessions. Raises NotFoundError."""
    found = [path] if (path / SESSIONS).is_dir() else sorted(inner.parent for inner in path.glob(f"**/{SESSIONS}"))
    if not found:
        raise NotFoundError(f"no folder {SESSIONS} in {path}; Memora's are in data/weekly/<persona>")
    both = []
    for folder in found:
        asked = sorted(folder.glob(QUESTIONS))
        if len(asked) != 1:
            raise NotFoundError(f"{folder} has {len(asked)} files {QUESTIONS}, and should have one")
        both.append((asked[0], sorted((folder / SESSIONS).glob("*.json"))))
    return both


def load(path: Path) -> list[Persona]:
    """Return the personas of a folder. Raises NotFoundError, and ImportRefusedError naming file, line and field."""
    personas = []
    for asked, told in files(path):
        row = _read(asked, _Questions)
        sessions = sorted((_session(_read(file, _Session)) for file in told), key=lambda s: s.number)
        if not sessions:
            raise NotFoundError(f"there are no sessions in {asked.parent / SESSIONS}")
        questions = (_question(task, q) for task, of in row.questions.items() for q in of)
        personas.append(Persona(row.persona, tuple(sessions), tuple(questions)))
    return personas


def _read(file: Path, model: type[_Model]) -> _Model:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ImportRefusedError(f"{file} cannot be read: {error}") from error
    try:
        return model.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise refuse(str(file), [(error.lineno, of_json(error))]) from error
    except ValidationError as error:
        raise refuse(str(file), [(line_of(text, path), what) for path, what in of_model(error)]) from error


def _session(row: _Session) -> Session:
    turns = [
        Turn("user" if t.speaker.startswith("user") else "assistant", t.message, t.share_memory)
        for t in row.conversation
    ]
    began = datetime.combine(row.day, time(9), UTC)
    return Session(row.session_id, began, row.operation or "", tuple(_gone(row)), tuple(turns))


def _gone(row: _Session) -> Iterator[str]:
    """Yield what a session takes back: a deleted item, or what an update puts in place of."""
    details = row.operation_details
    changes = [*details.get("memory_deletes", []), *details.get("memory_updates", [])]
    for place in (details, *changes):
        yield from (str(place[name]) for name in _GONE if place.get(name))
    item = details.get("item")
    if row.operation != "delete" or changes:
        return
    if isinstance(item, Mapping):
        yield from (str(item[name]) for name in _NAMES if item.get(name))
    elif isinstance(item, str):
        yield item


def _question(task: str, row: _Question) -> Question:
    evidence = {True: list(_values(row.memory_evidence)), False: list(_values(row.forgetting_evidence))}
    checks = []
    for check in row.evaluation.evaluation_questions:
        wanted = check.evaluation_type == "memory_presence"
        named = [v for v in evidence[wanted] if _named(v, check.evaluation_question)]
        checks.append(Check(check.evaluation_question, wanted, max(named, key=len, default="")))
    return Question(row.question_id, task, row.question, tuple(checks))


def _values(evidence: Any) -> Iterator[str]:
    """Yield the strings and numbers of evidence, without those that only say where it comes from."""
    if isinstance(evidence, Mapping):
        for name, inner in evidence.items():
            if name not in NO_VALUES:
                yield from _values(inner)
    elif isinstance(evidence, list):
        for inner in evidence:
            yield from _values(inner)
    elif isinstance(evidence, str | int | float) and not isinstance(evidence, bool) and str(evidence).strip():
        yield str(evidence)


def _named(value: str, question: str) -> bool:
    """Say whether a question names a value, as whole words."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", question, re.IGNORECASE) is not None
