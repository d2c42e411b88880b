"""Time expressions resolved against the moment they were said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmem.encoding import calendar as cal
from agentmem.encoding.dates import SCAN_LIMIT, find_times, main_time, parse_when
from agentmem.encoding.timewords import may_hold_time
from agentmem.errors import TimeError

SAID = datetime(2023, 6, 9, 19, 55, tzinfo=UTC)  # a Friday
WORDS = (
    "last", "next", "this", "the", "of", "a", "few", "couple", "two", "3", "999", "31", "0", "years", "weeks", "days",
    "ago", "back", "from", "now", "in", "for", "since", "before", "after", "May", "june", "Friday", "weekend", "summer",
    "2021", "1999", "15th", "on", "yesterday", "between", "and", "christmas", "decade",
)  # fmt: skip


def one(text: str, said_at: datetime = SAID):
    found = find_times(text, said_at)
    assert len(found) == 1, found
    return found[0]


def days(expression) -> tuple[str, str]:
    return expression.interval.start.date().isoformat(), expression.interval.end.date().isoformat()


@pytest.mark.parametrize(
    ("text", "start", "end", "granularity", "words"),
    [
        ("I went there yesterday.", "2023-06-08", "2023-06-09", "day", "8 June 2023"),
        ("what a day last night", "2023-06-08", "2023-06-09", "day", "8 June 2023"),
        ("see you tomorrow", "2023-06-10", "2023-06-11", "day", "10 June 2023"),
        ("the day before yesterday", "2023-06-07", "2023-06-08", "day", "7 June 2023"),
        ("this morning I ran", "2023-06-09", "2023-06-10", "day", "9 June 2023"),
        ("two days ago", "2023-06-07", "2023-06-08", "day", "7 June 2023"),
        ("Last Friday I went", "2023-06-02", "2023-06-03", "day", "the Friday before 9 June 2023"),
        ("last Tues. it rained", "2023-06-06", "2023-06-07", "day", "the Tuesday before 9 June 2023"),
        ("we met on Sunday", "2023-06-04", "2023-06-05", "day", "the Sunday before 9 June 2023"),
        ("we will meet on Sunday", "2023-06-11", "2023-06-12", "day", "the Sunday after 9 June 2023"),
        ("next Monday", "2023-06-12", "2023-06-13", "day", "the Monday after 9 June 2023"),
        ("last week", "2023-05-29", "2023-06-05", "week", "the week before 9 June 2023"),
        ("this week", "2023-06-05", "2023-06-12", "week", "the week of 9 June 2023"),
        ("two weeks ago", "2023-05-22", "2023-05-29", "week", "two weeks before 9 June 2023"),
        ("this weekend", "2023-06-10", "2023-06-12", "weekend", "the weekend of 9 June 2023"),
        ("this past weekend", "2023-06-03", "2023-06-05", "weekend", "the weekend before 9 June 2023"),
        ("over the weekend", "2023-06-03", "2023-06-05", "weekend", "the weekend before 9 June 2023"),
        ("the weekend before last", "2023-05-27", "2023-05-29", "weekend", "two weekends before 9 June 2023"),
        ("next month", "2023-07-01", "2023-08-01", "month", "July 2023"),
        ("half a year ago", "2022-12-01", "2023-01-01", "month", "December 2022"),
        ("early next month", "2023-07-01", "2023-07-11", "month", "early July 2023"),
        ("I moved in March", "2023-03-01", "2023-04-01", "month", "March 2023"),
        ("I moved in August", "2022-08-01", "2022-09-01", "month", "August 2022"),
        ("I will move in August", "2023-08-01", "2023-09-01", "month", "August 2023"),
        ("last summer", "2022-06-01", "2022-09-01", "season", "summer 2022"),
        ("this summer", "2023-06-01", "2023-09-01", "season", "summer 2023"),
        ("the summer of 2021", "2021-06-01", "2021-09-01", "season", "summer 2021"),
        ("last winter", "2022-12-01", "2023-03-01", "season", "winter 2022"),
        ("in 2021", "2021-01-01", "2022-01-01", "year", "2021"),
        ("10 years ago", "2013-01-01", "2014-01-01", "year", "2013"),
        ("the 90s", "1990-01-01", "2000-01-01", "decade", "the 1990s"),
        ("on 5 May", "2023-05-05", "2023-05-06", "day", "5 May 2023"),
        ("May 5th, 2021", "2021-05-05", "2021-05-06", "day", "5 May 2021"),
        ("the 2nd of Dec", "2023-12-02", "2023-12-03", "day", "2 December 2023"),
        ("2023-05-07", "2023-05-07", "2023-05-08", "day", "7 May 2023"),
        ("am 31.12.2022 war es", "2022-12-31", "2023-01-01", "day", "31 December 2022"),
        ("in May 2022", "2022-05-01", "2022-06-01", "month", "May 2022"),
        ("the week before 9 June", "2023-05-29", "2023-06-05", "week", "the week before 9 June 2023"),
        ("the Friday before July 15, 2023", "2023-07-14", "2023-07-15", "day", "the Friday before 15 July 2023"),
        ("two days after 5 May 2023", "2023-05-07", "2023-05-08", "day", "7 May 2023"),
        ("met on the 15th after my trip", "2023-05-15", "2023-05-16", "day", "15 May 2023"),
        ("last Christmas", "2022-12-25", "2022-12-26", "day", "25 December 2022"),
        ("Thanksgiving 2022", "2022-11-24", "2022-11-25", "day", "24 November 2022"),
        ("in two weeks we will leave", "2023-06-19", "2023-06-26", "week", "two weeks after 9 June 2023"),
    ],
)
def test_what_was_said_becomes_a_span(text, start, end, granularity, words):
    """A time expression becomes a half-open span of whole days, with its granularity and absolute words."""
    found = one(text)
    assert (*days(found), found.granularity, found.words, found.kind) == (start, end, granularity, words, "point")


@pytest.mark.parametrize(
    "text",
    [
        "on my birthday", "I may go and march on", "the sun sat there", "Fridays are good", "31 June", "4/5/2023",
        "did it in two weeks", "1995 people came", "", "\x00", "9999999 years ago", "99/99/9999", "at 5:30",
    ],
)  # fmt: skip
def test_what_cannot_be_resolved_is_left_out(text):
    """What names no date, two possible dates or an impossible one gives nothing rather than a guess."""
    assert find_times(text, SAID) == []


def test_vague_numbers_span_what_they_may_mean():
    """A few years ago is a wide span that says it is vague."""
    found = one("Got the tattoo a few years ago")
    assert days(found) == ("2018-01-01", "2022-01-01")
    assert (found.vague, found.words) == (True, "a few years before 2023")


def test_since_runs_until_it_was_said():
    """Since 2016 begins in 2016 and ends when it was said."""
    found = one("I have danced since 2016")
    assert (found.kind, found.words, found.interval.end) == ("since", "since 2016", SAID)
    assert found.interval.start == datetime(2016, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "words", "year"),
    [("I've known them for 4 years", "4 years", 2019), ("Seven years now", "seven years", 2016)],
)
def test_durations_end_when_they_were_said(text, words, year):
    """For 4 years is a duration that is no point in time."""
    found = one(text)
    assert (found.kind, found.words, found.interval.start.year, found.interval.end) == ("duration", words, year, SAID)
    assert main_time([found], SAID) is None


def test_positions_point_into_the_text():
    """Each expression's characters are the text between its bounds, in order."""
    text = "I came back yesterday; the week before 9 June we hiked, and in 2021 too."
    found = find_times(text, SAID)
    assert [text[e.start_char : e.end_char] for e in found] == [e.text for e in found]
    assert [e.text for e in found] == ["yesterday", "the week before 9 June", "in 2021"]


def test_the_main_time_is_not_today_and_the_finest():
    """Of several times the event's is the finest that is not today."""
    found = find_times("I am happy today. Last year was hard, but last Friday I won.", SAID)
    chosen = main_time(found, SAID)
    assert chosen is not None
    assert chosen.text == "last Friday"


def test_days_are_those_of_the_speakers_zone():
    """Yesterday is a day of the zone in which it was said."""
    tokyo = datetime(2023, 6, 9, 1, 0, tzinfo=ZoneInfo("Asia/Tokyo"))
    found = one("yesterday", tokyo)
    assert found.interval.start == datetime(2023, 6, 8, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert found.interval.start.utcoffset() == timedelta(hours=9)


def test_naive_moments_are_refused():
    """A naive said_at is refused with what to type next."""
    with pytest.raises(TimeError, match="aware datetime"):
        find_times("yesterday", datetime(2023, 6, 9))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("question", "start", "end"),
    [
        ("What did I do in May 2022?", "2022-05-01", "2022-06-01"),
        ("What happened last week?", "2023-05-29", "2023-06-05"),
        ("Where was she between August 11 and August 15 2022?", "2022-08-11", "2022-08-16"),
        ("What happened from 2010 to 2015?", "2010-01-01", "2016-01-01"),
        ("What did she do before June 2022?", "1900-01-01", "2022-06-01"),
        ("What did she do after 3 May 2023?", "2023-05-04", "2023-06-09"),
        ("What has she done since 2021?", "2021-01-01", "2023-06-09"),
        ("Who came in July?", "2022-07-01", "2022-08-01"),
        ("What will we do on Sunday?", "2023-06-11", "2023-06-12"),
    ],
)
def test_questions_ask_about_spans(question, start, end):
    """The span that a question asks about is read from its words."""
    span = parse_when(question, SAID)
    assert span is not None
    assert (span.start.date().isoformat(), span.end.date().isoformat()) == (start, end)


@pytest.mark.parametrize("question", ["Who is she?", "How long has she lived there?", "for 3 years?"])
def test_questions_without_a_time_ask_about_none(question):
    """A question without a time asks about no span."""
    assert parse_when(question, SAID) is None


def test_long_texts_are_read_up_to_the_bound():
    """Times beyond the bound are not read, however long the text."""
    assert find_times("x " * SCAN_LIMIT + "yesterday", SAID) == []
    assert [e.text for e in find_times("yesterday " + "x " * 5_000_000, SAID)] == ["yesterday"]


def test_the_gate_lets_every_expression_through():
    """A text in which the grammar finds something always passes the cheap gate, punctuation and case aside."""
    for text in ("YESTERDAY!", "(last week)", "tomorrow's", "weekend\u2014great", "Xmas", "new year's eve"):
        assert may_hold_time(text), text


@pytest.mark.parametrize("text", ["last 0 weekend", "the last 0 days", "for 0 years", "the past 00 months"])
def test_no_time_at_all_is_no_span(text):
    """A count of nothing is left out rather than made an empty span."""
    assert find_times(text, datetime(2023, 6, 9, tzinfo=UTC)) == []


@settings(max_examples=300, deadline=None)
@given(
    text=st.text(max_size=60)
    | st.lists(
        st.sampled_from(WORDS),
        max_size=12,
    ).map(" ".join),
    said_at=st.datetimes(
        min_value=datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
        max_value=datetime(9998, 1, 1),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11))]),
    ),
)
def test_any_text_at_any_moment_gives_spans_that_do_not_run_backwards(text, said_at):
    """Whatever is written, and whenever, spans start before they end and lie inside the text, in order."""
    found = find_times(text, said_at)
    for expression in found:
        assert expression.interval.start < expression.interval.end
        assert text[expression.start_char : expression.end_char] == expression.text
        assert expression.interval.start.tzinfo is not None
    starts = [e.start_char for e in found]
    assert starts == sorted(starts)
    parse_when(text, said_at)


@given(day=st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 1, 1)), weekday=st.integers(0, 6))
def test_last_and_next_weekdays_are_within_a_week(day, weekday):
    """Last and next Friday are Fridays, at most a week away, never today."""
    said = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    for which, side in (("last", -1), ("next", 1)):
        start = one(f"{which} {cal.WEEKDAYS[weekday]}", said).interval.start
        assert start.weekday() == weekday
        assert 1 <= side * (start.date() - day).days <= 7


@given(year=st.integers(1, 9998), month=st.integers(1, 12), shift=st.integers(-2000, 2000))
def test_months_have_the_days_that_the_calendar_says(year, month, shift):
    """Spans of months tile the calendar: each ends where the next begins."""
    at = datetime(year, month, 1, tzinfo=UTC)
    if not 1 <= year + (month + shift) // 12 <= 9990 or year + (month + shift) // 12 < 2:
        return
    here, following = cal.month_span(at, shift), cal.month_span(at, shift + 1)
    assert here.end == following.start
    assert (here.end - here.start).days == cal.days_in(here.start.year, here.start.month)
