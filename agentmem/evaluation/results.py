"""The tables of the README, made from the JSON files of the runs: no figure in it is typed by hand.

    python -m agentmem.evaluation.results README.md evaluators/results

renews what stands between the marks. `make results` makes the files first.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentmem.errors import InputError, NotFoundError

OPENING, CLOSING = "<!-- results -->\n", "<!-- end of results -->"
KS = ("5", "10", "20", "50")
CATEGORIES = {"1": "multi-hop", "2": "temporal", "3": "open", "4": "single-hop", "5": "adversarial", "all": "all"}
SYSTEMS = {"dense": "dense search alone", "bm25": "BM25 alone", "none": "no memory", "oracle": "the gold evidence"}
SPEED = {
    "ingest": "remember, in batches of 256",
    "recall": "recall, end to end",
    "open": "cold process to first recall",
}


def tables(folder: Path) -> str:
    """Return the tables of all results in a folder, as Markdown. Raises NotFoundError where there are none."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    conversations = [f for f in found if f.get("benchmark") == "locomo"]
    speed = [f for f in found if f.get("benchmark") in SPEED]
    if not conversations and not speed:
        raise NotFoundError(f"no results in {folder}; make them with: make results")
    parts = [part for figures in conversations for part in _locomo(figures)]
    if speed:
        parts += _speed(sorted(speed, key=lambda f: (list(SPEED).index(f["benchmark"]), f["memories"])))
    return "\n\n".join(parts) + "\n"


def _locomo(figures: Mapping[str, Any]) -> list[str]:
    trained = figures.get("weights_trained_on_this_data")
    how = "weights cross-validated by conversation" if figures.get("cross_validated") else "weights as shipped"
    if trained and not figures.get("cross_validated"):
        how += ", which were trained on this data"
    named = {"agentmem": figures, **{SYSTEMS.get(n, n): f for n, f in figures["baselines"].items()}}
    recall = _table(
        ["evidence recall, categories 1-4", *(f"R@{k}" for k in KS)],
        [
            [name, *(_share(f["recall"], k, "1-4") for k in KS)]
            for name, f in named.items()
            if f.get("recall") and name not in {SYSTEMS["none"], SYSTEMS["oracle"]}
        ],
    )
    low, high = figures["recall_ci"]["10"]["1-4"]
    f1 = _table(
        ["answer F1, no language model", *CATEGORIES.values()],
        [[name, *(_number(f["f1"].get(c)) for c in CATEGORIES)] for name, f in named.items() if f.get("f1")],
    )
    said = (
        f"LoCoMo, development split: {figures['n_questions']} questions, {figures['embedder']}, {how}; commit "
        f"{figures['commit']}. 95 % interval of R@10: {low:.3f} to {high:.3f}."
    )
    return [
        said,
        recall,
        f1,
        f"Made by `{figures['command']}`." if figures.get("command") else "",
    ]


def _speed(found: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            SPEED[f["benchmark"]],
            f"{f['memories']:,}",
            f"{f['ratio']:.2f}",
            f"{f['median_ms']:,.1f} ms",
            f"{f['reference_ms']:,.1f} ms",
        ]
        for f in found
    ]
    head = ["speed, against encoding alone in fp32", "memories", "ratio", "agentmem", "reference"]
    return [
        _table(head, rows),
        "Made by `agentmem bench`, both sides in one run on two cores; the ratio is the median of pairs.",
    ]


def _share(recall: Mapping[str, Any], k: str, group: str) -> str:
    return _number(recall.get(k, {}).get(group))


def _number(value: float | None) -> str:
    return "\u2013" if value is None else f"{value:.3f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def renew(readme: Path, folder: Path) -> str:
    """Return the text of a README with its results renewed. Raises InputError where the marks are missing."""
    text = readme.read_text()
    before, opening, rest = text.partition(OPENING)
    _, closing, after = rest.partition(CLOSING)
    if not opening or not closing:
        raise InputError(f"{readme} has no {OPENING.strip()} ... {CLOSING} to put the results between")
    return before + opening + tables(folder) + closing + after


if __name__ == "__main__":
    page, results = (Path(argument) for argument in sys.argv[1:3])
    page.write_text(renew(page, results))
