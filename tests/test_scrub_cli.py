"""`agentmem scrub`: a request in words, or the very words, against any agent's checkpoints; no space is needed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from typer.testing import CliRunner

from agentmem.agent.scrubber import CheckpointScrubber
from agentmem.agent.told import nominate, wanted
from agentmem.cli import app
from agentmem.errors import InputError
from agentmem.unlearning.selector import Entity, Tool

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SAID = [
    "Hello, I am new here.",
    "Anna Keller broke up with me in June, and my dog Rex misses her.",
    "The weather in Porto is fine.",
    "Annabel from work likes tea.",
]


class State(TypedDict, total=False):
    messages: Annotated[list[Any], add_messages]
    summary: str


def answer(state):
    said = state["messages"][-1].content
    call = {"name": "diary", "args": {"note": said}, "id": f"call-{len(state['messages'])}"}
    return {
        "messages": [
            AIMessage("", tool_calls=[call]),
            ToolMessage(json.dumps({"saved": said}), tool_call_id=call["id"], name="diary"),
            AIMessage(f"I see: {said}"),
        ],
        "summary": " ".join([state.get("summary", ""), said]).strip(),
    }


def compiled(saver):
    graph = StateGraph(State)
    graph.add_node(answer)
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    return graph.compile(checkpointer=saver)


def talk(saver, thread="one"):
    for said in SAID:
        compiled(saver).invoke({"messages": [HumanMessage(said)]}, {"configurable": {"thread_id": thread}})


def state(saver, thread="one"):
    return compiled(saver).get_state({"configurable": {"thread_id": thread}}).values


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "agent.db"
    with SqliteSaver.from_conn_string(str(path)) as saver:
        talk(saver)
        talk(saver, "two")
    return path


def scrub(file, *words, **how):
    return CliRunner().invoke(app, ["scrub", "--saver", f"sqlite:{file}", *words], **how)


def test_a_request_finds_the_person_and_not_her_namesake(file):
    """The clause about Anna goes, out of the turn, the call, its answer, the reply and the summary; Annabel stays."""
    planned = scrub(file, "forget everything about Anna", "--thread", "one", "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "4 messages of 1 thread: one" in planned.output
    done = scrub(file, "forget everything about Anna", "--thread", "one", "--yes")
    assert done.exit_code == 0, done.output
    assert "redacted 4 messages" in done.output
    assert "out of reach: backups" in done.output
    with SqliteSaver.from_conn_string(str(file)) as saver:
        one, two = state(saver), state(saver, "two")
    assert "Anna Keller" not in repr(one)
    assert "Annabel from work likes tea." in one["summary"]
    assert json.loads(one["messages"][6].content)["saved"] == one["messages"][4].content
    assert "[removed]" in one["messages"][4].content
    assert "Anna Keller" in two["summary"]


def test_the_very_words_as_json(file):
    """For machines: counts and threads; the words are gone from every byte."""
    planned = json.loads(scrub(file, "--text", "Anna Keller", "--text", "rex", "--json").stdout)
    assert planned["dry_run"]
    done = scrub(file, "--text", "Anna Keller", "--text", "rex", "--json", "--yes")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["threads"] == ["one", "two"]
    assert (found["messages"], found["dry_run"], found["pending"]) == (8, False, "")
    data = b"".join(p.read_bytes() for p in file.parent.iterdir()).lower()
    assert b"anna keller" not in data
    assert b"porto" in data


def test_dropping_and_deleting(file):
    """Messages of one thread, then the threads that still say it."""
    dropped = scrub(file, "--text", "Anna Keller", "--thread", "one", "--mode", "drop", "--yes")
    assert "dropped 2 messages, redacted 2 messages" in dropped.output
    deleted = scrub(file, "--text", "Anna Keller", "--mode", "delete-thread", "--yes")
    assert "deleted 1 thread," in deleted.output


def test_what_is_unsure_is_asked(file):
    """A topic only nominates: without --ask it stays, with it each text is shown."""
    left = scrub(file, "forget the weather", "--yes")
    assert left.exit_code == 0
    assert "Nothing in" in left.output
    assert "may be meant as well" in left.output
    asked = scrub(file, "forget the weather", "--ask", "--yes", input="y\n" * 40)
    assert "Is this meant?" in asked.output
    assert "redacted" in asked.output
    with SqliteSaver.from_conn_string(str(file)) as saver:
        assert "weather" not in repr(state(saver))


def test_nothing_is_done_without_a_yes(file):
    """The plan is shown first; "no" leaves all as it was."""
    before = file.read_bytes()
    refused = scrub(file, "--text", "Porto", input="n\n")
    assert "Take it out?" in refused.output
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "say what to take out"),
        (("forget Anna", "--text", "Anna"), "say what to take out"),
        (("--text", "Anna", "--mode", "shred"), "mode 'shred' is unknown"),
        (("--text", "!!!"), "without a single word"),
        (("forget it",), "the request is not clear"),
    ],
)
def test_what_cannot_be_done_is_said(file, words, why):
    """In one line, with exit code 2."""
    done = scrub(file, *words)
    assert done.exit_code == 2
    assert why in done.output


def test_a_request_or_a_selector_is_read_against_any_saver():
    """Texts of the states are nominated with their clauses; tools and kinds are known."""
    saver = InMemorySaver()
    talk(saver)
    scrubber = CheckpointScrubber(saver)
    meant = nominate(scrubber, Entity("Anna Keller"), now=NOW)
    assert {m.nomination.band for m in meant} == {"selected"}
    assert all("Annabel" not in part for m in meant for part in m.says)
    tools = nominate(scrubber, Tool("diary"), now=NOW)
    assert tools
    assert {m.text.metadata["tool"] for m in tools} == {"diary"}
    scrubber.scrub(**wanted(meant))
    assert nominate(scrubber, Entity("Anna Keller"), now=NOW) == []
    assert "Anna Keller" not in repr((dict(saver.storage), saver.blobs, dict(saver.writes)))
    with pytest.raises(InputError, match="not clear"):
        nominate(scrubber, "forget it", now=NOW)
