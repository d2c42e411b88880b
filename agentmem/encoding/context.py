"""What a turn owes to the turns before it: the features of a memory that its own text cannot tell.

Causal: nothing said later counts. A turn's features depend on the `WINDOW` turns before it, so whoever erases a turn
must compute them anew for the next `WINDOW` turns if nothing of the erased one may remain in them.
"""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from agentmem.encoding.features import READ
from agentmem.encoding.words import terms

CONTEXT_FEATURES: tuple[str, ...] = ("log_length", "answers", "new_words")
"""Names of the columns of `context_features`, in order."""

WINDOW = 200
"""Turns of the space that are looked back on: 200 told better what will be asked than 50 or 100, and 400 no better."""

_ATTACHED = re.compile(r"\[shares? [^\]]*\]", re.IGNORECASE)

Said = tuple[str, str]
"""The thread of a turn, and its text."""


def context_features(turns: Sequence[Said], before: Iterable[Said] = ()) -> npt.NDArray[np.float32]:
    """Return the features (n, F) float32 of turns in the order they were said, after those of `before`.

    `log_length` is log(1 + characters); `answers` is 1 where the turn before it in its thread, if that is among the
    `WINDOW` turns before it, ends in a question mark; `new_words` is log(1 + distinct terms that none of those turns
    holds). Of a longer document the beginning speaks for the rest, and descriptions of attachments in square brackets
    count for nothing, as in `text_features`.
    """
    recent: deque[frozenset[str]] = deque()
    holders: Counter[str] = Counter()
    asked: dict[str, int] = {}  # where the last turn of a thread is, for threads that end in a question
    rows = np.zeros((len(turns), len(CONTEXT_FEATURES)), np.float32)
    earlier = list(before)[-WINDOW:]
    for row, (thread, text) in enumerate((*earlier, *turns), start=-len(earlier)):
        said = _ATTACHED.sub(" ", text[:READ]).strip()
        words = frozenset(terms(said))
        if row >= 0:
            new = sum(1 for word in words if not holders[word])
            answers = row - asked.get(thread, -3 * WINDOW) <= WINDOW
            rows[row] = math.log1p(len(said)), answers, math.log1p(new)
        asked.pop(thread, None)
        if said.endswith("?"):
            asked[thread] = row
        recent.append(words)
        holders.update(words)
        if len(recent) > WINDOW:
            holders.subtract(recent.popleft())
    return rows
