"""Ask what is left of a conversation: a space that holds the survivors alone, and every question with an answer.

A space that never held the rest is the same as one from which the rest was erased (a test holds the two together), so
nothing needs to be erased thousands of times. No text is embedded twice; tasks are spread over the cores where there is
enough to ask.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from multiprocessing import get_context

import numpy as np

from agentmem.encoding.embedders import open_embedder
from agentmem.evaluation.cases import Ask, Case, Remember
from agentmem.evaluation.readers import ExtractiveReader, Reader
from agentmem.evaluation.replay import Progress, Replayed, Settings, replay
from agentmem.evaluation.subjects import Whole
from agentmem.formats.locomo import ADVERSARIAL, Sample
from agentmem.protocols import Embedder
from agentmem.types import Vectors
from agentmem_evaluators._retention_fading import Rows, Told
from agentmem_evaluators._slot_index import Once
from agentmem_evaluators.locomo import CONTEXT, Locomo, case_of

WORTH_IT = 4_000
"""Questions below which starting other processes costs more than it saves."""


@cache
def once(embedder: str) -> Once:
    """Return the embedder of that name, which embeds each text once in the life of this process."""
    return Once(open_embedder(embedder))


class Known:
    """An embedder with vectors at hand, so that it can be sent to another process; `embedder` makes those it lacks."""

    def __init__(self, embedder: str | Embedder, name: str, dim: int, vectors: Mapping[str, Vectors]) -> None:
        self.name = name
        self.dim = dim
        self._embedder = embedder
        self._vectors = vectors

    def __call__(self, texts: Sequence[str], /) -> Vectors:
        """Return (n, dim) unit rows."""
        new = [text for text in texts if text not in self._vectors]
        made: dict[str, Vectors] = {}
        if new:
            inner = once(self._embedder) if isinstance(self._embedder, str) else self._embedder
            made = dict(zip(new, inner(new), strict=True))
        found = [self._vectors[text] if text in self._vectors else made[text] for text in texts]
        return np.stack(found) if found else np.empty((0, self.dim), np.float32)


@dataclass(frozen=True, slots=True)
class Task:
    """What is left of a conversation, to be asked its questions; `number` says which of many tasks it is."""

    number: int
    case: Case
    settings: Settings
    reader: Reader
    ks: tuple[int, ...]

    @property
    def questions(self) -> int:
        """How many questions are asked."""
        return sum(isinstance(step, Ask) for step in self.case.steps)


def task(number: int, sample: Sample, rows: Rows, settings: Settings, reader: Reader, ks: tuple[int, ...]) -> Task:
    """Return the task to ask a conversation of which only these rows are left."""
    left = tuple(sample.drafts[row] for row in rows)
    asks = asks_of(sample)
    now = max(draft.said_at for draft in sample.drafts if draft.said_at is not None) + timedelta(days=1)
    return Task(number, Case(sample.id, now, (Remember(left), *asks)), settings, reader, ks)


def asks_of(sample: Sample) -> list[Ask]:
    """Return the questions that have an answer, categories 1 to 4: one that has none is the easier the less is left."""
    return [
        step
        for step in case_of(sample).steps
        if isinstance(step, Ask) and step.gold.labels["category"] != str(ADVERSARIAL)
    ]


def known(of: Told, sample: Sample, opened: Embedder, embedder: str | Embedder) -> Known:
    """Return an embedder that has what was said in a conversation and its questions at hand; they are embedded here."""
    questions = [question.question for question in sample.questions]
    vectors = {draft.text: vector for draft, vector in zip(of.drafts, of.vectors, strict=True)}
    vectors |= dict(zip(questions, opened(questions), strict=True))
    return Known(embedder, opened.name, opened.dim, vectors)


def carry_out(of: Task) -> Replayed:
    """Remember what is left and ask, as `locomo` does."""
    whole = Whole(of.reader, max(*of.ks, CONTEXT), CONTEXT)
    return replay(of.case, Locomo((), of.ks), [whole], of.settings)


def asked(tasks: Sequence[Task], workers: int | None, progress: Progress | None) -> dict[int, Replayed]:
    """Carry out all tasks, by `workers` processes (None: as many as there are cores, one where there is little to do).

    A reader that asks a model stays in this process.
    """
    if workers is None:
        worth_it = sum(of.questions for of in tasks) >= WORTH_IT
        workers = len(os.sched_getaffinity(0)) if worth_it and hasattr(os, "sched_getaffinity") else 1
    alone = workers == 1 or not all(isinstance(of.reader, ExtractiveReader) for of in tasks)
    found: dict[int, Replayed] = {}
    for of, played in zip(tasks, map(carry_out, tasks) if alone else _spread(tasks, workers), strict=True):
        found[of.number] = played
        if progress:
            progress("asking what is left", len(found), len(tasks))
    return found


def _spread(tasks: Sequence[Task], workers: int) -> Iterator[Replayed]:
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(carry_out, tasks)
