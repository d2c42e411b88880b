"""The command that trains the model of a signal: train arousal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentmem.cli.options import AsJson
from agentmem.cli.terminal import emit, print_figures, steps


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    train = typer.Typer(no_args_is_help=True)
    train.command("arousal")(arousal)
    train.callback()(_train)
    app.add_typer(train, name="train", rich_help_panel="Measure")


def _train() -> None:
    """Train a model that reads a signal out of texts."""


def arousal(
    data: Annotated[Path, typer.Argument(metavar="CSV", help="Rated sentences, EmoBank's form.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write the weights.")] = Path(
        "arousal.npz"
    ),
    embedder: Annotated[str | None, typer.Option(metavar="NAME", help="Embedder; default: all-MiniLM-L6-v2.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train the weights of arousal and valence on rated sentences.

    Trained on the split train; Pearson's r on dev and test is printed.

    [dim]$[/] agentmem train arousal emobank.csv -o arousal.npz
    """
    from agentmem import config
    from agentmem.encoding import train_arousal
    from agentmem.encoding.embedders import open_embedder

    rated = train_arousal.read(data)
    out.parent.mkdir(parents=True, exist_ok=True)
    with steps("Training") as step:
        figures = train_arousal.train(rated, out, embedder=open_embedder(embedder or config.EMBEDDER), progress=step)
    if as_json:
        emit(figures)
    else:
        typer.echo(f"wrote {out}")
        print_figures(figures)
