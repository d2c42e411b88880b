"""The command `forget`: say in words what should go, look at what that is, and have it gone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentmem.cli import forgettings as chored
from agentmem.cli.options import AsJson, Root, Space
from agentmem.cli.terminal import FAILURE, ago, counted, dim, emit, lines, open_space, shown, strong, table
from agentmem.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import agentmem.space
    from agentmem.unlearning.plan import Effect, ForgetPlan, Item

PANEL = "Memories"
MOST = 20
"""Rows of a plan that are printed; `--show` and `--json` leave none out."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=PANEL)(forget)


def forget(
    space: Space,
    request: Annotated[
        str | None,
        typer.Argument(
            metavar="[REQUEST]", help='What to forget, such as "everything about Anna".', show_default=False
        ),
    ] = None,
    *,
    selector: Annotated[
        str | None, typer.Option(metavar="JSON", help='In place of words: {"thread": {"name": "work"}}.')
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; what is unsure stays.")] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Ask about each memory that is unsure.")] = False,
    unsure: Annotated[bool, typer.Option("--unsure", help="Forget what is unsure as well, unasked.")] = False,
    answer: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Answer to a question about what is meant (repeatable).")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Show what the memories say.")] = False,
    undo_for: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Only hide it, and let it be undone so long: 30m, 24h, 7d.")
    ] = None,
    no_guard: Annotated[bool, typer.Option("--no-guard", help="Let it be remembered again.")] = False,
    speaker: Annotated[str | None, typer.Option(metavar="NAME", help='Who asks, for "my address".')] = None,
    thread: Annotated[str | None, typer.Option(metavar="NAME", help='Where, for "this conversation".')] = None,
    every: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Forget what --selector means so often from now on.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="SPAN", help="With --every: only what was said longer ago.")
    ] = None,
    due: Annotated[bool, typer.Option("--due", help="Carry out the schedules that are due.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List all forgettings and schedules.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Finish what was interrupted or had to wait.")] = False,
    undo: Annotated[int | None, typer.Option(metavar="N", help="Take forgetting N back while it is hidden.")] = None,
    cancel: Annotated[int | None, typer.Option(metavar="N", help="Take schedule N back.")] = None,
    hold: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Put a memory under a legal hold (repeatable).")
    ] = None,
    release: Annotated[list[str] | None, typer.Option(metavar="ID", help="End a legal hold (repeatable).")] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for --hold.")] = "",
    actor: Annotated[str, typer.Option(metavar="NAME", help="Who does it, for the receipt.")] = "operator",
    basis: Annotated[str | None, typer.Option(metavar="TEXT", help="On what basis, for the receipt.")] = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Forget what is asked for in words: shows the plan first, and asks.

    Everything that was derived from it goes or is rewritten too, and nothing of it is left in the bytes of any file of
    the space. What is unsure stays unless you say so; ambiguous requests are asked back.

    [dim]$[/] agentmem forget alice "everything about my ex Anna, except the trip to Lisbon" --ask

    [dim]$[/] agentmem forget alice "my address" --yes --undo-for 24h

    [dim]$[/] agentmem forget alice "what I said in March" --dry-run --json

    [dim]$[/] agentmem forget alice --selector '{"thread": {"name": "work"}}' --every 1d --older-than 90d
    """
    chores: list[Callable[[agentmem.space.Space], dict[str, Any]]] = []
    chores += [chore for asked, chore in ((listed, chored.listed), (due, chored.due), (resume, chored.resume)) if asked]
    chores += [] if undo is None else [partial(chored.undone, number=undo)]
    chores += [] if cancel is None else [partial(chored.cancelled, number=cancel)]
    chores += [partial(chored.held, ids=hold, reason=reason)] if hold else []
    chores += [partial(chored.released, ids=release)] if release else []
    chores += [partial(chored.scheduled, selector=selector, every=every, older_than=older_than)] if every else []
    if len(chores) + (request is not None or (selector is not None and not every)) != 1:
        raise InputError(
            'say one thing: a request such as "everything about Anna", --selector, --list, --resume, --due, --undo N, '
            "--cancel N, --hold ID, or --release ID; see agentmem forget --help"
        )
    with open_space(space, root) as opened:
        if chores:
            done = chores[0](opened)
            if as_json:
                emit(done)
            return
        plan = _planned(opened, request, selector, speaker, thread, answer or (), interactive=not (as_json or yes))
        if not as_json:
            print_plan(plan, opened, show=show)
        if dry_run:
            if as_json:
                emit({"plan": plan.to_dict(show=show)})
            return
        answers = _answers(plan, opened, show=show) if ask and not as_json else dict.fromkeys(_ids(plan.asks), unsure)
        _confirm(plan, answers, show=show, yes=yes, as_json=as_json)
        span = chored.span_of(undo_for, "--undo-for") if undo_for else None
        terms = {"actor": actor} | ({"basis": basis} if basis else {})
        receipt = opened.forgetting.execute(plan, answers, undo_for=span, guard=not no_guard, **terms)
        if as_json:
            emit({"plan": plan.to_dict(show=show), "receipt": chored.of_forgetting(receipt)})
        else:
            typer.echo(chored.told(receipt, space))


def _confirm(plan: ForgetPlan, answers: dict[str, bool], *, show: bool, yes: bool, as_json: bool) -> None:
    """End here, with an exit code that says so, where nothing goes or the person does not want it."""
    going = len(plan.chosen(answers))
    if not going:
        _nothing(plan, show=show, as_json=as_json)
    if yes:
        return
    if as_json:
        raise InputError("--json does not ask, so it needs --yes or --dry-run as well; nothing was forgotten")
    if not typer.confirm(f"Forget {counted(going, 'memory', 'memories')}, and what the plan says of the derived?"):
        typer.echo("Nothing was forgotten.")
        raise typer.Exit(FAILURE)


def _planned(
    space: agentmem.space.Space,
    request: str | None,
    selector: str | None,
    speaker: str | None,
    thread: str | None,
    answers: Sequence[str],
    *,
    interactive: bool,
) -> ForgetPlan:
    """Return the plan, with what is asked back answered by `answers`, or by a person."""
    from agentmem.unlearning.selector import Selector, Understood

    what = Selector.from_json(selector) if selector is not None else request or ""
    plan = space.forgetting.plan(what, speaker=speaker, thread=thread)
    given = list(answers)
    while plan.questions and plan.questions[0].choices and (given or interactive):
        question = plan.questions[0]
        labels = [choice.label for choice in question.choices]
        if not given:
            typer.echo(strong(shown(question.text)))
            for number, label in enumerate(labels, 1):
                typer.echo(f"  {number}  {shown(label)}")
            given.append(typer.prompt("which"))
        chosen = given.pop(0)
        if chosen.isdecimal() and 1 <= int(chosen) <= len(labels):
            chosen = labels[int(chosen) - 1]
        understood = Understood(plan.selector, plan.questions).answered(question, chosen)
        plan = replace(space.forgetting.plan(understood), request=plan.request)
    return plan


def _answers(plan: ForgetPlan, space: agentmem.space.Space, *, show: bool) -> dict[str, bool]:
    now = space.clock()
    answers = {}
    for item in plan.asks:
        memory = item.memory
        typer.echo(f"\n{memory.kind} of {shown(memory.speaker or 'nobody')}, {ago(memory.said_at, now)}: {item.why}")
        if show:
            typer.echo(lines(memory.text, "    "))
        answers[item.id] = typer.confirm("forget it?", default=False)
    return answers


def _nothing(plan: ForgetPlan, *, show: bool, as_json: bool) -> None:
    """Say why nothing goes, and end with an exit code that says so."""
    if as_json:
        emit({"plan": plan.to_dict(show=show), "receipt": None})
    elif plan.questions:
        typer.echo("Nothing was forgotten: answer the question with --answer, or say it more plainly.")
    elif plan.asks:
        typer.echo("Nothing was forgotten: what might be meant is unsure. Look with --show, and use --ask or --unsure.")
    else:
        typer.echo("Nothing was forgotten: nothing in this space is meant.")
    raise typer.Exit(FAILURE)


def print_plan(plan: ForgetPlan, space: agentmem.space.Space, *, show: bool) -> None:
    """Print a plan for a person: what goes and why, counts and topics; what the memories say only with `show`."""
    now = space.clock()
    rows: list[tuple[Item | Effect, str, str, str]] = [(i, i.action, f"{i.confidence:.2f}", i.why) for i in plan.items]
    rows += [(i, "ask", f"{i.confidence:.2f}", i.why) for i in plan.asks]
    rows += [(i, "near miss", f"{i.confidence:.2f}", i.why) for i in plan.near_misses if show]
    rows += [(e, e.action, "", e.why) for e in plan.derived]
    if rows:
        most = len(rows) if show else MOST
        names = ("id", "kind", "said", "what", "sure", "why", *(("text",) if show else ()))
        table(
            names,
            [
                (
                    x.id,
                    x.memory.kind,
                    ago(x.memory.said_at, now),
                    what,
                    sure,
                    why,
                    *((_flat(x.memory.text),) if show else ()),
                )
                for x, what, sure, why in rows[:most]
            ],
            whole=(0, 1, 3, 4),
        )
        if len(rows) > most:
            typer.echo(dim(f"and {len(rows) - most} more; --show or --json shows all"))
    counts = ", ".join(f"{n} {name}" for name, n in plan.counts.items() if n)
    typer.echo(strong(counts or "nothing is meant") + (f"; of {_kinds(plan)}" if plan.kinds else ""))
    if plan.topics and show:
        typer.echo(f"about {shown(', '.join(plan.topics))}")
    for question in plan.questions:
        typer.echo(f"{strong('?')} {shown(question.text)} " + dim(" / ".join(c.label for c in question.choices)))
    if plan:
        typer.echo(dim(f"out of reach: {'; '.join(plan.out_of_scope)}"))


def _kinds(plan: ForgetPlan) -> str:
    return ", ".join(counted(n, kind, "replies" if kind == "reply" else None) for kind, n in plan.kinds.items())


def _flat(text: str, width: int = 70) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def _ids(items: Sequence[Item]) -> list[str]:
    return [item.id for item in items]
