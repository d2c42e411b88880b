"""Random histories of a store against the plainest model: a dict, and a store rebuilt from it."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from agentmem.protocols import MemoryStore
from agentmem.testing.fakes import WORDS, compressed, fake_id, make_memory, make_query
from agentmem.testing.oracles import rebuilt
from agentmem.types import LEVELS, Level, Memory, MemoryId

_NUMBERS = st.integers(0, 12)
_TEXTS = st.lists(st.sampled_from([*WORDS[:5], "memory"]), min_size=1, max_size=6).map(" ".join)


def at(memory: Memory, level: Level) -> Memory:
    """Return a memory as it is in a tier."""
    return memory if level == "full" else compressed(memory, level)


def check_histories(make: Callable[[], MemoryStore], examples: int = 60, *, shrink: bool = True) -> None:
    """Run random histories; raise AssertionError for one that ends in a difference, with `shrink` for the shortest."""

    class History(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.store = make()
            self.model: dict[MemoryId, Memory] = {}

        @rule(batch=st.lists(st.tuples(_NUMBERS, _TEXTS, st.sampled_from(LEVELS)), max_size=5))
        def add(self, batch: list[tuple[int, str, Level]]) -> None:
            memories = [at(make_memory(number, text), level) for number, text, level in batch]
            self.store.add(memories)
            self.model.update({memory.id: memory for memory in memories})

        @rule(numbers=st.lists(_NUMBERS, max_size=4))
        def remove(self, numbers: list[int]) -> None:
            ids = [fake_id(number) for number in numbers]
            gone = self.store.remove(ids)
            assert gone == self.model.keys() & set(ids), "if this fails, remove misreports what was there"
            for i in gone:
                del self.model[i]

        @rule(text=_TEXTS, k=st.integers(1, 14), allowed=st.none() | st.lists(_NUMBERS, max_size=6))
        def search(self, text: str, k: int, allowed: list[int] | None) -> None:
            query = make_query(text, None if allowed is None else [fake_id(number) for number in allowed])
            left = [self.model[i] for i in sorted(self.model)]
            hits, wanted = self.store.search(query, k), rebuilt(make, left).search(query, k)
            assert hits == wanted, "if this fails, something of the past still counts: scores, statistics or order"

        @invariant()
        def knows_what_it_holds(self) -> None:
            assert len(self.store) == len(self.model), "if this fails, len drifts from the history"
            held = {number for number in range(13) if fake_id(number) in self.store}
            assert held == {int(i[2:]) for i in self.model}, "if this fails, __contains__ drifts from the history"

    quiet = settings(
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[phase for phase in Phase if shrink or phase not in {Phase.shrink, Phase.explain}],
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(History, settings=quiet)
