"""The agent's tools: what the model calls while it replies, the memory's own among them, and people who are asked."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.types import interrupt
from pydantic import PrivateAttr

from agentmem import Filter
from agentmem.agent import Piece, build_agent, chat
from agentmem.agent.models import open_model
from agentmem.errors import InputError, ModelError
from agentmem.testing.stub_openai import Calls, StubOpenAI

# sockets that the providers' clients leave to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CAT = "I adopted a ginger cat called Miso."
ASK = "What is my ginger cat called?"


@tool
def weather(city: str) -> str:
    """Say how the weather is in a city."""
    return f"Rain in {city}."


def stubbed(stub):
    pytest.importorskip("langchain_openai")
    return open_model("openai:any", base_url=stub.url, api_key="none", max_retries=0, timeout=5)


class Scripted(GenericFakeChatModel):
    """Says what it is told to, and keeps what it was shown and offered."""

    _shown: list = PrivateAttr(default_factory=list)
    _offered: list = PrivateAttr(default_factory=list)

    def bind_tools(self, tools, **_):
        """Take any tools: the script calls them."""
        self._offered.append([t.name for t in tools])
        return self

    def _generate(self, messages, *args, **kwargs):
        self._shown.append(list(messages))
        return super()._generate(messages, *args, **kwargs)


def scripted(*said):
    return Scripted(messages=iter([AIMessage(s) if isinstance(s, str) else s for s in said]))


def calls(name, id_="call-1", **arguments):
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": id_, "type": "tool_call"}])


def told(space):
    return [(m.kind, m.text) for m in space.memories()]


def test_the_model_calls_a_tool_over_the_wire_and_answers_with_what_it_returned(space):
    """Call and result reach the model as its protocol has them; of the turn, question and reply stay."""
    with (
        StubOpenAI(Calls("weather", {"city": "Porto"}), "It rains.") as stub,
        chat(space, stubbed(stub), tools=[weather]) as talk,
    ):
        reply = talk.ask("How is the weather in Porto?")
        assert talk.history() == [("human", "How is the weather in Porto?"), ("ai", "It rains.")]
    assert reply.text == "It rains."
    assert stub.requests[0]["tools"][0]["function"]["name"] == "weather"
    *_, call, result = stub.requests[1]["messages"]
    assert call["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Porto"}'}
    assert (result["role"], result["content"]) == ("tool", "Rain in Porto.")
    assert told(space) == [("turn", "How is the weather in Porto?"), ("reply", "It rains.")]


def test_calls_and_replies_stream(space):
    """The call arrives in pieces, is put together and carried out; then the tokens of the reply come."""
    with (
        StubOpenAI(Calls("weather", {"city": "Porto"}), "It rains there.") as stub,
        chat(space, stubbed(stub), tools=[weather]) as talk,
    ):
        *pieces, reply = talk.stream("How is the weather in Porto?")
    assert all(request["stream"] for request in stub.requests)
    assert [piece.text for piece in pieces if isinstance(piece, Piece)] == ["It", " rains", " there."]
    assert reply.text == "It rains there."


def test_arguments_that_are_no_json_are_an_error_in_words(space):
    """The turn stays, and nothing is replied."""
    with (
        StubOpenAI(Calls("weather", '{"city": ')) as stub,
        chat(space, stubbed(stub), tools=[weather]) as talk,
        pytest.raises(ModelError, match="called the tool 'weather' with arguments that are no JSON"),
    ):
        talk.ask("How is the weather?")
    assert told(space) == [("turn", "How is the weather?")]


def test_a_tool_that_there_is_not_is_told_to_the_model(space):
    """It may correct itself; the person sees nothing of it."""
    model = scripted(calls("climate", city="Porto"), "I cannot tell.")
    with chat(space, model, tools=[weather]) as talk:
        assert talk.ask("How is the weather?").text == "I cannot tell."
    assert "climate is not a valid tool" in model._shown[1][-1].text


def test_a_failing_tool_ends_the_run_and_the_next_turn_finds_order(space):
    """What it raised reaches the caller; neither call nor result stays in the conversation."""

    def broken(city: str) -> str:
        """Say how the weather is."""
        raise OSError(f"no station in {city}")

    model = scripted(calls("broken", city="Porto"), "Hello.")
    with chat(space, model, tools=[broken]) as talk:
        with pytest.raises(OSError, match="no station in Porto"):
            talk.ask("How is the weather?")
        assert talk.ask("Never mind, and good morning to you all.").text == "Hello."
    assert not any(isinstance(m, ToolMessage) or getattr(m, "tool_calls", ()) for m in model._shown[1])
    assert [kind for kind, _ in told(space)] == ["turn", "turn", "reply"]


def test_the_model_looks_something_up_and_the_reply_rests_on_it(space):
    """The quotes are parents of the reply; the turn itself is no evidence; the caller's filter holds for look-ups."""
    (cat,) = space.remember(CAT, thread="old")
    (dog,) = space.remember("My ginger cat hates the dog called Rex.", thread="secret")
    model = scripted(calls("recall_memory", question=ASK), "Miso.")
    with chat(
        space, model, tools=["recall_memory"], gate=lambda _: False, filter=Filter(threads=("old", "main"))
    ) as talk:
        reply = talk.ask(ASK)
    looked_up = model._shown[1][-1]
    assert CAT in looked_up.text
    assert ASK not in looked_up.text
    assert "Rex" not in looked_up.text
    assert set(space.get(reply.id).parents) == {cat, reply.asked}
    assert reply.dependence == 1.0
    space.erase(dog)
    assert reply.id in space
    space.erase(cat)
    assert reply.id not in space


def test_what_was_forgotten_is_not_answered_with_what_came_next_to_it(space):
    """Asked for the deleted code, neither agent nor look-up is shown the newer one; asked for the code, both are."""
    old, _ = space.remember(["My locker code is QX4417.", "My locker code is now ZB9020."], thread="old")
    space.erase(old, guard=True)
    deleted, code = "What was the deleted locker code?", "What is my locker code?"
    model = scripted(
        calls("recall_memory", question=deleted), "I do not know.", calls("recall_memory", question=code), "ZB9020."
    )
    with chat(space, model, tools=["recall_memory"]) as talk:
        assert talk.ask(deleted).text == "I do not know."
        assert not any("ZB9020" in str(m.content) for shown in model._shown for m in shown)
        talk.ask(code)
    assert "ZB9020" in model._shown[2][-1].text
    assert "ZB9020" in model._shown[3][-1].text


def test_the_model_notes_a_fact_of_the_turn(space):
    """The fact goes when the turn goes."""
    model = scripted(calls("remember_fact", fact="The user's cat is called Miso."), "Noted.")
    with chat(space, model, tools=["remember_fact"]) as talk:
        reply = talk.ask(CAT)
    fact = next(m for m in space.memories() if m.kind == "fact")
    assert fact.parents == (reply.asked,)
    assert fact.id in space.get(reply.id).parents
    space.erase(reply.asked)
    assert len(space) == 0


def test_a_tool_may_ask_a_person_and_goes_on_with_the_answer(space):
    """LangGraph's interrupt, in a chat: the question is shown, what is said next is the answer, and no turn."""

    def book(table: str) -> str:
        """Book a table, if the person agrees."""
        return f"booked {table}" if interrupt({"book": table}) == "yes please" else "not booked"

    model = scripted(calls("book", table="by the window"), "It is booked.")
    with chat(space, model, tools=[book]) as talk:
        asked = talk.ask("I would like a table at Noor.")
        assert asked.question == {
            "step": "tool",
            "text": '{"book": "by the window"}',
            "value": {"book": "by the window"},
        }
        assert asked.id is None
        assert talk.question == asked.question
        assert talk.ask("yes please").text == "It is booked."
    assert model._shown[1][-1].text == "booked by the window"
    assert [text for _, text in told(space)] == ["I would like a table at Noor.", "It is booked."]


def test_a_request_to_forget_is_understood_in_spite_of_a_waiting_tool(space):
    """Something new withdraws the tool's question where the graph itself is asked anew."""

    def book(table: str) -> str:
        """Book a table, if the person agrees."""
        return str(interrupt(table))

    space.remember(CAT, thread="old", speaker="user")
    config = {"configurable": {"thread_id": "main"}}
    graph = build_agent(space, scripted(calls("book", table="two")), tools=[book])
    graph.invoke({"messages": [HumanMessage("Book a table at Noor for me.")]}, config)
    done = graph.invoke({"messages": [HumanMessage("Forget everything about Miso.")]}, config)
    assert done["__interrupt__"][0].value["step"] == "sure"
    graph.checkpointer.close()


def test_what_is_erased_while_a_tool_works_is_in_no_reply_that_is_kept(space):
    """The look-up quoted it; it was erased before the model replied."""
    (cat,) = space.remember(CAT, thread="old")

    def wipe(why: str) -> str:
        """Erase the cat."""
        space.erase(cat)
        return why

    model = scripted(calls("recall_memory", question=ASK), calls("wipe", why="because", id_="2"), "It is called Miso.")
    with chat(space, model, tools=["recall_memory", wipe]) as talk:
        assert talk.ask(ASK).id is None
        assert "Miso" not in str(talk.history())
    assert told(space) == [("turn", ASK)]


def test_a_reply_is_kept_though_something_else_was_erased_meanwhile(space):
    """Only what it rests on matters."""
    (cat, other) = space.remember([CAT, "The kitchen wants paint before the summer."], thread="old")

    def wipe(why: str) -> str:
        """Erase something else."""
        space.erase(other)
        return why

    with chat(space, scripted(calls("wipe", why="because"), "Miso."), tools=[wipe], k=1) as talk:
        reply = talk.ask(ASK)
    assert set(space.get(reply.id).parents) == {cat, reply.asked}


def test_asynchronous_tools_run_in_an_asynchronous_graph(space):
    """The loop is theirs."""

    @tool
    async def tide(harbour: str) -> str:
        """Say how the tide is."""
        await asyncio.sleep(0)
        return f"High in {harbour}."

    async def run(graph):
        given = {"messages": [HumanMessage("How is the tide in Porto?")]}
        events = [e["event"] async for e in graph.astream_events(given, {"configurable": {"thread_id": "main"}})]
        return events, (await graph.aget_state({"configurable": {"thread_id": "main"}})).values["messages"][-1].text

    with StubOpenAI(Calls("tide", {"harbour": "Porto"}), "It is high.") as stub:
        graph = build_agent(space, stubbed(stub), tools=[tide])
        events, said = asyncio.run(run(graph))
    assert said == "It is high."
    assert {"on_tool_start", "on_tool_end", "on_chat_model_stream"} <= {*events}
    graph.checkpointer.close()


def test_tools_that_cannot_be_are_refused(space):
    """When the agent is built, or, for a model that takes none, when it is asked."""
    with pytest.raises(InputError, match="tools need a model"):
        build_agent(space, tools=[weather])
    with pytest.raises(InputError, match=r"no tool 'forget_memory'; by name there are recall_memory, remember_fact"):
        build_agent(space, scripted(), tools=["forget_memory"])
    plain = GenericFakeChatModel(messages=iter([AIMessage("Hello.")]))
    with chat(space, plain, tools=[weather]) as talk, pytest.raises(ModelError, match="cannot call tools"):
        talk.ask("How is the weather?")
