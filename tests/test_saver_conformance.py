"""AgentMemorySaver passes LangGraph's own suite for checkpointers, and forgets: facts, runs, histories."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

from agentmem.agent.saver import AgentMemorySaver
from agentmem.errors import InputError, NotFoundError, StorageError

FACT = "I live in Lisbon with my sister Zita"


class State(TypedDict, total=False):
    messages: Annotated[list[Any], add_messages]


def answer(state):
    return {"messages": [AIMessage(f"You said: {state['messages'][-1].content}")]}


def compiled(saver, schema=State, node=answer):
    graph = StateGraph(schema)
    graph.add_node("answer", node)
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    return graph.compile(checkpointer=saver)


def at(thread, **metadata):
    return {"configurable": {"thread_id": thread}, "metadata": metadata}


def talk(saver, *said, thread="one"):
    graph = compiled(saver)
    for n, text in enumerate(said, start=len(texts(saver, thread)) // 2):
        graph.invoke({"messages": [HumanMessage(text)]}, at(thread, run_id=f"run-{n}"))
    return graph


def texts(saver, thread="one"):
    return [m.content for m in compiled(saver).get_state(at(thread)).values.get("messages", [])]


def history(saver, thread="one"):
    return [*compiled(saver).get_state_history(at(thread))]


@pytest.fixture
def saver(tmp_path, clock):
    opened = AgentMemorySaver(tmp_path / "agent.db", clock=clock)
    yield opened
    opened.close()


def bytes_in(folder):
    return b"".join(p.read_bytes() for p in folder.glob("agent.db*"))


def test_it_passes_every_capability_of_langgraphs_own_suite(tmp_path):
    """All eight capabilities, base and extended; a skipped one would be a failure."""
    number = iter(range(100))

    @checkpointer_test(name="AgentMemorySaver")
    async def made():
        opened = AgentMemorySaver(tmp_path / f"{next(number)}.db")
        yield opened
        opened.close()

    report = asyncio.run(validate(made)).to_dict()
    assert report["conformance_level"] == "FULL"
    results = report["results"]
    assert {name for name, r in results.items() if r["detected"] and r["passed"]} == {
        *("put", "put_writes", "get_tuple", "list", "delete_thread", "delete_for_runs", "copy_thread", "prune")
    }
    assert sum(r["tests_failed"] + r["tests_skipped"] for r in results.values()) == 0
    assert sum(r["tests_passed"] for r in results.values()) >= 80


def test_a_fact_is_erased_from_the_whole_history(saver, tmp_path):
    """Head, history and bytes; other threads and the length of the history stay."""
    talk(saver, "Hello.", f"{FACT}.", "The weather is fine.")
    talk(saver, "The weather is fine.", thread="two")
    before = len(history(saver))
    done = saver.erase([FACT])
    assert (done.threads, done.messages) == (("one",), 2)
    assert texts(saver)[2:4] == ["[removed].", "You said: [removed]."]
    assert len(history(saver)) == before
    assert texts(saver, "two") == ["The weather is fine.", "You said: The weather is fine."]
    assert b"lisbon" not in bytes_in(tmp_path).lower()
    with pytest.raises(InputError, match="nothing to look for"):
        saver.erase([])


def test_memories_go_with_their_ids(saver, space):
    """A message that bears the id of a forgotten memory goes, whatever it says."""
    (told,) = space.remember("I moved to Lisbon.")
    message = HumanMessage("In other words.", additional_kwargs={"memory_id": told})
    compiled(saver).invoke({"messages": [message]}, at("one"))
    saver.erase([space.get(told)], mode="drop")
    assert texts(saver) == ["You said: In other words."]
    assert told.encode() not in bytes_in(saver.path.parent)


def test_what_was_erased_is_kept_out_for_a_while(saver, clock, tmp_path):
    """In another process's saver as well; until the time is over, or somebody allows it."""
    talk(saver, f"{FACT}.")
    saver.erase([FACT])
    other = AgentMemorySaver(tmp_path / "agent.db", clock=clock)
    talk(other, f"Again: {FACT}!")
    assert texts(saver)[-2:] == ["Again: [removed]!", "You said: Again: [removed]!"]
    assert b"lisbon" not in bytes_in(tmp_path).lower()
    assert (tmp_path / "agent.db.key").stat().st_mode & 0o777 == 0o600
    clock.advance(timedelta(hours=2))
    talk(other, f"On purpose: {FACT}.")
    assert texts(saver)[-2] == f"On purpose: {FACT}."
    saver.erase([FACT])
    saver.allow()
    talk(other, FACT)
    assert texts(saver)[-2] == FACT
    other.close()


def test_an_erasure_in_the_middle_of_a_save_is_noticed(tmp_path, clock):
    """A save that passed the guard before the erasure, and lands after it, is gone over again."""
    path = tmp_path / "agent.db"
    eraser = AgentMemorySaver(path, clock=clock)
    erased = []

    class Slow(JsonPlusSerializer):
        def dumps_typed(self, obj):
            done = super().dumps_typed(obj)
            if isinstance(obj, dict) and "channel_values" in obj and FACT.encode() in done[1] and not erased:
                with suppress(InputError):
                    erased.append(eraser.erase([FACT]))
            return done

    saver = AgentMemorySaver(path, clock=clock, serde=Slow())
    talk(saver, f"{FACT}.")
    assert len(erased) == 1
    assert texts(saver) == ["[removed].", "You said: [removed]."]
    saver.flush()
    assert b"lisbon" not in bytes_in(tmp_path).lower()
    saver.close()
    eraser.close()


def test_without_the_key_it_says_so(saver, tmp_path):
    """The digests are nothing without it; saving stops rather than let anything through."""
    talk(saver, FACT)
    saver.erase([FACT])
    (tmp_path / "agent.db.key").unlink()
    with pytest.raises(NotFoundError, match="allow"):
        talk(saver, "Hello.")
    saver.allow()
    talk(saver, "Hello.")
    assert texts(saver)[-2] == "Hello."


def test_in_memory_and_with_nothing_guarded(tmp_path):
    """No file, no key beside it; and a guard that is off writes no digests."""
    saver = AgentMemorySaver(":memory:")
    talk(saver, FACT)
    saver.erase([FACT])
    talk(saver, FACT)
    assert texts(saver)[-2] == "[removed]"
    saver.close()
    off = AgentMemorySaver(tmp_path / "agent.db", guarded_for=timedelta())
    talk(off, FACT)
    off.erase([FACT])
    talk(off, FACT)
    assert texts(off)[-2] == FACT
    assert not (tmp_path / "agent.db.key").exists()
    off.close()


def test_asynchronous_graphs_and_erasure(saver):
    """The same file, beside a loop."""

    async def run():
        graph = compiled(saver)
        await graph.ainvoke({"messages": [HumanMessage(FACT)]}, at("one"))
        await saver.aerase([FACT])
        await saver.acopy_thread("one", "two")
        await saver.aprune(["one"])
        found = [s async for s in graph.aget_state_history(at("one"))]
        return [m.content for m in (await graph.aget_state(at("two"))).values["messages"]], len(found)

    assert asyncio.run(run()) == (["[removed]", "You said: [removed]"], 1)


def test_runs_are_deleted_and_history_is_walked_past_them(saver):
    """The run in the middle goes; what followed follows what came before, and the thread goes on."""
    talk(saver, "One.", "Two.", "Three.")
    saver.delete_for_runs(["run-1"])
    found = history(saver)
    assert {s.metadata["run_id"] for s in found} == {"run-0", "run-2"}
    assert len(found) == 6
    parents = [s.parent_config and s.parent_config["configurable"]["checkpoint_id"] for s in found]
    assert parents == [*(s.config["configurable"]["checkpoint_id"] for s in found[1:]), None]
    talk(saver, "Four.")
    assert texts(saver)[-2:] == ["Four.", "You said: Four."]


def test_a_copy_is_a_thread_of_its_own(saver):
    """Its history can be walked; a thread that is there is not written over."""
    talk(saver, "One.", "Two.")
    saver.copy_thread("one", "two")
    talk(saver, "Three.", thread="two")
    assert len(texts(saver)) == 4
    assert len(texts(saver, "two")) == 6
    assert len(history(saver, "two")) == len(history(saver)) + 3
    with pytest.raises(InputError, match="has a history already"):
        saver.copy_thread("one", "two")


def merged(old, new):
    return [*old, *(item for items in new for item in items)]


class Deltas(TypedDict, total=False):
    notes: Annotated[list[str], DeltaChannel(merged, snapshot_frequency=4)]


def note(state):
    return {"notes": [f"after {len(state['notes'])}"]}


def test_pruning_and_erasing_keep_what_a_delta_channel_is_rebuilt_from(saver):
    """Only writes and rare snapshots hold its value: ancestors stay up to the nearest snapshot, and no further."""
    graph = compiled(saver, Deltas, note)
    for n in range(7):
        graph.invoke({"notes": [FACT if n == 2 else f"said {n}"]}, at("one", run_id=f"run-{n}"))
    before = graph.get_state(at("one")).values["notes"]
    assert len(before) == 14
    count = len([*graph.get_state_history(at("one"))])
    saver.prune(["one"])
    assert graph.get_state(at("one")).values["notes"] == before
    left = len([*saver.list(at("one"))])
    assert 1 < left < count
    with pytest.raises(InputError, match="nothing was deleted"):
        saver.delete_for_runs(["run-5"])
    assert len([*saver.list(at("one"))]) == left
    saver.erase([FACT])
    expected = ["[removed]" if text == FACT else text for text in before]
    assert graph.get_state(at("one")).values["notes"] == expected
    graph.invoke({"notes": ["more"]}, at("one"))
    assert graph.get_state(at("one")).values["notes"] == [*expected, "more", "after 15"]


def test_pruning_to_nothing_and_wrong_strategies(saver, tmp_path):
    """All goes, in the bytes as well; what is not known is refused."""
    talk(saver, FACT)
    saver.prune(["one"], strategy="delete")
    assert texts(saver) == []
    assert FACT.encode() not in bytes_in(tmp_path)
    with pytest.raises(InputError, match="keep_latest or delete"):
        saver.prune(["one"], strategy="some")


def test_a_damaged_file_is_no_scratch_pad_to_delete(tmp_path):
    """Unlike that of a space, this one holds what nothing else holds; the message says so."""
    (tmp_path / "agent.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StorageError, match=r"sqlite3 agent\.db \.recover"):
        AgentMemorySaver(tmp_path / "agent.db")
