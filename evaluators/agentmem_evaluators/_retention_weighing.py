"""Does it help recall to prefer what a policy would keep? Evidence recall at 10 by policy and by weight of the signal.

    python -m agentmem_evaluators._retention_weighing locomo_dev.json

Weights of recall and of salience never saw the conversation they are measured on; the last column chooses the weight of
the signal on the other conversations, each left out in turn. A day after the last session, by the traces that there are
then; nothing was recalled before.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

import agentmem
from agentmem.clock import FixedClock
from agentmem.encoding.context import context_features
from agentmem.encoding.embedders import open_embedder
from agentmem.encoding.features import text_features
from agentmem.formats.locomo import ADVERSARIAL, Sample, load
from agentmem.protocols import RetentionPolicy
from agentmem.recall import engine
from agentmem.recall.fusion import Weights, faded, fuse
from agentmem.types import Filter
from agentmem_evaluators._locomo_weights import folds
from agentmem_evaluators._retention_policies import chosen, saliences
from agentmem_evaluators._slot_index import Once
from agentmem_stores.retention.salience import Salience

WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
K = 10

Found = dict[tuple[str, float], dict[str, list[float]]]
"""Recall of each question, by policy and weight, then by conversation."""


def measure(
    sample: Sample,
    trained: Path,
    salience: Salience,
    embedder: Once,
    policies: Mapping[str, RetentionPolicy],
    to: Found,
) -> None:
    """Add the recall of one conversation's questions under every policy and weight."""
    now = max(draft.said_at for draft in sample.drafts if draft.said_at is not None) + timedelta(days=1)
    weights = Weights.load(trained)
    with (
        tempfile.TemporaryDirectory() as root,
        agentmem.open(root, embedder=embedder, clock=FixedClock(now)) as system,
    ):
        space = system.space("one")
        ids = space.remember(sample.drafts)
        origins = {i: draft.origin for i, draft in zip(ids, sample.drafts, strict=True)}
        texts = [draft.text for draft in sample.drafts]
        context = context_features([(draft.thread, draft.text) for draft in sample.drafts])
        features = np.concatenate([np.stack([text_features(text) for text in texts]), context], axis=1)
        _, traces = space.retention.traces()
        traces = replace(traces, salience=salience.appraise(features, embedder(texts), embedder.name))
        kept = {name: dict(zip(ids, policy.retention(traces), strict=True)) for name, policy in policies.items()}
        indexes = space._level()  # noqa: SLF001 - scores before any limit
        for question in sample.questions:
            gold = {sample.origins[name] for name in question.evidence}
            seen = engine.look(question.question, embedder, indexes, asked=Filter(), now=now)
            if question.category == ADVERSARIAL or not gold or seen is None:
                continue
            fused = fuse(seen.candidates, seen.features, weights)
            pool = [indexes.catalog.ids[row] for row in seen.pool]
            for name, of in kept.items():
                worth = np.array([of[i] for i in pool], np.float32)
                for weight in WEIGHTS:
                    best = np.argsort(-faded(fused, np.float32(weight) * worth).scores, kind="stable")[:K]
                    hit = gold & {origins[pool[row]] for row in best}
                    to[name, weight].setdefault(sample.id, []).append(len(hit) / len(gold))


def cross_validated(found: Found, name: str, ids: list[str]) -> float:
    """Return the recall where the weight is the best on the other conversations, the lowest of equals."""
    asked: list[float] = []
    for left_out in ids:
        others = [i for i in ids if i != left_out]
        best = max(WEIGHTS, key=lambda w: (np.mean([v for i in others for v in found[name, w][i]]), -w))
        asked += found[name, best][left_out]
    return float(np.mean(asked))


def main(path: Path) -> None:
    """Print the table, as Markdown."""
    samples, embedder = load(path), Once(open_embedder("default"))
    policies = {name: policy for name, policy in chosen(None).items() if name != "none"}
    found: Found = defaultdict(dict)
    with tempfile.TemporaryDirectory() as folder:
        files = folds(samples, embedder, Path(folder))
        learned = saliences(samples, embedder, None, cross_validate=True)
        for sample in samples:
            measure(sample, files[sample.id], learned[sample.id], embedder, policies, found)
    ids = [sample.id for sample in samples]
    print("| weight |", " | ".join(f"{w:g}" for w in WEIGHTS), "| chosen on the others |")  # noqa: T201 - what it is for
    print("|---|" + "--:|" * (len(WEIGHTS) + 1))  # noqa: T201
    for name in policies:
        means = [np.mean([v for of in found[name, w].values() for v in of]) for w in WEIGHTS]
        row = [f"{mean:.4f}"[1:] for mean in (*means, cross_validated(found, name, ids))]
        print(f"| {name} |", " | ".join(row), "|")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
