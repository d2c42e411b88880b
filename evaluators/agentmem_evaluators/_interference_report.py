"""The sections of an interference report, made from its figures alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from agentmem.evaluation.report import NO_FIGURE, Block, Command, Lines, Prose, Section, Series, Table, Warned, percent

NAMES = {"slots": "slots (reference)", "dense": "dense alone", "bm25": "BM25 alone"}
PLAINLY = (
    "This scores stores, not language models: each update is one memory, and the first memory recalled is the answer. "
    "A dictionary scores 100. The published curves are of models that read the whole stream in their prompt; they are "
    "shown for orientation and are not comparable."
)
REFERENCE = (
    "The row 'slots' is no part of recall yet: it looks up what the rules of English read and takes the newest, to say "
    "what supersession will give. Where it answers 'nothing', no rule understood the statement or the question."
)


def sections(figures: Mapping[str, Any]) -> list[Section]:
    """Return the page: accuracy by updates, errors, then how it was made."""
    short: list[Block] = [Prose(PLAINLY), Prose(REFERENCE)]
    if figures["failures"]:
        short.append(Warned(f"{len(figures['failures'])} questions or cases broke: {figures['failures'][0]}"))
    systems = [("agentmem", figures["metrics"]), *((NAMES[n], of) for n, of in figures["baselines"].items())]
    counts = [str(n) for n in figures["updates"]]
    blocks: list[Block] = []
    for order in ("interleaved", "sequential"):
        rows = [(name, *(percent(of[order].get(n)) for n in counts)) for name, of in systems]
        blocks.append(Table(f"Accuracy by updates of each key, {order}, %", ("", *counts), rows))
        blocks.append(_plot(order, figures, systems, counts))
    said = [(name, percent(of["paraphrased"]), _figure(of["ies"])) for name, of in systems]
    blocks.append(Table("Natural phrasing, %, and endurance", ("", "natural phrasing", "IES"), said))
    kinds = ("right", "earlier", "other", "nothing")
    wrong = [
        (NAMES.get(name, name), *(percent(of.get(kind)) for kind in kinds), _figure(of["updates_behind"]))
        for name, of in figures["errors"].items()
    ]
    heads = ("", "right", "an earlier value", "another key", "nothing", "updates behind")
    return [
        Section("In short", short),
        Section("Accuracy", blocks),
        Section("Errors", [Table("Kinds of answers, both orders, %", heads, wrong)]),
        Section(
            "How this was made",
            [
                Prose(f"{figures['n_questions']} questions, {figures['keys']} keys, commit {figures['commit'][:12]}."),
                Command(figures["command"]),
            ],
        ),
    ]


def _plot(order: str, figures: Mapping[str, Any], systems: Sequence[tuple[str, Any]], counts: Sequence[str]) -> Lines:
    series = [Series(name, [of[order].get(n) for n in counts]) for name, of in systems]
    published = figures["published"]
    if published:
        curves = [dict(zip(map(str, published["updates"]), of, strict=True)) for of in published["accuracy"].values()]
        for name, pick in (("best model published", max), ("median model published", median)):
            series.append(Series(name, [pick(c[n] for c in curves) if n in curves[0] else None for n in counts]))
    return Lines(f"Accuracy, {order}", [int(n) for n in counts], "updates of each key", "accuracy", series)


def _figure(value: float | None) -> str:
    return NO_FIGURE if value is None else f"{value:.3f}"
