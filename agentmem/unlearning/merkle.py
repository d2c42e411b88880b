"""Merkle trees over digests, as of RFC 6962 (2.1): one root for all, and short proofs that one of them is below it.

Leaves and nodes are hashed with different prefixes, so that neither passes for the other. Digests, roots and paths are
hex of 32 bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def root(digests: Sequence[str]) -> str:
    """Return the root of a tree over the digests, in their order; of none, the hash of nothing."""
    if not digests:
        return hashlib.sha256(b"").hexdigest()
    return _tree([_leaf(d) for d in digests]).hex()


def path(digests: Sequence[str], index: int) -> list[str]:
    """Return the hashes beside the way from leaf `index` up to the root, from below."""
    return [node.hex() for node in _path([_leaf(d) for d in digests], index)]


def leads_to(digest: str, index: int, of: int, beside: Sequence[str], top: str) -> bool:
    """Say whether `digest` is leaf `index` of `of` below `top`, by the hashes beside its way (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < of:
        return False
    node, place, last = _leaf(digest), index, of - 1
    for other in map(bytes.fromhex, beside):
        if last == 0:
            return False
        if place & 1 or place == last:
            node = _node(other, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = _node(node, other)
        place, last = place >> 1, last >> 1
    return last == 0 and node.hex() == top


def _leaf(digest: str) -> bytes:
    return hashlib.sha256(b"\0" + bytes.fromhex(digest)).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _split(count: int) -> int:
    """Return the largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _tree(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return _node(_tree(leaves[:k]), _tree(leaves[k:]))


def _path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*_path(leaves[:k], index), _tree(leaves[k:])]
    return [*_path(leaves[k:], index - k), _tree(leaves[:k])]
