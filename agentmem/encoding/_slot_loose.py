"""Which of one's own things a question asks for, however it is put: "Remind me which locker code I settled on?".

The words of English in which one asks for the present value of something are known; where all of a question but one
noun phrase is made of them, it asks for that. One word more ("What did I eat at my desk?") and it asks for something
else, so episodes, reasons, times and other people's doings are left alone.
"""

from __future__ import annotations

import re

from agentmem.encoding._slot_words import SELF, Key, attribute, subject
from agentmem.encoding._stated_words import LEXICON

KNOWN = frozenset(
    re.findall(
        r"\S+",
        """
        rn atm plz asap suppose happen quick tho serve serves served serving
        issue issued bought buy turn turned says marked answer upgraded owner stick sticking ditched
        a about actual actually adopt adopted again ago agree agreed all already also am an and answer any anymore
        anything anyway approve approved are arrived as ask asked asking asks assigned at be became become been
        before being best but by call called can can't cannot care case change changed changes check choose choosing
        chose chosen confirm confirmed correct corrected correctly could current currently deal decide decided did
        do does don't down effective end ended enter entered ever exact exactly file final finally find for force
        forget forgot forward from front gave get getting give given go goes going gone got had hand handed happen
        happening happy has have have've having hello help hers hey hi hold holding how i i'd i'll i'm i've idea if
        in information insist insisted instead into is it it's its just keep keeping keeps kept kindly know land
        landed lately latest let let's list listed look lost make me mean mention mentioned mind mine minute moment
        move moved my name named need new newest next nice no not note now nowadays of off officially oh ok okay on
        one ones onto or our ours out over own pick picked picking place place's please pls point prefer present
        presently put putting question quick quickly quite really recall recently record recorded records register
        registered rely remember remind replaced reset right said same save saved say select selected set settle
        settled should show sign signed sir situation so somebody someone sorry stand stands state status still
        supposed sure swap swapped switch switched take taken taking tell than thanks that that's thats the them
        then there there's these they thing this those through to today told took track trade traded under up update
        updated us use used using value voted want was we we're we've well went were what what's whatever whats
        where which who who's whose will with won work worked would write yeah yes yet you your yours yourself
        """,
    )
)
ASKS = re.compile(r"\b(?:what|which|who|whose|whats)\b|^where does (?:my|our|the)|\bhow(?: is|'s) my\b")
REQUESTS = re.compile(
    r"\b(?:tell|remind|confirm|state|give|read|show|look up|check|note|say|need)\b"
    r"|\b(?:do|did|can|could|would|will) you (?:\w+ )?(?:to )?(?:have|know|remember|recall|help)\b|\bidea\b"
)
OTHERWISE = re.compile(
    r"^(?:\W*(?:so|and|but|hey|hi|ok|oh|well),? )*(?:why|when|where(?! does (?:my|our|the) .* stand)"
    r"|how(?! is my|'s my)"
    r"|(?:did|do|does|am|are|was|were|will"
    r"|would|should|could|can|have|had) (?:i|we|it|they|he|she)\b(?!.*\b(?:what|which)\b))"
    r"|\b(?:why|when|how (?:long|often|many|much|old|far|come|did|does|do)|old|older|previous|former|first|last"
    r"|past|used to"
    r"|never|before|ago)\b|\b(?:i|we|you|they|he|she) do\b(?! you)|\bdo with\b|\b(?:like|say|said|tell|think"
    r"|know|told) (?:to|about|of)\b"
    r"|\b(?:can|could) i\b(?! (?:have|get|ask))"
)
PAST = re.compile(r"\b(?:was|were|had)\b(?!.*\b(?:again|to|chang|set|assign|given|called|supposed|decid))")
_PHRASES = re.compile(
    r"\b(?:after all|in the end|at the end of the day|read (?:me|us|back|out)(?: back)?|(?:when it comes"
    r"|as far as)(?: to)?|(?:if|when(?:ever)?) (?:any"
    r"|some)?(?:body|one|people)? ?asks? (?:me )?for|as of (?:the )?\w+(?: of \w+)?|by the way"
    r"|until further notice|in (?:my|your|the) (?:notes?|files?|records?|memory)|on (?:file|record)"
    r"|in (?:effect|force|use)"
    r"|(?:these|the other|two|three|few|some) days(?: ago)?|for (?:a|the|one|two|three|\d+) (?:day|week|month"
    r"|year|time|moment)s?"
    r"|since (?:the )?\w+(?: (?:days?|weeks?|months?))?|from \w+day|(?:this|next) (?:week|month|year)|of choice"
    r"|instead of (?:the|my) old one|at (?:the|this) (?:moment|minute|point|time)|right now|at present)\b"
)
_GIVEN_BY = re.compile(
    r"\b(?:did|has|have) (?:(?:the|my|our) )?[a-z]+ (give|given|assign|assigned|hand|handed|recommend|approve"
    r"|approved|set|send|sent|insist|pick|choose|suggest|show|tell|said|say)\b"
    r"(?= (?:to )?(?:me|us|as|for|on)\b|\W*$)"
)
_NOT_A_THING = frozenset(
    re.findall(r"\S+", "time day date year month week weather matter problem difference point news use idea")
)
WORD = re.compile(r"[^\W_](?:[\w'&+/-]*[^\W_])?|[^\w\s'-]")


def asked(question: str, speaker: str | None = None) -> Key | None:
    """Return the key of the thing whose present value is asked for; None where anything else may be meant.

    "My" and "I" mean `speaker`; what is nobody's is `SELF`'s.
    """
    text = " ".join(question.lower().replace("\u2019", "'").split())
    said = bare(text) if len(text) <= _LONGEST else ""
    if not said or OTHERWISE.search(said) or PAST.search(said):
        return None
    own = _OWN.search(text) is not None
    asks, requests = ASKS.search(text) is not None, REQUESTS.search(text) is not None
    key = attribute(" ".join(_noun(WORD.findall(said), own=own, asks=asks, requests=requests)))
    return Key(subject(speaker) if speaker and own else SELF, key) if key else None


def bare(text: str) -> str:
    """Return a question in small letters without what it says of when, of who gave the thing, and by the way."""
    return _PHRASES.sub(" ", _GIVEN_BY.sub(" given ", text)).strip()


def _noun(words: list[str], *, own: bool, asks: bool, requests: bool) -> list[str]:
    """Return the one noun phrase of a question that is made of known words else; nothing where there is more."""
    rest = [at for at, word in enumerate(words) if word[0].isalnum() and word not in KNOWN]
    if not rest or len(rest) > _WIDEST or rest[-1] - rest[0] != len(rest) - 1:
        return []
    named = words[rest[0] : rest[-1] + 1]
    named[-1] = named[-1].removesuffix("'s")
    while len(named) > 1 and LEXICON.get(named[-1]) == "":
        named.pop()
    before = words[rest[0] - 1] if rest[0] else ""
    around = (*words[: rest[0]], *words[rest[-1] + 1 :])
    note = not asks and all(word in NOTED for word in around if word[0].isalnum())
    mine = own and (asks or (requests and before in _OF_MINE))
    after = words[rest[-1] + 1] if rest[-1] + 1 < len(words) else ""
    neutral = before in _THE or (before in {"which", "what"} and after in {"is", "are", "should", "do", "did"})
    neutral = neutral and (asks or requests) and len(named) < _WIDEST
    placed = before in _DETERMINERS or (note and before in NOTED) or not before or not before[0].isalnum()
    whole = LEXICON.get(named[-1], "V") in "VEe" and named[-1] not in _NOT_A_THING
    theirs = any(word.endswith("'s") for word in named)
    return named if (note or mine or neutral) and placed and whole and not theirs else []


_DETERMINERS = frozenset(
    re.findall(
        r"\S+",
        """my our the which what a an new current own latest present this actual updated confirmed final as for is whose
        right correct to""",
    )
)
_OF_MINE = frozenset(("my", "our", "the", "new", "current"))
_THE = frozenset(("the", "new", "current", "latest", "present", "actual", "right", "correct"))
NOTED = frozenset(
    re.findall(
        r"\w+",
        """current currently latest new newest now please pls again my our the updated confirmed present note on status
        and so hey for today actual final correct""",
    )
)
_OWN = re.compile(r"\b(?:i|i'm|i've|i'd|me|we|us|mine|my|our)\b")
_LONGEST, _WIDEST = 200, 4
"""Characters of a question that may be one, and words of a noun phrase."""
