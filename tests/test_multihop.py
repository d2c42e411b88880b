"""HippoRAG's files, and the evaluator of multi-hop questions: read, scored by hand, and measured on a tiny corpus."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from agentmem import registry
from agentmem.cli import app
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.errors import ImportRefusedError, InputError, NotFoundError
from agentmem.evaluation.cases import Remember, Reply
from agentmem.evaluation.readers import ExtractiveReader
from agentmem.formats import hipporag
from agentmem_evaluators import _own_facts, multihop

PASSAGES = [
    {"title": "The Sea Wall", "text": "The Sea Wall is a novel by Ines Moreau."},
    {"title": "Ines Moreau", "text": "She was born in Porto and keeps bees."},
    {"title": "Porto", "text": "A harbour town; wine is aged there."},
    *({"title": f"Village {n}", "text": f"Village {n} has {n + 3} mills."} for n in range(12)),
]
TRIPLES = [
    [["The Sea Wall", "is a novel by", "Ines Moreau"], ["The Sea Wall", "is a novel by", "Ines Moreau"]],
    [["Ines Moreau", "born in", "Porto"], ["she", "bees"], ["?", "keeps", "bees"]],
    [["Porto", "is", "harbour town"]],
    *([[f"Village {n}", "has", f"{n + 3} mills"]] for n in range(12)),
]
QUESTION = {
    "id": "2hop__1",
    "question": "What does the author of the novel The Sea Wall keep?",
    "answer": "bees",
    "answer_aliases": ["honeybees", "bees"],
    "paragraphs": [
        {"title": p["title"], "paragraph_text": p["text"], "is_supporting": n < 2} for n, p in enumerate(PASSAGES[:3])
    ],
}


@pytest.fixture
def folder(tmp_path):
    """A corpus of fifteen passages, one question over two of them, and triples."""
    docs = [{**p, "extracted_triples": t} for p, t in zip(PASSAGES, TRIPLES, strict=True)]
    for name, document in (
        ("tiny_corpus.json", PASSAGES),
        ("tiny.json", [QUESTION]),
        ("openie_tiny_results.json", {"docs": docs, "avg_ent_chars": float("nan")}),
    ):
        (tmp_path / name).write_text(json.dumps(document, indent=1))
    return tmp_path


def test_the_three_files_are_read_together(folder):
    """Passages with their triples, each once, questions with the places of their gold, and what was left out."""
    read = hipporag.load(folder)
    assert (read.name, len(read.passages), read.malformed) == ("tiny", 15, 1)
    assert read.passages[0].triples == (("The Sea Wall", "is a novel by", "Ines Moreau"),)
    assert read.passages[1].triples == (("Ines Moreau", "born in", "Porto"), ("?", "keeps", "bees"))
    assert read.passages[2].whole == "Porto\nA harbour town; wine is aged there."
    assert read.questions == (
        hipporag.Question("2hop__1", QUESTION["question"], ("bees", "honeybees"), frozenset({0, 1})),
    )


def test_triples_may_be_missing(folder):
    """Without the third file passages have no triples."""
    (folder / "openie_tiny_results.json").unlink()
    read = hipporag.load(folder, "tiny")
    assert not any(passage.triples for passage in read.passages)
    assert [file.name for file in read.files] == ["tiny_corpus.json", "tiny.json"]


def test_what_does_not_fit_is_refused_with_its_line(folder):
    """A missing folder or file, broken JSON, a missing field and gold outside the corpus each say what and where."""
    with pytest.raises(NotFoundError, match=r"no \*_corpus\.json"):
        hipporag.load(folder / "nowhere")
    with pytest.raises(NotFoundError, match=r"there is no file .*other_corpus\.json"):
        hipporag.load(folder, "other")
    (folder / "tiny.json").write_text(json.dumps([{**QUESTION, "paragraphs": []}], indent=1))
    with pytest.raises(ImportRefusedError, match="question 2hop__1: nothing supports it"):
        hipporag.load(folder)
    lost = [{"title": "Lost", "paragraph_text": "Nowhere.", "is_supporting": True}]
    (folder / "tiny.json").write_text(json.dumps([QUESTION, {**QUESTION, "paragraphs": lost}]).replace("}, {", "},\n{"))
    with pytest.raises(ImportRefusedError, match=r"not in tiny_corpus\.json: 'Lost"):
        hipporag.load(folder)
    (folder / "tiny_corpus.json").write_text('[{"title": "a", "text": "b"},\n {"title": "c"}]')
    with pytest.raises(ImportRefusedError, match=r"line 2: 1\.text: Field required"):
        hipporag.load(folder)
    (folder / "tiny_corpus.json").write_text("[\n{]")
    with pytest.raises(ImportRefusedError, match="line 2: not JSON"):
        hipporag.load(folder)
    (folder / "tiny_corpus.json").write_bytes(b"\xff")
    with pytest.raises(ImportRefusedError, match="not UTF-8"):
        hipporag.load(folder)
    (folder / "second_corpus.json").write_text("[]")
    with pytest.raises(NotFoundError, match="second, tiny; name one"):
        hipporag.load(folder)


def titled(folder, name, corpus, **more):
    """Write a collection whose questions name their support by title."""
    question = {
        "question": QUESTION["question"],
        "answer": "bees",
        "supporting_facts": [["The Sea Wall", 0], ["Ines Moreau", 0], ["Ines Moreau", 1]],
        "context": [["Ines Moreau", ["She was born in Porto.", " She keeps bees."]]],
        "type": "bridge",
        "level": "hard",
        **more,
    }
    folder.mkdir()
    (folder / f"{name}.json").write_text(json.dumps([question]))
    (folder / f"{name}_corpus.json").write_text(json.dumps(corpus))
    return folder


def test_hotpotqa_gives_sentences_by_title(tmp_path):
    """A corpus that is a mapping is read in its order, its sentences joined; gold is by title, each once."""
    corpus = {p["title"]: [p["text"], " More of it. "] for p in PASSAGES}
    read = hipporag.load(titled(tmp_path / "h", "hotpotqa_train", corpus))
    assert read.passages[1].whole == "Ines Moreau\nShe was born in Porto and keeps bees. More of it."
    assert read.questions == (hipporag.Question("1", QUESTION["question"], ("bees",), frozenset({0, 1})),)


def test_2wiki_gives_a_list_of_passages_and_ids(tmp_path):
    """The same questions over a list of passages; an id is kept, and of two passages of a title the first is gold."""
    twins = [*PASSAGES, {"title": "Ines Moreau", "text": "Another one."}]
    read = hipporag.load(titled(tmp_path / "w", "2wikimultihopqa", twins, _id="abc"))
    assert (read.questions[0].id, read.questions[0].gold) == ("abc", frozenset({0, 1}))
    assert len(read.passages) == 16


@pytest.mark.parametrize(
    ("corpus", "more", "why"),
    [
        ({"Ines Moreau": ["She keeps bees."]}, {}, "question 1: what supports it is not in n_corpus.json: 'The Sea"),
        (PASSAGES, {"supporting_facts": [], "id": "x"}, "question x: nothing supports it"),
        (PASSAGES, {"supporting_facts": [["The Sea Wall"]]}, "supporting_facts"),
        (PASSAGES, {"question": None}, "question"),
        ({"Ines Moreau": "no list"}, {}, "list"),
        ([{"title": "Ines Moreau"}], {}, "Field required"),
        (7, {}, "list"),
    ],
)
def test_titled_collections_that_do_not_fit_are_refused(tmp_path, corpus, more, why):
    """Support that is not there, none, or of another form, and a corpus of neither form, each say so."""
    with pytest.raises(ImportRefusedError, match=why):
        hipporag.load(titled(tmp_path / "x", "n", corpus, **more))


def test_without_ready_triples_the_graph_is_of_what_rules_read(tmp_path):
    """Titles, names and rules link the passages: the author is found although the question does not name her."""
    corpus = [{**p, "title": f"{p['title']} (novel)" if n == 0 else p["title"]} for n, p in enumerate(PASSAGES)]
    support = [["The Sea Wall (novel)", 0], ["Ines Moreau", 0]]
    folder = titled(tmp_path / "g", "2wikimultihopqa", corpus, supporting_facts=support)
    figures = multihop.run(folder, embedder=HashEmbedder()).figures
    assert figures["facts_from"] == "own rules"
    assert figures["metrics"]["recall@2"] == 1
    assert 0 < figures["n_facts"] < 40
    assert set(figures["ablations"]) == set(multihop.ABLATIONS)
    cues = [read.cues for read in _own_facts.read(hipporag.load(folder).passages, datetime(2025, 1, 1, tzinfo=UTC))]
    assert cues[0].entities[:2] == ("The Sea Wall", "Sea Wall")
    assert "Ines Moreau" in cues[0].entities


def test_figures_by_hand():
    """Recall is a share, all gold is all or nothing, and a ranking may be short."""
    gold = frozenset({"a", "b", "c"})
    assert multihop.found(gold, ["a", "x", "b"], (1, 2, 10)) == {
        "recall@1": 1 / 3, "recall@2": 1 / 3, "recall@10": 2 / 3, "all_gold@5": 0.0,
    }  # fmt: skip
    assert multihop.found(gold, ["a", "x", "b", "y", "c"], (5,))["all_gold@5"] == 1
    assert multihop.found(gold, ["a", "x", "b", "y", "z", "c"], (5,))["all_gold@5"] == 0


def test_the_case_remembers_every_passage_and_scores_by_origin(folder):
    """The evaluator is one case that any subject can play."""
    evaluator = registry.make_evaluator("multihop", {"data": str(folder), "ks": [5, 2]})
    (case,) = evaluator.cases()
    remembered, ask = case.steps
    assert isinstance(remembered, Remember)
    assert remembered.drafts[1].text == "Ines Moreau\nShe was born in Porto and keeps bees."
    assert ask.gold.evidence == (remembered.drafts[0].origin, remembered.drafts[1].origin)
    score = evaluator.score(ask, Reply((remembered.drafts[1].origin, "x")))
    assert score.values == {"recall@2": 0.5, "recall@5": 0.5, "all_gold@5": 0.0}
    with pytest.raises(InputError, match="needs its data"):
        multihop.make({})


def test_a_run_holds_ours_against_baselines_and_ablations(folder):
    """Figures of one question: ours with intervals, and the paired gain over every other on the same question."""
    report = multihop.run(folder, ks=(2,), embedder=HashEmbedder())
    figures = report.figures
    assert figures["metrics"] == {"recall@2": 0.5, "recall@5": 1.0, "recall@10": 1.0, "all_gold@5": 1.0}
    assert figures["ci"]["recall@2"] == [0.5, 0.5]
    assert set(figures["baselines"]) == {"dense", "bm25"}
    assert set(figures["baselines"]["bm25"]) == set(figures["metrics"])
    assert set(figures["ablations"]) == {*multihop.ABLATIONS, multihop.OWN}
    assert figures["facts_from"] == "ready triples"
    for name, gain in figures["gain_over"].items():
        other = {**figures["baselines"], **figures["ablations"]}[name]["recall@2"]
        assert gain["recall@2"] == [0.5 - other] * 3
    assert (figures["n_passages"], figures["n_facts"], figures["n_malformed"]) == (15, 15, 1)
    assert json.loads(report.json())["benchmark"] == "multihop"
    page = report.markdown()
    assert "| **graph** | **50.0 [50.0, 50.0]** | **100.0 [100.0, 100.0]**" in page
    assert "without synonyms" in page
    assert report.details[0]["all_gold@5"] == 1


def test_a_second_run_gives_the_same_figures(folder):
    """Nothing is drawn by chance: two runs differ in their timing alone."""
    one, other = (multihop.run(folder, embedder=HashEmbedder()).figures for _ in range(2))
    assert {k: v for k, v in one.items() if k != "speed"} == {k: v for k, v in other.items() if k != "speed"}


def test_what_has_no_meaning_here_is_refused(folder):
    """There is no reader and nothing to train; k is at least 1."""
    for settings in ({"reader": ExtractiveReader()}, {"weights": folder}, {"cross_validate": True}):
        with pytest.raises(InputError, match="measures stores alone"):
            multihop.run(folder, embedder=HashEmbedder(), **settings)
    with pytest.raises(InputError, match="cannot be measured"):
        multihop.run(folder, ks=(0,), embedder=HashEmbedder())


def test_the_command_line_runs_it(folder):
    """`agentmem eval multihop --data FOLDER --json OUT` writes the figures."""
    out = folder / "out.json"
    options = ["--data", str(folder), "--embedder", "hash", "--k", "2,5", "--json", str(out)]
    done = CliRunner().invoke(app, ["eval", "multihop", *options])
    assert done.exit_code == 0, done.output
    assert json.loads(out.read_text())["metrics"]["recall@10"] == 1.0


def test_the_real_files_are_read(data):
    """MuSiQue's development files: the counts that are known of them."""
    folder = data / "hipporag"
    if not folder.is_dir():
        pytest.skip("AGENTMEM_DATA has no folder hipporag, so the real files were NOT read")
    read = hipporag.load(folder)
    assert (len(read.passages), len(read.questions), read.malformed) == (1890, 100, 185)
    assert sum(len(question.gold) for question in read.questions) == 237
