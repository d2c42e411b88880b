"""One checked file of named arrays: what the stores write their snapshots in.

An uncompressed npz: every array carries a CRC-32 that is checked when it is read, and nothing in it is ever unpickled.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_FILE = "store.npz"

Array = npt.NDArray[Any]


def write_snapshot(folder: Path, form: str, arrays: Mapping[str, Array]) -> None:
    """Write `arrays` into `folder`, marked with `form`: what wrote them, and in which version."""
    np.savez(folder / _FILE, allow_pickle=False, form=pack([form]), **arrays)


def read_snapshot(folder: Path, form: str, names: Sequence[str]) -> list[Array]:
    """Return the arrays `names` of a snapshot of that `form`; raise ValueError for anything else."""
    path = folder / _FILE
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:  # np.load leaves a bad file open
            found = unpack(file["form"])
            if found != [form]:
                raise ValueError(f"{path} holds {found}, not {[form]}; delete the folder and rebuild the index")
            return [file[name] for name in names]
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path} is no snapshot ({error}); delete the folder and rebuild the index") from error


def pack(strings: Sequence[str]) -> Array:
    """Turn strings into bytes: JSON in UTF-8."""
    return np.frombuffer(json.dumps(list(strings)).encode(), np.uint8)


def unpack(array: Array) -> list[str]:
    """Turn what `pack` made back into strings; raise ValueError if it is something else."""
    strings = json.loads(array.tobytes())  # JSONDecodeError and UnicodeDecodeError are ValueErrors
    if not isinstance(strings, list) or not set(map(type, strings)) <= {str}:
        raise ValueError("the list of strings in the snapshot holds something else; delete the folder and rebuild")
    return strings
