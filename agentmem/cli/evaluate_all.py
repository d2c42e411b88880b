"""The command `eval all`: every evaluator whose data are there, into one page."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from agentmem.cli.terminal import steps
from agentmem.errors import InputError, StorageError

if TYPE_CHECKING:
    from agentmem.evaluation.suite import Ended

ALL = "all"


def evaluate_all(
    root: Path | None, html: Path | None, folder: Path | None, only: Sequence[str], embedder: str, *, fresh: bool
) -> None:
    """Run what can be run, write the page after each, and leave with 1 where something failed."""
    from agentmem import registry
    from agentmem.evaluation import suite, suite_page

    if root is None or html is None:
        raise InputError("eval all needs data and a page to write: agentmem eval all --data-root DIR --html OUT")
    results = folder or html.with_name(f"{html.stem}-results")
    planned = suite.jobs(registry.evaluation_plans(), root, only)
    command = _command(root, html, folder, only, embedder)
    done: list[Ended] = []

    def tell(ended: Ended) -> None:
        done.append(ended)
        _write(html, suite_page.page(done, planned[len(done) :], command))
        how = "failed" if ended.error else "kept from before" if ended.resumed else "done"
        typer.echo(f"[{len(done)}/{len(planned)}] {ended.job.name}: {how}, {ended.seconds:.0f} s", err=True)
        if ended.error:
            typer.echo(f"    {ended.error}", err=True)

    typer.echo(f"to run: {', '.join(job.name for job in planned)}", err=True)
    with steps("Evaluating") as step:
        suite.play(planned, results, embedder=embedder, fresh=fresh, progress=step, after=tell)
    typer.echo(f"wrote {html} and {results}{'/'}", err=True)
    failed = [ended.job.name for ended in done if ended.error]
    if failed:
        typer.echo(f"failed: {', '.join(failed)}; the same command runs them again", err=True)
        raise typer.Exit(1)


def _command(root: Path, html: Path, folder: Path | None, only: Sequence[str], embedder: str) -> str:
    """Return what to type for the same run."""
    from agentmem import config

    words = ["agentmem", "eval", ALL, "--data-root", str(root), "--html", str(html)]
    words += ["--json", str(folder)] if folder else []
    words += [] if embedder == config.EMBEDDER else ["--embedder", embedder]
    return shlex.join(words + (["--only", ",".join(only)] if only else []))


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
