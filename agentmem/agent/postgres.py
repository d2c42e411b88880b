"""The states that LangGraph's PostgresSaver keeps: checkpoints, the values of channels by version, pending writes.

Read and written on a connection of its own, in one transaction that keeps writers out. Afterwards the tables are
rewritten (`VACUUM FULL`: a plain one leaves the old bytes in the holes of pages) and their statistics made anew, for
PostgreSQL keeps samples of short columns there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

from agentmem.errors import InputError, MissingExtraError, StorageError
from agentmem.unlearning.threads import BATCH, Row

if TYPE_CHECKING:
    import psycopg

TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
SAMPLES = "samples of short columns in pg_statistic, until a superuser or the server itself vacuums it"
_KEYS = {
    "checkpoints": ("thread_id", "checkpoint_ns", "checkpoint_id"),
    "checkpoint_blobs": ("thread_id", "checkpoint_ns", "channel", "version"),
    "checkpoint_writes": ("thread_id", "checkpoint_ns", "checkpoint_id", "task_id", "idx"),
}
_VALUES = {
    "checkpoints": "'json', convert_to(checkpoint::text, 'UTF8'), metadata::text, ''",
    "checkpoint_blobs": "type, blob, NULL, channel",
    "checkpoint_writes": "type, blob, NULL, channel",
}


@contextlib.contextmanager
def postgres_states(address: str, patience_s: float) -> Iterator[PostgresStates]:
    """Open the states at a PostgreSQL address (a URL or `key=value` pairs).

    Raises:
        MissingExtraError: psycopg is not installed.
        InputError: the database has none of LangGraph's tables.
        StorageError: it cannot be reached, read or written, or somebody holds a table for longer than `patience_s`.

    """
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtraError("psycopg, for checkpoints in PostgreSQL,", "postgres") from error
    try:
        with psycopg.connect(address, autocommit=True, connect_timeout=int(patience_s)) as db:
            db.execute(f"SET lock_timeout = {int(patience_s * 1000)}")
            if db.execute("SELECT to_regclass('checkpoint_blobs')").fetchone() == (None,):
                raise InputError("that database holds no checkpoints of LangGraph: it has no table checkpoint_blobs")
            yield PostgresStates(db)
    except psycopg.Error as error:
        raise StorageError(
            f"PostgreSQL refused: {str(error).strip()}. Nothing was half changed; check the address and the rights of "
            "its user (the tables' owner is needed), end transactions that hold the tables, and run this again."
        ) from error


def address_of(saver: Any) -> str:
    """Return the address, with its password, of the connection or pool that a saver works on."""
    from psycopg.conninfo import make_conninfo

    info = getattr(saver.conn, "info", None)
    if info is not None:
        return make_conninfo(info.dsn, password=info.password or None)
    return str(saver.conn.conninfo)


class PostgresStates:
    """The tables of LangGraph's PostgresSaver, on an open connection."""

    out_of_scope: tuple[str, ...] = (
        "PostgreSQL's write-ahead log and its archive, until they are recycled",
        "replicas, backups and snapshots of the server",
        "the server's own logs",
    )

    def __init__(self, db: psycopg.Connection[Any]) -> None:
        self.db = db

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other writers out of the three tables until all is committed."""
        with self.db.transaction():
            self.db.execute(f"LOCK TABLE {', '.join(TABLES)} IN SHARE ROW EXCLUSIVE MODE")
            yield

    def rows(self, thread: str | None) -> Iterator[Row]:
        """Yield all rows, through a cursor that the server keeps: updates do not disturb it."""
        with self.db.transaction():
            for table in TABLES:
                keys = _KEYS[table]
                with self.db.cursor(name=f"agentmem_{table}") as cursor:
                    cursor.itersize = BATCH
                    cursor.execute(
                        f"SELECT {', '.join(keys)}, {_VALUES[table]} FROM {table} "  # noqa: S608 - ours
                        "WHERE %(thread)s::text IS NULL OR thread_id = %(thread)s ORDER BY thread_id",
                        {"thread": thread},
                    )
                    for row in cursor:
                        key, (kind, value, metadata, channel) = row[: len(keys)], row[len(keys) :]
                        data = None if value is None else bytes(value)
                        yield Row(table, key, key[0], str(key[2]), kind or "null", data, metadata, channel)

    def update(self, row: Row) -> None:
        """Write a row back."""
        where = " AND ".join(f"{name} = %s" for name in _KEYS[row.table])
        data = row.value or b""
        if row.table == "checkpoints":
            metadata = row.metadata.decode() if isinstance(row.metadata, bytes) else row.metadata
            values: tuple[Any, ...]
            change, values = "checkpoint = %s::jsonb, metadata = %s::jsonb", (data.decode(), metadata)
        else:
            change, values = "type = %s, blob = %s", (row.kind, data)
        self.db.execute(f"UPDATE {row.table} SET {change} WHERE {where}", (*values, *row.key))  # noqa: S608 - ours

    def delete(self, threads: Collection[str]) -> None:
        """Delete threads with all their states."""
        for table in TABLES:
            self.db.execute(f"DELETE FROM {table} WHERE thread_id = ANY(%s)", ([*threads],))  # noqa: S608 - ours

    def reclaim(self) -> str:
        """Rewrite the tables and their statistics; return why not, if somebody holds one."""
        import psycopg

        tables = [*TABLES]
        sql = "SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE oid = ANY(%s::regclass[])"
        if self.db.execute(sql, (tables,)).fetchone() != (True,):  # the server would only warn, and do nothing
            return "Only the owner of the tables can rewrite them: run this again as that role."
        try:
            for table in tables:
                self.db.execute(f"VACUUM (FULL, ANALYZE) {table}")
            if self.db.execute("SHOW is_superuser").fetchone() == ("on",):
                self.db.execute("VACUUM FULL pg_statistic")
            else:
                self.out_of_scope = (*self.out_of_scope, SAMPLES)
        except psycopg.errors.LockNotAvailable:
            return (
                "Another program holds a table, so that the old bytes are still in it: when it is done, run this again."
            )
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            self.db.execute("CHECKPOINT")  # the old files go now, not at the next one; an ordinary user may not ask
        return ""

    def residue(self, count: Callable[[bytes], int]) -> list[str]:
        """Return nothing: a client cannot see the server's files."""
        del count
        return []
