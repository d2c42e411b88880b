"""Traces are columns of numbers that are checked once, never change, and say what is neutral where nothing is known."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from agentmem.encoding.context import CONTEXT_FEATURES, WINDOW, context_features
from agentmem.errors import InputError
from agentmem.testing.policy_kit import any_traces
from agentmem.traces import Traces
from agentmem.types import KINDS


def test_what_is_left_out_is_neutral() -> None:
    """Defaults: in the middle for what is felt, nothing for what is counted, and never used is resting since said."""
    traces = Traces.of(3, age=[1, 2, 3])
    assert len(traces) == 3
    assert traces.rest.tolist() == [1, 2, 3]
    for name in ("arousal", "importance", "surprise", "specificity", "salience"):
        assert getattr(traces, name).tolist() == [0.5] * 3
    for name in ("uses", "unused", "centrality", "relevance", "size", "kind", "protected"):
        assert getattr(traces, name).tolist() == [0] * 3
    assert traces.stability.tolist() == [1] * 3
    assert traces.difficulty.tolist() == [5] * 3
    assert {traces.age.dtype, traces.arousal.dtype, traces.stability.dtype} == {np.dtype(np.float32)}
    assert (traces.uses.dtype, traces.kind.dtype, traces.protected.dtype) == (np.int64, np.int8, np.bool_)


def test_no_memories_are_no_error() -> None:
    """Zero rows can be made and taken."""
    assert len(Traces.of(0)) == 0
    assert len(Traces.of(5).take([])) == 0


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"age": [1, 2]}, "traces of 2 memories have a rest of 3|traces of 2 memories have a uses of 3"),
        ({"uses": [1, 2]}, "traces of 3 memories have a uses of 2; pass one a memory"),
        ({"arousal": [0, 0.5, float("nan")]}, "arousal of traces holds nan or inf; leave the column out"),
        ({"age": float("inf")}, "age of traces holds nan or inf"),
        ({"age": -1}, "age of traces reaches from -1 to -1; it must be 0 or more"),
        ({"importance": [1, 5, 10]}, "importance of traces reaches from 1 to 10; it must be from 0 to 1"),
        ({"stability": 0}, "stability of traces reaches from 0 to 0; it must be 0.001 or more"),
        ({"difficulty": 11}, "from 1 to 10"),
        ({"kind": len(KINDS)}, "kind of traces"),
        ({"age": np.ones((3, 1))}, "age of traces has 2 dimensions"),
        ({"arousal": ["a", "b", "c"]}, "it holds numbers"),
        ({"valence": 0.5}, "traces have no valence; they have age, rest"),
    ],
)
def test_what_cannot_be_is_refused(columns, said) -> None:
    """A wrong length, a nan, a value out of range and an unknown column are errors that name the column."""
    with pytest.raises(InputError, match=said):
        Traces.of(3, **columns)
    with pytest.raises(InputError, match="there cannot be -1 memories"):
        Traces.of(-1)


def test_traces_do_not_change() -> None:
    """Columns cannot be written to, and what was passed in can still be, by whoever owns it."""
    mine = np.array([1.0, 2.0], np.float32)
    traces = Traces.of(2, age=mine)
    with pytest.raises(ValueError, match="read-only"):
        traces.age[0] = 5
    with pytest.raises(FrozenInstanceError):
        traces.age = mine
    mine[0] = 7


def test_rows_are_taken() -> None:
    """Rows by number, in any order and more than once, or by a mask."""
    traces = any_traces(20)
    some = traces.take([3, 0, 3])
    for field in fields(Traces):
        column = getattr(traces, field.name)
        assert getattr(some, field.name).tolist() == [column[3], column[0], column[3]]
    assert traces.take(traces.uses > 1).uses.min() > 1
    with pytest.raises(IndexError):
        traces.take([20])


def test_time_passes_and_use_ends_the_rest() -> None:
    """`after` adds days to age and rest alone; `used` counts, ends the rest and changes what it is told to."""
    traces = Traces.of(2, age=[3, 5], rest=[1, 5], uses=[1, 0])
    later = traces.after(2.5)
    assert (later.age.tolist(), later.rest.tolist(), later.uses.tolist()) == ([5.5, 7.5], [3.5, 7.5], [1, 0])
    used = later.used(stability=np.array([2, 3], np.float32))
    assert (used.age.tolist(), used.rest.tolist(), used.uses.tolist()) == ([5.5, 7.5], [0, 0], [2, 1])
    assert (used.stability.tolist(), traces.stability.tolist()) == ([2, 3], [1, 1])
    with pytest.raises(InputError, match="stability of 3"):
        replace(traces, stability=np.ones(3))


def test_kinds() -> None:
    """Memories of a kind are found by its name."""
    assert Traces.of(2, kind=[0, KINDS.index("summary")]).of_kind("summary").tolist() == [False, True]


# -- what a turn owes to those before it -------------------------------------------------------------------------------

CHAT = [
    ("a", "Do you like sailing boats?"),
    ("b", "The weather is fine."),
    ("a", "I love sailing. [shares a photo: a red boat in Lisbon harbour]"),
    ("a", "Boats and weather!"),
]


def test_context_features_of_a_chat() -> None:
    """A question is answered by the next turn of its thread; new is what none of the turns before it says."""
    rows = context_features(CHAT)
    assert CONTEXT_FEATURES == ("log_length", "answers", "new_words")
    assert rows.shape == (4, 3)
    assert rows.dtype == np.float32
    assert rows[:, 1].tolist() == [0, 0, 1, 0]
    assert np.expm1(rows[:, 2]).round().tolist() == [3, 2, 1, 0]  # like sail boat; weather fine; love; nothing
    assert np.expm1(rows[2, 0]).round() == len("I love sailing.")


def test_context_is_the_same_in_parts() -> None:
    """Turn by turn, after those before it, gives what all at once gives."""
    turns = [(f"thread{n % 3}", f"word{n % 230} and word{n % 7}" + "?" * (n % 2)) for n in range(450)]
    whole = context_features(turns)
    assert np.array_equal(
        np.concatenate([context_features(turns[n : n + 50], turns[:n]) for n in range(0, 450, 50)]), whole
    )
    assert np.array_equal(context_features(turns[300:], turns[300 - WINDOW : 300]), whole[300:])
    assert context_features([]).shape == (0, 3)


def test_context_looks_back_so_far_and_no_farther() -> None:
    """A word is new again, and a question forgotten, when they are more than a window away."""
    filler = [("b", "nothing")] * (WINDOW - 1)
    near = context_features([("a", "Zebra?"), *filler, ("a", "zebra")])[-1]
    far = context_features([("a", "Zebra?"), *filler, ("b", "nothing"), ("a", "zebra")])[-1]
    assert near[1:].tolist() == [1, 0]
    assert far[1:].tolist() == [0, np.float32(np.log1p(1))]
