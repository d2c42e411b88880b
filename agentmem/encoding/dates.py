"""Time expressions in a text, resolved against the moment it was said.

`find_times` reads "last Friday", "two weeks ago", "the week before 9 June", "in 2021", "since 2016" or "next month" and
returns half-open intervals; what cannot be resolved ("on my birthday", 4/5/2023) is left out rather than guessed. Only
English is read, and ISO dates in any language. No date library is used: the rules cover what people say in
conversations, and a free-form parser costs milliseconds a call and finds dates where there are none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agentmem.encoding import calendar as cal
from agentmem.encoding import timewords as words
from agentmem.encoding.timerules import RULES, Spoken, TimeKind, shift
from agentmem.errors import TimeError
from agentmem.types import Interval

if TYPE_CHECKING:
    from datetime import datetime

    from agentmem.encoding.calendar import Granularity

SCAN_LIMIT = 20_000
"""Characters of a text that are read; a longer text is a document, and its later dates are not the event's time."""

LEAST_YEAR = 1900
"""Where "before June 2023" begins: an interval needs a start, and nobody's memory reaches further back."""

_DATES = frozenset({"iso", "numeric", "dmy", "mdy", "holiday"})
_NEEDS_CAPITAL = frozenset({"monthonly", "weekdayonly", "relative", "mdy", "dmy", "my"})
_LOWER_CASE_WORD = re.compile(r"(?:^|\s)(?:may|march|mar|sun|sat|mon|wed|dec|sep|jan)\b")
_FINENESS: tuple[Granularity, ...] = ("day", "weekend", "week", "month", "season", "year", "decade")


@dataclass(frozen=True, slots=True)
class TimeExpression:
    """One time expression: where it stands, what it means, and how to say it without knowing when it was said.

    `kind` is "point" (it happened then), "since" (from then until it was said) or "duration" (so long, ending when it
    was said). `words` is absolute: "7 May 2023", "the week before 9 June 2023"; of a duration it is the length. `vague`
    marks "a few years ago".
    """

    text: str
    start_char: int
    end_char: int
    interval: Interval
    granularity: Granularity
    words: str
    kind: TimeKind = "point"
    vague: bool = False


def find_times(text: str, said_at: datetime, *, prefer: int = 0) -> list[TimeExpression]:
    """Return the time expressions of a text in their order, resolved against `said_at`.

    `prefer` settles "on Friday" and "in May": -1 the past, +1 the future, 0 as the sentence's tense suggests. At most
    `SCAN_LIMIT` characters are read. Raises TimeError when `said_at` is naive.
    """
    if said_at.tzinfo is None:
        raise TimeError(
            f"said_at {said_at.isoformat()} has no time zone, so 'yesterday' means no particular day. "
            "Pass an aware datetime, e.g. said_at.replace(tzinfo=timezone.utc)."
        )
    text = text[:SCAN_LIMIT]
    if not words.may_hold_time(text):
        return []
    found: list[TimeExpression] = []
    for match in words.TIME.finditer(text):
        rule = match.lastgroup or ""
        if rule in _NEEDS_CAPITAL and _LOWER_CASE_WORD.search(match[0]):
            continue  # "in may" is a slip, but "i may 5" or "the sun" are other words
        phrase = re.sub(r"[\s.,]+", " ", match[0].lower().replace("\u2019", "'")).strip()
        if rule == "numeric":
            phrase = match[0]
        try:
            resolved = RULES[rule](Spoken(phrase, said_at, _sentence(text, *match.span()), prefer))
        except (ValueError, OverflowError):  # 31 June, or a year that no calendar has: not a date after all
            continue
        if resolved is not None:
            expression = TimeExpression(match[0], match.start(), match.end(), *resolved)
            found.append(_anchored(text, expression, rule, said_at, found[-1].end_char if found else 0))
    return found


def main_time(expressions: list[TimeExpression], said_at: datetime) -> TimeExpression | None:
    """Choose the expression that says when the text's event happened: a point, not today, the finest; else None."""
    today = cal.day_span(said_at)
    return min(
        (e for e in expressions if e.kind == "point"),
        key=lambda e: (e.interval == today, _FINENESS.index(e.granularity) + 2 * e.vague, e.start_char),
        default=None,
    )


def parse_when(question: str, now: datetime) -> Interval | None:
    """Return the span of time that a question asks about, or None.

    "in May 2023", "last week"; "between A and B" spans both; "since A" ends now; "before A" begins in 1900 and
    "after A" ends now. A month or day without a year is the latest before now.
    """
    prefer = 1 if re.search(r"\b(?:will|going to|plan|planning)\b", question) else -1
    found = find_times(question, now, prefer=prefer)
    times = [t for t in found if t.kind != "duration" or re.search(r"\b(?:past|last)\b", t.text)]
    if not times:
        return None
    first, last = times[0], times[-1]
    opening = (question[: first.start_char] + re.split(r"\s", first.text)[0]).lower().split()[-3:]
    if len(times) > 1 and not {"between", "from"}.isdisjoint(opening):
        if not re.search(r"\d{4}", first.text):  # "between August 11 and August 15 2023": the year is said once
            first = next(iter(find_times(first.text, last.interval.end, prefer=-1)), first)
        return Interval(min(first.interval.start, last.interval.start), max(first.interval.end, last.interval.end))
    chosen = main_time(times, now) or first
    lead = (question[max(0, chosen.start_char - 14) : chosen.start_char] + chosen.text.split()[0]).lower()
    if re.search(r"\b(?:before|prior to|until|till|by)\b", lead):
        return Interval(now.replace(year=LEAST_YEAR, month=1, day=1), chosen.interval.start)
    if re.search(r"\bafter\b", lead) and chosen.interval.end < now:
        return Interval(chosen.interval.end, now)
    return chosen.interval


def _sentence(text: str, start: int, end: int) -> str:
    """Return the sentence around a match, at most some 200 characters."""
    before = re.split(r"[.!?\n]", text[max(0, start - 120) : start])[-1]
    return before + text[start:end] + re.split(r"[.!?\n]", text[end : end + 80])[0]


def _anchored(text: str, expression: TimeExpression, rule: str, said_at: datetime, floor: int) -> TimeExpression:
    """Widen a date by what stands before it: "since ...", "the week before ...", "two days after ..."."""
    begin = max(floor, expression.start_char - 40)
    lead, anchor = text[begin : expression.start_char], expression.interval.start
    if expression.kind == "point" and (words.SINCE.search(lead) or expression.text.lower().startswith("since")):
        span = Interval(anchor, max(said_at, expression.interval.end))
        return replace(expression, interval=span, kind="since", words=f"since {expression.words}")
    match = words.ANCHORED.search(lead) if rule in _DATES else None
    if match is None:
        return expression
    unit, side = match["unit"].lower(), match["side"].lower()
    number = (match["count"] or "one").lower()
    count = words.NUMBERS.get(number) or int(number)
    count *= 0 if side == "of" else 1 if side in ("after", "following") else -1
    try:
        span, granularity = shift(anchor, unit, count)
    except (ValueError, OverflowError):
        return expression
    name = unit.title() if unit in words.WEEKDAY_NUMBERS else unit
    said = cal.span_words(span, "day") if unit == "day" else cal.shifted_words(name, count, anchor)
    start = begin + match.start()
    return replace(
        expression, text=text[start : expression.end_char], start_char=start, interval=span, granularity=granularity,
        words=said,
    )  # fmt: skip
