"""The official LoCoMo scorer: answer F1, exact match and evidence recall, as published in `task_eval/evaluation.py`.

Pure functions of strings; nothing here knows how an answer came about. Words are stemmed by NLTK's Porter stemmer,
which departs from Porter's paper (and from Snowball's `porter`) in a dozen rules: the published figures were made with
it, so an exact figure needs it. NLTK is imported at the first score (0.8 s), never with the package.

Source: https://github.com/snap-research/locomo (Maharana et al., ACL 2024), read function by function.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Collection, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from agentmem.errors import InputError

if TYPE_CHECKING:
    from nltk.stem.porter import PorterStemmer

MULTI_HOP, TEMPORAL, OPEN_DOMAIN, SINGLE_HOP, ADVERSARIAL = 1, 2, 3, 4, 5
REFUSALS = ("no information available", "not mentioned")
"""What the official scorer takes for "the conversation does not say"."""

_DROPPED = re.compile(r"\b(a|an|the|and)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize(text: str) -> str:
    """Lower-case, without ASCII punctuation, without the words a, an, the, and; single spaces."""
    bare = text.replace(",", "").lower().translate(_PUNCTUATION)
    return " ".join(_DROPPED.sub(" ", bare).split())


def tokens(text: str) -> list[str]:
    """Return the stems of the normalised words."""
    return [_stem(word) for word in normalize(text).split()]


def token_f1(prediction: str, answer: str) -> float:
    """Return the F1 of the bags of stems, in [0, 1]; 0 where they share none (also where both are empty)."""
    predicted, expected = tokens(prediction), tokens(answer)
    common = sum((Counter(predicted) & Counter(expected)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(predicted), common / len(expected)
    return 2 * precision * recall / (precision + recall)


def multi_answer_f1(prediction: str, answer: str) -> float:
    """Split both at commas; mean over the expected parts of the best F1 that any predicted part has."""
    predicted = prediction.split(",")
    scores = [max(token_f1(part, expected) for part in predicted) for expected in answer.split(",")]
    return sum(scores) / len(scores)


def refused(prediction: str) -> bool:
    """Say whether the prediction declines to answer, in one of the two wordings that count."""
    return any(refusal in prediction.lower() for refusal in REFUSALS)


def expected_of(answer: str, category: int) -> str:
    """Return the part of an answer that counts: open-domain answers give their reason after a semicolon."""
    return answer.split(";", maxsplit=1)[0].strip() if category == OPEN_DOMAIN else answer


def answer_f1(prediction: str, answer: str, category: int) -> float:
    """Return the official score of a prediction, in [0, 1]. Raises InputError for a category that does not exist."""
    if category == ADVERSARIAL:
        return float(refused(prediction))
    if category == MULTI_HOP:
        return multi_answer_f1(prediction, answer)
    if category in (TEMPORAL, OPEN_DOMAIN, SINGLE_HOP):
        return token_f1(prediction, expected_of(answer, category))
    raise InputError(f"there is no category {category}; LoCoMo has 1 to 5")


def exact_match(prediction: str, answer: str, category: int) -> float:
    """Return 1 where prediction and answer are the same set of normalised, unstemmed words; category 5 as in F1."""
    if category == ADVERSARIAL:
        return float(refused(prediction))
    wanted = normalize(expected_of(answer, category)).split()
    return float(set(normalize(prediction).split()) == set(wanted))


def evidence_recall(evidence: Collection[str], ranking: Sequence[str], k: int) -> float:
    """Return the share of the evidence among the first `k` of the ranking.

    Raises InputError without evidence: the official code counts such a question as 1, which measures nothing.
    """
    if not evidence:
        raise InputError("a question without evidence has no evidence recall")
    found = frozenset(ranking[:k])
    return sum(name in found for name in evidence) / len(evidence)


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    stemmed: str = _stemmer().stem(word)
    return stemmed


@cache
def _stemmer() -> PorterStemmer:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()
