"""What a model proposes that a request means: checked against what the space has, and always asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from agentmem.errors import InputError
from agentmem.types import KINDS
from agentmem.unlearning.known import Known
from agentmem.unlearning.selector import (
    NOTHING,
    AllOf,
    AnyOf,
    Choice,
    Except,
    Ids,
    OneOf,
    Question,
    Selector,
    Source,
    Speaker,
    Thread,
    Tool,
    Understood,
)

Propose = Callable[[str, Mapping[str, Any]], Any]
"""Given a request and what the space knows by name, a model's selector: a Selector, its dict or JSON; None for none."""


def proposed(propose: Propose, request: str, known: Known, now: datetime) -> Understood | None:
    """Return what a model proposes, as something to be asked about; None where it proposes nothing."""
    context = {
        "now": now.isoformat(),
        "speakers": list(known.speakers),
        "threads": list(known.threads),
        "sources": list(known.sources),
        "tools": list(known.tools),
        "kinds": list(KINDS),
        "names": [name for name, _ in known.names.most_common(200)],
    }
    answer = propose(request, context)
    if answer is None:
        return None
    if isinstance(answer, Selector):
        selector = answer
    else:
        selector = Selector.from_json(answer) if isinstance(answer, str) else Selector.from_dict(answer)
    _check(selector, known)
    about = OneOf((selector,))
    said = selector.to_json()
    choices = (Choice("yes", selector), Choice("no", NOTHING))
    return Understood(about, (Question(f"Is this what is meant: {said}?", about, choices),))


def _check(selector: Selector, known: Known) -> None:
    """Raise InputError where a proposal names what the space does not have."""
    if isinstance(selector, AllOf | AnyOf | OneOf):
        for part in selector.parts:
            _check(part, known)
        return
    if isinstance(selector, Except):
        _check(selector.of, known)
        _check(selector.but, known)
        return
    there: Mapping[type[Selector], tuple[str, ...]] = {
        Speaker: known.speakers, Thread: known.threads, Source: known.sources, Tool: known.tools,
    }  # fmt: skip
    if isinstance(selector, Ids) and (unknown := [i for i in selector.ids if i not in known.by_id]):
        raise InputError(f"the proposal names a memory that is not there: {unknown[0]!r}; ask again")
    among = there.get(type(selector))
    if among is not None and isinstance(selector, Speaker | Thread | Source | Tool) and selector.name not in among:
        raise InputError(
            f"the proposal names the {selector.tag} {selector.name!r}, which is not there; there are "
            f"{', '.join(among[:10]) or 'none'}. Ask again, or write the selector yourself"
        )
