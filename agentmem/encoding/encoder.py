"""Drafts in, finished values out: checked text, its vector, its cues, its features."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from agentmem.clock import aware
from agentmem.encoding._slot_words import attribute, subject
from agentmem.encoding.cues import rule_cues
from agentmem.encoding.features import TEXT_FEATURES, text_features
from agentmem.encoding.slots import read_slots
from agentmem.errors import InputError, LineageError, TextError, TimeError, VectorError
from agentmem.protocols import Embedder
from agentmem.types import KINDS, MAX_TEXT_BYTES, PRIMARY, Draft, Encoded, Memory, Metadata, Slot, Vectors

Progress = Callable[[int, int], None]
"""Called with how many are done, of how many."""

BATCH = 512
RULES = f"2 {' '.join(TEXT_FEATURES)}"
"""What the rules of `by_rule` read, noted in every ledger: one that other rules read is read anew when it is opened."""
SCALARS = (str, int, float, bool, type(None))


def drafted(given: str | Draft, fields: Mapping[str, Any]) -> Draft:
    """Return a text or a draft with fields of Draft filled in. Raises InputError for a field that there is not."""
    if isinstance(given, Draft):
        return replace(given, **fields) if fields else given
    try:
        return Draft(given, **fields)
    except TypeError as error:
        raise InputError(f"{error}; the fields are those of agentmem.Draft") from error


def check(draft: Draft, now: datetime) -> Draft:
    """Return the draft with its time filled in; raise an InputError that says what is wrong with it."""
    _check_text(draft.text, "text")
    if not draft.text.strip():
        raise TextError("the text of a memory is empty; there is nothing to remember")
    if draft.kind not in KINDS:
        raise InputError(f"kind={draft.kind!r} is unknown; use one of {', '.join(KINDS)}")
    if draft.kind not in PRIMARY and not draft.parents:
        raise LineageError(
            f"a {draft.kind} is derived from something, so it must name its parents: Draft(..., parents=(id, ...)). "
            "What stands on its own is a 'turn' or a 'note'."
        )
    _check_place(draft)
    _check_times(draft)
    _check_metadata(draft.metadata)
    return draft if draft.said_at is not None else replace(draft, said_at=now)


def _check_place(draft: Draft) -> None:
    for name in ("speaker", "thread", "origin"):
        value = getattr(draft, name)
        if value is not None:
            _check_text(value, name)
        if value == "" or (value is None and name == "thread"):
            raise InputError(f"{name} is empty; leave it out instead")
    if draft.position is not None and not 0 <= draft.position < 2**62:
        raise InputError(f"position={draft.position} must be a whole number from 0 on")


def _check_times(draft: Draft) -> None:
    for name in ("said_at", "valid_from", "valid_to"):
        moment = getattr(draft, name)
        if moment is not None:
            aware(moment, name)
    if draft.valid_from and draft.valid_to and draft.valid_from >= draft.valid_to:
        raise TimeError(f"valid_from={draft.valid_from} must be before valid_to={draft.valid_to}")


def _check_metadata(metadata: Metadata) -> None:
    for name, value in metadata.items():
        _check_text(name, "a metadata name")
        if not isinstance(value, SCALARS) or (isinstance(value, float) and not math.isfinite(value)):
            raise InputError(
                f"metadata[{name!r}]={value!r}: a value is a string, a finite number, true, false or null, so that "
                f"recall "
                "can filter by it; flatten what is nested"
            )
        if isinstance(value, str):
            _check_text(value, f"metadata[{name!r}]")


def _check_text(text: object, what: str) -> None:
    if not isinstance(text, str):
        raise TextError(f"{what} must be a string, not {type(text).__name__}")
    if "\0" in text:
        raise TextError(
            f"{what} has a NUL character at position {text.index(chr(0))}; it is likely not text. Remove it: "
            f"text.replace('\\0', '')"
        )
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise TextError(f"{what} is not valid Unicode (a lone surrogate at position {error.start})") from error
    if size > MAX_TEXT_BYTES:
        raise TextError(
            f"{what} has {size:,} bytes and one memory holds at most {MAX_TEXT_BYTES:,}; split it into turns or "
            f"paragraphs "
            "and remember those (one call, one transaction)"
        )


def encode(drafts: Sequence[Draft], embedder: Embedder, *, progress: Progress | None = None) -> list[Encoded]:
    """Return vector, cues and features of every draft. Raises VectorError if the embedder breaks its contract."""
    encoded: list[Encoded] = []
    for start in range(0, len(drafts), BATCH):
        batch = drafts[start : start + BATCH]
        vectors = checked(embedder([d.text for d in batch]), len(batch), embedder)
        for draft, vector in zip(batch, vectors, strict=True):
            encoded.append(by_rule(draft, vector))
        if progress is not None:
            progress(len(encoded), len(drafts))
    return encoded


def by_rule(given: Draft | Memory, vector: Vectors) -> Encoded:
    """Return a text with its vector, and with what rules read out of it."""
    if given.said_at is None:
        raise TimeError("a draft must be checked before it is encoded: it has no said_at")
    cues = replace(rule_cues(given.text, given.said_at), slots=_slots(given))
    return Encoded(vector, cues, text_features(given.text))


def _slots(given: Draft | Memory) -> tuple[Slot, ...]:
    """Return the slots of what somebody said, or of a fact that holds one value at a time; other kinds fill none.

    A note that was derived repeats what its parents say, and they fill the slots. A fact is read like a sentence first,
    so that its slot has the name which a question gives it.
    """
    functional = given.kind == "fact" and given.metadata.get("functional") is True
    told = given.kind in PRIMARY and not (given.kind == "note" and given.parents)
    if not (told or functional):
        return ()
    read = tuple(dict.fromkeys(Slot(*s.key, s.value, s.ends) for s in read_slots(given.text, given.speaker)))
    if read or not functional:
        return read
    who, what, value = (str(given.metadata.get(part) or "") for part in ("subject", "relation", "object"))
    return (Slot(subject(who), attribute(what), value),) if attribute(what) and value else ()


def checked(vectors: Vectors, rows: int, embedder: Embedder) -> Vectors:
    """Return the vectors if they are (rows, dim) finite float32; else raise VectorError naming the embedder."""
    if vectors.shape != (rows, embedder.dim) or vectors.dtype != np.float32 or not np.isfinite(vectors).all():
        raise VectorError(
            f"the embedder {embedder.name!r} returned {vectors.dtype} {vectors.shape} for {rows} texts, where finite "
            f"float32 "
            f"({rows}, {embedder.dim}) was due; nothing was written"
        )
    return vectors
