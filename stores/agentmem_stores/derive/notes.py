"""Linked notes of what was spoken of, with keywords and tags; a note evolves as more is said of the same (A-MEM).

A note stands for the turns of a month that are about one thing. A turn joins the note that is nearest, where the cosine
to its centre and the share of words that its last turn has in common (Jaccard) come to 0.75 together, much as pages
join in MemoryOS; else it begins one. Small talk is left out. What A-MEM (arXiv 2502.12110) does to neighbours when a
note comes in, deriving anew does here: keywords, text and links follow from the turns that are there. Links are the ids
of the first turn of each linked note, so that none can be taken for another; A-MEM's own code takes the ranks of a
search for places in a list.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from agentmem.encoding.words import terms
from agentmem.errors import InputError
from agentmem.protocols import Deriver
from agentmem.types import Draft, Floats, Memory
from agentmem_stores.derive._asking import Form, with_model
from agentmem_stores.derive._extractive import WORD, best, telling
from agentmem_stores.derive._liking import likings
from agentmem_stores.derive._sessions import said, spoken

JOINS = 0.75
TELLS = 0.0
"""How much a turn must say to be read (see `_extractive.telling`)."""
LINKS, LINKED = 3, 0.45
"""Links of a note at most, and from which cosine of two notes' centres."""
KEYWORDS = 4
SENTENCES, WORDS = 2, 45
MOST = 24
"""Notes of a month at most, those that the most was said of."""

FORM = Form(
    "notes",
    "Write a note for each thing that several turns are about: what it is and what is said of it, in one or two "
    "sentences, with keywords.",
    "note",
)


class Notes:
    """Notes of each month."""

    def scopes(self, memory: Memory) -> list[str]:
        """Return the month."""
        return [f"{memory.said_at:%Y-%m}"] if said(memory) and telling(memory.text) > TELLS else []

    def derive(self, scope: str, members: Sequence[Memory]) -> list[Draft]:
        """Return a note for each thing that at least two turns are about, in the order in which they began."""
        del scope
        groups = [group for group in clusters(members) if len(group.members) > 1]
        groups = sorted(sorted(groups, key=lambda g: -len(g.members))[:MOST], key=lambda g: g.members[0].seq)
        spread = Counter(word for memory in members for word in set(terms(memory.text)))
        return [_note(group, groups, spread) for group in groups]


class Cluster:
    """Turns about one thing: the sum of their vectors, and the words of the last of them."""

    def __init__(self, memory: Memory, vector: Floats, words: frozenset[str]) -> None:
        self.members = [memory]
        self.sum = vector.astype(np.float64)
        self.words = words

    def join(self, memory: Memory, vector: Floats, words: frozenset[str]) -> None:
        """Take a turn in."""
        self.members.append(memory)
        self.sum += vector
        self.words = words

    @property
    def centre(self) -> Floats:
        """The mean direction (dim,), of unit length, or zeros."""
        return (self.sum / (np.linalg.norm(self.sum) or 1.0)).astype(np.float32)


def clusters(members: Sequence[Memory]) -> list[Cluster]:
    """Return members in the groups that they form one after another; O(members x groups)."""
    made: list[Cluster] = []
    centres = np.zeros((0, 0), np.float32)
    for memory in members:
        if memory.vector is None:
            raise InputError("notes are made of memories with their vectors, and one has none")
        words = frozenset(terms(memory.text))
        if len(centres):
            shares = np.array([len(words & c.words) / (len(words | c.words) or 1) for c in made])
            near = np.round(centres[: len(made)] @ memory.vector + shares, 4)  # equal on every machine
            n = int(np.argmax(near))
            if near[n] >= JOINS:
                made[n].join(memory, memory.vector, words)
                centres[n] = made[n].centre
                continue
        else:
            centres = np.zeros((len(members), len(memory.vector)), np.float32)
        made.append(Cluster(memory, memory.vector, words))
        centres[len(made) - 1] = memory.vector
    return made


def _note(group: Cluster, groups: Sequence[Cluster], spread: Mapping[str, int]) -> Draft:
    turns = group.members
    quotable = list(spoken(turns))
    chosen = [quotable[n] for n in best([sentence for _, sentence in quotable], SENTENCES, WORDS)]
    quoted = " ".join(f"{memory.speaker}: {said}" if memory.speaker else said for memory, said in chosen)
    keywords = ", ".join(_keywords(turns, spread))
    return Draft(
        f"{keywords}: {quoted}" if keywords else quoted or turns[0].text,
        kind="note",
        said_at=max(memory.said_at for memory in turns),
        parents=tuple(memory.id for memory in turns),
        metadata={
            "keywords": keywords,
            "tags": ", ".join(tag for tag, fits in TAGS.items() if any(map(fits, turns))),
            "links": " ".join(links(group, groups)),
        },
    )


TAGS: Mapping[str, Callable[[Memory], bool]] = {
    "plan": lambda memory: memory.cues.when is not None and memory.cues.when.start > memory.said_at,
    "event": lambda memory: memory.cues.when is not None and memory.cues.when.start <= memory.said_at,
    "fact": lambda memory: bool(memory.cues.slots),
    "names": lambda memory: bool(memory.cues.entities),
    "taste": lambda memory: any(True for _ in likings(memory.text)),
}
"""Tags of a note, each given where one of its turns is so."""


def _keywords(turns: Sequence[Memory], spread: Mapping[str, int]) -> list[str]:
    """Return the words that turns share and others do not, as first written; who speaks or is addressed is none."""
    people = {word for memory in turns for word in terms(memory.speaker or "")}
    shared = Counter(word for memory in turns for word in set(terms(memory.text)) - people)
    written: dict[str, str] = {}
    for memory in turns:
        for word in WORD.findall(memory.text):
            for stem in terms(word):
                written.setdefault(stem, word.lower())
    total = sum(spread.values())
    worth = {stem: count * math.log(1 + total / spread[stem]) for stem, count in shared.items()}
    order = list(written)
    known = [stem for stem in worth if stem in written and len(stem) > 2]
    return [written[stem] for stem in sorted(known, key=lambda s: (-worth[s], order.index(s)))[:KEYWORDS]]


def links(group: Cluster, groups: Sequence[Cluster]) -> list[str]:
    """Return the ids of the first turns of the notes that are nearest, the nearest first."""
    near = [(round(float(group.centre @ other.centre), 4), other.members[0]) for other in groups if other is not group]
    linked = sorted((-cosine, first.seq, first.id) for cosine, first in near if cosine >= LINKED)
    return [name for _, _, name in linked[:LINKS]]


def make(config: Mapping[str, Any]) -> Deriver:
    """Make the deriver; with {"ask": an Ask, "budget": a Budget} a model writes the notes."""
    return with_model(Notes(), FORM, config)
