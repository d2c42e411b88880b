"""The rules by which one clause gives a value to something named: "key: value", change and being.

A rule takes a clause and its speaker and yields what it finds; `slots` asks one after another, and the first that finds
something has read the clause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from agentmem.encoding._slot_words import Key, owned


class Found(NamedTuple):
    """A slot as a rule sees it: its key, its value, and whether the text says that it ended."""

    key: Key
    value: str
    ends: bool = False


CHANGED = (
    r"(?:chang|switch|mov|renam|alter|revis|correct|adjust|replac|reassign|transferr|upgrad|migrat|relocat)ed"
    r"|updated|set|reset|bumped|rais\w+|lowered|turned"
)
_CHANGE = rf"(?:{CHANGED}|chang(?:e|ing)|update|updating|switch(?:ing)?|set(?:ting)?|reset(?:ting)?|renam(?:e|ing))"
_NOW = r"(?:now|currently|just|already|these days|nowadays|officially|finally|henceforth)"
_TAIL = re.compile(
    r"(?:[\s,]+(?:now|currently|these days|nowadays|at the moment|right now|at present|instead"
    r"|any ?more|any longer|there|here|too"
    r"|as well|again|please|by the way|btw|fyi|lol|haha|from (?:now|today|tomorrow|here|this \w+|next \w+|\w+day) on"
    r"(?:wards?)?|from \w+day|for now|so far|as of \w+(?: \w+)?"
    r"|(?:starting|since|beginning|effective) (?:\w+ )?\w+|this (?:morning|afternoon|evening|week|month"
    r"|year|spring|summer|autumn|fall|winter)"
    r"|today|yesterday|last (?:night|week|month|year)|(?:two|three|a few|\d+) (?:days|weeks|months|years) ago))+$",
    re.IGNORECASE,
)
WEAK = re.compile(
    r"(?:so|been|kind|sort|really|very|really|too|quite|pretty|still|also|not|never|always|going"
    r"|getting|doing|being|trying|the one|a bit|just|more|less|all"
    r"|as|like|that|about|because|when|where|what|how|why|if|to|for|in|on|at|up|out|over|off|here|there"
    r"|it|I|i|you|been|my|your|one|we|they|he|she|such"
    r"|something|anything|nothing|great|good|nice|fine|ok|okay|bad|amazing|awesome|important|ready|gone"
    r"|done|full|back|similar|same|(?:this|last|next) (?:time|morning|afternoon|evening|night|week|month|year))\b",
)
CLASSES_OF_PLACE = frozenset(
    {"city", "country", "continent", "town", "village", "state", "province", "region", "place", "area", "district"}
)
_CLASS = re.compile(r"(?:the |a )?([a-z]\w+(?: [a-z]\w+)?) (?:of|called|named) (.+)")
_VALUE_SIGN = re.compile(r"\d|[\"\u201c]|(?<!^)\b[A-Z]|^[A-Z]")


_GOES_ON = re.compile(
    r"(?:,? (?:and|but|so|because|which|since|while|that) (?:I|it|he|she|we|they|my|now|then)\b|,? (?:which|because)\b"
    r"| [-\u2013\u2014]+ |, (?:he|she|it|I|we|they|so|and|but|just|write|remember|note|keep|don)\b|! ).*",
    re.DOTALL,
)
"""Where a sentence goes on after a value."""


def value_of(text: str) -> str:
    """Return a value without what only says when, without quotes and the sign that ends a sentence."""
    text = text.strip().rstrip("!?;,").strip()
    if text.endswith(".") and not re.search(r"(?:\b\w\.\w|\b(?:Inc|Jr|Sr|Ltd|Co|St|Dr))\.$", text):
        text = text[:-1]
    text = _TAIL.sub("", text).strip()
    if len(text) > 1 and text[0] in "\"'\u201c\u2018" and text[-1] in "\"'\u201d\u2019":
        text = text[1:-1].strip()
    return text


def given(phrase: str, value: str, speaker: str | None, *, ends: bool = False, sure: bool = True) -> Iterator[Found]:
    """Yield the slot that a noun phrase names, where the value can be one."""
    key = owned(phrase, speaker)
    value = value_of(value if sure else _GOES_ON.sub("", value))
    if key is None or not value or len(value) > 400:
        return
    if not sure and (
        WEAK.match(value) or value.count(" ") > 7 or (key.subject == "you" and not _VALUE_SIGN.search(value))
    ):
        return
    yield Found(key, value, ends)


_PAIR = re.compile(r"[\s\"'*-]*([^\W_](?:[^:=?!\n]{0,58}[^\s:=?!])?)[\"'*]?\s*(?:=|:(?=\s)|->|:=)\s*(\S.*)", re.DOTALL)
_NO_KEY = re.compile(
    r".*\b(?:is|are|was|were|says?|said|like|am|that|have|has|had|got|did|does|been|going)\b.*|"
    r"(?:.*\b)?(?:following|update|correction|note|things?|it"
    r"|self|ps|p\.s|fyi|btw|by the way|question|reminder|warning|edit|todo|example|e\.g|answer|re|plus"
    r"|also|so|and|but|verdict"
    r"|result|then|here|who|guess what)$",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"(?:i|we|you|he|she|they|it|that|this|there|what|who|how|do|did|yes|no|ok|hi|hey|let)(?:['\u2019]\w+)?\b",
    re.IGNORECASE,
)


_MINE = re.compile(r"(?:my|our|your) .*\b(?:is|are|was|became|has|will|should)\b", re.IGNORECASE)


def pairs(clause: str, speaker: str | None) -> Iterator[Found]:
    """Read "key: value" and "key = value"."""
    found = _PAIR.fullmatch(clause)
    if (
        found is None
        or found[1].count(" ") > 5
        or _CLAUSE.match(found[1])
        or _NO_KEY.match(found[1])
        or _CLAUSE.match(found[2])
        or _MINE.match(found[2])
    ):
        return
    value = found[2].strip().rstrip(";,").strip()
    if value.endswith(".") and value.count(".") == 1:
        value = value[:-1]
    key = owned(found[1], speaker)
    if key is not None and value:
        yield Found(key, value)


_NAME = r"[^\W_][\w'-]*(?: (?!(?:is|are|was|were|has|had|have|to|it|and|but|that|again)\b)[\w'-]+){0,3}?"
_THING = (
    rf"((?:[Mm]y|[Oo]ur|[Yy]our|[Tt]he|[A-Z][\w.-]*(?: [A-Z][\w.-]*){{0,2}}['\u2019]s|[Aa] (?:brand )?new) {_NAME})"
)
_AGO = r"(?: (?:again|now|too|today|just|recently|finally|I use|I have|we use|these days|nowadays))*"
_TO_BE = (
    rf"(?:(?:is|are) going to be|is|are|will be|should be|shall be|must be|becomes?|became|has become"
    rf"|reads?|equals)(?: {_NOW})?"
)
_CHANGES = rf"(?:(?:has|have|had|was|were|is|are|got|gets|will|be|been|{_NOW}) )*(?:{CHANGED}|changes|went)"
_IT = (
    r"(?:(?:and|but|so|now|then|today),? )*(?:(?:[Ii]t|[Tt]hat|[Tt]his|[Tt]he (?:new|current) one)"
    r"(?:['\u2019]s| is| will be| became| should be)"
    rf"(?: {_NOW})?|(?:this time )?(?:to|with)|(?:they |we |I )?(?:{CHANGED}|made) it(?: to)?)"
)
_CHANGE_OF = re.compile(
    rf"(?:.*\b)?(?:{_CHANGE}) {_THING}{_AGO}(?: from .{{1,60}}?)? (?:to|with) (?:be )?(.+)", re.IGNORECASE | re.DOTALL
)
_THING_CHANGED = re.compile(
    rf"(?:.*?\b)?{_THING}{_AGO} {_CHANGES}{_AGO}(?: from .{{1,60}}?)?(?:(?: back| over)? (?:to|as|into)"
    rf"|:|,) (?:be )?(.+)",
    re.DOTALL,
)
_THING_IS = re.compile(
    rf"(?:(?:[Aa]s of|[Ss]tarting|[Ff]rom|[Ss]ince) \w+(?: on)?,? |.*?[,:] |.*\b(?:that|remember|know"
    rf"|because|so|said|and|but) )?{_THING}{_AGO} {_TO_BE} ((?:{_NOW} )?.+)",
    re.DOTALL,
)
_THING_IT = re.compile(
    rf"(?:.*?\b)?{_THING}{_AGO}(?: (?:used to be|was|were|is|isn['\u2019]t|has changed"
    rf"|changed)\b[^,:;?]{{0,60}})?(?:[,;:?!\u2013-]+ | (?=and |but |so )){_IT} (.+)",
    re.DOTALL,
)
_NEW_THING = re.compile(
    r"(?:.*\b)?(?:[Aa]|[Tt]he|[Mm]y|[Oo]ur)(?: brand)? new ([^\W_][\w' -]{1,40}?)(?: now| today)*(?:,"
    r"| \u2013| -|:| called| named| is) (?:it['\u2019]s |it is )?(.+)",
    re.DOTALL,
)
_VALUE_AS = re.compile(
    r"(?:.*?\b)?(?:us(?:e|es|ed|ing)|go(?:ing|es)? with|went with|pick(?:ed)?|cho(?:se|ose|osing)|settl"
    r"(?:e|ed|ing) (?:on|for)|have|keep|named"
    r"|elected|appointed|switch(?:ed|ing)?(?: over)? to|mov(?:ed?|ing) to|chang(?:ed?|ing) to|under"
    r"|reach me (?:at|on)) (.+?) (?:as|for) ((?:my|our|the|your|an?) .+)",
    re.IGNORECASE | re.DOTALL,
)
_VALUE_MAKES = re.compile(r"(?:.*?\b)?(?:make|made|making) (\S+(?: \S+){0,5}?) ((?:my|our|the) .+)", re.DOTALL)
_VALUE_IS = re.compile(
    rf"(?:.*\b(?:that|and|but|so) )?(\S+(?: \S+){{0,6}}?) (?:(?:is|are|will be|becomes?)(?: {_NOW})?|"
    rf"(?:has |have )?replace[sd]|took over as) "
    r"((?:[Mm]y|[Oo]ur|[Tt]he|[Yy]our|[A-Z]\w*['\u2019]s) .+)",
    re.DOTALL,
)
_FOR_THING = re.compile(
    rf"[Ff]or {_THING},? (?:I|we|they)(?:['\u2019]\w+| am| are| have| has)?(?: {_NOW})* (?:us(?:e|ed"
    rf"|ing)|have|got|cho(?:se|osing)|pick(?:ed)?"
    r"|tak(?:e|ing)|took|went with|go(?:ing)? with|switched to|settled on) (.+)",
    re.DOTALL,
)
_FRESH = re.compile(r"\b(?:new|current|latest|now|from|these days|replace[sd]?|nowadays|today)\b")
_NO_VALUE = re.compile(
    r"^(?:(?:[Mm]y|[Oo]ur|[Yy]our|[Ii]|[Ww]e|[Yy]ou|[Hh]e|[Ss]he|[Tt]hey|[Tt]he (?:new|current|old)"
    r"|[Tt]h(?:is|at|ese|ose)|it|some)\b"
    r"|an? (?!\S+$))|\b(?:in|on|for|of|to|with|at|from|about)$"
)
_SHORT_THING = re.compile(r"(?:\S+ ){1,4}\S+")


_MOVED = re.compile(r"(?<!been )(?<!was )(?<!were )(?<!got )(?<!is )\b(?:moved|went|relocated)\b")
"""Whoever moved by themselves is a person, not a slot."""


def changes(clause: str, speaker: str | None) -> Iterator[Found]:
    """Read verbs of change: "I changed my code to 4", "the code was set to 4", "my code? It is 4 now"."""
    for pattern in (_FOR_THING, _CHANGE_OF, _THING_CHANGED, _THING_IT):
        if (found := pattern.fullmatch(clause)) and not (pattern is _THING_CHANGED and _MOVED.search(clause)):
            read = list(given(re.sub(r"^[Aa] ", "my ", found[1]), found[2], speaker, sure=False))
            if read:
                yield from read
                return


def values(clause: str, speaker: str | None) -> Iterator[Found]:
    """Read what names the value first: "4 is my new code", "I use 4 as my code", "make 4 my code"."""
    for pattern in (_VALUE_AS, _VALUE_MAKES, _VALUE_IS):
        if found := pattern.fullmatch(clause):
            thing = value_of(found[2])
            owner = re.match(r"(?:an? |(?:[Mm]y|[Oo]ur)\b)", thing)
            if (
                _NO_VALUE.search(found[1])
                or not _SHORT_THING.fullmatch(thing)
                or (pattern is _VALUE_IS and not _FRESH.search(clause))
            ):
                continue
            read = list(given(re.sub(r"^[Aa]n? ", "my ", thing) if owner else thing, found[1], speaker, sure=False))
            if read:
                yield from read
                return
    if found := _NEW_THING.fullmatch(clause):
        theirs = "the" if re.search(r"\b[Tt]he(?: brand)? new", clause) else "my"
        yield from given(f"{theirs} {found[1]}", found[2], speaker, sure=False)


_BE = r"(?:(?:is|are)(?! no longer| not\b)|should be|shall be|must be|will be|has become|have become|became|'s|\u2019s)"
_BEING = re.compile(
    rf"(.{{2,80}}?) {_BE} (?:({_NOW}|from now on|actually),? )?(?:(?:located|based|situated|found) (?:in|at|on) )?(.+)",
    re.IGNORECASE | re.DOTALL,
)
OWNED = re.compile(
    r"(?:[Mm]y|[Oo]ur) [^,:]{2,60}|(?:[A-Z\d][\w.&-]*(?: [A-Z\d&][\w.&-]*){0,4}['\u2019]s?"
    r"|[Tt]he \w+['\u2019]s) [a-z][\w -]{1,40}|[Tt]he (?:[\w-]+ ){1,7}(?:of|for|in) .+",
)
_SHORT = re.compile(r"(?:the )?[^\W\d][\w'-]*(?: [\w'-]+){0,3}", re.IGNORECASE)
_PARTICIPLE = re.compile(
    r"(\w+ed|born|written|known|famous|made|built|led|sung|drawn|held|won|married|native|citizen|member"
    r"|fan|capital|part) (?:by|in|at|on|with|of|for|to|from)\b|(?:a|an) \w+ (?:of|at|from) "
)


def being(clause: str, speaker: str | None) -> Iterator[Found]:
    """Read "my code is (now) 4", "the capital of France is Paris", and, of what nobody owns, "the code is now 4"."""
    if (found := _THING_IS.fullmatch(clause)) and (
        not found[1].lower().startswith(("the ", "a ", "your ")) or _FRESH.search(clause)
    ):
        yield from given(found[1], unclassed(found[2])[1], speaker, sure=False)
        return
    found = _BEING.fullmatch(clause)
    if found is None:
        return
    phrase, now, value = found.groups()
    if not now and _PARTICIPLE.match(value):
        return
    if _TAIL.search(value.rstrip(".!")):
        now = "now"
    if OWNED.fullmatch(phrase) or (
        _SHORT.fullmatch(phrase) and (now or "should be" in clause or _VALUE_SIGN.search(value))
    ):
        if not now and not OWNED.fullmatch(phrase) and not phrase.lower().startswith("the "):
            return
        yield from given(phrase, unclassed(value)[1] if OWNED.fullmatch(phrase) else value, speaker, sure=False)


def unclassed(value: str) -> tuple[str, str]:
    """Return the kind of a value and the value: "the city of London" is London, a city."""
    found = _CLASS.fullmatch(value)
    if (
        found
        and value.startswith("the ")
        and (found[1] in CLASSES_OF_PLACE or found[2][:1].isupper() or " " not in found[1])
    ):
        return found[1], found[2]
    return "", value
