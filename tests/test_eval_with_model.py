"""`agentmem eval locomo --model ...` over real HTTP: asked once, kept on disk, resumed, and broken answers recorded."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from agentmem.cli import app
from agentmem.testing.stub_openai import Status, StubOpenAI

CONVERSATION = [
    {
        "sample_id": "tiny",
        "conversation": {
            "speaker_a": "Ana",
            "speaker_b": "Bo",
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [
                {"speaker": "Ana", "dia_id": "D1:1", "text": "I adopted a cat called Miso last Friday."},
                {"speaker": "Bo", "dia_id": "D1:2", "text": "Lovely! I am learning the cello."},
            ],
        },
        "qa": [
            {"question": "What is Ana's cat called?", "answer": "Miso", "evidence": ["D1:1"], "category": 4},
            {"question": "What is Bo learning?", "answer": "the cello", "evidence": ["D1:2"], "category": 4},
        ],
    }
]


@pytest.fixture
def evaluate(tmp_path, monkeypatch):
    """Run the evaluation of the tiny conversation with a stub model; return its figures."""
    pytest.importorskip("langchain_openai", reason="the extra `openai` is not installed, so this was NOT tested")
    monkeypatch.setenv("AGENTMEM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    data, out = tmp_path / "tiny.json", tmp_path / "out.json"
    data.write_text(json.dumps(CONVERSATION))

    def run(stub):
        monkeypatch.setenv("OPENAI_BASE_URL", stub.url)
        arguments = ["eval", "locomo", "--data", str(data), "--embedder", "hash", "--model", "openai:stub"]
        done = CliRunner().invoke(app, [*arguments, "--json", str(out)])
        assert done.exit_code == 0, done.output
        return json.loads(out.read_text())

    return run


def test_a_model_answers_and_a_second_run_asks_nothing(evaluate):
    """Answers come from the model at temperature 0, are scored officially, and are taken from disk the next time."""
    with StubOpenAI("Miso") as stub:
        first = evaluate(stub)
        asked = len(stub.requests)
        again = evaluate(stub)
        assert asked > 0
        assert len(stub.requests) == asked
        assert all(request["temperature"] == 0 for request in stub.requests)
        prompts = " ".join(m["content"] for r in stub.requests for m in r["messages"])
    assert "I adopted a cat called Miso last Friday." in prompts
    assert first["f1"]["4"] == again["f1"]["4"] == 0.5
    assert "openai:stub" in first["command"]


def test_answers_lost_to_errors_are_recorded_and_not_scored(evaluate):
    """A model that refuses does not stop the run, counts as no zero, and is asked again the next time."""
    with StubOpenAI(Status(400, "no")) as stub:
        broken = evaluate(stub)
    assert broken["failures"]["questions"] > 0
    assert broken["f1"]["4"] is None
    with StubOpenAI("the cello") as stub:
        mended = evaluate(stub)
    assert mended["failures"]["questions"] == 0
    assert mended["f1"]["4"] == 0.5
