"""The embedder of a space: the one that filled it, opened when first needed; vectors of two embedders never mix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agentmem import config
from agentmem.encoding.encoder import RULES, checked
from agentmem.errors import EmbedderMismatchError
from agentmem.ledger import Ledger
from agentmem.protocols import Embedder
from agentmem.types import Vectors

KEPT = 8
"""Texts whose vectors are kept, the last ones."""


class SpaceEmbedder:
    """Opens, checks and records the embedder of one space. The space calls it under its lock."""

    def __init__(self, ledger: Ledger, space: str, wanted: str | Embedder) -> None:
        self._ledger = ledger
        self._space = space
        self._wanted = wanted
        self._opened: Embedder | None = None
        self._sparing: _Sparing | None = None
        if wanted != config.EMBEDDER:
            self()

    def __call__(self) -> Embedder:
        """Return it, opened. Raises EmbedderMismatchError, ModelNotFoundError."""
        if self._opened is None:
            recorded = self.recorded
            wanted = recorded if recorded is not None and self._wanted == config.EMBEDDER else self._wanted
            embedder = opened(wanted)
            self._check(embedder)
            self._opened = embedder
        return self._opened

    def sparing(self, embedder: Embedder) -> Embedder:
        """Return an embedder that is spared the last few texts that it has encoded, until anything is erased."""
        if self._sparing is None or self._sparing.embedder is not embedder:
            self._sparing = _Sparing(embedder)
        return self._sparing

    @property
    def recorded(self) -> str | None:
        """The name of the embedder that filled the space; None while it is empty."""
        name: str | None = self._ledger.meta("embedder")
        return name

    def check(self) -> None:
        """Take in that the space has changed. Raises EmbedderMismatchError if another embedder has encoded it anew."""
        self._sparing = None
        if self._opened is not None:
            self._check(self._opened)

    def record(self, embedder: Embedder) -> None:
        """Note what fills the space, the first time; raise EmbedderMismatchError if another was quicker."""
        if self.recorded is None:  # nothing was written yet
            self._ledger.note_once("rules", RULES)
        if self._ledger.note_once("embedder", embedder.name) != embedder.name:
            self._check(embedder)
        self._ledger.note_once("dim", embedder.dim)

    def change(self, embedder: Embedder) -> None:
        """Use another from now on; the caller has encoded the space anew with it."""
        self._opened, self._wanted = embedder, embedder.name

    def _check(self, embedder: Embedder) -> None:
        recorded = self.recorded
        if recorded is not None and recorded != embedder.name:
            self._opened = None
            raise EmbedderMismatchError(
                f"the space {self._space!r} was filled by the embedder {recorded!r} and cannot be read with "
                f"{embedder.name!r}: "
                f"their vectors do not compare. Open it without naming an embedder, or encode all of it anew with: "
                f"agentmem rebuild {self._space} --embedder {embedder.name}"
            )


class _Sparing:
    """An embedder that keeps the vectors of the last few texts: what was just asked is often remembered next.

    A vector depends on its text alone, so one does for both.
    """

    def __init__(self, embedder: Embedder) -> None:
        self.name, self.dim = embedder.name, embedder.dim
        self.embedder = embedder
        self.kept: dict[str, Vectors] = {}

    def __call__(self, texts: Sequence[str]) -> Vectors:
        if len(texts) > KEPT:
            return self.embedder(texts)
        kept = self.kept
        new = [text for text in dict.fromkeys(texts) if text not in kept]
        made = dict(zip(new, checked(self.embedder(new), len(new), self.embedder), strict=True)) if new else {}
        known = {**kept, **made}
        self.kept = dict([*known.items()][-KEPT:])
        return np.stack([known[text] for text in texts])


def opened(embedder: str | Embedder) -> Embedder:
    """Return the embedder, opened if it is a name."""
    if not isinstance(embedder, str):
        return embedder
    from agentmem.encoding.embedders import open_embedder

    return open_embedder(embedder)
