"""A conversation on a LangGraph thread, with its whole history of states; and what of it the states still say.

Both go through LangGraph alone, so that they can judge whatever takes something out of a saver's tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from agentmem.types import Draft


def converse(path: Path, thread: str, turns: Iterable[Draft]) -> None:
    """Say turns on a thread, each one run of a graph whose states are kept in the file `path`, three a turn."""
    from langchain_core.messages import HumanMessage
    from langgraph.graph import START, MessagesState, StateGraph

    from agentmem.agent import AgentMemorySaver

    builder = StateGraph(MessagesState)
    builder.add_node("listen", lambda _: {})
    builder.add_edge(START, "listen")
    saver = AgentMemorySaver(path)
    try:
        graph = builder.compile(checkpointer=saver)
        for turn in turns:
            said = HumanMessage(turn.text, name=turn.speaker)
            graph.invoke({"messages": [said]}, {"configurable": {"thread_id": thread}})
    finally:
        saver.close()


def holding(path: Path, texts: Sequence[str]) -> tuple[int, int]:
    """Return how many checkpoints of a file say one of the texts, their pending writes included, and how many are."""
    from agentmem.agent import AgentMemorySaver

    saver = AgentMemorySaver(path)
    try:
        said = ["\n".join(_texts([s.checkpoint, s.metadata, s.pending_writes])) for s in saver.list(None)]
    finally:
        saver.close()
    return sum(any(text in state for text in texts) for state in said), len(said)


def _texts(value: Any) -> Iterator[str]:
    """Yield every string in a state, those of messages included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif hasattr(value, "model_dump"):
        yield from _texts(value.model_dump())
