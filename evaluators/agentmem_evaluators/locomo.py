"""Long conversations (LoCoMo): evidence recall and official answer F1 over five kinds of questions, against baselines.

A case is one conversation: its sessions are remembered in turn, each at its date, and then all its questions are asked.
For example, of a conversation that holds the turn D1:3 "I adopted a cat last Friday" of 8 May 2023:

```
category 4 (single-hop)   "What pet did Ana adopt?"         answer "a cat"         evidence D1:3
category 2 (temporal)     "When did Ana adopt the cat?"     answer "5 May 2023"    evidence D1:3
category 5 (adversarial)  "When did Ben adopt the cat?"     right is to say that no information is available
```

Neither recall nor reader is told the category, or that this is a benchmark. Data: Maharana et al., ACL 2024, CC BY-NC
4.0, https://github.com/snap-research/locomo; the scorer is in `_locomo_scorer.py`.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import agentmem
from agentmem import config
from agentmem.errors import InputError
from agentmem.evaluation import provenance
from agentmem.evaluation.cases import Ask, Case, Gold, Remember, Reply, Score, Step, Wait
from agentmem.evaluation.readers import ChatReader, ExtractiveReader, Reader
from agentmem.evaluation.replay import Outcome, Progress, Replayed, Settings, Subject, replay
from agentmem.evaluation.report import Report
from agentmem.evaluation.spending import Prices
from agentmem.evaluation.statistics import RESAMPLES, SEED
from agentmem.evaluation.subjects import Everything, Held, NoMemory, Oracle, StoreAlone, Whole
from agentmem.formats import locomo as format_
from agentmem.protocols import Embedder
from agentmem_evaluators import _locomo_figures as made
from agentmem_evaluators import _locomo_reading as reading
from agentmem_evaluators import _locomo_scorer as scorer
from agentmem_evaluators._locomo_judge import judged
from agentmem_evaluators._locomo_report import sections
from agentmem_evaluators._locomo_weights import folds, trained_on

KS = (5, 10, 20, 50)
CONTEXT = 12
"""How many memories a reader is given."""
BASELINES = ("dense", "bm25", "none", "oracle")
WHOLE = "full"
"""The baseline that reads the whole conversation: with a model only, since the extractive reader reads a context."""
DENSE, LEXICAL = "exact", "lexical"
OURS, CERTAIN = "agentmem", "agentmem, never declining"


@dataclass(frozen=True, slots=True)
class Locomo:
    """The evaluator: one case a conversation."""

    samples: Sequence[format_.Sample]
    ks: Sequence[int] = KS
    name: str = "locomo"

    def cases(self) -> Iterator[Case]:
        """Yield one case a conversation, in the order of the file."""
        yield from map(case_of, self.samples)

    def score(self, ask: Ask, reply: Reply) -> Score:
        """Return f1 and em, and recall@k where the question has evidence."""
        category = int(ask.gold.labels["category"])
        values = {
            "f1": scorer.answer_f1(reply.answer, ask.gold.answer, category),
            "em": scorer.exact_match(reply.answer, ask.gold.answer, category),
        }
        if not ask.gold.evidence:
            return Score(values, "no evidence, so no recall")
        recall = {f"recall@{k}": scorer.evidence_recall(ask.gold.evidence, reply.ranking, k) for k in self.ks}
        return Score({**values, **recall})


def make(config: Mapping[str, Any]) -> Locomo:
    """Make the evaluator of a file: {"data": path, "ks": [5, 10]}."""
    if "data" not in config:
        raise InputError('the evaluator locomo needs its data: {"data": "locomo10.json"}')
    return Locomo(format_.load(Path(config["data"])), _checked(config.get("ks", KS)))


def case_of(sample: format_.Sample) -> Case:
    """Return the script of a conversation: each session remembered at its date, then, a day later, every question."""
    sessions = [tuple(turns) for _, turns in groupby(sample.drafts, key=lambda draft: draft.thread)]
    moments = [turns[0].said_at for turns in sessions if turns[0].said_at is not None]
    steps: list[Step] = []
    now = began = min(moments)
    for moment, turns in zip(moments, sessions, strict=True):
        if moment > now:
            steps.append(Wait(moment - now))
            now = moment
        steps.append(Remember(turns))
    steps.append(Wait(timedelta(days=1)))
    asks = [
        Ask(
            question.question,
            Gold(
                question.id,
                question.answer,
                tuple(sample.origins[name] for name in question.evidence),
                {"category": str(question.category)},
            ),
        )
        for question in sample.questions
    ]
    return Case(sample.id, began, (*steps, *asks))


def run(  # noqa: PLR0913 - one keyword for each option of the command
    data: Path,
    *,
    ks: Sequence[int] = KS,
    reader: Reader | None = None,
    weights: Path | None = None,
    cross_validate: bool = False,
    embedder: str | Embedder = config.EMBEDDER,
    baselines: Sequence[str] | None = None,
    judge: ChatReader | None = None,
    prices: Prices | None = None,
    judge_prices: Prices | None = None,
    context: int = CONTEXT,
    progress: Progress | None = None,
    command: str | None = None,
) -> Report:
    """Measure the whole of agentmem, and the baselines, on a LoCoMo file.

    `reader` is the extractive one by default, or a `ChatReader`. `weights` is a file of recall weights (default: those
    that ship); with `cross_validate` each conversation gets weights trained on the others instead. `context` memories
    are read. With a `ChatReader` there is also the baseline that reads the whole conversation, and `judge` (which had
    better be another model) says strictly and leniently whether answers are right; `prices` are per million tokens.
    Raises ImportRefusedError for a file that is not LoCoMo, InputError for settings that make no sense.
    """
    asking = reader if isinstance(reader, ChatReader) else None
    baselines = baselines if baselines is not None else (*BASELINES, *([WHOLE] if asking else []))
    _check(weights, baselines, context, cross_validate=cross_validate)
    _check_model(asking, baselines, judge, prices, judge_prices)
    evaluator = Locomo(format_.load(data), _checked(ks))
    opened = _opened(embedder)
    extractive = reader is None or isinstance(reader, ExtractiveReader)
    seen = frozenset[str]() if cross_validate else trained_on(weights) | (reading.trained_on() if extractive else set())
    commit = provenance.commit()
    held = Held()
    accounts = {name: asking.account() for name in (OURS, *baselines)} if asking else {}
    played: list[Replayed] = []
    with tempfile.TemporaryDirectory(prefix="agentmem-eval-") as scratch:
        files, readers = _without_each(evaluator, opened, Path(scratch), progress, cross_validate, extractive)
        for sample, case in zip(evaluator.samples, evaluator.cases(), strict=True):
            chosen = readers.get(sample.id) or reader or ExtractiveReader()
            subjects = _subjects(chosen, held, baselines, max(evaluator.ks), context, accounts)
            settings = Settings(opened, files.get(sample.id, weights))
            played.append(replay(case, evaluator, subjects, settings, progress))
    outcomes = [_unranked(o) if o.subject == WHOLE else o for one in played for o in one.outcomes]
    judging = judge.account() if judge else None
    outcomes, told = judged(outcomes, judging, progress) if judging else (outcomes, None)
    by_name = {
        name: [o for o in outcomes if o.subject == name]
        for name in (OURS, *([CERTAIN] if extractive else []), *baselines)
    }
    ours = by_name[OURS]
    figures = {
        "benchmark": evaluator.name,
        "commit": commit,
        "system": f"agentmem {agentmem.__version__}",
        "embedder": opened.name,
        "reader": reader.name if reader else ExtractiveReader.name,
        "n_questions": len(ours),
        **made.of_system(ours, evaluator.ks),
        "baselines": {name: made.of_system(by_name[name], evaluator.ks) for name in baselines},
        "gain_over": {name: made.gain(ours, by_name[name], evaluator.ks) for name in baselines},
        **made.speed(ours, played),
        "tokens": made.context(ours, played, context),
        "abstention": made.abstention(ours, by_name.get(CERTAIN)),
        **(_with_model(asking, judging, told, accounts, len(ours), prices, judge_prices) if asking else {}),
        "n": made.counts(ours, evaluator.ks),
        "conversations": _by_conversation(evaluator, ours, seen),
        "failures": made.failures(outcomes, played),
        "cross_validated": cross_validate,
        "weights_trained_on_this_data": any(sample.digest in seen for sample in evaluator.samples),
        "seed": SEED,
        "resamples": RESAMPLES,
        "data_digest": provenance.digest(data),
        "machine": provenance.machine(),
        "command": command
        or _command(data, evaluator.ks, weights, reader, embedder, cross_validate=cross_validate, judge=judge),
    }
    return Report("LoCoMo: long conversations, recalled and answered", figures, sections(figures), _details(ours))


def _by_conversation(evaluator: Locomo, ours: Sequence[Outcome], seen: frozenset[str]) -> dict[str, Any]:
    k = 10 if 10 in evaluator.ks else evaluator.ks[0]
    found = {}
    for sample in evaluator.samples:
        mine = [o for o in ours if o.case == sample.id]
        figures = made.of_system(mine, [k])
        found[sample.id] = {
            "turns": len(sample.drafts),
            "questions": len(mine),
            "recall": figures["recall"][str(k)]["1-4"],
            "f1": figures["f1"]["all"],
            "f1_5": figures["f1"]["5"],
            "weights_trained_on_it": sample.digest in seen,
            "digest": sample.digest,
        }
    return found


def _details(ours: Sequence[Outcome]) -> list[dict[str, Any]]:
    return [
        {
            "id": o.ask.gold.id,
            "category": o.ask.gold.labels["category"],
            "question": o.ask.question,
            "expected": o.ask.gold.answer,
            "answer": o.reply.answer if o.reply else None,
            "confidence": o.reply.confidence if o.reply else None,
            "failure": o.failure,
            **o.score.values,
        }
        for o in ours
    ]


def _without_each(
    evaluator: Locomo, embedder: Embedder, folder: Path, progress: Progress | None, wanted: bool, extractive: bool
) -> tuple[dict[str, Path], dict[str, Reader]]:
    """Return recall weights and readers that never saw the conversation they are for; none where that is not wanted."""
    if not wanted:
        return {}, {}
    files = folds(evaluator.samples, embedder, folder, progress)
    if not extractive:
        return files, {}
    weights = reading.folds(evaluator.samples, embedder, files, folder, progress)
    return files, {name: ExtractiveReader(weights=trained) for name, trained in weights.items()}


def _unranked(outcome: Outcome) -> Outcome:
    """Leave the recall out of a score: what reads everything ranks nothing."""
    values = {name: value for name, value in outcome.score.values.items() if not name.startswith("recall@")}
    return replace(outcome, score=Score(values, outcome.score.reason or "everything was read, so nothing recalled"))


def _with_model(
    asking: ChatReader,
    judging: ChatReader | None,
    told: dict[str, Any] | None,
    accounts: Mapping[str, ChatReader],
    questions: int,
    prices: Prices | None,
    judge_prices: Prices | None,
) -> dict[str, Any]:
    """Return who answered, who judged and how that went, and what both took, by system."""
    return {
        "model": {
            "name": asking.name,
            "prices": prices,
            "spent": {name: account.spent.figures(questions, prices) for name, account in accounts.items()},
        },
        "judge": judging
        and {
            "name": judging.name,
            "is_the_answerer": judging.name == asking.name,
            "prices": judge_prices,
            "spent": judging.spent.figures(questions * len(accounts), judge_prices),
            **(told or {}),
        },
    }


def _subjects(
    reader: Reader, held: Held, baselines: Sequence[str], k: int, context: int, accounts: Mapping[str, ChatReader]
) -> list[Subject]:
    """Return ours first, then, where the reader is ours too, ours without its doubts, then the baselines.

    `accounts` are the readers of a model by system, so that each system's prompts are counted for itself.
    """
    subjects: list[Subject] = [Whole(accounts.get(OURS, reader), k, context, OURS)]
    if isinstance(reader, ExtractiveReader):
        subjects.append(Whole(ExtractiveReader(0.0, reader.weights), k, context, CERTAIN))
    return [*subjects, *(_baseline(name, accounts.get(name, reader), held, k, context) for name in baselines)]


def _baseline(name: str, reader: Reader, held: Held, k: int, context: int) -> Subject:
    match name:
        case "dense":
            return StoreAlone("dense", DENSE, reader, held, k=k, context=context)
        case "bm25":
            return StoreAlone("bm25", LEXICAL, reader, held, k=k, context=context)
        case "none":
            return NoMemory(reader)
        case "full":
            return Everything(reader, held)
        case _:
            return Oracle(reader, held)


def _opened(embedder: str | Embedder) -> Embedder:
    if not isinstance(embedder, str):
        return embedder
    from agentmem.encoding.embedders import open_embedder

    return open_embedder(embedder)


def _checked(ks: Sequence[int]) -> tuple[int, ...]:
    if not ks or any(k < 1 for k in ks):
        raise InputError(f"k must be one or more numbers from 1 on, such as 5,10,20,50, not {list(ks)}")
    return tuple(sorted(set(ks)))


def _check(weights: Path | None, baselines: Sequence[str], context: int, *, cross_validate: bool) -> None:
    if weights is not None and cross_validate:
        raise InputError(
            "cross-validation trains its own weights, so it cannot use a file of them; leave one of the two out"
        )
    if unknown := [name for name in baselines if name not in (*BASELINES, WHOLE)]:
        raise InputError(f"there is no baseline {unknown[0]!r}; known: {', '.join((*BASELINES, WHOLE))}")
    if context < 1:
        raise InputError(f"context={context}: a reader needs at least one memory")


def _check_model(
    model: ChatReader | None,
    baselines: Sequence[str],
    judge: ChatReader | None,
    prices: Prices | None,
    judge_prices: Prices | None,
) -> None:
    if model is None and (WHOLE in baselines or judge or prices):
        raise InputError("the baseline full, a judge and prices go with a chat model: add --model provider:name")
    if judge is None and judge_prices:
        raise InputError("there are prices for a judge, but no judge: add --judge provider:name")


def _command(
    data: Path,
    ks: Sequence[int],
    weights: Path | None,
    reader: Reader | None,
    embedder: str | Embedder,
    *,
    cross_validate: bool,
    judge: ChatReader | None = None,
) -> str:
    """Return what to type for the same run."""
    words = ["agentmem", "eval", "locomo", "--data", str(data), "--k", ",".join(map(str, ks))]
    words += ["--model", reader.name] if isinstance(reader, ChatReader) else []
    words += ["--judge", judge.name] if judge else []
    words += ["--weights", str(weights)] if weights else []
    words += ["--cross-validate"] if cross_validate else []
    chosen = embedder if isinstance(embedder, str) else embedder.name
    words += [] if chosen == config.EMBEDDER else ["--embedder", chosen]
    return shlex.join(words)
