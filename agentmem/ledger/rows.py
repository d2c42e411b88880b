"""Between values and rows: times as microseconds since 1970 and a zone, vectors and features as float32 blobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np

from agentmem.types import Cues, Floats, Interval, Memory, Metadata, Quantised, Slot

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Return microseconds since 1970, exactly."""
    return (moment - EPOCH) // MICROSECOND


def moment(micros: int, zone_minutes: int = 0) -> datetime:
    """Return the aware time that `micros` stands for, in its own zone."""
    utc = EPOCH + timedelta(microseconds=micros)
    return utc if zone_minutes == 0 else utc.astimezone(timezone(timedelta(minutes=zone_minutes)))


def zone_minutes(moment: datetime) -> int:
    """Return the offset from UTC in whole minutes."""
    offset = moment.utcoffset()
    return 0 if offset is None else round(offset.total_seconds() / 60)


def maybe(micros: int | None) -> datetime | None:
    """Return the time, or None for None."""
    return None if micros is None else moment(micros)


def maybe_micros(moment: datetime | None) -> int | None:
    """Return microseconds, or None for None."""
    return None if moment is None else micros(moment)


def floats(blob: bytes) -> Floats:
    """Return the float32 array that a blob holds."""
    return np.frombuffer(blob, dtype="<f4")


def blob(values: Floats) -> bytes:
    """Return a float32 array as little-endian bytes."""
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def dumps(metadata: Metadata) -> str:
    """Return metadata as JSON that is the same for equal metadata."""
    return json.dumps(dict(metadata), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


SEQS = "SELECT seq FROM memories WHERE "

READ = (
    "SELECT m.seq, m.id, m.kind, m.text, m.speaker, m.thread, m.position, m.said_at, m.said_zone, m.stored_at, "
    "m.valid_from, m.valid_to, m.happened_from, m.happened_to, m.metadata, m.origin FROM memories m WHERE"
)


def memory(
    row: tuple[Any, ...],
    *,
    vector: tuple[Floats | None, Quantised | None] = (None, None),
    cues: Mapping[str, tuple[str, ...]] | None = None,
    slots: tuple[Slot, ...] = (),
    parents: tuple[str, ...] = (),
    audience: tuple[str, ...] = (),
) -> Memory:
    """Return the memory of one row of READ; `vector` goes with its code, if it has one."""
    seq, id_, kind, text, speaker, thread, position, said, zone, stored, v_from, v_to, h_from, h_to, meta, origin = row
    found = cues or {}
    return Memory(
        id=id_,
        seq=seq,
        kind=kind,
        text=text,
        speaker=speaker,
        thread=thread,
        position=position,
        said_at=moment(said, zone),
        stored_at=moment(stored),
        valid_from=maybe(v_from),
        valid_to=maybe(v_to),
        cues=Cues(
            entities=found.get("entity", ()),
            when=None if h_from is None else Interval(moment(h_from, zone), moment(h_to, zone)),
            slots=slots,
        ),
        parents=parents,
        metadata={} if meta == "{}" else json.loads(meta),
        vector=vector[0],
        origin=origin,
        code=vector[1],
        audience=audience,
    )
