"""How exciting and how pleasant a text reads: ridge regression on its vector, its tone and its words.

Trained on EmoBank (Buechel and Hahn, EACL 2017), whose readers rated 10,062 sentences; see LICENSE-arousal beside the
weights. The weights of the vector belong to one embedder; with any other, a second model reads tone and words alone
(`agentmem train` prints how well either does). Valence is no measure of salience: it says which way, not how strongly.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentmem.encoding.tone import BUCKETS, TONE, hashed_words, tone
from agentmem.errors import InputError, NotFoundError, VectorError
from agentmem.types import Floats, Vectors

SHIPPED = Path(__file__).with_name("arousal.npz")
FORMAT = 1
TARGETS = ("arousal", "valence")
SPAN = 6.0
"""Deviations of the predictions for the training texts on either side of .5: dialogue lies far above their prose."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Weights of both targets, in EmoBank's units (1 to 5), a row a target: vector (2, dim), tone (2, T), words (2, B).

    `dim` is 0 in the model that reads no vector. `bounds` (2, T) are the least and the most of each feature of tone
    that count: prose seldom exclaims, dialogue always does. `centre` and `spread` (2,) are mean and deviation of the
    predictions for the training texts.
    """

    vector: Vectors
    tone: Vectors
    words: Vectors
    bounds: Vectors
    bias: Floats
    centre: Floats
    spread: Floats

    def __call__(self, texts: Sequence[str], vectors: Vectors) -> Matrix:
        """Return (2, n) predictions in EmoBank's units; each text's are the same bits whichever texts come with it."""
        rows = np.ascontiguousarray(vectors, np.float64)[:, : self.vector.shape[1]]
        found = np.empty((len(TARGETS), len(texts)))
        tones = np.array([tone(text) for text in texts], np.float64).reshape(len(texts), len(TONE))
        tones = np.clip(tones, *self.bounds)
        for target in range(len(TARGETS)):
            # einsum, not @: the bits of a sum in BLAS depend on where a row stands.
            found[target] = np.einsum("ij,j->i", tones, self.tone[target].astype(np.float64)) + self.bias[target]
            if rows.shape[1]:
                found[target] += np.einsum("ij,j->i", rows, self.vector[target].astype(np.float64))
        for number, text in enumerate(texts):
            buckets, weights = hashed_words(text)
            found[:, number] += (self.words[:, buckets] * weights).sum(axis=1)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Affect:
    """A model for the vectors of one family of embedders, one for those of all others, and how they were trained."""

    embedder: str
    with_vector: Linear
    text_only: Linear
    info: Mapping[str, Any] = field(default_factory=dict)

    def suits(self, embedder: str, dim: int) -> bool:
        """Say whether the vectors of an embedder can be read; backends of one model differ too little to matter."""
        return family(embedder) == self.embedder and dim == self.with_vector.vector.shape[1]

    def __call__(self, texts: Sequence[str], vectors: Vectors, embedder: str) -> tuple[Floats, Floats]:
        """Return arousal and valence (n,) in [0, 1]: .5 is the mean text of EmoBank, 0 and 1 lie `SPAN` deviations off.

        Raises VectorError where there is not one vector a text.
        """
        rows = np.asarray(vectors)
        if rows.ndim != 2 or len(rows) != len(texts):
            raise VectorError(f"vectors of shape {rows.shape} for {len(texts)} texts; pass one row a text")
        model = self.with_vector if self.suits(embedder, rows.shape[1]) else self.text_only
        units = (model(texts, rows) - model.centre[:, None]) / model.spread[:, None]
        found = np.clip(0.5 + units / (2 * SPAN), 0, 1).astype(np.float32)
        return found[0], found[1]

    def save(self, path: Path) -> None:
        """Write the weights; `load` reads them back exactly."""
        arrays = {
            f"{name}_{part}": getattr(model, part)
            for name, model in (("with_vector", self.with_vector), ("text_only", self.text_only))
            for part in Linear.__dataclass_fields__
        }
        about = {"format": FORMAT, "embedder": self.embedder, "info": dict(self.info)}
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, about=np.array(json.dumps(about)), **arrays)

    @classmethod
    def load(cls, path: Path | None = None) -> Affect:
        """Read weights (default: those that ship with the package).

        Raises NotFoundError where there is no file, InputError where it holds no weights for this agentmem.
        """
        path = SHIPPED if path is None else Path(path)
        if not path.is_file():
            raise NotFoundError(f"there is no file of arousal weights at {path}; make one: agentmem train arousal CSV")
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                about = json.loads(str(file["about"]))
                if about["format"] != FORMAT:
                    raise ValueError(f"its format is {about['format']!r}, this agentmem reads {FORMAT}")
                return cls(about["embedder"], _linear(file, "with_vector"), _linear(file, "text_only"), about["info"])
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{path} is no file of arousal weights for this agentmem: {error}. Train it anew: "
                f"agentmem train arousal CSV -o {path}"
            ) from error


def arousal(vectors: Vectors, texts: Sequence[str], embedder: str) -> Floats:
    """Return (n,) float32 in [0, 1], how exciting each text reads; `embedder` names what made the vectors."""
    return shipped()(texts, vectors, embedder)[0]


def valence(vectors: Vectors, texts: Sequence[str], embedder: str) -> Floats:
    """Return (n,) float32 in [0, 1], how pleasant each text reads; `embedder` names what made the vectors."""
    return shipped()(texts, vectors, embedder)[1]


def family(embedder: str) -> str:
    """Return the model of an embedder's name without its backend: "all-MiniLM-L6-v2" of ".../onnx-int8"."""
    model, _, backend = embedder.rpartition("/")
    return model if model and backend.startswith(("onnx-", "torch-")) else embedder


@cache
def shipped() -> Affect:
    """Return the weights that ship with the package, read once."""
    return Affect.load()


def _linear(file: Mapping[str, Any], name: str) -> Linear:
    parts = {part: file[f"{name}_{part}"] for part in Linear.__dataclass_fields__}
    tones = (2, len(TONE))
    sizes = {"tone": tones, "bounds": tones, "words": (2, BUCKETS), "bias": (2,), "centre": (2,), "spread": (2,)}
    for part, values in parts.items():
        due = sizes.get(part, (2, *values.shape[1:2]))
        if values.dtype != np.float32 or values.shape != due or not np.isfinite(values).all():
            raise ValueError(f"{name}_{part} is {values.dtype} {values.shape}, finite float32 {due} was due")
    return Linear(**parts)
