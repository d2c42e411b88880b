"""Proving that a space has forgotten: asking it, building it anew without what is gone, and playing the adversary."""

from agentmem.proof.adversary import Advantage, play
from agentmem.proof.asking import asker, readers, unnoticed
from agentmem.proof.equivalence import Equivalence, compare
from agentmem.proof.proving import prove
from agentmem.proof.rebuild import Rebuilt, rebuilt

__all__ = [
    "Advantage",
    "Equivalence",
    "Rebuilt",
    "asker",
    "compare",
    "play",
    "prove",
    "readers",
    "rebuilt",
    "unnoticed",
]
