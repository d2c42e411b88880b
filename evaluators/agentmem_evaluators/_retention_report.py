"""The sections of a retention report, made from its figures alone: the JSON of a run gives the same page again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentmem.evaluation.report import (
    NO_FIGURE,
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
from agentmem_evaluators._retention_figures import EVERYTHING, order
from agentmem_evaluators._retention_policies import RANDOM, RECENCY, REFERENCES

Figures = Mapping[str, Any]

BLIND = (
    "No policy sees a question. Each conversation is remembered session by session at its real dates; after each, the "
    "policy lets go, for good, what exceeds its budget, a share of the turns said so far, and a day after the last one "
    "all questions that have an answer (categories 1-4) are asked of what is left. Nothing is recalled before, so what "
    "policies make of use is not measured here. 'random' is the mean of two random choices, 'recency' keeps the "
    "newest, 'oracle' knows how often each turn is asked for: all three are for comparison only."
)
MADE = ("embedder", "reader", "commit", "system", "data_digest", "seed", "resamples")
COMPACT = ("salience",)
"""What a README's table shows beside the references and the two best others."""


def sections(figures: Figures) -> list[Section]:
    """Return the page: what was found first, then how, then what it was made with."""
    return [
        Section("In short", _short(figures)),
        Section("Evidence kept", [_table(figures, "evidence_kept", "Gold evidence kept, %"), _at_once(figures)]),
        Section(
            "Recall of what is left", [by_budget(figures), _table(figures, "recall@10", "R@10, %"), _gains(figures)]
        ),
        Section("Answers", [_table(figures, "f1", "Official F1, categories 1-4, %")]),
        Section("Curves", [_curves(figures)]),
        Section("Size and speed", [_size(figures)]),
        Section("How this was made", _made(figures)),
    ]


def headline(figures: Figures) -> Table:
    """Return the one table for a README: evidence kept and R@10 by budget of salience, the best others, references."""
    metrics, budgets = figures["metrics"], _budgets(figures)
    middle = budgets[len(budgets) // 2]
    alike = {name for group in figures["same_survivors"] if RECENCY in group for name in group}
    others = [n for n in order(metrics, middle) if n not in (*COMPACT, *REFERENCES) and n not in alike]
    names = [n for n in COMPACT if n in metrics] + others[:2] + list(REFERENCES)
    rows = [
        (_label(figures, n), *(percent(metrics[n][b][m]) for m in ("evidence_kept", "recall@10") for b in budgets))
        for n in names
    ]
    whole = figures["baselines"][EVERYTHING]
    heads = [f"{what} at {_share(b)}" for what in ("evidence kept", "R@10") for b in budgets]
    note = (
        f"{figures['n']['questions']} questions of {figures['n']['conversations']} conversations, swept after every "
        f"session; with everything kept R@10 is {percent(whole['recall@10'])}. {_honest(figures)} "
        f"Commit {figures['commit'][:12]}."
    )
    return Table("Retention, %: what is left of the evidence when memory keeps to a budget", ("", *heads), rows, note)


def annotated_sections(figures: Figures) -> list[Section]:
    """Return the page of LUFY's protocol."""
    names = sorted(figures["metrics"], key=lambda n: (n in REFERENCES, -figures["metrics"][n]["auc"]))
    rows = []
    for name in names:
        of, (low, high) = figures["metrics"][name], figures["ci"][name]["auc"]
        auc = f"{of['auc']:.3f} [{low:.3f}, {high:.3f}]"
        rows.append((name, percent(of["precision@10%"]), percent(of["recall@10%"]), auc))
    table = Table(
        "Score against annotated importance",
        ("", "precision of the best tenth, %", "its recall, %", "AUC"),
        rows,
        f"{figures['n_turns']} turns, {figures['n_important']} of them important; .5 is chance for the AUC. Brackets: "
        "95 % intervals over turns.",
    )
    return [Section("In short", [table]), Section("How this was made", _made(figures))]


def _short(figures: Figures) -> list[Block]:
    blocks: list[Block] = []
    if figures["failures"]["n"]:
        blocks.append(Warned(f"{figures['failures']['n']} questions broke: {figures['failures']['first'][0]}"))
    if figures["salience_trained_on_this_data"]:
        blocks.append(Warned("The weights of salience were trained on this very conversation, so its figures flatter."))
    worse = {b: names for b, names in figures["no_better_than_random"].items() if names}
    told = "; ".join(f"{_share(b)}: {', '.join(names)}" for b, names in worse.items())
    same = [f"{', '.join(group)} keep the very same memories" for group in figures["same_survivors"]]
    notes = [f"Not shown to recall more than a random choice: {told}"] if told else []
    return [*blocks, Prose(BLIND), headline(figures), *(Prose(f"{note}.") for note in [*notes, *same])]


def _honest(figures: Figures) -> str:
    salience = (
        "Salience is trained on the other conversations each time."
        if figures["salience_cross_validated"]
        else "Salience is as it ships."
    )
    if figures["cross_validated"]:
        return f"{salience} So are recall and reader."
    if figures["weights_trained_on_this_data"]:
        return f"{salience} Recall and reader ship and were trained on these conversations, which flatters all rows."
    return f"{salience} Recall and reader are as they ship."


def _table(figures: Figures, metric: str, title: str) -> Table:
    budgets, whole = _budgets(figures), figures["baselines"][EVERYTHING]
    rows = [
        (name, *(percent(of[b][metric], figures["ci"][name][b].get(metric)) for b in budgets))
        for name, of in _ordered(figures)
    ]
    rows.append(("everything kept", *([percent(whole[metric])] * len(budgets))))
    over = "conversations" if metric == "evidence_kept" else "questions"
    return Table(
        title, ("", *map(_share, budgets)), rows, f"Brackets: 95 % intervals over {over}.", strong=_strong(figures)
    )


def _at_once(figures: Figures) -> Table:
    budgets = _budgets(figures)
    rows = [(name, *(percent(of[b]["evidence_kept_at_once"]) for b in budgets)) for name, of in _ordered(figures)]
    return Table(
        "The same if all fades at once, at the end, %",
        ("", *map(_share, budgets)),
        rows,
        "What is swept after every session is judged beside the little that is there by then, and does not come back.",
        strong=_strong(figures),
    )


def by_budget(figures: Figures) -> Lines:
    """Return the plot of R@10 by budget: each way to keep to it, and everything kept at its end."""
    budgets, whole = [b for b in _budgets(figures) if b != "1"], figures["baselines"][EVERYTHING]["recall@10"]
    series = [
        Series(
            _label(figures, name),
            [*(of[b]["recall@10"] for b in budgets), whole],
            [*(_bound(figures, name, b, 0) for b in budgets), whole] if name in (*COMPACT, RANDOM) else (),
            [*(_bound(figures, name, b, 1) for b in budgets), whole] if name in (*COMPACT, RANDOM) else (),
        )
        for name, of in _ordered(figures)
        if name in _shown(figures)
    ]
    return Lines(
        "Evidence recall at 10 by budget",
        [*(_number(100 * float(b)) for b in budgets), 100],
        "turns kept, %",
        "R@10",
        series,
    )


def _curves(figures: Figures) -> Lines:
    found = figures["curves"]
    return Lines(
        "Retention of a memory with neutral signals that is never used",
        found["days"],
        "days since it was said",
        "retention",
        [Series(name, values) for name, values in found["retention"].items()],
    )


def _gains(figures: Figures) -> Table:
    budgets = _budgets(figures)
    rows = [
        (name, *(_points(of[b]["recall@10"]) for b in budgets)) for name, of in figures["gain_over"][RANDOM].items()
    ]
    return Table("R@10, points over a random choice, on the same questions", ("", *map(_share, budgets)), rows)


def _size(figures: Figures) -> Table:
    rows = [
        (
            f"{name}, {_share(b)}",
            f"{of[b]['memories']:,}",
            f"{of[b]['bytes'] / 1000:,.0f} kB",
            NO_FIGURE if of[b]["recall_p50_ms"] is None else f"{of[b]['recall_p50_ms']:.1f} ms",
        )
        for name, of in [(n, o) for n, o in _ordered(figures) if n in (*COMPACT, *REFERENCES)]
        for b in _budgets(figures)
    ]
    whole = figures["baselines"][EVERYTHING]
    took = NO_FIGURE if whole["recall_p50_ms"] is None else f"{whole['recall_p50_ms']:.1f} ms"
    rows.append(("everything kept", f"{whole['memories']:,}", f"{whole['bytes'] / 1000:,.0f} kB", took))
    return Table(
        "What is left, all conversations together",
        ("", "memories", "text and vectors", "recall, median"),
        rows,
        "Recall without the embedding of the question, which is looked up here; several at a time on the same cores.",
    )


def _made(figures: Figures) -> list[Block]:
    rows = [(name.replace("_", " "), str(figures[name])) for name in MADE if name in figures]
    rows += [(name, str(value)) for name, value in figures["machine"].items()]
    return [Command(figures["command"]), Table("Made with", ("", ""), rows)]


def _ordered(figures: Figures) -> list[tuple[str, Figures]]:
    budgets = _budgets(figures)
    return [(n, figures["metrics"][n]) for n in order(figures["metrics"], budgets[len(budgets) // 2])]


def _shown(figures: Figures) -> list[str]:
    """Return the names to plot: of those under which the same is left, a reference or else the first."""
    hidden = set()
    for group in figures["same_survivors"]:
        first = next((name for name in group if name in REFERENCES), group[0])
        hidden |= set(group) - {first}
    return [name for name in figures["metrics"] if name not in hidden]


def _label(figures: Figures, name: str) -> str:
    alike = next((len(group) - 1 for group in figures["same_survivors"] if name in group), 0)
    return f"{name} ({alike} alike)" if alike else name


def _strong(figures: Figures) -> frozenset[int]:
    return frozenset(n for n, (name, _) in enumerate(_ordered(figures)) if name in COMPACT)


def _budgets(figures: Figures) -> list[str]:
    return [f"{budget:g}" for budget in figures["budgets"]]


def _share(budget: str) -> str:
    return f"{100 * float(budget):g} %"


def _number(value: float) -> float:
    return int(value) if value == int(value) else round(value, 2)


def _bound(figures: Figures, name: str, budget: str, side: int) -> float | None:
    bounds: Sequence[float] | None = figures["ci"][name][budget].get("recall@10")
    return None if bounds is None else bounds[side]


def _points(gain: Sequence[float] | None) -> str:
    return NO_FIGURE if gain is None else f"{100 * gain[0]:+.1f} [{100 * gain[1]:+.1f}, {100 * gain[2]:+.1f}]"
