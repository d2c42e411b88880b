"""The official LoCoMo scorer, against cases worked by hand from its published source."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agentmem.errors import InputError
from agentmem_evaluators import _locomo_scorer as scorer


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Cat, and a  Dog!", "cat dog"),
        ("1,200 people", "1200 people"),
        ("Ana's well-known B&B", "anas wellknown bb"),
        ("an AND the A", ""),
        ("andy theatre another", "andy theatre another"),
        ("“curly” – dash", "“curly” – dash"),  # only ASCII punctuation is removed
        ("7 May\n2023", "7 may 2023"),
    ],
)
def test_normalises_as_published(text, normal):
    """Commas and ASCII punctuation go before the four little words do; those only as whole words."""
    assert scorer.normalize(text) == normal


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        # Porter's own examples (1980), where all implementations agree.
        ("caresses", "caress"),
        ("ponies", "poni"),
        ("hopping", "hop"),
        ("relational", "relat"),
        ("adoption", "adopt"),
        # NLTK's departures from the paper: each would be another stem in Snowball's "porter".
        ("useful", "use"),
        ("enjoying", "enjoy"),
        ("key", "key"),
        ("ties", "tie"),
        ("wonderfully", "wonder"),
        ("psychology", "psycholog"),
        ("dying", "die"),
        ("skies", "sky"),
    ],
)
def test_stems_with_nltks_porter(word, stem):
    """The published figures were made with NLTK's Porter stemmer, extensions included."""
    assert scorer.tokens(word) == [stem]


@pytest.mark.parametrize(
    ("prediction", "answer", "f1"),
    [
        ("7 May 2023", "7 May 2023", 1.0),
        # stems {adopt, cat} and {adopt, two, cat}: P = 2/2, R = 2/3, F1 = 4/5
        ("adopted a cat", "Adopting two cats", 0.8),
        # a bag, not a set: "bear" is common once; P = 1/2, R = 1, F1 = 2/3
        ("bear bear", "bear", 2 / 3),
        # P = 1/4, R = 1/2, F1 = 1/3
        ("May of last year", "7 May", 1 / 3),
        ("a the and", "the an", 0.0),
        ("", "cat", 0.0),
        ("dog", "cat", 0.0),
        # "2,022" loses its comma
        ("2022", "2,022", 1.0),
    ],
)
@pytest.mark.parametrize("category", [2, 4])
def test_scores_plain_answers_by_token_f1(prediction, answer, f1, category):
    """Temporal and single-hop answers are compared as bags of stems."""
    assert scorer.answer_f1(prediction, answer, category) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("prediction", "answer", "f1"),
    [
        # each expected part takes its best predicted part: (1 + 1) / 2
        ("swimming, pottery", "pottery, swimming", 1.0),
        # pottery is found, camping is not: (1 + 0) / 2
        ("pottery", "pottery, camping", 0.5),
        # parts that nobody asked for cost nothing
        ("pottery, camping, chess, tennis", "camping", 1.0),
        # without a comma the prediction is one part: per part P = 1/2, R = 1, F1 = 2/3
        ("pottery camping", "pottery, camping", 2 / 3),
        # the comma of a number splits it: "1" and "200" each find themselves
        ("1,200", "1,200", 1.0),
        ("beach", "beach, , forest", 1 / 3),
    ],
)
def test_scores_multi_hop_answers_part_by_part(prediction, answer, f1):
    """Multi-hop answers are lists, split at commas."""
    assert scorer.answer_f1(prediction, answer, 1) == pytest.approx(f1)


def test_scores_open_domain_answers_up_to_the_semicolon():
    """The reason behind a semicolon is no part of an open-domain answer, but is of any other."""
    answer = "Likely no; she prefers the sea"
    assert scorer.answer_f1("likely no", answer, 3) == 1.0
    assert scorer.exact_match("No, likely", answer, 3) == 1.0
    # {like, no} of {like, no, she, prefer, sea}: P = 1, R = 2/5, F1 = 4/7
    assert scorer.answer_f1("likely no", answer, 4) == pytest.approx(4 / 7)


@pytest.mark.parametrize(
    ("prediction", "right"),
    [
        ("No information available", 1.0),
        ("There is NO INFORMATION AVAILABLE about that.", 1.0),
        ("It is not mentioned in the conversation", 1.0),
        ("I do not know", 0.0),
        ("No information", 0.0),
        ("", 0.0),
        ("a cat", 0.0),
    ],
)
def test_scores_adversarial_questions_by_the_two_wordings(prediction, right):
    """Category 5 is right where one of two wordings occurs, whatever the answer field says."""
    assert scorer.answer_f1(prediction, "a cat", 5) == right
    assert scorer.exact_match(prediction, "a cat", 5) == right


def test_exact_match_compares_sets_of_unstemmed_words():
    """Order and repetition do not matter to exact match, inflection does."""
    assert scorer.exact_match("the cat and dog", "dog, cat", 4) == 1.0
    assert scorer.exact_match("cat cat dog", "dog cat", 4) == 1.0
    assert scorer.exact_match("cats", "cat", 4) == 0.0
    assert scorer.exact_match("", "a", 4) == 1.0


def test_evidence_recall_is_the_share_among_the_first_k():
    """Two of three pieces of evidence lie among the first four; what stands behind k does not count."""
    ranking = ["x", "b", "y", "a", "c"]
    assert scorer.evidence_recall(("a", "b", "c"), ranking, 4) == pytest.approx(2 / 3)
    assert scorer.evidence_recall(("a", "b", "c"), ranking, 5) == 1.0
    assert scorer.evidence_recall(("a",), ranking, 1) == 0.0
    assert scorer.evidence_recall(("a",), [], 5) == 0.0


def test_refuses_what_it_cannot_score():
    """A sixth category and a question without evidence are errors, not zeros."""
    with pytest.raises(InputError, match="no category 6"):
        scorer.answer_f1("a", "b", 6)
    with pytest.raises(InputError, match="without evidence"):
        scorer.evidence_recall((), ["a"], 5)


def test_importing_the_evaluators_does_not_load_nltk():
    """NLTK takes most of a second, so it comes with the first score."""
    code = "import sys, agentmem_evaluators.locomo; print('nltk' in sys.modules, 'matplotlib' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False"]
