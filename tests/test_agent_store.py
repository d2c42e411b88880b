"""The store for LangGraph: it agrees with InMemoryStore, and what it holds is remembered, forgotten and erased."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from langgraph.graph import START, StateGraph
from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore
from typing_extensions import TypedDict

import agentmem
from agentmem.agent import AgentMemoryStore
from agentmem.agent.store_filter import matches
from agentmem.errors import GuardedError, InputError

ANA = ("users", "ana")


@pytest.fixture
def store(space):
    """A store over an empty space."""
    opened = AgentMemoryStore(space)
    yield opened
    opened.close()


def plain(result):
    """Return what two stores must agree on: no times, no scores, and items in no order."""
    if isinstance(result, list):
        if result and isinstance(result[0], tuple):
            return result
        return sorted(((i.namespace, i.key, i.value) for i in result), key=repr)
    return result and (result.namespace, result.key, result.value)


# ------------------------------------------------------------------------------------------------ against LangGraph's

LABELS = st.sampled_from(["users", "ana", "bo", "notes/2", "ü"])
NAMESPACES = st.lists(LABELS, min_size=1, max_size=3).map(tuple)
SCALARS = st.one_of(st.integers(-3, 3), st.booleans(), st.none(), st.sampled_from(["", "red", "5", "a b"]))
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(-3, 3),
        "colour": SCALARS,
        "text": st.sampled_from(["She likes tea.", "\x00", " "]),
        "deep": st.fixed_dictionaries({"list": st.lists(SCALARS, max_size=2)}, optional={"m": SCALARS}),
    },
)
ORDERS = st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), st.integers(-3, 3), min_size=1, max_size=2)
FILTERS = st.one_of(
    st.none(),
    st.fixed_dictionaries({"colour": st.one_of(SCALARS, st.dictionaries(st.sampled_from(["$eq", "$ne"]), SCALARS))}),
    st.fixed_dictionaries({"n": ORDERS}),
    st.fixed_dictionaries({"deep": st.fixed_dictionaries({"list": st.lists(SCALARS, max_size=2)})}),
)
KEYS = st.sampled_from(["a", "b", "c/d", "", "ключ"])
PATHS = st.lists(st.one_of(LABELS, st.just("*")), min_size=1, max_size=3).map(tuple)
CONDITIONS = st.lists(st.builds(MatchCondition, st.sampled_from(["prefix", "suffix"]), PATHS), max_size=2).map(tuple)
PUTS = st.tuples(NAMESPACES, KEYS, VALUES).map(lambda op: PutOp(*op))
DELETES = st.tuples(NAMESPACES, KEYS).map(lambda op: PutOp(*op, None))
GETS = st.tuples(NAMESPACES, KEYS).map(lambda op: GetOp(*op))
SEARCHES = st.tuples(st.lists(LABELS, max_size=2).map(tuple), FILTERS).map(lambda op: SearchOp(*op, 1000))
LISTINGS = st.tuples(CONDITIONS, st.one_of(st.none(), st.integers(1, 3)), st.integers(0, 4), st.integers(0, 2)).map(
    lambda op: ListNamespacesOp(*op)
)
OPS = st.one_of(PUTS, PUTS, DELETES, GETS, SEARCHES, LISTINGS)


def living(model):
    """Return a store with what is in one: InMemoryStore goes on listing namespaces that were emptied, or only read."""
    fresh = InMemoryStore()
    for item in model.search((), limit=10_000):
        fresh.put(item.namespace, item.key, item.value)
    return fresh


# Generated only: to shrink a script of 200 operations would take minutes, and the first that differs says enough.
@settings(max_examples=3, deadline=None, suppress_health_check=[*HealthCheck], phases=[Phase.generate])
@given(script=st.lists(st.lists(OPS, min_size=4, max_size=4), min_size=50, max_size=50))
def test_it_agrees_with_langgraphs_own_store(tmp_path_factory, script):
    """Two hundred random operations, filters, wildcards and batches among them, answer the same in both."""
    model = InMemoryStore()
    with agentmem.open(tmp_path_factory.mktemp("root"), embedder="hash") as system:
        store = AgentMemoryStore(system.space("a"))
        for batch in script:
            found = store.batch(batch)
            for op, result in zip(batch, found, strict=True):
                try:
                    expected = None if isinstance(op, PutOp) else living(model).batch([op])[0]
                except (TypeError, ValueError):  # it compares what is no number; ours says that it does not match
                    assert isinstance(op, SearchOp)
                    continue
                assert plain(result) == plain(expected)
            model.batch([op for op in batch if isinstance(op, PutOp)])
        assert plain(store.search((), limit=1000)) == plain(model.search((), limit=1000))
        assert len(system.space("a")) == len(model.search((), limit=1000))
        store.close()


def test_what_is_no_number_is_neither_more_nor_less():
    """An ordering holds between numbers; an operator that there is not is an error."""
    assert matches(3, {"$gt": 2, "$lte": 3})
    assert not matches(None, {"$gt": 2})
    assert not matches("red", {"$lt": 2})
    assert matches({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2]}})
    assert not matches({"a": 1}, {"a": {"b": None}})
    with pytest.raises(InputError, match=r"no operator '\$in'; there are \$eq"):
        matches(1, {"$in": [1]})


def test_pages_follow_on_one_another(store, clock):
    """Items come oldest first, and a put on one that exists leaves it in its place."""
    for key in "abcde":
        store.put(ANA, key, {"n": key})
        clock.advance(timedelta(minutes=1))
    store.put(ANA, "b", {"n": "B"})
    pages = [store.search(ANA, limit=2, offset=at) for at in (0, 2, 4)]
    assert [item.value["n"] for page in pages for item in page] == ["a", "B", "c", "d", "e"]
    b = store.get(ANA, "b")
    assert b.updated_at - b.created_at == timedelta(minutes=4)


# ------------------------------------------------------------------------------------------------- what a space gives


def test_a_query_is_a_recall(store):
    """Items are found by what they say, best first; what is not indexed comes last and without a score."""
    store.put(ANA, "cat", {"text": "Ana has a ginger cat called Miso."})
    store.put(ANA, "job", {"text": "Ana repairs bicycles."})
    store.put(ANA, "secret", {"text": "Ana has a ginger cat called Miso, too."}, index=False)
    store.put(("users", "bo"), "cat", {"text": "Bo has a ginger cat called Rex."})
    found = store.search(ANA, query="What is the ginger cat called?")
    assert [item.key for item in found] == ["cat", "job", "secret"]
    assert found[0].score > found[1].score
    assert found[2].score is None
    assert [i.key for i in store.search(ANA, query="ginger cat", filter={"text": "Ana repairs bicycles."})] == ["job"]
    assert store.search(("users", "cleo"), query="ginger cat") == []


def test_an_item_is_a_memory_like_any_other(store, space):
    """It is recalled by the space, exported with it, and forgetting it takes it out of the store."""
    store.put(ANA, "cat", {"content": "Ana has a ginger cat called Miso."})
    (found,) = space.recall("What is the ginger cat called?")
    assert (found.memory.kind, found.memory.text) == ("note", "Ana has a ginger cat called Miso.")
    space.erase(found.id, guard=True)
    assert store.get(ANA, "cat") is None
    assert store.list_namespaces() == []
    with pytest.raises(GuardedError):
        store.put(ANA, "cat", {"content": "Ana has a ginger cat called Miso."})


@pytest.mark.parametrize("gone", ["replaced", "deleted"])
def test_what_is_replaced_or_deleted_is_in_no_byte(store, space, gone):
    """The old value leaves every file of the space, and what was derived from it goes along."""
    store.put(ANA, "code", {"code": "XYZZY-4417", "for": ["locker"]})
    (old,) = space.memories()
    space.remember("The locker code is XYZZY-4417.", kind="fact", parents=(old.id,))
    if gone == "replaced":
        store.put(ANA, "code", {"code": "PLUGH-1", "for": ["locker"]})
        assert space.receipts()[-1].level == "logical"
        store.flush()
    else:
        store.delete(ANA, "code")
    assert [m.text for m in space.memories()] == ['{"code": "PLUGH-1", "for": ["locker"]}'] * (gone == "replaced")
    held = b"".join(file.read_bytes() for file in space.path.rglob("*") if file.is_file())
    assert b"XYZZY" not in held
    assert (space.receipts()[-1].level, space.receipts()[-1].checked) == ("physical", True)


@pytest.mark.parametrize("how", ["in a moment", "by closing the store", "by closing the space", "by erasing", "killed"])
def test_the_bytes_of_replaced_values_do_not_stay(system, monkeypatch, how):
    """They go together, within seconds, with the next erasure or at the latest when the space is closed or opened."""
    monkeypatch.setattr("agentmem.agent.store.DELAY_S", 0.05 if how == "in a moment" else 600)
    space = system.space("alice")
    store = AgentMemoryStore(space)
    for n in range(4):
        store.put(ANA, "code", {"code": f"XYZZY-441{n}"})
    assert [m.text for m in space.memories()] == ['{"code": "XYZZY-4413"}']
    if how == "in a moment":
        while store._flushing is not None or space.receipts()[-1].level != "physical":
            time.sleep(0.01)
    elif how == "by closing the store":
        store.close()
    elif how == "by closing the space":
        space.close()
    elif how == "by erasing":
        space.erase(space.remember("Something else was said about a kite."))
    else:
        monkeypatch.setattr(space._eraser, "resume", list)  # it never comes to it
        space.close()
        space = system.space("alice")
    held = b"".join(file.read_bytes() for file in space.path.rglob("*") if file.is_file())
    assert [n for n in range(4) if f"XYZZY-441{n}".encode() in held] == [3]
    space = system.space("alice")
    done = [r for r in space.receipts() if r.erased == {"note": 1}]
    assert [(r.level, r.checked) for r in done] == [("physical", how != "killed")] * 3
    store.close()


def test_a_put_of_what_is_there_writes_nothing(store, space):
    """The memory stays the same one."""
    store.put(ANA, "a", {"n": 1})
    before = [m.id for m in space.memories()]
    store.put(ANA, "a", {"n": 1})
    assert [m.id for m in space.memories()] == before
    assert space.receipts() == []


def test_a_crash_between_the_new_value_and_the_old_leaves_the_new(store, space, monkeypatch):
    """Both are there; the newer counts, and the next put on the key erases the older."""
    store.put(ANA, "a", {"n": 1})
    with monkeypatch.context() as patch:
        patch.setattr(store, "_erase", lambda *_, **__: None)
        store.put(ANA, "a", {"n": 2})
    assert len(space) == 2
    assert store.get(ANA, "a").value == {"n": 2}
    assert [i.value for i in store.search(ANA)] == [{"n": 2}]
    store.put(ANA, "a", {"n": 3})
    assert [m.text for m in space.memories()] == ['{"n": 3}']


def test_a_value_that_was_redacted_comes_as_what_is_left(store, space):
    """No error and no old value: the text is all there is."""
    store.put(ANA, "a", {"text": "Ana likes tea. Bo has a cat."})
    (memory,) = space.memories()
    space.forgetting.forget("forget the sentence 'Bo has a cat.'", answers=True)
    left = store.get(ANA, "a")
    assert left is None or "cat" not in left.value["text"]
    assert memory.id not in space or "cat" not in space.get(memory.id).text


def test_time_to_live(space, clock):
    """What has expired is erased; a read puts it off, unless it says not to."""
    store = AgentMemoryStore(space, ttl={"default_ttl": 10, "refresh_on_read": True})
    store.put(ANA, "default", {"n": 1})
    store.put(ANA, "longer", {"n": 2}, ttl=30)
    store.put(ANA, "forever", {"n": 3}, ttl=None)
    clock.advance(timedelta(minutes=8))
    assert store.get(ANA, "default").value == {"n": 1}
    clock.advance(timedelta(minutes=8))
    assert store.get(ANA, "default", refresh_ttl=False).value == {"n": 1}
    clock.advance(timedelta(minutes=4))
    assert {i.key for i in store.search(ANA, refresh_ttl=False)} == {"longer", "forever"}
    store.close()
    again = AgentMemoryStore(space)
    clock.advance(timedelta(minutes=10))
    assert [i.key for i in again.search(ANA)] == ["forever"]
    assert [m.text for m in space.memories()] == ['{"n": 3}']
    with pytest.raises(InputError, match="ttl=0 minutes must be more"):
        again.put(ANA, "never", {"n": 1}, ttl=0)
    again.close()


def test_times_to_live_survive_the_loss_of_their_file(space, clock):
    """They then count from the put, which the memory itself tells."""
    store = AgentMemoryStore(space)
    store.put(ANA, "a", {"n": 1}, ttl=10)
    store.close()
    for file in space.path.glob("store.db*"):
        file.unlink()
    store = AgentMemoryStore(space)
    clock.advance(timedelta(minutes=10))
    assert store.get(ANA, "a") is None
    store.close()


@pytest.mark.parametrize(
    ("value", "says"),
    [({1: "a"}, "the key 1 is not a text"), ({"a": {2}}, "set"), ({"a": float("nan")}, "Out of range float")],
)
def test_what_is_no_json_is_refused_and_nothing_is_put(store, space, value, says):
    """The message says which value, and what may be put; another put in the same batch is not written either."""
    with pytest.raises(InputError, match=says):
        store.batch([PutOp(ANA, "fine", {"n": 1}), PutOp(ANA, "a", value)])
    assert len(space) == 0


def test_a_namespace_with_a_period_is_refused(store):
    """Also where an operation is passed by itself."""
    with pytest.raises(InvalidNamespaceError):
        store.batch([GetOp(("a.b",), "c")])


def test_a_surrogate_and_a_nul_come_back_as_they_were(store):
    """Keys and values may hold any string of Python's."""
    store.put(ANA, "k\ud800\0", {"text": "x\ud800", "other": "\0"})
    assert store.get(ANA, "k\ud800\0").value == {"text": "x\ud800", "other": "\0"}


def test_a_graph_uses_it(space):
    """LangGraph hands it to a node, in a loop that is not blocked by it."""
    store = AgentMemoryStore(space)

    class State(TypedDict, total=False):
        seen: list[str]

    async def node(state, *, store):
        await store.aput(ANA, "a", {"text": "Ana likes tea."})
        found = await store.asearch(ANA, query="tea")
        return {"seen": [item.value["text"] for item in found]}

    graph = StateGraph(State).add_node("node", node).add_edge(START, "node").compile(store=store)
    assert asyncio.run(graph.ainvoke({})) == {"seen": ["Ana likes tea."]}
    store.close()
