"""The settings of a policy: known by name, of the type of their defaults, and refused with a guess."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from agentmem.errors import InputError

T = TypeVar("T", bound=str)


def only(policy: str, config: Mapping[str, Any], *known: str) -> None:
    """Raise InputError for a setting that the policy does not have."""
    for name in config:
        if name not in known:
            close = get_close_matches(str(name), known, n=1)
            guess = f" Did you mean {close[0]!r}?" if close else ""
            there = f"it has {', '.join(known)}" if known else "it has none; leave it out"
            raise InputError(f"the policy {policy} has no setting {name!r}.{guess} As settings {there}")


def number(
    policy: str, config: Mapping[str, Any], name: str, default: float, *, low: float = 0.0, high: float = math.inf
) -> float:
    """Return a setting that is a finite number above `low` and at most `high`; raise InputError otherwise."""
    value = config.get(name, default)
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    if not plain or not math.isfinite(value) or not low < value <= high:
        most = "" if high == math.inf else f" and at most {high:g}"
        raise InputError(f"{name} of the policy {policy} is {value!r}; it must be a number above {low:g}{most}")
    return float(value)


def choice(policy: str, config: Mapping[str, Any], name: str, known: Collection[T]) -> T:
    """Return a setting that is one of a few words, by default the first; raise InputError otherwise."""
    words = list(known)
    value = config.get(name, words[0])
    if value not in words:
        close = get_close_matches(str(value), words, n=1)
        guess = f" Did you mean {close[0]!r}?" if close else ""
        raise InputError(f"{name} of the policy {policy} cannot be {value!r}.{guess} There are: {', '.join(words)}")
    return words[words.index(value)]
