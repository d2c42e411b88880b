"""The running conversations of a space lose what was erased, message by message, and go on."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

import agentmem
from agentmem import steps
from agentmem.agent import build_agent, chat
from agentmem.types import Answer
from agentmem.unlearning import threads
from agentmem.unlearning.states import REMOVED, Edit
from agentmem.unlearning.wording import Wording

SECRET = "My PIN is 4711-ZWQ and my aunt is Zita."


def read(question, evidence, *, confidence):
    """Read like a child: the best find is the answer."""
    return Answer(evidence[0].memory.text, (evidence[0].id,), confidence) if evidence else Answer("I do not know.")


def bytes_of(space):
    return b"".join(p.read_bytes() for p in space.path.rglob("*") if p.is_file())


def test_only_the_erased_messages_leave_a_conversation(space):
    """What was said before and after stays in the running conversation, as in the ledger."""
    with chat(space, reader=read) as talk:
        talk.ask("The sky is blue today.")
        told = talk.ask(SECRET)
        talk.ask("Grass is green.")
        space.erase([told.asked])
        said = [text for _, text in talk.history()]
        assert said == ["The sky is blue today.", "Noted. I'll remember that.", "Grass is green.", said[-1]]
        assert SECRET.encode() not in bytes_of(space)
        assert told.asked.encode() not in bytes_of(space)
        talk.ask("Snow is white.")
        assert [text for _, text in talk.history()][:4] == said


def test_a_quote_in_another_thread_goes_and_its_neighbours_stay(space):
    """Another conversation that quotes it loses that message; one that does not is not touched."""
    (told,) = space.remember(SECRET, thread="old")
    with chat(space, reader=read, thread="quoting") as talk:
        talk.ask("The sky is blue today.")
        assert talk.ask("What is my PIN?").text == SECRET
        talk.thread = "other"
        talk.ask("Grass is green.")
        space.erase([told])
        assert len(talk.history()) == 2
        talk.thread = "quoting"
        assert [text for _, text in talk.history()][-1] == "What is my PIN?"
    assert b"4711-ZWQ" not in bytes_of(space)


def test_a_short_memory_is_not_every_use_of_its_words(space):
    """Erasing "Yes." takes that message; "Yes, gladly." and the "Yes." of another day stay."""
    with chat(space, reader=read) as talk:
        first = talk.ask("Yes.")
        talk.ask("Yes, gladly.")
        talk.ask("Yes.")
        space.erase([first.asked])
        assert [text for role, text in talk.history() if role == "human"] == ["Yes, gladly.", "Yes."]


def test_a_memory_without_words_takes_its_thread_along(space):
    """Nothing can recognise "!!!" in a text, so the scratch pad of its conversation starts empty."""
    with chat(space, reader=read) as talk:
        told = talk.ask("!!!")
        talk.ask("The sky is blue today.")
        space.erase([told.asked])
        assert talk.history() == []
        talk.ask("Grass is green.")
        assert next(text for _, text in talk.history()) == "The sky is blue today."  # refilled from the ledger


def test_a_reply_on_its_way_to_the_ledger_goes_with_what_it_was_made_of(tmp_path, clock, monkeypatch):
    """A crash left a reply in the checkpoint only; its source is erased; the reply is not remembered afterwards."""
    with agentmem.open(tmp_path, embedder="hash", clock=clock) as system:
        space = system.space("alice")
        (told,) = space.remember(SECRET, thread="old")
        model = GenericFakeChatModel(messages=iter([AIMessage("Four seven one one."), AIMessage("Fine.")]))
        graph = build_agent(space, model)
        config = {"configurable": {"thread_id": "t"}}
        monkeypatch.setattr(steps, "listener", _failing_at("remember.encoded", 2))
        with pytest.raises(CrashError):
            graph.invoke({"messages": [HumanMessage("What is my PIN?")]}, config, durability="sync")
        monkeypatch.undo()
        assert b"Four seven one one." in bytes_of(space)
        space.erase([told])
        assert b"Four seven one one." not in bytes_of(space)
        graph.invoke({"messages": [HumanMessage("Is the sky blue?")]}, config)
        assert "Four seven one one." not in [m.text for m in space.memories()]


class CrashError(RuntimeError):
    pass


def _failing_at(name, time):
    seen = []

    def listen(step):
        seen.append(step)
        if seen.count(name) == time:
            raise CrashError

    return listen


def test_a_clause_is_redacted_where_its_memory_stays(space):
    """The message keeps its place and its memory; only the words go."""
    with chat(space, reader=read) as talk:
        talk.ask(SECRET)
        done = threads.scrub(space.path / "threads.db", [], redacted=["my aunt is Zita"])
        assert (done.messages, done.dropped, done.threads) == (1, 0, ("main",))
        assert talk.history()[0] == ("human", "My PIN is 4711-ZWQ and [removed].")
    assert threads.scrub(space.path / "none.db", []).rows == 0


# ------------------------------------------------------------------------------------------------------ any state

texts = st.sampled_from(["", "plain", SECRET, f"He said: {SECRET.upper()}", json.dumps({"a": SECRET}), "4711", "Zita"])
trees = st.recursive(
    st.one_of(texts, st.none(), st.booleans(), st.integers(-5, 5), st.binary(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(texts, st.sampled_from(["content", "role", "kwargs"])), inner, max_size=3),
        st.builds(lambda text, extra: HumanMessage(text, additional_kwargs={"x": extra}), texts, texts),
        st.builds(
            lambda text, args: AIMessage("", tool_calls=[{"name": "t", "args": {text: args}, "id": "1"}]), texts, texts
        ),
        st.frozensets(texts, max_size=3),
    ),
    max_leaves=12,
)


@given(trees, st.sampled_from(["redact", "drop"]))
def test_whatever_a_state_looks_like_nothing_is_left_and_the_rest_is_as_it_was(tree, mode):
    """Random states: no form of the words survives; a state without them keeps its bytes; twice is as once."""
    serde = JsonPlusSerializer(allowed_msgpack_modules=None)
    state = {"v": 4, "channel_values": {"a": tree, "messages": [HumanMessage("Fine.", id="1")]}}
    kind, before = serde.dumps_typed(copy.deepcopy(state))
    edit = Edit(Wording([SECRET]), mode=mode)
    after = edit.blob(kind, before, "checkpoint")
    assert (after == before) == (edit.hits == 0)
    assert b"my pin is 4711 and my aunt is zita" not in after.lower()
    assert (b"my pin is 4711" in before.lower()) == (edit.hits > 0)
    again = Edit(Wording([SECRET]), mode=mode)
    assert again.blob(kind, after, "checkpoint") == after
    values = serde.loads_typed((kind, after))["channel_values"]
    assert values["messages"] == [HumanMessage("Fine.", id="1")]
    if mode == "redact":
        assert _shape(values["a"]) == _shape(serde.loads_typed((kind, before))["channel_values"]["a"])
    assert (REMOVED.encode() in after) or mode == "drop" or not edit.hits


def _shape(tree):
    """What holds a state together: types and lengths, and what is no text."""
    if isinstance(tree, dict):
        return {"dict": len(tree), "values": sorted(repr(_shape(value)) for value in tree.values())}
    if isinstance(tree, list | tuple):
        return [_shape(item) for item in tree]
    if isinstance(tree, HumanMessage | AIMessage):
        return (type(tree), tree.id, len(tree.additional_kwargs), [c["name"] for c in getattr(tree, "tool_calls", ())])
    return type(tree).__name__ if isinstance(tree, str | frozenset | bytes) else tree
