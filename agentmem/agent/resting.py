"""Remembering what a turn brought forth, unless it rests on something that was forgotten while the turn went on."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from agentmem.errors import LineageError, StaleError
from agentmem.types import Draft, MemoryId

if TYPE_CHECKING:
    from agentmem.space import Space

TRIES = 5
"""How often it is looked again because something was erased between looking and writing."""


def remember_resting(space: Space, draft: Draft, on: Collection[MemoryId], epoch: int | None) -> MemoryId:
    """Remember a draft, begun at an epoch, that may rest on its parents and on other memories; return its id.

    What was erased meanwhile and is none of these does no harm. Raises LineageError or StaleError where one of them is
    gone, or where any memory lost a part meanwhile: its text may have been used whole. GuardedError where it says what
    was forgotten on request.
    """
    for _ in range(TRIES):
        try:
            return space.remember([draft], guarded="raise", epoch=epoch)[0]
        except StaleError:
            now = space.forgetting.epoch
            if epoch is None or space.forgetting.rewrote(epoch):
                raise
            if gone := [id_ for id_ in (*draft.parents, *on) if id_ not in space]:
                raise LineageError(f"{len(gone)} of the memories that it rests on were erased meanwhile") from None
            epoch = now
    raise StaleError("so much is forgotten at once that nothing can be remembered in between; try again")
