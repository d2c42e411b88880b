"""bAbI: stories with questions between their sentences, and the sentences that support the answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentmem.errors import ImportRefusedError, InputError, NotFoundError
from agentmem.evaluation.cases import Ask, Gold, Remember, Reply
from agentmem.formats import babi as format_
from agentmem_evaluators import babi

STORY = """\
1 Mary went to the garden.
2 John moved to the office.
3 Where is Mary? \tgarden\t1
4 John got the milk.
5 John journeyed to the hallway.
6 Where is the milk? \thallway\t4 5
7 Where was the milk before the hallway? \toffice\t5 4 2
8 John dropped the milk.
9 John went back to the kitchen.
10 Where is the milk? \thallway\t4 5
1 Mary went to the kitchen.
2 Where is Mary? \tkitchen\t1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "qa1_tiny_test.txt").write_text(STORY)
    return tmp_path


def test_stories_begin_anew_at_one(folder: Path) -> None:
    """A story is its sentences and questions in order; the next begins with number one."""
    stories = format_.load(folder / "qa1_tiny_test.txt")
    assert [len(story) for story in stories] == [10, 2]
    assert stories[0][2] == format_.Question(3, "Where is Mary?", "garden", (1,))
    case = babi.case_of(1, 0, stories[0])
    assert [type(step) for step in case.steps] == [Remember, Ask, Remember, Ask, Ask, Remember, Ask]


def test_scores() -> None:
    """Recall is over the first three memories; the answer is right where it holds the right word."""
    ask = Ask("Where?", Gold("1", "hall", ("4", "5"), {"task": "1"}))
    score = babi.Babi({}).score
    assert score(ask, Reply(("4", "1", "2", "5"), "In the hall.")).values == {"recall@3": 0.5, "accuracy": 1.0}
    assert score(ask, Reply(("5", "4"), "the hallway")).values == {"recall@3": 1.0, "accuracy": 0.0}
    assert score(ask, Reply()).values == {"recall@3": 0.0, "accuracy": 0.0}


def test_a_run_end_to_end(folder: Path) -> None:
    """The slot reference follows people and what they carry; figures have the promised shape; nothing broke."""
    figures = json.loads(babi.run(folder, embedder="hash").json())
    assert figures["failures"] == []
    assert figures["n_questions"] == 5
    assert figures["baselines"]["slots"] == {"1": {"recall@3": 1.0, "accuracy": 1.0}}
    assert set(figures["metrics"]["1"]) == {"recall@3", "accuracy"}
    assert set(figures["baselines"]) == {"slots", "dense", "bm25"}


@pytest.mark.parametrize(
    ("text", "line"),
    [("1 Mary left.\n1x", 2), ("2 Mary left.", 1), ("1 Where is Mary? \thall\t7", 1), ("1 A.\n2 B.\n2 C.", 3)],
)
def test_data_that_is_none_is_refused(tmp_path: Path, text: str, line: int) -> None:
    """What is no story is refused with its line; empty and missing files and folders are named."""
    bad = tmp_path / "bad.txt"
    bad.write_text(text)
    with pytest.raises(ImportRefusedError, match=f"line {line}:"):
        format_.load(bad)
    bad.write_text("\n")
    with pytest.raises(ImportRefusedError, match="no story"):
        format_.load(bad)
    with pytest.raises(NotFoundError, match=r"gone\.txt"):
        format_.load(tmp_path / "gone.txt")
    with pytest.raises(NotFoundError, match="no folder"):
        babi.make({"data": tmp_path})


def test_settings_that_make_no_sense(folder: Path) -> None:
    """No stories, training, and no data are refused."""
    with pytest.raises(InputError, match="at least one"):
        babi.run(folder, stories=0)
    with pytest.raises(InputError, match="trains nothing"):
        babi.run(folder, cross_validate=True)
    with pytest.raises(InputError, match="needs its data"):
        babi.make({})
