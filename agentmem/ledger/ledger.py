"""Reading and writing memories: one transaction a batch, and a mark by which an index catches up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from ulid import ULID

from agentmem import steps
from agentmem.errors import InputError, LineageError, MemoryNotFoundError, StorageError
from agentmem.ledger import audiences, rows, slots
from agentmem.ledger.connection import Connection
from agentmem.ledger.schema import migrate
from agentmem.ledger.vectors import compressed, unpacked
from agentmem.types import TIERS, Draft, Encoded, Memory, MemoryId, Slot, Tier

CHUNK = 500
"""Ids in one IN (...): below SQLite's limit on variables in every build."""


class Mark(NamedTuple):
    """How far an index has read: the last memory added and the last change (an erasure or a rewrite) it knows of."""

    seq: int
    change: int


class Committed(NamedTuple):
    """What a commit did: an id for every draft, and the memories that are new."""

    ids: list[MemoryId]
    added: list[Memory]


class Ledger:
    """The SQLite file of one space."""

    def __init__(self, path: Path, *, busy_ms: int = 10_000) -> None:
        self.path = path
        self.connection = Connection(path, busy_ms=busy_ms)
        self._compressed = 0
        try:
            migrate(self.connection)
        except BaseException:
            self.connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    # -- meta ------------------------------------------------------------------------------------------------------

    def meta(self, name: str) -> Any:
        """Return what was noted under `name`, or None."""
        return self.connection.one("SELECT value FROM meta WHERE name = ?", (name,))

    def note(self, name: str, value: str | bytes | float) -> None:
        """Note `value` under `name`, replacing what was there."""
        self.connection.all("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))

    def note_once(self, name: str, value: str | bytes | float) -> Any:
        """Note `value` under `name` unless something is noted there; return what stands there now."""
        noted = self.meta(name)
        if noted is None:  # only then: reading must not wait for a writer
            self.connection.all("INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)", (name, value))
            noted = self.meta(name)
        return noted

    # -- writing ---------------------------------------------------------------------------------------------------

    def commit(self, drafts: Sequence[Draft], encoded: Sequence[Encoded], now: datetime) -> Committed:
        """Write a batch in one transaction, the caller's if it holds one: all of it, or none.

        A draft whose origin is known adds nothing and gets the id of the first. Raises LineageError if a parent does
        not exist (any more): what was derived from something forgotten must not come in.
        """
        with self.connection.joined():
            committed = self._write(drafts, encoded, now)
            steps.reached("remember.written")
        return committed

    def _write(self, drafts: Sequence[Draft], encoded: Sequence[Encoded], now: datetime) -> Committed:
        db = self.connection
        known = self._origins([d.origin for d in drafts if d.origin is not None])
        parents = self._parents(drafts)
        seen_by = audiences.of(db, parents.values()) if parents else {}
        limits = {id_: seen_by[at] for id_, at in parents.items() if at in seen_by}
        position = self._next_positions({d.thread for d in drafts})
        seq = db.one("SELECT seq FROM sqlite_sequence WHERE name = 'memories'") or 0
        stored = rows.micros(now)
        ids: list[MemoryId] = []
        added: list[Memory] = []
        given: dict[int, tuple[str, ...]] = {}
        tables: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for draft, code in zip(drafts, encoded, strict=True):
            if draft.origin is not None and draft.origin in known:
                ids.append(known[draft.origin])
                continue
            seq += 1
            place = position[draft.thread] if draft.position is None else draft.position
            position[draft.thread] = max(position[draft.thread], place + 1)
            said = draft.said_at or now
            new = Memory(
                id=str(ULID.from_datetime(now)),
                seq=seq,
                kind=draft.kind,
                text=draft.text,
                speaker=draft.speaker,
                thread=draft.thread,
                position=place,
                said_at=said,
                stored_at=now,
                valid_from=draft.valid_from,
                valid_to=draft.valid_to,
                cues=code.cues,
                parents=draft.parents,
                metadata=draft.metadata,
                vector=code.vector,
                origin=draft.origin,
                audience=audiences.shared(draft.audience, (limits[p] for p in draft.parents if p in limits)),
            )
            ids.append(new.id)
            added.append(new)
            given[seq] = draft.audience
            if draft.origin is not None:
                known[draft.origin] = new.id
            when = code.cues.when
            tables["memories"].append(
                (
                    seq,
                    new.id,
                    new.kind,
                    new.text,
                    new.speaker,
                    new.thread,
                    place,
                    rows.micros(said),
                    rows.zone_minutes(said),
                    stored,
                    rows.maybe_micros(new.valid_from),
                    rows.maybe_micros(new.valid_to),
                    None if when is None else rows.micros(when.start),
                    None if when is None else rows.micros(when.end),
                    rows.blob(code.features),
                    rows.dumps(new.metadata),
                    new.origin,
                )
            )
            tables["vectors"].append((seq, rows.blob(code.vector)))
            tables["cues"] += [(seq, "entity", entity) for entity in dict.fromkeys(code.cues.entities)]
            tables["slots"] += [(seq, *slot) for slot in dict.fromkeys(code.cues.slots)]
            tables["lineage"] += [(seq, parents[parent]) for parent in dict.fromkeys(draft.parents)]
        db.many(
            "INSERT INTO memories (seq, id, kind, text, speaker, thread, position, said_at, said_zone, stored_at, "
            "valid_from, valid_to, happened_from, happened_to, features, metadata, origin) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            tables["memories"],
        )
        db.many("INSERT INTO vectors (seq, vector) VALUES (?, ?)", tables["vectors"])
        db.many("INSERT INTO cues (seq, name, value) VALUES (?, ?, ?)", tables["cues"])
        slots.insert(db, tables["slots"])
        db.many("INSERT INTO lineage (child, parent) VALUES (?, ?)", tables["lineage"])
        audiences.insert(db, {new.seq: new.audience for new in added}, given)
        return Committed(ids, added)

    def _origins(self, origins: Sequence[str]) -> dict[str, MemoryId]:
        return dict(self._select_in("SELECT origin, id FROM memories WHERE origin IN", origins))

    def _parents(self, drafts: Sequence[Draft]) -> dict[MemoryId, int]:
        named = list(dict.fromkeys(p for d in drafts for p in d.parents))
        found = self.seqs(named)
        if missing := [p for p in named if p not in found]:
            raise LineageError(
                f"{len(missing)} of the named parents are not in this space (first: {missing[0]}). They never were, "
                f"or they "
                "were erased meanwhile; nothing was written, since what was derived from them must not stay either."
            )
        return found

    def _next_positions(self, threads: Collection[str]) -> dict[str, int]:
        found = self._select_in(
            "SELECT thread, max(position) FROM memories WHERE thread IN", list(threads), "GROUP BY thread"
        )
        return defaultdict(int, {thread: last + 1 for thread, last in found})

    def compress(self, seqs: Collection[int], tier: Tier) -> int:
        """Write the vectors of memories as codes of a tier, in one transaction; return how many there were to write.

        One way: what is in the tier or below it stays as it is. Those that are gone meanwhile are passed over.

        Raises InputError for a tier that there is not.
        """
        if tier not in TIERS:
            raise InputError(f"there is no tier {tier!r} of compressed vectors; use one of {', '.join(TIERS)}")
        sql = "SELECT seq, vector, tier FROM vectors JOIN memories USING (seq) WHERE suppressed = 0 AND seq IN"
        wanted = sorted(seqs)
        written: list[int] = []
        with self.connection.transaction():
            for start in range(0, len(wanted), CHUNK):
                held = self._select_in(sql, wanted[start : start + CHUNK])
                written += compressed(self.connection, held, tier)
            self.connection.many("INSERT INTO changes (seq) VALUES (?)", [(seq,) for seq in written])
            steps.reached("compress.written")
        self._compressed += len(written)
        steps.reached("compress.committed")
        return len(written)

    def replace_encodings(self, encoded: Mapping[int, Encoded], *, with_vectors: bool = True) -> None:
        """Write new vectors, features and cues for memories, by seq; those that are gone meanwhile are passed over.

        The vectors are full ones; without them, each stays as it is, in its tier. The caller holds the transaction.
        """
        alive = {seq for (seq,) in self._select_in("SELECT seq FROM memories WHERE seq IN", list(encoded))}
        kept = {seq: code for seq, code in encoded.items() if seq in alive}
        db = self.connection
        if with_vectors:
            full = [(rows.blob(code.vector), seq) for seq, code in kept.items()]
            db.many("UPDATE vectors SET vector = ?, tier = 0 WHERE seq = ?", full)
        db.many(
            "UPDATE memories SET features = ?, happened_from = ?, happened_to = ? WHERE seq = ?",
            [
                (
                    rows.blob(c.features),
                    None if c.cues.when is None else rows.micros(c.cues.when.start),
                    None if c.cues.when is None else rows.micros(c.cues.when.end),
                    seq,
                )
                for seq, c in kept.items()
            ],
        )
        db.many("DELETE FROM cues WHERE seq = ?", [(seq,) for seq in kept])
        db.many(
            "INSERT INTO cues (seq, name, value) VALUES (?, 'entity', ?)",
            [(seq, entity) for seq, c in kept.items() for entity in dict.fromkeys(c.cues.entities)],
        )
        db.many("DELETE FROM slots WHERE seq = ?", [(seq,) for seq in kept])
        slots.insert(db, [(seq, *slot) for seq, c in kept.items() for slot in dict.fromkeys(c.cues.slots)])
        db.many("DELETE FROM signals WHERE seq = ?", [(seq,) for seq in kept])
        db.many("INSERT INTO changes (seq) VALUES (?)", [(seq,) for seq in kept])

    # -- reading ---------------------------------------------------------------------------------------------------

    def mark(self) -> Mark:
        """Return how far this ledger goes now."""
        row = self.connection.all(
            "SELECT (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'memories'), "
            "(SELECT coalesce(max(number), 0) FROM changes)"
        )[0]
        return Mark(*row)

    def version(self) -> int:
        """Return a number that changes when another connection has committed, or vectors were compressed here.

        The cheapest "anything new?".
        """
        return int(self.connection.one("PRAGMA data_version")) + self._compressed

    def changed_since(self, change: int) -> list[int]:
        """Return the seqs that were suppressed, erased, compressed or rewritten after change number `change`."""
        return [s for (s,) in self.connection.all("SELECT DISTINCT seq FROM changes WHERE number > ?", (change,))]

    def count(self) -> int:
        """Return how many memories can be recalled."""
        return int(self.connection.one("SELECT count(*) FROM memories WHERE suppressed = 0"))

    def seqs(self, ids: Sequence[MemoryId]) -> dict[MemoryId, int]:
        """Return the seq of each id that can be recalled."""
        return dict(self._select_in("SELECT id, seq FROM memories WHERE id IN", ids, "AND suppressed = 0"))

    def get(self, ids: Sequence[MemoryId], *, vectors: bool = False) -> list[Memory]:
        """Return the memories of the ids, in that order. Raises MemoryNotFoundError for an id that is not here."""
        found = self.find(ids, vectors=vectors)
        if missing := [i for i in ids if i not in found]:
            raise MemoryNotFoundError(
                f"no memory {missing[0]!r} in this space"
                + (f", nor {len(missing) - 1} others" if len(missing) > 1 else "")
                + ". List what is there with `agentmem show SPACE`."
            )
        return [found[i] for i in ids]

    def find(self, ids: Sequence[MemoryId], *, vectors: bool = False) -> dict[MemoryId, Memory]:
        """Return those of the ids that can be recalled, whole."""
        found = self._select_in(rows.READ + " m.id IN", ids, "AND m.suppressed = 0")
        return {m.id: m for m in self._whole(found, vectors=vectors)}

    def read(
        self,
        after: int = 0,
        *,
        seqs: Collection[int] | None = None,
        vectors: bool = False,
        whole: bool = True,
        suppressed: bool = False,
    ) -> Iterator[list[Memory]]:
        """Yield recallable memories in ledger order, in chunks; only those after seq `after`, or of `seqs`.

        Not `whole` leaves out cues and parents, which indexes do not need. `suppressed` yields, of `seqs`, those that
        are being erased.
        """
        if seqs is not None:
            wanted = sorted(seqs)
            for start in range(0, len(wanted), CHUNK):
                found = self._select_in(
                    rows.READ + " m.seq IN",
                    wanted[start : start + CHUNK],
                    f"AND m.suppressed = {int(suppressed)} ORDER BY m.seq",
                )
                if found:
                    yield self._whole(found, vectors=vectors, whole=whole)
            return
        while True:
            found = self.connection.all(
                rows.READ + " m.seq > ? AND m.suppressed = 0 ORDER BY m.seq LIMIT 2000",
                (after,),
            )
            if not found:
                return
            after = found[-1][0]
            yield self._whole(found, vectors=vectors, whole=whole)

    def _whole(self, found: Sequence[tuple[Any, ...]], *, vectors: bool, whole: bool = True) -> list[Memory]:
        seqs = [row[0] for row in found]
        cues: dict[int, dict[str, tuple[str, ...]]] = {}
        parents: dict[int, tuple[str, ...]] = {}
        filled: dict[int, tuple[Slot, ...]] = {}
        seen_by: dict[int, frozenset[str]] = {}
        if whole:
            for seq, name, value in self._select_in("SELECT seq, name, value FROM cues WHERE seq IN", seqs):
                cues.setdefault(seq, {}).setdefault(name, ())
                cues[seq][name] += (value,)
            filled = slots.of_memories(self.connection, seqs)
            seen_by = audiences.of(self.connection, seqs)
            for seq, parent in self._select_in(
                "SELECT l.child, p.id FROM lineage l JOIN memories p ON p.seq = l.parent WHERE l.child IN", seqs
            ):
                parents[seq] = (*parents.get(seq, ()), parent)
        held = self._select_in("SELECT seq, vector, tier FROM vectors WHERE seq IN", seqs) if vectors else []
        read = unpacked(held)
        return [
            rows.memory(
                row,
                vector=read.get(row[0], (None, None)),
                cues=cues.get(row[0]),
                slots=filled.get(row[0], ()),
                parents=parents.get(row[0], ()),
                audience=tuple(sorted(seen_by.get(row[0], ()))),
            )
            for row in found
        ]

    def columns(self, after: int = 0, seqs: Collection[int] | None = None) -> list[tuple[Any, ...]]:
        """Return what recall keeps of each memory in RAM, in ledger order.

        Rows of (seq, id, kind, speaker, thread, position, said_at, valid_from, valid_to, happened_from, happened_to,
        features), times in microseconds.
        """
        sql = (
            "SELECT seq, id, kind, speaker, thread, position, said_at, valid_from, valid_to, happened_from, "
            "happened_to, "
            "features FROM memories WHERE "
        )
        if seqs is not None:
            return sorted(self._select_in(sql + "suppressed = 0 AND seq IN", sorted(seqs)))
        return self.connection.all(sql + "seq > ? AND suppressed = 0 ORDER BY seq", (after,))

    def _select_in(self, sql: str, values: Sequence[Any], tail: str = "") -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(values), CHUNK):
            chunk = values[start : start + CHUNK]
            found += self.connection.all(f"{sql} ({','.join('?' * len(chunk))}) {tail}", chunk)
        return found

    # -- health ----------------------------------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """Return what SQLite's own checks and the foreign keys find wrong; empty when all is well."""
        try:
            found = [str(row[0]) for row in self.connection.all("PRAGMA integrity_check(20)")]
            found += [f"dangling row in {row[0]}" for row in self.connection.all("PRAGMA foreign_key_check")]
        except StorageError as error:
            return [str(error)]
        return [] if found == ["ok"] else [f for f in found if f != "ok"]

    def backup(self, target: Path) -> None:
        """Write a compact copy that holds live rows only: `VACUUM INTO`, never a copy of free pages."""
        self.connection.all("VACUUM INTO ?", (str(target),))
