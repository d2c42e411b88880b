"""What every command shares: where output goes, how errors read, progress, and opening the root folder.

People get words and tables, `--json` gives machines one JSON document on stdout. Errors go to stderr, in words (or as
one JSON object with `--json`), and set the exit code: 2 for what was typed wrongly, 1 for what failed, 130 for Ctrl-C.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from agentmem.errors import AgentmemError, InputError, NotFoundError

if TYPE_CHECKING:
    from types import TracebackType

    from agentmem.space import Space
    from agentmem.system import System
    from agentmem.types import Memory

Tick = Callable[[int, int], None]
Step = Callable[[str, int, int], None]

USAGE, FAILURE = 2, 1
IN_A_PIPE = 120
"""Columns of a table that goes into a file or a pipe."""


@dataclass
class Session:
    """What was asked of this run of the program, before the command's name or by the command itself."""

    root: Path | None = None
    debug: bool = False
    json: bool = False


session = Session()


class Commands(TyperGroup):
    """The commands, with agentmem's errors said in plain words and without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        warnings.showwarning = _note
        sys.excepthook = _unexpected
        try:
            return super().invoke(ctx)
        except AgentmemError as error:
            if session.debug:
                raise
            _complain(error)
            code = USAGE if isinstance(error, InputError | NotFoundError) else FAILURE
            raise typer.Exit(code) from error


def _complain(error: AgentmemError) -> None:
    if session.json:
        typer.echo(json.dumps({"error": type(error).__name__, "message": str(error)}), err=True)
    else:
        typer.secho("agentmem: ", fg=typer.colors.RED, bold=True, nl=False, err=True)
        typer.echo(shown(str(error)), err=True)


def _unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say in one line what nobody foresaw; the traceback is for those who ask for it."""
    if session.debug:
        sys.__excepthook__(kind, error, trace)
        return
    typer.echo(
        f"agentmem: unexpected {kind.__name__}: {shown(str(error))}\nThis is a fault of agentmem. `agentmem --debug "
        "COMMAND ...` shows where it happened; please report that.",
        err=True,
    )


def _note(message: Warning | str, category: type[Warning], *_where: object, **_more: object) -> None:
    """Say a warning of ours as a sentence; keep those of other packages from a person's sight."""
    if issubclass(category, UserWarning | RuntimeWarning):
        typer.echo(f"agentmem: {shown(str(message))}", err=True)


def open_root(root: Path | None, embedder: str | None = None) -> System:
    """Open the root folder: the command's --root, else the program's, else $AGENTMEM_HOME, else ~/.agentmem."""
    from agentmem import config
    from agentmem.system import open_system

    return open_system(root or session.root, embedder=embedder or config.EMBEDDER)


@contextmanager
def open_space(
    name: str, root: Path | None = None, embedder: str | None = None, *, create: bool = False
) -> Iterator[Space]:
    """Open one space, and close it at the end of the block."""
    with open_root(root, embedder) as system:
        yield system.space(name, create=create)


# -- output --------------------------------------------------------------------------------------------------------


def emit(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    return value.item() if hasattr(value, "item") else str(value)


def shown(text: str) -> str:
    r"""Return the text with control characters and bidirectional overrides made visible (`\x1b`).

    What somebody wrote into a memory must not move a terminal's cursor, recolour it, or reorder what is read.
    """
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in _UNSEEN or c in _JOINERS else _escaped(c) for c in text
    )


_UNSEEN = frozenset({"Cc", "Cf"})
_JOINERS = "\u200c\u200d\u00ad"
"""Invisible but harmless, and part of how words and emoji are written."""


def _escaped(c: str) -> str:
    return f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}"


def dim(text: str) -> str:
    """Return the text in a fainter colour, where there are colours."""
    return typer.style(text, dim=True)


def strong(text: str) -> str:
    """Return the text in bold, where there is bold."""
    return typer.style(text, bold=True)


def lines(text: str, indent: str) -> str:
    """Return the text, safe to print, with every line indented."""
    return "\n".join(indent + line for line in shown(text).split("\n"))


def table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[int] = (), whole: Sequence[int] = ()
) -> None:
    """Print a table; `right` are the columns of numbers, `whole` those that are never cut or wrapped."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else IN_A_PIPE)
    grid = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        kept = number in right or number in whole
        widest = max(len(column), *(len(str(row[number])) for row in rows))
        grid.add_column(
            column,
            justify="right" if number in right else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=widest if kept else None,
        )
    for row in rows:
        grid.add_row(*(Text(shown(str(cell))) for cell in row))
    console.print(grid)


@contextmanager
def progress(what: str) -> Iterator[Tick | None]:
    """Show a bar while something long goes on; give None, for nothing, where nobody looks at a terminal."""
    with steps(what) as step:
        yield None if step is None else lambda done, total: step(what, done, total)


@contextmanager
def steps(what: str) -> Iterator[Step | None]:
    """Show a bar whose words change with what is being done; give None where nobody looks at a terminal."""
    if not sys.stderr.isatty() or session.json:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda doing, done, total: bars.update(task, description=doing, completed=done, total=total)


# -- words ---------------------------------------------------------------------------------------------------------


def ago(then: datetime, now: datetime) -> str:
    """Say how long ago something was, as people do: in the largest unit of which there are at least two."""
    seconds = (now - then).total_seconds()
    if seconds < 0:
        return "in the future"
    for unit, length in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}s ago"
    return "just now"


_UNITS = (
    ("year", 31_556_952),
    ("month", 2_629_746),
    ("week", 604_800),
    ("day", 86_400),
    ("hour", 3_600),
    ("minute", 60),
)


def size(count: float) -> str:
    """Return a number of bytes as people write it."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: "1 memory", "2 memories"."""
    plural = one.removesuffix("y") + "ies" if one.endswith("y") else one + "s"
    return f"{number:,} {one if number == 1 else many or plural}"


def print_figures(figures: Mapping[str, Any], indent: str = "") -> None:
    """Print named figures, those of a group indented below its name."""
    for name, value in figures.items():
        if isinstance(value, Mapping):
            typer.echo(f"{indent}{name}")
            print_figures(value, indent + "  ")
        else:
            typer.echo(f"{indent + str(name):<28} {f'{value:.3f}' if isinstance(value, float) else shown(str(value))}")


def of_memory(memory: Memory) -> dict[str, Any]:
    """Return a memory as JSON has it, without its vector."""
    return {
        "id": memory.id,
        "kind": memory.kind,
        "text": memory.text,
        "speaker": memory.speaker,
        "thread": memory.thread,
        "position": memory.position,
        "said_at": memory.said_at,
        "stored_at": memory.stored_at,
        "valid_from": memory.valid_from,
        "valid_to": memory.valid_to,
        "parents": list(memory.parents),
        "metadata": dict(memory.metadata),
        "origin": memory.origin,
    }


def heading(memory: Memory, now: datetime) -> str:
    """Return who said it and when, with how long ago that is."""
    who = memory.speaker or memory.kind
    when = memory.said_at
    return f"{shown(who)}, {when:%a} {when.day} {when:%b %Y} ({ago(when, now)})"
