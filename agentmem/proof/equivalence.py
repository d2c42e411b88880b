"""Comparing a space with one that never knew what was forgotten: state, answers, scores, facts, graph, statistics.

CE_state: every field of every memory. CE_topk: Jaccard of the ten best, and rank-biased overlap (Webber et al., 2010)
with p = .9. CE_score: largest difference of a score or a confidence. CE_graph: half the L1 distance of the PageRanks of
the two graphs. Statistics: BM25's idf and mean length, as far as questions bring them out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from agentmem.proof.asking import Reply, asker, unnoticed
from agentmem.proof.rebuild import Rebuilt
from agentmem.protocols import Lexical
from agentmem.space import Space
from agentmem.types import Finding, Memory, MemoryId, Query

TOP = 10
PERSISTENCE = 0.9
"""Chance of a reader of looking at the next answer, in rank-biased overlap."""
ROUNDING = 1e-6
"""Differences of scores, ranks and statistics that are nothing but the order of additions."""
DAMPING = 0.85
STEPS = 100
SUBJECTS = 200
"""Whose facts are compared; of more, the first."""
ASKED = 60
"""Questions that are made of what is left, where nobody has any."""


@dataclass(frozen=True, slots=True)
class Equivalence:
    """How far two spaces are from being one; all zeros and ones, and nothing `different`, where they cannot be told.

    `different` counts what differs, by field. `jaccard` and `rbo` are means over the questions, the others the largest
    differences. `pagerank` is None where there was no graph to compare.
    """

    memories: int
    questions: int
    different: Mapping[str, int] = field(default_factory=dict)
    jaccard: float = 1.0
    rbo: float = 1.0
    score: float = 0.0
    confidence: float = 0.0
    pagerank: float | None = 0.0
    idf: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the two cannot be told apart."""
        largest = max(self.score, self.confidence, self.pagerank or 0.0, self.idf)
        return not self.different and min(self.jaccard, self.rbo) > 1 - ROUNDING and largest <= ROUNDING

    @property
    def level(self) -> str:
        """What a receipt may say: "equivalent", or only "physical"."""
        return "equivalent" if self.holds else "physical"

    def findings(self) -> list[Finding]:
        """Return it in words, a finding for each thing that was compared."""
        mend = "something that was forgotten has left its mark; see the counts, and erase what they name"
        parts = ", ".join(f"{name} of {n}" for name, n in self.different.items())
        same = f"{self.memories} memories are as if what was forgotten had never been told"
        closeness = f"Jaccard@{TOP} {self.jaccard:.6f}, RBO {self.rbo:.6f} over {self.questions} questions"
        apart = f"scores differ by at most {self.score:.1e}, confidences by {self.confidence:.1e}"
        checks = [
            ("state", not self.different, f"different: {parts}" if parts else same),
            ("answers", min(self.jaccard, self.rbo) > 1 - ROUNDING, closeness),
            ("scores", max(self.score, self.confidence) <= ROUNDING, apart),
            ("statistics", self.idf <= ROUNDING, f"weights of words differ by at most {self.idf:.1e}"),
        ]
        if self.pagerank is not None:
            apart = f"PageRanks differ by {self.pagerank:.1e}"
            checks.append(("graph", self.pagerank <= ROUNDING, apart))
        return [Finding(name, ok, seen, "" if ok else mend) for name, ok, seen in checks]


def compare(space: Space, other: Rebuilt, questions: Sequence[str] = (), *, graph: bool = True) -> Equivalence:
    """Compare a space with one built anew without what it has forgotten; `questions` beside those made of what is left.

    Nothing is counted as a use of what is recalled meanwhile.
    """
    with unnoticed(space) as now, unnoticed(other.space, now):
        memories = list(space.memories(vectors=True))
        asked = list(dict.fromkeys([*questions, *_questions(memories)]))
        one = [asker(space)(q) for q in asked]
        two = [asker(other.space)(q) for q in asked]
        different = {**_state(space, other, memories), **_facts(space, other.space, memories)}
        ranks = _pageranks(space, other.space) if graph else None
        idf = max((_statistics(space, other.space, q) for q in asked), default=0.0)
    return Equivalence(
        memories=len(memories),
        questions=len(asked),
        different={name: n for name, n in different.items() if n},
        jaccard=_mean([jaccard(a, b) for a, b in zip(one, two, strict=True)]),
        rbo=_mean([rbo(a.keys, b.keys) for a, b in zip(one, two, strict=True)]),
        score=max((scores_apart(a, b) for a, b in zip(one, two, strict=True)), default=0.0),
        confidence=max((abs(a.confidence - b.confidence) for a, b in zip(one, two, strict=True)), default=0.0),
        pagerank=ranks,
        idf=idf,
    )


# -- answers -------------------------------------------------------------------------------------------------------


def jaccard(one: Reply, two: Reply) -> float:
    """Return the share of what both answers hold in what either holds, repeats counted; 1 for two empty ones."""
    a, b = Counter(one.keys), Counter(two.keys)
    either = (a | b).total()
    return (a & b).total() / either if either else 1.0


def rbo(one: Sequence[Hashable], two: Sequence[Hashable], p: float = PERSISTENCE) -> float:
    """Return the rank-biased overlap of two rankings in [0, 1], extrapolated from their depth (eq. 30)."""
    depth = max(len(one), len(two))
    if not depth:
        return 1.0
    shares = [(Counter(one[:d]) & Counter(two[:d])).total() / d for d in range(1, depth + 1)]
    seen = sum(share * p**d for d, share in enumerate(shares, start=1))
    return float(shares[-1] * p**depth + (1 - p) / p * seen)


def scores_apart(one: Reply, two: Reply) -> float:
    """Return the largest difference of the scores of two answers, place by place; 1 at least if one is longer."""
    longer = float(len(one.scores) != len(two.scores))
    return max([longer, *(abs(a - b) for a, b in zip(one.scores, two.scores, strict=False))])


def _questions(memories: Sequence[Memory]) -> list[str]:
    """Return questions made of what is left: texts, evenly chosen, and what is asked of whom they name."""
    chosen = memories if len(memories) <= ASKED else [memories[len(memories) * n // ASKED] for n in range(ASKED)]
    named = [f"What about {name}?" for m in chosen for name in m.cues.entities[:1]]
    return list(dict.fromkeys([*(m.text for m in chosen), *named]))


# -- state ---------------------------------------------------------------------------------------------------------


def _state(space: Space, other: Rebuilt, memories: Sequence[Memory]) -> dict[str, int]:
    """Count fields that differ, and what is there beside living memories."""
    there = {m.id: m for m in other.space.memories(vectors=True)}
    counts: Counter[str] = Counter(
        {"derived from nothing": len(other.orphans), "vectors": len(other.other_vectors), "memories": 0}
    )
    pairs = [(m, there[other.ids[m.id]]) for m in memories if other.ids.get(m.id) in there]
    counts["memories"] = len(memories) - len(pairs) + len(there) - len(pairs) - len(other.orphans)
    for mine, its in pairs:
        for name in _SAME:
            counts[name] += getattr(mine, name) != getattr(its, name)
        counts["metadata"] += dict(mine.metadata) != dict(its.metadata)
        counts["cues"] += _cues(mine) != _cues(its)
        counts["parents"] += {other.ids.get(p) for p in mine.parents} != set(its.parents)
        if mine.id not in other.other_vectors and mine.vector is not None and its.vector is not None:
            counts["vectors"] += float(np.abs(mine.vector - its.vector).max()) > _rounding(mine)
    counts["features"] = _features(space, other, pairs)
    counts["signals"], counts["traces"] = _traces(space, other)
    db = space._ledger.connection  # noqa: SLF001 - a proof looks inside
    counts["hidden, not erased"] = db.one("SELECT count(*) FROM memories WHERE suppressed = 1")
    counts["kept to undo"] = db.one("SELECT count(*) FROM shadows")
    return counts


_SAME = (
    *("kind", "text", "speaker", "thread", "position", "said_at", "stored_at", "valid_from", "valid_to"),
    *("origin", "audience", "tier"),
)


def _cues(memory: Memory) -> tuple[Any, ...]:
    cues = memory.cues
    return frozenset(cues.entities), frozenset(cues.slots), cues.when


def _rounding(memory: Memory) -> float:
    """Return how far vectors may lie apart: codes of a vector that is rounded otherwise may be one step apart."""
    return ROUNDING if memory.code is None else 0.1


def _features(space: Space, other: Rebuilt, pairs: Sequence[tuple[Memory, Memory]]) -> int:
    """Count memories of which recall keeps other features, or another time at which it happened."""
    mine = {row[1]: row[9:] for row in space._ledger.columns()}  # noqa: SLF001
    its = {row[1]: row[9:] for row in other.space._ledger.columns()}  # noqa: SLF001
    return sum(mine.get(a.id) != its.get(b.id) for a, b in pairs)


def _traces(space: Space, other: Rebuilt) -> tuple[int, int]:
    """Count memories with other signals (what they are worth among those before them), and with other traces of use."""
    ids, mine = space.retention.traces()
    fresh, its = other.space.retention.traces()
    row = {i: n for n, i in enumerate(fresh)}
    pairs = [(n, row[other.ids[i]]) for n, i in enumerate(ids) if i in other.ids and other.ids[i] in row]
    if not pairs:
        return 0, 0
    a, b = (list(side) for side in zip(*pairs, strict=True))

    def differ(names: Sequence[str]) -> int:
        apart = [np.abs(getattr(mine, name)[a] - getattr(its, name)[b]) > ROUNDING for name in names]
        return int(np.any(apart, axis=0).sum())

    return differ(("arousal", "importance", "surprise", "specificity", "salience")), differ(("uses", "unused"))


def _facts(space: Space, other: Space, memories: Sequence[Memory]) -> dict[str, int]:
    """Count subjects whose values, or the times in which they held, differ."""
    subjects = list(dict.fromkeys(s.subject for m in memories for s in m.cues.slots if s.subject))[:SUBJECTS]

    def known(where: Space, subject: str) -> list[tuple[Any, ...]]:
        return [(f.attribute, f.value, f.valid_from, f.valid_to, len(f.memories)) for f in where.timeline(subject)]

    return {"facts": sum(known(space, s) != known(other, s) for s in subjects)}


# -- statistics ----------------------------------------------------------------------------------------------------


def _pageranks(one: Space, two: Space) -> float:
    """Return half the L1 distance of the PageRanks of two graphs, their nodes told by name, memories by text."""
    a, b = _ranked(one), _ranked(two)
    return sum(abs(a.get(node, 0.0) - b.get(node, 0.0)) for node in a.keys() | b.keys()) / 2


def _ranked(space: Space) -> dict[Hashable, float]:
    graph = space.graph()
    nodes = list(graph.nodes)
    place = {node: n for n, node in enumerate(nodes)}
    edges = [(place[a], place[b], float(edge.get("weight", 1.0))) for a, b, edge in graph.edges(data=True)]
    ranks = pagerank(len(nodes), edges)
    found: Counter[Hashable] = Counter()
    for (part, name), rank in zip(nodes, ranks.tolist(), strict=True):
        found[(part, graph.nodes[(part, name)].get("text", name))] += rank
    return dict(found)


def pagerank(n: int, edges: Sequence[tuple[int, int, float]]) -> npt.NDArray[np.float64]:
    """Return the PageRank (n,) of an undirected weighted graph, by power iteration (Brin and Page, 1998)."""
    if not n:
        return np.zeros(0)
    ends = np.array([(a, b) for a, b, _ in edges], np.int64).reshape(-1, 2)
    weights = np.array([w for *_, w in edges], np.float64)
    source, target = np.concatenate([ends[:, 0], ends[:, 1]]), np.concatenate([ends[:, 1], ends[:, 0]])
    flow = np.concatenate([weights, weights])
    out = np.bincount(source, flow, n)
    share = flow / np.maximum(out[source], np.finfo(float).tiny)
    ranks = np.full(n, 1 / n)
    for _ in range(STEPS):
        lost = ranks[out == 0].sum()
        ranks = DAMPING * (np.bincount(target, ranks[source] * share, n) + lost / n) + (1 - DAMPING) / n
    return ranks


def _statistics(one: Space, two: Space, question: str) -> float:
    """Return how far BM25's weights of the words of a question, and its mean length, lie apart."""
    a, b = _weights(one, question), _weights(two, question)
    if a is None or b is None:
        return float(a is not b)
    return float(np.abs(a - b).max(initial=0.0)) if a.shape == b.shape else 1.0


def _weights(space: Space, question: str) -> npt.NDArray[np.float32] | None:
    stores = space._level().stores.values()  # noqa: SLF001
    lexical = next((store for store in stores if isinstance(store, Lexical)), None)
    if lexical is None:
        return None
    ids: list[MemoryId] = []
    counts = lexical.term_counts(Query(question, np.zeros(0, np.float32)), ids)
    return np.append(counts.idf, np.float32(counts.mean_length))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 1.0
