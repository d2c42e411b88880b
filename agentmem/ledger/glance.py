"""A look at the ledger of a space without opening the space."""

from __future__ import annotations

from pathlib import Path

from agentmem.ledger.ledger import Ledger


def glance(file: Path) -> tuple[str, int, str]:
    """Return name, number of memories and embedder of the space whose ledger this is. Raises StorageError."""
    ledger = Ledger(file)
    try:
        return str(ledger.meta("name") or file.parent.name), ledger.count(), str(ledger.meta("embedder") or "")
    finally:
        ledger.close()
