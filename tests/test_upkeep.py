"""What is done between turns: beside the conversation, in good time, and not unheard when it fails."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage

from agentmem.agent import AgentMemoryMiddleware, Upkeep, chat
from agentmem.errors import InputError, PluginNotFoundError
from agentmem.unlearning.selector import Kind

CAT = "I adopted a ginger cat called Miso."
ASK = "What is my ginger cat called?"


def test_a_chat_lets_fade_what_a_budget_leaves_no_room_for_once_a_day(space, clock):
    """At the first turn, then not before a day is over; each time by the one eraser."""
    upkeep = Upkeep(space, "fifo", budget="4", every=timedelta(days=1))
    with chat(space, upkeep=upkeep) as talk:
        for n in range(3):
            clock.advance(timedelta(minutes=1))
            talk.ask(f"Statement number {n}.")
            upkeep.wait()
        assert len(space) == 6
        assert space.receipts() == []
        clock.advance(timedelta(days=1))
        talk.ask("Another day.")
        upkeep.wait()
    assert len(space) == 4
    assert space.receipts()[-1].level == "physical"
    assert "Another day." in [m.text for m in space.memories()]


def test_what_recalls_count_is_written_down_beside_the_conversation(space, monkeypatch):
    """Enough of them, and it need not wait for the space to be closed."""
    monkeypatch.setattr("agentmem.agent.upkeep.USES", 1)
    (cat,) = space.remember(CAT)
    upkeep = Upkeep(space)
    with chat(space, upkeep=upkeep) as talk:
        talk.ask(ASK)
        upkeep.wait()
    assert len(space.retention.uses) == 0
    ids, traces = space.retention.traces()
    assert traces.uses[ids.index(cat)] == 1


def test_a_forgetting_on_a_schedule_is_carried_out(space, clock):
    """Also while the program goes on for weeks, with the middleware in somebody's agent."""
    space.forgetting.schedule(Kind("note"), every=timedelta(days=7))
    space.remember("A note for the week.", kind="note")
    upkeep = Upkeep(space)
    model = GenericFakeChatModel(messages=iter([AIMessage("Hello."), AIMessage("Hello again.")]))
    agent = create_agent(model, [], middleware=[AgentMemoryMiddleware(space, tools=(), upkeep=upkeep)])
    for days in (1, 7):
        clock.advance(timedelta(days=days))
        agent.invoke({"messages": [HumanMessage("Hello!")]}, {"configurable": {"thread_id": "main"}})
        upkeep.wait()
        assert ("A note for the week." in [m.text for m in space.memories()]) is (days == 1)


def test_no_reply_waits_for_the_upkeep(space):
    """A sweep that does not come to its end holds up neither reply nor turn."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow:
        def retention(self, traces):
            begun.set()
            go_on.wait(30)
            return traces.arousal

        def reinforce(self, traces):
            return traces

    upkeep = Upkeep(space, Slow(), threshold=0.0)
    with chat(space, upkeep=upkeep) as talk:
        assert talk.ask(CAT).text == "Noted. I'll remember that."
        assert begun.wait(30)
        assert [t.name for t in threading.enumerate()].count("agentmem-upkeep") == 1
        go_on.set()
        upkeep.wait()
    assert "agentmem-upkeep" not in [t.name for t in threading.enumerate()]


def test_what_stopped_the_upkeep_is_told_at_the_next_turn(space):
    """The turn itself goes well; and the round is tried again."""
    upkeep = Upkeep(space, "no such policy", threshold=0.5)
    with chat(space, upkeep=upkeep) as talk:
        talk.ask(CAT)
        upkeep.wait()
        with pytest.warns(UserWarning, match="the upkeep of the space 'alice' was stopped: .*no such policy"):
            assert talk.ask("Miso is orange.").text == "Noted. I'll remember that."
        upkeep.wait()
    assert isinstance(upkeep._failed, PluginNotFoundError)


def test_a_space_that_was_closed_needs_nothing_more(system):
    """The thread ends, and nobody is told of a fault."""
    space = system.space("alice")
    upkeep = Upkeep(space)
    space.close()
    upkeep.poke()
    upkeep.wait()
    upkeep.poke()
    upkeep.wait()


def test_choices_that_make_no_sense_are_refused(space):
    """A budget without a policy; a sweep all the time."""
    with pytest.raises(InputError, match="needs a policy to fade by"):
        Upkeep(space, budget="5")
    with pytest.raises(InputError, match="must be longer than nothing"):
        Upkeep(space, "fifo", every=timedelta())
