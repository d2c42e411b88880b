"""Which format a file has, and its drafts: `read` is what `agentmem import` calls.

The content decides, not the name: JSON documents by the keys they have, everything else by its first line.
"""

from __future__ import annotations

import difflib
import json
import zipfile
from pathlib import Path
from typing import Any, Literal, get_args

from agentmem.errors import ImportRefusedError, NotFoundError
from agentmem.formats import jsonl, openai_chat, openie
from agentmem.formats.faults import of_json, refuse
from agentmem.formats.parsed import Parsed

Format = Literal["jsonl", "openai", "locomo", "openie"]
FORMATS: tuple[Format, ...] = get_args(Format)
ACCEPTED = """\
  JSON lines     {"speaker": "Ines", "text": "Hello.", "said_at": "2025-03-03T19:12:00+01:00"}, one turn a line
  OpenAI chats   conversations.json of a ChatGPT export (or its .zip), or [{"role": "user", "content": "Hello."}, ...]
  LoCoMo         [{"sample_id": ..., "conversation": {"session_1": [...], ...}}, ...]
  OpenIE         {"docs": [{"title": ..., "text": ..., "extracted_triples": [["Miso", "is cat of", "Ana"]]}]}"""
EXPORTED = "conversations.json"
"""The member of a ChatGPT export's zip that holds the chats."""
MAX_UNPACKED = 4 * 2**30


def read(path: Path, format: str | None = None) -> Parsed:  # noqa: A002 - the word the command line uses
    """Return the drafts of the file at `path`, in the format that it has or the one named.

    Raises NotFoundError where there is no such file, ImportRefusedError where any line of it is at fault: nothing of it
    is returned then.
    """
    if format is not None and format not in FORMATS:
        close = difflib.get_close_matches(format, FORMATS, n=1)
        raise ImportRefusedError(
            f"there is no format {format!r}"
            + (f", did you mean {close[0]!r}?" if close else f"; known: {', '.join(FORMATS)}")
        )
    text = _text(path)
    source, stem = path.name, path.stem
    if not text.strip():
        raise ImportRefusedError(f"{source} is empty. What can be imported:\n{ACCEPTED}")
    kind, lines = detect(text, source) if format is None else (format, _is_lines(text))
    if kind == "jsonl":
        parsed = Parsed("jsonl", jsonl.drafts(text, source))
    elif kind == "openai":
        parsed = (openai_chat.parse_lines if lines else openai_chat.parse)(text, source, stem)
    elif kind == "openie":
        parsed = openie.parse(_document(text, source), source, stem)
    else:
        parsed = _locomo(path)
    if not parsed.drafts:
        raise ImportRefusedError(f"{source} holds no turn that could be remembered (left out: {dict(parsed.skipped)})")
    return parsed


def detect(text: str, source: str = "the file") -> tuple[Format, bool]:
    """Return the format of `text`, and whether it is one JSON value a line. Raises ImportRefusedError for others."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        first = _first_value(text)
        if first is None:
            raise refuse(source, [(error.lineno, of_json(error))]) from error
        return ("openai" if "messages" in first or "mapping" in first else "jsonl"), True
    found = _of_document(document)
    if found is None:
        raise ImportRefusedError(
            f"{source} is JSON, but of no form that agentmem knows. What can be imported:\n{ACCEPTED}"
        )
    return found


def _of_document(document: Any) -> tuple[Format, bool] | None:
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict):
        return None
    if "conversation" in first and isinstance(first["conversation"], dict):
        return "locomo", False
    if isinstance(document, dict) and isinstance(document.get("docs"), list):
        return "openie", False
    if "mapping" in first or "messages" in first:
        return "openai", False
    if isinstance(document, list):
        return ("openai", False) if "role" in first else None
    return ("jsonl", True) if "text" in first or "content" in first else None


def _first_value(text: str) -> dict[str, Any] | None:
    """Return the object on the first line that holds one of itself: what tells JSON lines from a broken document."""
    for line in text.split("\n"):
        try:
            value = json.loads(line)
        except json.JSONDecodeError:
            continue
        return value if isinstance(value, dict) else None
    return None


def _is_lines(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.msg == "Extra data"
    return False


def _text(path: Path) -> str:
    if path.is_dir():
        raise ImportRefusedError(f"{path} is a folder; import its files one by one")
    try:
        data = _exported(path) if zipfile.is_zipfile(path) else path.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}") from error
    except OSError as error:
        raise ImportRefusedError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise refuse(path.name, [(line, f"byte {error.start} is not UTF-8; save the file as UTF-8")]) from error


def _exported(path: Path) -> bytes:
    """Return the chats inside a zipped ChatGPT export."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.rpartition("/")[2] == EXPORTED]
            if not names:
                raise ImportRefusedError(
                    f"{path.name} is a zip without a {EXPORTED}, so it is no ChatGPT export; unpack it and import the "
                    f"file. (An archive made by `agentmem export` comes back with: agentmem restore {path.name})"
                )
            if archive.getinfo(names[0]).file_size > MAX_UNPACKED:
                raise ImportRefusedError(f"{EXPORTED} in {path.name} unpacks to more than {MAX_UNPACKED >> 30} GiB")
            return archive.read(names[0])
    except zipfile.BadZipFile as error:
        raise ImportRefusedError(f"{path.name} is a damaged zip ({error}); download it again") from error


def _document(text: str, source: str) -> str:
    """Return `text` if it is JSON, as a format that was named promises; else refuse it."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise refuse(source, [(error.lineno, of_json(error))]) from error
    return text


def _locomo(path: Path) -> Parsed:
    from agentmem.formats import locomo

    return Parsed("locomo", locomo.drafts(path))
