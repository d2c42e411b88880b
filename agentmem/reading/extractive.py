"""Answers a question in a short phrase out of the recalled evidence, without a language model.

When-questions are answered by dates (`dating`), the others by the best span of the best sentence (`relevance` ranks the
sentences, `spans` the phrases in it; both rankers are small linear models whose weights are `weights.json`). Where the
recall is not confident, or the words were said by somebody else than the person asked about, the answer is that no
information is available.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from agentmem.reading import dating, relevance, spans, support
from agentmem.reading.questions import analyse
from agentmem.reading.scorer import Ranker, log_softmax
from agentmem.reading.tokens import BIT
from agentmem.types import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from agentmem.reading.questions import Question
    from agentmem.reading.relevance import Embed, Passage
    from agentmem.types import Evidence, MemoryId

NOTHING = "No information available"
"""What is answered where the memory does not seem to hold the answer."""

SENTENCES_READ = 8
"""Best sentences whose phrases compete."""

ITEMS = 6
"""Phrases of an answer to a question that asks for several, at most."""

MARGIN = 4.0
"""How far (in the score, a log-probability) behind the best such a phrase may be."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The trained part of the reader; `span_share` weighs the span's score against its sentence's log-probability.

    `threshold` is the belief below which the reader abstains unless the caller names another one.
    """

    dating: Ranker
    passage: Ranker
    passage_with_vectors: Ranker
    span: Ranker
    support: npt.NDArray[np.float64]
    span_share: float
    threshold: float


@cache
def shipped_weights() -> Weights:
    """Return the weights that come with the package."""
    return weights_from(json.loads(files("agentmem.reading").joinpath("weights.json").read_text(encoding="utf-8")))


def weights_from(data: dict[str, dict[str, float]]) -> Weights:
    """Read weights as `training.train_reader` returns them. Raises ValueError where they do not fit this version."""
    settings = data["settings"]
    known = Ranker.from_json(support.FEATURES, data["support"])
    return Weights(
        dating=Ranker.from_json(dating.FEATURES, data["dating"]),
        passage=Ranker.from_json(relevance.FEATURES, data["passage"]),
        passage_with_vectors=Ranker.from_json(relevance.FEATURES, data["passage_with_vectors"]),
        span=Ranker.from_json(spans.OWN_FEATURES, data["span"]),
        support=known.weights.astype(np.float64),
        span_share=settings["span_share"],
        threshold=settings["threshold"],
    )


def read(
    question: str,
    evidence: Sequence[Evidence],
    *,
    confidence: float,
    threshold: float | None = None,
    embed: Embed | None = None,
    weights: Weights | None = None,
) -> Answer:
    """Answer from the evidence, best first, of which `relevance.DEPTH` memories are read.

    `confidence` in [0, 1] is the recall's; the answer's own is the middle (in logits) between it and what the evidence
    itself supports, and below `threshold` (None: the calibrated one; 0: never) the answer is `NOTHING`. `embed` (texts
    to unit rows) chooses sentences better, for the time of embedding some forty of them. Where recall has read the
    value that is asked for (`Evidence.fact` of the first), that is the answer.
    """
    use = weights or shipped_weights()
    if not evidence:
        return Answer(NOTHING, confidence=0.0, abstained=True)
    now = max(e.memory.said_at for e in evidence)
    asked = analyse(question, {e.memory.speaker for e in evidence}, now)
    if evidence[0].fact is not None and asked.kind not in {"when", "why", "yes_no"}:
        return Answer(evidence[0].fact.value, sources=(evidence[0].id,), confidence=confidence)
    found = relevance.passages(asked, evidence, embed)
    belief = support.logistic(
        (support.logit(confidence) + float(support.support_features(asked, found) @ use.support)) / 2
    )
    limit = use.threshold if threshold is None else threshold
    if belief < limit or not found:
        return Answer(NOTHING, confidence=belief, abstained=True)
    ranker = use.passage if embed is None else use.passage_with_vectors
    chances = log_softmax(ranker(np.stack([p.features for p in found])))
    text, sources = _answer(asked, found, chances, use)
    return Answer(text, sources=sources, confidence=belief)


def _answer(
    asked: Question, found: list[Passage], chances: npt.NDArray[np.float64], use: Weights
) -> tuple[str, tuple[MemoryId, ...]]:
    if asked.kind == "when":
        candidates = dating.datings(asked, found)
        chosen = candidates[int(np.argmax(use.dating(np.stack([c.features for c in candidates]))))]
        return chosen.text, (chosen.evidence.id,)
    order = np.argsort(-chances, kind="stable")
    if asked.kind == "yes_no":
        return _yes_or_no(asked, found[order[0]])
    picked: list[tuple[float, str, MemoryId]] = []
    for place in order[:SENTENCES_READ]:
        phrases = spans.spans(asked, found[place])
        if phrases is None:
            continue
        scores = use.span(phrases.own)
        at = int(np.argmax(scores))
        text = _counted(asked, phrases, scores) or _reason(asked, found[place]) or phrases.text(at)
        picked.append((float(chances[place] + use.span_share * scores[at]), text, found[place].evidence.id))
    if not picked:
        return tidy(found[order[0]].sentence.text), (found[order[0]].evidence.id,)
    picked.sort(key=lambda item: -item[0])
    if asked.plural:
        return _several(picked)
    return tidy(picked[0][1]), (picked[0][2],)


def _several(picked: list[tuple[float, str, MemoryId]]) -> tuple[str, tuple[MemoryId, ...]]:
    """Join the best phrases of different sentences; one that says nothing new is left out."""
    items: list[str] = []
    sources: list[MemoryId] = []
    said: set[str] = set()
    for score, text, source in picked:
        if score < picked[0][0] - MARGIN:
            break
        item = tidy(text)
        new = set(re.findall(r"\w{3,}", item.lower()))
        if len(items) == ITEMS or (items and len(new & said) * 2 >= len(new)):
            continue
        items.append(item)
        sources.append(source)
        said |= new
    return ", ".join(items), tuple(dict.fromkeys(sources))


def _counted(asked: Question, phrases: spans.Spans, scores: npt.NDArray[np.float32]) -> str | None:
    """Return the number alone where a number was asked for and the sentence holds one."""
    if asked.kind != "how_many":
        return None
    sentence = phrases.passage.sentence
    for at in np.argsort(-scores, kind="stable"):
        first, last = phrases.bounds[at]
        for place in range(first, last + 1):
            if sentence.bits[place] & BIT["number"] and sentence.stems[place] not in asked.stems:
                return sentence.words[place]
    return None


def _reason(asked: Question, passage: Passage) -> str | None:
    """Return what follows "because" up to the end of its clause, where a reason was asked for."""
    if asked.kind != "why":
        return None
    match = re.search(
        r"(?:\bbecause|\bcuz|['\u2019]cause|\bso that|\bin order)\s+([^.!?;\n]{3,160})", passage.sentence.text
    )
    return match[1] if match else None


def _yes_or_no(asked: Question, best: Passage) -> tuple[str, tuple[MemoryId, ...]]:
    """Say no where the best sentence denies, the better covered of two where there is an "or", else yes."""
    source = (best.evidence.id,)
    choice = re.search(r"([\w' -]+?)\s+or\s+(?:(?:the|an?)\s+)?([\w' -]+)\W*$", asked.text)
    if choice:
        words = set(re.findall(r"\w+", best.evidence.memory.text.lower()))
        first, second = choice[1].split()[-1], choice[2].split()[0]
        return (second if second.lower() in words and first.lower() not in words else first), source
    denied = bool((best.sentence.bits & BIT["negation"]).any())
    return ("No" if denied else "Yes"), source


def tidy(text: str) -> str:
    """Return a phrase without the marks and brackets that it only holds half of."""
    text = re.sub(r"\s+", " ", text).strip(" ,;:-\u2013\u2014*[]")
    for opening, closing in (('"', '"'), ("\u201c", "\u201d"), ("(", ")")):
        if opening == closing:
            if text.count(opening) % 2:
                text = text.replace(opening, "")
        elif (opening in text) != (closing in text):
            text = text.replace(opening, "").replace(closing, "")
    return text.strip()
