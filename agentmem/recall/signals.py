"""What recall knows about each candidate of one question, as plain arrays, and the signals computed from them.

Pure arithmetic: no text, no store, no clock and no model. The rows of `Candidates` are the candidates themselves, followed
by memories that stand near them in their threads: those are there for context only and get no score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Array = npt.NDArray[np.float32]
Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Columns over m rows: the first `n` are candidates, the rest their neighbours in the thread (two each way).

    `dense` (m,): cosine with the question. `vectors` (m, dim): unit rows; (m, 0) switches the signals that need them off.
    `counts` (m, T): how often each of the question's T terms occurs; `idf` (T,) >= 0; `lengths` (m,) in terms; `mean_length`
    > 0 over the store. `previous` and `following` (m,): row of the neighbour in the thread, -1 where there is none or it is
    not among the rows. `thread` and `speaker` (m,): codes, -1 for unknown. `position` (m,): place in the thread from 0.
    `said_at`, `event_from`, `event_to` (m,): seconds since 1970, NaN where unknown. `features` (m, F): `text_features`.
    `named` (m,): 1 where the row's speaker is named in the question, 0 where another one is, .5 where nobody is.
    """

    n: int
    dense: Array
    vectors: Array
    counts: Array
    idf: Array
    lengths: Array
    mean_length: float
    previous: Ints
    following: Ints
    thread: Ints
    speaker: Ints
    position: Ints
    said_at: Seconds
    event_from: Seconds
    event_to: Seconds
    features: Array
    named: Array
