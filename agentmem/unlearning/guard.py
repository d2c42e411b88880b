"""The guard of a space, as `space.guard`: it keeps what was forgotten on request from coming back.

    space.guard.check(["Ana moved to Porto"])    does a text say what was forgotten? nothing is written
    space.guard.asked_back("What was the deleted address?")    does a question ask for it?
    space.guard.stones()                         what is guarded: numbers, dates, hits; no words
    space.guard.release(3)                       let it be said again
    space.guard.set("none")                      off: nothing is checked, and nothing new is kept to check by

What it does with a text that says what was forgotten:

    block        it stays out, until it is released
    quarantine   it stays out, unless the caller says that it is said again on purpose: remember(..., guarded="pass")
    allow        as before; what a person says anew, in a turn of after the forgetting, comes in without being asked

Agent-written, derived, imported and restored texts stay out either way. What a derived text takes from parents that are
alive is not held against it. Above which score a text says it, the space's own memories tell: so high that one in a
hundred of them would be taken for forgotten.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, get_args

import numpy as np

from agentmem import config
from agentmem.clock import Clock, aware
from agentmem.errors import GuardedError, InputError, KeysError, MemoryNotFoundError
from agentmem.ledger import Ledger, rows
from agentmem.types import Draft, Finding, Memory, Verdict
from agentmem.unlearning.asked_back import asking_back
from agentmem.unlearning.keys import Keys
from agentmem.unlearning.tombstones import (
    Cut,
    Frequencies,
    Graves,
    Hashes,
    Tombstone,
    of_memories,
    of_names,
    of_text,
    threshold,
)

Action = Literal["block", "quarantine", "allow", "none"]
ACTIONS: tuple[Action, ...] = get_args(Action)
Guarded = Literal["raise", "skip", "pass"]

SAMPLE = 2_000
"""Living memories, evenly over the ledger, that tell how usual a word is, and the threshold (every other one)."""
GROWN = 1.25
"""So many times the memories, and they are looked at anew."""


class Stone(NamedTuple):
    """One tombstone as a listing shows it."""

    number: int
    scope: str
    since: datetime
    expires: datetime | None
    hits: int
    erasure: int | None
    key_here: bool


class _Known(NamedTuple):
    """What checking needs of one key's tombstones, in arrays."""

    key: bytes
    graves: Graves
    frequencies: Frequencies
    threshold: float
    since: dict[int, datetime]


class Guard:
    """Keeps what was forgotten out of one space. It works under the space's lock."""

    def __init__(
        self,
        ledger: Ledger,
        keys: Keys,
        clock: Clock,
        lock: threading.RLock,
        action: str | None,
        alive: Callable[[], None],
    ) -> None:
        if action is not None:
            _checked(action)
        self._asked = action
        self._ledger = ledger
        self._keys = keys
        self._clock = clock
        self._lock = lock
        self._check_open = alive
        self._stamp: tuple[int, ...] = ()
        self._screened = (0, 0)
        self._known: list[_Known] = []

    @property
    def action(self) -> str:
        """What is done: as the space was opened with, else as was set in it, else "quarantine"."""
        return self._asked or str(self._ledger.meta("guard") or config.GUARD)

    def set(self, action: str) -> None:
        """Set what this space's guard does from now on, in every process that does not ask for something else."""
        with self._lock:
            self._check_open()
            self._ledger.note("guard", _checked(action))

    # -- writing tombstones ----------------------------------------------------------------------------------------

    def entomb(
        self,
        forgotten: Iterable[Memory | Cut | str],
        *,
        names: Iterable[str] = (),
        erasure: int | None = None,
        lasting: timedelta | None = None,
    ) -> list[int]:
        """Keep tombstones of what is about to be erased, memories or what is cut out of them; return their numbers.

        `names` are those of one person or thing of which nothing is to be said any more. `lasting`: for how long. Of
        one `erasure` they are written once, however often this is called; with the guard off, not at all. Within a
        transaction of the caller's they are part of it. Raises KeysError.
        """
        with self._lock:
            self._check_open()
            db = self._ledger.connection
            taken = erasure is not None and db.one("SELECT 1 FROM tombstones WHERE erasure = ? LIMIT 1", (erasure,))
            if self.action == "none" or taken:
                return []
            key_name, key = self._writing_key()
            stones = [*of_memories(key, list(forgotten)), *of_names(key, names)]
            now = self._now()
            until = None if lasting is None else rows.micros(now + lasting)
            made = [(key_name, erasure, scope, hashes, rows.micros(now), until) for scope, hashes in stones]
            with db.joined():
                db.many(
                    "INSERT INTO tombstones (key, erasure, scope, hashes, made_at, expires_at) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    made,
                )
                last = int(db.one("SELECT coalesce(max(number), 0) FROM tombstones"))
            return list(range(last - len(made) + 1, last + 1))

    def release(self, numbers: int | Iterable[int] | None = None) -> int:
        """Let what these tombstones (None: all) keep out be said again; return how many there were.

        Raises MemoryNotFoundError for a number that there is not.
        """
        with self._lock:
            self._check_open()
            db = self._ledger.connection
            there = {n for (n,) in db.all("SELECT number FROM tombstones")}
            wanted = there if numbers is None else {numbers} if isinstance(numbers, int) else set(numbers)
            if missing := sorted(wanted - there):
                raise MemoryNotFoundError(f"there is no tombstone {missing[0]}; see: agentmem guard SPACE --list")
            with db.transaction():
                db.many("DELETE FROM tombstones WHERE number = ?", [(n,) for n in sorted(wanted)])
            return len(wanted)

    def rotate(self) -> str:
        """Make new tombstones under a new key from now on; those there are stay under theirs. Returns its name."""
        with self._lock:
            self._check_open()
            name = self._keys.new_guard()
            self._ledger.note("guard_key", name)
            return name

    def shred(self) -> int:
        """Destroy the guard's keys, so that no copy of the tombstones says anything to anybody ever again.

        The tombstones go as well; returns how many there were. Restored copies of the space share the keys.
        """
        with self._lock:
            self._check_open()
            for name in {*self._key_names(), str(self._ledger.meta("guard_key") or "")} - {""}:
                self._keys.destroy_guard(name)
            self._ledger.note("guard_key", "")
            return self.release()

    # -- looking ---------------------------------------------------------------------------------------------------

    def stones(self) -> list[Stone]:
        """Return what is guarded, oldest first: no words, only numbers and dates."""
        with self._lock:
            self._check_open()
            found = self._ledger.connection.all(
                "SELECT number, scope, made_at, expires_at, hits, erasure, key FROM tombstones ORDER BY number"
            )
            here = {name: self._keys.guard(name) is not None for name in {row[6] for row in found}}
            return [
                Stone(
                    n, "names" if scope == "names" else "text", rows.moment(made), rows.maybe(until), hits, e, here[k]
                )
                for n, scope, made, until, hits, e, k in found
            ]

    def check(
        self,
        texts: Sequence[str | Draft],
        *,
        guarded: Guarded | None = None,
        speaker: str | None = None,
    ) -> list[Verdict]:
        """Return a verdict on each text: whether it would be kept out, and what it resembles. Nothing is written.

        Drafts are judged by kind, parents and time, plain texts as an agent's. `guarded` is as in `Space.remember`.
        """
        with self._lock:
            self._check_open()
            known = [] if self.action == "none" else self._look()
            if not known:
                return [Verdict(i) for i in range(len(texts))]
            drafts = [t if isinstance(t, Draft) else Draft(t, "reply", speaker) for t in texts]
            parents = self._ledger.find(list(dict.fromkeys(p for d in drafts for p in d.parents)))
            said = [[parents[p].text for p in d.parents if p in parents] for d in drafts]
            names = [[parents[p].speaker or "" for p in d.parents if p in parents] for d in drafts]
            return [
                self._verdict(i, d, known, [*s, *n], guarded)
                for i, (d, s, n) in enumerate(zip(drafts, said, names, strict=True))
            ]

    def asked_back(self, question: str) -> bool:
        """Say whether a question asks for what was forgotten: by how it is put, and by a word of it that stood there.

        An agent shows nothing for it: what comes next to the forgotten (the newer code) is no answer to it.
        """
        rest = asking_back(question)
        if rest is None:
            return False
        with self._lock:
            self._check_open()
            known = [] if self.action == "none" else self._look()
            return any(k.graves.shares(of_text(k.key, rest)) or k.graves.named(k.key, rest) >= 0 for k in known)

    def screen(self, drafts: Sequence[Draft], guarded: Guarded | None) -> tuple[Verdict, ...]:
        """Return the verdicts on what must be kept out of a batch that is about to be written, and count them.

        Raises GuardedError if there are any and `guarded` is "raise" (as it is for one draft, unless said otherwise).
        """
        mode = guarded or ("raise" if len(drafts) == 1 else "skip")
        self._screened = self._forgotten()
        out = tuple(v for v in self.check(drafts, guarded=mode) if v.kept_out)
        if out:
            hits = [(v.tombstone,) for v in out]
            self._ledger.connection.many("UPDATE tombstones SET hits = hits + 1 WHERE number = ?", hits)
        if out and mode == "raise":
            again = (
                "Nothing was written. If it is said again on purpose: remember(..., guarded='pass') or `agentmem "
                f"remember --again`. To let it be said from now on: space.guard.release({out[0].tombstone})"
            )
            numbers = sorted({v.tombstone for v in out})
            raise GuardedError(f"{told(out, len(drafts))}. {again}", tuple(v.index for v in out), tuple(numbers))
        if out and guarded is None:
            warnings.warn(f"{told(out, len(drafts))}; the others were written", stacklevel=3)
        return out

    @contextlib.contextmanager
    def fenced(self) -> Iterator[None]:
        """Hold the ledger's write lock. Raises GuardedError if anything was forgotten since the last screening."""
        with self._ledger.connection.transaction():
            if self.action != "none" and self._forgotten() != self._screened:
                raise GuardedError(
                    "something was forgotten on request just now, while this was about to be written, and nothing was "
                    "written; try again, and it will be looked at anew"
                )
            yield

    def finding(self) -> Finding:
        """Return what the doctor says of the guard."""
        with self._lock:
            try:
                stones = self.stones()
            except KeysError as error:
                return Finding("guard", ok=False, seen=str(error), mend="bring the key back from a backup")
            lost = sum(not stone.key_here for stone in stones)
            if lost:
                seen = f"{lost} of {len(stones)} tombstones keep nothing out: no key for them in {self._keys.folder}"
                return Finding(
                    "guard", ok=False, seen=seen, mend="bring it back, or: agentmem guard SPACE --release-all"
                )
            return Finding("guard", ok=True, seen=f"{self.action}; tombstones: {len(stones)}, no key is missing")

    # -- inside ----------------------------------------------------------------------------------------------------

    def _verdict(
        self, index: int, draft: Draft, known: Sequence[_Known], parents: Sequence[str], guarded: Guarded | None
    ) -> Verdict:
        best = Verdict(index)
        for k in known:
            supported = np.unique(np.concatenate([of_text(k.key, p) for p in parents])) if parents else None
            number, score = k.graves.named(k.key, f"{draft.text} {draft.speaker or ''}", parents), 1.0
            if number < 0:
                hashes = of_text(k.key, draft.text, draft.speaker)
                score, number = k.graves.match(hashes, k.frequencies, supported)
            if number >= 0 and score > k.threshold and score > best.score:
                since = k.since[number]
                out = self._stays_out(draft, since, guarded)
                best = Verdict(index, out, score, k.threshold, number, since)
        return best

    def _stays_out(self, draft: Draft, since: datetime, guarded: Guarded | None) -> bool:
        action = self.action
        if action == "block":
            return True
        if guarded == "pass":
            return False
        # what comes without a time in a batch may be of any time
        said_now = draft.said_at is None and guarded != "skip"
        anew = said_now or (draft.said_at is not None and draft.said_at > since)
        own = draft.kind == "turn" and not draft.parents
        return not (action == "allow" and own and anew)

    def _look(self) -> list[_Known]:
        """Return what checking needs, built anew where tombstones or memories have changed enough."""
        db = self._ledger.connection
        now = rows.micros(self._now())
        if db.one("SELECT 1 FROM tombstones WHERE expires_at <= ? LIMIT 1", (now,)):
            db.all("DELETE FROM tombstones WHERE expires_at <= ?", (now,))
        count, last = self._forgotten()
        if not count:
            self._known, self._stamp = [], ()
            return []
        seq = self._ledger.mark().seq
        if self._stamp[:2] != (count, last) or seq > self._stamp[2] * GROWN + 50:
            names = self._key_names()
            self._known = [k for name in names if (k := self._built(name)) is not None]
            self._stamp = (count, last, seq) if len(self._known) == len(names) else ()  # a lost key may be brought back
        return self._known

    def _forgotten(self) -> tuple[int, int]:
        """Return how many tombstones there are, and the number of the last: it changes with every forgetting."""
        count, last = self._ledger.connection.all("SELECT count(*), coalesce(max(number), 0) FROM tombstones")[0]
        return int(count), int(last)

    def _built(self, name: str) -> _Known | None:
        key = self._keys.guard(name)
        if key is None:
            return None
        found = self._ledger.connection.all(
            "SELECT number, scope, hashes, made_at FROM tombstones WHERE key = ? ORDER BY number", (name,)
        )
        graves = Graves.of([Tombstone(n, scope, h) for n, scope, h, _ in found])
        living = self._living(key)
        frequencies = Frequencies(living)
        limit = threshold(graves, frequencies, living[::2])
        return _Known(key, graves, frequencies, limit, {n: rows.moment(made) for n, _, _, made in found})

    def _living(self, key: bytes) -> list[Hashes]:
        """Return the digests of the words of living memories, `SAMPLE` of them at most."""
        sql = "SELECT seq FROM memories WHERE suppressed = 0 ORDER BY seq"
        seqs = [s for (s,) in self._ledger.connection.all(sql)]
        chosen = seqs[:: max(1, -(-len(seqs) // SAMPLE))]
        read = self._ledger.read(seqs=chosen, whole=False)
        known: dict[str, int] = {}
        return [of_text(key, m.text, m.speaker, known) for chunk in read for m in chunk]

    def _writing_key(self) -> tuple[str, bytes]:
        """Return the key for new tombstones, with its name; a new one where there is none yet, or it was lost."""
        name = str(self._ledger.meta("guard_key") or "")
        key = self._keys.guard(name) if name else None
        if key is None:
            name = self._keys.new_guard()
            self._ledger.note("guard_key", name)
            key = self._keys.guard(name)
        if key is None:
            raise KeysError(f"the guard's key was made in {self._keys.folder}, but is not there")
        return name, key

    def _key_names(self) -> list[str]:
        return [k for (k,) in self._ledger.connection.all("SELECT DISTINCT key FROM tombstones ORDER BY key")]

    def _now(self) -> datetime:
        return aware(self._clock(), "the clock's time")


def told(out: Sequence[Verdict], of: int) -> str:
    """Say what was kept out, by place and tombstone, without repeating any of it."""
    first = out[0]
    when = f" on {first.since:%Y-%m-%d}" if first.since else ""
    which = "it says" if of == 1 else f"{len(out)} of {of} (first: index {first.index}) say"
    return (
        f"kept out: {which} what was forgotten on request{when} (tombstone {first.tombstone}, likeness "
        f"{first.score:.2f})"
    )


def _checked(action: str) -> str:
    if action not in ACTIONS:
        raise InputError(f"the guard cannot be {action!r}; use one of {', '.join(ACTIONS)}")
    return action
