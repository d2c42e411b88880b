"""Give an agent of LangChain's `create_agent` a memory: one line. It recalls, remembers, and asks before it forgets.

The model is a script. Run it: python examples/10_one_line_for_create_agent.py
"""

from __future__ import annotations

import tempfile
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

import agentmem
from agentmem.agent import AgentMemoryMiddleware


class Script(GenericFakeChatModel):
    """Says what it is told to."""

    def bind_tools(self, *_: Any, **__: Any) -> Script:
        """Take any tools."""
        return self


forget = {"name": "forget_memory", "args": {"request": "forget everything about Miso"}, "id": "1"}
script = Script(messages=iter(["Congratulations!", "Miso.", AIMessage("", tool_calls=[forget]), "Forgotten."]))
with tempfile.TemporaryDirectory() as folder, agentmem.open(folder) as system:
    memory = AgentMemoryMiddleware(system.space("ana"))  # the line
    agent = create_agent(script, [], middleware=[memory], checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    for said in ("I adopted a cat, Miso.", "What is my cat called?", "Please forget everything about Miso."):
        done = agent.invoke({"messages": [("user", said)]}, thread)
        print(f"{said} -> {done['messages'][-1].text or 'it asks a person first'}")
    print("would go:", sorted(shown["text"] for shown in done["__interrupt__"][0].value["memories"]))
    agent.invoke(Command(resume=True), thread)  # the person says yes
    print("still known:", [found.text for found in system.space("ana").memories()])
