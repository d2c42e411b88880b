"""Memora: the files, what sessions take back, and what is recalled of what stays and of what does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agentmem import registry
from agentmem.errors import ImportRefusedError, InputError, NotFoundError
from agentmem.evaluation.cases import Ask, Forget, Gold, Reply
from agentmem.evaluation.readers import ExtractiveReader
from agentmem.evaluation.replay import Settings
from agentmem.formats import memora as format_
from agentmem.formats.memora import Check, Question
from agentmem.types import Evidence
from agentmem_evaluators import memora
from agentmem_evaluators._memora_play import NULL, WAYS, WHOLE, Recalled, play, recognised, says, values

FACTS = (
    ("add", {"item": "trail running", "preference": "like"}, "I really love trail running."),
    ("add", {"item": {"description": "Buy groceries"}}, "I still need to buy some groceries."),
    ("add", {"item": {"description": "Call the bank"}}, "I must call the bank about my todo list."),
    ("add", {"item": {"budget": 575000}}, "Set the budget to 575,000 dollars."),
    ("delete", {"item": "trail running"}, "Please forget trail running, I am not into it any more."),
    ("delete", {"item": {"description": "Buy groceries"}}, "I finished buying groceries, take it off my todo list."),
    ("update", {"item": "jazz", "old_item": "deep house"}, "I used to be into deep house, but now I love jazz."),
    (None, {}, "It rained all day long."),
)


def question(task, text, memory, forgetting, *checks):
    return {
        "question_id": text[:12],
        "question": text,
        "memory_evidence": memory,
        "forgetting_evidence": forgetting,
        "evaluation": {
            "evaluation_questions": [{"evaluation_question": c[0], "evaluation_type": c[1]} for c in checks]
        },
    }


ASKED = {
    "remembering": [
        question(
            "remembering",
            "What is on my todo list?",
            {"remaining": [{"value": "Call the bank", "session_id": 3}]},
            {"forgotten_items": [{"value": "Buy groceries", "session_id": 6}]},
            ("Does it mention the task: Call the bank?", "memory_presence"),
            ("Is 'Buy groceries' listed?", "forgetting_absence"),
        )
    ],
    "reasoning": [
        question(
            "reasoning",
            "What is the budget?",
            {"budget": 575000, "session_id": 12},
            None,
            ("Does it mention the budget of 575000?", "memory_presence"),
            ("Does it mention the total of $12?", "memory_presence"),
        )
    ],
    "recommending": [
        question(
            "recommending",
            "Which sport or music would you suggest?",
            {"likes": [{"item": "jazz"}]},
            {"forgotten_items": [{"value": "trail running"}, {"value": "deep house"}]},
            ("Does it reflect jazz?", "memory_presence"),
            ("Does it reflect trail running?", "forgetting_absence"),
            ("Does it reflect deep house?", "forgetting_absence"),
        )
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of one persona with eight sessions."""
    inner = tmp_path / "weekly" / "writer"
    (inner / "conversations").mkdir(parents=True)
    for number, (operation, details, text) in enumerate(FACTS, start=1):
        session = {
            "session_id": number,
            "operation": operation,
            "operation_details": details,
            "date": f"2025-06-{number:02d}",
            "conversation": [
                {"turn": 1, "speaker": "ai_agent", "message": "What is new?"},
                {"turn": 2, "speaker": "user_agent", "message": text, "share_memory": operation is not None},
            ],
        }
        (inner / "conversations" / f"session_{number:04d}.json").write_text(json.dumps(session, indent=1))
    (inner / "evaluation_questions_writer.json").write_text(json.dumps({"persona": "writer", "questions": ASKED}))
    return inner


def test_the_files_are_read(folder):
    """Sessions in order with what they take back; checks with the value that the evidence names, if any."""
    (persona,) = format_.load(folder)
    assert [s.gone for s in persona.sessions] == [
        *[()] * 4,
        ("trail running",),
        ("Buy groceries",),
        ("deep house",),
        (),
    ]
    assert persona.sessions[4].turns[1] == format_.Turn("user", FACTS[4][2], shared=True)
    assert [[(c.value, c.wanted) for c in q.checks] for q in persona.questions] == [
        [("Call the bank", True), ("Buy groceries", False)],
        [("575000", True), ("", True)],
        [("jazz", True), ("trail running", False), ("deep house", False)],
    ]
    assert format_.load(folder.parents[1]) == [persona]


def test_a_document_loses_parts_only():
    """Of a document that loses parts, or has parts replaced, the parts are taken back and not its name."""
    row = {
        "session_id": 1,
        "operation": "delete",
        "date": "2025-06-01",
        "conversation": [],
        "operation_details": {"item": "email_1", "memory_deletes": [{"field": "to", "removed_item": "Head of Sales"}]},
    }
    assert format_._session(format_._Session.model_validate(row)).gone == ("Head of Sales",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"date": "June"}, "date: "),
        ({"operation": "drop"}, "operation: "),
        ({"conversation": [{"speaker": "a"}]}, "message"),
    ],
)
def test_a_broken_session_names_file_line_and_field(folder, change, said):
    """What cannot be read is refused with the file, the line and the field."""
    file = folder / "conversations" / "session_0003.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change, indent=1))
    with pytest.raises(ImportRefusedError, match=rf"session_0003.*\n  line \d+: .*{said}"):
        format_.load(folder)


def test_a_folder_that_lacks_something(folder, tmp_path):
    """No sessions, no questions and no JSON are told apart."""
    with pytest.raises(NotFoundError, match="no folder conversations"):
        format_.load(tmp_path / "nowhere")
    questions = folder / "evaluation_questions_writer.json"
    questions.write_text("{\n broken")
    with pytest.raises(ImportRefusedError, match="line 2: not JSON"):
        format_.load(folder)
    questions.unlink()
    with pytest.raises(NotFoundError, match="has 0 files"):
        format_.load(folder)


def test_what_says_a_value():
    """Stems of all words, thousands with or without a comma; of a long value a fifth may be missing."""
    assert says("I finished buying the groceries.", "Buy groceries")
    assert not says("I am buying a car.", "Buy groceries")
    assert says("a budget of $575,000", "575000")
    assert says(
        "Agreed to defer the migration until after the peak season", "defer full migration until after peak season"
    )
    assert says("Who?", "who")


def test_the_figures_of_a_question(folder):
    """Shares of checks, FAMA after both, and nothing for a check without a value."""
    (persona,) = format_.load(folder)
    (first, second, third) = persona.questions

    def of(q, *texts, k=5):
        class Said:
            def __init__(self, text):
                self.memory = type("M", (), {"text": text})

        return values(Recalled("writer", q, "agentmem", tuple(Evidence(Said(t).memory, 1.0) for t in texts)), k)

    assert of(first, "Call the bank today.", "Buy groceries!") == {
        "memory_presence": 1,
        "fama": 0.5,
        "forgetting_absence": 0,
    }
    assert of(first, "Buy groceries!", "Call the bank today.", k=1)["memory_presence"] == 0
    assert of(second, "575,000") == {"memory_presence": 1, "fama": 1}
    assert of(third, "jazz, and deep house") == {
        "memory_presence": 1,
        "fama": pytest.approx(2 / 3),
        "forgetting_absence": 0.5,
    }
    assert of(Question("q", "t", "?", (Check("?", wanted=False, value="x"),))) == {"forgetting_absence": 1}


def at_the_end(folder, way):
    (persona,) = format_.load(folder)
    played = play(persona, way, Settings("hash"), 50)
    found = {}
    for one in played.recalled:
        for metric, value in values(one, 50).items():
            found.setdefault(one.system, {}).setdefault(metric, []).append(value)
    return played, found


def test_what_is_sure_is_forgotten_and_the_rest_is_asked(folder):
    """To the letter: trail running and deep house go unasked; groceries, told in other words, when asked about."""
    played, found = at_the_end(folder, "agentmem")
    assert played.operations == 3
    assert played.forgotten.asked > 0
    assert found["agentmem"] == {"memory_presence": [1, 1, 1], "fama": [0.5, 1, 1], "forgetting_absence": [0, 1]}
    _, found = at_the_end(folder, "asked")
    assert found["asked"] == {"memory_presence": [1, 1, 1], "fama": [1, 1, 1], "forgetting_absence": [1, 1]}


def test_what_the_other_ways_leave(folder):
    """Forgetting nothing leaks, forgetting everything leaves nothing; the oracle takes what says it, with jazz."""
    _, found = at_the_end(folder, "none")
    assert found["none"]["memory_presence"] == [1, 1, 1]
    assert found["none"]["fama"] == [0.5, 1, pytest.approx(1 / 3)]
    assert found["none"]["forgetting_absence"] == [0, 0]
    assert found[WHOLE] == found["none"]
    assert found[NULL] == {"memory_presence": [0, 0, 0], "fama": [0, 0, 0], "forgetting_absence": [1, 1]}
    assert at_the_end(folder, "nuke")[1]["nuke"]["memory_presence"] == [0, 0, 0]
    assert at_the_end(folder, "oracle")[1]["oracle"]["memory_presence"] == [1, 1, 0]
    assert at_the_end(folder, "similarity")[0].forgotten.gone > 0
    assert recognised(format_.load(folder)[0])[1] == 3


@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_session_may_take_back_several_things(folder, way):
    """Also where the first of them left nothing to look at for the second."""
    (persona,) = format_.load(folder)
    last = persona.sessions[4]
    sessions = (replace(last, gone=("trail running", "Buy groceries", "deep house")),)
    played = play(replace(persona, sessions=sessions), way, Settings("hash"), 5)
    assert played.operations == 3
    assert len(played.recalled) == (9 if way == "none" else 3)


def test_a_run_end_to_end(folder):
    """Figures have the promised shape, baselines beside them, and the page shows them."""
    made = memora.run(folder, ks=(10, 50), embedder="hash")
    figures = json.loads(made.json())
    assert figures["failures"] == []
    assert figures["metrics"] == {"memory_presence": 1, "forgetting_absence": 0.5, "fama": pytest.approx(2.5 / 3)}
    assert set(figures["baselines"]) == {*WAYS, NULL, WHOLE} - {"agentmem"}
    assert figures["by_task"]["reasoning"]["metrics"] == {"memory_presence": 1, "fama": 1}
    assert figures["n"]["unscored_checks"] == 1
    assert figures["n"]["presence_checks"] == figures["n"]["absence_checks"] == 3
    assert figures["acted"]["agentmem"]["operations"] == 3
    assert "| **agentmem** | **100.0** | **50.0** |" in made.markdown()
    assert "<svg" in made.html()
    assert memora.headline(figures).rows[0][:3] == ("agentmem", "100.0", "50.0")


def test_the_evaluator_as_scripts(folder):
    """The registry finds it; its cases erase what is taken back; its score is of an answer's words."""
    made = registry.make_evaluator("memora", {"data": str(folder)})
    (case,) = made.cases()
    gone = [step.origins for step in case.steps if isinstance(step, Forget)]
    assert gone[0] == ("session-0001:2", "session-0005:2")
    labels = {"persona": "writer"}
    ask = Ask("?", Gold("What is on m", labels=labels))
    assert made.score(ask, Reply(answer="Call the bank.")).values == {"memory_presence": 1, "forgetting_absence": 1}
    assert made.score(Ask("?", Gold("other", labels=labels)), Reply()).values == {}


def test_refuses_settings_that_make_no_sense(folder):
    """Wrong k, training, a model, and no data are errors before anything is run."""
    for settings, said in (
        ({"ks": ()}, "from 1 on"),
        ({"cross_validate": True}, "trains nothing"),
        ({"reader": ExtractiveReader()}, "leave --model out"),
    ):
        with pytest.raises(InputError, match=said):
            memora.run(folder, embedder="hash", **settings)
    with pytest.raises(InputError, match="needs its data"):
        memora.make({})
