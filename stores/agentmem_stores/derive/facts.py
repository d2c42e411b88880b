"""Atomic facts: what single turns say of somebody or something, each a sentence that stands on its own.

Read by the rules of `agentmem.encoding.extraction`, or by a chat model with the setting `extractor`; "I" and "my" are
the speaker. Facts that several turns of a session say are one, with all of them as parents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentmem.encoding.extraction import ExtractedFact, FactExtractor, RuleExtractor
from agentmem.errors import InputError
from agentmem.types import Draft, Memory
from agentmem_stores.derive._sessions import said, session


class Facts:
    """Facts of each session."""

    def __init__(self, extractor: FactExtractor) -> None:
        self.extractor = extractor

    def scopes(self, memory: Memory) -> list[str]:
        """Return the session."""
        return [session(memory)] if said(memory) else []

    def derive(self, scope: str, members: Sequence[Memory]) -> list[Draft]:
        """Return the facts of a session, in the order of their last parents."""
        del scope
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
    """Make the deriver; {"extractor": one} reads with a model (see agentmem.agent.extraction.open_extractor)."""
    if unknown := sorted(set(config) - {"extractor"}):
        raise InputError(f"the deriver facts knows no setting {unknown[0]!r}; it has: extractor")
    return Facts(config.get("extractor") or RuleExtractor())
