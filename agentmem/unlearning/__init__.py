"""The one eraser: by plan, suppress, erase, reclaim the bytes, verify, receipt. Nothing else removes a memory.

This is its plain beginning: erasure by id, with all that was derived from it.
"""

from agentmem.unlearning.eraser import Eraser

__all__ = ["Eraser"]
