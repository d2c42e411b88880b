"""A forget request in a chat: planned, asked back where it must be, carried out after a yes, then kept silent about.

Between a question and its answer there may be days, and another process: all that is kept meanwhile is JSON in the
state of the thread (`Pending`), and the plan is made anew after every answer. A yes holds for what was shown: if that
has changed meanwhile, it is shown again. Once confirmed, ids alone are kept, and the request itself leaves the state
before anything is erased: a crash in between loses neither.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

from agentmem.agent import asking
from agentmem.agent.checkpoints import LeanSaver
from agentmem.agent.scrubber import CheckpointScrubber
from agentmem.errors import HeldError, InputError, PlanChangedError, ResidueError
from agentmem.unlearning.selector import Nomination, Understood
from agentmem.unlearning.wording import words

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from agentmem.space import Space
    from agentmem.types import MemoryId
    from agentmem.unlearning.plan import ForgetPlan

Going = tuple[str, int, list[list[int]]]
"""A memory that goes: its id, how long its text is, and which parts of it go (none: all)."""

ACTOR = "chat"
"""Who forgot, in the receipt: it holds no names."""
NOTHING = "Nothing was forgotten."
UNKNOWN = "I have no information on that, so there is nothing to forget."
UNHEARD = "I did not understand that."
CHANGED = "The memory has changed meanwhile."
UNABLE = (
    "Nothing was forgotten: this conversation keeps no state, so that I cannot ask whether you are sure. "
    "Use `agentmem forget`, or build the agent with a checkpointer."
)
_TELLS_NOTHING = frozenset({"yes", "no", "all of them", "none of them"})


class Pending(TypedDict, total=False):
    """What is kept of a request between its steps.

    `message` is the id of the message with the request; `question` is open; `labels` answered what is meant, `also`
    which unsure memories are; `shown` is a digest of what is to be confirmed; `traces` are texts that were asked and
    answered meanwhile; `going` is what goes.
    """

    message: str
    question: asking.Asked
    labels: list[str]
    also: list[MemoryId] | None
    shown: str
    traces: list[str]
    going: list[Going]


class Requests:
    """Forget requests of one chat agent: who asks, of which space, and where states of the conversation are saved."""

    def __init__(self, space: Space, user: str, saver: BaseCheckpointSaver[Any] | None) -> None:
        self.space = space
        self.user = user
        self.saver = saver

    def proceed(self, request: str, thread: str, pending: Pending, answer: object = None) -> Pending | str:
        """Take up an answer and return what is to be asked next, or what goes, or, in words, why nothing does."""
        done = Pending(**pending)
        asked = done.pop("question", None)
        said = None
        if asked is not None:
            said = asking.heard(asked, answer)
            if said is None:
                return {**done, "question": asking.repeated(asked, UNHEARD)}
            if said is False:
                return NOTHING
            done["traces"] = [*done.get("traces", []), *_texts(asked, answer)]
        if asked is not None and asked["step"] == "which":
            done["labels"] = [*done.get("labels", []), str(said)]
        if asked is not None and asked["step"] == "also":
            done["also"] = said
        plan = self._planned(request, thread, done.get("labels", []))
        if unclear := [q for q in plan.questions if not q.choices]:
            return unclear[0].text
        if plan.questions:
            return {**done, "question": asking.which(plan.questions[0])}
        if plan.asks and done.get("also") is None:
            return {**done, "question": asking.also(plan.asks, len(plan.items))}
        return self._confirmed(plan, done, yes=said is True)

    def _confirmed(self, plan: ForgetPlan, done: Pending, *, yes: bool) -> Pending | str:
        """Return what goes, if that is what was shown; else ask whether it is to go."""
        wanted = done.get("also") or []
        chosen = plan.chosen({i.id: i.id in wanted for i in plan.asks})
        if not chosen:
            return NOTHING if plan else UNKNOWN
        going = [Nomination(id_, 1.0, "confirmed", spans) for id_, spans in chosen.items()]
        named = " ".join([plan.request, *done.get("labels", ())])
        exact = replace(self.space.forgetting.plan(going), request=named)  # of what is chosen, and of nothing else
        shown = _digest(exact)
        if yes and shown == done.get("shown"):
            kept = [(i.id, len(i.memory.text), [list(span) for span in i.spans]) for i in exact.items]
            return {"message": done["message"], "going": kept, "traces": done.get("traces", [])}
        question = asking.sure(exact)
        if yes:
            question = asking.repeated(question, CHANGED)
        return {**done, "question": question, "shown": shown}

    def carry_out(self, pending: Pending, thread: str, traces: Sequence[str] = ()) -> str:
        """Forget what is going, here and in states that others save; return what to say. A second time does nothing.

        `traces` are the texts of the request and of what was asked, which saved histories of the thread hold.

        Raises PlanChangedError if what goes in part was rewritten since, StorageError if states cannot be written.
        """
        living = {id_: (size, spans) for id_, size, spans in pending["going"] if id_ in self.space}
        texts = {id_: self.space.get(id_).text for id_ in living}
        if any(spans and len(texts[id_]) != size for id_, (size, spans) in living.items()):
            raise PlanChangedError(
                "what was to go in part was rewritten meanwhile, so nothing was forgotten; ask again"
            )
        if not living:
            return UNKNOWN
        going = [Nomination(i, 1.0, "confirmed", tuple((a, b) for a, b in spans)) for i, (_, spans) in living.items()]
        plan = self.space.forgetting.plan(going)
        try:
            self.space.forgetting.forget(going, actor=ACTOR)
        except HeldError:
            return f"{NOTHING} Some of it is under a legal hold, which must end first."
        except ResidueError as error:
            said = f"It is forgotten, but not without a trace: {error}"
        else:
            said = f"Done. {asking.told(plan)}"
        return " ".join([said, *self._scrubbed(plan, thread, pending["message"], traces)])

    def _planned(self, request: str, thread: str, labels: Sequence[str]) -> ForgetPlan:
        plan = self.space.forgetting.plan(request, speaker=self.user, thread=thread)
        for label in labels:
            if not plan.questions or label not in {choice.label for choice in plan.questions[0].choices}:
                break  # it is not asked any more: what comes of it is shown, and confirmed
            understood = Understood(plan.selector, plan.questions).answered(plan.questions[0], label)
            plan = replace(self.space.forgetting.plan(understood), request=request)
        return plan

    def _scrubbed(self, plan: ForgetPlan, thread: str, message: str, traces: Sequence[str]) -> list[str]:
        """Take it out of the saved states; return what to say where that did not go well.

        Of our own file the space takes care, and it keeps no history.
        """
        if self.saver is None:
            return []
        if isinstance(self.saver, LeanSaver):
            self.saver.flush()
            return []
        cut = [i.memory.text[a:b] for i in plan.items if i.action == "redact" for a, b in i.spans]
        cut += [e.memory.text for e in plan.derived if e.after not in (None, e.memory.text)]
        try:
            self._scrub(self.saver, [text for text in cut if words(text)], memories=asking.erased(plan))
            self._scrub(self.saver, alone=[t for t in traces if words(t)], messages=[message], thread=thread)
        except (ResidueError, InputError) as error:
            return [f"The saved states of the conversation still hold something: {error}"]
        return []

    def _scrub(self, saver: BaseCheckpointSaver[Any], texts: Sequence[str] = (), **how: Any) -> None:
        scrubber = CheckpointScrubber(saver, mode="drop")
        loop = getattr(saver, "loop", None)
        if loop is None:
            scrubber.scrub(texts, **how)
        else:  # an asynchronous saver, from a thread beside its loop
            asyncio.run_coroutine_threadsafe(scrubber.ascrub(texts, **how), loop).result()


def _digest(plan: ForgetPlan) -> str:
    """Return the digest of what a person is shown of a plan: what goes, and what becomes of the derived."""
    what = [[i.id, [list(span) for span in i.spans]] for i in plan.items]
    becomes = [[e.id, e.action] for e in plan.derived]
    return hashlib.sha256(json.dumps([what, becomes]).encode()).hexdigest()


def _texts(asked: asking.Asked, answer: object) -> list[str]:
    """Return the texts of a question and its answer that tell what it was about."""
    said = [answer] if asked["step"] == "which" and isinstance(answer, str) else []
    lines = [item["line"] for item in asked.get("items", ())]
    found = [asked["text"], *asked.get("choices", ()), *asked.get("topics", ()), *lines, *said]
    return [text for text in found if text.casefold() not in _TELLS_NOTHING and not text.isdecimal()]
