"""A plan of what a request would forget: what goes and what stays changed, where, why and how sure; nothing is written.

A plan holds memories, so that people can look at them; `to_dict` shows ids, kinds and reasons, and contents only where
`show` asks for them. `digest` binds it to what was asked and to the space as it was then.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agentmem.errors import InputError
from agentmem.ledger import Mark
from agentmem.ledger.rewriting import Rewrite
from agentmem.types import Memory, MemoryId
from agentmem.unlearning.clauses import Span
from agentmem.unlearning.derived import Action, Fates
from agentmem.unlearning.receipts import OUT_OF_SCOPE
from agentmem.unlearning.selector import Question, Selector

STORES = ("ledger", "vectors", "indexes", "snapshots", "conversations", "caches", "bytes of every file")
"""Where what goes is taken from."""


@dataclass(frozen=True, slots=True)
class Item:
    """One memory that was meant: how sure that is, why, and whether it goes whole or only `spans` of its text."""

    memory: Memory
    confidence: float
    why: str
    spans: tuple[Span, ...] = ()

    @property
    def id(self) -> MemoryId:
        """The id of the memory."""
        return self.memory.id

    @property
    def action(self) -> Action:
        """Return "redact" for a part, "erase" for the whole."""
        return "redact" if self.spans and self.memory.kind != "fact" else "erase"

    def to_dict(self, *, show: bool = False) -> dict[str, Any]:
        """Return it as JSON has it; its text and what goes of it only with `show`."""
        what = {"text": self.memory.text, "goes": [self.memory.text[a:b] for a, b in self.spans]} if show else {}
        return {
            "id": self.id,
            "kind": self.memory.kind,
            "thread": self.memory.thread,
            "said_at": self.memory.said_at.isoformat(),
            "action": self.action,
            "confidence": round(self.confidence, 3),
            "why": self.why,
            "spans": [list(span) for span in self.spans],
            **what,
        }


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of a memory that was derived from what goes; `after` is its text then, None where it goes too."""

    memory: Memory
    action: Action
    why: str
    after: str | None = None

    @property
    def id(self) -> MemoryId:
        """The id of the memory."""
        return self.memory.id

    def to_dict(self, *, show: bool = False) -> dict[str, Any]:
        """Return it as JSON has it; its text before and after only with `show`."""
        what = {"text": self.memory.text, "after": self.after} if show else {}
        return {"id": self.id, "kind": self.memory.kind, "action": self.action, "why": self.why, **what}


class Ready(NamedTuple):
    """What becomes of everything that the selected touch, and what is written of that which stays."""

    fates: Fates
    rewrites: tuple[Rewrite, ...]


@dataclass(frozen=True, slots=True)
class Collateral:
    """What goes or changes that was not meant: derived memories, and how much of what they came from stays.

    `lost` is the mean share of the parents of a deleted derived memory that stay, 0 to 1; `near` counts near misses.
    """

    deleted: int
    rewritten: int
    lost: float
    near: int


@dataclass(frozen=True, slots=True)
class ForgetPlan:
    """What a request would do. `items` are selected, `asks` must be answered to go, `near_misses` stay.

    `derived` is what becomes of memories that came from the selected ones; those of the asked ones come when they are
    answered. `questions` are open, and with other answers the plan may be another. `mark` is how far the ledger went.
    `ready` is what carrying it out begins with, if nothing of the asked goes: so it is hidden the sooner.
    """

    request: str
    selector: Selector
    items: tuple[Item, ...]
    asks: tuple[Item, ...]
    near_misses: tuple[Item, ...]
    derived: tuple[Effect, ...]
    questions: tuple[Question, ...]
    collateral: Collateral
    mark: Mark
    stores: tuple[str, ...] = STORES
    out_of_scope: tuple[str, ...] = OUT_OF_SCOPE
    digest: str = ""
    ready: Ready | None = field(default=None, repr=False, compare=False)

    def __bool__(self) -> bool:
        """Whether anything is selected or asked about."""
        return bool(self.items or self.asks)

    def chosen(self, answers: Mapping[MemoryId, bool] | bool = False) -> dict[MemoryId, tuple[Span, ...]]:
        """Return what goes, with its spans: the selected, and of the asked those answered with yes (True: all).

        A selected one that is answered with no stays. Raises InputError for an answer to what was not asked.
        """
        known = {i.id for i in (*self.items, *self.asks)}
        if not isinstance(answers, bool) and (strange := [i for i in answers if i not in known]):
            raise InputError(
                f"{strange[0]!r} was neither selected nor asked about, so it cannot be answered; plan again"
            )
        given = dict.fromkeys((i.id for i in self.asks), answers) if isinstance(answers, bool) else dict(answers)
        yes = {**dict.fromkeys((i.id for i in self.items), True), **given}
        return {i.id: i.spans for i in (*self.items, *self.asks) if yes.get(i.id)}

    @property
    def counts(self) -> dict[str, int]:
        """How many memories go, are redacted, rewritten and kept with fewer parents, asked about and near misses."""
        return {
            "erased": sum(i.action == "erase" for i in self.items) + sum(e.action == "erase" for e in self.derived),
            "redacted": sum(i.action == "redact" for i in self.items),
            "rewritten": sum(e.action == "rewrite" for e in self.derived),
            "kept": sum(e.action == "keep" for e in self.derived),
            "asked": len(self.asks),
            "near misses": len(self.near_misses),
        }

    @property
    def kinds(self) -> dict[str, int]:
        """How many memories of each kind go or change, kept ones left out."""
        touched = [*(i.memory for i in self.items), *(e.memory for e in self.derived if e.action != "keep")]
        return dict(sorted(Counter(m.kind for m in touched).items()))

    @property
    def topics(self) -> tuple[str, ...]:
        """What the selected memories are about, in a few words each: names that they share, no sentences."""
        names = Counter(name for i in self.items for name in i.memory.cues.entities)
        return tuple(name for name, _ in names.most_common(5))

    def to_dict(self, *, show: bool = False) -> dict[str, Any]:
        """Return the plan as JSON has it; what memories say, and the request itself, only with `show`."""
        asked = {"request": self.request, "selector": self.selector.to_dict(), "topics": self.topics} if show else {}
        return {
            **asked,
            "counts": self.counts,
            "kinds": self.kinds,
            "items": [i.to_dict(show=show) for i in self.items],
            "asks": [i.to_dict(show=show) for i in self.asks],
            "near_misses": [i.to_dict(show=show) for i in self.near_misses],
            "derived": [e.to_dict(show=show) for e in self.derived],
            "questions": [{"text": q.text, "answers": [c.label for c in q.choices]} for q in self.questions],
            "collateral": {
                "derived_deleted": self.collateral.deleted,
                "derived_rewritten": self.collateral.rewritten,
                "share_of_parents_that_stay": round(self.collateral.lost, 3),
                "near_misses": self.collateral.near,
            },
            "stores": list(self.stores),
            "out_of_scope": list(self.out_of_scope),
            "digest": self.digest,
        }


def effects(fates: Fates) -> tuple[Effect, ...]:
    """Return the fates of what was not meant itself."""
    return tuple(
        Effect(f.memory, f.action, f.why, None if f.after is None else f.after.text) for f in fates.all if not f.root
    )


def collateral(fates: Fates, near: int) -> Collateral:
    """Return what goes and changes beside what was meant."""
    gone = {f.memory.id for f in fates.of("erase")}
    deleted = [f.memory for f in fates.of("erase") if not f.root]
    shares = [sum(p not in gone for p in m.parents) / len(m.parents) for m in deleted]
    rewritten = sum(not f.root for f in fates.of("rewrite"))
    return Collateral(len(deleted), rewritten, sum(shares) / len(shares) if shares else 0.0, near)


def bound(plan: ForgetPlan) -> str:
    """Return the digest of a plan: SHA-256 over what was asked, what was found, what becomes of it, and the ledger."""
    found = [
        [[i.id, round(i.confidence, 6), [list(span) for span in i.spans]] for i in band]
        for band in (plan.items, plan.asks, plan.near_misses)
    ]
    becomes = [[e.id, e.action, e.after] for e in plan.derived]
    data = json.dumps([plan.selector.to_dict(), found, becomes, list(plan.mark)], sort_keys=True)
    return hashlib.sha256(data.encode()).hexdigest()
