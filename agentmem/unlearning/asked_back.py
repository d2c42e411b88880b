"""Questions that ask back what was forgotten: "What was the deleted code?", "Which number did I ask you to forget?".

To such a question recall has no answer, and something that resembles one: the newer code, the rest of a list, the other
half of a pair. Shown, it would pass for what was deleted, or give it away by what is next to it. Rules over words, no
model; they know English, and a question that they do not know is recalled for as any other.

Who deletes decides. What a person deleted outside of memory ("Which photos did I delete?") is a memory like any other,
and what left a job or a programme ("When was she dropped from the team?") is, too. So a word such as "removed" counts
only before what it is said of ("the removed label"), and `Guard.asked_back` asks for a word that stood in what was
forgotten besides.
"""

from __future__ import annotations

import re

_DELETED = r"(?:deleted|erased|forgotten|wiped|purged|scrubbed|redacted|expunged|unlearned)"
_PUT_ASIDE = r"(?:removed|retired|revoked|withdrawn|superseded|discarded|dropped)"
_OF_WHAT = r"(?:the|this|that|those|these|our|my|your|its|his|her|their|an?|any|which|what|\w+'s)"
_NO_THING = r"(?:about|after|and|as|at|because|before|by|during|for|from|in|into|of|on|or|since|so|to|when|while|with)"
_BACK = re.compile(
    rf"(?<!\bI )(?<!\bI've )\b{_DELETED}\b"
    rf"|\b{_OF_WHAT}\s+(?:\w+\s+)?{_PUT_ASIDE}\s+(?!{_NO_THING}\b)\w"
    r"|\b(?:undelete|unforget)\b"
    r"|\b(?:ask|asked|tell|told|want|wanted|have|had|make|made)\s+(?:you|it|the\s+\w+)\s+(?:to\s+)?"
    r"(?:forget|delete|erase|remove|wipe|purge|scrub|redact|unlearn)\b",
    re.IGNORECASE,
)


def asking_back(question: str) -> str | None:
    """Return what else a question says that asks for something deleted; None for any other question."""
    rest, found = _BACK.subn(" ", question.replace("\u2019", "'"))
    return rest if found else None
