"""MemoryBank's probing: days of talk with a companion, then questions about what either of the two said, and when.

No model, no network. Run it:                python examples/16_memorybank_probing.py
With MemoryBank's own files (they have no right answers, so read what is recalled):
    python examples/16_memorybank_probing.py memory_bank_en.json probing_questions_en.jsonl Emily
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, datetime, time
from pathlib import Path

import agentmem
from agentmem import Draft, Filter

HISTORY = {
    "2024-05-02": [
        (
            "I went to the harbour museum and saw an exhibition of old sea charts.",
            "Which one did you like?",
        ),
        ("The one of the Azores. Can you recommend a book about sailing?", "Try The Old Man and the Sea by Hemingway."),
    ],
    "2024-05-04": [
        ("My cello teacher cancelled, so I practised alone for two hours.", "That is discipline."),
        ("I mostly listen to baroque music, Bach above all.", "The cello suites must be your favourites, then."),
    ],
    "2024-05-06": [
        ("Work was stressful, my manager moved the deadline.", "A walk without the phone helps many people to unwind."),
        ("I ran five kilometres in Willow Park instead.", "Five kilometres, well done!"),
    ],
}
PROBES = [
    "I mentioned on May 2nd that I went to a museum. Which exhibition did I see?",
    "What kind of music do I like to listen to?",
    "Which book about sailing did you recommend to me?",
    "How far did I run in the park on May 6th?",
    "Why was work stressful?",
    "What is the name of my dog?",
]


def bank(files: list[str]) -> tuple[str, dict[str, list[tuple[str, str]]], list[str]]:
    """Return whose talk it is, what was said by day, and what is asked: of MemoryBank's files, or those above."""
    if not files:
        return "Ana", HISTORY, PROBES
    memories, probes, who = files
    days = json.loads(Path(memories).read_text(encoding="utf-8"))[who]["history"]
    asked = [json.loads(line) for line in Path(probes).read_text(encoding="utf-8").splitlines() if line.strip()]
    history = {day: [(pair["query"], pair["response"]) for pair in talk] for day, talk in days.items()}
    return who, history, next(line[who] for line in asked if who in line)


user, history, probes = bank(sys.argv[1:])
with tempfile.TemporaryDirectory() as folder, agentmem.open(folder) as system:
    space = system.space(user)
    for day, talk in history.items():
        at = datetime.combine(datetime.fromisoformat(day), time(18), UTC)
        for said, answered in talk:
            (turn,) = space.remember(said, speaker=user, thread=day, said_at=at)
            space.remember(Draft(answered, kind="reply", speaker="companion", thread=day, said_at=at, parents=(turn,)))
    for probe in probes:
        recall = space.recall(probe, k=1, filter=Filter(kinds=("turn", "reply")))
        said = "nothing"
        if recall:
            best = recall[0].memory
            said = f"{best.said_at:%d %b} {best.speaker}: {best.text}"
        print(f"{probe}\n  {recall.confidence:.2f} {said}")
