"""Opening a root folder and handing out the spaces in it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from agentmem import config
from agentmem.clock import Clock, system_clock
from agentmem.encoding.perplexity import Perplexity
from agentmem.errors import InputError, SpaceNotFoundError, StorageError
from agentmem.ledger.glance import glance
from agentmem.protocols import Deriver, Embedder, RetentionPolicy
from agentmem.retention.facade import WEIGHT
from agentmem.space import Space
from agentmem.types import SpaceInfo


class System:
    """One root folder. Spaces are opened once and shared; closing the system closes them."""

    def __init__(  # noqa: PLR0913 - one keyword for each thing that can be chosen
        self,
        root: str | Path | None = None,
        *,
        embedder: str | Embedder = config.EMBEDDER,
        clock: Clock = system_clock,
        weights: Path | None = None,
        stores: Sequence[str] = config.STORES,
        retention: str | RetentionPolicy | None = None,
        retention_weight: float = WEIGHT,
        surprise: str | None = None,
        guard: str | None = None,
        derive: Sequence[str] | Mapping[str, Deriver] | None = None,
    ) -> None:
        self.root = config.root(root)
        self.embedder = embedder
        self.clock = clock
        self.weights = weights
        self.stores = tuple(stores)
        self.retention = config.retention(retention) if isinstance(retention, str | None) else retention
        self.retention_weight = _weight(retention_weight)
        model = config.surprise(surprise)
        self._surprising = None if model is None else Perplexity(model)
        self.guard = guard
        self.derive = derive
        self._spaces: dict[str, Space] = {}
        self._lock = threading.Lock()

    def folder(self, name: str) -> Path:
        """Return the folder of a space, whether it exists or not."""
        return self.root / "spaces" / config.folder_name(name)

    def space(self, name: str, *, create: bool = True) -> Space:
        """Return the space of that name, opened; make it first if it is new and `create` holds.

        Raises SpaceNotFoundError, NameRefusedError, LedgerCorruptError, EmbedderMismatchError.
        """
        with self._lock:
            space = self._spaces.get(name)
            if space is None or space.closed:
                folder = self.folder(name)
                if not create and not (folder / "ledger.db").exists():
                    raise SpaceNotFoundError(self._unknown(name))
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise StorageError(
                        f"{folder} cannot be made ({error}); choose another root with --root or AGENTMEM_HOME"
                    ) from error
                space = Space(
                    name,
                    folder,
                    embedder=self.embedder,
                    clock=self.clock,
                    weights=self.weights,
                    stores=self.stores,
                    retention=self.retention,
                    guard=self.guard,
                    derive=self.derive,
                )
                space.retention.weight = self.retention_weight
                space.retention.surprising = self._surprising
                self._spaces[name] = space
            return space

    def spaces(self) -> list[SpaceInfo]:
        """Return what is here, by name. A space whose ledger is damaged is listed with -1 memories."""
        found = []
        for ledger in sorted((self.root / "spaces").glob("*/ledger.db")):
            folder = ledger.parent
            size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
            try:
                name, memories, embedder = glance(ledger)
            except StorageError:
                name, memories, embedder = folder.name, -1, "damaged: run `agentmem doctor`"
            found.append(SpaceInfo(name, str(folder), memories, size, embedder))
        return sorted(found, key=lambda info: info.name)

    def close(self) -> None:
        """Close every space."""
        with self._lock:
            for space in self._spaces.values():
                space.close()
            self._spaces.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _unknown(self, name: str) -> str:
        import difflib

        names = [info.name for info in self.spaces()]
        close = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        there = f" There are: {', '.join(names[:10])}." if names else " There are none yet."
        return f"no space {name!r} in {self.root}.{hint}{there} Make one with `agentmem remember {name} TEXT`."


def _weight(weight: float) -> float:
    """Return the weight of retention in recalls. Raises InputError for one that is negative or no number."""
    if not 0 <= weight < float("inf"):
        raise InputError(f"retention_weight={weight} must be 0 (recall does not look at it) or more, such as 0.5")
    return weight


def open_system(  # noqa: PLR0913 - as above
    root: str | Path | None = None,
    *,
    embedder: str | Embedder = config.EMBEDDER,
    clock: Clock = system_clock,
    weights: Path | None = None,
    stores: Sequence[str] = config.STORES,
    retention: str | RetentionPolicy | None = None,
    retention_weight: float = WEIGHT,
    surprise: str | None = None,
    guard: str | None = None,
    derive: Sequence[str] | Mapping[str, Deriver] | None = None,
) -> System:
    """Open a root folder: `agentmem.open("~/.agentmem")`.

    `embedder` names a model ("default" is all-MiniLM-L6-v2 on the fastest backend of this machine that keeps its
    quality) or is one; `weights` is a file that `agentmem tune` wrote; `stores` names the indexes to recall from;
    `retention` is the policy (see `agentmem policies`) by which recalls reinforce and sweeps choose (default:
    $AGENTMEM_RETENTION, else "none"), and `retention_weight` how much it weighs in recalls: so much is added to a score
    for a memory as good as new, compared with one that has faded; `surprise` is a causal model on this machine by whose
    perplexity memories are surprising (default: $AGENTMEM_SURPRISE, else how new they are); `guard` is what is done
    with texts that say what was forgotten on request: "block", "quarantine", "allow", "none" (default: as set in each
    space, else "quarantine"); `derive` names the derivers (see `agentmem.registry.derivers`) that make facts,
    summaries and the like of what is remembered, in the background (default: those that did so last in each space).
    """
    return System(
        root,
        embedder=embedder,
        clock=clock,
        weights=weights,
        stores=stores,
        retention=retention,
        retention_weight=retention_weight,
        surprise=surprise,
        guard=guard,
        derive=derive,
    )
