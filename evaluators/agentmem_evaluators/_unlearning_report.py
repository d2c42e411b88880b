"""The page of the unlearning evaluator, made from its figures alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentmem.evaluation.report import (
    NO_FIGURE,
    Bars,
    Block,
    Command,
    Prose,
    Section,
    Series,
    Table,
    Warned,
    percent,
)
from agentmem_evaluators._unlearning_conditions import (
    CONDITIONS,
    FACTS,
    NONE,
    NUKE,
    NULL,
    OURS,
    REBUILD,
    SIMILAR,
    SUMMARIES,
    TURNS,
)
from agentmem_evaluators._unlearning_targets import TARGET_KINDS

Figures = Mapping[str, Any]

NAMES = {
    OURS: OURS,
    NONE: "nothing goes",
    TURNS: "turns alone",
    FACTS: "+ facts",
    SUMMARIES: "+ summaries",
    SIMILAR: "turns + similar",
    REBUILD: "rebuild",
    NUKE: "all goes",
    NULL: "no memory",
}
KINDS = {"entity": "name", "topic": "topic", "thread": "session", "time": "month", "speaker": "speaker"}
HEADS = {
    "leak_provenance@10": "lineage",
    "leak_answer": "answer",
    "excess_leak": "excess",
    "excess_leak_dropped": "excess*",
    "recall@10": "recall",
    "retain_ratio": "retained",
    "retain_ratio_near": "near",
    "retain_ratio_far": "far",
    "collateral": "collateral",
    "derived_collateral": "derived",
}
PLAINLY = (
    "Of each target the turns are known exactly; the question is what forgetting them leaves. A leak by lineage: "
    "one of the ten memories recalled for a question about the target comes from one of its turns. A leak by answer: "
    "one of them holds four fifths of the words of the answer; some do by chance, so it is held against the rebuild, a "
    "space that was never told the turns (excess). Recall is evidence found for what else is asked; retained is that "
    "over the rebuild's, of questions near the target and far from it. Collateral: the share of memories that have "
    "nothing of the target and went all the same. Who forgets everything leaks nothing: the last rows say so."
)
REBUILT = (
    "The rebuild was told the turns without the target, the facts that come from none of it, and the touched summaries "
    "in the words that agentmem leaves them, since nobody can have people write those again: an excess leak against it "
    "is what forgetting leaves behind anywhere else. 'excess*' is against a store that has no touched summary at all, "
    "and counts also what the rewritten ones still say, of the target or not (the date of a session, say). 'derived': "
    "of facts and summaries that went, the share of what they came from that was not meant."
)
MADE = ("embedder", "commit", "system", "data_digest", "targets", "questions")


def headline(figures: Figures) -> Table:
    """Return the one table for the README: leak by target and condition, and what is kept."""
    kinds, metrics = _kinds(figures), figures["metrics"]
    shown = [c for c in CONDITIONS if c != NULL]
    rows = [
        (
            NAMES[c],
            *(percent(metrics[kind][c].get("leak_provenance@10")) for kind in kinds),
            percent(_worst(figures, c, "excess_leak")),
            percent(_worst(figures, c, "retain_ratio")),
            percent(_worst(figures, c, "collateral")),
        )
        for c in shown
    ]
    n = figures["n"]
    return Table(
        "Unlearning, %: does a question about it still bring up what was forgotten?",
        ("", *(KINDS[kind] for kind in kinds), "excess", "retained", "collateral"),
        rows,
        f"{sum(n['targets'].values())} targets in {n['conversations']} conversations with {n['turns']:,} turns, "
        f"{n['facts']:,} facts and {n['summaries']} summaries, given exactly. By kind of target: share of questions "
        "about it for which one of ten memories recalled still comes from it. The others are the worst of all kinds: "
        "answers given away beyond a store that was never told; evidence recall of all else over that store's; "
        f"memories lost that had nothing to do with it. {_others(figures)} Commit {figures['commit'][:12]}.",
        strong=frozenset({0}),
    )


def sections(figures: Figures) -> list[Section]:
    """Return the page: in short, each kind of target, what else was looked for, and how."""
    short: list[Block] = []
    if figures["failures"]:
        short.append(Warned(f"{len(figures['failures'])} targets broke: {figures['failures'][0]}"))
    if figures["blind"]:
        short.append(Warned(f"The search for bytes proves nothing: {figures['blind'][0]}"))
    if not figures["n"]["facts"] and not figures["n"]["summaries"]:
        short.append(Warned("The file holds no observations and no summaries: only turns could leak."))
    short += [Prose(PLAINLY), headline(figures), _plot(figures)]
    return [
        Section("In short", short),
        Section("By target", [Prose(REBUILT), *(_table(figures, kind) for kind in _kinds(figures))]),
        Section("Is it gone, and can anybody tell?", [_gone(figures)]),
        Section("From the sentence alone", [_resolver(figures)]),
        Section("How this was made", _made(figures)),
    ]


def _kinds(figures: Figures) -> list[str]:
    return [kind for kind in TARGET_KINDS if kind in figures["metrics"]]


def _worst(figures: Figures, condition: str, metric: str) -> float | None:
    """Return the figure of the kind of target where it is worst: the least of what is kept, the most of the rest."""
    found = [figures["metrics"][kind][condition].get(metric) for kind in _kinds(figures)]
    known = [value for value in found if value is not None]
    if metric.startswith("retain"):
        return min(known, default=None)
    return max(known, key=abs, default=None)


def _others(figures: Figures) -> str:
    metrics = figures["metrics"]
    return (
        f"agentmem leaves {metrics['residue_bytes']:,} bytes in all files, "
        f"{percent(metrics['checkpoint_leak'])} % of an agent's saved states that say it, and an adversary with "
        f"{figures['adversary'][OURS]['queries']:,} questions an advantage of {metrics['adversary_advantage']:.3f} "
        f"(turns alone: {figures['adversary'][TURNS]['advantage']:.3f})."
    )


def _plot(figures: Figures) -> Bars:
    kinds = _kinds(figures)
    shown = (NONE, TURNS, FACTS, SUMMARIES, OURS, REBUILD)
    return Bars(
        "Answers given away, by what was to be forgotten (the rebuild shows what chance gives away)",
        [KINDS[kind] for kind in kinds],
        "leak, answer",
        [Series(NAMES[c], [figures["metrics"][kind][c].get("leak_answer") for kind in kinds]) for c in shown],
    )


def _table(figures: Figures, kind: str) -> Table:
    of, bounds = figures["metrics"][kind], figures["ci"].get(kind, {})
    heads = [head for head in HEADS if any(head in of[c] for c in CONDITIONS)]
    rows = [(NAMES[c], *(percent(of[c].get(head)) for head in heads)) for c in CONDITIONS]
    told = [f"{HEADS[h]} {percent(of[OURS].get(h), bounds[h])}" for h in heads if h in bounds]
    n = figures["n"]
    return Table(
        f"A {KINDS[kind]}, %",
        ("", *(HEADS[head] for head in heads)),
        rows,
        f"{n['targets'][kind]} targets, {n['forgotten_questions'][kind]} questions about them, "
        f"{n['retained_questions'][kind]} about what stays. 95 % intervals over targets, agentmem: "
        f"{', '.join(told) or NO_FIGURE}.",
        strong=frozenset({0}),
    )


def _gone(figures: Figures) -> Table:
    metrics, controls, game = figures["metrics"], figures["controls"], figures["adversary"]
    guard, again = figures["guard"], controls["resurrection"]
    return Table(
        "agentmem, all targets",
        ("", "found", "for comparison"),
        [
            (
                "bytes of it in all files",
                f"{metrics['residue_bytes']:,}",
                f"before forgetting {controls['residue']['before_forgetting']:,}",
            ),
            (
                "saved states of an agent that say it, %",
                percent(metrics["checkpoint_leak"]),
                f"before {percent(controls['checkpoints']['leak_before'])}, of {controls['checkpoints']['n']:,}",
            ),
            (
                f"advantage of an adversary, {game[OURS]['queries']:,} questions",
                f"{metrics['adversary_advantage']:.3f}",
                f"turns alone {game[TURNS]['advantage']:.3f}",
            ),
            (
                "replies that are the rebuild's, to a millionth, %",
                percent(controls["same_replies"]),
                f"of whole targets {percent(controls['same_in_all'])}",
            ),
            (
                "of facts told again, found again, %",
                percent(metrics["resurrection_rate"]),
                f"without the guard {percent(again['unguarded'])}, of {again['told_again']:,}",
            ),
            (
                "facts known again by the guard at 1 % false alarms, %",
                percent(metrics["guard_tpr_at_1fpr"]),
                f"{guard.get('back', 0):,} of {guard.get('sessions', 0)} sessions",
            ),
            ("words kept of summaries rewritten, %", percent(controls["summary_words_kept"]), "deleting them: 0.0"),
            (
                "seconds to plan, erase and verify, median",
                NO_FIGURE if metrics["seconds"] is None else f"{metrics['seconds']:.2f}",
                NO_FIGURE if metrics["seconds"] is None else f"longest {controls['seconds_longest']:.2f}",
            ),
        ],
        "The adversary knows all that is left and has the rebuild to compare with. The guard forgets one session of "
        "each conversation after the other; what comes back are the facts about it.",
    )


def _resolver(figures: Figures) -> Table:
    heads = ("precision", "recall", "precision_unasked", "recall_unasked")
    rows = [
        (
            KINDS[kind],
            f"{of['n']:.0f}",
            *(percent(of.get(head)) for head in heads),
            f"{of['asked']:.2f}" if "asked" in of else NO_FIGURE,
        )
        for kind, of in figures["metrics"]["resolver"].items()
    ]
    return Table(
        "Turns found by a request in words, %",
        ("", "requests", "precision", "recall", "precision, unasked", "recall, unasked", "asked, mean"),
        rows,
        "With what would be asked answered truthfully, and without asking. All targets of the file.",
    )


def _made(figures: Figures) -> list[Block]:
    rows = [(name, str(figures[name])) for name in MADE]
    rows += [(name, str(value)) for name, value in figures["machine"].items()]
    return [Command(figures["command"]), Table("Made with", ("", ""), rows)]
