"""Reading conversations from files: what is taken, what is refused and with which line, and that origins hold."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime

import pytest

from agentmem.demo import DIALOGUE
from agentmem.errors import ImportRefusedError, NotFoundError
from agentmem.formats import detect
from agentmem.formats.faults import line_of
from agentmem.types import MAX_TEXT_BYTES

TURN = {"speaker": "Ines", "text": "Hello.", "said_at": "2025-03-03T19:12:00+01:00", "thread": "a"}


def node(parent, role="user", text=None, *, children=(), **message):
    """One node of a ChatGPT export's tree."""
    content = {"content_type": "text", "parts": [text]}
    said = None if text is None else {"author": {"role": role}, "content": content, **message}
    return {"parent": parent, "children": list(children), "message": said}


def tree(**nodes):
    return {"title": "Cats", "conversation_id": "c-1", "create_time": 1_700_000_000.0, "mapping": nodes}


def write(tmp_path, value, name="file.json", indent=None):
    path = tmp_path / name
    path.write_text(value if isinstance(value, str) else json.dumps(value, indent=indent), encoding="utf-8")
    return path


def lines(*values):
    return "".join(json.dumps(value) + "\n" for value in values)


# -- JSON lines ----------------------------------------------------------------------------------------------------


def test_json_lines_become_drafts(tmp_path):
    """Every field of a line arrives where it belongs."""
    full = {**TURN, "kind": "note", "metadata": {"room": 4, "warm": True}, "position": 7, "id": 12}
    parsed = detect.read(write(tmp_path, lines(full)))
    (draft,) = parsed.drafts
    assert parsed.format == "jsonl"
    assert (draft.text, draft.speaker, draft.thread, draft.kind, draft.position) == ("Hello.", "Ines", "a", "note", 7)
    assert draft.said_at == datetime(2025, 3, 3, 18, 12, tzinfo=UTC)
    assert draft.metadata == {"room": 4, "warm": True}


def test_other_names_for_fields_are_taken(tmp_path):
    """What other programs call role, content, timestamp and session is understood; numbers are seconds since 1970."""
    line = {"role": "user", "content": "Hello.", "timestamp": 1_700_000_000, "session": 3}
    (draft,) = detect.read(write(tmp_path, lines(line))).drafts
    assert (draft.speaker, draft.thread) == ("user", "3")
    assert draft.said_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_blank_lines_bom_and_odd_separators_are_no_fault(tmp_path):
    """A byte order mark, blank lines, Windows line ends and U+2028 inside a text are read as they are meant."""
    odd = json.dumps({"text": "one\u2028two"}, ensure_ascii=False)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + f"\r\n{json.dumps(TURN)}\r\n\r\n{odd}\r\n".encode())
    assert [d.text for d in detect.read(path).drafts] == ["Hello.", "one\u2028two"]


def test_every_line_at_fault_is_named(tmp_path):
    """All faults are listed with their line and what is wrong, and nothing is returned."""
    bad = [
        json.dumps(TURN),
        json.dumps({**TURN, "text": "  "}),
        json.dumps({**TURN, "said_at": "2025-03-03T19:12:00"}),
        json.dumps({"text": "x", "speakr": "Ines"}),
        '{"text": "x"',
        json.dumps({**TURN, "kind": "fact"}),
    ]
    with pytest.raises(ImportRefusedError) as refused:
        detect.read(write(tmp_path, "\n".join(bad), "bad.jsonl"))
    message = str(refused.value)
    for said in (
        "bad.jsonl",
        "line 2: text: the text is empty",
        "line 3: said_at: Input should have timezone info, or nobody can say when it was: add +00:00",
        "line 4: unknown field 'speakr'; did you mean 'speaker'?",
        "line 5: not JSON",
        "line 6: kind: Input should be 'turn' or 'note'",
    ):
        assert said in message


def test_many_faults_are_counted(tmp_path):
    """After five faults the rest are only counted."""
    with pytest.raises(ImportRefusedError, match=r"line 5(.|\n)*and 3 more"):
        detect.read(write(tmp_path, lines(*[{"text": ""}] * 8)))


@pytest.mark.parametrize(
    ("text", "said"),
    [("a\0b", "NUL"), ("\ud83d", "surrogate"), ("x" * (MAX_TEXT_BYTES + 1), f"at most {MAX_TEXT_BYTES}")],
    ids=["nul", "surrogate", "large"],
)
def test_texts_that_no_memory_takes_are_refused_with_their_line(tmp_path, text, said):
    """What the ledger would refuse is found while the line is still known."""
    with pytest.raises(ImportRefusedError, match=f"line 2: text: .*{said}"):
        detect.read(write(tmp_path, lines(TURN, {"text": text})))


def test_origins_know_a_line_again_but_not_its_twin(tmp_path):
    """The same line has the same origin wherever the file lies; two equal lines of one file are two memories."""
    first = detect.read(write(tmp_path, lines(TURN, TURN, {**TURN, "text": "Bye."}), "a.jsonl")).drafts
    again = detect.read(write(tmp_path, lines({**TURN, "text": "Bye."}, TURN, TURN), "b.jsonl")).drafts
    assert len({d.origin for d in first}) == 3
    assert {d.origin for d in first} == {d.origin for d in again}


def test_line_numbers_of_files_do_not_collide():
    """Two files that both number their lines from one do not swallow each other."""
    from agentmem.formats import jsonl

    one = jsonl.drafts(json.dumps({"id": 1, "text": "Hello."}))
    other = jsonl.drafts(json.dumps({"id": 1, "text": "Something else."}))
    assert one[0].origin != other[0].origin


# -- OpenAI --------------------------------------------------------------------------------------------------------


def test_export_follows_the_branch_that_was_shown(tmp_path):
    """Of edited questions and regenerated answers, those count that were shown last; the rest was never said."""
    export = tree(
        root=node(None, children=["q1", "q2"]),
        q1=node("root", text="Old question", create_time=1_700_000_001.0),
        q2=node("root", text="New question", create_time=1_700_000_002.0, children=["a1", "a2"]),
        a1=node("q2", "assistant", "Old answer"),
        a2=node("q2", "assistant", "New answer"),
    )
    export["current_node"] = "a2"
    parsed = detect.read(write(tmp_path, [export]))
    assert parsed.format == "openai"
    assert [(d.speaker, d.text) for d in parsed.drafts] == [("user", "New question"), ("assistant", "New answer")]
    assert {d.thread for d in parsed.drafts} == {"c-1"}
    assert parsed.drafts[0].metadata == {"title": "Cats"}
    # a message without a time has that of the one before it
    assert [d.said_at for d in parsed.drafts] == [datetime(2023, 11, 14, 22, 13, 22, tzinfo=UTC)] * 2


def test_export_without_current_node_takes_the_youngest_branch(tmp_path):
    """Where an export does not say what was shown, it is the last child at each fork."""
    export = tree(root=node(None, children=["a", "b"]), a=node("root", text="first"), b=node("root", text="second"))
    assert [d.text for d in detect.read(write(tmp_path, [export])).drafts] == ["second"]


def test_what_nobody_said_is_left_out_and_counted(tmp_path):
    """System prompts, tools, hidden messages, thoughts and pictures do not become memories."""
    export = tree(
        root=node(None),
        s=node("root", "system", "You are helpful"),
        h=node("s", "user", "profile", metadata={"is_visually_hidden_from_conversation": True}),
        u=node("h", "user", "Look"),
        t=node("u", "assistant", "hmm"),
        p=node("t", "tool", "42"),
        e=node("p", "assistant", " "),
    )
    export["mapping"]["t"]["message"]["content"]["content_type"] = "thoughts"
    export["mapping"]["u"]["message"]["content"] = {
        "content_type": "multimodal_text",
        "parts": [{"content_type": "image_asset_pointer", "asset_pointer": "file://x"}, "Look at this"],
    }
    export["current_node"] = "e"
    parsed = detect.read(write(tmp_path, [export]))
    assert [d.text for d in parsed.drafts] == ["Look at this"]
    assert parsed.skipped == {"system": 1, "hidden": 1, "thoughts": 1, "tool": 1, "empty": 1}


@pytest.mark.parametrize("broken", ["parent", "current"])
def test_export_that_was_cut_is_refused(tmp_path, broken):
    """A tree that points at nodes which are not there is refused whole."""
    export = tree(root=node(None), q=node("gone" if broken == "parent" else "root", text="Hello"))
    export["current_node"] = "q" if broken == "parent" else "gone"
    with pytest.raises(ImportRefusedError, match=r"line 1: .*the export was cut"):
        detect.read(write(tmp_path, [export]))


def test_trees_with_a_ring_end(tmp_path):
    """A tree whose nodes are each other's parents is read once round, not for ever."""
    export = tree(a=node("b", text="one", children=["b"]), b=node("a", text="two", children=["a"]))
    export["current_node"] = "a"
    assert [d.text for d in detect.read(write(tmp_path, [export])).drafts] == ["two", "one"]


def test_zipped_export_is_read(tmp_path):
    """The zip that ChatGPT sends needs no unpacking; another zip is refused, saying what it may be."""
    chats = json.dumps([tree(root=node(None, children=["q"]), q=node("root", text="Hello"))])
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("data/conversations.json", chats)
    assert [d.text for d in detect.read(tmp_path / "export.zip").drafts] == ["Hello"]
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("manifest.json", "{}")
    with pytest.raises(ImportRefusedError, match="agentmem restore"):
        detect.read(tmp_path / "other.zip")


MESSAGES = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "image_url", "image_url": {}}]},
    {"role": "assistant", "content": None, "tool_calls": [{}]},
    {"role": "assistant", "name": "Ada", "content": "Hi!", "created_at": "2025-01-01T00:00:00Z"},
]


@pytest.mark.parametrize(
    ("document", "threads"),
    [
        (MESSAGES, {"file"}),
        ({"messages": MESSAGES, "id": "x"}, {"x"}),
        ([{"messages": MESSAGES}, {"messages": MESSAGES[1:2], "title": "t"}], {"file-1", "t"}),
    ],
)
def test_plain_chats_are_read_in_every_wrapping(tmp_path, document, threads):
    """A list of messages, an object that holds one, and a list of those."""
    parsed = detect.read(write(tmp_path, document))
    assert parsed.format == "openai"
    assert {d.thread for d in parsed.drafts} == threads
    assert [(d.speaker, d.text) for d in parsed.drafts][:2] == [("user", "Hello"), ("Ada", "Hi!")]
    assert parsed.skipped["system"] == 1


def test_chats_one_a_line_are_read(tmp_path):
    """The form in which chats are given for fine-tuning."""
    chats = lines({"messages": MESSAGES[1:2]}, {"messages": MESSAGES[3:]})
    parsed = detect.read(write(tmp_path, chats, "tuning.jsonl"))
    assert [(d.thread, d.text) for d in parsed.drafts] == [("tuning-1", "Hello"), ("tuning-2", "Hi!")]
    with pytest.raises(ImportRefusedError, match=r"line 2: messages\.0\.role: Field required"):
        detect.read(write(tmp_path, lines({"messages": MESSAGES}, {"messages": [{}]}), "tuning.jsonl"))


def test_longer_edition_of_a_chat_adds_only_what_is_new(tmp_path):
    """The origins of a chat's messages stay when messages are appended to it."""
    short = detect.read(write(tmp_path, MESSAGES)).drafts
    longer = detect.read(write(tmp_path, [*MESSAGES, {"role": "user", "content": "Bye"}])).drafts
    assert [d.origin for d in longer][:2] == [d.origin for d in short]
    assert len({d.origin for d in longer}) == 3


def test_faults_in_a_document_have_the_line_of_the_value(tmp_path):
    """In indented JSON the message names the line on which the wrong value stands."""
    document = [{"messages": [{"role": "user", "content": "fine"}, {"role": "user", "content": "a\0b"}]}]
    path = write(tmp_path, document, indent=1)
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "u0000" in text)
    with pytest.raises(ImportRefusedError, match=f"line {line}: messages.1.content: .*NUL"):
        detect.read(path)


# -- telling apart -------------------------------------------------------------------------------------------------


def test_locomo_is_recognised(tmp_path):
    """LoCoMo's form is known by its keys."""
    sample = {
        "sample_id": "a",
        "conversation": {
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [{"speaker": "Ana", "dia_id": "D1:1", "text": "Hi!"}],
        },
        "qa": [],
    }
    parsed = detect.read(write(tmp_path, [sample]))
    assert (parsed.format, [d.text for d in parsed.drafts]) == ("locomo", ["Hi!"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("[]", "no form that agentmem knows"),
        ('{"a": 1}', "no form that agentmem knows"),
        ("3", "no form that agentmem knows"),
        ("hello world", "line 1: not JSON"),
        ('[\n{"role": "user",\n"content" "x"}]', "line 3: not JSON"),
        ('[{"messages": []}]', "holds no turn"),
    ],
)
def test_what_is_no_conversation_is_refused(tmp_path, content, said):
    """Anything else is refused with what could be imported, or with the line where it stops being JSON."""
    with pytest.raises(ImportRefusedError, match=said):
        detect.read(write(tmp_path, content))


def test_missing_folders_encodings_and_formats_are_named(tmp_path):
    """No such file, a folder, Latin-1, and a format that does not exist each get their own message."""
    with pytest.raises(NotFoundError, match="no file"):
        detect.read(tmp_path / "none.json")
    with pytest.raises(ImportRefusedError, match="is a folder"):
        detect.read(tmp_path)
    (tmp_path / "latin.jsonl").write_bytes(b'{"text": "ok"}\n{"text": "caf\xe9"}\n')
    with pytest.raises(ImportRefusedError, match="line 2: byte 28 is not UTF-8"):
        detect.read(tmp_path / "latin.jsonl")
    with pytest.raises(ImportRefusedError, match="did you mean 'jsonl'"):
        detect.read(write(tmp_path, lines(TURN)), "jsonn")


def test_named_format_is_believed(tmp_path):
    """With a format named, nothing is guessed."""
    path = write(tmp_path, lines({"role": "user", "content": "Hello."}))
    assert detect.read(path).format == "jsonl"
    with pytest.raises(ImportRefusedError, match="messages: Field required"):
        detect.read(path, "openai")


def test_line_of_walks_to_the_value():
    """Paths through objects and lists end on the line where the value starts, or as near as the document goes."""
    text = '{\n "a": [1,\n  {"b\\"c": [\n   2,\n   3]}],\n "d": 4}'
    assert line_of(text, ()) == 1
    assert line_of(text, ("a", 1, 'b"c', 1)) == 5
    assert line_of(text, ("d",)) == 6
    assert line_of(text, ("a", 9)) == 2
    assert line_of(text, ("nowhere", 3)) == 1


def test_demo_dialogue_is_what_it_says():
    """The dialogue that ships with the package: two speakers, fourteen calls, nine weeks, in order, all distinct."""
    drafts = detect.read(DIALOGUE).drafts
    times = [d.said_at for d in drafts]
    assert len(drafts) == len({d.origin for d in drafts}) == 171
    assert {d.speaker for d in drafts} == {"Ines", "Marek"}
    assert len({d.thread for d in drafts}) == 14
    assert times == sorted(times)
    assert (times[-1] - times[0]).days == 61
