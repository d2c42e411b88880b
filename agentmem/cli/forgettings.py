"""What `agentmem forget` does without a request: list, resume, undo, hold, schedule; each returns what JSON has."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import typer

from agentmem.cli.memories import of_receipt, said
from agentmem.cli.terminal import ago, counted, session, table
from agentmem.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentmem.space import Space
    from agentmem.types import Receipt

_SPAN = re.compile(r"(\d+)\s*(m|h|d|w)", re.IGNORECASE)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def due(space: Space) -> dict[str, Any]:
    """Carry out the schedules that are due."""
    return _carried_out(space, space.forgetting.run_due(), "Nothing was due.")


def resume(space: Space) -> dict[str, Any]:
    """Finish what was interrupted, had to wait, or can no longer be undone."""
    return _carried_out(space, space.forgetting.resume(), "Nothing was left to finish.")


def _carried_out(space: Space, receipts: Sequence[Receipt], none: str) -> dict[str, Any]:
    for receipt in receipts:
        _say(told(receipt, space.name))
    if not receipts:
        _say(none)
    return {"receipts": [of_forgetting(r) for r in receipts]}


def undone(space: Space, number: int) -> dict[str, Any]:
    """Take a forgetting back while it is hidden."""
    space.forgetting.undo(number)
    _say(f"Forgetting {number} is undone: what it hid can be recalled again.")
    return {"undone": number}


def cancelled(space: Space, number: int) -> dict[str, Any]:
    """Take a schedule back."""
    space.forgetting.cancel(number)
    _say(f"Schedule {number} is cancelled.")
    return {"cancelled": number}


def held(space: Space, ids: Sequence[str], reason: str) -> dict[str, Any]:
    """Put memories under a legal hold."""
    space.forgetting.hold(ids, reason)
    _say(f"{counted(len(ids), 'memory', 'memories')} under a legal hold: nothing erases or rewrites them.")
    return {"held": list(ids), "reason": reason}


def released(space: Space, ids: Sequence[str]) -> dict[str, Any]:
    """End legal holds."""
    space.forgetting.release(ids)
    _say(f"The hold on {counted(len(ids), 'memory', 'memories')} is ended.")
    return {"released": list(ids)}


def scheduled(space: Space, selector: str | None, every: str, older_than: str | None) -> dict[str, Any]:
    """Have what a selector means forgotten again and again."""
    from agentmem.unlearning.selector import Selector

    if selector is None:
        raise InputError(
            "--every needs --selector, as words would stay in the ledger: --selector '{\"everything\": {}}'"
        )
    number = space.forgetting.schedule(
        Selector.from_json(selector),
        every=span_of(every, "--every"),
        older_than=span_of(older_than, "--older-than") if older_than else None,
    )
    (made,) = (s for s in space.forgetting.schedules() if s.number == number)
    _say(f"Schedule {number}: due first {made.due_at:%Y-%m-%d %H:%M} UTC, when the space is opened then, or by --due.")
    return {"schedule": number, "due_at": made.due_at}


def listed(space: Space) -> dict[str, Any]:
    """List all forgettings and schedules."""
    records, plans, now = space.forgetting.list(), space.forgetting.schedules(), space.clock()
    if not session.json:
        if records:
            rows = [
                (
                    r.number,
                    r.state,
                    ago(r.requested_at, now),
                    sum(r.erased.values()),
                    sum(r.rewritten.values()),
                    r.pending,
                )
                for r in records
            ]
            table(("number", "state", "asked", "erased", "rewritten", "still to do"), rows, right=(0, 3, 4), whole=(1,))
        else:
            typer.echo("Nothing was ever forgotten here.")
        if plans:
            of = [
                (s.number, s.due_at.isoformat(), s.every or "once", s.older_than or "", s.selector.to_json())
                for s in plans
            ]
            table(("schedule", "due", "every", "older than", "what"), of, right=(0,))
    return {
        "forgettings": [r._asdict() for r in records],
        "schedules": [
            {
                "number": s.number,
                "selector": s.selector.to_dict(),
                "due_at": s.due_at,
                "every_s": s.every.total_seconds() if s.every else None,
                "older_than_s": s.older_than.total_seconds() if s.older_than else None,
            }
            for s in plans
        ],
    }


def told(receipt: Receipt, space: str) -> str:
    """Say what a receipt of a forgetting proves, in a sentence or two."""
    rewritten = sum(receipt.rewritten.values())
    more = f" {counted(rewritten, 'memory', 'memories')} stayed and lost a part." if rewritten else ""
    if receipt.level == "suppressed":
        number = receipt.number
        return (
            f"Hidden at once; {receipt.pending}: agentmem forget {space} --undo {number}. Then it is erased: when the "
            f"space is opened, or by agentmem forget {space} --resume.{more}"
        )
    if not receipt.erased:
        return f"Receipt {receipt.number}:{more}" + (f"\nStill to do: {receipt.pending}" if receipt.pending else "")
    return said(receipt) + more


def of_forgetting(receipt: Receipt) -> dict[str, Any]:
    """Return a receipt of a forgetting as JSON has it."""
    return {**of_receipt(receipt), "rewritten": dict(receipt.rewritten), "checked": receipt.checked}


def span_of(text: str, option: str) -> timedelta:
    """Return a span of time that was typed: 30m, 24h, 7d, 2w. Raises InputError."""
    found = _SPAN.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise InputError(f"{option} {text!r} is no span of time; write 30m, 24h, 7d or 2w")
    return int(found[1]) * _UNITS[found[2].lower()]


def _say(text: str) -> None:
    """Print for a person; where JSON is asked for, that says it."""
    if not session.json:
        typer.echo(text)
