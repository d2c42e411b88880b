"""Learned salience: keeps what will be asked about, judged once from what a memory says and what was said before it.

A logistic model over ten features and the embedding: `appraise` turns those of a memory into the probability that a
question will ever need it, and `traces.salience` keeps it. The weights are salience.json, trained on conversations
whose questions name their evidence; questions are seen in training alone, where only the evidence ids are read. Train
them anew with `python -m agentmem_stores.retention._salience_training DATA`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentmem.encoding.context import CONTEXT_FEATURES
from agentmem.encoding.features import TEXT_FEATURES
from agentmem.errors import InputError, NotFoundError, VectorError
from agentmem.protocols import RetentionPolicy
from agentmem.traces import Traces
from agentmem.types import Floats, Vectors
from agentmem_stores.retention._arithmetic import Doubles, unit, wide
from agentmem_stores.retention._settings import only

FEATURES = (*TEXT_FEATURES, *CONTEXT_FEATURES)
SHIPPED = Path(__file__).with_name("salience.json")
FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A logit: `intercept` + features @ `weights` (F,) + (vector @ `direction` (dim,) - `offset`).

    The last part counts only for vectors of `embedder`, whatever its precision; it is 0 on average, so without it the
    rest still stands. `info` says how it was trained.
    """

    intercept: float
    weights: Doubles
    direction: Doubles
    offset: float
    embedder: str
    info: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Model:
        """Read a model; raise NotFoundError where there is none, InputError where it is not one for these features."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] != FORMAT:
                raise ValueError(f"its format is {data['format']!r}, this agentmem reads {FORMAT}")
            if tuple(data["features"]) != FEATURES:
                raise ValueError(f"its features are {list(data['features'])}, not {list(FEATURES)}")
            model = cls(
                float(data["intercept"]),
                np.array(list(data["features"].values()), np.float64),
                np.array(data["vector"]["direction"], np.float64),
                float(data["vector"]["offset"]),
                str(data["vector"]["embedder"]),
                dict(data["info"]),
            )
            if not all(np.isfinite(part).all() for part in (*model.numbers, model.weights, model.direction)):
                raise ValueError("not all of its numbers are finite")
        except FileNotFoundError as error:
            raise NotFoundError(f"there is no salience model at {path}; train one: {_train(path)}") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise InputError(
                f"{path} is no salience model for this agentmem: {why}. Train it: {_train(path)}"
            ) from error
        return model

    def save(self, path: Path) -> None:
        """Write the model as JSON that `load` reads; of the direction five digits, which is finer than vectors are."""
        data = {
            "format": FORMAT,
            "intercept": self.intercept,
            "features": dict(zip(FEATURES, self.weights.tolist(), strict=True)),
            "vector": {
                "embedder": self.embedder,
                "offset": self.offset,
                "direction": [float(f"{value:.5g}") for value in self.direction],
            },
            "info": dict(self.info),
        }
        path.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")

    @property
    def numbers(self) -> tuple[float, float]:
        """The two numbers that stand alone."""
        return self.intercept, self.offset

    def knows(self, embedder: str) -> bool:
        """Say whether vectors of that embedder are those the direction was trained on, at whatever precision."""
        return embedder == self.embedder or embedder.startswith(f"{self.embedder}/")

    def logits(self, features: npt.NDArray[np.float32], vectors: Vectors, embedder: str) -> Doubles:
        """Return (n,) the log odds that a question will need it."""
        found = self.intercept + _dots(features, self.weights)
        if self.knows(embedder):
            found += _dots(vectors, self.direction) - self.offset
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Salience:
    """Each use doubles, triples, ... the odds that were appraised; time takes nothing away."""

    model: Model

    def retention(self, traces: Traces) -> Floats:
        """Return (n,) in [0, 1]: s (1 + uses) / (1 + s uses), which is the odds of s times 1 + uses."""
        salience, uses = wide(traces.salience), wide(traces.uses)
        return unit(salience * (1 + uses) / (1 + salience * uses))

    def reinforce(self, traces: Traces) -> Traces:
        """Count the use."""
        return traces.used()

    def appraise(self, features: npt.NDArray[np.float32], vectors: Vectors, embedder: str) -> Floats:
        """Return (n,) in [0, 1]: the probability that a question will ever need it.

        Vectors of an embedder that the model does not know are left out of account. Raises VectorError for features or
        vectors of another size.
        """
        n, known = len(features), self.model.knows(embedder)
        dim = len(self.model.direction)
        if features.shape != (n, len(FEATURES)) or (known and vectors.shape != (n, dim)):
            raise VectorError(
                f"salience is appraised from (n, {len(FEATURES)}) features and (n, {dim}) vectors, but was given "
                f"{features.shape} and {vectors.shape}; join text_features and context_features, and name the embedder"
            )
        logits = np.clip(self.model.logits(features, vectors, embedder), -500, 500)
        return unit(1 / (1 + np.exp(-logits)))


def _dots(rows: npt.NDArray[np.float32], weights: Doubles) -> Doubles:
    """Return rows @ weights, summed so that no row's result depends on its neighbours, as it may in `@`."""
    return np.asarray((rows * weights).sum(axis=1))


def _train(path: Path) -> str:
    return f"python -m agentmem_stores.retention._salience_training DATA -o {path}"


def make(config: Mapping[str, Any]) -> RetentionPolicy:
    """Make the policy; setting: `weights`, the path of a model of your own."""
    only("salience", config, "weights")
    return Salience(Model.load(Path(config.get("weights", SHIPPED))))
