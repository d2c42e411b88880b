r"""JSON lines, one turn a line: agentmem's own plain format.

```json
{"speaker": "Ines", "text": "I signed the lease last Friday.", "said_at": "2025-03-17T18:30:00+01:00", "thread": "a"}
```

Only `text` is needed. `speaker` may be called `role` or `author`; `said_at` may be `time`, `timestamp` or `created_at`,
as ISO 8601 with a timezone or as seconds since 1970; `thread` may be `conversation` or `session`. `kind` is "turn" or
"note", `metadata` a flat object. `id` is any mark of the line's own. An unknown field is refused: it is nearly always a
typing slip.
"""

from __future__ import annotations

import difflib
import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from agentmem.formats.faults import Origins, check_text, of_json, of_model, refuse
from agentmem.types import Draft

NAMES = (
    *("id", "text", "content", "speaker", "role", "author", "said_at", "time", "timestamp", "created_at", "thread"),
    *("conversation", "session", "kind", "metadata", "position", "valid_from", "valid_to"),
)
"""What a field may be called."""


class Line(BaseModel):
    """One line of the file."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    text: Annotated[str, AfterValidator(check_text)] = Field(validation_alias=AliasChoices("text", "content"))
    speaker: str | None = Field(default=None, validation_alias=AliasChoices("speaker", "role", "author"))
    thread: str = Field(default="main", validation_alias=AliasChoices("thread", "conversation", "session"))
    said_at: AwareDatetime | None = Field(
        default=None, validation_alias=AliasChoices("said_at", "time", "timestamp", "created_at")
    )
    kind: Literal["turn", "note"] = "turn"
    position: int | None = None
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None
    metadata: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    id: str | None = None


def drafts(text: str, source: str = "the file") -> list[Draft]:
    """Return one draft a line of `text`, without blank ones. Raises ImportRefusedError naming each line at fault."""
    origins = Origins("jsonl")
    found: list[Draft] = []
    faults: list[tuple[int, str]] = []
    # Not splitlines(): that also breaks at U+2028 and its kin, which JSON allows inside a string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(_draft(Line.model_validate(json.loads(line)), origins))
        except json.JSONDecodeError as error:
            faults.append((number, of_json(error)))
        except ValidationError as error:
            faults += [(number, _plain(path, what)) for path, what in of_model(error)]
    if faults:
        raise refuse(source, faults)
    return found


def _draft(line: Line, origins: Origins) -> Draft:
    return Draft(
        text=line.text,
        kind=line.kind,
        speaker=line.speaker,
        thread=line.thread,
        said_at=line.said_at,
        position=line.position,
        valid_from=line.valid_from,
        valid_to=line.valid_to,
        metadata=line.metadata,
        origin=origins((line.id, line.thread, line.speaker, line.said_at, line.kind, line.text)),
    )


def _plain(path: tuple[Any, ...], what: str) -> str:
    if what.endswith("Extra inputs are not permitted"):
        close = difflib.get_close_matches(str(path[0]), NAMES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(NAMES)}"
        return f"unknown field {path[0]!r}; {hint} Anything of your own goes into 'metadata'."
    if what.endswith("Input should have timezone info"):
        return f"{what}, or nobody can say when it was: add +00:00"
    return what
