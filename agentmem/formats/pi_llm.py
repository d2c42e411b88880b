"""PI-LLM's data (how newer values suffer from older ones): 46 keys of 400 values each, and published curves.

```
{"bird": ["emu", "kea", "great tit", ...], "material": [...], ...}                              the values
{"n_tracked_updates": [2, 3, ...], "accuracy": {"gpt-4o": [0.99, 0.98, ...], ...}}              the curves
```

Wang and Sun, "Unable to Forget", 2025, MIT, https://github.com/zhuangziGiantfish/Unable-to-Forget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from agentmem.errors import ImportRefusedError, NotFoundError

VALUES = "dict_category_double-word_46-400_v1-1.json"
PUBLISHED = "published_accuracy_by_model.json"


class _Curves(BaseModel):
    n_tracked_updates: list[int]
    accuracy: dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Published:
    """The accuracy of language models, in [0, 1], by model, at each of `updates`."""

    updates: tuple[int, ...]
    accuracy: Mapping[str, tuple[float, ...]]


_DICTIONARY = TypeAdapter(dict[str, list[str]])
_CURVES = TypeAdapter(_Curves)


def load(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the values by key, of a file or of the folder that holds it.

    Raises NotFoundError, and ImportRefusedError for what is no such file or names a value twice under one key.
    """
    file = path / VALUES if path.is_dir() else path
    try:
        found = _DICTIONARY.validate_json(_read(file))
    except ValidationError as error:
        raise ImportRefusedError(f"{file} is no dictionary of lists of values: {error.errors()[0]['msg']}") from error
    if len(found) < 2:
        raise ImportRefusedError(f"{file} has {len(found)} keys; values interfere where there are two or more")
    for key, values in found.items():
        if len(set(values)) < len(values) or len(values) < 2:
            raise ImportRefusedError(f"{file}: {key!r} needs two or more values, each once")
    return {key: tuple(values) for key, values in found.items()}


def published(path: Path) -> Published | None:
    """Return the published curves that lie beside the values, or None. Raises ImportRefusedError for a broken file."""
    file = (path if path.is_dir() else path.parent) / PUBLISHED
    if not file.is_file():
        return None
    try:
        curves = _CURVES.validate_json(_read(file))
    except ValidationError as error:
        raise ImportRefusedError(f"{file} is no file of curves: {error.errors()[0]['msg']}") from error
    if any(len(values) != len(curves.n_tracked_updates) for values in curves.accuracy.values()):
        raise ImportRefusedError(f"{file}: each curve needs {len(curves.n_tracked_updates)} values")
    return Published(tuple(curves.n_tracked_updates), {name: tuple(v) for name, v in curves.accuracy.items()})


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no file {file}; it is in https://github.com/zhuangziGiantfish/Unable-to-Forget"
        ) from error
    except OSError as error:
        raise ImportRefusedError(f"{file} cannot be read: {error.strerror or error}") from error
