"""`agentmem extract` and `agentmem import` of ready triples: what people type, read, and get wrong."""

from __future__ import annotations

import json
import re
import warnings

import pytest
from typer.testing import CliRunner

import agentmem
from agentmem import cli
from agentmem.errors import ImportRefusedError
from agentmem.formats import detect, openie
from agentmem.testing.stub_openai import Status, StubOpenAI

ANSI = re.compile(r"\x1b\[[0-9;]*m")
runner = CliRunner()

DOCS = {
    "docs": [
        {
            "idx": "chunk-1",
            "title": "Miso",
            "text": "Miso is Ana's cat.",
            "extracted_entities": ["Miso", "Ana"],
            "extracted_triples": [
                ["Miso", "is cat of", "Ana"],
                ["miso", "is  cat of", "ana"],
                ["Miso", "likes", "fish"],
            ],
        },
        {
            "passage": "Ana\nAna lives in Porto.",
            "extracted_triples": [["Ana", "lives in", "Porto"], ["Ana", "lives in"]],
        },
        {"title": "Tom", "text": "Nothing is known of Tom.", "extracted_triples": []},
    ],
    "avg_ent_chars": 3.5,
}


def run(*words, code=0):
    """Type a command; return what it printed, after checking its exit code."""
    result = runner.invoke(cli.app, [str(word) for word in words])
    assert result.exit_code == code, f"{words}: {result.output}\n{result.stderr}\n{result.exception!r}"
    return ANSI.sub("", result.stdout), ANSI.sub("", result.stderr)


def run_json(*words, code=0):
    return json.loads(run(*words, "--json", code=code)[0])


def written(folder, document, name="triples.json"):
    file = folder / name
    file.write_text(document if isinstance(document, str) else json.dumps(document, indent=1))
    return file


# -- ready triples -------------------------------------------------------------------------------------------------


def test_passages_become_notes_and_triples_facts_with_their_passage_for_parent(tmp_path, space):
    """HippoRAG's form: title and text, or one passage; each triple once a passage."""
    from agentmem.extract import remember_facts

    parsed = detect.read(written(tmp_path, DOCS))
    assert (parsed.format, parsed.skipped) == ("openie", {"malformed triples": 1})
    notes = space.remember(parsed.drafts)
    facts = [space.get(i) for i in remember_facts(space, openie.facts(parsed, notes))]
    assert [space.get(i).text for i in notes] == [
        "Miso\nMiso is Ana's cat.", "Ana\nAna lives in Porto.", "Tom\nNothing is known of Tom.",
    ]  # fmt: skip
    assert [(f.text, f.parents, f.metadata["by"], f.thread) for f in facts] == [
        ("Miso is cat of Ana", (notes[0],), "openie", "triples"),
        ("Miso likes fish", (notes[0],), "openie", "triples"),
        ("Ana lives in Porto", (notes[1],), "openie", "triples"),
    ]
    space.erase(notes[0])
    assert sorted(m.kind for m in space.memories()) == ["fact", "note", "note"]


@pytest.mark.parametrize(
    "triple",
    [
        *(None, 7, "Ana likes tea", [], ["Ana"], ["Ana", "likes", "tea", "daily"], {"subject": "Ana"}),
        *(["Ana", "likes", None], ["Ana", " ", "tea"], ["Ana", "likes", "te\x00a"], ["Ana", "likes", "\ud800"]),
        ["Ana", "likes", ["tea"]],
    ],
)
def test_triples_that_have_not_three_parts_are_left_out_and_counted(tmp_path, triple):
    """One slip of a model does not cost the file."""
    document = {"docs": [{"text": "Ana.", "extracted_triples": [triple, [" Ana ", "likes", "jazz"]]}]}
    parsed = detect.read(written(tmp_path, document))
    assert parsed.skipped == {"malformed triples": 1}
    assert parsed.triples == [(("Ana", "likes", "jazz"),)]


@pytest.mark.parametrize(
    ("document", "line", "what"),
    [
        ('{"docs": [\n{"text": "a"},\n{"title": "b"}\n]}', 3, "a document needs a 'text' or a 'passage'"),
        ('{"docs": [\n{"text": "a"},\n{"text": " "}\n]}', 3, "the text is empty"),
        ('{"docs": [\n{"text": "a"},\n{\n"text": 7}\n]}', 4, "valid string"),
        ('{"docs": [\n{"text": "a", "title": "\\u0000"}\n]}', 2, "NUL"),
        ('{"docs": [\n{"passage": "a\\ud800"}\n]}', 2, "surrogate"),
        ('{"docs": [\n7\n]}', 2, "valid dictionary"),
        ('{"docs": [{"text": "a",\n"extracted_triples": 7}]}', 2, "valid list"),
    ],
)
def test_what_is_no_document_is_refused_with_its_line(tmp_path, document, line, what):
    """Nothing is imported then, and the message says where to look."""
    with pytest.raises(ImportRefusedError, match=rf"(?s)triples\.json cannot be imported.*line {line}: .*{what}"):
        detect.read(written(tmp_path, document), "openie")


@pytest.mark.parametrize("document", ['{"docs": []}', '{"other": []}', "[]", "7", '{"docs": 7}', '{"docs": ['])
def test_a_file_without_documents_is_refused(tmp_path, document):
    """Whatever it is, it is no extraction, and an error of ours says so."""
    with pytest.raises(ImportRefusedError):
        detect.read(written(tmp_path, document), "openie")


def test_import_says_what_came_in_and_knows_it_again(tmp_path):
    """Passages, facts, what was left out; a second import adds nothing."""
    file = written(tmp_path, DOCS)
    out, _ = run("import", "wiki", file, "--embedder", "hash")
    assert out.startswith(
        "triples.json: 3 passages in 1 thread, openie, 1 malformed triples left out, 3 facts: 6 added, 0 known before."
    )
    report = run_json("import", "wiki", file, "--format", "openie")
    assert report == {
        "space": "wiki", "format": "openie", "turns": 3, "threads": 1, "left_out": {"malformed triples": 1}, "facts": 3,
        "added": 0, "known": 6, "kept_out": [], "memories": 6,
    }  # fmt: skip
    assert [m["text"] for m in run_json("show", "wiki", "--kind", "fact")["listed"]] == [
        "Miso is cat of Ana", "Miso likes fish", "Ana lives in Porto",
    ]  # fmt: skip


def test_an_import_that_broke_between_passages_and_facts_is_made_whole(tmp_path, monkeypatch):
    """The passages are known again, and the facts come in."""
    file = written(tmp_path, DOCS)
    from agentmem import extract

    def crash(*args, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(extract, "remember_facts", crash)
        assert runner.invoke(cli.app, ["import", "wiki", str(file), "--embedder", "hash"]).exit_code != 0
    assert run_json("import", "wiki", file)["added"] == 3


def test_a_dry_run_imports_nothing(tmp_path):
    """It says what is in the file, and makes no space."""
    out, _ = run("import", "wiki", written(tmp_path, DOCS), "--dry-run")
    held = "triples.json: 3 passages in 1 thread, openie, 1 malformed triples left out, 3 facts."
    assert out == f"{held} Nothing was imported: this was a dry run.\n"
    assert run_json("import", "wiki", written(tmp_path, DOCS), "--dry-run")["added"] == 0
    run("stats", "wiki", code=2)


def test_a_wrong_file_is_said_in_words(tmp_path):
    """Another format's file, a format that does not exist, a fault in the file: exit code 2, and no traceback."""
    other = written(tmp_path, {"docs": [{"title": "no text"}]})
    _, err = run("import", "wiki", other, code=2)
    assert "line 3: docs.0: a document needs a 'text' or a 'passage'" in err
    _, err = run("import", "wiki", other, "--format", "openia", code=2)
    assert "did you mean 'openie'?" in err


# -- extract -------------------------------------------------------------------------------------------------------


@pytest.fixture
def alice(tmp_path):
    """A space `alice` in which Ana has said three things."""
    said = [
        {"speaker": "Ana", "text": text, "said_at": "2025-06-01T12:00:00+00:00"}
        for text in ("My locker code is 4417.", "I love hiking.", "And you?")
    ]
    file = written(tmp_path, "\n".join(map(json.dumps, said)), "chat.jsonl")
    run("import", "alice", file, "--embedder", "hash")


def test_extract_says_what_it_read(alice):
    """How many, by whom, and which; a second time there is nothing new."""
    out, _ = run("extract", "alice")
    assert out == "alice: 2 new facts (2 by rules)\n  Ana's locker code is 4417\n  Ana loves hiking\n"
    assert run("extract", "alice")[0] == "alice: 0 new facts\n"
    assert run("extract", "alice", "--again")[0] == "alice: 0 new facts\n"


def test_extract_for_machines_names_every_fact_and_its_parents(alice):
    """The facts are whole memories."""
    report = run_json("extract", "alice")
    assert (report["space"], report["by"], report["added"], report["memories"]) == ("alice", "rules", 2, 5)
    assert [(f["kind"], f["text"], len(f["parents"])) for f in report["facts"]] == [
        ("fact", "Ana's locker code is 4417", 1), ("fact", "Ana loves hiking", 1),
    ]  # fmt: skip
    assert run_json("extract", "alice")["facts"] == []


def test_many_facts_are_counted_and_the_rest_is_named(tmp_path):
    """Ten are shown; the command that shows all is there to be copied."""
    said = [{"speaker": "Ana", "text": f"I love tea number {n}."} for n in range(12)]
    run("import", "bob", written(tmp_path, "\n".join(map(json.dumps, said)), "chat.jsonl"), "--embedder", "hash")
    out, _ = run("extract", "bob")
    assert out.count("Ana loves tea number") == 10
    assert "... and 2 more: agentmem show bob --kind fact" in out


def test_the_facts_answer_what_was_asked(alice):
    """What was extracted is recalled, and erasing the turn takes it along."""
    run("extract", "alice")
    best = run_json("recall", "alice", "What is Ana's locker code?")["evidence"][0]
    assert "4417" in json.dumps(best)
    (turn,) = [m["id"] for m in run_json("show", "alice")["listed"] if m["text"].startswith("My locker")]
    run("erase", "alice", turn, "--yes")
    assert [m["text"] for m in run_json("show", "alice", "--kind", "fact")["listed"]] == ["Ana loves hiking"]


def test_a_space_that_does_not_exist_and_a_model_that_nobody_knows_are_errors(alice):
    """The message says what was perhaps meant, to people and to machines."""
    _, err = run("extract", "alcie", code=2)
    assert "alice" in err
    _, err = run("extract", "alice", "--model", "opnai:gpt-4o-mini", code=1)
    assert "did you mean openai?" in err
    _, err = run("extract", "alice", "--model", "opnai:x", "--json", code=1)
    assert json.loads(err)["error"] == "ModelNotFoundError"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_extract_with_a_model_and_with_one_that_fails(alice, monkeypatch):
    """The facts of a model, the warning that rules had to read, and the error of a refused key."""
    pytest.importorskip("langchain_openai")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    stated = {"subject": "Ana", "relation": "hikes with", "object": "Tom", "turns": [2]}
    answer = json.dumps({"named_entities": ["Ana"], "facts": [stated]})
    with StubOpenAI(answer) as stub:
        monkeypatch.setenv("OPENAI_BASE_URL", stub.url)
        out, _ = run("extract", "alice", "--model", "openai:any")
        assert out == "alice: 1 new fact (1 by openai:any)\n  Ana hikes with Tom\n"
        run("extract", "alice", "--model", "openai:any", "--again")
        assert len(stub.requests) == 1
    with StubOpenAI("Certainly!") as stub:
        monkeypatch.setenv("OPENAI_BASE_URL", stub.url)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            _, err = run("extract", "alice", "--model", "openai:other")
        assert "agentmem: openai:other answered rubbish for 3 turns" in err
        facts = run_json("show", "alice", "--kind", "fact")["listed"]
        assert [fact["metadata"]["by"] for fact in facts] == ["openai:any", "rules", "rules"]
    with StubOpenAI(Status(401)) as stub:
        monkeypatch.setenv("OPENAI_BASE_URL", stub.url)
        _, err = run("extract", "alice", "--model", "openai:third", code=1)
        assert "OPENAI_API_KEY" in err


def test_the_file_of_answers_is_not_in_an_export(alice, tmp_path):
    """What a model answered is a cache: an archive holds the facts, not it."""
    from agentmem.extract import answers_of

    with agentmem.open() as system:
        space = system.space("alice")
        answers_of(space).put("key", "Quixotrixia", list(space.memories()))
        assert answers_of(space).get("key") == "Quixotrixia"
    archive = tmp_path / "alice.zip"
    run("export", "alice", archive)
    run("restore", archive, "--as", "copy")
    with agentmem.open() as system:
        assert answers_of(system.space("copy")).get("key") is None
        assert list(system.space("copy").path.rglob("extraction.db")) == []
