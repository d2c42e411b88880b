"""Which memories answer in a space, as it was chosen, or else as it follows from whether anything derives there."""

from __future__ import annotations

import json
from typing import Literal, get_args

from agentmem.errors import InputError
from agentmem.ledger.ledger import Ledger

Structure = Literal["turns", "facts", "summaries", "notes", "mixed"]
STRUCTURES: tuple[Structure, ...] = get_args(Structure)
DEFAULT: Structure = "mixed"
"""Of a space in which something derives: `agentmem eval ablate` compares it with the others."""
CHOSEN, DERIVERS = "structure", "derivers"
"""Under what names the ledger keeps the structure that was chosen, and who derives in the space."""


def structure_of(ledger: Ledger) -> Structure | None:
    """Return what answers in a space; None: all memories, ranked alike."""
    chosen = ledger.meta(CHOSEN)
    for structure in STRUCTURES:
        if structure == chosen:
            return structure
    return DEFAULT if json.loads(ledger.meta(DERIVERS) or "[]") else None


def choose(ledger: Ledger, structure: str) -> None:
    """Let a structure answer from now on. Raises InputError for one that does not exist."""
    if structure not in STRUCTURES:
        raise InputError(f"there is no structure {structure!r}; choose one of {', '.join(STRUCTURES)}")
    ledger.note(CHOSEN, structure)
