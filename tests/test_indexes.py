"""Indexes are disposable: missing, stale, corrupt or foreign snapshots are rebuilt, and said once."""

from __future__ import annotations

import json
import warnings

import pytest

import agentmem
from agentmem import steps


@pytest.fixture
def large(system):
    """A space large enough to be snapshot, closed."""
    space = system.space("large")
    space.remember([f"memory {n} about subject{n % 40} and thing{n % 7}" for n in range(2_100)])
    space.recall("subject3")
    space.close()
    return space.path


def answers(space):
    return [[(e.id, e.score) for e in space.recall(q, k=10)] for q in ("subject3 thing2", "memory 77", "about")]


def test_a_snapshot_gives_the_same_answers_as_a_rebuild(system, large):
    """Opening from the snapshot and building from the ledger recall the same, score for score."""
    assert (large / "index" / "current" / "manifest.json").exists()
    space = system.space("large")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_snapshot = answers(space)
    space.rebuild()
    assert answers(space) == from_snapshot


@pytest.mark.parametrize("damage", ["missing", "garbage", "truncated", "manifest", "empty folder"])
def test_damaged_snapshots_are_rebuilt(system, large, damage):
    """Whatever happened to the files, the answers are right; damage is said in one warning."""
    truth = answers(system.space("large"))
    system.space("large").close()
    current = large / "index" / "current"
    files = [f for f in sorted(current.rglob("*")) if f.is_file() and f.name != "manifest.json"]
    if damage == "missing":
        for f in files:
            f.unlink()
    elif damage == "garbage":
        for f in files:
            f.write_bytes(b"\xff" * len(f.read_bytes()))
    elif damage == "truncated":
        for f in files:
            f.write_bytes(f.read_bytes()[:100])
    elif damage == "manifest":
        (current / "manifest.json").write_text("{")
    else:
        for f in [*files, current / "manifest.json"]:
            f.unlink()
    space = system.space("large")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert answers(space) == truth
        assert answers(space) == truth
    assert len([w for w in said if "rebuilt from the ledger" in str(w.message)]) == 1
    assert [f for f in space.doctor() if not f.ok] == []


def test_a_stale_snapshot_catches_up(system, large):
    """What was written after the snapshot is recalled after reopening."""
    space = system.space("large")
    (new,) = space.remember("the walrus is new here")
    space.close()
    assert system.space("large").recall("walrus", k=1).ids == (new,)


def test_a_snapshot_of_other_stores_is_not_used(system, large, tmp_path):
    """A snapshot made with other stores than asked for is left aside."""
    with agentmem.open(system.root, embedder="hash", stores=("exact", "lexical")) as other:
        space = other.space("large")
        assert len(space.recall("subject3", k=5)) == 5
    manifest = json.loads((large / "index" / "current" / "manifest.json").read_text())
    assert manifest["stores"] in (["episodic", "lexical"], ["exact", "lexical"])


def test_exact_and_approximate_stores_agree(system, large):
    """FAISS with eight-bit vectors and brute force find the same best memories."""
    with agentmem.open(system.root, embedder="hash", stores=("exact", "lexical")) as other:
        exact = [{e.id for e in other.space("large").recall(q, k=5)} for q in ("subject3 thing2", "memory 77")]
    fast = [{e.id for e in system.space("large").recall(q, k=5)} for q in ("subject3 thing2", "memory 77")]
    assert sum(len(a & b) for a, b in zip(exact, fast, strict=True)) >= 8


def test_what_another_commits_meanwhile_is_taken_in_once(tmp_path, monkeypatch):
    """Another writer comes between a commit and its indexing: each memory is in the catalog once, and is found."""
    with agentmem.open(tmp_path, embedder="hash") as here, agentmem.open(tmp_path, embedder="hash") as there:
        one, other = here.space("s"), there.space("s")
        one.remember("the first thing")
        one.recall("anything")

        def listener(step):
            if step == "remember.committed":
                monkeypatch.setattr(steps, "listener", None)
                other.remember("a giraffe of theirs")

        monkeypatch.setattr(steps, "listener", listener)
        one.remember("a zebra of mine")
        assert one.recall("a zebra", k=1).texts == ("a zebra of mine",)
        assert one.recall("a giraffe", k=1).texts == ("a giraffe of theirs",)
        assert sorted(one._indexes.catalog.ids) == sorted(m.id for m in one.memories())
