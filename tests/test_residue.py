"""The look for residue: every form is found, what the living say is none, and a search that cannot see says so."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
import sqlite3
import zipfile
import zlib

import numpy as np
import ormsgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ulid import ULID

import agentmem
from agentmem import Draft
from agentmem.encoding.quantise import quantise
from agentmem.encoding.words import terms
from agentmem.errors import ResidueError
from agentmem.unlearning import residue
from agentmem.unlearning.living import Living
from agentmem.unlearning.needles import Needle, needles, spelt, words

SECRET = 'Grüße: "Quetzalcoatlus" keeps\telderflower marmalade at No. 7f3a91, says nobody but the canary.'
PLAIN = "The elderflower marmalade is kept in the bobsled under the stairs, on Wednesdays."


def remembered(space, text=PLAIN):
    """Remember a text among others; return its memory, with its vector."""
    space.remember([f"Nothing to see here, number {n}." for n in range(5)])
    (id_,) = space.remember(text, speaker="Marta")
    return space.get(id_)


FORMS = {
    "utf-8": lambda m: m.text.encode(),
    "small letters": lambda m: m.text.lower().encode(),
    "capitals": lambda m: m.text.upper().encode(),
    "JSON": lambda m: json.dumps({"text": m.text}).encode(),
    "JSON in JSON": lambda m: json.dumps(json.dumps({"text": m.text})).encode(),
    "JSON in UTF-8": lambda m: json.dumps([m.text], ensure_ascii=False).encode(),
    "msgpack": lambda m: ormsgpack.packb({"kwargs": {"content": m.text}}),
    "base64": lambda m: base64.b64encode(m.text.encode()),
    "base64, one byte on": lambda m: base64.b64encode(b"." + m.text.encode()),
    "base64, two bytes on": lambda m: base64.b64encode(b".." + m.text.encode()),
    "base64 of URLs": lambda m: base64.urlsafe_b64encode(m.text.encode()),
    "UTF-16, little": lambda m: m.text.encode("utf-16-le"),
    "UTF-16, big": lambda m: m.text.encode("utf-16-be"),
    "a word of it, stemmed": lambda m: b'["elderflow", "x"]',
    "id": lambda m: m.id.encode(),
    "id in bytes": lambda m: ULID.from_str(m.id).bytes,
    "float32": lambda m: m.vector.astype("<f4").tobytes(),
    "float16": lambda m: m.vector.astype("<f2").tobytes(),
    "a part of the vector": lambda m: m.vector.astype("<f4").tobytes()[400:1100],
    "int8": lambda m: quantise(m.vector[None], "int8").codes.tobytes(),
    "int4": lambda m: quantise(m.vector[None], "int4").codes.tobytes(),
}


@pytest.mark.parametrize("text", [PLAIN, SECRET], ids=["ASCII", "beyond ASCII"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found_wherever_it_lies(tmp_path, text, form):
    """Planted at any distance from the beginning of a file, each form of a memory is found, and only there."""
    with agentmem.open(tmp_path / "root", embedder=dense) as system:
        memory = remembered(system.space("alice"), text)
    wanted = [*needles(memory), *words([text]).values()]
    folder = tmp_path / "copies"
    (folder / "deep").mkdir(parents=True)
    (folder / "nothing").write_bytes(secrets.token_bytes(5000))
    for shift in range(9):
        (folder / "deep" / f"{shift}").write_bytes(b"\n" * (1000 + shift) + FORMS[form](memory) + b"\n" * 50)
    found = residue.scan(folder, wanted)
    assert {r.file.name for r in found} == {str(n) for n in range(9)}
    assert all(r.offset >= 1000 for r in found)


def dense(texts):
    """Embed with no zeros, so that every form of a vector is telling; equal texts alike."""
    seeds = [zlib.crc32(text.encode()) for text in texts]
    rows = np.stack([np.random.default_rng(seed).normal(size=384) for seed in seeds]).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


dense.name, dense.dim = "dense", 384


def test_accents_may_be_composed_or_not(tmp_path):
    """A text that was kept in another normal form, or whose letters beyond ASCII changed case, is found."""
    (tmp_path / "a").write_text("xx MÜNCHEN IST SCHÖN, SAGT ZOË", encoding="utf-8")
    (tmp_path / "b").write_text("xx München ist schön, sagt Zoë", encoding="utf-8")
    wanted = list(spelt("München ist schön, sagt Zoë"))
    assert {r.file.name for r in residue.scan(tmp_path, wanted)} == {"a", "b"}


def test_words_are_evidence_only_if_they_are_telling():
    """Long stems count; short words, words of every text, and hexadecimal digits that lie in digests do not."""
    assert list(words(["Quetzalcoatlus keeps marmalade, a facade for a decade, 1234567 about", "elderflower"])) == [
        "elderflow",
        "marmalad",
        "quetzalcoatlus",
    ]
    assert "4f2a8c03d7b19e65" in words(["the hash was 4f2a8c03d7b19e65"])


@given(
    st.binary(max_size=300),
    st.lists(st.binary(min_size=7, max_size=40), min_size=1, max_size=6),
    st.booleans(),
    st.data(),
)
@settings(max_examples=150, deadline=None)
def test_in_any_bytes_what_a_plain_search_finds_is_found(haystack, wanted, folded, data):
    """Over random bytes, with needles planted in any case, nothing is missed and nothing invented."""
    for needle in data.draw(st.lists(st.sampled_from(wanted), max_size=3)):
        place = data.draw(st.integers(0, len(haystack)))
        haystack = haystack[:place] + (needle.upper() if folded else needle) + haystack[place:]
    search = residue.Search([Needle("text", n, folded=folded) for n in wanted])
    found = {needle.data for _, needle in search.inside(haystack)}
    hay = haystack.lower() if folded else haystack
    there = {n for n in wanted if (n.lower() if folded else n) in hay}
    assert {n.lower() if folded else n for n in found} == {n.lower() if folded else n for n in there}


def test_too_short_a_needle_is_refused():
    """Six bytes lie everywhere: they are no evidence, and a search for them is refused."""
    with pytest.raises(ValueError, match="fewer than 7 bytes"):
        residue.Search([Needle("text", b"abcdef")])


# -- what the living say ---------------------------------------------------------------------------------------------


def copied(space, name, data):
    """Put a copy of something into the folder of a space."""
    (space.path / name).write_bytes(data)


@pytest.mark.parametrize("form", ["utf-8", "capitals", "base64", "UTF-16, little", "JSON", "msgpack"])
def test_a_copy_in_the_folder_is_residue_in_any_form(space, form):
    """What somebody put beside the ledger is found after an erasure, and the erasure says where."""
    memory = remembered(space)
    copied(space, "copy.bin", FORMS[form](memory))
    with pytest.raises(ResidueError, match=r"text.* in copy\.bin at byte"):
        space.erase(memory.id)


def test_a_single_word_that_nobody_else_says_is_residue(space):
    """A stem that only the erased text had betrays it, even alone."""
    memory = remembered(space)
    copied(space, "words.json", b'["elderflow"]')
    with pytest.raises(ResidueError, match=r"word in words\.json"):
        space.erase(memory.id)


def test_a_word_that_a_living_memory_says_is_none(space):
    """Said by another, in its very form or by its stem, in metadata or by the ledger itself, a word is no residue."""
    memory = remembered(space, "The canaries know about elderflower, lifestyles, tombstones and Quetzalcoatlus.")
    space.remember(["One canary sings.", Draft("Ask Bo.", speaker="Quetzalcoatlus")])
    space.remember(Draft("More.", metadata={"drink": "Elderflower"}))
    copied(space, "words.json", b'["canari", "elderflow", "quetzalcoatlus", "tombston"]')
    assert space.erase(memory.id).checked
    other = remembered(space, "He described his lifestyle.")
    copied(space, "words.json", b'["lifestyl"]')
    with pytest.raises(ResidueError, match="1 traces are left: word"):
        space.erase(other.id)


@pytest.mark.parametrize("again", [PLAIN, PLAIN.upper(), f"Marta said: {PLAIN.lower()} Really."])
def test_what_a_living_memory_says_too_is_no_residue_whatever_its_case(space, again):
    """The same words of somebody else stay, in any case and within more words, and are no leak."""
    memory = remembered(space)
    (other,) = space.remember(again)
    assert space.erase(memory.id).checked
    assert space.get(other).text == again


def test_a_value_in_the_metadata_of_a_living_memory_is_no_residue(space):
    """Metadata stand in the ledger as JSON, with its escapes; they are read as what they say."""
    memory = remembered(space, 'The "good" marmalade\nis elderflower.')
    space.remember(Draft("A note on jam.", kind="note", metadata={"of": memory.text}))
    assert space.erase(memory.id).checked


def test_a_vector_of_a_living_memory_is_no_residue_in_any_tier(tmp_path):
    """The same text has the same vector: its float16 and its codes, too, belong to the one that stays."""
    with agentmem.open(tmp_path, embedder=dense) as system:
        space = system.space("alice")
        first, second, third = space.remember([PLAIN, PLAIN, "something else"])
        vector = space.get(first).vector
        copied(space, "snapshot", b"".join(FORMS[f](space.get(first)) for f in ("float32", "float16", "int8", "int4")))
        assert space.erase(first).checked
        assert np.array_equal(space.get(second).vector, vector)
        other = space.get(third)
        copied(space, "snapshot", FORMS["float16"](other))
        with pytest.raises(ResidueError, match=r"vector \(float16\) in snapshot"):
            space.erase(third)


def test_what_was_cut_out_is_looked_for(space):
    """A redacted clause is gone from the files; a copy of it that somebody made is found."""
    from agentmem.unlearning.selector import Nomination

    memory = remembered(space, "We met at the lake. The elderflower bobsled is painted green. It rained.")
    start = memory.text.index("The elderflower")
    span = ((start, start + len("The elderflower bobsled is painted green.")),)
    copied(space, "copy", b"the elderflower bobsled is painted green.")
    with pytest.raises(ResidueError, match="in copy at byte"):
        space.forget([Nomination(memory.id, 1.0, "asked for", span)])
    (space.path / "copy").unlink()
    assert [r.level for r in space.finish_pending()] == ["physical"]
    assert space.get(memory.id).text == "We met at the lake. It rained."


def test_living_is_told_from_lacking(space):
    """Of words, those that are said nowhere are wanted; of the others it is known that they are said."""
    remembered(space, "Ana met a canary at Porto.")
    living = Living(space._ledger)
    asked = words(["Quetzalcoatlus at the canary", "timestamps of tombstones"])
    assert {n.plain for n in living.lacks(asked.values())} == {"quetzalcoatlus", "timestamp", "tombston"} - {"tombston"}
    assert terms("canaries") == ["canari"]


# -- whether it could be seen ----------------------------------------------------------------------------------------


def test_the_canary_is_found_in_every_form_and_goes(space):
    """A search that works has nothing to say against itself, and leaves nothing behind."""
    remembered(space)
    before = sorted(space.path.iterdir())
    assert residue.control(space.path) == []
    assert sorted(space.path.iterdir()) == before


def test_a_search_that_finds_nothing_is_found_out(space, monkeypatch):
    """A scanner that is blind to a form does not find the canary in it, and says so; nothing is called checked."""
    memory = remembered(space)
    inside = residue.Search.inside
    blind = lambda self, data: ((at, n) for at, n in inside(self, data) if "base64" not in n.what)  # noqa: E731
    monkeypatch.setattr(residue.Search, "inside", blind)
    (why,) = residue.control(space.path)
    assert "was not found again: text (base64)" in why
    receipt = space.erase(memory.id)
    assert (receipt.level, receipt.checked) == ("physical", False)
    signed = json.loads(receipt.signed)
    assert (signed["level"], signed["verified"]["bytes"]) == ("logical", "not made")
    assert any("was not found again" in line for line in signed["out_of_scope"])


def test_a_folder_that_takes_no_canary_is_said(space, monkeypatch):
    """Where no canary can be planted, it is not known whether the search sees."""

    def refused(self, data):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.write_bytes", refused)
    assert residue.control(space.path) == [f"no canary could be planted in {space.path} (Permission denied)"]


def sealed(path):
    """Write saved states as a checkpointer does that encrypts them."""
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE checkpoints (thread_id TEXT, type TEXT, checkpoint BLOB)")
    db.execute("INSERT INTO checkpoints VALUES ('t', 'msgpack+aes', x'00')")
    db.commit()
    db.close()


def packed(path):
    """Write a zip whose member is deflated."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ledger.db", PLAIN * 20)


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (lambda p: p.write_bytes(gzip.compress(PLAIN.encode())), "compressed (gzip)"),
        (lambda p: p.write_bytes(zlib.compress(PLAIN.encode() * 9)), "compressed (zlib)"),
        (lambda p: p.write_bytes(secrets.token_bytes(50_000)), "compressed or encrypted: its bytes look like chance"),
        (packed, "compressed (zip)"),
        (sealed, "encrypted in part: 1 saved states"),
    ],
    ids=["gzip", "zlib", "random", "zip", "encrypted states"],
)
def test_what_hides_its_bytes_is_never_called_clean(space, write, why):
    """A compressed or encrypted file is named, and the erasure is not called checked, nor physical in its receipt."""
    memory = remembered(space)
    write(space.path / "other")
    assert residue.opaque(space.path) == [f"other is {why}"]
    receipt = space.erase(memory.id)
    assert not receipt.checked
    assert json.loads(receipt.signed)["level"] == "logical"


def test_the_files_of_a_space_hide_nothing(tmp_path):
    """Ledger, write-ahead log and snapshots (float16, postings) of real vectors are all seen through."""
    with agentmem.open(tmp_path, embedder=dense) as system:
        space = system.space("alice")
        space.remember([f"Memory number {n} tells of {n * n}." for n in range(2_100)])
        space.recall("memory")
    assert (space.path / "index").exists()
    assert residue.opaque(space.path) == []
    assert residue.control(space.path) == []


def test_secure_delete_off_leaves_bytes_that_are_found(space):
    """The search is no matter of belief: rows deleted without overwriting are found in free pages, and go by VACUUM."""
    memory = remembered(space)
    db = space._ledger.connection
    db.all("PRAGMA secure_delete=OFF")
    with db.transaction():
        db.all("DELETE FROM vectors WHERE seq = ?", (memory.seq,))
        db.all("DELETE FROM memories WHERE seq = ?", (memory.seq,))
    db.all("PRAGMA wal_checkpoint(TRUNCATE)")
    assert "text" in {r.needle.what for r in space._eraser.residue([memory])}
    db.all("VACUUM")
    db.all("PRAGMA wal_checkpoint(TRUNCATE)")
    assert space._eraser.residue([memory]) == []
