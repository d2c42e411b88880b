"""Event order: pairs from dialogues with gold order from dates, answered by dates, without any, and by a model."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from agentmem import registry
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.errors import ImportRefusedError, InputError
from agentmem.evaluation.cases import Ask, Gold, Reply
from agentmem.evaluation.readers import ChatReader, ExtractiveReader
from agentmem_evaluators import _order_pairs, order
from agentmem_evaluators import _unlearning_told as told
from agentmem_evaluators._order_answerers import letter, things

SAID = {
    1: (
        "9:00 am on 1 March, 2025",
        "I signed the lease for the boat shed by the river.",
        "Is the shed large enough for two boats?",
    ),
    2: (
        "9:00 am on 5 April, 2025",
        "The cedar planks arrived this morning on a lorry.",
        "My sister's wedding is in the old lighthouse.",
    ),
    3: (
        "9:00 am on 9 May, 2025",
        "We varnished the hull twice and it shines now.",
        "I dropped my phone into the harbour yesterday.",
    ),
    4: (
        "9:00 am on 2 July, 2025",
        "The canoe is finished and is called Heron now.",
        "My cello teacher moved to Lisbon for good.",
    ),
}
FACTS = {
    "D1:1": "Ines rents a boat shed.",
    "D2:1": "The wood was delivered by lorry.",
    "D3:2": "Tomas lost his phone in the harbour.",
    "D4:1": "The canoe's name is Heron.",
}


def sample(**without):
    conversation, observation = {}, {}
    for number, (moment, *texts) in SAID.items():
        names = [f"D{number}:{place}" for place in (1, 2)]
        conversation[f"session_{number}_date_time"] = moment
        conversation[f"session_{number}"] = [
            {"speaker": who, "dia_id": name, "text": text}
            for who, name, text in zip(("Ines", "Tomas"), names, texts, strict=True)
        ]
        observation[f"session_{number}_observation"] = {"Ines": [[FACTS[n], n] for n in names if n in FACTS]}
    whole = {"sample_id": "boat", "conversation": conversation, "observation": observation, "qa": []}
    return {key: value for key, value in whole.items() if key not in without}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "boat.json"
    path.write_text(json.dumps([sample()]))
    return path


def test_things_are_statements_that_can_be_told_apart(file):
    """A question, a short line and what is said twice are no things; a fact stands where its turn does."""
    (one,) = told.load(file)
    assert [t.text for t in _order_pairs.turns(one.sample)] == [
        text for moment, *texts in SAID.values() for text in texts if not text.endswith("?")
    ]
    assert [(t.text, t.place) for t in _order_pairs.facts(one)] == [
        (FACTS["D1:1"], (0, 0)),
        (FACTS["D2:1"], (1, 2)),
        (FACTS["D3:2"], (2, 5)),
        (FACTS["D4:1"], (3, 6)),
    ]


def test_the_gold_is_the_order_of_the_dates_in_every_bin(file):
    """Whatever is drawn, the letter is that of the earlier turn, and the bin tells the sessions between."""
    evaluator = registry.make_evaluator("order", {"data": file, "pairs": 50})
    (case,) = evaluator.cases()
    moments = {d.origin: (d.said_at, d.position) for d in told.load(file)[0].sample.drafts}
    sessions = sorted({moment for moment, _ in moments.values()})
    asks = [step for step in case.steps if isinstance(step, Ask)]
    assert {ask.gold.labels["apart"] for ask in asks} == {"0", "1", "2-4"}
    assert {ask.gold.answer for ask in asks} == {"a", "b"}
    for ask in asks:
        a, b = (moments[origin] for origin in ask.gold.evidence)
        assert ask.gold.answer == ("a" if a < b else "b")
        least, most = _order_pairs.BINS[ask.gold.labels["apart"]]
        assert least <= abs(sessions.index(a[0]) - sessions.index(b[0])) <= most


def test_sessions_that_stand_in_another_order_than_their_dates_are_ordered_by_date(tmp_path):
    """The file's order is no gold: session 1 of July comes after session 4 of March."""
    turned = sample()
    dates = [moment for moment, *_ in SAID.values()]
    for number, moment in zip(SAID, reversed(dates), strict=True):
        turned["conversation"][f"session_{number}_date_time"] = moment
    path = tmp_path / "turned.json"
    path.write_text(json.dumps([turned]))
    (case,) = order.make({"data": path}).cases()
    said = {d.origin: d.said_at for d in told.load(path)[0].sample.drafts}
    apart = [s for s in case.steps if isinstance(s, Ask) and s.gold.labels["apart"] != "0"]
    assert apart
    assert all((said[s.gold.evidence[0]] < said[s.gold.evidence[1]]) == (s.gold.answer == "a") for s in apart)


def test_dates_answer_what_is_found_and_likeness_does_not(file):
    """Verbatim BM25 with dates finds every turn, so all is right; the oracle always is; each figure has an interval."""
    figures = order.run(file, embedder="hash", pairs=50).figures
    assert figures["baselines"]["bm25+dates"]["verbatim"]["all"] == 1.0
    assert figures["baselines"]["oracle"]["other words"]["all"] == 1.0
    assert figures["found"]["bm25+dates"]["verbatim"]["all"] == 1.0
    assert figures["baselines"]["bm25"]["verbatim"]["all"] < 1.0
    assert figures["n"]["other words"] == {"1": 3, "all": 6, "2-4": 3}
    assert figures["n_questions"] == sum(of["all"] for of in figures["n"].values())
    low, high = figures["ci"]["verbatim"]["all"]
    assert low <= figures["metrics"]["verbatim"]["all"] <= high
    assert figures["failures"] == []


def test_a_file_without_facts_is_asked_verbatim_only(tmp_path):
    """Without observations there is nothing in other words, and the page says so."""
    path = tmp_path / "bare.json"
    path.write_text(json.dumps([sample(observation=None)]))
    report = order.run(path, embedder="hash", pairs=3)
    assert report.figures["metrics"]["other words"] == {}
    assert "verbatim only" in report.markdown()
    assert order.sections(json.loads(report.json())) == list(report.sections)


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("a", "a"),
        ("(B)", "b"),
        ("Answer: b.", "b"),
        ("**a**", "a"),
        ("a or b", "?"),
        ("The first", "?"),
        ("", "?"),
        ("banana", "?"),
    ],
)
def test_only_a_letter_is_an_answer(said, read):
    """A model that says anything but one letter has not answered."""
    assert letter(said) == read


def test_a_model_reads_what_is_recalled_in_the_order_of_time(file):
    """The prompt holds dated memories of both things, or none; an unreadable answer is not right and is counted."""
    prompts = []

    def earlier(prompt):
        prompts.append(prompt)
        return "I cannot tell." if "(nothing)" in prompt else "a"

    report = order.run(file, embedder="hash", pairs=4, reader=ChatReader("scripted", earlier))
    figures = report.figures
    asked = figures["n_questions"]
    assert figures["unreadable"] == {"model": float(asked), "model+agentmem": 0.0}
    assert figures["baselines"]["model"]["verbatim"]["all"] == 0.0
    assert 0.0 < figures["baselines"]["model+agentmem"]["verbatim"]["all"] < 1.0
    dated = [p for p in prompts if "(nothing)" not in p]
    lines = [line for line in dated[0].splitlines() if "said," in line]
    moments = [
        datetime.strptime(line.partition(": ")[0], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC) for line in lines
    ]
    assert moments == sorted(moments)
    assert len(moments) >= 2
    assert "neither a nor b" in report.markdown()
    assert "--model scripted" in figures["command"]


def test_the_two_things_are_taken_out_of_the_question():
    """Their order is that of the question; a text that asks something else has none."""
    assert things(_order_pairs.QUESTION.format(a="One (b) two.", b="Three.")) == ("One (b) two.", "Three.")
    assert things("What is the time?") == ()


def test_scoring_knows_right_from_unreadable(file):
    """Nothing answered is wrong and not unreadable; a found pair counts only in its order."""
    evaluator = order.make({"data": file})
    ask = Ask("?", Gold("x", "b", ("t1", "t2"), {}))
    assert evaluator.score(ask, Reply(abstained=True)).values == {"right": 0.0, "unreadable": 0.0}
    assert evaluator.score(ask, Reply(("t1", "t2"), "b")).values == {"right": 1.0, "unreadable": 0.0, "found": 1.0}
    assert evaluator.score(ask, Reply(("t2", "t1"), "a")).values == {"right": 0.0, "unreadable": 0.0, "found": 0.0}


def test_settings_and_data_that_make_no_sense_are_refused(file, tmp_path):
    """No pairs, a reader that is no model, weights beside cross-validation, no data, another file."""
    with pytest.raises(InputError, match="at least one pair"):
        order.run(file, pairs=0, embedder=HashEmbedder())
    with pytest.raises(InputError, match="chat model"):
        order.run(file, reader=ExtractiveReader(), embedder="hash")
    with pytest.raises(InputError, match="leave --weights"):
        order.run(file, weights=tmp_path / "w.json", cross_validate=True, embedder="hash")
    with pytest.raises(InputError, match="needs its data"):
        order.make({})
    (tmp_path / "other.json").write_text('{"what": 1}')
    with pytest.raises(ImportRefusedError):
        order.run(tmp_path / "other.json", embedder="hash")
