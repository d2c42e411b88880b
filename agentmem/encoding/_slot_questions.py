"""Which slot a question asks for: "What is my locker code now?", "Where does Ana live?", "Who founded Acme?"."""

from __future__ import annotations

import re

from agentmem.encoding._slot_relations import tied_key
from agentmem.encoding._slot_words import SELF, Key, owned, subject

_LEAD = re.compile(
    r"(?:(?:please|so|and|ok|okay|hey|hi|well|now|also|by the way|btw|sorry|can you|could you|would you"
    r"|do you|did you|you|i|we|want to|wanted to"
    r"|need to|would like to|happen to|still|tell me|remind me|remember|recall|know|let me know|say"
    r"|look up|check|again|of)[,:]? )+",
    re.IGNORECASE,
)
_TRAIL = re.compile(
    r"(?:[\s,]+(?:now|currently|these days|nowadays|at the moment|right now|at present|today|again"
    r"|please|by the way|any ?more|then|as of now"
    r"|in the end|from now on|at this point|already))+$",
    re.IGNORECASE,
)
_BE = r"(?:is|are|was|were|would be|will be|should be|'s|\u2019s)"
_WHAT = re.compile(
    r"(?:what|which|who|whose|where|when|how)(?: (?:is|are|was|were|would|will|should)|['\u2019]s)(?: "
    r"(?:now|currently|the current value of|the value of))? (.+?)(?: be| set to| called| named)?",
    re.IGNORECASE,
)
_INDIRECT = re.compile(rf"(?:what|which|who|where) (.+?) {_BE}", re.IGNORECASE)
_HAVE = re.compile(
    r"(?:what|which|whose) (.+?) (?:do|does|did) (\S+(?: \S+){0,3}?) (?:have|use|own|got|get|hold|go by|go with)",
    re.IGNORECASE,
)
_LIVES = re.compile(
    r"(?:where|(?:what|which) (?:city|country|town|place)) (?:does|do|did|is|are|am) (.+?) (?:live"
    r"|living|reside|based|moved? to|living in|live in)(?: in)?",
    re.IGNORECASE,
)
_WORKS = re.compile(r"(?:where|who) (?:does|do|is|am) (.+?) (?:work|working|employed)(?: for| at| by)?", re.IGNORECASE)
_JOB = re.compile(
    r"(?:what (?:kind|type|sort|line) of work (?:does|do) (.+?) do)|what (?:does|do) (.+?) "
    r"(?:do for a living|work as|do for work)",
    re.IGNORECASE,
)
_WHERE = re.compile(r"where(?:['\u2019]s| is| are| am| was) (?:the )?([^'\u2019]+?)", re.IGNORECASE)
_HOLDS = re.compile(r"who (?:has|holds|is holding|is carrying|took|got) (?:the )?(.+)", re.IGNORECASE)
_SPOUSE = re.compile(
    r"who(?: is|['\u2019]s) (.+?) (?:married to|the spouse of)|(?:to )?whom? is (.+?) married(?: to)?"
    r"|who is (?:the )?(?:spouse|wife|husband|partner) of (.+)",
    re.IGNORECASE,
)
_CITIZEN = re.compile(
    r"(?:what|which) (?:country )?(?:is|are) (.+?) a citizen of|which country is (.+?) a citizen of"
    r"|what is (?:the )?(?:country of )?(?:citizenship|nationality) of (.+)|what is the country of citizenship of (.+)",
    re.IGNORECASE,
)
_LINKED = re.compile(
    r"(?:(where)|who|when|(?:what|which) ([\w ]+?)|what) (?:is|was|are|were|has) (.+?)(?: been)? (?:a "
    r"|an |the )?(\w+)(?: (by|in|at|with|of|for|to|from|on))?",
    re.IGNORECASE,
)
_DID = re.compile(
    r"(?:(where)|(?:what|which) ([\w ]+?)|what|who) (?:does|do|did) (.+?) (\w+)(?: (in|at|with|of|for|to|from|on|by))?",
    re.IGNORECASE,
)
_WHO_DID = re.compile(
    r"(?:who|(?:which|what) [a-z]+) (?:is |was )?([a-z]+ed|wrote|made|built|led|sang) (.+)",
    re.IGNORECASE,
)
_CLASSED = re.compile(
    r"(?:which|what) (?:city|country|continent|place|town) (?:is|are) (the .+?) (?:located|situated|based|in)(?: in)?",
    re.IGNORECASE,
)
_PAST = {"wrote": "written", "sang": "sung"}


def asked(question: str, speaker: str | None = None) -> Key | None:
    """Return the key a question asks for; None where it asks for no slot."""
    words = question.strip().rstrip("?!. ")
    lead = _LEAD.match(words)
    text = _TRAIL.sub("", words[lead.end() if lead else 0 :])
    if not text or len(text) > 300:
        return None
    if re.search(r"\b(?:my|our|i|we)\b", text, re.IGNORECASE) and not re.search(r"\b(?:live|work|based)\b", text):
        return _of_phrase(text, speaker)
    return _of_person(text, speaker) or _of_verb(text, speaker) or _of_phrase(text, speaker)


def _who(phrase: str, speaker: str | None) -> str | None:
    if phrase.lower() in {"i", "we", "me"}:
        return subject(speaker) if speaker else SELF
    if phrase.lower() in {"he", "she", "it", "they", "that", "this", "you", "there"}:
        return None
    if phrase.lower().startswith(("my ", "our ")):
        key = owned(phrase, speaker)
        return f"{key.subject} {key.attribute}".strip() if key else None
    return subject(phrase)


def _of_person(text: str, speaker: str | None) -> Key | None:
    for pattern, what in (
        (_LIVES, "home"),
        (_JOB, "job"),
        (_WORKS, "employer"),
        (_HOLDS, None),
        (_SPOUSE, "spouse"),
        (_CITIZEN, "citizenship"),
    ):
        if found := pattern.fullmatch(text):
            phrase = next(group for group in found.groups() if group)
            who = _who(phrase, speaker)
            return None if who is None else Key(who, what or "holder")
    return None


def _of_verb(text: str, speaker: str | None) -> Key | None:
    if found := _CLASSED.fullmatch(text):
        return owned(found[1], speaker)
    if found := _HAVE.fullmatch(text):
        who = _who(found[2], speaker)
        key = owned(found[1], speaker)
        return Key(who, key.attribute) if key and who is not None else None
    if found := _DID.fullmatch(text):
        who = _who(found[3], speaker)
        return None if who is None else tied_key(who, found[4], found[5] or ("in" if found[1] else ""), found[2] or "")
    if (found := _LINKED.fullmatch(text)) and (found[5] or found[4].endswith(("ed", "born", "made", "built"))):
        preposition = found[5] or ("in" if found[1] else "")
        who = _who(found[3], speaker)
        if who is not None and preposition and not found[3].lower().startswith(("my ", "our ", "your ")):
            return tied_key(who, found[4], preposition, found[2] or "")
    if (found := _WHO_DID.fullmatch(text)) and not found[2].startswith(("by ", "to ")):
        return tied_key(subject(found[2]), _PAST.get(found[1].lower(), found[1]), "by")
    return None


_MINE = re.compile(r"\b((?:my|our) .+)")
_WHICH = re.compile(r"(?:what|which) (.+?) (?:am|are|do|did|have|should|was) (?:i|we)\b.*", re.IGNORECASE)
_STOP = re.compile(
    r" (?:is|are|was|were|be|been|become|became|now|again|for me|from|these|this|at|right|currently"
    r"|today|please|do|does|did|am|have|has|to|set"
    r"|changed|called|named|supposed|and|or|lately)\b.*",
    re.IGNORECASE,
)


def _of_phrase(text: str, speaker: str | None) -> Key | None:
    if (found := _WHICH.fullmatch(text)) and found[1].count(" ") < 4:
        return owned(f"my {found[1]}", speaker)
    if (found := _MINE.search(text)) and not text.lower().startswith("where"):
        return owned(_STOP.sub("", found[1]), speaker)
    if (found := _WHERE.fullmatch(text)) and " of " not in found[1]:
        who = _who(found[1], speaker)
        return None if who is None else Key(who, "place")
    for pattern in (_WHAT, _INDIRECT):
        if found := pattern.fullmatch(text):
            return owned(
                _STOP.sub("", found[1]) if found[1][:4].lower() == "the " and " of " not in found[1] else found[1],
                speaker,
            )
    if re.match(r"the ", text, re.IGNORECASE) and text.count(" ") < 7:
        return owned(text, speaker)
    return None
