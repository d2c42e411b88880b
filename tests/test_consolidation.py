"""Consolidation: which fact is the newest, what is stale, and how answers are compared."""

from __future__ import annotations

import json
import re
import zlib
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

import agentmem
from agentmem.encoding.slots import read_slots
from agentmem.errors import ImportRefusedError, InputError, NotFoundError
from agentmem.evaluation.cases import Ask, Gold, Reply
from agentmem.evaluation.readers import ExtractiveReader
from agentmem.evaluation.subjects import Held
from agentmem.formats import factconsolidation
from agentmem.types import Draft
from agentmem_evaluators import consolidation
from agentmem_evaluators._fact_chain import FactChain
from agentmem_evaluators._slot_index import Fifo

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


def test_rare_words_tell_the_newest_fact():
    """A fact about another thing is not taken for the newest because it shares more common words."""
    facts = (
        "Zork DOS was developed by Zork Inc..",
        "The company that produced Zork TV is Zork Inc..",
        *(f"The company that produced Quill {n} is Quill Works." for n in range(9)),
    )
    assert consolidation.evidence(facts, "Who is the developer of Zork DOS?", ["Zork Inc."]) == ("0",)


CHAINED = (
    "Zork was written by Ana Reyes.",
    "Ana Reyes is married to Ben Okoro.",
    "Cora Lind is married to Dan Webb.",
    "Ben Okoro is a citizen of Norland.",
    "Dan Webb is a citizen of Ostia.",
    "Ana Reyes is married to Dan Webb.",
)


class Words:
    """An embedder of which cosine is the share of words in common."""

    name, dim = "words", 64

    def __call__(self, texts):
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in set(re.findall(r"[a-z]{4,}", text.lower())):
                row[zlib.crc32(word[:5].encode()) % self.dim] = 1
            row[0] += not row.any()
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_chain_goes_from_fact_to_fact_by_the_newest_value(tmp_path):
    """Two and three steps lead along what holds now; what names nothing known, or leads nowhere, is not answered."""
    with agentmem.open(tmp_path, embedder=Words()) as system:
        space = system.space("a")
        space.remember([Draft(text, origin=str(n)) for n, text in enumerate(CHAINED)])
        chain = FactChain(Held())
        asked = [
            chain.reply(space, Ask(question, Gold("1")))
            for question in (
                "Who is married to the one by whom Zork was written?",
                "Of what is the one a citizen who is married to the one by whom Zork was written?",
                "Who wrote Quill?",
            )
        ]
        assert (asked[0].answer, asked[0].ranking) == ("Dan Webb", ("5", "0"))
        assert (asked[1].answer, asked[1].ranking) == ("Ostia", ("4", "5", "0"))
        assert asked[2].abstained
        assert asked[2].ranking == ()


def test_the_last_ones_look_at_no_question(space):
    """The degenerate baseline recalls what came last, newest first, and reads as much of it as the others do."""
    space.remember([Draft(text, origin=str(n)) for n, text in enumerate(FACTS)])
    reply = Fifo(ExtractiveReader(0.0), Held(), k=2, context=1).reply(
        space, Ask("Where was Ana Reyes born?", Gold("1"))
    )
    assert reply.ranking == ("4", "3")
    assert "Lima" not in reply.answer


def test_the_newest_comes_first_whatever_the_relation(space, clock):
    """No rule reads this verb: of what repeats the question the newest is first, also where one value goes on."""
    told = (
        "Norland United flies the banner of a heron.",
        "Norland City flies the banner of a fox.",
        "Norland United flies the banner of a heron cub.",
        "Norland United Juniors flies the banner of a mole.",
    )
    for text in told:
        space.remember(text)
        clock.advance(timedelta(days=1))
    texts = [e.memory.text for e in space.recall("Which banner does Norland United fly?", 4).evidence]
    assert texts[0] == told[2]
    assert not any(read_slots(text) for text in told)


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
    assert set(figures["baselines"]) == {"slots", "chain", "dense", "bm25", "fifo"}
    assert figures["baselines"]["chain"]["sh_tiny"]["newest_top1"] == 1
    assert figures["metrics"]["sh_tiny"]["newest_top1"] == 1
    assert figures["metrics"]["sh_tiny"]["stale_above"] == 0
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
