"""What asking a chat model takes: prompts, tokens and, where the user names prices, money.

Tokens are those that the provider counted; where it counts none, a quarter of the bytes, and the report says of how
many prompts. No price is known here: they change, and a wrong one is worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Said(NamedTuple):
    """What a model said, and the tokens of prompt and answer as its provider counted them; None where it did not."""

    text: str
    tokens: tuple[int, int] | None = None


class Prices(NamedTuple):
    """What a million tokens cost, read and written, in the user's currency."""

    read: float
    written: float


@dataclass(slots=True)
class Spent:
    """What a reader's prompts took, also those that are answered from disk: `asked` were put to the model just now.

    Of `estimated` prompts the provider counted no tokens. Prompts that failed are not counted: what they cost is known
    to the provider alone.
    """

    prompts: int = 0
    asked: int = 0
    read: int = 0
    written: int = 0
    estimated: int = 0

    def add(self, prompt: str, said: Said, *, asked: bool) -> None:
        """Count one prompt and its answer."""
        read, written = said.tokens or (estimated(prompt), estimated(said.text))
        self.prompts += 1
        self.asked += asked
        self.read += read
        self.written += written
        self.estimated += said.tokens is None

    def cost(self, prices: Prices | None) -> float | None:
        """Return what all the prompts cost at these prices; None where none are named."""
        return None if prices is None else (self.read * prices.read + self.written * prices.written) / 1_000_000

    def figures(self, questions: int, prices: Prices | None) -> dict[str, Any]:
        """Return the counts, and tokens and cost for one of so many questions; None where there is nothing to tell."""
        cost = self.cost(prices)
        return {
            "prompts": self.prompts,
            "asked": self.asked,
            "read": self.read,
            "written": self.written,
            "estimated": self.estimated,
            "tokens_per_question": (self.read + self.written) / questions if questions else None,
            "cost": cost,
            "cost_per_question": cost / questions if questions and cost is not None else None,
        }


def estimated(text: str) -> int:
    """Return a guess at the tokens of a text: a quarter of its bytes, rounded up."""
    return -(-len(text.encode()) // 4)
