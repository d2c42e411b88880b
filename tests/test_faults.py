"""What may break underneath: damaged pages, embedders that break their contract, clocks without a zone."""

from __future__ import annotations

import os
from datetime import datetime

import numpy as np
import pytest

import agentmem
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.errors import LedgerCorruptError, StorageError, TimeError, VectorError


class Broken(HashEmbedder):
    """An embedder that returns what `change` makes of right vectors."""

    def __init__(self, change) -> None:
        super().__init__(16)
        self.change = change

    def __call__(self, texts, /):
        return self.change(super().__call__(texts))


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v[:, :8],
        lambda v: v[:-1],
        lambda v: v * np.float32(np.nan),
        lambda v: v.astype(np.float64),
        lambda v: v[0],
    ],
    ids=["too short", "a row missing", "not finite", "float64", "one-dimensional"],
)
def test_wrong_vectors_are_refused_and_nothing_is_written(tmp_path, change):
    """An embedder that breaks its contract is named, for a batch as for a question, and the space stays as it was."""
    embedder = Broken(lambda v: v)
    with agentmem.open(tmp_path, embedder=embedder) as system:
        space = system.space("a")
        space.remember("fine")
        embedder.change = change
        with pytest.raises(VectorError, match="nothing was written"):
            space.remember(["one", "two"])
        with pytest.raises(VectorError):
            space.recall("one")
        embedder.change = lambda v: v
        assert [m.text for m in space.memories()] == ["fine"]
        assert space.recall("fine").texts == ("fine",)


def test_damaged_pages_are_refused_with_the_way_out(tmp_path):
    """Pages overwritten in the middle of the ledger are never taken for memories: the error says how to restore."""
    with agentmem.open(tmp_path, embedder="hash") as system:
        space = system.space("a")
        space.remember([f"memory {n} " + "filler " * 50 for n in range(500)])
        path = space.path / "ledger.db"
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(end // 2)  # rows, not the schema
        file.write(os.urandom(end // 4))
    before = path.read_bytes()
    with agentmem.open(tmp_path, embedder="hash") as system:
        space = system.space("a")
        findings = space.doctor()
        assert not findings[0].ok
        assert "agentmem restore" in findings[0].mend
        with pytest.raises(LedgerCorruptError, match="agentmem restore"):
            space.recall("memory 7")
    assert path.read_bytes() == before
    assert agentmem.open(tmp_path).spaces()[0].name == "a"


def test_a_lost_header_is_refused_when_the_space_is_opened(tmp_path):
    """A ledger whose first page is gone is refused at once, and listed as damaged."""
    with agentmem.open(tmp_path, embedder="hash") as system:
        system.space("a").remember("x")
    path = tmp_path / "spaces" / "a" / "ledger.db"
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])
    with agentmem.open(tmp_path, embedder="hash") as system:
        with pytest.raises(StorageError):
            system.space("a")
        (info,) = system.spaces()
        assert (info.memories, info.embedder) == (-1, "damaged: run `agentmem doctor`")


def test_a_clock_without_a_zone_is_refused(tmp_path):
    """With a clock that cannot say in which zone it is right no space is opened, and none is harmed."""
    naive = {"embedder": "hash", "clock": lambda: datetime(2025, 1, 1)}  # noqa: DTZ001
    with agentmem.open(tmp_path, **naive) as system, pytest.raises(TimeError, match="no timezone"):
        system.space("a")
    with agentmem.open(tmp_path, embedder="hash") as system:
        assert len(system.space("a")) == 0


def test_a_root_that_cannot_be_made_is_named(tmp_path):
    """A root below a file is an error that names the folder and the option."""
    (tmp_path / "file").write_text("")
    with agentmem.open(tmp_path / "file", embedder="hash") as system, pytest.raises(StorageError, match="--root"):
        system.space("a")


def test_a_recall_while_another_process_holds_the_writer_is_served(system):
    """Readers do not wait for writers."""
    import sqlite3

    space = system.space("a")
    space.remember("the cat sleeps")
    other = sqlite3.connect(space.path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert space.recall("cat").texts == ("the cat sleeps",)
    other.execute("ROLLBACK")
    other.close()
