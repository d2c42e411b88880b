"""The command line: `agentmem COMMAND`. One file a group of commands; heavy imports stay inside the commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import agentmem
from agentmem.cli import (
    access,
    care,
    demo,
    derive,
    files,
    forget,
    knowledge,
    knowledge_graph,
    measure,
    memories,
    new,
    policies,
    proof,
    prove,
    retention,
    scrub,
    talk,
    train,
)
from agentmem.cli.terminal import Commands, session

app = typer.Typer(
    name="agentmem",
    cls=Commands,
    help="Memory for LLM agents: measured, fading on purpose, forgetting on request and proving it.",
    epilog="Start with: agentmem demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    demo,
    memories,
    forget,
    knowledge,
    knowledge_graph,
    talk,
    files,
    care,
    measure,
    train,
    derive,
    retention,
    access,
    proof,
    prove,
    scrub,
    policies,
    new,
):
    group.register(app)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"agentmem {agentmem.__version__}")
        raise typer.Exit


@app.callback()
def _program(
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Where spaces lie; default: $AGENTMEM_HOME or ~/.agentmem.", show_default=False
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the whole traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    del version  # its callback has done all
    session.root, session.debug, session.json = root, debug, False


def main() -> None:
    """Run the program: the entry point of the `agentmem` command."""
    app()
