"""The agent: a LangGraph graph that recalls, replies and remembers; chat models; conversations that survive a restart.

Importing this package loads neither langgraph nor langchain; they come with the first name that needs them. No other
room imports them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentmem.agent.aio import aforget, arecall, aremember
    from agentmem.agent.checkpoints import open_saver
    from agentmem.agent.conversation import Chat, ChatEvent, Piece, Reply, chat
    from agentmem.agent.graph import build_agent
    from agentmem.agent.guarding import guarded
    from agentmem.agent.middleware import AgentMemoryMiddleware
    from agentmem.agent.models import check_model, open_model
    from agentmem.agent.reliance import dependence
    from agentmem.agent.saver import AgentMemorySaver
    from agentmem.agent.scrubber import CheckpointScrubber
    from agentmem.agent.store import AgentMemoryStore
    from agentmem.agent.upkeep import Upkeep

_HOME = {
    "AgentMemoryMiddleware": "middleware",
    "AgentMemorySaver": "saver",
    "AgentMemoryStore": "store",
    "Chat": "conversation",
    "ChatEvent": "conversation",
    "CheckpointScrubber": "scrubber",
    "Piece": "conversation",
    "Reply": "conversation",
    "Upkeep": "upkeep",
    "aforget": "aio",
    "arecall": "aio",
    "aremember": "aio",
    "build_agent": "graph",
    "chat": "conversation",
    "check_model": "models",
    "dependence": "reliance",
    "guarded": "guarding",
    "open_model": "models",
    "open_saver": "checkpoints",
}

__all__ = [
    "AgentMemoryMiddleware",
    "AgentMemorySaver",
    "AgentMemoryStore",
    "Chat",
    "ChatEvent",
    "CheckpointScrubber",
    "Piece",
    "Reply",
    "Upkeep",
    "aforget",
    "arecall",
    "aremember",
    "build_agent",
    "chat",
    "check_model",
    "dependence",
    "guarded",
    "open_model",
    "open_saver",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    import importlib

    if name in _HOME:
        return getattr(importlib.import_module(f"agentmem.agent.{_HOME[name]}"), name)
    raise AttributeError(f"module 'agentmem.agent' has no attribute {name!r}")
