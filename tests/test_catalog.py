"""The catalog keeps columns and thread neighbours right through any history of adding and removing."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmem.recall.catalog import NONE, Catalog

FEATURES = np.zeros(2, "<f4").tobytes()


def column(seq: int, thread: str, position: int, speaker: str | None = None) -> tuple:
    return (seq, f"id{seq:04}", "turn", speaker, thread, position, 10**6 * seq, None, None, None, None, FEATURES)


def neighbours(catalog: Catalog) -> dict[str, tuple[str | None, str | None]]:
    def name(row: int) -> str | None:
        return None if row == NONE else catalog.ids[row]

    return {
        i: (name(before), name(after))
        for i, before, after in zip(catalog.ids, catalog.previous, catalog.next, strict=True)
    }


def expected(columns: list[tuple]) -> dict[str, tuple[str | None, str | None]]:
    """The slow and obvious way: sort each thread."""
    out: dict[str, tuple[str | None, str | None]] = {}
    for thread in {c[4] for c in columns}:
        ids = [c[1] for c in sorted((c for c in columns if c[4] == thread), key=lambda c: (c[5], c[0]))]
        for i, id_ in enumerate(ids):
            out[id_] = (ids[i - 1] if i else None, ids[i + 1] if i + 1 < len(ids) else None)
    return out


step = st.tuples(st.sampled_from("ab"), st.integers(0, 6), st.booleans(), st.booleans())


@settings(max_examples=60, deadline=None)
@given(st.lists(step, max_size=40))
def test_links_after_any_history_are_those_of_a_sort(history):
    """Appending, inserting further up, removing and looking in between all leave the links of a sorted thread."""
    catalog = Catalog()
    alive: list[tuple] = []
    for seq, (thread, position, remove, look) in enumerate(history, 1):
        if remove and alive:
            gone = alive.pop(position % len(alive))
            catalog.remove([gone[1], "unknown"])
        else:
            alive.append(column(seq, thread, position, speaker=f"s{position}"))
            catalog.add([alive[-1]])
        if look:
            assert neighbours(catalog) == expected(alive)
    assert neighbours(catalog) == expected(alive)
    assert catalog.ids == [c[1] for c in alive]
    assert set(catalog.threads) == {c[4] for c in alive}
    assert set(catalog.speakers) == {c[3] for c in alive}
    by_code = {code: name for name, code in catalog.speakers.items()}
    assert [by_code[int(c)] for c in catalog.speaker] == [c[3] for c in alive]
    assert catalog.said_at.tolist() == [float(c[0]) for c in alive]
