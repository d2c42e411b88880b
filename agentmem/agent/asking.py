"""Questions to a person before something is forgotten, or remembered again, and what an answer to one means.

A question is plain JSON, for LangGraph saves it in the checkpoint and hands it to whoever runs the graph:

    {"step": "which", "text": "Which Anna is meant? ...", "choices": ["Anna Meyer", "Anna Vogel", "all of them"]}
    {"step": "also", "text": "Which of these? ...", "items": [{"id": "01J...", "line": "3 Mar 2025, Ana: ..."}]}
    {"step": "sure", "text": "Forget 2 messages about Porto for good? ...", "counts": {"turn": 2}, "topics": ["Porto"]}
    {"step": "again", "text": "That was forgotten on request ..."}

`text` is all that a person needs to see. It shows counts, dates and names, never what a memory says: whoever asks may
not be who said it. A program that may show more has the ids. Answers are words as people type them, or values as
programs give them. Only English is read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentmem.types import Memory, MemoryId

if TYPE_CHECKING:
    from agentmem.unlearning.plan import ForgetPlan, Item
    from agentmem.unlearning.selector import Question

Asked = dict[str, Any]
"""A question, as JSON has it."""

MOST = 10
"""Items that are listed one by one."""
WORDS = 3
"""Names and words that tell what one of them is about."""
_TELLING = re.compile(r"\b[^\W\d_]{4,}\b(?!\S*\d)")
_SAYS_NOTHING = re.compile(
    r"(?:about|after|again|also|been|before|could|does|from|have|into|just|like|more|much|only|over|really|should|some"
    r"|such|than|that|their|them|then|there|these|they|this|those|very|was|went|were|what|when|where|which|while|will"
    r"|with|would|your|yours|mine)",
    re.IGNORECASE,
)
_NAMES = {
    "turn": ("message", "messages"),
    "reply": ("reply of mine", "replies of mine"),
    "summary": ("summary", "summaries"),
}
_PART = r"(?:yes|yeah|yep|yup|y|sure|ok|okay|please|please do|do it|do so|go ahead|confirm|confirmed|correct|right)"
_YES = re.compile(rf"{_PART}(?:[\s,;.!]+(?:{_PART}|(?:forget|delete|erase) (?:it|them)))*", re.IGNORECASE)
_NO = re.compile(r"(?:no|nope|nah|n|don'?t|do not|not|never|keep|leave|none)\b", re.IGNORECASE)
_STOP = re.compile(r"(?:cancel|stop|abort|never ?mind|forget (?:about )?it|leave it)\b", re.IGNORECASE)
_ALL = re.compile(r"(?:yes,? )?(?:all|all of (?:it|them|those)|both|everything)(?:,? please)?", re.IGNORECASE)
_NUMBERS = re.compile(r"(?:number )?\d+(?:(?:\s*(?:,|and|&)\s*|\s+)\d+)*", re.IGNORECASE)


def which(question: Question) -> Asked:
    """Ask what is meant."""
    labels = [choice.label for choice in question.choices]
    if labels == ["yes", "no"]:
        return {"step": "which", "text": f"{question.text} (yes or no)", "choices": labels}
    return {"step": "which", "text": "\n".join([question.text, *_numbered(labels)]), "choices": labels}


def also(items: Sequence[Item], sure: int) -> Asked:
    """Ask which of those that may be meant are; `sure` is how many are without asking."""
    lines = [{"id": item.id, "line": line(item)} for item in items]
    begun = f"{_counted(sure, 'memory is', 'memories are')} meant for sure; which" if sure else "Which"
    shown = _numbered([listed["line"] for listed in lines[:MOST]])
    more = [f"  and {len(lines) - MOST} more"] if len(lines) > MOST else []
    text = [f"{begun} of these{' as well' if sure else ''}? (all, none, or numbers)", *shown, *more]
    return {"step": "also", "text": "\n".join(text), "items": lines}


def sure(plan: ForgetPlan) -> Asked:
    """Ask whether what a plan shows is to go."""
    rewritten = plan.counts["rewritten"]
    after = f" {_counted(rewritten, 'memory is', 'memories are')} written anew without it." if rewritten else ""
    named = topics(plan)
    about = f" about {_listed(named)}" if named else ""
    text = f"Forget {_what(plan)}{about}, for good?{after} (yes or no)"
    gone: dict[str, int] = Counter(m.kind for m in erased(plan))
    counts = {**gone, "redacted": plan.counts["redacted"], "rewritten": rewritten}
    return {"step": "sure", "text": text, "counts": counts, "topics": named}


def told(plan: ForgetPlan) -> str:
    """Say how much is forgotten, once it is, and nothing of what it was."""
    return f"I have forgotten {_what(plan)}."


def again() -> Asked:
    """Ask whether what was forgotten, and is now said again, is to be remembered again."""
    return {"step": "again", "text": "That says what was forgotten on request. Remember it again? (yes or no)"}


def repeated(asked: Asked, why: str) -> Asked:
    """Ask once more, saying why."""
    return {**asked, "text": f"{why} {asked['text'].removeprefix(why).strip()}"}


def heard(asked: Mapping[str, Any], answer: object) -> Any:
    """Return what an answer to a question means, or None where it is no answer.

    False: nothing is to happen. "which": the label that is chosen. "also": a list of ids. "sure", "again": True.
    """
    said = " ".join(answer.replace("\u2019", "'").split()).strip(".! ") if isinstance(answer, str) else answer
    step = asked["step"]
    if step == "which":
        return _label(asked["choices"], said)
    if step == "also":
        return _chosen([item["id"] for item in asked["items"]], said)
    if not isinstance(said, str):
        return said if isinstance(said, bool) else None
    if _YES.fullmatch(said):
        return True
    return False if _NO.match(said) or _STOP.match(said) else None


def erased(plan: ForgetPlan) -> list[Memory]:
    """Return the memories that go whole when a plan is carried out without any of what it asks about."""
    meant = [i.memory for i in plan.items if i.action == "erase"]
    return [*meant, *(e.memory for e in plan.derived if e.action == "erase")]


def topics(plan: ForgetPlan) -> list[str]:
    """Return what the selected memories are about, in names: those that the request says, or that two of them share."""
    often = Counter(name for item in plan.items for name in set(item.memory.cues.entities))
    asked = plan.request.casefold()
    return [name for name, n in often.most_common() if n > 1 or name.casefold() in asked][:5]


def line(item: Item) -> str:
    """Return a memory in a line: when it was said, by whom, and names and words of it that hold no values."""
    memory = item.memory
    names = memory.cues.entities[:WORDS]
    told = sorted(_TELLING.findall(memory.text), key=len, reverse=True)
    other = [word for word in told if not _SAYS_NOTHING.fullmatch(word) and word not in " ".join(names)]
    named = list(dict.fromkeys([*names, *other]))[:WORDS]
    said = f"{memory.said_at.day} {memory.said_at:%b %Y}, {memory.speaker or 'nobody'}"
    return f"{said}: {', '.join(named)}" if named else said


def _label(labels: Sequence[str], said: object) -> Any:
    """Return the label that is chosen by itself, its number or a word of it alone."""
    if isinstance(said, bool):
        return "yes" if said and "yes" in labels else None if said else False
    if isinstance(said, int) or (isinstance(said, str) and said.isdecimal()):
        return labels[int(said) - 1] if 1 <= int(said) <= len(labels) else None
    if not isinstance(said, str) or not said:
        return None
    near = [label for label in labels if re.search(rf"\b{re.escape(said)}\b", label, re.IGNORECASE)]
    same = [label for label in near if label.casefold() == said.casefold()]
    meant = [("yes", _YES.fullmatch(said)), ("all of them", _ALL.fullmatch(said)), ("no", _NO.match(said))]
    found = [*same, *(label for label, match in meant if match and label in labels), *(near if len(near) == 1 else [])]
    return found[0] if found else False if _STOP.match(said) or _NO.match(said) else None


def _chosen(ids: Sequence[MemoryId], said: object) -> Any:
    """Return the ids that are chosen by themselves, by numbers, or by saying all or none."""
    if isinstance(said, bool):
        return list(ids) if said else []
    if isinstance(said, str):
        if _STOP.match(said):
            return False
        if _NO.match(said) or _ALL.fullmatch(said) or _YES.fullmatch(said):
            return [] if _NO.match(said) else list(ids)
        said = [int(number) for number in re.findall(r"\d+", said)] if _NUMBERS.fullmatch(said) else None
    if isinstance(said, Mapping):
        said = [id_ for id_, yes in said.items() if yes is True]
    given = [said] if isinstance(said, int) else said if isinstance(said, Sequence) else [None]
    found = [ids[g - 1] if isinstance(g, int) and 1 <= g <= len(ids) else g for g in given]
    return found if all(f in ids for f in found) else None


def _what(plan: ForgetPlan) -> str:
    gone = Counter(m.kind for m in erased(plan))
    parts = [_counted(n, *_NAMES.get(kind, (kind, f"{kind}s"))) for kind, n in gone.items()]
    redacted = plan.counts["redacted"]
    return _listed([*parts, *([f"a part of {_counted(redacted, 'memory', 'memories')}"] if redacted else [])])


def _numbered(lines: Sequence[str]) -> list[str]:
    return [f"  {number}  {text}" for number, text in enumerate(lines, start=1)]


def _counted(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)
