"""Atomic facts: what single turns say of somebody or something, each a sentence that stands on its own.

Read by the rules of `agentmem.encoding.extraction`, or by a chat model with the setting `extractor`; "I" and "my" are
the speaker. Facts that several turns of a session say are one, with all of them as parents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentmem.encoding.extraction import ExtractedFact, FactExtractor, RuleExtractor
from agentmem.encoding.openie import OpenIE
from agentmem.errors import InputError
from agentmem.protocols import Answered
from agentmem.types import Draft, Memory
from agentmem_stores.derive._asking import SETTINGS, Meter, metered
from agentmem_stores.derive._sessions import said, session

ATTEMPTS = 2
"""How often a model is asked before the rules read instead."""


class Facts:
    """Facts of each session."""

    def __init__(self, extractor: FactExtractor, meter: Meter | None = None) -> None:
        self.extractor = extractor
        self._meter = meter

    @property
    def calls(self) -> int:
        """Calls of the model, as far as it was given as `ask`."""
        return 0 if self._meter is None else self._meter.calls

    @property
    def tokens(self) -> int:
        """Tokens in and out, estimated."""
        return 0 if self._meter is None else self._meter.tokens

    def keeping(self, answers: Answered, /) -> Facts:
        """Return the same with a file for its answers and a meter of its own; rules have nothing to keep."""
        if self._meter is None:
            return self
        meter = Meter(self._meter.ask, self._meter.budget)
        return Facts(OpenIE("facts", meter, answers=answers, attempts=ATTEMPTS), meter)

    def scopes(self, memory: Memory) -> list[str]:
        """Return the session."""
        return [session(memory)] if said(memory) else []

    def derive(self, scope: str, members: Sequence[Memory]) -> list[Draft]:
        """Return the facts of a session, in the order of their last parents."""
        del scope
        if self._meter is not None:
            self._meter.saw(members)
        found: dict[str, ExtractedFact] = {}
        parents: dict[str, dict[str, None]] = {}
        for fact in self.extractor(members, ()):
            found[fact.text] = fact
            parents.setdefault(fact.text, {}).update(dict.fromkeys(fact.parents))
        by_id = {memory.id: memory for memory in members}
        drafts = []
        for text, fact in found.items():
            last = by_id[list(parents[text])[-1]]
            subject, relation, value = fact.triple
            drafts.append(
                Draft(
                    text,
                    kind="fact",
                    speaker=last.speaker,
                    said_at=last.said_at,
                    valid_from=fact.valid_from,
                    valid_to=fact.valid_to,
                    parents=tuple(parents[text]),
                    metadata={"subject": subject, "relation": relation, "object": value, "by": fact.by},
                )
            )
        return drafts


def make(config: Mapping[str, Any]) -> Facts:
    """Make the deriver; {"ask": an Ask, "budget": a Budget} reads with a model, {"extractor": one} with that.

    See agentmem.agent.extraction for both: structured and open_extractor.
    """
    if unknown := sorted(set(config) - {"extractor", *SETTINGS}):
        raise InputError(f"the deriver facts knows no setting {unknown[0]!r}; it has: extractor, {', '.join(SETTINGS)}")
    if config.get("ask") is not None:
        meter = metered(config)
        return Facts(OpenIE("facts", meter, attempts=ATTEMPTS), meter)
    return Facts(config.get("extractor") or RuleExtractor())
