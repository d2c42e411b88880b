"""A support bot is asked to forget a customer: it asks back, forgets, proves it, and the customer does not come back.

Run it: python examples/11_forget_and_prove.py
"""

from __future__ import annotations

import tempfile

import agentmem
from agentmem import agent
from agentmem.errors import GuardedError

TOLD = [
    "Tom Hale wants a refund: the frame of his red bicycle, order TX-7731, is cracked.",
    "Mia Stone asks whether we repair tandems.",
]

with tempfile.TemporaryDirectory() as folder, agentmem.open(folder) as system:
    desk = system.space("support")
    with agent.chat(desk, thread="tickets", user="clerk") as talk:
        for said in [*TOLD, "Who wants a refund?"]:
            talk.ask(said)
        asked = talk.ask("Please forget everything about Tom Hale.")
        print("bot:", asked.text)  # counts and names, and nothing is forgotten yet
        print("bot:", talk.ask("yes").text)
        print("bot:", talk.ask("Which customer wants a refund?").text)

    (receipt,) = desk.receipts()
    print(f"receipt {receipt.number}: level {receipt.level}, looked for: {receipt.checked}")
    print("checked:", [finding.check for finding in desk.forgetting.check() if finding.ok])
    files = [file for file in desk.path.rglob("*") if file.is_file() and b"TX-7731" in file.read_bytes()]
    print("lies in:", files)

    try:  # an old mailbox is read in again, and says it in other words
        desk.remember("Tom Hale asks for his money back, order TX-7731, cracked red bicycle frame.", speaker="mail")
    except GuardedError as refused:
        print("refused:", str(refused).split(" (")[0])
    print("still known:", [memory.text for memory in desk.memories(agentmem.Filter(kinds=("turn",)))])
