"""Labelled questions as training sees them: the very columns the engine would rank, and which of them are evidence."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agentmem import config
from agentmem.encoding.encoder import encode
from agentmem.formats.locomo import Sample
from agentmem.ledger import Ledger
from agentmem.protocols import Embedder
from agentmem.recall import engine
from agentmem.recall.indexes import Indexes
from agentmem.recall.signals import Array, Candidates, signals
from agentmem.types import Filter

ADVERSARIAL = "5"
"""The category of questions that the conversation does not answer."""

FOREIGN = 60
"""Questions of other conversations that are asked of each, spread evenly over them."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One question: its candidates, their signals (n, S), which of them are evidence (n,), out of `total`.

    `foreign` marks a question of another conversation, which therefore has no answer in this one.
    """

    conversation: str
    category: int
    foreign: bool
    candidates: Candidates
    signals: Array
    relevant: npt.NDArray[np.bool_]
    total: int

    @property
    def answerable(self) -> bool:
        """Whether the conversation holds the answer."""
        return not self.foreign and str(self.category) != ADVERSARIAL

    @property
    def ranks(self) -> bool:
        """Whether it teaches ranking: it has an answer, and evidence for it."""
        return self.answerable and self.total > 0


def collect(sample: Sample, embedder: Embedder, strangers: Iterable[str] = ()) -> list[Problem]:
    """Return the problems of a conversation, by remembering it in a scratch ledger and asking the real engine."""
    drafts = sample.drafts
    now = max(draft.said_at for draft in drafts if draft.said_at is not None) + timedelta(days=1)
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "ledger.db")
        try:
            committed = ledger.commit(drafts, encode(drafts, embedder), now)
            id_of = {draft.origin: found for draft, found in zip(drafts, committed.ids, strict=True)}
            indexes = Indexes(ledger, Path(folder), config.STORES)
            indexes.catch_up()
            asked: list[tuple[str, int, tuple[str, ...], bool]]
            asked = [(q.question, int(q.category), q.evidence, False) for q in sample.questions]
            asked += [(question, 0, (), True) for question in strangers]
            for question, category, evidence, stranger in asked:
                seen = engine.look(question, embedder, indexes, asked=Filter(), now=now)
                if seen is None:
                    continue
                gold = {id_of[sample.origins[e]] for e in evidence}
                ids = [indexes.catalog.ids[row] for row in seen.pool]
                vectors = seen.candidates.vectors
                problems.append(
                    Problem(
                        sample.id,
                        category,
                        stranger,
                        # half precision: the vectors of all candidates of all questions are kept while training
                        replace(seen.candidates, vectors=None if vectors is None else vectors.astype(np.float16)),
                        signals(seen.candidates, seen.features),
                        np.array([i in gold for i in ids], bool),
                        len(gold),
                    )
                )
        finally:
            ledger.close()
    return problems


def foreign(samples: Sequence[Sample], home: Sample) -> list[str]:
    """Return answerable questions of the other conversations, their speakers' names replaced by those of this one."""
    here = _speakers(home)
    found = []
    for sample in samples:
        if sample.id == home.id:
            continue
        names = dict(zip(_speakers(sample), here, strict=False))
        for question in sample.questions:
            if str(question.category) != ADVERSARIAL and question.evidence:
                text = question.question
                for there, name in names.items():
                    text = re.sub(rf"\b{re.escape(there)}\b", name, text)
                found.append(text)
    return [found[place] for place in np.linspace(0, len(found) - 1, min(FOREIGN, len(found))).astype(int)]


def _speakers(sample: Sample) -> list[str]:
    return list(dict.fromkeys(draft.speaker for draft in sample.drafts if draft.speaker))
