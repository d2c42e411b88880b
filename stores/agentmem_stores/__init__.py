"""Stores: indexes over memories, one file each, found by their file name (see `agentmem.registry`).

Any folder `agentmem_stores` on the Python path adds to this package, so a store of your own needs no installing.
"""

from __future__ import annotations

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
