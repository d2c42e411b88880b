"""The grammar of English time expressions: one compiled pattern, whose named groups say which rule spoke.

A cheap gate comes first, because most turns hold no time word at all. The pattern knows no dates and resolves nothing;
`agentmem.encoding.dates` does.
"""

from __future__ import annotations

import re

NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
}  # fmt: skip
VAGUE_NUMBERS = {"couple": (2, 3), "few": (2, 5), "several": (3, 7), "many": (5, 20), "some": (2, 10)}
"""How many a vague number may mean, least and most."""

MONTH_NUMBERS = {
    name: number
    for number, names in enumerate(
        ("january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
         "september sept sep", "october oct", "november nov", "december dec"),
        1,
    )
    for name in names.split()
}  # fmt: skip
WEEKDAY_NUMBERS = {
    name: number
    for number, names in enumerate(
        ("monday mon", "tuesday tues tue", "wednesday weds wed", "thursday thurs thur thu", "friday fri",
         "saturday sat", "sunday sun"),
    )
    for name in names.split()
}  # fmt: skip
HOLIDAYS = {
    "christmas eve": (12, 24), "christmas day": (12, 25), "christmas": (12, 25), "xmas": (12, 25),
    "new year's eve": (12, 31), "new years eve": (12, 31), "new year's day": (1, 1), "new year's": (1, 1),
    "new years": (1, 1), "halloween": (10, 31), "valentine's day": (2, 14), "valentines day": (2, 14),
    "independence day": (7, 4), "fourth of july": (7, 4), "4th of july": (7, 4), "thanksgiving": (11, 0),
}  # fmt: skip
"""Month and day; day 0 is computed (Thanksgiving)."""

_UNIT_WORDS = "day night week weekend fortnight month year yr decade century"
_GATE_WORDS = frozenset(
    f"yesterday today tonight tomorrow morning afternoon evening ago {_UNIT_WORDS} {_UNIT_WORDS.replace(' ', 's ')}s "
    f"spring summer autumn fall winter {' '.join(MONTH_NUMBERS)} {' '.join(WEEKDAY_NUMBERS)} "
    "christmas xmas new halloween valentine's valentines independence fourth thanksgiving".split()
)
_TO_SPACES = str.maketrans(dict.fromkeys('.,;:!?()[]"-/\u2013\u2014\u2026', " ") | {"\u2019": "'"})
_DIGIT = re.compile("[0-9]")


def may_hold_time(text: str) -> bool:
    """Say whether the text holds a digit or a word that some time expression needs (a few microseconds a turn)."""
    if _DIGIT.search(text):
        return True
    words = text.lower().translate(_TO_SPACES).replace("'s", "").split()
    return not _GATE_WORDS.isdisjoint(words)


def _either(words: object) -> str:
    return "|".join(sorted(map(str, words), key=len, reverse=True))  # type: ignore[call-overload]


_N = rf"(?:\d{{1,3}}|{_either(NUMBERS)})"
_VAGUE = r"(?:(?:a\s+)?(?:couple(?:\s+of)?|few)|several|many|some)"
_COUNT = rf"(?:{_VAGUE}|{_N})(?:\s+more)?"
_UNIT = r"(?:day|night|weekend|week|fortnight|month|year|yr|decade)s?"
_MONTH_LONG = _either(m for m in MONTH_NUMBERS if len(m) > 4 or m in ("may", "june", "july"))
_MONTH = rf"(?:{_either(MONTH_NUMBERS)})\b\.?"
_WEEKDAY_LONG = _either(d for d in WEEKDAY_NUMBERS if d.endswith("day"))
_WEEKDAY = _either(WEEKDAY_NUMBERS)
_SEASON = "spring|summer|autumn|fall|winter"
_HOLIDAY = _either(HOLIDAYS)
_YEAR = r"(?:19|20)\d\d"
_PART = r"(?:(?:the\s+)?(?:beginning|start|middle|end)\s+of|early(?:\s+in)?|mid|late(?:r)?(?:\s+in)?|earlier)[\s-]+"
_ORDINAL = r"(?:st|nd|rd|th)"

_RULES = (
    # 2023-05-07, 2023/5/7; 7/5/2023, 5.7.23
    r"(?P<iso>(?<!\d)\d{4}[-/]\d{1,2}[-/]\d{1,2}(?!\d))",
    r"(?P<numeric>(?<![\d/.-])\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})(?![\d/.-]\d|\d))",
    # 7 May 2023, the 7th of May; May 7th, 2023; May 2023
    rf"(?P<dmy>\b(?:the\s+)?\d{{1,2}}{_ORDINAL}?\s*(?:of\s+)?{_MONTH}(?:,?\s*{_YEAR}\b)?(?!\s*\d))",
    rf"(?P<mdy>\b{_MONTH}\s+(?:the\s+)?\d{{1,2}}{_ORDINAL}?(?![\d:%]|\s*[ap]m\b)(?:,?\s+{_YEAR}\b)?)",
    rf"(?P<my>\b(?:{_PART})?{_MONTH},?\s+(?:of\s+)?{_YEAR}\b)",
    rf"(?P<holiday>\b(?:(?:last|past|this|next)\s+)?(?:{_HOLIDAY})\b(?:,?\s+(?:of\s+)?{_YEAR}\b)?)",
    rf"(?P<seasonyear>\b(?:{_PART})?(?:the\s+)?(?:{_SEASON})(?:,?\s+(?:of\s+|in\s+)?{_YEAR}\b))",
    # the day before yesterday, last night, this morning, the other day
    (
        r"(?P<dayword>\b(?:(?:the\s+)?day\s+before\s+yesterday|(?:the\s+)?day\s+after\s+tomorrow|yesterday|today|tonight"
        r"|tomorrow|last\s+(?:night|evening)|(?:earlier\s+)?this\s+(?:morning|afternoon|evening)"
        r"|the\s+other\s+(?:day|night|week|weekend|month))\b)"
    ),
    # the week before last
    r"(?P<beforelast>\bthe\s+(?:week|weekend|month|year)\s+before\s+last\b)",
    # two weeks ago, a few years back, 3 days from now
    rf"(?P<ago>\b(?:half\s+)?{_COUNT}\s+{_UNIT}\s+(?:ago|back)\b)",
    (
        rf"(?P<ahead>\b(?:{_COUNT}\s+{_UNIT}\s+from\s+(?:now|today)|in\s+(?:about\s+)?{_COUNT}\s+{_UNIT}\b(?!\s+(?:ago|old))"
        r"(?:'s?\s+time)?))"
    ),
    # for the past three years, over the last few months; for 3 years; seven years now
    rf"(?P<span>\b(?:(?:for|over|in|during|within)\s+)?(?:the\s+|these\s+|this\s+)?(?:last|past)\s+{_COUNT}\s+{_UNIT}\b)",
    (
        rf"(?P<lasting>\bfor\s+(?:about\s+|around\s+|almost\s+|nearly\s+|over\s+|more\s+than\s+|at\s+least\s+|like\s+)?"
        rf"{_COUNT}\s+{_UNIT}\b(?!\s+(?:ago|old|back))|\b{_COUNT}\s+{_UNIT}\s+now\b)"
    ),
    # last Friday, this past weekend, next month, early next year
    (
        rf"(?P<relative>\b(?:{_PART})?(?:the\s+|this\s+)?(?:last|past|previous|this|next|coming|upcoming|current)\s+"
        rf"(?:{_SEASON}|week|weekend|month|year|decade|{_WEEKDAY}|{_MONTH_LONG})\b)"
    ),
    r"(?P<overweekend>\b(?:over|on|during|at)\s+the\s+weekend\b)",
    # in May, since March, mid-June; on Friday, friday night
    (
        rf"(?P<monthonly>\b(?:(?:in|since|until|till|by|during|from|through|throughout|around)\s+|{_PART})"
        rf"(?:{_MONTH_LONG}|jan|feb|apr|aug|sept|sep|oct|nov|dec)\b(?!,?\s+(?:of\s+|the\s+)?\d))"
    ),
    rf"(?P<weekdayonly>\b(?:{_WEEKDAY_LONG}|on\s+(?:{_WEEKDAY}))\b(?!\s+(?:before|after)\b))",
    # the 15th
    (
        rf"(?P<monthday>\b(?:on|by|until|since|from)\s+the\s+\d{{1,2}}{_ORDINAL}\b"
        r"(?=\s*(?:[.,;:!?)-]|$)|\s+(?:and|but|so|for|at|in|after|before|with|to|when|it|we|i|of\s+(?:this|last|next)\s+month)\b))"
    ),
    # in 2021, since 2016, the end of 2022; the 1990s
    (
        rf"(?P<year>\b(?:(?:in|since|from|until|till|by|during|around|circa|year|of|before|after|to|through|and)\s+|{_PART})"
        rf"{_YEAR}\b(?!\s*[-/.:]\d|\s+(?:people|dollars|euros|pounds|points|steps|words|miles|km|meters|followers)\b))"
    ),
    r"(?P<decade>\b(?:the\s+)?(?:early\s+|late\s+|mid[\s-]+)?(?:19|20)\d0s\b|(?:\bthe\s+|')'?[2-9]0s\b)",
    # in the summer, over the winter
    rf"(?P<season>\b(?:in|during|over|since)\s+(?:the\s+)?(?:{_SEASON})\b(?!,?\s+(?:of\s+|in\s+)?(?:19|20)\d\d))",
)
TIME = re.compile("|".join(_RULES), re.IGNORECASE)
"""The whole grammar; `match.lastgroup` (or the outermost group set) names the rule."""

ANCHORED = re.compile(
    rf"\b(?:the\s+)?(?:(?P<count>{_N})\s+)?(?P<unit>day|week|weekend|month|year|{_WEEKDAY_LONG})s?\s+"
    r"(?P<side>before|after|prior\s+to|following|of)\s+(?:the\s+)?(?:date\s+of\s+)?$",
    re.IGNORECASE,
)
"""What may stand before an absolute date and shift it: "the week before" 9 June, "two days after" 5 May."""

SINCE = re.compile(r"\b(?:ever\s+)?since\s+(?:about\s+|around\s+|the\s+)?$", re.IGNORECASE)
FUTURE = re.compile(
    r"\b(?:will|won't|shall|going\s+to|gonna|plan|plans|planning|planned|hope|hoping|looking\s+forward|can't\s+wait"
    r"|upcoming|coming\s+up|schedul\w+|about\s+to|until|by|expect\w*|want\s+to|would\s+like|thinking\s+(?:of|about)"
    r"|aim\w*|is|are|i'm|we're|let's|have\s+to|need\s+to|free|due|see\s+you)\b|['\u2019]ll\b",
    re.IGNORECASE,
)
PAST = re.compile(
    r"\b(?:was|were|did|had|went|got|been|came|saw|met|made|took|gave|said|told|won|lost|bought|found|\w{2,}ed)\b",
    re.IGNORECASE,
)
PERFECT = re.compile(r"\b(?:have|has|had|been)\b|['\u2019](?:ve|s)\b|\bnow\b", re.IGNORECASE)
