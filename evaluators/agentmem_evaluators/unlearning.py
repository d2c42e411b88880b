"""Unlearning: what is left of a thing that was to be forgotten, what was lost beside it, and whether anybody can tell.

A target of a long dialogue (a name, a topic, a session, a month, a speaker) is forgotten where turns, facts and
summaries of sessions are kept. For example, of "everything about Rex":

```
turn      Ana: I walked Rex in the park.          meant, and goes
fact      Ana has a dog called Rex.               comes from the turn: goes with it, or is found instead of it
summary   Ana has a new dog and a new job.        loses a sentence, or goes, and Ana's job with it
question  What is Ana's dog called?               leaks, if what comes up is from the target, or holds the answer
question  Where does Ana work?                    must be found as in a store that never heard of Rex
```

agentmem erases in a real space, told which turns are meant. Stores that delete turns alone, or with the facts, or with
all summaries, delete by similarity, forget everything or nothing, or never knew, are asked the same in the same run.
How well a sentence alone finds the turns (`resolver`) is measured apart.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import agentmem
from agentmem import config
from agentmem.encoding.embedders import open_embedder
from agentmem.errors import InputError
from agentmem.evaluation import provenance
from agentmem.evaluation.cases import Ask, Case, Evaluator, Forget, Reply, Score
from agentmem.evaluation.readers import Reader
from agentmem.evaluation.replay import Progress
from agentmem.evaluation.report import Report
from agentmem.evaluation.statistics import RESAMPLES, SEED
from agentmem.protocols import Embedder
from agentmem_evaluators._retention_asking import asks_of
from agentmem_evaluators._slot_index import Once
from agentmem_evaluators._unlearning_asking import Job, Played, play
from agentmem_evaluators._unlearning_conditions import ALIKE
from agentmem_evaluators._unlearning_figures import by_kind, of_adversary, of_forgotten, of_guard
from agentmem_evaluators._unlearning_questions import QUESTIONS, measurable, spread
from agentmem_evaluators._unlearning_report import sections
from agentmem_evaluators._unlearning_resolver import figures as of_resolver
from agentmem_evaluators._unlearning_stage import K
from agentmem_evaluators._unlearning_targets import TARGET_KINDS, Target, targets
from agentmem_evaluators._unlearning_told import Told, load
from agentmem_evaluators.locomo import Locomo, case_of

TARGETS = 12
"""Targets of each kind, unless said otherwise."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Unlearning:
    """The evaluator as scripts that erase turns, one case a target; `run` measures all else beside."""

    told: Sequence[Told]
    most: int = TARGETS
    name: str = "unlearning"

    def cases(self) -> Iterator[Case]:
        """Yield the conversations, each whole, with what is then forgotten and every question that has an answer."""
        for told, target in chosen(self.told, self.most):
            script = case_of(told.sample)
            steps = [step for step in script.steps if not isinstance(step, Ask)]
            name = f"{told.sample.id}/{target.kind}/{target.name}"
            yield Case(name, script.began, (*steps, Forget(tuple(sorted(target.gold))), *asks_of(told.sample)))

    def score(self, ask: Ask, reply: Reply) -> Score:
        """Return f1, em and recall@10, as for `locomo`."""
        return Locomo((), (K,)).score(ask, reply)


def make(config: Mapping[str, Any]) -> Evaluator:
    """Make the evaluator of a file: {"data": path, "targets": 12}."""
    if "data" not in config:
        raise InputError('the evaluator unlearning needs its data: {"data": "locomo10.json"}')
    return Unlearning(load(Path(config["data"])), config.get("targets", TARGETS))


def chosen(told: Sequence[Told], most: int) -> list[tuple[Told, Target]]:
    """Return at most so many targets of each kind, evenly spread over the file, of those that any question is about."""
    found: list[tuple[Told, Target]] = []
    every = [(of, target) for of in told for target in targets(of.sample) if measurable(of, target)]
    for kind in TARGET_KINDS:
        found += spread([(of, target) for of, target in every if target.kind == kind], most)
    return found


def run(  # noqa: PLR0913 - one keyword for each option of the command
    data: Path,
    *,
    targets: int | None = None,
    questions: int = QUESTIONS,
    reader: Reader | None = None,
    weights: Path | None = None,
    cross_validate: bool = False,
    embedder: str | Embedder = config.EMBEDDER,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Forget `targets` of each kind, and ask `questions` of each group after each; no reader is needed.

    `workers` processes take a conversation each (None: as many as there are cores). Raises NotFoundError or
    ImportRefusedError for data that is none, InputError for settings that make no sense.
    """
    if cross_validate:
        raise InputError("unlearning trains nothing; leave --cross-validate out")
    if reader is not None:
        raise InputError(f"unlearning scores what is recalled, without a reader; leave {reader.name} out")
    most = TARGETS if targets is None else targets
    if most < 1 or questions < 1:
        raise InputError(f"at least 1 target and 1 question, not {most} and {questions}")
    commit, told = provenance.commit(), load(data)
    wanted = chosen(told, most)
    if not wanted:
        raise InputError(f"no question in {data} is about a name, topic, session, month or speaker alone")
    known: str | Embedder = embedder if isinstance(embedder, str) else Once(embedder)
    jobs = [Job(of, [t for o, t in wanted if o is of], known, weights, questions) for of in told]
    played = list(_played([job for job in jobs if job.targets], workers, progress))
    rows = [row for of in played for row in of.rows]
    records = [record for of in played for record in of.forgotten]
    by_target, intervals = by_kind(rows)
    ours = of_forgotten(records)
    measured = {**by_target, "resolver": of_resolver([o for of in played for o in of.resolved])}
    game = of_adversary([of.seen for of in played])
    guarded = of_guard([s for of in played for s in of.guarded])
    single = ("residue_bytes", "checkpoint_leak", "resurrection_rate", "seconds")
    figures: dict[str, Any] = {
        "benchmark": "unlearning",
        "commit": commit,
        "system": f"agentmem {agentmem.__version__}",
        "embedder": known.name if not isinstance(known, str) else open_embedder(known).name,
        "metrics": {
            **measured,
            **{name: ours[name] for name in single},
            "adversary_advantage": game["agentmem"]["advantage"],
            "guard_tpr_at_1fpr": guarded.get("tpr_at_1%_fpr"),
        },
        "ci": intervals,
        "baselines": {"adversary_advantage": {"turns_only": game["turns_only"]["advantage"]}},
        "controls": {name: of for name, of in ours.items() if name not in single},
        "adversary": game,
        "guard": guarded,
        "n": _counts(told, wanted, rows),
        "targets": most,
        "questions": questions,
        "similar_from": ALIKE,
        "blind": sorted({why for of in played for why in of.blind}),
        "failures": [failure for of in played for failure in of.failures],
        "seed": SEED,
        "resamples": RESAMPLES,
        "data_digest": provenance.digest(data),
        "machine": provenance.machine(),
        "command": shlex.join(["agentmem", "eval", "unlearning", "--data", str(data), "--targets", str(most)]),
    }
    return Report("Unlearning: forgotten everywhere, and nothing else", figures, sections(figures), records)


def _counts(told: Sequence[Told], wanted: Iterable[tuple[Told, Target]], rows: Iterable[Any]) -> dict[str, Any]:
    kinds = [a.draft.kind for of in told for a in of.artefacts]
    chosen_kinds = [target.kind for _, target in wanted]
    asked = {(row.group, row.question): row for row in rows if row.question}
    forgotten = [row.domain for row in asked.values() if "leak_provenance@10" in row.values]
    retained = [row.domain for row in asked.values() if "found" in row.values]
    return {
        "conversations": len(told),
        **{f"{kind}s": kinds.count(kind) for kind in ("turn", "fact")},
        "summaries": kinds.count("summary"),
        "targets": {kind: chosen_kinds.count(kind) for kind in TARGET_KINDS},
        "forgotten_questions": {kind: forgotten.count(kind) for kind in TARGET_KINDS},
        "retained_questions": {kind: retained.count(kind) for kind in TARGET_KINDS},
    }


def _played(jobs: Sequence[Job], workers: int | None, progress: Progress | None) -> Iterator[Played]:
    """Play all, the longest first where several processes do."""
    if workers is None:
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    ordered = sorted(jobs, key=lambda job: -len(job.targets))
    done = 0
    for job, of in zip(ordered, _spread(ordered, min(workers, len(jobs))), strict=True):
        done += len(job.targets)
        if progress:
            progress("forgetting", done, sum(len(j.targets) for j in jobs))
        yield of


def _spread(jobs: Sequence[Job], workers: int) -> Iterator[Played]:
    if workers == 1 or not all(isinstance(job.embedder, str) for job in jobs):
        yield from map(play, jobs)
        return
    with _one_thread_each(), ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(play, jobs)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that are started meanwhile add up on one core each: on small matrices more cores only wait."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
