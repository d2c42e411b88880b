"""The gate: recall is skipped for small talk, and never where a memory could help."""

from __future__ import annotations

import pytest

from agentmem.agent.gate import worth_recalling
from agentmem_evaluators._small_talk import NEEDS_MEMORY, SMALL_TALK, measure, share_skipped


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        ":-)",
        "Hi Ana!",
        "Thanks, Ben!",
        "Ok.",
        "How are you?",
        "How\u2019s it going?",
        "WOW",
        "See you later, Bo.",
    ],
)
def test_small_talk_is_skipped(text):
    """Greetings, thanks, names that are only called, and what has no words."""
    assert not worth_recalling(text)


@pytest.mark.parametrize(
    "text",
    [
        "Ana",
        "Thanks for reminding me of Lisbon and the boat",
        "4417",
        "Wie geht es der Katze?",
        "How is Ana?",
        "猫は元気？",
    ],
)
def test_what_says_or_asks_something_is_not(text):
    """A name alone, a number, any other language."""
    assert worth_recalling(text)


def test_most_small_talk_is_skipped_and_no_request_is():
    """At least six in ten of a list that the rules were not written for; none of what needs a memory."""
    assert len(SMALL_TALK) >= 60
    assert share_skipped(SMALL_TALK) >= 0.6
    assert [text for text in NEEDS_MEMORY if not worth_recalling(text)] == []


def test_no_evidence_is_lost_on_real_questions(data):
    """At most one point of evidence recall, a skipped question counted as lost; a gate that is shut loses all."""
    file = data / "locomo" / "locomo_dev.json"
    figures = measure(file)
    assert figures["questions"]["n"] == 762
    assert figures["points of evidence recall lost at most"] <= 1.0
    assert figures["in passing"]["skipped"] > figures["all that asks nothing"]["skipped"]
    assert measure(file, lambda _: False)["points of evidence recall lost at most"] == 100.0
