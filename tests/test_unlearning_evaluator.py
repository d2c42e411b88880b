"""The evaluator of unlearning: on a written conversation what leaks is what must, and agentmem is as if never told."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from agentmem import registry
from agentmem.cli import app
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.errors import ImportRefusedError, InputError, NotFoundError
from agentmem.evaluation.cases import Ask, Forget
from agentmem.evaluation.report import table_markdown
from agentmem.testing.threads import converse, holding
from agentmem.types import Draft
from agentmem_evaluators import _results, unlearning
from agentmem_evaluators import _unlearning_conditions as conditions
from agentmem_evaluators._unlearning_bytes import Trace
from agentmem_evaluators._unlearning_questions import Asked, of_target, scored, spread
from agentmem_evaluators._unlearning_report import headline, sections
from agentmem_evaluators._unlearning_stage import Shown, Stage
from agentmem_evaluators._unlearning_targets import targets
from agentmem_evaluators._unlearning_told import load

TALK = {
    "sample_id": "a",
    "conversation": {
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            {"speaker": "Ana", "dia_id": "D1:1", "text": "I adopted a spaniel and called him Barnaby."},
            {"speaker": "Ben", "dia_id": "D1:2", "text": "My job at the bakery on Elm Street is going well."},
            {"speaker": "Ana", "dia_id": "D1:3", "text": "My sister moved to a lighthouse near Porto."},
        ],
        "session_2_date_time": "2:00 pm on 3 June, 2023",
        "session_2": [
            {"speaker": "Ben", "dia_id": "D2:1", "text": "I painted a violet heron on the kitchen wall."},
            {"speaker": "Ana", "dia_id": "D2:2", "text": "We gave Barnaby a squeaking pineapple for his birthday."},
            {"speaker": "Ben", "dia_id": "D2:3", "text": "The choir sings on Thursday evenings at the chapel."},
        ],
    },
    "observation": {
        "session_1_observation": {
            "Ana": [
                ["Ana owns a spaniel whose name is Barnaby.", "D1:1"],
                ["Ana's sister lives in a lighthouse.", "D1:3"],
            ],
            "Ben": [["Ben works in a bakery.", "D1:2"]],
        },
        "session_2_observation": {
            "Ana": [["The spaniel got a squeaking pineapple.", "D2:2"], ["Nobody said so.", "D9:9"]],
            "Ben": [["Ben paints birds, and sings in a choir.", ["D2:1", "D2:3"]]],
        },
    },
    "session_summary": {
        "session_1_summary": "Ana adopted a spaniel, Barnaby. Ben works at the bakery on Elm Street.",
        "session_2_summary": "Ben painted a violet heron on the kitchen wall. Barnaby got a squeaking pineapple.",
        "session_7_summary": "There was no such session.",
    },
    "qa": [
        {"question": "What did Ana adopt?", "answer": "a spaniel", "evidence": ["D1:1"], "category": 4},
        {"question": "What did Barnaby get for his birthday?", "answer": "a squeaking pineapple", "evidence": ["D2:2"],
         "category": 4},
        {"question": "Where does Ben work?", "answer": "the bakery", "evidence": ["D1:2"], "category": 4},
        {"question": "What did Ben paint?", "answer": "a violet heron", "evidence": ["D2:1"], "category": 4},
        {"question": "When does the choir sing?", "answer": "Thursday evenings", "evidence": ["D2:3"], "category": 1},
        {"question": "Where did Ana's cat go?", "adversarial_answer": "Porto", "evidence": ["D1:3"], "category": 5},
    ],
}  # fmt: skip


def write(folder, document=TALK):
    path = folder / "talk.json"
    path.write_text(json.dumps([document]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return load(write(tmp_path_factory.mktemp("told")))[0]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return unlearning.run(write(tmp_path_factory.mktemp("run")), targets=1, embedder=HashEmbedder())


def named(told, kind, name):
    return next(t for t in targets(told.sample) if (t.kind, t.name) == (kind, name))


def origins(told, *ids):
    return {told.sample.origins[i] for i in ids}


# -- what is told ------------------------------------------------------------------------------------------------------


def test_observations_and_summaries_come_from_the_turns_that_they_name(told):
    """Facts have the turns named as evidence as sources, summaries all turns of their session; the rest is left out."""
    facts = {a.draft.text: a.sources for a in told.artefacts if a.draft.kind == "fact"}
    assert len(facts) == 5
    assert facts["Ana owns a spaniel whose name is Barnaby."] == origins(told, "D1:1")
    assert facts["Ben paints birds, and sings in a choir."] == origins(told, "D2:1", "D2:3")
    summaries = [a for a in told.artefacts if a.draft.kind == "summary"]
    assert [a.sources for a in summaries] == [
        origins(told, "D1:1", "D1:2", "D1:3"),
        origins(told, "D2:1", "D2:2", "D2:3"),
    ]
    assert summaries[0].draft.said_at == told.sample.drafts[0].said_at


def test_derived_texts_of_another_form_are_refused(tmp_path):
    """An observation that is no list of sentences with evidence is refused, with its place; no file is none."""
    broken = {**TALK, "observation": {"session_1_observation": {"Ana": ["a sentence"]}}}
    with pytest.raises(ImportRefusedError, match=r"sample a, observation > session_1_observation > Ana"):
        load(write(tmp_path, broken))
    with pytest.raises(NotFoundError):
        load(tmp_path / "none.json")


# -- ways to forget ----------------------------------------------------------------------------------------------------


def gone(told, condition, gold, vectors=None):
    vectors = np.eye(len(told.artefacts), dtype=np.float32) if vectors is None else vectors
    lost = conditions.gone(condition, told.artefacts, gold, vectors)
    return {a.draft.text[:14] for a in told.artefacts if a.origin in lost}


def test_each_way_to_forget_takes_what_it_says(told):
    """Turns alone, with the facts that come from them, with the touched summaries, everything, nothing."""
    gold = origins(told, "D1:1")
    assert gone(told, "none", gold) == gone(told, "null", gold) == set()
    assert gone(told, "turns_only", gold) == {"I adopted a sp"}
    assert gone(told, "facts", gold) == {"I adopted a sp", "Ana owns a spa"}
    assert gone(told, "summaries", gold) == {"I adopted a sp", "Ana owns a spa", "Ana adopted a "}
    assert len(gone(told, "nuke", gold)) == len(told.artefacts)
    with pytest.raises(KeyError):
        gone(told, "agentmem", gold)


def test_deleting_by_similarity_takes_what_lies_near_a_turn_that_goes(told):
    """What has a cosine above the threshold to a forgotten turn goes, related or not."""
    vectors = np.eye(len(told.artefacts), dtype=np.float32)
    vectors[1], vectors[2] = 0.8 * vectors[0] + 0.6 * vectors[1], 0.6 * vectors[0] + 0.8 * vectors[2]
    assert gone(told, "similarity", origins(told, "D1:1"), vectors) == {"I adopted a sp", "My job at the "}


def test_collateral_is_what_had_nothing_of_the_target(told):
    """Of what has nothing of the target, the share that went; of what was derived and went, what was not meant."""
    gold = origins(told, "D1:1")
    summary = next(a.origin for a in told.artefacts if a.draft.kind == "summary")
    other = next(iter(origins(told, "D2:1")))
    assert conditions.collateral(told.artefacts, gold, {*gold, summary}) == {
        "collateral": 0.0,
        "derived_collateral": pytest.approx(2 / 3),
    }
    assert conditions.collateral(told.artefacts, gold, {*gold, other}) == {"collateral": pytest.approx(1 / 10)}


# -- questions ---------------------------------------------------------------------------------------------------------


def test_questions_are_of_the_target_near_it_or_far(told):
    """Those whose evidence goes, those with evidence next to it, the others; never those without an answer."""
    target = named(told, "entity", "Barnaby")
    vectors = HashEmbedder()([a.draft.text for a in told.artefacts])
    asked = of_target(told, target, vectors)
    groups = {}
    for one in asked:
        groups.setdefault(one.group, []).append(one.text)
    assert groups["forgotten"] == ["What did Ana adopt?", "What did Barnaby get for his birthday?"]
    assert groups["near"] == ["Where does Ben work?", "What did Ben paint?", "When does the choir sing?"]
    assert "far" not in groups
    assert len(groups["verbatim"]) == 2
    assert len(of_target(told, target, vectors, most=1)) == 3


def test_a_leak_is_told_by_lineage_and_by_the_words_of_the_answer():
    """Provenance looks at where a memory comes from, the answer at its words; evidence counts for what must stay."""
    asked = Asked("forgotten", "q", "What?", "a squeaking pineapple", frozenset("x"))
    other = Shown("They squeaked at a pineapple.", frozenset("y"), 1.0)
    assert scored(asked, frozenset("x"), [other]) == {"leak_provenance@10": 0.0, "leak_answer": 1.0}
    its = Shown("A toy.", frozenset("xy"), 1.0)
    assert scored(asked, frozenset("x"), [its]) == {"leak_provenance@10": 1.0, "leak_answer": 0.0}
    assert scored(asked, frozenset("x"), []) == {"leak_provenance@10": 0.0, "leak_answer": 0.0}
    assert scored(asked._replace(answer="the"), frozenset("x"), [its]) == {"leak_provenance@10": 1.0}
    assert scored(asked._replace(group="near"), frozenset(), [its]) == {"found": 1.0, "found_near": 1.0}
    assert scored(asked._replace(group="far"), frozenset(), [other]) == {"found": 0.0, "found_far": 0.0}
    assert scored(asked._replace(group="verbatim"), frozenset("x"), [its]) == {}


def test_a_sample_is_spread_evenly_and_the_same_each_time():
    """First and last are in it, and fewer stay as they are."""
    assert spread(list(range(11)), 3) == [0, 5, 10]
    assert spread([1, 2], 3) == [1, 2]


# -- bytes and states --------------------------------------------------------------------------------------------------


def test_bytes_are_found_before_and_not_after_and_a_living_copy_is_none(told, tmp_path):
    """A turn betrays itself until it is erased; words that a living memory says too are no residue."""
    stage = Stage(told, HashEmbedder(), None, tmp_path)
    lost = [m for m in stage.before.values() if m.text.startswith("We gave Barnaby")]
    trace = Trace(lost, [], [], stage.own)
    assert trace.left(stage.base).bytes > 100
    assert all(word in stage.own for word in (b"rewritten", b"response_metadata", b"Tully"))
    assert b"Zuul" not in stage.own
    with stage.copied() as root:
        with stage.open(root) as space:
            space.forget([m.id for m in lost])
            living = list(space.memories(vectors=True))
        assert Trace(lost, [], living, stage.own).left(root) == (0, ())
        (root / "copy.txt").write_text("... We gave Barnaby a squeaking pineapple for his birthday. ...")
        assert Trace(lost, [], living, stage.own).left(root).where[0] == "text in copy.txt"
    with stage.open(tmp_path / "twice") as space:
        space.remember([lost[0].text, lost[0].text])
        one, other = space.memories(vectors=True)
        space.forget(one.id)
    assert Trace([one], [], [other], stage.own).left(tmp_path / "twice") == (0, ())


def test_a_thread_keeps_what_was_said_in_every_later_state(tmp_path):
    """Three states a turn; what the first of three turns said is in all but the one before it was said."""
    turns = [Draft(f"sentence number {n} of three", speaker="Ana") for n in range(3)]
    converse(tmp_path / "threads.db", "t", turns)
    assert holding(tmp_path / "threads.db", ["number 0 of three"]) == (9, 9)
    assert holding(tmp_path / "threads.db", ["number 2 of three"]) == (3, 9)
    assert holding(tmp_path / "threads.db", ["something else"]) == (0, 9)


# -- the whole ---------------------------------------------------------------------------------------------------------


def test_a_name_is_gone_with_what_came_of_it_and_nothing_else(report):
    """Ours leaks nothing, keeps all else and cannot be told from the rebuild; others leak or lose."""
    figures = report.figures
    assert figures["failures"] == []
    assert figures["blind"] == []
    of = figures["metrics"]["entity"]
    assert {c: of[c]["leak_provenance@10"] for c in of} == {
        "agentmem": 0.0, "none": 1.0, "turns_only": 1.0, "facts": 1.0, "summaries": 0.0, "similarity": 1.0,
        "rebuild": 0.0, "nuke": 0.0, "null": 0.0,
    }  # fmt: skip
    assert of["none"]["leak_answer"] == of["turns_only"]["leak_answer"] == 1.0
    assert of["agentmem"]["leak_answer"] == of["agentmem"]["excess_leak"] == of["agentmem"]["excess_leak_dropped"] == 0
    assert of["agentmem"]["retain_ratio"] == of["agentmem"]["retain_ratio_near"] == 1.0
    assert of["agentmem"]["collateral"] == 0.0
    assert of["nuke"]["retain_ratio"] == of["null"]["retain_ratio"] == 0.0
    assert of["nuke"]["collateral"] == 1.0
    assert "collateral" not in of["null"]
    assert of["summaries"]["derived_collateral"] == pytest.approx((0 + 0 + 2 / 3 + 2 / 3) / 4)


def test_every_kind_of_target_is_as_in_the_rebuild(report):
    """Names, topics, sessions, months and speakers: no leak beyond the rebuild, the very same replies."""
    metrics = report.figures["metrics"]
    for kind in ("entity", "topic", "thread", "time", "speaker"):
        assert metrics[kind]["agentmem"]["leak_provenance@10"] == 0.0
        assert metrics[kind]["agentmem"]["excess_leak"] == 0.0
        assert metrics[kind]["agentmem"]["retain_ratio"] in (1.0, None)
    assert report.figures["n"]["targets"] == dict.fromkeys(("entity", "topic", "thread", "time", "speaker"), 1)
    assert report.figures["controls"]["same_replies"] == 1.0
    assert metrics["adversary_advantage"] == 0.0
    assert report.figures["baselines"]["adversary_advantage"]["turns_only"] > 0.2


def test_bytes_states_and_what_is_told_again_are_measured_against_before(report):
    """Nothing is left where much was before; what is told again stays out more often with the guard than without."""
    metrics, controls = report.figures["metrics"], report.figures["controls"]
    assert metrics["residue_bytes"] == 0
    assert controls["residue"]["before_forgetting"] > 1000
    assert controls["residue"]["nothing_found_before"] == 0
    assert metrics["checkpoint_leak"] == 0.0
    assert controls["checkpoints"]["leak_before"] > 0.5
    assert metrics["resurrection_rate"] < controls["resurrection"]["unguarded"] == 1.0
    assert metrics["seconds"] > 0
    assert metrics["resolver"]["entity"]["recall"] == 1.0


def test_the_figures_are_json_and_make_the_same_page_again(report):
    """What is written is read back to the same sections, and the README takes its table from it."""
    figures = json.loads(report.json())
    assert list(figures)[:2] == ["benchmark", "commit"]
    assert set(figures["metrics"]["entity"]) == set(conditions.CONDITIONS)
    assert [s.title for s in sections(figures)] == [s.title for s in report.sections]
    table = headline(figures)
    assert table.rows[0][0] == "agentmem"
    assert table.rows[0][1:] == ("0.0", "0.0", "0.0", "0.0", "0.0", "0.0", "100.0", "0.0")
    assert _results.PAGES["unlearning"](figures) == table
    assert "| **agentmem** |" in table_markdown(table)
    assert "<svg" in report.html()


def test_the_scripts_forget_the_target_and_then_ask(tmp_path):
    """A case tells the conversation, forgets the turns of one target and asks what has an answer."""
    evaluator = registry.make_evaluator("unlearning", {"data": str(write(tmp_path)), "targets": 1})
    case = next(iter(evaluator.cases()))
    assert case.name == "a/entity/Barnaby"
    forget = next(step for step in case.steps if isinstance(step, Forget))
    assert len(forget.origins) == 2
    assert sum(isinstance(step, Ask) for step in case.steps) == 5
    with pytest.raises(InputError, match="needs its data"):
        registry.make_evaluator("unlearning", {})


def test_settings_that_make_no_sense_are_refused(tmp_path):
    """No targets, cross-validation, a conversation that no question is about: each says what to do."""
    path = write(tmp_path)
    with pytest.raises(InputError, match="at least 1 target"):
        unlearning.run(path, targets=0)
    with pytest.raises(InputError, match="trains nothing"):
        unlearning.run(path, cross_validate=True)
    with pytest.raises(InputError, match=r"no question in .* is about"):
        unlearning.run(write(tmp_path, {**TALK, "qa": []}))


def test_targets_is_an_option_of_this_evaluator_alone(tmp_path):
    """`--targets` is refused where an evaluator has none."""
    result = CliRunner().invoke(app, ["eval", "locomo", "--data", str(write(tmp_path)), "--targets", "3"])
    assert result.exit_code != 0
    assert "has no --targets" in result.output
