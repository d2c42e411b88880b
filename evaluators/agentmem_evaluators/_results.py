"""The tables of the README, made from the JSON files of the runs: no figure in it is typed by hand.

    python -m agentmem_evaluators._results README.md evaluators/results

renews what stands between the marks, and the plots beside the files; `make results` makes the files first.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentmem.errors import InputError, NotFoundError
from agentmem.evaluation.plots import svg
from agentmem.evaluation.report import Bars, Lines, Table, percent, table_markdown
from agentmem_evaluators._ablate_report import by_structure_and_signal
from agentmem_evaluators._ablate_report import headline as ablate
from agentmem_evaluators._gatemem_report import headline as gatemem
from agentmem_evaluators._locomo_report import headline
from agentmem_evaluators._order_report import headline as order
from agentmem_evaluators._retention_report import by_budget
from agentmem_evaluators._retention_report import headline as retention
from agentmem_evaluators._unlearning_report import headline as unlearning
from agentmem_evaluators._update_report import headline as update
from agentmem_evaluators.memora import headline as memora

OPENING, CLOSING = "<!-- results -->\n", "<!-- end of results -->"
SPEED = {
    "ingest": "remember, in batches of 256",
    "recall": "recall, end to end",
    "open": "from a cold process to its first recall",
}


def tables(folder: Path, seen_from: str = ".") -> str:
    """Return the tables of all results in a folder, as Markdown; its plots lie in `seen_from`.

    Raises NotFoundError where there are no results.
    """
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    if not found:
        raise NotFoundError(f"no results in {folder}; make them with: make results LOCOMO=locomo10.json")
    parts = []
    for figures in found:
        if figures["benchmark"] == "locomo":
            table = headline(figures)
            parts += [f"**{table.title}**", table_markdown(table), table.note]
    by_name = {figures["benchmark"]: figures for figures in found}
    for name, table_of in PAGES.items():
        if name in by_name:
            table = table_of(by_name[name])
            parts += [f"**{table.title}**", table_markdown(table), table.note]
            if name in PLOTS:
                parts.append(f"![{PLOTS[name](by_name[name]).title}]({seen_from}/{name}.svg)")
    timed = [figures for figures in found if figures["benchmark"] in SPEED]
    if timed:
        order = list(SPEED)
        timed.sort(key=lambda f: (order.index(f["benchmark"]), f["memories"]))
        table = _speed(timed)
        parts += [f"**{table.title}**", table_markdown(table), table.note]
    return "\n" + "\n\n".join(parts) + "\n\n"


def _speed(timed: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            SPEED[f["benchmark"]],
            f"{f['memories']:,}",
            f"{f['median_ms']:,.1f} ms",
            f"{f['reference_ms']:,.1f} ms",
            f"{f['ratio']:.2f}",
        )
        for f in timed
    ]
    return Table(
        "Speed",
        ("", "memories", "agentmem", "reference", "ratio"),
        rows,
        "The reference is what encoding alone costs with SentenceTransformer in fp32, timed in the same run on two "
        "cores: of all texts, of the question, of one text from a cold start. The ratio is the median of pairs.",
    )


NAMES = {"dense": "dense alone", "bm25": "BM25 alone", "fifo": "the newest", "slots": "slots (reference)"}


def _rows(
    figures: Mapping[str, Any], columns: Sequence[tuple[str, ...]], names: Sequence[str]
) -> list[tuple[str, ...]]:
    """Return a row for our figures and one for each of the named baselines, by the paths of the columns."""
    systems = [("agentmem", figures["metrics"])]
    systems += [(NAMES[name], figures["baselines"][name]) for name in names if name in figures["baselines"]]
    return [(name, *(percent(_at(of, path)) for path in columns)) for name, of in systems]


def _at(figures: Any, path: Sequence[str]) -> float | None:
    for step in path:
        figures = (figures or {}).get(step)
    return None if figures is None else float(figures)


def _interference(figures: Mapping[str, Any]) -> Table:
    columns = [("interleaved", n) for n in ("2", "48", "400")] + [("sequential", "400"), ("paraphrased",), ("ies",)]
    return Table(
        "PI-LLM, %: is the newest value of a key still found first?",
        ("", "2 updates", "48", "400", "400, sequential", "as people say it", "IES"),
        _rows(figures, columns, ("dense", "bm25", "fifo")),
        f"{figures['keys']} keys; the first memory recalled is the answer. This scores a store: a dictionary scores "
        "100, and it is not comparable with the published curves of models that read the stream in their prompt. "
        f"Commit {figures['commit'][:12]}.",
        strong=frozenset({0}),
    )


def _consolidation(figures: Mapping[str, Any]) -> Table:
    columns = [(s, m) for m in ("newest_top1", "stale_above", "substring_em") for s in ("sh_6k", "sh_32k")]
    heads = [f"{what}, {size}" for what in ("newest first", "a stale one above it", "answer") for size in ("6k", "32k")]
    return Table(
        "FactConsolidation, single-hop, %: of facts that contradict each other, the newest",
        ("", *heads),
        _rows(figures, columns, ("dense", "bm25", "fifo")),
        f"Commit {figures['commit'][:12]}.",
        strong=frozenset({0}),
    )


def _multihop(figures: Mapping[str, Any]) -> Table:
    heads = [m for m in ("recall@2", "recall@5", "recall@10", "all_gold@5") if m in figures["metrics"]]
    return Table(
        "MuSiQue-100, %: the passages that answer a multi-hop question together",
        ("", *heads),
        _rows(figures, [(m,) for m in heads], ("dense", "bm25")),
        f"{figures['n_passages']:,} passages with ready triples; the graph store alone. Gains over dense, with "
        f"paired 95 % intervals: {', '.join(_gain(m, figures['gain_over']['dense'][m]) for m in heads)}. "
        f"Commit {figures['commit'][:12]}.",
        strong=frozenset({0}),
    )


def _gain(metric: str, gain: Sequence[float]) -> str:
    mean, low, high = (100 * value for value in gain)
    return f"{metric} {mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def _babi(figures: Mapping[str, Any]) -> Table:
    tasks = list(figures["metrics"])
    return Table(
        "bAbI, %: where people and things are",
        ("", *(f"task {task}: {what}" for task in tasks for what in ("support in 3", "answer"))),
        _rows(figures, [(t, m) for t in tasks for m in ("recall@3", "accuracy")], ("dense", "bm25")),
        f"{figures['n_questions']:,} questions. Commit {figures['commit'][:12]}.",
        strong=frozenset({0}),
    )


def _pagerank(figures: Mapping[str, Any]) -> Table:
    return Table(
        f"A graph of {figures['nodes']:,} nodes and {figures['edges']:,} edges, on one core",
        ("", "agentmem", "reference", "ratio"),
        [
            (
                "personalized PageRank of a question",
                f"{figures['median_ms']:,.1f} ms",
                f"{figures['reference_ms']:,.0f} ms",
                f"{figures['ratio']:.3f}",
            ),
            (
                f"take in {figures['added']:,} memories more",
                f"{figures['add_ms']:,.0f} ms",
                f"{figures['embed_ms']:,.0f} ms",
                f"{figures['add_ratio']:.2f}",
            ),
        ],
        "The references are networkx.pagerank on the same graph, and embedding the new memories.",
    )


PAGES = {
    "interference": _interference,
    "consolidation": _consolidation,
    "multihop": _multihop,
    "babi": _babi,
    "update": update,
    "order": order,
    "retention": retention,
    "unlearning": unlearning,
    "gatemem": gatemem,
    "memora": memora,
    "ablate": ablate,
    "pagerank": _pagerank,
}


PLOTS: Mapping[str, Callable[[Mapping[str, Any]], Lines | Bars]] = {
    "retention": by_budget,
    "ablate": by_structure_and_signal,
}


def plots(folder: Path) -> dict[str, str]:
    """Return the plots of the results in a folder, as SVG, by the names of their files."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return {f"{f['benchmark']}.svg": svg(PLOTS[f["benchmark"]](f)) + "\n" for f in found if f["benchmark"] in PLOTS}


def renew(readme: Path, folder: Path) -> str:
    """Return the text of a README with its results renewed. Raises InputError where the marks are missing."""
    text = readme.read_text(encoding="utf-8")
    before, opening, rest = text.partition(OPENING)
    _, closing, after = rest.partition(CLOSING)
    if not opening or not closing:
        raise InputError(f"{readme} has no {OPENING.strip()} ... {CLOSING} to put the results between")
    return before + opening + tables(folder, os.path.relpath(folder, readme.parent)) + closing + after


if __name__ == "__main__":
    page, results = (Path(argument) for argument in sys.argv[1:3])
    page.write_text(renew(page, results), encoding="utf-8")
    for name, drawn in plots(results).items():
        (results / name).write_text(drawn, encoding="utf-8")
