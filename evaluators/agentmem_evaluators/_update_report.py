"""The page of fact update, made from its figures alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentmem.evaluation.report import Block, Command, Lines, Prose, Section, Series, Table, Warned, percent

Figures = Mapping[str, Any]
OURS, AS_OF = "agentmem", "agentmem, told the day"
ASKS = ("current", "as of")
NAMES = {
    OURS: OURS,
    AS_OF: AS_OF,
    "dense": "dense alone",
    "bm25": "BM25 alone",
    "fifo": "the last ones (degenerate)",
    "oracle": "oracle: the right memory",
}
COLUMNS = (
    ("current", "first", "current value first"),
    ("current", "first_other", "a stale one first"),
    ("current", "answer", "current value answered"),
    ("current", "answer_other", "a stale one answered"),
    ("as of", "first", "value of a day first"),
    ("as of", "first_other", "another value first"),
    ("as of", "answer", "value of a day answered"),
)
PLAINLY = (
    "First is the first memory that is recalled; answered is what the reader makes of the first five. An answer that "
    "names two values of a fact is not right, and counts as stale. The oracle reads the one right memory, so it says "
    "what the reader can do. The sentences are ours, and no rule was written from them; people say more."
)


def headline(figures: Figures) -> Table:
    """Return the table for the README."""
    rows = [
        (NAMES[name], *(percent(of.get(asks, {}).get(metric)) for asks, metric, _ in COLUMNS))
        for name, of in _systems(figures).items()
    ]
    bounds = figures["ci"]
    told = ", ".join(
        f"{head} {percent(figures['metrics'][asks][metric], bounds[asks][metric])}"
        for asks, metric, head in COLUMNS
        if metric == "first" and metric in bounds[asks]
    )
    return Table(
        "Fact update, %: what holds now, and what held on a day",
        ("", *(head for *_, head in COLUMNS)),
        rows,
        f"{figures['n_questions']} questions about {figures['worlds']} made-up worlds of twelve sessions, seed "
        f"{figures['seed']}, reader {figures['reader']}. 95 % intervals over questions, agentmem: {told}. Commit "
        f"{figures['commit'][:12]}.",
        strong=frozenset({0}),
    )


def sections(figures: Figures) -> list[Section]:
    """Return the page."""
    short: list[Block] = [Prose(PLAINLY)]
    if figures["failures"]:
        short.append(Warned(f"{len(figures['failures'])} questions or cases broke: {figures['failures'][0]}"))
    bounds = {OURS: figures["ci"], **figures["baselines_ci"]}
    tables = [
        Table(
            title,
            ("", *(head for _, _, head in columns)),
            [
                (NAMES[name], *(percent(of[a].get(m), bounds[name][a].get(m)) for a, m, _ in columns))
                for name, of in _systems(figures).items()
            ],
            strong=frozenset({0}),
        )
        for title, columns in (
            ("What holds now, % with 95 % intervals", [c for c in COLUMNS if c[0] == "current"]),
            ("What held on a day, % with 95 % intervals", [c for c in COLUMNS if c[0] == "as of"]),
        )
    ]
    made = (
        f"{figures['n_questions']} questions, {figures['worlds']} worlds, seed {figures['seed']}, reader "
        f"{figures['reader']}, embedder {figures['embedder']}, commit {figures['commit'][:12]}."
    )
    return [
        Section("In short", [*short, headline(figures)]),
        Section("By how often a fact changed", [_plot(figures, asks) for asks in ASKS]),
        Section("With intervals", tables),
        Section("How this was made", [Prose(made), Command(figures["command"])]),
    ]


def _plot(figures: Figures, asks: str) -> Lines:
    shown = [name for name in NAMES if name in figures["by_updates"] and name != "oracle"]
    times = list(figures["by_updates"][OURS])
    return Lines(
        "The current value comes first" if asks == "current" else "The value of the day comes first",
        [int(n) for n in times],
        "changes of the fact",
        "share of questions",
        [
            Series(
                NAMES[n].removesuffix(" (degenerate)"), [figures["by_updates"][n][t][asks].get("first") for t in times]
            )
            for n in shown
        ],
    )


def _systems(figures: Figures) -> dict[str, Mapping[str, Mapping[str, float]]]:
    found = {OURS: figures["metrics"], **figures["baselines"]}
    return {name: found[name] for name in NAMES if name in found}
