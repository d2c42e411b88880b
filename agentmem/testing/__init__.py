"""Kits, fakes and oracles, shipped with the package so that a plugin of yours can be held to the same rules as ours.

Write `class TestMine(MemoryStoreKit): def make(self): return make({})` and run pytest. The kits need `pytest` and
`hypothesis` (`pip install 'agentmem[dev]'`); fakes and oracles need nothing.
"""
