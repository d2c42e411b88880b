"""Taking a single fact out of an agent's saved states: head, history, pending writes, bytes; and keeping it out."""

from __future__ import annotations

import asyncio
import json
import operator
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt

from agentmem.agent.checkpoints import open_saver
from agentmem.agent.scrubber import CheckpointScrubber, guarded, scrub
from agentmem.errors import InputError, NotFoundError, ResidueError, StorageError, TextError
from agentmem.unlearning.states import Edit
from agentmem.unlearning.wording import Wording

FACT = "I live in Lisbon with my sister Zita"
TOLD = 'Please note: I live in "Lisbon" with my sister Zita!'
TURNS = 30


@dataclass
class Profile:
    """A class of the application's own, that no scrubber can import."""

    about: str
    turns: int


class State(TypedDict, total=False):
    messages: Annotated[list[Any], add_messages]
    summary: str
    profile: Profile
    seen: Annotated[list[dict[str, str]], operator.add]


def model(state):
    said = state["messages"][-1]
    if isinstance(said, ToolMessage):
        return {"messages": [AIMessage(f"I noted it: {said.content}", response_metadata={"logprobs": [said.content]})]}
    call = {"name": "save", "args": {"note": said.content, "raw": json.dumps({"text": said.content})}, "id": said.id}
    kwargs = {"tool_calls": [{"function": {"arguments": json.dumps({"note": said.content})}}]}
    return {"messages": [AIMessage("", tool_calls=[call], additional_kwargs=kwargs)]}


def tools(state):
    call = state["messages"][-1].tool_calls[0]
    return {
        "messages": [ToolMessage(call["args"]["note"].upper(), tool_call_id=call["id"], name="save")],
        "seen": [{call["args"]["note"]: "a key can say it as well"}],
    }


def summarise(state):
    said = [m.content for m in state["messages"] if isinstance(m, HumanMessage)]
    return {"summary": " / ".join(said), "profile": Profile(" ".join(said), len(said))}


def confirm(state):
    if "confirm" not in state["messages"][-1].content.casefold():
        return {}
    return {"summary": f"{state['summary']} {interrupt({'question': f'Really? {TOLD}'})}"}


def route(state):
    return "tools" if getattr(state["messages"][-1], "tool_calls", ()) else "summarise"


def compiled(saver):
    graph = StateGraph(State)
    for node in (model, tools, summarise, confirm):
        graph.add_node(node)
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", route, ["tools", "summarise"])
    graph.add_edge("tools", "model")
    graph.add_edge("summarise", "confirm")
    graph.add_edge("confirm", END)
    return graph.compile(checkpointer=saver)


def at(thread):
    return {"configurable": {"thread_id": thread}}


def said(turn):
    return TOLD if turn == 3 else f"Turn {turn}: the weather in Porto is fine, Zita says."


def talk(graph, thread="one", turns=TURNS, *, end="Now confirm it."):
    for turn in range(turns):
        graph.invoke({"messages": [HumanMessage(said(turn), id=f"{thread}-{turn}")]}, at(thread))
    if end:
        assert "__interrupt__" in graph.invoke({"messages": [HumanMessage(end)]}, at(thread))


def shape(graph, thread="one"):
    """What must stay: ids, parents, versions, next nodes, kinds of messages."""
    return [
        (
            s.config["configurable"]["checkpoint_id"],
            (s.parent_config or {"configurable": {}})["configurable"].get("checkpoint_id"),
            s.next,
            [(m.type, m.id, getattr(m, "tool_call_id", None)) for m in s.values.get("messages", ())],
        )
        for s in graph.get_state_history(at(thread))
    ]


def bytes_in(folder):
    return b"".join(p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file())


def says(data, fact=FACT):
    """Whether raw bytes say the fact in any of the forms that the graph wrote it in."""
    low = data.lower()
    forms = [TOLD, json.dumps(TOLD)[1:-1], json.dumps(json.dumps(TOLD))[3:-3], fact, "with my sister zita"]
    return any(form.lower().encode() in low for form in forms)


@contextmanager
def sqlite(folder):
    with SqliteSaver.from_conn_string(str(folder / "agent.db")) as saver:
        yield saver


# ------------------------------------------------------------------------------------------------------ one thread


def test_a_fact_leaves_every_checkpoint_and_the_thread_goes_on(tmp_path):
    """After thirty turns with tools, a summary and an interrupt: nothing of it in any byte, and all else is there."""
    with sqlite(tmp_path) as saver:
        graph = compiled(saver)
        talk(graph)
        talk(graph, "two", 5, end="")
        before, two = shape(graph), [*graph.get_state_history(at("two"))]
        versions = [t.checkpoint["channel_versions"] for t in saver.list(at("one"))]
        assert says(bytes_in(tmp_path))
        scrubber = CheckpointScrubber(saver)
        planned = scrubber.find([FACT], thread="one")
        assert scrubber.leaks([FACT], thread="one")
        done = scrubber.scrub([FACT], thread="one")
        assert (planned.rows, planned.messages, planned.threads) == (done.rows, done.messages, done.threads)
        assert planned.dry_run
        assert not done.dry_run
        assert done.threads == ("one",)
        assert done.messages == 4  # the turn, the call, the tool's answer, the reply
        assert done.rows < done.read
        assert done.pending == ""
        assert done.out_of_scope
        assert shape(graph) == before
        assert [t.checkpoint["channel_versions"] for t in saver.list(at("one"))] == versions
        assert [*graph.get_state_history(at("two"))] == two

        state = graph.get_state(at("one"))
        messages = state.values["messages"]
        assert messages[12].content == "Please note: [removed]!"
        assert messages[13].tool_calls[0]["args"]["note"] == "Please note: [removed]!"
        assert json.loads(messages[13].tool_calls[0]["args"]["raw"]) == {"text": "Please note: [removed]!"}
        assert messages[14].content == "PLEASE NOTE: [removed]!"
        assert messages[15].response_metadata == {}
        assert messages[11].response_metadata != {}
        assert isinstance(state.values["profile"], Profile)
        assert "[removed]" in state.values["profile"].about
        assert said(4) in state.values["summary"]
        assert state.values["seen"][3] == {"Please note: [removed]!": "a key can say it as well"}
        assert state.interrupts[0].value == {"question": "Really? Please note: [removed]!"}

        ended = graph.invoke(Command(resume="yes"), at("one"))
        assert ended["summary"].endswith("Now confirm it. yes")
        history = [*graph.get_state_history(at("one"))]
        assert not says(repr(history).encode())
        back = [s for s in history if s.next == ("tools",)][-5]
        assert graph.invoke(None, back.config)["messages"][-1].content.startswith("I noted it: TURN 4")
    CheckpointScrubber.at(f"sqlite:{tmp_path / 'agent.db'}").scrub([FACT])
    assert not says(bytes_in(tmp_path))


def test_after_scrubbing_every_thread_no_byte_is_left_while_the_saver_stays_open(tmp_path):
    """The file, its log and its free pages are rewritten beside the open saver; its secure_delete was off."""
    with sqlite(tmp_path) as saver:
        saver.conn.execute("PRAGMA secure_delete=OFF")
        graph = compiled(saver)
        talk(graph, turns=6)
        assert scrub(saver, None, [FACT]).threads == ("one",)
        assert not says(bytes_in(tmp_path))
        assert b"the weather in Porto is fine" in bytes_in(tmp_path)


def test_dropping_takes_whole_messages_but_no_half_of_a_tool_call(tmp_path):
    """The turn and the reply go; the call and its answer stay, emptied of the words, and find each other."""
    with sqlite(tmp_path) as saver:
        graph = compiled(saver)
        talk(graph, turns=5, end="")
        count = len([*graph.get_state_history(at("one"))])
        done = CheckpointScrubber(saver, mode="drop").scrub([FACT])
        assert (done.messages, done.dropped) == (2, 2)
        messages = graph.get_state(at("one")).values["messages"]
        assert len(messages) == 5 * 4 - 2
        calls = [c["id"] for m in messages if isinstance(m, AIMessage) for c in m.tool_calls]
        assert [m.tool_call_id for m in messages if isinstance(m, ToolMessage)] == calls
        assert len([*graph.get_state_history(at("one"))]) == count
        talk(graph, turns=1, end="")
    assert not says(bytes_in(tmp_path))


def test_deleting_takes_the_threads_that_say_it_and_no_other(tmp_path):
    """A thread without the fact is not touched."""
    with sqlite(tmp_path) as saver:
        graph = compiled(saver)
        talk(graph, turns=5)
        graph.invoke({"messages": [HumanMessage(said(0))]}, at("two"))
        done = CheckpointScrubber(saver, mode="delete-thread").scrub([FACT])
        assert (done.mode, done.threads) == ("delete-thread", ("one",))
        assert graph.get_state(at("one")).values == {}
        assert len(graph.get_state(at("two")).values["messages"]) == 4
    assert not says(bytes_in(tmp_path))


def test_a_name_that_says_it_is_reported_and_goes_with_its_thread(tmp_path):
    """Names of threads are the application's keys: they are not changed behind its back, nor passed over."""
    with sqlite(tmp_path) as saver:
        graph = compiled(saver)
        talk(graph, FACT, 4, end="")
        with pytest.raises(ResidueError, match="in a name or an id"):
            CheckpointScrubber(saver).scrub([FACT])
        with pytest.raises(ResidueError, match="delete-thread"):
            CheckpointScrubber(saver).scrub([FACT])
        saver.delete_thread(FACT)
        assert CheckpointScrubber(saver).scrub([FACT]).rows == 0
    assert not says(bytes_in(tmp_path))


def test_a_reader_that_keeps_old_pages_is_reported(tmp_path):
    """What another program's snapshot keeps alive in the file is found, and said."""
    with sqlite(tmp_path) as saver:
        talk(compiled(saver), turns=4, end="")
        other = sqlite3.connect(tmp_path / "agent.db", isolation_level=None)
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM checkpoints").fetchall()
        with pytest.raises(ResidueError, match=r"times in its bytes.*Another program"):
            CheckpointScrubber(saver, patience_s=0.1).scrub([FACT])
        other.close()
        assert CheckpointScrubber(saver).scrub([FACT]).rows == 0
        assert not says(bytes_in(tmp_path))


# ------------------------------------------------------------------------------------------------------ other savers


def test_an_asynchronous_saver_is_scrubbed_beside_its_loop(tmp_path):
    """AsyncSqliteSaver keeps its connection; the fact leaves its file."""

    async def run():
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "agent.db")) as saver:
            graph = compiled(saver)
            for turn in range(5):
                await graph.ainvoke({"messages": [HumanMessage(said(turn))]}, at("one"))
            with pytest.raises(InputError, match="await"):
                CheckpointScrubber(saver).scrub([FACT])
            scrubber = CheckpointScrubber(saver)
            assert (await scrubber.afind([FACT])).messages == 4
            assert (await scrubber.ascrub([FACT])).messages == 4
            assert await scrubber.aleaks([FACT]) == []
            assert not says(bytes_in(tmp_path))
            ended = await graph.ainvoke({"messages": [HumanMessage("Go on.")]}, at("one"))
            assert ended["messages"][12].content == "Please note: [removed]!"

    asyncio.run(run())


@pytest.mark.parametrize("beside", [False, True])
def test_any_other_saver_is_scrubbed_by_its_public_methods(beside):
    """In memory: the history is written again with the same ids, parents and pending writes; the graph resumes."""
    saver = InMemorySaver()
    graph = compiled(saver)
    talk(graph, turns=5)
    talk(graph, "two", 2, end="")
    before, two = shape(graph), shape(graph, "two")
    scrubber = CheckpointScrubber(saver)
    done = asyncio.run(scrubber.ascrub([FACT])) if beside else scrubber.scrub([FACT])
    assert (done.threads, done.messages) == (("one",), 4)
    assert shape(graph) == before
    assert shape(graph, "two") == two
    assert graph.get_state(at("one")).interrupts[0].value == {"question": "Really? Please note: [removed]!"}
    assert graph.invoke(Command(resume="yes"), at("one"))["summary"].endswith("yes")
    assert "Lisbon" not in repr((dict(saver.storage), dict(saver.writes), saver.blobs))


class Rot(JsonPlusSerializer):
    """A cipher for children around LangGraph's own serialisation, as EncryptedSerializer has one."""

    class cipher:  # noqa: N801
        @staticmethod
        def encrypt(data):
            return "rot", bytes(255 - b for b in data)

        @staticmethod
        def decrypt(name, data):
            assert name == "rot"
            return bytes(255 - b for b in data)


def test_encrypted_states_are_edited_below_the_cipher(tmp_path):
    """With the saver that has the key; without it, the refusal names the serialisation."""
    from langgraph.checkpoint.serde.encrypted import EncryptedSerializer

    serde = EncryptedSerializer(Rot.cipher())
    conn = sqlite3.connect(tmp_path / "agent.db", check_same_thread=False)
    saver = SqliteSaver(conn, serde=serde)
    graph = compiled(saver)
    talk(graph, turns=4, end="")
    with pytest.raises(StorageError, match=r"'msgpack\+rot'"):
        CheckpointScrubber.at(f"sqlite:{tmp_path / 'agent.db'}").scrub([FACT])
    assert CheckpointScrubber(saver).scrub([FACT]).messages == 4
    assert graph.get_state(at("one")).values["messages"][12].content == "Please note: [removed]!"
    conn.close()


def test_a_foreign_serialisation_goes_through_its_own_objects(tmp_path):
    """Pickles are read and written by the saver's serde."""

    class Pickling(JsonPlusSerializer):
        def dumps_typed(self, obj):
            import pickle

            return "pickle", pickle.dumps(obj)

    conn = sqlite3.connect(tmp_path / "agent.db", check_same_thread=False)
    saver = SqliteSaver(conn, serde=Pickling(pickle_fallback=True))
    graph = compiled(saver)
    talk(graph, turns=4, end="")
    CheckpointScrubber(saver).scrub([FACT])
    values = graph.get_state(at("one")).values
    assert values["messages"][12].content == "Please note: [removed]!"
    assert isinstance(values["profile"], Profile)
    conn.close()
    assert not says(bytes_in(tmp_path))


def test_the_lean_saver_is_one_of_them(tmp_path):
    """The checkpoints of agentmem itself, from the outside."""
    saver = open_saver(tmp_path / "threads.db")
    graph = compiled(saver)
    talk(graph, turns=5, end="")
    assert CheckpointScrubber(saver).scrub([FACT]).threads == ("one",)
    assert graph.get_state(at("one")).values["messages"][12].content == "Please note: [removed]!"
    assert not says(bytes_in(tmp_path))
    saver.close()


# ------------------------------------------------------------------------------------------------------ late writes


@pytest.mark.parametrize("sealed", [False, True])
def test_what_a_stale_run_saves_is_scrubbed(tmp_path, sealed):
    """A run that holds the old state in memory saves it after the scrubbing: without the fact."""
    wording = Wording([FACT]).sealed(b"k" * 32) if sealed else [FACT]
    with sqlite(tmp_path) as saver:
        guard = guarded(saver, wording)
        assert isinstance(guard, SqliteSaver)
        talk(compiled(saver), turns=5, end="")
        running = compiled(guard).stream({"messages": [HumanMessage("Once more.")]}, at("one"))
        next(running)
        CheckpointScrubber(saver).scrub([FACT])
        for _ in running:
            pass
        assert CheckpointScrubber(saver).leaks([FACT]) == []
        messages = compiled(saver).get_state(at("one")).values["messages"]
        assert (messages[12].content, messages[20].content) == ("Please note: [removed]!", "Once more.")
    assert not says(bytes_in(tmp_path))


def test_without_a_guard_a_stale_run_brings_it_back(tmp_path):
    """The control: this is what LangGraph does."""
    with sqlite(tmp_path) as saver:
        talk(compiled(saver), turns=5, end="")
        running = compiled(saver).stream({"messages": [HumanMessage("Once more.")]}, at("one"))
        next(running)
        with suppress(ResidueError):  # if the run saves its next step between the rewriting and the look
            CheckpointScrubber(saver).scrub([FACT])
        for _ in running:
            pass
        assert CheckpointScrubber(saver).leaks([FACT])


def test_a_stale_run_can_be_refused():
    """Nothing of it is saved, and the run fails with a reason."""
    saver = InMemorySaver()
    talk(compiled(saver), turns=4, end="")
    graph = compiled(guarded(saver, [FACT], action="refuse"))
    before = shape(compiled(saver))
    with pytest.raises(ResidueError, match="before something was forgotten"):
        graph.invoke({"messages": [HumanMessage(TOLD)]}, at("two"))
    assert shape(compiled(saver)) == before
    assert compiled(saver).get_state(at("two")).values == {}
    with pytest.raises(InputError, match="scrub or refuse"):
        guarded(saver, [FACT], action="ignore")


def test_the_guard_serves_asynchronous_graphs_as_well(tmp_path):
    """`aput` and `aput_writes` pass it."""

    async def run():
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "agent.db")) as saver:
            graph = compiled(guarded(saver, [FACT]))
            await graph.ainvoke({"messages": [HumanMessage(TOLD)]}, at("one"))
            return (await graph.aget_state(at("one"))).values["messages"][0].content

    assert asyncio.run(run()) == "Please note: [removed]!"
    assert not says(bytes_in(tmp_path))


# ------------------------------------------------------------------------------------------------------ wording, states


def test_a_text_is_known_by_its_words():
    """Case, spaces, marks, accents and escapes do not hide it; parts of words are no words."""
    wording = Wording(["Bob owes José 40 €", "猫が好き"])
    for text in (
        "so: BOB owes\n  Jose\u0301, 40 €.",
        json.dumps({"a": "bob owes José 40"}),
        json.dumps(json.dumps({"a": "Bob owes\nJosé 40"})),
        "私は猫が好きです",
    ):
        assert len(wording.spans(text)) == 1, text
        assert wording.sealed(b"k" * 16).replaced(text, "-") == wording.replaced(text, "-")
    assert wording.spans("Bobby owes José 40 and Bob owes José 400") == []
    assert Wording(["Bob"]).replaced("Bobsled, bob, Bob's", "X") == "Bobsled, X, X's"
    assert json.loads(Wording(["a b"]).replaced('{"k": "a\\nb"}', 'q"q')) == {"k": 'q"q'}
    with pytest.raises(TextError, match="single word"):
        Wording(["!!!"])


def test_sealed_wording_holds_no_words_and_passes_through_text():
    """What is written down are digests; with another key they find nothing."""
    key, sealed = b"a" * 32, Wording([FACT], ["yes"]).sealed(b"a" * 32)
    data = sealed.to_json()
    assert "isbon" not in data
    again = Wording.from_json(data, key)
    assert again.replaced(TOLD, "-") == "Please note: -!"
    assert (again.replaced("Yes.", "-"), again.replaced("Yes, Bob.", "-")) == ("-.", "Yes, Bob.")
    assert Wording.from_json(data, b"b" * 32).spans(TOLD) == []
    with pytest.raises(TextError, match="seal"):
        Wording([FACT]).to_json()


def test_what_holds_a_state_together_stays():
    """A word that is also the name of a channel, a node, a tool or a type is taken out of texts only."""
    serde = JsonPlusSerializer()
    call = {"name": "save", "args": {"save": "save it"}, "id": "save", "type": "tool_call"}
    message = AIMessage("save messages", tool_calls=[call], id="messages")
    state = {"channel_values": {"messages": [message, {"role": "user", "content": "messages", "save": 1}]}, "v": 4}
    data = Edit(Wording(["save", "messages", "ai"])).blob("msgpack", serde.dumps_typed(state)[1], "checkpoint")
    (edited, plain) = serde.loads_typed(("msgpack", data))["channel_values"]["messages"]
    assert (edited.content, edited.id) == ("[removed] [removed]", "messages")
    assert edited.tool_calls == [{**call, "args": {"[removed]": "[removed] it"}}]
    assert plain == {"role": "user", "content": "[removed]", "save": 1}


def test_untouched_states_keep_their_bytes():
    """Whatever LangGraph can serialise is walked through and, where nothing is found, left as it was."""
    from datetime import UTC, datetime
    from uuid import UUID

    import numpy as np

    serde = JsonPlusSerializer()
    value = [
        {1, 2},
        datetime(2026, 1, 1, tzinfo=UTC),
        UUID(int=5),
        Profile("x", 1),
        np.ones(3),
        b"\xff",
        {(1, "a"): 2.5},
    ]
    data = serde.dumps_typed(value)[1]
    edit = Edit(Wording(["nothing"]))
    assert edit.blob("msgpack", data) is data
    data = serde.dumps_typed([*value, "nothing"])[1]
    assert edit.blob("msgpack", data) == serde.dumps_typed([*value, "[removed]"])[1]


def test_a_place_that_cannot_be_read_is_refused_with_a_reason(tmp_path):
    """A wrong address, no such file, another database, a damaged one, nothing to look for."""
    with pytest.raises(InputError, match="sqlite:PATH"):
        CheckpointScrubber.at("redis:here")
    with pytest.raises(NotFoundError, match="no file"):
        CheckpointScrubber.at(f"sqlite:{tmp_path / 'none.db'}").scrub([FACT])
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(InputError, match="no checkpoints of LangGraph"):
        CheckpointScrubber.at(f"sqlite:{tmp_path / 'other.db'}").scrub([FACT])
    (tmp_path / "torn.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match="refused"):
        CheckpointScrubber.at(f"sqlite:{tmp_path / 'torn.db'}").scrub([FACT])
    with sqlite(tmp_path) as saver:
        compiled(saver).invoke({"messages": [HumanMessage("Hi.")]}, at("one"))
        with pytest.raises(InputError, match="nothing to look for"):
            CheckpointScrubber(saver).scrub()
        with pytest.raises(InputError, match="redact, drop or delete-thread"):
            CheckpointScrubber(saver, mode="shred")
        saver.conn.execute("UPDATE checkpoints SET checkpoint = X'C1'")
        saver.conn.commit()
        with pytest.raises(StorageError, match="damaged"):
            CheckpointScrubber(saver).scrub([FACT])
