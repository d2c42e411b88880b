"""Commands of derived memory: settle, derivers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentmem.cli.options import AsJson, Root, Space
from agentmem.cli.terminal import counted, dim, emit, open_root, progress, shown, table
from agentmem.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentmem.protocols import Deriver
    from agentmem.system import System

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
    model: Annotated[
        str | None,
        typer.Option(
            metavar="PROVIDER:NAME",
            help="Chat model that derives, such as ollama:llama3.2; default: none, rules of English derive.",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="CALLS,TOKENS",
            help="What a model may cost for each memory it is shown; default: 1,1500. Then rules derive.",
            show_default=False,
        ),
    ] = None,
    structure: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What recall answers from, from now on: turns, facts, summaries, notes or mixed (the default).",
            show_default=False,
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Derive everything once more, not only what is new.")] = False,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Derive what is still to be derived from what was remembered: facts, summaries and the like.

    A space keeps the derivers that it was settled with: what is remembered or forgotten later is derived by them too.
    A model is sent what was remembered; without one nothing leaves this machine. It is not kept: name it each time.

    [dim]$[/] agentmem settle ana --derive facts,summary

    [dim]$[/] agentmem settle ana --model ollama:llama3.2 --budget 1,1500 --again
    """
    if budget is not None and model is None:
        raise InputError("--budget says what a model may cost; name the model as well: --model PROVIDER:NAME")
    with open_root(root) as system:
        system.derive = None if derive is None else [name for name in derive.split(",") if name]
        if model is not None:
            system.derive = _asking(system.derive or _noted(system, space), model, budget)
        opened = system.space(space, create=False)
        if structure is not None:
            opened.deriving.structure = structure
        with progress("deriving") as tick:
            done = opened.deriving.settle(again=again, progress=tick)
        names = sorted(opened.deriving.derivers)
        calls, tokens = opened.deriving.spent
        answers = opened.deriving.structure
    if as_json:
        figures = {"scopes": done.scopes, "written": done.written, "replaced": done.replaced, "kept_out": done.kept_out}
        emit(
            {
                "space": space,
                "derivers": names,
                **figures,
                "structure": answers,
                "model": model,
                "calls": calls,
                "tokens": tokens,
            }
        )
    elif not names:
        typer.echo(f"Nothing derives in {space}. Begin with: agentmem settle {space} --derive facts,summary")
    else:
        kept = f", {done.kept_out} kept out by the guard" if done.kept_out else ""
        typer.echo(f"{counted(done.written, 'memory', 'memories')} written, {done.replaced} replaced{kept}.")
        if model is not None:
            typer.echo(f"{shown(model)} was asked {counted(calls, 'time')}, about {counted(tokens, 'token')}.")
        if model is not None and not done.scopes:
            typer.echo(dim("Nothing was left to do. What rules have derived, it derives with --again."))
        typer.echo(dim(f"By {', '.join(names)}. See them: agentmem show {space} --kind summary"))


def _noted(system: System, space: str) -> list[str]:
    """Return the derivers that a space was settled with last."""
    opened = system.space(space, create=False)
    names = sorted(opened.deriving.derivers)
    opened.close()  # to be opened once more, with derivers that ask
    return names


def _asking(names: Sequence[str], model: str, budget: str | None) -> dict[str, Deriver]:
    """Return derivers that ask a chat model, as far as they can; the others go by rules."""
    from agentmem import registry
    from agentmem.agent.extraction import structured
    from agentmem.agent.models import open_model

    settings: dict[str, Any] = {"ask": structured(open_model(model, temperature=0))}
    if budget is not None:
        settings["budget"] = _costs(budget)
    asking: dict[str, Deriver] = {}
    for name in names:
        try:
            asking[name] = registry.make_deriver(name, settings)
        except InputError:  # it knows no such settings: it has no use for a model
            asking[name] = registry.make_deriver(name, {})
    return asking


def _costs(budget: str) -> tuple[float, float]:
    try:
        calls, tokens = (float(part) for part in budget.split(","))
    except ValueError:
        calls = tokens = -1.0
    if not (0 <= calls < math.inf and 0 <= tokens < math.inf):
        raise InputError(f"--budget {budget!r} is not calls and tokens for each memory, such as 1,1500")
    return calls, tokens


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
