"""The ledger by itself: one transaction a batch, idempotent origins, lineage, marks, refusal of what is damaged."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from agentmem.errors import LedgerBusyError, LedgerCorruptError, LedgerVersionError, LineageError, MemoryNotFoundError
from agentmem.ledger import Ledger, Mark, fading
from agentmem.ledger.matching import where
from agentmem.ledger.rows import micros
from agentmem.types import Cues, Draft, Encoded, Interval

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def encoded(*values: float, entities: tuple[str, ...] = (), when: Interval | None = None) -> Encoded:
    vector = np.array(values or (1.0, 0.0), np.float32)
    return Encoded(vector, Cues(entities, when), np.array([len(values), 2.0], np.float32))


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()


def test_a_memory_comes_back_exactly_as_it_went_in(ledger):
    """Every field survives the way to disk and back, zones and microseconds included."""
    zone = timezone(timedelta(hours=5, minutes=30))
    said = datetime(2025, 5, 30, 23, 59, 59, 999_999, tzinfo=zone)
    when = Interval(datetime(2025, 5, 29, tzinfo=zone), datetime(2025, 5, 30, tzinfo=zone))
    parent = ledger.commit([Draft("root")], [encoded()], NOW).ids[0]
    draft = Draft(
        "Ünïcode 🐈 \u202ertl",
        kind="fact",
        speaker="Zoë",
        thread="t/1",
        said_at=said,
        position=7,
        valid_from=NOW,
        valid_to=NOW + timedelta(days=1),
        parents=(parent,),
        metadata={"b": True, "n": None, "x": 1.5, "s": "é"},
        origin="o1",
    )
    (id_,) = ledger.commit([draft], [encoded(0.6, 0.8, entities=("Zoë", "Miso"), when=when)], NOW).ids
    memory = ledger.get([id_], vectors=True)[0]
    assert (memory.text, memory.kind, memory.speaker, memory.thread, memory.position) == (
        draft.text,
        "fact",
        "Zoë",
        "t/1",
        7,
    )
    assert memory.said_at == said
    assert memory.said_at.utcoffset() == timedelta(hours=5, minutes=30)
    assert (memory.stored_at, memory.valid_from, memory.valid_to) == (NOW, NOW, NOW + timedelta(days=1))
    assert memory.cues == Cues(("Miso", "Zoë"), when)
    assert memory.parents == (parent,)
    assert memory.metadata == draft.metadata
    assert memory.origin == "o1"
    assert memory.vector.tolist() == np.array([0.6, 0.8], np.float32).tolist()


def test_positions_continue_the_thread(ledger):
    """Drafts without a position are appended, each to its own thread."""
    ledger.commit([Draft("a", thread="x"), Draft("b", thread="y"), Draft("c", thread="x")], [encoded()] * 3, NOW)
    ids = ledger.commit(
        [Draft("d", thread="x"), Draft("e", thread="y", position=9), Draft("f", thread="y")], [encoded()] * 3, NOW
    ).ids
    assert [m.position for m in ledger.get(ids)] == [2, 9, 10]


def test_a_known_origin_adds_nothing(ledger):
    """A second draft of one origin, in the same batch or later, gets the id of the first."""
    first = ledger.commit([Draft("a", origin="o"), Draft("a", origin="o")], [encoded()] * 2, NOW)
    again = ledger.commit([Draft("a", origin="o")], [encoded()], NOW)
    assert len(first.added) == 1
    assert first.ids == [first.ids[0]] * 2
    assert again.ids == first.ids[:1]
    assert again.added == []
    assert ledger.count() == 1


def test_a_batch_is_whole_or_absent(ledger):
    """One bad row takes the whole batch back, also its sequence numbers."""
    before = ledger.mark()
    with pytest.raises(LineageError, match="not in this space"):
        ledger.commit([Draft("fine"), Draft("bad", kind="fact", parents=("01J",))], [encoded()] * 2, NOW)
    assert ledger.count() == 0
    assert ledger.mark() == before == Mark(0, 0)


def test_the_schema_refuses_to_orphan_what_was_derived(ledger):
    """A source cannot be deleted while something derived from it is left."""
    (parent,) = ledger.commit([Draft("a")], [encoded()], NOW).ids
    ledger.commit([Draft("b", kind="fact", parents=(parent,))], [encoded()], NOW)
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        ledger.connection.all("DELETE FROM memories WHERE id = ?", (parent,))


def test_what_is_unknown_is_said_to_be(ledger):
    """Asking for an id that is not there names it."""
    with pytest.raises(MemoryNotFoundError, match="01NOPE"):
        ledger.get(["01NOPE"])


def test_metadata_is_matched_by_value_and_type(ledger):
    """1 is not "1", true is not 1, null matches null, and several must all hold."""
    rows = [{"a": 1}, {"a": "1"}, {"a": True}, {"a": None}, {"a": 1, "b": "x"}, {}]
    ledger.commit([Draft("t", metadata=m) for m in rows], [encoded()] * len(rows), NOW)
    assert where(ledger.connection, {"a": 1}) == {1, 5}
    assert where(ledger.connection, {"a": "1"}) == {2}
    assert where(ledger.connection, {"a": True}) == {3}
    assert where(ledger.connection, {"a": None}) == {4}
    assert where(ledger.connection, {"a": 1, "b": "x"}) == {5}


def test_traces_add_up_and_pass_over_what_is_gone(ledger):
    """Counting recalls twice adds; a memory that went meanwhile is no error."""
    ledger.commit([Draft("a")], [encoded()], NOW)
    later = NOW + timedelta(hours=1)
    fading.reinforce(ledger.connection, [(2, micros(NOW), 0, 1.0, 5.0, 1), (5, micros(NOW), 0, 1.0, 5.0, 99)])
    fading.reinforce(ledger.connection, [(3, micros(later), 1, 2.5, 4.0, 1)])
    assert ledger.connection.all("SELECT * FROM traces") == [(1, 5, micros(later), 1, 2.5, 4.0)]


def test_a_damaged_ledger_is_refused_with_how_to_restore(tmp_path):
    """Overwritten pages are reported as damage, with the way out, and nothing is changed."""
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database at all, but long enough to look at" * 100)
    before = path.read_bytes()
    with pytest.raises(LedgerCorruptError, match="agentmem restore"):
        Ledger(path)
    assert path.read_bytes() == before


def test_a_newer_ledger_is_left_alone(tmp_path):
    """A ledger of a later version says to upgrade."""
    Ledger(tmp_path / "ledger.db").close()
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(LedgerVersionError, match="pip install -U agentmem"):
        Ledger(tmp_path / "ledger.db")


def test_ten_thousand_at_once_are_one_transaction(ledger):
    """A large batch is in or out as one, and read back in order."""
    drafts = [Draft(f"memory {n}", thread=f"t{n % 7}") for n in range(10_000)]
    ids = ledger.commit(drafts, [encoded()] * 10_000, NOW).ids
    assert ledger.count() == 10_000
    assert [m.id for chunk in ledger.read(whole=False) for m in chunk] == ids
    assert len(set(ids)) == 10_000


def test_opening_waits_while_another_makes_the_file(tmp_path):
    """A file that somebody else is just turning into a ledger is waited for, not reported as locked."""
    path = tmp_path / "ledger.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE started (x)")
    other.execute("BEGIN IMMEDIATE")  # a reserved lock: SQLite refuses the change to WAL at once, whatever the timeout
    release = threading.Timer(0.4, other.execute, ("COMMIT",))
    release.start()
    ledger = Ledger(path)
    assert ledger.count() == 0
    ledger.close()
    release.join()
    other.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LedgerBusyError, match="lsof"):
        Ledger(path, busy_ms=100)
    other.close()
