"""Interference (PI-LLM): is the newest value of a key still found among all its older ones? Against baselines.

A case is a stream of updates, remembered in order, "key: value" a memory, and then one question a key. For example, of

```
bird: emu   material: oak   bird: kea   material: tin   bird: great tit
```

"What is the current value of bird?" is right where the first memory recalled is "bird: great tit"; "bird: kea" is an
earlier value, "material: tin" another key's. The streams are interleaved (no key twice running) or sequential (one key
after the other); a third kind says the updates as people do, in phrasings that no rule was written from.

This scores a store, not a language model: a dictionary scores 1.0, and the published curves of models that read the
stream in their prompt are shown for orientation, not for comparison. Wang and Sun, "Unable to Forget", 2025.
"""

from __future__ import annotations

import math
import random
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from agentmem import config
from agentmem.encoding.embedders import open_embedder
from agentmem.errors import InputError
from agentmem.evaluation import provenance
from agentmem.evaluation.cases import Ask, Case, Gold, Remember, Reply, Score
from agentmem.evaluation.readers import ChatReader, Reader
from agentmem.evaluation.replay import Outcome, Progress, Settings, Subject, replay
from agentmem.evaluation.report import Report
from agentmem.evaluation.statistics import RESAMPLES, SEED, bootstrap
from agentmem.evaluation.subjects import Held, StoreAlone, Whole
from agentmem.formats import pi_llm
from agentmem.protocols import Embedder
from agentmem.space import Space
from agentmem.types import Draft
from agentmem_evaluators import _interference_streams as streams
from agentmem_evaluators._interference_model import INVENTED, Prompted
from agentmem_evaluators._interference_report import sections
from agentmem_evaluators._interference_streams import BEGAN, ORDERS, TRACKED, UPDATES, Order, interleaved
from agentmem_evaluators._slot_index import NoReading, Once, SlotIndex

K = 10
OURS = "agentmem"
SYSTEMS = ("slots", "dense", "bm25", "fifo")
MODEL, MODEL_RECALLING = "model", "model+agentmem"
KINDS = ("right", "earlier", "other", "invented", "nothing")
VARIANTS = ("keys", "keys_padded", "value_length")

SAID = (
    ("Heads up: {v} is what I have for {a} now.", "What's my {a}?"),
    ("We decided the {a} should be {v}.", "What did we decide about the {a}?"),
    ("Turns out that my {a} got changed to {v} over the weekend.", "Did my {a} change, and to what?"),
    ("My current {a} is {v}, by the way.", "What's the current {a}?"),
    ("I am now using {v} for my {a}.", "What do I use for my {a}?"),
    ("For the record, the {a} is no longer the old one but {v}.", "What's the {a} now?"),
    ("The new {a} they gave us is {v}.", "What {a} did they give us?"),
    ("You should have {v} down as my {a}.", "What do you have down as my {a}?"),
    ("Correction: my {a} is {v}.", "What is my {a} really?"),
    ("Let's go with {v} as the {a}.", "What are we going with as the {a}?"),
    ("As for my {a}, it has become {v}.", "As for my {a}, what is it?"),
    ("My {a} is going to be {v} from here on out.", "What's my {a} going to be?"),
)
"""Phrasings kept out of the making of the rules in `agentmem.encoding.slots`: never fit the rules to these."""
THINGS = (
    "locker code", "gym password", "dentist", "favourite tea", "parking spot", "team lead",
    "phone number", "office", "bus line", "desk number", "landlord", "project name",
)  # fmt: skip
SAID_UPDATES = 8


@dataclass(frozen=True, slots=True)
class Interference:
    """The evaluator: a case for each order and number of updates, and one of natural phrasing."""

    values: Mapping[str, Sequence[str]]
    updates: Sequence[int] = UPDATES
    keys: int = 46
    seed: int = SEED
    variants: bool = True
    name: str = "interference"

    def cases(self) -> Iterator[Case]:
        """Yield the streams."""
        for order in ORDERS:
            for count in self.updates:
                yield self.stream(order, count)
        yield self.paraphrased()
        if self.variants:
            yield from streams.variants(self.values, self.keys, self.seed)

    def stream(self, order: Order, count: int) -> Case:
        """Return the stream in which each key gets `count` values, drawn without replacement."""
        return streams.stream(self.values, self.keys, order, count, self.seed)

    def paraphrased(self) -> Case:
        """Return a stream in which every update and every question is phrased as one of twelve."""
        draw = random.Random(f"{self.seed}/said")
        pool = [value for key in list(self.values)[: self.keys] for value in self.values[key]]
        count = min(SAID_UPDATES, len(pool) // len(THINGS))
        chosen = draw.sample(pool, count * len(THINGS))
        drafts, asks = [], []
        for i, (thing, n) in enumerate(interleaved(THINGS, count, draw)):
            # Each thing ends on a phrasing of its own, so that the score is over all twelve.
            said = SAID[THINGS.index(thing)] if n == count - 1 else draw.choice(SAID)
            value = chosen[THINGS.index(thing) * count + n]
            origin = f"{thing}/{n}"
            moment = BEGAN + timedelta(hours=i)
            drafts.append(Draft(said[0].format(a=thing, v=value), said_at=moment, origin=origin))
        for number, thing in enumerate(THINGS):
            label = {"order": "paraphrased", "updates": str(count)}
            gold = Gold(f"paraphrased-{thing}", chosen[number * count + count - 1], (f"{thing}/{count - 1}",), label)
            asks += [Ask(said[1].format(a=thing), gold) for said in SAID]
        return Case("paraphrased", BEGAN + timedelta(days=30), (Remember(tuple(drafts)), *asks))

    def score(self, ask: Ask, reply: Reply) -> Score:
        """Return right, or which error: earlier (and how many updates behind), other key, invented, nothing."""
        if not reply.ranking:
            return Score({**dict.fromkeys(KINDS, 0.0), "nothing": 1.0})
        key, _, number = ask.gold.evidence[0].rpartition("/")
        found, _, place = reply.ranking[0].rpartition("/")
        right = reply.ranking[0] == ask.gold.evidence[0]
        earlier = found == key and not right
        invented = found == INVENTED and key != INVENTED
        other = found != key and not invented
        kinds = dict(zip(KINDS, (right, earlier, other, invented, False), strict=True))
        values = {name: float(value) for name, value in kinds.items()}
        return Score({**values, "behind": float(int(number) - int(place))} if earlier else values)


def endurance(accuracy: Mapping[int, float]) -> float | None:
    """Return the area under accuracy over log updates, normalised to [0, 1]; None for fewer than two counts.

    The paper describes the score in prose and gives no code; this is the trapezoid over ln n.
    """
    points = sorted(accuracy.items())
    if len(points) < 2:
        return None
    steps = pairwise(points)
    area = sum((a + b) / 2 * (math.log(m) - math.log(n)) for (n, a), (m, b) in steps)
    return area / (math.log(points[-1][0]) - math.log(points[0][0]))


def make(config: Mapping[str, Any]) -> Interference:
    """Make the evaluator of a file: {"data": path, "updates": [2, 4], "keys": 46}."""
    if "data" not in config:
        raise InputError('the evaluator interference needs its data: {"data": "pi_llm"}')
    return _made(Path(config["data"]), config.get("updates", UPDATES), config.get("keys", 46), variants=True)


def _made(data: Path, updates: Sequence[int], keys: int, *, variants: bool) -> Interference:
    values = pi_llm.load(data)
    most = min(len(v) for v in values.values())
    if not updates or any(not 2 <= n <= most for n in updates):
        raise InputError(f"updates={list(updates)}: each must be from 2 to {most}, the values that each key has")
    if not 2 <= keys <= len(values):
        raise InputError(f"keys={keys}: {data} has {len(values)}, and at least two are needed")
    return Interference(values, tuple(sorted(set(updates))), keys, variants=variants)


def run(  # noqa: PLR0913 - one keyword for each option of the command
    data: Path,
    *,
    updates: Sequence[int] = UPDATES,
    keys: int = 46,
    variants: bool = True,
    ks: Sequence[int] = (),
    reader: Reader | None = None,
    weights: Path | None = None,
    cross_validate: bool = False,
    embedder: str | Embedder = config.EMBEDDER,
    progress: Progress | None = None,
) -> Report:
    """Measure the first memory recalled, of agentmem, of dense and BM25 search alone, and of the slot reference.

    With a `reader` that is a chat model, the model is asked the paper's prompt about the whole stream, and the same
    with what agentmem recalls in the stream's place; one call a stream each. `ks` is not used: only the first memory
    counts. Raises ImportRefusedError for data that is none, InputError for settings that make no sense.
    """
    if cross_validate or (reader is not None and not isinstance(reader, ChatReader)):
        raise InputError("interference trains nothing, and reads with a chat model or with none; see --model")
    evaluator = _made(data, updates, keys, variants=variants)
    opened = Once(open_embedder(embedder) if isinstance(embedder, str) else embedder)
    held, unread = Held(), NoReading()
    stores: list[Subject] = [
        Whole(unread, max([K, *ks]), 1, OURS),
        SlotIndex(held),
        StoreAlone("dense", "exact", unread, held, k=K, context=1),
        StoreAlone("bm25", "lexical", unread, held, k=K, context=1),
        Newest(held),
    ]
    models: list[Subject] = []
    if isinstance(reader, ChatReader):
        models = [Prompted(n, reader.ask, held, recall=n != MODEL) for n in (MODEL, MODEL_RECALLING)]
    commit = provenance.commit()
    played = [
        replay(case, evaluator, stores + models if _in_order(case) else stores, Settings(opened, weights), progress)
        for case in evaluator.cases()
    ]
    outcomes = [outcome for one in played for outcome in one.outcomes]
    others = (*SYSTEMS, *(model.name for model in models))
    by_name = {name: [o for o in outcomes if o.subject == name] for name in (OURS, *others)}
    ours = by_name[OURS]
    figures = {
        "benchmark": evaluator.name,
        "commit": commit,
        "embedder": opened.name,
        "model": reader.name if reader is not None else None,
        "n_questions": len(ours),
        "keys": keys,
        "updates": list(evaluator.updates),
        "metrics": metrics(ours),
        "ci": intervals(ours),
        "baselines": {name: metrics(by_name[name]) for name in others},
        "baselines_ci": {name: intervals(by_name[name]) for name in others},
        "errors": {name: errors(of) for name, of in by_name.items()},
        "published": _published(data),
        "failures": [f for one in played for f in one.failures] + [o.failure for o in outcomes if o.failure],
        "seed": SEED,
        "resamples": RESAMPLES,
        "data_digest": provenance.digest(data / pi_llm.VALUES if data.is_dir() else data),
        "machine": provenance.machine(),
        "command": shlex.join(
            ["agentmem", "eval", "interference", "--data", str(data), *(["--model", reader.name] if reader else [])]
        ),
    }
    return Report("Interference: the newest value among the older ones", figures, sections(figures))


def _in_order(case: Case) -> bool:
    return any(isinstance(step, Ask) and step.gold.labels["order"] in ORDERS for step in case.steps)


class Newest:
    """Answers with the newest memories, whatever is asked: what a window over the end of the stream would show."""

    name = "fifo"

    def __init__(self, held: Held) -> None:
        self._held = held

    def reply(self, space: Space, ask: Ask) -> Reply:  # noqa: ARG002 - it looks at no question
        """Return the last memories of the stream, the newest first."""
        newest = sorted(self._held.memories(space), key=lambda m: (m.said_at, m.seq))[-K:]
        return Reply(tuple(m.origin or m.id for m in reversed(newest)))


def metrics(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return accuracy by order and count, of natural phrasing and variants, and the endurance of both orders."""
    by_order = {order: {n: mean[0] for n, mean in _accuracy(outcomes, order).items()} for order in ORDERS}
    said = _accuracy(outcomes, "paraphrased")
    scores = [score for of in by_order.values() if (score := endurance(of)) is not None]
    return {
        **{order: {str(n): value for n, value in of.items()} for order, of in by_order.items()},
        "paraphrased": next(iter(said.values()))[0] if said else None,
        "ies": sum(scores) / len(scores) if scores else None,
        **{variant: of for variant in VARIANTS if (of := _by_size(outcomes, variant))},
    }


def _by_size(outcomes: Sequence[Outcome], variant: str) -> dict[str, dict[str, float]]:
    """Return the accuracy by updates and size; among other keys, that of the first so many."""
    found: dict[str, dict[int, list[float]]] = {}
    for o in outcomes:
        if o.ask.gold.labels["order"] == variant and "right" in o.score.values:
            labels, right = o.ask.gold.labels, o.score.values["right"]
            of = found.setdefault(labels["updates"], {})
            place = int(labels["size"])
            sizes = [place] if variant != "keys_padded" else [n for n in TRACKED if n >= place]
            for size in sizes:
                of.setdefault(size, []).append(right)
    return {n: {str(size): sum(v) / len(v) for size, v in sorted(of.items())} for n, of in found.items()}


def intervals(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the 95 % intervals of the accuracies, over questions."""
    by_order: dict[str, Any] = {o: {str(n): list(m[1:]) for n, m in _accuracy(outcomes, o).items()} for o in ORDERS}
    said = _accuracy(outcomes, "paraphrased")
    return {**by_order, "paraphrased": list(next(iter(said.values()))[1:]) if said else None}


def errors(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Return the share of each kind of answer over both orders, and how many updates behind the earlier values are."""
    told = [o.score.values for o in outcomes if o.ask.gold.labels["order"] in ORDERS and o.score.values]
    shares = {k: sum(v[k] for v in told) / len(told) for k in KINDS if told}
    behind = [v["behind"] for v in told if "behind" in v]
    return {**shares, "updates_behind": sum(behind) / len(behind) if behind else None}


def _accuracy(outcomes: Sequence[Outcome], order: str) -> dict[int, tuple[float, float, float]]:
    grouped: dict[int, list[float]] = {}
    for o in outcomes:
        if o.ask.gold.labels["order"] == order and "right" in o.score.values:
            grouped.setdefault(int(o.ask.gold.labels["updates"]), []).append(o.score.values["right"])
    return {n: bootstrap(values)[:3] for n, values in sorted(grouped.items())}


def _published(data: Path) -> dict[str, Any] | None:
    curves = pi_llm.published(data)
    if curves is None:
        return None
    scores = {name: endurance(dict(zip(curves.updates, of, strict=True))) for name, of in curves.accuracy.items()}
    return {"updates": list(curves.updates), "accuracy": dict(curves.accuracy), "ies": scores}
