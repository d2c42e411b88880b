"""The model's part of a turn: what it is shown, the tools it may call, and its failures in words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage

from agentmem.agent import context
from agentmem.agent.models import check_model, checked, failure, name_of, open_model
from agentmem.errors import InputError, ModelError

if TYPE_CHECKING:
    from datetime import datetime

    from langchain_core.runnables import Runnable, RunnableConfig
    from langchain_core.tools import BaseTool

    from agentmem.types import Evidence

STAYS = "(Your message is remembered; nothing was replied.)"


class Speaker:
    """A chat model, opened at its first word, with standing instructions and tools."""

    def __init__(self, model: str | BaseChatModel, instructions: str, tools: Sequence[BaseTool] = ()) -> None:
        self._open = _opener(model)
        self._instructions = instructions
        self._tools = list(tools)

    def say(
        self,
        messages: Sequence[AnyMessage],
        evidence: Sequence[Evidence],
        now: datetime,
        config: RunnableConfig,
        *,
        told: str = "",
        without: frozenset[str] = frozenset(),
    ) -> AIMessage:
        """Return what the model says to the last message of the user, or which tools it calls; raise ModelError.

        After that message come the tools it called, and what they returned. `told` is said beside the instructions, and
        tools `without` are not offered.
        """
        earlier, question, work = parted(messages)
        system = [context.plain(m) for m in earlier if isinstance(m, SystemMessage)]
        instructions = "\n\n".join(part for part in (told, self._instructions, *system) if part)
        shown = [*context.prompt(heard(earlier), question, evidence, now, instructions), *work]
        name = "the model"
        try:
            model = self._open()
            name = name_of(model)
            offered = [tool for tool in self._tools if tool.name not in without]
            said = (_binding(model, offered, name) if offered else model).invoke(shown, config)
            if offered and said.tool_calls:
                return said
            text = checked(context.sound(_said(said, name)), name)
        except ModelError as error:
            raise ModelError(f"{error} {STAYS}") from error
        except Exception as error:
            raise ModelError(f"{failure(error, name)} {STAYS}") from error
        return AIMessage(text, id=said.id, usage_metadata=said.usage_metadata)


def parted(messages: Sequence[AnyMessage]) -> tuple[list[AnyMessage], HumanMessage, list[AnyMessage]]:
    """Return what came before the user's last message, that message, and what came after it."""
    for at, message in reversed([*enumerate(messages)]):
        if isinstance(message, HumanMessage):
            return list(messages[:at]), message, list(messages[at + 1 :])
    raise InputError("nobody asked anything: the conversation has no message of the user")


def heard(earlier: Sequence[AnyMessage]) -> list[Any]:
    """Return what a model is shown of the conversation so far: its newest part."""
    return context.fitting([m for m in earlier if isinstance(m, HumanMessage | AIMessage)])


def _said(message: AIMessage, name: str) -> str:
    if message.invalid_tool_calls and not message.text:
        raise ModelError(
            f"{name} called the tool {message.invalid_tool_calls[0]['name']!r} with arguments that are no JSON. Ask "
            "again, or try another model."
        )
    return context.plain(message)


def _binding(model: BaseChatModel, tools: Sequence[BaseTool], name: str) -> Runnable[Any, AIMessage]:
    try:
        return model.bind_tools(tools)
    except NotImplementedError as error:
        raise ModelError(f"{name} cannot call tools. Build the agent without tools, or use another model.") from error


def _opener(model: str | BaseChatModel) -> Callable[[], BaseChatModel]:
    """Return what gives the model; a name is checked now and opened once, at the first call."""
    if not isinstance(model, str):
        return lambda: model
    check_model(model)
    lock, opened = threading.Lock(), list[BaseChatModel]()

    def give() -> BaseChatModel:
        with lock:
            if not opened:
                opened.append(open_model(model))
            return opened[0]

    return give
