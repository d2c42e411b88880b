"""Train the weights of `arousal` on rated sentences, and say how well they do on splits they never saw.

Ridge regression in closed form: the same file gives the same weights. The penalty and the scales of the blocks were
chosen by cross-validation on EmoBank's training and development splits; the test split is for the last look alone.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentmem.encoding.arousal import TARGETS, Affect, Linear, family
from agentmem.encoding.encoder import checked
from agentmem.encoding.tone import BUCKETS, TONE, hashed_words, tone
from agentmem.errors import ImportRefusedError, InputError, NotFoundError
from agentmem.protocols import Embedder

Matrix = npt.NDArray[np.float64]
Step = Callable[[str, int, int], None]

COLUMNS = ("split", "A", "V", "text")
PENALTY = 3.0
TONE_SCALE, WORDS_SCALE = 0.05, 0.5
"""Scales of the blocks beside a vector of length 1; without one both are doubled."""
FAR = 3.0
"""Deviations from the mean after which a feature of tone counts no further."""
FEWEST = 20
BATCH = 256


@dataclass(frozen=True, slots=True, eq=False)
class Rated:
    """Texts with their ratings (n, 2), arousal and valence from 1 to 5, and their splits: train, dev or test."""

    texts: list[str]
    ratings: Matrix
    splits: npt.NDArray[np.str_]


def train(rated: Rated, out: Path, *, embedder: Embedder, progress: Step | None = None) -> dict[str, Any]:
    """Train on the split `train`, write the weights, and return Pearson's r and n of dev and test.

    Raises InputError where the split teaches nothing, VectorError for an embedder that returns none.
    """
    vectors = np.empty((len(rated.texts), embedder.dim), np.float32)
    for start in range(0, len(rated.texts), BATCH):
        batch = rated.texts[start : start + BATCH]
        vectors[start : start + BATCH] = checked(embedder(batch), len(batch), embedder)
        if progress is not None:
            progress("Embedding", start + len(batch), len(rated.texts))
    affect = fit(rated, vectors, embedder.name)
    figures = {"embedder": affect.embedder, **score(affect, rated, vectors, embedder.name)}
    Affect(affect.embedder, affect.with_vector, affect.text_only, figures).save(out)
    return figures


def read(path: Path) -> Rated:
    """Return the rated texts of a CSV file with the columns split, V, A and text.

    Raises NotFoundError, or ImportRefusedError for a file that is not in that form.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            if missing := [column for column in COLUMNS if column not in (table.fieldnames or ())]:
                raise ImportRefusedError(
                    f"{path} has no column {', '.join(missing)}; EmoBank's form is due: id,split,V,A,D,text"
                )
            rows = [(row["text"], _rating(row, path, table.line_num), row["split"]) for row in table]
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}; pass EmoBank's emobank.csv") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportRefusedError(f"{path} cannot be read as CSV: {error}") from error
    if not rows:
        raise ImportRefusedError(f"{path} holds no rated text; EmoBank's form is due: id,split,V,A,D,text")
    texts, ratings, splits = zip(*rows, strict=True)
    return Rated(list(texts), np.array(ratings, np.float64), np.array(splits))


def _rating(row: dict[str, str | None], path: Path, line: int) -> tuple[float, float]:
    try:
        found = float(row["A"] or ""), float(row["V"] or "")
        if row["text"] is None or not all(math.isfinite(x) and 1 <= x <= 5 for x in found):
            raise ValueError
    except ValueError as error:
        raise ImportRefusedError(
            f"{path}, line {line}: A={row['A']!r}, V={row['V']!r} are not ratings from 1 to 5 of a text"
        ) from error
    return found


def fit(rated: Rated, vectors: npt.NDArray[np.float32], embedder: str) -> Affect:
    """Return models trained on the split `train`.

    Raises InputError for too few texts, or for ratings that are all alike.
    """
    chosen = np.flatnonzero(rated.splits == "train")
    if len(chosen) < FEWEST or (rated.ratings[chosen].std(axis=0) == 0).any():
        raise InputError(
            f"{len(chosen)} texts of the split 'train' teach nothing: at least {FEWEST}, of different ratings, are due"
        )
    texts = [rated.texts[i] for i in chosen]
    full = _fit(texts, vectors[chosen], rated.ratings[chosen], 1.0)
    return Affect(family(embedder), full, _fit(texts, vectors[chosen][:, :0], rated.ratings[chosen], 2.0))


def _fit(texts: Sequence[str], vectors: npt.NDArray[np.float32], ratings: Matrix, boost: float) -> Linear:
    tones = np.array([tone(text) for text in texts], np.float64)
    mean, deviation = tones.mean(axis=0), tones.std(axis=0)
    bounds = np.stack([mean - FAR * deviation, mean + FAR * deviation]).astype(np.float32)
    scale = np.divide(boost * TONE_SCALE, deviation, out=np.zeros_like(mean), where=deviation > 0)
    tones = np.clip(tones, *bounds)
    mean = tones.mean(axis=0)
    words = np.zeros((len(texts), BUCKETS))
    for row, text in zip(words, texts, strict=True):
        buckets, weights = hashed_words(text)
        row[buckets] = boost * WORDS_SCALE * weights
    x = np.hstack([vectors, (tones - mean) * scale, words])
    middle = x.mean(axis=0)
    x -= middle
    slopes = np.linalg.solve(x.T @ x + PENALTY * np.eye(x.shape[1]), x.T @ (ratings - ratings.mean(axis=0))).T
    dim = vectors.shape[1]
    of_tone = slopes[:, dim : dim + len(TONE)] * scale
    bias = ratings.mean(axis=0) - slopes @ middle - of_tone @ mean
    parts = (slopes[:, :dim], of_tone, slopes[:, dim + len(TONE) :] * (boost * WORDS_SCALE), bounds, bias)
    model = Linear(*(part.astype(np.float32) for part in parts), *np.ones((2, 2), np.float32))
    found = model(texts, vectors)
    return Linear(
        *(part.astype(np.float32) for part in (*parts, found.mean(axis=1), np.maximum(found.std(axis=1), 1e-6)))
    )


def score(affect: Affect, rated: Rated, vectors: npt.NDArray[np.float32], embedder: str) -> dict[str, Any]:
    """Return Pearson's r of both models and n, by split; r is left out where it is not defined."""
    figures: dict[str, Any] = {"train": {"n": int((rated.splits == "train").sum())}}
    for split in ("dev", "test"):
        chosen = np.flatnonzero(rated.splits == split)
        texts = [rated.texts[i] for i in chosen]
        figures[split] = {"n": len(chosen)}
        for name, of in (("", embedder), (" text only", "")):
            found = affect(texts, vectors[chosen], of)
            for target, values, truth in zip(TARGETS, found, rated.ratings[chosen].T, strict=True):
                if len(chosen) > 1 and values.std() > 0 and truth.std() > 0:
                    figures[split][f"{target}{name} r"] = float(np.corrcoef(values, truth)[0, 1])
    return figures
