"""Commands that show how memories fade: policies."""

from __future__ import annotations

from textwrap import shorten
from typing import Any

import typer

from agentmem.cli.options import AsJson
from agentmem.cli.terminal import dim, emit, table

PANEL = "Extend"
DAYS = (1, 7, 30, 365)
"""When a memory that nobody came back to is looked at."""


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(rich_help_panel=PANEL)(policies)


def policies(as_json: AsJson = False) -> None:
    """List the retention policies, and what each still gives a memory that nobody came back to.

    Retention is from 0 to 1; the memory is neutral in all that is not time, and settings are the defaults.

    [dim]$[/] agentmem policies
    """
    from agentmem import registry
    from agentmem.traces import Traces

    traces = Traces.of(len(DAYS), age=DAYS)
    listed: list[dict[str, Any]] = []
    for name, what in registry.policies().items():
        kept = registry.make_policy(name, {}).retention(traces)
        after = {str(days): round(float(share), 4) for days, share in zip(DAYS, kept, strict=True)}
        listed.append({"policy": name, "what": what, "abilities": registry.abilities(name), "retention": after})
    if as_json:
        emit(listed)
        return
    columns = ("policy", *(f"{days} d" for days in DAYS), "what it is")
    rows = [(p["policy"], *(f"{share:.2f}" for share in p["retention"].values()), _brief(p["what"])) for p in listed]
    table(columns, rows, right=range(1, len(DAYS) + 1), whole=(0,))
    typer.echo(dim("A new one is one file: agentmem new policy NAME"))


def _brief(what: str) -> str:
    """Return what a line says before its first colon, cut to fit beside the figures."""
    return shorten(what.partition(":")[0].rstrip("."), 72, placeholder=" ...")
