"""Time, injected: nothing in agentmem calls `now()` itself.

A clock is any callable that returns an aware `datetime`. `system_clock` is the real one; `FixedClock` stands still
until it is told to move, which is what tests, replays and the demo's "a month later" need.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from agentmem.errors import TimeError

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the present, in UTC."""
    return datetime.now(UTC)


class FixedClock:
    """A clock that stands at `now` until `advance` moves it."""

    def __init__(self, now: datetime) -> None:
        self.now = aware(now, "now")

    def __call__(self) -> datetime:
        """Return the time at which this clock stands."""
        return self.now

    def advance(self, delta: timedelta) -> None:
        """Move forward by `delta`, which may not be negative."""
        if delta < timedelta(0):
            raise TimeError(f"a clock cannot go back ({delta}); make a new FixedClock instead")
        self.now += delta


def aware(moment: datetime, what: str) -> datetime:
    """Return `moment`; raise TimeError if it has no timezone."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise TimeError(
            f"{what}={moment.isoformat()} has no timezone, so nobody can say when it was; "
            f"write {what}={moment.isoformat()}+00:00, or datetime(..., tzinfo=UTC)"
        )
    return moment
