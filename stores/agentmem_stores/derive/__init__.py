"""Derivers: what makes memories of memories, one file each, found by their file name.

Any folder `agentmem_stores/derive` on the Python path adds to this package, so a deriver of your own needs no
installing.
"""

from __future__ import annotations

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
