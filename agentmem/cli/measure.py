"""Commands that measure: eval, bench, tune."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from agentmem.cli.evaluate_all import ALL, evaluate_all
from agentmem.cli.options import AsJson
from agentmem.cli.terminal import emit, print_figures, progress, steps, table
from agentmem.errors import InputError

if TYPE_CHECKING:
    from agentmem.evaluation.readers import ChatReader
    from agentmem.evaluation.spending import Prices

PANEL = "Measure"
What = Literal["recall", "ingest", "open", "pagerank", "sweep", "forget"]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("eval", rich_help_panel=PANEL)(evaluate)
    app.command(rich_help_panel=PANEL)(bench)
    app.command(rich_help_panel=PANEL)(tune)


def evaluate(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Evaluator, or all; without one, lists them.", show_default=False),
    ] = None,
    *,
    data: Annotated[Path | None, typer.Option(metavar="FILE", help="The benchmark's data.", show_default=False)] = None,
    data_root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="For all: the folder with the data of them all.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="For all: these evaluators only.", show_default=False)
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="For all: run again also what is there already.")] = False,
    k: Annotated[
        str | None, typer.Option("--k", metavar="K,K,...", help="Evidence recall at these k.", show_default=False)
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="PROVIDER:NAME", help="Chat model that answers; default: the extractive reader."),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(metavar="PROVIDER:NAME", help="Chat model that judges the answers, better another than --model."),
    ] = None,
    prices: Annotated[
        str | None,
        typer.Option(metavar="READ,WRITTEN", help="Price of a million tokens of --model.", show_default=False),
    ] = None,
    judge_prices: Annotated[
        str | None,
        typer.Option(metavar="READ,WRITTEN", help="Price of a million tokens of --judge.", show_default=False),
    ] = None,
    baselines: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="Baselines to run; default: all.", show_default=False)
    ] = None,
    weights: Annotated[Path | None, typer.Option(metavar="FILE", help="Recall weights made by tune.")] = None,
    cross_validate: Annotated[
        bool, typer.Option("--cross-validate", help="Train weights for each conversation on the others.")
    ] = False,
    embedder: Annotated[str | None, typer.Option(metavar="NAME", help="Embedder; default: all-MiniLM-L6-v2.")] = None,
    policies: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Retention policies to compare; default: all.", show_default=False),
    ] = None,
    budgets: Annotated[
        str | None,
        typer.Option(metavar="SHARE,...", help="Shares of memory to keep, such as .05,.1,.25.", show_default=False),
    ] = None,
    targets: Annotated[
        int | None, typer.Option(metavar="N", help="Targets of each kind to forget; default: 12.", show_default=False)
    ] = None,
    gatemem: Annotated[
        Path | None, typer.Option(metavar="DIR", help="For ablate: GateMem's episodes as well.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Seed of what is made up; default: 0.", show_default=False)
    ] = None,
    json_out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write the figures as JSON.")] = None,
    html_out: Annotated[Path | None, typer.Option("--html", metavar="OUT", help="Write a page with plots.")] = None,
    markdown_out: Annotated[Path | None, typer.Option("--markdown", metavar="OUT", help="Write Markdown.")] = None,
    details_out: Annotated[
        Path | None, typer.Option("--details", metavar="OUT", help="Write each question as a JSON line.")
    ] = None,
) -> None:
    """Run an evaluator, against baselines in the same run.

    [dim]$[/] agentmem eval locomo --data locomo10.json --json out.json --html out.html

    [dim]$[/] agentmem eval retention --data locomo10.json --policies all --budgets .05,.1,.25,.5

    [dim]$[/] agentmem eval all --data-root benchmarks --html report.html
    """
    from agentmem import config, registry

    if name == ALL:
        if data or model or weights or cross_validate or details_out or markdown_out:
            raise InputError("eval all takes --data-root, --html, --json DIR, --only, --fresh and --embedder alone")
        evaluate_all(data_root, html_out, json_out, _names(only) or (), embedder or config.EMBEDDER, fresh=fresh)
        return
    if data_root or only or fresh:
        raise InputError("--data-root, --only and --fresh go with `agentmem eval all`; one evaluator takes --data FILE")
    if name is None:
        table(("evaluator", "what it is"), list(registry.evaluators().items()), whole=(0,))
        return
    module = registry.evaluator_module(name)
    first = next(iter(signature(module.run).parameters.values()))
    if data is None and first.default is Parameter.empty:
        raise InputError(f"agentmem eval {name} needs its data: --data FILE")
    own = _own(
        name,
        module.run,
        ks=None if k is None else _numbers(k, "--k", int, "5,10,20,50"),
        policies=_names(policies),
        budgets=None if budgets is None else _numbers(budgets, "--budgets", float, ".05,.1,.25,.5"),
        targets=targets,
        seed=seed,
        gatemem=gatemem,
        baselines=_names(baselines),
        judge=_reader(judge),
        prices=_prices(prices, "--prices"),
        judge_prices=_prices(judge_prices, "--judge-prices"),
    )
    with steps("Evaluating") as step:
        report = module.run(
            data,
            **own,
            reader=_reader(model),
            weights=weights,
            cross_validate=cross_validate,
            embedder=embedder or config.EMBEDDER,
            progress=step,
        )
    written = report.write(json=json_out, markdown=markdown_out, html=html_out)
    if details_out is not None:
        report.details_to(details_out)
        written.append(details_out)
    typer.echo(report.markdown())
    for path in written:
        typer.echo(f"wrote {path}", err=True)


def _own(name: str, run: Callable[..., Any], **typed: Any) -> dict[str, Any]:
    """Return what was typed of the options that not every evaluator has. Raises InputError where this one lacks it."""
    own = {option: value for option, value in typed.items() if value is not None}
    for option in own:
        if option not in signature(run).parameters:
            asked = "k" if option == "ks" else option.replace("_", "-")
            raise InputError(f"the evaluator {name} has no --{asked}; leave it out")
    return own


def _names(typed: str | None) -> list[str] | None:
    return None if typed is None else [name.strip() for name in typed.split(",")]


def _prices(typed: str | None, option: str) -> Prices | None:
    """Return the two prices that were typed. Raises InputError for anything else."""
    if typed is None:
        return None
    from agentmem.evaluation.spending import Prices

    found = _numbers(typed, option, float, "0.15,0.60")
    if len(found) != 2 or not all(0 <= price < float("inf") for price in found):
        raise InputError(f"{option} {typed!r}: expected two prices of a million tokens, read and written: 0.15,0.60")
    return Prices(*found)


def _numbers(typed: str, option: str, number: type[int | float], such_as: str) -> list[Any]:
    try:
        return [number(part) for part in typed.split(",")]
    except ValueError as error:
        raise InputError(f"{option} {typed!r} is not a list of numbers such as {such_as}") from error


def _reader(model: str | None) -> ChatReader | None:
    """Return the reader that asks a chat model, with its answers kept in the cache folder; None without a model."""
    if model is None:
        return None
    from agentmem import config
    from agentmem.agent.models import complete_counted, open_model
    from agentmem.evaluation.readers import ChatReader
    from agentmem.evaluation.spending import Said

    opened = open_model(model, temperature=0)
    return ChatReader(model, lambda prompt: Said(*complete_counted(opened, prompt)), config.cache() / "answers.db")


def bench(
    what: Annotated[What, typer.Argument(help="What to time.", show_default=False)],
    memories: Annotated[int, typer.Option(min=1, metavar="N", help="Size of the space.")] = 10_000,
    json_out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write the figures as JSON.")] = None,
) -> None:
    """Time agentmem against what encoding alone costs others.

    The reference is SentenceTransformer(MiniLM).encode in the same run, for `pagerank` networkx; `ratio` is ours over
    it, less is better.

    [dim]$[/] agentmem bench recall --memories 10000 --json out.json
    """
    from agentmem.evaluation import bench as timing

    if json_out is not None:
        json_out.parent.mkdir(parents=True, exist_ok=True)  # now, not after minutes of timing
    with progress("Timing") as tick:
        figures: dict[str, Any] = timing.run(what, memories, progress=tick)
    if json_out is not None:
        timing.write(figures, json_out)
    print_figures(figures)


def tune(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Labelled conversations, LoCoMo's form.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write the weights.")] = Path(
        "weights.json"
    ),
    embedder: Annotated[str | None, typer.Option(metavar="NAME", help="Embedder; default: all-MiniLM-L6-v2.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train the weights of recall on questions whose evidence is known.

    Cross-validated by conversation. Use them by agentmem.open(weights=...) or in an evaluation.

    [dim]$[/] agentmem tune labelled.json -o weights.json
    """
    from agentmem import config
    from agentmem.recall import train

    out.parent.mkdir(parents=True, exist_ok=True)
    with steps("Training") as step:
        report = train.tune(data, out, embedder=embedder or config.EMBEDDER, progress=step)
    if as_json:
        emit(report)
    else:
        typer.echo(f"wrote {out}")
        print_figures(report)
