"""An agent with a tool, and a dial for how far its replies rest on memory. The model is a script: pass another."""

import tempfile
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

import agentmem
from agentmem import agent


class Script(BaseChatModel):
    """Looks the weather up, then does what was wanted before, if it is shown that, or has ideas of its own."""

    _llm_type = "script"
    bind_tools = lambda self, *_, **__: self  # noqa: E731 - it takes any tools

    def _generate(self, messages: list[Any], *_: Any, **__: Any) -> ChatResult:
        own = "Paper lanterns, and a brass band." if "lanterns" in str(messages) else "How about kites and a bonfire?"
        call = {"name": "forecast", "args": {"month": "October"}, "id": "1"}
        said = (
            AIMessage(f"{own} {messages[-1].text}") if messages[-1].type == "tool" else AIMessage("", tool_calls=[call])
        )
        return ChatResult(generations=[ChatGeneration(message=said)])


def forecast(month: str) -> str:
    """Say how the weather will be."""
    return f"{month} will be dry."


with tempfile.TemporaryDirectory() as folder, agentmem.open(folder) as system:
    space = system.space("village")
    space.remember(["Ana wants paper lanterns at the supper.", "Ben wants a brass band at the supper."], thread="old")
    with agent.chat(space, Script(), tools=[forecast]) as talk:
        for talk.thread, talk.reliance in (("one", "fresh"), ("two", "faithful")):
            reply = talk.ask("Let us plan the harvest supper.")
            print(f"{talk.reliance}: {reply.text} ({reply.dependence:.0%} from {len(reply.recall)} memories)")
