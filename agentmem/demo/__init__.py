"""The demonstration: a dialogue that ships with the package, and the script that `agentmem demo` plays on it."""

from __future__ import annotations

from pathlib import Path

DIALOGUE = Path(__file__).with_name("dialogue.jsonl")
"""Nine weeks of two friends talking, 171 turns, written for this package; CC0-1.0."""


def play(root: Path | None = None, embedder: str = "default") -> bool:
    """Play the demonstration in the space "demo" of the root folder; return whether every check in it held."""
    from agentmem.demo.script import Play

    return Play(root, embedder).run()
