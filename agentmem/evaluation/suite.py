"""Every evaluator whose data lie under a folder, one after another; a run resumes, and what fails is recorded.

Which evaluators there are, how their data look and with what settings they run, are plans; this module knows none. Each
result is written as it is there. One that was made by the same code from the same data with the same settings is not
made again. What fails leaves its error beside the results and in the page, and the others run.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentmem import config, registry
from agentmem.errors import InputError, NotFoundError, StorageError
from agentmem.evaluation import provenance
from agentmem.evaluation.replay import Progress
from agentmem.evaluation.report import Report

RUN = "run"
"""Where a stored result says of which run it is."""
FAILED = ".failed.txt"

Place = tuple[str, ...]
"""The keys that lead to a figure."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure for the summary: what it is, where it stands, and where those that it is held against do, by name."""

    what: str
    ours: Place
    interval: Place = ()
    beside: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """How an evaluator is run with all others.

    Its data are files whose names fit `pattern`, or what is `up` levels above them; without one, it needs none.
    """

    evaluator: str
    shown: tuple[Shown, ...] = ()
    pattern: str = ""
    up: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """One run to do: `name` is that of its result."""

    plan: Plan
    name: str
    data: Path | None


@dataclass(frozen=True, slots=True)
class Ended:
    """One run that is done: the figures as they are stored, or why there are none, with the place in the code."""

    job: Job
    figures: Mapping[str, Any] | None = None
    error: str = ""
    seconds: float = 0.0
    resumed: bool = False


def jobs(plans: Sequence[Plan], root: Path, only: Sequence[str] = ()) -> list[Job]:
    """Return what can be run with the data under a folder; with `only`, of these evaluators.

    Raises NotFoundError where there is no such folder, InputError for an evaluator that has no plan or no data there.
    """
    if not root.is_dir():
        raise NotFoundError(f"there is no folder {root}; --data-root names the folder that holds the benchmarks' data")
    known = [plan.evaluator for plan in plans]
    if unknown := [name for name in only if name not in known]:
        raise InputError(
            f"{unknown[0]!r} is none of the evaluators that can run with all; those are {', '.join(known)}"
        )
    found = [job for plan in plans if not only or plan.evaluator in only for job in _of(plan, root)]
    if missing := [name for name in only if name not in {job.plan.evaluator for job in found}]:
        pattern = next(plan.pattern for plan in plans if plan.evaluator == missing[0])
        raise InputError(f"{root} holds no data for {missing[0]}: no file in it is called {pattern}")
    return found


def _of(plan: Plan, root: Path) -> Iterator[Job]:
    if not plan.pattern:
        yield Job(plan, plan.evaluator, None)
        return
    places = dict.fromkeys(_above(file, plan.up, root) for file in sorted(root.rglob(plan.pattern)))
    for place in places:
        inner = place.relative_to(root)
        named = "-".join((plan.evaluator, *inner.parts[:-1], inner.stem or root.name))
        yield Job(plan, plan.evaluator if len(places) == 1 else named, place)


def _above(file: Path, levels: int, root: Path) -> Path:
    """Return the folder so many levels above a file, or the root where that would be above it."""
    for _ in range(levels):
        file = file.parent if file != root else root
    return file


def play(
    planned: Sequence[Job],
    folder: Path,
    *,
    embedder: str = config.EMBEDDER,
    fresh: bool = False,
    progress: Progress | None = None,
    after: Callable[[Ended], None] | None = None,
) -> list[Ended]:
    """Run what is planned, or take it from `folder`, where results go; call `after` with each as it is done.

    `fresh` takes nothing from there. Only KeyboardInterrupt and its like stop it; what is done by then is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    code = provenance.code()
    done = []
    for job in planned:
        ended = _once(job, folder, code, embedder, fresh, progress)
        done.append(ended)
        if after is not None:
            after(ended)
    return done


def _once(job: Job, folder: Path, code: str, embedder: str, fresh: bool, progress: Progress | None) -> Ended:
    stored, failed = folder / f"{job.name}.json", folder / f"{job.name}{FAILED}"
    begin = time.perf_counter()
    try:
        of_run = {
            "code": code,
            "data": digest(job.data),
            "settings": json.loads(json.dumps(dict(job.plan.settings))),
            "embedder": embedder,
        }
        if not fresh and (kept := _kept(stored, of_run)) is not None:
            return Ended(job, kept, seconds=kept[RUN]["seconds"], resumed=True)
        module = registry.evaluator_module(job.plan.evaluator)
        report: Report = module.run(job.data, embedder=embedder, progress=progress, **job.plan.settings)
        seconds = time.perf_counter() - begin
        figures = json.loads(report.json()) | {RUN: of_run | {"seconds": seconds}}
        module.sections(figures)  # a page that cannot be made is a failure of this one, not of the whole
        _write(stored, json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
        failed.unlink(missing_ok=True)
        return Ended(job, figures, seconds=seconds)
    except Exception as fault:  # noqa: BLE001 - it is recorded and reported, and the others are still run
        stored.unlink(missing_ok=True)
        _write(failed, "".join(traceback.format_exception(fault)))
        told = f"{type(fault).__name__}: {' '.join(str(fault).split()) or 'no message'}"
        return Ended(job, error=f"{told} (all of it: {failed.name})", seconds=time.perf_counter() - begin)


def _kept(stored: Path, of_run: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a stored result of this very run; None where there is none, or it cannot be read."""
    try:
        figures: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
        before = dict(figures[RUN])
        before.pop("seconds")
    except (OSError, ValueError, KeyError, TypeError):
        return None  # whatever it is, it is no result of ours: it is made again
    return figures if before == dict(of_run) else None


def digest(data: Path | None) -> str:
    """Return the SHA-256 of a file, or of all files of a folder with their names; nothing where there are no data."""
    if data is None:
        return ""
    if data.is_file():
        return provenance.digest(data)
    files = sorted(file for file in data.rglob("*") if file.is_file())
    named = "".join(f"{file.relative_to(data).as_posix()}\n{provenance.digest(file)}\n" for file in files)
    return hashlib.sha256(named.encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises StorageError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
