"""Every example runs as it stands, offline, and prints what its first lines promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PROMISED = {
    "01_remember_and_recall.py": [
        "Alice: I adopted a cat last Friday. She is called Miso.",
        "Ben: Then let us celebrate: dinner at Noor on Saturday?",
        "Only Ben: Lovely! My dog would be jealous.",
    ],
    "02_chat_without_a_model.py": ["before 17 March 2025", "read from Marek, 17 Mar 2025", "No information available"],
    "03_forget.py": [
        "lies in: ['ledger.db",
        "level physical",
        "lies in: []",
        "still known: ['My cat is called Miso.']",
    ],
    "04_your_own_store.py": ["numbers", "recalled: The vet took 430 euros.", "found alone: The vet took 430 euros."],
    "05_facts_in_time.py": [
        "ana reyes home: Porto since 2025-01-01 09:00 until 2025-02-17",
        "They changed my locker code to 4417.  (holds now: ana reyes locker code: 4417",
        "in March: My locker code is 1234.",
        "now: Lisbon",
        "with that forgotten: Porto",
    ],
    "06_knowledge_graph.py": ["entities in 171 memories", "most named: ", "drawn: graph.png"],
    "07_interference.py": ["agentmem  1.00 1.00 1.00 1.00 1.00", "dense     0.", "drawn: interference.png"],
    "08_your_own_policy.py": ["| longest | 100.0", "| fifo | 0.0 [0.0, 0.0]", "| oracle | 100.0"],
    "09_scrub_any_agent.py": [
        "told in 81 of 91 checkpoints",
        "scrubbed, messages: 4",
        "told in 0 of 91 checkpoints, 0 times in the files",
        "it goes on: You said: You know, [removed].",
    ],
    "10_one_line_for_create_agent.py": [
        "What is my cat called? -> Miso.",
        "Please forget everything about Miso. -> it asks a person first",
        "would go: ['I adopted a cat, Miso.', 'Miso.']",
        "still known: ['What is my cat called?']",
    ],
    "11_forget_and_prove.py": [
        "bot: Forget 1 message and 2 replies of mine about Tom Hale, for good?",
        "bot: Done. I have forgotten 1 message and 2 replies of mine.",
        "receipt 1: level physical, looked for: True",
        "checked: ['receipt 1', 'key', 'issued 1', 'chain', 'not back']",
        "lies in: []",
        "refused: kept out: it says what was forgotten on request",
        "still known: ['Mia Stone asks whether we repair tandems.', 'Who wants a refund?'",
    ],
    "12_a_deriver_in_one_file.py": [
        "derived: 436 euros were spent by Ana",
        "from: ['The vet took 430 euros.', 'Flour for 6 euros.']",
        "with the vet forgotten: ['6 euros were spent by Ana']",
    ],
    "13_a_chat_over_weeks.py": [
        "03 Mar: 0 memories, 0 messages of the conversation",
        "24 Mar: 12 memories, 12 messages of the conversation",
        "What is my locker code? -> 9020",
        "Where do I live? -> Lisbon",
        "still known: ['I moved to Porto last Saturday.', 'My sister Lena plays the cello.', 'Wow, what a week.'",
    ],
    "14_tools_and_reliance.py": [
        "fresh: How about kites and a bonfire? October will be dry. (0% from 0 memories)",
        "faithful: Paper lanterns, and a brass band. October will be dry. (67% from 2 memories)",
    ],
    "16_memorybank_probing.py": [
        "02 May Ana: I saw an exhibition of old sea charts in the harbour museum.",
        "04 May Ana: I mostly listen to baroque music, Bach above all.",
        "02 May companion: Try The Old Man and the Sea by Hemingway.",
        "06 May Ana: I ran five kilometres in Willow Park instead.",
        "06 May Ana: Work was stressful, my manager moved the deadline.",
        "What is the name of my dog?\n  0.0",
    ],
    "15_a_local_model.py": [
        "it was shown: ('I adopted a grey cat. Her name is Miso.',) and answered",
        "remembered: [('turn', 'Ana'), ('turn', 'Ana'), ('reply', 'assistant')]",
    ],
}


def test_every_example_is_tried():
    """A new example cannot stand here untested, and none is longer than a page."""
    assert {file.name for file in EXAMPLES.glob("*.py")} == set(PROMISED)
    for file in EXAMPLES.glob("*.py"):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 40, file.name


@pytest.mark.parametrize("name", PROMISED)
def test_example_keeps_its_promise(name):
    """The example ends well, and says what it should."""
    done = subprocess.run([sys.executable, EXAMPLES / name], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    for promised in PROMISED[name]:
        assert promised in done.stdout
    assert done.stderr == ""
