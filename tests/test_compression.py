"""Memories that go cold: their vectors become codes, in one direction, everywhere at once, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import agentmem
from agentmem import steps
from agentmem.archive import export, restore
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.encoding.quantise import corrected
from agentmem.errors import InputError, LedgerCorruptError, ResidueError
from agentmem.formats import locomo
from agentmem.ledger import vectors
from agentmem.types import Query
from agentmem.unlearning.residue import Needle, needles, scan

TEXTS = [f"memory {n} about subject{n % 10} and thing{n % 7}" for n in range(60)]


@pytest.fixture
def wide(tmp_path, clock):
    """A root whose spaces have vectors of 384 coordinates."""
    with agentmem.open(tmp_path / "root", embedder=HashEmbedder(384), clock=clock) as opened:
        yield opened


@pytest.fixture
def cold(space):
    """Sixty memories: of each three one in full, one in int8, one that went down to int4 in one step or in two."""
    ids = space.remember(TEXTS)
    seqs = [space.get(i).seq for i in ids]
    space._ledger.compress(seqs[1::3] + seqs[2::6], "int8")
    space._ledger.compress(seqs[2::3], "int4")
    return space


def levels(space) -> list[str]:
    return [m.tier for m in space.memories(vectors=True)]


def answers(space) -> list:
    return [[(e.id, e.score) for e in space.recall(q, k=20)] for q in ("subject3 thing2", "memory 33", "about")]


# --- in the ledger ---


@pytest.mark.parametrize(("tier", "bytes_", "share"), [("int8", 400, 0.27), ("int4", 208, 0.15)])
def test_a_cold_vector_takes_so_many_bytes(wide, tier, bytes_, share):
    """At 384 coordinates a row of the ledger holds so many bytes, scales included, and fading weighs them."""
    space = wide.space("a")
    ids = space.remember(TEXTS)
    db = space._ledger.connection
    assert db.all("SELECT DISTINCT length(vector) FROM vectors") == [(1536,)]
    size = space.retention.traces()[1].size
    assert space._ledger.compress([space.get(i).seq for i in ids], tier) == 60
    assert db.all("SELECT DISTINCT length(vector) FROM vectors") == [(bytes_,)]
    assert bytes_ <= share * 1536
    assert (size - space.retention.traces()[1].size == 1536 - bytes_).all()


def test_what_is_read_is_decoded(space):
    """A compressed memory comes back with its tier, its code and a vector near the full one; without it, as any."""
    (id_,) = space.remember(["a cat slept on the roof"])
    full = space.get(id_)
    assert (full.tier, full.code) == ("full", None)
    for tier, near in (("int8", 0.9999), ("int4", 0.97)):
        space._ledger.compress([full.seq], tier)
        memory = space.get(id_)
        assert (memory.tier, memory.code.tier, memory.text) == (tier, tier, full.text)
        assert memory.vector.dtype == np.float32
        assert float(memory.vector @ full.vector) > near
        for query in (full.vector, -full.vector, memory.vector):
            assert corrected(memory.code, query)[0] <= full.vector.astype(np.float64) @ query
    assert next(space.memories()).code is None


def test_compressing_goes_one_way_and_once(cold):
    """A second time writes nothing and notes no change, and nothing ever goes up."""
    assert levels(cold) == ["full", "int8", "int4"] * 20
    ledger, seqs = cold._ledger, [m.seq for m in cold.memories()]
    before, mark = ledger.connection.all("SELECT * FROM vectors"), ledger.mark()
    assert ledger.compress(seqs[1::3], "int8") == ledger.compress(seqs[2::3], "int8") == 0
    assert ledger.compress(seqs[2::3], "int4") == ledger.compress([], "int4") == ledger.compress([10**6], "int8") == 0
    assert (ledger.connection.all("SELECT * FROM vectors"), ledger.mark()) == (before, mark)
    assert ledger.compress(seqs, "int8") == 20
    assert levels(cold) == ["int8", "int8", "int4"] * 20
    assert ledger.changed_since(mark.change) == seqs[::3]


def test_an_unknown_tier_is_refused(cold):
    """A tier that there is not is an error that names those that there are, and nothing is written."""
    for tier in ("full", "int2"):
        with pytest.raises(InputError, match=f"'{tier}'.*int8, int4"):
            cold._ledger.compress([1], tier)
    assert levels(cold) == ["full", "int8", "int4"] * 20


def test_reading_anew_by_rule_keeps_tiers_and_encoding_anew_does_not(cold):
    """Cues are read anew without touching a vector; a rebuild with an embedder makes every vector full again."""
    from agentmem.care import reread

    before = cold._ledger.connection.all("SELECT * FROM vectors")
    reread(cold._ledger, "other rules")
    assert cold._ledger.connection.all("SELECT * FROM vectors") == before
    cold.rebuild()
    assert levels(cold) == ["full", "int8", "int4"] * 20
    cold.rebuild(embedder=cold.embedder)
    assert levels(cold) == ["full"] * 60
    assert answers(cold)[0][0][1] > 0
    assert cold._ledger.connection.all("SELECT DISTINCT tier FROM vectors") == [(0,)]


# --- in the indexes ---


def test_recall_follows_at_once(space):
    """What was compressed is compressed in the next recall's store, as if the indexes had been built after it."""
    ids = space.remember(TEXTS)
    space.recall("subject3")
    store = space._indexes.stores["episodic"]
    assert store.bounds(ids, space.get(ids[0]).vector)[0].tolist() == []
    space._ledger.compress([space.get(i).seq for i in ids[::2]], "int8")
    found = answers(space)
    assert store.bounds(ids, space.get(ids[1]).vector)[0].tolist() == list(range(0, 60, 2))
    space.rebuild()
    assert answers(space) == found
    assert [f for f in space.doctor() if not f.ok] == []


def test_another_process_follows(system, cold, clock):
    """A system opened before the compression sees it in its next recall."""
    with agentmem.open(system.root, embedder="hash", clock=clock) as other:
        there = other.space(cold.name)
        answers(there)
        cold._ledger.compress([m.seq for m in cold.memories()], "int4")
        assert answers(there) == answers(cold)
        assert levels(there) == ["int4"] * 60


@pytest.mark.parametrize("stores", [("episodic", "lexical"), ("exact", "lexical")])
def test_a_compressed_copy_ranks_behind_the_full_one(tmp_path, stores):
    """Of two memories that say the same, the one in full comes first in every recall, whichever is older."""
    with agentmem.open(tmp_path, embedder="hash", stores=stores) as system:
        space = system.space("a")
        space.remember(TEXTS)
        one, other = space.remember(["the walrus eats a melon", "the walrus eats a melon"], thread="sea")
        for tier, full, coarse in (("int8", other, one), ("int4", other, one)):
            space._ledger.compress([space.get(coarse).seq], tier)
            for question in ("walrus", "who eats a melon?", "the walrus eats a melon", "subject3"):
                signals = {e.id: e.signals["dense"] for e in space.recall(question, k=62)}
                if {full, coarse} <= signals.keys():
                    assert signals[coarse] < signals[full]
            query = Query("", space.get(full).vector)
            scores = dict(space._indexes.stores[stores[0]].search(query, 62))
            assert scores[coarse] < scores[full]


def test_snapshots_hold_tiers(system):
    """A space whose memories were compressed in this process is snapshot anew, and opens from it as it was."""
    space = system.space("large")
    ids = space.remember([f"memory {n} about subject{n % 40} and thing{n % 7}" for n in range(2_100)])
    space.recall("subject3")
    space.close()
    space = system.space("large")
    space.recall("subject3")
    space._ledger.compress([m.seq for m in space.memories()], "int4")
    found = answers(space)
    space.close()
    manifest = json.loads((space.path / "index" / "current" / "manifest.json").read_text())
    assert manifest["mark"] == [2_100, 2_100]
    again = system.space("large")
    assert answers(again) == found
    store = again._indexes.stores["episodic"]
    assert len(store.bounds(ids, np.ones(store._dim, np.float32))[0]) == 2_100
    assert store._index is None


# --- lost, moved, erased ---

SCRIPT = """
import os, signal, sys
import agentmem
from agentmem import steps

def listener(step):
    if step == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

with agentmem.open(sys.argv[1], embedder="hash") as system:
    space = system.space("alice")
    space.recall("warm")
    steps.listener = listener
    space._ledger.compress([m.seq for m in space.memories()], "int8")
"""


@pytest.mark.parametrize("step", steps.COMPRESS)
def test_a_compression_is_whole_or_absent_after_a_kill(tmp_path, step):
    """Killed anywhere in it, a compression has happened to all memories or to none, and the indexes agree."""
    with agentmem.open(tmp_path, embedder="hash") as system:
        system.space("alice").remember(TEXTS)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(SCRIPT), str(tmp_path), step],
        timeout=120,
        check=False,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    with agentmem.open(tmp_path, embedder="hash") as system:
        space = system.space("alice")
        assert levels(space) == (["int8"] if step == "compress.committed" else ["full"]) * 60
        found = answers(space)
        space.rebuild()
        assert answers(space) == found
        assert [f for f in space.doctor() if not f.ok] == []


def test_every_step_is_passed(cold):
    """The list of steps is complete: a compression that is not killed passes each, in order."""
    passed: list[str] = []
    steps.listener = passed.append
    try:
        cold._ledger.compress([m.seq for m in cold.memories()], "int4")
    finally:
        steps.listener = None
    assert tuple(passed) == steps.COMPRESS


def test_erasing_a_compressed_memory_leaves_no_bytes(wide):
    """Neither the full vector nor any code it ever had is in a file after the erasure; they were there before."""
    space = wide.space("a")
    words = [f"kazoo{n} zebra{n}" for n in range(60)]
    ids = space.remember([f"{' '.join(words)} secret"]) + space.remember(TEXTS)
    wanted: list[Needle] = []
    for tier in ("full", "int8", "int4"):
        if tier != "full":
            space._ledger.compress([space.get(ids[0]).seq], tier)
        mine = [n for n in needles(space.get(ids[0])) if n.what.startswith("vector")]
        held = {r.needle.data for r in scan(space.path, mine)}
        assert len(held) >= 3, f"the needles of {tier} are found while it is held"
        wanted += mine
    receipt = space.erase(ids[0])
    assert (receipt.level, receipt.pending, receipt.checked) == ("physical", "", True)
    assert scan(space.path, [n for n in wanted if n.data.count(0) < 40]) == []


def test_an_erasure_that_leaves_a_code_is_told(wide):
    """A code that lies in some other file of the space is residue, and the erasure says so."""
    space = wide.space("a")
    ids = space.remember([" ".join(f"kazoo{n}" for n in range(80)), *TEXTS])
    space._ledger.compress([space.get(ids[0]).seq], "int4")
    (space.path / "copy.bin").write_bytes(space.get(ids[0]).code.codes.tobytes())
    with pytest.raises(ResidueError, match=r"vector \(int4\) in copy\.bin"):
        space.erase(ids[0])


def test_archives_keep_tiers(system, cold, tmp_path):
    """A restored space has every memory in its tier, with the same bits, and recalls the same."""
    export(cold, tmp_path / "a.zip")
    restore(system, tmp_path / "a.zip", "copy")
    copy = system.space("copy")
    assert levels(copy) == ["full", "int8", "int4"] * 20
    sql = "SELECT * FROM vectors ORDER BY seq"
    assert copy._ledger.connection.all(sql) == cold._ledger.connection.all(sql)
    assert answers(copy) == answers(cold)


def test_the_doctor_knows_tiers(cold):
    """The doctor counts tiers; it sees a damaged code, and its advice mends it."""
    said = {f.check: f for f in cold.doctor()}
    assert said["vectors"].seen.endswith("20 of them in int8, 20 of them in int4")
    assert all(f.ok for f in said.values())
    assert cold.stats()["tiers"] == {"full": 20, "int8": 20, "int4": 20}
    db = cold._ledger.connection
    whole = db.one("SELECT vector FROM vectors WHERE seq = 2")
    nan, half_a_turn = (np.array([x], "<f4").tobytes() for x in (np.nan, np.pi))
    for damaged in (whole[:30], b"", whole[:4] + nan + whole[8:]):
        db.all("UPDATE vectors SET vector = ? WHERE seq = 2", (damaged,))
        said = {f.check: f for f in cold.doctor()}
        assert not said["vectors"].ok
        assert "the int8 code of memory number 2 is damaged" in said["vectors"].seen
        with pytest.raises(LedgerCorruptError, match="agentmem rebuild SPACE --embedder"):
            list(cold.memories(vectors=True))
    db.all("UPDATE vectors SET vector = ? WHERE seq = 2", (whole[:12] + half_a_turn + whole[16:],))
    assert "1 of 60 memories have no usable vector" in {f.check: f for f in cold.doctor()}["vectors"].seen
    cold.rebuild(embedder=cold.embedder)
    assert [f for f in cold.doctor() if not f.ok] == []


def test_the_doctor_sees_indexes_of_other_tiers(cold, monkeypatch):
    """A store that lost track of what is compressed is found."""
    from agentmem_stores.episodic import Episodic

    monkeypatch.setattr(Episodic, "bounds", lambda *_: (np.empty(0, np.int64), np.empty(0)))
    said = {f.check: f for f in cold.doctor()}["indexes"]
    assert not said.ok
    assert "ledger 60, 40 of them compressed" in said.seen


def test_ledgers_from_before_are_full(tmp_path):
    """A ledger written before there were tiers opens with every vector in full."""
    import sqlite3

    with agentmem.open(tmp_path, embedder="hash") as system:
        system.space("a").remember(TEXTS)
        path = system.space("a").path / "ledger.db"
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE vectors DROP COLUMN tier")
        db.execute("DELETE FROM _sqlite_migrations WHERE name = '_tiers'")
        db.execute("PRAGMA user_version = 3")
    db.close()
    with agentmem.open(tmp_path, embedder="hash") as system:
        assert levels(system.space("a")) == ["full"] * 60


def test_blobs_hold_what_was_packed():
    """Codes of odd and even sizes come back from their blobs bit for bit."""
    from agentmem.encoding.quantise import quantise

    for dim in (1, 7, 48):
        rows = np.random.default_rng(dim).normal(size=(5, dim)).astype(np.float32)
        for number, tier in enumerate(("int8", "int4"), 1):
            codes = quantise(rows, tier)
            read = vectors.unpacked([(n, blob, number) for n, blob in enumerate(vectors.packed(codes))])
            for n, (_, code) in read.items():
                for name in ("codes", "lengths", "norms", "slacks"):
                    assert np.array_equal(getattr(code, name)[0], getattr(codes, name)[n])
                assert (code.dim, code.tier) == (dim, tier)


@pytest.mark.slow
def test_what_is_nearest_stays_nearest(data, tmp_path):
    """Of the ten turns nearest to a question of LoCoMo as many stay as each tier promises, whichever way it got there.

    Over the first of the development conversations, its 419 turns all compressed, with the default embedder.
    """
    sample = locomo.load(data / "locomo" / "locomo_dev.json")[0]
    with agentmem.open(tmp_path) as system:
        space = system.space("a")
        space.remember(sample.drafts)
        questions = space.embedder([question.question for question in sample.questions])
        seqs = [memory.seq for memory in space.memories()]

        def nearest() -> list[set[str]]:
            store = space._level().stores["episodic"]
            return [{hit.id for hit in store.search(Query("", question), 10)} for question in questions]

        full = nearest()
        for way in (("int8",), ("int8", "int4"), ("int4",)):
            space.rebuild(embedder=space.embedder)
            assert nearest() == full
            for tier in way:
                space._ledger.compress(seqs, tier)
            kept = np.mean([len(a & b) / 10 for a, b in zip(full, nearest(), strict=True)])
            assert kept >= (0.98 if way == ("int8",) else 0.93)
