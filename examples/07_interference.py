"""Interference: thirty updates of each of eight keys, and whether the newest value comes first; as a plot.

Run it: python examples/07_interference.py [FILE.png]
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from agentmem_evaluators import interference

mpl.use("Agg")
COUNTS = (2, 4, 8, 15, 30)
ROOMS = ("cellar", "hall", "attic", "porch", "study", "stairs", "garden", "kitchen")
COLOURS = ("red", "amber", "ochre", "lime", "teal", "navy", "plum", "pink", "grey", "ivory")
VALUES = {room: [f"{shade} {colour}" for shade in ("pale", "deep", "warm") for colour in COLOURS] for room in ROOMS}

with tempfile.TemporaryDirectory() as folder:
    data = Path(folder, "paint.json")
    data.write_text(json.dumps(VALUES))
    figures = interference.run(data, updates=COUNTS, keys=len(ROOMS), variants=False, embedder="hash").figures
    picture = Path(sys.argv[1] if len(sys.argv) > 1 else f"{folder}/interference.png")
    for name, of in {"agentmem": figures["metrics"], **figures["baselines"]}.items():
        curve = [of["interleaved"][str(n)] for n in COUNTS]
        print(f"{name:9}", " ".join(f"{value:.2f}" for value in curve))
        if name != "slots":  # it lies on agentmem's line
            plt.plot([str(n) for n in COUNTS], curve, marker="o", label=name)
    plt.xlabel("updates of each key")
    plt.ylabel("the newest value comes first")
    plt.legend(frameon=False)
    plt.savefig(picture, dpi=110)
    print(f"drawn: {picture.name}")
