"""The seams: what an embedder, a store and a retention policy must do to be plugged in.

Optional abilities are second small protocols that are found by `isinstance`; a plugin that lacks one simply does not
have its methods. Each protocol has a conformance kit in `agentmem.testing`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from agentmem.traces import Codes, Traces
from agentmem.types import Draft, Floats, Hit, Memory, MemoryId, Query, Vectors

Rows = npt.NDArray[np.int64]


@runtime_checkable
class Embedder(Protocol):
    """Texts to (n, dim) float32 unit rows. A row depends on its own text alone, never on its neighbours in the call."""

    @property
    def name(self) -> str:
        """What a space records of the embedder that filled it: model and precision."""
        ...

    @property
    def dim(self) -> int:
        """Length of a row."""
        ...

    def __call__(self, texts: Sequence[str], /) -> Vectors:
        """Return one unit row a text, in order; (0, dim) for no texts."""
        ...


@runtime_checkable
class MemoryStore(Protocol):
    """An index over memories. It knows no clock, no model and no other store, and may be thrown away and rebuilt."""

    def add(self, memories: Sequence[Memory]) -> None:
        """Take memories in (with their vectors); a known id is replaced."""
        ...

    def search(self, query: Query, k: int) -> list[Hit]:
        """Return at most `k` hits, best first, ties by id; only ids in `query.allowed` when that is set."""
        ...

    def remove(self, ids: Collection[MemoryId]) -> frozenset[MemoryId]:
        """Drop the ids and return those that were really there."""
        ...

    def __contains__(self, id: object, /) -> bool: ...  # noqa: A002

    def __len__(self) -> int: ...


@runtime_checkable
class Vectorial(Protocol):
    """A store that can give the vectors of its memories back, as it holds them (perhaps quantised)."""

    def vectors(self, ids: Sequence[MemoryId]) -> Vectors:
        """Return (n, dim) rows for the ids; a row of zeros for an id that is not there."""
        ...


@runtime_checkable
class Tiered(Protocol):
    """A `Vectorial` store that keeps the codes of compressed memories (`Memory.code`) in place of their vectors.

    It scores such a memory by the least that the dot product with its full vector can be, and `vectors` gives back what
    the code stands for: a compressed copy never outranks the full one.
    """

    def bounds(self, ids: Sequence[MemoryId], query: Vectors, /) -> tuple[Rows, npt.NDArray[np.float64]]:
        """Return which of the ids are compressed, as places in `ids` (m,), and the score (m,) of each."""
        ...


@runtime_checkable
class Lexical(Protocol):
    """A store that can count the words of a query in any of its memories, and say which memories hold them all."""

    def holding(self, query: Query) -> list[MemoryId]:
        """Return the memories that hold every term of the query, sorted by id; none for a query without terms."""
        ...

    def term_counts(self, query: Query, ids: Sequence[MemoryId]) -> TermCounts:
        """Return how often each distinct term of the query occurs in each memory."""
        ...


@runtime_checkable
class Associative(Protocol):
    """A store that links memories by what they name: it is given memories whole, with cues and parents.

    It knows no model, so it says which phrases it wants vectors of, and takes them.
    """

    def unplaced(self) -> tuple[str, ...]:
        """Return the phrases that have no vector yet, sorted."""
        ...

    def place(self, phrases: Sequence[str], vectors: Vectors, /) -> None:
        """Take the vectors (n, dim) of phrases."""
        ...

    def to_networkx(self) -> Any:
        """Return a networkx.Graph with nodes ("entity", phrase) and ("memory", id)."""
        ...


class TermCounts:
    """Counts of T query terms in n memories, with what BM25 needs to weigh them.

    `counts` (n, T) float32; `idf` (T,) float32 >= 0; `lengths` (n,) float32, terms a memory holds; `mean_length` > 0
    over the whole store.
    """

    __slots__ = ("counts", "idf", "lengths", "mean_length")

    def __init__(self, counts: npt.NDArray[np.float32], idf: Floats, lengths: Floats, mean_length: float) -> None:
        self.counts = counts
        self.idf = idf
        self.lengths = lengths
        self.mean_length = mean_length


@runtime_checkable
class Snapshot(Protocol):
    """A store that can be put on disk and taken back, so that a large space opens quickly.

    `save` writes into an existing, empty folder; `load` replaces what the store holds, and raises `ValueError` for
    files it does not understand: the caller then rebuilds from the ledger.
    """

    def save(self, folder: Path) -> None:
        """Write all that the store holds."""
        ...

    def load(self, folder: Path) -> None:
        """Take back what `save` wrote."""
        ...


@runtime_checkable
class RetentionPolicy(Protocol):
    """How much each memory is still worth keeping, and what a recall changes. Pure arithmetic: no clock, no text.

    Retention never rises while nothing but time passes, and a recall never lowers it, now or later.
    """

    def retention(self, traces: Traces, /) -> Floats:
        """Return (n,) float32 in [0, 1], 1 for what is as fresh as can be; the lowest go first."""
        ...

    def reinforce(self, traces: Traces, /) -> Traces:
        """Return the traces as one recall of each of these memories leaves them."""
        ...


@runtime_checkable
class Staged(Protocol):
    """A policy that says for itself how far each memory should fade."""

    def stages(self, traces: Traces, /) -> Codes:
        """Return (n,) int8, places in `agentmem.traces.STAGES`: active, compressed, summarised, erased."""
        ...


@runtime_checkable
class Condensing(Staged, Protocol):
    """A policy with stages by which a summary stands for what is summarised, and stays when that is erased."""

    @property
    def summariser(self) -> str:
        """The name of the deriver that writes the summaries."""
        ...


@runtime_checkable
class Appraiser(Protocol):
    """A policy that judges a memory once, when it is encoded; the verdict is stored as `Traces.salience`."""

    def appraise(self, features: npt.NDArray[np.float32], vectors: Vectors, embedder: str, /) -> Floats:
        """Return (n,) float32 in [0, 1] for memories with features (n, F) and vectors (n, dim) of that embedder.

        The columns are `agentmem.encoding.features.TEXT_FEATURES`, then `agentmem.encoding.context.CONTEXT_FEATURES`.
        """
        ...


@runtime_checkable
class Deriver(Protocol):
    """How memories become others: facts, summaries, notes. A pure function of the members of a scope.

    So what is derived after something was forgotten is what would have been derived if it had never been there.
    """

    def scopes(self, memory: Memory, /) -> Sequence[str]:
        """Return the groups that a memory is read in ("thread main", "2025-03-04"); none for what is not read."""
        ...

    def derive(self, scope: str, members: Sequence[Memory], /) -> Sequence[Draft]:
        """Return what follows from the members of a scope (vectors included), in ledger order.

        Each draft has a derived kind and names its parents, which are members. Its thread and position are chosen by
        the caller. The same members give the same drafts.
        """
        ...


class Answered(Protocol):
    """Where what a model answered is kept, to be thrown away with every erasure (`agentmem.encoding.answers`)."""

    def get(self, key: str) -> str | None:
        """Return the answer under a key, or None."""
        ...

    def put(self, key: str, answer: str, read: Sequence[Memory]) -> None:
        """Keep an answer to what was `read`, unless some of that is gone meanwhile."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """A deriver that asks a model, and asks nothing twice where it has a file to keep the answers in."""

    def keeping(self, answers: Answered, /) -> Deriver:
        """Return this deriver as one space uses it: with a file of that space, and a count and budget of its own."""
        ...


@runtime_checkable
class Metered(Protocol):
    """A deriver that asks a model, and says what that cost since it was made."""

    @property
    def calls(self) -> int:
        """Calls of the model."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens in and out, as the model reports or as estimated."""
        ...
