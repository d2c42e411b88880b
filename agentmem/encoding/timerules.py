"""What each rule of the grammar means: a matched phrase and the moment it was said become a span of the calendar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from agentmem.encoding import calendar as cal
from agentmem.encoding import timewords as words
from agentmem.types import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentmem.encoding.calendar import Granularity

TimeKind = Literal["point", "since", "duration"]


class Resolved(NamedTuple):
    """The meaning of one phrase; `words` is absolute and can be read without knowing when the phrase was said."""

    interval: Interval
    granularity: Granularity
    words: str
    kind: TimeKind = "point"
    vague: bool = False


@dataclass(frozen=True, slots=True)
class Spoken:
    """One phrase (lower case, single blanks) in its sentence, with the moment it was said.

    `prefer` is -1 where the past is meant, +1 the future, 0 where the sentence's tense must decide.
    """

    text: str
    said_at: datetime
    sentence: str = ""
    prefer: int = 0

    @property
    def side(self) -> int:
        """-1 or +1: `prefer`, or what the tense of the sentence suggests."""
        if self.prefer:
            return self.prefer
        return 1 if words.FUTURE.search(self.sentence) and not words.PAST.search(self.sentence) else -1

    def year_named(self) -> int | None:
        """Return a year of four digits at the end of the phrase."""
        match = re.search(r"\b((?:19|20)\d\d)$", self.text)
        return int(match[1]) if match else None


def _exactly(span: Interval, granularity: Granularity, *, vague: bool = False) -> Resolved:
    return Resolved(span, granularity, cal.span_words(span, granularity), vague=vague)


def _part_of(spoken: Spoken, resolved: Resolved) -> Resolved:
    """Narrow a span by "early", "mid", "late", "the end of ..." to its third, and say so."""
    text = spoken.text
    thirds = {"earlier": None, "later": None, "early": 0, "begin": 0, "start": 0, "mid": 1, "late": 2, "end": 2}
    stem = next((t for t in thirds if re.match(rf"(?:in )?(?:the )?{t}", text)), None)
    if stem is None or thirds[stem] is None or resolved.granularity in ("day", "weekend"):
        return resolved
    third = thirds[stem] or 0
    start, size = resolved.interval.start, (resolved.interval.end - resolved.interval.start) / 3
    name = ("early", "mid", "late")[third]
    begin = cal.midnight(start + third * size)
    return resolved._replace(
        interval=Interval(begin, max(cal.midnight(start + (third + 1) * size), begin + timedelta(days=1))),
        words=f"{name} {resolved.words.removeprefix('the ')}",
    )


def _counted(text: str) -> tuple[int, int, str, str]:
    """Read "a couple of weeks" as (least, most, unit, the count's own words); raises ValueError without a number."""
    match = re.search(rf"(?:(half) )?(?:\b(a )?({'|'.join(words.VAGUE_NUMBERS)})(?: of)?|\b(\w+))(?: more)? "
                      r"(day|night|weekend|week|fortnight|month|year|yr|decade)s?\b", text)  # fmt: skip
    if match is None:
        raise ValueError(text)
    unit = {"night": "day", "yr": "year"}.get(match[5], match[5])
    if match[3]:
        low, high = words.VAGUE_NUMBERS[match[3]]
        return low, high, unit, "a few" if match[3] == "few" else "a couple of" if match[3] == "couple" else match[3]
    number = words.NUMBERS.get(match[4]) or int(match[4])
    if unit == "fortnight":
        number, unit = number * 2, "week"
    if unit == "decade":
        number, unit = number * 10, "year"
    if match[1] and unit == "year":
        return 6, 6, "month", "six"
    return number, number, unit, match[4]


def shift(moment: datetime, unit: str, count: int) -> tuple[Interval, Granularity]:
    """Move by whole units and return the unit's span there; a weekday's name counts as a unit."""
    if unit in words.WEEKDAY_NUMBERS:
        span = cal.weekday_span(moment, words.WEEKDAY_NUMBERS[unit], -1 if count < 0 else 1)
        extra = (abs(count) - 1) * (7 if count > 0 else -7)
        return cal.day_span(span.start, extra), "day"
    if unit == "decade":
        return cal.decade_span(moment, (moment.year // 10 + count) * 10), "decade"
    spans: dict[str, tuple[Callable[[datetime, int], Interval], Granularity]] = {
        "day": (cal.day_span, "day"), "week": (cal.week_span, "week"), "weekend": (cal.weekend_span, "weekend"),
        "month": (cal.month_span, "month"), "year": (cal.year_span, "year"),
    }  # fmt: skip
    span_of, granularity = spans[unit]
    return span_of(moment, count), granularity


def _shifted(spoken: Spoken, unit: str, count: int) -> Resolved:
    """Shift from the moment itself; weeks and weekends are named by their distance, the rest by their date."""
    span, granularity = shift(spoken.said_at, unit, count)
    if granularity in ("week", "weekend"):
        return Resolved(span, granularity, cal.shifted_words(granularity, count, spoken.said_at))
    return _exactly(span, granularity)


def _dayword(spoken: Spoken) -> Resolved:
    text, said = spoken.text, spoken.said_at
    if "other" in text:
        unit = text.rsplit(" ", 1)[1].replace("night", "day")
        span = Interval(shift(said, unit, -5 if unit == "day" else -2)[0].start, cal.day_span(said).start)
        granularity: Granularity = "week" if unit == "day" else "month"
        return Resolved(span, granularity, f"a few {unit}s before {cal.day_words(said)}", vague=True)
    if "before yesterday" in text:
        return _exactly(cal.day_span(said, -2), "day")
    if "after tomorrow" in text:
        return _exactly(cal.day_span(said, 2), "day")
    offset = -1 if text.startswith(("yesterday", "last")) else 1 if text == "tomorrow" else 0
    return _exactly(cal.day_span(said, offset), "day")


def _away(spoken: Spoken, side: int) -> Resolved:
    """Two weeks ago (`side` -1), in two weeks (+1); a vague number spans what it may mean."""
    low, high, unit, said = _counted(spoken.text)
    if low == high:
        return _shifted(spoken, unit, side * low)
    near, granularity = shift(spoken.said_at, unit, side * low)
    far, _ = shift(spoken.said_at, unit, side * high)
    anchor = str(spoken.said_at.year) if unit == "year" else cal.day_words(spoken.said_at)
    phrase = f"{said} {unit}s {'before' if side < 0 else 'after'} {anchor}"
    return Resolved(Interval(min(near.start, far.start), max(near.end, far.end)), granularity, phrase, vague=True)


def _ahead(spoken: Spoken) -> Resolved | None:
    sure = spoken.text.endswith(("now", "today", "time"))
    return _away(spoken, 1) if sure or words.FUTURE.search(spoken.sentence) else None


def _lasting(spoken: Spoken) -> Resolved | None:
    """Read how long something has lasted by now: "for 3 years", "the past two months", "seven years now"."""
    perfect = words.PERFECT.search(spoken.sentence) or re.search(r"\b(?:last|past|now)\b", spoken.text)
    low, high, unit, _ = _counted(spoken.text)
    if high <= 0:
        return None  # "the last 0 days" are no time
    start = shift(spoken.said_at, unit, -high)[0].start
    granularity: Granularity = unit if unit in ("day", "week", "weekend", "month") else "year"  # type: ignore[assignment]
    lasted = re.search(r"\w+(?: of)?(?: more)? \w+$", spoken.text.removesuffix(" now"))
    end = spoken.said_at if perfect else spoken.said_at + timedelta(microseconds=1)
    return Resolved(Interval(start, end), granularity, lasted[0] if lasted else spoken.text, "duration", low != high)


def _beforelast(spoken: Spoken) -> Resolved:
    return _shifted(spoken, spoken.text.split()[1], -2)


def _overweekend(spoken: Spoken) -> Resolved:
    said = spoken.said_at
    if spoken.side > 0:
        return _shifted(spoken, "weekend", 0)
    return _shifted(spoken, "weekend", 0 if said.weekday() >= 5 else -1)


def _relative(spoken: Spoken) -> Resolved:
    """Last Friday, this past weekend, next month, earlier this year, the coming summer."""
    which, unit = spoken.text.split()[-2:]
    step = {"last": -1, "past": -1, "previous": -1, "this": 0, "current": 0}.get(which, 1)
    said = spoken.said_at
    if unit in words.WEEKDAY_NUMBERS:
        return _named_weekday(spoken, words.WEEKDAY_NUMBERS[unit], step or spoken.side)
    if unit in words.MONTH_NUMBERS:
        return _part_of(spoken, _named_month(spoken, words.MONTH_NUMBERS[unit], step))
    if unit in cal.SEASONS:
        return _part_of(spoken, _named_season(spoken, unit, step))
    if unit == "weekend" and which == "this" and said.weekday() < 3 and words.PAST.search(spoken.sentence):
        step = -1  # "this weekend we went", said on a Monday
    return _part_of(spoken, _shifted(spoken, unit, step))


def _named_weekday(spoken: Spoken, weekday: int, side: int) -> Resolved:
    span = cal.weekday_span(spoken.said_at, weekday, side)
    return Resolved(span, "day", cal.shifted_words(cal.WEEKDAYS[weekday], side, spoken.said_at))


def _named_month(spoken: Spoken, month: int, step: int) -> Resolved:
    """`step` -1: the latest that is over; +1: the next to begin; 0: the one of this year."""
    year = spoken.said_at.year
    if step < 0 and month >= spoken.said_at.month:
        year -= 1
    if step > 0 and month <= spoken.said_at.month:
        year += 1
    return _exactly(cal.month_span(spoken.said_at.replace(year=year, month=month, day=1)), "month")


def _named_season(spoken: Spoken, season: str, step: int) -> Resolved:
    said = spoken.said_at
    years = [cal.season_span(said, season, said.year + offset) for offset in (-2, -1, 0, 1)]
    if step < 0:
        span = [s for s in years if s.end <= said][-1]
    elif step > 0:
        span = next(s for s in years if s.start > said)
    else:
        span = next((s for s in years if s.start <= said < s.end), years[2])
    return Resolved(span, "season", f"{season} {span.start.year}")


def _monthonly(spoken: Spoken) -> Resolved:
    month, said, side = words.MONTH_NUMBERS[spoken.text.replace("-", " ").split()[-1]], spoken.said_at, spoken.side
    year = cal.nearest_year(said.replace(day=1), month, 1, side)
    return _part_of(spoken, _exactly(cal.month_span(said.replace(year=year, month=month, day=1)), "month"))


def _weekdayonly(spoken: Spoken) -> Resolved:
    return _named_weekday(spoken, words.WEEKDAY_NUMBERS[spoken.text.split()[-1]], spoken.side)


def _monthday(spoken: Spoken) -> Resolved:
    number = int(re.findall(r"\d+", spoken.text)[0])
    said = spoken.said_at
    month = cal.month_span(said).start
    span = cal.day_span(month.replace(day=number))
    if spoken.side < 0 and span.start > said:
        span = cal.day_span(cal.add_months(month, -1).replace(day=number))
    elif spoken.side > 0 and span.end <= said:
        span = cal.day_span(cal.add_months(month, 1).replace(day=number))
    return _exactly(span, "day")


def _day_and_month(spoken: Spoken) -> Resolved:
    """7 May 2023, May 7th: without a year the nearest such day, or the nearest on the side that the tense suggests."""
    name = next(w for w in re.findall(r"[a-z]+", spoken.text) if w in words.MONTH_NUMBERS)
    day, month, year = int(re.findall(r"\d+", spoken.text)[0]), words.MONTH_NUMBERS[name], spoken.year_named()
    if year is None:
        year = cal.nearest_year(spoken.said_at, month, day, spoken.prefer)
    return _exactly(cal.day_span(spoken.said_at.replace(year=year, month=month, day=day)), "day")


def _month_and_year(spoken: Spoken) -> Resolved:
    name = next(w for w in re.findall(r"[a-z]+", spoken.text) if w in words.MONTH_NUMBERS)
    at = spoken.said_at.replace(year=spoken.year_named() or spoken.said_at.year, month=words.MONTH_NUMBERS[name], day=1)
    return _part_of(spoken, _exactly(cal.month_span(at), "month"))


def _iso(spoken: Spoken) -> Resolved:
    year, month, day = map(int, re.split("[-/]", spoken.text))
    return _exactly(cal.day_span(spoken.said_at.replace(year=year, month=month, day=day)), "day")


def _numeric(spoken: Spoken) -> Resolved | None:
    """Read 13/5/2023 or 5/13/2023; where both orders are possible nothing is guessed, unless they agree."""
    first, second, year = map(int, re.split(r"[/. -]", spoken.text))
    year += 2000 if year < 70 else 1900 if year < 100 else 0
    if first <= 12 and second <= 12 and first != second:
        return None
    day, month = (first, second) if second <= 12 else (second, first)
    return _exactly(cal.day_span(spoken.said_at.replace(year=year, month=month, day=day)), "day")


def _holiday(spoken: Spoken) -> Resolved:
    text = re.sub(r"^(?:last|past|this|next) | (?:of )?(?:19|20)\d\d$", "", spoken.text)
    month, day = words.HOLIDAYS[text]
    step = {"last": -1, "past": -1, "next": 1}.get(spoken.text.split()[0], spoken.side)
    year = spoken.year_named() or cal.nearest_year(spoken.said_at, month, day or 25, step)
    at = spoken.said_at.replace(year=year, month=month, day=day or cal.thanksgiving(year))
    return _exactly(cal.day_span(at), "day")


def _year(spoken: Spoken) -> Resolved:
    year = spoken.year_named() or spoken.said_at.year
    return _part_of(spoken, _exactly(cal.year_span(spoken.said_at.replace(year=year, month=1, day=1)), "year"))


def _decade(spoken: Spoken) -> Resolved:
    digits = re.findall(r"\d+", spoken.text)[0]
    first = int(digits) if len(digits) == 4 else int(digits) + (1900 if int(digits) > 20 else 2000)
    return _part_of(spoken, _exactly(cal.decade_span(spoken.said_at, first), "decade"))


def _season(spoken: Spoken) -> Resolved:
    season = re.findall("|".join(cal.SEASONS), spoken.text)[-1]
    said, year = spoken.said_at, spoken.year_named()
    if year is not None:
        span = cal.season_span(said, season, year)
        return _part_of(spoken, Resolved(span, "season", f"{season} {year}"))
    spans = [cal.season_span(said, season, said.year + offset) for offset in (-2, -1, 0, 1)]
    past, ahead = [s for s in spans if s.start <= said][-1], next(s for s in spans if s.end > said)
    span = ahead if spoken.side > 0 else past
    return Resolved(span, "season", f"{season} {span.start.year}")


RULES: dict[str, Callable[[Spoken], Resolved | None]] = {
    "iso": _iso, "numeric": _numeric, "dmy": _day_and_month, "mdy": _day_and_month, "my": _month_and_year,
    "holiday": _holiday, "seasonyear": _season, "dayword": _dayword, "beforelast": _beforelast,
    "ago": lambda spoken: _away(spoken, -1), "ahead": _ahead, "span": _lasting, "lasting": _lasting,
    "relative": _relative, "overweekend": _overweekend, "monthonly": _monthonly, "weekdayonly": _weekdayonly,
    "monthday": _monthday, "year": _year, "decade": _decade, "season": _season,
}  # fmt: skip
"""The resolver of each named group of `timewords.TIME`; ValueError or OverflowError: no such date exists."""
