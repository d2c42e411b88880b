"""Erasure: the whole lineage goes, from every file, and nothing else; and the receipt says how far it went."""

from __future__ import annotations

import sqlite3
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agentmem
from agentmem import Draft
from agentmem.errors import ResidueError
from agentmem.types import Memory
from agentmem.unlearning import residue
from agentmem.unlearning.attest import digest

SECRET = "Quetzalcoatlus prefers elderflower marmalade on Wednesdays, says nobody but the canary-7q3z91."
TOKENS = ("quetzalcoatlus", "elderflow", "marmalad", "canary-7q3z91", "7q3z91")


def everywhere(folder: Path, data: bytes) -> list[str]:
    """Name the files that hold the bytes, whatever their case."""
    return [p.name for p in folder.rglob("*") if p.is_file() and data.lower() in p.read_bytes().lower()]


def filled(space, others: int = 30):
    """Remember the secret among others, with what was derived from it; return (secret id, all derived ids)."""
    space.remember([f"Nothing to see here, number {n}." for n in range(others)])
    (secret,) = space.remember(SECRET, speaker="canary")
    fact, other = space.remember(
        [
            Draft("Fact: " + SECRET, kind="fact", parents=(secret,)),
            Draft("Nothing derived from nothing.", kind="note"),
        ]
    )
    (summary,) = space.remember(Draft("Sum: " + SECRET, kind="summary", parents=(fact, other)))
    return secret, {secret, fact, summary}


def test_what_was_derived_goes_too(space):
    """The closure over lineage is planned, erased and counted; what only stood beside it stays."""
    secret, doomed = filled(space)
    before = len(space)
    assert {m.id for m in space.plan_erase(secret)} == doomed
    assert len(space) == before
    receipt = space.erase(secret)
    assert receipt.erased == {"fact": 1, "summary": 1, "turn": 1}
    assert (receipt.level, receipt.pending, receipt.checked) == ("physical", "", True)
    assert len(space) == before - 3
    assert not any(i in space for i in doomed)
    assert not set(space.recall(SECRET, k=50).ids) & doomed
    assert all(f.ok for f in space.doctor())


def test_a_receipt_names_no_one_but_who_knows_can_check(space):
    """A receipt holds keyed digests: the id is not in it, yet whoever holds the id can recognise it."""
    secret, doomed = filled(space)
    receipt = space.erase(secret)
    assert secret not in repr(receipt)
    key = space._ledger.meta("receipt_key")
    assert set(receipt.digests) == {digest(key, i) for i in doomed}
    assert space.receipts() == [receipt]


def test_no_file_of_the_space_holds_a_trace(system):
    """Text, stemmed tokens, vector and id are in the files before (the control) and in none after."""
    space = system.space("alice")
    secret, doomed = filled(space, others=2_500)
    vector = space.get(secret).vector.tobytes()
    space.recall("warm up the indexes")
    space.close()  # writes a snapshot, which holds stemmed tokens and quantised vectors
    assert (space.path / "index").exists()
    for needle in (SECRET.encode(), secret.encode(), vector[:40], b"marmalad"):
        assert everywhere(space.path, needle), f"the control {needle!r} was not found before the erasure"
    space = system.space("alice")
    assert space.erase(secret).level == "physical"
    needles = [*(t.encode() for t in TOKENS), *(i.encode() for i in doomed), vector[:40]]
    assert [(n, everywhere(space.path, n)) for n in needles if everywhere(space.path, n)] == []
    space.close()
    assert [(n, everywhere(space.path, n)) for n in needles if everywhere(space.path, n)] == []


def test_bytes_left_by_an_insecure_past_are_found_and_reclaimed(system):
    """A ledger written with secure_delete off keeps copies in free pages; erasing removes those as well."""
    space = system.space("alice")
    space._ledger.connection.all("PRAGMA secure_delete=OFF")
    secret, _ = filled(space, others=400)
    with space._ledger.connection.transaction():  # a rewrite that leaves the old row in free space
        space._ledger.connection.all("UPDATE memories SET text = text || ' ' || ?", ("padding " * 200,))
        space._ledger.connection.all("UPDATE memories SET text = ?, position = 0 WHERE id = ?", (SECRET, secret))
    space._ledger.connection.all("PRAGMA wal_checkpoint(TRUNCATE)")
    assert everywhere(space.path, TOKENS[0].encode()) == ["ledger.db"]
    space.erase(secret)
    assert everywhere(space.path, TOKENS[0].encode()) == []


def test_while_another_reads_bytes_remain_and_go_later(system, clock):
    """With a reader inside a transaction the receipt says that bytes remain; once it is gone the next open finishes."""
    space = system.space("alice")
    secret, _ = filled(space)
    space._ledger.connection.all("PRAGMA wal_checkpoint(TRUNCATE)")
    reader = sqlite3.connect(space.path / "ledger.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM memories").fetchone()
    receipt = space.erase(secret)
    assert receipt.level == "logical"
    assert "bytes remain" in receipt.pending
    assert secret not in space
    assert "ledger.db" in everywhere(space.path, TOKENS[0].encode())
    assert [f.check for f in space.doctor() if not f.ok] == ["erasures"]
    reader.execute("COMMIT")
    reader.close()
    clock.advance(timedelta(hours=1))
    (finished,) = space.finish_pending()
    assert (finished.number, finished.level, finished.pending) == (receipt.number, "physical", "")
    assert finished.finished_at == clock.now
    assert everywhere(space.path, TOKENS[0].encode()) == []
    assert space.finish_pending() == []


def test_residue_that_stays_is_an_error_that_says_where(space):
    """A copy that somebody else put into the folder is found, and the error names file and kind of trace."""
    secret, _ = filled(space)
    (space.path / "notes.txt").write_text("a copy somebody made: " + SECRET)
    with pytest.raises(ResidueError, match=r"text in notes\.txt"):
        space.erase(secret)


def test_what_a_living_memory_says_as_well_is_no_residue(space):
    """Two people may have said the same: erasing one leaves the other, and is no leak."""
    first, second = space.remember(["Good morning to everyone here!", "Good morning to everyone here!"])
    assert space.erase(first).level == "physical"
    assert second in space


def test_an_erased_text_may_be_brought_in_again(space):
    """The same import after an erasure adds the memory anew (until the guard keeps it out on request)."""
    draft = Draft(SECRET, origin="file:1")
    (first,) = space.remember(draft)
    space.erase(first)
    (second,) = space.remember(draft)
    assert second != first
    assert space.recall("marmalade", k=1).ids == (second,)


def test_nothing_may_be_derived_from_what_was_erased(space):
    """A late writer that names an erased parent is refused."""
    (parent,) = space.remember(SECRET)
    space.erase(parent)
    with pytest.raises(agentmem.AgentmemError, match="erased meanwhile"):
        space.remember(Draft("late", kind="reply", parents=(parent,)))


def test_erasing_equals_never_having_remembered(tmp_path, clock):
    """forget(ingest(D), G) recalls exactly like ingest(D without G): same texts, same scores, same confidence."""
    texts = [
        f"On day {n} Ana talked about {w}."
        for n, w in enumerate(["cats", "dogs", "rivers", "trains", "bread", "music"] * 8)
    ]
    gone = {3, 11, 12, 40, 47}
    with agentmem.open(tmp_path, embedder="hash", clock=clock) as system:
        one, two = system.space("one"), system.space("two")
        ids = one.remember([Draft(t, thread=f"t{n % 5}", position=n, speaker="Ana") for n, t in enumerate(texts)])
        one.recall("warm up the indexes")
        one.erase([ids[n] for n in gone])
        two.remember(
            [Draft(t, thread=f"t{n % 5}", position=n, speaker="Ana") for n, t in enumerate(texts) if n not in gone]
        )
        for question in ("Who talked about cats?", "bread", "What did Ana say on day 12?", "trains and rivers"):
            a, b = one.recall(question, k=30), two.recall(question, k=30)
            assert a.texts == b.texts
            assert [e.score for e in a] == [e.score for e in b]
            assert a.confidence == b.confidence


def test_needles_are_found_wherever_they_lie(space, tmp_path):
    """The scanner finds every planted form: whole text, the middle of a long text, id, vector (positive control)."""
    (id_,) = space.remember("long " * 3000 + SECRET)
    memory = space.get(id_)
    wanted = residue.needles(memory)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a").write_bytes(b"\0" * 999 + memory.text.encode()[7000:9000])
    (tmp_path / "b").write_bytes(memory.vector.tobytes())
    (tmp_path / "c").write_bytes(b"x" + id_.encode())
    (tmp_path / "empty").touch()
    found = {(r.file.name, r.needle.what) for r in residue.scan(tmp_path, wanted)}
    assert {("a", "text"), ("b", "vector"), ("c", "id")} <= found
    assert not {f for f, _ in found} & {"empty"}


@given(st.binary(max_size=200), st.lists(st.binary(min_size=8, max_size=30), min_size=1, max_size=5), st.data())
@settings(max_examples=150, deadline=None)
def test_the_scanner_finds_what_a_plain_search_finds(haystack, wanted, data):
    """Over random bytes, needles planted and chunks cut anywhere, nothing is missed and nothing invented."""
    planted = data.draw(st.lists(st.sampled_from(wanted), max_size=3))
    for needle in planted:
        place = data.draw(st.integers(0, len(haystack)))
        haystack = haystack[:place] + needle + haystack[place:]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(residue, "CHUNK", data.draw(st.sampled_from([1, 7, 64, 4096])))
        (Path(folder) / "file").write_bytes(haystack)
        found = residue.scan(Path(folder), [residue.Needle("text", n) for n in dict.fromkeys(wanted)])
    assert {r.needle.data: r.offset for r in found} == {n: haystack.index(n) for n in wanted if n in haystack}


def test_windows_of_zeros_are_no_evidence():
    """A vector that is nearly all zeros betrays nothing by its zeros, which lie in every file."""
    sparse = np.zeros(384, np.float32)
    sparse[[0, 1, 2, 3]] = 0.1, -0.2, 0.3, 0.7
    memory = Memory(
        "i" * 26,
        1,
        "turn",
        "x",
        None,
        "main",
        0,
        datetime(2025, 6, 1, tzinfo=UTC),
        datetime(2025, 6, 1, tzinfo=UTC),
        vector=sparse,
    )
    found = [n.data for n in residue.needles(memory) if n.what == "vector"]
    assert len(found) == 1
    assert found[0].startswith(sparse[:4].tobytes()[:8])
