"""What is to be forgotten of a LoCoMo conversation, in words, and which turns that is.

Five kinds of target: a name and the turns that mention it (as a whole word, or by an alias); a topic and the evidence
of the question about it; a session; a month; a speaker. The gold is read here from the conversation by rules of its
own, which know nothing of how requests are resolved.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from agentmem.encoding.calendar import MONTHS, WEEKDAYS
from agentmem.formats.locomo import Sample

TargetKind = Literal["entity", "topic", "thread", "time", "speaker"]
TARGET_KINDS: tuple[TargetKind, ...] = get_args(TargetKind)
LEAST_MENTIONS, MOST_MENTIONS = 2, 40
TOPICAL = frozenset({1, 4})
"""Categories of questions that make a topic: they ask for what was told, not when or what is likely."""

PHRASINGS: Mapping[TargetKind, tuple[str, ...]] = {
    "entity": (
        "Forget everything about {x}.",
        "Please delete all you know about {x}.",
        "Could you forget {x}?",
        "Erase everything that mentions {x}, please.",
        "I want you to forget about {x}.",
    ),
    "topic": (
        "Forget everything about {x}.",
        "Please delete all you know about {x}.",
        "I'd like you to forget {x}.",
    ),
    "thread": ("Forget {x}.", "Delete the conversation {x}.", "Please erase everything from {x}."),
    "time": (
        "Forget everything we talked about in {x}.",
        "Delete all messages from {x}.",
        "Please forget what we said in {x}.",
    ),
    "speaker": ("Forget everything {x} said.", "Delete all messages from {x}.", "Please erase what {x} told you."),
}
"""How a target is asked for, in turns."""

_ASKING = re.compile(
    r"^(?:(?:what|which|who|whom|whose|where|when|why|how)(?:'s| (?:many|much|long|often|far|kind of|type of|sort of"
    r"|kinds of|types of))?\s+)?(?:(?:did|does|do|is|are|was|were|has|have|had|will|would|can|could|should)\s+)?",
    re.IGNORECASE,
)
_INSIDE = re.compile(r"(?<=[a-z,] )[A-Z][\w-]+(?: (?:(?:of|the) ){0,2}[A-Z][\w-]+)*")
_WORD = re.compile(r"[^\W\d_][\w-]*")
_NO_NAMES = frozenset({"I", *MONTHS, *WEEKDAYS})


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to be forgotten: the request in words, and the origins of the turns that are meant."""

    kind: TargetKind
    name: str
    request: str
    gold: frozenset[str]


def targets(sample: Sample) -> list[Target]:
    """Return all targets of a conversation, in the order of `TARGET_KINDS`; the phrasings take turns."""
    found: list[Target] = []
    for kind, each in _READ.items():
        for number, (name, gold) in enumerate(each(sample)):
            request = PHRASINGS[kind][number % len(PHRASINGS[kind])].format(x=name)
            found.append(Target(kind, name, request, frozenset(gold)))
    return found


def topic_of(question: str) -> str:
    """Return the topic of a question: what is left without the words in which one asks."""
    return _ASKING.sub("", question.strip(), count=1).rstrip(" ?")


def aliases(name: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a name of two words that are known as names alone and belong to no other name."""
    words = name.split()
    if len(words) != 2:
        return ()
    others = [other.split() for other in names if other != name and " " in other]
    return tuple(w for w in words if w in names and not any(w in other for other in others))


def _entities(sample: Sample) -> Iterator[tuple[str, set[str]]]:
    """Yield capitalised names with 2 to 40 turns that mention them.

    A word that is written small as well is a name only where it is written so more rarely, and then only its
    capitalised mentions count.
    """
    texts = [draft.text for draft in sample.drafts]
    written = Counter(word for text in texts for word in _WORD.findall(text))
    found = {match[0] for text in texts for match in _INSIDE.finditer(text)}
    names = [n for n in found if len(n) > 2 and all(_is_name(w, written) for w in n.split() if w[0].isupper())]
    for name in sorted(names):
        every = (name, *aliases(name, names))
        case = re.NOFLAG if any(written[w.lower()] for w in name.split()) else re.IGNORECASE
        mentioned = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, every))})(?!\w)", case)
        gold = {str(draft.origin) for draft in sample.drafts if mentioned.search(draft.text)}
        if LEAST_MENTIONS <= len(gold) <= MOST_MENTIONS:
            yield name, gold


def _is_name(word: str, written: Counter[str]) -> bool:
    return word not in _NO_NAMES and 2 * written[word.lower()] < written[word]


def _topics(sample: Sample) -> Iterator[tuple[str, set[str]]]:
    for question in sample.questions:
        if question.category in TOPICAL and question.evidence:
            yield topic_of(question.question), {sample.origins[e] for e in question.evidence}


def _threads(sample: Sample) -> Iterator[tuple[str, set[str]]]:
    for name in dict.fromkeys(draft.thread for draft in sample.drafts):
        yield name.replace("_", " "), {str(d.origin) for d in sample.drafts if d.thread == name}


def _months(sample: Sample) -> Iterator[tuple[str, set[str]]]:
    by_month: dict[str, set[str]] = {}
    for draft in sample.drafts:
        if draft.said_at is not None:
            by_month.setdefault(f"{draft.said_at:%B %Y}", set()).add(str(draft.origin))
    yield from by_month.items()


def _speakers(sample: Sample) -> Iterator[tuple[str, set[str]]]:
    for name in dict.fromkeys(draft.speaker for draft in sample.drafts if draft.speaker):
        yield name, {str(d.origin) for d in sample.drafts if d.speaker == name}


_READ: Mapping[TargetKind, Callable[[Sample], Iterator[tuple[str, set[str]]]]] = {
    "entity": _entities,
    "topic": _topics,
    "thread": _threads,
    "time": _months,
    "speaker": _speakers,
}
