"""Take one fact out of the whole history of a LangGraph agent that knows nothing of agentmem.

Run it: python examples/09_scrub_any_agent.py
"""

import tempfile
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, RemoveMessage, ToolMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph

from agentmem.agent import CheckpointScrubber

FACT = "my sister Zita lives in Lisbon"


def reply(state: MessagesState) -> Any:
    """Note with a tool what was said, and answer: three more copies of every fact."""
    said, name = state["messages"][-1].content, state["messages"][-1].id or ""
    call = AIMessage("", tool_calls=[{"name": "note", "args": {"text": said}, "id": name}])
    return {"messages": [call, ToolMessage(said, tool_call_id=name), AIMessage(f"You said: {said}")]}


with tempfile.TemporaryDirectory() as folder, SqliteSaver.from_conn_string(f"{folder}/agent.db") as saver:
    graph = StateGraph(MessagesState).add_node(reply).add_edge(START, "reply").compile(checkpointer=saver)
    thread: Any = {"configurable": {"thread_id": "42"}}
    for turn in range(30):
        text = f"You know, {FACT}." if turn == 3 else f"Turn {turn}: the weather in Porto is fine."
        graph.invoke({"messages": [{"role": "user", "content": text, "id": f"turn-{turn}"}]}, thread)
    graph.update_state(thread, {"messages": [RemoveMessage(id="turn-3")]})
    for _ in range(2):
        history = [FACT in repr(state.values) for state in graph.get_state_history(thread)]
        count = b"".join(p.read_bytes() for p in Path(folder).iterdir()).count(FACT.encode())
        print(f"told in {sum(history)} of {len(history)} checkpoints, {count} times in the files")
        print("scrubbed, messages:", CheckpointScrubber(saver).scrub([FACT]).messages)
    print(
        "it goes on:", graph.invoke({"messages": [{"role": "user", "content": "Hi."}]}, thread)["messages"][14].content
    )
