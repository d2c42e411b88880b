"""What a store's filters and namespace conditions mean: as LangGraph's InMemoryStore reads them, value by value."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from agentmem.errors import InputError

if TYPE_CHECKING:
    from langgraph.store.base import MatchCondition

_EQUAL = {"$eq": operator.eq, "$ne": operator.ne}
_ORDER = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}
ANY = "*"


def matches(value: Any, asked: Any) -> bool:
    """Say whether a value is what a filter asks: equal, within its operators, or so in every part of a dict or list.

    What is no number is neither more nor less than anything (InMemoryStore raises there). Raises InputError for an
    operator that there is not.
    """
    if isinstance(asked, dict):
        if any(name.startswith("$") for name in asked):
            return all(_holds(value, name, operand) for name, operand in asked.items())
        return isinstance(value, dict) and all(matches(value.get(name), part) for name, part in asked.items())
    if isinstance(asked, list | tuple):
        alike = isinstance(value, list | tuple) and len(value) == len(asked)
        return alike and all(matches(one, other) for one, other in zip(value, asked, strict=True))
    return bool(value == asked)


def _holds(value: Any, name: str, operand: Any) -> bool:
    if name in _EQUAL:
        return bool(_EQUAL[name](value, operand))
    if name not in _ORDER:
        raise InputError(f"the filter has no operator {name!r}; there are {', '.join((*_EQUAL, *_ORDER))}")
    try:
        return bool(_ORDER[name](float(value), float(operand)))
    except (TypeError, ValueError):
        return False


def in_namespace(condition: MatchCondition, namespace: tuple[str, ...]) -> bool:
    """Say whether a namespace begins (or ends) with a path, in which `*` stands for any label."""
    path = condition.path
    if condition.match_type not in {"prefix", "suffix"}:
        raise InputError(f"match_type={condition.match_type!r} is unknown; use prefix or suffix")
    if len(namespace) < len(path):
        return False
    part = namespace[: len(path)] if condition.match_type == "prefix" else namespace[len(namespace) - len(path) :]
    return all(asked in {ANY, label} for label, asked in zip(part, path, strict=True))
