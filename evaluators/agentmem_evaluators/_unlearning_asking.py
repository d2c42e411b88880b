"""Forget the targets of a conversation in every way, and ask what is left; agentmem really erases.

Its space is a copy of one that was told everything, with a LangGraph thread beside it that holds the session with most
of the target. It is handed the ids of the turns, and no more. The rebuild is a space that was told the turns without
the target, the facts that come from none of it, and the summaries in the words that the forgetting leaves them (nobody
can have people write those again); with the touched ones left out, it is the same as `summaries`. Baselines are spaces
that were told what their way of forgetting leaves.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from agentmem.errors import AgentmemError
from agentmem.proof import adversary
from agentmem.proof.asking import Reply
from agentmem.protocols import Embedder
from agentmem.space import Space
from agentmem.testing.threads import holding
from agentmem.types import Draft, Memory
from agentmem.unlearning.residue import control
from agentmem.unlearning.threads import WHOLE
from agentmem_evaluators import _unlearning_guard as guard
from agentmem_evaluators import _unlearning_resolver as resolver
from agentmem_evaluators._retention_asking import once
from agentmem_evaluators._scored import Row
from agentmem_evaluators._unlearning_bytes import Trace
from agentmem_evaluators._unlearning_conditions import BUILT, NONE, NUKE, NULL, OURS, REBUILD, TURNS, collateral, gone
from agentmem_evaluators._unlearning_questions import QUESTIONS, of_target, scored, spread
from agentmem_evaluators._unlearning_stage import Answered, K, Stage, ask
from agentmem_evaluators._unlearning_targets import Target, targets
from agentmem_evaluators._unlearning_told import Artefact, Told

AGAIN = 20
"""Facts at most that are told again after a target was forgotten."""
SEEN = (OURS, REBUILD, TURNS)
"""Whose replies the adversary sees."""


@dataclass(frozen=True, slots=True)
class Job:
    """A conversation, what of it is to be forgotten in turn, and how to open its spaces."""

    told: Told
    targets: Sequence[Target]
    embedder: str | Embedder
    weights: Path | None = None
    questions: int = QUESTIONS


@dataclass(slots=True)
class Played:
    """What became of it: rows for single questions, and what agentmem's forgetting of each target left.

    `seen` are the replies of those that the adversary may ask, by what was asked; `resolved` and `guarded` are what
    requests in words and the guard came to. `blind`: why a search for bytes would have found nothing; `failures`: what
    broke.
    """

    rows: list[Row] = field(default_factory=list)
    forgotten: list[dict[str, Any]] = field(default_factory=list)
    seen: dict[str, dict[str, Reply]] = field(default_factory=lambda: {name: {} for name in SEEN})
    resolved: list[resolver.Outcome] = field(default_factory=list)
    guarded: list[guard.Session] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class Ours(NamedTuple):
    """What agentmem's forgetting came to: replies, what is left, with its lineage then, and other findings."""

    replies: list[Answered]
    kept: list[Artefact]
    record: dict[str, Any]


def play(job: Job) -> Played:
    """Forget every target of a conversation in every way and ask. What breaks is in the result."""
    played = Played()
    embedder = once(job.embedder) if isinstance(job.embedder, str) else job.embedder
    with tempfile.TemporaryDirectory(prefix="agentmem-eval-", ignore_cleanup_errors=True) as scratch:
        stage = Stage(job.told, embedder, job.weights, Path(scratch))
        played.blind += control(stage.base)
        for target in job.targets:
            try:
                _forget(stage, target, job.questions, played)
            except AgentmemError as fault:
                where = f"{job.told.sample.id}, {target.kind} {target.name}"
                played.failures.append(f"{where}: {type(fault).__name__}: {fault}")
        with stage.open(Path(scratch) / "turns") as space:
            space.remember(list(job.told.sample.drafts))
            played.resolved = resolver.outcomes(space, targets(job.told.sample), stage.now)
    played.guarded = _guarded(job.told)
    return played


def _guarded(told: Told) -> list[guard.Session]:
    facts = [a.draft for a in told.artefacts if a.draft.kind == "fact"]
    about = [guard.Observation(str(d.thread), str(d.speaker), d.text) for d in facts]
    return guard.sessions(told.sample.drafts, about)


def _forget(stage: Stage, target: Target, most: int, played: Played) -> None:
    artefacts, order = stage.told.artefacts, stage.order
    asked = of_target(stage.told, target, stage.vectors, most)
    texts = [a.text for a in asked]
    ours = _ours(stage, target, texts)
    rebuilt = [a for a in artefacts if not a.sources & target.gold]
    rebuilt += [a for a in ours.kept if a.draft.kind == "summary" and a.sources != stage.sources[a.origin]]
    rebuilt.sort(key=lambda a: order[a.origin])
    replies = {OURS: ours.replies, REBUILD: stage.of(rebuilt, texts)}
    left = {OURS: {a.origin for a in ours.kept}, REBUILD: {a.origin for a in rebuilt}, NONE: set(order), NUKE: set()}
    for condition in BUILT:
        left[condition] = set(order) - gone(condition, artefacts, target.gold, stage.vectors)
        replies[condition] = stage.of([a for a in artefacts if a.origin in left[condition]], texts)
    nothing = [Answered()] * len(texts)
    replies |= {NONE: stage.of_everything(texts), NULL: nothing, NUKE: nothing}
    case = f"{stage.told.sample.id}/{target.kind}/{target.name}"
    for condition, of in replies.items():
        for one, answered in zip(asked, of, strict=True):
            if values := scored(one, target.gold, answered.shown):
                played.rows.append(Row(case, target.kind, one.id, condition, values))
        if condition in left:
            found = collateral(artefacts, target.gold, set(order) - left[condition])
            played.rows.append(Row(case, target.kind, "", condition, found))
    for name in SEEN:
        played.seen[name] |= {f"{case}/{a.group}/{a.id}": _seen(r) for a, r in zip(asked, replies[name], strict=True)}
    same = [adversary.apart(_seen(a), _seen(b)) == 0 for a, b in zip(replies[OURS], replies[REBUILD], strict=True)]
    played.forgotten.append({"kind": target.kind, "case": case, "same_replies": same, **ours.record})


def _seen(answered: Answered) -> Reply:
    return Reply(tuple((s.text,) for s in answered.shown), tuple(s.score for s in answered.shown), answered.confidence)


def _ours(stage: Stage, target: Target, texts: Sequence[str]) -> Ours:
    """Have agentmem forget in a copy, an agent's thread beside it; ask, look at bytes and states, tell it again."""
    with stage.copied() as root:
        threads = [d.thread for d in stage.told.sample.drafts if d.origin in target.gold]
        thread = max(dict.fromkeys(threads), key=threads.count)
        saved = stage.beside(root, thread)
        with stage.open(root) as space:
            began = time.perf_counter()
            plan = space.forgetting.plan([id_ for origin, id_ in stage.ids.items() if origin in target.gold])
            space.forgetting.execute(plan)
            seconds = time.perf_counter() - began
            left = {m.id: m for m in space.memories(vectors=True)}
            kept = [_as_told(m, left) for m in left.values()]
            sources = {a.origin: a.sources for a in kept}
            replies = [ask(space, text, sources) for text in texts]
        lost = [m for i, m in stage.before.items() if i not in left]
        rewritten = [m for i, m in stage.before.items() if i in left and m.text != left[i].text]
        trace = Trace(lost, rewritten, list(left.values()), stage.own)
        residue, before = trace.left(root), trace.left(stage.base)
        told = "\n".join(m.text for m in left.values())
        own = [m.text for m in lost if m.kind == "turn" and m.thread == thread and len(m.text.encode()) >= WHOLE]
        own = [text for text in own if text not in told]
        checkpoints, whole = holding(saved, own), holding(stage.session(thread), own)
        with stage.open(root) as space:
            facts = [a for a in stage.told.artefacts if a.draft.kind == "fact" and a.origin not in sources]
            back = _again(space, facts)
    record = {
        "turns": len(target.gold),
        "seconds": seconds,
        "erased": len(lost),
        "rewritten": len(rewritten),
        "words_before": sum(len(m.text.split()) for m in rewritten),
        "words_after": sum(len(left[m.id].text.split()) for m in rewritten),
        "residue_bytes": residue.bytes,
        "residue": residue.where,
        "residue_before": before.bytes,
        "checkpoints": checkpoints,
        "checkpoints_before": whole,
        **back,
    }
    return Ours(replies, kept, record)


def _as_told(memory: Memory, left: Mapping[str, Memory]) -> Artefact:
    """Return a memory as what would be told of it, with the turns that it comes from now."""
    turn = memory.kind == "turn"
    sources = {str(memory.origin)} if turn else {str(left[p].origin) for p in memory.parents}
    draft = Draft(
        memory.text,
        kind=memory.kind,
        speaker=memory.speaker,
        thread=memory.thread,
        said_at=memory.said_at,
        origin=memory.origin,
    )
    return Artefact(draft, frozenset(sources))


def _again(space: Space, facts: Sequence[Artefact]) -> dict[str, int]:
    """Tell what was forgotten again, in the words of the facts; return how many can be recalled, guarded and not."""
    told = [Draft(a.draft.text, speaker=a.draft.speaker, said_at=a.draft.said_at) for a in spread(facts, AGAIN)]
    if not told:
        return {"told_again": 0, "back": 0, "back_unguarded": 0}
    into = space.remember(told, guarded="skip")
    out = {v.index for v in into.kept_out}
    back = _recalled(space, [d for n, d in enumerate(told) if n not in out], into)
    forced = [told[n] for n in sorted(out)]
    let_in = _recalled(space, forced, space.remember(forced, guarded="pass"))
    return {"told_again": len(told), "back": back, "back_unguarded": back + let_in}


def _recalled(space: Space, told: Sequence[Draft], ids: Sequence[str]) -> int:
    """Return how many of what was told are among the ten best for their own words."""
    found = [id_ in {e.id for e in space.recall(d.text, K, explain=False)} for d, id_ in zip(told, ids, strict=True)]
    return sum(found)
