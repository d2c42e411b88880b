"""Remember what was said, recall what bears on a question, and see why.

Run it: python examples/01_remember_and_recall.py
"""

from __future__ import annotations

import tempfile
from datetime import datetime

import agentmem

SAID = [
    ("Alice", "2025-03-03T18:00+00:00", "I adopted a cat last Friday. She is called Miso."),
    ("Ben", "2025-03-03T18:01+00:00", "Lovely! My dog would be jealous."),
    ("Alice", "2025-03-10T18:00+00:00", "I start my new job at the library on the first of April."),
    ("Ben", "2025-03-10T18:02+00:00", "Then let us celebrate: dinner at Noor on Saturday?"),
]

with tempfile.TemporaryDirectory() as folder, agentmem.open(folder) as system:
    space = system.space("alice-and-ben")
    space.remember(
        agentmem.Draft(text, speaker=who, thread=when[:10], said_at=datetime.fromisoformat(when))
        for who, when, text in SAID
    )

    for question in ("What is Alice's cat called?", "Where will they have dinner?"):
        recall = space.recall(question, k=2)
        print(f"\n{question}  (in memory with probability {recall.confidence:.2f})")
        for evidence in recall:
            memory = evidence.memory
            print(f"  {evidence.score:6.2f}  {memory.said_at:%d %b}  {memory.speaker}: {memory.text}")
            strongest = sorted(evidence.signals.items(), key=lambda signal: -abs(signal[1]))[:3]
            print("          " + ", ".join(f"{name} {value:+.2f}" for name, value in strongest))

    only_ben = agentmem.Filter(speakers=("Ben",))
    print("\nOnly Ben:", space.recall("pets", k=1, filter=only_ben)[0].memory.text)
