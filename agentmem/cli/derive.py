"""Commands of derived memory: settle, derivers."""

from __future__ import annotations

from typing import Annotated

import typer

from agentmem.cli.options import AsJson, Root, Space
from agentmem.cli.terminal import counted, dim, emit, open_root, progress, table

PANEL = "Derived memory"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(rich_help_panel=PANEL)(settle)
    app.command(rich_help_panel="Extend")(derivers)


def settle(
    space: Space,
    derive: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="Derivers, such as facts,summary; default: those of the space.", show_default=False
        ),
    ] = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Derive what is still to be derived from what was remembered: facts, summaries and the like.

    A space keeps the derivers that it was settled with: what is remembered or forgotten later is derived by them too.

    [dim]$[/] agentmem settle ana --derive facts,summary
    """
    with open_root(root) as system:
        system.derive = None if derive is None else [name for name in derive.split(",") if name]
        opened = system.space(space, create=False)
        with progress("deriving") as tick:
            done = opened.deriving.settle(progress=tick)
        names = sorted(opened.deriving.derivers)
    if as_json:
        figures = {"scopes": done.scopes, "written": done.written, "replaced": done.replaced, "kept_out": done.kept_out}
        emit({"space": space, "derivers": names, **figures})
    elif not names:
        typer.echo(f"Nothing derives in {space}. Begin with: agentmem settle {space} --derive facts,summary")
    else:
        kept = f", {done.kept_out} kept out by the guard" if done.kept_out else ""
        typer.echo(f"{counted(done.written, 'memory', 'memories')} written, {done.replaced} replaced{kept}.")
        typer.echo(dim(f"By {', '.join(names)}. See them: agentmem show {space} --kind summary"))


def derivers(as_json: AsJson = False) -> None:
    """List the derivers: what makes memories of memories.

    [dim]$[/] agentmem derivers
    """
    from agentmem import registry

    listed = registry.derivers()
    if as_json:
        emit([{"deriver": name, "what": what} for name, what in listed.items()])
        return
    table(("deriver", "what it makes"), list(listed.items()), whole=(0,))
    typer.echo(dim("A new one is one file: agentmem new deriver NAME"))
