"""A long life: many turns with sweeps, forgettings, values replaced, restarts and a killed process, then a reckoning.

`AGENTMEM_SOAK_TURNS=2000 pytest tests/test_soak.py -s` lives long, and prints what came of it; a usual run is short.
"""

from __future__ import annotations

import gc
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import agentmem
from agentmem.agent import AgentMemoryStore, Upkeep, chat
from agentmem.clock import FixedClock
from agentmem.proof import prove
from agentmem.types import Answer

TURNS = int(os.environ.get("AGENTMEM_SOAK_TURNS", "80"))
EVERY = TURNS // max(4, TURNS // 100)
"""How many turns there are between two restarts."""
HOUR = timedelta(hours=1)
GROWTH_MB = 48
"""By how much the process may grow in its second half: in the first, the caches of words and of SQLite fill."""
PEOPLE = (
    "Tom Hale",
    "Mia Stone",
    "Lena Brandt",
    "Ravi Nair",
    "Noor Haddad",
    "Ines Duarte",
    "Bruno Kessler",
    "Yuki Mori",
)
CITIES = ("Porto", "Lisbon", "Oslo", "Graz", "Turin", "Ghent", "Bergen", "Malaga")
THINGS = ("bicycle", "kite", "cello", "loom", "kayak", "telescope", "tandem", "accordion")
SMALL = ("Thanks!", "Good morning!", "How are you?", "That sounds great.", "See you later.")

VICTIM = """
import os, signal, sys
from datetime import datetime
import agentmem
from agentmem import steps
from agentmem.agent import chat
from agentmem.clock import FixedClock
from agentmem.types import Answer

root, now, step = sys.argv[1:]
with agentmem.open(root, embedder="hash", clock=FixedClock(datetime.fromisoformat(now))) as system:
    space = system.space("soak")
    with chat(space, thread="doomed", reader=lambda *_, **__: Answer("yes")) as talk:
        talk.ask("The last ferry leaves at nine.")
        steps.listener = lambda reached: reached == step and os.kill(os.getpid(), signal.SIGKILL)
        talk.ask("Does the last ferry leave at ten?")
        space.erase(next(space.memories()).id)
"""


def first(question, evidence, *, confidence):
    """Read the best find aloud."""
    return Answer(evidence[0].memory.text, (evidence[0].id,), confidence) if evidence else Answer("No.", abstained=True)


def rss_mb():
    """Return what the process holds now, in MB; where the system does not tell, the most it ever held."""
    gc.collect()
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


class Life:
    """What one person says to an agent, hour by hour, and what the agent is put through."""

    def __init__(self, root, clock):
        self.root, self.clock = root, clock
        self.random = random.Random(2025)
        self.counts = Counter()
        self.begin()

    def begin(self):
        self.system = agentmem.open(self.root, embedder="hash", clock=self.clock)
        self.space = self.system.space("soak")
        self.upkeep = Upkeep(self.space, "lru", budget=str(max(60, min(400, TURNS))), every=24 * HOUR)
        self.talk = chat(self.space, reader=first, upkeep=self.upkeep)
        self.store = AgentMemoryStore(self.space)

    def end(self):
        self.upkeep.wait()
        self.store.close()
        self.talk.close()
        self.system.close()

    def turn(self, n):
        """One turn, in one of three threads; what is asked back is answered."""
        self.clock.advance(HOUR)
        self.talk.thread = f"thread {self.random.randrange(3)}"
        if n % 7 == 3:
            self.store.put(("prefs",), self.random.choice(THINGS), {"text": f"The number is {n}."})
            self.counts["puts"] += 1
        reply = self.talk.ask(self.says(n))
        while reply.question is not None:
            step = reply.question["step"]
            self.counts[f"asked {step}"] += 1
            reply = self.talk.ask({"again": "no", "sure": "yes"}.get(step, "all"))
        self.counts["turns"] += 1

    def says(self, n):
        who, city, thing = (self.random.choice(of) for of in (PEOPLE, CITIES, THINGS))
        if n % 25 == 20:
            self.counts["requests"] += 1
            return f"Forget everything about {who}."
        return self.random.choice(
            [
                f"{who} moved to {city}.",
                f"{who} bought a {thing} for {n} euros in {city}.",
                f"My locker code is now {1000 + n}.",
                f"Where does {who} live?",
                f"What did {who} buy?",
                "What is my locker code?",
                self.random.choice(SMALL),
            ]
        )

    def killed(self, step):
        """Another process opens the space, and dies in the middle of a step."""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", VICTIM, str(self.root), self.clock().isoformat(), step],
            capture_output=True,
            check=False,
            timeout=300,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        self.counts["killed"] += 1


@pytest.mark.timeout(300 + TURNS)
def test_a_long_life_ends_in_order(tmp_path):
    """The ledger is what its rebuild is, erasures are finished and proven, the doctor content, and RSS is bounded."""
    life = Life(tmp_path, FixedClock(datetime(2025, 1, 1, tzinfo=UTC)))
    began, held = time.monotonic(), []
    for n in range(TURNS):
        life.turn(n)
        if n % EVERY == EVERY - 1:
            held.append(rss_mb())
            life.end()
            if len(held) == TURNS // EVERY // 2:
                life.killed("erase.deleted")
            life.begin()
            life.counts["restarts"] += 1
    space = life.space
    stages = Counter(m.kind for m in space.memories())
    findings = [*space.doctor(), *prove(space, rebuild=True), *space.forgetting.check()]
    erasures = space.receipts()
    took = time.monotonic() - began
    life.end()
    told = {"counts": dict(life.counts), "left": dict(stages), "erasures": len(erasures), "rss": held, "seconds": took}
    sys.stdout.write(f"{told}\n")
    assert [f"{f.check}: {f.seen}" for f in findings if not f.ok] == []
    assert {"graph", "scores", "state", "statistics", "answers", "finished"} <= {f.check for f in findings}
    assert {r.level for r in erasures} == {"physical"}
    assert life.counts["killed"] == 1
    assert life.counts["restarts"] == TURNS // EVERY
    assert life.counts["asked sure"] > 0
    assert stages["turn"] > 0
    assert held[-1] - held[len(held) // 2 - 1] < GROWTH_MB
