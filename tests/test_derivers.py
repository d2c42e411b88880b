"""Every deriver keeps the rules of its kit, and makes what it says it makes."""

from __future__ import annotations

import pytest

from agentmem import registry
from agentmem.errors import InputError
from agentmem.testing.deriver_kit import DeriverKit

for name in registry.derivers():

    class _Held(DeriverKit):
        deriver = name

        def make(self):
            return registry.make_deriver(self.deriver, {})

    globals()[f"Test{name.title().replace('_', '')}"] = _Held
del _Held


def test_a_setting_that_there_is_not_is_refused():
    """With those that there are."""
    with pytest.raises(InputError, match="its levels are session, day, thread, all"):
        registry.make_deriver("summary", {"levels": ["week"]})
    with pytest.raises(InputError, match="it has: extractor"):
        registry.make_deriver("facts", {"model": "x"})
