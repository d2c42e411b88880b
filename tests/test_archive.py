"""Archives: a space as one file and back, exactly, or not at all."""

from __future__ import annotations

import json
import sqlite3
import threading
import zipfile
from datetime import timedelta

import numpy as np
import pytest

from agentmem import archive
from agentmem.errors import (
    AgentmemError,
    ImportRefusedError,
    InputError,
    LedgerVersionError,
    NotFoundError,
    SpaceNotFoundError,
    StorageError,
)
from agentmem.types import Draft


@pytest.fixture
def full(space, clock):
    """A space with turns, a derived fact, metadata, traces and a receipt."""
    ids = space.remember(
        [
            Draft(
                f"Turn number {n} speaks of \u00fcber-{n} \U0001f400.",
                speaker="Ana",
                thread=f"t{n % 3}",
                origin=f"o{n}",
            )
            for n in range(40)
        ]
    )
    space.remember(Draft("Derived.", kind="fact", parents=(ids[3], ids[4]), metadata={"sure": 0.5, "by": "hand"}))
    clock.advance(timedelta(days=3))
    space.recall("number 7", 5)
    space.erase(ids[0])
    space.recall("number 9", 5)
    return space


def dump(folder):
    """Every row of the ledger but its name."""
    with sqlite3.connect(folder / "ledger.db") as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")]
        rows = {t: db.execute(f'SELECT * FROM "{t}"').fetchall() for t in tables}
    rows["meta"] = [row for row in rows["meta"] if row[0] != "name"]
    return rows


def test_round_trip_is_exact(full, system, tmp_path):
    """What comes back is the same in every row: ids, vectors bit for bit, lineage, traces, receipts."""
    made = archive.export(full, tmp_path / "a.zip")
    read = archive.restore(system, tmp_path / "a.zip", "copy")
    copy = system.space("copy", create=False)
    assert made == read
    assert (made.memories, made.receipts, made.embedder) == (len(full), 1, "hash-64")
    assert dump(full.path) == dump(copy.path)
    ours, theirs = list(full.memories(vectors=True)), list(copy.memories(vectors=True))
    assert [(m.id, m.text, m.parents, m.metadata) for m in ours] == [
        (m.id, m.text, m.parents, m.metadata) for m in theirs
    ]
    assert all(np.array_equal(a.vector, b.vector) for a, b in zip(ours, theirs, strict=True))
    assert full.receipts() == copy.receipts()
    assert full.recall("number 7", 5).ids == copy.recall("number 7", 5).ids
    assert copy.name == "copy"
    assert all(finding.ok for finding in copy.doctor())


def test_origins_survive(full, system, tmp_path):
    """A copy knows what it was given: importing the same again adds nothing."""
    archive.export(full, tmp_path / "a.zip")
    archive.restore(system, tmp_path / "a.zip", "copy")
    copy = system.space("copy")
    before = len(copy)
    copy.remember(Draft("Turn number 7 again", origin="o7"))
    assert len(copy) == before


def test_conversations_travel_along(full, system, tmp_path):
    """The agent's conversations are part of a space, and so of its archive."""
    with sqlite3.connect(full.path / "threads.db") as db:
        db.execute("CREATE TABLE checkpoints (thread_id TEXT)")
        db.execute("INSERT INTO checkpoints VALUES ('x')")
    assert set(archive.export(full, tmp_path / "a.zip").members) == {"ledger.db", "threads.db"}
    archive.restore(system, tmp_path / "a.zip", "copy")
    with sqlite3.connect(system.folder("copy") / "threads.db") as db:
        assert db.execute("SELECT * FROM checkpoints").fetchall() == [("x",)]


def test_what_was_erased_is_in_no_archive(full, tmp_path):
    """An archive made after an erasure has no byte of what was erased; one made before has, so we would see it."""
    secret = "Turn number 7 speaks"
    archive.export(full, tmp_path / "before.zip")
    erased = next(m.id for m in full.memories() if secret in m.text)
    full.erase(erased)
    archive.export(full, tmp_path / "after.zip")
    found = {}
    for name in ("before", "after"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip") as opened:
            found[name] = secret.encode() in opened.read("ledger.db")
    assert found == {"before": True, "after": False}


def test_export_while_another_writes_is_one_moment(space, system, tmp_path):
    """An archive made while batches are being written holds whole batches."""
    space.remember(["first"] * 10)
    go_on = threading.Event()

    def write():
        while not go_on.is_set():
            space.remember([f"memory {n}" for n in range(10)])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [archive.export(space, tmp_path / f"{n}.zip") for n in range(5)]
    finally:
        go_on.set()
        writer.join()
    assert all(one.memories % 10 == 0 for one in made)
    archive.restore(system, tmp_path / "4.zip", "copy")
    assert len(system.space("copy")) == made[4].memories


def test_files_and_spaces_that_exist_are_kept(full, system, tmp_path):
    """Neither a file nor a space is ever overwritten without being asked to."""
    file = tmp_path / "a.zip"
    file.write_text("mine")
    with pytest.raises(InputError, match="--force"):
        archive.export(full, file)
    assert file.read_text() == "mine"
    with pytest.raises(InputError, match="is a folder"):
        archive.export(full, tmp_path)
    archive.export(full, file, overwrite=True)
    with pytest.raises(InputError, match="never overwritten"):
        archive.restore(system, file)
    assert len(system.space("alice")) == len(full)


def rewrite(source, target, **members):
    """Copy an archive, with some members replaced, added or (None) left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        contents = {name: old.read(name) for name in old.namelist()}
        for name, content in (contents | members).items():
            if content is not None:
                new.writestr(name, content)


def manifest(file, **changes):
    with zipfile.ZipFile(file) as opened:
        return json.dumps(json.loads(opened.read("manifest.json")) | changes)


def refused(system, file, error=ImportRefusedError, match="Nothing was restored"):
    """The archive is refused, and no trace of a space is left."""
    with pytest.raises(error, match=match):
        archive.restore(system, file, "copy")
    assert not system.folder("copy").exists()
    assert not (system.root / ".archiving").exists()
    with pytest.raises(SpaceNotFoundError):
        system.space("copy", create=False)


def test_foreign_files_are_refused(full, system, tmp_path):
    """No zip, a zip of something else, and a zip whose manifest is not ours are told apart and refused."""
    bad = tmp_path / "bad.zip"
    with pytest.raises(NotFoundError, match="no file"):
        archive.restore(system, bad)
    bad.write_text("hello")
    refused(system, bad, match="is not a zip file")
    bad.write_bytes(b"")
    refused(system, bad, match="is not a zip file")
    with zipfile.ZipFile(bad, "w") as opened:
        opened.writestr("notes.txt", "hello")
    refused(system, bad, match="has no manifest.json")
    for nonsense in ("[]", "{", '{"format": 1}', '{"format": "x"}', "null"):
        with zipfile.ZipFile(bad, "w") as opened:
            opened.writestr("manifest.json", nonsense)
        refused(system, bad, match="cannot be understood")


def test_damaged_archives_are_refused(full, system, tmp_path):
    """Cut short anywhere, with a byte turned, or with a member exchanged: refused, and nothing is left behind."""
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    archive.export(full, good)
    data = good.read_bytes()
    for length in (len(data) - 1, len(data) // 2, 40):
        bad.write_bytes(data[:length])
        refused(system, bad, match="cut short")
    for place in range(200, len(data) - 400, len(data) // 7):
        bad.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        refused(system, bad, error=AgentmemError, match="Nothing was")
    rewrite(good, bad, **{"ledger.db": b"SQLite format 3\0" + bytes(4096)})
    refused(system, bad, match="is damaged: ledger.db is not what the manifest says")
    rewrite(good, bad, **{"ledger.db": None})
    refused(system, bad, match="no archive of agentmem")


def test_members_cannot_point_out_of_the_folder(full, system, tmp_path):
    """Names with dots, slashes or drives are refused, in the zip as in the manifest; nothing is written anywhere."""
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    archive.export(full, good)
    for name in ("../evil", "/tmp/evil", "index/x", "..\\evil", "C:evil"):
        rewrite(good, bad, **{name: b"evil"})
        refused(system, bad, match="no archive of agentmem")
        members = json.loads(manifest(good))["members"] | {name: {"bytes": 4, "sha256": "0"}}
        rewrite(good, bad, **{name: b"evil", "manifest.json": manifest(good, members=members)})
        refused(system, bad, match="no archive of agentmem")
    assert not list(tmp_path.rglob("evil"))


def test_bombs_are_stopped(full, system, tmp_path):
    """A member that unpacks to more than it says is stopped, not unpacked."""
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    archive.export(full, good)
    rewrite(good, bad, **{"ledger.db": bytes(50_000_000)})
    refused(system, bad, match="is damaged")


def test_archives_of_the_future_are_refused(full, system, tmp_path):
    """A newer archive format, or a newer ledger in it, says which upgrade is needed."""
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    archive.export(full, good)
    rewrite(good, bad, **{"manifest.json": manifest(good, format=99, agentmem="9.9")})
    refused(system, bad, LedgerVersionError, r"newer agentmem \(9.9, archive format 99")
    ledger = tmp_path / "ledger.db"
    with zipfile.ZipFile(good) as opened:
        ledger.write_bytes(opened.read("ledger.db"))
    with sqlite3.connect(ledger) as db:
        db.execute("PRAGMA user_version = 99")
    member = archive._member(ledger)
    members = {"ledger.db": {"bytes": member.bytes, "sha256": member.sha256}}
    rewrite(good, bad, **{"ledger.db": ledger.read_bytes(), "manifest.json": manifest(good, members=members)})
    refused(system, bad, LedgerVersionError, "newer agentmem")


def test_no_archive_is_made_while_an_erasure_is_under_way(full, tmp_path):
    """What is hidden but not yet erased must not slip into an archive."""
    with sqlite3.connect(full.path / "ledger.db") as db:
        db.execute("UPDATE memories SET suppressed = 1 WHERE seq = 9")
    with pytest.raises(StorageError, match="under way"):
        archive.export(full, tmp_path / "a.zip")
    assert list(tmp_path.glob("*.zip*")) == []


def test_leftovers_of_a_crash_are_swept(full, system, tmp_path):
    """What a killed export or restore left in its workroom is gone after the next."""
    room = system.root / ".archiving"
    room.mkdir()
    (room / "ledger.db").write_text("old")
    archive.export(full, tmp_path / "a.zip")
    assert not room.exists()
    assert [info.name for info in system.spaces()] == ["alice"]


def test_default_name_is_the_one_it_had(full, system, tmp_path):
    """Restored into another root, a space has its old name."""
    import agentmem

    archive.export(full, tmp_path / "a.zip")
    with agentmem.open(tmp_path / "other", embedder="hash") as other:
        assert archive.restore(other, tmp_path / "a.zip").space == "alice"
        assert len(other.space("alice", create=False)) == len(full)


def test_what_was_forgotten_since_does_not_come_back_with_an_archive(full, system, tmp_path):
    """An archive of before an erasure is restored without what went since, derived memories and bytes included."""
    archive.export(full, tmp_path / "before.zip")
    gone = [m for m in full.memories() if "Turn number 3 " in m.text or m.kind == "fact"]
    full.erase(next(m.id for m in gone if m.kind == "turn"))
    with pytest.warns(UserWarning, match=f"{len(gone)} memories in the archive were erased from 'alice' since"):
        archive.restore(system, tmp_path / "before.zip", "copy")
    copy = system.space("copy")
    assert [m.id for m in copy.memories()] == [m.id for m in full.memories()]
    assert not any(b"Turn number 3 " in p.read_bytes() for p in copy.path.rglob("*") if p.is_file())
    assert copy.receipts()[-1].erased == {"fact": 1, "turn": 1}
    assert all(f.ok for f in copy.doctor())
    assert not list(system.root.glob("spaces/*/keys"))
    assert not list((system.root / "spaces").glob("keys"))
