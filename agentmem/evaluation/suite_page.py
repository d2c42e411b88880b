"""One page of many results: a summary first, then each evaluator's own page, with the machine and the run it is of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentmem import registry
from agentmem.evaluation import provenance
from agentmem.evaluation.html import book
from agentmem.evaluation.report import (
    NO_FIGURE,
    Block,
    Command,
    Prose,
    Report,
    Section,
    Table,
    Warned,
    percent,
)
from agentmem.evaluation.suite import RUN, Ended, Job, Place, Shown

TITLE = "agentmem, measured"
HEADS = ("", "agentmem", "held against", "took")


def page(done: Sequence[Ended], waiting: Sequence[Job], command: str) -> str:
    """Return the page as HTML; `waiting` is what has not run yet."""
    summary = Report(TITLE, {}, [Section("Summary", _summary(done, waiting)), Section("Made by", _made(command))])
    return book(summary, [_chapter(ended) for ended in done])


def _summary(done: Sequence[Ended], waiting: Sequence[Job]) -> list[Block]:
    failed = [ended for ended in done if ended.error]
    blocks: list[Block] = [
        Prose(
            "Figures are per cent, in brackets 95 % intervals. What they are held against was measured in the same "
            "run; degenerate ones, which remember nothing, everything or at random, say what a figure is worth."
        )
    ]
    if failed:
        told = "; ".join(f"{ended.job.name}: {ended.error}" for ended in failed)
        blocks.append(Warned(f"{len(failed)} of {len(done)} failed. {told}"))
    if waiting:
        blocks.append(Warned(f"Not run yet: {', '.join(job.name for job in waiting)}. The same command goes on."))
    rows = [row for ended in done for row in _rows(ended)]
    return [*blocks, Table("All evaluators", HEADS, rows)]


def _rows(ended: Ended) -> Iterable[tuple[str, ...]]:
    title = _title(ended.job)
    if ended.figures is None:
        yield title, "failed", NO_FIGURE, _time(ended.seconds)
        return
    for number, shown in enumerate(ended.job.plan.shown):
        value = _at(ended.figures, shown.ours)
        bounds = _at(ended.figures, shown.interval) if shown.interval else None
        took = _time(ended.seconds) if number == 0 else ""
        yield f"{title}: {shown.what}", percent(value, bounds), _beside(ended.figures, shown), took
    if not ended.job.plan.shown:
        yield title, NO_FIGURE, NO_FIGURE, _time(ended.seconds)


def _beside(figures: Mapping[str, Any], shown: Shown) -> str:
    found = {name: _at(figures, place) for name, place in shown.beside.items()}
    told = [f"{name} {percent(value)}" for name, value in found.items() if value is not None]
    return " \u00b7 ".join(told) or NO_FIGURE


def _at(figures: Any, place: Place) -> Any:
    for step in place:
        figures = figures.get(step) if isinstance(figures, Mapping) else None
    return figures


def _chapter(ended: Ended) -> Report:
    title = _title(ended.job)
    if ended.figures is None:
        return Report(title, {}, [Section("Failed", [Warned(ended.error)])])
    own = registry.evaluator_module(ended.job.plan.evaluator).sections(ended.figures)
    return Report(title, {}, [*own, Section("This run", [_run(ended, ended.figures)])])


def _title(job: Job) -> str:
    """Return what the evaluator calls itself, up to the colon, and its data where it runs on several."""
    line = registry.evaluators().get(job.plan.evaluator, job.plan.evaluator)
    named = line.partition(":")[0].rstrip(".")
    return named if job.name == job.plan.evaluator else f"{named}, {job.name.removeprefix(job.plan.evaluator + '-')}"


def _run(ended: Ended, figures: Mapping[str, Any]) -> Table:
    of_run = figures[RUN]
    rows = [
        ("commit", str(figures.get("commit", NO_FIGURE))),
        ("data", f"{ended.job.data.name}, sha256 {of_run['data'][:16]}" if ended.job.data else "made up from a seed"),
        ("settings", ", ".join(f"{key}={value}" for key, value in of_run["settings"].items()) or "those by default"),
        ("embedder", str(of_run["embedder"])),
        ("took", _time(ended.seconds) + (", taken from an earlier run" if ended.resumed else "")),
        *((key, str(value)) for key, value in figures.get("machine", {}).items()),
    ]
    return Table("Made with", ("", ""), rows)


def _made(command: str) -> list[Block]:
    rows = [("commit", provenance.commit()), *((key, str(value)) for key, value in provenance.machine().items())]
    return [Command(command), Table("This machine", ("", ""), rows)]


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
