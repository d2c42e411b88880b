"""Several people and agents on one space: each has a seat, from which only what it may see can be seen.

A memory has an audience (nobody named: everyone); what is derived is seen by those alone who may see all it was derived
from. A seat puts the restriction before the ranking, so what is hidden is no candidate and no context of one (word
statistics are those of the whole space), and notes who has read and written what.

    ben = Seat(space, "ben")
    ben.remember("The budget is 40,000.", audience=("ben", "ana"))
    Seat(space, "carla").recall("What is the budget?")   # finds nothing
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from agentmem.encoding.encoder import drafted
from agentmem.errors import InputError, MemoryNotFoundError
from agentmem.ledger import audiences
from agentmem.space import NO_FILTER, Space
from agentmem.types import Draft, Fact, Filter, Memory, MemoryId, Recall, Remembered


class Seat:
    """What one principal, a person or an agent, sees of a space and does there."""

    def __init__(self, space: Space, principal: str) -> None:
        if not isinstance(principal, str) or not principal.strip():
            raise InputError("a principal needs a name: Seat(space, 'ben')")
        self.space = space
        self.principal = principal

    def remember(self, what: str | Draft | Iterable[str | Draft], **fields: Any) -> Remembered:
        """Remember as `Space.remember` does; `audience=` names who may see it, beside the principal.

        Without an audience it is for everyone. Who is not told who speaks takes the principal for the speaker.
        """
        given = [what] if isinstance(what, str | Draft) else list(what)
        drafts = [self._own(drafted(one, {n: v for n, v in fields.items() if n not in _CALL})) for one in given]
        ids = self.space.remember(
            drafts[0] if isinstance(what, str | Draft) else drafts, **{n: v for n, v in fields.items() if n in _CALL}
        )
        self._note("write", ids)
        return ids

    def recall(self, question: str, k: int | None = None, *, filter: Filter = NO_FILTER, **options: Any) -> Recall:  # noqa: A002 - as the space calls it
        """Return what the principal may see that bears on the question, best first; options as of `Space.recall`."""
        found = self.space.recall(question, k, filter=self._narrowed(filter), **options)
        self._note("read", found.ids)
        return found

    def memories(self, filter: Filter = NO_FILTER) -> Iterator[Memory]:  # noqa: A002
        """Yield what the principal may see, in the order in which it was stored."""
        for memory in self.space.memories(self._narrowed(filter)):
            self._note("read", [memory.id])
            yield memory

    def get(self, id: MemoryId) -> Memory:  # noqa: A002
        """Return one memory. Raises MemoryNotFoundError also for one that is hidden: that it exists is not told."""
        memory = self.space.get(id)
        if memory.audience and self.principal not in memory.audience:
            raise MemoryNotFoundError(f"no memory {id!r} in this space. List what is there with `agentmem show SPACE`.")
        self._note("read", [id])
        return memory

    def timeline(self, entity: str, *, as_of: datetime | None = None) -> list[Fact]:
        """Return what is known of an entity over time, as far as the principal may see all that says so."""
        seen = {memory.id for memory in self.space.memories(self._narrowed(NO_FILTER))}
        told = [fact for fact in self.space.timeline(entity, as_of=as_of) if seen >= set(fact.memories)]
        return [f if f.superseded_by in seen else replace(f, valid_to=None, superseded_by=None) for f in told]

    def share(self, ids: MemoryId | Sequence[MemoryId], audience: Sequence[str]) -> None:
        """Let memories that the principal may see be seen by `audience` and the principal alone; nobody: everyone.

        What was derived from them is narrowed with them. Raises MemoryNotFoundError.
        """
        wanted = [ids] if isinstance(ids, str) else list(ids)
        for id_ in wanted:
            self.get(id_)
        set_audience(self.space, wanted, (*audience, self.principal) if audience else ())

    def _own(self, draft: Draft) -> Draft:
        audience = tuple(dict.fromkeys((*draft.audience, self.principal))) if draft.audience else ()
        return replace(draft, speaker=draft.speaker or self.principal, audience=audience)

    def _narrowed(self, asked: Filter) -> Filter:
        if asked.viewer not in {None, self.principal}:
            raise InputError(f"{self.principal!r} cannot look as {asked.viewer!r}; take a seat of that name")
        return replace(asked, viewer=self.principal)

    def _note(self, action: str, ids: Sequence[MemoryId]) -> None:
        ledger = self.space._ledger  # noqa: SLF001 - a seat is a part of the space's facade
        if ids:
            with ledger.connection.joined():
                audiences.note_access(
                    ledger.connection, self.principal, action, ledger.seqs(ids).values(), self.space.clock()
                )


_CALL = frozenset({"progress", "guarded"})
"""What `Space.remember` takes beside the fields of drafts."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may see what, and who did: counts of memories by audience, and of memories and times by principal."""

    everyone: int
    audiences: tuple[tuple[tuple[str, ...], int], ...]
    done: tuple[tuple[str, str, int, int], ...]

    def seen_by(self, principal: str) -> int:
        """Return how many memories a principal may see."""
        return self.everyone + sum(count for names, count in self.audiences if principal in names)

    @property
    def principals(self) -> tuple[str, ...]:
        """All that are named, sorted."""
        named = {name for names, _ in self.audiences for name in names} | {who for who, *_ in self.done}
        return tuple(sorted(named - {audiences.NOBODY}))


def access(space: Space) -> Access:
    """Return who may see what of a space, and who has read and written how much."""
    db = space._ledger.connection  # noqa: SLF001
    by_audience = audiences.audiences(db)
    everyone = by_audience.pop(frozenset(), 0)
    listed = sorted((tuple(sorted(names)), count) for names, count in by_audience.items())
    return Access(everyone, tuple(listed), tuple(audiences.accesses(db)))


def set_audience(space: Space, ids: Sequence[MemoryId], audience: Sequence[str]) -> None:
    """Let memories, and what was derived from them, be seen by `audience` alone; nobody named: by everyone.

    For whoever runs the space; principals use `Seat.share`. Raises MemoryNotFoundError.
    """
    ledger = space._ledger  # noqa: SLF001
    seqs = [memory.seq for memory in ledger.get(list(ids))]
    with ledger.connection.transaction():
        audiences.set_for(ledger.connection, seqs, audience)
    space._drop()  # noqa: SLF001
