"""Random histories of remember, derive, extract, recall, erase and reopen, against a plain model and a rebuild."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

import agentmem
from agentmem import Draft
from agentmem.clock import FixedClock
from agentmem.extract import extract

WORDS = st.sampled_from(["cat", "dog", "river", "train", "bread", "music", "Ana", "Porto", "May 2024", "yesterday"])
SAID = st.sampled_from(
    ["My code is 7.", "My code is now 8.", "My code is no longer 8.", "I live in Porto.", "bird: kea", "I love tea."]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=6).map(" ".join) | SAID
STORES = ("episodic", "lexical", "graph")
QUESTIONS = ("Where is the cat?", "When did Ana take the train?", "bread and music", "What is my code?")


class History(RuleBasedStateMachine):
    """A space under random use; `model` holds what must be there: id -> (text, parents)."""

    ids = Bundle("ids")

    @initialize()
    def begin(self) -> None:
        self.root = tempfile.mkdtemp()
        self.clock = FixedClock(datetime(2025, 1, 1, tzinfo=UTC))
        self.model: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.open()

    def open(self) -> None:
        self.system = agentmem.open(self.root, embedder="hash", clock=self.clock, stores=STORES)
        self.space = self.system.space("h")

    @rule(target=ids, texts=st.lists(TEXTS, min_size=1, max_size=5), thread=st.sampled_from("xy"))
    def remember(self, texts, thread):
        new = self.space.remember([Draft(t, thread=thread, speaker="Ana") for t in texts])
        self.model |= {i: (t, ()) for i, t in zip(new, texts, strict=True)}
        return multiple(*new)

    @rule(target=ids, ends=st.tuples(WORDS, WORDS), parents=st.lists(ids, min_size=1, max_size=3, unique=True))
    def derive(self, ends, parents):
        named = tuple(p for p in parents if p in self.model)
        if not named:
            return multiple()
        text = " likes ".join(ends)
        parts = {"subject": ends[0], "relation": "likes", "object": ends[1]}
        (new,) = self.space.remember(Draft(text, kind="fact", parents=named, metadata=parts))
        self.model[new] = (text, named)
        return new

    @rule(target=ids)
    def extract(self):
        new = extract(self.space)
        facts = [self.space.get(i) for i in new]
        assert all(set(fact.parents) <= self.model.keys() and fact.parents for fact in facts)
        self.model |= {fact.id: (fact.text, fact.parents) for fact in facts}
        assert extract(self.space) == []
        return multiple(*new)

    @rule(id_=consumes(ids))
    def erase(self, id_):
        if id_ not in self.model:
            return
        doomed = {id_}
        while more := {i for i, (_, parents) in self.model.items() if set(parents) & doomed} - doomed:
            doomed |= more
        receipt = self.space.erase(id_)
        assert sum(receipt.erased.values()) == len(doomed)
        assert receipt.level == "physical"
        for i in doomed:
            del self.model[i]

    @rule(days=st.integers(0, 40))
    def wait(self, days):
        self.clock.advance(timedelta(days=days))

    @rule()
    def reopen(self):
        self.system.close()
        self.open()

    @rule(question=st.sampled_from(QUESTIONS))
    def recall(self, question):
        lived = [(e.id, e.score) for e in self.space.recall(question, k=8)]
        with agentmem.open(self.root, embedder="hash", clock=self.clock, stores=STORES) as fresh:
            assert lived == [(e.id, e.score) for e in fresh.space("h").recall(question, k=8)]
        assert {i for i, _ in lived} <= self.model.keys()

    @invariant()
    def holds_exactly_what_was_not_erased(self):
        if hasattr(self, "model"):
            assert {m.id: (m.text, set(m.parents)) for m in self.space.memories()} == {
                i: (text, set(parents)) for i, (text, parents) in self.model.items()
            }

    def graph(self, space):
        """Return the graph with texts for ids: edges and their weights."""
        graph = space.graph()
        label = {node: graph.nodes[node].get("text", node[1]) for node in graph}
        return sorted((sorted((label[a], label[b])), edge["weight"]) for a, b, edge in graph.edges(data=True))

    def timeline(self, space):
        return [(f.subject, f.attribute, f.value, f.valid_from, f.valid_to) for f in space.timeline("Ana")]

    def extracted(self, space):
        """Return what the rules have read, with texts for ids."""
        facts = [m for m in space.memories() if m.metadata.get("by") == "rules"]
        return sorted((f.text, space.get(f.parents[0]).text, f.said_at, str(f.valid_from)) for f in facts)

    def reads_what_it_would_have_read_without_the_erased(self):
        extract(self.space, again=True)
        with agentmem.open(tempfile.mkdtemp(), embedder="hash", clock=self.clock) as never:
            spoken = [m for m in self.space.memories() if m.kind == "turn"]
            never.space("h").remember(
                [Draft(m.text, speaker=m.speaker, thread=m.thread, said_at=m.said_at) for m in spoken]
            )
            extract(never.space("h"))
            assert self.extracted(self.space) == self.extracted(never.space("h"))
            shutil.rmtree(never.root)

    def teardown(self):
        if hasattr(self, "model"):
            self.reads_what_it_would_have_read_without_the_erased()
            with agentmem.open(tempfile.mkdtemp(), embedder="hash", clock=self.clock) as never:
                now = {}
                for m in self.space.memories():
                    parents = tuple(now[p] for p in m.parents)
                    same = Draft(m.text, m.kind, m.speaker, m.thread, m.said_at, parents=parents, metadata=m.metadata)
                    same = replace(same, valid_from=m.valid_from, valid_to=m.valid_to)
                    (now[m.id],) = never.space("h").remember(same)
                assert self.timeline(self.space) == self.timeline(never.space("h"))
                assert self.graph(self.space) == self.graph(never.space("h"))
                shutil.rmtree(never.root)
            assert [f for f in self.space.doctor() if not f.ok] == []
            self.system.close()
            shutil.rmtree(self.root)


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=8, stateful_step_count=20, deadline=None)
