"""Changes of mind (Memora): what is recalled of what a person added, and no more of what was taken back or replaced.

Weeks of short sessions add, update and delete facts, preferences and parts of documents. For example:

```
session 7    I really love trail running.                      add
session 50   I used to love trail running, no longer.          delete: "trail running" is forgotten
the end      "Suggest me a place to visit."                    trail running recalled? forgetting_absence fails
```

The forgetting is driven by the sessions' operations: agentmem forgets what it is sure of (what names the value to the
letter), and in the row "asked" also what somebody says yes to of what it would ask. Scored are the recalled memories:
whether they say the values that the benchmark's questions of yes or no ask for, by their words, with no model. Those
whose value no evidence names (sums, comparisons) are left out. Apache 2.0, https://github.com/geniesinc/Memora.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentmem import config
from agentmem.encoding.embedders import open_embedder
from agentmem.errors import AgentmemError, InputError
from agentmem.evaluation import provenance
from agentmem.evaluation.cases import Ask, Case, Forget, Gold, Remember, Reply, Score
from agentmem.evaluation.readers import Reader
from agentmem.evaluation.replay import Progress, Settings
from agentmem.evaluation.report import Command, Lines, Prose, Report, Section, Series, Table, Warned, percent
from agentmem.evaluation.statistics import RESAMPLES, SEED
from agentmem.formats import memora as format_
from agentmem.protocols import Embedder
from agentmem_evaluators._forgetting import Forgotten
from agentmem_evaluators._memora_play import (
    ANSWERED,
    NONE,
    NULL,
    ORACLE,
    OURS,
    WAYS,
    WHOLE,
    Recalled,
    drafts,
    play,
    recognised,
    says,
    values,
)
from agentmem_evaluators._scored import Row, by_system, intervals
from agentmem_evaluators._slot_index import Once

KS = (5, 10, 20, 50)
HEADLINE = 10
METRICS = {"memory_presence": "memory presence", "forgetting_absence": "forgetting absence", "fama": "FAMA"}
NAMES = {
    OURS: OURS,
    ANSWERED: "agentmem, its questions answered truthfully",
    NONE: "forgets nothing",
    "similarity": "deletes by similarity",
    "nuke": "forgets everything (degenerate)",
    NULL: "no memory (degenerate)",
    WHOLE: "all sessions, nothing forgotten",
    ORACLE: "oracle: all that says it erased",
}
PLAINLY = (
    "Scored is what is recalled, not an answer: a value counts as said where one recalled memory holds its words. So "
    "the figures do not compare with published ones, which judge answers with a model; an answerer can still leave out "
    "what was taken back. A memory without anything passes every check of absence: read it beside presence, or FAMA, "
    "which takes both."
)


@dataclass(frozen=True, slots=True)
class Memora:
    """The evaluator as scripts: one case a persona, in which what says a value that is taken back is erased."""

    personas: Sequence[format_.Persona]
    name: str = "memora"

    def cases(self) -> Iterator[Case]:
        """Yield one case a persona, in the order of the folders."""
        for persona in self.personas:
            steps: list[Remember | Forget | Ask] = []
            told: list[tuple[str, str]] = []
            for session in persona.sessions:
                turns = drafts(session)
                told += [(str(draft.origin), draft.text) for draft in turns]
                steps.append(Remember(tuple(turns)))
                gone = [origin for origin, text in told if any(says(text, value) for value in session.gone)]
                if gone:
                    steps.append(Forget(tuple(gone)))
                    told = [turn for turn in told if turn[0] not in set(gone)]
            steps += [
                Ask(q.text, Gold(q.id, labels={"task": q.task, "persona": persona.name})) for q in persona.questions
            ]
            yield Case(persona.name, persona.sessions[-1].began, tuple(steps))

    def score(self, ask: Ask, reply: Reply) -> Score:
        """Return the shares of checks that an answer passes by its words."""
        for persona in self.personas:
            for q in persona.questions:
                if (q.id, persona.name) == (ask.gold.id, ask.gold.labels.get("persona")):
                    checks = {c: says(reply.answer, c.value) == c.wanted for c in q.checks if c.value}
                    of = {kind: [ok for c, ok in checks.items() if c.wanted == kind] for kind in (True, False)}
                    names = {True: "memory_presence", False: "forgetting_absence"}
                    return Score({names[kind]: sum(oks) / len(oks) for kind, oks in of.items() if oks})
        return Score.unscored("no such question")


def make(config: Mapping[str, Any]) -> Memora:
    """Make the evaluator of a folder: {"data": path}."""
    if "data" not in config:
        raise InputError('the evaluator memora needs its data: {"data": "memora/weekly"}')
    return Memora(format_.load(Path(config["data"])))


def run(
    data: Path,
    *,
    ks: Sequence[int] = KS,
    reader: Reader | None = None,
    weights: Path | None = None,
    cross_validate: bool = False,
    embedder: str | Embedder = config.EMBEDDER,
    progress: Progress | None = None,
) -> Report:
    """Measure agentmem and its baselines on the personas of a folder.

    Raises NotFoundError or ImportRefusedError for data that is none, InputError for settings that make no sense.
    """
    if cross_validate:
        raise InputError("memora trains nothing; leave --cross-validate out")
    if reader is not None:
        raise InputError("memora scores what is recalled, without a model; leave --model out")
    if not ks or min(ks) < 1:
        raise InputError(f"k must be one or more numbers from 1 on, such as 5,10, not {list(ks)}")
    ks = tuple(sorted(set(ks)))
    k = HEADLINE if HEADLINE in ks else ks[-1]
    opened = Once(open_embedder(embedder) if isinstance(embedder, str) else embedder)
    commit = provenance.commit()
    personas = format_.load(data)
    recalled, acted, failures = _played(personas, Settings(opened, weights), ks[-1], progress)
    rows = {at: _rows(recalled, at) for at in ks}
    asked = [recognised(persona) for persona in personas]
    figures: dict[str, Any] = {
        "benchmark": "memora",
        "commit": commit,
        "embedder": opened.name,
        "k": k,
        "n": _counts(personas),
        **_figures(rows[k]),
        "by_task": {
            t: _figures([r for r in rows[k] if r.domain == t]) for t in dict.fromkeys(r.domain for r in rows[k])
        },
        "by_k": {str(at): by_system(of) for at, of in rows.items()},
        "acted": acted,
        "recognised": {"sessions": sum(of for _, of in asked), "as_requests": sum(found for found, _ in asked)},
        "failures": failures,
        "seed": SEED,
        "resamples": RESAMPLES,
        "data_digest": _digest(data),
        "machine": provenance.machine(),
        "command": shlex.join(["agentmem", "eval", "memora", "--data", str(data), "--k", ",".join(map(str, ks))]),
    }
    details = [{**row._asdict(), "k": k, "values": dict(row.values)} for row in rows[k]]
    return Report(
        "Changes of mind: what was added is recalled, what was taken back is not", figures, sections(figures), details
    )


def _played(
    personas: Sequence[format_.Persona], settings: Settings, k: int, progress: Progress | None
) -> tuple[list[Recalled], dict[str, dict[str, int]], list[str]]:
    recalled: list[Recalled] = []
    acted: dict[str, list[int]] = {}
    failures = []
    for persona in personas:
        for number, way in enumerate(WAYS, start=1):
            try:
                played = play(persona, way, settings, k)
            except AgentmemError as error:
                failures.append(f"{persona.name}, {way}: {type(error).__name__}: {error}")
                continue
            recalled += played.recalled
            before = acted.get(way, [0, 0, 0, 0])
            acted[way] = [a + b for a, b in zip(before, (played.operations, *played.forgotten), strict=True)]
            if progress:
                progress(persona.name, number, len(WAYS))
    names = ("operations", *Forgotten._fields)
    return recalled, {way: dict(zip(names, of, strict=True)) for way, of in acted.items()}, failures


def _rows(recalled: Sequence[Recalled], k: int) -> list[Row]:
    return [
        Row(f"{r.persona}:{r.question.id}", r.question.task, r.question.id, r.system, values(r, k)) for r in recalled
    ]


def _figures(rows: Sequence[Row]) -> dict[str, Any]:
    found = by_system(rows)
    return {
        "metrics": found.get(OURS, {}),
        "ci": intervals([row for row in rows if row.system == OURS]),
        "baselines": {system: of for system, of in found.items() if system != OURS},
    }


def _counts(personas: Sequence[format_.Persona]) -> dict[str, int]:
    checks = [c for p in personas for q in p.questions for c in q.checks]
    return {
        "personas": len(personas),
        "sessions": sum(len(p.sessions) for p in personas),
        "turns": sum(len(s.turns) for p in personas for s in p.sessions),
        "questions": sum(len(p.questions) for p in personas),
        "presence_checks": sum(c.wanted and bool(c.value) for c in checks),
        "absence_checks": sum(not c.wanted and bool(c.value) for c in checks),
        "unscored_checks": sum(not c.value for c in checks),
    }


def _digest(data: Path) -> str:
    read = [file for asked, told in format_.files(data) for file in (asked, *told)]
    return hashlib.sha256("".join(map(provenance.digest, read)).encode()).hexdigest()


# -- the page ----------------------------------------------------------------------------------------------------------


def headline(figures: Mapping[str, Any]) -> Table:
    """Return the table for the README."""
    n = figures["n"]
    return _table(
        "Memora, %: is what was added recalled, and what was taken back not?",
        figures,
        f"{n['personas']} personas, {n['sessions']:,} sessions, {n['questions']} questions with {n['presence_checks']} "
        f"checks of presence and {n['absence_checks']} of absence, on the {figures['k']} memories recalled, no model. "
        f"Commit {figures['commit'][:12]}.",
    )


def sections(figures: Mapping[str, Any]) -> list[Section]:
    """Return the page, made from the figures alone."""
    short: list[Prose | Warned] = [Prose(PLAINLY)]
    if figures["failures"]:
        short.append(Warned(f"{len(figures['failures'])} things broke: {figures['failures'][0]}"))
    spread = [f"{METRICS[name]} {percent(figures['metrics'][name], bounds)}" for name, bounds in figures["ci"].items()]
    known = figures["recognised"]
    plots = _plots(figures)
    made = (
        f"{figures['n']['unscored_checks']} checks name no value and are not scored. Commit {figures['commit'][:12]}."
    )
    return [
        Section(
            "In short", [*short, _table("All questions, %", figures, f"95 % intervals, agentmem: {', '.join(spread)}.")]
        ),
        Section("By task", [_table(f"{task}, %", of, "") for task, of in figures["by_task"].items()]),
        Section("By size of the context", plots),
        Section(
            "What was done",
            [
                _acted(figures),
                Prose(
                    f"{known['sessions']} sessions take something back; in {known['as_requests']} of them the person's "
                    "words would also have been taken for a request to forget."
                ),
            ],
        ),
        Section("How this was made", [Prose(made), Command(figures["command"])]),
    ]


def _table(title: str, figures: Mapping[str, Any], note: str) -> Table:
    found = {OURS: figures["metrics"], **figures["baselines"]}
    rows = [(NAMES[name], *(percent(found[name].get(m)) for m in METRICS)) for name in NAMES if name in found]
    return Table(title, ("", *METRICS.values()), rows, note, strong=frozenset({0}))


def _plots(figures: Mapping[str, Any]) -> list[Lines]:
    ks = [int(k) for k in figures["by_k"]]
    shown = [name for name in NAMES if name in figures["by_k"][str(ks[0])] and name not in (NULL, WHOLE)]
    return [
        Lines(
            title,
            ks,
            "memories recalled",
            title,
            [Series(NAMES[name], [figures["by_k"][str(k)][name].get(metric) for k in ks]) for name in shown],
        )
        for metric, title in METRICS.items()
        if shown
    ]


def _acted(figures: Mapping[str, Any]) -> Table:
    heads = ("operations", *Forgotten._fields)
    rows = [(NAMES[name], *(f"{of[head]:,}" for head in heads)) for name, of in figures["acted"].items()]
    return Table("Values taken back, and memories", ("", "values", "gone whole", "redacted", "to be asked about"), rows)
