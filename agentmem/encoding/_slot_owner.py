"""A question about somebody else's thing, turned into one about one's own: "What did Ana change her code to?".

Whatever grammar reads "What did I change my code to?" reads it then, and the key that it finds is Ana's. Only a name in
capitals counts that owns something by its "'s", by a pronoun that follows it, by "of" at the end, or as who "has".
"""

from __future__ import annotations

import re

from agentmem.encoding._slot_loose import KNOWN
from agentmem.encoding._slot_words import SELF, subject
from agentmem.encoding._stated_words import LEXICON

_MINE = re.compile(r"\b(?:my|mine|our|ours)\b", re.IGNORECASE)
_NAME = r"[A-Z][^\W\d_][\w-]*(?: [A-Z][^\W\d_][\w-]*){0,2}"
_POSSESSIVE = re.compile(rf"\b({_NAME})(?:['\u2019]s|(?<=s)['\u2019])(?= \w|\W*$)")
_PRONOUN = re.compile(r"\b(?:her|his|their)\b(?= \w)", re.IGNORECASE)
_NAMED = re.compile(rf"(?<=[a-z,] )(?<!\bher )(?<!\bhis )(?<!\btheir )({_NAME})\b")
_OF = re.compile(rf"(?<= of )({_NAME})(?=\W*$)")
_HAS = re.compile(
    rf"(?:(?<=\bdoes )|(?<=\bdid ))({_NAME})(?= (?:(?:just|now|recently|finally) )?(?:have|use|own|go|keep|chang|switch"
    r"|pick|choose|get|take|mov|settle|select|set)\w*\b)"
)
_VALUE_OF = re.compile(
    r"\b(?:the |its )?(?:(?:current|latest|present|newest|most recent|last|updated|actual) )*(?:value|setting) "
    r"(?:of|for) (?:(?:my|our|the) )?(?=\w)",
    re.IGNORECASE,
)
_SPOKEN_OF = (
    (re.compile(r"\b(?:has|have) I\b"), "have I"),
    (re.compile(r"\b(?:does|do) I\b"), "do I"),
    (re.compile(r"\b(?:is|are) I\b"), "am I"),
)


def as_own(question: str) -> tuple[str, str] | None:
    """Return whose thing a question asks for, as a `Key.subject`, and the same asked of one's own; None for nobody's.

    None as well where one's own thing is named too, or more than one owner, so that comparisons are left alone. Whoever
    asks for "the value of the code" asks for a thing that has values, as if it were his own.
    """
    first, rest, others = question.partition(" ")
    word = first.lower().removesuffix("'s").removesuffix("\u2019s")
    if word in LEXICON or word in KNOWN:
        question = first.lower() + rest + others
    owners = set(_POSSESSIVE.findall(question))
    if not owners and (valued := _VALUE_OF.sub("my ", question)) != question:
        return SELF, valued
    if _MINE.search(question):
        return None
    if not owners and _PRONOUN.search(question):
        owners = set(_NAMED.findall(question))
    owners = owners or set(_OF.findall(question)) or set(_HAS.findall(question))
    if len(owners) != 1:
        return None
    (owner,) = owners
    said = re.sub(rf"\b{re.escape(owner)}(?:['\u2019]s?)(?= \w)", "my", _OF.sub("mine", question))
    said = _PRONOUN.sub("my", re.sub(rf"\b{re.escape(owner)}\b", "I", said))
    for theirs, mine in _SPOKEN_OF:
        said = theirs.sub(mine, said)
    return subject(owner), said
