"""What a model may do with a memory by itself: look something up, note a fact, ask for something to be forgotten.

A look-up gives quotes, in a block of data, and their ids as the artifact of the message. A fact names as its parents
the user's turn and those of the recalled memories that say half of it, so it goes when they go. Forgetting only ever
plans: a person sees, by LangGraph's `interrupt`, what would go, and answers. The run is resumed with
`Command(resume=...)`: True (all that was shown), a list of ids, {id: bool}, or False.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from langchain.tools import ToolRuntime, tool
from langchain_core.tools import BaseTool
from langgraph.types import interrupt

from agentmem.agent import context
from agentmem.agent.resting import remember_resting
from agentmem.encoding.words import terms
from agentmem.errors import GuardedError, InputError, LineageError, StaleError
from agentmem.space import NO_FILTER, Space
from agentmem.types import Draft, Filter, MemoryId

if TYPE_CHECKING:
    from agentmem.unlearning.plan import ForgetPlan

FORGOTTEN = "forgotten"
"""In the artifact of a tool message: how many memories were meant and went."""
ANYWHERE = ("recall_memory", "remember_fact")
"""Those of the memory's tools that ask nobody."""
SUPPORT = 0.5
"""Share of a fact's words that a recalled memory must have to be one of its parents."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The turn in which a tool is called.

    `asked` remembers what the user said, if that is not done yet, and returns its ids; `recalled` are the ids of what
    was recalled for it; `began` is when, and `epoch` after which forgetting. `own` are memories of the turn itself,
    which are no evidence for it.
    """

    thread: str
    asked: Callable[[], Sequence[MemoryId]]
    recalled: Sequence[MemoryId] = ()
    began: datetime | None = None
    epoch: int | None = None
    own: Sequence[MemoryId] = ()


def memory_tools(
    space: Space,
    turn: Callable[[ToolRuntime], Turn],
    *,
    user: str = "user",
    assistant: str = "assistant",
    k: int | None = None,
    max_tokens: int | None = None,
    filter: Filter = NO_FILTER,  # noqa: A002 - what it is called everywhere
) -> list[BaseTool]:
    """Return recall_memory, remember_fact and forget_memory over a space; `turn` tells in which turn a call is.

    What the `filter` keeps from being recalled, recall_memory does not find either.
    """

    @tool(response_format="content_and_artifact")
    def recall_memory(question: str, runtime: ToolRuntime) -> tuple[str, list[MemoryId]]:
        """Look up what was said in earlier conversations. Ask a whole question; the answer is quotes with dates."""
        if not question.strip():
            return "Ask a question.", []
        own = turn(runtime).own
        silent = space.guard.asked_back(question)
        found = () if silent else space.recall(question, k, max_tokens=max_tokens, filter=filter, explain=False)
        shown = [e for e in found if e.id not in own]
        return context.block(shown, space.clock()), [e.id for e in shown]

    @tool(response_format="content_and_artifact")
    def remember_fact(fact: str, runtime: ToolRuntime) -> tuple[str, list[MemoryId]]:
        """Keep one fact about the user or the task for later, as a whole sentence with names and dates."""
        here = turn(runtime)
        draft = Draft(
            context.sound(fact),
            kind="fact",
            speaker=assistant,
            thread=here.thread,
            parents=(*here.asked(), *_supporting(space, fact, here.recalled)),
            origin=f"tool:{here.thread}:{runtime.tool_call_id}",
        )
        try:
            known = remember_resting(space, draft, here.recalled, here.epoch)
        except (GuardedError, LineageError, StaleError, InputError) as error:
            return f"Not remembered: {error}", []
        return "Remembered.", [known]

    @tool(response_format="content_and_artifact")
    def forget_memory(request: str, runtime: ToolRuntime) -> tuple[str, dict[str, Any]]:
        """Forget what the user asks to have forgotten, in the user's words. A person sees what goes, and decides."""
        here = turn(runtime)
        try:
            plan = space.forgetting.plan(request, speaker=user, thread=here.thread)
        except InputError as error:
            return f"Nothing was forgotten: {error}", {FORGOTTEN: 0}
        known = {i.id: sure for sure, items in ((True, plan.items), (False, plan.asks)) for i in items if _was(i, here)}
        if not known:
            unclear = " ".join(question.text for question in plan.questions)
            return f"Nothing in memory is meant, so nothing was forgotten. {unclear}".strip(), {FORGOTTEN: 0}
        chosen = _agreed(known, _shown(plan, request, known))
        if not chosen:
            return "The person said no: nothing was forgotten.", {FORGOTTEN: 0}
        if {*known} == {i.id for i in (*plan.items, *plan.asks)}:
            answers = {id_: id_ in chosen for id_ in known}
            receipt = space.forgetting.execute(plan, answers, actor=user)
        else:  # the space has grown since the person was asked: what was not shown stays
            receipt = space.forgetting.forget(sorted(chosen), actor=user)
        said = f"Forgotten: {len(chosen)} memories and what was derived from them (receipt {receipt.number})."
        return said, {FORGOTTEN: len(chosen), "receipt": receipt.number}

    return [recall_memory, remember_fact, forget_memory]


def chosen(
    wanted: Sequence[BaseTool | Callable[..., Any] | str],
    space: Space,
    turn: Callable[[ToolRuntime], Turn],
    **how: Any,
) -> list[BaseTool]:
    """Return the tools of a graph that sees to forgetting itself; `how` is that of `memory_tools`.

    Functions become tools, and names stand for the memory's own. Raises InputError for a name that there is not.
    """
    own = {made.name: made for made in memory_tools(space, turn, **how) if made.name in ANYWHERE}
    if unknown := [name for name in wanted if isinstance(name, str) and name not in own]:
        raise InputError(
            f"there is no tool {unknown[0]!r}; by name there are {', '.join(own)} (requests to forget need none: "
            "the agent sees to them itself). Pass any other tool as a function"
        )
    return [own[w] if isinstance(w, str) else w if isinstance(w, BaseTool) else tool(w) for w in wanted]


def _was(item: Any, here: Turn) -> bool:
    """Say whether an item was there when the turn began: a run that is resumed plans again, and shows the same."""
    return here.began is None or item.memory.stored_at <= here.began


def _shown(plan: ForgetPlan, request: str, known: Mapping[MemoryId, bool]) -> dict[str, Any]:
    """Return what a person is shown: what would go, what is asked about, and how much was derived from it."""
    items = [i for i in (*plan.items, *plan.asks) if i.id in known]
    memories = [
        {
            "id": i.id,
            "text": i.memory.text,
            "speaker": i.memory.speaker,
            "said_at": i.memory.said_at.isoformat(),
            "action": i.action,
            "why": i.why,
            "sure": known[i.id],
        }
        for i in items
    ]
    return {"action": "forget_memory", "request": request, "memories": memories, "derived": len(plan.derived)}


def _agreed(known: Mapping[MemoryId, bool], question: dict[str, Any]) -> frozenset[MemoryId]:
    """Ask a person, and again, with `refused` saying why, while the answer is none; return the ids to forget."""
    while True:
        answer = interrupt(question)
        try:
            return _chosen(known, answer)
        except InputError as error:
            question = {**question, "refused": str(error)}


def _chosen(known: Mapping[MemoryId, bool], answer: object) -> frozenset[MemoryId]:
    """Return the ids that an answer means. Raises InputError for one that was not shown, or for no answer at all."""
    if answer is True:
        return frozenset(known)
    if answer is False or answer is None:
        return frozenset()
    if isinstance(answer, Mapping):
        wanted = [id_ for id_, yes in answer.items() if yes is True]
    elif isinstance(answer, Sequence) and not isinstance(answer, str):
        wanted = list(answer)
    else:
        raise InputError(
            f"the answer {answer!r} is none: resume with True, False, a list of ids, or {{id: True}}. Nothing was "
            "forgotten"
        )
    if strange := [id_ for id_ in wanted if id_ not in known]:
        raise InputError(f"{strange[0]!r} is not among what was shown; nothing was forgotten")
    return frozenset(wanted)


def _supporting(space: Space, fact: str, recalled: Sequence[MemoryId]) -> list[MemoryId]:
    said = frozenset(terms(fact))
    living = [space.get(id_) for id_ in recalled if id_ in space]
    return [m.id for m in living if said and len(said & {*terms(m.text)}) >= SUPPORT * len(said)]
