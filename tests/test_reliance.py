"""The dial from a fresh start to high fidelity: what it shows, what it tells a model, and what comes of it."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from agentmem import Draft
from agentmem.agent import AgentMemoryMiddleware, chat, dependence
from agentmem.agent.reliance import LEVELS, least_at, placed, told
from agentmem.errors import InputError

DIAL = [*LEVELS]
NOTES = [
    "For the harvest supper Ana wanted paper lanterns in the old orchard.",
    "Ben asked for a brass band at the harvest supper.",
    "At the last harvest supper we ran out of cider before nine.",
    "The harvest supper costs about four hundred euros each autumn in all, with the hire of the benches and tables.",
    "Somebody said, when we spoke of autumn and of much else, that a supper might be held indoors, in the leaky barn.",
    *[f"Unrelated remark number {n} about the train to Porto and its late conductor." for n in range(20)],
]
ASK = "Plan the harvest supper for this autumn."
OWN = "How about kites, a bonfire and stories at dusk?"


class Obedient(GenericFakeChatModel):
    """Takes over what it is shown as far as it is told to: an eighth of the words, a half, or all, and ideas else."""

    _shown: list = PrivateAttr(default_factory=list)

    def bind_tools(self, tools, **_):
        """Take any tools, and note which."""
        self._shown.append([getattr(t, "name", None) for t in tools])
        return self

    def _generate(self, messages, *args, **kwargs):
        self._shown.append(messages)
        system, asked = str(messages[0].text), str(messages[-1].text)
        quotes = [line.split(": ", 1)[1] for line in asked.split("\n") if re.match(r"(\[.*\] )?(note|user): ", line)]
        share = 1 if told(1) in system else 0.8 if told(0.75) in system else 0.1 if told(0.25) in system else 0.4
        words = " ".join(quotes).split()
        taken = " ".join(words[: int(share * len(words))])
        said = taken if told(1) in system and taken else f"{OWN} {taken}"
        return ChatResult(generations=[ChatGeneration(message=AIMessage(said))])

    def _stream(self, *args, **kwargs):
        raise NotImplementedError


def obedient():
    return Obedient(messages=iter([]))


@pytest.fixture
def supper(space):
    space.remember([Draft(text, speaker="user", thread="old") for text in NOTES])
    return space


def blocks(model):
    return ["".join(m.text for m in shown) for shown in model._shown if isinstance(shown[0], object)]


def quoted(text):
    return {note for note in NOTES if note in text}


# -------------------------------------------------------------------------------------------------------- the dial


def test_names_and_numbers_mean_the_same():
    """Five names from 0 to 1; anything else is refused, and the message says what there is."""
    assert [placed(name) for name in DIAL] == [0, 0.25, 0.5, 0.75, 1]
    assert placed(0.3) == 0.3
    for wrong in ("strict", -0.1, 1.01, None, True, float("nan")):
        with pytest.raises(InputError, match="a number from 0 to 1, or one of fresh, light"):
            placed(wrong)


def test_what_a_memory_must_bring_falls_as_reliance_rises():
    """The odds: at balance what was measured, at the end nothing."""
    assert [round(least_at(r, 0.2), 3) for r in (0.25, 0.5, 0.75, 1)] == [0.6, 0.2, 0.067, 0]


def test_a_model_is_told_by_the_nearest_name():
    """Five sentences, one of them empty."""
    assert told(0.5) == told(0.4) == ""
    assert told(0.1) == told(0)
    assert len({told(r) for r in LEVELS.values()}) == 5


@pytest.mark.parametrize("way", ["graph", "middleware"])
def test_turned_up_an_agent_shows_more_and_depends_more_on_memory(supper, way):
    """From none to all, never less; the measured dependence rises with each step and begins at 0."""
    shown, depends = [], []
    for name in DIAL:
        model = obedient()
        if way == "graph":
            with chat(supper, model, thread=name, reliance=name) as talk:
                depends.append(talk.ask(ASK).dependence)
        else:
            agent = create_agent(model, [], middleware=[AgentMemoryMiddleware(supper, reliance=name, tools=())])
            said = agent.invoke({"messages": [HumanMessage(ASK)]}, {"configurable": {"thread_id": name}})
            depends.append(said["messages"][-1].additional_kwargs["memory_dependence"])
        shown.append(quoted("".join(m.text for m in model._shown[-1])))
        for memory in [m.id for m in supper.memories() if m.thread == name]:
            if memory in supper:
                supper.erase(memory)  # the next setting finds what the first one found
    assert shown[0] == set()
    assert all(fewer <= more for fewer, more in pairwise(shown))
    assert len(shown[1]) < len(shown[2]) < len(shown[4])
    assert depends[0] == 0
    assert depends == sorted(depends)
    assert len(set(depends)) == 5
    assert depends[-1] == 1


def test_one_run_may_have_another_reliance_than_the_agent(supper):
    """In the configuration of a run, and in a chat from one turn to the next."""
    model = obedient()
    with chat(supper, model) as talk:
        talk.reliance = "fresh"
        assert talk.ask(ASK).dependence == 0
        talk.reliance = None
        assert talk.ask("And who wanted what for the harvest supper?").dependence > 0
    agent = create_agent(obedient(), [], middleware=[AgentMemoryMiddleware(supper)])
    config = {"configurable": {"thread_id": "x", "reliance": 0}}
    done = agent.invoke({"messages": [HumanMessage(ASK)]}, config)
    assert done["messages"][-1].additional_kwargs["memory_dependence"] == 0
    with pytest.raises(InputError, match="reliance='much'"):
        agent.invoke({"messages": [HumanMessage(ASK)]}, {"configurable": {"thread_id": "x", "reliance": "much"}})


def test_a_fresh_start_cannot_be_got_round_by_a_tool(supper):
    """The model is not offered to look things up."""
    model = obedient()
    agent = create_agent(model, [], middleware=[AgentMemoryMiddleware(supper, reliance="fresh")])
    agent.invoke({"messages": [HumanMessage(ASK)]})
    assert model._shown[0] == ["remember_fact", "forget_memory"]


def test_without_a_model_a_fresh_start_knows_nothing_and_else_the_reader_depends_on_what_it_reads(supper):
    """What is read out of memory is all memory."""
    with chat(supper, reliance="fresh") as talk:
        assert talk.ask("Who asked for a brass band?").answer.abstained
        talk.reliance = "balanced"
        reply = talk.ask("Who asked for a brass band at the supper?")
    assert reply.recall.texts
    assert reply.dependence in {0.0, 1.0}
    assert bool(reply.dependence) is not reply.answer.abstained


def test_the_command_turns_the_dial():
    """And says what there is where it is turned too far."""
    from typer.testing import CliRunner

    from agentmem.cli import app

    run = CliRunner()
    common = ["--embedder", "hash", "--json"]
    assert run.invoke(app, ["remember", "ana", "My ginger cat is called Miso.", "--embedder", "hash"]).exit_code == 0
    for dial, found in (("fresh", False), ("1", True)):
        done = run.invoke(app, ["chat", "ana", "What is my ginger cat called?", "--reliance", dial, *common])
        assert ("Miso" in done.stdout.split('"text"')[1].split('"abstained"')[0]) <= found
        assert '"dependence": ' in done.stdout
    done = run.invoke(app, ["chat", "ana", "Hello", "--reliance", "much", *common])
    assert isinstance(done.exception, InputError) or "fresh, light" in done.output


# --------------------------------------------------------------------------------------------------- the measure


def test_dependence_is_the_share_of_what_a_reply_adds_that_memory_holds():
    """Words of the message do not count, nor stop words; three of four new words are remembered ones."""
    memories = ["Ana's cat is called Miso.", "Miso hates the vet."]
    assert dependence("The cat Miso hates rain.", memories, "Tell me of my cat") == pytest.approx(2 / 3)
    assert dependence("Miso hates the vet.", memories, "What now?") == 1
    assert dependence("Buy a kite.", memories, "What now?") == 0
    assert dependence("My cat!", memories, "Tell me of my cat") == 0
    assert dependence("", memories) == dependence("Miso.", []) == 0


def test_what_is_said_without_memory_too_is_not_owed_to_it():
    """The counterfactual: the same message, answered without."""
    memories = ["Ben wants a brass band."]
    assert dependence("A brass band!", memories, without="A brass band!") == 0
    assert dependence("A brass band!", memories, without="Some kites.") == 1
    assert dependence("Some kites.", memories, without="A brass band!") == 0


WORDS = st.lists(st.sampled_from(["cat", "dog", "kite", "band", "brass", "cider", "barn"]), max_size=8).map(" ".join)


@given(WORDS, st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4), WORDS)
def test_more_memories_never_make_a_reply_depend_less(reply, some, more, message):
    """And it stays between 0 and 1."""
    fewer, all_ = dependence(reply, some, message), dependence(reply, [*some, *more], message)
    assert 0 <= fewer <= all_ <= 1
