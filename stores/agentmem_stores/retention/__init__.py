"""Retention policies: how much each memory is still worth keeping, one file each, found by their file name.

Any folder `agentmem_stores/retention` on the Python path adds to this package, so a policy of your own needs no
installing.
"""

from __future__ import annotations

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
