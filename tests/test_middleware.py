"""The middleware: an agent that somebody already has recalls, remembers, and forgets only when a person says so."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from datetime import timedelta

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command
from pydantic import PrivateAttr

from agentmem.agent import AgentMemoryMiddleware, AgentMemoryStore, aforget, arecall, aremember
from agentmem.errors import InputError, SpaceClosedError, TextError
from agentmem.unlearning.selector import Nomination

CAT = "I adopted a ginger cat called Miso."
ASK = "What is my ginger cat called?"
HERE = {"configurable": {"thread_id": "today"}}


class Scripted(GenericFakeChatModel):
    """Says what it is told to, in order, and keeps what it was shown."""

    _shown: list = PrivateAttr(default_factory=list)

    @property
    def shown(self):
        """What each call was shown."""
        return self._shown

    def bind_tools(self, tools, **_):
        """Take any tools: the script calls them."""
        return self

    def _generate(self, messages, *args, **kwargs):
        self._shown.append(list(messages))
        return super()._generate(messages, *args, **kwargs)


def scripted(*said):
    messages = [AIMessage(s) if isinstance(s, str) else s for s in said]
    return Scripted(messages=iter(messages))


def calls(name, id_="call-1", **arguments):
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": id_, "type": "tool_call"}])


def say(agent, text, config=HERE, id_=None):
    return agent.invoke({"messages": [HumanMessage(text, id=id_)]}, config)


def kinds(space):
    return [(m.kind, m.speaker, m.text) for m in space.memories()]


# ------------------------------------------------------------------------------------------------------- one turn


def test_one_line_gives_an_agent_memory(space, clock):
    """The model sees the quotes in the user's message; turn and reply are remembered, the reply with its parents."""
    (cat,) = space.remember([CAT], thread="old", speaker="user")
    clock.advance(timedelta(days=1))
    model = scripted("Miso.")
    agent = create_agent(model, [], system_prompt="Be brief.", middleware=[AgentMemoryMiddleware(space)])
    done = say(agent, ASK)
    system, user = model.shown[0]
    assert isinstance(system, SystemMessage)
    assert system.text.startswith("Be brief.\n\nA message of the user may begin with a <memories> block")
    assert "Miso" not in system.text
    assert user.text == (
        f'<memories today="Mon 2 Jun 2025, 12:00">\n[Sun 1 Jun 2025, 12:00] user: {CAT}\n</memories>\n\n{ASK}'
    )
    assert [m.text for m in done["messages"]] == [ASK, "Miso."]
    assert set(done) == {"messages"}
    assert kinds(space)[1:] == [("turn", "user", ASK), ("reply", "assistant", "Miso.")]
    turn, reply = (m.additional_kwargs["memory_id"] for m in done["messages"])
    assert space.get(reply).parents == (cat, turn)
    assert space.get(reply).thread == "today"


def test_quotes_are_in_no_checkpoint(space, tmp_path):
    """The state keeps the ids of what was recalled, and not its words."""
    space.remember([CAT], thread="old")
    connection = sqlite3.connect(tmp_path / "states.db", check_same_thread=False)
    agent = create_agent(
        scripted("Orange."), [], middleware=[AgentMemoryMiddleware(space)], checkpointer=SqliteSaver(connection)
    )
    say(agent, "What colour is my cat?")
    connection.commit()
    held = b"".join(file.read_bytes() for file in tmp_path.glob("states.db*"))
    connection.close()
    assert b"Orange." in held
    assert b"Miso" not in held


def test_small_talk_recalls_nothing_and_is_remembered(space):
    """The gate spares the search; a gate of one's own, or none, may be given."""
    space.remember([CAT], thread="old")
    model = scripted("Hello!")
    say(create_agent(model, [], middleware=[AgentMemoryMiddleware(space)]), "Hi there!")
    assert model.shown[0][-1].text == "Hi there!"
    assert [text for _, _, text in kinds(space)] == [CAT, "Hi there!", "Hello!"]
    model = scripted("Hello!")
    say(create_agent(model, [], middleware=[AgentMemoryMiddleware(space, gate=None)]), "Hi there!")
    assert CAT in model.shown[0][-1].text


def test_a_conversation_goes_on_and_is_not_quoted_to_itself(space):
    """What the messages show anyway is not recalled; earlier turns are parents of later replies; nothing is doubled."""
    model = scripted("Nice.", "Miso.")
    agent = create_agent(model, [], middleware=[AgentMemoryMiddleware(space)], checkpointer=InMemorySaver())
    say(agent, CAT)
    say(agent, ASK)
    assert "<memories" not in "".join(m.text for m in model.shown[1][1:])
    assert [text for _, _, text in kinds(space)] == [CAT, "Nice.", ASK, "Miso."]
    *earlier, reply = space.memories()
    assert set(reply.parents) == {m.id for m in earlier}


def test_a_failed_model_leaves_nothing_doubled_after_the_retry(space):
    """The run goes on where it broke off, and turn and reply are remembered once."""

    class Failing(Scripted):
        _failed: bool = PrivateAttr(default=False)

        def _generate(self, *args, **kwargs):
            if not self._failed:
                self._failed = True
                raise ConnectionError("the line is dead")
            return super()._generate(*args, **kwargs)

    model = Failing(messages=iter([AIMessage("Miso.")]))
    space.remember([CAT], thread="old")
    middleware = AgentMemoryMiddleware(space)
    agent = create_agent(model, [], middleware=[middleware], checkpointer=InMemorySaver())
    with pytest.raises(ConnectionError):
        say(agent, ASK)
    done = agent.invoke(None, HERE)
    assert CAT in model.shown[-1][-1].text  # read again by its id
    assert done["messages"][-1].text == "Miso."
    assert [text for _, _, text in kinds(space)] == [CAT, ASK, "Miso."]


def test_what_was_erased_leaves_the_conversation(space):
    """Message, reply and what a tool had quoted are gone from the state at the next turn."""
    space.remember([CAT], thread="old")
    model = scripted(calls("recall_memory", question=ASK), "Miso.", "I do not know.")
    agent = create_agent(model, [], middleware=[AgentMemoryMiddleware(space)], checkpointer=InMemorySaver())
    say(agent, ASK)
    assert CAT in model.shown[1][-1].text
    space.erase(next(m.id for m in space.memories() if m.text == CAT))
    done = say(agent, "And now, what is it called?")
    assert "Miso" not in "".join(m.text for m in (*model.shown[-1], *done["messages"]))
    assert [m.text for m in done["messages"] if isinstance(m, HumanMessage)] == [ASK, "And now, what is it called?"]


def test_a_reply_made_of_what_is_forgotten_meanwhile_is_not_remembered(space):
    """The cat is forgotten while the model speaks: its reply is said, and not kept."""
    (cat,) = space.remember([CAT], thread="old")

    class Slow(Scripted):
        def _generate(self, *args, **kwargs):
            space.erase(cat)
            return super()._generate(*args, **kwargs)

    agent = create_agent(
        Slow(messages=iter([AIMessage("It is called Miso.")])), [], middleware=[AgentMemoryMiddleware(space)]
    )
    assert say(agent, ASK)["messages"][-1].text == "It is called Miso."
    assert [text for _, _, text in kinds(space)] == [ASK]


def meanwhile(space, does):
    """Return an agent whose model says what its cat is called, after something else was done to the space."""

    class Slow(Scripted):
        def _generate(self, *args, **kwargs):
            does()
            return super()._generate(*args, **kwargs)

    model = Slow(messages=iter([AIMessage("It is called Miso.")]))
    return create_agent(model, [], middleware=[AgentMemoryMiddleware(space, k=1)])


@pytest.mark.parametrize("how", ["erased", "forgotten", "replaced"])
def test_a_reply_is_remembered_though_something_else_is_forgotten_meanwhile(space, how):
    """Only what it rests on matters: not what another thread forgets, nor a value that a store replaces."""
    (cat, other) = space.remember([CAT, "Bruno Lindqvist repaired the roof."], thread="old")
    store = AgentMemoryStore(space)
    store.put(("users",), "food", {"text": "paella"})
    does = {
        "erased": lambda: space.erase(other),
        "forgotten": lambda: space.forget("forget everything about Bruno Lindqvist"),
        "replaced": lambda: store.put(("users",), "food", {"text": "lentils"}),
    }[how]
    done = say(meanwhile(space, does), ASK)
    store.close()
    assert len(space.receipts()) == 1
    assert cat in space.get(done["messages"][-1].additional_kwargs["memory_id"]).parents


def test_a_reply_is_not_remembered_when_a_memory_lost_a_part_meanwhile(space):
    """The model saw the whole of it, and nobody knows what of it the reply says."""
    (cat,) = space.remember(["I adopted a ginger cat called Miso, and my locker code is 4711."], thread="old")
    start = len("I adopted a ginger cat called Miso")
    part = Nomination(cat, 1.0, "the code", ((start, start + len(", and my locker code is 4711")),))
    done = say(meanwhile(space, lambda: space.forget([part])), ASK)
    assert "memory_id" not in done["messages"][-1].additional_kwargs
    assert [text for _, _, text in kinds(space)] == ["I adopted a ginger cat called Miso.", ASK]


def test_the_budget_bounds_what_is_shown(space):
    """Not more than `max_tokens` of quotes, the best first."""
    space.remember([f"My cat number {n} is called Miso {n} and likes tuna very much indeed." for n in range(50)])
    model = scripted("Many.")
    say(create_agent(model, [], middleware=[AgentMemoryMiddleware(space, max_tokens=60)]), "What are my cats called?")
    assert 1 <= model.shown[0][-1].text.count("Miso") <= 2


def test_bad_choices_are_refused(space):
    """The message says what may be chosen."""
    with pytest.raises(InputError, match="no tool 'recall'; there are recall_memory"):
        AgentMemoryMiddleware(space, tools=["recall"])
    with pytest.raises(InputError, match="must be at least 1"):
        AgentMemoryMiddleware(space, max_tokens=0)
    assert AgentMemoryMiddleware(space, tools=()).tools == []


# ---------------------------------------------------------------------------------------------------------- tools


def test_the_model_looks_something_up(space):
    """The answer of the tool is a block of data; what it quoted is a parent of the reply."""
    (cat,) = space.remember([CAT], thread="old")
    model = scripted(calls("recall_memory", question=ASK), "Miso.")
    middleware = AgentMemoryMiddleware(space, gate=lambda _: False)
    done = say(create_agent(model, [], middleware=[middleware]), "Hello!")
    answer = next(m for m in done["messages"] if isinstance(m, ToolMessage))
    assert answer.text.startswith("<memories today=")
    assert CAT in answer.text
    assert answer.artifact == [cat]
    assert cat in space.get(done["messages"][-1].additional_kwargs["memory_id"]).parents


def test_the_model_notes_a_fact_that_goes_with_its_turn(space):
    """A fact names the turn, and of what was recalled only what says it; erasing the turn erases it."""
    space.remember(["The weather in Porto is my cat's favourite."], thread="old")
    model = scripted(calls("remember_fact", fact="The user's cat is called Miso."), "Noted.")
    say(create_agent(model, [], middleware=[AgentMemoryMiddleware(space)]), CAT)
    fact = next(m for m in space.memories() if m.kind == "fact")
    turn = next(m for m in space.memories() if m.text == CAT)
    assert (fact.text, fact.parents) == ("The user's cat is called Miso.", (turn.id,))
    space.erase(turn.id)
    assert [text for _, _, text in kinds(space)] == ["The weather in Porto is my cat's favourite."]


def test_other_tools_go_on_working(space):
    """The agent's own tools stand beside the three."""

    @tool
    def weather(city: str) -> str:
        """Say how the weather is."""
        return f"Rain in {city}."

    model = scripted(calls("weather", city="Porto"), "It rains.")
    done = say(create_agent(model, [weather], middleware=[AgentMemoryMiddleware(space)]), "How is the weather?")
    assert [m.text for m in done["messages"]] == ["How is the weather?", "", "Rain in Porto.", "It rains."]


@pytest.fixture
def asked(space):
    """An agent that was asked to forget the cat, and waits for a person."""
    space.remember([CAT, "Miso hates the vet.", "I work in Porto."], thread="old", speaker="user")
    model = scripted(calls("forget_memory", request="forget everything about Miso"), "Done.")
    agent = create_agent(model, [], middleware=[AgentMemoryMiddleware(space)], checkpointer=InMemorySaver())
    waiting = say(agent, "Please forget everything about Miso.")
    return agent, waiting["__interrupt__"][0].value


def test_forgetting_asks_first_and_shows_what_would_go(space, asked):
    """Nothing is gone while nobody has answered."""
    _, question = asked
    assert question["action"] == "forget_memory"
    assert {m["text"] for m in question["memories"]} == {CAT, "Miso hates the vet."}
    assert len(space) == 3


@pytest.mark.parametrize("how", ["all", "some", "by id"])
def test_forgetting_takes_what_was_agreed_to(space, asked, how):
    """And the turn that asked for it is not remembered, for it names what went."""
    agent, question = asked
    cat = next(m["id"] for m in question["memories"] if m["text"] == CAT)
    answer = {"all": True, "some": [cat], "by id": {cat: True}}[how]
    done = agent.invoke(Command(resume=answer), HERE)
    told = next(m for m in done["messages"] if isinstance(m, ToolMessage))
    assert told.artifact["forgotten"] == (2 if how == "all" else 1)
    left = ["I work in Porto."] if how == "all" else ["Miso hates the vet.", "I work in Porto."]
    assert [text for _, _, text in kinds(space)] == left
    assert space.receipts()[-1].level == "physical"


def test_forgetting_is_declined(space, asked):
    """All stays, and the model is told."""
    agent, _ = asked
    done = agent.invoke(Command(resume=False), HERE)
    assert "nothing was forgotten" in next(m.text for m in done["messages"] if isinstance(m, ToolMessage))
    assert space.receipts() == []
    assert CAT in [text for _, _, text in kinds(space)]


def test_what_came_after_the_question_is_not_forgotten_unseen(space, asked, clock):
    """A yes means what was shown; a memory that was written meanwhile stays."""
    agent, _ = asked
    clock.advance(timedelta(hours=1))
    space.remember(["Miso had kittens."], thread="other", guarded="pass")
    agent.invoke(Command(resume=True), HERE)
    assert "Miso had kittens." in [text for _, _, text in kinds(space)]
    assert CAT not in [text for _, _, text in kinds(space)]


def test_an_answer_that_is_none_is_asked_for_again(space, asked):
    """An id that was not shown, or a word, forgets nothing; the person is told why, and may answer properly."""
    agent, _ = asked
    for answer, says in ((["0" * 26], "not among what was shown"), ("yes please", "resume with True, False")):
        waiting = agent.invoke(Command(resume=answer), HERE)
        assert says in waiting["__interrupt__"][0].value["refused"]
        assert len(space) == 3
    agent.invoke(Command(resume=True), HERE)
    assert [text for _, _, text in kinds(space)] == ["I work in Porto."]


def test_nothing_meant_is_said_without_asking(space):
    """No person is bothered where there is nothing to forget."""
    model = scripted(calls("forget_memory", request="forget everything about Zebulon"), "All right.")
    agent = create_agent(model, [], middleware=[AgentMemoryMiddleware(space)], checkpointer=InMemorySaver())
    done = say(agent, "Forget everything about Zebulon.")
    assert "__interrupt__" not in done
    assert "othing" in next(m.text for m in done["messages"] if isinstance(m, ToolMessage))


# --------------------------------------------------------------------------------------------------- in a loop


def test_an_agent_in_a_loop_streams_and_remembers(space):
    """The tokens come one by one; afterwards turn and reply are in the ledger."""
    space.remember([CAT], thread="old")
    agent = create_agent(scripted("It is called Miso."), [], middleware=[AgentMemoryMiddleware(space)])

    async def run():
        given = {"messages": [HumanMessage(ASK)]}
        return [
            chunk.text
            async for chunk, _ in agent.astream(given, HERE, stream_mode="messages")
            if isinstance(chunk, AIMessageChunk) and chunk.text
        ]

    pieces = asyncio.run(run())
    assert len(pieces) > 1
    assert "".join(pieces) == "It is called Miso."
    assert [text for _, _, text in kinds(space)] == [CAT, ASK, "It is called Miso."]


def test_the_loop_goes_on_while_the_space_works(system):
    """A slow embedder holds up its own call and nothing else; an error comes through."""

    class Slow:
        name, dim = "slow", 64

        def __init__(self, inner):
            self.inner, self.dim = inner, inner.dim

        def __call__(self, texts):
            time.sleep(0.2)
            return self.inner(texts)

    from agentmem.encoding.embedders import open_embedder
    from agentmem.space import Space

    folder = system.space("alice").path.with_name("slow")
    folder.mkdir()
    space = Space("slow", folder, embedder=Slow(open_embedder("hash")))

    async def run():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        (cat,) = await aremember(space, CAT, speaker="user")
        found = await arecall(space, ASK, 1)
        receipt = await aforget(space, [cat])
        ticking.cancel()
        return ticks, found.texts, receipt.level

    ticks, texts, level = asyncio.run(run())
    assert ticks >= 10
    assert texts == (CAT,)
    assert level == "physical"
    with pytest.raises(TextError):
        asyncio.run(arecall(space, " "))
    space.close()
    with pytest.raises(SpaceClosedError):
        asyncio.run(aremember(space, CAT))


def test_a_question_is_encoded_once_a_turn(system):
    """To recall and to remember it is one text; the reply is another. Erasing keeps no vector."""
    from agentmem.encoding.embedders import open_embedder
    from agentmem.space import Space

    class Counting:
        name, dim = "counting", 64

        def __init__(self, inner):
            self.inner, self.dim, self.seen = inner, inner.dim, []

        def __call__(self, texts):
            self.seen += texts
            return self.inner(texts)

    folder = system.space("alice").path.with_name("counting")
    folder.mkdir()
    embedder = Counting(open_embedder("hash"))
    with Space("counting", folder, embedder=embedder) as space:
        (cat, _) = space.remember([CAT, "I work in Porto."], thread="old")
        say(create_agent(scripted("Miso."), [], middleware=[AgentMemoryMiddleware(space)]), ASK)
        assert embedder.seen == [CAT, "I work in Porto.", ASK, "Miso."]
        turn = next(m for m in space.memories() if m.text == ASK)
        assert (space.get(turn.id).vector == embedder.inner([ASK])[0]).all()
        space.erase([cat, turn.id])
        space.recall(ASK)
        assert embedder.seen[4:] == [ASK]
