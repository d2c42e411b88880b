"""The evaluation room: intervals, replay, subjects, readers with a cache, and reports that can be read."""

from __future__ import annotations

import json
import math
import re
import sys
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import agentmem_evaluators
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.errors import ModelError, StorageError
from agentmem.evaluation import provenance, replay
from agentmem.evaluation.cases import Ask, Case, Forget, Gold, Remember, Reply, Score, Wait
from agentmem.evaluation.readers import ChatReader
from agentmem.evaluation.report import (
    Bars,
    Command,
    Lines,
    Prose,
    Report,
    Section,
    Series,
    Table,
    Warned,
    percent,
)
from agentmem.evaluation.statistics import bootstrap, separability
from agentmem.evaluation.subjects import Held, NoMemory, Oracle, StoreAlone, Whole
from agentmem.types import Answer, Draft

BEGAN = datetime(2025, 3, 3, 9, tzinfo=UTC)


# -- statistics --------------------------------------------------------------------------------------------------------


def test_bootstrap_agrees_with_the_normal_interval():
    """On many values the percentile interval is the mean plus or minus 1.96 standard errors."""
    values = np.random.default_rng(7).random(4000)
    found = bootstrap(values)
    error = 1.96 * values.std() / math.sqrt(len(values))
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - error, abs=0.1 * error)
    assert found.high == pytest.approx(values.mean() + error, abs=0.1 * error)
    assert found.n == 4000


def test_bootstrap_repeats_itself_and_knows_certainty():
    """The seed is fixed, so a figure has one interval; equal values have none to speak of."""
    assert bootstrap([0.0, 1.0, 1.0]) == bootstrap([0.0, 1.0, 1.0])
    assert bootstrap([0.0, 1.0, 1.0], seed=1) != bootstrap([0.0, 1.0, 1.0], seed=2, resamples=100)
    assert bootstrap([0.25] * 9)[:3] == (0.25, 0.25, 0.25)
    assert bootstrap([1.0])[:3] == (1.0, 1.0, 1.0)


def test_bootstrap_does_not_depend_on_how_it_is_cut_into_pieces():
    """Two thousand resamples of ten thousand values come in several pieces; the interval is still one of all."""
    values = np.random.default_rng(3).random(10_000)
    found = bootstrap(values, resamples=1000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 100, rel=0.12)


@pytest.mark.parametrize("values", [[], [math.nan], [[1.0]]])
def test_bootstrap_refuses_what_has_no_mean(values):
    """No values, and values that are none, are errors: an invented zero would look like a figure."""
    with pytest.raises(ValueError, match="finite values"):
        bootstrap(values)


def test_separability_counts_pairs():
    """Of the four pairs two are in order, one is a tie, one is not: 2.5 / 4."""
    assert separability([2.0, 1.0], [1.0, 1.5]) == 0.625
    assert separability([3.0], [1.0, 2.0]) == 1.0
    assert math.isnan(separability([], [1.0]))


# -- replay ------------------------------------------------------------------------------------------------------------


class Exactly:
    """Scores one where the answer is the gold one."""

    name = "exactly"

    def cases(self):
        yield from ()

    def score(self, ask, reply):
        if not ask.gold.answer:
            return Score.unscored("nothing to compare with")
        return Score({"right": float(reply.answer == ask.gold.answer)})


class First:
    """A reader that repeats the first memory, and remembers what it was shown."""

    name = "first"

    def __init__(self):
        self.seen = []

    def __call__(self, question, evidence, confidence):
        self.seen.append((question, [e.memory.text for e in evidence], confidence))
        return Answer(evidence[0].memory.text if evidence else "nothing", abstained=not evidence)


def draft(name, text, **fields):
    return Draft(text, origin=name, said_at=BEGAN, **fields)


def ask(question, answer="", evidence=(), **labels):
    return Ask(question, Gold(question, answer, tuple(evidence), labels))


CATS = draft("cat", "Miso the cat sleeps on the radiator.")
BOATS = draft("boat", "The old sailing boat needs a new mast.")
SETTINGS = replay.Settings(HashEmbedder())


def test_replay_plays_the_script_in_order():
    """What is remembered later is not found before, and what is forgotten is not found after."""
    case = Case(
        "script",
        BEGAN,
        (
            Remember((CATS,)),
            ask("Where does Miso the cat sleep?", CATS.text),
            Wait(timedelta(days=2)),
            Remember((BOATS,)),
            ask("What does the old sailing boat need?", BOATS.text),
            Forget(("boat",)),
            ask("What does the old sailing boat need?", BOATS.text),
            ask("anything"),
        ),
    )
    played = replay.replay(case, Exactly(), [Whole(First(), k=5)], SETTINGS)
    assert [dict(o.score.values) for o in played.outcomes] == [{"right": 1.0}, {"right": 1.0}, {"right": 0.0}, {}]
    assert played.outcomes[2].reply.ranking == ("cat",)
    assert played.outcomes[3].score.reason == "nothing to compare with"
    assert (played.remembered, played.failures) == (2, [])
    assert played.ingest_seconds > 0


def test_replay_moves_the_clock_as_the_script_says():
    """A memory without a time of its own gets that of the script, never the present."""
    case = Case("time", BEGAN, (Wait(timedelta(days=3)), Remember((Draft("No time is given."),)), ask("time")))
    seen = []

    class Looks:
        name = "looks"

        def reply(self, space, ask):
            seen.extend(m.said_at for m in space.memories())
            return Reply()

    replay.replay(case, Exactly(), [Looks()], SETTINGS)
    assert seen == [BEGAN + timedelta(days=3)]


def test_a_crash_on_one_question_loses_only_that():
    """The failure is kept with its kind and place, it is unscored, and the next question is still asked."""

    class Fragile:
        name = "fragile"

        def reply(self, space, ask):
            if "boat" in ask.question:
                raise ZeroDivisionError("a reader broke")
            return Reply(answer="yes")

    case = Case("crash", BEGAN, (Remember((CATS,)), ask("the boat?", "yes"), ask("the cat?", "yes")))
    played = replay.replay(case, Exactly(), [Fragile()], SETTINGS)
    broken, fine = played.outcomes
    assert broken.failure.startswith("ZeroDivisionError: a reader broke at test_evaluation_report.py:")
    assert broken.reply is None
    assert dict(broken.score.values) == {}
    assert fine.score.values["right"] == 1.0


def test_a_crash_of_a_case_leaves_its_questions_unscored():
    """A script that cannot go on is a failure, and the questions it never came to are counted, not dropped."""
    case = Case("broken", BEGAN, (Remember((CATS,)), ask("first", "a"), Wait(timedelta(days=-1)), ask("second", "b")))
    played = replay.replay(case, Exactly(), [Whole(First()), NoMemory(First())], SETTINGS)
    assert len(played.outcomes) == 4
    assert [bool(o.failure) for o in played.outcomes] == [False, False, True, True]
    assert "TimeError: a clock cannot go back" in played.failures[0]


def test_subjects_see_the_question_but_not_what_is_known_about_it():
    """Two asks that differ in their gold alone get the same reply from every subject but the oracle."""
    reader, held = First(), Held()
    told = (ask("Where is the cat?", "here", ["cat"], category="4"), ask("Where is the cat?", "", [], category="5"))
    case = Case("blind", BEGAN, (Remember((CATS, BOATS)), *told))
    subjects = [Whole(reader), StoreAlone("dense", "exact", reader, held), StoreAlone("bm25", "lexical", reader, held)]
    played = replay.replay(case, Exactly(), subjects, SETTINGS)
    one, two = played.outcomes[:3], played.outcomes[3:]
    assert [(o.reply.ranking, o.reply.answer) for o in one] == [(o.reply.ranking, o.reply.answer) for o in two]
    assert all(seen[0] == "Where is the cat?" for seen in reader.seen)


def test_baselines_are_what_they_say():
    """BM25 finds the word, the oracle finds the gold whatever the words, and no memory finds nothing."""
    reader, held = First(), Held()
    case = Case("base", BEGAN, (Remember((CATS, BOATS)), ask("mast", BOATS.text, ["cat"])))
    subjects = [StoreAlone("bm25", "lexical", reader, held), Oracle(reader, held), NoMemory(reader)]
    bm25, oracle, none = (o.reply for o in replay.replay(case, Exactly(), subjects, SETTINGS).outcomes)
    assert (bm25.ranking[0], bm25.answer) == ("boat", BOATS.text)
    assert (oracle.ranking, oracle.answer) == (("cat",), CATS.text)
    assert (none.ranking, none.answer, none.abstained) == ((), "nothing", True)
    assert [seen[2] for seen in reader.seen] == [1.0, 1.0, 0.0]


def test_a_store_alone_has_the_speaker_in_its_text():
    """Other systems store "Ines: ...", so a baseline without it is a straw man; the reader sees the plain text."""
    reader, held = First(), Held()
    plain = draft("plain", "The mast is new.", speaker="Tomas")
    case = Case("who", BEGAN, (Remember((plain, draft("said", "Yes, that is so.", speaker="Ines"))), ask("Ines?")))
    (outcome,) = replay.replay(case, Exactly(), [StoreAlone("bm25", "lexical", reader, held)], SETTINGS).outcomes
    assert outcome.reply.ranking == ("said",)
    assert outcome.reply.answer == "Yes, that is so."


def test_a_store_alone_notices_that_the_space_has_changed():
    """A baseline that kept its first index would be measured on memories that are not all."""
    reader, held = First(), Held()
    steps = (Remember((CATS,)), ask("mast"), Remember((BOATS,)), ask("mast"))
    outcomes = replay.replay(
        Case("grow", BEGAN, steps), Exactly(), [StoreAlone("dense", "exact", reader, held)], SETTINGS
    ).outcomes
    assert [sorted(o.reply.ranking) for o in outcomes] == [["cat"], ["boat", "cat"]]


# -- a chat model as reader --------------------------------------------------------------------------------------------


def recalled(space, *drafts):
    space.remember(list(drafts))
    return space.recall("mast", k=5).evidence


def test_chat_reader_asks_once_and_keeps_the_answer(space, tmp_path):
    """The second run, of another process as it were, asks the model nothing; another model is asked anew."""
    prompts = []

    def model(prompt):
        prompts.append(prompt)
        return " a new mast \n"

    evidence = recalled(space, CATS, draft("boat", BOATS.text, speaker="Ines"))
    for _ in range(2):
        reader = ChatReader("m1", model, tmp_path / "kept" / "answers.db")
        assert reader("What does the boat need?", evidence, 0.5).text == "a new mast"
    assert len(prompts) == 1
    ChatReader("m2", model, tmp_path / "kept" / "answers.db")("What does the boat need?", evidence, 0.5)
    assert len(prompts) == 2
    assert '9:00 am on 3 March, 2025: Ines said, "The old sailing boat needs a new mast."' in prompts[0]
    assert prompts[0].endswith("Question: What does the boat need? Short answer:")


def test_chat_reader_knows_a_refusal_and_an_empty_answer(space):
    """A model may decline; a model that says nothing at all has failed, and nothing is kept of that."""
    evidence = recalled(space, CATS)
    assert ChatReader("m", lambda _: "No information available.")("?", evidence, 1.0).abstained
    assert not ChatReader("m", lambda _: "The radiator")("?", evidence, 1.0).abstained
    with pytest.raises(ModelError, match="answered nothing"):
        ChatReader("m", lambda _: "  ")("?", evidence, 1.0)


# -- report ------------------------------------------------------------------------------------------------------------

TABLE = Table("Recall, %", ("", "R@5", "R@10"), [("ours | <b>", "50.0 [40.0, 60.0]", "–"), ("theirs", "1.0", "2.0")])
LINES = Lines("Over k <i>", [5, 10], "k", "recall", [Series("ours", [0.5, None], [0.4, None], [0.6, None])])
BARS = Bars(
    "By kind", ["a", "b"], "F1", [Series("ours", [0.5, 0.2], [0.4, 0.1], [0.6, 0.3]), Series("base", [None, 0.1])]
)
REPORT = Report(
    "A <title>",
    {"a": math.nan, "b": (1, 2), "c": {5: 0.5}},
    [Section("One & two", [Prose("p < q"), Warned("look"), Command("agentmem eval --k 5"), TABLE, LINES, BARS])],
    [{"id": "q", "f1": math.inf}],
)


class Tags(HTMLParser):
    """Collects the tags of a page and checks that they close."""

    VOID = frozenset({"meta", "br", "path", "use", "rect"})

    def __init__(self):
        super().__init__()
        self.open, self.all = [], []

    def handle_starttag(self, tag, attrs):
        self.all.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_json_holds_plain_values_only():
    """What is not a number is null, tuples are lists, keys are strings; and it can be read back."""
    assert json.loads(REPORT.json()) == {"a": None, "b": [1, 2], "c": {"5": 0.5}}


def test_markdown_has_tables_that_cannot_break():
    """A bar in a cell is escaped, and every row has as many cells as the head."""
    text = REPORT.markdown()
    assert "| ours \\| <b> | 50.0 [40.0, 60.0] | – |" in text
    assert "> **Mind:** look" in text
    assert "```\nagentmem eval --k 5\n```" in text


def test_the_page_stands_alone_and_is_well_formed():
    """Tags close, foreign text is escaped, plots are inside, and nothing is fetched from anywhere."""
    page = REPORT.html()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.all.count("svg") == 2
    assert "ours | &lt;b&gt;" in page
    assert "50.0 <small>[40.0, 60.0]</small>" in page
    assert "<title>A &lt;title&gt;</title>" in page
    for fetched in ('src="http', "@import", 'link rel="stylesheet"', "<script"):
        assert fetched not in page


def test_equal_reports_make_equal_pages():
    """Plots carry no date and no random ids, so that pages can be compared."""
    assert REPORT.html() == REPORT.html()


def test_write_makes_folders_and_says_where_it_could_not(tmp_path):
    """Only the forms that were asked for are written; a file in the way of a folder is a clear error."""
    written = REPORT.write(json=tmp_path / "a" / "r.json", html=tmp_path / "a" / "r.html")
    assert [path.name for path in written] == ["r.json", "r.html"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["r.html", "r.json"]
    REPORT.details_to(tmp_path / "d.jsonl")
    assert json.loads((tmp_path / "d.jsonl").read_text()) == {"id": "q", "f1": None}
    with pytest.raises(StorageError, match="cannot be written"):
        REPORT.write(json=tmp_path / "d.jsonl" / "r.json")


@pytest.mark.parametrize(
    ("value", "interval", "shown"),
    [(0.5, None, "50.0"), (0.123, (0.1, 0.2), "12.3 [10.0, 20.0]"), (None, None, "–"), (math.nan, (0, 1), "–")],
)
def test_percent_shows_one_decimal(value, interval, shown):
    """A figure that does not exist is a dash, not a zero."""
    assert percent(value, interval) == shown


def test_provenance_names_the_commit_and_the_data(tmp_path):
    """The commit is that of the checkout, or the version where there is none; the digest is of the bytes."""
    file = tmp_path / "f"
    file.write_bytes(b"abc")
    assert provenance.digest(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    commit = provenance.commit()
    assert commit.startswith("agentmem ") or len(commit.removesuffix("+")) == 40
    assert provenance.machine()["cores"] >= 1


# -- the door ----------------------------------------------------------------------------------------------------------


def test_the_evaluator_of_the_readme_runs(monkeypatch):
    """What the README of the room tells people to copy is complete, and says what it says it does."""
    readme = (Path(__file__).parents[1] / "evaluators" / "README.md").read_text(encoding="utf-8")
    _, evaluator, use = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    module = ModuleType("agentmem_evaluators.smalltalk")
    exec(compile(evaluator, "smalltalk.py", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(agentmem_evaluators, "smalltalk", module, raising=False)
    said = []
    exec(compile(use, "use.py", "exec"), {"print": lambda *words: said.append(words)})
    assert [(name, failure) for name, _, failure in said] == [("agentmem", ""), ("dense", "")]
    assert said[0][1] == {"found": 1.0}
