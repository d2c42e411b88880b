"""Scrubbing LangGraph's checkpoints in PostgreSQL, against a real server in a temporary folder; its files are read."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt

from agentmem.agent.postgres import SAMPLES
from agentmem.agent.scrubber import CheckpointScrubber, guarded
from agentmem.errors import InputError, StorageError

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'agentmem[postgres]'")

FACT = "I live in Lisbon with my sister Zita"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of our own on a socket in a temporary folder: its data folder and its address."""
    if not (shutil.which("initdb") and shutil.which("pg_ctl")):
        pytest.skip("initdb and pg_ctl are not on the path: PostgreSQL is not tested here")
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path is at most 107 bytes
    data = folder / "data"
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("run as root, and there is no user postgres to run a server as")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        as_user = {"user": owner.pw_uid, "group": owner.pw_gid, "cwd": folder}

    def run(*command):
        done = subprocess.run(command, capture_output=True, text=True, check=False, **as_user)
        assert done.returncode == 0, done.stdout + done.stderr

    run("initdb", "-D", str(data), "-U", "agent", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
    options = (
        f"-k {folder} -c listen_addresses='' -c fsync=off -c autovacuum=off -c wal_level=minimal -c max_wal_senders=0"
    )
    run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield data, f"postgresql://agent@/postgres?host={folder}"
    finally:
        run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def saver(server):
    """A PostgresSaver with empty tables."""
    from langgraph.checkpoint.postgres import PostgresSaver

    with PostgresSaver.from_conn_string(server[1]) as opened:
        opened.setup()
        opened.conn.execute("TRUNCATE checkpoints, checkpoint_blobs, checkpoint_writes")
        yield opened


class State(TypedDict, total=False):
    messages: Annotated[list[Any], add_messages]
    summary: str


def answer(state):
    said = state["messages"][-1].content
    return {"messages": [AIMessage(f"You said: {said.lower()}")], "summary": f"{state.get('summary', '')} {said}"}


def confirm(state):
    return {"summary": str(interrupt(state["summary"]))} if state["summary"].endswith("confirm") else {}


def compiled(saver):
    graph = StateGraph(State)
    graph.add_node(answer)
    graph.add_node(confirm)
    graph.add_edge(START, "answer")
    graph.add_edge("answer", "confirm")
    graph.add_edge("confirm", END)
    return graph.compile(checkpointer=saver)


def at(thread):
    return {"configurable": {"thread_id": thread}}


def talk(graph, thread="one", *, turns=6):
    for turn in range(turns):
        said = f"{FACT}." if turn == 2 else f"Turn {turn}: Porto is fine."
        graph.invoke(
            {"messages": [HumanMessage(said, id=f"{thread}{turn}")]}, at(thread) | {"metadata": {"said": said}}
        )


def shape(graph, thread="one"):
    return [
        (s.config, s.parent_config, s.next, [m.id for m in s.values.get("messages", ())])
        for s in graph.get_state_history(at(thread))
    ]


def in_files(data):
    """Where the fact stands in the files of tables and catalogues; the write-ahead log is out of scope."""
    files = [p for room in ("base", "global") for p in (data / room).rglob("*") if p.is_file()]
    return sorted(str(p.relative_to(data)) for p in files if FACT.lower().encode() in p.read_bytes().lower())


def test_a_fact_leaves_checkpoints_blobs_writes_and_the_files_of_the_server(server, saver):
    """Head and history of one thread, with a pending interrupt; the other thread stays as it was."""
    data, url = server
    graph = compiled(saver)
    talk(graph)
    graph.invoke({"messages": [HumanMessage("Please confirm")]}, at("one"))
    graph.invoke({"messages": [HumanMessage("Porto is fine.")]}, at("two"))
    saver.conn.execute("ANALYZE")  # PostgreSQL keeps samples of columns, the fact among them
    before, two = shape(graph), [*graph.get_state_history(at("two"))]
    assert FACT in saver.conn.execute("SELECT string_agg(metadata::text, '') AS all FROM checkpoints").fetchone()["all"]
    saver.conn.execute("CHECKPOINT")
    assert in_files(data)

    scrubber = CheckpointScrubber(saver)
    planned = scrubber.find([FACT])
    assert scrubber.leaks([FACT])
    done = scrubber.scrub([FACT])
    assert (done.rows, done.threads, done.messages) == (planned.rows, ("one",), 2)
    assert "write-ahead log" in done.out_of_scope[0]
    assert in_files(data) == []
    assert shape(graph) == before
    assert [*graph.get_state_history(at("two"))] == two
    state = graph.get_state(at("one"))
    assert [m.content for m in state.values["messages"][4:6]] == ["[removed].", "You said: [removed]."]
    assert state.values["summary"].startswith(" Turn 0: Porto is fine. Turn 1: Porto is fine. [removed]. Turn 3")
    assert "[removed]" in state.interrupts[0].value
    assert graph.invoke(Command(resume="yes"), at("one"))["summary"] == "yes"
    back = [s for s in graph.get_state_history(at("one")) if s.next == ("answer",)][-4]
    assert graph.invoke(None, back.config)["messages"][-1].content == "You said: turn 3: porto is fine."
    assert CheckpointScrubber.at(f"postgres:{url}").leaks([FACT]) == []


def test_by_address_dropping_and_deleting(server, saver):
    """Without a saver; one thread of two, then the threads that say it."""
    graph = compiled(saver)
    talk(graph)
    talk(graph, "two")
    done = CheckpointScrubber.at(server[1], mode="drop").scrub([FACT], thread="one")
    assert (done.threads, done.dropped) == (("one",), 2)
    assert len(graph.get_state(at("one")).values["messages"]) == 10
    assert len(graph.get_state(at("two")).values["messages"]) == 12
    assert CheckpointScrubber.at(f"postgres:{server[1]}", mode="delete-thread").scrub([FACT]).threads == ("two",)
    assert graph.get_state(at("two")).values == {}
    assert len(graph.get_state(at("one")).values["messages"]) == 10
    assert in_files(server[0]) == []


def test_asynchronous_savers_and_the_guard(server, saver):
    """AsyncPostgresSaver is scrubbed beside its loop, and guarded against a stale run."""
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

    talk(compiled(saver))

    async def run():
        async with AsyncPostgresSaver.from_conn_string(server[1]) as opened:
            assert (await CheckpointScrubber(opened).ascrub([FACT])).messages == 2
            graph = compiled(guarded(opened, [FACT]))
            await graph.ainvoke({"messages": [HumanMessage(f"Again: {FACT}")]}, at("one"))
            return (await graph.aget_state(at("one"))).values["messages"][-2].content

    assert asyncio.run(run()) == "Again: [removed]"
    assert in_files(server[0]) == []


def test_what_cannot_be_done_is_said(server, saver):
    """No server, no tables, and a transaction that holds a table."""
    with pytest.raises(StorageError, match="PostgreSQL refused"):
        CheckpointScrubber.at("postgres:postgresql://agent@/postgres?host=/nowhere").scrub([FACT])
    with pytest.raises(InputError, match="no table checkpoint_blobs"):
        CheckpointScrubber.at(server[1].replace("/postgres?", "/template1?")).scrub([FACT])
    talk(compiled(saver))
    tables = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
    saver.conn.execute("CREATE ROLE plain LOGIN")
    for table in tables:
        saver.conn.execute(f"GRANT ALL ON {table} TO plain")
    with psycopg.connect(server[1]) as other:
        other.execute("UPDATE checkpoint_writes SET idx = idx")
        with pytest.raises(StorageError, match=r"lock timeout.*Nothing was half changed"):
            CheckpointScrubber(saver, patience_s=1).scrub([FACT])
        other.rollback()
        other.execute("SELECT count(*) FROM checkpoint_writes")
        done = CheckpointScrubber(saver, patience_s=1).scrub([FACT])
        assert done.pending.startswith("Another program holds a table")
    assert CheckpointScrubber(saver).scrub([FACT]).pending == ""
    plain = CheckpointScrubber.at(server[1].replace("agent@", "plain@"))
    assert plain.scrub([FACT]).pending.startswith("Only the owner")
    for table in tables:
        saver.conn.execute(f"ALTER TABLE {table} OWNER TO plain")
    done = plain.scrub([FACT])
    assert done.pending == ""
    assert SAMPLES in done.out_of_scope
