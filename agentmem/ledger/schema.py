"""The ledger's tables, as a list of migrations (sqlite-utils), each applied once and in order.

`PRAGMA user_version` holds how many were applied, so that opening a current ledger needs neither sqlite-utils nor a
lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentmem.errors import LedgerVersionError
from agentmem.ledger.connection import Connection

if TYPE_CHECKING:
    from sqlite_utils import Database


def _tables(db: Database) -> None:
    """Create memories, vectors, cues, lineage, traces, changes, erasures and meta."""
    for statement in _TABLES:
        db.execute(statement)


# Removing a memory takes its vector, cues and trace along. Removing a parent while something derived from it is left is
# refused by the schema itself: derived first, then sources.
_TABLES = (
    """CREATE TABLE memories (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        speaker TEXT,
        thread TEXT NOT NULL,
        position INTEGER NOT NULL,
        said_at INTEGER NOT NULL,
        said_zone INTEGER NOT NULL,
        stored_at INTEGER NOT NULL,
        valid_from INTEGER,
        valid_to INTEGER,
        happened_from INTEGER,
        happened_to INTEGER,
        features BLOB NOT NULL,
        metadata TEXT NOT NULL,
        origin TEXT UNIQUE,
        suppressed INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX memories_by_place ON memories (thread, position)",
    """CREATE TABLE vectors (
        seq INTEGER PRIMARY KEY REFERENCES memories (seq) ON DELETE CASCADE,
        vector BLOB NOT NULL
    )""",
    """CREATE TABLE cues (
        seq INTEGER NOT NULL REFERENCES memories (seq) ON DELETE CASCADE,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (seq, name, value)
    ) WITHOUT ROWID""",
    """CREATE TABLE lineage (
        child INTEGER NOT NULL REFERENCES memories (seq) ON DELETE CASCADE,
        parent INTEGER NOT NULL REFERENCES memories (seq),
        PRIMARY KEY (child, parent)
    ) WITHOUT ROWID""",
    "CREATE INDEX lineage_by_parent ON lineage (parent)",
    """CREATE TABLE traces (
        seq INTEGER PRIMARY KEY REFERENCES memories (seq) ON DELETE CASCADE,
        uses INTEGER NOT NULL,
        last_used_at INTEGER NOT NULL
    )""",
    "CREATE TABLE changes (number INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL)",
    """CREATE TABLE erasures (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        state TEXT NOT NULL,
        requested_at INTEGER NOT NULL,
        finished_at INTEGER,
        erased TEXT NOT NULL,
        digests TEXT NOT NULL,
        checked INTEGER NOT NULL DEFAULT 0,
        pending TEXT NOT NULL DEFAULT ''
    )""",
    """CREATE TABLE erasing (
        number INTEGER NOT NULL REFERENCES erasures (number),
        seq INTEGER NOT NULL,
        PRIMARY KEY (number, seq)
    ) WITHOUT ROWID""",
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
)


def _slots(db: Database) -> None:
    """Create slots: what rules read of each memory that holds one value at a time; old memories are read later."""
    db.execute(
        """CREATE TABLE slots (
            seq INTEGER NOT NULL REFERENCES memories (seq) ON DELETE CASCADE,
            subject TEXT NOT NULL,
            attribute TEXT NOT NULL,
            value TEXT NOT NULL,
            ends INTEGER NOT NULL,
            PRIMARY KEY (seq, subject, attribute, value, ends)
        ) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX slots_by_key ON slots (attribute, subject)")
    db.execute("CREATE INDEX slots_by_subject ON slots (subject)")


def _fading(db: Database) -> None:
    """Create signals and protections, and let traces hold what a retention policy reinforces."""
    db.execute(
        """CREATE TABLE signals (
            seq INTEGER PRIMARY KEY REFERENCES memories (seq) ON DELETE CASCADE,
            arousal REAL NOT NULL,
            importance REAL NOT NULL,
            surprise REAL NOT NULL,
            specificity REAL NOT NULL,
            salience REAL NOT NULL
        )"""
    )
    db.execute(
        """CREATE TABLE protections (
            seq INTEGER PRIMARY KEY REFERENCES memories (seq) ON DELETE CASCADE,
            hold INTEGER NOT NULL,
            reason TEXT NOT NULL,
            since INTEGER NOT NULL
        )"""
    )
    db.execute("ALTER TABLE traces ADD COLUMN unused INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE traces ADD COLUMN stability REAL NOT NULL DEFAULT 1")
    db.execute("ALTER TABLE traces ADD COLUMN difficulty REAL NOT NULL DEFAULT 5")


def _tiers(db: Database) -> None:
    """Let a vector be kept in fewer bits: `tier` is its place in `agentmem.types.LEVELS`."""
    db.execute("ALTER TABLE vectors ADD COLUMN tier INTEGER NOT NULL DEFAULT 0")


def _attested(db: Database) -> None:
    """Create receipts, each a signed document; erasures note what theirs will say beyond counts, without content."""
    db.execute("ALTER TABLE erasures ADD COLUMN terms TEXT NOT NULL DEFAULT '{}'")
    db.execute(
        """CREATE TABLE receipts (
            number INTEGER PRIMARY KEY,
            erasure INTEGER NOT NULL REFERENCES erasures (number),
            document TEXT NOT NULL
        )"""
    )


def _guarded(db: Database) -> None:
    """Create tombstones: keyed digests of the words of what was forgotten; `key` names a key that lies elsewhere."""
    db.execute(
        """CREATE TABLE tombstones (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            key TEXT NOT NULL,
            erasure INTEGER,
            scope TEXT NOT NULL,
            hashes BLOB NOT NULL,
            made_at INTEGER NOT NULL,
            expires_at INTEGER,
            hits INTEGER NOT NULL DEFAULT 0
        )"""
    )


def _derivations(db: Database) -> None:
    """Create scopes, derived and stale: what derivers read together, what they made of it, what they must make anew."""
    for statement in (
        """CREATE TABLE scopes (
            deriver TEXT NOT NULL,
            scope BLOB NOT NULL,
            seq INTEGER NOT NULL REFERENCES memories (seq) ON DELETE CASCADE,
            PRIMARY KEY (deriver, scope, seq)
        ) WITHOUT ROWID""",
        "CREATE INDEX scopes_by_seq ON scopes (seq)",
        """CREATE TABLE derived (
            seq INTEGER PRIMARY KEY REFERENCES memories (seq) ON DELETE CASCADE,
            deriver TEXT NOT NULL,
            scope BLOB NOT NULL
        )""",
        "CREATE INDEX derived_by_scope ON derived (deriver, scope)",
        """CREATE TABLE stale (
            deriver TEXT NOT NULL,
            scope BLOB NOT NULL,
            number INTEGER NOT NULL,
            PRIMARY KEY (deriver, scope)
        ) WITHOUT ROWID""",
        """CREATE TRIGGER stale_without_member AFTER DELETE ON scopes BEGIN
            INSERT OR REPLACE INTO stale (deriver, scope, number)
            VALUES (old.deriver, old.scope, (SELECT coalesce(max(number), 0) + 1 FROM stale));
        END""",
    ):
        db.execute(statement)


def _forgettings(db: Database) -> None:
    """Let a forgetting be undone for a while, rewrite what survives it and be repeated; note what recalls saw together.

    `shadows` hold what a memory was before a forgetting rewrote it, until that is carried out; `recalls` hold seqs.
    """
    db.execute("ALTER TABLE erasures ADD COLUMN undo_until INTEGER")
    db.execute("ALTER TABLE erasing ADD COLUMN origin TEXT")
    db.execute(
        """CREATE TABLE shadows (
            number INTEGER NOT NULL REFERENCES erasures (number),
            seq INTEGER NOT NULL REFERENCES memories (seq) ON DELETE CASCADE,
            text TEXT NOT NULL,
            speaker TEXT,
            thread TEXT NOT NULL,
            position INTEGER NOT NULL,
            said_at INTEGER NOT NULL,
            said_zone INTEGER NOT NULL,
            metadata TEXT NOT NULL,
            origin TEXT,
            vector BLOB NOT NULL,
            tier INTEGER NOT NULL,
            parents TEXT NOT NULL,
            removed TEXT NOT NULL,
            PRIMARY KEY (number, seq)
        )"""
    )
    db.execute(
        """CREATE TABLE schedules (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            selector TEXT NOT NULL,
            older_than INTEGER,
            every INTEGER,
            due_at INTEGER NOT NULL,
            made_at INTEGER NOT NULL
        )"""
    )
    db.execute(
        """CREATE TABLE recalls (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            used INTEGER NOT NULL,
            seqs BLOB NOT NULL
        )"""
    )


def _shared(db: Database) -> None:
    """Create audiences, who may see a memory that is not for everyone, and accesses, who has read and written which."""
    db.execute(
        """CREATE TABLE audiences (
            seq INTEGER NOT NULL REFERENCES memories (seq) ON DELETE CASCADE,
            principal TEXT NOT NULL,
            PRIMARY KEY (seq, principal)
        ) WITHOUT ROWID"""
    )
    db.execute(
        """CREATE TABLE accesses (
            seq INTEGER NOT NULL REFERENCES memories (seq) ON DELETE CASCADE,
            principal TEXT NOT NULL,
            action TEXT NOT NULL,
            times INTEGER NOT NULL,
            last_at INTEGER NOT NULL,
            PRIMARY KEY (seq, principal, action)
        ) WITHOUT ROWID"""
    )


def _replaced(db: Database) -> None:
    """Create replaced: which summaries stand for what has faded, by keyed digests of its ids."""
    db.execute(
        """CREATE TABLE replaced (
            child INTEGER NOT NULL REFERENCES memories (seq) ON DELETE CASCADE,
            parent TEXT NOT NULL,
            PRIMARY KEY (child, parent)
        ) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX replaced_by_parent ON replaced (parent)")


def _own_audiences(db: Database) -> None:
    """Create own_audiences: what a memory was given itself, where its parents may allow less.

    Of old memories nobody knows: what was derived by settling was given none, of all others it is what they have.
    """
    db.execute(
        """CREATE TABLE own_audiences (
            seq INTEGER NOT NULL REFERENCES memories (seq) ON DELETE CASCADE,
            principal TEXT NOT NULL,
            PRIMARY KEY (seq, principal)
        ) WITHOUT ROWID"""
    )
    db.execute(
        "INSERT INTO own_audiences (seq, principal) SELECT seq, principal FROM audiences "
        "WHERE seq NOT IN (SELECT seq FROM derived)"
    )


MIGRATIONS: tuple[Callable[[Database], None], ...] = (
    _tables,
    _slots,
    _fading,
    _tiers,
    _attested,
    _guarded,
    _derivations,
    _forgettings,
    _shared,
    _replaced,
    _own_audiences,
)


def migrate(connection: Connection) -> None:
    """Bring the ledger to this version of agentmem. Raises LedgerVersionError if it is newer than that."""
    version = connection.one("PRAGMA user_version")
    if version == len(MIGRATIONS):
        return
    if version > len(MIGRATIONS):
        raise LedgerVersionError(
            f"{connection.path} was written by a newer agentmem (ledger version {version}, this one knows "
            f"{len(MIGRATIONS)}). Nothing was changed. Upgrade with: pip install -U agentmem"
        )
    # imported only where a ledger is made or upgraded: 100 ms
    from filelock import FileLock
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

    with connection.translated(), FileLock(str(connection.path) + ".lock"):
        migrations = Migrations("agentmem")
        for migration in MIGRATIONS:
            migrations(name=migration.__name__)(migration)
        migrations.apply(Database(connection.raw))
        connection.all(f"PRAGMA user_version={len(MIGRATIONS):d}")
