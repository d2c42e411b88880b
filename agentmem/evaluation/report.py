"""A report: the figures as JSON, and sections made from them that are written as Markdown or as one HTML page."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentmem.errors import StorageError

NO_FIGURE = "\u2013"
"""What stands in a table where there is no figure: a dash, not a zero."""


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A paragraph that must not be overlooked."""

    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """What to type to get the same report."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table. The first column names the row, the others hold figures; `strong` are the rows to be set off."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    strong: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Series:
    """Values with, where they are known, the bounds of their intervals; None where there is no value.

    What is `faint` is drawn behind the others, thin and without a name: for orientation.
    """

    name: str
    values: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Lines:
    """A plot of values over an ordered axis, such as recall over k."""

    title: str
    x: Sequence[float]
    x_label: str
    y_label: str
    series: Sequence[Series]


@dataclass(frozen=True, slots=True)
class Bars:
    """A plot of values side by side in groups, such as F1 by category."""

    title: str
    groups: Sequence[str]
    y_label: str
    series: Sequence[Series]


Block = Prose | Warned | Command | Table | Lines | Bars


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Report:
    """What an evaluation found.

    `figures` are plain JSON values and hold everything that the sections show. `details` are the single questions, for
    those who look closer; they may quote the data and are therefore only written by `details_to`.
    """

    title: str
    figures: Mapping[str, Any]
    sections: Sequence[Section] = ()
    details: Sequence[Mapping[str, Any]] = field(default=(), repr=False)

    def json(self) -> str:
        """Return the figures as JSON; what is not a number there is null."""
        return json.dumps(finite(self.figures), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def markdown(self) -> str:
        """Return the report as Markdown, without the plots: their figures stand in the tables."""
        parts = [f"# {self.title}"]
        for section in self.sections:
            parts.append(f"## {section.title}")
            parts += [_markdown(block) for block in section.blocks if not isinstance(block, Lines | Bars)]
        return "\n\n".join(parts) + "\n"

    def html(self) -> str:
        """Return the report as one HTML page that needs nothing else."""
        from agentmem.evaluation.html import page

        return page(self)

    def write(self, *, json: Path | None = None, markdown: Path | None = None, html: Path | None = None) -> list[Path]:
        """Write the forms that a path is given for and return the paths. Raises StorageError where that fails."""
        written = []
        for path, form in ((json, self.json), (markdown, self.markdown), (html, self.html)):
            if path is not None:
                _write(path, form())
                written.append(path)
        return written

    def details_to(self, path: Path) -> None:
        """Write the single questions as JSON lines."""
        _write(path, "".join(json.dumps(finite(row), ensure_ascii=False) + "\n" for row in self.details))


def finite(value: Any) -> Any:
    """Return plain JSON values: nan and infinities as None, tuples as lists, keys as strings."""
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def percent(value: float | None, interval: Sequence[float] | None = None) -> str:
    """Return a fraction as a percentage with one decimal, with its interval where there is one."""
    if value is None or not math.isfinite(value):
        return NO_FIGURE
    if interval is None:
        return f"{100 * value:.1f}"
    return f"{100 * value:.1f} [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"


def table_markdown(table: Table) -> str:
    """Return a table as Markdown, figures to the right."""
    lines = [_row(table.columns), _row([":--"] + ["--:"] * (len(table.columns) - 1))]
    for number, row in enumerate(table.rows):
        lines.append(_row([f"**{cell}**" for cell in row] if number in table.strong else row))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _markdown(block: Prose | Warned | Command | Table) -> str:
    match block:
        case Prose(text):
            return text
        case Warned(text):
            return f"> **Mind:** {text}"
        case Command(text):
            return f"```\n{text}\n```"
        case Table():
            note = f"\n\n{block.note}" if block.note else ""
            return f"**{block.title}**\n\n{table_markdown(block)}{note}"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
