"""The command demo."""

from __future__ import annotations

import typer

from agentmem.cli.options import Embedder, Root
from agentmem.cli.terminal import FAILURE, session


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel="Start here")(demo)


def demo(embedder: Embedder = None, root: Root = None) -> None:
    """Watch nine weeks of talk remembered, recalled, and one fact erased.

    Needs no network and no key; makes the space "demo" anew each time.

    [dim]$[/] agentmem demo
    """
    from agentmem import config
    from agentmem.demo import play

    if not play(root or session.root, embedder or config.EMBEDDER):
        raise typer.Exit(FAILURE)
