"""What a retention policy may look at: the traces that use and encoding leave of n memories, as arrays.

Pure values, in the order of the memories they belong to. No text, no question and no clock is among them: retention is
judged blind, and time is in days that somebody else counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from agentmem.errors import InputError
from agentmem.types import KINDS, Floats, Kind

Counts = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]

Stage = Literal["active", "compressed", "summarised", "erased"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""The fading path, one way; a stage's place here is its code."""

STABILITY_MIN = 1e-3
"""Days; a stability of zero would be no memory at all."""
DIFFICULTY_MIN, DIFFICULTY_MAX = 1.0, 10.0

_UNIT = (0.0, 1.0)
_RANGES: dict[str, tuple[float, float]] = {
    "age": (0.0, np.inf),
    "rest": (0.0, np.inf),
    "uses": (0, np.inf),
    "unused": (0, np.inf),
    "arousal": _UNIT,
    "importance": _UNIT,
    "surprise": _UNIT,
    "specificity": _UNIT,
    "centrality": _UNIT,
    "salience": _UNIT,
    "relevance": _UNIT,
    "stability": (STABILITY_MIN, np.inf),
    "difficulty": (DIFFICULTY_MIN, DIFFICULTY_MAX),
    "size": (0, np.inf),
    "kind": (0, len(KINDS) - 1),
}
_DTYPES: dict[str, Any] = {
    "uses": np.int64,
    "unused": np.int64,
    "size": np.int64,
    "kind": np.int8,
    "protected": np.bool_,
}
_DEFAULTS: dict[str, Any] = {
    "age": 0.0,
    "uses": 0,
    "unused": 0,
    "arousal": 0.5,
    "importance": 0.5,
    "surprise": 0.5,
    "specificity": 0.5,
    "centrality": 0.0,
    "salience": 0.5,
    "relevance": 0.0,
    "stability": 1.0,
    "difficulty": 5.0,
    "size": 0,
    "kind": KINDS.index("turn"),
    "protected": False,
}


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """Columns of length n; all are finite, and read-only views of what was passed in.

    Time, in days, float32 >= 0: `age` since it was said; `rest` since it was last of use, which is `age` where it never
    was. Counts, int64 >= 0: `uses`, how often it was recalled to answer; `unused`, how often it was only the runner-up.

    Signals, float32 in [0, 1], neutral where unknown: `arousal` (.5: neither calm nor excited), `importance` (.5),
    `surprise` (.5), `specificity` (.5), `salience` (.5; the value of keeping it, appraised once at encoding),
    `centrality` (0: its share of the largest PageRank), `relevance` (0: there is no question).

    State that a policy's `reinforce` may change, float32: `stability` in days, >= .001, 1 for a new memory;
    `difficulty` in [1, 10], 5 for a new memory.

    The rest: `size` in bytes, int64; `kind`, int8 places in `agentmem.types.KINDS`; `protected`, bool: a policy need
    not spare these, the sweep does.

    Raises InputError naming the column that has the wrong length, a nan or a value out of its range.
    """

    age: Floats
    rest: Floats
    uses: Counts
    unused: Counts
    arousal: Floats
    importance: Floats
    surprise: Floats
    specificity: Floats
    centrality: Floats
    salience: Floats
    relevance: Floats
    stability: Floats
    difficulty: Floats
    size: Counts
    kind: Codes
    protected: Flags

    def __post_init__(self) -> None:
        for field in fields(self):
            column = _checked(field.name, getattr(self, field.name))
            if len(column) != len(self):
                raise InputError(
                    f"traces of {len(self)} memories have a {field.name} of {len(column)}; pass one a memory"
                )
            object.__setattr__(self, field.name, column)

    @classmethod
    def of(cls, n: int, **columns: Any) -> Traces:
        """Return the traces of n memories; a single number is everybody's, what is left out has its neutral default.

        Raises InputError for a column that there is not, and as the constructor does.
        """
        unknown = sorted(columns.keys() - {field.name for field in fields(cls)})
        if unknown:
            raise InputError(f"traces have no {', '.join(unknown)}; they have {', '.join(f.name for f in fields(cls))}")
        if n < 0:
            raise InputError(f"there cannot be {n} memories; pass 0 or more")
        given = {**_DEFAULTS, **columns}
        given.setdefault("rest", given["age"])
        return cls(**{name: np.full(n, value) if np.ndim(value) == 0 else value for name, value in given.items()})

    def take(self, rows: Sequence[int] | npt.NDArray[Any]) -> Traces:
        """Return the traces of some rows, in that order; a mask of n booleans works too."""
        chosen = np.asarray(rows)
        chosen = chosen if chosen.dtype == np.bool_ else chosen.astype(np.intp)
        return Traces(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def after(self, days: float) -> Traces:
        """Return the traces as they are when so many days more have passed without any use."""
        return replace(self, age=self.age + np.float32(days), rest=self.rest + np.float32(days))

    def used(self, **changes: Any) -> Traces:
        """Return the traces after one use of each: one more in `uses`, no `rest`, and what else changes."""
        return replace(self, uses=self.uses + 1, rest=np.zeros_like(self.rest), **changes)

    def of_kind(self, kind: Kind) -> Flags:
        """Say which memories (n,) are of a kind."""
        return np.asarray(self.kind == KINDS.index(kind), bool)

    def __len__(self) -> int:
        return len(self.age)


def _checked(name: str, values: Any) -> npt.NDArray[Any]:
    """Return a read-only column of the right type; raise InputError for one that cannot be used."""
    given = np.asarray(values)
    if given.ndim != 1:
        raise InputError(f"{name} of traces has {given.ndim} dimensions; it is one number a memory")
    if given.dtype.kind not in "biuf":
        raise InputError(f"{name} of traces holds {given.dtype}; it holds numbers")
    if not np.isfinite(given).all():
        raise InputError(f"{name} of traces holds nan or inf; leave the column out where it is not known")
    low, high = _RANGES.get(name, _UNIT)
    if len(given) and not (low <= given.min() and given.max() <= high):
        span = f"{low:g} or more" if high == np.inf else f"from {low:g} to {high:g}"
        raise InputError(f"{name} of traces reaches from {given.min():g} to {given.max():g}; it must be {span}")
    column = np.asarray(given, _DTYPES.get(name, np.float32)).view()
    column.setflags(write=False)
    return column
