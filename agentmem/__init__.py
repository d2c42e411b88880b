"""agentmem: memory for LLM agents that can be measured, that fades on purpose, and that forgets on request.

    import agentmem

    with agentmem.open("~/.agentmem") as system:
        space = system.space("alice")
        space.remember("I adopted a cat called Miso last Friday.", speaker="Alice")
        for evidence in space.recall("What is Alice's cat called?"):
            print(evidence.score, evidence.memory.text)

Importing this package loads no model and no index; those come with the first call that needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentmem.clock import FixedClock, system_clock
    from agentmem.errors import AgentmemError
    from agentmem.space import Space
    from agentmem.system import System
    from agentmem.system import open_system as open  # noqa: A004 - `agentmem.open` reads as what it does
    from agentmem.types import Answer, Draft, Evidence, Fact, Filter, Interval, Memory, Recall, Receipt

__version__ = "0.1.0"

_HOME = {
    "AgentmemError": "agentmem.errors",
    "Answer": "agentmem.types",
    "Draft": "agentmem.types",
    "Evidence": "agentmem.types",
    "Fact": "agentmem.types",
    "Filter": "agentmem.types",
    "FixedClock": "agentmem.clock",
    "Interval": "agentmem.types",
    "Memory": "agentmem.types",
    "Recall": "agentmem.types",
    "Receipt": "agentmem.types",
    "Space": "agentmem.space",
    "System": "agentmem.system",
    "system_clock": "agentmem.clock",
}

__all__ = [  # noqa: RUF022 - sorted by hand: `open` first, it is where everybody begins
    "open",
    "AgentmemError",
    "Answer",
    "Draft",
    "Evidence",
    "Fact",
    "Filter",
    "FixedClock",
    "Interval",
    "Memory",
    "Recall",
    "Receipt",
    "Space",
    "System",
    "system_clock",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    import importlib

    if name == "open":
        return importlib.import_module("agentmem.system").open_system
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'agentmem' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
