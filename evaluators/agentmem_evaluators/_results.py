"""The tables of the README, made from the JSON files of the runs: no figure in it is typed by hand.

    python -m agentmem_evaluators._results README.md evaluators/results

renews what stands between the marks; `make results` makes the files first.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentmem.errors import InputError, NotFoundError
from agentmem.evaluation.report import Table, table_markdown
from agentmem_evaluators._locomo_report import headline

OPENING, CLOSING = "<!-- results -->\n", "<!-- end of results -->"
SPEED = {
    "ingest": "remember, in batches of 256",
    "recall": "recall, end to end",
    "open": "from a cold process to its first recall",
}


def tables(folder: Path) -> str:
    """Return the tables of all results in a folder, as Markdown. Raises NotFoundError where there are none."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    if not found:
        raise NotFoundError(f"no results in {folder}; make them with: make results DATA=locomo10.json")
    parts = []
    for figures in found:
        if figures["benchmark"] == "locomo":
            table = headline(figures)
            parts += [f"**{table.title}**", table_markdown(table), table.note]
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


def renew(readme: Path, folder: Path) -> str:
    """Return the text of a README with its results renewed. Raises InputError where the marks are missing."""
    text = readme.read_text(encoding="utf-8")
    before, opening, rest = text.partition(OPENING)
    _, closing, after = rest.partition(CLOSING)
    if not opening or not closing:
        raise InputError(f"{readme} has no {OPENING.strip()} ... {CLOSING} to put the results between")
    return before + opening + tables(folder) + closing + after


if __name__ == "__main__":
    page, results = (Path(argument) for argument in sys.argv[1:3])
    page.write_text(renew(page, results), encoding="utf-8")
