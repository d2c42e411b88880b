"""LUFY's protocol: how well a policy's score tells the turns that people called important from the others.

For data of your own, JSON lines in the order in which things were said:

```json
{"thread": "a", "speaker": "Ana", "text": "My mother is ill.", "said_at": "2025-03-03T19:12:00+01:00", "important": 1}
```

A day after the last turn every policy scores them all; nothing was forgotten or recalled before. Precision and recall
are of the best tenth, by the annotations, and AUC is the chance that an important turn scores above another one (LUFY,
arXiv 2409.12524, keeps about a tenth).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError

from agentmem.errors import ImportRefusedError, NotFoundError
from agentmem.evaluation.statistics import SEED, separability
from agentmem.formats.faults import check_text, of_json, of_model, refuse
from agentmem.protocols import Embedder, RetentionPolicy
from agentmem.types import Draft
from agentmem_evaluators._retention_fading import DAY, Doubles, told
from agentmem_evaluators._retention_policies import rankings
from agentmem_stores.retention.salience import Model, Salience

SHARE = 0.1
RESAMPLES = 500
"""Resamples of the turns for the interval of an AUC."""
METRICS = ("precision@10%", "recall@10%", "auc")


class Line(BaseModel):
    """One line of the file."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, AfterValidator(check_text)]
    said_at: AwareDatetime
    important: Literal[0, 1]
    thread: str = "main"
    speaker: str | None = None


def load(path: Path) -> tuple[list[Draft], Doubles]:
    """Return the turns and whether each is important (n,), 0 or 1.

    Raises NotFoundError, and ImportRefusedError naming each line at fault, or where all are annotated alike.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ImportRefusedError(f"{path} cannot be read as UTF-8: {error}") from error
    lines: list[Line] = []
    faults: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            lines.append(Line.model_validate(json.loads(line)))
        except json.JSONDecodeError as error:
            faults.append((number, of_json(error)))
        except ValidationError as error:
            faults += [(number, what) for _, what in of_model(error)]
    if faults:
        raise refuse(path.name, faults)
    important = np.array([line.important for line in lines], np.float64)
    if not lines or len(set(important.tolist())) < 2:
        raise ImportRefusedError(
            f"{path.name}: of {len(lines)} turns {int(important.sum())} are important; some must be and some must not, "
            'or nothing can be told apart ("important": 0 or 1 in each line)'
        )
    drafts = [Draft(line.text, speaker=line.speaker, thread=line.thread, said_at=line.said_at) for line in lines]
    return drafts, important


def figures(
    drafts: Sequence[Draft],
    important: Doubles,
    policies: Mapping[str, RetentionPolicy],
    embedder: Embedder,
) -> dict[str, Any]:
    """Return `metrics` and `ci` by policy and reference."""
    of = told(drafts, embedder)
    rows = np.arange(len(drafts))
    now = max(of.moments) + DAY
    metrics: dict[str, dict[str, float]] = {}
    bounds: dict[str, dict[str, list[float]]] = {}
    for name, ranks in rankings(policies, Salience(Model.load()), important, SEED).items():
        scores = [np.asarray(ranking(of, rows, now), np.float64) for ranking in ranks]
        metrics[name] = {m: float(np.mean([_measured(s, important)[m] for s in scores])) for m in METRICS}
        bounds[name] = {"auc": _interval(scores[0], important)}
    return {"metrics": metrics, "ci": bounds}


def _measured(scores: Doubles, important: Doubles) -> dict[str, float]:
    """Return the three figures; of equal scores the later turn counts as the better, as in a sweep."""
    best = np.lexsort((-np.arange(len(scores)), -scores))[: max(round(SHARE * len(scores)), 1)]
    hits = float(important[best].sum())
    values = (hits / len(best), hits / float(important.sum()), _auc(scores, important))
    return dict(zip(METRICS, values, strict=True))


def _auc(scores: Doubles, important: Doubles) -> float:
    return separability(scores[important > 0].tolist(), scores[important == 0].tolist())


def _interval(scores: Doubles, important: Doubles) -> list[float]:
    """Return the 95 % percentile bootstrap interval of the AUC; resamples that are all alike count for nothing."""
    draw = np.random.default_rng(SEED)
    found = []
    for _ in range(RESAMPLES):
        rows = draw.integers(0, len(scores), len(scores))
        value = _auc(scores[rows], important[rows])
        if np.isfinite(value):
            found.append(value)
    return [float(bound) for bound in np.quantile(found, (0.025, 0.975))]
