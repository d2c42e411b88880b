"""The table of vectors: full ones as float32, those of cold memories as codes in 8 or 4 bits a coordinate.

A code is its size and scales (dim as uint32; length, norm and slack as float32; all little-endian) and then its bytes:
at 384 coordinates 400 bytes in int8 and 208 in int4, where 1536 are full.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agentmem.encoding.quantise import coarser, decode, joined, quantise
from agentmem.errors import LedgerCorruptError
from agentmem.ledger import rows
from agentmem.ledger.connection import Connection
from agentmem.types import LEVELS, TIERS, Floats, Level, Quantised, Tier

_SCALES: Any = np.dtype([("dim", "<u4"), ("length", "<f4"), ("norm", "<f4"), ("slack", "<f4")])
_UNITS: dict[Tier, Any] = {"int8": np.dtype(np.int8), "int4": np.dtype(np.uint8)}


def unpacked(found: Sequence[tuple[int, bytes, int]]) -> dict[int, tuple[Floats, Quantised | None]]:
    """Return the vector of each memory, by seq, and its code if it has one, from rows of (seq, blob, tier).

    Raises LedgerCorruptError for a code that is none.
    """
    read: dict[int, tuple[Floats, Quantised | None]] = {
        seq: (rows.floats(blob), None) for seq, blob, tier in found if not tier
    }
    for name in TIERS:
        cold = [(seq, blob) for seq, blob, tier in found if tier == LEVELS.index(name)]
        if cold:
            codes = [_code(blob, name, seq) for seq, blob in cold]
            whole = decode(joined(name, codes[0].dim, codes))
            read.update({seq: (row, code) for (seq, _), row, code in zip(cold, whole, codes, strict=True)})
    return read


def tiers(db: Connection) -> dict[Level, int]:
    """Return how many memories that can be recalled have their vector in each tier."""
    sql = "SELECT tier, count(*) FROM vectors JOIN memories USING (seq) WHERE suppressed = 0 GROUP BY tier"
    found = dict(db.all(sql))
    return {level: found.get(number, 0) for number, level in enumerate(LEVELS)}


def compressed(db: Connection, held: Sequence[tuple[int, bytes, int]], tier: Tier) -> list[int]:
    """Write rows of (seq, blob, tier) anew in a tier, those in it or below left as they are; return the seqs written.

    The caller holds the transaction.
    """
    goal = LEVELS.index(tier)
    read = unpacked([row for row in held if row[2] < goal])
    full = [seq for seq, (_, code) in read.items() if code is None]
    cold = {seq: code for seq, (_, code) in read.items() if code is not None}
    blobs: dict[int, bytes] = {}
    if full:
        blobs.update(zip(full, packed(quantise(np.stack([read[seq][0] for seq in full]), tier)), strict=True))
    if cold:  # in the one tier between
        finer = next(iter(cold.values()))
        codes = joined(finer.tier, finer.dim, list(cold.values()))
        blobs.update(zip(cold, packed(coarser(codes, tier)), strict=True))
    db.many("UPDATE vectors SET vector = ?, tier = ? WHERE seq = ?", [(b, goal, seq) for seq, b in blobs.items()])
    return list(blobs)


def packed(codes: Quantised) -> list[bytes]:
    """Return a blob a row."""
    scales = np.empty(len(codes), _SCALES)
    scales["dim"], scales["length"] = codes.dim, codes.lengths
    scales["norm"], scales["slack"] = codes.norms, codes.slacks
    return [scale.tobytes() + code.tobytes() for scale, code in zip(scales, codes.codes, strict=True)]


def _code(blob: bytes, tier: Tier, seq: int) -> Quantised:
    size = _SCALES.itemsize
    if len(blob) > size:
        scales = np.frombuffer(blob, _SCALES, 1)
        dim = int(scales["dim"][0])
        code = Quantised(
            tier,
            dim,
            np.frombuffer(blob, _UNITS[tier], offset=size)[None],
            scales["length"],
            scales["norm"],
            scales["slack"],
        )
        plain = np.concatenate([code.lengths, code.norms, code.slacks])
        if code.codes.shape[1] == (dim if tier == "int8" else -(-dim // 2)) and np.isfinite(plain).all():
            return code
    raise LedgerCorruptError(
        f"the {tier} code of memory number {seq} is damaged ({len(blob)} bytes); the memories are all there. Make "
        "every vector anew: agentmem rebuild SPACE --embedder default"
    )
