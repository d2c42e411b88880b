"""The nodes and edges of a graph of memories, each kept with the memories that hold it up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from agentmem.encoding.words import STOP_WORDS
from agentmem.errors import VectorError
from agentmem.types import Memory, MemoryId, Vectors
from agentmem_stores._graph_parts import Adjacency, Rows

_SHORTEST = 3
"""Letters of a phrase that may have synonyms: shorter ones lie close to much by accident."""
_LONGEST_NAME = 5
"""Words of what a slot may hold and still be an entity; "anything that keeps me busy after work" is none."""
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Fact:
    """What a fact holds up: an edge between two entities (one, where they are the same), mentions in its parents."""

    subject: str
    relation: str
    object: str
    parents: frozenset[MemoryId]


@dataclass(frozen=True, slots=True)
class Passage:
    """What an ordinary memory holds up: a node, mentions of entities, edges between them, and a place in its thread."""

    entities: frozenset[str]
    ties: frozenset[tuple[str, str]]
    place: tuple[str, int]


def phrase(text: object) -> str:
    """Return the name under which an entity is known: case, signs and runs of blanks do not tell two apart."""
    return _NO_WORD.sub(" ", str(text).casefold()).strip()


class Knowledge:
    """Entities, facts, mentions, synonyms and neighbours, and the vectors they are found by.

    `known` has what each memory holds up. After any history all is as if what was removed had never been.
    """

    def __init__(self, synonyms: float, neighbours: float, aliases: int) -> None:
        self.known: dict[MemoryId, Fact | Passage] = {}
        self.adjacency = Adjacency()
        self.entity: dict[str, int] = {}
        self.memory: dict[MemoryId, int] = {}
        self.spread: Counter[str] = Counter()  # how many memories that are here mention an entity
        self.passage_rows, self.fact_rows, self.phrase_rows = Rows(), Rows(), Rows()
        self._nodes: npt.NDArray[np.int64] | None = None  # looking 50,000 up takes as long as half of a ranking
        self._least = synonyms
        self._beside = neighbours
        self._holders: dict[str, set[MemoryId]] = {}  # the memories that name an entity: it lives while there is one
        self._facts: dict[tuple[str, str], set[MemoryId]] = {}
        self._mentions: dict[MemoryId, dict[str, set[MemoryId]]] = {}  # memory, maybe not here yet: entity: who says so
        self._synonyms: dict[str, dict[str, float]] = {}
        self._unclear = aliases
        self._longer: dict[str, set[str]] = {}  # a name, maybe of nothing here: the longer names that begin or end so
        self._threads: dict[tuple[str, int], set[MemoryId]] = {}

    @property
    def dim(self) -> int | None:
        """Return the length of the memories' vectors; None of an empty graph."""
        for rows in (self.passage_rows, self.fact_rows):
            if len(rows):
                return int(rows.matrix.shape[1])
        return None

    @property
    def nodes(self) -> npt.NDArray[np.int64]:
        """Return (n,) the nodes of the memories, in the order of `passage_rows`."""
        if self._nodes is None:
            ids = self.passage_rows.names
            self._nodes = np.fromiter((self.memory[i] for i in ids), np.int64, len(ids))
        return self._nodes

    def remove(self, i: MemoryId) -> None:
        """Drop a memory that is here, with every node, edge and weight that only it held up."""
        match self.known.pop(i):
            case Fact() as fact:
                self._drop_fact(i, fact)
            case Passage() as passage:
                self._drop_passage(i, passage)

    def unplaced(self) -> tuple[str, ...]:
        """Return the phrases of entities that have no vector yet, sorted; those too short for synonyms need none."""
        return tuple(sorted(p for p in self.entity if p not in self.phrase_rows and len(p) >= _SHORTEST))

    def place(self, phrases: Sequence[str], vectors: Vectors) -> None:
        """Take the vectors (n, dim) of phrases, and link synonyms; phrases of no entity here are left out."""
        if len(phrases) != len(vectors):
            raise VectorError(f"{len(vectors)} vectors for {len(phrases)} phrases; pass one row a phrase, in order")
        dim = self.phrase_rows.matrix.shape[1] if len(self.phrase_rows) else None
        rows = [
            checked(row, dim or len(vectors[0]), f"the phrase {p!r}") for p, row in zip(phrases, vectors, strict=True)
        ]
        new = {p: row for p, row in zip(phrases, rows, strict=True) if p in self.entity and len(p) >= _SHORTEST}
        for name, row in new.items():
            self._displace(name)
            self.phrase_rows.add(name, row)
        self.link(self.phrase_rows.near(list(new), self._least))

    def to_networkx(self) -> Any:
        """Return a networkx.Graph: nodes ("entity", phrase) and ("memory", id), with `weight` and `kinds` of edges."""
        import networkx as nx

        graph = nx.Graph()
        names: dict[int, tuple[str, str]] = {node: ("entity", name) for name, node in self.entity.items()}
        names |= {node: ("memory", i) for i, node in self.memory.items()}
        for kind, label in sorted(names.values()):
            graph.add_node((kind, label), kind=kind, label=label)
        edges = [(min(names[a], names[b]), max(names[a], names[b]), w) for a, b, w in self.adjacency.edges()]
        for one, other, weight in sorted(edges):
            graph.add_edge(one, other, weight=weight, kinds=self._kinds(one, other))
        return graph

    def add(self, memory: Memory, row: Vectors) -> None:
        """Take a memory in that is not here; its vector has been checked."""
        self.take(memory.id, _fact(memory) or _passage(memory), row)

    def take(self, i: MemoryId, held_up: Fact | Passage, row: Vectors) -> None:
        """Take in what a memory that is not here holds up, with its vector."""
        self.known[i] = held_up
        if isinstance(held_up, Fact):
            self.fact_rows.add(i, row)
            self._add_fact(i, held_up)
        else:
            self.passage_rows.add(i, row)
            self._add_passage(i, held_up)

    def synonyms(self) -> list[tuple[str, str, float]]:
        """Return (phrase, other, cosine) of each pair once, sorted."""
        return sorted((a, b, cosine) for a, others in self._synonyms.items() for b, cosine in others.items() if a < b)

    def link(self, synonyms: Iterable[tuple[str, str, float]]) -> None:
        """Make pairs of entities synonyms."""
        for one, other, cosine in synonyms:
            self._synonyms.setdefault(one, {})[other] = cosine
            self._synonyms.setdefault(other, {})[one] = cosine
            self._weigh(one, other)

    def _add_passage(self, i: MemoryId, passage: Passage) -> None:
        self._nodes = None
        self.memory[i] = self.adjacency.node()
        for name in self._mentions.get(i, ()):
            self.spread[name] += 1
            self.adjacency.set(self.entity[name], self.memory[i], 1.0)
        for name in passage.entities:
            self._hold(name, i)
            self._mention(name, i, i)
        for one, other in passage.ties:
            self._facts.setdefault((one, other), set()).add(i)
            self._weigh(one, other)
        self._threads.setdefault(passage.place, set()).add(i)
        self._meet(i, passage, self._beside)

    def _drop_passage(self, i: MemoryId, passage: Passage) -> None:
        self._nodes = None
        self._meet(i, passage, 0.0)
        _discard(self._threads, passage.place, i)
        for one, other in passage.ties:
            _discard(self._facts, (one, other), i)
            self._weigh(one, other)
        for name in passage.entities:
            self._unmention(name, i, i)
        for name in self._mentions.get(i, ()):  # what facts say of it, should they stay longer than it does
            self._leave(name, i)
        self.adjacency.free(self.memory.pop(i))
        self.passage_rows.remove(i)
        for name in passage.entities:
            self._release(name, i)

    def _add_fact(self, i: MemoryId, fact: Fact) -> None:
        for name in {fact.subject, fact.object}:
            self._hold(name, i)
            for parent in fact.parents:
                self._mention(name, parent, i)
        if fact.subject != fact.object:
            self._facts.setdefault(_pair(fact.subject, fact.object), set()).add(i)
            self._weigh(fact.subject, fact.object)

    def _drop_fact(self, i: MemoryId, fact: Fact) -> None:
        self.fact_rows.remove(i)
        if fact.subject != fact.object:
            _discard(self._facts, _pair(fact.subject, fact.object), i)
            self._weigh(fact.subject, fact.object)
        for name in {fact.subject, fact.object}:
            for parent in fact.parents:
                self._unmention(name, parent, i)
            self._release(name, i)

    def _hold(self, name: str, by: MemoryId) -> None:
        """Note that a memory names an entity, and make its node if it is the first."""
        if name not in self.entity:
            self.entity[name] = self.adjacency.node()
            self._relate(name, comes=True)
        self._holders.setdefault(name, set()).add(by)

    def _release(self, name: str, by: MemoryId) -> None:
        """Note that a memory names an entity no more, and drop the node with its synonyms if it was the last."""
        _discard(self._holders, name, by)
        if name not in self._holders:
            self._displace(name)
            self._relate(name, comes=False)
            self.adjacency.free(self.entity.pop(name))

    def _relate(self, name: str, *, comes: bool) -> None:
        """Note that an entity comes, or is about to go, and weigh anew what is short for it, and it for what."""
        if not self._unclear:
            return
        for part in _ends(name):
            # beyond that many, what a name is short for is open: nothing changes by one more or less
            stirred = self._aliases_of(part) if len(self._longer.get(part, ())) <= self._unclear else frozenset()
            if comes:
                self._longer.setdefault(part, set()).add(name)
            else:
                _discard(self._longer, part, name)
            for longer in stirred | self._aliases_of(part):
                self._weigh(part, longer)
        for longer in self._aliases_of(name):
            self._weigh(name, longer, gone=not comes)

    def _aliases_of(self, name: str) -> frozenset[str]:
        """Return the entities that a name here may be short for: none where there are too many."""
        longer = self._longer.get(name, set())
        return frozenset(longer) if name in self.entity and len(longer) <= self._unclear else frozenset()

    def _displace(self, name: str) -> None:
        """Forget the vector of a phrase, and the synonyms it had."""
        self.phrase_rows.remove(name)
        for other in self._synonyms.pop(name, {}):
            rest = self._synonyms[other]
            del rest[name]
            if not rest:
                del self._synonyms[other]
            self._weigh(name, other)

    def _mention(self, name: str, memory: MemoryId, by: MemoryId) -> None:
        sources = self._mentions.setdefault(memory, {}).setdefault(name, set())
        if not sources and memory in self.memory:
            self.spread[name] += 1
            self.adjacency.set(self.entity[name], self.memory[memory], 1.0)
        sources.add(by)

    def _unmention(self, name: str, memory: MemoryId, by: MemoryId) -> None:
        mentioned = self._mentions[memory]
        _discard(mentioned, name, by)
        if name not in mentioned and memory in self.memory:
            self._leave(name, memory)
        if not mentioned:
            del self._mentions[memory]

    def _leave(self, name: str, memory: MemoryId) -> None:
        """Take the edge between an entity and a memory away."""
        self.spread[name] -= 1
        if not self.spread[name]:
            del self.spread[name]
        self.adjacency.set(self.entity[name], self.memory[memory], 0.0)

    def _meet(self, i: MemoryId, passage: Passage, weight: float) -> None:
        """Weigh the edges between a memory and its neighbours in the thread."""
        if not self._beside:
            return
        thread, position = passage.place
        for place in ((thread, position - 1), (thread, position + 1)):
            for other in self._threads.get(place, ()):
                self.adjacency.set(self.memory[i], self.memory[other], weight)

    def _weigh(self, one: str, other: str, *, gone: bool = False) -> None:
        """Give the edge between two entities its weight: facts counted, and how far the two mean the same."""
        alike = max(self._synonyms.get(one, {}).get(other, 0.0), self._alias(one, other))
        weight = 0.0 if gone else len(self._facts.get(_pair(one, other), ())) + alike
        self.adjacency.set(self.entity[one], self.entity[other], weight)

    def _alias(self, one: str, other: str) -> float:
        """Return how surely one name is short for the other: 1 over the number of names that it begins or ends."""
        short, long = sorted((one, other), key=len)
        longer = self._aliases_of(short)
        return 1 / len(longer) if long in longer else 0.0

    def _kinds(self, one: tuple[str, str], other: tuple[str, str]) -> str:
        """Return what an edge is made of, such as "fact+synonym"."""
        if one[0] != other[0]:
            return "mention"
        if one[0] == "memory":
            return "neighbour"
        fact = _pair(one[1], other[1]) in self._facts
        synonym, alias = other[1] in self._synonyms.get(one[1], ()), self._alias(one[1], other[1]) > 0
        return "+".join(["fact"] * fact + ["synonym"] * synonym + ["alias"] * alias)


def _passage(memory: Memory) -> Passage:
    """Return what an ordinary memory names, and what the slots it fills tie together."""
    said = [(phrase(slot.subject), phrase(slot.value)) for slot in memory.cues.slots if not slot.ends]
    ties = {_pair(*both) for both in said if all(both) and both[0] != both[1] and both[1].count(" ") < _LONGEST_NAME}
    named = {phrase(entity) for entity in memory.cues.entities} | {name for both in ties for name in both}
    return Passage(frozenset(named - {""}), frozenset(ties), (memory.thread, memory.position))


def _fact(memory: Memory) -> Fact | None:
    """Return what a memory of kind "fact" says of two entities; None for any other, and for one without phrases."""
    if memory.kind != "fact":
        return None
    subject, relation, object_ = (phrase(memory.metadata.get(part) or "") for part in ("subject", "relation", "object"))
    return Fact(subject, relation, object_, frozenset(memory.parents)) if subject and object_ else None


def _ends(name: str) -> set[str]:
    """Return what a name may be called in short: its first words or its last, not all of them."""
    words = name.split()
    parts = {" ".join(words[:n]) for n in range(1, len(words))} | {" ".join(words[n:]) for n in range(1, len(words))}
    return {part for part in parts if len(part) >= _SHORTEST and part not in STOP_WORDS and not part.isdigit()}


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _discard(sets: dict[Any, set[MemoryId]], key: object, i: MemoryId) -> None:
    """Take an id out of one of the sets, and the set away if it was the last."""
    sets[key].discard(i)
    if not sets[key]:
        del sets[key]


def checked(vector: Vectors | None, dim: int | None, whose: str) -> Vectors:
    """Return a usable float32 vector."""
    if vector is None:
        raise VectorError(f"{whose} has no vector, and this store begins at what is near; encode the text first")
    row: Vectors = np.asarray(vector, np.float32)
    if row.ndim != 1 or not len(row) or (dim is not None and len(row) != dim):
        raise VectorError(
            f"{whose} has a vector of shape {row.shape} where this store holds ({dim or 'dim'},); "
            "encode it with the embedder that filled the space"
        )
    if not np.isfinite(row).all():
        raise VectorError(f"{whose} has a vector with nan or inf in it; encode the text again")
    return row
