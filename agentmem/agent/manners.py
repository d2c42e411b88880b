"""What a conversation needs besides answers: telling a question from a statement, and a short word for the latter.

Rules, for the agent that has no model. They know English only; what they do not recognise is taken for a statement
unless it carries a question mark (of any script).
"""

from __future__ import annotations

import re

UNKEPT = "I keep no record of that."
"""The reply to what is told and not to be remembered."""

_MARK = re.compile(r"[?\u037e\u055e\u061f\u1367\u2047-\u2049\u2e2e\ua60f\ufe16\ufe56\uff1f]")
_SENTENCE = re.compile(r"(?<=[.!;\n])\s+")
_SUBJECT = (
    r"(?:i|you|we|they|he|she|it|my|your|our|their|his|her|its|the|this|that|these|those|there|any|anyone|anybody)"
)
_OPENING = re.compile(r"^(?:so|and|but|or|ok|okay|well|hey|hi|hello|please|sorry|by the way)\b[\s,:-]*", re.IGNORECASE)
_ASKING = re.compile(
    r"^(?:"
    r"(?:what|who|whom|whose|where|when|why|which|how)(?:'s|'re|'d|'ll)?\b(?! (?:an?|i|we) )"
    r"|(?:is|are|was|were|am|do|does|did|have|has|had|can|could|will|would|should|shall|may|might)(?:n't)? "
    rf"{_SUBJECT}\b"
    r"|(?:is|are|was|were|does|did|has|can|could|will|would|should)(?:n't)? (?-i:[A-Z])\w+"
    r"|(?:tell|remind|show|give) (?:me|us)\b"
    r"|(?:list|describe|summari[sz]e|explain|name|find|recall) (?:all|the|my|our|what|who|where|when|how|every)\b"
    r")",
    re.IGNORECASE,
)
_SUBORDINATE = re.compile(r"^(?:when|where|while|whatever|whenever|wherever|how about)\b[^?]*,", re.IGNORECASE)
_HELLO = re.compile(r"^(?:hi|hello|hey|good (?:morning|afternoon|evening)|greetings)\b[^.?]{0,24}$", re.IGNORECASE)
_THANKS = re.compile(r"^(?:thanks|thank you|thx|cheers)\b[^.?]{0,32}$", re.IGNORECASE)
_BYE = re.compile(r"^(?:bye|goodbye|good night|see you)\b[^.?]{0,24}$", re.IGNORECASE)


def is_question(text: str) -> bool:
    """Say whether a text asks something: a question mark, or a sentence that opens as questions and requests do."""
    if _MARK.search(text):
        return True
    return any(_asks(sentence) for sentence in _SENTENCE.split(text.strip()))


def acknowledge(text: str) -> str:
    """Return a short reply to something that asks nothing."""
    said = text.strip()
    if _HELLO.match(said):
        return "Hello. Tell me something, or ask me about what you told me before."
    if _THANKS.match(said):
        return "You're welcome."
    if _BYE.match(said):
        return "Goodbye. I'll remember what you told me."
    return "Noted. I'll remember that."


def _asks(sentence: str) -> bool:
    opened = sentence.strip()
    while (shorter := _OPENING.sub("", opened)) != opened:
        opened = shorter
    return bool(_ASKING.match(opened)) and not _SUBORDINATE.match(opened)
