"""Commands that forget on purpose: sweep, explain, protect, release."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentmem.cli.options import AsJson, Root, Space
from agentmem.cli.terminal import counted, dim, emit, lines, open_space, progress, shown, size, table
from agentmem.errors import InputError

if TYPE_CHECKING:
    from agentmem.retention.facade import Explanation
    from agentmem.retention.sweep import Sweep

PANEL = "Retention"
SHOWN = 10
TRACES = ("age", "rest", "uses", "unused", "arousal", "importance", "surprise", "specificity", "salience", "stability")
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (sweep, explain, protect, release):
        app.command(rich_help_panel=PANEL)(command)


Policy = Annotated[
    str | None, typer.Option(metavar="NAME", help="Retention policy, see `agentmem policies`.", show_default=False)
]


def sweep(
    space: Space,
    policy: Policy = None,
    threshold: Annotated[
        float | None, typer.Option(metavar="X", help="What is worth less than this goes, 0 to 1.", show_default=False)
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="What may stay: 5000 memories, 20MB, or 10% of all ever remembered.", show_default=False
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it. Without this, only say what would go.")] = False,
    every: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN", help="Again and again, such as 30m, 6h or 1d, until interrupted.", show_default=False
        ),
    ] = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Let fade what is worth least by a policy: a plan first, with --yes for real.

    What goes is erased with all that was derived from it, from every file. Protected memories stay.

    [dim]$[/] agentmem sweep demo --policy salience --budget 50%
    """
    if every is not None and not yes:
        raise InputError("--every erases again and again, so it needs --yes; look at the plan first, without both")
    for _ in _rounds(every):
        with open_space(space, root) as opened:
            with progress("Weighing") as tick:
                found = opened.sweep(policy, threshold=threshold, budget=budget, dry_run=not yes, progress=tick)
            if as_json:
                emit({"space": space, **of_sweep(found)})
            else:
                _print_sweep(space, found, {f.id: opened.get(f.id).text for f in _first(found)} if not yes else {})


def _rounds(every: str | None) -> Iterator[None]:
    """Yield once, or again after each span of time."""
    yield
    if every is None:
        return
    span = _SPAN.fullmatch(every.strip())
    if span is None:
        raise InputError(f"--every {every!r} is no span of time; write 90s, 30m, 6h or 1d")
    while True:
        time.sleep(float(span[1]) * _SECONDS[span[2]])
        yield


def _first(found: Sweep) -> list[Any]:
    return sorted(found.fading, key=lambda f: f.retention)[:SHOWN]


def of_sweep(found: Sweep) -> dict[str, Any]:
    """Return a sweep as JSON has it."""
    from agentmem.cli.memories import of_receipt

    return {
        "policy": found.policy,
        "at": found.at,
        "carried_out": found.carried_out,
        "fading": [{"id": f.id, "retention": f.retention, "stage": f.stage, "why": f.why} for f in found.fading],
        "stages": dict(found.stages),
        "kept": found.kept,
        "protected": found.spared,
        "bytes": found.bytes,
        "receipt": None if found.receipt is None else of_receipt(found.receipt),
    }


def _print_sweep(space: str, found: Sweep, texts: dict[str, str]) -> None:
    stages = ", ".join(f"{number} {stage}" for stage, number in found.stages.items()) or "nothing"
    did = "" if found.carried_out else "would be "
    typer.echo(
        f"{shown(space)}, by {found.policy}: {did}{stages}; {counted(found.kept, 'memory', 'memories')} kept"
        + (f", {found.spared} of them protected" if found.spared else "")
    )
    for f in _first(found) if texts else ():
        typer.echo(f"  {f.retention:.2f}  {shown(' '.join(texts[f.id].split())[:70])}  " + dim(f"{f.id} {f.why}"))
    if texts and len(found.fading) > len(texts):
        typer.echo(dim(f"  ... and {len(found.fading) - len(texts)} more"))
    if found.fading and not found.carried_out:
        typer.echo(dim(f"{size(found.bytes)} of text and vectors. This was a plan; do it with --yes."))


def explain(
    space: Space,
    id: Annotated[str, typer.Argument(metavar="ID", help="The memory.", show_default=False)],  # noqa: A002
    policy: Policy = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw its curve: .png, .svg or .pdf.", show_default=False)
    ] = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Say why a memory is kept or fades: its worth by a policy, what that looks at, and how it goes on.

    [dim]$[/] agentmem explain ana 01JQ3ZK4T8 --policy power --plot curve.png
    """
    with open_space(space, root) as opened:
        found = opened.retention.explain(id, policy)
    if plot is not None:
        _draw(found, plot)
    traces = {name: float(getattr(found.traces, name)[0]) for name in TRACES}
    curve = {f"{days:g}": float(worth) for days, worth in zip(found.days, found.curve, strict=True)}
    if as_json:
        held = found.protection
        emit(
            {
                "space": space,
                "id": id,
                "policy": found.policy,
                "retention": found.retention,
                "rank": found.rank,
                "of": found.of,
                "weight": found.weight,
                "traces": traces,
                "days": curve,
                "protection": None if held is None else held._asdict(),
                "file": plot and str(plot),
            }
        )
        return
    typer.echo(lines(found.memory.text, ""))
    typer.echo(
        f"by {found.policy}: {found.retention:.2f}, place {found.rank} of {found.of} "
        + dim("(1 would be the last to go)")
    )
    if found.weight:
        typer.echo(f"a recall adds {found.weight:g} x this to its score, less the mean of what else it looks at")
    if found.protection is not None:
        what = "under a legal hold" if found.protection.hold else "protected from sweeps"
        typer.echo(f"{what}: {shown(found.protection.reason)}")
    table(("trace", "value"), [(name, f"{value:.2f}") for name, value in traces.items()], right=(1,))
    table(("days on", "retention"), [(days, f"{worth:.2f}") for days, worth in curve.items()], right=(0, 1))
    if plot is not None:
        typer.echo(f"wrote {plot}")


def _draw(found: Explanation, path: Path) -> None:
    if path.suffix not in {".png", ".svg", ".pdf"}:
        raise InputError(f"{path.name}: a curve is drawn as .png, .svg or .pdf")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(found.days, found.curve, marker="o", color="#0b5fa5")
    axes.set(xlabel="days from now without use", ylabel="retention", ylim=(-0.02, 1.02))
    axes.set_title(f"{found.policy}: {found.retention:.2f} now", loc="left", fontsize=10)
    axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def protect(
    space: Space,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The memories.", show_default=False)],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever finds it.", show_default=False)],
    hold: Annotated[bool, typer.Option("--hold", help="A legal hold: nothing may erase it, not only sweeps.")] = False,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Keep memories from every sweep, or under a legal hold from every erasure.

    [dim]$[/] agentmem protect ana 01JQ3ZK4T8 --reason "case 12/2025" --hold
    """
    with open_space(space, root) as opened:
        opened.retention.protect(ids, reason, hold=hold)
        held = opened.retention.protections()
    if as_json:
        emit([p._asdict() for p in held])
    else:
        typer.echo(f"{shown(space)}: {counted(len(held), 'memory', 'memories')} protected")


def release(
    space: Space,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The memories.", show_default=False)],
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Take protections and legal holds away.

    [dim]$[/] agentmem release ana 01JQ3ZK4T8
    """
    with open_space(space, root) as opened:
        opened.retention.release(ids)
        held = opened.retention.protections()
    if as_json:
        emit([p._asdict() for p in held])
    else:
        typer.echo(f"{shown(space)}: {counted(len(held), 'memory', 'memories')} protected")
