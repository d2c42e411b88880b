"""How the demonstration looks: acts, questions, checks."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from agentmem.cli.terminal import dim, shown, size, strong, table


class Stage:
    """Prints the demonstration and remembers which checks failed."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.checks = 0
        self._act = 0

    @property
    def held(self) -> bool:
        """Whether every check held so far."""
        return not self.failed

    def act(self, title: str, line: str) -> None:
        """Begin an act."""
        self._act += 1
        typer.echo()
        typer.secho(f"{self._act}. {title}", fg=typer.colors.CYAN, bold=True)
        typer.echo(line)
        typer.echo()

    def say(self, line: str) -> None:
        """Print a line."""
        typer.echo(line)

    def ask(self, question: str, answer: str) -> None:
        """Print a question and its answer."""
        typer.echo(f"  Q  {question}")
        typer.echo(f"  A  {strong(shown(answer))}")

    def check(self, what: str, held: bool, *, quiet: bool = False) -> None:
        """Check a claim; print it unless it held and may pass quietly."""
        self.checks += 1
        if not held:
            self.failed.append(what)
        if not (held and quiet):
            mark = (
                typer.style("ok ", fg=typer.colors.GREEN)
                if held
                else typer.style("NOT", fg=typer.colors.RED, bold=True)
            )
            typer.echo(f"  {mark} {what}")

    def scan(self, before: Mapping[str, int], after: Mapping[str, int], files: Mapping[str, int]) -> None:
        """Print what was found in each file before and after an erasure."""
        names = sorted({*before, *after, *files})
        rows = [(n, size(files[n]) if n in files else "gone", before.get(n, 0), after.get(n, 0)) for n in names]
        table(("file", "size now", "found before", "found after"), rows, right=(1, 2, 3))

    def commands(self, commands: Mapping[str, str]) -> None:
        """Print what to type next."""
        typer.echo("\nType next:")
        for command, why in commands.items():
            typer.echo(f"  {strong(command)}  {dim(why)}")

    def end(self) -> None:
        """Say how the checks went."""
        typer.echo()
        if self.held:
            typer.secho(f"All {self.checks} checks held.", fg=typer.colors.GREEN)
        else:
            typer.secho(
                f"{len(self.failed)} of {self.checks} checks failed: {'; '.join(self.failed)}", fg=typer.colors.RED
            )
