"""Interference: streams of updates, what counts as right, and the published endurance scores."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmem.errors import ImportRefusedError, InputError, NotFoundError
from agentmem.evaluation.cases import Ask, Gold, Reply, Score
from agentmem.evaluation.readers import ChatReader
from agentmem.evaluation.replay import Outcome
from agentmem.formats import pi_llm
from agentmem.testing.stub_openai import StubOpenAI
from agentmem_evaluators import _interference_streams as streams
from agentmem_evaluators import interference
from agentmem_evaluators._interference_model import parse

VALUES = {
    key: [f"{key}{n} {word}" for n, word in enumerate(["ash", "oak", "elm", "fir", "yew", "bay"] * 5)] for key in "pqrs"
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / pi_llm.VALUES
    written.write_text(json.dumps(VALUES))
    return written


@given(st.integers(2, 6), st.integers(1, 9), st.integers(0, 99))
def test_interleaving_never_repeats_a_key(keys: int, count: int, seed: int) -> None:
    """Every key gets its updates in order, and none follows itself."""
    names = [f"k{n}" for n in range(keys)]
    placed = interference.interleaved(names, count, random.Random(seed))
    assert all(a[0] != b[0] for a, b in pairwise(placed))
    assert {name: [n for k, n in placed if k == name] for name in names} == {name: list(range(count)) for name in names}


def test_a_stream_asks_for_the_last_value(file: Path) -> None:
    """The gold of a key is its last update in the stream, whatever the order."""
    evaluator = interference.make({"data": file, "updates": [3], "keys": 4})
    for order in interference.ORDERS:
        case = evaluator.stream(order, 3)
        drafts = {d.origin: d for d in case.steps[0].drafts}
        assert len(drafts) == 12
        for ask in case.steps[1:]:
            key = ask.question.removeprefix("What is the current value of ").rstrip("?")
            said = [d for d in drafts.values() if d.text.startswith(f"{key}:")]
            newest = max(said, key=lambda d: d.said_at)
            assert (newest.origin,) == ask.gold.evidence
            assert newest.text == f"{key}: {ask.gold.answer}"


@pytest.mark.parametrize(
    ("ranking", "values"),
    [
        (("bird/2",), {"right": 1, "earlier": 0, "other": 0, "invented": 0, "nothing": 0}),
        (("bird/0", "bird/2"), {"right": 0, "earlier": 1, "other": 0, "invented": 0, "nothing": 0, "behind": 2}),
        (("tree/2",), {"right": 0, "earlier": 0, "other": 1, "invented": 0, "nothing": 0}),
        (("invented/0",), {"right": 0, "earlier": 0, "other": 0, "invented": 1, "nothing": 0}),
        ((), {"right": 0, "earlier": 0, "other": 0, "invented": 0, "nothing": 1}),
    ],
)
def test_only_the_first_memory_counts(ranking: tuple[str, ...], values: dict[str, float]) -> None:
    """An answer is right, an earlier value, another key's, or none."""
    evaluator = interference.Interference(VALUES)
    assert evaluator.score(Ask("?", Gold("1", "kea", ("bird/2",))), Reply(ranking)).values == values


def test_endurance_by_hand() -> None:
    """The score is the trapezoid over the logarithm of the updates."""
    assert interference.endurance({2: 1.0, 8: 0.5, 32: 0.0}) == pytest.approx(0.5)
    assert interference.endurance({2: 1.0, 400: 1.0}) == pytest.approx(1.0)
    assert interference.endurance({2: 1.0}) is None


def test_a_run_end_to_end(file: Path) -> None:
    """The slot reference finds every newest value; the figures have the promised shape; nothing broke."""
    report = interference.run(file, updates=(2, 12), keys=4, embedder="hash")
    figures = json.loads(report.json())
    assert figures["failures"] == []
    assert figures["baselines"]["slots"]["interleaved"] == {"2": 1.0, "12": 1.0}
    assert figures["baselines"]["slots"]["sequential"] == {"2": 1.0, "12": 1.0}
    assert figures["baselines"]["slots"]["ies"] == 1.0
    for of in (figures["metrics"], *figures["baselines"].values()):
        assert set(of) == {"interleaved", "sequential", "paraphrased", "ies", "value_length"}
        assert set(of["value_length"]["4"]) == {"1", "2", "3", "4", "6", "10", "16", "25"}
        assert 0 <= of["paraphrased"] <= 1
    assert figures["errors"]["dense"]["right"] < 1
    assert "not comparable" in report.markdown()
    assert "<svg" in report.html()


def test_variants_by_size(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams of fewer keys, the first of many keys, and long values are scored by their size."""
    monkeypatch.setattr(streams, "TRACKED_UPDATES", (5, 31))
    cases = {case.name: case for case in streams.variants(VALUES, 4, 0)}
    assert sum(name.startswith("value_length") for name in cases) == 2 * 8
    assert [n for n in cases if n.startswith("keys")] == ["keys-5-2", "keys-5-3", "keys_padded-5"]
    assert len(cases["keys-5-3"].steps[0].drafts) == 15
    places = [ask.gold.labels["size"] for ask in cases["keys_padded-5"].steps[1:]]
    assert places == ["1", "2", "3", "4"]
    (long,) = {len(d.text.split(": ")[1].split()) for d in cases["value_length-4-3"].steps[0].drafts}
    assert long == 2 * 3
    outcomes = [
        Outcome("c", "x", ask, Score({"right": float(n < 2)})) for n, ask in enumerate(cases["keys_padded-5"].steps[1:])
    ]
    assert interference.metrics(outcomes)["keys_padded"] == {
        "5": {"2": 1.0, "3": pytest.approx(2 / 3), "4": 0.5, **{str(n): 0.5 for n in streams.TRACKED if n > 4}}
    }


def secretary(prompt: str) -> str:
    """A model that remembers the first value it read of each key, and makes one up for the last key."""
    stream = prompt[prompt.index("next line.\n {") + 13 : prompt.index("}\n\nWhat are")]
    first: dict[str, str] = {}
    for part in stream.split("; "):
        key, value = part.split(": ")
        first.setdefault(key, value)
    *told, last = first
    lines = [f"The current value of {key} is {first[key].upper()}." for key in told]
    return "\n".join([*lines, f"The current value of {last} is nonsense."])


def test_a_model_is_asked_the_papers_prompt_and_with_recall(file: Path) -> None:
    """One call a stream; wrong answers are sorted; recalled memories take the stream's place."""
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return secretary(prompt)

    report = interference.run(
        file, updates=(3,), keys=3, variants=False, embedder="hash", reader=ChatReader("scripted", ask)
    )
    figures = json.loads(report.json())
    assert figures["failures"] == []
    assert len(prompts) == 4
    assert prompts[0].startswith("As my secretary, I need you to carefully read a text stream where")
    assert "continuously updated.The 3 keys to track include {" in prompts[0]
    assert prompts[0].endswith("End your response with: 'The current value of <key> is <value>.'")
    assert prompts[0].count(": ") >= 9
    model = figures["errors"]["model"]
    assert (model["right"], model["nothing"], model["other"]) == (0, 0, 0)
    assert (model["earlier"], model["invented"]) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert model["updates_behind"] == 2
    assert set(figures["baselines"]["model+agentmem"]["interleaved"]) == {"3"}
    assert figures["model"] == "scripted"
    assert "the model, whole stream" in report.markdown()


def test_answers_are_taken_apart() -> None:
    """Values end with the sentence; case, quotes and markup do not count; the last of several stands."""
    said = (
        "The current value of bird is great tit. The current value of fruit is '**Fig**'\n"
        "The current value of bird is Kea."
    )
    assert parse(said, ["bird", "fruit", "tree"]) == {"bird": "kea", "fruit": "fig"}


def test_a_model_over_http(file: Path) -> None:
    """The same through a chat model on a server."""
    from agentmem.agent.models import complete, open_model

    with StubOpenAI("Let me see. The current value of p is nothing I know. That is all.") as stub:
        model = open_model("openai:stub", temperature=0, base_url=stub.url, api_key="none")
        reader = ChatReader("openai:stub", lambda prompt: complete(model, prompt))
        report = interference.run(file, updates=(2,), keys=2, variants=False, embedder="hash", reader=reader)
    assert report.figures["failures"] == []
    assert len(stub.requests) == 4
    model_errors = report.figures["errors"]["model"]
    assert (model_errors["invented"], model_errors["nothing"]) == (0.5, 0.5)


def test_published_curves_give_published_endurance(data: Path) -> None:
    """The endurance of the published curves is what it was computed to be when they were read off."""
    curves = pi_llm.published(data / "pi_llm")
    assert curves is not None
    assert curves.updates == interference.UPDATES
    of = {
        name: interference.endurance(dict(zip(curves.updates, a, strict=True))) for name, a in curves.accuracy.items()
    }
    assert len(of) == 35
    assert max(of.values()) == pytest.approx(0.852, abs=0.0006)
    assert len(pi_llm.load(data / "pi_llm")) == 46


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("[]", ImportRefusedError),
        ('{"a": ["x", "y"]}', ImportRefusedError),
        ('{"a": ["x", "x"], "b": ["y", "z"]}', ImportRefusedError),
    ],
)
def test_data_that_is_none_is_refused(tmp_path: Path, content: str, error: type[Exception]) -> None:
    """What is no dictionary of distinct values is refused, and a missing file is named."""
    bad = tmp_path / "bad.json"
    bad.write_text(content)
    with pytest.raises(error, match=r"bad\.json"):
        pi_llm.load(bad)
    with pytest.raises(NotFoundError, match=r"gone\.json"):
        pi_llm.load(tmp_path / "gone.json")


def test_settings_that_make_no_sense(file: Path) -> None:
    """More updates than values, one key, or a model to read with are refused."""
    with pytest.raises(InputError, match="from 2 to 30"):
        interference.run(file, updates=(31,))
    with pytest.raises(InputError, match="keys=1"):
        interference.run(file, updates=(2,), keys=1)
    with pytest.raises(InputError, match="trains nothing"):
        interference.run(file, cross_validate=True)
    with pytest.raises(InputError, match="needs its data"):
        interference.make({})
