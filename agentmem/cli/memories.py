"""Commands for memories: remember, recall, erase, show, spaces."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentmem.cli import options
from agentmem.cli.options import AsJson, AsOf, Embedder, Kind, Root, Since, Space, Speaker, Thread, Until, Where
from agentmem.cli.terminal import (
    FAILURE,
    ago,
    counted,
    dim,
    emit,
    heading,
    lines,
    of_memory,
    open_root,
    open_space,
    shown,
    size,
    strong,
    table,
)
from agentmem.errors import InputError

if TYPE_CHECKING:
    import agentmem.space
    from agentmem.types import Fact, Memory, Recall, Receipt

PANEL = "Memories"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (remember, recall, erase, show, spaces):
        app.command(rich_help_panel=PANEL)(command)


def remember(
    space: Space,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="What to remember; - reads it from stdin.", show_default=False)
    ],
    *,
    speaker: Annotated[str | None, typer.Option(metavar="NAME", help="Who said it.")] = None,
    thread: Annotated[str, typer.Option(metavar="NAME", help="Conversation it belongs to.")] = "main",
    said_at: Annotated[str | None, typer.Option(metavar="TIME", help="When it was said; default: now.")] = None,
    kind: Annotated[str, typer.Option(metavar="KIND", help="turn, note, or a derived kind with --parent.")] = "turn",
    parent: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="What it was derived from (repeatable).")
    ] = None,
    meta: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Metadata (repeatable).")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="It was forgotten on request, and is said again on purpose.")
    ] = False,
    embedder: Embedder = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Remember a text; the space is made if it is new.

    [dim]$[/] agentmem remember alice "I adopted a cat called Miso last Friday." --speaker Alice
    """
    from agentmem.types import Draft

    draft = Draft(
        sys.stdin.read() if text == "-" else text,
        kind=kind,  # type: ignore[arg-type]  # checked with everything else when it is remembered
        speaker=speaker,
        thread=thread,
        said_at=options.moment(said_at, "--said-at") if said_at else None,
        parents=tuple(parent or ()),
        metadata=options.pairs(meta, "--meta"),
    )
    with open_space(space, root, embedder, create=True) as opened:
        ids = opened.remember(draft, guarded="pass" if again else "raise")
        if as_json:
            emit({"space": space, "ids": ids, "memories": len(opened)})
        else:
            typer.echo(f"{ids[0]}  " + dim(f"{space} holds {counted(len(opened), 'memory', 'memories')} now"))


def recall(
    space: Space,
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="What to recall, in plain words.", show_default=False)
    ],
    *,
    k: Annotated[int | None, typer.Option("-k", min=1, help="Memories to return; default: 10.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="As many as fit this many tokens of context.")] = None,
    thread: Thread = None,
    speaker: Speaker = None,
    kind: Kind = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    as_of: AsOf = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each signal added to each score.")] = False,
    hops: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Searches that go on from the first evidence, 0 to 2; default: as the question asks."
        ),
    ] = None,
    embedder: Embedder = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Recall the memories that bear on a question, best first.

    Says as well how sure it is that the answer is in memory at all.

    [dim]$[/] agentmem recall demo "When did Marek sign the lease?" -k 3 --explain
    """
    asked = options.asked(thread, speaker, kind, since, until, where, as_of)
    with open_space(space, root, embedder) as opened:
        found = opened.recall(question, k, max_tokens=max_tokens, filter=asked, explain=explain, hops=hops)
        if as_json:
            emit(of_recall(found, explain=explain))
        else:
            print_recall(found, opened, explain=explain)


def of_recall(found: Recall, *, explain: bool) -> dict[str, Any]:
    """Return a recall as JSON has it."""
    evidence = [
        {
            "rank": rank,
            "score": e.score,
            **of_memory(e.memory),
            **({"fact": of_fact(e.fact)} if e.fact else {}),
            **({"signals": dict(e.signals)} if explain else {}),
        }
        for rank, e in enumerate(found.evidence, start=1)
    ]
    return {"query": found.query, "confidence": found.confidence, "tokens": found.tokens, "evidence": evidence}


def of_fact(fact: Fact) -> dict[str, Any]:
    """Return a fact as JSON has it."""
    return {
        "subject": fact.subject,
        "attribute": fact.attribute,
        "value": fact.value,
        "valid_from": fact.valid_from,
        "valid_to": fact.valid_to,
        "memories": list(fact.memories),
        "superseded_by": fact.superseded_by,
    }


def print_recall(found: Recall, space: agentmem.space.Space, *, explain: bool, signals: int | None = None) -> None:
    """Print a recall for a person; of its signals the `signals` strongest by name."""
    now = space.clock()
    for rank, e in enumerate(found.evidence, start=1):
        typer.echo(f"{rank:>2}  {strong(heading(e.memory, now))}  {e.score:.2f}")
        typer.echo(lines(e.memory.text, "    "))
        typer.echo(dim(f"    {e.memory.id}  {shown(e.memory.thread)}"))
        if e.reason:
            typer.echo(dim(f"    {shown(e.reason)}"))
    if not found.evidence:
        typer.echo("Nothing was found: the space is empty, or the filters leave nothing.")
        return
    if explain:
        print_signals(found, rows=signals)
    typer.echo(f"confidence that the answer is in memory: {found.confidence:.2f}" + dim(f"  ({found.tokens} tokens)"))


def print_signals(found: Recall, most: int = 8, rows: int | None = None) -> None:
    """Print what each signal added to each score: a column a memory, a row a signal, the rest in one beyond `rows`."""
    evidence = found.evidence[:most]
    names = sorted(
        {name for e in evidence for name in e.signals},
        key=lambda name: -max(abs(e.signals.get(name, 0.0)) for e in evidence),
    )
    first, rest = names[:rows], names[rows:] if rows else []
    listed = [[name, *(f"{e.signals.get(name, 0.0):+.2f}" for e in evidence)] for name in first]
    if rest:
        sums = (sum(e.signals.get(name, 0.0) for name in rest) for e in evidence)
        listed.append([f"{len(rest)} others", *(f"{value:+.2f}" for value in sums)])
    listed.append(["score", *(f"{e.score:.2f}" for e in evidence)])
    columns = ["what it added", *(f"#{rank}" for rank in range(1, len(evidence) + 1))]
    table(columns, listed, right=range(1, len(columns)))


def erase(
    space: Space,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Memories to erase.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    guard: Annotated[bool, typer.Option("--guard", help="Keep it from coming back, too.")] = False,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Erase memories and all that was derived from them.

    From every file of the space, and there is no way back: shows the plan first and asks.

    [dim]$[/] agentmem erase alice 01JD3Y8K4W6M2N9Q5R7S1T0VXZ
    """
    with open_space(space, root) as opened:
        plan = opened.plan_erase(ids)
        if not as_json:
            print_plan(plan, ids)
        if not yes:
            if as_json:
                raise InputError("--json does not ask, so it needs --yes as well; nothing was erased")
            if not typer.confirm(f"Erase {counted(len(plan), 'memory', 'memories')}? This cannot be undone."):
                typer.echo("Nothing was erased.")
                raise typer.Exit(FAILURE)
        receipt = opened.erase(ids, guard=guard)
        if as_json:
            emit({"erased": [m.id for m in plan], "receipt": of_receipt(receipt)})
        else:
            typer.echo(said(receipt))


def print_plan(plan: list[Memory], ids: list[str]) -> None:
    """Print what an erasure would take."""
    asked = frozenset(ids)
    rows = [
        (m.id, m.kind, m.speaker or "", "asked for" if m.id in asked else "derived from it", _short(m.text))
        for m in plan
    ]
    table(("id", "kind", "speaker", "why", "text"), rows, whole=(0, 1, 3))


def said(receipt: Receipt) -> str:
    """Say what a receipt proves, in a sentence."""
    what = ", ".join(counted(n, kind) for kind, n in receipt.erased.items())
    how = {
        "suppressed": "hidden from recall",
        "logical": "gone from the ledger and every index",
        "physical": "gone from the ledger, every index and the bytes of every file",
    }[receipt.level]
    rest = f"\nStill to do: {receipt.pending}" if receipt.pending else ""
    return f"Receipt {receipt.number}: erased {what}; {how}.{rest}"


def of_receipt(receipt: Receipt) -> dict[str, Any]:
    """Return a receipt as JSON has it."""
    return {
        "number": receipt.number,
        "requested_at": receipt.requested_at,
        "finished_at": receipt.finished_at,
        "level": receipt.level,
        "erased": dict(receipt.erased),
        "digests": list(receipt.digests),
        "pending": receipt.pending,
    }


def show(
    space: Space,
    id: Annotated[  # noqa: A002 - what it is called everywhere
        str | None, typer.Argument(metavar="[ID]", help="One memory, whole.", show_default=False)
    ] = None,
    *,
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="Memories to list, the last ones; 0: all.")] = 10,
    thread: Thread = None,
    speaker: Speaker = None,
    kind: Kind = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    receipts: Annotated[bool, typer.Option("--receipts", help="List the receipts of all erasures instead.")] = False,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Show what a space holds, or one memory with all that is known of it.

    [dim]$[/] agentmem show demo --speaker Ines -n 5
    """
    with open_space(space, root) as opened:
        if receipts:
            _show_receipts(opened, as_json=as_json)
        elif id is not None:
            _show_memory(opened, id, as_json=as_json)
        else:
            asked = options.asked(thread, speaker, kind, since, until, where)
            _show_space(opened, list(_tail(opened, asked, last)), as_json=as_json)


def _tail(space: agentmem.space.Space, asked: Any, last: int) -> list[Memory]:
    from collections import deque

    return list(deque(space.memories(asked), maxlen=last or None))


def _show_space(space: agentmem.space.Space, listed: list[Memory], *, as_json: bool) -> None:
    figures = space.stats()
    if as_json:
        emit({**figures, "listed": [of_memory(m) for m in listed]})
        return
    now = space.clock()
    kinds = ", ".join(counted(n, kind) for kind, n in figures["kinds"].items())
    typer.echo(f"{strong(shown(space.name))}  {kinds or 'empty'}")
    typer.echo(f"threads {figures['threads']}, speakers {shown(', '.join(figures['speakers']) or 'none')}")
    if figures["first_said_at"]:
        typer.echo(f"said from {figures['first_said_at'][:10]} to {figures['last_said_at'][:10]}")
    typer.echo(f"embedder {figures['embedder'] or 'none yet'}, erasures {figures['erasures']}")
    typer.echo(f"{size(sum(figures['files'].values()))} in {space.path}")
    for memory in listed:
        typer.echo(f"\n{strong(heading(memory, now))}\n{lines(memory.text, '    ')}\n" + dim(f"    {memory.id}"))


def _show_memory(space: agentmem.space.Space, id: str, *, as_json: bool) -> None:  # noqa: A002
    memory = space.get(id)
    derived = [m.id for m in space.plan_erase([id]) if m.id != id]
    cues = memory.cues
    when = [cues.when.start.isoformat(), cues.when.end.isoformat()] if cues.when else None
    more = {
        "entities": list(cues.entities),
        "happened": when,
        "slots": [list(s) for s in cues.slots],
        "derived": derived,
    }
    if as_json:
        emit({**of_memory(memory), **more})
        return
    typer.echo(f"{strong(heading(memory, space.clock()))}\n{lines(memory.text, '    ')}\n")
    for name, value in {**of_memory(memory), **more}.items():
        if name != "text" and value not in (None, [], {}):
            listed = ", ".join(map(str, value)) if isinstance(value, list) else value
            typer.echo(f"{name:<11} {shown(str(listed))}")


def _show_receipts(space: agentmem.space.Space, *, as_json: bool) -> None:
    receipts = space.receipts()
    if as_json:
        emit([of_receipt(r) for r in receipts])
        return
    now = space.clock()
    for receipt in receipts:
        typer.echo(f"{said(receipt)} " + dim(ago(receipt.requested_at, now)))
    if not receipts:
        typer.echo("Nothing was ever erased here.")


def spaces(root: Root = None, as_json: AsJson = False) -> None:
    """List the spaces.

    [dim]$[/] agentmem spaces
    """
    with open_root(root) as system:
        found = system.spaces()
        if as_json:
            emit([info._asdict() if hasattr(info, "_asdict") else _fields(info) for info in found])
        elif not found:
            typer.echo(f"No spaces in {system.root} yet. Make one: agentmem remember NAME TEXT, or: agentmem demo")
        else:
            rows = [(i.name, i.memories if i.memories >= 0 else "?", size(i.bytes), i.embedder) for i in found]
            table(("space", "memories", "size", "embedder"), rows, right=(1, 2))
            typer.echo(dim(f"in {system.root}"))


def _fields(info: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(info)


def _short(text: str, width: int = 60) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"
