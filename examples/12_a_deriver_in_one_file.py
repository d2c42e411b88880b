"""A deriver of your own is one file: what it makes follows what is said, and what is forgotten, by itself."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import agentmem

DERIVER = '''"""Sums of money: what each person said to have spent, all together."""
import re
from agentmem import Draft
class Spending:
    def scopes(self, memory):
        return [f"spent by {memory.speaker}"] if re.search(r"\\d+ euros", memory.text) and not memory.parents else []

    def derive(self, scope, members):
        total = sum(int(n) for m in members for n in re.findall(r"(\\d+) euros", m.text))
        return [Draft(f"{total} euros were {scope}", kind="summary", parents=tuple(m.id for m in members))]

def make(config):
    return Spending()
'''

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "agentmem_stores", "derive", "spending.py")
    file.parent.mkdir(parents=True)
    file.write_text(DERIVER)
    sys.path.append(folder)  # or: PYTHONPATH=folder agentmem settle bills --derive spending,facts

    with agentmem.open(Path(folder, "memory"), embedder="hash", derive=["spending"]) as system:
        space = system.space("bills")
        vet, _ = space.remember(["The vet took 430 euros.", "Flour for 6 euros."], speaker="Ana")
        space.settle()
        print("derived:", space.recall("How many euros were spent by Ana?", k=1)[0].memory.text)
        print("from:", [space.get(parent).text for parent in space.recall("euros spent", k=1)[0].memory.parents])
        space.erase(vet)
        space.settle()
        print("with the vet forgotten:", [m.text for m in space.memories() if m.parents])
