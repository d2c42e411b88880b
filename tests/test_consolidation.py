"""Consolidation: which fact is the newest, what is stale, and how answers are compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentmem.errors import ImportRefusedError, InputError, NotFoundError
from agentmem.evaluation.cases import Ask, Gold, Reply
from agentmem.formats import factconsolidation
from agentmem_evaluators import consolidation

FACTS = (
    "Ana Reyes was born in the city of Porto.",
    "Ben Okoro was born in the city of Lima.",
    "The capital of Norland is Vik.",
    "Ana Reyes was born in the city of Lima.",
    "The capital of Norland is Osby.",
)
ROW = {
    "context": "Here is a list of facts:\n" + "\n".join(f"{n}. {fact}" for n, fact in enumerate(FACTS)),
    "questions": ["Which city was Ana Reyes born in?", "What is the capital of Norland?"],
    "answers": [["Lima"], ["Osby"]],
    "metadata": {"source": "factconsolidation_sh_tiny", "demo": None},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "facts.json"
    written.write_text(json.dumps([ROW]))
    return written


def test_the_newest_and_the_stale() -> None:
    """The newest fact ends on the answer and is about what was asked; stale is what it contradicts."""
    assert consolidation.evidence(FACTS, "Which city was Ana Reyes born in?", ["Lima"]) == ("3", "0")
    assert consolidation.evidence(FACTS, "Which city was Ben Okoro born in?", ["Lima"]) == ("1",)
    assert consolidation.evidence(FACTS, "Who wrote it?", ["Nobody"]) == ()


@pytest.mark.parametrize(
    ("ranking", "top1", "above"),
    [(("3", "0"), 1, 0), (("0", "3"), 0, 1), (("1", "3"), 0, 0), (("0",), 0, 1), ((), 0, 0)],
)
def test_stale_above_new(ranking: tuple[str, ...], top1: float, above: float) -> None:
    """A stale fact counts where it comes before the newest, also where the newest does not come at all."""
    ask = Ask("?", Gold("1", "Lima", ("3", "0"), {"sample": "sh"}))
    values = consolidation.Consolidation(()).score(ask, Reply(ranking, "In the city of lima!")).values
    assert (values["newest_top1"], values["stale_above"], values["substring_em"]) == (top1, above, 1)


def test_a_run_end_to_end(file: Path) -> None:
    """The slot reference answers with the newest facts; figures have the promised shape; nothing broke."""
    figures = json.loads(consolidation.run(file, ks=(2,), embedder="hash").json())
    assert figures["failures"] == []
    assert figures["n"] == {"sh_tiny": {"substring_em": 2, "newest_top1": 2, "stale_above": 2}}
    slots = figures["baselines"]["slots"]["sh_tiny"]
    assert slots == {"newest_top1": 1, "newest@2": 1, "stale_above": 0, "substring_em": 1}
    assert set(figures["baselines"]) == {"slots", "dense", "bm25"}
    assert figures["ci"]["sh_tiny"].keys() == figures["metrics"]["sh_tiny"].keys()


def test_most_questions_of_the_data_have_a_newest_fact(data: Path) -> None:
    """In the single-hop lists nearly every question is tied to a fact, and multi-hop ones are left without."""
    for sample in factconsolidation.load(data / "factconsolidation" / "factconsolidation_dev.json"):
        asks = [step for step in consolidation.case_of(sample).steps if isinstance(step, Ask)]
        known = sum(bool(ask.gold.evidence) for ask in asks)
        assert len(asks) == 100
        assert known >= 95 if sample.name.startswith("sh") else known == 0


@pytest.mark.parametrize("change", [{"context": "no facts"}, {"answers": []}, {"questions": None}])
def test_data_that_is_none_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """A list without numbered facts or with unequal questions and answers is refused, and a missing file is named."""
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps([{**ROW, **change}]))
    with pytest.raises(ImportRefusedError, match=r"bad\.json"):
        factconsolidation.load(bad)
    with pytest.raises(NotFoundError, match=r"gone\.json"):
        factconsolidation.load(tmp_path / "gone.json")


def test_settings_that_make_no_sense(file: Path) -> None:
    """Training, no k, and no data are refused."""
    with pytest.raises(InputError, match="trains nothing"):
        consolidation.run(file, cross_validate=True)
    with pytest.raises(InputError, match="from 1 on"):
        consolidation.run(file, ks=(0,))
    with pytest.raises(InputError, match="needs its data"):
        consolidation.make({})
