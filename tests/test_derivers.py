"""Every deriver keeps the rules of its kit, and makes what it says it makes."""

from __future__ import annotations

import contextlib
import os
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


MORE = int(os.environ.get("AGENTMEM_HISTORIES", "1"))
"""How many times as many histories as in a usual run."""
AUDIENCES = ((), (), ("ana",), ("ana", "ben"))


@settings(max_examples=3 * MORE, deadline=None, suppress_health_check=list(HealthCheck), derandomize=MORE == 1)
@given(st.data())
def test_with_every_deriver_on_erasing_equals_never_having_been_told(data):
    """Whatever is told, derived, forgotten and erased in between, what is there is there without what went as well."""
    told = [replace(d, metadata={"task": "talk", "run": n % 2, "outcome": "success"}) for n, d in enumerate(talk())]
    told = [replace(d, audience=data.draw(st.sampled_from(AUDIENCES))) for d in told]
    gone: set[int] = set()
    with tempfile.TemporaryDirectory() as folder, every_deriver(f"{folder}/erased") as space:
        ids = {}
        for n, draft in enumerate(told):
            ids[n] = space.remember(draft)[0]
            match data.draw(st.sampled_from(("", "", "settle", "forget", "erase"))):
                case "settle":
                    space.settle()
                case "forget" | "erase" as how:
                    chosen = data.draw(st.sets(st.sampled_from(sorted(ids)), max_size=2)) - gone
                    gone |= chosen
                    if chosen and how == "forget":
                        space.forget([ids[i] for i in sorted(chosen)], guard=False)
                    elif chosen:
                        space.erase([ids[i] for i in sorted(chosen)])
        space.settle()
        if not gone:
            assert {m.kind for m in space.memories()} == {"turn", "fact", "summary", "preference", "note", "skill"}
        last = data.draw(st.sets(st.sampled_from(sorted(ids)), max_size=6)) - gone
        if last:
            space.erase([ids[i] for i in sorted(last)])
            space.settle()
        with every_deriver(f"{folder}/rebuilt") as other:
            other.remember([draft for n, draft in enumerate(told) if n not in gone | last])
            other.settle()
            assert state(space) == state(other)


@contextlib.contextmanager
def every_deriver(root):
    with agentmem.open(root, embedder="hash", derive=list(registry.derivers())) as system:
        space = system.space("a")
        space.deriving.close()
        yield space


def state(space):
    texts = {m.id: m.text for m in space.memories()}
    return sorted(
        (m.kind, m.text, m.thread, sorted(texts[p] for p in m.parents), m.audience, m.said_at, m.speaker or "")
        for m in space.memories()
    )
