"""MemoryBank's probing: days of talk with a companion, then questions about what either of the two said, and when.

No model, no network. Run it:                python examples/16_memorybank_probing.py
With MemoryBank's own files (they have no right answers, so read what is recalled):
    python examples/16_memorybank_probing.py memory_bank_en.json probing_questions_en.jsonl Emily
"""

import json
import sys
import tempfile
from datetime import UTC, datetime, time
from pathlib import Path

import agentmem
from agentmem import Draft, Filter

TALK = """2024-05-02|I saw an exhibition of old sea charts in the harbour museum.|Which one did you like?
2024-05-02|The Azores. Can you recommend a book about sailing?|Try The Old Man and the Sea by Hemingway.
2024-05-04|I mostly listen to baroque music, Bach above all.|The cello suites must be your favourites, then.
2024-05-06|Work was stressful, my manager moved the deadline.|A walk without the phone helps to unwind.
2024-05-06|I ran five kilometres in Willow Park instead.|Five kilometres, well done!"""
PROBES = """I mentioned on May 2nd that I went to a museum. Which exhibition did I see?
What kind of music do I like to listen to?\nWhich book about sailing did you recommend to me?
How far did I run in the park on May 6th?\nWhy was work stressful?\nWhat is the name of my dog?"""
user, talk, probes = "Ana", [line.split("|") for line in TALK.splitlines()], PROBES.splitlines()
if sys.argv[1:]:
    bank, asked, user = sys.argv[1:]
    days = json.loads(Path(bank).read_text("utf-8"))[user]["history"].items()
    talk = [[day, pair["query"], pair["response"]] for day, pairs in days for pair in pairs]
    probes = next(x[user] for x in map(json.loads, Path(asked).read_text("utf-8").splitlines()) if user in x)
with tempfile.TemporaryDirectory() as folder, agentmem.open(folder) as system:
    space = system.space(user)
    for day, said, answered in talk:
        at = datetime.combine(datetime.fromisoformat(day), time(18), UTC)
        (turn,) = space.remember(said, speaker=user, thread=day, said_at=at)
        space.remember(Draft(answered, kind="reply", speaker="companion", thread=day, said_at=at, parents=(turn,)))
    for probe in probes:
        found = space.recall(probe, k=1, filter=Filter(kinds=("turn", "reply")))
        said = [f"{one.memory.said_at:%d %b} {one.memory.speaker}: {one.memory.text}" for one in found]
        print(f"{probe}\n  {found.confidence:.2f} {'; '.join(said) or 'nothing'}")
