"""The indexes of a space, kept level with its ledger: catch up by mark, snapshot to disk, rebuild when in doubt."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path

from agentmem import registry
from agentmem.encoding.encoder import checked
from agentmem.ledger import Ledger, Mark
from agentmem.protocols import Associative, Embedder, MemoryStore, Snapshot
from agentmem.recall.catalog import Catalog
from agentmem.types import Memory, MemoryId

FORMAT = 1
PHRASES = 512
"""Phrases that are embedded at once."""
WORTH_SAVING = 2_000
"""Memories that must have come in or changed since the last snapshot to make a new one: below that it pays not."""


class Indexes:
    """The stores of a space and its catalog, all at one mark of the ledger.

    Not safe for threads by itself: the space calls it under its lock.
    """

    def __init__(self, ledger: Ledger, folder: Path, names: Sequence[str]) -> None:
        self.ledger = ledger
        self.folder = folder / "index"
        self.names = tuple(names)
        self.stores: dict[str, MemoryStore] = {}
        self.catalog = Catalog()
        self.mark = Mark(0, 0)
        self.loaded = False
        self._saved = Mark(0, 0)
        self._version = -1

    def reset(self) -> None:
        """Forget everything; the next `catch_up` builds anew."""
        self.stores = {name: registry.make_store(name, {}) for name in self.names}
        self.catalog = Catalog()
        self.mark = self._saved = Mark(0, 0)
        self._version = -1

    def catch_up(self) -> bool:
        """Bring every index level with the ledger; return whether there was anything to do."""
        if not self.loaded:
            self.reset()
            self._load()
            self.loaded = True
        version = self.ledger.version()
        if version == self._version:
            return False
        with self.ledger.connection.reading():
            target = self.ledger.mark()
            if target != self.mark:
                if target.change != self.mark.change:
                    self._renew(self.ledger.changed_since(self.mark.change))
                self._take(self.mark.seq)
            self.mark = target
        self._version = version
        return True

    def apply(self, added: Sequence[Memory]) -> None:
        """Take in what this process just committed, without reading it back where nobody else wrote in between."""
        if not self.loaded or not added:
            return
        if added[0].seq != self.mark.seq + 1:
            self.drop()
            return
        self._add(added)
        # these alone: what another process has committed behind them is taken in by the next `catch_up`
        columns = self.ledger.columns(seqs=[memory.seq for memory in added])
        self.loaded = len(columns) == len(added)  # else some were hidden already: built anew, they leave no trace
        self.catalog.add(columns)
        self.mark = Mark(added[-1].seq, self.mark.change)

    def place(self, embedder: Embedder) -> None:
        """Give the stores that link memories by what they name the vectors of new names."""
        for store in self.stores.values():
            if isinstance(store, Associative):
                place(store, embedder)

    def drop(self) -> None:
        """Make the next `catch_up` look again, after this process erased or rewrote."""
        self._version = -1

    def discard(self) -> None:
        """Drop the snapshot as well as what is in RAM."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.loaded = False

    def save(self) -> bool:
        """Write a snapshot if enough has come in or changed since the last; return whether one was written.

        Under the ledger's write lock: an erasure can neither be under way nor slip in between, so no snapshot can bring
        back what was erased. A disk that is full costs the snapshot, nothing else.
        """
        new = max(now - then for now, then in zip(self.mark, self._saved, strict=True))
        if not self.loaded or new < WORTH_SAVING:
            return False
        fresh = self.folder / f"new-{os.getpid()}"
        try:
            with self.ledger.connection.transaction():
                if self.ledger.mark() != self.mark:
                    return False
                self._write(fresh)
                current = self.folder / "current"
                if current.exists():
                    shutil.rmtree(current)
                fresh.rename(current)
        except OSError:
            shutil.rmtree(fresh, ignore_errors=True)
            return False
        self._saved = self.mark
        return True

    def _write(self, folder: Path) -> None:
        for name, store in self.stores.items():
            if isinstance(store, Snapshot):
                (folder / name).mkdir(parents=True)
                store.save(folder / name)
        manifest = {"format": FORMAT, "mark": self.mark, "stores": self.names, "size": len(self.catalog)}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        for file in folder.rglob("*"):
            if file.is_file():
                with file.open("rb") as handle:
                    os.fsync(handle.fileno())

    def _load(self) -> None:
        current = self.folder / "current"
        if not current.exists():
            return
        try:
            manifest = json.loads((current / "manifest.json").read_text())
            mark = Mark(*manifest["mark"])
            wanted = {"format": FORMAT, "stores": list(self.names)}
            if any(manifest[name] != value for name, value in wanted.items()):
                return
            with self.ledger.connection.reading():
                if self.ledger.mark().change != mark.change or self.ledger.mark().seq < mark.seq:
                    return
                columns = [c for c in self.ledger.columns() if c[0] <= mark.seq]
            for name, store in self.stores.items():
                if isinstance(store, Snapshot):
                    store.load(current / name)
                    if len(store) != len(columns):
                        raise ValueError(f"{name} holds {len(store)} memories, the ledger {len(columns)}")
            self.catalog.add(columns)
            self.mark = self._saved = mark
            self._fill_the_rest()
        except (OSError, ValueError, KeyError, TypeError) as error:
            warnings.warn(
                f"the index snapshot in {current} cannot be used ({error}); the indexes are rebuilt from the ledger, "
                f"which "
                "has everything. Nothing is lost.",
                RuntimeWarning,
                stacklevel=2,
            )
            shutil.rmtree(self.folder, ignore_errors=True)
            self.reset()

    def _fill_the_rest(self) -> None:
        """Fill the stores that cannot be put on disk."""
        rest = [store for store in self.stores.values() if not isinstance(store, Snapshot)]
        if rest:
            for chunk in self.ledger.read(vectors=True, whole=self._whole):
                known = [m for m in chunk if m.seq <= self.mark.seq]
                for store in rest:
                    store.add(known)

    def _renew(self, seqs: Sequence[int]) -> None:
        """Drop what was suppressed, erased, compressed or rewritten, and take back what is still to be recalled."""
        gone = self.catalog.of_seqs(seqs)
        for store in self.stores.values():
            store.remove(gone)
        self.catalog.remove(gone)
        again = [s for s in seqs if s <= self.mark.seq]
        for chunk in self.ledger.read(seqs=again, vectors=True, whole=self._whole):
            self._add(chunk)
        self.catalog.add(self.ledger.columns(seqs=again))

    def _take(self, after: int) -> None:
        for chunk in self.ledger.read(after, vectors=True, whole=self._whole):
            self._add(chunk)
        self.catalog.add(self.ledger.columns(after))

    @property
    def _whole(self) -> bool:
        """Whether any store needs more of a memory than its text and vector."""
        return any(isinstance(store, Associative) for store in self.stores.values())

    def _add(self, memories: Sequence[Memory]) -> None:
        for store in self.stores.values():
            store.add(memories)

    def differences(self) -> dict[str, tuple[list[MemoryId], list[MemoryId]]]:
        """Return for each index what it lacks and what it holds too much, against the catalog."""
        return {
            name: (
                [i for i in self.catalog.ids if i not in store][:5],
                [] if len(store) <= len(self.catalog) else ["?"],
            )
            for name, store in self.stores.items()
        }


def place(store: Associative, embedder: Embedder) -> None:
    """Give a store the vectors of the phrases it has none of."""
    phrases = store.unplaced()
    for start in range(0, len(phrases), PHRASES):
        some = phrases[start : start + PHRASES]
        store.place(some, checked(embedder(some), len(some), embedder))
