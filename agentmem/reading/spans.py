"""Candidate answers: spans of a sentence between plausible boundaries, with features that know no single word.

All spans of a sentence are featurised at once from prefix sums over its tokens, so a question with thousands of
candidates costs a few milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agentmem.reading.questions import KINDS, Question
from agentmem.reading.tokens import BIT, BITS

if TYPE_CHECKING:
    from agentmem.reading.relevance import Passage

LONGEST = 14
"""Tokens of the longest span."""

_EDGE = (
    "strong", "comma", "mark", "quote", "determiner", "possessive", "pronoun", "preposition", "to", "coordination",
    "subordination", "reason", "auxiliary", "negation", "degree", "content", "ing", "past", "number", "name",
    "adjective",
)  # fmt: skip
_INSIDE = (
    "comma", "mark", "quote", "determiner", "possessive", "pronoun", "first_person", "second_person",
    "preposition", "coordination",
    "subordination", "auxiliary", "negation", "degree", "interjection", "number", "time", "name", "content", "ing",
    "past",
    "adverb", "adjective", "plural", "to",
)  # fmt: skip
_TYPED = ("number", "time", "name", "adjective", "ing", "plural", "past", "quote")
_BAD_END = sum(
    BIT[b]
    for b in (
        "determiner",
        "possessive",
        "preposition",
        "to",
        "coordination",
        "subordination",
        "degree",
        "comma",
        "mark",
        "strong",
        "auxiliary",
    )
)
_BAD_START = sum(BIT[b] for b in ("comma", "mark", "strong", "coordination"))
_SELECTED_KINDS = tuple(k for k in KINDS if k != "when")
_BY_KIND = (*_TYPED, "length", "before_preposition", "before_reason", "before_to", "all_name", "first_time")

OWN_FEATURES = (
    *(f"before_{b}" for b in (*_EDGE, "start", "asked")),
    *(f"first_{b}" for b in (*_EDGE, "asked")),
    *(f"last_{b}" for b in (*_EDGE, "asked")),
    *(f"after_{b}" for b in (*_EDGE, "end", "asked")),
    *(f"has_{b}" for b in _INSIDE),
    *(f"share_{b}" for b in ("content", "name", "number", "adjective", "asked")),
    "length", "log_length", "one", "two", "three", "four_five", "six_eight", "nine_more", "rarity", "mean_rarity",
    "asked_inside",
    "verb_known", "verb_inside", "after_verb", "after_verb_near", "before_verb_near", "verb_first", "head_known",
    "head_inside", "head_last",
    "head_first", "after_head_near", "before_head_near", "head_copula",
    "distance_from_asked", "distance_to_asked", "adjacent_after_asked", "whole_sentence", "whole_clause", "quoted",
    "asked_before",
    *(f"{k}_{b}" for k in _SELECTED_KINDS for b in _BY_KIND),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """The candidate spans of one passage: first and last token (n, 2) and their own features (n, F)."""

    passage: Passage
    bounds: npt.NDArray[np.int64]
    own: npt.NDArray[np.float32]

    def text(self, at: int) -> str:
        """Return the words of a span as they stand in the memory."""
        first, last = self.bounds[at]
        sentence = self.passage.sentence
        return sentence.text[sentence.offsets[first, 0] : sentence.offsets[last, 1]]


def spans(question: Question, passage: Passage) -> Spans | None:
    """Return the candidate spans of a passage, or None where there is none."""
    sentence = passage.sentence
    bits, n = sentence.bits, len(sentence.bits)
    if n == 0:
        return None
    asked = np.array([s in question.stems for s in sentence.stems], dtype=np.float64)
    first, last = _bounds(bits, asked)
    if not len(first):
        return None
    table = np.stack([(bits & BIT[b]) != 0 for b in BITS], axis=1).astype(np.float64)
    sums = np.vstack([np.zeros((1, len(BITS) + 2)), np.cumsum(np.column_stack([table, asked, passage.rarity]), axis=0)])
    inside = sums[last + 1] - sums[first]
    count = {b: inside[:, k] for k, b in enumerate(BITS)}
    length = (last - first + 1).astype(np.float64)
    edge = np.column_stack([table[:, [BITS.index(b) for b in _EDGE]]])
    ends = np.zeros((1, len(_EDGE)))
    padded = np.vstack([ends, edge, ends])
    asked_padded = np.concatenate([[0.0], asked, [0.0]])
    at_start, at_end = (first == 0).astype(float), (last == n - 1).astype(float)
    words = np.maximum(count["content"], 1e-9)
    places = np.flatnonzero(asked)
    back, ahead = _distances(places, first, last)
    clause_start = at_start + padded[first][:, 0] + padded[first][:, 1] + padded[first][:, 2]
    clause_end = at_end + padded[last + 2][:, 0] + padded[last + 2][:, 1] + padded[last + 2][:, 2]
    before = padded[first]
    quoted = before[:, 3] * padded[last + 2][:, 3]
    kinds = np.array([question.kind == k for k in _SELECTED_KINDS], dtype=np.float64)
    typed = np.column_stack(
        [
            *(np.minimum(count[b], 2) for b in _TYPED), np.log(length), before[:, _EDGE.index("preposition")],
            before[:, _EDGE.index("reason")], before[:, _EDGE.index("to")] + edge[first][:, _EDGE.index("to")],
            count["name"] >= count["content"], (bits[first] & BIT["time"]) != 0,
        ]
    )  # fmt: skip
    own = np.column_stack(
        [
            before, at_start, asked_padded[first],
            edge[first], asked[first],
            edge[last], asked[last],
            padded[last + 2], at_end, asked_padded[last + 2],
            *(np.minimum(count[b], 3) for b in _INSIDE),
            count["content"] / length, count["name"] / words, count["number"] / words, count["adjective"] / words,
            inside[:, -2] / words,
            length, np.log(length), length == 1, length == 2, length == 3, (length == 4) | (length == 5),
            (length >= 6) & (length <= 8), length > 8, inside[:, -1], inside[:, -1] / words, inside[:, -2],
            *_relation(question.verb, question.head, passage, first, last),
            back, ahead, back == 1, at_start * at_end, (clause_start > 0) * (clause_end > 0), quoted,
            back < 30,
        ]
    )  # fmt: skip
    m = len(first)
    crossed = (kinds[None, :, None] * typed[:, None, :]).reshape(m, -1)
    features = np.column_stack(
        [own, crossed]
    )  # fmt: skip
    return Spans(passage, np.column_stack([first, last]), features.astype(np.float32))


def _bounds(
    bits: npt.NDArray[np.int64], asked: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return first and last tokens of every span that says something new and does not begin, end or run on badly.

    New is a content word that the question does not have: "Biscuit" does not answer what Biscuit ate.
    """
    n = len(bits)
    strong = np.cumsum((bits & BIT["strong"]) != 0)
    content = np.concatenate([[0], np.cumsum(((bits & BIT["content"]) != 0) & (asked == 0))])
    first = np.repeat(np.arange(n), LONGEST)
    last = first + np.tile(np.arange(LONGEST), n)
    held = last < n
    first, last = first[held], last[held]
    good = (
        ((bits[first] & _BAD_START) == 0)
        & ((bits[last] & _BAD_END) == 0)
        & (strong[last] == np.where(first > 0, strong[first - 1], 0))
        & (content[last + 1] > content[first])
    )
    return first[good], last[good]


def _distances(
    places: npt.NDArray[np.int64], first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return how many tokens before and after each span the nearest asked word stands, 30 where there is none."""
    if not len(places):
        return np.full(len(first), 30.0), np.full(len(first), 30.0)
    left = np.searchsorted(places, first) - 1
    right = np.searchsorted(places, last, side="right")
    back = np.where(left >= 0, first - places[np.maximum(left, 0)], 30)
    ahead = np.where(right < len(places), places[np.minimum(right, len(places) - 1)] - last, 30)
    return np.minimum(back, 30).astype(float), np.minimum(ahead, 30).astype(float)


def _relation(
    verb: str, head: str, passage: Passage, first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]
) -> list[npt.NDArray[np.float64]]:
    """Return where the question's verb and head noun stand to each span: its object follows the verb."""
    stems = passage.sentence.stems
    bits = passage.sentence.bits
    out: list[npt.NDArray[np.float64]] = []
    nothing = np.zeros(len(first))
    for word, is_verb in ((verb, True), (head, False)):
        places = np.array([k for k, s in enumerate(stems) if word and s == word], dtype=np.int64)
        if not len(places):
            out += [nothing] * (6 if is_verb else 7)
            continue
        back, ahead = _distances(places, first, last)
        inside = np.searchsorted(places, last, side="right") > np.searchsorted(places, first)
        out += [nothing + 1, inside.astype(float)]
        if is_verb:
            out += [
                (back < 30).astype(float),
                (back <= 2).astype(float),
                (ahead <= 2).astype(float),
                np.isin(first, places).astype(float),
            ]
        else:
            copula = np.array([bool(bits[f - 1] & BIT["auxiliary"]) if f else False for f in first])
            out += [
                np.isin(last, places).astype(float), np.isin(first, places).astype(float), (back <= 2).astype(float),
                (ahead <= 2).astype(float), copula * (back < 6),
            ]  # fmt: skip
    return out
