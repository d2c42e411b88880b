"""What recall needs to know of every memory besides its vector and its words: arrays in RAM, kept from the ledger.

A catalog is an index like any store: thrown away and rebuilt at will, brought up to date by the space.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from agentmem.ledger.matching import Matching
from agentmem.types import KINDS, PRIMARY, Filter, MemoryId

Rows = npt.NDArray[np.int64]
NONE = -1
EVERY = Matching()
SPOKEN = [KINDS.index(kind) for kind in (*sorted(PRIMARY), "reply")]
MANY = 1_000
"""New rows from which sorting all threads anew is quicker than linking one by one."""


class Catalog:
    """Columns over n memories, in ledger order.

    `seq` (n,) int64; `kind`, `thread`, `speaker` (n,) int64 codes, -1 for no speaker; `position` (n,) int64;
    `said_at`, `valid_from`, `valid_to`, `happened_from`, `happened_to` (n,) float64 seconds since 1970, nan where
    unknown; `features` (n, F) float32; `previous`, `next` (n,) rows of the neighbours in the thread, -1 at its ends.
    """

    def __init__(self) -> None:
        self.ids: list[MemoryId] = []
        self.row: dict[MemoryId, int] = {}
        self.threads: dict[str, int] = {}
        self.speakers: dict[str, int] = {}
        self._numbers = np.empty((0, 5), np.int64)
        self._times = np.empty((0, 5), np.float64)
        self._features = np.empty((0, 0), np.float32)
        self._links = np.empty((0, 2), np.int64)
        self._tails: dict[int, int] | None = {}  # last row of each thread; None: the links must be made anew

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def seq(self) -> Rows:
        """Ledger numbers (n,)."""
        return self._numbers[: len(self), 0]

    @property
    def kind(self) -> Rows:
        """Codes into KINDS (n,)."""
        return self._numbers[: len(self), 1]

    @property
    def speaker(self) -> Rows:
        """Codes of `speakers` (n,), -1 for none."""
        return self._numbers[: len(self), 2]

    @property
    def thread(self) -> Rows:
        """Codes of `threads` (n,)."""
        return self._numbers[: len(self), 3]

    @property
    def position(self) -> Rows:
        """Places in the thread (n,)."""
        return self._numbers[: len(self), 4]

    @property
    def said_at(self) -> npt.NDArray[np.float64]:
        """Seconds since 1970 (n,)."""
        return self._times[: len(self), 0]

    @property
    def valid(self) -> npt.NDArray[np.float64]:
        """(n, 2) seconds since 1970 of valid_from and valid_to, nan where open."""
        return self._times[: len(self), 1:3]

    @property
    def happened(self) -> npt.NDArray[np.float64]:
        """(n, 2) seconds since 1970 of the event's span, nan where unknown."""
        return self._times[: len(self), 3:5]

    @property
    def features(self) -> npt.NDArray[np.float32]:
        """(n, F) static text features."""
        return self._features[: len(self)]

    @property
    def previous(self) -> Rows:
        """Row of the memory before, in the thread (n,), -1 for none."""
        return self._linked()[:, 0]

    @property
    def next(self) -> Rows:
        """Row of the memory after, in the thread (n,), -1 for none."""
        return self._linked()[:, 1]

    def spoken_in(self) -> list[str]:
        """Return the threads that hold anything that was said, not only what was derived, in order of appearance."""
        codes = set(self.thread[np.isin(self.kind, SPOKEN)].tolist())
        return [thread for thread, code in self.threads.items() if code in codes]

    def add(self, columns: Sequence[tuple[Any, ...]]) -> None:
        """Take in rows of `Ledger.columns`, newer than all that is here."""
        if not columns:
            return
        start, grown = len(self), len(self) + len(columns)
        self._reserve(grown, len(columns[0][11]) // 4)
        for row, column in enumerate(columns, start):
            self.ids.append(column[1])
            self.row[column[1]] = row
        seq, _, kind, speaker, thread, position, *times, features = zip(*columns, strict=True)
        numbers = self._numbers[start:grown]
        numbers[:, 0] = seq
        numbers[:, 1] = [KINDS.index(k) for k in kind]
        numbers[:, 2] = [NONE if s is None else self.speakers.setdefault(s, len(self.speakers)) for s in speaker]
        numbers[:, 3] = [self.threads.setdefault(t, len(self.threads)) for t in thread]
        numbers[:, 4] = position
        for place, values in enumerate(times):
            self._times[start:grown, place] = np.array(values, np.float64) / 1e6
        self._features[start:grown] = np.frombuffer(b"".join(features), "<f4").reshape(len(columns), -1)
        self._append_links(start, grown)

    def remove(self, ids: Collection[MemoryId]) -> None:
        """Forget the ids, and the names of speakers and threads that only they had."""
        gone = [self.row[i] for i in ids if i in self.row]
        if not gone:
            return
        keep = np.ones(len(self), bool)
        keep[gone] = False
        self._numbers = self._numbers[: len(keep)][keep]
        self._times = self._times[: len(keep)][keep]
        self._features = self._features[: len(keep)][keep]
        self.ids = [i for i, kept in zip(self.ids, keep, strict=True) if kept]
        self.row = {i: row for row, i in enumerate(self.ids)}
        self.speakers = self._recoded(2, self.speakers)
        self.threads = self._recoded(3, self.threads)
        self._links = np.empty((len(self._numbers), 2), np.int64)
        self._tails = None

    def of_seqs(self, seqs: Collection[int]) -> list[MemoryId]:
        """Return the ids of those ledger numbers that are here."""
        return [self.ids[row] for row in np.flatnonzero(np.isin(self.seq, list(seqs)))]

    def rows(self, ids: Iterable[MemoryId]) -> Rows:
        """Return the rows of those ids that are here."""
        found = self.row
        return np.array([found[i] for i in ids if i in found], np.int64)

    def mask(self, asked: Filter, matching: Matching = EVERY) -> npt.NDArray[np.bool_]:
        """Return (n,) which memories pass the filter; `matching` is what the ledger says of it."""
        mask = np.ones(len(self), bool)
        if asked.threads:
            mask &= np.isin(self.thread, [self.threads[t] for t in asked.threads if t in self.threads])
        if asked.speakers:
            mask &= np.isin(self.speaker, [self.speakers[s] for s in asked.speakers if s in self.speakers])
        if asked.kinds:
            mask &= np.isin(self.kind, [KINDS.index(k) for k in asked.kinds])
        if asked.since is not None:
            mask &= self.said_at >= _seconds(asked.since)
        if asked.until is not None:
            mask &= self.said_at < _seconds(asked.until)
        if asked.as_of is not None:
            then = _seconds(asked.as_of)
            begun, ended = self.valid.T
            mask &= (self.said_at <= then) & ~(begun > then) & ~(ended <= then)
        if matching.among is not None:
            mask &= np.isin(self.seq, list(matching.among))
        if matching.hidden:
            mask &= ~np.isin(self.seq, list(matching.hidden))
        return mask

    def _append_links(self, start: int, grown: int) -> None:
        """Link new rows to the ends of their threads; one that belongs further up makes all links be made anew."""
        if grown - start > MANY:
            self._tails = None
        tails = self._tails
        if tails is None:
            return
        self._links[start:grown] = NONE
        places = self._numbers[:, 4]
        for row, thread in enumerate(self._numbers[start:grown, 3].tolist(), start):
            last = tails.get(thread)
            if last is not None:
                if places[row] < places[last] or self.seq[row] < self.seq[last]:
                    self._tails = None
                    return
                self._links[row, 0] = last
                self._links[last, 1] = row
            tails[thread] = row

    def _linked(self) -> Rows:
        if self._tails is None:
            order = np.lexsort((self.seq, self.position, self.thread))
            joined = self.thread[order][1:] == self.thread[order][:-1]
            links = self._links[: len(self)]
            links[:] = NONE
            links[order[1:][joined], 0] = order[:-1][joined]
            links[order[:-1][joined], 1] = order[1:][joined]
            last = order[np.append(~joined, True)] if len(order) else order
            self._tails = dict(zip(self.thread[last].tolist(), last.tolist(), strict=True))
        return self._links[: len(self)]

    def _recoded(self, column: int, names: dict[str, int]) -> dict[str, int]:
        used = np.unique(self._numbers[:, column])
        used = used[used != NONE]
        by_code = {code: name for name, code in names.items()}
        fresh = np.full(len(names) + 1, NONE, np.int64)  # the last cell stands for "none"
        fresh[used] = np.arange(len(used))
        self._numbers[:, column] = fresh[self._numbers[:, column]]
        return {by_code[int(code)]: new for new, code in enumerate(used)}

    def _reserve(self, rows: int, width: int) -> None:
        if rows <= len(self._numbers) and width == self._features.shape[1]:
            return
        room = max(rows, len(self._numbers) * 3 // 2)
        held = len(self)
        if held == 0 and width != self._features.shape[1]:
            self._features = np.empty((0, width), np.float32)
        self._numbers = _grown(self._numbers, held, room)
        self._times = _grown(self._times, held, room)
        self._features = _grown(self._features, held, room)
        self._links = _grown(self._links, held, room)


def _grown(array: npt.NDArray[Any], held: int, room: int) -> npt.NDArray[Any]:
    larger = np.empty((room, array.shape[1]), array.dtype)
    larger[:held] = array[:held]
    return larger


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
