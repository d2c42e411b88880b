"""A space for programs that run in an event loop: the same calls, in a thread, so that the loop goes on.

    await aremember(space, "I adopted a cat.", speaker="Ana")
    recall = await arecall(space, "What pet does Ana have?")
    receipt = await aforget(space, "forget everything about my cat", answers=True)

The space's own lock keeps threads apart. A call that is cancelled while it waits goes on to its end in its thread, as
a transaction must; what it wrote is written.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agentmem.space import Space
    from agentmem.types import Draft, Recall, Receipt, Remembered
    from agentmem.unlearning import Answers, Request


async def aremember(space: Space, what: str | Draft | Iterable[str | Draft], **how: Any) -> Remembered:
    """Do what `Space.remember` does, without holding up the loop."""
    return await asyncio.to_thread(space.remember, what, **how)


async def arecall(space: Space, question: str, k: int | None = None, **how: Any) -> Recall:
    """Do what `Space.recall` does, without holding up the loop."""
    return await asyncio.to_thread(space.recall, question, k, **how)


async def aforget(space: Space, what: Request, answers: Answers = False, **terms: Any) -> Receipt:
    """Do what `Space.forget` does, without holding up the loop."""
    return await asyncio.to_thread(space.forget, what, answers, **terms)
