"""Where things lie and what is the default, read from the environment when asked, never at import.

AGENTMEM_HOME   the root folder (default: ~/.agentmem)
AGENTMEM_KEYS   the folder of the keys that sign receipts and guard what was forgotten (default: `keys` in the root)
AGENTMEM_MODEL  the chat model of `agentmem chat`, as "provider:name" (default: none, the extractive reader answers)
AGENTMEM_CACHE  where exported embedding models are kept (default: $XDG_CACHE_HOME/agentmem or ~/.cache/agentmem)
AGENTMEM_RETENTION  the retention policy by which recalls reinforce and sweeps choose (default: none; see `agentmem
                policies`)
AGENTMEM_SURPRISE  a causal language model on this machine (a folder of transformers) by whose perplexity memories are
                surprising (default: none, surprise is novelty)
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from agentmem.errors import KeysError, NameRefusedError

EMBEDDER = "default"
STORES = ("episodic", "lexical")
RETENTION = "none"
"""The policy that a space keeps to unless told otherwise: nothing fades by itself, and uses are only counted."""
GUARD = "quarantine"
"""What the guard does with what was forgotten on request; see agentmem.unlearning.guard."""
LONGEST_FOLDER = 150
PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")
# Names that Windows gives to devices, whatever their case.
DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(10))})


def root(explicit: str | Path | None = None) -> Path:
    """Return the root folder: what was passed, else $AGENTMEM_HOME, else ~/.agentmem."""
    return Path(explicit or os.environ.get("AGENTMEM_HOME") or "~/.agentmem").expanduser().absolute()


def keys(space: Path) -> Path:
    """Return the folder of the keys for the space in the folder `space`: $AGENTMEM_KEYS, else `keys` in its root.

    A folder that lies in no root has them beside it. Raises KeysError if that is inside the space, where copies of the
    space would take them along.
    """
    explicit = os.environ.get("AGENTMEM_KEYS")
    room = space.parent.parent if space.parent.name == "spaces" else space.parent
    chosen = Path(explicit).expanduser().absolute() if explicit else room.absolute() / "keys"
    if chosen.resolve().is_relative_to(space.resolve()):
        raise KeysError(f"AGENTMEM_KEYS={explicit} lies inside the space {space}; keys must not go where its copies go")
    return chosen


def model(explicit: str | None = None) -> str | None:
    """Return the chat model's name: what was passed, else $AGENTMEM_MODEL, else None."""
    return explicit or os.environ.get("AGENTMEM_MODEL") or None


def retention(explicit: str | None = None) -> str:
    """Return the retention policy's name: what was passed, else $AGENTMEM_RETENTION, else none."""
    return explicit or os.environ.get("AGENTMEM_RETENTION") or RETENTION


def surprise(explicit: str | None = None) -> str | None:
    """Return the causal model that says what surprises: what was passed, else $AGENTMEM_SURPRISE, else None."""
    return explicit or os.environ.get("AGENTMEM_SURPRISE") or None


def cache(explicit: str | Path | None = None) -> Path:
    """Return the cache folder: what was passed, else $AGENTMEM_CACHE, else the user's own cache."""
    if chosen := explicit or os.environ.get("AGENTMEM_CACHE"):
        return Path(chosen).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "agentmem"


def folder_name(space: str) -> str:
    """Return the folder of a space: one path component that no name can break out of, on any system.

    Everything but lower-case letters, digits, `-` and `_` is percent-encoded (capitals too: some disks fold case);
    device names get their first letter encoded; what would be too long for a disk ends in a digest of the whole name.
    """
    if not space or not space.strip() or not space.isprintable():
        raise NameRefusedError(
            f"{space!r} cannot be the name of a space: use at least one visible, printable character"
        )
    try:
        name = space.encode()
    except UnicodeEncodeError as error:
        raise NameRefusedError(f"{space!r} is not valid Unicode text: {error}") from error
    quoted = "".join(chr(b) if b in PLAIN else f"%{b:02X}" for b in name)
    if quoted in DEVICES:
        quoted = f"%{ord(quoted[0]):02X}{quoted[1:]}"
    if len(quoted) > LONGEST_FOLDER:
        quoted = f"{quoted[: LONGEST_FOLDER - 34]}--{hashlib.sha256(name).hexdigest()[:32]}"
    return quoted
