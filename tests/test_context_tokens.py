"""What is worth its tokens is chosen, and how many tokens buy how much evidence is counted as it is shown."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from middleware_overhead import measure

from agentmem.agent import choosing, context
from agentmem.errors import InputError
from agentmem.types import Evidence, Fact, Memory
from agentmem_evaluators._context_tokens import Asked, Point, at, fit, ours, plain

NOW = datetime(2025, 6, 9, tzinfo=UTC)
BEGAN = datetime(2025, 6, 1, 8, tzinfo=UTC)


def evidence(n, score, words=8, *, fact=None):
    moment = BEGAN + timedelta(days=n)
    text = " ".join(f"word{n}" for _ in range(words))
    memory = Memory(f"{n:026}", n, "turn", text, "Eve", "t", n, moment, moment, origin=f"o{n}")
    return Evidence(memory, score, fact=fact)


def question(rng, conversation):
    """Return a question whose evidence scores high, among twenty memories of unlike length."""
    scores = np.sort(rng.normal(3.0, 1.0, 20))[::-1] + np.array([2.0] + [0.0] * 19)
    found = tuple(evidence(n, float(s), int(rng.integers(4, 40))) for n, s in enumerate(scores))
    return Asked(conversation, ("o0",), found, NOW)


def test_what_stands_high_is_worth_more_and_what_is_long_less():
    """By score, by rank, and by size; the first stays whatever it costs, and nothing is left out for nothing."""
    found = [evidence(0, 6.0), evidence(1, 5.5), evidence(2, 5.5, words=200), evidence(3, 1.0)]
    value = choosing.worth(found)
    assert value[0] > value[1] > value[3]
    assert value[2] < value[1] / 10
    assert choosing.worthwhile(found, 0.0) == found
    assert choosing.worthwhile(found, 1e9) == found[:1]
    assert choosing.worthwhile(found, (value[1] + value[2]) / 2) == [
        e for e, v in zip(found, value, strict=True) if v > (value[1] + value[2]) / 2
    ]
    assert choosing.worthwhile([], 1.0) == []


def test_a_value_that_was_asked_for_stays():
    """What recall has put there because it holds the fact, or held it, is not judged by its score."""
    fact = Fact("eve", "home", "Porto", BEGAN, None, ("1",))
    assert len(choosing.worthwhile([evidence(0, 9.0), evidence(1, -9.0, fact=fact)], 1e9)) == 2


def test_the_weights_are_learned_from_other_conversations():
    """Where the first memory is the evidence, a high score and a low rank are learned to tell it."""
    rng = np.random.default_rng(0)
    learned = fit([question(rng, "a") for _ in range(30)])
    assert learned.shape == (len(choosing.FEATURES),)
    chances = choosing.features(question(rng, "b").evidence) @ learned
    assert int(np.argmax(chances)) == 0


def test_choosing_takes_fewer_tokens_for_the_same_evidence():
    """On made-up questions that need one memory only, far fewer than the best k turns that hold as much."""
    rng = np.random.default_rng(1)
    asked = [question(rng, "ab"[n % 2]) for n in range(40)]
    theirs, mine = plain(asked, (1, 5)), ours(asked, (0.0, 1e9))
    assert [p.recall for p in (*theirs, *mine)] == [1.0] * 4
    assert theirs[0].tokens < theirs[1].tokens < mine[0].tokens
    whole = [-(-len(context.block(q.evidence, NOW).encode()) // 4) for q in asked]
    assert mine[0].tokens == np.mean(whole)


def test_tokens_between_two_settings_are_interpolated():
    """And are not a number where no setting reaches the recall."""
    curve = [Point(2, 0.8, 300.0), Point(1, 0.6, 100.0)]
    assert at(curve, 0.7) == pytest.approx(200.0)
    assert math.isnan(at(curve, 0.9))


def test_the_overhead_is_measured_against_an_encoding():
    """Each turn was remembered; the ratio is of what the middleware adds to what encoding costs."""
    encoded = []
    figures = measure(30, turns=3, embedder="hash", encode=lambda batch: encoded.append(len(batch)))
    assert figures["memories"] == 30
    assert figures["remembered"] == 2 * (3 + 5)
    assert set(encoded) == {2}
    assert figures["added_ms"] > 0 < figures["before_the_model_ms"]
    with pytest.raises(InputError, match="memories=0"):
        measure(0)


def test_what_is_derived_counts_as_the_turns_it_comes_from():
    """A fact of the evidence finds it, teaches the weights, and a summary of two turns holds both."""
    derived = evidence(7, 5.0)
    q = Asked("a", ("o1", "o2"), (derived, evidence(3, 1.0)), NOW, {derived.id: frozenset({"o1", "o2"})})
    assert q.named(derived) == {"o1", "o2"}
    assert q.named(evidence(3, 1.0)) == {"o3"}
    assert plain([q], (1,))[0].recall == 1.0
    assert plain([q._replace(origins={})], (1,))[0].recall == 0.0
    assert fit([q] * 20) @ (features := choosing.features(q.evidence)).T @ np.array([1, -1]) > 0, features
