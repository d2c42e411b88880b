"""The LoCoMo format and evaluator, on two short conversations of our own and, where there is data, on a real one."""

from __future__ import annotations

import copy
import json
import shutil
from datetime import UTC, datetime

import pytest

from agentmem import registry
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.errors import ImportRefusedError, InputError, NotFoundError
from agentmem.evaluation.cases import Ask, Gold, Remember, Reply, Wait
from agentmem.evaluation.report import table_markdown
from agentmem.formats import locomo
from agentmem.types import Answer
from agentmem_evaluators import _locomo_weights
from agentmem_evaluators import locomo as evaluator
from agentmem_evaluators._locomo_report import headline, sections


def turn(name, speaker, text, caption=None):
    return {"speaker": speaker, "dia_id": name, "text": text} | ({"blip_caption": caption} if caption else {})


def question(text, answer, category, *evidence, **more):
    return {"question": text, "category": category, "evidence": list(evidence), "answer": answer} | more


SAMPLES = [
    {
        "sample_id": "harbour",
        "conversation": {
            "speaker_a": "Ines",
            "speaker_b": "Tomas",
            "session_1_date_time": "7:05 pm on 3 March, 2025",
            "session_1": [
                turn("D1:1", "Ines", "Hi Tomas! I signed the lease for the boat shed last Friday."),
                turn("D1:2", "Tomas", "Wonderful! What will you build there first?"),
                turn("D1:3", "Ines", "A cedar canoe, for my father. He taught me to row."),
                turn("D1:4", "Tomas", "I am still learning the cello, every morning before work."),
            ],
            "session_2_date_time": "12:30 am on 20 April, 2025",
            "session_2": [
                turn("D2:1", "Ines", "The canoe is finished. It is called Heron.", "a photo of a canoe on a lake"),
                turn("D2:2", "Tomas", "She is lovely. I have given up sugar, and I bake rye bread now."),
                turn("D2:3", "Ines", "Bread! I would rather eat your plum cake."),
            ],
            "session_3_date_time": "9:00 am on 1 June, 2025",
        },
        "qa": [
            question("What did Ines sign a lease for?", "the boat shed", 4, "D1:1"),
            question("When did Ines sign the lease?", "28 February 2025", 2, "D1:1"),
            question("What does Tomas do that is slow to learn or to make?", "cello, rye bread", 1, "D1:4; D2:2"),
            question("Would Ines enjoy a rowing holiday?", "Likely yes; she rows", 3, "D1:3", "D", "D:1:3", "D9:9"),
            question("What is the canoe called?", "Heron", 4, "D2:1", "D2:1"),
            question("In which year was the canoe finished?", 2025, 2, "D2:1"),
            question("Is Tomas a good cook?", "Yes", 3),
            {
                "question": "Why did Tomas sign a lease?",
                "category": 5,
                "evidence": ["D1:1"],
                "adversarial_answer": "the boat shed",
            },
        ],
    },
    {
        "sample_id": "orchard",
        "conversation": {
            "speaker_a": "Mbali",
            "speaker_b": "Olek",
            "session_1_date_time": "12:15 pm on 9 May, 2024",
            "session_1": [
                turn("D1:1", "Mbali", "We grafted eleven apple trees on Sunday."),
                turn("D1:2", "Olek", "My goats ate the last of mine!"),
            ],
            "session_2_date_time": "8:00 am on 2 September, 2024",
            "session_2": [
                turn("D2:1", "Mbali", "First harvest: forty kilos of russets."),
                turn("D2:2", "Olek", "Bring some; the cider press is mended."),
            ],
        },
        "qa": [
            question("How many apple trees did Mbali graft?", 11, 4, "D1:1"),
            question("What ate Olek's apple trees?", "goats", 4, "D1:2"),
            question("What did Olek mend?", "the cider press", 4, "D2:2"),
            question("How many goats does Mbali keep?", None, 5, "D1:2", adversarial_answer="one"),
        ],
    },
]


def third():
    """Another conversation, so that two are left when one is left out."""
    sample = copy.deepcopy(SAMPLES[1])
    for text in (*sample["conversation"]["session_1"], *sample["conversation"]["session_2"]):
        text["text"] = text["text"].replace("apple", "pear").replace("goats", "geese").replace("cider", "perry")
    return sample | {"sample_id": "meadow"}


def parsed(samples=SAMPLES):
    return locomo.parse(json.dumps(samples, indent=1), "sample.json")


def changed(change):
    samples = copy.deepcopy(SAMPLES)
    change(samples[0])
    return samples


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sample.json"
    path.write_text(json.dumps(SAMPLES))
    return path


# -- the format --------------------------------------------------------------------------------------------------------


def test_turns_become_drafts():
    """Thread is the session, position the turn, the time that of the session in UTC, and a photo is put into words."""
    drafts = parsed()[0].drafts
    assert [(d.thread, d.position) for d in drafts] == [("session_1", i) for i in range(4)] + [
        ("session_2", i) for i in range(3)
    ]
    assert drafts[0].said_at == datetime(2025, 3, 3, 19, 5, tzinfo=UTC)
    assert drafts[4].said_at == datetime(2025, 4, 20, 0, 30, tzinfo=UTC)
    assert drafts[4].text == "The canoe is finished. It is called Heron. [shares a photo: a photo of a canoe on a lake]"
    assert (drafts[4].speaker, drafts[4].metadata) == ("Ines", {"dia_id": "D2:1"})


@pytest.mark.parametrize(
    ("text", "hour"), [("12:00 am", 0), ("12:00 pm", 12), ("1:56 pm", 13), ("11:09 AM", 11), ("9:00 p.m.", 21)]
)
def test_reads_the_hours_of_a_twelve_hour_clock(text, hour):
    """Midnight is 12 am and noon is 12 pm; the spelling of am and pm varies."""
    assert locomo.moment(f"{text} on 8 May, 2023").hour == hour


@pytest.mark.parametrize("text", ["8 May 2023", "1:56 pm on 31 February, 2023", "1:56 pm on 8 Mai, 2023", "", "None"])
def test_refuses_dates_it_cannot_read(text):
    """A session without a readable date has no time, and a guess would be worse than an error."""
    with pytest.raises(ValueError, match=r"day|form"):
        locomo.moment(text)


def test_questions_come_with_clean_evidence():
    """Several ids in one string are parted, twins are one, and ids that name no turn are dropped."""
    asked = parsed()[0].questions
    assert [q.evidence for q in asked] == [
        ("D1:1",),
        ("D1:1",),
        ("D1:4", "D2:2"),
        ("D1:3",),
        ("D2:1",),
        ("D2:1",),
        (),
        ("D1:1",),
    ]
    assert asked[5].answer == "2025"
    assert (asked[7].answer, asked[7].trap) == ("", "the boat shed")
    assert asked[7].id == "harbour/7"


@pytest.mark.parametrize(
    ("entries", "clean"),
    [
        (["D8:6; D9:17"], ("D8:6", "D9:17")),
        (["D9:1 D4:4 D4:6"], ("D9:1", "D4:4", "D4:6")),
        (["D", "D:11:26", "D10:19", "D30:05"], ()),
        ([], ()),
    ],
)
def test_evidence_faults_of_the_published_file(entries, clean):
    """The malformed strings that the published file holds come out as the ids that exist."""
    assert locomo.clean_evidence(entries, {"D8:6", "D9:17", "D9:1", "D4:4", "D4:6", "D30:5"}) == clean


def test_origins_say_what_was_said_not_where_the_file_lies():
    """Reading twice gives the same origins; another text gives another; twins within a file stay two."""
    first, again = parsed(), parsed()
    assert [d.origin for d in first[0].drafts] == [d.origin for d in again[0].drafts]
    edited = parsed(changed(lambda s: s["conversation"]["session_1"][0].update(text="Something else.")))
    differ = [a.origin == b.origin for a, b in zip(first[0].drafts, edited[0].drafts, strict=True)]
    assert differ == [False] + [True] * 6
    assert first[0].digest != edited[0].digest
    twins = parsed(
        changed(lambda s: s["conversation"]["session_1"].append(copy.deepcopy(s["conversation"]["session_1"][0])))
    )
    assert len({d.origin for d in twins[0].drafts}) == 8
    assert twins[0].origins["D1:1"] == twins[0].drafts[0].origin


def test_the_digest_is_of_the_conversation_alone():
    """Fewer questions are the same conversation: what was trained on it must be known again."""
    assert parsed(changed(lambda s: s["qa"].clear()))[0].digest == parsed()[0].digest


def test_drafts_of_several_conversations_keep_their_threads_apart(file, tmp_path):
    """Both conversations have a session_1; in one space these must not be one thread."""
    assert {d.thread for d in locomo.drafts(file)} == {
        f"{name}/session_{number}" for name in ("harbour", "orchard") for number in (1, 2)
    }
    alone = tmp_path / "alone.json"
    alone.write_text(json.dumps(SAMPLES[1]))
    assert {d.thread for d in locomo.drafts(alone)} == {"session_1", "session_2"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s["conversation"]["session_1"][1].pop("speaker"), r"line 14: 1\.speaker: Field required"),
        (lambda s: s["conversation"].update(session_2_date_time="yesterday"), r"'yesterday' is no date"),
        (lambda s: s["conversation"].pop("session_1_date_time"), r"session_1 has turns but no session_1_date_time"),
        (lambda s: s["conversation"].update(session_1="hello"), r"Input should be a valid list"),
        (lambda s: s["conversation"]["session_1"][0].update(text="a\0b"), r"NUL"),
        (lambda s: s["qa"][0].update(category=6), r"qa.0.category: Input should be 1, 2, 3, 4 or 5"),
        (lambda s: s["qa"][0].update(answer=None), r"outside category 5, an answer"),
        (lambda s: s.update(conversation={}), r"holds no turn"),
        (lambda s: s.pop("conversation"), r"conversation: Field required"),
    ],
)
def test_refuses_broken_files_with_the_line(change, said):
    """What is wrong is said with its line, and nothing is read."""
    with pytest.raises(ImportRefusedError, match=said) as refused:
        parsed(changed(change))
    assert "line " in str(refused.value)


def test_refuses_what_is_not_locomo_at_all(tmp_path):
    """No JSON, no samples, no file: each has its own words."""
    with pytest.raises(ImportRefusedError, match="line 2: not JSON"):
        locomo.parse('[\n{"a": }]')
    with pytest.raises(ImportRefusedError, match="expected a list of samples"):
        locomo.parse("[]")
    with pytest.raises(NotFoundError, match=r"locomo10\.json"):
        locomo.load(tmp_path / "none.json")


def test_samples_of_one_name_are_told_apart():
    """Figures are kept by name, so a second conversation of the same name gets a number."""
    assert [sample.id for sample in parsed([SAMPLES[0], SAMPLES[0], SAMPLES[1]])] == ["harbour", "harbour#2", "orchard"]
    nameless = [{key: value for key, value in sample.items() if key != "sample_id"} for sample in SAMPLES]
    assert [sample.id for sample in parsed(nameless)] == ["0", "1"]


def test_turns_without_any_words_are_left_out():
    """A photo alone is worth its caption; a turn with neither holds nothing to remember."""
    sample = parsed(
        changed(
            lambda s: s["conversation"].update(
                session_2=[turn("D2:1", "Ines", "", "a canoe"), turn("D2:2", "Tomas", " ")]
            )
        )
    )[0]
    assert [d.text for d in sample.drafts[4:]] == ["[shares a photo: a canoe]"]


# -- the script --------------------------------------------------------------------------------------------------------


def test_a_case_remembers_session_by_session_and_asks_at_the_end():
    """Each session is one call at its date; a day after the last, every question is asked."""
    case = evaluator.case_of(parsed()[0])
    kinds = [type(step) for step in case.steps]
    assert kinds == [Remember, Wait, Remember, Wait] + [Ask] * 8
    assert case.began == datetime(2025, 3, 3, 19, 5, tzinfo=UTC)
    assert case.steps[1].span == datetime(2025, 4, 20, 0, 30, tzinfo=UTC) - case.began
    assert case.steps[6].gold.labels == {"category": "1"}


def score(category, answer, evidence, reply):
    ask = Ask("?", Gold("q", answer, evidence, {"category": str(category)}))
    return dict(evaluator.Locomo((), (1, 2)).score(ask, reply).values)


def test_scores_recall_at_each_k_and_the_answer():
    """Evidence at the second place counts at 2, not at 1; the answer is scored by its category."""
    reply = Reply(ranking=("x", "a"), answer="pottery")
    assert score(1, "pottery, chess", ("a",), reply) == {"f1": 0.5, "em": 0.0, "recall@1": 0.0, "recall@2": 1.0}
    assert score(4, "pottery", (), reply) == {"f1": 1.0, "em": 1.0}


# -- the run -----------------------------------------------------------------------------------------------------------


class Keyword:
    """Reads the first memory out; declines where the recall is not sure."""

    name = "keyword"

    def __call__(self, question, evidence, confidence):
        if not evidence or confidence < 0.01:
            return Answer("No information available", abstained=True)
        return Answer(evidence[0].memory.text)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("locomo") / "sample.json"
    path.write_text(json.dumps(SAMPLES))
    return evaluator.run(path, ks=(1, 2, 10), reader=Keyword(), embedder=HashEmbedder())


def test_the_json_has_the_promised_form(report):
    """Fractions by k and group, intervals, baselines, speed: what other programs read."""
    figures = json.loads(report.json())
    groups = {"1", "2", "3", "4", "5", "1-4", "all"}
    assert figures["benchmark"] == "locomo"
    assert figures["n_questions"] == 12
    assert figures["embedder"] == HashEmbedder().name
    assert set(figures["recall"]) == {"1", "2", "10"}
    assert set(figures["baselines"]) == {"dense", "bm25", "none", "oracle"}
    for system in (figures, *figures["baselines"].values()):
        for by_group in (*system["recall"].values(), system["f1"], system["em"]):
            assert set(by_group) == groups
            assert all(0 <= value <= 1 for value in by_group.values())
        for k, by_group in system["recall_ci"].items():
            assert all(low <= system["recall"][k][g] <= high for g, (low, high) in by_group.items())
    assert set(figures["latency_ms"]) == {"recall_p50", "recall_p95"}
    assert figures["ingest_turns_per_s"] > 0
    assert len(figures["data_digest"]) == 64
    assert figures["command"].startswith("agentmem eval locomo --data ")


def test_the_figures_are_what_they_must_be(report):
    """Ten memories hold all the evidence of conversations so short; baselines score what degenerate systems score."""
    figures = report.figures
    assert figures["recall"]["10"]["all"] == 1.0
    assert figures["recall"]["2"]["1-4"] >= 0.5
    assert figures["baselines"]["oracle"]["recall"]["2"] == dict.fromkeys(figures["f1"], 1.0)
    assert figures["baselines"]["none"]["recall"]["10"]["all"] == 0.0
    assert figures["baselines"]["none"]["f1"]["5"] == 1.0
    assert figures["baselines"]["none"]["f1"]["4"] == 0.0
    assert figures["baselines"]["oracle"]["f1"]["5"] == 0.0
    assert figures["n"]["asked"]["all"] == 12
    assert figures["n"]["recall"]["3"] == 1
    assert figures["n"]["f1"]["3"] == 2
    assert figures["failures"] == {"questions": 0, "cases": 0, "first": []}
    gain = figures["gain_over"]["none"]["recall"]["10"]["all"]
    assert gain == [1.0, 1.0, 1.0]
    assert figures["conversations"]["orchard"]["turns"] == 4


def test_the_page_is_made_from_the_figures_alone(report):
    """The JSON of a run gives the same page again, and the README's table."""
    read = json.loads(report.json())
    assert sections(read) == list(report.sections)
    table = table_markdown(headline(read))
    assert table.splitlines()[0] == "|  | R@1 | R@2 | R@10 | F1, 1-4 | F1, 5 | F1, all |"
    assert table.splitlines()[2].startswith("| **agentmem** |")
    assert "harbour" in report.html()
    assert "cedar canoe" not in report.html()


def test_a_broken_reader_is_reported_not_hidden(file):
    """Answers lost to errors are counted and told at the top; nothing is scored for them."""

    class Breaks(Keyword):
        def __call__(self, question, evidence, confidence):
            if "canoe" in question:
                raise RuntimeError("out of ink")
            return super().__call__(question, evidence, confidence)

    found = evaluator.run(file, reader=Breaks(), embedder=HashEmbedder(), baselines=("none",))
    assert found.figures["failures"]["questions"] == 4
    assert "RuntimeError: out of ink" in found.figures["failures"]["first"][0]
    assert (found.figures["n"]["asked"]["all"], found.figures["n"]["f1"]["all"]) == (12, 10)
    assert "4 answers were lost to errors" in found.markdown()


def test_neither_category_nor_gold_changes_an_answer(tmp_path):
    """The same questions with other categories, answers and evidence get the same answers."""
    blind = copy.deepcopy(SAMPLES)
    for sample in blind:
        for asked in sample["qa"]:
            asked.update(category=4, answer="something", evidence=[])
    answers = []
    for number, samples in enumerate((SAMPLES, blind)):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(samples))
        found = evaluator.run(path, embedder=HashEmbedder(), baselines=())
        assert found.figures["failures"]["questions"] == 0
        answers.append([(row["answer"], row["confidence"]) for row in found.details])
    assert answers[0] == answers[1]


def test_weights_never_see_the_conversation_they_are_for(tmp_path):
    """Other questions and evidence in a conversation change nothing in the weights that it is measured with."""
    told = []
    for number, qa in enumerate((SAMPLES[0]["qa"], [*SAMPLES[0]["qa"][:1], question("Is it?", "no", 4, "D2:3")])):
        samples = parsed([*changed(lambda s, qa=qa: s.update(qa=qa))[:1], *SAMPLES[1:], third()])
        (tmp_path / str(number)).mkdir()
        files = _locomo_weights.folds(samples, HashEmbedder(), tmp_path / str(number))
        told.append([files[sample.id].read_text() for sample in samples])
        assert samples[0].digest not in _locomo_weights.trained_on(files["harbour"])
        assert samples[1].digest in _locomo_weights.trained_on(files["harbour"])
    assert told[0][0] == told[1][0]
    assert told[0][1] != told[1][1]


def test_says_so_where_weights_were_trained_on_the_data(file, tmp_path):
    """Weights carry what they were trained on; on that data the JSON and the first lines of the page say so."""
    weights = _locomo_weights.folds([*parsed(), *parsed([third()])], HashEmbedder(), tmp_path)["harbour"]
    found = evaluator.run(file, reader=Keyword(), embedder=HashEmbedder(), baselines=(), weights=weights)
    assert found.figures["weights_trained_on_this_data"]
    trained_on = {name: of["weights_trained_on_it"] for name, of in found.figures["conversations"].items()}
    assert trained_on == {"harbour": False, "orchard": True}
    assert "the figures flatter" in found.markdown()
    assert f"--weights {weights}" in found.figures["command"]


def test_cross_validates_recall_and_reader(tmp_path):
    """With each conversation left out in turn there are figures, and they are said to be cross-validated."""
    path = tmp_path / "three.json"
    path.write_text(json.dumps([*SAMPLES, third()]))
    figures = evaluator.run(path, embedder=HashEmbedder(), baselines=("none",), cross_validate=True).figures
    assert figures["cross_validated"]
    assert not figures["weights_trained_on_this_data"]
    assert figures["failures"]["questions"] == 0
    assert figures["recall"]["10"]["all"] > 0.9
    assert list(figures["abstention"]["by_threshold"])[:2] == ["0", "5"]
    assert figures["abstention"]["by_threshold"]["0"]["5"] == 0.0
    with pytest.raises(InputError, match="two or more"):
        _locomo_weights.folds(parsed(SAMPLES[:1]), HashEmbedder(), tmp_path)


def test_refuses_settings_that_make_no_sense(file, tmp_path):
    """Wrong k, unknown baselines, and weights together with cross-validation are errors before anything is run."""
    for settings, said in (
        ({"ks": ()}, "one or more numbers"),
        ({"ks": (0, 5)}, "from 1 on"),
        ({"baselines": ("best",)}, "no baseline 'best'"),
        ({"context": 0}, "at least one memory"),
        ({"weights": tmp_path / "w.json", "cross_validate": True}, "trains its own"),
    ):
        with pytest.raises(InputError, match=said):
            evaluator.run(file, embedder=HashEmbedder(), **settings)
    with pytest.raises(InputError, match="needs its data"):
        evaluator.make({})


def test_the_registry_finds_it(file):
    """The file name is the registration; its parts are no evaluators."""
    assert "locomo" in registry.evaluators()
    assert not any("scorer" in name or name.startswith("_") for name in registry.evaluators())
    made = registry.make_evaluator("locomo", {"data": str(file), "ks": [10, 5]})
    assert (made.name, made.ks, len(list(made.cases()))) == ("locomo", (5, 10), 2)


# -- real data ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_development_conversation_gives_sane_figures(data, tmp_path):
    """On one real conversation: dense search in its range, ours above it, and the oracle above ours above no memory."""
    whole = data / "locomo" / "locomo_dev.json"
    if not whole.exists():
        pytest.skip(f"{whole} is missing, so the evaluator was NOT tested on real data")
    path = tmp_path / "one.json"
    path.write_text(json.dumps(json.loads(whole.read_text())[1:2]))
    figures = evaluator.run(path).figures
    dense, bm25 = (figures["baselines"][name] for name in ("dense", "bm25"))
    assert figures["n_questions"] == 105
    assert 0.40 < dense["recall"]["10"]["1-4"] < 0.65
    assert 0.45 < bm25["recall"]["10"]["1-4"] < 0.75
    assert figures["recall"]["10"]["1-4"] > max(dense["recall"]["10"]["1-4"], bm25["recall"]["10"]["1-4"])
    assert figures["baselines"]["oracle"]["recall"]["20"]["1-4"] == 1.0
    assert (
        figures["baselines"]["oracle"]["f1"]["1-4"] > figures["f1"]["1-4"] > figures["baselines"]["none"]["f1"]["1-4"]
    )
    assert figures["baselines"]["none"]["f1"]["5"] == 1.0
    assert figures["failures"]["questions"] == 0
    shutil.rmtree(tmp_path)
