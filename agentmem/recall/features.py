"""What a text says about itself, before any question: the static features of a memory, and those of a question.

`text_features` is computed once, when a memory is encoded, and stored with it. `query_features` is computed once a question.
Both are pure, deterministic and quick (tens of microseconds); neither knows a model, a store or a clock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

TEXT_FEATURES: tuple[str, ...] = (
    "log_length",
    "asks",
    "first_person",
    "digits",
    "names",
    "time_words",
    "places",
    "reasons",
    "small_talk",
    "picture",
)
"""Names of the columns of `text_features`, in order."""

_WORD = re.compile(r"[A-Za-z0-9']+")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")


def text_features(text: str) -> npt.NDArray[np.float32]:
    """Return the static features (F,) float32 of a text, in the order of `TEXT_FEATURES`."""
    raise SystemExit


@dataclass(frozen=True, slots=True)
class QueryFeatures:
    """A question taken apart.

    `content` is the question without the names of the space's speakers: who said something is a column, not a word, so the
    names would only pull the vector and the term counts to memories that address that person. It is what to embed and to
    look up in the lexical store; it is the question itself where nothing would be left. `named` are the speakers the
    question names, `flags` (Q,) say which kind of question it is.
    """

    text: str
    content: str
    named: tuple[str, ...]
    flags: tuple[float, ...]
