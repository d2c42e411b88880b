"""Deletion under test (ForgetEval): after supersede, release and purge, is what must go gone, and what must stay there.

A case is a few facts, what becomes of them, and one question. For example, of the category compound_fact:

```
inscribe "Mara lives in Lund and keeps two cats."     release "where Mara lives"
ask "What do you know about Mara?"                    must hold "cats", must not hold "Lund"
```

Two scorings: of the question's five texts alone, and probed, where every forbidden string is asked for as well and may
not be in the five texts of any probe. A store is anything with the benchmark's adapter: reset, inscribe, recall_texts,
supersede, release and purge; what it does not support does not count. Beside agentmem stand a store that keeps
everything, deletion by similarity, a store that forgets everything, an empty store, and an oracle that cuts the
forbidden strings out. Bring the benchmark's cases as a JSON file (arXiv 2606.15903, MIT); `forgeteval_sample.json`
beside this file holds a few of this project's own, two a category.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentmem import config
from agentmem.encoding.embedders import open_embedder
from agentmem.errors import AgentmemError, InputError
from agentmem.evaluation import provenance
from agentmem.evaluation.cases import Ask, Gold, Remember, Reply, Score
from agentmem.evaluation.cases import Case as Script
from agentmem.evaluation.readers import Reader
from agentmem.evaluation.replay import Progress, Settings
from agentmem.evaluation.report import Bars, Command, Prose, Report, Section, Series, Table, Warned, percent
from agentmem.evaluation.statistics import RESAMPLES, SEED
from agentmem.formats import forgeteval as format_
from agentmem.protocols import Embedder
from agentmem.types import Draft
from agentmem_evaluators._forgeteval_stores import (
    Keeper,
    Nuke,
    Null,
    Oracle,
    SpaceStore,
    Store,
    TextStore,
    UnsupportedError,
)
from agentmem_evaluators._scored import Row, by_system, intervals
from agentmem_evaluators._slot_index import Once
from agentmem_evaluators.consolidation import BEGAN

TOP = 5
"""Texts that a query brings up, by the benchmark."""
OURS, LIKELIEST, ANSWERED = "agentmem", "likeliest", "asked"
NAMES = {
    OURS: OURS,
    LIKELIEST: "agentmem, the likeliest goes unasked",
    ANSWERED: "agentmem, its questions answered truthfully",
    "similarity": "deletes by similarity",
    "none": "keeps everything",
    "nuke": "forgets everything (degenerate)",
    "null": "an empty store (degenerate)",
    "oracle": "oracle: the forbidden cut out",
}
PLAINLY = (
    "A case is passed where the five texts of its question hold all that they must and nothing that they must not; "
    "probed, no forbidden string may come up when it is asked for itself either. No model is used. Where a category is "
    "passed by an empty store or one that forgets everything, passing it says nothing."
)


@dataclass(frozen=True, slots=True)
class ForgetEval:
    """The evaluator as scripts, in which nothing is forgotten: one case a space. `run` carries the mutations out."""

    cases_: Sequence[format_.Case]
    name: str = "forgeteval"

    def cases(self) -> Iterator[Script]:
        """Yield the facts of each case, and its question."""
        for case in self.cases_:
            facts = tuple(Draft(fact, origin=f"{case.id}:{n}") for n, fact in enumerate(case.facts))
            gold = Gold(case.id, "; ".join(case.wanted), labels={"category": case.category})
            yield Script(case.id, BEGAN, (Remember(facts), Ask(case.query, gold)))

    def score(self, ask: Ask, reply: Reply) -> Score:
        """Return whether an answer holds what it must, and nothing that it must not."""
        found = [case for case in self.cases_ if case.id == ask.gold.id]
        return Score({"single": float(passed(found[0], reply.answer))}) if found else Score.unscored("no such case")


def make(config: Mapping[str, Any]) -> ForgetEval:
    """Make the evaluator of a file: {"data": path}."""
    if "data" not in config:
        raise InputError('the evaluator forgeteval needs its data: {"data": "cases.json"}')
    return ForgetEval(format_.load(Path(config["data"])))


def run(
    data: Path,
    *,
    reader: Reader | None = None,
    weights: Path | None = None,
    cross_validate: bool = False,
    embedder: str | Embedder = config.EMBEDDER,
    progress: Progress | None = None,
    stores: Sequence[Store] = (),
) -> Report:
    """Measure agentmem and its baselines, and `stores` of yours, on a file of cases.

    Raises NotFoundError or ImportRefusedError for data that is none, InputError for settings that make no sense.
    """
    if cross_validate:
        raise InputError("forgeteval trains nothing; leave --cross-validate out")
    if reader is not None:
        raise InputError("forgeteval scores what is recalled, without a model; leave --model out")
    opened = Once(open_embedder(embedder) if isinstance(embedder, str) else embedder)
    commit = provenance.commit()
    cases = format_.load(data)
    settings = Settings(opened, weights)
    with (
        SpaceStore(settings) as ours,
        SpaceStore(settings, LIKELIEST, "likeliest") as likeliest,
        SpaceStore(settings, ANSWERED, "truth") as answered,
    ):
        references = [kind(opened, name) for name, kind in _REFERENCES.items()]
        rows, failures = _tried(cases, [ours, likeliest, answered, *references, *stores], progress)
    mine = [row for row in rows if row.system == OURS]
    found = by_system(rows)
    figures: dict[str, Any] = {
        "benchmark": "forgeteval",
        "commit": commit,
        "embedder": opened.name,
        "n_cases": len(cases),
        "metrics": found.get(OURS, {}),
        "ci": intervals(mine),
        "baselines": {name: of for name, of in found.items() if name != OURS},
        "by_category": {
            c: by_system([r for r in rows if r.domain == c]) for c in dict.fromkeys(c.category for c in cases)
        },
        "n": {c: sum(case.category == c for case in cases) for c in dict.fromkeys(c.category for c in cases)},
        "counted": {name: sum(row.system == name for row in rows) for name in found},
        "failures": failures,
        "seed": SEED,
        "resamples": RESAMPLES,
        "data_digest": provenance.digest(data),
        "machine": provenance.machine(),
        "command": shlex.join(["agentmem", "eval", "forgeteval", "--data", str(data)]),
    }
    details = [{**row._asdict(), "values": dict(row.values)} for row in rows]
    return Report(
        "Deletion under test: what must go is gone, what must stay is there", figures, sections(figures), details
    )


_REFERENCES: dict[str, type[TextStore]] = {
    "similarity": TextStore,
    "none": Keeper,
    "nuke": Nuke,
    "null": Null,
    "oracle": Oracle,
}


def _tried(
    cases: Sequence[format_.Case], stores: Sequence[Store], progress: Progress | None
) -> tuple[list[Row], list[str]]:
    rows, failures = [], []
    for number, case in enumerate(cases, start=1):
        for store in stores:
            try:
                values = tried(case, store)
            except UnsupportedError:
                continue
            except AgentmemError as error:
                failures.append(f"{case.id}, {store.name}: {type(error).__name__}: {error}")
                continue
            rows.append(Row(case.id, case.category, case.id, store.name, values))
        if progress:
            progress(case.category, number, len(cases))
    return rows, failures


def tried(case: format_.Case, store: Store) -> dict[str, float]:
    """Play one case on a store; return whether it was passed, `single` and `probed`. Raises UnsupportedError."""
    store.reset(case.unwanted)
    for fact in case.facts:
        store.inscribe(fact)
    for mutation in case.mutations:
        match mutation.operation:
            case "supersede":
                store.supersede(mutation.description, mutation.new)
            case "release":
                store.release(mutation.description)
            case "purge":
                store.purge(mutation.description)
    answer = "\n".join(store.recall_texts(case.query, TOP))
    single = passed(case, answer)
    probes = "\n".join(text for string in case.unwanted for text in store.recall_texts(string, TOP))
    return {"single": float(single), "probed": float(single and not _any(case.unwanted, probes))}


def passed(case: format_.Case, text: str) -> bool:
    """Say whether a text holds everything that it must, and nothing that it must not; case is ignored."""
    folded = text.casefold()
    return all(wanted.casefold() in folded for wanted in case.wanted) and not _any(case.unwanted, text)


def _any(strings: Sequence[str], text: str) -> bool:
    folded = text.casefold()
    return any(string.casefold() in folded for string in strings)


# -- the page ----------------------------------------------------------------------------------------------------------


def sections(figures: Mapping[str, Any]) -> list[Section]:
    """Return the page, made from the figures alone."""
    short: list[Prose | Warned] = [Prose(PLAINLY)]
    if figures["failures"]:
        short.append(Warned(f"{len(figures['failures'])} things broke: {figures['failures'][0]}"))
    found = {OURS: figures["metrics"], **figures["baselines"]}
    names = [*(name for name in NAMES if name in found), *(name for name in found if name not in NAMES)]
    rows = [
        (
            NAMES.get(n, n),
            percent(found[n].get("single")),
            percent(found[n].get("probed")),
            str(figures["counted"].get(n, 0)),
        )
        for n in names
    ]
    spread = ", ".join(f"{name} {percent(figures['metrics'][name], of)}" for name, of in figures["ci"].items())
    whole = Table(
        "Cases passed, %",
        ("", "single", "probed", "cases"),
        rows,
        f"95 % intervals over cases, agentmem: {spread}." if spread else "",
        strong=frozenset({0}),
    )
    categories = list(figures["by_category"])
    each = Table(
        "By category, probed, %",
        ("", *(NAMES.get(n, n) for n in names), "cases"),
        [
            (c, *(percent(figures["by_category"][c].get(n, {}).get("probed")) for n in names), str(figures["n"][c]))
            for c in categories
        ],
    )
    drawn = Bars(
        "Cases passed, probed",
        categories,
        "share",
        [
            Series(NAMES.get(n, n), [figures["by_category"][c].get(n, {}).get("probed") for c in categories])
            for n in names
            if n in (OURS, LIKELIEST, ANSWERED, "similarity", "nuke")
        ],
    )
    return [
        Section("In short", [*short, whole]),
        Section("By category", [each, drawn]),
        Section("How this was made", [Prose(f"Commit {figures['commit'][:12]}."), Command(figures["command"])]),
    ]
