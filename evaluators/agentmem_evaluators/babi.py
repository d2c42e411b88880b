"""Short stories (bAbI tasks 1 to 3): where people and things are now, and the sentences that say so.

A case is one story; its questions come between its sentences and are asked there. For example:

```
1 Mary went to the garden.   2 John got the milk.   3 John went to the hall.
task 1  "Where is Mary?"                            garden    supported by 1
task 2  "Where is the milk?"                        hall      supported by 2 and 3
task 3  "Where was the milk before the hall?"       needs the history of who held it
```

Weston et al., 2015, CC BY 3.0.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agentmem import config
from agentmem.encoding.embedders import open_embedder
from agentmem.encoding.slots import asked_slot, read_slots
from agentmem.errors import InputError, NotFoundError
from agentmem.evaluation import provenance
from agentmem.evaluation.cases import Ask, Case, Gold, Remember, Reply, Score, Step
from agentmem.evaluation.readers import ExtractiveReader, Reader
from agentmem.evaluation.replay import Outcome, Progress, Settings, Subject, replay
from agentmem.evaluation.report import Command, Prose, Report, Section, Table, Warned, percent
from agentmem.evaluation.statistics import RESAMPLES, SEED, bootstrap
from agentmem.evaluation.subjects import Held, StoreAlone, Whole
from agentmem.formats import babi as format_
from agentmem.protocols import Embedder
from agentmem.space import Space
from agentmem.types import Draft
from agentmem_evaluators._slot_index import Once

BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
TASKS = (1, 2, 3)
STORIES = 1000
"""Stories of each task that are played at most, from the beginning of its file: all that the files have."""
TOP = 3
OURS = "agentmem"
NAMES = {OURS: OURS, "slots": "slots (reference)", "dense": "dense alone", "bm25": "BM25 alone"}
PLAINLY = (
    "The row 'slots' follows places and holders through the slots that the rules of English read, on its own; recall "
    "does the same with what its ledger holds of them. These stories use few words, and the rules know them all: both "
    "rows flatter. All but 'slots' read with the same extractive reader."
)


@dataclass(frozen=True, slots=True)
class Babi:
    """The evaluator: one case a story; `tasks` maps the number of a task to its stories."""

    tasks: Mapping[int, Sequence[format_.Story]]
    name: str = "babi"

    def cases(self) -> Iterator[Case]:
        """Yield the stories, task by task."""
        for task, stories in self.tasks.items():
            for number, story in enumerate(stories):
                yield case_of(task, number, story)

    def score(self, ask: Ask, reply: Reply) -> Score:
        """Return recall@3 of the supporting sentences, and accuracy: the answer holds the one word that is right."""
        support = frozenset(ask.gold.evidence)
        found = len(support & frozenset(reply.ranking[:TOP])) / len(support)
        right = ask.gold.answer.lower() in reply.answer.lower().replace(".", " ").split()
        return Score({"recall@3": found, "accuracy": float(right)})


def case_of(task: int, number: int, story: format_.Story) -> Case:
    """Return the script of a story: what stands between two questions is remembered in one call."""
    steps: list[Step] = []
    waiting: list[Draft] = []
    for line in story:
        if isinstance(line, format_.Sentence):
            moment = BEGAN + timedelta(minutes=line.number)
            waiting.append(Draft(line.text, said_at=moment, origin=str(line.number)))
            continue
        if waiting:
            steps.append(Remember(tuple(waiting)))
            waiting = []
        name = f"{task}-{number}-{line.number}"
        steps.append(Ask(line.text, Gold(name, line.answer, tuple(map(str, line.support)), {"task": str(task)})))
    return Case(f"{task}-{number}", BEGAN + timedelta(days=1), tuple(steps))


@dataclass(slots=True)
class _Track:
    """Where something has been, as (place, the memories that say so), the latest last."""

    been: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def at(self, place: str, said: tuple[str, ...]) -> None:
        if self.been and self.been[-1][0] == place:
            self.been.pop()  # it is still there: what says so newest counts
        self.been.append((place, said))


class Follower:
    """Answers from the slots of all memories in order: who went where, and who carried what along."""

    name = "slots"

    def __init__(self, held: Held) -> None:
        self._held = held

    def reply(self, space: Space, ask: Ask) -> Reply:
        """Follow the subject of the question to its last place, or to the one before a place that is named."""
        memories = self._held.memories(space)
        begin = time.perf_counter()
        key = asked_slot(ask.question)
        if key is None:
            return Reply(abstained=True)
        who, _, before = key.subject.partition(" before ")
        been = self._tracks([(m.origin or m.id, m.text) for m in memories]).get(who, _Track()).been
        if before:
            place = before.removeprefix("the ")
            last = max((n for n, (at, _) in enumerate(been) if at == place), default=0)
            been = been[:last]
            after = self._tracks([(m.origin or m.id, m.text) for m in memories])[who].been[last][1] if last else ()
        else:
            after = ()
        seconds = time.perf_counter() - begin
        if not been:
            return Reply(abstained=True, confidence=0.0, seconds=seconds)
        place, said = been[-1]
        return Reply(tuple(dict.fromkeys((*after, *said))), place, seconds=seconds)

    @staticmethod
    def _tracks(texts: Sequence[tuple[str, str]]) -> dict[str, _Track]:
        tracks: dict[str, _Track] = {}
        held: dict[str, tuple[str, str]] = {}
        for origin, text in texts:
            for slot in read_slots(text):
                if slot.attribute == "place" and not slot.ends:
                    place = slot.value.lower()
                    tracks.setdefault(slot.subject, _Track()).been.append((place, (origin,)))
                    for thing, (holder, since) in held.items():
                        if holder == slot.subject:
                            tracks.setdefault(thing, _Track()).at(place, (since, origin))
                elif slot.attribute == "holder" and slot.ends:
                    held.pop(slot.subject, None)
                elif slot.attribute == "holder":
                    holder = slot.value.lower()
                    held[slot.subject] = (holder, origin)
                    if holder in tracks:
                        place, said = tracks[holder].been[-1]
                        tracks.setdefault(slot.subject, _Track()).at(place, (origin, *said))
        return tracks


def make(config: Mapping[str, Any]) -> Babi:
    """Make the evaluator of a folder: {"data": path, "stories": 20}."""
    if "data" not in config:
        raise InputError('the evaluator babi needs its data: {"data": "babi"}')
    return _made(Path(config["data"]), int(config.get("stories", STORIES)))


def _made(data: Path, stories: int) -> Babi:
    if stories < 1:
        raise InputError(f"stories={stories}: at least one story of each task must be played")
    found = {task: sorted(data.glob(f"qa{task}_*_test.txt")) for task in TASKS}
    files = {task: paths[0] for task, paths in found.items() if paths}
    if not files:
        raise NotFoundError(f"{data} is no folder with bAbI's qa1_*_test.txt, qa2_*_test.txt or qa3_*_test.txt")
    return Babi({task: format_.load(path)[:stories] for task, path in files.items()})


def run(
    data: Path,
    *,
    stories: int = STORIES,
    ks: Sequence[int] = (),
    reader: Reader | None = None,
    weights: Path | None = None,
    cross_validate: bool = False,
    embedder: str | Embedder = config.EMBEDDER,
    progress: Progress | None = None,
) -> Report:
    """Measure agentmem, dense and BM25 search alone, and the slot reference, on a folder of bAbI tasks.

    `ks` is not used: recall is over the first three. Raises ImportRefusedError for data that is none, InputError for
    settings that make no sense.
    """
    if cross_validate:
        raise InputError("babi trains nothing; leave --cross-validate out")
    evaluator = _made(data, stories)
    opened = Once(open_embedder(embedder) if isinstance(embedder, str) else embedder)
    reads, held, k = reader or ExtractiveReader(0.0), Held(), max([TOP, *ks])
    subjects: list[Subject] = [
        Whole(reads, k, TOP, OURS),
        Follower(held),
        StoreAlone("dense", "exact", reads, held, k=k, context=TOP),
        StoreAlone("bm25", "lexical", reads, held, k=k, context=TOP),
    ]
    commit = provenance.commit()
    played = [replay(case, evaluator, subjects, Settings(opened, weights), progress) for case in evaluator.cases()]
    outcomes = [outcome for one in played for outcome in one.outcomes]
    by_name = {name: [o for o in outcomes if o.subject == name] for name in NAMES}
    figures = {
        "benchmark": evaluator.name,
        "commit": commit,
        "embedder": opened.name,
        "reader": reads.name,
        "n_questions": len(by_name[OURS]),
        "stories": stories,
        "metrics": metrics(by_name[OURS]),
        "ci": metrics(by_name[OURS], bounds=True),
        "baselines": {name: metrics(by_name[name]) for name in NAMES if name != OURS},
        "failures": [f for one in played for f in one.failures] + [o.failure for o in outcomes if o.failure],
        "seed": SEED,
        "resamples": RESAMPLES,
        "machine": provenance.machine(),
        "command": shlex.join(["agentmem", "eval", "babi", "--data", str(data)]),
    }
    return Report("Short stories: where people and things are", figures, sections(figures))


def metrics(outcomes: Sequence[Outcome], *, bounds: bool = False) -> dict[str, dict[str, Any]]:
    """Return recall@3 and accuracy by task, or with `bounds` their 95 % intervals over questions."""
    grouped: dict[str, dict[str, list[float]]] = {}
    for o in outcomes:
        for metric, value in o.score.values.items():
            grouped.setdefault(o.ask.gold.labels["task"], {}).setdefault(metric, []).append(value)
    found = {task: {m: bootstrap(v) for m, v in of.items()} for task, of in grouped.items()}
    return {task: {m: [i.low, i.high] if bounds else i.mean for m, i in of.items()} for task, of in found.items()}


def sections(figures: Mapping[str, Any]) -> list[Section]:
    """Return the page, made from the figures alone."""
    short: list[Prose | Warned] = [Prose(PLAINLY)]
    if figures["failures"]:
        short.append(Warned(f"{len(figures['failures'])} questions or cases broke: {figures['failures'][0]}"))
    systems = [(OURS, figures["metrics"]), *figures["baselines"].items()]
    columns = [(task, metric) for task in figures["metrics"] for metric in ("recall@3", "accuracy")]
    rows = [(NAMES[name], *(percent(of.get(t, {}).get(m)) for t, m in columns)) for name, of in systems]
    heads = ("", *(f"task {task}: {metric}" for task, metric in columns))
    made = (
        f"{figures['n_questions']} questions, at most {figures['stories']} stories of each task, reader "
        f"{figures['reader']}, commit {figures['commit'][:12]}."
    )
    return [
        Section("In short", short),
        Section("By task", [Table("Supporting sentences among the first three, and right answers, %", heads, rows)]),
        Section("How this was made", [Prose(made), Command(figures["command"])]),
    ]
