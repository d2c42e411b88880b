"""Compressed vectors: how small, how near, and never above what they stand for."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from agentmem.encoding._rotation import rotate, rotate_back
from agentmem.encoding.quantise import coarser, corrected, decode, joined, quantise
from agentmem.encoding.tiers import Tiers
from agentmem.errors import InputError, MemoryNotFoundError, VectorError
from agentmem.types import TIERS

DIM = 384
NUMBERS = st.floats(-(2.0**60), 2.0**60, width=32, allow_subnormal=False)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def random_rows(n: int, dim: int = DIM, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(n, dim)))


def never_above(rows: np.ndarray, queries: np.ndarray) -> None:
    for tier in TIERS:
        for codes in (quantise(rows, tier), coarser(quantise(rows, "int8"), tier)):
            for query in queries:
                true = rows.astype(np.float64) @ query.astype(np.float64)
                assert (corrected(codes, query) <= true).all(), tier


@pytest.mark.parametrize(("tier", "share"), [("int8", 0.27), ("int4", 0.15)])
def test_takes_so_much_less_room(tier, share):
    """A row of 384 takes at most the promised share of its float32 bytes, all that scoring needs included."""
    rows = random_rows(100)
    assert quantise(rows, tier).nbytes <= share * rows.nbytes


@pytest.mark.parametrize(("tier", "most"), [("int8", 0.015), ("int4", 0.15)])
@pytest.mark.parametrize("dim", [384, 256, 1000])
def test_comes_back_nearly_as_it_was(tier, most, dim):
    """A decoded random row has its length and lies within its slack, which is small."""
    rows = random_rows(200, dim) * 3
    codes = quantise(rows, tier)
    back = decode(codes)
    assert np.linalg.norm(back, axis=1) == pytest.approx(3, rel=1e-5)
    cosines = (rows.astype(np.float64) * back).sum(1) / 9
    assert (np.arccos(np.clip(cosines, -1, 1)) <= codes.slacks + 1e-3).all()
    assert codes.slacks.max() < most


def test_never_outranks_random_rows():
    """Whatever the unit query, also the row itself and its opposite, the corrected score is not above the true one."""
    rows = random_rows(300)
    never_above(rows, np.concatenate([random_rows(50, seed=1), rows[:20], -rows[:20]]))


def test_never_outranks_where_the_error_is_all_the_query_sees():
    """A query along the error of a code makes the plain score as wrong as can be, and the corrected one still holds."""
    rows = random_rows(50)
    for tier in TIERS:
        errors = unit(decode(quantise(rows, tier)) - rows)
        plain = (decode(quantise(rows, tier)) * errors).sum(1) - (rows * errors).sum(1)
        assert (plain > 0).all()
        never_above(rows, errors)


def test_never_outranks_rows_made_to_break_it():
    """Zero, one-hot, constant and alternating rows, long and short, and those that the rotation makes one-hot."""
    hot = np.eye(DIM)[[0, 1, 200, 383]]
    alternating = np.where(np.arange(DIM) % 2, 1.0, -1.0)[None]
    odd = np.concatenate([np.zeros((1, DIM)), hot, -hot, np.ones((1, DIM)), alternating, rotate_back(hot)])
    rows = np.concatenate([odd, odd * 1e30, odd * 1e-30]).astype(np.float32)
    with np.errstate(over="raise", invalid="raise"):
        never_above(rows, np.concatenate([odd, random_rows(20)]).astype(np.float32))


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 4), st.just(7)), elements=NUMBERS),
    arrays.arrays(np.float32, 7, elements=NUMBERS),
)
@settings(max_examples=300, deadline=None)
def test_never_outranks_anything(rows, query):
    """Of any finite rows and any query, of an odd size, the corrected score is not above the true one."""
    never_above(rows, query[None])


@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 40)), elements=NUMBERS))
@settings(max_examples=100, deadline=None)
def test_a_row_has_its_code_for_itself(rows):
    """A row gets the same bits alone as among others, and so does its score: no trace of who else was there."""
    for tier in TIERS:
        together = quantise(rows, tier)
        for number in range(len(rows)):
            alone = quantise(rows[number : number + 1], tier)
            for name in ("codes", "lengths", "norms", "slacks"):
                assert np.array_equal(getattr(alone, name)[0], getattr(together, name)[number])
            assert corrected(alone, rows[0])[0] == corrected(together, rows[0])[number]


@pytest.mark.parametrize("dim", [1, 2, 3, 64, 100, 384])
def test_rotation_keeps_lengths_and_turns_back(dim):
    """The rotation keeps dot products, spreads a one-hot row, and is undone exactly but for rounding."""
    rows = random_rows(10, dim).astype(np.float64)
    assert rotate(rows) @ rotate(rows).T == pytest.approx(rows @ rows.T, abs=1e-12)
    assert rotate_back(rotate(rows)) == pytest.approx(rows, abs=1e-12)
    if dim >= 64:
        assert np.abs(rotate(np.eye(dim))).max() < 0.6


def test_many_rows_are_as_few():
    """More rows than one block holds are coded and scored as each would be alone."""
    rows = random_rows(2500, 16)
    for tier in TIERS:
        codes = quantise(rows, tier)
        scores = corrected(codes, rows[0])
        assert len(codes) == len(scores) == 2500
        assert scores[2400] == corrected(quantise(rows[2400:2401], tier), rows[0])[0]
        assert decode(codes[[3, 2400]]) == pytest.approx(decode(codes)[[3, 2400]])


def test_no_rows():
    """Nothing compresses to nothing, and scores nothing."""
    for tier in TIERS:
        codes = quantise(np.empty((0, 5), np.float32), tier)
        assert len(codes) == len(corrected(codes, np.ones(5, np.float32))) == codes.nbytes == 0
        assert decode(joined(tier, 5, ())).shape == (0, 5)


def test_what_cannot_be_compressed_is_said():
    """An unknown tier, rows that are no matrix or not finite, and a query of another size are refused."""
    with pytest.raises(InputError, match=r"'int2'.*int8, int4"):
        quantise(random_rows(1), "int2")
    for bad in (np.ones(3), np.full((1, 3), np.nan), np.full((1, 3), np.inf), np.ones((2, 0))):
        with pytest.raises(VectorError, match="cannot be compressed"):
            quantise(bad, "int8")
    with pytest.raises(VectorError, match=r"\(4,\).*\(384,\)"):
        corrected(quantise(random_rows(1), "int4"), np.ones(4, np.float32))


def singles(rows: np.ndarray, tier: str) -> list:
    codes = quantise(rows, tier)
    return [codes[n : n + 1] for n in range(len(rows))]


@pytest.fixture
def tiers() -> Tiers:
    """Twenty rows, ten a tier."""
    held, rows = Tiers(DIM), random_rows(20)
    for start, tier in ((0, "int8"), (10, "int4")):
        held.put([f"m{i:02}" for i in range(start, start + 10)], singles(rows[start:][:10], tier))
    return held


def test_tiers_search_as_one(tiers):
    """Each row is found by itself, best first; scores are those of `corrected`, and few are the first of many."""
    rows = random_rows(20)
    for number in (0, 9, 15):
        assert tiers.search(rows[number], 1)[0].id == f"m{number:02}"
    for query in random_rows(20, seed=3):
        every = tiers.search(query, 99)
        wanted = [*corrected(quantise(rows[:10], "int8"), query), *corrected(quantise(rows[10:], "int4"), query)]
        assert dict(every) == {f"m{n:02}": score for n, score in enumerate(wanted)}
        assert [tiers.search(query, k) for k in (0, 1, 7)] == [every[:k] for k in (0, 1, 7)]
        some = frozenset({"m03", "m12", "m19", "nobody"})
        assert tiers.search(query, 2, some) == [hit for hit in every if hit.id in some][:2]


def test_what_full_copies_lose_is_taken_off():
    """With something to spare every score is lower by that share of the lengths."""
    rows, query = random_rows(5), 3 * random_rows(1, seed=1)[0]
    for tier in TIERS:
        codes = quantise(2 * rows, tier)
        assert corrected(codes, query) - corrected(codes, query, 0.01) == pytest.approx(0.06, rel=1e-6)


def test_going_down_adds_what_was_lost_before():
    """An int4 code made of an int8 one lies as far off the row, at most, as its slack says: the sum of both."""
    rows = random_rows(200)
    first = quantise(rows, "int8")
    codes = coarser(first, "int4")
    assert (codes.slacks >= quantise(decode(first), "int4").slacks).all()
    back = decode(codes).astype(np.float64)
    cosines = (rows.astype(np.float64) * back).sum(1) / np.linalg.norm(back, axis=1)
    assert (np.arccos(np.clip(cosines, -1, 1)) <= codes.slacks + 1e-6).all()


def test_a_code_that_is_put_anew_moves(tiers):
    """A known id is replaced, in whatever tier it was, and of an id given twice the last counts."""
    tiers.put(["m00", "m15", "m15"], [*singles(random_rows(2), "int4"), *singles(random_rows(1, seed=5), "int8")])
    assert [tiers.tier(i) for i in ("m00", "m15", "m01", "m16")] == ["int4", "int8", "int8", "int4"]
    assert len(tiers) == 20
    assert tiers.nbytes == 10 * (396 + 204)
    assert tiers.vectors(["m01", "m15"])[1] == pytest.approx(random_rows(1, seed=5)[0], abs=2e-3)
    places, scores = tiers.bounds(["nobody", "m15", "m02"], random_rows(1, seed=5)[0])
    assert places.tolist() == [1, 2]
    assert 0.999 < scores[0] < 1


def test_removed_rows_are_gone(tiers):
    """What is removed is found no more and takes no bytes; what was not there is not reported."""
    assert tiers.remove(["m00", "m15", "m99"]) == {"m00", "m15"}
    assert len(tiers) == 18
    assert "m15" not in tiers
    assert tiers.nbytes == 9 * (396 + 204)
    assert [hit.id for hit in tiers.search(random_rows(20)[16], 1)] == ["m16"]
    with pytest.raises(MemoryNotFoundError, match="m15"):
        tiers.vectors(["m01", "m15"])


def test_tiers_refuse_what_does_not_fit(tiers):
    """Codes of another size or number and a query of another size are refused, and nothing changes."""
    fine = singles(random_rows(1), "int4")
    for bad in (singles(random_rows(1, 5), "int8")[0], quantise(random_rows(2), "int8")):
        with pytest.raises(VectorError, match="memory m01 has a code of"):
            tiers.put(["m00", "m01"], [*fine, bad])
    with pytest.raises(VectorError, match="do not fit 1 ids"):
        tiers.fill(["x"], quantise(random_rows(2), "int8"))
    with pytest.raises(VectorError, match="query"):
        tiers.search(np.ones(3, np.float32), 1)
    assert tiers.tier("m00") == "int8"
    assert len(tiers) == 20


@pytest.mark.slow
def test_the_ten_nearest_stay_the_ten_nearest(data):
    """Of the ten turns nearest to a question of LoCoMo, as many stay among the ten as was promised for each tier."""
    from agentmem.encoding.embedders import open_embedder

    sample = json.loads((data / "locomo" / "locomo_dev.json").read_text())[0]
    turns = [turn["text"] for value in sample["conversation"].values() if isinstance(value, list) for turn in value]
    embedder = open_embedder("default")
    rows, queries = embedder(turns), embedder([qa["question"] for qa in sample["qa"]])
    embedder.close()
    for tier, promised in (("int8", 0.98), ("int4", 0.93)):
        codes = quantise(rows, tier)
        kept = []
        for query in queries:
            full, coarse = (set(np.argsort(-s)[:10].tolist()) for s in (rows @ query, corrected(codes, query)))
            kept.append(len(full & coarse) / 10)
        assert np.mean(kept) >= promised
