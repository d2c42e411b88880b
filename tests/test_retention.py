"""Forgetting on purpose: signals, traces, reinforcement, sweeps by threshold and budget, protections and holds."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentmem
from agentmem.encoding.features import TEXT_FEATURES, text_features
from agentmem.errors import HeldError, InputError, MemoryNotFoundError, PluginNotFoundError
from agentmem.ledger import fading
from agentmem.registry import make_policy
from agentmem.retention import signals
from agentmem.retention.budget import Budget, over
from agentmem.traces import Traces
from agentmem.types import Draft

TALK = ("I adopted a grey cat last Friday because I was lonely.", "Oh wow, thanks!", "What is it called?", "Miso.")


@pytest.fixture
def told(space, clock):
    """Four memories a day apart, and the clock ten days after the last."""
    ids = []
    for text in TALK:
        ids += space.remember(text, speaker="Ana")
        clock.advance(timedelta(days=1))
    clock.advance(timedelta(days=9))
    return ids


def signed(space) -> dict[int, tuple[float, ...]]:
    rows = space._ledger.connection.all(f"SELECT seq, {', '.join(fading.NAMES)} FROM signals")
    return {row[0]: row[1:] for row in rows}


def test_traces_are_what_happened(space, told, clock):
    """Age since it was said, rest since it was last recalled, uses, and the runner-up's count."""
    first = space.recall("grey cat", k=1)
    assert first.ids == (told[0],)
    clock.advance(timedelta(days=2))
    ids, traces = space.retention.traces()
    assert ids == told
    assert traces.age.tolist() == [15, 14, 13, 12]
    assert traces.rest.tolist() == [2, 14, 13, 12]
    assert traces.uses.tolist() == [1, 0, 0, 0]
    assert traces.size.tolist() == [len(t.encode()) + 4 * space.embedder.dim for t in TALK]
    assert traces.kind.tolist() == [0] * 4


def test_signals_say_what_they_say(space, told):
    """A statement is more important than small talk, what names times is more specific, and the first is a surprise."""
    _, traces = space.retention.traces()
    assert traces.importance[0] > 0.5 > traces.importance[1]
    assert traces.importance[2] < traces.importance[3]
    assert traces.specificity[0] > traces.specificity[1] == 0
    assert traces.surprise[0] == 1
    assert signals.surprise(np.eye(3, dtype=np.float32)[[0, 0, 1]]).tolist() == [1, 0, 1]
    assert len(signed(space)) == 4


def test_importance_is_a_rule_within_bounds():
    """Whatever the text, importance and specificity stay in [0, 1]."""
    rows = np.stack([text_features(text) for text in ("", "thanks " * 50, "I " * 50, "In May Ann met Bob.", "why?")])
    assert rows.shape[1] == len(TEXT_FEATURES)
    for values in (signals.importance(rows), signals.specificity(rows)):
        assert ((values >= 0) & (values <= 1)).all()
    assert signals.importance(rows)[1] == pytest.approx(0.05)


def test_signals_of_what_follows_are_made_anew_after_an_erasure(space, tmp_path, clock):
    """What is erased leaves nothing in the signals of those after it: they are those of a space that never held it."""
    texts = [f"Ana saw number {n} in May, was it {n % 3}?" for n in range(30)]
    ids = space.remember(texts)
    space.retention.traces()
    space.erase([ids[4], ids[11]])
    assert len(signed(space)) == 4  # only those before are sure to owe it nothing
    with agentmem.open(tmp_path / "other", embedder="hash", clock=clock) as system:
        other = system.space("alice")
        other.remember([t for n, t in enumerate(texts) if n not in {4, 11}])
        mine, theirs = space.retention.traces()[1], other.retention.traces()[1]
        for name in fading.NAMES:
            assert getattr(mine, name).tolist() == getattr(theirs, name).tolist(), name


def test_signals_are_the_same_however_they_are_computed(space, monkeypatch):
    """One after the other, in chunks or all at once, a memory's signals are the same bits."""
    texts = [f"number {n}: I met Ann in {1990 + n}" for n in range(12)]
    for text in texts:
        space.remember(text)
        space.retention.traces()
    one_by_one = signed(space)
    space._ledger.connection.all("DELETE FROM signals")
    monkeypatch.setattr(signals, "CHUNK", 5)
    assert signals.sign(space._ledger, space.embedder.name) == 12
    assert signed(space) == one_by_one
    assert signals.sign(space._ledger, space.embedder.name) == 0


def test_recall_reinforces_by_the_policy_of_the_space(tmp_path, clock):
    """Uses counted while the space was open are there after it was closed, and have stretched the stability."""
    with agentmem.open(tmp_path, embedder="hash", clock=clock, retention="ebbinghaus") as system:
        space = system.space("a")
        space.remember(["the cat sleeps", "rain"])
        clock.advance(timedelta(days=3))
        space.recall("cat", k=1)
        space.recall("cat", k=1)
    with agentmem.open(tmp_path, embedder="hash", clock=clock, retention="ebbinghaus") as system:
        _, traces = system.space("a").retention.traces()
        assert traces.uses.tolist() == [2, 0]
        assert traces.stability.tolist() == [3, 1]
        assert traces.rest.tolist() == [0, 3]


def test_many_uses_at_once_are_all_counted(space, told):
    """More recalls in a batch than reinforce are counted all the same."""
    for _ in range(20):
        space.recall("grey cat", k=1)
    assert space.retention.traces()[1].uses.tolist() == [20, 0, 0, 0]


def test_a_plan_writes_nothing_and_a_sweep_does_what_it_said(space, told):
    """The plan names what will go; carried out, exactly that is gone, with a receipt; again, there is nothing to do."""
    plan = space.sweep("fifo", budget="2")
    assert [f.id for f in plan.fading] == told[:2]
    assert {f.why for f in plan.fading} == {"budget"}
    assert (plan.kept, plan.carried_out, plan.receipt, dict(plan.stages)) == (2, False, None, {"erased": 2})
    assert len(space) == 4
    done = space.sweep("fifo", budget="2", dry_run=False)
    assert [f.id for f in done.fading] == told[:2]
    assert (done.receipt.level, done.receipt.checked) == ("physical", True)
    assert [m.id for m in space.memories()] == told[2:]
    again = space.sweep("fifo", budget="2", dry_run=False)
    assert (again.fading, again.receipt) == ((), None)


def test_a_share_counts_what_was_ever_remembered(space, told):
    """Half of what was said stays, however often the sweep is made."""
    for _ in range(3):
        space.sweep("lru", budget="50%", dry_run=False)
        assert len(space) == 2


def test_a_budget_of_bytes(space, told):
    """Texts and vectors together stay below the bytes that are allowed."""
    sizes = space.retention.traces()[1].size
    limit = int(sizes[-2:].sum())
    plan = space.sweep("fifo", budget=Budget(bytes=limit))
    assert [f.id for f in plan.fading] == told[:2]
    assert plan.bytes == sizes[:2].sum()


def test_a_threshold(space, told):
    """What the policy gives less than the threshold goes; with a budget beside it, whichever takes more."""
    by_threshold = space.sweep(make_policy("ttl", {"days": 11.5}), threshold=0.5)
    assert [f.id for f in by_threshold.fading] == told[:2]
    both = space.sweep(make_policy("ttl", {"days": 11.5}), threshold=0.5, budget="1")
    assert [(f.id, f.why) for f in both.fading] == [
        (told[0], "threshold"),
        (told[1], "threshold"),
        (told[2], "budget"),
    ]


def test_a_policy_with_stages_needs_no_threshold(space, told, clock):
    """SAGE discards what has faded; a policy that only ranks must be told how far to go."""
    clock.advance(timedelta(days=300))
    assert space.sweep("sage").ids("erased") == told
    with pytest.raises(InputError, match="only ranks memories"):
        space.sweep("lru")


@pytest.mark.parametrize("budget", ["", "many", "-3", "10 parrots", "1.5", "120%"])
def test_budgets_that_are_none(space, told, budget):
    """A budget that cannot be read is refused, with what can be."""
    with pytest.raises(InputError, match="budget"):
        space.sweep("lru", budget=budget)


def test_thresholds_and_policies_that_are_none(space, told):
    """A threshold above 1 and an unknown policy are refused; nothing is written."""
    with pytest.raises(InputError, match="threshold=2 must be from 0"):
        space.sweep("lru", threshold=2)
    with pytest.raises(PluginNotFoundError, match="Did you mean 'lru'"):
        space.sweep("lrru", budget="1")
    assert len(space) == 4


def test_what_is_protected_stays_with_what_it_came_from(space, told):
    """A protected fact keeps its parent from the sweep as well; released, both may go."""
    (fact,) = space.remember(Draft("Ana has a cat", kind="fact", parents=(told[0],)))
    space.retention.protect(fact, "her favourite")
    plan = space.sweep("fifo", budget="0")
    assert [f.id for f in plan.fading] == told[1:]
    assert (plan.kept, plan.spared) == (2, 2)
    (kept,) = space.retention.protections()
    assert (kept.id, kept.hold, kept.reason) == (fact, False, "her favourite")
    space.retention.release(fact)
    assert len(space.sweep("fifo", budget="0").fading) == 5


def test_a_legal_hold_stops_every_erasure(space, told):
    """What is held cannot be erased by anybody, nor what it was derived from, until the hold ends."""
    (fact,) = space.remember(Draft("Ana has a cat", kind="fact", parents=(told[0],)))
    space.retention.protect(fact, "case 12/2025", hold=True)
    with pytest.raises(HeldError, match="case 12/2025"):
        space.erase(told[0])
    assert len(space) == 5
    assert fact not in space.sweep("fifo", budget="0", dry_run=False).ids("erased")
    space.retention.release(fact)
    space.erase(told[0])
    assert len(space) == 0


def test_protections_need_a_memory_and_a_reason(space, told):
    """An unknown id and an empty reason are errors."""
    with pytest.raises(MemoryNotFoundError):
        space.retention.protect("nobody", "why")
    with pytest.raises(InputError, match="needs a reason"):
        space.retention.protect(told[0], " ")


def test_why_a_memory_is_kept(space, told):
    """The explanation has its retention, its place among all, its traces and the curve it is on."""
    found = space.retention.explain(told[1], "fifo")
    assert (found.rank, found.of, found.policy) == (3, 4, "fifo")
    assert found.traces.age.tolist() == [12]
    assert found.curve[0] == pytest.approx(found.retention)
    assert (np.diff(found.curve) <= 0).all()
    assert found.protection is None
    with pytest.raises(MemoryNotFoundError):
        space.retention.explain("nobody")


def test_a_closed_space_sweeps_nothing(space, told):
    """After close, a sweep says that the space was closed."""
    space.close()
    with pytest.raises(agentmem.errors.SpaceClosedError):
        space.sweep("lru", budget="1")


@given(st.lists(st.floats(0, 1, width=32), max_size=30), st.integers(0, 40), st.data())
def test_a_budget_takes_the_least(retention, count, data):
    """Exactly so many stay, and none that goes was worth more than one that stays and is not spared."""
    n = len(retention)
    values = np.array(retention, np.float32)
    spared = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
    gone = over(Budget(count=count), values, np.ones(n, np.int64), spared, n)
    assert not (gone & spared).any()
    assert n - gone.sum() == max(min(n, count), spared.sum())
    free = ~spared & ~gone
    if gone.any() and free.any():
        assert values[gone].max() <= values[free].min()


def test_traces_of_an_empty_space(space):
    """A space without memories has no traces, and a sweep of it finds nothing."""
    ids, traces = space.retention.traces()
    assert ids == []
    assert len(traces) == len(Traces.of(0)) == 0
    assert space.sweep("lru", budget="10").fading == ()


def test_uses_are_written_in_batches_with_what_is_remembered(space, told, monkeypatch):
    """Recalls write nothing; once there are enough, the next write takes them along."""
    space.recall("grey cat", k=1)
    rows = space._ledger.connection.all
    assert rows("SELECT * FROM traces") == []
    space.remember("still too few")
    assert rows("SELECT * FROM traces") == []
    monkeypatch.setattr("agentmem.space.BATCH", 2)
    space.remember("now there are enough")
    assert len(rows("SELECT * FROM traces")) == 2


def test_what_is_cold_is_compressed_before_it_goes(space, clock):
    """SAGE's three ways: what is fresh stays, what fades keeps its text and a smaller vector, the faded goes."""
    now = clock()
    ages = {"a grey cat": 0.2, "a grey dog": 1.0, "a grey owl": 3.0}
    ids = space.remember([Draft(text, said_at=now - timedelta(days=age)) for text, age in ages.items()])
    plan = space.sweep("sage")
    assert [(f.id, f.stage) for f in plan.fading] == [(ids[1], "compressed"), (ids[2], "erased")]
    space.sweep("sage", dry_run=False)
    assert [space.get(i).tier for i in ids[:2]] == ["full", "int8"]
    assert set(space.recall("grey", k=10).ids) == set(ids[:2])
    assert space.sweep("sage", dry_run=False).fading == ()
    clock.advance(timedelta(days=400))
    space.sweep("sage", dry_run=False)
    assert len(space) == 0


def weighing(tmp_path, clock, policy, weight):
    """What a space recalls of three memories of different age, and why it keeps the oldest."""
    with agentmem.open(
        tmp_path / f"{policy}{weight}", embedder="hash", clock=clock, retention=policy, retention_weight=weight
    ) as system:
        space = system.space("a")
        now = clock()
        space.remember(
            [
                Draft(f"the grey cat {does}", said_at=now - timedelta(days=days), thread=str(days))
                for days, does in {365: "sleeps all day", 1: "eats quite a lot", 0: "plays in the garden"}.items()
            ]
        )
        return space.recall("grey cat, said who?"), space.retention.explain(next(iter(space.memories())).id)


def test_retention_weighs_recall(tmp_path, clock):
    """The fresher is found first; the signal is weight times retention, less the mean, and the explanation says it."""
    plain, why = weighing(tmp_path, clock, "ebbinghaus", 0)
    assert why.weight == 0
    assert all("retention" not in e.signals for e in plain)
    found, why = weighing(tmp_path, clock, "ebbinghaus", 20)
    assert why.weight == 20
    assert [e.memory.thread for e in found] == ["0", "1", "365"]
    kept = [1, np.exp(-1), 0]
    assert [e.signals["retention"] for e in found] == pytest.approx([20 * (k - np.mean(kept)) for k in kept], abs=1e-4)
    before = {e.memory.thread: e.score for e in plain}
    assert [e.score - before[e.memory.thread] for e in found] == pytest.approx(
        [e.signals["retention"] for e in found], abs=1e-4
    )
    assert found.confidence == plain.confidence


@pytest.mark.parametrize(("policy", "days"), [("none", (0, 1, 365)), ("ebbinghaus", (5, 5, 5))])
def test_where_nothing_fades_recall_is_what_it_was(tmp_path, clock, policy, days):
    """Under the policy none, and where all are equally fresh, scores and signals are bit for bit those without."""
    seen = []
    for weight in (0, 5):
        with agentmem.open(
            tmp_path / str(weight), embedder="hash", clock=clock, retention=policy, retention_weight=weight
        ) as system:
            space = system.space("a")
            space.remember(
                [Draft(f"cat number {d} {n}", said_at=clock() - timedelta(days=d)) for n, d in enumerate(days)]
            )
            seen.append([(e.memory.text, e.score, dict(e.signals)) for e in space.recall("cat number 1")])
    assert seen[0] == seen[1]


def test_a_weight_that_is_none_is_refused(tmp_path):
    """A negative weight and nan are errors before anything is opened."""
    for weight in (-1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="retention_weight="):
            agentmem.open(tmp_path, retention_weight=weight)


def test_the_policy_from_the_environment(tmp_path, clock, monkeypatch):
    """AGENTMEM_RETENTION names the policy, what is passed goes before it, and one that is none is an error."""
    monkeypatch.setenv("AGENTMEM_RETENTION", "lru")
    with agentmem.open(tmp_path, embedder="hash", clock=clock) as system:
        assert system.space("a").retention.name == "lru"
    with agentmem.open(tmp_path, embedder="hash", clock=clock, retention="fifo") as system:
        assert system.space("a").retention.name == "fifo"
    monkeypatch.setenv("AGENTMEM_RETENTION", "lrru")
    with agentmem.open(tmp_path, embedder="hash", clock=clock) as system, pytest.raises(PluginNotFoundError):
        system.space("a")
