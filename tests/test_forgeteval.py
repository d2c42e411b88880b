"""ForgetEval: the file of cases, both scorings, stores by its protocol, and the shipped sample."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import agentmem_evaluators
from agentmem import registry
from agentmem.errors import ImportRefusedError, InputError, NotFoundError
from agentmem.evaluation.cases import Ask, Gold, Reply
from agentmem.evaluation.readers import ExtractiveReader
from agentmem.evaluation.replay import Settings
from agentmem.formats import forgeteval as format_
from agentmem_evaluators import forgeteval
from agentmem_evaluators._forgeteval_stores import Keeper, Nuke, Null, Oracle, SpaceStore, TextStore, UnsupportedError

SAMPLE = Path(agentmem_evaluators.__file__).with_name("forgeteval_sample.json")
CASE = {
    "id": "one",
    "category": "shared_attribute",
    "setup_facts": ["Nils works at the observatory.", "Petra works at the mill."],
    "mutations": [["release", "everything about Nils"]],
    "final_query": "Who works where?",
    "must_contain": ["Petra"],
    "must_not_contain": ["Nils"],
}
ASKING = CASE | {
    "id": "two",
    "category": "temporal_qualifier",
    "setup_facts": ["In 2021 Ida lived in Bergen.", "Ida keeps bees."],
    "mutations": [["purge", "where Ida lived in 2021"]],
    "final_query": "What about Ida?",
    "must_contain": ["bees"],
    "must_not_contain": ["Bergen"],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "cases.json"
    written.write_text(json.dumps([CASE, ASKING], indent=1))
    return written


class Alike:
    """An embedder in which every text is like every other."""

    name, dim = "alike", 4

    def __call__(self, texts):
        return np.full((len(texts), self.dim), 0.5, np.float32)


def test_the_file_is_read(file, tmp_path):
    """A list of cases, or an object that holds it."""
    first, second = format_.load(file)
    assert first.mutations == (format_.Mutation("release", "everything about Nils"),)
    assert (second.category, second.wanted, second.unwanted) == ("temporal_qualifier", ("bees",), ("Bergen",))
    inside = tmp_path / "inside.json"
    inside.write_text(json.dumps({"cases": [CASE]}))
    assert format_.load(inside) == [first]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[\n{", r"line 2: not JSON"),
        (json.dumps([CASE, CASE | {"setup_facts": []}], indent=1), r"line 26: 1\.setup_facts"),
        (json.dumps({"cases": [CASE | {"mutations": [["shred", "x"]]}]}, indent=1), r"line 11: 0\.mutations\.0"),
        (json.dumps([CASE | {"mutations": [["supersede", "x"]]}], indent=1), r"0\.mutations\.0"),
        ("[]", "holds no cases"),
        (json.dumps([CASE, CASE]), "1 ids stand for more than one case, such as 'one'"),
    ],
)
def test_a_broken_file_names_line_and_field(tmp_path, text, said):
    """What cannot be read is refused with the line and the field."""
    broken = tmp_path / "broken.json"
    broken.write_text(text)
    with pytest.raises(ImportRefusedError, match=said):
        format_.load(broken)
    with pytest.raises(NotFoundError, match="bring a JSON list"):
        format_.load(tmp_path / "none.json")


class Script:
    """A store that answers as written and notes what is asked of it."""

    name = "script"

    def __init__(self, texts, unsupported=""):
        self.texts, self.unsupported, self.calls = texts, unsupported, []

    def reset(self, unwanted):
        self.calls.append(("reset", *unwanted))

    def recall_texts(self, query, k):
        self.calls.append(("recall", query, k))
        return self.texts.get(query, [])

    def __getattr__(self, name):
        def call(*words):
            self.calls.append((name, *words))
            if name == self.unsupported:
                raise UnsupportedError(name)

        return call


def test_both_scorings():
    """The question alone, or with a probe of each forbidden string: the second finds what the first does not."""
    case = format_._case(format_._Case(**CASE | {"mutations": [["supersede", "a", "b"], ["purge", "c"]]}))
    store = Script({"Who works where?": ["PETRA works."], "Nils": ["Somebody called nils."]})
    assert forgeteval.tried(case, store) == {"single": 1, "probed": 0}
    assert store.calls == [
        ("reset", "Nils"),
        ("inscribe", CASE["setup_facts"][0]),
        ("inscribe", CASE["setup_facts"][1]),
        ("supersede", "a", "b"),
        ("purge", "c"),
        ("recall", "Who works where?", 5),
        ("recall", "Nils", 5),
    ]
    assert forgeteval.tried(case, Script({"Who works where?": ["Petra works."]})) == {"single": 1, "probed": 1}
    assert forgeteval.tried(case, Script({"Nils": ["Nils"]})) == {"single": 0, "probed": 0}
    assert not forgeteval.passed(case, "Petra and Nils")


def test_what_a_store_does_not_support_does_not_count(file):
    """A case whose operation is missing is no failure of that store; the others still count."""
    figures = forgeteval.run(file, embedder="hash", stores=[Script({}, "purge")]).figures
    assert figures["counted"]["script"] == 1
    assert figures["baselines"]["script"] == {"single": 0, "probed": 0}
    assert figures["counted"]["agentmem"] == 2
    assert figures["failures"] == []


@pytest.mark.parametrize(
    ("kind", "left"),
    [(Keeper, ["a", "b", "c", "d"]), (Nuke, ["d"]), (Null, []), (TextStore, ["c", "d"]), (Oracle, ["c", "d"])],
)
def test_reference_stores(kind, left):
    """What each keeps of three texts after a release and a supersession; all look alike."""
    store = kind(Alike(), "name")
    store.reset(["a", "b"])
    for text in "abc":
        store.inscribe(text)
    store.release("one of them")
    store.supersede("another", "d")
    assert store.recall_texts("any", 5) == left
    store.reset([])
    assert store.recall_texts("any", 5) == []


def test_deletion_by_similarity_has_a_threshold():
    """What is not near enough stays; purge takes all that is."""
    store = TextStore(Alike(), alike=1.5)
    store.inscribe("a")
    store.purge("b")
    assert store.recall_texts("b", 1) == ["a"]
    store = TextStore(Alike())
    store.inscribe("a")
    store.inscribe("b")
    store.purge("c")
    assert store.recall_texts("b", 5) == []


def test_a_space_forgets_what_is_sure_and_else_as_it_is_answered(file):
    """A name goes unasked; a topic stays, goes as the likeliest, or goes when it is truly meant. Each case is new."""
    _, asking = format_.load(file)
    for answers, gone in (("no", False), ("likeliest", True), ("truth", True)):
        with SpaceStore(Settings("hash"), "space", answers) as store:
            assert forgeteval.tried(asking, store)["probed"] == gone
            assert len(store.space) == (1 if gone else 2)
            store.reset(())
            assert len(store.space) == 0
            store.inscribe("Nils is here.")
            store.purge("everything about Nils")
            store.inscribe("Nils is here.")
            assert store.recall_texts("Who is here?", 5) == ["Nils is here."]
            store.supersede("everything about Nils", "Petra is here.")
            assert store.recall_texts("Who is here?", 5) == ["Petra is here."]


def test_a_run_end_to_end(file):
    """Figures have the promised shape, by category too, and the page shows them."""
    made = forgeteval.run(file, embedder="hash")
    figures = json.loads(made.json())
    assert figures["metrics"] == {"single": 0.5, "probed": 0.5}
    assert figures["by_category"]["temporal_qualifier"]["asked"] == {"single": 1, "probed": 1}
    assert figures["baselines"]["oracle"]["probed"] == 1
    assert figures["baselines"]["none"]["single"] == figures["baselines"]["null"]["single"] == 0
    assert figures["n"] == {"shared_attribute": 1, "temporal_qualifier": 1}
    assert "| **agentmem** | **50.0** | **50.0** | **2** |" in made.markdown()
    assert "<svg" in made.html()
    assert [row["question"] for row in made.details if row["system"] == "agentmem"] == ["one", "two"]


def test_the_sample_has_two_cases_of_each_category():
    """The shipped cases cover the benchmark's ten categories; an oracle passes all, an empty or deaf store none."""
    cases = format_.load(SAMPLE)
    assert Counter(case.category for case in cases) == dict.fromkeys(format_.CATEGORIES, 2)
    for kind, share in ((Oracle, 1), (Null, 0), (Keeper, 0)):
        passed = [forgeteval.tried(case, kind(Alike()))["probed"] for case in cases]
        assert sum(passed) == share * len(cases)


def test_the_evaluator_as_scripts(file):
    """The registry finds it; its cases remember the facts and ask; its score is of an answer."""
    made = registry.make_evaluator("forgeteval", {"data": str(file)})
    first, _ = made.cases()
    assert [draft.text for draft in first.steps[0].drafts] == CASE["setup_facts"]
    assert made.score(first.steps[1], Reply(answer="Petra does.")).values == {"single": 1}
    assert made.score(Ask("?", Gold("three")), Reply()).values == {}


def test_refuses_settings_that_make_no_sense(file):
    """Training, a model, and no data are errors before anything is run."""
    for settings, said in (
        ({"cross_validate": True}, "trains nothing"),
        ({"reader": ExtractiveReader()}, "leave --model"),
    ):
        with pytest.raises(InputError, match=said):
            forgeteval.run(file, embedder="hash", **settings)
    with pytest.raises(InputError, match="needs its data"):
        forgeteval.make({})
