"""Ablation: what is left out is really out, figures are of the same questions, and the page comes from them alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import agentmem
from agentmem.cli import app
from agentmem.clock import FixedClock
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.errors import InputError, NotFoundError, PluginNotFoundError
from agentmem.evaluation.readers import ChatReader
from agentmem.evaluation.report import table_markdown
from agentmem.formats import locomo
from agentmem.recall.fusion import Weights
from agentmem.recall.labelled import collect
from agentmem.recall.signals import SIGNALS
from agentmem_evaluators import _ablate_figures as made
from agentmem_evaluators import _ablate_play as play
from agentmem_evaluators import ablate
from agentmem_evaluators._ablate_report import by_structure_and_signal, headline, sections

DERIVERS = ["facts", "summary"]
PETS = ("cat", "parrot", "tortoise", "pony", "hamster", "spaniel")
TOWNS = ("Porto", "Lima", "Oslo", "Cairo", "Quito", "Dakar")


def conversation(name, shift):
    """Return six sessions in which somebody adopts a pet, and a question about each."""
    talk, asked = {}, []
    for n in range(6):
        pet, town = PETS[n], TOWNS[(n + shift) % 6]
        talk[f"session_{n + 1}_date_time"] = f"3:{30 + n} pm on {5 + n} May, 2024"
        lines = (
            ("Ana", "Hi Ben! How are you?"),
            ("Ben", f"Fine! I work as a cook in {town} now, and I love the sea there."),
            ("Ana", f"I adopted a {pet} last Friday, because my sister moved to {town}."),
            ("Ben", f"Wow, a {pet}! See you soon."),
        )
        talk[f"session_{n + 1}"] = [
            {"speaker": who, "dia_id": f"D{n + 1}:{place}", "text": text} for place, (who, text) in enumerate(lines)
        ]
        asked.append(
            {"question": f"Where did the sister move when Ana adopted a {pet}?", "answer": town, "category": 4,
             "evidence": [f"D{n + 1}:2"]}
        )  # fmt: skip
    return {"sample_id": name, "conversation": talk, "qa": asked}


@pytest.fixture(scope="module")
def data_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("ablate") / "talk.json"
    path.write_text(json.dumps([conversation("one", 0), conversation("two", 2)]))
    return path


@pytest.fixture(scope="module")
def report(data_file):
    return ablate.run(data_file, derivers=DERIVERS, embedder="hash")


@pytest.fixture(scope="module")
def sample(data_file):
    return locomo.load(data_file)[0]


@pytest.fixture(scope="module")
def played(sample):
    return play.played(sample, HashEmbedder(), Weights.load(), DERIVERS)


# -- playing -----------------------------------------------------------------------------------------------------------


def test_mixed_memory_is_that_of_a_space(sample, played, tmp_path):
    """With every deriver on, the ten memories are those that a space recalls in which they derive; and so of turns."""
    now = max(d.said_at for d in sample.drafts).replace(year=2025)
    with agentmem.open(tmp_path, embedder="hash", clock=FixedClock(now), derive=DERIVERS) as system:
        space = system.space("ana")
        space.deriving.close()
        space.remember(sample.drafts)
        space.settle()
        for one in played.asked:
            mixed = [played.memories[i].text for i in played.mixed(one, DERIVERS)[:10]]
            assert mixed == [e.memory.text for e in space.recall(one.question.question, 10)]
        space.deriving.structure = "turns"
        for one in played.asked:
            turns = [played.memories[i].text for i in one.alone.ids[:10]]
            assert turns == [e.memory.text for e in space.recall(one.question.question, 10)]


def test_a_deriver_that_is_off_is_not_recalled(played):
    """Nor does it change how turns rank: without any deriver, mixed memory is turns."""
    for one in played.asked:
        assert played.mixed(one, []) == one.alone.ids[: play.DEPTH]
        assert {played.by.get(i) for i in played.mixed(one, ["facts"])} <= {None, "facts"}
    assert set(played.by.values()) == set(DERIVERS)
    assert all(cost.memories > 0 for cost in played.costs.values())


def test_a_derived_memory_counts_as_the_turns_it_comes_from(played):
    """Each by its origin, in the order in which they were said; a turn counts as itself."""
    derived = next(i for i, name in played.by.items() if name == "summary" and len(played.sources[i]) > 1)
    origins = played.origins(derived)
    assert len(origins) == len(played.sources[derived])
    assert set(origins) <= set(played.sample.origins.values())
    turn = next(m for m in played.memories.values() if m.kind == "turn")
    assert played.origins(turn.id) == [turn.origin]


def test_weights_without_a_signal_never_saw_it(sample):
    """Its weight is nothing, the problem itself stays as it was, and recall is a share."""
    problems = collect(sample, HashEmbedder())
    for signal in (SIGNALS.index("words_near"), SIGNALS.index("pagerank")):
        before = problems[0].signals.copy()
        values = play.without(problems, signal)
        assert values[signal] == 0
        assert np.array_equal(problems[0].signals, before)
        assert all(0 <= play.ranked(p, values, signal) <= 1 for p in problems)
    assert play.without(problems, None)[SIGNALS.index("words_near")] != 0


# -- figures -----------------------------------------------------------------------------------------------------------


def found(evidence, sizes):
    """Return what finds so much evidence and takes so many tokens by memories recalled, of each of some questions."""
    rows = np.array(evidence, float)
    wide = np.pad(rows, ((0, 0), (0, play.DEPTH - rows.shape[1])), mode="edge")
    tokens = np.cumsum(np.full_like(wide, sizes), 1)
    return made.Found(wide[:, 9], wide, tokens, wide)


def test_tokens_at_equal_evidence():
    """Between two settings they are interpolated; what never gets there has none, and what needs half takes half."""
    assert made.at(np.array([10.0, 30.0]), np.array([0.2, 0.6]), 0.4) == pytest.approx(20.0)
    assert made.at(np.array([10.0, 30.0]), np.array([0.2, 0.6]), 0.1) == 10.0
    assert made.at(np.array([10.0, 30.0]), np.array([0.2, 0.6]), 0.7) is None
    turns = found([np.linspace(0.1, 1, 10)] * 4, 10.0)
    assert made.ratio(turns, turns) == [1.0, 1.0, 1.0]
    assert made.ratio(found([np.linspace(0.1, 1, 10)] * 4, 5.0), turns) == [0.5, 0.5, 0.5]
    assert made.ratio(found([[0.2]] * 4, 5.0), turns) is None
    half = made.of_deriver(turns, turns, found([np.linspace(0.1, 1, 10)] * 4, 5.0), turns)
    assert half["earns"]
    assert not made.of_deriver(turns, turns, turns, turns)["earns"]


def test_a_signal_earns_its_place_by_what_is_surely_lost_without_it():
    """An interval that holds zero is not sure."""
    of = made.of_signals({None: [1.0, 1.0, 0.5], "speaker": [0.5, 0.5, 0.0], "asks": [1.0, 0.5, 1.0]})
    assert of["all"]["recall@10"] == pytest.approx(2.5 / 3)
    assert of["speaker"]["lost"] == [0.5, 0.5, 0.5]
    assert (of["speaker"]["earns"], of["asks"]["earns"]) == (True, False)


# -- the report --------------------------------------------------------------------------------------------------------


def test_everything_is_left_out_once(report):
    """Structures, derivers and the signals that tell anything there each have their row, over all twelve questions."""
    figures = report.figures
    assert (figures["n_questions"], figures["n_conversations"]) == (12, 2)
    assert list(figures["structures"]) == ["turns", "mixed", "facts", "summaries", "notes"]
    assert list(figures["derivers"]) == DERIVERS
    assert {"all", "dense", "words_near", "speaker", "pagerank"} <= set(figures["signals"])
    turns = figures["structures"]["turns"]
    assert (turns["gain"], turns["token_ratio"]) == ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    assert figures["structures"]["notes"]["recall@10"] == 0.0
    assert figures["structures"]["notes"]["token_ratio"] is None
    assert turns["recall@10"] > 0.5
    assert figures["derivers"]["facts"]["memories_per_1000_turns"] > 0
    assert figures["command"] == "agentmem eval ablate --data talk.json"


def test_the_page_comes_from_the_figures(report):
    """What is read back from JSON gives the same sections; table and plot name what was left out."""
    again = json.loads(report.json())
    assert sections(again) == list(report.sections)
    table = table_markdown(headline(again))
    assert "| mixed, of the derivers summary |" in table
    assert "| turns, without the signal speaker |" in table
    assert by_structure_and_signal(again).groups[:2] == ["turns", "mixed"]
    assert "<svg" in report.html()


def test_gatemem_is_asked_as_well(data_file, tmp_path):
    """What is asked for is in the context however it is recalled, and what was never said is not; ways have rows."""
    who = {"principal_id": "ana", "role": "owner", "display_name": "Ana"}
    talk = ("I adopted a pony last Friday, as my sister moved to Oslo.", "Fine weather today.", "I live in Lima now.")
    turns = [{"turn_id": f"t{n}", "speaker": who, "text": text} for n, text in enumerate(talk)]
    episode = {"episode_id": "e", "domain": "home", "entities": {"principals": [who]}, "turns": turns}
    asked = [
        ("utility", "What did Ana adopt?", {"include": ["pony"]}, []),
        ("utility", "Where does Ana live?", {"include": ["Lima"]}, []),
        ("safety", "What was the code?", {}, ["4471"]),
        ("safety", "What was the address?", {}, ["Elm Street"]),
    ]
    checkpoints = [
        {"checkpoint_id": f"c{n}", "episode_id": "e", "as_of_turn_id": "t2", "query_type": kind, "asker": who,
         "query_text": text, "expected_action": "answer", "judge_spec": spec, "leak_targets": leaks}
        for n, (kind, text, spec, leaks) in enumerate(asked)
    ]  # fmt: skip
    (tmp_path / "episodes.jsonl").write_text(json.dumps(episode) + "\n")
    (tmp_path / "checkpoints.jsonl").write_text("".join(json.dumps(c) + "\n" for c in checkpoints))
    report = ablate.run(data_file, gatemem=tmp_path, derivers=["facts"], embedder="hash")
    of = report.figures["gatemem"]
    assert (of["n_episodes"], of["n_checkpoints"]) == (1, 4)
    assert {"turns", "mixed", "deriver facts", "no speaker", "no pagerank"} <= set(of["ways"])
    for way in of["ways"].values():
        assert (way["utility"]["mean"], way["utility"]["n"], way["deletion_leak"]["mean"]) == (1.0, 2, 0.0)
        assert "access_leak" not in way
    assert "| deriver facts | 100.0 | 0.0 | \u2013 | +0.00" in report.markdown()
    assert report.figures["command"].endswith(f"--gatemem {tmp_path.name}")


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({"gatemem": Path("nowhere")}, NotFoundError, "nowhere"),
        ({"reader": ChatReader("scripted", str)}, InputError, "leave --model out"),
        ({"weights": "w.json"}, InputError, "leave --weights out"),
        ({"derivers": ["fact"]}, PluginNotFoundError, "facts"),
    ],
)
def test_settings_that_make_no_sense_are_refused(data_file, how, error, said):
    """With what to do instead."""
    with pytest.raises(error, match=said):
        ablate.run(data_file, embedder="hash", **how)


def test_one_conversation_is_not_enough(tmp_path):
    """Weights are never measured on what they were trained on."""
    path = tmp_path / "one.json"
    path.write_text(json.dumps([conversation("one", 0)]))
    done = CliRunner().invoke(app, ["eval", "ablate", "--data", str(path), "--embedder", "hash"])
    assert done.exit_code != 0
    assert "two or more" in done.output + str(done.exception)
    with pytest.raises(InputError, match="needs its data"):
        ablate.make({})
