"""Choosing sentences that stand for many: central to what was said, telling, and not the same thing twice.

Centrality is the cosine of a sentence's tf-idf with the sum over all (the centroid summariser of Radev et al., 2004);
it is weighed by what a text says about itself (`agentmem.encoding.features`: names, times, reasons, the first person,
against questions and small talk); redundancy is held down as in maximal marginal relevance (Carbonell and Goldstein,
1998). Pure and deterministic: ties go to what was said first.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from Stemmer import Stemmer

from agentmem.encoding.features import TEXT_FEATURES, text_features

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
TELLING = {"asks": -0.8, "first_person": 0.4, "names": 0.5, "time_words": 0.4, "reasons": 0.3, "small_talk": -1.0}
"""Weights of the text features, set by hand before anything was measured."""
REDUNDANCY = 0.6
SHORT, LONG = 4, 45
"""Words of a sentence below and above which it says too little, or too much at once."""

_stemmer = Stemmer("english", 0)  # 0: no cache of words, which would outlive what is forgotten


def stems(text: str) -> list[str]:
    """Return the stemmed words of a text, in order."""
    return list(_stemmer.stemWords(WORD.findall(text.lower())))


def telling(text: str) -> float:
    """Return how much a sentence says that is worth keeping, about -1.5 to 2.5."""
    features = dict(zip(TEXT_FEATURES, text_features(text).tolist(), strict=True))
    count = len(WORD.findall(text))
    length = 0.0 if SHORT <= count <= LONG else -1.0
    return length + math.fsum(weight * float(features[name]) for name, weight in TELLING.items())


def best(texts: Sequence[str], most: int, words: int) -> list[int]:
    """Return which of some sentences to keep, in their order: at most `most`, of at most `words` words together."""
    bags = [Counter(stems(text)) for text in texts]
    spread = Counter(word for bag in bags for word in bag)
    vectors = [_unit({w: n * math.log(1 + len(bags) / spread[w]) for w, n in bag.items()}) for bag in bags]
    centre = _unit(_sum(vectors))
    worth = [_dot(vector, centre) + telling(text) for vector, text in zip(vectors, texts, strict=True)]
    chosen: list[int] = []
    left, candidates = words, set(range(len(texts)))
    told = [0.0] * len(texts)  # how much of each sentence one of the chosen says already
    while candidates and len(chosen) < most:
        gain = {n: worth[n] - REDUNDANCY * told[n] for n in candidates}
        n = min(candidates, key=lambda n: (-gain[n], n))
        candidates.remove(n)
        size = len(WORD.findall(texts[n]))
        if size <= left and (gain[n] > 0 or not chosen):
            chosen.append(n)
            left -= size
            for other in candidates:
                told[other] = max(told[other], _dot(vectors[other], vectors[n]))
    return sorted(chosen)


def _sum(vectors: Sequence[dict[str, float]]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for vector in vectors:
        total.update(vector)
    return dict(total)


def _unit(vector: dict[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(value * value for value in vector.values())) or 1.0
    return {word: value / length for word, value in vector.items()}


def _dot(one: dict[str, float], other: dict[str, float]) -> float:
    small, large = (one, other) if len(one) <= len(other) else (other, one)
    return sum(value * large.get(word, 0.0) for word, value in small.items())
