"""Skills: how a task was done in runs that went well, step by step, and what failed in others (ARM-RAG).

A run is told by the metadata of its memories: `task` and `run` on each step, `outcome` ("success" or another word) on
some, of which the last counts. As in ARM-RAG, the rationale of a success is kept and found again; as in In-Memory
Learning, several runs of one task come to one text that is made anew with each: the shortest success (the latest of
equals) in its order, how often it went well, and steps that only failures have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agentmem.protocols import Deriver
from agentmem.types import Draft, Memory
from agentmem_stores.derive._asking import Form, with_model

SUCCESS = "success"
AVOIDED = 2
"""Steps to avoid that are told, those of the latest failures."""


class Run(NamedTuple):
    """The steps of one run in order, how it went, and the memory that says so."""

    steps: tuple[Memory, ...]
    outcome: str
    said_by: Memory


FORM = Form(
    "skills",
    "The turns are steps of runs of one task; the last outcome of a run says how it went. Write as one item how the "
    "task is done, in the steps of the runs that were a success, why they work, and what to avoid. Where no run was a "
    "success, return no items.",
    "skill",
    whole=True,
    marks=("task", "run", "outcome"),
)


class Skills:
    """A skill of each task that was done well."""

    def scopes(self, memory: Memory) -> list[str]:
        """Return the task, where a memory is a step of a run of one."""
        task, run = memory.metadata.get("task"), memory.metadata.get("run")
        return [f"task {task}"] if task not in {None, ""} and run not in {None, ""} else []

    def derive(self, scope: str, members: Sequence[Memory]) -> list[Draft]:
        """Return the skill, or none where no run of the task is known to have gone well."""
        told = runs(members)
        good = [run for run in told if run.outcome == SUCCESS]
        if not good:
            return []
        task = scope.removeprefix("task ")
        chosen = min(good, key=lambda run: (len(run.steps), -run.said_by.seq))
        done = {_key(step) for run in good for step in run.steps}
        failed = [step for run in told if run.outcome != SUCCESS for step in run.steps if _key(step) not in done]
        avoid = list({_key(step): step for step in failed}.values())[-AVOIDED:]
        text = f"How to {task}: " + " ".join(f"{n}. {_line(step)}" for n, step in enumerate(chosen.steps, 1))
        if len(told) > 1:
            text += f" Went well {len(good)} of {len(told)} times."
        if avoid:
            text += " Avoid: " + " ".join(_line(step) for step in avoid)
        parents = {m.id: m for m in (*chosen.steps, *avoid, *(run.said_by for run in told))}
        ordered = sorted(parents.values(), key=lambda memory: memory.seq)
        return [
            Draft(
                text,
                kind="skill",
                said_at=max(memory.said_at for memory in ordered),
                parents=tuple(memory.id for memory in ordered),
                metadata={"task": task, "steps": len(chosen.steps), "runs": len(told), "successes": len(good)},
            )
        ]


def runs(members: Sequence[Memory]) -> list[Run]:
    """Return the runs among the members of a task whose outcome is known, in the order in which they ended."""
    by_run: dict[str, list[Memory]] = {}
    for memory in members:
        by_run.setdefault(str(memory.metadata["run"]), []).append(memory)
    told = []
    for of in by_run.values():
        steps = tuple(sorted(of, key=lambda m: (m.said_at, m.position, m.seq)))
        ends = [m for m in steps if m.metadata.get("outcome") not in {None, ""}]
        if ends:
            told.append(Run(steps, str(ends[-1].metadata["outcome"]).casefold(), ends[-1]))
    return sorted(told, key=lambda run: run.said_by.seq)


def _line(step: Memory) -> str:
    """Return a step on one line that ends."""
    text = " ".join(step.text.split())
    return text if text[-1] in ".!?" else f"{text}."


def _key(step: Memory) -> str:
    return " ".join(step.text.casefold().split()).rstrip(".!")


def make(config: Mapping[str, Any]) -> Deriver:
    """Make the deriver; with {"ask": an Ask, "budget": a Budget} a model writes the skills."""
    return with_model(Skills(), FORM, config)
