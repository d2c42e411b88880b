"""A report as one HTML page: style and plots are inside it, so that it can be mailed, kept and printed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from importlib import resources
from string import Template

from agentmem.evaluation.report import Bars, Block, Command, Lines, Prose, Report, Section, Table, Warned


def page(report: Report) -> str:
    """Return the whole page."""
    return _template().substitute(title=escape(report.title), sections=_sections(report))


def book(summary: Report, chapters: Sequence[Report]) -> str:
    """Return a page of many reports: the summary, a list of the chapters to go to, and the chapters.

    On paper each chapter begins a page.
    """
    names = [f"chapter-{number}" for number in range(1, len(chapters) + 1)]
    entries = "".join(
        f'<li><a href="#{name}">{escape(of.title)}</a></li>' for name, of in zip(names, chapters, strict=True)
    )
    parts = [
        f'<article class="chapter" id="{name}">\n<h1>{escape(of.title)}</h1>\n{_sections(of)}\n</article>'
        for name, of in zip(names, chapters, strict=True)
    ]
    contents = f'<nav aria-label="Chapters"><ol>{entries}</ol></nav>' if chapters else ""
    whole = "\n".join([_sections(summary), contents, *parts])
    return _template().substitute(title=escape(summary.title), sections=whole)


def _sections(report: Report) -> str:
    return "\n".join(_section(section) for section in report.sections)


def _section(section: Section) -> str:
    blocks = "\n".join(_block(block) for block in section.blocks)
    return f"<section>\n<h2>{escape(section.title)}</h2>\n{blocks}\n</section>"


def _block(block: Block) -> str:
    match block:
        case Prose(text):
            return f"<p>{escape(text)}</p>"
        case Warned(text):
            return f'<p class="mind" role="note">{escape(text)}</p>'
        case Command(text):
            return f"<pre><code>{escape(text)}</code></pre>"
        case Table():
            return _table(block)
        case Lines() | Bars():
            from agentmem.evaluation.plots import svg

            return f"<figure>\n<figcaption>{escape(block.title)}</figcaption>\n{svg(block)}\n</figure>"


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.columns)
    rows = "\n".join(_row(row, strong=number in table.strong) for number, row in enumerate(table.rows))
    note = f"\n<p class=note>{escape(table.note)}</p>" if table.note else ""
    return (
        f'<div class="table"><table>\n<caption>{escape(table.title)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>{note}"
    )


def _row(cells: tuple[str, ...] | list[str] | object, *, strong: bool) -> str:
    first, *rest = cells  # type: ignore[misc]
    inner = f'<th scope="row">{escape(first)}</th>' + "".join(f"<td>{_cell(cell)}</td>" for cell in rest)
    return f'<tr class="strong">{inner}</tr>' if strong else f"<tr>{inner}</tr>"


def _cell(cell: str) -> str:
    """Return a cell; the interval after a figure is set smaller."""
    figure, bracket, interval = cell.partition(" [")
    return f"{escape(figure)} <small>[{escape(interval)}</small>" if bracket else escape(cell)


@cache
def _template() -> Template:
    return Template(resources.files("agentmem.evaluation").joinpath("page.html").read_text(encoding="utf-8"))
