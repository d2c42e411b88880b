"""The evaluator of retention: blind, the same as erasing for real, and told against what needs no policy at all."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from typer.testing import CliRunner

import agentmem
from agentmem import registry
from agentmem.cli import app
from agentmem.clock import FixedClock
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.errors import ImportRefusedError, InputError, NotFoundError, PluginNotFoundError
from agentmem.evaluation.cases import Forget, Remember, Wait
from agentmem.evaluation.readers import ExtractiveReader
from agentmem.evaluation.replay import Settings, replay
from agentmem.evaluation.report import table_markdown
from agentmem.evaluation.subjects import Whole
from agentmem.formats import locomo
from agentmem.types import Answer
from agentmem_evaluators import _results, retention
from agentmem_evaluators import _retention_policies as compared
from agentmem_evaluators._retention_asking import Known, asked, carry_out, task
from agentmem_evaluators._retention_fading import by_policy, survivors, survivors_at_once, sweeps, told
from agentmem_evaluators._retention_report import headline, sections
from agentmem_stores.retention.salience import Model, Salience

PETS = ["cat", "parrot", "tortoise", "pony", "hamster", "spaniel", "goldfish", "rabbit", "gecko", "canary"]
TOWNS = ["Porto", "Lima", "Oslo", "Cairo", "Quito", "Dakar", "Turin", "Kyoto", "Perth", "Leeds"]


def conversation(name, shift=0):
    """Ten sessions, three weeks apart, of one thing that is asked for and much that is not."""
    talk, questions = {}, []
    for number in range(10):
        pet, town = PETS[(number + shift) % 10], TOWNS[(number + 3 * shift) % 10]
        lines = [
            ("Ana", f"Hi Ben! {'Lovely day' if number % 2 else 'How are you'}?"),
            ("Ben", "Fine, thanks! What is new with you?"),
            ("Ana", f"I adopted a {pet} last Friday, because my sister moved to {town}."),
            ("Ben", f"Wow, a {pet}! That is great."),
            ("Ana", "Thanks, see you soon!"),
            ("Ben", f"I have begun to learn cooking number {number}, every Tuesday evening since May."),
        ]
        day = datetime(2024, 1, 3, 15, 30, tzinfo=UTC) + timedelta(days=21 * number)
        talk[f"session_{number + 1}_date_time"] = f"3:{30 + number} pm on {day.day} {day:%B}, {day.year}"
        talk[f"session_{number + 1}"] = [
            {"speaker": who, "dia_id": f"D{number + 1}:{place}", "text": text}
            for place, (who, text) in enumerate(lines)
        ]
        questions += [
            {"question": f"Where did the sister move when Ana adopted a {pet}?", "answer": town, "category": 4,
             "evidence": [f"D{number + 1}:2"]},
            {"question": f"Why did Ben sell the {pet}?", "adversarial_answer": "x", "category": 5,
             "evidence": [f"D{number + 1}:3"]},
        ]  # fmt: skip
    questions[0]["evidence"].append("D1:5")
    questions.append({"question": "Is Ana fond of animals?", "answer": "Yes", "category": 3, "evidence": []})
    return {"sample_id": name, "conversation": talk, "qa": questions}


RAW = [conversation("one"), conversation("two", 4)]


def write(tmp_path, raw=RAW):
    path = tmp_path / "talk.json"
    path.write_text(json.dumps(raw))
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = write(tmp_path_factory.mktemp("retention"))
    return retention.run(
        path, policies=["salience", "generative-agents", "fifo", "lru"], budgets=(0.1, 0.25, 1), embedder="hash"
    )


@pytest.fixture(scope="module")
def sample():
    return locomo.parse(json.dumps(RAW))[0]


def ranked(name):
    return by_policy(registry.make_policy(name, {}), Salience(Model.load()))


# -- fading ------------------------------------------------------------------------------------------------------------


def test_a_budget_is_kept_after_every_thread_and_what_is_gone_stays_gone(sample):
    """After each session at most the budget of what was said so far is left; a row goes once."""
    of = told(sample.drafts, HashEmbedder())
    for name in ("salience", "fifo", "generative_agents"):
        gone = list(sweeps(of, ranked(name), 0.25))
        left = [6 * (n + 1) - sum(map(len, gone[: n + 1])) for n in range(10)]
        assert left == [round(0.25 * 6 * (n + 1)) for n in range(10)]
        flat = np.concatenate(gone)
        assert len(set(flat.tolist())) == len(flat)
        assert sorted([*flat, *survivors(of, ranked(name), 0.25)]) == list(range(60))


def test_first_in_first_out_keeps_the_last_turns(sample):
    """Of turns of one moment the later ones stay, so FIFO is what its name says."""
    of = told(sample.drafts, HashEmbedder())
    assert survivors(of, ranked("fifo"), 0.25).tolist() == list(range(45, 60))
    assert survivors_at_once(of, ranked("fifo"), 0.1).tolist() == list(range(54, 60))


def test_everything_stays_within_a_budget_of_everything(sample):
    """A budget of 1 forgets nothing, whatever the policy."""
    of = told(sample.drafts, HashEmbedder())
    assert survivors(of, ranked("lufy"), 1.0).tolist() == list(range(60))


@pytest.mark.parametrize("name", ["salience", "lufy", "generative_agents", "lru", "arousal"])
def test_arrays_fade_as_a_space_does(sample, tmp_path, name):
    """A real space, swept after every session at its date, keeps the very memories that the arrays say."""
    of, budget = told(sample.drafts, HashEmbedder()), 0.25
    clock = FixedClock(datetime(2024, 1, 1, tzinfo=UTC))
    with agentmem.open(tmp_path, embedder="hash", clock=clock) as system:
        space, begin = system.space("one"), 0
        for end, moment in of.threads:
            clock.advance(moment - clock())
            space.remember(sample.drafts[begin:end])
            space.sweep(name, budget=f"{100 * budget:g}%", dry_run=False)
            begin = end
        left = {memory.origin for memory in space.memories()}
    assert left == {sample.drafts[row].origin for row in survivors(of, ranked(name), budget)}


def test_no_survivor_depends_on_a_question(tmp_path):
    """Other questions, answers, evidence and categories: every policy keeps the very same memories."""
    other = copy.deepcopy(RAW)
    for raw in other:
        for number, question in enumerate(raw["qa"]):
            question |= {"question": f"Who asked {number}?", "answer": "nobody", "category": 1 + number % 4}
            question["evidence"] = [f"D{1 + number % 10}:{number % 6}"]
    names = list(registry.policies())

    def kept(raw):
        found = {}
        for of in locomo.parse(json.dumps(raw)):
            learned = compared.saliences([of], HashEmbedder(), None, cross_validate=False)[of.id]
            ranks = compared.rankings(compared.chosen(None), learned, compared.needed(of), 0)
            found |= {
                (of.id, name): survivors(told(of.drafts, HashEmbedder()), ranks[name][0], 0.25).tolist()
                for name in (*names, "random", "recency", "oracle")
            }
        return found

    before, after = kept(RAW), kept(other)
    assert {name for name in before if before[name] != after[name]} == {("one", "oracle"), ("two", "oracle")}


# -- asking ------------------------------------------------------------------------------------------------------------


def test_what_is_left_answers_as_after_real_erasures(tmp_path):
    """Asking a space of survivors gives ranking, answer and confidence of one from which the rest was erased."""
    path = write(tmp_path)
    config = {"data": str(path), "policies": ["salience", "fifo"], "budgets": [0.25], "embedder": "hash"}
    evaluator = registry.make_evaluator("retention", config)
    seen = 0
    for case in evaluator.cases():
        name = case.name.split("/")
        if name[0] != "one" or name[1] not in ("salience", "fifo", "oracle"):
            continue
        erased = replay(case, evaluator, [Whole(ExtractiveReader(), 12, 12)], Settings("hash"))
        assert erased.failures == []
        gone = {origin for step in case.steps if isinstance(step, Forget) for origin in step.origins}
        whole = evaluator.samples[0]
        rows = np.array([n for n, draft in enumerate(whole.drafts) if draft.origin not in gone])
        assert len(rows) == 15
        restricted = carry_out(task(0, whole, rows, Settings("hash"), ExtractiveReader(), (10,)))
        for one, other in zip(erased.outcomes, restricted.outcomes, strict=True):
            assert one.reply.ranking == other.reply.ranking
            assert one.reply.answer == other.reply.answer
            assert one.reply.confidence == pytest.approx(other.reply.confidence, abs=1e-6)
            assert one.score == other.score
            seen += 1
    assert seen == 3 * 11


def test_scripts_remember_at_the_dates_and_forget_in_between(tmp_path):
    """A case waits for each session's date, and forgets within the budget after it."""
    config = {"data": str(write(tmp_path, RAW[:1])), "policies": ["fifo"], "budgets": [0.1], "embedder": "hash"}
    case = next(iter(retention.make(config).cases()))
    assert case.name == "one/fifo/0.1"
    assert case.began == datetime(2024, 1, 3, 15, 30, tzinfo=UTC)
    kinds = [type(step) for step in case.steps[:6]]
    assert kinds == [Remember, Forget, Wait, Remember, Forget, Wait]
    assert case.steps[2].span == timedelta(days=21, minutes=1)
    assert len(case.steps[1].origins) == 5


def test_other_processes_find_the_same(sample):
    """Spread over processes, tasks give the same scores as in this one."""
    tasks = [
        task(n, sample, np.arange(0, 60, n + 1), Settings(Known("hash", "hash-64", 64, {})), ExtractiveReader(), (10,))
        for n in range(2)
    ]
    here, there = asked(tasks, 1, None), asked(tasks, 2, None)
    assert here.keys() == there.keys() == {0, 1}
    for number, played in here.items():
        assert [o.score for o in played.outcomes] == [o.score for o in there[number].outcomes]
        assert played.failures == there[number].failures == []


def test_an_embedder_has_vectors_at_hand_and_makes_the_others():
    """What is at hand is not embedded again; nothing gives no rows."""
    made = HashEmbedder()
    known = Known("hash", made.name, made.dim, {"Miso": np.ones(made.dim, np.float32)})
    rows = known(["a cat", "Miso"])
    assert np.array_equal(rows[0], made(["a cat"])[0])
    assert rows[1].tolist() == [1.0] * made.dim
    assert known([]).shape == (0, made.dim)


# -- figures -----------------------------------------------------------------------------------------------------------


def test_the_json_has_the_promised_form(report):
    """By policy and budget: evidence kept, recall, F1, bytes, latency; references and no forgetting beside them."""
    figures = json.loads(report.json())
    assert figures["benchmark"] == "retention"
    assert set(figures["metrics"]) == {"salience", "generative_agents", "fifo", "lru", "random", "recency", "oracle"}
    for name, of in figures["metrics"].items():
        assert set(of) == {"0.1", "0.25", "1"}
        for budget, found in of.items():
            assert {"evidence_kept", "recall@10", "f1", "bytes", "recall_p50_ms"} <= set(found)
            assert 0 <= found["evidence_kept"] <= 1
            assert found["recall_p50_ms"] > 0
            for metric, (low, high) in figures["ci"][name][budget].items():
                assert low <= found[metric] <= high
    assert figures["baselines"]["everything"]["evidence_kept"] == 1.0
    assert figures["n"] == {"conversations": 2, "turns": 120, "questions": 22, "questions_with_evidence": 20}
    assert figures["failures"] == {"n": 0, "first": []}
    assert figures["command"].startswith("agentmem eval retention --data ")


def test_the_figures_are_what_they_must_be(report):
    """Nothing beats the oracle; FIFO is recency; a budget of 1 is no forgetting; memories fill their budget."""
    metrics, whole = report.figures["metrics"], report.figures["baselines"]["everything"]
    for of in metrics.values():
        for budget in ("0.1", "0.25", "1"):
            assert of[budget]["evidence_kept"] <= metrics["oracle"][budget]["evidence_kept"] + 1e-12
            assert of[budget]["memories"] == round(120 * float(budget))
        assert of["1"]["recall@10"] == whole["recall@10"]
        assert of["1"]["evidence_kept"] == of["1"]["recall@10_share"] == 1.0
        assert of["1"]["bytes"] == whole["bytes"]
    assert metrics["oracle"]["0.25"]["evidence_kept"] == 1.0
    assert metrics["recency"]["0.1"]["evidence_kept"] == pytest.approx(1 / 11)
    assert metrics["salience"]["0.25"]["evidence_kept"] > metrics["random"]["0.25"]["evidence_kept"]
    assert {"fifo", "lru", "recency"} <= set(next(g for g in report.figures["same_survivors"] if "recency" in g))
    one_turn = len(RAW[0]["conversation"]["session_1"][0]["text"]) + 64 * 4
    assert whole["bytes"] > 120 * one_turn * 0.9


def test_a_random_choice_keeps_its_budget_of_the_evidence():
    """Over many turns a random choice keeps about as much of the evidence as its budget."""
    shares = []
    for seed in range(20):
        of = locomo.parse(json.dumps(RAW[:1]))[0]
        asked_for = compared.needed(of)
        ranks = compared.rankings({}, Salience(Model.load()), asked_for, seed)["random"]
        conversation_ = told(of.drafts, HashEmbedder())
        shares += [asked_for[survivors(conversation_, r, 0.25)].sum() / asked_for.sum() for r in ranks]
    assert len(shares) == 40
    assert 0.2 < np.mean(shares) < 0.3


def test_the_page_is_made_from_the_figures_alone(report):
    """The JSON of a run gives the same page again, with both plots, and the README's table."""
    read = json.loads(report.json())
    assert sections(read) == list(report.sections)
    page = report.html()
    assert page.count("<svg") == 2
    assert "Evidence recall at 10 by budget" in page
    rows = table_markdown(headline(read)).splitlines()
    assert rows[0].startswith("|  | evidence kept at 10 %")
    assert [row.split(" | ")[0] for row in rows[2:]] == [
        "| salience", "| generative_agents", "| random", "| recency (2 alike)", "| oracle"
    ]  # fmt: skip


def test_results_in_the_readme(report, tmp_path):
    """The table of the README is made from the JSON of the run."""
    report.write(json=tmp_path / "retention.json")
    assert "| oracle |" in _results.tables(tmp_path)


def test_salience_never_saw_what_it_is_measured_on(tmp_path, monkeypatch):
    """A conversation that the shipped weights were trained on is appraised by weights of the others."""
    samples = locomo.load(write(tmp_path))
    shipped = Model.load()
    assert compared.saliences(samples, HashEmbedder(), None, cross_validate=False)["one"].model.info == shipped.info
    monkeypatch.setattr(compared, "trained_on", lambda: frozenset({samples[0].digest}))
    found = compared.saliences(samples, HashEmbedder(), None, cross_validate=False)
    assert found["one"].model.embedder == "hash-64"
    assert found["two"].model.info == shipped.info
    changed = copy.deepcopy(RAW)
    changed[0]["qa"][0]["evidence"] = ["D9:1"]
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(changed))
    again = compared.saliences(locomo.load(path), HashEmbedder(), None, cross_validate=True)
    assert np.array_equal(again["one"].model.weights, found["one"].model.weights)
    assert not np.array_equal(again["two"].model.weights, found["one"].model.weights)
    alone = compared.saliences(samples[:1], HashEmbedder(), None, cross_validate=True)
    assert alone["one"].model.info == shipped.info


def test_a_broken_reader_is_reported_not_hidden(tmp_path):
    """Answers lost to errors are counted and told at the top."""

    class Breaks:
        name = "breaks"

        def __call__(self, question, evidence, confidence):
            if "parrot" in question:
                raise RuntimeError("no parrots")
            return Answer("Porto", (), 1.0)

    report = retention.run(
        write(tmp_path, RAW[:1]), policies=["random"], budgets=(0.5,), reader=Breaks(), embedder="hash"
    )
    assert report.figures["failures"]["n"] > 0
    assert "no parrots" in report.markdown().split("##")[1]
    assert report.figures["n"]["questions_with_evidence"] == 9


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"budgets": (0.0,)}, "a budget is a share"),
        ({"budgets": (0.5, 1.5)}, "a budget is a share"),
        ({"budgets": (float("nan"),)}, "a budget is a share"),
        ({"ks": (0,)}, "from 1 on"),
        ({"policies": ["saliance"]}, "Did you mean 'salience'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path, settings, said):
    """Each says what is wrong."""
    with pytest.raises((InputError, PluginNotFoundError), match=said):
        retention.run(write(tmp_path), embedder="hash", **settings)


def test_weights_and_cross_validation_do_not_go_together(tmp_path):
    """Either a file of weights, or weights trained here."""
    with pytest.raises(InputError, match="leave --weights or --cross-validate out"):
        retention.run(write(tmp_path), weights=tmp_path / "w.json", cross_validate=True, embedder="hash")
    with pytest.raises(InputError, match="needs its data"):
        retention.make({})


def test_a_policy_named_like_a_reference_is_refused(monkeypatch):
    """It would stand in the wrong row."""
    monkeypatch.setattr(registry, "policies", lambda: {"oracle": "mine"})
    with pytest.raises(InputError, match="rename its file"):
        compared.chosen(None)


# -- the command, and LUFY's protocol ----------------------------------------------------------------------------------


def annotated(tmp_path, change=lambda number, line: line):
    path = tmp_path / "annotated.jsonl"
    lines = []
    for number in range(40):
        text = f"I adopted a {PETS[number % 10]} in May, because my sister moved." if number % 8 == 0 else "Oh, nice!"
        line = {"thread": str(number // 10), "speaker": "Ana", "text": text, "important": int(number % 8 == 0)}
        line["said_at"] = f"2025-03-{1 + number // 10:02d}T12:00:00+01:00"
        lines.append(json.dumps(change(number, line)))
    path.write_text("\n".join(lines) + "\n\n")
    return path


def test_annotated_turns_are_told_apart(tmp_path):
    """Salience finds what was marked, recency does not; the oracle is perfect: 4 of 4 best, of 5 in all."""
    report = retention.run(annotated(tmp_path), policies=["salience", "fifo"], embedder="hash")
    metrics = report.figures["metrics"]
    assert report.figures["benchmark"] == "retention-annotated"
    assert metrics["oracle"] == {"precision@10%": 1.0, "recall@10%": 0.8, "auc": 1.0}
    assert metrics["salience"] == {"precision@10%": 1.0, "recall@10%": 0.8, "auc": 1.0}
    assert metrics["fifo"]["precision@10%"] == 0.0
    assert 0.2 < metrics["fifo"]["auc"] < 0.6
    low, high = report.figures["ci"]["fifo"]["auc"]
    assert low < metrics["fifo"]["auc"] < high
    assert "40 turns, 5 of them important" in report.markdown()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda n, line: line | {"important": 0}, "0 are important"),
        (lambda n, line: line | {"important": 2} if n == 3 else line, "line 4: important"),
        (lambda n, line: line | {"said_at": "2025-03-01T12:00:00"} if n == 1 else line, "line 2: said_at"),
        (lambda n, line: line | {"text": " "} if n == 0 else line, "line 1: text: the text is empty"),
        (lambda n, line: line | {"importance": 1} if n == 0 else line, "line 1: importance"),
    ],
)
def test_annotations_that_do_not_fit_are_refused(tmp_path, change, said):
    """Each fault is named with its line."""
    with pytest.raises(ImportRefusedError, match=said):
        retention.run(annotated(tmp_path, change), policies=["fifo"], embedder="hash")


def test_there_must_be_a_file(tmp_path):
    """A missing file is said, of either form."""
    for name in ("nowhere.jsonl", "nowhere.json"):
        with pytest.raises(NotFoundError, match="there is no file"):
            retention.run(tmp_path / name, policies=["fifo"], embedder="hash")


def test_the_command(tmp_path):
    """Policies and budgets are typed as lists, and the files are written."""
    out = tmp_path / "out.json"
    words = ["eval", "retention", "--data", str(write(tmp_path, RAW[:1])), "--policies", "fifo,generative-agents"]
    words += ["--budgets", ".1,.5", "--embedder", "hash", "--json", str(out)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    metrics = json.loads(out.read_text())["metrics"]
    assert list(metrics) == ["fifo", "generative_agents", "random", "recency", "oracle"]
    assert set(metrics["fifo"]) == {"0.1", "0.5"}
    assert "| fifo |" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["locomo", "--policies", "all"], "locomo has no --policies"),
        (["babi", "--budgets", ".1"], "babi has no --budgets"),
        (["retention", "--budgets", ".1;.5"], "--budgets '.1;.5' is not a list of numbers such as .05"),
    ],
)
def test_options_that_an_evaluator_lacks_are_refused(words, said):
    """An option of another evaluator is not passed over in silence."""
    done = CliRunner().invoke(app, ["eval", words[0], "--data", "x.json", *words[1:]])
    assert done.exit_code != 0
    assert said in " ".join(done.output.split()) or said in str(done.exception)
