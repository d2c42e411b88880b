"""The part of the kit for stores that can be put on disk and taken back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentmem.protocols import MemoryStore, Snapshot
from agentmem.testing._store_base import StoreKit, skip_without
from agentmem.testing.fakes import WORDS, fake_id, make_memories, make_memory, make_query
from agentmem.testing.oracles import rebuilt

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUESTIONS = ("memory", f"memory {WORDS[3]}", f"{WORDS[7]} number23")


class SnapshotKit(StoreKit):
    """Tests of the ability `Snapshot`."""

    def test_snapshots_bring_everything_back(self, tmp_path: Path) -> None:
        """A store that loads a snapshot finds what the saved one finds, and goes on as if nothing had been."""
        store = self.make()
        store.add(make_memories(80))
        store.remove([fake_id(n) for n in range(10, 30, 3)])
        store.add([make_memory(5, "memory polka")])
        other = _loaded(self.make(), _saved(store, tmp_path))
        assert len(other) == len(store), "if this fails, load brings back another number of memories"
        assert _hits(other) == _hits(store), "if this fails, a loaded store scores or orders otherwise"
        for each in (store, other):
            each.add(make_memories(5, start=200))
            each.remove([fake_id(0), fake_id(201), fake_id(10)])
        assert _hits(other) == _hits(store), "if this fails, a loaded store cannot be added to or removed from"

    def test_loading_replaces(self, tmp_path: Path) -> None:
        """What a store held before loading is gone."""
        store = self.make()
        store.add(make_memories(10))
        folder = _saved(store, tmp_path)
        other = self.make()
        other.add(make_memories(30, start=100))
        _loaded(other, folder)
        assert _hits(other) == _hits(store), "if this fails, load adds to what was there"
        assert fake_id(100) not in other, "if this fails, __contains__ remembers what was there before load"

    def test_an_empty_store_can_be_saved(self, tmp_path: Path) -> None:
        """An empty snapshot loads as an empty store that works."""
        other = _loaded(self.make(), _saved(self.make(), tmp_path))
        assert len(other) == 0, "if this fails, an empty snapshot loads as something"
        other.add(make_memories(3))
        assert len(other.search(make_query("memory"), 9)) == 3, "if this fails, a store loaded empty cannot be filled"

    def test_snapshots_forget_what_was_removed(self, tmp_path: Path) -> None:
        """Neither the words nor the id nor the vector of a removed memory are in the files of a later snapshot."""
        store = self.make()
        if not isinstance(store, Snapshot):
            skip_without("Snapshot")
        store.add(make_memories(50))
        secret = make_memory(4242, "memory xylofantastik")
        store.add([secret])
        held = _bytes(_saved(store, tmp_path / "before"))
        if secret.id.encode() not in held:
            pytest.skip("this store packs its snapshots, so that a search through their bytes would prove nothing")
        store.remove([secret.id])
        files = _bytes(_saved(store, tmp_path / "after"))
        oracle = _bytes(_saved(rebuilt(self.make, make_memories(50)), tmp_path / "oracle"))
        assert secret.id.encode() not in files, "if this fails, the id of a removed memory stays in the snapshot"
        assert b"xylofantast" not in files, "if this fails, the words of a removed memory stay in the snapshot"
        assert len(files) == len(oracle), "if this fails, a snapshot after a removal holds more than a rebuilt one"

    @pytest.mark.parametrize("damage", ["missing", "empty", "cut", "changed", "noise"])
    def test_damaged_snapshots_are_refused(self, damage: str, tmp_path: Path) -> None:
        """A damaged file is a ValueError, or does no harm; it never loads as something else."""
        store = self.make()
        store.add(make_memories(40))
        folder = _saved(store, tmp_path)
        wanted = _hits(store)
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            whole = file.read_bytes()
            for broken in _damaged(whole, damage):
                if broken is None:
                    file.unlink()
                else:
                    file.write_bytes(broken)
                other = self.make()
                try:
                    _loaded(other, folder)
                except ValueError:
                    pass
                else:
                    assert damage == "changed", f"if this fails, load accepts a {damage} {file.name}: raise ValueError"
                    assert _hits(other) == wanted, f"if this fails, load believes a changed {file.name}: add a checksum"
            file.write_bytes(whole)
        assert _hits(_loaded(self.make(), folder)) == wanted, "if this fails, load changes the files it reads"

    def test_the_snapshot_of_another_store_is_refused(self, tmp_path: Path) -> None:
        """Files that this store did not write are a ValueError."""
        store = self.make()
        if not isinstance(store, Snapshot):
            skip_without("Snapshot")
            return
        (tmp_path / "notes.txt").write_text("bread, milk")
        with pytest.raises(ValueError):  # noqa: PT011 - any wording will do
            store.load(tmp_path)


def _saved(store: MemoryStore, folder: Path) -> Path:
    if not isinstance(store, Snapshot):
        skip_without("Snapshot")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        store.save(folder)
    return folder


def _loaded(store: MemoryStore, folder: Path) -> MemoryStore:
    if not isinstance(store, Snapshot):
        skip_without("Snapshot")
    else:
        store.load(folder)
    return store


def _hits(store: MemoryStore) -> list[object]:
    return [store.search(make_query(question), 200) for question in _QUESTIONS]


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def _damaged(whole: bytes, damage: str) -> Iterator[bytes | None]:
    """Return the contents that a damaged file may have, None for no file."""
    match damage:
        case "missing":
            yield None
        case "empty":
            yield b""
        case "cut":
            yield from (whole[: len(whole) * part // 4] for part in (1, 2, 3))
            yield whole[:-1]
        case "noise":
            yield bytes(range(256)) * 8
        case _:
            for place in range(0, len(whole), max(1, len(whole) // 60)):
                yield whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
