"""Derived memory: facts, summaries, notes and the like, made of what was said, each with its lineage, in its own time.

A deriver (`agentmem.protocols.Deriver`, one file in the room `agentmem_stores.derive`) reads memories by scope and is a
pure function of a scope's members; this room keeps what it makes level with the ledger, crash or no crash.
"""

from agentmem.deriving.facade import Deriving
from agentmem.deriving.settling import Settled

__all__ = ["Deriving", "Settled"]
