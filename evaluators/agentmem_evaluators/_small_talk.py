"""Whether the gate skips recall where it cannot help, and nowhere else.

Small talk is a list of our own, written in one go and not changed after it was first measured, and what people in
LoCoMo say in passing: turns of at most eight words that ask nothing and are no question's evidence (many of them do say
something, so not all should be skipped). Questions are LoCoMo's, categories 1 to 4; one that is skipped is counted as
having lost all its evidence. What must never be skipped is a second list: requests and questions wrapped in small talk.

    python -m agentmem_evaluators._small_talk locomo_dev.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentmem.agent.gate import worth_recalling
from agentmem.agent.manners import is_question
from agentmem.formats import locomo

PASSING = 8
"""Words at most of what is said in passing."""

SMALL_TALK = (
    "Hi!", "Hello there", "Hey, good morning!", "Good evening", "Hiya", "Hello, how are you today?",
    "How's it going?", "What's up?", "Hey, how have you been?", "Nice to meet you", "Good to see you again!",
    "Long time no see!", "Thanks!", "Thank you so much", "Thanks a lot, that helps", "Much appreciated",
    "Cheers, mate", "That's very kind of you", "You're the best!", "Great, thanks", "Perfect, thank you!", "Ok",
    "Okay, got it", "Alright", "Sure", "Sounds good", "Makes sense", "I see", "I understand", "Right", "Exactly!",
    "Of course", "No problem", "No worries at all", "Never mind", "Fair enough", "Good point", "Yes", "Yeah, totally",
    "Nope", "Not really", "Maybe", "Hmm", "Haha", "LOL", "That's funny", "Wow!", "Amazing!", "That's awesome",
    "Oh no", "I'm so sorry to hear that", "Congratulations!", "Well done", "Good job!", "Bye!", "See you later",
    "Talk to you tomorrow", "Good night, sleep well", "Have a great weekend!", "Take care", "Have fun!",
    "Catch you later", "One moment please", "Give me a second", "I'm back", "Just kidding", "Are you there?",
    "Can you hear me?", "Let's get started", "Happy Friday!", "Ugh, Mondays", "Bless you",
)  # fmt: skip
NEEDS_MEMORY = (
    "Thanks, and how is the cat?", "Hi, when is my dentist appointment?", "Hello! Book the usual table, please.",
    "Good morning! What did I want to buy?", "Ok, remind me of her name.",
    "Great, and where did we leave off yesterday?", "Sure, but which of my recipes was it?",
    "Hey Ana, what was my locker code again?", "Wow! Who told you that?", "No problem. Send it to my sister.",
    "What did I say?", "Do you remember me?", "Who am I?", "Plan my weekend.", "I am hungry.", "My back hurts again.",
    "The same as last time, please.", "Thanks! Any news from Lena?", "What's new with Ben?",
    "How is my mother doing?", "How was your trip to Porto?", "Nice. And the other one?",
)  # fmt: skip


def share_skipped(texts: Sequence[str], gate: Callable[[str], bool] = worth_recalling) -> float:
    """Return the share of texts, in [0, 1], for which the gate would skip recall."""
    return sum(not gate(text) for text in texts) / len(texts)


def measure(path: Path, gate: Callable[[str], bool] = worth_recalling) -> Mapping[str, Any]:
    """Return what the gate skips of each kind, and how many points of evidence recall that can cost at most."""
    samples = locomo.load(path)
    questions = [q for s in samples for q in s.questions if q.category in {1, 2, 3, 4}]
    evidence = {s.origins[name] for s in samples for q in s.questions for name in q.evidence}
    told = [d for s in samples for d in s.drafts if not is_question(d.text)]
    passing = [d.text for d in told if d.origin not in evidence and len(d.text.split()) <= PASSING]
    asked = [q.question for q in questions]
    kinds = {
        "small talk": SMALL_TALK,
        "in passing": passing,
        "all that asks nothing": [d.text for d in told],
        "needs memory": NEEDS_MEMORY,
        "questions": asked,
    }
    skipped = {name: {"n": len(texts), "skipped": share_skipped(texts, gate)} for name, texts in kinds.items()}
    return {**skipped, "points of evidence recall lost at most": 100 * share_skipped(asked, gate)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(Path(sys.argv[1])), indent=2) + "\n")
