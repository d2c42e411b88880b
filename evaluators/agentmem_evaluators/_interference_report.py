"""The sections of an interference report, made from its figures alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentmem.evaluation.report import NO_FIGURE, Block, Command, Lines, Prose, Section, Series, Table, Warned, percent

NAMES = {
    "slots": "slots (reference)",
    "dense": "dense alone",
    "bm25": "BM25 alone",
    "fifo": "the newest",
    "model": "the model, whole stream",
    "model+agentmem": "the model, recalled",
}
PLOTTED = 6
"""Lines that can be told apart."""
PLAINLY = (
    "This scores stores, not language models: each update is one memory, and the first memory recalled is the answer. "
    "A dictionary scores 100. The published curves (grey) are of 35 models that read the whole stream in their prompt; "
    "they are shown for orientation and are not comparable with rows of stores. Rows of a model, where there are any, "
    "are: the first is asked the paper's prompt, the second the same with what was recalled in the stream's place."
)
REFERENCE = (
    "The row 'slots' looks up what the rules of English read and takes the newest, without a search. Where it answers "
    "'nothing', no rule understood the statement or the question."
)
BY_SIZE = {
    "keys": ("Accuracy by number of keys", "keys"),
    "keys_padded": ("Accuracy by number of keys that are asked for, all others set as often", "keys"),
    "value_length": ("Accuracy by items in a value", "items"),
}


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
    for variant, (title, unit) in BY_SIZE.items():
        for updates, ours in figures["metrics"].get(variant, {}).items():
            rows = [
                (name, *(percent(of.get(variant, {}).get(updates, {}).get(size)) for size in ours))
                for name, of in systems
                if variant in of
            ]
            blocks.append(Table(f"{title}, {updates} updates of each, %", (unit, *ours), rows))
    said = [(name, percent(of["paraphrased"]), _figure(of["ies"])) for name, of in systems]
    blocks.append(Table("Natural phrasing, %, and endurance", ("", "natural phrasing", "IES"), said))
    kinds = ("right", "earlier", "other", "invented", "nothing")
    wrong = [
        (NAMES.get(name, name), *(percent(of.get(kind)) for kind in kinds), _figure(of["updates_behind"]))
        for name, of in figures["errors"].items()
    ]
    heads = ("", "right", "an earlier value", "another key", "never said", "nothing", "updates behind")
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
    series = [Series(name, [of[order].get(n) for n in counts]) for name, of in systems[:PLOTTED]]
    published = figures["published"]
    if published:
        curves = {
            name: dict(zip(map(str, published["updates"]), of, strict=True))
            for name, of in published["accuracy"].items()
        }
        series += [Series(name, [of.get(n) for n in counts], faint=True) for name, of in curves.items()]
    return Lines(f"Accuracy, {order}", [int(n) for n in counts], "updates of each key", "accuracy", series)


def _figure(value: float | None) -> str:
    return NO_FIGURE if value is None else f"{value:.3f}"
