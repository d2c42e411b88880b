"""Training the weights of recall: it learns what is there, always the same, and judges itself on what it never saw."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agentmem.encoding.features import TEXT_FEATURES
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.errors import InputError
from agentmem.formats import locomo
from agentmem.recall import train
from agentmem.recall.fusion import Weights
from agentmem.recall.labelled import Problem, collect, foreign
from agentmem.recall.signals import SIGNALS, Candidates

TALK = {
    "one": (
        "Ann",
        "Bob",
        ["I adopted a grey cat in May", "My brother moved to Oslo", "I paint small boats on Sundays"],
    ),
    "two": (
        "Cleo",
        "Dan",
        ["I broke my ankle while skiing", "We planted two apple trees", "I teach physics to children"],
    ),
    "three": ("Eve", "Finn", ["I bought a red bicycle", "My sister sings in a choir", "I bake bread every morning"]),
}


def conversation(name: str) -> dict:
    first, second, facts = TALK[name]
    turns = []
    for number, fact in enumerate(facts):
        turns += [
            {"speaker": second, "dia_id": f"D1:{2 * number + 1}", "text": "How nice! And what about you?"},
            {"speaker": first, "dia_id": f"D1:{2 * number + 2}", "text": fact},
        ]
    asked = [
        {"question": f"What is it with {first} and {' '.join(fact.split()[-2:])}?", "answer": fact, "category": 4}
        | {"evidence": [f"D1:{2 * number + 2}"]}
        for number, fact in enumerate(facts)
    ]
    trap = {"question": f"Why did {second} go {facts[0].split()[-1]}?", "adversarial_answer": "x", "category": 5}
    talk = {
        "speaker_a": first,
        "speaker_b": second,
        "session_1": turns,
        "session_1_date_time": "1:00 pm on 8 May, 2023",
    }
    return {"sample_id": name, "conversation": talk, "qa": [*asked, trap | {"evidence": ["D1:2"]}]}


@pytest.fixture
def data(tmp_path) -> Path:
    path = tmp_path / "talk.json"
    path.write_text(json.dumps([conversation(name) for name in TALK]))
    return path


def problem(signal: int, *, seed: int, conversation: str = "a", category: int = 4) -> Problem:
    """Twenty candidates, one of them evidence; only the named signal tells which."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(20, len(SIGNALS))).astype(np.float32)
    gold = np.zeros(20, bool)
    gold[rng.integers(20)] = True
    x[gold, signal] += 4
    nan = np.full(20, np.nan)
    columns = Candidates(
        n=20,
        dense=rng.random(20).astype(np.float32) * (0.2 if category == 5 else 1),
        counts=np.zeros((20, 0), np.float32),
        idf=np.zeros(0, np.float32),
        lengths=np.ones(20, np.float32),
        mean_length=1.0,
        previous=np.full(20, -1),
        following=np.full(20, -1),
        thread=np.zeros(20, np.int64),
        said_at=nan,
        event_from=nan,
        event_to=nan,
        features=np.zeros((20, len(TEXT_FEATURES)), np.float32),
        named=np.full(20, 0.5, np.float32),
    )
    return Problem(conversation, category, False, columns, x, gold, 1)


def test_learns_the_signal_that_tells() -> None:
    """The signal that marks the evidence gets by far the largest weight."""
    values = np.array(train.fit_ranking([problem(3, seed=i) for i in range(60)], l2=1.0))
    assert values.argmax() == 3
    assert values[3] > 4 * np.abs(np.delete(values, 3)).max()


def test_weights_are_the_same_each_time() -> None:
    """The same problems give the same weights, bit for bit."""
    problems = [problem(1, seed=i, category=4 + i % 2) for i in range(30)]
    assert train.fit(problems) == train.fit(problems)


def test_weights_minimise_the_loss() -> None:
    """Nowhere near the weights found is the listwise loss lower: the slope that guided the search is right."""
    problems = [problem(2, seed=i) for i in range(20)]
    double = replace(problems[0], relevant=np.arange(20) < 3, total=3)
    problems.append(double)
    x = np.concatenate([p.signals for p in problems]).astype(float)
    scale = x.std(0)
    best = np.array(train.fit_ranking(problems, l2=5.0)) * scale

    def loss(w: np.ndarray) -> float:
        total = 5.0 / 2 * w @ w
        for p in problems:
            scores = p.signals.astype(float) / scale @ w
            rest = np.exp(scores[~p.relevant]).sum()
            won = np.log(1 + rest / np.exp(scores[p.relevant]))
            total += won.sum() / np.sqrt(p.relevant.sum())
        return float(total)

    rng = np.random.default_rng(1)
    for _ in range(20):
        assert loss(best) < loss(best + 0.05 * rng.normal(size=len(best)))


def test_nothing_to_learn_is_said() -> None:
    """Labelled questions without any evidence that was found are refused with what to check."""
    blank = replace(problem(0, seed=0), relevant=np.zeros(20, bool), total=0)
    with pytest.raises(InputError, match="nothing to learn"):
        train.fit([blank])


def test_confidence_learns_what_an_unanswerable_question_looks_like() -> None:
    """Questions whose best match is poor get low confidence, and their share sets the level."""
    problems = [problem(0, seed=i, category=5 if i % 4 == 0 else 4) for i in range(200)]
    weights = train.fit(problems)
    sure = np.array([weights.confidence(row) for row in train.marked(problems, weights.values)])
    answerable = np.array([p.answerable for p in problems])
    assert train.auc(sure[answerable], sure[~answerable]) > 0.95
    assert sure.mean() == pytest.approx(0.75, abs=0.02)


def test_all_answerable_is_certain() -> None:
    """Where no question without an answer was seen, nothing teaches doubt."""
    weights = train.fit([problem(0, seed=i) for i in range(10)])
    assert weights.confidence(np.zeros(len(weights.confidence.values))) > 0.999


def test_importance_of_the_sorts() -> None:
    """A quarter of the weight lies on unanswerable questions, half of it on each sort, however many there are."""
    problems = [problem(0, seed=i) for i in range(6)]
    problems += [problem(0, seed=i, category=5) for i in range(3)]
    problems += [replace(problem(0, seed=9), foreign=True)]
    weight = train.importance(problems)
    assert weight.mean() == pytest.approx(1)
    assert weight[:6].sum() == pytest.approx(7.5)
    assert weight[6:9].sum() == pytest.approx(1.25)
    assert weight[9] == pytest.approx(1.25)


def test_figures_by_hand() -> None:
    """AUC counts won pairs, ties half; the calibration error is the gap within bins."""
    assert train.auc(np.array([0.9, 0.5]), np.array([0.5, 0.1])) == pytest.approx(3.5 / 4)
    sure, truth = np.array([0.95, 0.95, 0.25]), np.array([1.0, 0.0, 0.0])
    assert train.calibration_error(sure, truth, np.ones(3)) == pytest.approx((0.9 + 0.25) / 3)


def test_judges_only_what_it_never_saw(monkeypatch) -> None:
    """Each conversation is judged by weights that were trained without it."""
    seen = []
    fit = train.fit
    monkeypatch.setattr(train, "fit", lambda problems: seen.append({p.conversation for p in problems}) or fit(problems))
    problems = [problem(4, seed=i, conversation="abc"[i % 3], category=4 + (i % 5 == 0)) for i in range(45)]
    figures = train.cross_validate(problems)
    assert seen == [{"b", "c"}, {"a", "c"}, {"a", "b"}]
    assert figures["recall@5 1-4"] > 0.9
    assert figures["recall@20 1-4"] == 1
    assert set(figures) >= {"recall@10 4", "recall@10 5", "recall@50 a", "confidence auc 5", "confidence ece"}


def test_collects_what_the_engine_would_rank(data) -> None:
    """A conversation becomes problems: its own questions with their evidence, and those of strangers without any."""
    samples = locomo.load(data)
    strangers = foreign(samples, samples[0])
    problems = collect(samples[0], HashEmbedder(), strangers)
    assert len(problems) == 4 + len(strangers)
    assert [p.answerable for p in problems] == [True] * 3 + [False] * (1 + len(strangers))
    assert [int(p.relevant.sum()) for p in problems[:3]] == [1, 1, 1]
    assert all(p.signals.shape == (p.candidates.n, len(SIGNALS)) for p in problems)
    assert not any(p.relevant.any() or p.ranks for p in problems[4:])


def test_strangers_questions_bear_our_names(data) -> None:
    """Questions of other conversations are asked with the names of this one, and never with its own questions."""
    samples = locomo.load(data)
    asked = foreign(samples, samples[0])
    assert len(asked) == 6
    assert "What is it with Ann and while skiing?" in asked
    assert not any("Cleo" in question or "boats" in question for question in asked)


def test_tune_writes_weights_that_load(data, tmp_path) -> None:
    """The whole of tune: reports its progress, writes a file, and the file says what it was trained on."""
    steps = []
    figures = train.tune(data, tmp_path / "w.json", embedder=HashEmbedder(), progress=lambda *step: steps.append(step))
    weights = Weights.load(tmp_path / "w.json")
    assert set(weights.info["trained_on"]) == set(TALK)
    assert weights.info["n_questions"] == 9
    assert weights.info["cross_validated"] == figures
    assert figures["recall@10 1-4"] == 1
    assert steps[0] == ("reading conversations", 0, 3)
    assert steps[-1] == ("cross-validating", 3, 3)


def test_tune_needs_two_conversations(data, tmp_path) -> None:
    """Weights that nothing can check are not made, and no file is written."""
    one = json.loads(data.read_text())[:1]
    data.write_text(json.dumps(one))
    with pytest.raises(InputError, match="at least two"):
        train.tune(data, tmp_path / "w.json", embedder=HashEmbedder())
    assert not (tmp_path / "w.json").exists()


@pytest.mark.slow
def test_recall_holds_its_figures_on_conversations_it_never_saw(tmp_path) -> None:
    """Evidence recall, cross-validated by conversation, stays above what was promised; so does the confidence."""
    folder = os.environ.get("AGENTMEM_DATA")
    data = Path(folder or "") / "locomo" / "locomo_dev.json"
    if not folder or not data.exists():
        pytest.skip("AGENTMEM_DATA names no folder with locomo/locomo_dev.json")
    figures = train.tune(data, tmp_path / "w.json", embedder="default")
    assert figures["recall@10 1-4"] >= 0.82
    assert figures["recall@20 1-4"] >= 0.86
    assert figures["confidence auc 5"] >= 0.84
    assert figures["confidence abstains 5"] >= 0.6
    assert figures["confidence abstains 4"] <= 0.12
    assert figures["confidence ece"] <= 0.05
