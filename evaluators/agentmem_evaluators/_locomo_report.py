"""The sections of a LoCoMo report, made from its figures alone: the JSON of a run gives the same page again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentmem.evaluation.report import (
    NO_FIGURE,
    Bars,
    Block,
    Command,
    Lines,
    Prose,
    Section,
    Series,
    Table,
    Warned,
    percent,
)
from agentmem.formats.locomo import CATEGORIES
from agentmem_evaluators._locomo_model_report import section as with_model

Figures = Mapping[str, Any]

GROUPS = ("1", "2", "3", "4", "5", "1-4", "all")
HEADS = {**{str(number): name for number, name in CATEGORIES.items()}, "1-4": "1-4", "all": "all"}
SYSTEMS = {
    "dense": "dense alone",
    "bm25": "BM25 alone",
    "none": "no memory",
    "full": "whole conversation",
    "oracle": "oracle evidence",
}
PLOTTED = ("dense", "bm25", "full", "oracle")
PUBLISHED = (
    ("Llama-2-70B, whole conversation", 0.184, None),
    ("gpt-3.5-turbo, 4k of the conversation", 0.239, None),
    ("Llama-3-70B, whole conversation", 0.301, None),
    ("gpt-3.5-turbo, 16k of the conversation", 0.359, None),
    ("gpt-3.5-turbo + DRAGON, 5 turns", 0.388, 0.567),
    ("gpt-3.5-turbo + DRAGON, 10 turns", 0.397, 0.662),
    ("gpt-4-turbo, whole conversation", 0.516, None),
    ("human", 0.879, None),
)
"""F1 and evidence recall over all categories and all ten conversations: Maharana et al. (2024), tables 2 and 3."""


def sections(figures: Figures) -> list[Section]:
    """Return the page: what was found first, then how, then what it was made with."""
    return [
        Section("In short", _short(figures)),
        Section("Evidence recall", _recall(figures)),
        Section("Answers", _answers(figures)),
        *([with_model(figures, _all(figures), HEADS)] if "model" in figures else []),
        Section("Knowing what is not there", _abstention(figures)),
        Section("Speed and size", _speed(figures)),
        Section("By conversation", [_conversations(figures)]),
        Section("How this was made", _made(figures)),
    ]


def headline(figures: Figures) -> Table:
    """Return the one table for a README: evidence recall and F1 of ours and the baselines."""
    ks = list(figures["recall"])
    rows = [
        (
            name,
            *(percent(of["recall"][k]["1-4"]) for k in ks),
            *(percent(of["f1"][group]) for group in ("1-4", "5", "all")),
        )
        for name, of in _all(figures)
    ]
    heads = ("", *(f"R@{k}" for k in ks), "F1, 1-4", "F1, 5", "F1, all")
    note = (
        f"{figures['n_questions']} questions of {len(figures['conversations'])} conversations; evidence recall over "
        f"categories 1-4. {_read_by(figures)} {_weights(figures)} Commit {figures['commit'][:12]}."
    )
    return Table("LoCoMo, %", heads, rows, note, strong=frozenset({0}))


def _all(figures: Figures) -> list[tuple[str, Figures]]:
    return [("agentmem", figures), *((SYSTEMS.get(n, n), of) for n, of in figures["baselines"].items())]


def _short(figures: Figures) -> list[Block]:
    blocks: list[Block] = []
    broken = figures["failures"]
    if broken["questions"] or broken["cases"]:
        first = "; ".join(broken["first"][:3])
        blocks.append(
            Warned(
                f"{broken['questions']} answers were lost to errors ({broken['cases']} conversations broke off). They "
                f"are not scored, so the figures are over fewer questions than were asked. First: {first}"
            )
        )
    if figures["weights_trained_on_this_data"]:
        blocks.append(
            Warned(
                "The weights used here were trained on conversations of this very file, so the figures flatter. "
                "Run again with cross-validation for honest ones."
            )
        )
    table = headline(figures)
    return [*blocks, Prose(_found(figures)), table]


def _found(figures: Figures) -> str:
    k = _shown_k(figures)
    ours, bounds = figures["recall"][k]["1-4"], figures["recall_ci"][k]["1-4"]
    text = f"Of the turns with the answer, {percent(ours, bounds)} % are among the first {k} recalled (categories 1-4)"
    dense = figures["gain_over"].get("dense", {}).get("recall", {}).get(k, {}).get("1-4")
    if dense is not None:
        text += f": {_points(dense)} points against dense search alone"
    return (
        f"{text}. {_read_by(figures)} The official F1 is {percent(figures['f1']['all'], figures['f1_ci']['all'])} over "
        "all categories. Brackets are 95 % intervals."
    )


def _shown_k(figures: Figures) -> str:
    return "10" if "10" in figures["recall"] else next(iter(figures["recall"]))


def _read_by(figures: Figures) -> str:
    reader = figures["reader"]
    if reader == "extractive":
        return "Answers are phrases picked out of the evidence, without a language model."
    return f"Answers are written by {reader}."


def _weights(figures: Figures) -> str:
    if figures["cross_validated"]:
        return "All weights were trained on the other conversations of the file, each left out in turn."
    if figures["weights_trained_on_this_data"]:
        return "The weights were trained on conversations of this file."
    return "The weights never saw these conversations."


def _recall(figures: Figures) -> list[Block]:
    ks = list(figures["recall"])
    plot = Lines(
        "Evidence recall over k, categories 1-4 (shaded: 95 % intervals)",
        [int(k) for k in ks],
        "memories recalled (k)",
        "evidence recall",
        [
            Series(
                name,
                [of["recall"][k]["1-4"] for k in ks],
                [_bound(of["recall_ci"][k]["1-4"], 0) for k in ks],
                [_bound(of["recall_ci"][k]["1-4"], 1) for k in ks],
            )
            for name, of in _plotted(figures, without=("full", "oracle"))
        ],
    )
    mine = Table(
        "agentmem, % with 95 % intervals",
        ("", *(HEADS[g] for g in GROUPS)),
        [(f"R@{k}", *(percent(figures["recall"][k][g], figures["recall_ci"][k][g]) for g in GROUPS)) for k in ks],
        f"Questions with usable evidence: {_counted(figures, 'recall')}.",
    )
    others = Table(
        "Baselines, %",
        ("", *(HEADS[g] for g in GROUPS)),
        [
            (f"{SYSTEMS.get(name, name)}, R@{k}", *(percent(of["recall"][k][g]) for g in GROUPS))
            for name, of in figures["baselines"].items()
            if name in ("dense", "bm25")
            for k in ks
        ],
    )
    return [
        Prose(
            "The share of the turns that hold the answer which are among the first k recalled, averaged over "
            "questions. Questions without usable evidence are left out; the official code counts those as 1."
        ),
        plot,
        mine,
        *([others] if others.rows else []),
        *_gains(figures),
    ]


def _gains(figures: Figures) -> list[Block]:
    rows = [
        (
            f"over {SYSTEMS.get(name, name)}",
            *(_points(found["recall"][k]["1-4"]) for k in found["recall"]),
            _points(found["f1"]["all"]),
        )
        for name, found in figures["gain_over"].items()
        if name in ("dense", "bm25")
    ]
    heads = ("", *(f"R@{k}, 1-4" for k in figures["recall"]), "F1, all")
    return [Table("Gain, points, on the same questions", heads, rows)] if rows else []


def _points(gain: Sequence[float] | None) -> str:
    return NO_FIGURE if gain is None else f"{100 * gain[0]:+.1f} [{100 * gain[1]:+.1f}, {100 * gain[2]:+.1f}]"


def _answers(figures: Figures) -> list[Block]:
    plot = Bars(
        "Official F1 by category (lines: 95 % intervals)",
        [HEADS[g] for g in GROUPS],
        "F1",
        [
            Series(
                name,
                [of["f1"][g] for g in GROUPS],
                [_bound(of["f1_ci"][g], 0) for g in GROUPS],
                [_bound(of["f1_ci"][g], 1) for g in GROUPS],
            )
            for name, of in _plotted(figures)
        ],
    )
    table = Table(
        "Official F1, %",
        ("", *(HEADS[g] for g in GROUPS)),
        [
            ("agentmem", *(percent(figures["f1"][g], figures["f1_ci"][g]) for g in GROUPS)),
            *((name, *(percent(of["f1"][g]) for g in GROUPS)) for name, of in _all(figures)[1:]),
            ("agentmem, exact match", *(percent(figures["em"][g]) for g in GROUPS)),
        ],
        f"Questions: {_counted(figures, 'f1')}. In category 5 the right answer is that the conversation does not say. "
        "A baseline has no confidence, so it is taken to be sure of what it finds; no memory always declines.",
        strong=frozenset({0}),
    )
    published = Table(
        "Published figures over all ten conversations, for orientation, %",
        ("", "F1, all", "recall at that k, all"),
        [(name, percent(f1), percent(recall)) for name, f1, recall in PUBLISHED],
        "Maharana et al., ACL 2024. Those runs tell the model which questions are about time and give category 5 as a "
        "choice of two answers; here nothing is told. Other encoders, other readers: not a ranking.",
    )
    return [Prose(_read_by(figures)), plot, table, published]


def _abstention(figures: Figures) -> list[Block]:
    found = figures["abstention"]
    rows = [
        ("declined to answer", *(percent(found["declined"][g]) for g in GROUPS)),
        ("F1", *(percent(figures["f1"][g]) for g in GROUPS)),
    ]
    if "f1_never_abstaining" in found:
        rows.append(("F1 if it never declined", *(percent(found["f1_never_abstaining"][g]) for g in GROUPS)))
    auc = found["auc"]
    said = NO_FIGURE if auc is None or auc != auc else f"{auc:.3f}"  # noqa: PLR0124 - nan differs from itself
    curve = found.get("by_threshold")
    plot = Lines(
        "F1 if answers below a confidence were declined",
        [int(t) for t in curve or ()],
        "confidence, %",
        "F1",
        [Series(HEADS[g], [of[g] for of in (curve or {}).values()]) for g in ("1-4", "4", "5", "all")],
    )
    return [
        Prose(
            f"A question that has an answer gets a higher confidence than one that has none with probability {said} "
            "(area under the ROC curve; .5 is chance)."
        ),
        *([plot] if curve else []),
        Table("Abstention, %", ("", *(HEADS[g] for g in GROUPS)), rows),
    ]


def _speed(figures: Figures) -> list[Block]:
    latency, tokens, machine = figures["latency_ms"], figures["tokens"], figures["machine"]
    rows = [
        ("recall, median", _number(latency["recall_p50"], "ms")),
        ("recall, 95th percentile", _number(latency["recall_p95"], "ms")),
        ("remember, one session a call", _number(figures["ingest_turns_per_s"], "turns/s")),
        (f"context read for a question ({tokens['memories']} memories), mean", _number(tokens["mean"], "tokens")),
        ("the same, 95th percentile", _number(tokens["p95"], "tokens")),
        ("the whole conversation instead", _number(tokens["whole_conversation"], "tokens")),
    ]
    note = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; embedder {figures['embedder']}."
    return [
        Table(
            "Cost", ("", "measured"), rows, note + " Tokens are estimated: a quarter of the bytes, and eight a memory."
        )
    ]


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return NO_FIGURE
    return f"{value:,.1f} {unit}" if value < 100 else f"{value:,.0f} {unit}"


def _conversations(figures: Figures) -> Table:
    k = _shown_k(figures)
    rows = [
        (
            name + (" (trained on)" if of["weights_trained_on_it"] else ""),
            str(of["turns"]),
            str(of["questions"]),
            percent(of["recall"]),
            percent(of["f1"]),
            percent(of["f1_5"]),
        )
        for name, of in figures["conversations"].items()
    ]
    heads = ("", "turns", "questions", f"R@{k}, 1-4", "F1, all", "F1, 5")
    return Table(
        "Conversations, %", heads, rows, "Questions of one conversation are not independent; intervals ignore that."
    )


def _made(figures: Figures) -> list[Block]:
    machine = figures["machine"]
    rows = [
        ("commit", figures["commit"]),
        ("data", f"sha256 {figures['data_digest'][:16]}…"),
        ("system", figures["system"]),
        ("embedder", figures["embedder"]),
        ("weights", _weights(figures)),
        ("reader", figures["reader"]),
        ("seed of the intervals", f"{figures['seed']}, {figures['resamples']} resamples of the questions"),
        *((name, str(value)) for name, value in machine.items()),
    ]
    return [Command(figures["command"]), Table("Made with", ("", ""), rows)]


def _plotted(figures: Figures, without: Sequence[str] = ()) -> list[tuple[str, Figures]]:
    kept = [(SYSTEMS[n], figures["baselines"][n]) for n in PLOTTED if n in figures["baselines"] and n not in without]
    return [("agentmem", figures), *kept]


def _counted(figures: Figures, metric: str) -> str:
    return ", ".join(f"{HEADS[g]} {figures['n'][metric][g]}" for g in GROUPS)


def _bound(interval: Sequence[float] | None, side: int) -> float | None:
    return None if interval is None else interval[side]
