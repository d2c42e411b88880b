"""Talk with a memory and no language model: answers are read out of what is recalled, or there is none.

With a model instead: agent.chat(space, "openai:gpt-4o-mini"). Run it: python examples/02_chat_without_a_model.py
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime

import agentmem
from agentmem import agent
from agentmem.demo import DIALOGUE
from agentmem.formats import detect

clock = agentmem.FixedClock(datetime(2025, 5, 5, 9, tzinfo=UTC))

with tempfile.TemporaryDirectory() as folder, agentmem.open(folder, clock=clock) as system:
    space = system.space("friends")
    space.remember(detect.read(DIALOGUE).drafts)

    with agent.chat(space) as talk:
        for question in ("When did Marek sign the lease?", "What instrument does Marek play?"):
            print(f"you    {question}")
            print("memory ", end="")
            for event in talk.stream(question):
                if isinstance(event, agent.Piece):
                    print(event.text, end="", flush=True)
                else:
                    reply = event
            print()
            for source in reply.answer.sources[:1]:
                memory = space.get(source)
                print(f'       (read from {memory.speaker}, {memory.said_at:%d %b %Y}: "{memory.text}")')

    # The reply is a memory too, and knows what it was derived from.
    print("derived from", len(space.get(reply.id).parents) if reply.id else 0, "memories")
