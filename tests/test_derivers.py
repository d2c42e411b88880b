"""Every deriver keeps the rules of its kit, and makes what it says it makes."""

from __future__ import annotations

import tempfile
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agentmem
from agentmem import Draft, registry
from agentmem.errors import InputError
from agentmem.testing.deriver_kit import DeriverKit, talk
from agentmem.testing.fakes import make_talk

TALK = {
    "thoughts": (
        "Ana: I collect stamps.",
        "Ben: I adopted a grey cat.",
        "Ana: I collect old maps.",
        "Ana: I hate chess.",
        "Ben: I adopted a puppy.",
        "Ana: I love chess and tea.",
    ),
    "notes": (
        "Ana: I adopted a grey cat called Miso last Friday.",
        "Ben: My sister Lena sails a small red boat in June.",
        "Ana: My grey cat called Miso broke a vase.",
        "Ana: Miso, my grey cat, slept in the broken vase.",
        "Ben: My sister Lena painted her small red boat.",
        "Ben: I bought strings for my cello in January.",
    ),
}
"""What is told to those that read something particular; the others are told the kit's talk."""
MARKS = {"skills": [{"task": "bake", "run": n % 2, **({"outcome": ("success", "failure")[n % 2]} if n > 3 else {})}
                    for n in range(10)]}  # fmt: skip
"""Metadata of what is told, by place."""

for name in registry.derivers():

    class _Held(DeriverKit):
        deriver = name

        def make(self):
            return registry.make_deriver(self.deriver, {})

        def talk(self):
            told = make_talk(*TALK.get(self.deriver, ()))
            drafts = [Draft(m.text, speaker=m.speaker, said_at=m.said_at, origin=f"talk-{m.seq}") for m in told]
            marks = MARKS.get(self.deriver, [{}] * 10)
            return [replace(d, metadata=mark) for d, mark in zip(drafts or super().talk(), marks, strict=False)]

    globals()[f"Test{name.title().replace('_', '')}"] = _Held
del _Held


def test_a_setting_that_there_is_not_is_refused():
    """With those that there are."""
    with pytest.raises(InputError, match="its levels are session, day, thread, all"):
        registry.make_deriver("summary", {"levels": ["week"]})
    with pytest.raises(InputError, match="it has: extractor"):
        registry.make_deriver("facts", {"model": "x"})


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.data())
def test_with_every_deriver_on_erasing_equals_never_having_been_told(data):
    """What all of them make together after an erasure is what they would have made without what went."""
    told = [replace(d, metadata={"task": "talk", "run": n % 2, "outcome": "success"}) for n, d in enumerate(talk())]
    gone = data.draw(st.sets(st.integers(0, len(told) - 1), min_size=1, max_size=len(told) - 1))
    early = data.draw(st.sets(st.integers(0, len(told) - 1), max_size=2))
    states = []
    with tempfile.TemporaryDirectory() as folder:
        for name, left_out in (("erased", frozenset()), ("rebuilt", gone)):
            with agentmem.open(f"{folder}/{name}", embedder="hash", derive=list(registry.derivers())) as system:
                space = system.space("a")
                space.deriving.close()
                ids = {}
                for n, draft in enumerate(told):
                    if n not in left_out:
                        ids[n] = space.remember(draft)[0]
                    if n in early:
                        space.settle()
                if not left_out:
                    space.settle()
                    assert {m.kind for m in space.memories()} == {
                        "turn",
                        "fact",
                        "summary",
                        "preference",
                        "note",
                        "skill",
                    }
                    space.erase([ids[n] for n in sorted(gone)])
                space.settle()
                texts = {m.id: m.text for m in space.memories()}
                states.append(
                    sorted((m.kind, m.text, m.thread, sorted(texts[p] for p in m.parents)) for m in space.memories())
                )
    assert states[0] == states[1]
