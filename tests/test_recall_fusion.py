"""Signals, fusion and confidence: arithmetic over columns, checked by hand-made candidates."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from agentmem.encoding.features import TEXT_FEATURES, text_features
from agentmem.errors import InputError, NotFoundError, TimeError
from agentmem.recall import signals as s
from agentmem.recall.confidence import MARKS, Confidence, marks
from agentmem.recall.features import QueryFeatures, query_features
from agentmem.recall.fusion import Weights, fuse, without_speaker

NOW = datetime(2024, 6, 1, tzinfo=UTC)
ASKED = QueryFeatures("what?", "what?")


def candidates(m: int, n: int | None = None, **columns: object) -> s.Candidates:
    """One thread of m rows in order, nothing known of them but what is passed."""
    nothing = np.full(m, np.nan)
    given = {
        "dense": np.zeros(m, np.float32),
        "counts": np.zeros((m, 0), np.float32),
        "idf": np.zeros(np.asarray(columns.get("counts", np.zeros((m, 0)))).shape[1], np.float32),
        "lengths": np.full(m, 5, np.float32),
        "mean_length": 5.0,
        "previous": np.arange(m) - 1,
        "following": np.append(np.arange(1, m), -1),
        "thread": np.zeros(m, np.int64),
        "said_at": np.zeros(m),
        "event_from": nothing,
        "event_to": nothing,
        "features": np.zeros((m, len(TEXT_FEATURES)), np.float32),
        "named": np.full(m, 0.5, np.float32),
    } | columns
    return s.Candidates(n=m if n is None else n, **given)


def column(found: np.ndarray, name: str) -> list[float]:
    return [float(value) for value in found[:, s.SIGNALS.index(name)]]


def feature(text: str, name: str) -> float:
    return float(text_features(text)[TEXT_FEATURES.index(name)])


def test_text_features_by_hand() -> None:
    """Each static feature says what its name says."""
    assert feature("Did you?", "asks") == 1
    assert feature("Did you? No.", "asks") == 0
    assert feature("I love my dog", "first_person") == pytest.approx(0.5)
    assert feature("You and your dog", "second_person") == pytest.approx(0.5)
    assert feature("We went to Paris with Ann.", "names") == pytest.approx(math.log(3))
    assert feature("Paris. London.", "names") == 0
    assert feature("last Friday", "time_words") == pytest.approx(math.log(3))
    assert feature("because of it", "reasons") == 1
    assert feature("Wow thanks", "small_talk") == 1


def test_description_of_a_picture_was_not_said() -> None:
    """What stands in square brackets about a picture does not make a text a statement, nor end a question."""
    assert feature("Nice? [shares a photo: me and my dog in Rome]", "asks") == 1
    assert feature("Nice? [shares a photo: me and my dog in Rome]", "first_person") == 0
    assert feature("Nice? [shares a photo: me and my dog in Rome]", "names") == 0


@pytest.mark.parametrize(
    "text", ["", " ", "\u4f60\u597d", "?" * 100_000, "a " * 100_000, "[shares a photo: x]", "\U0001f600"]
)
def test_text_features_are_finite_for_any_text(text: str) -> None:
    """No text, however odd or long, gives anything but finite numbers."""
    found = text_features(text)
    assert found.dtype == np.float32
    assert found.shape == (len(TEXT_FEATURES),)
    assert np.isfinite(found).all()


def test_names_of_speakers_leave_the_content() -> None:
    """A question's content has no speaker's name; the names are kept beside it."""
    found = query_features("When did Ann's sister meet Bob Lee?", ["Ann", "Bob Lee", "Cleo"])
    assert found.content == "When did sister meet ?"
    assert set(found.named) == {"Ann", "Bob Lee"}


def test_first_name_names_a_speaker() -> None:
    """A speaker with several names is named by the first of them."""
    assert query_features("What does Bob like?", ["Bob Lee"]).named == ("Bob Lee",)


def test_words_that_look_like_names_do_not_name_anybody() -> None:
    """The word "will" does not name Will, a part of a word names nobody, and a role is no name."""
    asked = "what will the user annotate?"
    assert query_features(asked, ["Will", "Ann", "user", "assistant"]) == QueryFeatures(asked, asked)


def test_question_of_a_name_alone_is_its_own_content() -> None:
    """Where no word would be left, the content is the question itself."""
    found = query_features("Ann?", ["Ann"])
    assert (found.content, found.named) == ("Ann?", ("Ann",))


def test_time_asked_about() -> None:
    """A month in the question is a span of seconds; without a clock no time is read, a naive one is refused."""
    may = (datetime(2023, 5, 1, tzinfo=UTC).timestamp(), datetime(2023, 6, 1, tzinfo=UTC).timestamp())
    assert query_features("What happened in May 2023?", now=NOW).asked == may
    assert query_features("What happened in May 2023?").asked is None
    assert query_features("What happened?", now=NOW).asked is None
    with pytest.raises(TimeError):
        query_features("What happened in May 2023?", now=NOW.replace(tzinfo=None))


def test_kernel_over_neighbours() -> None:
    """Neighbours count by their distance, before and after apart; what is not there counts nothing."""
    c = candidates(4)
    values = np.array([1.0, 10.0, 100.0, 1000.0])
    found = s.over_neighbours(c, values, {0: 1.0, -1: 0.5, 1: 0.25, -2: 0.1})
    assert found.tolist() == pytest.approx([3.5, 35.5, 355.1, 1051.0])


def test_bm25_is_robertsons() -> None:
    """BM25 of one term occurring once in a text of mean length is its idf; no terms give zeros."""
    c = candidates(2, counts=np.array([[1.0], [0.0]], np.float32), idf=np.array([2.0], np.float32))
    assert s.bm25(c.counts, c.lengths, c).tolist() == pytest.approx([2.0, 0.0], abs=1e-5)
    empty = candidates(2)
    assert s.bm25(empty.counts, empty.lengths, empty).tolist() == [0.0, 0.0]


def test_answer_shares_the_words_of_the_question_before_it() -> None:
    """The turn after the one with the question's words scores above turns far away."""
    counts = np.zeros((7, 1), np.float32)
    counts[2] = 1
    c = candidates(7, counts=counts, idf=np.ones(1, np.float32))
    found = s.words_near(c)
    assert found[2] == found.max()
    assert found[3] > found[1] > 0
    assert found[6] == found[5] == 0


def test_neighbours_give_context_but_get_no_score() -> None:
    """Rows behind the candidates lend their cosine to them and are not scored themselves."""
    dense = np.array([0.5, 0.5, 0.9, 0.0], np.float32)
    links = {"previous": np.array([-1, -1, 0, 1]), "following": np.array([2, 3, -1, -1])}
    found = s.signals(candidates(4, n=2, dense=dense, **links), ASKED)
    assert found.shape == (2, len(s.SIGNALS))
    assert column(found, "dense") == [0.0, 0.0]
    assert column(found, "dense_near") == pytest.approx([1.0, -1.0])


def test_closeness_in_time() -> None:
    """Inside the span asked about 1, a week past a day's span about 1/e, the time of the event counts if nearer."""
    day = 86_400.0
    query = replace(ASKED, asked=(0.0, day))
    said = np.array([0.0, 8 * day, 100 * day, np.nan])
    nan = np.full(4, np.nan)
    c = candidates(4, said_at=said, event_from=np.array([np.nan, np.nan, 0.5 * day, np.nan]), event_to=nan)
    c = replace(c, event_to=np.array([np.nan, np.nan, 0.7 * day, np.nan]))
    assert s.closeness(c, query).tolist() == pytest.approx([1.0, math.exp(-7 / 7.15), 1.0, 0.0])
    assert s.closeness(c, ASKED).tolist() == [0.0] * 4


def test_best_of_thread() -> None:
    """Each candidate gets the best score of its own thread."""
    assert s.best_of_thread(np.array([1.0, 5.0, 2.0]), np.array([7, -1, 7])).tolist() == [2.0, 5.0, 2.0]


@pytest.mark.parametrize("m", [1, 2, 5])
def test_nothing_known_is_no_nan(m: int) -> None:
    """Candidates that nothing tells apart, even a single one, all score 0."""
    fused = fuse(candidates(m, previous=np.full(m, -1), following=np.full(m, -1)), ASKED, Weights.load())
    assert fused.scores.tolist() == [0.0] * m
    assert np.isfinite(fused.contributions).all()
    assert 0 <= fused.confidence <= 1


def test_no_candidates() -> None:
    """Nothing to rank is an empty ranking without confidence."""
    fused = fuse(candidates(0), ASKED, Weights.load())
    assert fused.scores.shape == (0,)
    assert fused.confidence == 0


def test_score_is_the_sum_of_what_its_signals_contributed() -> None:
    """Every hit explains itself: contributions are signal times weight and add up to the score."""
    rng = np.random.default_rng(3)
    c = candidates(6, dense=rng.random(6).astype(np.float32), named=np.array([1, 0, 1, 0, 1, 0], np.float32))
    weights = Weights(tuple(float(v) for v in range(1, len(s.SIGNALS) + 1)))
    fused = fuse(c, ASKED, weights)
    assert fused.names == s.SIGNALS
    assert fused.scores.tolist() == pytest.approx(fused.contributions.sum(1).tolist())
    assert fused.contributions.tolist() == (s.signals(c, ASKED) * np.array(weights.values, np.float32)).tolist()
    speaker = fused.contributions[:, s.SIGNALS.index("speaker")]
    assert without_speaker(fused.contributions).tolist() == pytest.approx((fused.scores - speaker).tolist())


def test_speaker_named_ranks_first() -> None:
    """Of two memories alike, the one by the person asked about ranks above, with the weights that ship."""
    fused = fuse(candidates(2, named=np.array([0, 1], np.float32)), ASKED, Weights.load())
    assert fused.scores[1] > fused.scores[0]


def test_marks_by_hand() -> None:
    """The marks see that the matching statement is somebody else's."""
    features = np.zeros((2, len(TEXT_FEATURES)), np.float32)
    features[:, TEXT_FEATURES.index("first_person")] = 0.2
    c = candidates(
        2,
        dense=np.array([0.8, 0.2], np.float32),
        counts=np.array([[1, 1], [1, 0]], np.float32),
        idf=np.array([1, 3], np.float32),
        features=features,
        named=np.array([0, 1], np.float32),
    )
    found = dict(zip(MARKS, marks(c, np.array([1.0, 0.0], np.float32)), strict=True))
    assert found["dense"] == pytest.approx(0.8)
    assert found["cover"] == pytest.approx(0.25)
    assert found["others_share"] == pytest.approx(math.e / (math.e + 1))
    assert found["others_statement"] == pytest.approx(0.8 + 0.5 - 0.2 - 0.5 * 0.25)


def test_nobody_named_is_nobody_elses() -> None:
    """Without a speaker in the question, no memory counts as somebody else's, and a line of its own judges it."""
    found = marks(candidates(3, dense=np.array([0.1, 0.3, 0.2], np.float32)), np.zeros(3, np.float32))
    assert found.tolist() == pytest.approx([0.0, 0.0, 0.0, 0.0, 1.0, 0.3, 0.0])


def test_statement_by_somebody_else_lowers_the_confidence() -> None:
    """The same match is trusted less when the person asked about is not the one who said it."""
    features = np.zeros((2, len(TEXT_FEATURES)), np.float32)
    features[:, TEXT_FEATURES.index("first_person")] = 0.2
    alike = {"dense": np.array([0.7, 0.1], np.float32), "features": features}
    weights = Weights.load()
    theirs = fuse(candidates(2, named=np.array([1, 0], np.float32), **alike), ASKED, weights)
    others = fuse(candidates(2, named=np.array([0, 1], np.float32), **alike), ASKED, weights)
    assert theirs.confidence > others.confidence + 0.2


def test_confidence_is_a_logistic() -> None:
    """An intercept alone gives its logistic; absurd marks stay in [0, 1] without overflow."""
    assert Confidence(math.log(3))(np.zeros(len(MARKS))) == pytest.approx(0.75)
    steep = Confidence(0.0, (1e9,) * len(MARKS))
    assert 0 <= steep(np.full(len(MARKS), -1.0)) < 1e-9
    assert 1 - 1e-9 < steep(np.full(len(MARKS), 1.0)) <= 1


def test_weights_come_back_exactly(tmp_path) -> None:
    """What was saved is what is loaded, to the last bit."""
    rng = np.random.default_rng(0)
    confidence = Confidence(0.1, tuple(rng.random(len(MARKS)).tolist()))
    weights = Weights(tuple(rng.random(len(s.SIGNALS)).tolist()), confidence, {"n_questions": 3})
    weights.save(tmp_path / "w.json")
    assert Weights.load(tmp_path / "w.json") == weights


def test_shipped_weights_say_how_they_were_made() -> None:
    """The weights in the package carry their training, and what was measured on conversations they had not seen."""
    info = Weights.load().info
    assert len(info["trained_on"]) == 5
    assert info["n_questions"] > 700
    assert info["cross_validated"]["recall@10 1-4"] > 0.82


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(format=99), "format"),
        (lambda d: d["signals"].pop("dense"), "missing: .'dense'"),
        (lambda d: d["signals"].update(luck=1.0), "unknown: .'luck'"),
        (lambda d: d["signals"].update(dense=math.nan), "not a finite number"),
        (lambda d: d["signals"].update(dense="much"), "not a finite number"),
        (lambda d: d.pop("confidence"), "'confidence' is missing"),
        (lambda d: d.update(signals=[1, 2]), "agentmem tune"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, change, said) -> None:
    """A file of weights that is not one is refused with what is wrong and what to type."""
    path = tmp_path / "w.json"
    Weights.load().save(path)
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=said):
        Weights.load(path)


def test_weights_that_are_not_there(tmp_path) -> None:
    """A missing or unreadable file of weights gets its own error."""
    with pytest.raises(NotFoundError, match="agentmem tune"):
        Weights.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(InputError, match="cannot be read"):
        Weights.load(tmp_path / "bad.json")
    (tmp_path / "text.json").write_text("weights")
    with pytest.raises(InputError, match="agentmem tune"):
        Weights.load(tmp_path / "text.json")
