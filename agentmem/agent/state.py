"""What a conversation's graph keeps between its steps, and what the caller of `build_agent` chose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypedDict

from langchain_core.messages import AnyMessage
from langgraph.channels import UntrackedValue
from langgraph.graph.message import add_messages

from agentmem.agent.forgetting import Pending
from agentmem.types import Answer, Evidence, MemoryId, Recall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentmem.agent.recalling import Recalling

WINDOW = 20
"""Messages of the running conversation that are kept in the state and shown to a model."""


class Reader(Protocol):
    """Answers a question in words from evidence, without a model."""

    def __call__(self, question: str, evidence: Sequence[Evidence], /, *, confidence: float) -> Answer:
        """Return the answer, or one that abstains."""
        ...


class State(TypedDict, total=False):
    """One conversation. `recall`, `answer` and `traces` live as long as a run; the rest holds no recalled text.

    `pending` is a request that waits for an answer or to be carried out, `told` the answer that was just given; `epoch`
    is the last forgetting before the turn; `dependence` says how far the reply depends on memory (see
    `agentmem.agent.reliance`).
    """

    messages: Annotated[list[AnyMessage], add_messages]
    asked: MemoryId | None
    recalled: list[MemoryId]
    parents: list[MemoryId]
    replied: MemoryId | None
    confidence: float
    dependence: float
    epoch: int
    recall: Annotated[Recall, UntrackedValue]
    answer: Annotated[Answer, UntrackedValue]
    traces: Annotated[list[str], UntrackedValue]
    pending: Pending | None
    told: Any


@dataclass(frozen=True, slots=True)
class Setting:
    """What the caller of `build_agent` chose; the fields are its parameters."""

    recalling: Recalling
    reliance: float
    user: str
    assistant: str
    window: int
    reader: Reader | None
    refill: bool
