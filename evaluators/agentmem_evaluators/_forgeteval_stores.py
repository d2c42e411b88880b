"""Stores by ForgetEval's protocol: reset, inscribe, recall_texts, supersede, release, purge. A space, and references.

A description of what is to go is a noun phrase; the space is asked to forget it in words. A reference that lacks an
operation raises `UnsupportedError`, and the case does not count for it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

import numpy as np

from agentmem.evaluation.replay import Settings
from agentmem.protocols import Embedder
from agentmem.system import System, open_system
from agentmem.types import Memory, Vectors
from agentmem_evaluators._forgetting import ALIKE, carry_out

Answers = Literal["no", "likeliest", "truth"]


class UnsupportedError(Exception):
    """A store has no such operation."""


class Store(Protocol):
    """What the benchmark calls an adapter."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    def reset(self, unwanted: Sequence[str], /) -> None:
        """Begin anew. `unwanted` is what is to be gone in the end: for oracles and truthful answers only."""
        ...

    def inscribe(self, text: str, /) -> None:
        """Take in a fact."""
        ...

    def recall_texts(self, query: str, k: int, /) -> list[str]:
        """Return at most `k` texts for a query, best first."""
        ...

    def supersede(self, description: str, new: str, /) -> None:
        """Put a new fact in the place of what a description means."""
        ...

    def release(self, description: str, /) -> None:
        """Let go of what a description means."""
        ...

    def purge(self, description: str, /) -> None:
        """Forget what a description means, and keep it from coming back."""
        ...


class SpaceStore:
    """A space. `answers` says what becomes of what it would ask about.

    "no": it stays. "likeliest": where nothing is sure, the likeliest goes, as a store takes the nearest. "truth": what
    holds a string that is to be gone goes.
    """

    def __init__(self, settings: Settings, name: str = "agentmem", answers: Answers = "no") -> None:
        self.name = name
        self._settings = settings
        self._answers = answers
        self._root = tempfile.TemporaryDirectory(prefix="agentmem-eval-", ignore_cleanup_errors=True)
        self._system: System | None = None
        self._cases = 0
        self.reset(())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._system is not None:
            self._system.close()
        self._root.cleanup()

    def reset(self, unwanted: Sequence[str]) -> None:
        """Open an empty space."""
        if self._system is not None:
            self._system.close()
        self._cases += 1
        root = Path(self._root.name) / str(self._cases)
        self._system = open_system(root, embedder=self._settings.embedder, weights=self._settings.weights)
        self.space = self._system.space("case")
        self._unwanted = tuple(text.casefold() for text in unwanted)

    def inscribe(self, text: str) -> None:
        """Remember a fact; one that is said on purpose comes in though it was forgotten before."""
        self.space.remember(text, guarded="pass")

    def recall_texts(self, query: str, k: int) -> list[str]:
        """Recall."""
        return list(self.space.recall(query, k, explain=False).texts)

    def supersede(self, description: str, new: str) -> None:
        """Forget the old, then remember the new."""
        self._forget(description, guard=False)
        self.inscribe(new)

    def release(self, description: str) -> None:
        """Forget."""
        self._forget(description, guard=False)

    def purge(self, description: str) -> None:
        """Forget, and keep tombstones."""
        self._forget(description, guard=True)

    def _forget(self, description: str, *, guard: bool) -> None:
        plan = self.space.forgetting.plan(f"Forget {description}")
        likeliest = max(plan.asks, key=lambda item: item.confidence).id if plan.asks and not plan.items else None

        def meant(memory: Memory) -> bool:
            if self._answers == "truth":
                return any(text in memory.text.casefold() for text in self._unwanted)
            return self._answers == "likeliest" and memory.id == likeliest

        carry_out(self.space, plan, meant, guard=guard)


class TextStore:
    """Texts and their vectors, searched by cosine: deletes what is most like a description, of at least `alike`."""

    def __init__(self, embedder: Embedder, name: str = "similarity", alike: float = ALIKE) -> None:
        self.name = name
        self._embedder = embedder
        self._alike = alike
        self._texts: list[str] = []

    def reset(self, unwanted: Sequence[str]) -> None:  # noqa: ARG002 - it is told nothing
        """Empty it."""
        self._texts = []

    def inscribe(self, text: str) -> None:
        """Keep a text."""
        self._texts.append(text)

    def recall_texts(self, query: str, k: int) -> list[str]:
        """Return the nearest."""
        return [text for text, _ in self._nearest(query)[:k]]

    def supersede(self, description: str, new: str) -> None:
        """Delete the nearest, and keep the new one."""
        self.release(description)
        self.inscribe(new)

    def release(self, description: str) -> None:
        """Delete the nearest text, if it is near enough."""
        for text, cosine in self._nearest(description)[:1]:
            if cosine >= self._alike:
                self._texts.remove(text)

    def purge(self, description: str) -> None:
        """Delete every text that is near enough."""
        for text, cosine in self._nearest(description):
            if cosine >= self._alike:
                self._texts.remove(text)

    def _nearest(self, query: str) -> list[tuple[str, float]]:
        if not self._texts:
            return []
        vectors: Vectors = self._embedder(self._texts)
        cosines = vectors @ self._embedder([query])[0]
        return [(self._texts[i], float(cosines[i])) for i in np.argsort(-cosines, kind="stable")]


class Keeper(TextStore):
    """Deletes nothing; of a supersession it keeps both."""

    def release(self, description: str) -> None:
        """Do nothing."""

    purge = release


class Nuke(TextStore):
    """Deletes everything whenever anything is to go."""

    def release(self, description: str) -> None:  # noqa: ARG002 - whatever it was
        """Empty it."""
        self._texts = []

    purge = release


class Null(TextStore):
    """Keeps nothing."""

    def inscribe(self, text: str) -> None:
        """Do nothing."""


class Oracle(TextStore):
    """Cuts what is to be gone out of every text, whatever it is asked."""

    def reset(self, unwanted: Sequence[str]) -> None:
        """Empty it, and learn what is to be gone."""
        self._texts = []
        self._gone = re.compile("|".join(map(re.escape, unwanted)) or "(?!)", re.IGNORECASE)

    def release(self, description: str) -> None:  # noqa: ARG002 - it knows better
        """Cut."""
        cut = (self._gone.sub(" ", text).strip() for text in self._texts)
        self._texts = [text for text in cut if text]

    purge = release
