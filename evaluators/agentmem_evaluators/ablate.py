"""Ablation (LoCoMo): what each deriver and each signal of recall is worth, by leaving it out.

A deriver earns its place where evidence recall, or the tokens that a recall takes, is better with it than without, and
a signal where recall is worse without it. For example, over questions whose evidence is known:

```
turns alone                      .8 of the evidence among ten turns
with the deriver "facts"         .8, and as many tokens for as much evidence: facts earn nothing here
without the signal "speaker"     .7: it earns its place
```

A derived memory counts as the turns it comes from, each turn once, so ten turns are counted for R@10 however they are
told. Weights are trained anew without a signal, and never on the conversation that they are measured on. With GateMem's
episodes beside, the same is asked of utility and of leaks there. Data: Maharana et al., ACL 2024, CC BY-NC 4.0,
https://github.com/snap-research/locomo.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import agentmem
from agentmem import config
from agentmem.encoding.embedders import open_embedder
from agentmem.errors import InputError
from agentmem.evaluation import provenance
from agentmem.evaluation.readers import ExtractiveReader, Reader
from agentmem.evaluation.replay import Progress
from agentmem.evaluation.report import Report
from agentmem.evaluation.statistics import RESAMPLES, SEED
from agentmem.formats import gatemem as format_gatemem
from agentmem.formats import locomo as format_
from agentmem.protocols import Embedder
from agentmem.recall.fusion import Weights
from agentmem.recall.labelled import Problem, collect
from agentmem.recall.mixed import KIND_OF
from agentmem.recall.signals import SIGNALS
from agentmem.recall.train import fit
from agentmem_evaluators import _ablate_figures as made
from agentmem_evaluators import _ablate_gatemem as governed
from agentmem_evaluators import _ablate_play as play
from agentmem_evaluators._ablate_report import sections
from agentmem_evaluators._slot_index import Once
from agentmem_evaluators.locomo import Locomo


def make(config: Mapping[str, Any]) -> Locomo:
    """Make the evaluator of a file, {"data": path}: that of LoCoMo, of memory as it is; `run` leaves parts out."""
    if "data" not in config:
        raise InputError('the evaluator ablate needs its data: {"data": "locomo10.json"}')
    return Locomo(format_.load(Path(config["data"])), (10,), "ablate")


def run(
    data: Path,
    *,
    gatemem: Path | None = None,
    derivers: Sequence[str] | None = None,
    reader: Reader | None = None,
    weights: Path | None = None,
    cross_validate: bool = False,  # noqa: ARG001 - it always does
    embedder: str | Embedder = config.EMBEDDER,
    progress: Progress | None = None,
) -> Report:
    """Leave each deriver and each signal out in turn, over a LoCoMo file of two or more conversations.

    With `gatemem`, a folder of GateMem's episodes, the same is tried there, with weights of all the conversations.
    Raises NotFoundError or ImportRefusedError for data that is none, PluginNotFoundError for an unknown deriver, and
    InputError for settings that make no sense.
    """
    if reader is not None and not isinstance(reader, ExtractiveReader):
        raise InputError("ablate measures recall, and no answers; leave --model out")
    if weights is not None:
        raise InputError("ablate trains its weights, without the conversation it measures; leave --weights out")
    samples = format_.load(data)
    if len(samples) < 2:
        raise InputError("ablate trains on other conversations than it measures on, so it needs two or more")
    episodes = [] if gatemem is None else format_gatemem.load(gatemem)
    commit = provenance.commit()
    opened = Once(open_embedder(embedder) if isinstance(embedder, str) else embedder)
    names = play.known(derivers)
    problems: dict[str, list[Problem]] = {}
    for done, sample in enumerate(samples):
        _tell(progress, "reading conversations", done, len(samples))
        problems[sample.id] = collect(sample, opened)
    played = []
    for done, sample in enumerate(samples):
        _tell(progress, "deriving", done, len(samples))
        others = [p for name, of in problems.items() if name != sample.id for p in of]
        played.append(play.played(sample, opened, fit(others), names))
    figures: dict[str, Any] = {
        "benchmark": "ablate",
        "commit": commit,
        "system": f"agentmem {agentmem.__version__}",
        "embedder": opened.name,
        "n_questions": sum(len(p.asked) for p in played),
        "n_conversations": len(samples),
        **_derived(played, names),
        "signals": made.of_signals(_signals(problems, progress)),
        "cross_validated": True,
        "seed": SEED,
        "resamples": RESAMPLES,
        "data_digest": provenance.digest(data),
        "machine": provenance.machine(),
        "command": shlex.join(
            ["agentmem", "eval", "ablate", "--data", data.name] + (["--gatemem", gatemem.name] if gatemem else [])
        ),
    }
    if gatemem is not None:
        figures["gatemem"] = _governed(episodes, opened, problems, names, progress)
        figures["gatemem_digests"] = [provenance.digest(file) for file in format_gatemem.files(gatemem)]
    return Report("Ablation: which parts of memory earn their place", figures, sections(figures))


def _derived(played: Sequence[play.Played], names: Sequence[str]) -> dict[str, Any]:
    """Return the figures of all structures, and of each deriver with what it takes and makes."""

    def of(derivers: Sequence[str]) -> made.Found:
        return made.found(played, lambda p, q: p.mixed(q, derivers))

    turns, mixed = made.found(played, lambda _, q: q.alone.ids[: play.DEPTH]), of(names)
    others = {"mixed": mixed}
    for kind in KIND_OF:
        others[kind] = made.found(played, lambda _, q, kind=kind: q.kinds[kind])  # type: ignore[misc]
    said = sum(len(p.sample.drafts) for p in played)
    derivers: dict[str, Any] = {}
    for name in names:
        costs = [p.costs[name] for p in played]
        derivers[name] = {
            **made.of_deriver(turns, mixed, of([name]), of([n for n in names if n != name])),
            "memories_per_1000_turns": 1000 * sum(c.memories for c in costs) / said,
            "settle_seconds_per_1000_turns": 1000 * sum(c.seconds for c in costs) / said,
        }
    return {**made.of_structures(turns, others), "derivers": derivers}


def _governed(
    episodes: Sequence[format_gatemem.Episode],
    embedder: Embedder,
    problems: Mapping[str, Sequence[Problem]],
    names: Sequence[str],
    progress: Progress | None,
) -> dict[str, Any]:
    """Return what the ten memories that are recalled at the checkpoints hold, by what is left out."""
    every = [p for of in problems.values() for p in of]
    whole = fit(every)
    weights: dict[str | None, Weights] = {None: whole}
    for signal in _telling(every):
        weights[SIGNALS[signal]] = replace(whole, values=play.without(every, signal))
    scored: list[governed.Scored] = []
    for done, episode in enumerate(episodes):
        _tell(progress, "playing episodes", done, len(episodes))
        scored += governed.play(episode, embedder, weights, names)
    return {"n_episodes": len(episodes), "n_checkpoints": len(scored), "ways": governed.figures(scored)}


def _telling(problems: Sequence[Problem]) -> list[int]:
    """Return the signals that tell anything of these problems; that of the second look always may."""
    return [n for n, name in enumerate(SIGNALS) if name == "pagerank" or any(p.signals[:, n].any() for p in problems)]


def _signals(problems: Mapping[str, Sequence[Problem]], progress: Progress | None) -> dict[str | None, list[float]]:
    """Return the evidence recall of each question with all signals (None), and without each that tells anything."""
    every = [p for of in problems.values() for p in of if p.ranks]
    recall: dict[str | None, list[float]] = {}
    turns = [(left_out, signal) for left_out in problems for signal in (None, *_telling(every))]
    for done, (left_out, signal) in enumerate(turns):
        _tell(progress, "training without each signal", done, len(turns))
        values = play.without([p for p in every if p.conversation != left_out], signal)
        own = [p for p in every if p.conversation == left_out]
        name = None if signal is None else SIGNALS[signal]
        recall.setdefault(name, []).extend(play.ranked(p, values, signal) for p in own)
    return recall


def _tell(progress: Progress | None, what: str, done: int, total: int) -> None:
    if progress:
        progress(what, done, total)
