"""The section of a LoCoMo report about a run with a chat model: what a judge says, and what the answers took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentmem.evaluation.report import NO_FIGURE, Block, Prose, Section, Table, Warned, percent

Figures = Mapping[str, Any]
READINGS = ("strict", "lenient")
GROUPS = ("1-4", "1", "2", "3", "4")


def section(figures: Figures, systems: Sequence[tuple[str, Figures]], heads: Mapping[str, str]) -> Section:
    """Return the section; `systems` are names and figures of ours and the baselines, `heads` names of the groups."""
    judge = figures["judge"]
    tables = [_verdicts(reading, systems, heads) for reading in READINGS] if judge else []
    return Section("With a model", [*_judging(judge), *tables, _spent(figures, [name for name, _ in systems])])


def _judging(judge: Figures | None) -> list[Block]:
    if judge is None:
        return [Prose("No judge was asked (--judge provider:name): F1 alone says how good the answers are.")]
    counts = "; ".join(
        f"{name}: {of['judged']} verdicts, {of['malformed']} malformed, {of['failed']} failed"
        for name, of in ((name, judge[name]) for name in READINGS)
    )
    blocks: list[Block] = []
    if judge["is_the_answerer"]:
        blocks.append(
            Warned(
                f"The judge is the answerer itself ({judge['name']}): models favour their own answers, so these "
                "figures flatter. Name another with --judge."
            )
        )
    lost = sum(judge[name][what] for name in READINGS for what in ("malformed", "failed"))
    if lost:
        blocks.append(
            Warned(
                f"{lost} judgements were malformed or failed. They count as neither right nor wrong, so the figures "
                f"are over fewer answers. First: {'; '.join(judge['first'][:3])}"
            )
        )
    return [
        *blocks,
        Prose(
            f"Judged by {judge['name']} over categories 1-4, each answer by two prompts: strict is right in all that "
            "was asked, lenient touches on the same. Published figures use lenient prompts, other judges and other "
            f"models: not comparable. {counts}."
        ),
    ]


def _verdicts(reading: str, systems: Sequence[tuple[str, Figures]], heads: Mapping[str, str]) -> Table:
    name = f"judge_{reading}"
    rows = [
        (system, *(percent(of[name][g], of[f"{name}_ci"][g]) for g in GROUPS)) for system, of in systems if name in of
    ]
    return Table(f"Judged right, {reading}, %", ("", *(heads[g] for g in GROUPS)), rows, strong=frozenset({0}))


def _spent(figures: Figures, names: Sequence[str]) -> Table:
    rows = [_row(name, of) for name, of in zip(names, figures["model"]["spent"].values(), strict=True)]
    judge = figures["judge"]
    if judge:
        rows.append(_row(f"judging all of them ({judge['name']})", judge["spent"]))
    unknown = "" if figures["model"]["prices"] else " No prices were given (--prices READ,WRITTEN a million tokens)."
    guessed = sum(of["estimated"] for of in figures["model"]["spent"].values()) + (judge or {}).get("spent", {}).get(
        "estimated", 0
    )
    counted = (
        f" Of {guessed} prompts the provider counted no tokens; a quarter of the bytes stands in." if guessed else ""
    )
    return Table(
        f"What {figures['model']['name']} took, answers kept on disk included",
        ("", "prompts", "asked in this run", "tokens read", "written", "tokens a question", "cost", "cost a question"),
        rows,
        f"Prompts that failed are not counted.{counted}{unknown}",
    )


def _row(name: str, of: Figures) -> tuple[str, ...]:
    counts = [f"{of[what]:,}" for what in ("prompts", "asked", "read", "written")]
    each = of["tokens_per_question"]
    return (
        name,
        *counts,
        NO_FIGURE if each is None else f"{each:,.0f}",
        *("unknown" if of[what] is None else f"{of[what]:.4g}" for what in ("cost", "cost_per_question")),
    )
