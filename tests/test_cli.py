"""The command line: what people type, what they and machines read, and what a mistake costs."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentmem import cli
from agentmem.cli import options, terminal
from agentmem.demo import DIALOGUE
from agentmem.errors import InputError, TimeError
from agentmem.types import KINDS, Recall

ANSI = re.compile(r"\x1b\[[0-9;]*m")
runner = CliRunner()


def run(*words, code=0, stdin=None):
    """Type a command; return what it printed, after checking its exit code."""
    result = runner.invoke(cli.app, [str(word) for word in words], input=stdin)
    assert result.exit_code == code, f"{words}: {result.output}\n{result.stderr}\n{result.exception!r}"
    return ANSI.sub("", result.stdout), ANSI.sub("", result.stderr)


def run_json(*words, code=0):
    return json.loads(run(*words, "--json", code=code)[0])


def process(*words, timeout=60, **more):
    """Run the real program in a process of its own."""
    command = [sys.executable, "-c", "from agentmem.cli import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **more)


@pytest.fixture
def friends():
    """The demo's dialogue in the space `friends`, with the hash embedder."""
    run("import", "friends", DIALOGUE, "--embedder", "hash")


# -- the program ---------------------------------------------------------------------------------------------------


def commands(app=None, before=()):
    """Every command, as the words that call it."""
    import typer

    group = app or typer.main.get_command(cli.app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        else:
            yield (*before, name)


def test_every_command_is_there_and_has_an_example():
    """The commands of the set, each with an example that can be typed in its help."""
    found = {" ".join(words) for words in commands()}
    assert found == {
        *(
            "demo",
            "import",
            "remember",
            "recall",
            "chat",
            "erase",
            "forget",
            "spaces",
            "show",
            "export",
            "restore",
            "rebuild",
        ),
        *("doctor", "tune", "eval", "bench", "new store", "new policy", "policies", "graph", "timeline", "extract"),
        *("train arousal", "sweep", "explain", "protect", "release", "receipts", "verify", "guard", "keys", "scrub"),
        *("settle", "derivers", "new deriver", "access", "prove"),
    }
    for words in commands():
        shown = " ".join(run(*words, "--help")[0].split())
        assert f"$ agentmem {' '.join(words)}" in shown, f"{words} has no example"


def test_every_command_that_prints_has_json():
    """Machines can read every command; demo, new and bench print for people and write files."""
    for words in commands():
        if words not in {("demo",), ("new", "store"), ("new", "policy"), ("new", "deriver")}:
            assert "--json" in run(*words, "--help")[0], words


def test_kinds_in_help_are_the_kinds():
    """The help names the kinds without importing them; the names are still right."""
    assert options.KINDS.split(", ") == list(KINDS)


def test_version_and_help():
    """`--version` says it; no command shows the help."""
    import agentmem

    assert run("--version")[0] == f"agentmem {agentmem.__version__}\n"
    assert "Start with: agentmem demo" in run("--help")[0]
    assert "recall" in run(code=2)[0]


def test_help_imports_nothing_heavy():
    """Help must be quick: no NumPy, no SQLite, no model; recall needs neither torch nor the agent's packages."""
    code = "import sys; from agentmem.cli import main; sys.argv[1:] = {words}\ntry: main()\nexcept SystemExit: pass\n"
    code += "print([m for m in {heavy} if m in sys.modules], file=sys.stderr)"
    light = ["numpy", "sqlite3", "pydantic", "faiss", "onnxruntime", "torch", "langgraph", "scipy", "rich.progress"]
    found = subprocess.run(
        [sys.executable, "-c", code.format(words=["--help"], heavy=light)], capture_output=True, text=True, check=True
    )
    assert found.stderr.strip() == "[]"
    run("remember", "alice", "Hello there.", "--embedder", "hash")
    heavy = ["torch", "transformers", "sentence_transformers", "langgraph", "langchain_core", "scipy", "sqlite_utils"]
    heavy += ["matplotlib", "networkx", "rich"]
    found = subprocess.run(
        [sys.executable, "-c", code.format(words=["recall", "alice", "hello"], heavy=heavy)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stderr.strip() == "[]"


def test_root_comes_from_option_program_or_environment(tmp_path, monkeypatch):
    """The command's --root wins over the program's, and that over AGENTMEM_HOME."""
    monkeypatch.setenv("AGENTMEM_HOME", str(tmp_path / "home"))
    run("remember", "a", "one", "--embedder", "hash")
    run("--root", tmp_path / "mine", "remember", "b", "two", "--embedder", "hash")
    run("--root", tmp_path / "mine", "remember", "c", "three", "--embedder", "hash", "--root", tmp_path / "other")
    there = {
        name: [i["name"] for i in run_json("spaces", "--root", tmp_path / name)] for name in ("home", "mine", "other")
    }
    assert there == {"home": ["a"], "mine": ["b"], "other": ["c"]}


# -- remember and recall -------------------------------------------------------------------------------------------


def test_remember_then_recall():
    """What was remembered is recalled, with who and when."""
    ids = run_json(
        *("remember", "alice", "I adopted a cat called Miso.", "--speaker", "Alice", "--embedder", "hash"),
        *("--said-at", "2025-03-03T18:00:00+01:00", "--meta", "room=4", "--meta", "name=x=y", "--thread", "t"),
    )["ids"]
    found = run_json("recall", "alice", "cat called Miso")
    (evidence,) = found["evidence"]
    assert (evidence["id"], evidence["rank"], evidence["speaker"], evidence["thread"]) == (ids[0], 1, "Alice", "t")
    assert datetime.fromisoformat(evidence["said_at"]) == datetime(2025, 3, 3, 17, tzinfo=UTC)
    assert evidence["metadata"] == {"room": 4, "name": "x=y"}
    assert 0 <= found["confidence"] <= 1
    shown, _ = run("recall", "alice", "cat")
    assert "Alice, Mon 3 Mar 2025 (" in shown
    assert "ago)" in shown
    assert "I adopted a cat called Miso." in shown
    assert "confidence that the answer is in memory: " in shown


def test_remember_reads_stdin_and_takes_parents():
    """A dash reads stdin; a derived kind names its parents or is refused."""
    run("remember", "alice", "-", "--embedder", "hash", stdin="From a pipe.\n")
    (first,) = run_json("show", "alice")["listed"]
    assert first["text"] == "From a pipe.\n"
    _, error = run("remember", "alice", "A pipe exists.", "--kind", "fact", code=2)
    assert "parents" in error
    run("remember", "alice", "A pipe exists.", "--kind", "fact", "--parent", first["id"])
    assert run_json("show", "alice", first["id"])["derived"] == [run_json("show", "alice")["listed"][1]["id"]]


@pytest.mark.usefixtures("friends")
def test_filters_restrict_what_is_recalled():
    """Each filter of the library can be typed."""
    every = run_json("recall", "friends", "the opening of the bakery", "-k", "50")["evidence"]
    assert len(every) == 50

    def recalled(*words):
        return run_json("recall", "friends", "the opening of the bakery", "-k", "200", *words)["evidence"]

    assert {e["speaker"] for e in recalled("--speaker", "Ines")} == {"Ines"}
    assert {e["thread"] for e in recalled("--thread", "2025-03-17", "--thread", "2025-04-05")} == {
        "2025-03-17",
        "2025-04-05",
    }
    assert {e["kind"] for e in recalled("--kind", "turn")} == {"turn"}
    assert recalled("--kind", "fact") == []
    april = recalled("--since", "2025-04-01T00:00+02:00", "--until", "2025-05-01T00:00+02:00")
    assert {e["said_at"][:7] for e in april} == {"2025-04"}
    assert max(e["said_at"] for e in recalled("--as-of", "2025-03-10T12:00:00Z")) < "2025-03-07"
    assert len(recalled("-k", "3")) == 3
    few = run_json("recall", "friends", "bakery", "--max-tokens", "60")
    assert 0 < few["tokens"] <= 60
    assert recalled("--where", "missing=1") == []
    assert "Nothing was found" in run("recall", "friends", "bakery", "--speaker", "Nobody")[0]


@pytest.mark.usefixtures("friends")
def test_explain_shows_what_each_signal_added():
    """The signals of each memory are in the JSON and, as a table, on the terminal; without it they are left out."""
    (evidence,) = run_json("recall", "friends", "Kestrel Lane", "-k", "1", "--explain")["evidence"]
    shown, _ = run("recall", "friends", "Kestrel Lane", "-k", "1", "--explain")
    assert evidence["signals"]
    for name, value in evidence["signals"].items():
        assert re.search(rf"{re.escape(name)}\s+{re.escape(f'{value:+.2f}')}", shown), name
    assert "signals" not in run_json("recall", "friends", "Kestrel Lane", "-k", "1")["evidence"][0]


def test_signals_are_ordered_by_weight():
    """The strongest signal stands first, whatever its sign."""
    from agentmem.testing.fakes import make_memory
    from agentmem.types import Evidence

    recall = Recall("q", (Evidence(make_memory(1), 1.0, {"small": 0.1, "strong": -3.0, "middle": 1.0}),), 0.5, 3)
    with pytest.MonkeyPatch.context() as patch:
        printed = []
        patch.setattr("agentmem.cli.memories.table", lambda columns, rows, right: printed.extend(rows))
        from agentmem.cli.memories import print_signals

        print_signals(recall)
    assert printed == [["strong", "-3.00"], ["middle", "+1.00"], ["small", "+0.10"], ["score", "1.00"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["recall", "friends", "x", "--kind", "thing"], "--kind 'thing' is unknown"),
        (["recall", "friends", "x", "--since", "yesterday"], "--since 'yesterday' is not a time"),
        (["recall", "friends", "x", "--where", "room"], "not of the form KEY=VALUE"),
        (["recall", "friends", " "], "the question is empty"),
        (["recall", "freinds", "x"], "Did you mean 'friends'?"),
        (["recall", "friends", "x", "--embedder", "hash-32"], "agentmem rebuild friends --embedder hash-32"),
        (["show", "friends", "01ARZ3NDEKTSV4RRFFQ69G5FAV"], "no memory"),
        (["remember", "friends", ""], "empty"),
        (["remember", "", "x"], "name of a space"),
        (["import", "friends", "nowhere.jsonl"], "no file"),
        (["restore", "nowhere.zip"], "no file"),
        (["eval", "locmo"], "Did you mean 'locomo'?"),
        (["eval", "locomo"], "--data FILE"),
        (["eval", "locomo", "--data", "x.json", "--k", "5;10"], "list of numbers"),
        (["new", "store", "My-Store"], "lower-case"),
        (["new", "store", "class"], "lower-case"),
    ],
)
@pytest.mark.usefixtures("friends")
def test_mistakes_are_said_in_words(words, said):
    """A mistake gets a sentence on stderr that says what to type, exit code 1 or 2, and no traceback."""
    result = runner.invoke(cli.app, words)
    assert result.exit_code == (1 if "rebuild" in said else 2), result.output
    assert said in " ".join(ANSI.sub("", result.stderr).split())
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("friends")
def test_mistakes_are_json_where_machines_read():
    """With --json the error is one JSON object on stderr, and stdout stays empty."""
    out, error = run("recall", "nobody", "x", "--json", code=2)
    assert out == ""
    assert json.loads(error)["error"] == "SpaceNotFoundError"


def test_debug_shows_the_traceback():
    """With --debug an error comes whole, for those who mend it."""
    shown = process("--debug", "recall", "nobody", "x")
    assert shown.returncode == 1
    assert "Traceback" in shown.stderr
    assert "SpaceNotFoundError" in shown.stderr


def test_faults_of_ours_are_one_line(monkeypatch, tmp_path):
    """What nobody foresaw is owned up to in two lines, with how to see more."""
    code = "import agentmem.system as s; s.open_system = lambda *a, **k: 1 / 0\nfrom agentmem.cli import main; main()"
    shown = subprocess.run([sys.executable, "-c", code, "spaces"], capture_output=True, text=True, check=False)
    assert shown.returncode == 1
    assert "unexpected ZeroDivisionError" in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals as Unix has them")
def test_ctrl_c_leaves_at_once():
    """Ctrl-C in the middle of a chat ends the program with 130 and no traceback."""
    run("remember", "alice", "Hello there.", "--embedder", "hash")
    # a test run in the background inherits that Ctrl-C is ignored
    hearing = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code = hearing + "from agentmem.cli import main; main()"
    command = [sys.executable, "-c", code, "chat", "alice", "--json"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as it:
        it.stdin.write("Hello!\n")
        it.stdin.flush()
        assert "Hello!" in it.stdout.readline()  # it has answered, and now waits for more
        time.sleep(0.2)
        it.send_signal(signal.SIGINT)
        _, error = it.communicate(timeout=30)
    assert it.returncode == 130
    assert "Traceback" not in error


# -- show, spaces, erase -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("friends")
def test_show_lists_the_last_of_what_passes():
    """A space shows its figures and its last memories, filtered and counted as asked; one memory shows all it has."""
    figures = run_json("show", "friends", "-n", "3")
    assert (figures["memories"], figures["threads"], len(figures["listed"])) == (171, 14, 3)
    assert figures["listed"][-1]["text"].startswith("It's the sticker")
    assert len(run_json("show", "friends", "-n", "0")["listed"]) == 171
    ines = run_json("show", "friends", "-n", "0", "--speaker", "Ines")["listed"]
    assert {m["speaker"] for m in ines} == {"Ines"}
    shown, _ = run("show", "friends", figures["listed"][0]["id"])
    assert f"id          {figures['listed'][0]['id']}" in shown
    shown, _ = run("show", "friends")
    assert "171 turns" in shown
    assert "said from 2025-03-03 to 2025-05-04" in shown


def test_spaces_lists_even_what_is_damaged(tmp_path):
    """An empty root says what to do; a damaged ledger is listed as such and does not hide the others."""
    assert "No spaces" in run("spaces")[0]
    run("remember", "alice", "Hello.", "--embedder", "hash")
    run("remember", "bob", "Hello.", "--embedder", "hash")
    home = Path(os.environ["AGENTMEM_HOME"])
    (home / "spaces" / "bob" / "ledger.db").write_bytes(b"not a database at all" * 500)
    listed = {info["name"]: info["memories"] for info in run_json("spaces")}
    assert listed == {"alice": 1, "bob": -1}
    assert "damaged" in run("spaces")[0]
    found = run_json("doctor", code=1)
    assert all(f["ok"] for f in found["alice"])
    assert not found["bob"][0]["ok"]
    assert "agentmem restore" in found["bob"][0]["seen"]


@pytest.mark.usefixtures("friends")
def test_erase_shows_the_plan_and_asks():
    """The plan lists what goes and why; no leaves everything, yes takes it with what was derived."""
    (found,) = run_json("recall", "friends", "Kestrel Lane five minutes from my flat", "-k", "1")["evidence"]
    (fact,) = run_json("remember", "friends", "Daniel lives there.", "--kind", "fact", "--parent", found["id"])["ids"]
    shown, _ = run("erase", "friends", found["id"], code=1, stdin="n\n")
    assert "derived from it" in shown
    assert "Nothing was erased." in shown
    assert run_json("show", "friends")["memories"] == 172
    _, error = run("erase", "friends", found["id"], code=1, stdin="")
    assert run_json("show", "friends")["memories"] == 172
    shown, _ = run("erase", "friends", found["id"], stdin="y\n")
    assert "erased 1 fact, 1 turn" in shown
    assert "the bytes of every file" in shown
    assert run_json("show", "friends")["memories"] == 170
    (receipt,) = run_json("show", "friends", "--receipts")
    assert (receipt["level"], receipt["erased"]) == ("physical", {"fact": 1, "turn": 1})
    assert "Receipt 1" in run("show", "friends", "--receipts")[0]
    _, error = run("erase", "friends", fact, "--yes", code=2)
    assert "already erased" in error


@pytest.mark.usefixtures("friends")
def test_erase_with_json_never_asks():
    """Machines must say --yes; then they get the ids and the receipt."""
    ids = [m["id"] for m in run_json("show", "friends", "-n", "2")["listed"]]
    _, error = run("erase", "friends", *ids, "--json", code=2)
    assert "needs --yes" in json.loads(error)["message"]
    done = run_json("erase", "friends", *ids, "--yes")
    assert done["erased"] == ids
    assert done["receipt"]["erased"] == {"turn": 2}


def test_nothing_in_a_memory_moves_the_terminal():
    """Control characters and bidirectional overrides in texts and names are shown, not obeyed; emoji stay whole."""
    evil = "before \x1b[2J\x07 \u202egnp.exe\u202c \u0085 after \U0001f469\u200d\U0001f467"
    run("remember", "alice", evil, "--speaker", "M\x1b[31mallory", "--embedder", "hash")
    result = runner.invoke(cli.app, ["recall", "alice", "before"])
    for raw in ("\x1b[2J", "\x07", "\u202e", "\u0085", "\x1b[31m"):
        assert raw not in result.stdout
    assert r"\x1b[2J\x07 \u202egnp.exe\u202c" in result.stdout
    assert "\U0001f469\u200d\U0001f467" in result.stdout


# -- files ---------------------------------------------------------------------------------------------------------


def test_import_adds_once():
    """A file adds its turns; again, or in a longer edition, only what is new."""
    first = run_json("import", "friends", DIALOGUE, "--embedder", "hash")
    assert (first["format"], first["turns"], first["threads"], first["added"]) == ("jsonl", 171, 14, 171)
    again = run_json("import", "friends", DIALOGUE)
    assert (again["added"], again["known"], again["memories"]) == (0, 171, 171)
    assert "0 added, 171 known before" in run("import", "friends", DIALOGUE)[0]


def test_import_is_all_or_nothing(tmp_path):
    """One bad line, and nothing of the file is remembered; a dry run says so without touching anything."""
    file = tmp_path / "chat.jsonl"
    file.write_text(DIALOGUE.read_text(encoding="utf-8") + '{"text": ""}\n', encoding="utf-8")
    for words in ((), ("--dry-run",)):
        _, error = run("import", "friends", file, *words, code=2)
        assert "line 172: text: the text is empty" in error
    assert run_json("spaces") == []
    assert run_json("import", "friends", DIALOGUE, "--dry-run")["added"] == 0
    assert run_json("spaces") == []


def test_import_says_what_was_left_out(tmp_path):
    """System prompts and the like are counted aloud."""
    file = tmp_path / "chat.json"
    file.write_text('[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]')
    assert (
        "chat.json: 1 turn in 1 thread, openai, 1 system left out: 1 added"
        in run("import", "alice", file, "--embedder", "hash")[0]
    )


@pytest.mark.usefixtures("friends")
def test_export_and_restore(tmp_path, monkeypatch):
    """A space goes into one file and comes back under another name, and never over one that exists."""
    made = run_json("export", "friends", tmp_path / "a.zip")
    assert made["memories"] == 171
    _, error = run("export", "friends", tmp_path / "a.zip", code=2)
    assert "--force" in error
    run("export", "friends", tmp_path / "a.zip", "--force")
    _, error = run("restore", tmp_path / "a.zip", code=2)
    assert "--as friends-restored" in error
    assert run_json("restore", tmp_path / "a.zip", "--as", "copy")["restored_as"] == "copy"
    questions = ["recall", "{}", "Who signed the lease?", "-k", "5"]
    ours, theirs = (run_json(*(w.format(name) for w in questions)) for name in ("friends", "copy"))
    assert ours == theirs
    monkeypatch.chdir(tmp_path)
    run("export", "friends")
    assert zipfile.is_zipfile("friends.zip")


# -- care ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("friends")
def test_rebuild_changes_the_embedder():
    """After a rebuild with another embedder the space is read with that one."""
    assert run_json("rebuild", "friends", "--embedder", "hash-32")["embedder"] == "hash-32"
    assert run_json("show", "friends")["embedder"] == "hash-32"
    assert "Kestrel" in run("recall", "friends", "Kestrel Lane", "-k", "1")[0]
    assert "171 memories indexed anew, by hash-32" in run("rebuild", "friends")[0]


@pytest.mark.usefixtures("friends")
def test_doctor_finds_all_well():
    """A sound space has nothing to mend, in words and in JSON; an empty root has nothing to check."""
    shown, _ = run("doctor", "friends")
    assert "171 memories" in shown
    assert "BAD" not in shown
    found = run_json("doctor")["friends"]
    assert all(f["ok"] and not f["mend"] for f in found)
    assert {"ledger", "vectors", "indexes", "erasures", "embedder"} <= {f["check"] for f in found}
    run("doctor", "friends", "--mend")
    _, error = run("doctor", "nobody", code=2)
    assert "no space 'nobody'" in error


# -- chat ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("friends")
def test_chat_answers_one_message():
    """A message on the command line gets one reply, which is remembered with the message."""
    reply = run_json("chat", "friends", "What colour is the wall?")
    assert reply["asked"] == "What colour is the wall?"
    assert reply["text"]
    assert reply["thread"] == "chat"
    figures = run_json("show", "friends")
    assert (figures["kinds"]["turn"], figures["kinds"].get("reply")) == (172, 1)
    shown, _ = run("chat", "friends", "What colour is the wall?")
    assert shown.strip() == reply["text"]


@pytest.mark.usefixtures("friends")
def test_chat_reads_lines_from_a_pipe():
    """Piped lines are answered one by one; with --json one object a line."""
    result = runner.invoke(cli.app, ["chat", "friends", "--json"], input="Hello!\n\nWho is Amara?\n")
    replies = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [r["asked"] for r in replies] == ["Hello!", "Who is Amara?"]


@pytest.mark.usefixtures("friends")
def test_chat_with_an_impossible_model_says_so():
    """A provider that does not exist is an error before anything is remembered."""
    _, error = run("chat", "friends", "Hello", "--model", "opnai:gpt-4o-mini", code=1)
    assert "openai" in error
    assert run_json("show", "friends")["memories"] == 171


# -- new, measuring ------------------------------------------------------------------------------------------------


def test_new_store_passes_its_own_test(tmp_path):
    """The store that is written is a store: its test, from the kit, passes as it is. Nothing is overwritten."""
    run("new", "store", "my_words", "--into", tmp_path)
    _, error = run("new", "store", "my_words", "--into", tmp_path, code=2)
    assert "left as it is" in error
    code = "from agentmem import registry; print(registry.stores()['my_words'])"
    listed = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert listed.stdout.startswith("MyWords: finds memories that share words with the question.")
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_words.py", "-k", "not thousand"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout


def test_eval_lists_evaluators():
    """Without a name, the evaluators are listed."""
    assert "locomo" in run("eval")[0]


def test_bench_writes_its_figures(tmp_path, monkeypatch):
    """The figures are printed and written as JSON; what to time must be known."""
    import agentmem.evaluation.bench as timing

    monkeypatch.setattr(
        timing, "run", lambda what, memories, progress=None: {"what": what, "ratio": 0.5, "n": memories}
    )
    shown, _ = run("bench", "recall", "--memories", 7, "--json", tmp_path / "deep" / "out.json")
    assert json.loads((tmp_path / "deep" / "out.json").read_text()) == {"what": "recall", "ratio": 0.5, "n": 7}
    assert re.search(r"ratio\s+0\.500", shown)
    run("bench", "sleep", code=2)


# -- reading what was typed, and words -----------------------------------------------------------------------------


def test_times_without_a_zone_are_local():
    """What a person types without a timezone is their own time; with one it is that."""
    assert options.moment("2025-03-01", "--since") == datetime(2025, 3, 1).astimezone()
    assert options.moment("2025-03-01T10:00:00+02:00", "--since") == datetime(2025, 3, 1, 8, tzinfo=UTC)
    for wrong in ("", "tomorrow", "2025-13-01"):
        with pytest.raises(TimeError, match="is not a time"):
            options.moment(wrong, "--since")


def test_pairs_read_numbers_and_words():
    """Values that are numbers, true, false or null are those; all others are text as typed."""
    read = options.pairs(["a=1", "b=1.5", "c=true", "d=null", "e=word", "f=", "g=[1]", 'h="1"', "i=x=y"], "--where")
    assert read == {"a": 1, "b": 1.5, "c": True, "d": None, "e": "word", "f": "", "g": "[1]", "h": '"1"', "i": "x=y"}
    with pytest.raises(InputError, match="KEY=VALUE"):
        options.pairs(["=1"], "--where")


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=90), "90 minutes ago"),
        (timedelta(hours=30), "30 hours ago"),
        (timedelta(days=13), "13 days ago"),
        (timedelta(days=49), "7 weeks ago"),
        (timedelta(days=400), "13 months ago"),
        (timedelta(days=800), "2 years ago"),
        (timedelta(days=-1), "in the future"),
    ],
)
def test_ages_are_said_as_people_do(past, words):
    """The largest unit of which there are at least two."""
    now = datetime(2025, 6, 1, tzinfo=UTC)
    assert terminal.ago(now - past, now) == words


def test_sizes_and_counts_read_well():
    """Bytes in powers of a thousand, nouns in the right number."""
    assert [terminal.size(n) for n in (0, 999, 1000, 2_500_000, 3e9)] == ["0 B", "999 B", "1.0 kB", "2.5 MB", "3.0 GB"]
    assert [terminal.counted(n, "memory", "memories") for n in (0, 1, 1234)] == [
        "0 memories",
        "1 memory",
        "1,234 memories",
    ]


def test_progress_is_silent_where_nobody_looks(monkeypatch):
    """No bar in a pipe or with --json; a bar on a terminal, on stderr."""
    with terminal.progress("Working") as tick:
        assert tick is None
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(terminal.session, "json", False)
    with terminal.progress("Working") as tick:
        tick(3, 9)
    assert "Working" in screen.getvalue()
    monkeypatch.setattr(terminal.session, "json", True)
    with terminal.progress("Working") as tick:
        assert tick is None
