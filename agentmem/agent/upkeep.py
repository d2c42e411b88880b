"""What a memory needs between turns, done beside the conversation: no reply waits for it.

    graph = build_agent(space, model, upkeep=Upkeep(space, "salience", budget="20MB", every=timedelta(days=1)))

After a turn, in a thread of its own: what recalls have counted is written down and reinforces; forgettings on a
schedule that are due are carried out; and, if so chosen, what is worth least is let fade, at the first turn and then
not before so much time has passed. Derivers have a worker of their own (`Space.deriving`). The next turn waits at most
for what is being written at that moment.
"""

from __future__ import annotations

import threading
import warnings
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from agentmem.errors import InputError, SpaceClosedError

if TYPE_CHECKING:
    from agentmem.protocols import RetentionPolicy
    from agentmem.space import Space

DAILY = timedelta(days=1)
USES = 50
"""Memories whose uses are counted before they are written down."""


class Upkeep:
    """Looks after a space, one round at a time.

    Args:
        space: the space.
        sweep: the policy by which memories fade; None: they do not. With `threshold` and `budget` as `Space.sweep` has
            them.
        every: the least time between two sweeps, by the clock of the space.

    Raises InputError for a budget or a threshold without a policy, or a time that is none.

    """

    def __init__(
        self,
        space: Space,
        sweep: str | RetentionPolicy | None = None,
        *,
        threshold: float | None = None,
        budget: str | None = None,
        every: timedelta = DAILY,
    ) -> None:
        if sweep is None and (threshold, budget) != (None, None):
            raise InputError(
                "a threshold or a budget needs a policy to fade by, such as Upkeep(space, 'salience', ...)"
            )
        if every <= timedelta():
            raise InputError(f"every={every} must be longer than nothing")
        self.space = space
        self.sweep = sweep
        self.threshold = threshold
        self.budget = budget
        self.every = every
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._again = False
        self._swept: datetime | None = None
        self._failed: Exception | None = None

    def poke(self) -> None:
        """Begin a round, or another one after that which is under way. What stopped the last one is a warning now."""
        with self._lock:
            failed, self._failed = self._failed, None
            self._again = True
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="agentmem-upkeep", daemon=True)
                self._worker.start()
        if failed is not None:
            warnings.warn(f"the upkeep of the space {self.space.name!r} was stopped: {failed}", stacklevel=2)

    def wait(self) -> None:
        """Return once nothing is under way."""
        with self._lock:
            worker = self._worker
        if worker is not None:
            worker.join()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._again:
                    self._worker = None
                    return
                self._again = False
            try:
                self._round()
            except SpaceClosedError:
                pass  # there is nothing left to look after
            except Exception as error:  # noqa: BLE001 - told at the next turn; a thread has no caller
                self._failed = error

    def _round(self) -> None:
        now = self.space.clock()
        self.space.retention.write_uses(at_least=USES)
        self.space.forgetting.run_due()
        if self.sweep is not None and (self._swept is None or now - self._swept >= self.every):
            self.space.sweep(self.sweep, threshold=self.threshold, budget=self.budget, dry_run=False)
            self._swept = now
