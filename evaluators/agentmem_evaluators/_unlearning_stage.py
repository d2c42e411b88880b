"""The spaces of one conversation: one that was told everything, copies of it to forget in, and others told a part."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from agentmem.clock import FixedClock
from agentmem.protocols import Embedder
from agentmem.space import Space
from agentmem.system import open_system
from agentmem.testing.threads import converse
from agentmem.types import Draft, Vectors
from agentmem_evaluators._unlearning_told import Artefact, Told, remember

K = 10
SPACE = "told"


class Shown(NamedTuple):
    """A recalled memory: what it says, the turns it comes from, and its score."""

    text: str
    sources: frozenset[str]
    score: float


class Answered(NamedTuple):
    """What was recalled for a question, best first, and how sure that was."""

    shown: tuple[Shown, ...] = ()
    confidence: float = 0.0


class Stage:
    """Spaces in a folder of their own, a day after the last turn. `ids` lead from origins to what holds everything."""

    def __init__(self, told: Told, embedder: Embedder, weights: Path | None, scratch: Path) -> None:
        self.told = told
        self.embedder = embedder
        self.weights = weights
        self.scratch = scratch
        self.base = scratch / "base"
        said = [d.said_at for d in told.sample.drafts if d.said_at is not None]
        self.now: datetime = max(said) + timedelta(days=1)
        self.vectors: Vectors = embedder([a.draft.text for a in told.artefacts])
        self.sources = {a.origin: a.sources for a in told.artefacts}
        self.order = {a.origin: n for n, a in enumerate(told.artefacts)}
        with self.open(self.base) as space:
            self.ids = remember(space, told.artefacts)
            self.before = {m.id: m for m in space.memories(vectors=True)}
        self.own = self._own()
        self._everything: dict[str, Answered] = {}

    @contextmanager
    def open(self, root: Path) -> Iterator[Space]:
        """Give the space in a root."""
        clock = FixedClock(self.now)
        with open_system(root, embedder=self.embedder, clock=clock, weights=self.weights) as system:
            yield system.space(SPACE)

    @contextmanager
    def copied(self) -> Iterator[Path]:
        """Give a copy of the root of the space that was told everything."""
        with tempfile.TemporaryDirectory(dir=self.scratch, ignore_cleanup_errors=True) as folder:
            yield Path(shutil.copytree(self.base, Path(folder) / "root"))

    def session(self, name: str) -> Path:
        """Return the saved states of an agent that heard a session; made once."""
        kept = self.scratch / f"{name}.db"
        if not kept.exists():
            converse(kept, name, [d for d in self.told.sample.drafts if d.thread == name])
        return kept

    def beside(self, root: Path, name: str) -> Path:
        """Put the saved states of a session beside the space in a root, where its agent would have them."""
        return Path(shutil.copyfile(self.session(name), root / "spaces" / SPACE / "threads.db"))

    def of(self, artefacts: Sequence[Artefact], questions: Sequence[str]) -> list[Answered]:
        """Ask a space that was told these, and nothing else."""
        made = tempfile.TemporaryDirectory(dir=self.scratch, ignore_cleanup_errors=True)
        with made as root, self.open(Path(root)) as space:
            remember(space, artefacts)
            sources = {a.origin: a.sources for a in artefacts}
            return [ask(space, question, sources) for question in questions]

    def of_everything(self, questions: Sequence[str]) -> list[Answered]:
        """Ask the space that was told everything; each question once."""
        new = [question for question in questions if question not in self._everything]
        if new:
            with self.open(self.base) as space:
                self._everything |= {question: ask(space, question, self.sources) for question in new}
        return [self._everything[question] for question in questions]

    def _own(self) -> bytes:
        """Return the bytes of a space that forgot one of two made-up memories and rewrote what came of both, agent too.

        What stands there of words is the store's and LangGraph's own.
        """
        root, said = self.scratch / "own", ("Zuul vrimmed Gozer thrice over.", "Vinz blonked on Tully once more.")
        with self.open(root) as space:
            turns = [Draft(text, speaker="Dana", thread="own", said_at=self.now) for text in said]
            converse(space.path / "threads.db", "own", turns)
            ids = space.remember(turns)
            space.remember(" ".join(said), kind="summary", parents=tuple(ids))
            space.forget(ids[0])
        return b"\0".join(file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file())


def ask(space: Space, question: str, sources: Mapping[str, frozenset[str]]) -> Answered:
    """Return the best ten memories."""
    found = space.recall(question, K, explain=False)
    shown = tuple(Shown(e.memory.text, sources[str(e.memory.origin)], e.score) for e in found)
    return Answered(shown, found.confidence)
