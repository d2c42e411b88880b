"""Speed, as a ratio: ours over what every memory system pays, timed in the same run on the same machine.

The reference is `SentenceTransformer(all-MiniLM-L6-v2).encode` in fp32: of all the texts for `ingest`, of the question
alone for `recall`, of one text from a cold start (import, load, encode) for `open`. `pagerank` is held against networkx
instead. Machines differ; ratios less so.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import agentmem
from agentmem import config
from agentmem.errors import InputError
from agentmem.evaluation.bench_forget import forget
from agentmem.evaluation.bench_graph import pagerank
from agentmem.evaluation.bench_sweep import sweep
from agentmem.types import Draft

Report = dict[str, Any]
Progress = Callable[[int, int], None]

SEED = 0
REPEATS = 60
"""Timed questions; ours and the reference's alternate, so that both see the same machine."""


def run(what: str, memories: int, *, embedder: str = "default", progress: Progress | None = None) -> Report:
    """Run one benchmark: "recall", "ingest", "open", "pagerank", "sweep" or "forget". Raises InputError for others.

    Returns `ratio`, `median_ms`, `reference_ms`, `memories`, `rss_mb` (what a space of that size adds to the process
    with its model loaded; for "open" the most that the whole process takes) and what was done, for the JSON.
    """
    benches: dict[str, Callable[..., Report]] = {
        "recall": recall,
        "ingest": ingest,
        "open": cold_open,
        "pagerank": pagerank,
        "sweep": sweep,
        "forget": forget,
    }
    if what not in benches:
        raise InputError(f"no benchmark {what!r}; there are: {', '.join(benches)}")
    if memories < 1:
        raise InputError(f"memories={memories} must be at least 1")
    return {"benchmark": what, "memories": memories, **benches[what](memories, embedder, progress)}


def texts(count: int) -> list[str]:
    """Return `count` made-up turns of 5 to 40 words, Zipf-distributed over 20,000 words, the same on every machine."""
    rng = np.random.default_rng(SEED)
    syllables = ["ka", "lo", "mi", "ren", "sta", "vo", "bir", "tun", "el", "dra", "no", "pi", "shu", "gor", "fa", "we"]
    common = "the i to a and you it of was that my we in for is on so with have me had went at got really about".split()  # noqa: SIM905
    made = ["".join(rng.choice(syllables, rng.integers(2, 4))) for _ in range(20_000)]
    words = np.array(common + made)
    weights = 1 / np.arange(3, len(words) + 3)
    lengths = rng.integers(5, 40, count)
    chosen = rng.choice(len(words), int(lengths.sum()), p=weights / weights.sum())
    ends = np.cumsum(lengths)
    return [" ".join(words[chosen[e - n : e]]).capitalize() + "." for n, e in zip(lengths, ends, strict=True)]


def recall(memories: int, embedder: str, progress: Progress | None) -> Report:
    """Time `Space.recall` end to end, in a space of `memories`, against the reference's encoding of the question."""
    reference = _reference()
    questions = [f"What did we say about {' '.join(t.split()[3:8])}?" for t in texts(REPEATS + 5)]
    with tempfile.TemporaryDirectory() as root, agentmem.open(root, embedder=embedder) as system:
        space = system.space("bench")
        space.embedder(["load the model"])
        before = _rss()
        _fill(space, memories, progress)
        for question in questions[:5]:
            space.recall(question)
            reference([question])
        ours, theirs = [], []
        for question in questions[5:]:
            ours.append(_timed(partial(space.recall, question)))
            theirs.append(_timed(partial(reference, [question])))
        return _report(ours, theirs, space.embedder.name, _rss() - before)


def ingest(memories: int, embedder: str, progress: Progress | None) -> Report:
    """Time `Space.remember` of `memories` turns in batches of 256 against the reference's encoding of the same texts.

    Batches of ours and of the reference alternate. Times are of the whole.
    """
    reference = _reference()
    with tempfile.TemporaryDirectory() as root, agentmem.open(root, embedder=embedder) as system:
        space = system.space("bench")
        space.embedder(["load the model"])
        space.recall("load the indexes")
        reference(["warm up"])
        before = _rss()
        ours, theirs = 0.0, 0.0
        batches = _batches(memories)
        for number, batch in enumerate(batches, 1):
            ours += _timed(partial(space.remember, batch))
            theirs += _timed(partial(reference, [d.text for d in batch]))
            if progress is not None:
                progress(number, len(batches))
        return _report([ours], [theirs], space.embedder.name, _rss() - before) | {"turns_per_s": memories / ours * 1000}


_COLD = """
import sys
import agentmem
with agentmem.open(sys.argv[1]) as system:
    assert len(system.space("bench", create=False).recall("What did we say about the garden?"))
import resource
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
_COLD_REFERENCE = """
import sys
from sentence_transformers import SentenceTransformer
SentenceTransformer(sys.argv[1], device="cpu").encode(["What did we say about the garden?"])
"""


def cold_open(memories: int, embedder: str, progress: Progress | None) -> Report:
    """Time a fresh process from start to its first recall in a space of `memories`, against one of the reference.

    The reference imports sentence-transformers, loads the model and encodes one text.
    """
    with tempfile.TemporaryDirectory() as root:
        with agentmem.open(root, embedder=embedder) as system:
            space = system.space("bench")
            _fill(space, memories, progress)
            space.recall("load the indexes, so that closing snapshots them")
            name = space.embedder.name
        rss = float(_process(_COLD, root))
        ours, theirs = [], []
        for _ in range(5):
            ours.append(_timed(partial(_process, _COLD, root)))
            theirs.append(_timed(partial(_process, _COLD_REFERENCE, str(_model()))))
        return _report(ours, theirs, name, rss)


def _process(code: str, argument: str) -> str:
    program = [sys.executable, "-W", "ignore", "-c", code, argument]
    return subprocess.run(program, check=True, capture_output=True, text=True).stdout  # noqa: S603


def _batches(memories: int) -> list[list[Draft]]:
    drafts = [Draft(t, speaker=("Ana", "Bo")[n % 2], thread=f"t{n // 25}") for n, t in enumerate(texts(memories))]
    return [drafts[start : start + 256] for start in range(0, len(drafts), 256)]


def _fill(space: agentmem.Space, memories: int, progress: Progress | None) -> None:
    batches = _batches(memories)
    for number, batch in enumerate(batches, 1):
        space.remember(batch)
        if progress is not None:
            progress(number, len(batches))


def _model() -> Path:
    from agentmem.encoding.model_files import find_model

    return find_model("default", config.cache()).folder


def _reference() -> Callable[[list[str]], Any]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(_model()), device="cpu")
    return lambda batch: model.encode(batch, show_progress_bar=False)


def _timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _rss() -> float:
    """Return the resident memory of this process in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(li for li in status.read_text().splitlines() if li.startswith("VmRSS"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _report(ours: list[float], theirs: list[float], embedder: str, rss: float) -> Report:
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        "ratio": statistics.median(ratios),
        "median_ms": statistics.median(ours),
        "reference_ms": statistics.median(theirs),
        "reference": "SentenceTransformer(all-MiniLM-L6-v2).encode, fp32",
        "p95_ms": float(np.percentile(ours, 95)),
        "rss_mb": rss,
        "embedder": embedder,
        "runs": len(ours),
        "seed": SEED,
        "python": sys.version.split()[0],
    }


def write(report: Report, out: Path) -> None:
    """Write a report as JSON."""
    out.write_text(json.dumps(report, indent=2) + "\n")
