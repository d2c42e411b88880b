"""Let a conversation fade under a policy, on arrays: what a space that is swept after every thread would still hold.

Blind by construction: `Told` is made from what was said and when; no question comes near it. After each thread, at its
date, the policy scores all that is still there and the lowest go, for good, until no more is left than the budget
allows of all that was said so far. Signals that look back on earlier turns are computed anew from those that are left,
as a space computes them after an erasure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol

import numpy as np
import numpy.typing as npt

from agentmem.encoding.arousal import arousal
from agentmem.encoding.context import context_features
from agentmem.encoding.features import text_features
from agentmem.protocols import Appraiser, Embedder, RetentionPolicy
from agentmem.retention.budget import Budget, over
from agentmem.retention.signals import importance, specificity, surprise
from agentmem.traces import Counts, Flags, Traces
from agentmem.types import Draft, Floats, Vectors

Rows = npt.NDArray[np.intp]
"""Places of turns in their conversation, ascending."""
Doubles = npt.NDArray[np.float64]

DAY = timedelta(days=1)


class Ranking(Protocol):
    """Says how much each of some turns is worth keeping at a moment."""

    def __call__(self, told: Told, rows: Rows, now: datetime, /) -> Floats:
        """Return (n,) values in [0, 1]; the lowest go first."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """A conversation of n turns as memory sees it; signals (n,) that each text has by itself are computed once.

    `threads` are the end of each thread's rows and the moment at which it is swept, never earlier than the one before.
    """

    drafts: tuple[Draft, ...]
    moments: tuple[datetime, ...]
    threads: tuple[tuple[int, datetime], ...]
    embedder: str
    vectors: Vectors
    features: Floats
    size: Counts
    arousal: Floats
    importance: Floats
    specificity: Floats
    _seen: dict[bytes, tuple[Floats, Floats]] = field(default_factory=dict, repr=False)

    def traces(self, rows: Rows, now: datetime, appraiser: Appraiser | None) -> Traces:
        """Return what a policy may look at if only these rows are left; nothing was ever recalled.

        `salience` is the appraiser's verdict, neutral without one.
        """
        context, new = self._context(rows)
        columns: dict[str, Floats] = {}
        if appraiser is not None:
            features = np.concatenate([self.features[rows], context], axis=1)
            columns["salience"] = appraiser.appraise(features, self.vectors[rows], self.embedder)
        return Traces.of(
            len(rows),
            age=np.array([max((now - self.moments[row]) / DAY, 0.0) for row in rows]),
            arousal=self.arousal[rows],
            importance=self.importance[rows],
            surprise=new,
            specificity=self.specificity[rows],
            size=self.size[rows],
            **columns,
        )

    def _context(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return the features (n, C) and surprise (n,) that turns have among themselves; kept, as policies agree."""
        key = rows.tobytes()
        if key not in self._seen:
            said = [(self.drafts[row].thread, self.drafts[row].text) for row in rows]
            self._seen[key] = context_features(said), surprise(self.vectors[rows])
        return self._seen[key]


def told(drafts: Sequence[Draft], embedder: Embedder) -> Told:
    """Return a conversation as memory sees it. Each draft needs its `said_at`, and threads follow one another."""
    texts = [draft.text for draft in drafts]
    moments = [draft.said_at for draft in drafts if draft.said_at is not None]
    vectors = embedder(texts)
    features = np.stack([text_features(text) for text in texts])
    threads: list[tuple[int, datetime]] = []
    end, now = 0, moments[0]
    for _, turns in groupby(drafts, key=lambda draft: draft.thread):
        begin, end = end, end + len(list(turns))
        now = max(now, *moments[begin:end])
        threads.append((end, now))
    return Told(
        tuple(drafts),
        tuple(moments),
        tuple(threads),
        embedder.name,
        vectors,
        features,
        np.array([len(text.encode()) + vectors[0].nbytes for text in texts]),
        np.asarray(np.clip(arousal(vectors, texts, embedder.name), 0, 1), np.float32),
        importance(features),
        specificity(features),
    )


def sweeps(of: Told, ranking: Ranking, budget: float) -> Iterator[Rows]:
    """Yield the rows that go after each thread when every thread is followed by a sweep to `budget` (0 to 1)."""
    living = np.empty(0, np.intp)
    begin = 0
    for end, moment in of.threads:
        living = np.concatenate([living, np.arange(begin, end)])
        gone = _over(of, ranking, budget, living, end, moment)
        yield living[gone]
        living, begin = living[~gone], end


def survivors(of: Told, ranking: Ranking, budget: float) -> Rows:
    """Return the rows that are left at the end of these sweeps."""
    return np.setdiff1d(np.arange(len(of.drafts)), np.concatenate(list(sweeps(of, ranking, budget))))


def survivors_at_once(of: Told, ranking: Ranking, budget: float) -> Rows:
    """Return the rows that are left when nothing fades before the end, and then all at once."""
    end, moment = of.threads[-1]
    living = np.arange(end)
    return living[~_over(of, ranking, budget, living, end, moment)]


def _over(of: Told, ranking: Ranking, budget: float, living: Rows, ever: int, now: datetime) -> Flags:
    spared = np.zeros(len(living), np.bool_)
    return over(Budget(share=budget), ranking(of, living, now), of.size[living], spared, ever)


def by_policy(policy: RetentionPolicy, appraiser: Appraiser | None) -> Ranking:
    """Return the ranking of a policy; one that appraises memories itself is given its own verdict."""
    own = policy if isinstance(policy, Appraiser) else appraiser

    def ranking(of: Told, rows: Rows, now: datetime, /) -> Floats:
        return policy.retention(of.traces(rows, now, own))

    return ranking


def by_age(of: Told, rows: Rows, now: datetime, /) -> Floats:
    """Rank the newest first, as any buffer does; of those of one moment the sweep keeps the later ones."""
    return np.array([1 / (1 + max((now - of.moments[row]) / DAY, 0.0)) for row in rows], np.float32)


def by_value(values: Doubles) -> Ranking:
    """Return the ranking by values (n,) in [0, 1] that the turns of one conversation have for good."""

    def ranking(_: Told, rows: Rows, _now: datetime, /) -> Floats:
        return np.asarray(values[rows], np.float32)

    return ranking
