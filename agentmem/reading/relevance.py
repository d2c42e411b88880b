"""How well each sentence of the recalled evidence fits a question: cheap features, shared by both kinds of answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agentmem.encoding.words import terms
from agentmem.reading.questions import Question, named
from agentmem.reading.tokens import BIT, Sentence, sentences

if TYPE_CHECKING:
    from agentmem.types import Evidence, Vectors

Embed = Callable[[Sequence[str]], "Vectors"]
"""Texts to unit rows."""

DEPTH = 12
"""Memories that are read, best first."""

CHARACTERS = 2_000
"""Characters of a memory that are read."""

FEATURES = (
    "covered", "covered_by_memory", "covered_names", "rank", "first", "by_asked", "by_other", "names_asked",
    "asks", "picture", "first_person", "second_person", "log_words", "similarity", "similarity_memory",
    "similarity_best",
    "said_then", "said_otherwise",
    "covered_before", "turn_before_covered", "turn_before_asks", "turn_before_similar", "turn_after_covered",
    "new_words", "new_rarity", "pairs", "fits", "fits_not",
    "number", "new_name", "reason", "quote", "commas", "adjectives", "greets", "window_covered",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """One sentence of one memory, with its rank, its features (F,) and the weight of each token's stem."""

    evidence: Evidence
    rank: int
    sentence: Sentence
    features: npt.NDArray[np.float64]
    rarity: npt.NDArray[np.float64]


def passages(question: Question, evidence: Sequence[Evidence], embed: Embed | None = None) -> list[Passage]:
    """Return the sentences of the best `DEPTH` memories with their features, in order of rank and place."""
    taken = list(evidence[:DEPTH])
    split = [list(sentences(e.memory.text, CHARACTERS)) for e in taken]
    bags = [{stem for s in parts for stem in s.stems if stem} for parts in split]
    wider = bags + [set(terms(e.memory.text[:CHARACTERS])) for e in evidence[DEPTH : 3 * DEPTH]]
    counts = Counter(stem for bag in wider for stem in bag)
    rarity = {stem: math.log1p((len(wider) - n + 0.5) / (n + 0.5)) + 0.3 for stem, n in counts.items()}
    asked = {stem: rarity.get(stem, math.log1p(2 * len(wider) + 1)) for stem in question.stems}
    total = sum(asked.values()) or 1.0
    similar = _similarities(question, split, embed)
    wholes = [sum(asked[s] for s in question.stems & bag) / total for bag in bags]
    places = {(e.memory.thread, e.memory.position): rank for rank, e in enumerate(taken)}
    found: list[Passage] = []
    for rank, (item, parts) in enumerate(zip(taken, split, strict=True)):
        speaker = item.memory.speaker or ""
        by = 1 if speaker in question.people else -1 if question.people and speaker else 0
        best = max(similar[rank], default=0.0)
        said_then = _said_then(question, item)
        prior = places.get((item.memory.thread, item.memory.position - 1))
        later = places.get((item.memory.thread, item.memory.position + 1))
        covered_before = 0.0
        for place, sentence in enumerate(parts):
            held = question.stems & set(sentence.stems)
            covered = sum(asked[s] for s in held) / total
            mask = int(np.bitwise_or.reduce(sentence.bits)) if len(sentence.bits) else 0
            features = (
                covered,
                wholes[rank],
                len(held & question.names) / (len(question.names) or 1),
                rank / DEPTH,
                rank == 0,
                by == 1,
                by == -1,
                any(named(person, sentence.text) for person in question.people),
                sentence.asks,
                sentence.picture,
                bool(mask & BIT["first_person"]),
                bool(mask & BIT["second_person"]),
                math.log1p(len(sentence.words)),
                similar[rank][place],
                sum(similar[rank]) / len(parts),
                similar[rank][place] == best,
                said_then is True,
                said_then is False,
                covered_before,
                wholes[prior] if prior is not None else 0.0,
                prior is not None and split[prior] != [] and any(s.asks for s in split[prior]),
                max(similar[prior], default=0.0) if prior is not None else 0.0,
                wholes[later] if later is not None else 0.0,
                *_novelty(question, sentence, mask, rarity),
                max(wholes[k] for k in (rank, prior, later) if k is not None),
            )
            weights = np.array([rarity.get(s, 0.0) if s else 0.0 for s in sentence.stems], dtype=np.float64)
            found.append(Passage(item, rank, sentence, np.array(features, dtype=np.float64), weights))
            covered_before = covered
    return found


def _novelty(question: Question, sentence: Sentence, mask: int, rarity: dict[str, float]) -> tuple[float, ...]:
    """Say what a sentence adds to the question, and whether that is of the kind that is asked for."""
    bits = sentence.bits
    people = {word for person in question.people for word in person.lower().split()}
    new = [
        k
        for k, s in enumerate(sentence.stems)
        if s and s not in question.stems and sentence.words[k].removesuffix("'s") not in people
    ]
    fresh = bits[new] if new else bits[:0]
    number = bool((fresh & BIT["number"]).any())
    name = bool((fresh & BIT["name"]).any())
    quote = bool(mask & BIT["quote"])
    reason = bool(mask & BIT["reason"])
    adjectives = int(((fresh & BIT["adjective"]) != 0).sum())
    commas = int(((bits & (BIT["comma"] | BIT["coordination"])) != 0).sum())
    time = bool(mask & BIT["time"])
    fits = {
        "how_many": number,
        "how_long": number and time,
        "how_often": time,
        "who": name,
        "where": name or bool(mask & BIT["preposition"]),
        "title": name or quote,
        "why": reason or bool(mask & BIT["to"]),
        "feeling": adjectives > 0,
    }.get(question.kind, commas > 0 if question.plural else None)
    pairs = {(a, b) for a, b in zip(sentence.stems, sentence.stems[1:], strict=False) if a and b}
    return (
        len(new) / (len(sentence.words) or 1),
        sum(rarity.get(sentence.stems[k], 0.0) for k in new),
        len(pairs & question.pairs),
        fits is True,
        fits is False,
        number,
        name,
        reason,
        quote,
        min(commas, 4),
        min(adjectives, 4),
        bool(len(bits) and bits[0] & BIT["interjection"]),
    )


def _similarities(question: Question, split: list[list[Sentence]], embed: Embed | None) -> list[list[float]]:
    """Return the cosine of each sentence with the question; zeros without an embedder."""
    if embed is None or not any(split):
        return [[0.0] * len(parts) for parts in split]
    vectors = embed([question.text, *(s.text for parts in split for s in parts)])
    cosines = iter((vectors[1:] @ vectors[0]).tolist())
    return [[next(cosines) for _ in parts] for parts in split]


def _said_then(question: Question, item: Evidence) -> bool | None:
    """Say whether a memory was said in or just after the time that the question asks about; None if it asks none."""
    if question.when is None:
        return None
    return question.when.start <= item.memory.said_at < question.when.end + timedelta(days=8)
