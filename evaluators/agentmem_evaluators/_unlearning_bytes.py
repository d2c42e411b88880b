"""What is left of forgotten memories in the bytes of every file of a root, keys included.

The needles are the product's own (pieces of texts in every form in which programs keep text, telling words, ids,
vectors); what is residue is judged here, in the plainest way: a needle whose words a living memory says as well, or
which a store that never held any of it has in its files too ("features"), is none. That the search sees anything is
controlled twice: in the same folder before the forgetting, and by a canary.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from agentmem.types import Memory
from agentmem.unlearning.needles import needles, words
from agentmem.unlearning.residue import scan


class Left(NamedTuple):
    """Bytes of needles that were found, and what was found in which file."""

    bytes: int
    where: tuple[str, ...]


class Trace:
    """What would betray memories: those that went, and, as they were before, those that were rewritten.

    `own` are bytes of a folder that never held anything of them.
    """

    def __init__(
        self, lost: Sequence[Memory], rewritten: Sequence[Memory], living: Sequence[Memory], own: bytes = b""
    ) -> None:
        said = "\n".join(f"{m.text}\n{m.speaker}\n{m.thread}\n{json.dumps(dict(m.metadata))}" for m in living)
        vectors = b"".join(m.vector.astype("<f4").tobytes() for m in living if m.vector is not None)
        small, low = said.casefold(), own.lower()
        alive: dict[str, bool] = {}

        def kept(plain: str) -> bool:
            if plain not in alive:
                alive[plain] = plain.casefold() in small
            return alive[plain]

        of = [n for m in lost for n in needles(m)]
        of += [n for m in rewritten for n in needles(m) if not n.what.startswith("id")]
        drawn = [n for n in of if n.what.startswith("vector") and n.data not in vectors]
        told = [n for n in of if not n.what.startswith("vector") and not (n.plain and kept(n.plain))]
        alone = words(m.text for m in (*lost, *rewritten)).values()
        self.needles = [*told, *drawn, *(n for n in alone if not (kept(n.plain) or n.data in low))]

    def left(self, root: Path) -> Left:
        """Return what of it lies in the files below a folder."""
        found = scan(root, self.needles)
        return Left(
            sum(len(r.needle.data) for r in found), tuple(f"{r.needle.what} in {r.file.name}" for r in found[:5])
        )
