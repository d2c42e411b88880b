"""Selectors as JSON: one key, the kind, over the fields of its dataclass. Knows only the kinds that are passed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from agentmem.errors import InputError
from agentmem.types import Metadata

Kinds = Mapping[str, type[Any]]
"""The dataclasses by their names in JSON."""
Read = Callable[[Any, str, Kinds], Any]
"""Reads one value of a field: the value, where it stands, and the kinds."""


def plain(value: Any) -> Any:
    """Return a value of a field as JSON has it."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    return dict(value) if isinstance(value, Mapping) else value


def selector(data: Any, at: str, kinds: Kinds) -> Any:
    """Return the selector that some JSON describes; `at` is what an error calls it. Raises InputError."""
    if not isinstance(data, dict) or len(data) != 1:
        raise InputError(
            f'{at} must be an object of one key, such as {{"thread": {{"name": "work"}}}}; the keys are '
            f"{', '.join(sorted(kinds))}"
        )
    ((tag, given),) = data.items()
    if tag not in kinds:
        raise InputError(f"{at}: no selector is called {tag!r}; there are {', '.join(sorted(kinds))}")
    if not isinstance(given, dict):
        raise InputError(f"{at}.{tag} must be an object of its fields, not {given!r}")
    known = {f.name: str(f.type) for f in fields(kinds[tag])}
    if unknown := set(given) - set(known):
        raise InputError(f"{at}.{tag} has no field {min(unknown)!r}; it has {', '.join(known) or 'none'}")
    read = {name: _READ[known[name]](value, f"{at}.{tag}.{name}", kinds) for name, value in given.items()}
    lists = {name: () for name, kind in known.items() if kind.startswith("tuple") and name not in read}
    try:
        return kinds[tag](**lists, **read)
    except TypeError as error:
        needed = ", ".join(sorted(set(known) - set(read)))
        raise InputError(f"{at}.{tag} lacks something it needs; it may be given {needed}") from error


def _text(value: Any, at: str, _kinds: Kinds) -> str:
    if not isinstance(value, str):
        raise InputError(f"{at} must be text, not {value!r}")
    return value


def _moment(value: Any, at: str, _kinds: Kinds) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{at} must be a time such as 2026-03-01T00:00:00+00:00, not {value!r}") from error
    if moment.tzinfo is None:
        raise InputError(f"{at} must say its time zone, such as 2026-03-01T00:00:00+00:00; {value!r} does not")
    return moment


def _metadata(value: Any, at: str, _kinds: Kinds) -> Metadata:
    if not isinstance(value, dict) or any(not isinstance(v, str | int | float | bool | None) for v in value.values()):
        raise InputError(f"{at} must be an object of plain values, not {value!r}")
    return value


def _many(read: Read) -> Read:
    def each(value: Any, at: str, kinds: Kinds) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise InputError(f"{at} must be a list, not {value!r}")
        return tuple(read(v, f"{at}[{n}]", kinds) for n, v in enumerate(value))

    return each


_READ: dict[str, Read] = {
    "str": _text,
    "tuple[MemoryId, ...]": _many(_text),
    "tuple[str, ...]": _many(_text),
    "datetime | None": _moment,
    "Metadata": _metadata,
    "Selector": selector,
    "tuple[Selector, ...]": _many(selector),
}
