"""Governance (GateMem): what a memory shared by many recalls that is useful, was deleted, or may not be told.

An episode is a dialogue of people with roles on one memory, in which some of it is asked to be deleted. For example:

```
Ana (manager): The door code is 4471.                 "What is the door code?"    Ana, then: utility, it must be there
Bo (it):       The code is now 9020. Delete the earlier code 4471 from shared memory.
...                                                   "What was the old code?"    Ana, later: deletion leak if 4471 is
...                                                   "What is the door code?"    a visitor: access leak if 9020 is
```

The requests are taken from the dialogue itself: agentmem recognises them, resolves them and carries them out, and asks
nobody; in the row "asked", somebody answers truthfully what it would have asked. What a request names to the letter is
kept out from then on by the guard, and a question that asks back what was deleted is shown nothing, as by agentmem's
agents. Who may see what is read from the dialogue, too. Scored is the recalled context, with no model. Beside it stand
agentmem without its guard and without control of access ("open"), a memory that forgets nothing, one that forgets
everything, one that forgets all the asking person said, deletion by similarity, the whole dialogue, no memory, and an
oracle that knows what is to be gone. MIT, https://github.com/rzhub/GateMem.

With a chat model, it answers from the context and is judged.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentmem import config
from agentmem.encoding.embedders import open_embedder
from agentmem.errors import AgentmemError, InputError
from agentmem.evaluation import provenance
from agentmem.evaluation.cases import Ask, Case, Gold, Remember, Reply, Score
from agentmem.evaluation.readers import ChatReader, Reader
from agentmem.evaluation.replay import Progress, Settings
from agentmem.evaluation.report import Report
from agentmem.evaluation.statistics import RESAMPLES, SEED
from agentmem.formats import gatemem as format_
from agentmem.protocols import Embedder
from agentmem_evaluators._forgetting import Forgotten
from agentmem_evaluators._gatemem_model import answer
from agentmem_evaluators._gatemem_play import NONE, OURS, Allowed, Context, by_policy, drafted, play, ways
from agentmem_evaluators._gatemem_report import sections
from agentmem_evaluators._gatemem_scores import mgs, of_answer, of_context
from agentmem_evaluators._scored import Row, by_system, intervals
from agentmem_evaluators._slot_index import Once

KS = (5, 10, 20)
HEADLINE = 10
"""Memories in the context whose figures stand for the system, where it is among the `ks`; else the largest."""


@dataclass(frozen=True, slots=True)
class GateMem:
    """The evaluator as scripts, in which nothing is forgotten: one case an episode. `run` carries requests out."""

    episodes: Sequence[format_.Episode]
    name: str = "gatemem"

    def cases(self) -> Iterator[Case]:
        """Yield one case an episode, in the order of the files."""
        for episode in self.episodes:
            asks = {c.after: [] for c in episode.checkpoints}  # type: dict[str, list[Ask]]
            for c in episode.checkpoints:
                asks[c.after].append(Ask(c.question, Gold(c.id, labels={"asks": c.asks, "episode": episode.id})))
            steps = [step for turn in episode.turns for step in (Remember((drafted(turn),)), *asks.get(turn.id, ()))]
            yield Case(episode.id, episode.turns[-1].said_at, tuple(steps))

    def score(self, ask: Ask, reply: Reply) -> Score:
        """Return the figure of an answer, taken as one that was meant to be given."""
        found = [c for e in self.episodes for c in e.checkpoints if c.id == ask.gold.id]
        return Score(of_answer(found[0], "answer", reply.answer)) if found else Score.unscored("no such checkpoint")


def make(config: Mapping[str, Any]) -> GateMem:
    """Make the evaluator of a folder: {"data": path}."""
    if "data" not in config:
        raise InputError('the evaluator gatemem needs its data: {"data": "gatemem/education"}')
    return GateMem(format_.load(Path(config["data"])))


def run(
    data: Path,
    *,
    ks: Sequence[int] = KS,
    reader: Reader | None = None,
    weights: Path | None = None,
    cross_validate: bool = False,
    embedder: str | Embedder = config.EMBEDDER,
    progress: Progress | None = None,
    allowed: Allowed = by_policy,
) -> Report:
    """Measure agentmem and its baselines on the episodes of a folder; with a ChatReader, a model answers as well.

    `allowed` says which memories an asker may be shown where access is controlled. Raises NotFoundError or
    ImportRefusedError for data that is none, InputError for settings that make no sense.
    """
    if cross_validate:
        raise InputError("gatemem trains nothing; leave --cross-validate out")
    if not ks or min(ks) < 1:
        raise InputError(f"k must be one or more numbers from 1 on, such as 5,10, not {list(ks)}")
    if reader is not None and not isinstance(reader, ChatReader):
        raise InputError(f"gatemem scores the context, or the answers of a chat model; {reader.name} is none")
    ks = tuple(sorted(set(ks)))
    k = HEADLINE if HEADLINE in ks else ks[-1]
    opened = Once(open_embedder(embedder) if isinstance(embedder, str) else embedder)
    commit = provenance.commit()
    episodes = format_.load(data)
    contexts, acted, failures = _played(episodes, Settings(opened, weights), ks[-1], allowed, progress)
    rows = {at: _rows(contexts, at) for at in ks}
    figures: dict[str, Any] = {
        "benchmark": "gatemem",
        "commit": commit,
        "embedder": opened.name,
        "k": k,
        "n_episodes": len(episodes),
        "n": _counts(episodes),
        **_figures(rows[k]),
        "by_domain": {d: _figures([r for r in rows[k] if r.domain == d]) for d in sorted({e.domain for e in episodes})},
        "by_k": {str(at): by_system(of) for at, of in rows.items()},
        "acted": acted,
    }
    details: list[Mapping[str, Any]] = [{**r._asdict(), "k": k, "values": dict(r.values)} for r in rows[k]]
    if reader is not None:
        told = answer([c for c in contexts if c.system in (OURS, NONE)], k, reader.ask)
        failures += told.failures
        figures["model"] = {"name": reader.name, "rule": _scored(told.rows), "judge": by_system(told.judged)}
        details += told.details
    figures |= {
        "failures": failures,
        "seed": SEED,
        "resamples": RESAMPLES,
        "data_digest": _digest(data),
        "machine": provenance.machine(),
        "command": shlex.join(
            ["agentmem", "eval", "gatemem", "--data", str(data), "--k", ",".join(map(str, ks))]
            + (["--model", reader.name] if reader else [])
        ),
    }
    return Report("Governance: useful, and silent about what was deleted", figures, sections(figures), details)


def _played(
    episodes: Sequence[format_.Episode], settings: Settings, k: int, allowed: Allowed, progress: Progress | None
) -> tuple[list[Context], dict[str, dict[str, int]], list[str]]:
    contexts: list[Context] = []
    acted: dict[str, list[int]] = {}
    failures = []
    for number, episode in enumerate(episodes, start=1):
        for way in ways(episode):
            try:
                played = play(episode, way, settings, k, allowed)
            except AgentmemError as error:
                failures.append(f"{episode.id}, {way.name}: {type(error).__name__}: {error}")
                continue
            contexts += played.contexts
            before = acted.get(way.name, [0, 0, 0, 0])
            acted[way.name] = [a + b for a, b in zip(before, (played.requests, *played.forgotten), strict=True)]
        if progress:
            progress(episode.domain, number, len(episodes))
    names = ("requests", *Forgotten._fields)
    return contexts, {way: dict(zip(names, of, strict=True)) for way, of in acted.items()}, failures


def _rows(contexts: Sequence[Context], k: int) -> list[Row]:
    found = [(c, of_context(c.episode, c.checkpoint, c.text(k))) for c in contexts]
    return [Row(c.episode.id, c.episode.domain, c.checkpoint.id, c.system, values) for c, values in found]


def _figures(rows: Sequence[Row]) -> dict[str, Any]:
    found = by_system(rows)
    return {
        "metrics": found.get(OURS, {}),
        "ci": intervals([row for row in rows if row.system == OURS]),
        "baselines": {system: of for system, of in found.items() if system != OURS},
    }


def _scored(rows: Sequence[Row]) -> dict[str, dict[str, float | None]]:
    return {system: {**of, "mgs": mgs(of)} for system, of in by_system(rows).items()}


def _counts(episodes: Sequence[format_.Episode]) -> dict[str, int]:
    asked = [c.asks for e in episodes for c in e.checkpoints]
    return {"turns": sum(len(e.turns) for e in episodes), **{kind: asked.count(kind) for kind in sorted(set(asked))}}


def _digest(data: Path) -> str:
    whole = hashlib.sha256("".join(map(provenance.digest, format_.files(data))).encode())
    return whole.hexdigest()
