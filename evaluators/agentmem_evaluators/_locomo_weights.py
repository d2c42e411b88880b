"""Which conversations recall weights were trained on, and weights that never saw the one they are measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from agentmem.errors import InputError
from agentmem.evaluation.replay import Progress
from agentmem.formats.locomo import Sample
from agentmem.protocols import Embedder
from agentmem.recall.fusion import Weights
from agentmem.recall.labelled import FOREIGN, Problem, collect, foreign
from agentmem.recall.train import fit


def trained_on(weights: Path | None) -> frozenset[str]:
    """Return the digests of the conversations that a file of weights says it was trained on (None: the shipped)."""
    told = Weights.load(weights).info.get("trained_on", {})
    return frozenset(map(str, told.values() if isinstance(told, Mapping) else told))


def folds(
    samples: Sequence[Sample], embedder: Embedder, folder: Path, progress: Progress | None = None
) -> dict[str, Path]:
    """Train weights for each conversation on all the others, and return the file of each, in `folder`.

    Nothing of the conversation left out is used, not even its questions as ones that the others cannot answer. Raises
    InputError for fewer than two conversations.
    """
    if len(samples) < 2:
        raise InputError("cross-validation leaves one conversation out, so it needs two or more; this file has one")
    problems: dict[tuple[str, str | None], list[Problem]] = {}
    for done, home in enumerate(samples):
        if progress:
            progress("reading conversations", done, len(samples))
        problems |= {(home.id, source): found for source, found in _collected(home, samples, embedder).items()}
    files = {}
    for done, left_out in enumerate(samples):
        if progress:
            progress("training without one", done, len(samples))
        taught = [p for of, found in problems.items() if left_out.id not in of for p in found]
        told = {sample.id: sample.digest for sample in samples if sample is not left_out}
        files[left_out.id] = folder / f"without-{done}.json"
        replace(fit(taught), info={"trained_on": told, "embedder": embedder.name}).save(files[left_out.id])
    return files


def _collected(home: Sample, samples: Sequence[Sample], embedder: Embedder) -> dict[str | None, list[Problem]]:
    """Return the problems of a conversation: its own under None, those asked of it from another under its id."""
    others = [sample for sample in samples if sample is not home]
    strangers = [
        (other.id, text) for other in others for text in _spread(foreign([other], home), FOREIGN // len(others))
    ]
    found = collect(home, embedder, [text for _, text in strangers])
    if len(found) != len(home.questions) + len(strangers):
        raise InputError(
            f"{len(found)} of {len(home.questions) + len(strangers)} questions of {home.id} could be asked"
        )
    kept: dict[str | None, list[Problem]] = {None: found[: len(home.questions)]}
    for (source, _), problem in zip(strangers, found[len(home.questions) :], strict=True):
        kept.setdefault(source, []).append(problem)
    return kept


def _spread(texts: Sequence[str], wanted: int) -> Sequence[str]:
    """Return about `wanted` of the texts, evenly spread."""
    return texts[:: max(1, len(texts) // max(wanted, 1))]
