"""A chat over weeks: it goes on where it was left, knows what holds now, and lets fade what is worth least.

No model, no network. Run it: python examples/13_a_chat_over_weeks.py
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta

import agentmem
from agentmem import agent

WEEKS = [
    ["Good evening!", "I moved to Porto last Saturday.", "My sister Lena plays the cello."],
    ["Wow, what a week.", "I adopted a grey cat, Miso.", "My locker code is 4417."],
    ["Ha, thanks!", "I moved to Lisbon.", "My locker code is now 9020."],
]
ASKED = ["What is my locker code?", "Where do I live?"]
clock = agentmem.FixedClock(datetime(2025, 3, 3, 18, tzinfo=UTC))

with tempfile.TemporaryDirectory() as folder:
    for said in [*WEEKS, ASKED]:  # each week the program is started anew
        with agentmem.open(folder, clock=clock) as system:
            space = system.space("ana")
            upkeep = agent.Upkeep(space, "salience", budget="8", every=timedelta(days=7))
            with agent.chat(space, user="Ana", upkeep=upkeep) as talk:
                print(f"{clock():%d %b}: {len(space)} memories, {len(talk.history())} messages of the conversation")
                for text in said:
                    print(f"  {text} -> {talk.ask(text).text}")
                    upkeep.wait()  # no reply waits for it; this does, so that each run prints the same
            left = [memory.text for memory in space.memories(agentmem.Filter(kinds=("turn",)))]
        clock.advance(timedelta(days=7))
    print("still known:", left)
