"""LangGraph's long-term store over a space: namespaces, keys and values that are memories like all others.

    store = AgentMemoryStore(system.space("ana"))
    store.put(("users", "ana"), "food", {"text": "She loves paella."})
    store.search(("users",), query="What does she like to eat?")

An item is a note in a thread of its own, whose name is the namespace and the key, so that forgetting, archives,
retention and lineage hold for items too, and `Space.recall` finds them. Its value stands in the text alone, as JSON
(a value of one text, `{"text": ...}` or `{"content": ...}`, as that text): what is erased or redacted there is nowhere
else. A put on a key that exists writes the new value, then erases the old one, with what was derived from it: its rows
at once, its bytes in every file a moment later, with those of other puts (`flush`), as that costs more than all the
rest. What is deleted or expires is gone from the bytes when the call returns. A crash between writing and erasing
leaves both values, of which the newer counts, and the next put erases the older.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
    validate_op_namespace,
)

from agentmem.agent.checkpoints import connected
from agentmem.agent.store_filter import in_namespace, matches
from agentmem.errors import InputError, SpaceClosedError
from agentmem.types import Draft, Filter, Memory, MemoryId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agentmem.space import Space

PREFIX = "store:"
"""How the threads of items begin; then comes a JSON list: the labels of the namespace, and the key."""
ONE_TEXT = ("text", "content")
"""Names of a value's only field whose text is remembered as it is."""
HOLDS = (
    "It only holds when items of the agent's store expire. Delete FILE in that folder: they then count from their put."
)

DELAY_S = 2.0
"""How long the bytes of replaced values may wait for those of others."""

Address = tuple[tuple[str, ...], str]
"""Namespace and key."""


class AgentMemoryStore(BaseStore):
    """A `BaseStore` whose items are memories of a space; compile a graph with it, or give it to `create_agent`.

    Searches with a query are recalls of the space, with the score that recall gives; without one, items come oldest
    first. `index=False` keeps an item out of such searches (not out of `Space.recall`); a list of fields makes no
    difference, the whole value is read. A time to live counts from the put, or from the last read that refreshed it;
    what has expired is erased by the next call. Values must be JSON. Several processes may use one space.
    """

    supports_ttl = True

    def __init__(self, space: Space, *, ttl: TTLConfig | None = None) -> None:
        self.space = space
        self.ttl_config = ttl
        self._lock = threading.RLock()
        self._flushing: threading.Timer | None = None
        self._expiry = connected(space.path / "store.db", HOLDS)
        with self._expiry:
            # by ledger number: an id would be a trace that an erasure looks for
            self._expiry.execute("CREATE TABLE IF NOT EXISTS expiry (seq INTEGER PRIMARY KEY, at REAL NOT NULL)")
            for memory in self._items(self._threads(())).values():
                if (minutes := memory.metadata.get("ttl")) is not None:  # what was restored from an archive has no row
                    self._note_expiry(memory.seq, memory.stored_at, float(minutes), anew=False)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations: reads see what was before them all, and of several puts on a key the last counts.

        Raises InputError for a value that is no JSON, InvalidNamespaceError, GuardedError for what was forgotten on
        request; then nothing is put.
        """
        asked = list(ops)
        for op in asked:
            validate_op_namespace(op)
        with self._lock:
            self.sweep_ttl()
            results: list[Result] = [self._read(op) for op in asked]
            puts = {(op.namespace, op.key): op for op in asked if isinstance(op, PutOp)}
            if puts:
                self._put(puts)
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Do what `batch` does, in a thread, so that the loop goes on."""
        return await asyncio.to_thread(self.batch, list(ops))

    def sweep_ttl(self) -> int:
        """Erase what has expired; return how many items. Every call of the store does so first."""
        with self._lock:
            sql = "SELECT seq FROM expiry WHERE at <= ?"
            due = {row[0] for row in self._expiry.execute(sql, (self.space.clock().timestamp(),))}
            gone = [m for m in self._notes(self._threads(())) if m.seq in due] if due else []
            self._erase(gone, "time to live")
            with self._expiry:
                self._expiry.executemany("DELETE FROM expiry WHERE seq = ?", [(seq,) for seq in due])
            return len(gone)

    def flush(self) -> None:
        """Reclaim the bytes of values that were replaced, now; else that is done within seconds."""
        with self._lock:
            waiting, self._flushing = self._flushing, None
            if waiting is not None:
                waiting.cancel()
                self.space.finish_pending()

    def close(self) -> None:
        """Reclaim what is to be reclaimed, and close the file of expiry times; the space stays open."""
        if not self.space.closed:
            self.flush()
        self._expiry.close()

    # -- reading ---------------------------------------------------------------------------------------------------

    def _read(self, op: Op) -> Result:
        match op:
            case GetOp():
                memory = self._items([thread_of((op.namespace, op.key))]).get((op.namespace, op.key))
                self._refresh([memory] if memory and op.refresh_ttl else [])
                return None if memory is None else Item(**_fields(memory))
            case SearchOp():
                found = self._searched(op)
                self._refresh([memory for memory, _ in found] if op.refresh_ttl else [])
                return [SearchItem(**_fields(memory), score=score) for memory, score in found]
            case ListNamespacesOp():
                here = {address_of(thread)[0] for thread in self._threads(())}
                kept = {ns for ns in here if all(in_namespace(c, ns) for c in op.match_conditions or ())}
                listed = sorted({ns[: op.max_depth] for ns in kept})
                return listed[op.offset : op.offset + op.limit]
            case PutOp():
                return None
        raise InputError(f"{type(op).__name__} is no operation of a store")

    def _searched(self, op: SearchOp) -> list[tuple[Memory, float | None]]:
        items = self._items(self._threads(op.namespace_prefix))
        wanted = op.filter or {}
        kept = [
            m for m in items.values() if all(matches(value_of(m).get(name), asked) for name, asked in wanted.items())
        ]
        kept.sort(key=lambda m: (_created(m), m.seq))
        if not op.query or not op.query.strip():
            return [(m, None) for m in kept[op.offset : op.offset + op.limit]]
        indexed = {m.id: m for m in kept if m.metadata.get("indexed") is not False}
        scores: dict[MemoryId, float] = {}
        if indexed and op.offset + op.limit > 0:
            only = Filter(threads=tuple(m.thread for m in indexed.values()), kinds=("note",))
            recall = self.space.recall(op.query, op.offset + op.limit, filter=only, explain=False)
            scores = {e.id: e.score for e in recall if e.id in indexed}
        ranked: list[tuple[Memory, float | None]] = [(indexed[i], score) for i, score in scores.items()]
        rest: list[tuple[Memory, float | None]] = [(m, None) for m in kept if m.id not in scores]
        return [*ranked, *rest][op.offset : op.offset + op.limit]

    def _threads(self, prefix: tuple[str, ...]) -> list[str]:
        """Return the threads of the items at or below a namespace."""
        ours = (thread for thread in self.space.threads() if thread.startswith(f"{PREFIX}["))
        return [thread for thread in ours if address_of(thread)[0][: len(prefix)] == prefix]

    def _items(self, threads: Sequence[str]) -> dict[Address, Memory]:
        """Return what stands in these threads, the newest of each."""
        found: dict[Address, Memory] = {}
        for memory in self._notes(threads):
            found[address_of(memory.thread)] = memory
        return found

    def _notes(self, threads: Sequence[str]) -> list[Memory]:
        if not threads:
            return []
        held = self.space.memories(Filter(threads=tuple(threads), kinds=("note",)))
        return [m for m in held if "stored" in m.metadata]

    # -- writing ---------------------------------------------------------------------------------------------------

    def _put(self, puts: dict[Address, PutOp]) -> None:
        now = self.space.clock()
        before: dict[Address, list[Memory]] = {}
        for memory in self._notes([thread_of(address) for address in puts]):
            before.setdefault(address_of(memory.thread), []).append(memory)
        drafts = {
            address: _draft(address, op, before.get(address, []), now)
            for address, op in puts.items()
            if op.value is not None
        }
        same = {a: m for a, (*_, m) in before.items() if a in drafts and _alike(drafts[a], m)}
        new = {address: draft for address, draft in drafts.items() if address not in same}
        ids = {m.id for m in same.values()}
        if new:
            ids |= {*self.space.remember(list(new.values()), guarded="raise")}
        lasting = {thread_of(a): op.ttl for a, op in puts.items() if op.ttl is not None and op.value is not None}
        with self._expiry:
            for memory in self._notes([*lasting]):
                if memory.id in ids:
                    self._note_expiry(memory.seq, now, lasting[memory.thread] or 0)
        self._erase([m for a, old in before.items() if puts[a].value is None for m in old], "deleted in the store")
        replaced = [m for a, old in before.items() if a in drafts for m in old if m.id not in ids]
        self._erase(replaced, "replaced in the store", later=True)

    def _erase(self, memories: Iterable[Memory], policy: str, *, later: bool = False) -> None:
        here = [m.id for m in memories if m.id in self.space]
        if not here:
            return
        self.space.forgetting.erase(here, later=later, actor="store", policy=policy)
        if later and self._flushing is None:
            self._flushing = threading.Timer(DELAY_S, self._flush_late)
            self._flushing.daemon = True
            self._flushing.start()

    def _flush_late(self) -> None:
        with contextlib.suppress(SpaceClosedError):  # closing it has reclaimed them
            self.flush()

    def _refresh(self, memories: Iterable[Memory]) -> None:
        lasting = [(m.seq, float(m.metadata["ttl"] or 0)) for m in memories if "ttl" in m.metadata]
        if lasting:
            with self._expiry:
                for seq, minutes in lasting:
                    self._note_expiry(seq, self.space.clock(), minutes)

    def _note_expiry(self, seq: int, since: datetime, minutes: float, *, anew: bool = True) -> None:
        at = (since + timedelta(minutes=minutes)).timestamp()
        self._expiry.execute(f"INSERT OR {'REPLACE' if anew else 'IGNORE'} INTO expiry VALUES (?, ?)", (seq, at))  # noqa: S608


def thread_of(address: Address) -> str:
    """Return the thread that an item stands in."""
    name = json.dumps([*address[0], address[1]], ensure_ascii=False)
    return PREFIX + (name if _plain(name) else json.dumps([*address[0], address[1]]))


def address_of(thread: str) -> Address:
    """Return namespace and key of the item in a thread. Raises InputError where it is none of ours."""
    try:
        *namespace, key = json.loads(thread.removeprefix(PREFIX))
    except ValueError as error:
        raise InputError(
            f"the thread {thread!r} begins like one of the store but names no item; give your own threads other names"
        ) from error
    return tuple(namespace), key


def value_of(memory: Memory) -> dict[str, Any]:
    """Return the value that a memory holds; one that was redacted and is no JSON any more, as `{"text": ...}`."""
    shape = memory.metadata["stored"]
    if shape in ONE_TEXT:
        return {str(shape): memory.text}
    try:
        return cast("dict[str, Any]", json.loads(memory.text))
    except ValueError:
        return {"text": memory.text}


def _fields(memory: Memory) -> dict[str, Any]:
    namespace, key = address_of(memory.thread)
    times = {"created_at": _created(memory), "updated_at": memory.stored_at}
    return {"value": value_of(memory), "key": key, "namespace": namespace, **times}


def _created(memory: Memory) -> datetime:
    created = memory.metadata.get("created")
    return memory.stored_at if created is None else datetime.fromisoformat(str(created))


def _draft(address: Address, op: PutOp, before: Sequence[Memory], now: datetime) -> Draft:
    shape, text = _written(address, op.value or {})
    metadata: dict[str, Any] = {"stored": shape}
    if before:
        metadata["created"] = _created(before[-1]).isoformat()
    if op.ttl is not None:
        if not op.ttl > 0:
            raise InputError(f"ttl={op.ttl} minutes must be more than nothing, or None to keep it for good")
        metadata["ttl"] = float(op.ttl)
    if op.index is False:
        metadata["indexed"] = False
    return Draft(text, kind="note", thread=thread_of(address), said_at=now, metadata=metadata)


def _written(address: Address, value: Mapping[str, Any]) -> tuple[str, str]:
    """Return how a value is written down, and its text."""
    name, only = next(iter(value.items())) if len(value) == 1 else ("", None)
    if name in ONE_TEXT and isinstance(only, str) and only.strip() and _plain(only):
        return name, only
    try:
        text = json.dumps(_text_keys(value), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the value of {address[1]!r} in {address[0]} is no JSON ({error}); put texts, finite numbers, true, "
            "false, null, lists and dicts with text keys"
        ) from error
    return "json", text if _plain(text) else json.dumps(value)


def _text_keys(value: Any) -> Any:
    """Return the value; raise TypeError where a key is no text: JSON would make it one, and it would not come back."""
    if isinstance(value, dict):
        if strange := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"the key {strange[0]!r} is not a text")
        return {key: _text_keys(part) for key, part in value.items()}
    return [_text_keys(part) for part in value] if isinstance(value, list | tuple) else value


def _plain(text: str) -> bool:
    """Say whether a text can be remembered letter for letter: no NUL, no lone surrogates."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _alike(draft: Draft, memory: Memory) -> bool:
    """Say whether a put would write what is there."""
    ours, theirs = dict(draft.metadata), dict(memory.metadata)
    for metadata in (ours, theirs):
        metadata.pop("created", None)
    return draft.text == memory.text and ours == theirs
