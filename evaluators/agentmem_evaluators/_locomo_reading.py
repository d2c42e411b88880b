"""Extractive readers that never saw the conversation they answer from, trained on what recall brings for the others.

The same lessons, over all conversations of a file, make the weights that ship with the reader:
`python -m agentmem_evaluators._locomo_reading locomo_dev.json reading-weights.json`, and, third, the
threshold below which it declines (default: the one that ships now).
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from agentmem.errors import InputError
from agentmem.evaluation.replay import Progress
from agentmem.formats.locomo import ADVERSARIAL, Question, Sample, load
from agentmem.protocols import Embedder
from agentmem.reading.extractive import Weights, shipped_weights, weights_from
from agentmem.reading.relevance import DEPTH
from agentmem.reading.training import Example, train_reader
from agentmem.system import System, open_system
from agentmem_evaluators._locomo_scorer import answer_f1


def trained_on() -> frozenset[str]:
    """Return the digests of the conversations that the shipped reader says it was trained on."""
    told = json.loads(files("agentmem.reading").joinpath("weights.json").read_text(encoding="utf-8")).get("info", {})
    return frozenset(told.get("trained_on", {}).values())


class Lessons:
    """Conversations, remembered once in a scratch root, and what recall finds there for their questions."""

    def __init__(self, samples: Sequence[Sample], embedder: Embedder, root: Path) -> None:
        self.samples = samples
        self._embedder = embedder
        self._root = root
        self._judges = {question.id: Judge(question) for sample in samples for question in sample.questions}
        with self._open(None) as system:
            for sample in samples:
                system.space(sample.id).remember(sample.drafts)

    def of(self, samples: Sequence[Sample], recall_weights: Path | None) -> list[Example]:
        """Return the questions of some of the samples as examples, with what recall brings under these weights."""
        found = []
        with self._open(recall_weights) as system:
            for sample in samples:
                space = system.space(sample.id)
                by_origin = {memory.origin: memory.id for memory in space.memories()}
                found += [
                    Example(
                        question.question,
                        space.recall(question.question, DEPTH, explain=False).evidence,
                        frozenset(by_origin[sample.origins[name]] for name in question.evidence),
                        self._judges[question.id],
                        question.category != ADVERSARIAL,
                    )
                    for question in sample.questions
                ]
        return found

    def _open(self, weights: Path | None) -> System:
        return open_system(self._root, embedder=self._embedder, weights=weights)


class Judge:
    """Scores answers to one question as the benchmark does; remembers, because training asks the same many times."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._told: dict[str, float] = {}

    def __call__(self, answer: str) -> float:
        if answer not in self._told:
            self._told[answer] = answer_f1(answer, self._question.answer, self._question.category)
        return self._told[answer]


def folds(
    samples: Sequence[Sample],
    embedder: Embedder,
    recall_weights: Mapping[str, Path],
    folder: Path,
    progress: Progress | None = None,
) -> dict[str, Weights]:
    """Train a reader for each conversation on all the others, recalled with weights that did not see it either.

    The threshold below which it declines is one number, not trained: it is the shipped reader's.
    """
    lessons = Lessons(samples, embedder, folder / "lessons")
    trained = {}
    for done, left_out in enumerate(samples):
        if progress:
            progress("teaching the reader", done, len(samples))
        others = [sample for sample in samples if sample is not left_out]
        examples = lessons.of(others, recall_weights[left_out.id])
        trained[left_out.id] = weights_from(train_reader(examples, threshold=shipped_weights().threshold))
    return trained


def teach(samples: Sequence[Sample], embedder: Embedder, threshold: float) -> dict[str, Any]:
    """Return the reader's weights, trained on all the samples as the shipped recall finds them, and what those were."""
    with tempfile.TemporaryDirectory(prefix="agentmem-teach-") as folder:
        lessons = Lessons(samples, embedder, Path(folder))
        weights = train_reader(lessons.of(samples, None), threshold=threshold)
    return {**weights, "info": {"trained_on": {sample.id: sample.digest for sample in samples}}}


def main(words: Sequence[str]) -> None:
    """Teach the reader on a file of labelled conversations and write its weights."""
    from agentmem.encoding.embedders import open_embedder

    if len(words) not in (2, 3):
        raise InputError("type: python -m agentmem_evaluators._locomo_reading DATA OUT [THRESHOLD]")
    threshold = float(words[2]) if words[2:] else shipped_weights().threshold
    weights = teach(load(Path(words[0])), open_embedder("default"), threshold)
    Path(words[1]).write_text(json.dumps(weights, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
