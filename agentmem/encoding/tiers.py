"""Compressed vectors by id, in two tiers, searched as one: what fades takes less room and never gains rank."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from agentmem.encoding.quantise import Matrix, corrected, decode, joined
from agentmem.errors import MemoryNotFoundError, VectorError
from agentmem.protocols import Rows
from agentmem.types import TIERS, Hit, MemoryId, Quantised, Tier, Vectors

_NOISE = 1e-4
"""How far a quick score may be off, in lengths: 1e-6 in a cosine near 1 moves a corrected one by 2e-5."""


class Tiers:
    """Rows by id, each in one tier; not safe to share between threads while it changes.

    `spare` is what a full copy may lose by its own rounding, in cosine: every score is so much lower.
    """

    def __init__(self, dim: int, spare: float = 0.0) -> None:
        self.dim = dim
        self.spare = spare
        self._ids: dict[Tier, list[MemoryId]] = {tier: [] for tier in TIERS}
        self._codes: dict[Tier, Quantised] = {tier: joined(tier, dim, ()) for tier in TIERS}
        self._place: dict[MemoryId, tuple[Tier, int]] = {}

    def put(self, ids: Sequence[MemoryId], codes: Sequence[Quantised]) -> None:
        """Take codes of one row each in, known ids replaced; of an id given twice the last counts.

        Raises VectorError for codes of another size, and then changes nothing.
        """
        for i, code in zip(ids, codes, strict=True):
            if len(code) != 1 or code.dim != self.dim:
                raise VectorError(
                    f"memory {i} has a code of {len(code)} rows of {code.dim} where one row of {self.dim} was due; "
                    "encode it with the embedder that filled the space"
                )
        last = dict(zip(ids, codes, strict=True))
        self.remove(last)
        for tier in TIERS:
            fresh = {i: code for i, code in last.items() if code.tier == tier}
            if fresh:
                self.fill(list(fresh), joined(tier, self.dim, list(fresh.values())))

    def fill(self, ids: Sequence[MemoryId], codes: Quantised) -> None:
        """Take rows of one tier whose ids are not held. Raises VectorError for what does not fit, and takes none."""
        width = self.dim if codes.tier == "int8" else -(-self.dim // 2)
        sizes = {len(ids), len(set(ids)), len(codes.lengths), len(codes.norms), len(codes.slacks)}
        if codes.dim != self.dim or codes.codes.shape != (len(ids), width) or len(sizes) > 1:
            raise VectorError(
                f"{codes.tier} codes of shape {codes.codes.shape} do not fit {len(ids)} ids of {self.dim}"
            )
        held = self._ids[codes.tier]
        self._place.update({i: (codes.tier, row) for row, i in enumerate(ids, len(held))})
        held.extend(ids)
        self._codes[codes.tier] = joined(codes.tier, self.dim, (self._codes[codes.tier], codes))

    def held(self, tier: Tier) -> tuple[list[MemoryId], Quantised]:
        """Return the ids and rows of a tier."""
        return list(self._ids[tier]), self._codes[tier]

    def remove(self, ids: Collection[MemoryId]) -> frozenset[MemoryId]:
        """Drop rows, and return the ids that were there; nothing of them stays in any array."""
        gone = frozenset(i for i in ids if i in self._place)
        for tier in {self._place.pop(i)[0] for i in gone}:
            kept = [row for row, i in enumerate(self._ids[tier]) if i not in gone]
            self._ids[tier] = [self._ids[tier][row] for row in kept]
            self._codes[tier] = self._codes[tier][np.array(kept, np.int64)]
            self._place.update({i: (tier, row) for row, i in enumerate(self._ids[tier])})
        return gone

    def tier(self, id: MemoryId) -> Tier:  # noqa: A002 - the name in the protocols
        """Return the tier of a row. Raises MemoryNotFoundError for an id not held."""
        try:
            return self._place[id][0]
        except KeyError as error:
            raise MemoryNotFoundError(f"no code of memory {id} is held; put it first") from error

    def vectors(self, ids: Sequence[MemoryId]) -> Vectors:
        """Return (n, dim) float32 what the rows stand for. Raises MemoryNotFoundError for an id not held."""
        found = np.empty((len(ids), self.dim), np.float32)
        for tier in {self.tier(i) for i in ids}:
            places, rows = self._where(ids, tier)
            found[places] = decode(self._codes[tier][rows])
        return found

    def bounds(self, ids: Sequence[MemoryId], query: Vectors) -> tuple[Rows, Matrix]:
        """Return which of the ids are held, as places (m,), and the least dot product (m,) of each with the query.

        Raises VectorError for a query of another size.
        """
        found = np.full(len(ids), -np.inf)
        for tier in TIERS:
            places, rows = self._where(ids, tier)
            if len(rows):
                found[places] = corrected(self._codes[tier][rows], query, self.spare)
        held = np.flatnonzero(found > -np.inf)
        return held, found[held]

    def search(self, query: Vectors, k: int, allowed: frozenset[MemoryId] | None = None) -> list[Hit]:
        """Return the min(k, size) best of the rows that are allowed (None: all), ties by id, as `bounds` scores them.

        Raises VectorError for a query of another size.
        """
        hits: list[Hit] = []
        for tier in TIERS:
            ids, codes = self._ids[tier], self._codes[tier]
            if allowed is not None:
                rows = self._where(sorted(allowed), tier)[1]
                ids, codes = [ids[row] for row in rows.tolist()], codes[rows]
            if 0 < k < len(ids):
                # quick scores say who may be among the k best, and those are scored in one fixed order
                rough = corrected(codes, query, self.spare, quick=True)
                noise = _NOISE * float(np.linalg.norm(query)) * float(codes.lengths.max())
                likely = np.flatnonzero(rough >= np.partition(rough, -k)[-k] - noise)
                ids, codes = [ids[row] for row in likely.tolist()], codes[likely]
            if ids:
                hits += map(Hit, ids, corrected(codes, query, self.spare).tolist())
        hits.sort(key=lambda hit: (-hit.score, hit.id))
        return hits[: max(k, 0)]

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return sum(rows.nbytes for rows in self._codes.values())

    def __contains__(self, id: object) -> bool:  # noqa: A002 - the name in the protocols
        return id in self._place

    def __len__(self) -> int:
        return len(self._place)

    def _where(self, ids: Sequence[MemoryId], tier: Tier) -> tuple[Rows, Rows]:
        """Return at which places of `ids` are rows of a tier, and which rows."""
        none = (None, -1)
        found = [(place, row) for place, i in enumerate(ids) for at, row in (self._place.get(i, none),) if at == tier]
        pairs = np.array(found, np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]
