"""Signals to one score: a linear model whose weights are data, so that every hit can say what moved it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from agentmem.errors import InputError, NotFoundError
from agentmem.recall.association import looked_twice
from agentmem.recall.confidence import MARKS, Confidence, marks
from agentmem.recall.features import QueryFeatures
from agentmem.recall.signals import SIGNALS, Array, Candidates, signals

SHIPPED = Path(__file__).with_name("weights.json")
FORMAT = 1
RETENTION = "retention"
"""The signal that `faded` adds; its weight belongs to the space, not to the trained ones."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One weight a signal, in the order of `SIGNALS`; the model of confidence; and how they were trained (`info`)."""

    values: tuple[float, ...]
    confidence: Confidence = field(default_factory=Confidence)
    info: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None = None) -> Weights:
        """Read weights from a file (default: those that ship with the package).

        Raises NotFoundError where there is none, InputError where it is not a file of weights for these signals.
        """
        path = SHIPPED if path is None else Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise NotFoundError(
                f"there is no file of recall weights at {path}; make one with `agentmem tune`"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the recall weights {path} cannot be read: {error}") from error
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                raise ValueError(f"its format is {data['format']!r}, this agentmem reads {FORMAT}")
            model = data["confidence"]
            return cls(
                _values(data["signals"], SIGNALS, "signals"),
                Confidence(_finite(model["intercept"], "intercept"), _values(model["marks"], MARKS, "marks")),
                dict(data["info"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise InputError(
                f"{path} is no file of recall weights for this agentmem: {why}. "
                f"Train it anew: agentmem tune DATA -o {path}"
            ) from error

    def save(self, path: Path) -> None:
        """Write the weights as JSON that `load` reads; the numbers come back exactly."""
        data = {
            "format": FORMAT,
            "signals": dict(zip(SIGNALS, self.values, strict=True)),
            "confidence": {
                "intercept": self.confidence.intercept,
                "marks": dict(zip(MARKS, self.confidence.values, strict=True)),
            },
            "info": dict(self.info),
        }
        path.write_text(json.dumps(data, indent=2, allow_nan=False) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """Scores (n,) of the candidates, what each signal contributed (n, S) with its names, and the confidence in [0, 1].

    A score is the sum of its contributions; both are relative to the mean candidate, so 0 says "like the others".
    """

    scores: Array
    contributions: Array
    names: tuple[str, ...]
    confidence: float


def fuse(candidates: Candidates, query: QueryFeatures, weights: Weights) -> Fused:
    """Score the candidates of one question; deterministic, and never nan for finite columns."""
    if not candidates.n:
        empty = np.zeros((0, len(SIGNALS)), np.float32)
        return Fused(empty.sum(1), empty, SIGNALS, 0.0)
    values = np.array(weights.values, np.float32)
    contributions = looked_twice(signals(candidates, query), candidates.vectors, values) * values
    found = marks(candidates, without_speaker(contributions))
    return Fused(contributions.sum(1), contributions, SIGNALS, weights.confidence(found))


def faded(fused: Fused, worth: Array) -> Fused:
    """Return the scores with what each memory is still worth (n,) added, less its mean: a signal called "retention".

    All worth the same: `fused` itself. The confidence stays, as what a memory is worth says nothing about the question.
    """
    if not len(worth) or worth.min() == worth.max():
        return fused
    column = (worth - worth.mean(dtype=np.float64)).astype(np.float32)
    contributions = np.concatenate([fused.contributions, column[:, None]], axis=1)
    return Fused(fused.scores + column, contributions, (*fused.names, RETENTION), fused.confidence)


def without_speaker(contributions: Array) -> Array:
    """Return the scores (n,) as they were if it did not matter who said it."""
    return np.asarray(contributions.sum(1) - contributions[:, SIGNALS.index("speaker")])


def _values(found: Mapping[str, Any], names: tuple[str, ...], what: str) -> tuple[float, ...]:
    if set(found) != set(names):
        missing, unknown = sorted(set(names) - set(found)), sorted(set(found) - set(names))
        raise ValueError(f"its {what} do not match (missing: {missing or 'none'}, unknown: {unknown or 'none'})")
    return tuple(_finite(found[name], name) for name in names)


def _finite(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}, not a finite number")
    return float(value)
