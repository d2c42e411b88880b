"""What holds one value at a time: the newest is recalled first, the older ones are kept, and erasing re-opens them.

Run it: python examples/05_facts_in_time.py
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime

import agentmem
from agentmem import Filter

DAY = [datetime(2025, month, 1, 9, tzinfo=UTC) for month in range(1, 7)]

with tempfile.TemporaryDirectory() as folder, agentmem.open(folder, clock=lambda: DAY[5]) as system:
    space = system.space("ana")
    space.remember("I live in Porto.", speaker="Ana Reyes", said_at=DAY[0])
    space.remember("My locker code is 1234.", speaker="Ana Reyes", said_at=DAY[1])
    (moved,) = space.remember("I moved to Lisbon last week.", speaker="Ana Reyes", said_at=DAY[2])
    space.remember("They changed my locker code to 4417.", speaker="Ana Reyes", said_at=DAY[3])
    space.remember("The coffee at work is still terrible.", speaker="Ana Reyes", said_at=DAY[4])

    print("the timeline of Ana")
    for fact in space.timeline("Ana"):
        print("  ", fact)

    for evidence in space.recall("What is Ana's locker code?", k=2):
        print(f"{evidence.memory.text}  ({evidence.reason})")
    then = space.recall("What is Ana's locker code?", k=1, filter=Filter(as_of=DAY[2]))
    print("in March:", then[0].memory.text)

    print("now:", space.recall("Where does Ana live?", k=1)[0].fact.value)
    space.erase(moved)
    print("with that forgotten:", space.recall("Where does Ana live?", k=1)[0].fact.value)
