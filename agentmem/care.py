"""Looking after a space: examine it, count it, encode it anew."""

from __future__ import annotations

import sqlite3
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from agentmem.encoding.encoder import Progress, by_rule, encode
from agentmem.errors import AgentmemError, LedgerCorruptError
from agentmem.ledger import Ledger, rows, vectors
from agentmem.protocols import Embedder, Tiered
from agentmem.recall.indexes import Indexes
from agentmem.types import Draft, Encoded, Finding, Memory
from agentmem.unlearning import intents, receipts

if TYPE_CHECKING:
    from agentmem.space import Space

UNIT = 1e-3
"""How far the length of a vector may be from 1."""


def reread(ledger: Ledger, rules: str) -> None:
    """Read cues and features of every memory anew by the rules of this version; vectors stay. One transaction."""
    with ledger.connection.transaction():
        for chunk in ledger.read(vectors=True, whole=False):
            ledger.replace_encodings(
                {m.seq: by_rule(m, m.vector) for m in chunk if m.vector is not None}, with_vectors=False
            )
        ledger.note("rules", rules)


def reencode(ledger: Ledger, embedder: Embedder, progress: Progress | None) -> None:
    """Encode every memory with `embedder` and write vectors, cues and features in one transaction.

    What other processes write meanwhile is encoded inside the transaction, so nothing is left in the old space.
    """
    done: dict[int, Encoded] = {}
    total = ledger.count()
    for chunk in ledger.read():
        done |= _encoded(chunk, embedder)
        if progress is not None:
            progress(len(done), max(total, len(done)))
    with ledger.connection.transaction():
        late = [m for chunk in ledger.read(max(done, default=0)) for m in chunk]
        done |= _encoded(late, embedder)
        ledger.replace_encodings(done)
        ledger.note("embedder", embedder.name)
        ledger.note("dim", embedder.dim)


def _encoded(memories: list[Memory], embedder: Embedder) -> dict[int, Encoded]:
    drafts = [
        Draft(m.text, m.kind, m.speaker, said_at=m.said_at, parents=m.parents, metadata=m.metadata) for m in memories
    ]
    return {m.seq: code for m, code in zip(memories, encode(drafts, embedder), strict=True)}


def examine(space: Space) -> list[Finding]:
    """Check ledger, vectors, indexes, erasures, model and versions; a finding that fails says how to mend it."""
    ledger = space._ledger  # noqa: SLF001 - the doctor looks inside
    faults = ledger.faults()
    findings = [
        Finding(
            "ledger",
            not faults,
            "; ".join(faults[:3]) or f"{ledger.count()} memories, integrity and foreign keys hold",
            f"restore the last archive: agentmem restore ARCHIVE --as {space.name}-restored" if faults else "",
        )
    ]
    if faults:
        return findings
    findings.append(_vectors(space, ledger))
    findings.append(_indexes(space, ledger))
    findings.append(_erasures(space, ledger))
    findings.append(_receipts(ledger))
    findings.append(space.guard.finding())
    findings.append(space.deriving.finding())
    findings.append(_embedder(space))
    findings.append(_versions())
    return findings


def _vectors(space: Space, ledger: Ledger) -> Finding:
    dim = ledger.meta("dim")
    mend = f"agentmem rebuild {space.name} --embedder {ledger.meta('embedder')}"
    bad, count = 0, 0
    try:
        for chunk in ledger.read(vectors=True, whole=False):
            count += len(chunk)
            bad += sum(not _usable(memory, dim) for memory in chunk)
    except LedgerCorruptError as error:
        return Finding("vectors", ok=False, seen=str(error), mend=mend)
    if bad:
        return Finding("vectors", ok=False, seen=f"{bad} of {count} memories have no usable vector", mend=mend)
    cold = {tier: n for tier, n in vectors.tiers(ledger.connection).items() if n and tier != "full"}
    seen = ", ".join([f"{count} unit vectors of length {dim}", *(f"{n} of them in {tier}" for tier, n in cold.items())])
    return Finding("vectors", ok=True, seen=seen)


def _usable(memory: Memory, dim: int) -> bool:
    """Say whether a vector is there, of the right size, of length 1, and off what it stands for by half a turn at most.

    Half a turn is what a code could say of anything.
    """
    vector, code = memory.vector, memory.code
    if vector is None or len(vector) != dim or not abs(float(np.linalg.norm(vector)) - 1) < UNIT:
        return False
    return code is None or 0 <= float(code.slacks[0]) < np.pi


def _indexes(space: Space, ledger: Ledger) -> Finding:
    try:
        indexes = Indexes(ledger, space.path, space._stores)  # noqa: SLF001
        indexes.catch_up()
    except AgentmemError as error:
        return Finding("indexes", ok=False, seen=str(error), mend=f"agentmem rebuild {space.name}")
    count = ledger.count()
    sizes = {"catalog": len(indexes.catalog)} | {name: len(store) for name, store in indexes.stores.items()}
    missing = {n: sum(i not in s for i in indexes.catalog.ids) for n, s in indexes.stores.items()}
    cold = count - vectors.tiers(ledger.connection)["full"]
    nowhere = np.zeros(ledger.meta("dim") or 0, np.float32)
    tiered = {n: s for n, s in indexes.stores.items() if isinstance(s, Tiered)}
    codes = {n: len(s.bounds(indexes.catalog.ids, nowhere)[0]) for n, s in tiered.items()}
    ok = all(n == count for n in sizes.values()) and not any(missing.values()) and set(codes.values()) <= {cold}
    seen = ", ".join(f"{name} {size}" for name, size in sizes.items())
    if not ok:
        seen = f"ledger {count}, {cold} of them compressed, but {seen}; missing: {missing}; compressed: {codes}"
    return Finding(
        "indexes",
        ok,
        f"level with the ledger: {seen}" if ok else seen,
        "" if ok else f"agentmem rebuild {space.name}",
    )


def _erasures(space: Space, ledger: Ledger) -> Finding:
    pending = intents.unfinished(ledger, space.clock())
    waiting = len(intents.unfinished(ledger)) - len(pending)
    found = intents.receipts(ledger)
    why = {r.pending for r in found if r.pending}
    return Finding(
        "erasures",
        not pending,
        f"{len(pending)} unfinished: {'; '.join(sorted(why)) or 'interrupted'}"
        if pending
        else f"{len(found) - waiting} carried out, none pending"
        + (f", {waiting} can still be undone" if waiting else ""),
        f"close other programs that use the space, then: agentmem doctor {space.name} --mend" if pending else "",
    )


def _receipts(ledger: Ledger) -> Finding:
    unsigned = ledger.meta("unsigned")
    if unsigned:
        return Finding("receipts", ok=False, seen=f"not signed: {unsigned}", mend="then open the space again")
    whole = receipts.whole(receipts.documents(ledger))
    return Finding("receipts", whole.ok, whole.seen, whole.mend)


def _embedder(space: Space) -> Finding:
    recorded = space.embedder_name
    if recorded is None:
        return Finding("embedder", ok=True, seen="none yet: the space is empty")
    try:
        opened = space.embedder
        opened(["probe"])
    except AgentmemError as error:
        return Finding("embedder", ok=False, seen=str(error), mend=f"agentmem rebuild {space.name} --embedder default")
    return Finding("embedder", ok=True, seen=f"{opened.name}, {opened.dim} dimensions")


def _versions() -> Finding:
    found = {}
    for package in ("faiss-cpu", "faiss-gpu-cu12", "onnxruntime", "numpy", "langgraph"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    both = {"faiss-cpu", "faiss-gpu-cu12"} <= found.keys()
    listed = ", ".join(f"{name} {number}" for name, number in found.items())
    return Finding(
        "versions",
        not both,
        f"agentmem {version('agentmem')}, SQLite {sqlite3.sqlite_version}, {listed}",
        "faiss-cpu and faiss-gpu share one import name; remove one: pip uninstall faiss-cpu" if both else "",
    )


def figures(space: Space) -> dict[str, Any]:
    """Return what `agentmem show SPACE` prints: counts, bytes, names."""
    db = space._ledger.connection  # noqa: SLF001
    kinds = dict(db.all("SELECT kind, count(*) FROM memories WHERE suppressed = 0 GROUP BY kind ORDER BY kind"))
    said = db.all("SELECT min(said_at), max(said_at) FROM memories WHERE suppressed = 0")[0]
    first, last = (rows.maybe(s) for s in said)
    return {
        "name": space.name,
        "path": str(space.path),
        "memories": sum(kinds.values()),
        "kinds": kinds,
        "tiers": vectors.tiers(db),
        "threads": db.one("SELECT count(DISTINCT thread) FROM memories WHERE suppressed = 0"),
        "speakers": [
            s
            for (s,) in db.all(
                "SELECT speaker FROM memories WHERE suppressed = 0 AND speaker IS NOT NULL GROUP BY speaker "
                "ORDER BY count(*) DESC LIMIT 20"
            )
        ],
        "first_said_at": first and first.isoformat(),
        "last_said_at": last and last.isoformat(),
        "embedder": space.embedder_name,
        "erasures": len(intents.receipts(space._ledger)),  # noqa: SLF001
        "files": {
            str(f.relative_to(space.path)): f.stat().st_size for f in sorted(space.path.rglob("*")) if f.is_file()
        },
    }
