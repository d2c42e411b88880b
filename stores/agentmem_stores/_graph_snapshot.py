"""A graph on disk: what each memory holds up, the vectors, and the synonyms; all else follows from these."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from agentmem_stores._graph_nodes import Fact, Knowledge, Passage
from agentmem_stores._graph_parts import Rows
from agentmem_stores._snapshot import pack, read_snapshot, unpack, write_snapshot

_NAMES = ("facts", "passages", "phrases", "synonyms", "cosines", "fact_rows", "passage_rows", "phrase_rows")


def write(held: Knowledge, folder: Path, form: str) -> None:
    """Write a graph into an empty folder, marked with its form."""
    pairs = held.synonyms()
    arrays = {
        "facts": pack([json.dumps([i, *_told(held.known[i])]) for i in held.fact_rows.names]),
        "passages": pack([json.dumps([i, *_told(held.known[i])]) for i in held.passage_rows.names]),
        "phrases": pack(held.phrase_rows.names),
        "synonyms": pack([name for one, other, _ in pairs for name in (one, other)]),
        "cosines": np.array([cosine for *_, cosine in pairs], np.float64),
        "fact_rows": held.fact_rows.matrix,
        "passage_rows": held.passage_rows.matrix,
        "phrase_rows": held.phrase_rows.matrix,
    }
    write_snapshot(folder, form, arrays)


def read(held: Knowledge, folder: Path, form: str) -> None:
    """Fill an empty graph with what `write` wrote; raise ValueError for files that are not understood."""
    arrays = dict(zip(_NAMES, read_snapshot(folder, form, _NAMES), strict=True))
    try:
        for told, row in zip(unpack(arrays["passages"]), arrays["passage_rows"], strict=True):
            i, entities, ties, (thread, position) = json.loads(told)
            passage = Passage(frozenset(entities), frozenset((a, b) for a, b in ties), (thread, position))
            held.take(i, passage, row)
        for told, row in zip(unpack(arrays["facts"]), arrays["fact_rows"], strict=True):
            i, subject, relation, object_, parents = json.loads(told)
            held.take(i, Fact(subject, relation, object_, frozenset(parents)), row)
        _place(held.phrase_rows, unpack(arrays["phrases"]), arrays["phrase_rows"])
        names = unpack(arrays["synonyms"])
        held.link(zip(names[::2], names[1::2], arrays["cosines"].tolist(), strict=True))
    except (TypeError, KeyError) as error:
        raise ValueError(f"{folder} holds a graph whose parts do not fit together ({error}); delete it") from error


def _told(held_up: Fact | Passage) -> list[object]:
    if isinstance(held_up, Fact):
        return [held_up.subject, held_up.relation, held_up.object, sorted(held_up.parents)]
    return [sorted(held_up.entities), sorted(held_up.ties), held_up.place]


def _place(rows: Rows, names: list[str], matrix: np.ndarray) -> None:
    for name, row in zip(names, matrix, strict=True):
        rows.add(name, row)
