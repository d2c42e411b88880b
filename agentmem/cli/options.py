"""The options that commands share, and how their values are read."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentmem.cli import terminal
from agentmem.errors import InputError, TimeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentmem.types import Filter

KINDS = "turn, fact, summary, note, preference, skill, reply"
"""Those of agentmem.types, which loads NumPy and so must not be loaded for a help text."""


def _json(value: bool) -> bool:
    """Note that machines read this run, so that errors and progress keep to it as well."""
    terminal.session.json = value
    return value


Space = Annotated[str, typer.Argument(metavar="SPACE", help="Name of the space.", show_default=False)]
Root = Annotated[
    Path | None,
    typer.Option(
        "--root", metavar="FOLDER", help="Where spaces lie; default: $AGENTMEM_HOME or ~/.agentmem.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.", callback=_json)]
Embedder = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Embedder; default: the one that filled the space.", show_default=False),
]
Thread = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this thread (repeatable).")]
Speaker = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only what this speaker said (repeatable).")]
Kind = Annotated[list[str] | None, typer.Option(metavar="KIND", help=f"Only this kind (repeatable): {KINDS}.")]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="Only what was said at this time or later.")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Only what was said before this time.")]
Where = Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only with this metadata (repeatable).")]
AsOf = Annotated[str | None, typer.Option(metavar="TIME", help="Go back: only what was said and valid at this time.")]


def moment(text: str, option: str) -> datetime:
    """Return the time that was typed: ISO 8601; without a timezone it is local time, a day alone is its midnight."""
    try:
        when = datetime.fromisoformat(text)
        return when if when.tzinfo is not None else when.astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise TimeError(
            f"{option} {text!r} is not a time; write 2025-03-01, 2025-03-01T18:30 or 2025-03-01T18:30:00+01:00"
        ) from error


def pairs(typed: Sequence[str] | None, option: str) -> dict[str, Any]:
    """Return KEY=VALUE options as a dictionary; numbers, true, false and null are read as such, all else as text."""
    found: dict[str, Any] = {}
    for pair in typed or ():
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InputError(f"{option} {pair!r} is not of the form KEY=VALUE")
        try:
            read = json.loads(value)
        except json.JSONDecodeError:
            read = value
        found[name] = read if isinstance(read, int | float | bool | None) else value
    return found


def asked(
    thread: Sequence[str] | None = None,
    speaker: Sequence[str] | None = None,
    kind: Sequence[str] | None = None,
    since: str | None = None,
    until: str | None = None,
    where: Sequence[str] | None = None,
    as_of: str | None = None,
) -> Filter:
    """Return the filter that the options make. Raises InputError for a kind that does not exist."""
    from agentmem import types

    for name in kind or ():
        if name not in types.KINDS:
            raise InputError(f"--kind {name!r} is unknown; use one of {KINDS}")
    return types.Filter(
        threads=tuple(thread or ()),
        speakers=tuple(speaker or ()),
        kinds=tuple(k for k in types.KINDS if k in (kind or ())),
        since=moment(since, "--since") if since else None,
        until=moment(until, "--until") if until else None,
        where=pairs(where, "--where"),
        as_of=moment(as_of, "--as-of") if as_of else None,
    )
