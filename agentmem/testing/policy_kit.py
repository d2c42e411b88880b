"""The conformance kit of retention policies: what whoever decides how memories fade must do, as tests to inherit.

    from agentmem.testing.policy_kit import PolicyKit

    class TestMine(PolicyKit):
        def make(self):
            return make({})

Set `pointwise = False` where a memory's retention depends on the other memories at hand. `Staged` and `Appraiser` are
tested where the policy has them and skipped, saying so, where it has not. A test that does not hold for a policy is
xfailed in the subclass with a reason, never dropped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields, replace

import numpy as np

from agentmem.encoding.context import CONTEXT_FEATURES
from agentmem.encoding.features import TEXT_FEATURES
from agentmem.errors import MissingExtraError
from agentmem.protocols import Appraiser, RetentionPolicy, Staged
from agentmem.traces import STAGES, Traces
from agentmem.types import KINDS, Floats

try:
    import pytest
except ModuleNotFoundError as error:
    raise MissingExtraError("pytest", "dev") from error

HORIZONS = (0.0, 0.01, 0.5, 1.0, 2.0, 7.0, 40.0, 400.0, 10_000.0)
"""Days after which retention is looked at."""

NEARLY = 1e-6
"""What rounding to float32 may cost."""


def any_traces(n: int, seed: int = 0) -> Traces:
    """Return traces of n memories of all ages, uses and signals, the same for the same seed."""
    rng = np.random.default_rng(seed)
    age = rng.exponential(60, n)
    return Traces.of(
        n,
        age=age,
        rest=age * rng.random(n),
        uses=rng.poisson(2, n),
        unused=rng.poisson(2, n),
        stability=1 + rng.exponential(10, n),
        difficulty=rng.uniform(1, 10, n),
        size=rng.integers(1, 5000, n),
        kind=rng.integers(0, len(KINDS), n),
        protected=rng.random(n) < 0.1,
        **{name: rng.random(n) for name in ("arousal", "importance", "surprise", "specificity", "centrality")},
        **{name: rng.random(n) for name in ("salience", "relevance")},
    )


def extreme_traces() -> Traces:
    """Return traces at and beyond the ends of what can happen, in all combinations."""
    axes = {
        "age": (0.0, 1e-6, 1e6),
        "uses": (0, 10**15),
        "unused": (0, 10**15),
        "arousal": (0.0, 1.0),
        "importance": (0.0, 1.0),
        "surprise": (0.0, 1.0),
        "salience": (0.0, 1.0),
        "centrality": (0.0, 1.0),
        "stability": (1e-3, 1e30),
        "difficulty": (1.0, 10.0),
    }
    grid = np.meshgrid(*(np.array(values, np.float64) for values in axes.values()), indexing="ij")
    columns = {name: column.ravel() for name, column in zip(axes, grid, strict=True)}
    return Traces.of(columns["age"].size, **columns)


class PolicyKit(ABC):
    """Inherit, write `make`, and every test below runs against your policy."""

    pointwise = True

    @abstractmethod
    def make(self) -> RetentionPolicy:
        """Return the policy; the one method that a subclass writes."""

    def test_it_is_a_policy(self) -> None:
        """It has the two methods."""
        assert isinstance(self.make(), RetentionPolicy), "if this fails, retention or reinforce is missing"

    def test_retention_is_a_share(self) -> None:
        """Retention is one float32 in [0, 1] a memory."""
        kept = self.make().retention(any_traces(500))
        assert kept.shape == (500,), "if this fails, there is not one number a memory"
        assert kept.dtype == np.float32, "if this fails, cast the result: return values.astype(np.float32)"
        assert ((kept >= 0) & (kept <= 1)).all(), "if this fails, retention is nan or outside [0, 1]: np.clip it"

    def test_nothing_gives_nothing(self) -> None:
        """No memories are no error."""
        policy, empty = self.make(), Traces.of(0)
        assert policy.retention(empty).shape == (0,), "if this fails, look for min, max or mean of an empty array"
        assert len(policy.reinforce(empty)) == 0, "if this fails, reinforce cannot do without memories"

    def test_extremes_are_finite(self) -> None:
        """Ages from none to 2,700 years, uses beyond counting, the least and the largest stability: numbers remain."""
        policy, traces = self.make(), extreme_traces()
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            for looked_at in (traces, policy.reinforce(traces)):
                kept = policy.retention(looked_at)
                assert ((kept >= 0) & (kept <= 1)).all(), "if this fails, something overflows: compute in float64"

    def test_nothing_is_changed(self) -> None:
        """What a policy is given is the same afterwards, and the same traces give the same numbers again."""
        policy, traces, untouched = self.make(), any_traces(200), any_traces(200)
        first, grown = policy.retention(traces), policy.reinforce(traces)
        assert _same(traces, untouched), "if this fails, an array that was passed in was written to: copy before"
        assert np.array_equal(policy.retention(traces), first), "if this fails, retention depends on luck or on history"
        assert _same(policy.reinforce(traces), grown), "if this fails, reinforce depends on luck or on history"
        assert np.array_equal(self.make().retention(traces), first), "if this fails, two policies made alike differ"

    def test_each_memory_stands_for_itself(self) -> None:
        """All at once, one at a time or in another order: a memory's retention is the same."""
        if not self.pointwise:
            pytest.skip("this policy compares memories with one another: it says pointwise = False")
        policy, traces = self.make(), any_traces(120)
        kept, grown = policy.retention(traces), policy.reinforce(traces)
        alone = np.concatenate([policy.retention(traces.take([row])) for row in range(len(traces))])
        assert np.allclose(alone, kept, rtol=0, atol=NEARLY), "if this fails, retention depends on the other memories"
        mixed = np.random.default_rng(1).permutation(len(traces))
        assert np.allclose(policy.retention(traces.take(mixed)), kept[mixed], rtol=0, atol=NEARLY), (
            "if this fails, retention depends on the order"
        )
        for row in range(len(traces)):
            single = policy.reinforce(traces.take([row]))
            assert np.allclose(single.stability, grown.stability[row], rtol=1e-5), (
                "if this fails, what a recall does depends on the other memories"
            )

    def test_time_never_helps(self) -> None:
        """While nothing but time passes, retention does not rise."""
        policy, traces = self.make(), any_traces(300)
        before = policy.retention(traces)
        for days in HORIZONS:
            after = policy.retention(traces.after(days))
            assert (after <= before + NEARLY).all(), "if this fails, retention rises with age or rest: check the sign"
            before = after

    def test_use_never_hurts(self) -> None:
        """What was recalled is kept at least as well as what was not, at once and ever after."""
        policy, traces = self.make(), any_traces(300)
        used, again = policy.reinforce(traces), policy.reinforce(policy.reinforce(traces))
        for days in HORIZONS:
            without, once, twice = (policy.retention(t.after(days)) for t in (traces, used, again))
            assert (once >= without - NEARLY).all(), f"if this fails, {days} days after a recall it is remembered worse"
            assert (twice >= once - NEARLY).all(), f"if this fails, a second recall hurts, {days} days after"

    def test_use_is_counted(self) -> None:
        """A recall counts as a use, ends the rest and makes no memory younger; what was said stays what it is."""
        traces = any_traces(50)
        used = self.make().reinforce(traces)
        assert np.array_equal(used.uses, traces.uses + 1), "if this fails, reinforce does not count: traces.used() does"
        assert not used.rest.any(), "if this fails, the rest does not end: traces.used() ends it"
        kept = ("age", "unused", "size", "kind", "protected", "arousal", "importance", "surprise", "salience")
        for name in (*kept, "specificity", "centrality", "relevance"):
            assert np.array_equal(getattr(used, name), getattr(traces, name)), f"if this fails, a recall changes {name}"

    def test_protection_is_not_its_business(self) -> None:
        """Whether a memory is protected changes nothing: the sweep spares it, not the policy."""
        policy, traces = self.make(), any_traces(50)
        without = replace(traces, protected=np.zeros(50, bool))
        assert np.array_equal(policy.retention(traces), policy.retention(without)), (
            "if this fails, the policy looks at protected, which would hide what the memory is worth"
        )

    def test_stages_are_one_way(self) -> None:
        """Stages are codes of the fading path, and time alone never leads back."""
        policy = self.make()
        if not isinstance(policy, Staged):
            pytest.skip("this policy has no stages: it lacks the method of agentmem.protocols.Staged")
        traces = any_traces(300)
        before = policy.stages(traces)
        assert before.shape == (300,), "if this fails, there is not one stage a memory"
        assert before.dtype == np.int8, "if this fails, cast the codes: astype(np.int8)"
        for days in HORIZONS:
            after = policy.stages(traces.after(days))
            assert set(after.tolist()) <= set(range(len(STAGES))), "if this fails, a code is not a place in STAGES"
            assert (after >= before).all(), "if this fails, a memory gets fresher by waiting"
            before = after
        assert policy.stages(Traces.of(0)).shape == (0,), "if this fails, no memories are an error"

    def test_appraisal_is_a_share(self) -> None:
        """What is appraised at encoding is one float32 in [0, 1] a memory, and each memory stands for itself."""
        policy = self.make()
        if not isinstance(policy, Appraiser):
            pytest.skip("this policy appraises nothing: it lacks the method of agentmem.protocols.Appraiser")
        rng = np.random.default_rng(3)
        features = rng.random((40, len(TEXT_FEATURES) + len(CONTEXT_FEATURES)), np.float32)
        vectors = rng.standard_normal((40, 16)).astype(np.float32)
        worth: Floats = policy.appraise(features, vectors, "unheard-of")
        assert worth.shape == (40,), "if this fails, there is not one value a memory"
        assert worth.dtype == np.float32, "if this fails, it is not float32"
        assert ((worth >= 0) & (worth <= 1)).all(), "if this fails, an appraisal is nan or outside [0, 1]"
        alone = [policy.appraise(features[row : row + 1], vectors[row : row + 1], "unheard-of")[0] for row in range(40)]
        assert np.array_equal(alone, worth), (
            "if this fails, an appraisal depends on its batch: erasing would show in it"
        )


def _same(one: Traces, other: Traces) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Traces))
