"""Space: one mind, the unit of isolation, of locking and of erasure. Remember, recall, erase."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agentmem import config, steps
from agentmem.clock import Clock, aware, system_clock
from agentmem.deriving import Deriving, Settled
from agentmem.encoding.encoder import RULES, Progress, check, drafted, encode
from agentmem.errors import InputError, SpaceClosedError, TextError
from agentmem.ledger import Ledger
from agentmem.ledger.matching import matching
from agentmem.protocols import Deriver, Embedder, RetentionPolicy
from agentmem.recall import engine
from agentmem.recall.embedder import SpaceEmbedder, opened
from agentmem.recall.fitting import tokens, within
from agentmem.recall.fusion import Weights
from agentmem.recall.indexes import Indexes
from agentmem.recall.recollection import alike, recollect
from agentmem.retention.facade import Retention
from agentmem.retention.reinforcement import BATCH
from agentmem.retention.sweep import Sweep
from agentmem.types import Draft, Fact, Filter, Finding, Hit, Memory, MemoryId, Recall, Receipt, Remembered
from agentmem.unlearning import Answers, Eraser, Forgetting, Host, Request, receipts
from agentmem.unlearning.guard import Guard, Guarded

NO_FILTER = Filter()
CHUNK = 500
"""Memories read at a time while listing: a reader holds no lock between chunks."""


class Space:
    """One space, opened. Several threads may share it, and several processes its folder.

    `remember` is one transaction a call; what it returned is recalled by the next call of any process.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that can be chosen
        self,
        name: str,
        folder: Path,
        *,
        embedder: str | Embedder = config.EMBEDDER,
        clock: Clock = system_clock,
        weights: Path | None = None,
        stores: Sequence[str] = config.STORES,
        retention: str | RetentionPolicy = config.RETENTION,
        guard: str | None = None,
        derive: Sequence[str] | Mapping[str, Deriver] | None = None,
    ) -> None:
        self.name = name
        self.path = folder
        self.clock = clock
        self.closed = False
        self._lock = threading.RLock()
        self._weights_file = weights
        self._weights: Weights | None = None
        self._ledger = Ledger(folder / "ledger.db")
        try:
            self._ledger.note_once("name", name)
            self._indexes: Indexes | None = None
            self._stores = tuple(stores)
            self._embedder = SpaceEmbedder(self._ledger, name, embedder)
            self._eraser = Eraser(folder, self._ledger, clock)
            self._eraser.resume()
            self.guard = Guard(self._ledger, self._eraser.keys, clock, self._lock, guard, self._check_open)
            fade = partial(self.erase, basis=receipts.RETENTION, actor="sweep")
            by = (fade, self._check_open, self._embedder)
            self.retention = Retention(self._ledger, clock, self._lock, retention, *by)
            how = (lambda: self.embedder, self.guard.screen, self._drop)
            self.deriving = Deriving(self._ledger, clock, self._lock, derive, *how)
            lent = (self._check_open, lambda: self.embedder, self._like, self.retention.write_uses, self._drop)
            self.forgetting = Forgetting(Host(self._ledger, self._eraser, self.guard, clock, self._lock, *lent))
            self.forgetting.run_due(opening=True)
        except BaseException:
            self._ledger.close()
            raise

    # -- writing ---------------------------------------------------------------------------------------------------

    def remember(
        self,
        what: str | Draft | Iterable[str | Draft],
        *,
        progress: Progress | None = None,
        guarded: Guarded | None = None,
        epoch: int | None = None,
        **fields: Any,
    ) -> Remembered:
        """Remember a text, a Draft or many of them, all in one transaction; return their ids in order.

        Keyword arguments (`speaker=`, `thread=`, `said_at=`, ... the fields of Draft) complete what was passed as a
        string. Raises an InputError that says what is wrong, and then nothing was written.

        What says what was forgotten on request is kept out (see `Space.guard`): one alone raises GuardedError, of many
        the others are written, and `kept_out` of what is returned says which were not. `guarded` "raise" or "skip"
        asks for the one or the other, "pass" says that it is said again on purpose. With `epoch`, the
        `forgetting.epoch` of when it was begun, it is refused (StaleError) if anything was forgotten since.
        """
        now = aware(self.clock(), "the clock's time")
        given = [what] if isinstance(what, str | Draft) else list(what)
        drafts = [check(drafted(g, fields), now) for g in given]
        if not drafts:
            return Remembered()
        with self._lock:
            self._check_open()
            embedder = self.embedder
        encoded = encode(drafts, self._embedder.sparing(embedder), progress=progress)
        steps.reached("remember.encoded")
        with self._lock:
            self._check_open()
            out = self.guard.screen(drafts, guarded)
            if out:
                gone = {verdict.index for verdict in out}
                drafts = [draft for i, draft in enumerate(drafts) if i not in gone]
                encoded = [code for i, code in enumerate(encoded) if i not in gone]
            self._embedder.record(embedder)
            with self.guard.fenced(), self.forgetting.fenced(epoch):
                committed = self._ledger.commit(drafts, encoded, now)
            steps.reached("remember.committed")
            if self._indexes is not None:
                self._indexes.apply(committed.added)
            steps.reached("remember.indexed")
            self.retention.write_uses(at_least=BATCH)
        self.deriving.poke()
        return Remembered(committed.ids, out)

    def erase(self, ids: MemoryId | Iterable[MemoryId], *, guard: bool = False, **terms: Any) -> Receipt:
        """Erase memories and everything derived from them, everywhere in this space, and look whether it is gone.

        With `guard`, tombstones keep it from coming back. `terms` are for the receipt: `actor`, `basis`, `policy`,
        `subject`, ... (see `agentmem.unlearning.receipts.note`).

        Raises MemoryNotFoundError (then nothing was erased) and ResidueError (then it is erased, but traces were
        found). If another program reads the space meanwhile, bytes remain (the receipt's `pending`) and go later.
        """
        return self.forgetting.erase(ids, guard=guard, **terms)

    def forget(self, what: Request, answers: Answers = False, **terms: Any) -> Receipt:
        """Forget what a request in words, a selector or ids mean; plan and carry out in one go.

        What would be asked about stays, unless `answers` (id: bool; True for all) say otherwise. To look first:
        `space.forgetting.plan` and `execute`, where the rest is said as well.
        """
        return self.forgetting.forget(what, answers, **terms)

    def plan_erase(self, ids: MemoryId | Iterable[MemoryId]) -> list[Memory]:
        """Return what `erase` would take: the ids and all that was derived from them. Nothing is written."""
        return self.forgetting.plan_erase(ids)

    def finish_pending(self) -> list[Receipt]:
        """Finish erasures whose bytes had to wait for another reader; return their receipts."""
        return self.forgetting.resume()

    def settle(self) -> Settled:
        """Derive, in this thread, all that is still to be derived from what was remembered; see `Space.deriving`."""
        return self.deriving.settle()

    def sweep(self, policy: str | RetentionPolicy | None = None, **options: Any) -> Sweep:
        """Let fade what is worth least; a plan unless `dry_run=False`. Options are those of `Retention.sweep`."""
        return self.retention.sweep(policy, **options)

    # -- reading ---------------------------------------------------------------------------------------------------

    def recall(
        self,
        question: str,
        k: int | None = None,
        *,
        max_tokens: int | None = None,
        filter: Filter = NO_FILTER,  # noqa: A002 - what it is called everywhere
        explain: bool = True,
        hops: int | None = None,
    ) -> Recall:
        """Return the memories that bear on the question, best first: `k` (default 10), or what fits `max_tokens`.

        The agent's own replies are no evidence, unless `filter.kinds` asks for them; nor is a question for itself.
        `filter` restricts by thread, speaker, kind, time and metadata, and `filter.as_of` goes back in time.
        Where the question asks for what holds one value at a time ("What is my code now?"), the memory with the value
        that is valid comes first, and each Evidence says by `fact` and `reason` what held when. `confidence` of the
        result is the calibrated probability that the answer is in memory at all. `explain`: what each signal added to
        a score. `hops` (0 to 2): so many searches may go on from the first evidence; None: 2 for several things asked.
        """
        if not isinstance(question, str) or not question.strip():
            raise TextError("the question is empty; ask something, or list memories with `agentmem show`")
        limit = k if k is not None else (10 if max_tokens is None else engine.POOL)
        if limit < 1 or (max_tokens is not None and max_tokens < 1):
            raise InputError(f"k={k} and max_tokens={max_tokens} must be at least 1")
        if hops is not None and not 0 <= hops <= engine.MOST_HOPS:
            raise InputError(f"hops={hops} must be from 0 to {engine.MOST_HOPS}, or None to leave it to the question")
        with self._lock:
            self._check_open()
            now = aware(self.clock(), "the clock's time")
            ranked, confidence = recollect(
                question,
                self._ledger,
                self._level(),
                self._open_weights(),
                self._embedder.sparing(self.embedder),
                asked=filter,
                limit=limit + 1,
                now=now,
                explain=explain,
                hops=hops,
                worth=self.retention.worth,
            )
            evidence = within(ranked[:limit], max_tokens)
            runner_up = [e.memory.seq for e in ranked[len(evidence) : len(evidence) + 1]]
            self.retention.uses.note([e.memory.seq for e in evidence], runner_up, now)
        return Recall(question, tuple(evidence), confidence, sum(tokens(e.memory) for e in evidence))

    def get(self, id: MemoryId) -> Memory:  # noqa: A002
        """Return one memory, whole, with its vector. Raises MemoryNotFoundError."""
        with self._lock:
            self._check_open()
            return self._ledger.get([id], vectors=True)[0]

    def memories(self, filter: Filter = NO_FILTER, *, vectors: bool = False) -> Iterator[Memory]:  # noqa: A002
        """Yield the memories that pass the filter, in the order in which they were stored."""
        with self._lock:
            self._check_open()
            passing = self._passing(filter) if filter else None
        after, start = 0, 0
        while passing is None or start < len(passing):
            with self._lock:
                self._check_open()
                part = None if passing is None else passing[start : start + CHUNK]
                chunk = next(self._ledger.read(after, seqs=part, vectors=vectors), [])
            yield from chunk
            if passing is None and not chunk:
                return
            after, start = chunk[-1].seq if chunk else after, start + CHUNK

    def timeline(self, entity: str, *, as_of: datetime | None = None) -> list[Fact]:
        """Return every value that a person or thing is said to have had, oldest first, and when each held.

        Found by any of its names ("Ana", "Ana Reyes"). Conflicting values are all there, and the newer one closes the
        older. `as_of` goes back in time.
        """
        from agentmem.recall.timeline import timeline

        if not isinstance(entity, str) or not entity.strip():
            raise InputError("the name is empty; say whose timeline is wanted: space.timeline('Ana')")
        with self._lock:
            self._level()
            return timeline(self._ledger, entity, None if as_of is None else aware(as_of, "as_of"))

    def graph(self) -> Any:
        """Return the knowledge graph of the space as a networkx.Graph: entities, memories and what links them.

        Nodes are ("entity", phrase) and ("memory", id); edges have `weight` and `kinds`.
        """
        from agentmem.recall.network import network

        with self._lock:
            return network(self._ledger, self._level(), self.embedder)

    def receipts(self) -> list[Receipt]:
        """Return the receipts of all erasures, oldest first."""
        return self.forgetting.receipts()

    def threads(self) -> list[str]:
        """Return the names of the threads, in order of appearance."""
        with self._lock:
            return self._level().catalog.spoken_in()

    def speakers(self) -> list[str]:
        """Return who has spoken, in order of appearance."""
        with self._lock:
            return list(self._level().catalog.speakers)

    def __len__(self) -> int:
        with self._lock:
            self._check_open()
            return self._ledger.count()

    def __contains__(self, id: object) -> bool:  # noqa: A002
        with self._lock:
            self._check_open()
            return isinstance(id, str) and bool(self._ledger.seqs([id]))

    # -- care ------------------------------------------------------------------------------------------------------

    @property
    def embedder(self) -> Embedder:
        """The embedder that fills this space, opened on first use. Raises EmbedderMismatchError, ModelNotFoundError."""
        with self._lock:
            return self._embedder()

    @property
    def embedder_name(self) -> str | None:
        """The name of the embedder that filled this space, or None while it is empty."""
        with self._lock:
            return self._embedder.recorded

    def rebuild(self, embedder: str | Embedder | None = None, *, progress: Progress | None = None) -> None:
        """Build the indexes anew from the ledger; with `embedder`, encode every memory anew with it first.

        One transaction: until it commits, the space stays as it was, also for other processes.
        """
        from agentmem.care import reencode

        with self._lock:
            self._check_open()
            if embedder is not None:
                chosen = opened(embedder)
                reencode(self._ledger, chosen, progress)
                self._embedder.change(chosen)
            if self._indexes is not None:
                self._indexes.discard()
                self._indexes = None
            self._level()

    def doctor(self) -> list[Finding]:
        """Check the space from the ground up; every finding that does not hold says how to mend it."""
        from agentmem.care import examine

        with self._lock:
            self._check_open()
            return examine(self)

    def stats(self) -> dict[str, Any]:
        """Return figures about the space: memories by kind, threads, speakers, bytes by file, embedder, erasures."""
        from agentmem.care import figures

        with self._lock:
            self._check_open()
            return figures(self)

    def close(self) -> None:
        """Write down what recalls have counted, snapshot the indexes if worth it, and close. May be called twice."""
        self.deriving.close()
        with self._lock:
            if self.closed:
                return
            try:
                self.retention.write_uses()
                self._eraser.resume()
                if self._indexes is not None:
                    self._indexes.save()
            finally:
                self.closed = True
                self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Space {self.name!r} in {self.path}>"

    # -- inside ----------------------------------------------------------------------------------------------------

    def _like(self, text: str, k: int) -> list[Hit]:
        now = aware(self.clock(), "the clock's time")
        return alike(text, k, self._ledger, self._level(), self._open_weights(), self.embedder, now)

    def _passing(self, asked: Filter) -> list[int]:
        """Return the ledger numbers of what passes a filter, in order."""
        catalog = self._level().catalog
        return sorted(catalog.seq[catalog.mask(asked, matching(self._ledger.connection, asked))].tolist())

    def _level(self) -> Indexes:
        self._check_open()
        if self._indexes is None:
            if self._ledger.meta("rules") != RULES:
                from agentmem.care import reread

                reread(self._ledger, RULES)
            self._indexes = Indexes(self._ledger, self.path, self._stores)
        if self._indexes.catch_up():
            self._embedder.check()
        return self._indexes

    def _drop(self) -> None:
        with self._lock:
            if self._indexes is not None:
                self._indexes.drop()

    def _open_weights(self) -> Weights:
        if self._weights is None:
            self._weights = Weights.load(self._weights_file)
        return self._weights

    def _check_open(self) -> None:
        if self.closed:
            raise SpaceClosedError(
                f"the space {self.name!r} was closed; open it again with system.space({self.name!r})"
            )
