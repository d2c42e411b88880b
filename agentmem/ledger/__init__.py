"""The ledger: the only truth of a space. Memories, vectors, cues, lineage, traces, intent log and receipts, in SQLite.

Knows nothing of models, indexes or scores. A store is an index over it that may be thrown away and rebuilt.
"""

from agentmem.ledger.ledger import Ledger, Mark

__all__ = ["Ledger", "Mark"]
