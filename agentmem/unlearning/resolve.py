"""From a selector to the memories it means, each with how sure that is, why, and which part of its text.

Names, times, threads, speakers, sources, tools and kinds are exact. A topic only nominates, by search: at most `ASKS`
memories to be asked about, and never one that goes unasked. What was derived from the nominated is not looked for here:
lineage finds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from agentmem.types import Memory, MemoryId
from agentmem.unlearning import clauses
from agentmem.unlearning.attributes import given
from agentmem.unlearning.finds import Find, Finds
from agentmem.unlearning.known import Known, plain, sources_of
from agentmem.unlearning.mentions import literal, naming
from agentmem.unlearning.names import Name
from agentmem.unlearning.selector import (
    ASKED,
    SELECTED,
    AllOf,
    AnyOf,
    Attribute,
    Entity,
    Everything,
    Except,
    Ids,
    Kind,
    Nomination,
    OneOf,
    Said,
    Selector,
    Source,
    Speaker,
    Thread,
    Tool,
    Topic,
    View,
    Where,
    Words,
)

ASKS = 10
"""Memories that a topic asks about at most."""
NEAR = 20
"""Memories beyond those that it shows as near misses."""
UNSURE = 0.7
"""The most that is thought of a memory that is meant only if a question is answered so."""
SURE = 1.0


def resolve(selector: Selector, view: View) -> list[Nomination]:
    """Return what a selector means, in ledger order, near misses included. Each memory is named once."""
    known = Known.of(view)
    finds = _find(selector, known)
    found = [(m.id, finds[m.id]) for m in known.memories() if m.id in finds]
    return [Nomination(i, f.confidence, f.why, f.spans) for i, f in found]


def _find(selector: Selector, known: Known) -> Finds:  # noqa: PLR0911 - one line a kind of selector
    if isinstance(selector, AnyOf):
        return _any([_find(part, known) for part in selector.parts])
    if isinstance(selector, OneOf):
        found = _any([_find(part, known) for part in selector.parts])
        return {i: f._replace(confidence=min(f.confidence, UNSURE)) for i, f in found.items()}
    if isinstance(selector, AllOf):
        return _all([_find(part, known) for part in selector.parts])
    if isinstance(selector, Except):
        return _except(_find(selector.of, known), _find(selector.but, known))
    if isinstance(selector, Entity):
        return known.once(selector, lambda: naming(selector, known))
    if isinstance(selector, Words):
        return literal(selector, known)
    if isinstance(selector, Attribute):
        return given(selector, known)
    if isinstance(selector, Topic):
        return _about(selector, known)
    if isinstance(selector, Tool):
        return _of_tool(selector, known)
    exact = _exact(selector)
    return {m.id: Find(SURE, exact.why) for m in known.memories() if exact.holds(m)}


class _Exact(NamedTuple):
    why: str
    holds: Callable[[Memory], bool]


def _exact(selector: Selector) -> _Exact:  # noqa: PLR0911 - one line a kind of selector
    match selector:
        case Everything():
            return _Exact("everything", lambda _: True)
        case Ids(ids):
            wanted = frozenset(ids)
            return _Exact("named by its id", lambda m: m.id in wanted)
        case Said(since, until):
            return _Exact(
                "said in that time",
                lambda m: (since is None or m.said_at >= since) and (until is None or m.said_at < until),
            )
        case Thread(name):
            return _Exact(f"said in the thread {name}", lambda m: m.thread == name)
        case Speaker(name):
            return _Exact(f"said by {name}", lambda m: m.speaker is not None and plain(m.speaker) == plain(name))
        case Source(name):
            return _Exact(f"came from {name}", lambda m: plain(name) in map(plain, sources_of(m)))
        case Kind(name):
            return _Exact(f"a {name}", lambda m: m.kind == name)
        case Where(metadata):
            return _Exact(
                f"marked {', '.join(metadata)}",
                lambda m: all(k in m.metadata and m.metadata[k] == v for k, v in metadata.items()),
            )
    raise TypeError(f"no rule for the selector {selector!r}")


def _of_tool(selector: Tool, known: Known) -> Finds:
    """Find what came from a tool and the skills that name it; who only speaks of it is asked."""
    found: Finds = {}
    names = [Name(selector.name), Name(f"{selector.name} tool")]
    for memory in known.memories():
        tool = memory.metadata.get("tool")
        if tool is not None and plain(str(tool)) == plain(selector.name):
            found[memory.id] = Find(SURE, f"came from the tool {selector.name}")
        elif memory.kind == "skill" and names[0].mentions(memory.text):
            found[memory.id] = Find(0.95, f"a skill that uses {selector.name}")
        elif names[1].mentions(memory.text) or (
            len(plain(selector.name)) > 3 and "_" in selector.name and names[0].mentions(memory.text)
        ):
            found[memory.id] = Find(0.6, f"speaks of the tool {selector.name}")
    return found


def _about(topic: Topic, known: Known) -> Finds:
    """Nominate what the search finds for a topic, the first ten to be asked about."""
    hits = known.search(topic.text, ASKS + NEAR)
    found: Finds = {}
    for place, hit in enumerate(hit for hit in hits if hit.id in known.by_id):
        if place < ASKS:
            found[hit.id] = Find(0.85 - 0.03 * place, f"number {place + 1} of what is most like the topic")
        else:
            found[hit.id] = Find(0.4 - 0.01 * (place - ASKS), "a little like the topic")
    return found


def _any(parts: list[Finds]) -> Finds:
    found: Finds = {}
    for part in parts:
        for i, find in part.items():
            found[i] = find.or_(found[i]) if i in found else find
    return found


def _all(parts: list[Finds]) -> Finds:
    if not parts:
        return {}
    first, *rest = parts
    return {i: f.and_(*(part[i] for part in rest)) for i, f in first.items() if all(i in part for part in rest)}


def _except(of: Finds, but: Finds) -> Finds:
    found: Finds = {}
    for i, find in of.items():
        kept = but.get(i)
        if kept is None or kept.confidence < ASKED:
            found[i] = find
        elif kept.confidence < SELECTED:
            found[i] = find._replace(confidence=min(find.confidence, UNSURE), why=f"{find.why}, perhaps to be kept")
        elif kept.spans and (left := _left(find, kept.spans)):
            found[i] = find._replace(spans=left, why=f"{find.why}, but for a part that is kept")
        elif find.values and kept.values and not clauses.common(find.values, kept.values):
            # "Anna and Tom went to Lisbon", without Anna and with Tom: only her name could go
            why = f"{find.why}, beside what is to be kept"
            found[i] = find._replace(confidence=min(find.confidence, UNSURE), spans=find.values, why=why)
        else:
            found[i] = Find(min(find.confidence, 0.3), f"{find.why}, but to be kept: {kept.why}")
    return found


def _left(find: Find, kept: tuple[clauses.Span, ...]) -> tuple[clauses.Span, ...]:
    """Return what goes of a memory when a part stays; of a value of which a part is kept, the rest of the value."""
    inside = clauses.common(find.values, kept)
    return clauses.minus(find.values if inside else find.spans or find.whole, kept)


def band(nominations: list[Nomination], name: str) -> list[MemoryId]:
    """Return the ids of one band: "selected", "asked" or "near miss"."""
    return [n.id for n in nominations if n.band == name]
