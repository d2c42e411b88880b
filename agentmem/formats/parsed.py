"""What reading a file gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentmem.types import Draft


@dataclass(frozen=True, slots=True)
class Parsed:
    """The drafts of a file, the format it turned out to be, and how many things of which sort were left out."""

    format: str
    drafts: Sequence[Draft]
    skipped: Mapping[str, int] = field(default_factory=dict)
