"""Train the salience model on conversations whose questions name their evidence, and say honestly how good it is.

    python -m agentmem_stores.retention._salience_training DATA [-o FILE] [--embedder NAME]

DATA is in LoCoMo's form. A turn is positive where a question of categories 1 to 4 needs it, weighted by how many do;
logistic regression with L2, convex and started at zero, so that the same data give the same weights. Every figure that
is printed is of conversations that the weights never saw: share of the gold evidence that is kept, each piece counted
as often as it is asked for, when the best 5, 10, 25 and 50 % of the turns are.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from agentmem.encoding.context import CONTEXT_FEATURES, context_features
from agentmem.encoding.embedders import open_embedder
from agentmem.encoding.encoder import encode
from agentmem.errors import InputError
from agentmem.formats import locomo
from agentmem.protocols import Embedder
from agentmem.types import Floats, Vectors
from agentmem_stores.retention._arithmetic import Doubles
from agentmem_stores.retention.salience import Model

BUDGETS = (0.05, 0.1, 0.25, 0.5)
FEATURE_L2 = 3.0
VECTOR_L2 = 600.0
"""L2 of the weights of the vector: with 30 and less they learn the topics of the conversations they are trained on."""
VECTOR_SCALE = 20.0
"""Brings the columns of unit vectors to about unit variance, so that both penalties speak of the same thing."""


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A conversation of n turns: features (n, F), vectors (n, dim), and how many questions need each turn (n,)."""

    id: str
    digest: str
    features: Floats
    vectors: Vectors
    needed: Doubles


def labelled(sample: locomo.Sample, embedder: Embedder) -> Labelled:
    """Encode a conversation as a space would, and count its evidence."""
    encoded = encode(sample.drafts, embedder)
    context = context_features([(draft.thread, draft.text) for draft in sample.drafts])
    row = {draft.origin: number for number, draft in enumerate(sample.drafts)}
    needed = np.zeros(len(sample.drafts))
    for question in sample.questions:
        if question.category != locomo.ADVERSARIAL:
            for evidence in question.evidence:
                needed[row[sample.origins[evidence]]] += 1
    return Labelled(
        sample.id,
        sample.digest,
        np.concatenate([np.stack([e.features for e in encoded]), context], axis=1),
        np.stack([e.vector for e in encoded]),
        needed,
    )


def fit(conversations: Sequence[Labelled], embedder: str) -> Model:
    """Return the model of the conversations. Raises InputError where no turn of them is evidence, or every one is."""
    from scipy.optimize import minimize

    features = np.concatenate([c.features for c in conversations]).astype(np.float64)
    vectors = np.concatenate([c.vectors for c in conversations]).astype(np.float64)
    needed = np.concatenate([c.needed for c in conversations])
    if not needed.any() or needed.all():
        raise InputError(
            "there is nothing to learn: of the turns, some must be evidence and some must not; check the ids"
        )
    mean, scale = features.mean(0), features.std(0)
    scale[scale < 1e-9] = 1.0
    middle = vectors.mean(0)
    x = np.concatenate([(features - mean) / scale, (vectors - middle) * VECTOR_SCALE, np.ones((len(needed), 1))], 1)
    penalty = np.repeat([FEATURE_L2, VECTOR_L2, 0.0], [features.shape[1], vectors.shape[1], 1])
    sign, weight = np.where(needed > 0, 1.0, -1.0), np.maximum(needed, 1)

    def loss(w: Doubles) -> tuple[float, Doubles]:
        margin = sign * (x @ w)
        slope = -weight * sign / (1 + np.exp(np.clip(margin, -500, 500)))
        return float(weight @ np.logaddexp(0, -margin) + penalty @ w**2 / 2), x.T @ slope + penalty * w

    found = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 1000}).x
    weights = found[: features.shape[1]] / scale
    direction = found[features.shape[1] : -1] * VECTOR_SCALE
    return Model(
        float(found[-1] - mean @ weights), weights, direction, float(middle @ direction), embedder.partition("/")[0]
    )


def kept(scores: Doubles, needed: Doubles, budget: float) -> float:
    """Return the share of the evidence, counted as often as it is needed, among the best `budget` of the turns."""
    best = np.argsort(-scores, kind="stable")[: round(len(scores) * budget)]
    return float(needed[best].sum() / needed.sum())


def cross_validate(conversations: Sequence[Labelled], embedder: str) -> dict[str, dict[str, Any]]:
    """Return, by ranking and budget, the mean share kept, of each conversation by a model of the others.

    "salience" is the model; "without vector" is it where the embedder is another; "length", "recency" and "oracle" are
    what they say; a random choice keeps as much as its budget.
    """
    length = CONTEXT_FEATURES.index("log_length") - len(CONTEXT_FEATURES)
    shares: dict[str, dict[float, list[float]]] = {}
    for held_out in conversations:
        if not held_out.needed.any():
            continue
        model = fit([c for c in conversations if c is not held_out], embedder)
        rankings = {
            "salience": model.logits(held_out.features, held_out.vectors, model.embedder),
            "without vector": model.logits(held_out.features, held_out.vectors, ""),
            "length": held_out.features[:, length].astype(np.float64),
            "recency": np.arange(len(held_out.needed), dtype=np.float64),
            "oracle": held_out.needed,
        }
        for name, scores in rankings.items():
            for budget in BUDGETS:
                share = kept(scores, held_out.needed, budget)
                shares.setdefault(name, {}).setdefault(budget, []).append(share)
    return {
        name: {f"{budget:g}": round(float(np.mean(found)), 4) for budget, found in by_budget.items()}
        for name, by_budget in shares.items()
    }


def train(data: Path, out: Path, embedder: str) -> dict[str, dict[str, Any]]:
    """Train on a file, write the model, return the cross-validated figures. Raises InputError for one conversation."""
    samples = locomo.load(data)
    if len(samples) < 2:
        raise InputError(
            f"{data} holds {len(samples)} conversation(s); at least two are needed, to check one by another"
        )
    opened = open_embedder(embedder)
    conversations = [labelled(sample, opened) for sample in samples]
    report = cross_validate(conversations, opened.name)
    info = {
        "trained_on": {c.id: c.digest for c in conversations},
        "embedder": opened.name,
        "n_turns": sum(len(c.needed) for c in conversations),
        "cross_validated": report,
    }
    replace(fit(conversations, opened.name), info=info).save(out)
    return report


def main(words: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m agentmem_stores.retention._salience_training")
    parser.add_argument("data", type=Path, help="labelled conversations, LoCoMo's form")
    parser.add_argument("-o", "--out", type=Path, default=Path("salience.json"), help="where to write the model")
    parser.add_argument("--embedder", default="default", help="embedder whose vectors it learns from")
    asked = parser.parse_args(words)
    sys.stdout.write(json.dumps(train(asked.data, asked.out, asked.embedder), indent=1) + f"\nwrote {asked.out}\n")


if __name__ == "__main__":
    main()
