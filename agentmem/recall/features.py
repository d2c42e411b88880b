"""What a text says about itself, before any question: the static features of a memory, and those of a question.

`text_features` is computed once, when a memory is encoded, and stored with it. `query_features` is computed once a question.
Both are pure, deterministic and quick (tens of microseconds); neither knows a model, a store or a clock.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

TEXT_FEATURES: tuple[str, ...] = (
    "log_length",
    "asks",
    "asking_share",
    "first_person",
    "second_person",
    "past",
    "digits",
    "names",
    "time_words",
    "reasons",
    "small_talk",
    "picture",
)
"""Names of the columns of `text_features`, in order."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9']*")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_PICTURE = re.compile(r"\[shares? [^\]]*\]", re.IGNORECASE)
_DIGITS = re.compile(r"\d")
_NAME = re.compile(r"(?<![.!?\"]\s)(?<!^)\b[A-Z][a-z]+")
_TIME = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last|next|since|recently|weekend|week|month|year|years|morning|night|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july|august|september|october|november|"
    r"december|summer|winter|spring|(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_REASON = re.compile(r"\b(?:because|since|so that|reason|that's why|inspired|motivated|in order to|made me|makes me)\b", re.IGNORECASE)
_PAST = re.compile(r"\b(?:\w{3,}ed|was|were|had|got|went|made|took|did|saw|met|bought|found|gave|came|won|began|told)\b", re.IGNORECASE)
_FIRST = frozenset("i i'm i've i'd i'll me my mine myself we we're we've we'll us our ours".split())  # noqa: SIM905
_SECOND = frozenset("you you're you've you'd you'll your yours yourself".split())  # noqa: SIM905
_SMALL_TALK = frozenset(
    "thanks thank wow hey hi hello bye congrats congratulations awesome amazing great cool nice sounds yeah yes yep sure "  # noqa: SIM905
    "absolutely definitely totally glad proud wonderful lovely luck haha lol oh ok okay good keep enjoy wish agreed true "
    "exactly impressive fantastic incredible inspiring sorry welcome care soon".split()
)


def text_features(text: str) -> npt.NDArray[np.float32]:
    """Return the static features (F,) float32 of a text, in the order of `TEXT_FEATURES`; every value is finite.

    `log_length` is log(1 + characters) of what was said; shares are over words, counts are squashed by log(1 + count).
    """
    said = _PICTURE.sub(" ", text).strip()
    words = [word.lower() for word in _WORD.findall(said)]
    count = max(len(words), 1)
    sentences = _SENTENCE.findall(said)
    asking = sum(sentence.rstrip().endswith("?") for sentence in sentences)
    return np.array(
        (
            math.log1p(len(text)),
            said.endswith("?"),
            asking / max(len(sentences), 1),
            sum(word in _FIRST for word in words) / count,
            sum(word in _SECOND for word in words) / count,
            math.log1p(len(_PAST.findall(said))),
            math.log1p(len(_DIGITS.findall(said))),
            math.log1p(len(_NAME.findall(said))),
            math.log1p(len(_TIME.findall(said))),
            bool(_REASON.search(said)),
            sum(word in _SMALL_TALK for word in words) / count,
            len(said) < len(text.strip()),
        ),
        dtype=np.float32,
    )


QUERY_FLAGS: tuple[str, ...] = ("when", "where", "who", "how_many", "why", "yes_no", "feeling", "plural")
"""Names of the entries of `QueryFeatures.flags`, in order."""

_FLAGS = (
    re.compile(r"\b(?:when|what (?:year|month|date|day|time)|how long|which (?:year|month|day))\b", re.IGNORECASE),
    re.compile(r"\b(?:where|(?:what|which) (?:city|country|state|place|town|location))\b", re.IGNORECASE),
    re.compile(r"\b(?:who|whose|whom)\b", re.IGNORECASE),
    re.compile(r"\bhow (?:many|much|often|old|far)\b", re.IGNORECASE),
    re.compile(r"\b(?:why|what (?:inspired|motivated|made|led|caused|prompted)|reasons?)\b", re.IGNORECASE),
    re.compile(r"^(?:is|are|was|were|do|does|did|has|have|had|can|could|would|will|should)\b", re.IGNORECASE),
    re.compile(r"\b(?:feel|felt|feeling|think|thought|opinion|describe|react|reaction)\b", re.IGNORECASE),
    re.compile(r"\b(?:what|which) (?:\w+ ){0,2}\w{3,}s (?:has|have|did|does|do|are|were)\b|\bboth\b|\ball\b", re.IGNORECASE),
)


@dataclass(frozen=True, slots=True)
class QueryFeatures:
    """A question taken apart.

    `content` is the question without the names of the space's speakers: who said something is a column, not a word, so the
    names would only pull the vector and the term counts to memories that *address* that person. It is what to embed and to
    look up in the lexical store; it is the question itself where nothing would be left. `named` are the speakers the
    question names, `flags` (Q,) say which kind of question it is, in the order of `QUERY_FLAGS`.
    """

    text: str
    content: str
    named: tuple[str, ...]
    flags: tuple[float, ...]


def query_features(question: str, speakers: Sequence[str] = ()) -> QueryFeatures:
    """Take a question apart, given the names of those who speak in the space.

    A speaker is named by the full name or by its first word, as a whole word in the same case (so that the speaker "Will" is
    not named by "will"); a name all in lower case, like "user", is never taken for a word of the question.
    """
    named = []
    content = question
    for speaker in speakers:
        for name in dict.fromkeys((speaker, speaker.split(" ")[0] if speaker else "")):
            if len(name) < 2 or name == name.lower():
                continue
            found, times = re.subn(rf"\b{re.escape(name)}\b(?:['\u2019]s?\b)?", " ", content)
            if times:
                content = found
                if speaker not in named:
                    named.append(speaker)
    content = " ".join(content.split())
    if not re.search(r"\w", content):
        content = question
    return QueryFeatures(question, content, tuple(named), tuple(float(bool(flag.search(question))) for flag in _FLAGS))
