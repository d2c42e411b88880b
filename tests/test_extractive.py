"""The extractive reader: short answers out of recalled evidence, without a model."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmem.reading import dating, relevance, spans, support
from agentmem.reading.extractive import NOTHING, read, shipped_weights, tidy, weights_from
from agentmem.reading.questions import analyse
from agentmem.reading.scorer import Ranker, log_softmax, train
from agentmem.reading.tokens import BIT, MAX_SENTENCE, sentences
from agentmem.reading.training import Example, train_reader
from agentmem.types import Evidence, Memory

SAID = datetime(2023, 6, 9, 19, 55, tzinfo=UTC)  # a Friday


def recalled(*turns: tuple[str, str], said_at: datetime = SAID) -> list[Evidence]:
    """Evidence in the order given, each turn in a thread of its own."""
    return [
        Evidence(
            Memory(
                id=f"m{k}", seq=k, kind="turn", text=text, speaker=speaker, thread=f"t{k}", position=0, said_at=said_at,
                stored_at=said_at,
            ),
            1.0 / (k + 1),
        )
        for k, (speaker, text) in enumerate(turns)
    ]  # fmt: skip


def answer(question: str, *turns: tuple[str, str], said_at: datetime = SAID) -> str:
    return read(question, recalled(*turns, said_at=said_at), confidence=0.9, threshold=0.0).text


@pytest.mark.parametrize(
    ("said", "when"),
    [
        ("I went to the museum yesterday with the kids.", "8 June 2023"),
        ("I went to the museum last week.", "The week before 9 June 2023"),
        ("I went to the museum last Tuesday.", "The Tuesday before 9 June 2023"),
        ("I went to the museum last month, it was great.", "May 2023"),
        ("I went to the museum last year.", "2022"),
        ("I went to the museum last summer.", "Summer 2022"),
        ("We went to the museum on 3 May 2021.", "3 May 2021"),
        ("I just came back from the museum!", "9 June 2023"),
    ],
)
def test_when_is_answered_by_the_date_of_the_event(said, when):
    """A when-question gets the time of the event, resolved against the day on which it was told."""
    assert answer("When did Ann go to the museum?", ("Ann", said), ("Bob", "Nice weather!")) == when


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What year did Ann start surfing?", "2018"),
        ("In which month did Ann start surfing?", "June 2018"),
        ("How long ago did Ann start surfing?", "five years ago"),
    ],
)
def test_the_unit_of_a_date_is_the_one_asked_for(question, expected):
    """Year, month and distance are given when they are asked for."""
    text = "I started surfing on 3 June 2018." if "month" in question else "I started surfing five years ago."
    assert answer(question, ("Ann", text)) == expected


def test_the_length_of_a_habit_dates_its_beginning():
    """Playing for four months now began four months ago."""
    assert answer(
        "When did Tom start playing the violin?", ("Tom", "I've been playing the violin for four months now.")
    ) == ("February 2023")


@pytest.mark.parametrize(
    ("question", "said", "expected"),
    [
        ("How many cats does Ann have?", "I have three cats and they are lovely.", "three"),
        ("Does Ann like cats?", "I love cats, they are the best!", "Yes"),
        ("Does Ann eat meat?", "I don't eat meat at all.", "No"),
        ("Does Ann live close to a beach or the mountains?", "I live close to the mountains.", "mountains"),
    ],
)
def test_numbers_and_decisions(question, said, expected):
    """A number is given alone; yes-no questions get yes, no or one of the two."""
    assert answer(question, ("Ann", said)) == expected


@pytest.mark.parametrize(
    ("question", "said", "words"),
    [
        ("Where did Ann move to?", "I moved to Lisbon for my job.", {"lisbon"}),
        ("Who did Ann meet at the fair?", "At the fair I met Tom Brown by chance.", {"tom", "brown"}),
        ("What book did Ann read?", 'I read "The Long Night" and loved it.', {"the", "long", "night"}),
        ("Why did Ann quit her job?", "I quit my job because the hours were brutal.", {"hours", "brutal"}),
    ],
)
def test_short_answers_hold_what_was_asked(question, said, words):
    """The answer holds the words that answer, and is shorter than what was said."""
    got = answer(question, ("Ann", said))
    assert words <= set(got.lower().replace('"', "").split()), got
    assert len(got) < len(said)


def test_several_things_come_from_several_memories():
    """A question for activities collects phrases of several memories and names them as its sources."""
    found = read(
        "What activities does Ann do?",
        recalled(("Ann", "I go swimming a lot."), ("Ann", "I started pottery classes."), ("Ann", "I love hiking too.")),
        confidence=0.9,
        threshold=0.0,
    )
    assert len(found.sources) >= 2
    assert {"swimming", "pottery", "hiking"} & set(found.text.replace(",", " ").split())
    assert set(found.sources) <= {"m0", "m1", "m2"}


def test_the_reader_abstains_when_the_recall_doubts():
    """Below the threshold the answer is that there is no information, without sources."""
    evidence = recalled(("Ann", "I moved to Lisbon for my job."))
    sure = read("Where did Ann move to?", evidence, confidence=0.99)
    doubtful = read("Where did Ann move to?", evidence, confidence=0.0001)
    assert not sure.abstained
    assert (doubtful.text, doubtful.abstained, doubtful.sources) == (NOTHING, True, ())
    assert doubtful.confidence < sure.confidence
    assert not read("Where did Ann move to?", evidence, confidence=0.0001, threshold=0.0).abstained


def test_words_in_somebody_elses_mouth_support_less():
    """The same sentence supports an answer about its speaker more than one about another person."""
    turns = (("Ann", "I adopted a puppy from the shelter."), ("Tom", "That is great news!"), ("Tom", "I like cooking."))
    about_ann = read("What did Ann adopt from the shelter?", recalled(*turns), confidence=0.5, threshold=0.0)
    about_tom = read("What did Tom adopt from the shelter?", recalled(*turns), confidence=0.5, threshold=0.0)
    assert about_ann.confidence > about_tom.confidence + 0.1


def test_no_evidence_means_no_information():
    """Without evidence, or with evidence that says nothing, nothing is known."""
    assert read("Who is Ann?", [], confidence=1.0) == read("?", [], confidence=0.0)
    assert read("Who is Ann?", [], confidence=1.0, threshold=0.0).text == NOTHING
    assert read("Who is Ann?", recalled(("Ann", "\u200b")), confidence=0.5, threshold=0.0).text is not None


def test_an_embedder_is_called_once_and_may_choose_the_sentence():
    """With an embedder the sentence nearest to the question wins, at one call."""
    calls: list[int] = []

    def embed(texts):
        calls.append(len(texts))
        return np.array([[1.0, 0.0] if "feline" in t or "pet" in t else [0.0, 1.0] for t in texts], dtype=np.float32)

    got = read(
        "What pet does Ann own?",
        recalled(("Ann", "The weather was dreadful in Oslo."), ("Ann", "A ginger feline sleeps here.")),
        confidence=0.9,
        threshold=0.0,
        embed=embed,
        weights=replace(
            shipped_weights(), passage_with_vectors=Ranker.from_json(relevance.FEATURES, {"similarity": 9.0})
        ),
    )
    assert calls == [3]
    assert got.sources == ("m1",)


def test_answers_do_not_depend_on_the_scale_of_the_scores():
    """Only the order of the evidence counts, not the recall's scores."""
    evidence = recalled(("Ann", "I moved to Lisbon."), ("Tom", "I stayed in Oslo."))
    scaled = [Evidence(e.memory, e.score * 1000 - 5) for e in evidence]
    assert read("Where did Ann move to?", evidence, confidence=0.7) == read(
        "Where did Ann move to?", scaled, confidence=0.7
    )


@pytest.mark.parametrize(
    ("text", "kind", "plural", "verb", "head"),
    [
        ("When did Ann leave?", "when", False, "leav", ""),
        ("How long ago did she leave?", "when", False, "leav", ""),
        ("How long has Ann lived here?", "how_long", False, "live", ""),
        ("How often does Ann run?", "how_often", False, "run", ""),
        ("How many cats does Ann have?", "how_many", False, "", ""),
        ("Who did Ann meet?", "who", False, "meet", ""),
        ("Where does Ann work?", "where", False, "work", ""),
        ("Why did Ann quit?", "why", False, "quit", ""),
        ("How did Ann feel about it?", "feeling", False, "feel", ""),
        ("How did Ann travel?", "how", False, "travel", ""),
        ("Is Ann tall?", "yes_no", False, "tall", ""),
        ("What kind of music does Ann like?", "sort", False, "like", "music"),
        ("What book did Ann read?", "title", False, "read", "book"),
        ("What activities does Ann enjoy?", "list", True, "enjoy", "activ"),
        ("What does Ann do to relax?", "doing", False, "relax", ""),
        ("What did Ann donate to the shelter?", "what", False, "donat", ""),
    ],
)
def test_questions_are_read(text, kind, plural, verb, head):
    """Kind, number, main verb and head noun of a question are found."""
    asked = analyse(text, ["Ann", None])
    assert (asked.kind, asked.plural, asked.verb, asked.head) == (kind, plural, verb, head)
    assert asked.people == ({"Ann"} if "Ann" in text else set())


def test_people_are_named_by_whole_words():
    """Ann is not asked about in a question on annuals."""
    assert analyse("Who grows annuals?", ["Ann"]).people == frozenset()
    assert analyse("Did ann's dog bark?", ["Ann Lee"]).people == {"Ann Lee"}


def test_tokens_know_their_classes():
    """Words carry the bits of their classes and their stems; marks have none."""
    (first, picture) = sentences("I went to Bath's 3 museums. [shares a photo: a photo of a red car]", 500)
    words = dict(zip(first.words, first.bits, strict=True))
    assert words["i"] & BIT["first_person"]
    assert words["3"] & BIT["number"]
    assert words["bath's"] & BIT["name"]
    assert words["museums"] & BIT["plural"]
    assert words["."] == BIT["strong"]
    assert first.stems[first.words.index("museums")] == "museum"
    assert (picture.picture, picture.words) == (True, ("a", "red", "car"))


def test_spans_end_and_begin_at_sensible_places():
    """No candidate crosses a full stop, ends in a preposition or article, or is longer than allowed."""
    evidence = recalled(("Ann", "I bought the old car in Rome; it was, well, a very nice and cheap car of my aunt."))
    asked = analyse("What did Ann buy?", ["Ann"])
    (passage,) = relevance.passages(asked, evidence)
    found = spans.spans(asked, passage)
    assert found is not None
    texts = [found.text(k) for k in range(len(found.bounds))]
    assert "the old car" in texts
    assert not [t for t in texts if ";" in t or t.split()[-1] in ("the", "in", "a", "of", "and", "my")]
    assert found.own.shape == (len(texts), len(spans.OWN_FEATURES))
    assert int((found.bounds[:, 1] - found.bounds[:, 0]).max()) < spans.LONGEST
    assert np.isfinite(found.own).all()


def test_features_and_names_agree():
    """Each feature vector is as long as the list of its names, and the shipped weights fit them."""
    evidence = recalled(("Ann", "I met Tom last week."), ("Tom", "Yes!"))
    asked = analyse("When did Ann meet Tom?", ["Ann", "Tom"], SAID)
    found = relevance.passages(asked, evidence)
    assert all(p.features.shape == (len(relevance.FEATURES),) for p in found)
    assert all(d.features.shape == (len(dating.FEATURES),) for d in dating.datings(asked, found))
    assert support.support_features(asked, found).shape == (len(support.FEATURES),)
    assert shipped_weights().support.shape == (len(support.FEATURES),)


def test_weights_of_another_version_are_refused():
    """Weights that name features which do not exist are refused, with what to do."""
    with pytest.raises(ValueError, match="train again"):
        Ranker.from_json(("a", "b"), {"c": 1.0})


def test_the_ranker_learns_what_is_rewarded():
    """A ranker trained on rewards that follow one feature picks by that feature."""
    rng = np.random.default_rng(1)
    groups = []
    for _ in range(60):
        x = rng.normal(size=(12, 4)).astype(np.float32)
        groups.append((x, (x[:, 2] == x[:, 2].max()).astype(np.float32)))
    ranker = train("abcd", groups, decay=1e-3)
    assert np.mean([np.argmax(ranker(x)) == np.argmax(r) for x, r in groups]) >= 0.9
    assert train("abcd", [(groups[0][0], np.zeros(12, np.float32))]).weights.tolist() == [0.0] * 4
    again = Ranker.from_json(tuple("abcd"), json.loads(json.dumps(ranker.to_json())))
    assert np.allclose(again.weights, ranker.weights, atol=1e-4)
    assert np.exp(log_softmax(np.array([1000.0, 0.0]))).tolist() == [1.0, 0.0]


def test_logistic_regression_agrees_with_scikit_learn():
    """The support check's fit is the one scikit-learn finds for the same penalty."""
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 3))
    x = (x - x.mean(0)) / x.std(0)
    y = x[:, 0] - 0.5 * x[:, 1] + rng.normal(size=200) > 0.2
    ours = support.train_support(np.column_stack([np.ones(200), x]), y, decay=2.0)
    theirs = linear.LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(x, y)
    assert np.allclose(ours, [*theirs.intercept_, *theirs.coef_[0]], atol=1e-4)


def test_a_trained_reader_answers_what_it_was_taught():
    """Training on answered questions gives weights with which the reader finds such answers."""
    places = ("Lisbon", "Oslo", "Rome", "Paris", "Cairo", "Quito")
    examples = []
    for k, place in enumerate(places):
        evidence = recalled(("Ann", f"My friends moved to {place} for work."), ("Tom", "It is cold here, sadly."))
        examples.append(
            Example("Where did Ann's friends move to?", evidence, frozenset({"m0"}), lambda a, p=place: float(a == p))
        )
        examples.append(Example(f"What did Tom cook {k}?", evidence, frozenset(), lambda _: 0.0, answerable=False))
    data = json.loads(json.dumps(train_reader(examples)))
    weights = weights_from(data)
    got = read(
        "Where did Ann's friends move to?",
        recalled(("Ann", "My friends moved to Lima for work."), ("Tom", "It is cold here, sadly.")),
        confidence=0.5,
        threshold=0.0,
        weights=weights,
    )
    assert got.text == "Lima"


@pytest.mark.parametrize(
    ("text", "tidied"),
    [(' "half a title,', "half a title"), ("(a b", "a b"), ('"a b"', '"a b"'), ("a\n b -", "a b"), ("", "")],
)
def test_phrases_are_tidied(text, tidied):
    """Marks that a phrase only holds half of are dropped."""
    assert tidy(text) == tidied


def test_long_memories_are_read_up_to_a_bound():
    """A memory of megabytes, without any full stop, is answered from its beginning."""
    text = "I moved to Lisbon and " + "then I walked and " * 200_000
    assert "Lisbon" in answer("Where did Ann move to?", ("Ann", text))
    assert max(len(s.words) for s in sentences(text, 2000)) <= MAX_SENTENCE


@settings(max_examples=60, deadline=None)
@given(
    question=st.text(max_size=60) | st.sampled_from(["When?", "How many or few?", "Is it a or b?", "What are they?"]),
    texts=st.lists(st.text(max_size=80), max_size=4),
    days=st.integers(0, 400),
)
def test_anything_can_be_asked_of_anything(question, texts, days):
    """Whatever is asked of whatever was said, the answer is a text with sources among the evidence."""
    evidence = recalled(*(("Ann", t) for t in texts), said_at=SAID + timedelta(days=days))
    got = read(question, evidence, confidence=0.5)
    assert isinstance(got.text, str)
    assert set(got.sources) <= {e.id for e in evidence}
    assert 0.0 <= got.confidence <= 1.0
    assert got == read(question, evidence, confidence=0.5)


def test_reading_loads_no_model_library():
    """The reader needs neither torch nor transformers nor langchain."""
    code = (
        "import sys, agentmem.reading.extractive as x; x.shipped_weights(); "
        "heavy = "
        "('torch', 'transformers', 'langchain', 'langgraph', 'onnxruntime', 'faiss'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
