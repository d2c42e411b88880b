"""Spans of the calendar around a moment: days, weeks, weekends, months, seasons, years, and how people name them.

Everything is arithmetic on aware datetimes and keeps their time zone; nothing here reads text or knows the present. A
week is Monday to Monday, a weekend Saturday to Monday, seasons are the northern meteorological ones.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal

from agentmem.types import Interval

Granularity = Literal["day", "weekend", "week", "month", "season", "year", "decade"]

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
"""The first month of each season."""

COUNTS = (
    "no", "one", "two", "three", "four", "five", "six",
    "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip


def midnight(moment: datetime) -> datetime:
    """Return the beginning of the moment's day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def add_months(moment: datetime, months: int) -> datetime:
    """Move a moment by whole months; the 31st becomes the last day of a shorter month.

    Raises ValueError when the year leaves 1..9999.
    """
    index = moment.year * 12 + moment.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, days_in(year, month)))


def days_in(year: int, month: int) -> int:
    """Count the days of a month."""
    first = date(year, month, 1)
    following = date(year + month // 12, month % 12 + 1, 1) if (year, month) != (9999, 12) else date.max
    return (following - first).days if (year, month) != (9999, 12) else 31


def day_span(moment: datetime, offset: int = 0) -> Interval:
    """Return the day `offset` days from the moment's."""
    start = midnight(moment) + timedelta(days=offset)
    return Interval(start, start + timedelta(days=1))


def week_span(moment: datetime, offset: int = 0) -> Interval:
    """Return the week `offset` weeks from the moment's, Monday to Monday."""
    start = midnight(moment) + timedelta(days=7 * offset - moment.weekday())
    return Interval(start, start + timedelta(days=7))


def weekend_span(moment: datetime, offset: int = 0) -> Interval:
    """Return Saturday and Sunday of the week `offset` weeks from the moment's."""
    end = week_span(moment, offset).end
    return Interval(end - timedelta(days=2), end)


def month_span(moment: datetime, offset: int = 0) -> Interval:
    """Return the month `offset` months from the moment's."""
    start = add_months(midnight(moment).replace(day=1), offset)
    return Interval(start, add_months(start, 1))


def season_span(moment: datetime, season: str, year: int) -> Interval:
    """Return a season by the year in which it begins (winter 2022 ends in February 2023)."""
    start = midnight(moment).replace(year=year, month=SEASONS[season], day=1)
    return Interval(start, add_months(start, 3))


def year_span(moment: datetime, offset: int = 0) -> Interval:
    """Return the year `offset` years from the moment's."""
    start = midnight(moment).replace(month=1, day=1, year=moment.year + offset)
    return Interval(start, start.replace(year=start.year + 1))


def decade_span(moment: datetime, first_year: int) -> Interval:
    """Return ten years from `first_year` on."""
    start = midnight(moment).replace(month=1, day=1, year=first_year)
    return Interval(start, start.replace(year=first_year + 10))


def weekday_span(moment: datetime, weekday: int, side: int) -> Interval:
    """Return the nearest such weekday (0 is Monday) before (`side` -1) or after (+1) the day of the moment."""
    distance = (moment.weekday() - weekday) % 7 or 7 if side < 0 else (weekday - moment.weekday()) % 7 or 7
    return day_span(moment, side * distance)


def nearest_year(moment: datetime, month: int, day: int, side: int) -> int:
    """Choose the year of a month and day named without one.

    `side` -1 takes the latest that began by the moment, +1 the first that is not over, 0 the nearest.
    """
    candidates = []
    for year in (moment.year - 1, moment.year, moment.year + 1):
        start = midnight(moment).replace(year=year, month=month, day=min(day, days_in(year, month)))
        candidates.append((year, (start - midnight(moment)).days))
    if side < 0:
        return max(year for year, distance in candidates if distance <= 0)
    if side > 0:
        return min(year for year, distance in candidates if distance >= 0)
    return min(candidates, key=lambda pair: abs(pair[1]))[0]


def thanksgiving(year: int) -> int:
    """Return the day in November of the United States' Thanksgiving, the fourth Thursday."""
    return 1 + (3 - date(year, 11, 1).weekday()) % 7 + 21


def day_words(moment: datetime) -> str:
    """Name a day the way a person would write it: 7 May 2023."""
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def span_words(span: Interval, granularity: Granularity) -> str:
    """Name a span by its own date: 7 May 2023, the week of 5 June 2023, June 2023, summer 2023, 2022, the 1990s."""
    start = span.start
    if granularity == "day":
        return day_words(start)
    if granularity in ("week", "weekend"):
        return f"the {granularity} of {day_words(start)}"
    if granularity == "month":
        return f"{MONTHS[start.month - 1]} {start.year}"
    if granularity == "season":
        return f"{next(name for name, month in SEASONS.items() if month == start.month)} {start.year}"
    return str(start.year) if granularity == "year" else f"the {start.year}s"


def shifted_words(unit: str, count: int, moment: datetime) -> str:
    """Name a span by its distance from a day: the week before 9 June 2023, two weekends after 1 May 2023."""
    said = day_words(moment)
    if count == 0:
        return f"the {unit} of {said}"
    side = "before" if count < 0 else "after"
    size = abs(count)
    if size == 1:
        return f"the {unit} {side} {said}"
    return f"{COUNTS[size] if size < len(COUNTS) else size} {unit}s {side} {said}"
