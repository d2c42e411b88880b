"""The command that takes a fact out of the saved states of any LangGraph agent: scrub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentmem.cli.options import AsJson
from agentmem.cli.terminal import FAILURE, counted, dim, emit, shown
from agentmem.errors import InputError

if TYPE_CHECKING:
    from agentmem.agent.scrubber import CheckpointScrubber
    from agentmem.agent.told import Meant
    from agentmem.unlearning.threads import Scrubbed

PANEL = "Care"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=PANEL)(scrub)


def scrub(  # noqa: PLR0917 - as many as there are options
    request: Annotated[
        str | None, typer.Argument(metavar="[REQUEST]", help="What to forget, in words.", show_default=False)
    ] = None,
    saver: Annotated[
        str,
        typer.Option(metavar="PLACE", help="Where the states are: sqlite:PATH or postgres:URL.", show_default=False),
    ] = ...,  # type: ignore[assignment]  # Typer's sign for an option that must be given
    text: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="The very words to take out (repeatable).")
    ] = None,
    thread: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this thread; default: all.", show_default=False)
    ] = None,
    mode: Annotated[
        str,
        typer.Option(metavar="MODE", help="redact the words, drop the messages, or delete-thread."),
    ] = "redact",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Ask about what may be meant as well.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking; needed with --json.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take a fact out of every saved state of a LangGraph agent, head and history.

    For the checkpoints of any agent, also one that is not agentmem's: messages, tool calls, summaries, pending writes.
    The threads go on and time travel still runs. Then the bytes are rewritten and looked through.

    [dim]$[/] agentmem scrub --saver sqlite:threads.db --thread 42 "forget everything about my sister"
    """
    from agentmem.agent.scrubber import CheckpointScrubber

    if bool(request) == bool(text):
        raise InputError('say what to take out: either a request, "forget my address", or its very words with --text')
    scrubber = CheckpointScrubber.at(saver, mode=mode)
    unsure: list[Meant] = []
    what: dict[str, Any] = {"texts": text or []}
    if request:
        what, unsure = _meant(scrubber, request, thread, ask=ask and not as_json)
    if not any(what.values()):
        if as_json:
            emit({"threads": [], "rows": 0, "messages": 0, "asked": len(unsure)})
        else:
            typer.echo(f"Nothing in {shown(saver)} is meant for sure. {_left(unsure)}".rstrip())
        return
    planned = scrubber.find(thread=thread, **what)
    if not as_json:
        _plan(planned, what, unsure)
    sure = yes or (not dry_run and not as_json and bool(planned.rows) and typer.confirm("Take it out?"))
    done = scrubber.scrub(thread=thread, **what) if sure and not dry_run else planned
    if as_json:
        emit(_of(done) | {"asked": len(unsure)})
    elif not done.dry_run:
        _done(done)
    if done.pending:
        raise typer.Exit(FAILURE)


def _meant(
    scrubber: CheckpointScrubber, request: str, thread: str | None, *, ask: bool
) -> tuple[dict[str, Any], list[Meant]]:
    """Return what to take out, and what may be meant but was not confirmed."""
    from agentmem.agent.told import nominate, wanted
    from agentmem.clock import system_clock

    found = nominate(scrubber, request, now=system_clock(), thread=thread)
    sure = [m for m in found if m.nomination.band == "selected"]
    unsure = [m for m in found if m.nomination.band == "asked"]
    confirmed = [m for m in unsure if ask and typer.confirm(f"Is this meant? {shown(' ... '.join(m.says))}")]
    return dict(wanted([*sure, *confirmed])), [m for m in unsure if m not in confirmed]


def _plan(planned: Scrubbed, what: dict[str, Any], unsure: list[Meant]) -> None:
    count = len(what["texts"]) + len(what.get("alone", ()))
    typer.echo(
        f"{counted(count, 'text')} to take out, found in {counted(planned.rows, 'row')} of "
        f"{counted(planned.read, 'row')} and {counted(planned.messages, 'message')} of "
        f"{counted(len(planned.threads), 'thread')}: {shown(', '.join(planned.threads)) or 'none'}"
    )
    if unsure:
        typer.echo(_left(unsure))


def _left(unsure: list[Meant]) -> str:
    if not unsure:
        return ""
    return f"{counted(len(unsure), 'text')} may be meant as well and stay; --ask shows them one by one."


def _done(done: Scrubbed) -> None:
    redacted = f"redacted {counted(done.messages, 'message')}"
    what = {
        "redact": redacted,
        "drop": f"dropped {counted(done.dropped, 'message')}, {redacted}",
        "delete-thread": f"deleted {counted(len(done.threads), 'thread')}",
    }[done.mode]
    typer.secho(f"{what}, {counted(done.rows, 'row')}; looked again: nothing is left", fg=typer.colors.GREEN)
    if done.pending:
        typer.secho(f"old bytes remain: {done.pending}", fg=typer.colors.RED)
    for beyond in done.out_of_scope:
        typer.echo(dim(f"  out of reach: {beyond}"))


def _of(done: Scrubbed) -> dict[str, Any]:
    return {
        "mode": done.mode,
        "dry_run": done.dry_run,
        "threads": list(done.threads),
        "read": done.read,
        "rows": done.rows,
        "messages": done.messages,
        "dropped": done.dropped,
        "pending": done.pending,
        "out_of_scope": list(done.out_of_scope),
    }
