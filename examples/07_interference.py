"""Interference: thirty updates of each of eight keys, and which memory comes first; as a plot.

Run it: python examples/07_interference.py [FILE.png]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import matplotlib as mpl

import agentmem
from agentmem_evaluators import interference

mpl.use("Agg")
from matplotlib import pyplot as plt

COUNTS = (2, 4, 8, 15, 30)
ROOMS = ("cellar", "hall", "attic", "porch", "study", "stairs", "garden", "kitchen")
COLOURS = ("red", "amber", "ochre", "lime", "teal", "navy", "plum", "pink", "grey", "ivory")
VALUES = {room: [f"{shade} {colour}" for shade in ("pale", "deep", "warm") for colour in COLOURS] for room in ROOMS}

with tempfile.TemporaryDirectory() as folder:
    data = Path(folder) / "paint.json"
    data.write_text(str(VALUES).replace("'", '"'))
    figures = interference.run(data, updates=COUNTS, keys=len(ROOMS), variants=False, embedder="hash").figures
    picture = Path(sys.argv[1] if len(sys.argv) > 1 else f"{folder}/interference.png")
    for name, of in {"agentmem": figures["metrics"], **figures["baselines"]}.items():
        curve = [of["interleaved"][str(n)] for n in COUNTS]
        plt.plot(COUNTS, curve, marker="o", label=name)
        print(f"{name:9}", " ".join(f"{value:.2f}" for value in curve))
    plt.xscale("log")
    plt.xticks(COUNTS, [str(n) for n in COUNTS])
    plt.minorticks_off()
    plt.xlabel("updates of each key")
    plt.ylabel("the newest value comes first")
    plt.legend(frameon=False)
    plt.savefig(picture, dpi=110)
    print(f"agentmem {agentmem.__version__}, drawn: {picture.name}")
