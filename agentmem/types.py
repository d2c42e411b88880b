"""The values that pass between the rooms: memories, drafts, queries, hits, recalls, receipts.

All are frozen and know nothing of models, clocks, stores or disks. Times are aware datetimes; vectors are float32 rows
of unit length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

MemoryId = str
"""A ULID: 26 characters, sortable by the time the memory was stored."""

Vectors = npt.NDArray[np.float32]
"""(n, dim) float32, rows of unit length."""

Floats = npt.NDArray[np.float32]
"""(n,) float32."""

Kind = Literal["turn", "fact", "summary", "note", "preference", "skill", "reply"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PRIMARY: frozenset[Kind] = frozenset({"turn", "note"})
"""Kinds that may stand without parents: what somebody said or wrote. All others are derived and must name parents."""

MAX_TEXT_BYTES = 2**20
"""Largest text of one memory, in UTF-8 bytes; a larger paste is refused, not cut."""

Tier = Literal["int8", "int4"]
TIERS: tuple[Tier, ...] = get_args(Tier)
"""How coarsely the vector of a memory that has gone cold is kept."""

Level = Literal["full"] | Tier
LEVELS: tuple[Level, ...] = ("full", *TIERS)
"""From the finest to the coarsest; a vector only ever goes down, but where it is made anew from the text."""

Metadata = Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True)
class Interval:
    """A half-open span of world time, `start <= t < end`, both aware."""

    start: datetime
    end: datetime

    def overlaps(self, other: Interval) -> bool:
        """Say whether the two spans share any moment."""
        return self.start < other.end and other.start < self.end


class Slot(NamedTuple):
    """One value that a text gives to what holds one value at a time: `subject` and `attribute` are normalised keys.

    The subject is empty where nobody is said to own it. `ends`: the value holds no more (any value, where it is empty).
    """

    subject: str
    attribute: str
    value: str
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Cues:
    """What rules or a model read out of one text: entities it names, slots it fills, and when it happened."""

    entities: tuple[str, ...] = ()
    when: Interval | None = None
    slots: tuple[Slot, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A memory to be: what a caller passes to `Space.remember`.

    `said_at` is world time (default: now, by the space's clock). `position` orders a thread (default: appended).
    `parents` must be named for derived kinds. `origin` makes writing idempotent: a second draft of the same origin adds
    nothing and returns the id of the first. `audience` names the principals who may see it (default: everyone); what is
    derived is seen by those alone who may see all its parents.
    """

    text: str
    kind: Kind = "turn"
    speaker: str | None = None
    thread: str = "main"
    said_at: datetime | None = None
    position: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    parents: tuple[MemoryId, ...] = ()
    metadata: Metadata = field(default_factory=dict)
    origin: str | None = None
    audience: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """What encoding makes of one text: vector (dim,), cues, and static text features (F,) for recall."""

    vector: Vectors
    cues: Cues
    features: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """Rows in few bits: `codes` (n, dim) int8 or (n, ceil(dim / 2)) uint8, and what scoring and decoding them need.

    `lengths` are those of the rows, `norms` those of the values that their codes stand for, `slacks` bound the angles
    between the two, in radians, 0 to pi. All (n,) float32.
    """

    tier: Tier
    dim: int
    codes: npt.NDArray[np.int8] | npt.NDArray[np.uint8]
    lengths: Floats
    norms: Floats
    slacks: Floats

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Quantised:
        """Return the rows that a slice, a mask or an array of indices chooses."""
        parts = (self.codes, self.lengths, self.norms, self.slacks)
        return Quantised(self.tier, self.dim, *(part[rows] for part in parts))

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays: 396 a row for int8 at 384 coordinates, 204 for int4, where float32 takes 1536."""
        return self.codes.nbytes + self.lengths.nbytes + self.norms.nbytes + self.slacks.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """One remembered thing. `seq` is its place in the ledger, never used twice.

    `vector` is None where a caller did not ask for it. `said_at` is world time, `stored_at` is system time. A memory
    that has gone cold keeps its vector as `code`, one row, and `vector` is what that stands for.
    """

    id: MemoryId
    seq: int
    kind: Kind
    text: str
    speaker: str | None
    thread: str
    position: int
    said_at: datetime
    stored_at: datetime
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    cues: Cues = field(default_factory=Cues)
    parents: tuple[MemoryId, ...] = ()
    metadata: Metadata = field(default_factory=dict)
    vector: Vectors | None = None
    origin: str | None = None
    code: Quantised | None = None
    audience: tuple[str, ...] = ()

    @property
    def tier(self) -> Level:
        """How finely the vector is kept; "full" too where a caller did not ask for it."""
        return "full" if self.code is None else self.code.tier


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A question, encoded: its text, its vector (dim,), and the ids it may find (None: all)."""

    text: str
    vector: Vectors
    allowed: frozenset[MemoryId] | None = None


class Hit(NamedTuple):
    """One find of a store: higher scores are better; scores of different stores do not compare."""

    id: MemoryId
    score: float


@dataclass(frozen=True, slots=True)
class Filter:
    """What a recall may find; every field that is set must hold.

    `since <= said_at < until`; `where` compares metadata for equality; `as_of` goes back in time: only what had been
    said and was valid at that moment. `viewer` is a principal: only what he or she may see.
    """

    threads: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    where: Metadata = field(default_factory=dict)
    as_of: datetime | None = None
    viewer: str | None = None

    def __bool__(self) -> bool:
        narrows = self.threads or self.speakers or self.kinds or self.since or self.until or self.where or self.as_of
        return bool(narrows or self.viewer)


@dataclass(frozen=True, slots=True)
class Fact:
    """One value of one slot and the half-open span in which it holds; `valid_to` None: it still does.

    `memories` say so, oldest first; `superseded_by` is the memory that gave a newer value, or said that this one ended.
    """

    subject: str
    attribute: str
    value: str
    valid_from: datetime
    valid_to: datetime | None
    memories: tuple[MemoryId, ...]
    superseded_by: MemoryId | None = None

    def __str__(self) -> str:
        until = "" if self.valid_to is None else f" until {self.valid_to:%Y-%m-%d %H:%M}"
        what = " ".join(filter(None, (self.subject, self.attribute)))
        return f"{what}: {self.value} since {self.valid_from:%Y-%m-%d %H:%M}{until}"


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """One recalled memory, with its fused score and what each signal contributed to it.

    `fact` is what it says of the slot that was asked for, where a rule could read it: a superseded value is kept, and
    ranks below the one that holds.
    """

    memory: Memory
    score: float
    signals: Mapping[str, float] = field(default_factory=dict)
    fact: Fact | None = None

    @property
    def id(self) -> MemoryId:
        """The id of the memory."""
        return self.memory.id

    @property
    def reason(self) -> str:
        """Why it stands where it does, in words, as far as facts in time are the reason; else empty."""
        if self.fact is None:
            return ""
        if self.fact.valid_to is None:
            return f"holds now: {self.fact}"
        return f"superseded by {self.fact.superseded_by}: {self.fact}" if self.fact.superseded_by else str(self.fact)


@dataclass(frozen=True, slots=True, eq=False)
class Recall:
    """What a question brought back, best first.

    `confidence` in [0, 1] is the calibrated probability that the answer is in memory at all. `tokens` estimates how
    large a context the evidence makes.
    """

    query: str
    evidence: tuple[Evidence, ...]
    confidence: float
    tokens: int

    def __iter__(self) -> Iterator[Evidence]:
        return iter(self.evidence)

    def __len__(self) -> int:
        return len(self.evidence)

    def __getitem__(self, index: int) -> Evidence:
        return self.evidence[index]

    @property
    def ids(self) -> tuple[MemoryId, ...]:
        """The ids of the memories, best first."""
        return tuple(e.memory.id for e in self.evidence)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of the memories, best first."""
        return tuple(e.memory.text for e in self.evidence)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in words, the memories it was read from, and how sure it is.

    `abstained` is true where the memory does not seem to hold the answer; the text then says so.
    """

    text: str
    sources: tuple[MemoryId, ...] = ()
    confidence: float = 0.0
    abstained: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of an erasure, without content.

    `erased` counts memories by kind. `level` is how far it went: "logical" (gone from ledger and indexes), "physical"
    (and from the bytes of every file of the space). `checked`: every file was scanned for the erased texts afterwards;
    false where a crash took the texts before the scan could be made. `pending` says what is still to be done and why,
    empty when done. `digests` are HMAC-SHA256 of the erased ids under the space's key: to whoever knows an id the
    operator can prove that it is meant. `rewritten` counts by kind what stayed and lost a part.
    `signed` is the receipt to hand out: a signed JSON document that says the same
    and can be checked offline (`agentmem verify`); where it is empty, `unsigned` says why it could not be signed.
    """

    number: int
    requested_at: datetime
    finished_at: datetime | None
    level: Literal["suppressed", "logical", "physical"]
    erased: Mapping[str, int]
    digests: tuple[str, ...]
    checked: bool = False
    pending: str = ""
    signed: str = ""
    unsigned: str = ""
    rewritten: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the guard says of the text at `index`: whether it is kept out, how much it says of what was forgotten.

    `score` in [0, 1] is above `threshold` where it resembles `tombstone` (-1: none), made at `since`; it may come in
    all the same, for example because a person says it anew.
    """

    index: int
    kept_out: bool = False
    score: float = 0.0
    threshold: float = 0.0
    tombstone: int = -1
    since: datetime | None = None


class Remembered(list[MemoryId]):
    """The ids of what was remembered, in order; `kept_out` are the guard's verdicts on what was not."""

    def __init__(self, ids: Iterable[MemoryId] = (), kept_out: tuple[Verdict, ...] = ()) -> None:
        super().__init__(ids)
        self.kept_out = kept_out


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing `doctor` has to say: a check, whether it held, what was seen, and how to mend it."""

    check: str
    ok: bool
    seen: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """What a listing shows of a space: name, folder, recallable memories, bytes on disk, embedder."""

    name: str
    path: str
    memories: int
    bytes: int
    embedder: str
