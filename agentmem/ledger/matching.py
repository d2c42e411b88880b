"""What only the ledger can say of a filter: which memories have its metadata, and which its viewer may not see."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from agentmem.ledger import rows
from agentmem.ledger.audiences import hidden_from
from agentmem.ledger.connection import Connection
from agentmem.types import Filter


class Matching(NamedTuple):
    """What arrays cannot say of a filter: the seqs whose metadata pass (None: all), and those that are hidden."""

    among: Collection[int] | None = None
    hidden: Collection[int] = ()


def matching(db: Connection, asked: Filter) -> Matching:
    """Return what the ledger says of a filter."""
    among = where(db, asked.where) if asked.where else None
    return Matching(among, hidden_from(db, asked.viewer) if asked.viewer else ())


def where(db: Connection, metadata: Mapping[str, Any]) -> set[int]:
    """Return the seqs of memories whose metadata has all these values."""
    clauses: list[str] = []
    parameters: list[Any] = []
    for name, value in metadata.items():
        one = "EXISTS (SELECT 1 FROM json_each(memories.metadata) WHERE key = ? AND "
        if value is None or isinstance(value, bool):
            clauses.append(one + "type = ?)")
            parameters += [name, {None: "null", True: "true", False: "false"}[value]]
        else:
            clauses.append(one + "type NOT IN ('true', 'false') AND value = ?)")
            parameters += [name, value]
    condition = " AND ".join(clauses) or "1"
    return {seq for (seq,) in db.all(rows.SEQS + condition, parameters)}
