"""Which policies are compared, the references beside them, and salience that never saw what it is measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from agentmem import registry
from agentmem.errors import InputError
from agentmem.evaluation.replay import Progress
from agentmem.formats.locomo import ADVERSARIAL, Sample
from agentmem.protocols import Embedder, RetentionPolicy
from agentmem.retention.signals import SALIENCE
from agentmem_evaluators._retention_fading import Doubles, Ranking, by_age, by_policy, by_value
from agentmem_stores.retention._salience_training import fit, labelled
from agentmem_stores.retention.salience import Model, Salience

ALL = "all"
RANDOM, RECENCY, ORACLE = "random", "recency", "oracle"
REFERENCES = (RANDOM, RECENCY, ORACLE)
DRAWS = 2
"""Random choices whose figures are averaged."""


def chosen(names: Sequence[str] | None) -> dict[str, RetentionPolicy]:
    """Return policies by their registered names; none or "all" stands for all of them. References come by themselves.

    Raises PluginNotFoundError for a name that there is not, InputError for a policy that is named like a reference.
    """
    there = list(registry.policies())
    if taken := [name for name in there if name in REFERENCES]:
        raise InputError(f"a policy is called {taken[0]!r}, as a reference of this evaluator is; rename its file")
    wanted = there if not names or ALL in names else [n.replace("-", "_") for n in names if n not in REFERENCES]
    return {name: registry.make_policy(name, {}) for name in dict.fromkeys(wanted)}


def rankings(
    policies: Mapping[str, RetentionPolicy], salience: Salience, needed: Doubles, seed: int
) -> dict[str, list[Ranking]]:
    """Return what ranks the turns of one conversation, by name: one ranking, or several to average over.

    `salience` takes the place of the policy of that name and appraises for the others; `needed` (n,) is how many
    questions need each turn: only the oracle sees it.
    """
    found = {name: [by_policy(salience if name == SALIENCE else policy, salience)] for name, policy in policies.items()}
    draw = np.random.default_rng(seed)
    found[RANDOM] = [by_value(draw.random(len(needed))) for _ in range(DRAWS)]
    found[RECENCY] = [by_age]
    found[ORACLE] = [by_value(needed / max(needed.max(), 1))]
    return found


def needed(sample: Sample) -> Doubles:
    """Return (n,) how many questions of categories 1 to 4 need each turn."""
    row = {draft.origin: number for number, draft in enumerate(sample.drafts)}
    counts = np.zeros(len(sample.drafts))
    for question in sample.questions:
        if question.category != ADVERSARIAL:
            for evidence in question.evidence:
                counts[row[sample.origins[evidence]]] += 1
    return counts


def trained_on() -> frozenset[str]:
    """Return the digests of the conversations that the salience which ships says it was trained on."""
    return frozenset(Model.load().info.get("trained_on", {}).values())


def saliences(
    samples: Sequence[Sample], embedder: Embedder, progress: Progress | None, *, cross_validate: bool
) -> dict[str, Salience]:
    """Return a salience for each conversation: the one that ships, or, where that has seen it, one of all the others.

    With `cross_validate` it is one of the others for each. A file of one conversation has no others to learn from.
    """
    shipped, seen = Salience(Model.load()), trained_on()
    found = {sample.id: shipped for sample in samples}
    without = [s for s in samples if len(samples) > 1 and (cross_validate or s.digest in seen)]
    taught = {sample.id: labelled(sample, embedder) for sample in samples} if without else {}
    for done, left_out in enumerate(without):
        if progress:
            progress("learning salience without one", done, len(without))
        others = [of for name, of in taught.items() if name != left_out.id]
        found[left_out.id] = Salience(fit(others, embedder.name))
    return found
