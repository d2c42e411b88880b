"""What the middleware adds to a turn, as a ratio to what encoding that turn alone costs.

A turn is a question and a reply. Ours is a run of `create_agent` with the middleware in a space of many memories, less
the same run without it; the model is a script that answers at once. The reference is one call of
`SentenceTransformer(all-MiniLM-L6-v2).encode`, fp32, of question and reply together. The three alternate, so that all
see the same machine; the ratio is the median of the turns. The wait before the first token is the recall alone.

    python tests/bench/middleware_overhead.py [MEMORIES]
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage

import agentmem
from agentmem import config
from agentmem.agent import AgentMemoryMiddleware
from agentmem.encoding.model_files import find_model
from agentmem.errors import InputError
from agentmem.evaluation.bench import texts
from agentmem.types import Draft

MEMORIES = 10_000
TURNS = 40
WARM = 5
"""Turns before those that are timed."""
BATCH = 256

Encode = Callable[[Sequence[str]], object]


class Timed(AgentMemoryMiddleware):
    """The middleware, with a note of when the model was called."""

    called = 0.0

    def wrap_model_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Do what the middleware does, and note when it was done."""

        def noted(made: Any) -> Any:
            self.called = time.perf_counter()
            return handler(made)

        return super().wrap_model_call(request, noted)


def measure(
    memories: int = MEMORIES, *, turns: int = TURNS, embedder: str = config.EMBEDDER, encode: Encode | None = None
) -> Mapping[str, Any]:
    """Return the ratio, the milliseconds of each part, and what was done; `encode` replaces the reference."""
    if memories < 1 or turns < 1:
        raise InputError(f"memories={memories} and turns={turns} must be at least 1")
    said = texts(max(memories, 2 * (turns + WARM)))
    asked = [f"What did we say about {' '.join(text.split()[1:6])}?" for text in said[: turns + WARM]]
    replies = said[-(turns + WARM) :]
    reference = encode or _reference()
    with tempfile.TemporaryDirectory() as root, agentmem.open(root, embedder=embedder) as system:
        space = system.space("bench")
        drafts = [Draft(t, speaker=("Ana", "Bo")[n % 2], thread=f"t{n // 25}") for n, t in enumerate(said[:memories])]
        for start in range(0, memories, BATCH):
            space.remember(drafts[start : start + BATCH])
        middleware = Timed(space, tools=())
        with_memory = create_agent(_model(replies), [], middleware=[middleware])
        without = create_agent(_model(replies), [])
        bare, ours, waits, theirs = [], [], [], []
        for question, reply in zip(asked, replies, strict=True):
            bare.append(_timed(partial(_ask, without, question)))
            began = time.perf_counter()
            ours.append(_timed(partial(_ask, with_memory, question)))
            waits.append((middleware.called - began) * 1000)
            theirs.append(_timed(partial(reference, [question, reply])))
        remembered = len(space)
    added = [a - b for a, b in zip(ours[WARM:], bare[WARM:], strict=True)]
    return {
        "ratio": statistics.median(a / b for a, b in zip(added, theirs[WARM:], strict=True)),
        "added_ms": statistics.median(added),
        "reference_ms": statistics.median(theirs[WARM:]),
        "before_the_model_ms": statistics.median(waits[WARM:]),
        "agent_alone_ms": statistics.median(bare[WARM:]),
        "memories": memories,
        "turns": turns,
        "remembered": remembered - memories,
    }


def _model(replies: Sequence[str]) -> GenericFakeChatModel:
    def script() -> Iterator[AIMessage]:
        yield from map(AIMessage, replies)

    return GenericFakeChatModel(messages=script())


def _ask(agent: Any, question: str) -> None:
    agent.invoke({"messages": [HumanMessage(question)]}, {"configurable": {"thread_id": "bench"}})


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _reference() -> Encode:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(find_model("default", config.cache()).folder), device="cpu")
    return lambda batch: model.encode(list(batch), show_progress_bar=False)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(*map(int, sys.argv[1:2])), indent=2) + "\n")
