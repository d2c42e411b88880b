"""What is wrong with a file, said with line numbers: pydantic's findings, turned into one ImportRefusedError.

JSON lines have their line already. In a JSON document the place of a fault is a path of keys and indexes; `line_of`
walks the text along that path, only when there is a fault to report.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from agentmem.errors import ImportRefusedError
from agentmem.types import MAX_TEXT_BYTES

if TYPE_CHECKING:
    from pydantic import ValidationError

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
SHOWN = 5
"""Faults that a message lists; the rest are counted."""


def refuse(source: str, faults: Sequence[tuple[int, str]]) -> ImportRefusedError:
    """Return the error for the faults of a file, each a line (from 1) and what is wrong with it."""
    shown = "\n".join(f"  line {line}: {what}" for line, what in faults[:SHOWN])
    more = f"\n  ... and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return ImportRefusedError(
        f"{source} cannot be imported, so nothing was: mend the file and import it again.\n{shown}{more}"
    )


def of_json(error: json.JSONDecodeError) -> str:
    """Say what JSON's decoder found, without its own count of lines."""
    return f"not JSON: {error.msg} (column {error.colno})"


def of_model(error: ValidationError) -> list[tuple[tuple[str | int, ...], str]]:
    """Return the path and the wording of each thing that pydantic found."""
    found = []
    for fault in error.errors(include_url=False, include_input=False):
        path = tuple(fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        field = ".".join(str(step) for step in path if not str(step).startswith("function-"))
        found.append((path, f"{field}: {message}" if field else message))
    return found


def line_of(text: str, path: Sequence[str | int]) -> int:
    """Return the line (from 1) on which the value at `path` starts; as near to it as the document goes.

    `text` must be valid JSON.
    """
    at = _skip(text, 0)
    for step in path:
        inner = _member(text, at, step) if isinstance(step, str) else _item(text, at, step)
        if inner is None:
            break
        at = inner
    return text.count("\n", 0, at) + 1


def check_text(text: str) -> str:
    """Return `text`; raise ValueError where the ledger would refuse it, so that the fault gets its line."""
    if not text.strip():
        raise ValueError("the text is empty")
    if "\0" in text:
        raise ValueError("the text holds a NUL character; remove it")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise ValueError("the text holds half of a surrogate pair, so it is not Unicode; remove it") from error
    if size > MAX_TEXT_BYTES:
        raise ValueError(f"the text has {size} bytes, at most {MAX_TEXT_BYTES} fit one memory; split it")
    return text


class Origins:
    """Makes the origins of one file: equal content gives equal origins, but twins within the file stay two."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._seen: dict[str, int] = {}

    def __call__(self, content: Iterable[object]) -> str:
        """Return the origin of what says `content`."""
        digest = hashlib.sha256(json.dumps(list(content), default=str).encode()).hexdigest()[:32]
        twin = self._seen.get(digest, 0)
        self._seen[digest] = twin + 1
        return f"{self._prefix}:{digest}" + (f"#{twin}" if twin else "")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _after(text: str, at: int) -> int:
    """Return the place behind the value at `at` and a comma, at the next token."""
    _, end = _DECODER.raw_decode(text, at)
    end = _skip(text, end)
    return _skip(text, end + 1) if text[end : end + 1] == "," else end


def _member(text: str, at: int, key: str) -> int | None:
    if text[at : at + 1] != "{":
        return None
    at = _skip(text, at + 1)
    while text[at : at + 1] == '"':
        name, end = _DECODER.raw_decode(text, at)
        value = _skip(text, _skip(text, end) + 1)
        if name == key:
            return value
        at = _after(text, value)
    return None


def _item(text: str, at: int, index: int) -> int | None:
    if text[at : at + 1] != "[":
        return None
    at = _skip(text, at + 1)
    for _ in range(index):
        if text[at : at + 1] == "]":
            return None
        at = _after(text, at)
    return None if text[at : at + 1] in ("]", "") else at
