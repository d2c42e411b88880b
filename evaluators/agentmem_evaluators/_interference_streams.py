"""The streams of interference: in which order the keys are set, how many, how often, and to how long values."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from agentmem.evaluation.cases import Ask, Case, Gold, Remember
from agentmem.types import Draft

UPDATES = (2, 3, 4, 6, 8, 12, 17, 24, 34, 48, 68, 97, 139, 197, 281, 400)
"""How often each key is set: those of the paper."""
TRACKED, TRACKED_UPDATES = (2, 3, 4, 5, 6, 8, 11, 15, 20, 26, 35, 46), (125, 350)
"""How many keys are asked for, and how often each is then set."""
LENGTHS, LENGTH_UPDATES = (1, 2, 3, 4, 6, 10, 16, 25, 40), (4, 20)
"""How many items a value is joined of, and how often each key is then set."""
Order = Literal["interleaved", "sequential"]
ORDERS: tuple[Order, ...] = ("interleaved", "sequential")
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
ASKED = BEGAN + timedelta(days=30)
QUESTION = "What is the current value of {key}?"

Values = Mapping[str, Sequence[str]]


def stream(values: Values, keys: int, order: Order, count: int, seed: int) -> Case:
    """Return the stream in which each of so many keys gets `count` values, drawn without replacement."""
    draw = random.Random(f"{seed}/{count}")
    names = list(values)[:keys]
    chosen = {key: draw.sample(list(values[key]), count) for key in names}
    placed = _sequential(names, count) if order == "sequential" else interleaved(names, count, draw)
    return _case(f"{order}-{count}", chosen, placed, {"order": order, "updates": str(count)})


def tracked(values: Values, keys: int, count: int, seed: int) -> Case:
    """Return an interleaved stream of so many keys, all asked for."""
    draw = random.Random(f"{seed}/keys/{count}")
    names = list(values)[:keys]
    chosen = {key: draw.sample(list(values[key]), count) for key in names}
    label = {"order": "keys", "updates": str(count), "size": str(keys)}
    return _case(f"keys-{count}-{keys}", chosen, interleaved(names, count, draw), label)


def padded(values: Values, keys: int, count: int, seed: int) -> Case:
    """Return the stream of all keys, of which each asks as the last of the first so many: `size` is its place.

    Memories do not know which keys will be asked for, so the streams in which the others only fill up are this one.
    """
    case = tracked(values, keys, count, seed)
    remember, *asks = case.steps
    placed = [
        Ask(
            a.question,
            replace(a.gold, id=f"padded-{a.gold.id}", labels={**a.gold.labels, "order": "keys_padded", "size": str(n)}),
        )
        for n, a in enumerate(asks, 1)
        if isinstance(a, Ask)
    ]
    return Case(f"keys_padded-{count}", ASKED, (remember, *placed))


def long_values(values: Values, keys: int, count: int, length: int, seed: int) -> Case:
    """Return an interleaved stream in which each value is so many different items, joined."""
    draw = random.Random(f"{seed}/length/{count}/{length}")
    names = list(values)[:keys]
    chosen = {key: [" ".join(draw.sample(list(values[key]), length)) for _ in range(count)] for key in names}
    label = {"order": "value_length", "updates": str(count), "size": str(length)}
    return _case(f"value_length-{count}-{length}", chosen, interleaved(names, count, draw), label)


def variants(values: Values, keys: int, seed: int) -> Iterator[Case]:
    """Yield the streams by number of keys, alone and among others, and by length of values, as far as there are any."""
    most = min(map(len, values.values()))
    for count in (n for n in TRACKED_UPDATES if n <= most):
        for size in (n for n in TRACKED if n < keys):
            yield tracked(values, size, count, seed)
        yield padded(values, keys, count, seed)
    for count in LENGTH_UPDATES:
        for length in (n for n in LENGTHS if n <= most):
            yield long_values(values, keys, count, length, seed)


def interleaved(keys: Sequence[str], count: int, draw: random.Random) -> list[tuple[str, int]]:
    """Return (key, number of the update) in random order, never the same key twice in a row."""
    left = dict.fromkeys(keys, count)
    placed: list[tuple[str, int]] = []
    while any(left.values()):
        last = placed[-1][0] if placed else None
        total = sum(left.values())
        # Whoever holds half of what is left must come now, or in the end would follow itself.
        due = [key for key in keys if key != last and 2 * left[key] > total]
        open_ = due or [key for key in keys if key != last and left[key]]
        key = draw.choices(open_, [left[key] for key in open_])[0]
        placed.append((key, count - left[key]))
        left[key] -= 1
    return placed


def _sequential(keys: Sequence[str], count: int) -> list[tuple[str, int]]:
    return [(key, n) for key in keys for n in range(count)]


def _case(
    name: str,
    chosen: Values,
    placed: Sequence[tuple[str, int]],
    label: Mapping[str, str],
) -> Case:
    drafts = [
        Draft(f"{key}: {chosen[key][n]}", said_at=BEGAN + timedelta(seconds=i), origin=f"{key}/{n}")
        for i, (key, n) in enumerate(placed)
    ]
    asks = [
        Ask(
            QUESTION.format(key=key),
            Gold(f"{name}-{key}", chosen[key][-1], (f"{key}/{len(chosen[key]) - 1}",), label),
        )
        for key in chosen
    ]
    return Case(name, ASKED, (Remember(tuple(drafts)), *asks))
