"""The page of GateMem, made from its figures alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentmem.evaluation.report import NO_FIGURE, Command, Lines, Prose, Section, Series, Table, Warned, percent
from agentmem_evaluators._gatemem_play import ANSWERED, NONE, NULL, OPEN, OURS, UNGUARDED, WHOLE

NAMES = {
    OURS: OURS,
    ANSWERED: "agentmem, its questions answered truthfully",
    UNGUARDED: "agentmem without its guard",
    OPEN: "agentmem without access control",
    NONE: "forgets nothing",
    "similarity": "deletes by similarity",
    "person": "forgets all the asking person said",
    "nuke": "forgets everything (degenerate)",
    NULL: "no memory (degenerate)",
    WHOLE: "the whole dialogue, nothing forgotten",
    "oracle": "oracle: all that is to be gone erased",
}
HEADS = {
    "utility": "utility",
    "utility_after": "utility once something was deleted",
    "utility_all": "all items",
    "deletion_leak": "deletion leak",
    "deletion_leak_words": "as words",
    "deletion_leak_values": "of what was deleted",
    "access_leak": "access leak",
    "access_leak_words": "as words",
}
PLAINLY = (
    "Scored is the recalled context: utility is the share of the items that an answer needs, a leak any string in it "
    "that an answer must not hold. An answerer that keeps silent about what it reads leaks less, so this is an upper "
    "bound of what leaks, and not comparable with the published scores of answers. A leak target can be a part of "
    "another word or number; 'as words' does not count those, and the oracle's row is what chance leaves. 'Of what was "
    "deleted' leaves fragments of a longer target out, and what later questions require. With its guard, agentmem "
    "shows nothing for a question that asks back what was deleted, as its agents do. Who asks is shown what the "
    "policies said in the dialogue leave to him or her in agentmem's first rows; in all others anybody is shown what "
    "bears on the question."
)


def headline(figures: Mapping[str, Any]) -> Table:
    """Return the table for the README."""
    heads = ("utility", "utility_after", "deletion_leak", "access_leak")
    shown = (OURS, OPEN, NONE, "similarity", "nuke", NULL, "oracle")
    return Table(
        "GateMem, %: is a shared memory useful, and silent about what was deleted?",
        ("", *(HEADS[head] for head in heads)),
        [
            (NAMES[name], *(percent(of.get(head)) for head in heads))
            for name, of in _systems(figures).items()
            if name in shown
        ],
        f"{figures['n_episodes']} episodes, {figures['n']['turns']:,} turns; of the {figures['k']} memories recalled "
        f"at each of {sum(n for what, n in figures['n'].items() if what != 'turns'):,} checkpoints, no model. Requests "
        "and policies are taken from the dialogue. Where a question asks back what was deleted, agentmem shows "
        f"nothing, as its agents do; the oracle only erases. Commit {figures['commit'][:12]}.",
        strong=frozenset({0}),
    )


def sections(figures: Mapping[str, Any]) -> list[Section]:
    """Return the page."""
    short: list[Prose | Warned] = [Prose(PLAINLY)]
    if figures["failures"]:
        short.append(Warned(f"{len(figures['failures'])} things broke: {figures['failures'][0]}"))
    parts = [Section("In short", [*short, _table("All episodes, %", figures)])]
    parts.append(Section("By domain", [_table(f"{name}, %", of) for name, of in figures["by_domain"].items()]))
    parts.append(Section("By size of the context", _plots(figures)))
    parts.append(Section("What was done", [_acted(figures)]))
    if "model" in figures:
        parts.append(Section("With a model", [_model(figures["model"])]))
    made = f"{figures['n_episodes']} episodes, {figures['k']} memories recalled, commit {figures['commit'][:12]}."
    parts.append(Section("How this was made", [Prose(made), Command(figures["command"])]))
    return parts


def _systems(figures: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    found = {OURS: figures["metrics"], **figures["baselines"]}
    return {name: found[name] for name in NAMES if name in found}


def _table(title: str, figures: Mapping[str, Any]) -> Table:
    rows = [(NAMES[name], *(percent(of.get(head)) for head in HEADS)) for name, of in _systems(figures).items()]
    shown = [f"{HEADS[name]} {percent(figures['metrics'][name], bounds)}" for name, bounds in figures["ci"].items()]
    note = f"95 % intervals over episodes, agentmem: {', '.join(shown)}." if shown else ""
    return Table(title, ("", *HEADS.values()), rows, note, strong=frozenset({0}))


def _plots(figures: Mapping[str, Any]) -> list[Lines]:
    ks = [int(k) for k in figures["by_k"]]
    shown = [name for name in NAMES if name in figures["by_k"][str(ks[0])] and name not in (NULL, WHOLE)]
    return [
        Lines(
            HEADS[metric],
            ks,
            "memories recalled",
            HEADS[metric],
            [Series(NAMES[name], [figures["by_k"][str(k)][name].get(metric) for k in ks]) for name in shown],
        )
        for metric in ("utility", "deletion_leak", "access_leak")
        if any(metric in figures["by_k"][str(k)][name] for k in ks for name in shown)
    ]


def _acted(figures: Mapping[str, Any]) -> Table:
    heads = ("requests", "gone", "redacted", "asked")
    rows = [(NAMES[name], *(f"{of[head]:,}" for head in heads)) for name, of in figures["acted"].items()]
    return Table(
        "Requests recognised, and memories", ("", "requests", "gone whole", "redacted", "to be asked about"), rows
    )


def _model(model: Mapping[str, Any]) -> Table:
    heads = ("utility", "access_leak", "deletion_leak", "mgs")
    kinds = ("utility", "privacy", "safety")
    rows = [
        (
            NAMES[name],
            *(percent(of.get(head)) for head in heads),
            *(percent(model["judge"].get(name, {}).get(kind)) for kind in kinds),
        )
        for name, of in model["rule"].items()
    ]
    return Table(
        f"{model['name']}: by the benchmark's rules, and right by its own judgement, %",
        ("", "utility", "access leak", "deletion leak", "MGS", "utility, judged", "access, judged", "deletion, judged"),
        rows or [("nothing was answered", *[NO_FIGURE] * 7)],
        "MGS = U (1 - A) (1 - F). The prompts are this project's: compare models here, not with published scores.",
    )
