"""Personalized PageRank over entities, facts and mentions (HippoRAG), kept incremental and erasable.

Nodes are entities, named by a normalised phrase, and memories. A memory of kind "fact" whose metadata hold "subject"
and "object" (and "relation") is an edge, not a node: it is never found itself, it leads to its parents. Edges:

- fact: between subject and object; its weight is the number of facts that say so, and of memories whose slots do;
- mention: between an entity and a memory that is parent of a fact about it, or names it in its cues; weight 1;
- synonym: between entities whose phrases have a cosine of 0.8 and more; its weight is the cosine, added to the facts';
- alias: between an entity and one whose name begins or ends so ("lincoln", "abraham lincoln"); 1 over the number of
  such longer names, none where there are more than 5; where both hold, the larger of synonym and alias counts;
- neighbour: between memories of a thread whose positions differ by 1; its weight is a setting, by default 0, none.

A store knows no model, so the vectors of phrases come in as values: `unplaced()` names the entities that have none,
`place(phrases, vectors)` takes them. Without them there are no synonyms, and all else works.

Everything is kept with the memories it came from. What is removed takes with it exactly what only it held up: after any
history nodes, edges and weights are those of a graph that never held it, and so are scores (they are rounded to 12
places, because a sum in another order may differ in the 16th). Measured on one core with 100,000 nodes and 950,000
edges: 23 ms for the ranks of a question (networkx: 3 s), 28 ms for a search with 50,000 vectors of 64; 0.1 s to add or
remove 1,000 memories.

Where rank begins and what is linked, by preset. "agentmem", the default, is "hipporag2" with aliases, and with the
entities that a question names as weak seeds beside the facts. The others are published, with the constants of their
code (Gutiérrez et al., HippoRAG, NeurIPS 2024; HippoRAG 2, 2025). "hipporag2": the subjects and objects of the 5 facts
nearest to the question, each with the mean cosine of its facts over the number of memories that mention it (node
specificity), and every memory with 0.05 x its min-max scaled cosine, without their filtering by a language model.
"hipporag1": entities that the question names, each with its specificity alone; where it names none, the memories'
nearness. (Its own graph has no nodes for passages; this one has.)
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from agentmem.encoding.words import STOP_WORDS
from agentmem.protocols import MemoryStore
from agentmem.types import Hit, Memory, MemoryId, Query, Vectors
from agentmem_stores._graph_nodes import Fact, Knowledge, checked, phrase
from agentmem_stores._graph_snapshot import read, write
from agentmem_stores._pagerank import pagerank_of

_TOLERANCE = 3e-7
_PLACES = 12
_LONGEST = 8
"""Words of a phrase that is looked for in a question."""

__all__ = ["PRESETS", "Graph", "Settings", "make", "phrase"]

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a graph is made and where rank begins; see the module.

    `damping` is the probability of following a link. `spread` "once" follows each link one step instead of ranking, for
    comparison. `facts` is how many of the nearest facts count, `named` the weight of entities that the question names,
    `passages` that of the memories' own nearness. With `synonyms` above 1 there are none. `aliases` is how many longer
    names a name may stand for and still be linked to them; 0: none.
    """

    damping: float = 0.5
    facts: int = 5
    named: float = 0.0
    passages: float = 0.05
    synonyms: float = 0.8
    specificity: bool = True
    neighbours: float = 0.0
    aliases: int = 0
    spread: Literal["pagerank", "once"] = "pagerank"


PRESETS: Mapping[str, Settings] = {
    "agentmem": Settings(named=0.2, aliases=5),
    "hipporag2": Settings(),
    "hipporag1": Settings(facts=0, named=1.0, passages=0.0),
}


class Graph:
    """The store. Safe to share between threads."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or PRESETS["agentmem"]
        self._lock = threading.RLock()
        self._held = self._empty()

    @property
    def _form(self) -> str:
        return f"agentmem graph 1 {self.settings}"

    def _empty(self) -> Knowledge:
        return Knowledge(self.settings.synonyms, self.settings.neighbours, self.settings.aliases)

    def add(self, memories: Sequence[Memory]) -> None:
        """Take memories in, known ids replaced; raise VectorError, and take none, if one has no usable vector."""
        with self._lock:
            dim = self._held.dim
            rows: dict[MemoryId, tuple[Memory, Vectors]] = {}
            for memory in memories:
                row = checked(memory.vector, dim, f"memory {memory.id}")
                dim = len(row)
                rows[memory.id] = (memory, row)
            self.remove(rows.keys() & self._held.known.keys())
            for memory, row in rows.values():
                self._held.add(memory, row)

    def search(self, query: Query, k: int) -> list[Hit]:
        """Return the k memories of the highest rank, ties by id; facts are not among them."""
        return self.search_many([query], k)[0]

    def search_many(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        """Return what `search` does for each of several questions, ranked at once."""
        with self._lock:
            if not self._held.memory or k <= 0 or not queries:
                return [[] for _ in queries]
            ids = self._held.passage_rows.names
            resets = np.stack([self._reset(query) for query in queries], axis=1)
            ranks = np.round(self._ranks(resets)[self._held.nodes], _PLACES)
            return [_best(ids, ranks[:, column], k, query.allowed) for column, query in enumerate(queries)]

    def remove(self, ids: Collection[MemoryId]) -> frozenset[MemoryId]:
        """Drop the ids, with every node, edge and weight that only they held up; return those that were there."""
        with self._lock:
            gone = frozenset(i for i in ids if i in self._held.known)
            for i in gone:
                self._held.remove(i)
            return gone

    def unplaced(self) -> tuple[str, ...]:
        """Return the phrases of entities that have no vector yet, sorted; those too short for synonyms need none."""
        with self._lock:
            return self._held.unplaced()

    def place(self, phrases: Sequence[str], vectors: Vectors) -> None:
        """Take the vectors (n, dim) of phrases, and link synonyms; phrases of no entity here are left out."""
        with self._lock:
            self._held.place(phrases, vectors)

    def phrases(self) -> dict[str, Vectors]:
        """Return the vector (dim,) of each entity that was given one: copies."""
        with self._lock:
            rows = self._held.phrase_rows
            return dict(zip(rows.names, rows.matrix.copy(), strict=True))

    def to_networkx(self) -> Any:
        """Return a networkx.Graph: nodes ("entity", phrase) and ("memory", id), with `weight` and `kinds` of edges."""
        with self._lock:
            return self._held.to_networkx()

    def save(self, folder: Path) -> None:
        """Write the graph into the folder, vectors of phrases and synonyms included."""
        with self._lock:
            write(self._held, folder, self._form)

    def load(self, folder: Path) -> None:
        """Take back what `save` wrote; raise ValueError for files that are not understood, or of other settings."""
        fresh = self._empty()
        read(fresh, folder, self._form)
        with self._lock:
            self._held = fresh

    def __contains__(self, id: object) -> bool:  # noqa: A002 - the name in the protocol
        return id in self._held.known

    def __len__(self) -> int:
        return len(self._held.known)

    def _ranks(self, resets: Doubles) -> Doubles:
        graph, damping = self._held.adjacency, self.settings.damping
        if self.settings.spread == "pagerank":
            ranks = pagerank_of(
                graph.product,
                graph.degrees,
                resets,
                damping=damping,
                tolerance=_TOLERANCE,
                wanted=self._held.nodes,
            )
            return ranks.astype(np.float64, copy=False)
        shared = resets / resets.sum(axis=0) / np.where(graph.degrees > 0, graph.degrees, 1)[:, None]
        once: Doubles = (1 - damping) * resets / resets.sum(axis=0) + damping * graph.product(shared)
        return once

    def _reset(self, query: Query) -> Doubles:
        """Return (n,) where the rank of a question begins; the memories' own nearness where nothing else is known."""
        sought = checked(query.vector, self._held.dim, "the query")
        reset = np.zeros(len(self._held.adjacency))
        for name, weight in self._seeds(query.text, sought):
            reset[self._held.entity[name]] += weight
        own = self.settings.passages if reset.any() else self.settings.passages or 1.0
        if own:
            near = self._held.passage_rows.scores(sought).astype(np.float64)
            span = near.max() - near.min()
            reset[self._held.nodes] += own * ((near - near.min()) / span if span else np.ones(len(near)))
        return reset

    def _seeds(self, text: str, sought: Vectors) -> Iterator[tuple[str, float]]:
        """Yield entities with their weights, from the nearest facts and from the words of the question."""
        for name, scores in sorted(self._nearest_facts(sought).items()):
            yield name, sum(scores) / len(scores) / self._commonness(name)
        if self.settings.named:
            for name in sorted(self._named(text)):
                yield name, self.settings.named / self._commonness(name)

    def _commonness(self, name: str) -> int:
        return max(1, self._held.spread[name]) if self.settings.specificity else 1

    def _nearest_facts(self, sought: Vectors) -> dict[str, list[float]]:
        """Return the entities of the nearest facts, those that say the same taken once, each with its cosines > 0."""
        found: dict[str, list[float]] = defaultdict(list)
        if not self.settings.facts or not len(self._held.fact_rows):
            return found
        scores = self._held.fact_rows.scores(sought)
        nearest: dict[tuple[str, str, str], float] = {}
        enough = min(4 * self.settings.facts, len(scores))
        while True:
            last = np.partition(scores, len(scores) - enough)[len(scores) - enough]
            rows = np.flatnonzero(scores >= last).tolist()
            for score, i in sorted((-float(scores[row]), self._held.fact_rows.names[row]) for row in rows):
                fact = self._held.known[i]
                if isinstance(fact, Fact) and len(nearest) < self.settings.facts:
                    nearest.setdefault((fact.subject, fact.relation, fact.object), -score)
            if len(nearest) == self.settings.facts or enough == len(scores):
                break
            enough = min(4 * enough, len(scores))
        for (subject, _, object_), score in nearest.items():
            for name in sorted({subject, object_}):
                if score > 0:
                    found[name].append(score)
        return found

    def _named(self, text: str) -> set[str]:
        """Return the entities that a text names, longer phrases first, no word twice."""
        words, found, at = phrase(text).split(), set(), 0
        while at < len(words):
            for end in range(min(len(words), at + _LONGEST), at, -1):
                name = " ".join(words[at:end])
                if name in self._held.entity and name not in STOP_WORDS:
                    found.add(name)
                    at = end - 1
                    break
            at += 1
        return found


def _best(ids: Sequence[MemoryId], scores: Doubles, k: int, allowed: frozenset[MemoryId] | None) -> list[Hit]:
    """Return the k best of the allowed, ties by id."""
    if allowed is None and k < len(ids):
        rows = np.flatnonzero(scores >= np.partition(scores, len(ids) - k)[len(ids) - k]).tolist()
    else:
        rows = [row for row, i in enumerate(ids) if allowed is None or i in allowed]
    hits = [Hit(ids[row], float(scores[row])) for row in rows]
    return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:k]


def make(config: Mapping[str, Any]) -> MemoryStore:
    """Make an empty store; `preset` ("agentmem", "hipporag2" or "hipporag1") and each of `Settings` may be set."""
    known = {field.name for field in fields(Settings)}
    unknown = sorted(set(config) - known - {"preset"})
    if unknown:
        raise ValueError(f"the graph store has no settings {unknown}; it knows preset, {', '.join(sorted(known))}")
    preset = config.get("preset", "agentmem")
    if preset not in PRESETS:
        raise ValueError(f"the graph store has no preset {preset!r}; there are {', '.join(PRESETS)}")
    settings = replace(PRESETS[preset], **{name: value for name, value in config.items() if name != "preset"})
    if not (0 <= settings.damping < 1 and settings.synonyms > 0 and settings.facts >= 0):
        raise ValueError(f"{settings}: 0 <= damping < 1, 0 < synonyms and facts >= 0 are wanted")
    if min(settings.named, settings.passages, settings.neighbours, settings.aliases) < 0 or settings.spread not in {
        "pagerank",
        "once",
    }:
        raise ValueError(f'{settings}: weights are 0 and more, and spread is "pagerank" or "once"')
    return Graph(settings)
