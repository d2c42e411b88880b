"""The sections of an ablation report, made from its figures alone: the JSON of a run gives the same page again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentmem.evaluation.report import NO_FIGURE, Bars, Command, Prose, Section, Series, Table, percent

METRICS = ("utility", "deletion_leak", "access_leak")
Figures = Mapping[str, Any]
DRAWN = 6
"""Signals in the plot, those that most is lost without."""
HOW = (
    "R@10 is evidence recall over the first ten turns that what is recalled comes from, each counted once. Tokens are "
    "those of as many memories as come from as much evidence as ten turns hold, over those that turns take. Brackets: "
    "95 % intervals, paired by question. What earns its place has surely more evidence with it than without, or surely "
    "a twentieth fewer tokens. Without a signal, weights are trained anew; without a deriver, its memories are taken "
    "out of the ranking. Weights never saw the conversation that they are measured on."
)
MADE = ("embedder", "commit", "system", "data_digest", "seed", "resamples")


def sections(figures: Figures) -> list[Section]:
    """Return the page: what earns its place, structures, derivers, signals with the plot, and how it was made."""
    rows = [(name.replace("_", " "), str(figures[name])) for name in MADE]
    rows += [(name, str(value)) for name, value in figures["machine"].items()]
    return [
        Section("In short", [Prose(verdict(figures)), headline(figures)]),
        Section("Structures", [by_structure_and_signal(figures), _structures(figures), _curves(figures)]),
        Section("Derivers", [_derivers(figures)]),
        Section("Signals of recall", [_signals(figures)]),
        *([Section("GateMem", [_governed(figures["gatemem"])])] if "gatemem" in figures else []),
        Section("How this was made", [Prose(HOW), Command(figures["command"]), Table("Made with", ("", ""), rows)]),
    ]


def verdict(figures: Figures) -> str:
    """Say in words what earns its place."""
    derivers = [name for name, of in figures["derivers"].items() if of["earns"]]
    signals = [name for name, of in _of_signals(figures) if of["earns"]]
    follows = "So nothing derives in a space unless it is told to. " if not derivers else ""
    return (
        f"Derivers that earn their place: {', '.join(derivers) or 'none'}. {follows}Signals that do: "
        f"{', '.join(signals) or 'none'}."
    )


def headline(figures: Figures) -> Table:
    """Return the one table for a README: everything that can be left out, and what that does."""
    rows = [
        (
            f"{name}, every deriver on" if name == "mixed" else f"{name} alone",
            percent(of["recall@10"]),
            NO_FIGURE if name == "turns" else points(of["gain"]),
            _ratio(of["token_ratio"]),
            percent(of["covered@10"]),
            f"{_settling(figures):.2f}" if name == "mixed" else NO_FIGURE,
        )
        for name, of in figures["structures"].items()
    ]
    rows += [
        (
            f"mixed, of the derivers {name}",
            percent(of["recall@10"]),
            points(of["added"]),
            _ratio(of["token_ratio"]),
            NO_FIGURE,
            f"{of['settle_seconds_per_1000_turns']:.2f}",
        )
        for name, of in figures["derivers"].items()
    ]
    rows += [
        (
            f"turns, without the signal {name}",
            percent(of["recall@10"]),
            points([-of["lost"][0], -of["lost"][2], -of["lost"][1]]),
            NO_FIGURE,
            NO_FIGURE,
            NO_FIGURE,
        )
        for name, of in _of_signals(figures)
    ]
    note = (
        f"{figures['n_questions']} questions of {figures['n_conversations']} conversations. {HOW} Signals are held "
        "against all of them, after one search: R@10 "
        f"{percent(figures['signals']['all']['recall@10'])}. {verdict(figures)} Commit {figures['commit'][:12]}."
    )
    columns = ("", "R@10, %", "points more", "tokens at equal recall", "words of the answers in ten, %", "settling 1,000 turns, s")  # fmt: skip # noqa: E501
    return Table("Ablation: which derivers and signals earn their place", columns, rows, note, strong=frozenset({0}))


def by_structure_and_signal(figures: Figures) -> Bars:
    """Return the plot of R@10 of each structure, and of turns without each of the signals that most is lost without."""
    drawn = list(figures["structures"].items())
    drawn += [(f"no\n{name}".replace("_", "\n"), of) for name, of in _of_signals(figures)[:DRAWN]]
    values = [of["recall@10"] for _, of in drawn]
    low, high = ([of["recall@10_ci"][n] for _, of in drawn] for n in (0, 1))
    title = "Evidence recall at 10 of each structure, and of turns without a signal"
    return Bars(title, [name.replace("summaries", "sum-\nmaries") for name, _ in drawn], "R@10",
                [Series("R@10", values, low, high)])  # fmt: skip


def points(gain: Sequence[float]) -> str:
    """Return a gain and its interval in points."""
    mean, low, high = (100 * value for value in gain)
    return f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"


def _structures(figures: Figures) -> Table:
    rows = [
        (
            name,
            percent(of["recall@10"], of["recall@10_ci"]),
            points(of["gain"]),
            f"{of['tokens@10']:.0f}",
            _ratio(of["token_ratio"]),
            percent(of["covered@10"]),
            NO_FIGURE if of["covered_gain"] is None else points(of["covered_gain"]),
            *(_number(of[what]) for what in ("tokens_at_recall_of_turns", "tokens_at_answers_of_turns")),
        )
        for name, of in figures["structures"].items()
    ]
    columns = ("", "R@10, %", "points over turns", "tokens of ten memories", "tokens at equal recall, over turns",
               "words of the answers in ten memories, %", "points over turns", "tokens at equal recall",
               "tokens at as many words of the answers")  # fmt: skip
    return Table("Which memories answer", columns, rows, "Answers that are dates are left out of the words.")


def _curves(figures: Figures) -> Table:
    rows = [
        (name, str(point["k"]), percent(point["recall"]), f"{point['tokens']:.0f}", percent(point["covered"]))
        for name, points_ in figures["curves"].items()
        for point in points_
    ]
    return Table("By memories recalled", ("", "memories", "evidence, %", "tokens", "words of the answers, %"), rows)


def _derivers(figures: Figures) -> Table:
    rows = [
        (
            name,
            percent(of["recall@10"]),
            points(of["added"]),
            points(of["lost_when_off"]),
            _ratio(of["token_ratio"]),
            f"{of['memories_per_1000_turns']:.1f}",
            f"{of['settle_seconds_per_1000_turns']:.2f}",
            "yes" if of["earns"] else "no",
        )
        for name, of in figures["derivers"].items()
    ]
    columns = ("", "R@10, %", "added to turns", "lost when it alone is off", "tokens at equal recall, over turns",
               "memories of 1,000 turns", "settling 1,000 turns, s", "earns its place")  # fmt: skip
    return Table("Each deriver, in points of R@10", columns, rows, "Seconds are of one core.")


def _signals(figures: Figures) -> Table:
    rows = [
        (name, percent(of["recall@10"]), points(of["lost"]), "yes" if of["earns"] else "no")
        for name, of in _of_signals(figures)
    ]
    whole = percent(figures["signals"]["all"]["recall@10"])
    columns = ("", "R@10 without it, %", "lost, points", "earns its place")
    return Table("Each signal", columns, rows, f"With all signals, after one search: {whole}.")


def _governed(figures: Figures) -> Table:
    rows = [
        (
            way,
            *(percent(of[m]["mean"]) if m in of else NO_FIGURE for m in METRICS),
            *(points(of[m]["gain"]) if m in of else NO_FIGURE for m in METRICS),
        )
        for way, of in figures["ways"].items()
    ]
    names = [metric.replace("_", " ") for metric in METRICS]
    columns = ("", *(f"{name}, %" for name in names), *(f"{name}, points over turns" for name in names))
    note = (
        f"{figures['n_checkpoints']} checkpoints of {figures['n_episodes']} episodes: what ten memories hold. Access "
        "is not controlled. Derivers stand alone beside the turns; a signal is missing from turns."
    )
    return Table("What is left out, at the checkpoints of GateMem", columns, rows, note)


def _of_signals(figures: Figures) -> list[tuple[str, Mapping[str, Any]]]:
    signals = [(name, of) for name, of in figures["signals"].items() if name != "all"]
    return sorted(signals, key=lambda one: -one[1]["lost"][0])


def _settling(figures: Figures) -> float:
    return sum(float(of["settle_seconds_per_1000_turns"]) for of in figures["derivers"].values())


def _ratio(value: Sequence[float | None] | None) -> str:
    """Return a ratio with its interval; a bound that no context reaches is endless, and null in JSON."""
    if value is None or value[0] is None:
        return NO_FIGURE
    low, high = ("inf" if bound is None else f"{bound:.2f}" for bound in value[1:])
    return f"{value[0]:.2f} [{low}, {high}]"


def _number(value: float | None) -> str:
    return NO_FIGURE if value is None else f"{value:.0f}"
