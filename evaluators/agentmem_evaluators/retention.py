"""Retention (LoCoMo's form): what is left of the evidence, and of recall, when a policy keeps memory to a budget.

A case is one conversation under one policy and one budget: each session is remembered at its date, then the policy,
which never sees a question, lets go whatever exceeds the budget, for good; a day after the last session every question
is asked. For example, at a budget of 25 %, of the 4 turns of a first session one may stay:

```
Ana: Hi Ben, how are you?             goes          "What pet did Ana adopt?"    evidence D1:3: kept
Ben: Fine! What is new?               goes          "What is Ben learning?"      evidence D1:4: lost, and with it the
Ana: I adopted a cat last Friday.     stays                                      answer, however good recall is
Ben: And I am learning the cello.     goes
```

Beside the policies stand a random choice, the newest turns, and an oracle that knows how often each turn is asked for.
JSON lines with a field `important` in place of a conversation are measured by LUFY's protocol, in
`_retention_annotated.py`. A policy of yours is one file in a folder `agentmem_stores/retention` on the path.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import agentmem
from agentmem import config
from agentmem.errors import InputError
from agentmem.evaluation import provenance
from agentmem.evaluation.cases import Ask, Case, Forget, Remember, Reply, Score
from agentmem.evaluation.readers import ExtractiveReader, Reader
from agentmem.evaluation.replay import Progress, Settings
from agentmem.evaluation.report import Report
from agentmem.evaluation.statistics import RESAMPLES, SEED
from agentmem.formats import locomo as format_
from agentmem.protocols import Embedder, RetentionPolicy
from agentmem_evaluators import _locomo_reading as reading
from agentmem_evaluators import _retention_annotated as annotated
from agentmem_evaluators._locomo_weights import folds
from agentmem_evaluators._locomo_weights import trained_on as recall_trained_on
from agentmem_evaluators._retention_asking import Task, asked, asks_of, known, once, task
from agentmem_evaluators._retention_fading import Ranking, Told, survivors, survivors_at_once, sweeps, told
from agentmem_evaluators._retention_figures import EVERYTHING, Key, Left, curves, of_all
from agentmem_evaluators._retention_policies import (
    ALL,
    REFERENCES,
    chosen,
    needed,
    rankings,
    saliences,
    trained_on,
)
from agentmem_evaluators._retention_report import annotated_sections, sections
from agentmem_evaluators._slot_index import Once
from agentmem_evaluators.locomo import Locomo, case_of

KS = (10,)
BUDGETS = (0.05, 0.1, 0.25, 0.5)
ANNOTATED = ".jsonl"


@dataclass(frozen=True, slots=True)
class Retention:
    """The evaluator as scripts that really erase: one case a conversation, policy and budget. Slow, but obvious.

    `run` measures the same on spaces that hold the survivors alone.
    """

    samples: Sequence[format_.Sample]
    policies: Mapping[str, RetentionPolicy]
    embedder: Embedder
    budgets: Sequence[float] = BUDGETS
    ks: Sequence[int] = KS
    name: str = "retention"

    def cases(self) -> Iterator[Case]:
        """Yield the conversations with, after each session, what each policy lets go at each budget."""
        found = saliences(self.samples, self.embedder, None, cross_validate=False)
        for sample in self.samples:
            of = told(sample.drafts, self.embedder)
            for name, ranks in rankings(self.policies, found[sample.id], needed(sample), SEED).items():
                for budget in self.budgets:
                    yield _erasing(sample, of, ranks[0], budget, f"{sample.id}/{name}/{budget:g}")

    def score(self, ask: Ask, reply: Reply) -> Score:
        """Return f1, em and recall@k, as for `locomo`."""
        return Locomo((), self.ks).score(ask, reply)


def make(config: Mapping[str, Any]) -> Retention:
    """Make the evaluator of a file: {"data": path, "policies": ["salience"], "budgets": [0.1], "embedder": "hash"}."""
    if "data" not in config:
        raise InputError('the evaluator retention needs its data: {"data": "locomo10.json"}')
    embedder = once(config.get("embedder", "default"))
    samples = format_.load(Path(config["data"]))
    return Retention(samples, chosen(config.get("policies")), embedder, _budgets(config.get("budgets")))


def _erasing(sample: format_.Sample, of: Told, ranking: Ranking, budget: float, name: str) -> Case:
    """Return the script of a conversation with a Forget after each session, then the questions that have an answer."""
    script, steps, gone = case_of(sample), [], sweeps(of, ranking, budget)
    for step in script.steps:
        if isinstance(step, Ask):
            continue
        steps.append(step)
        if isinstance(step, Remember):
            doomed = tuple(str(sample.drafts[row].origin) for row in next(gone))
            steps += [Forget(doomed)] if doomed else []
    return Case(name, script.began, (*steps, *asks_of(sample)))


def run(  # noqa: PLR0913 - one keyword for each option of the command
    data: Path,
    *,
    policies: Sequence[str] | None = None,
    budgets: Sequence[float] | None = None,
    ks: Sequence[int] = KS,
    reader: Reader | None = None,
    weights: Path | None = None,
    cross_validate: bool = False,
    embedder: str | Embedder = config.EMBEDDER,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Measure policies (default: all that there are) and references at budgets (shares of the turns).

    A conversation that the salience which ships was trained on gets one trained on the others of the file. Recall and
    reader ship, unless `cross_validate` holds: then they, and salience, are trained on the others for every
    conversation. `workers` processes ask the questions (None: as many as are worth it). A file of annotated turns
    (.jsonl) is measured by LUFY's protocol, which asks nothing.

    Raises ImportRefusedError for a file of another form, PluginNotFoundError, InputError for settings that make no
    sense.
    """
    shares, compared = _budgets(budgets), chosen(policies)
    opened = once(embedder) if isinstance(embedder, str) else Once(embedder)
    if data.suffix == ANNOTATED:
        return _annotated(data, compared, opened, _command(data, policies))
    if not ks or min(ks) < 1:
        raise InputError(f"k must be one or more numbers from 1 on, such as 5,10, not {list(ks)}")
    if weights is not None and cross_validate:
        raise InputError("cross-validation trains its own weights; leave --weights or --cross-validate out")
    commit, samples, ks = provenance.commit(), format_.load(data), tuple(sorted({10, *ks}))
    extractive = reader is None or isinstance(reader, ExtractiveReader)
    with tempfile.TemporaryDirectory(prefix="agentmem-eval-") as scratch:
        files, readers = _without_each(samples, opened, Path(scratch), progress, cross_validate, extractive)
        learned = saliences(samples, opened, progress, cross_validate=cross_validate)
        left: list[Left] = []
        tasks: dict[Key, Task] = {}
        for done, sample in enumerate(samples):
            if progress:
                progress("letting conversations fade", done, len(samples))
            of = told(sample.drafts, opened)
            found = _left(sample, of, rankings(compared, learned[sample.id], needed(sample), SEED), shares)
            settings = Settings(
                known(of, sample, opened, embedder if isinstance(embedder, str) else opened),
                files.get(sample.id, weights),
            )
            answering = readers.get(sample.id) or reader or ExtractiveReader()
            for one in found:
                if one.key not in tasks:
                    tasks[one.key] = task(len(tasks), sample, one.rows, settings, answering, ks)
            left += found
        played = asked(list(tasks.values()), workers, progress)
    by_key = {key: played[of.number] for key, of in tasks.items()}
    seen = recall_trained_on(weights) | (reading.trained_on() if extractive else set())
    digests = {sample.digest for sample in samples}
    figures = {
        "benchmark": "retention",
        "commit": commit,
        "system": f"agentmem {agentmem.__version__}",
        "embedder": opened.name,
        "reader": reader.name if reader else ExtractiveReader.name,
        "budgets": list(shares),
        "ks": ks,
        **of_all(left, by_key, samples, ks),
        "curves": curves(compared),
        "cross_validated": cross_validate,
        "salience_cross_validated": len(samples) > 1 and (cross_validate or bool(digests & trained_on())),
        "salience_trained_on_this_data": len(samples) == 1 and bool(digests & trained_on()),
        "weights_trained_on_this_data": not cross_validate and bool(digests & seen),
        "seed": SEED,
        "resamples": RESAMPLES,
        "data_digest": provenance.digest(data),
        "machine": provenance.machine(),
        "command": _command(data, policies, shares, cross_validate=cross_validate),
    }
    return Report("Retention: what is left when memory keeps to a budget", figures, sections(figures))


def _left(
    sample: format_.Sample, of: Told, ranks: Mapping[str, Sequence[Ranking]], budgets: Sequence[float]
) -> list[Left]:
    """Let a conversation fade in every way, and once in none."""
    found = [Left(sample, EVERYTHING, 0, 1.0, np.arange(len(of.drafts)), np.arange(len(of.drafts)), of.size)]
    for name, several in ranks.items():
        for draw, ranking in enumerate(several):
            for budget in budgets:
                ends = survivors(of, ranking, budget), survivors_at_once(of, ranking, budget)
                found.append(Left(sample, name, draw, budget, *ends, of.size))
    return found


def _without_each(
    samples: Sequence[format_.Sample],
    embedder: Embedder,
    folder: Path,
    progress: Progress | None,
    wanted: bool,
    extractive: bool,
) -> tuple[dict[str, Path], dict[str, Reader]]:
    """Return recall weights and readers that never saw the conversation they are for; none where that is not wanted."""
    if not wanted:
        return {}, {}
    files = folds(samples, embedder, folder, progress)
    weights = reading.folds(samples, embedder, files, folder, progress) if extractive else {}
    return files, {name: ExtractiveReader(weights=trained) for name, trained in weights.items()}


def _annotated(data: Path, policies: Mapping[str, RetentionPolicy], embedder: Embedder, command: str) -> Report:
    drafts, important = annotated.load(data)
    figures = {
        "benchmark": "retention-annotated",
        "commit": provenance.commit(),
        "embedder": embedder.name,
        "n_turns": len(drafts),
        "n_important": int(important.sum()),
        **annotated.figures(drafts, important, policies, embedder),
        "baselines": {},
        "seed": SEED,
        "resamples": annotated.RESAMPLES,
        "data_digest": provenance.digest(data),
        "machine": provenance.machine(),
        "command": command,
    }
    figures["baselines"] = {name: figures["metrics"][name] for name in REFERENCES}
    return Report("Retention: which turns people call important", figures, annotated_sections(figures))


def _budgets(budgets: Sequence[float] | None) -> tuple[float, ...]:
    shares = tuple(sorted(set(budgets or BUDGETS)))
    if not all(0 < share <= 1 for share in shares):
        raise InputError(
            f"a budget is a share of the turns, above 0 and at most 1, such as .05,.1,.25, not {list(shares)}"
        )
    return shares


def _command(
    data: Path, policies: Sequence[str] | None, budgets: Sequence[float] = (), *, cross_validate: bool = False
) -> str:
    """Return what to type for the same run."""
    words = ["agentmem", "eval", "retention", "--data", str(data), "--policies", ",".join(policies or [ALL])]
    words += ["--budgets", ",".join(f"{budget:g}" for budget in budgets)] if budgets else []
    return shlex.join([*words, *(["--cross-validate"] if cross_validate else [])])
