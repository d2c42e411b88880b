"""Erase a memory with everything that was derived from it, and look for it in the bytes of every file.

Run it: python examples/03_forget.py
"""

from __future__ import annotations

import tempfile

import agentmem
from agentmem.types import Memory
from agentmem.unlearning import residue


def files_with(space: agentmem.Space, memories: list[Memory]) -> list[str]:
    """Return the files of the space that hold any piece of the memories: of their text, their ids, their vectors."""
    needles = [needle for memory in memories for needle in residue.needles(memory)]
    return sorted({found.file.name for found in residue.scan(space.path, needles)})


with tempfile.TemporaryDirectory() as folder, agentmem.open(folder) as system:
    space = system.space("alice")
    (secret,) = space.remember("My new address is 19 Kestrel Lane.", speaker="Alice")
    space.remember("My cat is called Miso.", speaker="Alice")
    # What is derived names its parents, or it is refused.
    space.remember(agentmem.Draft("Alice lives in Kestrel Lane.", kind="fact", parents=(secret,)))

    plan = [space.get(memory.id) for memory in space.plan_erase(secret)]
    print("would be erased:", [memory.text for memory in plan])
    print("lies in:", files_with(space, plan))

    receipt = space.erase(secret)
    print(f"receipt {receipt.number}: {dict(receipt.erased)}, level {receipt.level}")
    print("lies in:", files_with(space, plan))
    print("still known:", [memory.text for memory in space.memories()])
