"""Train the weights of recall on questions whose evidence is known, and say honestly how good they are.

Ranking: a listwise softmax. Each piece of evidence should win against all candidates that are none:
loss = -log(exp(s_e) / (exp(s_e) + sum over non-evidence of exp(s))), weighted 1 / sqrt(evidence of the question), plus
L2 (the ListNet top-one loss of Cao et al., "Learning to rank: from pairwise approach to listwise approach", 2007, an
item at a time). Confidence: logistic regression over `marks`. Both are convex, start at zero and use L-BFGS: the same
data give the same weights. Everything that is reported is measured on conversations that the weights never saw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentmem.errors import InputError
from agentmem.recall.association import RANK, looked_twice
from agentmem.recall.confidence import ABSTAIN_BELOW, MARKS, NOBODY, Confidence, marks
from agentmem.recall.fusion import Weights, without_speaker
from agentmem.recall.labelled import ADVERSARIAL, Problem, collect, foreign

Step = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, of how many."""

Matrix = npt.NDArray[np.float64]

KS = (5, 10, 20, 50)
RANK_L2 = 20.0
CONFIDENCE_L2 = 3.0
ROUNDS = 2
"""How often the column of the second look is made anew; a third changes nothing that can be measured."""
UNANSWERABLE_SHARE = 0.25
"""The share of questions taken to have no answer in memory: the confidence is a probability given this."""


def tune(
    data: Path,
    out: Path,
    *,
    embedder: Any,
    progress: Step | None = None,
) -> dict[str, Any]:
    """Train weights on the labelled conversations of a file, write them to `out`, return cross-validated figures.

    `embedder` is a name or an Embedder; the weights suit the one they were trained with best. Raises InputError for
    fewer than two conversations: then nothing could be checked.
    """
    from agentmem.encoding.embedders import open_embedder
    from agentmem.formats import locomo

    samples = locomo.load(data)
    if len(samples) < 2:
        raise InputError(
            f"{data} holds {len(samples)} conversation(s); at least two are needed, so that weights trained on one "
            "can be checked on another"
        )
    model = open_embedder(embedder) if isinstance(embedder, str) else embedder
    problems = []
    for done, sample in enumerate(samples):
        _tell(progress, "reading conversations", done, len(samples))
        problems += collect(sample, model, foreign(samples, sample))
    _tell(progress, "reading conversations", len(samples), len(samples))
    report = cross_validate(problems, progress)
    trained = fit(problems)
    info = {
        "trained_on": {sample.id: sample.digest for sample in samples},
        "embedder": model.name,
        "n_questions": sum(p.ranks for p in problems),
        "cross_validated": report,
    }
    replace(trained, info=info).save(out)
    return report


def fit(problems: Sequence[Problem]) -> Weights:
    """Return weights trained on the problems. Raises InputError where no answerable question has evidence.

    The second look begins at what the first finds, so its column is made by the weights of the round before. A signal
    that these problems cannot teach, such as `graph` where there was no graph store, keeps its shipped weight.
    """
    teaching = [p for p in problems if p.ranks]
    values = fit_ranking(teaching)
    for _ in range(ROUNDS):
        values = fit_ranking([second_look(p, values) for p in teaching])
    taught = np.any([p.signals.any(0) for p in teaching], axis=0)
    taught[RANK] = True
    values = tuple(v if t else s for v, t, s in zip(values, taught, Weights.load().values, strict=True))
    return Weights(values, fit_confidence([second_look(p, values) for p in problems], values))


def second_look(problem: Problem, values: Sequence[float]) -> Problem:
    """Return the problem with the signal of the second look as these weights see it."""
    vectors = problem.candidates.vectors
    return replace(problem, signals=looked_twice(problem.signals, vectors, np.array(values, np.float32)))


def fit_ranking(problems: Sequence[Problem], l2: float = RANK_L2) -> tuple[float, ...]:
    """Return one weight a signal."""
    useful = [p for p in problems if p.relevant.any() and not p.relevant.all()]
    if not useful:
        raise InputError(
            "none of the labelled questions has evidence that was found, so there is nothing to learn; check that the "
            "evidence ids are those of turns in the same conversation"
        )
    from scipy.optimize import minimize

    x = np.concatenate([p.signals for p in useful]).astype(np.float64)
    relevant = np.concatenate([p.relevant for p in useful])
    sizes = np.array([len(p.relevant) for p in useful])
    start = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    question = np.repeat(np.arange(len(useful)), sizes)
    scale = x.std(0)
    scale[scale < 1e-9] = 1.0
    x /= scale
    gold = np.flatnonzero(relevant)
    of = question[gold]
    weight = np.array([1 / np.sqrt(p.relevant.sum()) for p in useful])[of]

    def loss(w: Matrix) -> tuple[float, Matrix]:
        scores = x @ w
        scores -= np.maximum.reduceat(scores, start)[question]
        odds = np.exp(scores)
        odds[gold], best = 0.0, odds[gold]
        total = best + np.add.reduceat(odds, start)[of] + 1e-300
        slope = odds * np.bincount(of, weight / total, len(useful))[question]
        slope[gold] = weight * (best / total - 1)
        value = float(weight @ (np.log(total) - scores[gold])) + l2 / 2 * float(w @ w)
        return value, x.T @ slope + l2 * w

    found = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return tuple(float(v) for v in found.x / scale)


def fit_confidence(problems: Sequence[Problem], values: Sequence[float]) -> Confidence:
    """Return the model of confidence on top of ranking weights; the constant one where all questions have answers."""
    answerable = np.array([p.answerable for p in problems], np.float64)
    if answerable.all() or not answerable.any():
        return Confidence(20.0 if answerable.any() else -20.0)
    from scipy.optimize import minimize

    plainer = [p for p in map(unnamed, problems) if p is not None]
    answerable = np.array([p.answerable for p in (*problems, *plainer)], np.float64)
    x = marked([*problems, *plainer], values)
    mean, scale = x.mean(0), x.std(0)
    scale[scale < 1e-9] = 1.0
    x = np.concatenate([(x - mean) / scale, np.ones((len(x), 1))], 1)
    weight = np.concatenate([importance(problems), importance(plainer)])
    sign = 2 * answerable - 1
    penalty = np.append(np.full(len(MARKS), CONFIDENCE_L2), 0.0)

    def loss(w: Matrix) -> tuple[float, Matrix]:
        margin = sign * (x @ w)
        slope = -weight * sign / (1 + np.exp(np.clip(margin, -500, 500)))
        return float(weight @ np.logaddexp(0, -margin) + penalty @ w**2 / 2), x.T @ slope + penalty * w

    found = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    plain = found[:-1] / scale
    return Confidence(float(found[-1] - plain @ mean), tuple(float(v) for v in plain))


def unnamed(problem: Problem) -> Problem | None:
    """Return the question as if it named nobody, None where then nobody knows whether it has an answer."""
    if not problem.answerable and not problem.foreign:
        return None
    nobody = np.full_like(problem.candidates.named, NOBODY)
    return replace(problem, candidates=replace(problem.candidates, named=nobody))


def importance(problems: Sequence[Problem]) -> Matrix:
    """Return the weight of each question (n,), mean 1: the unanswerable make up the share they are taken to."""
    sort = np.array([0 if p.answerable else 1 if p.foreign else 2 for p in problems])
    count = np.bincount(sort, minlength=3)
    share = np.array([1 - UNANSWERABLE_SHARE, *[UNANSWERABLE_SHARE / max(1, int(np.count_nonzero(count[1:])))] * 2])
    share[count == 0] = 0
    return np.asarray((share / np.maximum(count, 1) / share.sum())[sort] * len(problems))


def marked(problems: Sequence[Problem], values: Sequence[float]) -> Matrix:
    """Return (n, G) marks of the problems under ranking weights."""
    weights = np.array(values, np.float32)
    return np.array([marks(p.candidates, without_speaker(p.signals * weights)) for p in problems])


def cross_validate(problems: Sequence[Problem], progress: Step | None = None) -> dict[str, Any]:
    """Return evidence recall and the quality of the confidence, measured by leaving one conversation out in turn."""
    groups = list(dict.fromkeys(p.conversation for p in problems))
    recall: dict[tuple[int, str], list[float]] = {}
    sure: dict[str, list[float]] = {}
    unasked: dict[str, list[float]] = {}
    for done, group in enumerate(groups):
        _tell(progress, "cross-validating", done, len(groups))
        weights = fit([p for p in problems if p.conversation != group])
        left = [second_look(p, weights.values) for p in problems if p.conversation == group]
        plainer = [p for p in map(unnamed, left) if p is not None]
        for problem, found in zip(plainer, marked(plainer, weights.values), strict=True):
            unasked.setdefault("foreign" if problem.foreign else "1-4", []).append(weights.confidence(found))
        row = marked(left, weights.values)
        for problem, found in zip(left, row, strict=True):
            sort = "foreign" if problem.foreign else str(problem.category)
            sure.setdefault(sort, []).append(weights.confidence(found))
            if problem.foreign or not problem.total:
                continue
            order = np.argsort(-(problem.signals @ np.array(weights.values, np.float32)), kind="stable")
            hits = np.cumsum(problem.relevant[order])
            for k in KS:
                share = float(hits[min(k, len(hits)) - 1]) / problem.total
                for name in (str(problem.category), *(["1-4", group] if problem.ranks else [])):
                    recall.setdefault((k, name), []).append(share)
    _tell(progress, "cross-validating", len(groups), len(groups))
    figures: dict[str, Any] = {
        f"recall@{k} {name}": round(float(np.mean(v)), 4) for (k, name), v in sorted(recall.items())
    }
    figures |= {f"confidence {k}": v for k, v in _judged(sure).items()}
    return figures | {f"confidence, nobody named, {k}": v for k, v in _judged(unasked).items()}


def _judged(sure: dict[str, list[float]]) -> dict[str, float]:
    """AUC against adversarial and against foreign questions, and the expected calibration error (ten equal bins)."""
    yes = np.array([c for sort, found in sure.items() if sort not in (ADVERSARIAL, "foreign") for c in found])
    judged = {}
    kinds = [np.array(sure[sort]) for sort in (ADVERSARIAL, "foreign") if sort in sure]
    for sort, no in zip([s for s in (ADVERSARIAL, "foreign") if s in sure], kinds, strict=True):
        judged[f"auc {sort}"] = round(auc(yes, no), 4)
    for sort, found in sorted(sure.items()):
        judged[f"abstains {sort}"] = round(float(np.mean(np.array(found) < ABSTAIN_BELOW)), 4)
    if len(yes) and kinds:
        weight = [np.full(len(yes), (1 - UNANSWERABLE_SHARE) / len(yes))]
        weight += [np.full(len(no), UNANSWERABLE_SHARE / len(kinds) / len(no)) for no in kinds]
        truth = [np.ones(len(yes))] + [np.zeros(len(no)) for no in kinds]
        judged["ece"] = round(
            calibration_error(np.concatenate([yes, *kinds]), np.concatenate(truth), np.concatenate(weight)), 4
        )
    return judged


def auc(yes: Matrix, no: Matrix) -> float:
    """Return the probability that a random one of `yes` exceeds a random one of `no`, ties half."""
    if not len(yes) or not len(no):
        return float("nan")
    return float(((yes[:, None] > no).mean() + (yes[:, None] >= no).mean()) / 2)


def calibration_error(sure: Matrix, truth: Matrix, weight: Matrix, bins: int = 10) -> float:
    """Return the expected calibration error: the weighted gap between confidence and truth over equal bins."""
    bin_of = np.minimum((sure * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(bin_of, weight * (sure - truth), bins)).sum() / weight.sum())


def _tell(progress: Step | None, what: str, done: int, total: int) -> None:
    if progress is not None:
        progress(what, done, total)
