"""A store of your own is one file: see agentmem_stores/numbers.py beside this one. Its name is its registration.

`agentmem new store NAME` writes such a file for you, and its test. Run it: python examples/04_your_own_store.py
"""

from __future__ import annotations

import tempfile

import agentmem
from agentmem import registry
from agentmem.types import Query

print("stores:", ", ".join(registry.stores()))

# The space keeps it level with the ledger, and lets it propose memories to recall.
with (
    tempfile.TemporaryDirectory() as folder,
    agentmem.open(folder, stores=("episodic", "lexical", "numbers")) as system,
):
    space = system.space("bills")
    space.remember(["The vet took 430 euros.", "The flour was 96 euros.", "Rent rises to 1250 in May."])
    print("recalled:", space.recall("Who wanted 430 from us?", k=1)[0].memory.text)

    # By itself, as its tests use it:
    store = registry.make_store("numbers", {})
    store.add(list(space.memories()))
    (best,) = store.search(Query("430?", space.embedder(["430?"])[0]), k=1)
    print(f"found alone: {space.get(best.id).text} (score {best.score:.0f})")
