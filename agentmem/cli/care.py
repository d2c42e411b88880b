"""Commands that look after a space: rebuild, doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from agentmem.cli.options import AsJson, Root, Space
from agentmem.cli.terminal import FAILURE, counted, dim, emit, open_root, open_space, progress, shown
from agentmem.errors import AgentmemError

if TYPE_CHECKING:
    from agentmem.system import System
    from agentmem.types import Finding

PANEL = "Care"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(rich_help_panel=PANEL)(doctor)
    app.command(rich_help_panel=PANEL)(rebuild)


def rebuild(
    space: Space,
    embedder: Annotated[
        str | None, typer.Option(metavar="NAME", help="Encode every memory anew with this embedder first.")
    ] = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Build the indexes of a space anew from its ledger.

    With --embedder, every memory is encoded anew first; until all is done, the space stays as it was.

    [dim]$[/] agentmem rebuild alice --embedder default
    """
    with open_space(space, root) as opened:
        with progress("Encoding") as tick:
            opened.rebuild(embedder, progress=tick)
        if as_json:
            emit({"space": space, "memories": len(opened), "embedder": opened.embedder_name})
        else:
            typer.echo(f"{space}: {counted(len(opened), 'memory', 'memories')} indexed anew, by {opened.embedder_name}")


def doctor(
    space: Annotated[
        str | None, typer.Argument(metavar="[SPACE]", help="Name of the space; default: all.", show_default=False)
    ] = None,
    mend: Annotated[
        bool, typer.Option("--mend", help="Finish what was left unfinished and rebuild what is broken.")
    ] = False,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Check spaces from the ground up, and say how to mend them.

    Ledger, vectors, indexes, erasures, model, versions. The exit code is 1 if anything is wrong.

    [dim]$[/] agentmem doctor alice
    """
    with open_root(root) as system:
        names = [space] if space is not None else [info.name for info in system.spaces()]
        found = {name: _examine(system, name, mend=mend) for name in names}
        root_folder = system.root
    if as_json:
        emit({name: [_of(finding) for finding in findings] for name, findings in found.items()})
    else:
        for name, findings in found.items():
            _print(name, findings)
        if not found:
            typer.echo(f"No spaces in {root_folder}, so there is nothing to check.")
    if not all(finding.ok for findings in found.values() for finding in findings):
        raise typer.Exit(FAILURE)


def _examine(system: System, name: str, *, mend: bool) -> list[Finding]:
    from agentmem.errors import SpaceNotFoundError
    from agentmem.types import Finding

    try:
        with system.space(name, create=False) as space:
            if mend:
                space.finish_pending()
                space.rebuild()
            return space.doctor()
    except SpaceNotFoundError:
        raise
    except AgentmemError as error:
        return [Finding("opening", ok=False, seen=str(error))]


def _print(name: str, findings: list[Finding]) -> None:
    typer.secho(shown(name), bold=True)
    for finding in findings:
        mark = typer.style("ok  ", fg=typer.colors.GREEN) if finding.ok else typer.style("BAD ", fg=typer.colors.RED)
        typer.echo(f"  {mark} {finding.check:<10} {shown(finding.seen)}")
        if finding.mend:
            typer.echo(dim(f"       mend it: {finding.mend}"))


def _of(finding: Finding) -> dict[str, object]:
    return {"check": finding.check, "ok": finding.ok, "seen": finding.seen, "mend": finding.mend}
