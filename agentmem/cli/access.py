"""Commands of shared spaces: access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from agentmem.cli.options import AsJson, Root, Space
from agentmem.cli.terminal import counted, dim, emit, open_space, shown, table

if TYPE_CHECKING:
    from agentmem.sharing_policies import Verdict

PANEL = "Sharing"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(rich_help_panel=PANEL)(access)


def access(
    space: Space,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Who alone may see the memories of --id.")
    ] = None,
    id_: Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="A memory to be seen by --only.")] = None,
    everyone: Annotated[bool, typer.Option("--everyone", help="Let everyone see the memories of --id again.")] = False,
    policies: Annotated[
        bool, typer.Option("--policies", help="Read who may know what from what was said, keep to it, and show why.")
    ] = False,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Show who may see what of a space, and who has read and written how much; or change it.

    What was derived from a memory is seen by those alone who may see that memory.

    [dim]$[/] agentmem access office
    [dim]$[/] agentmem access office --policies
    [dim]$[/] agentmem access office --id 01J8Z... --only ben --only ana
    """
    from agentmem import sharing, sharing_policies

    with open_space(space, root) as opened:
        if id_:
            if bool(only) == everyone:
                raise typer.BadParameter("say who: --only NAME, or --everyone")
            sharing.set_audience(opened, id_, only or ())
        elif only or everyone:
            raise typer.BadParameter("say of which memories: --id ID")
        read = sharing_policies.apply(opened).reasons() if policies else None
        found = sharing.access(opened)
    if as_json:
        emit(
            {
                "everyone": found.everyone,
                "audiences": [{"principals": list(names), "memories": count} for names, count in found.audiences],
                "principals": {name: found.seen_by(name) for name in found.principals},
                "done": [
                    {"principal": who, "action": what, "memories": memories, "times": times}
                    for who, what, memories, times in found.done
                ],
                **({} if read is None else {"policies": [_policy(*one) for one in read]}),
            }
        )
        return
    typer.echo(f"{counted(found.everyone, 'memory')} for everyone.")
    if found.audiences:
        rows = [(shown(", ".join(names)) or "nobody", f"{count:,}") for names, count in found.audiences]
        table(("for these alone", "memories"), rows, right=(1,))
    if read is not None:
        why = [(verdict.why, shown(verdict.whom), f"{count:,}") for verdict, count in read]
        table(("read from what was said", "for", "memories"), why, right=(2,))
    if found.principals:
        done = {(who, what): times for who, what, _, times in found.done}
        listed = [
            (shown(who), f"{found.seen_by(who):,}", *(f"{done.get((who, what), 0):,}" for what in ("read", "write")))
            for who in found.principals
        ]
        table(("who", "may see", "has read", "has written"), listed, right=(1, 2, 3), whole=(0,))
    else:
        typer.echo(dim("No principals yet: agentmem.sharing.Seat(space, name) gives each of them a seat."))


def _policy(verdict: Verdict, count: int) -> dict[str, object]:
    return {"why": verdict.why, "principals": list(verdict.audience), "memories": count}
