"""Fault points: named places where a crash must lose nothing.

`reached("erase.suppressed")` does nothing, unless a test put a listener here that kills the process. The names are the
steps of a batch write, of a fading and of an erasure; `agentmem.testing` runs every one of them.
"""

from __future__ import annotations

from collections.abc import Callable

listener: Callable[[str], None] | None = None

REMEMBER = ("remember.encoded", "remember.written", "remember.committed", "remember.indexed")
CONDENSE = ("condense.encoded", "condense.written", "condense.committed")
COMPRESS = ("compress.written", "compress.committed")
ERASE = (
    "erase.planned",
    "erase.suppressed",
    "erase.threads_scrubbed",
    "erase.snapshots_dropped",
    "erase.deleting",
    "erase.deleted",
    "erase.reclaiming",
    "erase.vacuumed",
    "erase.reclaimed",
    "erase.finished",
)
FORGET = ("forget.planned", "forget.hidden", "forget.rewritten", "forget.suppressed")
"""Before those of an erasure from `erase.threads_scrubbed` on."""
DERIVE = ("derive.enrolled", "derive.encoded", "derive.written", "derive.committed")
UNDO = ("undo.restored", "undo.done")


def reached(step: str) -> None:
    """Tell the listener, if there is one, that `step` was reached."""
    if listener is not None:
        listener(step)
