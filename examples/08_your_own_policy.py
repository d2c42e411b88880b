"""A policy of your own is one file; the evaluator `retention` shows it in one table, and plots, with all the others."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

POLICY = '''"""Longest first: what took many words was worth saying, and loses half of that every year."""
import numpy as np
class Longest:
    def retention(self, traces):
        return (traces.size / (traces.size + 200) * 0.5 ** (traces.rest / 365)).astype(np.float32)

    def reinforce(self, traces):
        return traces.used()

def make(config):
    return Longest()
'''
SAID = ["Hi!", "I adopted a grey cat from the shelter last Friday, she is called Miso.", "Lovely!", "See you."]
TURNS = [{"speaker": "AB"[n % 2], "dia_id": f"D1:{n}", "text": text} for n, text in enumerate(SAID)]
TALK = {"session_1_date_time": "1:56 pm on 8 May, 2023", "session_1": TURNS}
ASKED = [{"question": "What is the cat called?", "answer": "Miso", "category": 4, "evidence": ["D1:1"]}]

with tempfile.TemporaryDirectory() as folder:
    file, data = Path(folder, "agentmem_stores", "retention", "longest.py"), Path(folder, "talk.json")
    file.parent.mkdir(parents=True)
    file.write_text(POLICY)
    data.write_text(json.dumps({"sample_id": "talk", "conversation": TALK, "qa": ASKED}), encoding="utf-8")
    sys.path.append(folder)  # or: PYTHONPATH=folder agentmem eval retention ...

    from agentmem.evaluation.report import table_markdown
    from agentmem_evaluators import retention

    report = retention.run(data, budgets=(0.25, 0.5), embedder="hash")
    print(table_markdown(report.sections[1].blocks[0]))  # report.write(html=...) draws it
