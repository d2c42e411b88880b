"""Forgetting that comes again: what is due when, kept in the ledger as selectors.

A schedule outlives what it forgets, so it may not say what that was: only times, kinds, threads, sources, tools and ids
may stand in one, no names of people, no topics and no values. Names of threads, sources and tools are kept as written.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from agentmem.errors import InputError, MemoryNotFoundError
from agentmem.ledger import Ledger, rows
from agentmem.unlearning.selector import (
    AllOf,
    AnyOf,
    Everything,
    Except,
    Ids,
    Kind,
    OneOf,
    Said,
    Selector,
    Source,
    Thread,
    Tool,
)

LEAST = timedelta(minutes=1)


class Schedule(NamedTuple):
    """One schedule: what goes, of it only what was said longer ago than `older_than`, when next, and how often."""

    number: int
    selector: Selector
    older_than: timedelta | None
    every: timedelta | None
    due_at: datetime

    def at(self, now: datetime) -> Selector:
        """Return what is to be forgotten at a moment."""
        return self.selector if self.older_than is None else self.selector & Said(until=now - self.older_than)


def add(
    ledger: Ledger,
    selector: Selector,
    now: datetime,
    *,
    at: datetime | None = None,
    every: timedelta | None = None,
    older_than: timedelta | None = None,
) -> int:
    """Note a schedule, due first `at` (default: after `every`); return its number.

    Raises InputError for a selector that holds content, and without a time.
    """
    _check(selector)
    if at is None and every is None:
        raise InputError("say when: at=..., every=timedelta(days=1), or both")
    for name, span in (("every", every), ("older_than", older_than)):
        if span is not None and span < LEAST:
            raise InputError(f"{name}={span} is too short; the least is a minute")
    first = at if at is not None else now + (every or timedelta())
    sql = "INSERT INTO schedules (selector, older_than, every, due_at, made_at) VALUES (?, ?, ?, ?, ?)"
    values = (selector.to_json(), _micros(older_than), _micros(every), rows.micros(first), rows.micros(now))
    with ledger.connection.joined():
        ledger.connection.all(sql, values)
        return int(ledger.connection.one("SELECT last_insert_rowid()"))


def listed(ledger: Ledger, due: datetime | None = None) -> list[Schedule]:
    """Return all schedules, or those that are due at a moment, the one due first first."""
    found = ledger.connection.all(
        "SELECT number, selector, older_than, every, due_at FROM schedules WHERE ? IS NULL OR due_at <= ? "
        "ORDER BY due_at, number",
        (rows.maybe_micros(due),) * 2,
    )
    return [
        Schedule(number, Selector.from_json(selector), _span(older), _span(every), rows.moment(when))
        for number, selector, older, every, when in found
    ]


def done(ledger: Ledger, schedule: Schedule, now: datetime) -> None:
    """Note that a schedule was carried out: it is due again after now, or gone where it comes once."""
    if schedule.every is None:
        ledger.connection.all("DELETE FROM schedules WHERE number = ?", (schedule.number,))
        return
    missed = max((now - schedule.due_at) // schedule.every, 0)
    following = schedule.due_at + (missed + 1) * schedule.every
    ledger.connection.all("UPDATE schedules SET due_at = ? WHERE number = ?", (rows.micros(following), schedule.number))


def cancel(ledger: Ledger, number: int) -> None:
    """Take a schedule back. Raises MemoryNotFoundError for a number that there is not."""
    if not ledger.connection.count("DELETE FROM schedules WHERE number = ?", (number,)):
        raise MemoryNotFoundError(f"there is no schedule {number}; see: agentmem forget SPACE --list")


def _check(selector: Selector) -> None:
    if isinstance(selector, AllOf | AnyOf | OneOf):
        for part in selector.parts:
            _check(part)
    elif isinstance(selector, Except):
        _check(selector.of)
        _check(selector.but)
    elif not isinstance(selector, Everything | Ids | Kind | Said | Source | Thread | Tool):
        raise InputError(
            f"a schedule may not hold {selector.tag!r}: a person's name, a topic or a value would stay in the ledger "
            "after what it names is forgotten. Use said, kind, thread, source, tool or ids; or forget it now"
        )


def _micros(span: timedelta | None) -> int | None:
    return None if span is None else span // rows.MICROSECOND


def _span(micros: int | None) -> timedelta | None:
    return None if micros is None else timedelta(microseconds=micros)
