"""The page of event order, made from its figures alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentmem.evaluation.report import Bars, Block, Command, Prose, Section, Series, Table, Warned, percent
from agentmem_evaluators._order_pairs import BINS, KINDS

Figures = Mapping[str, Any]
OURS, MODEL, MODEL_RECALLING = "agentmem", "model", "model+agentmem"
NAMES = {
    OURS: OURS,
    "dense+dates": "dense alone, with dates",
    "bm25+dates": "BM25 alone, with dates",
    "dense": "dense alone, no dates",
    "bm25": "BM25 alone, no dates",
    "random": "random (degenerate)",
    "oracle": "oracle: both turns known",
    MODEL: "model, no memory",
    MODEL_RECALLING: "model, reading what agentmem recalls",
}
APART = {"0": "same session", "1": "next session", "2-4": "2-4 later", "5-9": "5-9 later", "10+": "10+ later"}
PLAINLY = (
    "Answered is by dates: each thing is looked for, and the times of what comes first are compared. So this scores "
    "whether the right two turns are found and their times kept, not whether a model reasons about time; where a wrong "
    "turn is found, half of the answers are right by chance. Without dates only likeness is left, which knows no time. "
    "Not comparable with published figures of models that read a book."
)


def headline(figures: Figures) -> Table:
    """Return the table for the README."""
    columns = [("verbatim", "all"), *((kind, apart) for kind in KINDS[1:] for apart in ("all", *BINS))]
    columns = [(kind, apart) for kind, apart in columns if apart in figures["metrics"].get(kind, {})]
    heads = [kind if apart == "all" else APART[apart] for kind, apart in columns]
    rows = [
        (NAMES[name], *(percent(of.get(kind, {}).get(apart)) for kind, apart in columns))
        for name, of in _systems(figures).items()
    ]
    ours = ", ".join(
        f"{kind} {percent(figures['metrics'][kind]['all'], figures['ci'][kind]['all'])}"
        for kind in KINDS
        if "all" in figures["metrics"][kind]
    )
    return Table(
        "Event order, %: which of two things was said first?",
        ("", *heads),
        rows,
        f"{figures['n_questions']:,} pairs of {figures['n_conversations']} conversations, no model; chance is 50. 95 % "
        f"intervals over pairs, agentmem: {ours}. {_weights(figures)} Commit {figures['commit'][:12]}.",
        strong=frozenset({0}),
    )


def sections(figures: Figures) -> list[Section]:
    """Return the page."""
    short: list[Block] = [Prose(PLAINLY)]
    if figures["failures"]:
        short.append(Warned(f"{len(figures['failures'])} questions or cases broke: {figures['failures'][0]}"))
    if not figures["n"].get("other words"):
        short.append(Warned("The file holds no facts about its turns (observation), so things are verbatim only."))
    if figures["weights_trained_on_this_data"]:
        short.append(Warned("The recall weights were trained on these conversations; run with --cross-validate."))
    if any(figures["unreadable"].values()):
        told = ", ".join(f"{NAMES[name]}: {count:.0f}" for name, count in figures["unreadable"].items())
        short.append(Warned(f"Answers that were neither a nor b, and so not right: {told}."))
    parts = [Section("In short", [*short, headline(figures)])]
    parts += [Section(f"Things {kind}", _kind(figures, kind)) for kind in KINDS if figures["n"].get(kind)]
    made = (
        f"{figures['n_questions']} pairs, seed {figures['seed']}, embedder {figures['embedder']}, commit "
        f"{figures['commit'][:12]}."
    )
    return [*parts, Section("How this was made", [Prose(made), Command(figures["command"])])]


def _kind(figures: Figures, kind: str) -> list[Block]:
    there = [apart for apart in BINS if apart in figures["n"][kind]]
    systems = _systems(figures)
    bounds = {OURS: figures["ci"], **figures["baselines_ci"]}
    rows = [
        (NAMES[name], *(percent(of[kind].get(a), bounds[name][kind].get(a)) for a in (*there, "all")))
        for name, of in systems.items()
    ]
    found = [
        (NAMES[name], *(percent(of[kind].get(a)) for a in (*there, "all"))) for name, of in figures["found"].items()
    ]
    counts = ", ".join(f"{apart}: {figures['n'][kind][apart]}" for apart in there)
    plotted = [name for name in systems if name not in ("bm25", "bm25+dates", "oracle")]
    plot = Bars(
        f"Right by sessions from one to the other, {kind} (lines: 95 % intervals)",
        [APART[apart] for apart in there],
        "right",
        [
            Series(
                NAMES[name],
                [systems[name][kind].get(a) for a in there],
                [bounds[name][kind][a][0] for a in there],
                [bounds[name][kind][a][1] for a in there],
            )
            for name in plotted
            if all(a in systems[name][kind] for a in there)
        ],
    )
    heads = ("sessions from one to the other", *(APART[apart] for apart in there), "all")
    return [
        plot,
        Table("Right, %", heads, rows, f"Pairs: {counts}.", strong=frozenset({0})),
        Table("Both turns found, %", heads, found, "Of the answers that named two memories."),
    ]


def _systems(figures: Figures) -> dict[str, Mapping[str, Mapping[str, float]]]:
    found = {OURS: figures["metrics"], **figures["baselines"]}
    return {name: found[name] for name in NAMES if name in found}


def _weights(figures: Figures) -> str:
    if figures["cross_validated"]:
        return "Recall weights were trained on the other conversations, each left out in turn."
    if figures["weights_trained_on_this_data"]:
        return "Recall weights were trained on these conversations."
    return "Recall weights never saw these conversations."
