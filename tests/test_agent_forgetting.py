"""Asked in a chat to forget: recognised, asked back, carried out after a yes, and not mentioned again."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command
from typer.testing import CliRunner

import agentmem
from agentmem.agent import Piece, asking, build_agent, chat, forgetting
from agentmem.agent.manners import UNKEPT
from agentmem.cli import app

CONFIG = {"configurable": {"thread_id": "main"}}
PORTO = "Anna Meyer lives in Porto and I miss her."
CAT = "I adopted a ginger cat called Miso."
LOCKER = "My locker code is 4711-zebra-quartz."
NOTED = "Noted. I'll remember that."


class Heard(GenericFakeChatModel):
    """A scripted model that keeps what it was shown."""

    shown: list

    def _generate(self, messages, *args, **kwargs):
        self.shown.append(str(messages))
        return super()._generate(messages, *args, **kwargs)


def scripted(*texts):
    return Heard(messages=iter([AIMessage(text) for text in texts]), shown=[])


def texts(space, *kinds):
    return [m.text for m in space.memories() if not kinds or m.kind in kinds]


def saved(space):
    return b"".join(p.read_bytes() for p in space.path.glob("threads.db*"))


def everywhere(space):
    return b"".join(p.read_bytes() for p in space.path.rglob("*") if p.is_file())


# ------------------------------------------------------------------------------------------- asked, answered, done


@pytest.mark.parametrize("with_model", [False, True])
def test_a_request_is_asked_about_and_carried_out_after_a_yes(space, with_model):
    """Counts and names are shown, no contents; after the yes it is in no file, and the rest stays."""
    model = scripted("How is Porto?", "Lovely cat.", "I do not know that.") if with_model else None
    with chat(space, model) as talk:
        told = talk.ask(PORTO)
        talk.ask(CAT)
        asked = talk.ask("Please forget everything about Anna Meyer.")
        assert asked.question["step"] == "sure"
        assert asked.question["counts"] == {"turn": 1, "reply": 2 if with_model else 1, "redacted": 0, "rewritten": 0}
        assert asked.question["topics"] == ["Anna Meyer"]
        assert "about Anna Meyer, for good?" in asked.text
        assert "Porto" not in asked.text
        assert (asked.asked, asked.id) == (None, None)
        assert told.asked in space  # nothing has happened yet
        done = talk.ask("yes")
        assert done.question is None
        assert done.text.startswith("Done. I have forgotten 1 message and ")
        assert "Anna" not in done.text
        for trace in (b"Porto", b"Anna Meyer", told.asked.encode(), told.id.encode(), b"lease forget"):
            assert trace not in everywhere(space)
        assert texts(space, "turn") == [CAT]
        later = talk.ask("Where does Anna Meyer live?")
        assert "Porto" not in later.text
    (receipt,) = space.receipts()
    assert (receipt.level, receipt.checked) == ("physical", True)
    if model is not None:
        assert "Porto" not in model.shown[-1]
        assert "forget" not in model.shown[-1]


def test_the_model_is_never_shown_the_request_nor_what_was_said_to_it(space):
    """Neither while it is open, nor after a no, nor after a yes."""
    model = scripted("Fine.", "Hello.", "Hello again.")
    with chat(space, model) as talk:
        talk.ask(PORTO)
        talk.ask("Forget everything about Anna Meyer.")
        talk.ask("no")
        talk.ask("Good morning!")
        talk.ask("Forget everything about Anna Meyer.")
        talk.ask("yes")
        talk.ask("What did I ask you to forget?")
    assert len(model.shown) == 3
    assert PORTO in model.shown[1]
    for shown in model.shown[1:]:
        assert "Forget everything" not in shown
        assert "forgotten" not in shown
    assert "Anna" not in model.shown[2]


@pytest.mark.parametrize("no", ["no", "No, keep it.", "cancel", "never mind", "don't"])
def test_a_request_that_is_declined_changes_nothing(space, no):
    """The conversation, the memories and the receipts are what they were; the request is remembered nowhere."""
    with chat(space) as talk:
        talk.ask(PORTO)
        before, history = texts(space), talk.history()
        talk.ask("Forget everything about Anna Meyer.")
        reply = talk.ask(no)
        assert reply.text == forgetting.NOTHING
        assert texts(space) == before
        assert talk.history()[:-1] == history
        assert space.forgetting.list() == []
        assert b"Forget everything" not in saved(space)
        assert "Porto" in talk.ask("Where does Anna Meyer live?").text


def test_of_two_people_of_one_name_it_is_asked_who_is_meant(space):
    """By name, number or word; the other one stays."""
    with chat(space) as talk:
        talk.ask(PORTO)
        talk.ask("Anna Vogel is my dentist.")
        for said in ("Anna Meyer", "1", "meyer"):
            asked = talk.ask("Forget everything about Anna.")
            assert asked.question["step"] == "which"
            assert asked.question["choices"] == ["Anna Meyer", "Anna Vogel", "all of them"]
            assert talk.ask(said).question["topics"] == ["Anna Meyer"]
            talk.ask("no")
        talk.ask("Forget everything about Anna.")
        talk.ask("Anna Meyer")
        talk.ask("yes")
    assert texts(space, "turn") == ["Anna Vogel is my dentist."]


def test_what_is_unsure_is_asked_about_one_by_one(space):
    """A topic is only ever asked about: all, none, or numbers; its lines hold no figures."""
    (cat, garden) = space.remember([CAT, "The ginger cat sleeps in box 4417 of the garden."], speaker="user")
    with chat(space, thread="new") as talk:
        asked = talk.ask("Forget what I told you about the ginger cat.")
        assert asked.question["step"] == "also"
        items = asked.question["items"]
        assert {item["id"] for item in items} == {cat, garden}
        assert "4417" not in asked.text
        assert "1 Jun 2025, user: " in asked.text
        number = [item["id"] for item in items].index(cat) + 1
        assert talk.ask(str(number)).question["counts"]["turn"] == 1
        assert talk.ask("yes").text == "Done. I have forgotten 1 message."
        assert cat not in space
        assert garden in space
        talk.ask("Forget what I told you about the ginger cat.")
        assert talk.ask("none").text == forgetting.NOTHING
    assert garden in space


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ("Forget everything about Zelda.", forgetting.UNKNOWN),
        ("Can you forget that please?", "What should be forgotten? Name the person, thing, time or conversation."),
    ],
)
def test_where_nothing_is_meant_it_says_so_and_asks_nothing(space, request_, answer):
    """No confirmation for nothing; and the request is not remembered."""
    with chat(space) as talk:
        talk.ask(CAT)
        reply = talk.ask(request_)
        assert reply.text == answer
        assert reply.question is None
        assert b"Zelda" not in saved(space)
    assert texts(space, "turn") == [CAT]


@pytest.mark.parametrize("said", ["Don't forget to buy milk.", "I forgot my keys again.", "I will never forget Porto."])
def test_no_false_alarm(space, said):
    """What only mentions forgetting is a turn like any other."""
    with chat(space) as talk:
        reply = talk.ask(said)
        assert reply.question is None
        assert reply.text == NOTED
    assert texts(space, "turn") == [said]


def test_an_unclear_answer_is_asked_again_and_a_conditional_yes_is_none(space):
    """Only a plain yes is one."""
    with chat(space) as talk:
        talk.ask(PORTO)
        talk.ask("Forget everything about Anna Meyer.")
        for said in ("yes but keep Porto", "hm", "the last one"):
            reply = talk.ask(said)
            assert reply.text.startswith(forgetting.UNHEARD)
            assert reply.text.count(forgetting.UNHEARD) == 1
        assert PORTO in texts(space)
        talk.ask("OK, go ahead")
    assert PORTO not in texts(space)


def test_something_else_withdraws_an_open_request(space):
    """A new question is answered, a new request is taken up, and the old one happens no more."""
    with chat(space) as talk:
        talk.ask(PORTO)
        talk.ask(CAT)
        talk.ask("Forget everything about Anna Meyer.")
        assert "Porto" in talk.ask("Where does Anna Meyer live?").text
        assert talk.question is None
        talk.ask("Forget everything about Anna Meyer.")
        asked = talk.ask("Forget everything about Miso.")
        assert asked.question["topics"] == ["Miso"]
        talk.ask("yes")
        assert talk.withdraw() is None
    assert texts(space, "turn") == [PORTO, "Where does Anna Meyer live?"]


def test_a_yes_holds_for_what_was_shown(space):
    """Something more came in meanwhile, in another conversation: it is shown, and asked again."""
    with chat(space) as talk:
        talk.ask(PORTO)
        talk.ask("Forget everything about Anna Meyer.")
        space.remember("Anna Meyer plays chess.", speaker="user", thread="elsewhere")
        asked = talk.ask("yes")
        assert asked.text.startswith(forgetting.CHANGED)
        assert asked.question["counts"]["turn"] == 2
        space.remember("I like tea.", speaker="user", thread="elsewhere")  # changes nothing of what was shown
        assert talk.ask("yes").text == "Done. I have forgotten 2 messages and 1 reply of mine."
    assert texts(space) == ["I like tea."]


def test_a_part_of_a_message_goes_and_the_conversation_says_what_is_left(space):
    """The clause leaves the memory, the running conversation and the saved state."""
    model = scripted("Busy!", "Right.")
    with chat(space, model) as talk:
        talk.ask("Tom moved to Porto, and Zelda has a red bicycle in the garden.")
        asked = talk.ask("Forget everything about Zelda.")
        assert asked.question["counts"]["redacted"] == 1
        assert "a part of 1 memory" in asked.text
        talk.ask("yes")
        assert b"bicycle" not in everywhere(space)
        (left,) = texts(space, "turn")
        assert "Tom moved to Porto" in left
        assert talk.history()[0] == ("human", left)
        talk.ask("And Tom?")
    assert "bicycle" not in model.shown[-1]
    assert "Tom moved to Porto" in model.shown[-1]


def test_threads_go_on_after_forgetting_and_an_open_question_stays_with_its_own(space):
    """The other conversation loses it, too; a yes there answers nothing."""
    with chat(space, thread="work") as talk:
        talk.ask(PORTO)
        talk.thread = "home"
        talk.ask("Anna Meyer called.")
        talk.ask("Forget everything about Anna Meyer.")
        talk.thread = "work"
        assert talk.question is None
        talk.ask("I like work.")
        talk.thread = "home"
        asked = talk.ask("hm")
        assert asked.question["counts"]["turn"] == 2
        talk.ask("yes")
        talk.ask("I like home.")
        talk.thread = "work"
        assert [text for _, text in talk.history()] == ["I like work.", NOTED]
        assert b"Anna" not in saved(space)
    assert texts(space, "turn") == ["I like work.", "I like home."]


def test_a_whole_conversation_can_be_forgotten(space):
    """This one, and no other."""
    space.remember(CAT, thread="old")
    with chat(space) as talk:
        talk.ask(PORTO)
        talk.ask("Forget this conversation.")
        talk.ask("yes")
        assert [role for role, _ in talk.history()] == ["ai"]
        assert talk.ask("I like tea.").text == NOTED
    assert texts(space, "turn") == [CAT, "I like tea."]


def test_what_is_under_a_hold_is_not_forgotten_and_it_is_said(space):
    """A yes is not above the law; the reason of the hold is not told."""
    with chat(space) as talk:
        told = talk.ask(PORTO)
        space.forgetting.hold(told.asked, "case 12, Meyer against Vogel")
        talk.ask("Forget everything about Anna Meyer.")
        reply = talk.ask("yes")
        assert reply.text.startswith(forgetting.NOTHING)
        assert "legal hold" in reply.text
        assert "case 12" not in reply.text
        assert told.asked in space
        assert talk.ask("I like tea.").text == NOTED


def test_a_stream_says_question_and_outcome_once(space):
    """The pieces add up to the reply."""
    with chat(space) as talk:
        talk.ask(PORTO)
        for said in ("Forget everything about Anna Meyer.", "yes", "Forget everything about Anna Meyer."):
            *pieces, reply = talk.stream(said)
            assert all(isinstance(piece, Piece) for piece in pieces)
            assert "".join(piece.text for piece in pieces) == reply.text


# -------------------------------------------------------------------------------------------------- said again


def forgotten(space):
    """Have the locker code forgotten, in a chat."""
    with chat(space, thread="before") as talk:
        talk.ask(LOCKER)
        talk.ask("Forget my locker code.")
        talk.ask("yes")
    assert texts(space) == []


def test_what_is_said_again_is_remembered_again_only_after_a_yes(space):
    """The guard's default, quarantine: asked, declined, asked, and remembered."""
    forgotten(space)
    with chat(space) as talk:
        asked = talk.ask(LOCKER)
        assert asked.question["step"] == "again"
        assert talk.ask("no").text == UNKEPT
        assert b"zebra" not in everywhere(space)
        assert texts(space) == []
        talk.ask(LOCKER)
        assert talk.ask("maybe").text.startswith(forgetting.UNHEARD)
        reply = talk.ask("yes")
        assert reply.text == NOTED
        assert space.get(reply.asked).text == LOCKER
        talk.ask(CAT)
        assert "4711" in talk.ask("What is my locker code?").text


@pytest.mark.parametrize(("action", "kept"), [("block", False), ("allow", True), ("none", True)])
def test_the_guard_decides_what_becomes_of_what_is_said_again(space, action, kept):
    """Kept out, or let in, without a question; the next turn is as ever."""
    forgotten(space)
    space.guard.set(action)
    with chat(space) as talk:
        reply = talk.ask(LOCKER)
        assert reply.question is None
        assert reply.text == (NOTED if kept else UNKEPT)
        assert (LOCKER in texts(space)) is kept
        assert (b"zebra" in everywhere(space)) is kept
        assert talk.ask(CAT).text == NOTED


def test_a_question_that_says_it_is_answered_and_not_remembered(space):
    """Nobody is asked whether to remember a question; and the reply does not bring it back either."""
    forgotten(space)
    model = scripted("It is 4711-zebra-quartz, you say.", "Hello.")
    with chat(space, model) as talk:
        reply = talk.ask("My locker code is 4711-zebra-quartz, is it not?")
        assert reply.question is None
        assert (reply.asked, reply.id) == (None, None)
        assert texts(space) == []
        assert b"zebra" not in everywhere(space)
        talk.ask("Hello!")
    assert "zebra" not in model.shown[-1]


# ---------------------------------------------------------------------------------- as a graph, with any checkpointer


@pytest.mark.parametrize("answer", [True, "yes"])
def test_a_graph_interrupts_and_is_resumed(space, answer):
    """LangGraph's own way: the interrupt is JSON, and the reply is the last message."""
    graph = build_agent(space)
    graph.invoke({"messages": [HumanMessage(PORTO)]}, CONFIG)
    asked = graph.invoke({"messages": [HumanMessage("Forget everything about Anna Meyer.")]}, CONFIG)
    (interrupt,) = asked["__interrupt__"]
    assert json.loads(json.dumps(interrupt.value)) == interrupt.value
    final = graph.invoke(Command(resume=answer), CONFIG)
    assert final["messages"][-1].text == "Done. I have forgotten 1 message and 1 reply of mine."
    assert len(final["messages"]) == 1
    assert texts(space) == []
    graph.checkpointer.close()


def history(saver):
    return str([(t.checkpoint, t.metadata, t.pending_writes) for t in saver.list(CONFIG)])


@pytest.mark.parametrize("made", [InMemorySaver, lambda: SqliteSaver.from_conn_string(":memory:")])
def test_the_whole_history_of_another_saver_loses_it(space, made):
    """What was said, the request, and what was asked back are in no checkpoint and no pending write of it."""
    with made() as saver:
        graph = build_agent(space, checkpointer=saver)
        for said in (PORTO, "Anna Vogel is my dentist.", CAT, "Forget everything about Anna."):
            graph.invoke({"messages": [HumanMessage(said)]}, CONFIG)
        for said in ("Meyer", "yes"):
            final = graph.invoke(Command(resume=said), CONFIG)
        assert final["messages"][-1].text.startswith("Done.")
        assert [m.text for m in final["messages"]][:-1] == ["Anna Vogel is my dentist.", NOTED, CAT, NOTED]
        left = history(saver)
        assert CAT in left
        for gone in ("Porto", "Anna Meyer", "Forget everything", "Which Anna"):
            assert gone not in left
        final = graph.invoke({"messages": [HumanMessage("I like tea.")]}, CONFIG)
        assert [m.text for m in final["messages"]][-2:] == ["I like tea.", NOTED]
        assert "forgotten" not in str(final["messages"])


def test_an_asynchronous_saver_loses_it_too(space, tmp_path):
    """The graph runs on a loop, its saver is scrubbed beside that."""

    async def talk():
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "states.db")) as saver:
            graph = build_agent(space, checkpointer=saver)
            for said in (PORTO, CAT, "Forget everything about Anna Meyer."):
                await graph.ainvoke({"messages": [HumanMessage(said)]}, CONFIG)
            final = await graph.ainvoke(Command(resume="yes"), CONFIG)
            return final, str([t async for t in saver.alist(CONFIG)])

    final, left = asyncio.run(talk())
    assert final["messages"][-1].text == "Done. I have forgotten 1 message and 1 reply of mine."
    assert CAT in left
    assert "Porto" not in left
    assert "Anna" not in left


def test_without_a_checkpointer_nothing_can_be_asked_so_nothing_is_forgotten(space):
    """Nor is the request remembered; and what was forgotten stays out where nobody can be asked."""
    graph = build_agent(space, checkpointer=False)
    graph.invoke({"messages": [HumanMessage(LOCKER)]})
    final = graph.invoke({"messages": [HumanMessage("Forget my locker code.")]})
    assert final["messages"][-1].text == forgetting.UNABLE
    assert LOCKER in texts(space)
    space.forget("forget my locker code", speaker="user")
    final = graph.invoke({"messages": [HumanMessage(LOCKER)]})
    assert final["answer"].text == UNKEPT
    assert texts(space) == []


# ------------------------------------------------------------------------------------------- other processes, crashes

ASKS = """
import sys, agentmem
from agentmem.agent import chat
with agentmem.open(sys.argv[1], embedder="hash") as system, chat(system.space("a")) as talk:
    for said in sys.argv[2:]:
        print(talk.ask(said).text)
"""


def elsewhere(root, *said):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASKS, str(root), *said], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_the_answer_may_come_in_another_process(tmp_path):
    """Between question and answer the program may end."""
    asked = elsewhere(tmp_path, PORTO, CAT, "Forget everything about Anna Meyer.")
    assert asked[-1] == "Forget 1 message and 1 reply of mine about Anna Meyer, for good? (yes or no)"
    with agentmem.open(tmp_path, embedder="hash") as system, chat(system.space("a")) as talk:
        assert talk.question["step"] == "sure"
        assert talk.ask("yes").text == "Done. I have forgotten 1 message and 1 reply of mine."
        assert [text for _, text in talk.history()][:-1] == [CAT, NOTED]
        assert b"Porto" not in everywhere(talk.space)


def test_a_crash_after_the_yes_is_taken_up_where_it_was(space, monkeypatch):
    """The ids were kept, the words were not; running on forgets, and a second time does nothing."""
    with chat(space) as talk:
        talk.ask(PORTO)
        talk.ask("Forget everything about Anna Meyer.")
        with monkeypatch.context() as broken:
            broken.setattr(space.forgetting, "forget", None)
            with pytest.raises(TypeError):
                talk.ask("yes")
        assert PORTO in texts(space)
        state = talk.graph.get_state(CONFIG)
        assert state.next == ("erase",)
        assert "Forget everything" not in str(state)
        final = talk.graph.invoke(None, CONFIG, durability="sync")
        assert final["messages"][-1].text == "Done. I have forgotten 1 message and 1 reply of mine."
    assert texts(space) == []


# ------------------------------------------------------------------------------------------------ the command line

runner = CliRunner()


def run(*args, **how):
    done = runner.invoke(app, [*args], catch_exceptions=False, **how)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def hashed(monkeypatch):
    monkeypatch.setattr("agentmem.config.EMBEDDER", "hash")


def test_the_command_asks_and_the_next_message_answers(hashed):
    """One message a call: the question waits in its thread; a hint says how to answer."""
    run("chat", "a", PORTO)
    asked = run("chat", "a", "Forget everything about Anna Meyer.")
    assert "for good? (yes or no)" in asked.stdout
    assert "agentmem chat a ANSWER --thread chat" in asked.stderr
    assert "Porto" in run("show", "a").stdout
    assert "Done." in run("chat", "a", "yes").stdout
    assert "Porto" not in run("show", "a").stdout


def test_lines_that_are_piped_in_answer_and_without_a_yes_nothing_is_forgotten(hashed):
    """With --json as well: one object a reply, the question in it; the end of the input is a no."""
    run("chat", "a", PORTO)
    said = run("chat", "a", "--json", input="Forget everything about Anna Meyer.\n").stdout.splitlines()
    asked, left = map(json.loads, said)
    assert asked["question"]["step"] == "sure"
    assert left["text"] == forgetting.NOTHING
    assert (left["asked"], left["question"]) == (None, None)
    assert forgetting.NOTHING in run("chat", "a", input="Forget everything about Anna Meyer.\n").stdout
    assert "Porto" in run("show", "a").stdout
    run("chat", "a", "--json", input="Forget everything about Anna Meyer.\nyes\n")
    assert "Porto" not in run("show", "a").stdout


# ---------------------------------------------------------------------------------------------------- the answers

WHICH = {"step": "which", "text": "?", "choices": ["Anna Meyer", "Anna Vogel", "all of them"]}
SAME = {"step": "which", "text": "?", "choices": ["yes", "no"]}
ALSO = {"step": "also", "text": "?", "items": [{"id": "A", "line": ""}, {"id": "B", "line": ""}]}
SURE = {"step": "sure", "text": "?", "counts": {}, "topics": []}


@pytest.mark.parametrize(
    ("question", "answer", "means"),
    [
        *[(SURE, said, True) for said in ("yes", "Yes!", "ok", "yes, please", "go ahead", "yes, delete it", True)],
        *[(SURE, said, False) for said in ("no", "No thanks.", "don\u2019t do it", "not yet", "keep it", "stop")],
        (SURE, False, False),
        *[(SURE, said, None) for said in ("yes but", "yesterday", "who?", "", 1, None, "yes and also Tom")],
        *[(WHICH, said, "Anna Vogel") for said in ("Anna Vogel", "anna vogel", "2", 2, "vogel")],
        *[(WHICH, said, "all of them") for said in ("all", "All of them.", "both", 3)],
        *[(WHICH, said, False) for said in ("none", "cancel", "never mind", "no", False)],
        *[(WHICH, said, None) for said in ("Anna", "4", 0, "Meyer and Vogel", True, "", ["Anna Vogel"])],
        *[(SAME, said, "yes") for said in ("yes", "y", "Sure.", True)],
        *[(SAME, said, "no") for said in ("no", "Nope", "no, that is somebody else")],
        *[(SAME, said, False) for said in ("cancel", False)],
        *[(ALSO, said, ["A", "B"]) for said in ("all", "yes", "1 and 2", "1,2", True, ["A", "B"], [1, 2])],
        *[(ALSO, said, ["B"]) for said in ("2", 2, ["B"], {"A": False, "B": True})],
        *[(ALSO, said, []) for said in ("none", "no", False, {})],
        *[(ALSO, said, None) for said in ("3", "the first", ["C"], {"C": True}, None, 1.5)],
        (ALSO, "cancel", False),
    ],
)
def test_answers_are_understood_or_not(question, answer, means):
    """In words and as values; what is not plainly an answer is none."""
    assert asking.heard(question, answer) == means
