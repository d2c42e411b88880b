"""What derives in a space, as `space.deriving`: its derivers, how far behind they are, and the one who works it off."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from agentmem import registry
from agentmem.clock import Clock
from agentmem.deriving.settling import BATCH, Screen, Settled, enroll, read_to, settle, unread
from agentmem.encoding.answers import Answers
from agentmem.errors import AgentmemError
from agentmem.ledger import Ledger, derivations, structure
from agentmem.protocols import Deriver, Embedder, Keeping, Metered
from agentmem.types import Finding, MemoryId

Progress = Callable[[int, int], None]
NOTED = structure.DERIVERS
"""Under what name the ledger keeps who derives in a space."""
ANSWERS = Path("index") / "derivation.db"
"""Where a space keeps what models answered to derivers: among the disposable files, which every erasure deletes."""


class Deriving:
    """The derivers of one space. It works under the space's lock, and lets go of it while derivers think."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        lock: threading.RLock,
        derivers: Sequence[str] | Mapping[str, Deriver] | None,
        embedder: Callable[[], Embedder],
        screen: Screen,
        written: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._lock = lock
        self._answers = Answers(ledger.path.parent / ANSWERS, self._there)
        self._made: dict[str, Deriver] | None = None if derivers is None else _made(derivers, self._answers)
        self._recorded = derivers is None
        self._embedder = embedder
        self._screen = screen
        self._written = written
        self._working = threading.Lock()
        self._wake = threading.Event()
        self._stop = False
        self._worker: threading.Thread | None = None
        self._failed: Exception | None = None

    @property
    def derivers(self) -> dict[str, Deriver]:
        """Those that were asked for, or else those that derived in this space last, by name.

        Raises PluginNotFoundError where one of those is not installed here.
        """
        if self._made is None:
            self._made = _made(json.loads(self._ledger.meta(NOTED) or "[]"), self._answers)
        return self._made

    def settle(self, *, scopes: int | None = None, again: bool = False, progress: Progress | None = None) -> Settled:
        """Derive until nothing is stale, or at most `scopes` scopes; return what was done.

        `again`: everything is read once more first, as where a model is to derive what rules have derived.

        Raises what a deriver raises: what was done before stays done, and the rest is taken up by the next call.
        """
        if not self.derivers:
            return Settled()
        done = Settled()
        with self._working:
            self._record()
            for name in self.derivers if again else ():
                with self._lock:
                    unread(self._ledger, name)
            self._enroll()
            while stale := self._stale(scopes, done.scopes):
                before = done.scopes
                embedder = self._embedder()
                done += settle(self._ledger, self.derivers, stale, embedder, self._clock, self._lock, self._screen)
                self._written()
                if progress is not None:
                    progress(done.scopes, done.scopes + self.backlog())
                if done.scopes == before:
                    break  # others rewrite faster than this one reads: left for later
                self._enroll()
        return done

    def backlog(self) -> int:
        """Return how many scopes wait to be derived anew, and memories to be looked at."""
        if not self.derivers:
            return 0
        with self._lock:
            return len(derivations.stale(self._ledger.connection, list(self.derivers))) + self._unread()

    @property
    def structure(self) -> structure.Structure | None:
        """What recall answers from: turns, facts, summaries, notes or mixed; None: all memories, ranked alike.

        Where something derives it is mixed, unless another was chosen; choosing raises InputError for what is none.
        """
        with self._lock:
            return structure.structure_of(self._ledger)

    @structure.setter
    def structure(self, chosen: str) -> None:
        with self._lock:
            structure.choose(self._ledger, chosen)

    @property
    def spent(self) -> tuple[int, int]:
        """Calls of models and tokens that derivers have spent since the space was opened."""
        metered = [d for d in self.derivers.values() if isinstance(d, Metered)]
        return sum(d.calls for d in metered), sum(d.tokens for d in metered)

    @property
    def failed(self) -> Exception | None:
        """What stopped the background worker last, until a later round went well; None: nothing."""
        return self._failed

    def finding(self) -> Finding:
        """Return what the doctor has to say: who derives, how much waits, what models cost, and what stopped it."""
        try:
            names = ", ".join(self.derivers)
        except AgentmemError as error:
            return Finding("derived", ok=False, seen=str(error), mend="install it, or settle with others: --derive")
        if not names:
            return Finding("derived", ok=True, seen="nothing derives here")
        behind, (calls, used) = self.backlog(), self.spent
        asked = f"; models were asked {calls:,} times ({used:,} tokens) since it was opened" if calls else ""
        seen = f"by {names}; " + (f"{behind:,} still to do" if behind else "level with what was remembered") + asked
        if self._failed is not None:
            return Finding("derived", ok=False, seen=f"stopped: {self._failed}", mend="agentmem settle SPACE")
        return Finding("derived", ok=True, seen=seen)

    def poke(self) -> None:
        """Let the background worker look whether there is something to derive; it is started on first use."""
        if not self.derivers or self._stop:
            return
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name="agentmem-deriving", daemon=True)
            self._worker.start()
        self._wake.set()

    def close(self) -> None:
        """Let the worker finish what it is at, and end; what is left waits in the ledger."""
        self._stop = True
        self._wake.set()
        if self._worker is not None and self._worker is not threading.current_thread():
            self._worker.join()

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while not self._stop:
                try:
                    done = self.settle(scopes=BATCH)
                    self._failed = None
                except Exception as error:  # noqa: BLE001 - told by `failed`, the doctor and the next settle(); a thread has no caller
                    self._failed = error
                    break
                if not done.scopes:
                    break
            if self._stop:
                return

    def _record(self) -> None:
        """Note who derives here, so that whoever opens the space next goes on with the same."""
        names = json.dumps(sorted(self.derivers))
        if not self._recorded:
            with self._lock:
                self._ledger.note(NOTED, names)
            self._recorded = True

    def _enroll(self) -> None:
        for name, deriver in self.derivers.items():
            with self._lock:
                enroll(self._ledger, name, deriver)

    def _stale(self, limit: int | None, done: int) -> list[derivations.Stale]:
        left = -1 if limit is None else limit - done
        with self._lock:
            return derivations.stale(self._ledger.connection, list(self.derivers), left) if left else []

    @contextlib.contextmanager
    def _there(self, ids: Sequence[MemoryId]) -> Iterator[bool]:
        """Say whether memories are all there; no erasure can begin inside the block."""
        with self._lock, self._ledger.connection.transaction():
            yield len(self._ledger.seqs(list(ids))) == len(set(ids))

    def _unread(self) -> int:
        last = self._ledger.mark().seq
        return sum(last - read_to(self._ledger, name)[0] for name in self.derivers)


def _made(derivers: Sequence[str] | Mapping[str, Deriver], answers: Answers) -> dict[str, Deriver]:
    """Return derivers by name, each with the space's file of answers where it keeps some.

    Those that are only named are made by the registry.
    """
    made = derivers if isinstance(derivers, Mapping) else {name: registry.make_deriver(name, {}) for name in derivers}
    return {name: d.keeping(answers) if isinstance(d, Keeping) else d for name, d in made.items()}
