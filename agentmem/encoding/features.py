"""What a text says about itself before any question is asked: the static features of a memory.

Computed once, when a memory is encoded, and stored with it. Pure, deterministic and quick (some 40 microseconds); what
counts as a feature was settled by what tells the turns that hold answers from those that do not, never by a word of any
answer.
"""

from __future__ import annotations

import math
import re

import numpy as np

from agentmem.types import Floats

TEXT_FEATURES: tuple[str, ...] = (
    "asks",
    "first_person",
    "second_person",
    "names",
    "time_words",
    "reasons",
    "small_talk",
)
"""Names of the columns of `text_features`, in order."""

READ = 20_000
"""Characters of a text whose words are looked at; of a longer document the beginning speaks for the rest."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9']*")
_ATTACHED = re.compile(r"\[shares? [^\]]*\]", re.IGNORECASE)
_NAME = re.compile(r"(?<![.!?\"]\s)(?<!^)\b[A-Z][a-z]+")
_TIME = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last|next|since|recently|weekend|week|month|years?|morning|night|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july|august|september|october|november|"
    r"december|summer|winter|spring|(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(?:because|since|so that|reason|that's why|inspired|motivated|in order to|made me|makes me)\b", re.IGNORECASE
)
_FIRST = frozenset(re.findall(r"\S+", "i i'm i've i'd i'll me my mine myself we we're we've we'll us our ours"))
_SECOND = frozenset(re.findall(r"\S+", "you you're you've you'd you'll your yours yourself"))
_SMALL_TALK = frozenset(
    re.findall(
        r"\S+",
        """
        thanks thank wow hey hi hello bye congrats congratulations awesome amazing great cool nice sounds yeah yes yep
        sure absolutely definitely totally glad proud wonderful lovely luck haha lol oh ok okay good keep enjoy wish
        agreed true exactly impressive fantastic incredible inspiring sorry welcome care soon
        """,
    )
)


def text_features(text: str) -> Floats:
    """Return the static features (F,) float32 of a text, in the order of `TEXT_FEATURES`; every value is finite.

    `asks` and `reasons` are 0 or 1; `names` and `time_words` are log(1 + count); `first_person`, `second_person` and
    `small_talk` are shares of the words. A description of something attached, in square brackets ("[shares a photo:
    ...]"), counts for nothing: it was not said. Length is not among them: it gained nothing over these, and would
    favour long documents.
    """
    said = _ATTACHED.sub(" ", text[:READ]).strip()
    words = [word.lower() for word in _WORD.findall(said)]
    count = max(len(words), 1)
    return np.array(
        (
            said.endswith("?"),
            sum(word in _FIRST for word in words) / count,
            sum(word in _SECOND for word in words) / count,
            math.log1p(len(_NAME.findall(said))),
            math.log1p(len(_TIME.findall(said))),
            bool(_REASON.search(said)),
            sum(word in _SMALL_TALK for word in words) / count,
        ),
        dtype=np.float32,
    )
