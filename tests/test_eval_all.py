"""`agentmem eval all`: finds data, runs, resumes, records what fails, and writes one page that needs nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentmem import registry
from agentmem.cli import app
from agentmem.errors import InputError, NotFoundError
from agentmem.evaluation import provenance, suite
from agentmem.evaluation.report import Command, Report, Section
from agentmem.evaluation.suite import Job, Plan, Shown

ROOT = Path(__file__).parent.parent
PLANS = {plan.evaluator: plan for plan in registry.evaluation_plans()}
STORIES = """\
1 Mary went to the garden.
2 John went to the hall.
3 Where is Mary? \tgarden\t1
1 Anna journeyed to the office.
2 Where is Anna? \toffice\t1
"""


@pytest.fixture
def root(tmp_path):
    """A folder with two stories, and a file that is called as facts are and holds none."""
    inner = tmp_path / "data" / "stories"
    inner.mkdir(parents=True)
    (inner / "qa1_single-supporting-fact_test.txt").write_text(STORIES)
    (tmp_path / "data" / "factconsolidation_x.json").write_text('{"no": "facts"}')
    return tmp_path / "data"


def evaluate(root, *options):
    html = root.parent / "report.html"
    words = ["eval", "all", "--data-root", str(root), "--html", str(html), "--embedder", "hash"]
    return CliRunner().invoke(app, [*words, "--only", "babi,consolidation", *options]), html


# -- the plans ---------------------------------------------------------------------------------------------------------


def test_every_plan_is_an_evaluator_whose_page_comes_from_its_figures():
    """A plan names an evaluator that there is, with sections(figures), and a run that takes its settings."""
    for name, plan in PLANS.items():
        module = registry.evaluator_module(name)
        assert callable(module.sections)
        assert set(plan.settings) <= set(module.run.__annotations__)
        assert plan.shown


@pytest.mark.parametrize("name", sorted(PLANS))
def test_every_place_of_a_plan_leads_to_a_figure(name):
    """The stored result of an evaluator has all that the summary shows: figure, interval, what it is held against."""
    stored = ROOT / "evaluators" / "results" / f"{name}.json"
    if not stored.is_file():
        pytest.skip(f"{stored.name} is not among the results, so this was NOT tested")
    figures = json.loads(stored.read_text())
    for shown in PLANS[name].shown:
        for place in (shown.ours, shown.interval, *shown.beside.values()):
            found = figures
            for step in place:
                assert step in found, f"{name}: nothing at {place}"
                found = found[step]
            assert isinstance(found, (int, float, list))


def test_settings_are_those_of_make_results():
    """What the Makefile passes beside the data is what the plan says, and each of its evaluators has a plan."""
    lines = re.findall(r"\$\(EVAL\) (\w+) (.*?) ?--json", (ROOT / "Makefile").read_text())
    assert {name for name, _ in lines} <= set(PLANS)
    for name, options in lines:
        settings = PLANS[name].settings
        assert ("--cross-validate" in options) == settings.get("cross_validate", False)
        budgets = re.search(r"--budgets (\S+)", options)
        assert (budgets and [float(b) for b in budgets[1].split(",")]) == settings.get("budgets")


# -- finding -----------------------------------------------------------------------------------------------------------


def named(*files, root):
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("{}")


def test_data_are_found_wherever_they_lie(tmp_path):
    """Files, or the folders they make a benchmark in; two of one kind are two runs, named after where they lie."""
    named(
        "a/locomo_dev.json",
        "b/locomo10.json",
        "g/office/episodes.jsonl",
        "g/school/episodes.jsonl",
        "m/weekly/ana/evaluation_questions_ana.json",
        "pi/dict_category_double-word_46.json",
        "notes.txt",
        root=tmp_path,
    )
    found = {
        job.name: job.data and job.data.relative_to(tmp_path).as_posix()
        for job in suite.jobs(list(PLANS.values()), tmp_path)
    }
    others = ("order", "unlearning", "retention", "ablate")
    assert {name: data for name, data in found.items() if not name.startswith(others)} == {
        "locomo-a-locomo_dev": "a/locomo_dev.json",
        "locomo-b-locomo10": "b/locomo10.json",
        "update": None,
        "interference": "pi",
        "gatemem": "g",
        "memora": "m/weekly",
    }
    assert "order-b-locomo10" in found


def test_what_lies_at_the_top_is_not_looked_for_above_it(tmp_path):
    """A root that is itself the folder of a domain: the data are the root, not its parent."""
    named("episodes.jsonl", root=tmp_path)
    (job,) = suite.jobs([PLANS["gatemem"]], tmp_path)
    assert job.data == tmp_path


def test_a_folder_that_is_not_there_and_names_that_are_unknown_are_refused(tmp_path):
    """No folder, no such evaluator, and one without data, each with what to type."""
    with pytest.raises(NotFoundError, match="--data-root"):
        suite.jobs([], tmp_path / "none")
    with pytest.raises(InputError, match="'locmo' is none"):
        suite.jobs(list(PLANS.values()), tmp_path, ["locmo"])
    with pytest.raises(InputError, match=r"no file in it is called locomo\*\.json"):
        suite.jobs(list(PLANS.values()), tmp_path, ["locomo"])


# -- running -----------------------------------------------------------------------------------------------------------


def test_a_failure_is_recorded_and_the_others_run(root):
    """The exit status is 1, the error is in the page and beside the results, and the other result is there."""
    done, html = evaluate(root)
    results = html.with_name("report-results")
    assert done.exit_code == 1
    assert "[1/2] consolidation: failed" in done.output
    assert "failed: consolidation" in done.output
    assert json.loads((results / "babi.json").read_text())["metrics"]["1"]["accuracy"] == 1.0
    assert "ImportRefusedError" in (results / "consolidation.failed.txt").read_text()
    page = html.read_text()
    assert "1 of 2 failed. consolidation: ImportRefusedError" in page
    assert not (results / "consolidation.json").exists()


def test_the_page_needs_nothing_else_and_is_made_for_paper(root):
    """Summary first, then chapters with commands, commit and machine; no address, no script, an A4 style."""
    _, html = evaluate(root)
    page = html.read_text()
    assert page.index("<h2>Summary</h2>") < page.index('id="chapter-1"') < page.index('id="chapter-2"')
    assert "Short stories (bAbI tasks 1 to 3): answers, task 1" in page
    assert "agentmem eval all --data-root" in page
    assert provenance.commit()[:12] in page
    assert str(provenance.machine()["processor"]) in page
    assert "size: A4" in page
    assert not re.search(r"""<script|<link|<img|(?:src|href)\s*=\s*["'](?!\#)|url\((?!\#)|@import""", page)


def test_a_second_run_takes_what_is_there_and_runs_what_failed(root, monkeypatch):
    """Same code, data, settings and embedder: kept, in the page as before; the failed one is tried again."""
    evaluate(root)
    babi = registry.evaluator_module("babi")
    monkeypatch.setattr(babi, "run", None)  # calling it would fail
    done, html = evaluate(root)
    assert "babi: kept from before" in done.output
    assert "consolidation: failed" in done.output
    assert "taken from an earlier run" in html.read_text()
    done, _ = evaluate(root, "--fresh")
    assert "babi: failed" in done.output


@pytest.mark.parametrize("what", ["data", "code", "embedder", "settings", "broken"])
def test_a_result_of_something_else_is_made_again(root, tmp_path, monkeypatch, what):
    """Other data, code, embedder or settings, or a file that is no result: nothing of it is kept."""
    plan = PLANS["babi"]
    job = Job(plan, "babi", root / "stories")
    (first,) = suite.play([job], tmp_path / "out", embedder="hash")
    assert (first.error, first.resumed) == ("", False)
    assert suite.play([job], tmp_path / "out", embedder="hash")[0].resumed
    embedder = "hash"
    if what == "data":
        (root / "stories" / "qa1_single-supporting-fact_test.txt").write_text(STORIES.replace("office", "attic"))
    elif what == "code":
        monkeypatch.setattr(provenance, "code", lambda: "other")
    elif what == "settings":
        job = Job(Plan("babi", plan.shown, plan.pattern, 1, {"stories": 1}), "babi", root / "stories")
    elif what == "broken":
        (tmp_path / "out" / "babi.json").write_text('{"run": []}')
    else:
        embedder = "hash-64"
    (again,) = suite.play([job], tmp_path / "out", embedder=embedder)
    assert not again.resumed


def test_an_interrupted_run_keeps_what_is_done_and_says_what_is_not(root, tmp_path):
    """Ctrl-C stops the run: the results so far are there, and the next run goes on from them."""

    def interrupt(ended):
        raise KeyboardInterrupt

    two = [Job(PLANS["babi"], name, root / "stories") for name in ("babi-a", "babi-b")]
    with pytest.raises(KeyboardInterrupt):
        suite.play(two, tmp_path / "out", embedder="hash", after=interrupt)
    assert [ended.resumed for ended in suite.play(two, tmp_path / "out", embedder="hash")] == [True, False]


def test_the_page_says_what_has_not_run_yet(root):
    """So that nobody takes half of a run for the whole."""
    from agentmem.evaluation import suite_page

    page = suite_page.page([], [Job(PLANS["babi"], "babi", root)], "agentmem eval all")
    assert "Not run yet: babi" in page


def test_a_page_that_cannot_be_made_is_a_failure_of_that_evaluator(root, tmp_path, monkeypatch):
    """Figures that its page cannot show are not kept, and the error says so."""
    babi = registry.evaluator_module("babi")
    monkeypatch.setattr(babi, "run", lambda data, **_: Report("t", {"metrics": {}}, [Section("s", [Command("c")])]))
    (ended,) = suite.play([Job(PLANS["babi"], "babi", root / "stories")], tmp_path / "out", embedder="hash")
    assert ended.error.startswith("KeyError")
    assert not (tmp_path / "out" / "babi.json").exists()


def test_a_figure_that_is_not_there_is_a_dash(root, tmp_path, monkeypatch):
    """A place that leads nowhere is no zero."""
    from agentmem.evaluation import suite_page

    job = Job(Plan("babi", (Shown("x", ("metrics", "9")),)), "babi", root / "stories")
    ended = suite.play([job], tmp_path / "out", embedder="hash")
    assert "Short stories (bAbI tasks 1 to 3): x</th><td>\u2013</td><td>\u2013</td>" in suite_page.page(ended, [], "c")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["eval", "all"], "--data-root DIR --html OUT"),
        (["eval", "all", "--data-root", ".", "--html", "x.html", "--model", "openai:x"], "alone"),
        (["eval", "babi", "--data", ".", "--fresh"], "go with `agentmem eval all`"),
        (["eval", "all", "--data-root", "/nowhere/at/all", "--html", "x.html"], "no folder"),
    ],
)
def test_options_that_do_not_go_together_are_refused(words, said):
    """Nothing is silently ignored."""
    done = CliRunner().invoke(app, words)
    assert done.exit_code != 0
    assert said in " ".join(done.output.split())


def test_code_is_known_by_its_sources():
    """The same sources give the same digest, in hexadecimal."""
    assert re.fullmatch(r"[0-9a-f]{64}", provenance.code())
    assert provenance.code() == provenance.code()
