"""What happens in the demonstration, act by act. Each act checks what it claims; a check that fails is said aloud."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agentmem import agent
from agentmem.cli.memories import print_plan, print_recall, said
from agentmem.cli.terminal import counted, dim, heading, progress, shown, size
from agentmem.clock import FixedClock
from agentmem.demo import DIALOGUE
from agentmem.demo.stage import Stage
from agentmem.errors import InputError
from agentmem.formats import detect
from agentmem.system import open_system
from agentmem.types import Draft, Filter
from agentmem.unlearning import residue
from agentmem.unlearning.needles import needles

if TYPE_CHECKING:
    from agentmem.space import Space
    from agentmem.system import System
    from agentmem.types import MemoryId

NAME = "demo"
MARK = "made-by-agentmem-demo"
"""A file in the space's folder by which the demo knows a space of its own, which it may throw away."""

BEGIN = datetime.fromisoformat("2025-05-05T09:00:00+02:00")
"""The morning after the last turn: from here the demo's clock stands still until it is moved."""
MONTH = timedelta(days=30)
FRIENDS = Filter(speakers=("Ines", "Marek"))
EXPLAINED = "When did Marek sign the lease?"
TOLD = "coeliac"
"""A word of the fact that is erased, and of no other turn."""

PRYING = "Which disease does Marek have?"
LATER = Draft(
    "News from Clara: the wedding is not on the 14th any more, they had to move it to the 21st of June.",
    speaker="Ines",
    thread="2025-06-04",
)
WEDDING = "When is Clara's wedding?"


class Question(NamedTuple):
    """A question of the demo, and what its answer must say, in one of these wordings."""

    text: str
    expected: tuple[str, ...]


QUESTIONS = (
    Question("When did Marek sign the lease?", ("Friday before 17 March 2025", "14 March 2025")),
    Question("When did Biscuit eat the chocolate?", ("4 April 2025",)),
    Question("What does Marek call the mice?", ("Adam and Eve",)),
    Question(PRYING, (TOLD,)),
    Question("What instrument does Marek play?", ("No information available",)),
)


class Play:
    """One performance."""

    def __init__(self, root: Path | None, embedder: str) -> None:
        self.stage = Stage()
        self.clock = FixedClock(BEGIN)
        self.root = root
        self.embedder = embedder
        self.began = time.perf_counter()

    def run(self) -> bool:
        """Play all acts; return whether every check held."""
        with open_system(self.root, embedder=self.embedder, clock=self.clock) as system:
            _clear(system)
            space = system.space(NAME)
            (space.path / MARK).touch()
            self.remember(space)
            self.recall(space)
            self.answer(space)
            self.let_a_month_pass(space)
            self.erase(space)
            self.leave(space)
        return self.stage.held

    def remember(self, space: Space) -> None:
        """Remember the dialogue."""
        self.stage.act("Remember", "Ines and Marek, two old friends, call each other over nine weeks in spring 2025.")
        drafts = detect.read(DIALOGUE).drafts
        with progress("Remembering") as tick:
            space.embedder(["Opening the model is not part of the time that is shown."])
            began = time.perf_counter()
            space.remember(drafts, progress=tick)
        took = time.perf_counter() - began
        threads = len(space.threads())
        self.stage.say(
            f"{counted(len(space), 'turn')} in {counted(threads, 'conversation')}, encoded by {space.embedder.name} "
            f"and committed in {took:.1f} s ({len(space) / took:.0f} turns/s)."
        )
        self.stage.say(dim(f"It is now {BEGIN:%A}, {BEGIN.day} {BEGIN:%B %Y}."))
        again = space.remember(drafts)
        self.stage.check("remembering it a second time adds nothing", len(set(again)) == len(drafts) == len(space))

    def recall(self, space: Space) -> None:
        """Recall, with what each signal added."""
        self.stage.act("Recall", f"{EXPLAINED}  Evidence, best first, and why.")
        found = space.recall(EXPLAINED, 3)
        print_recall(found, space, explain=True, signals=7)
        self.stage.check("the turn that says it comes first", "signed the lease" in found[0].memory.text)

    def answer(self, space: Space) -> None:
        """Answer questions in words, without a model, and say so where the answer is not in memory."""
        self.stage.act("Answer", "No model is configured: the answers are read out of what is recalled.")
        with agent.chat(space, thread="questions") as talk:
            for question in QUESTIONS:
                reply = talk.ask(question.text)
                self.stage.ask(question.text, reply.text)
                read = [e.memory for e in reply.recall.evidence if e.id in reply.answer.sources]
                for memory in read[:1]:
                    self.stage.say(dim(f'     {heading(memory, self.clock())}: "{shown(memory.text)}"'))
                right = any(wording.casefold() in reply.text.casefold() for wording in question.expected)
                self.stage.check(f"expected: {question.expected[0]}", right, quiet=True)

    def let_a_month_pass(self, space: Space) -> None:
        """Move the clock, remember something newer, and look from both sides of it."""
        self.clock.advance(MONTH)
        now = self.clock()
        self.stage.act("A month passes", f"It is now {now:%A}, {now.day} {now:%B %Y}, and plans have changed.")
        space.remember(LATER)
        after = space.recall(WEDDING, 2, filter=FRIENDS, explain=False)
        before = space.recall(WEDDING, 2, filter=Filter(speakers=FRIENDS.speakers, as_of=BEGIN), explain=False)
        self.stage.say(f"{WEDDING}  Recalled now:")
        print_recall(after, space, explain=False)
        self.stage.say(f"\nThe same, as of {BEGIN.day} {BEGIN:%B}:")
        print_recall(before, space, explain=False)
        self.stage.check("now, the new date is among what is recalled", any("21st of June" in t for t in after.texts))
        self.stage.check("as of then, it is not", not any("21st of June" in t for t in before.texts))
        self.stage.check("as of then, the old date is", any("14th of June" in t for t in before.texts))

    def erase(self, space: Space) -> None:
        """Erase one fact, with what was derived from it, and look for it in the bytes of every file."""
        told = next(m.id for m in space.memories(FRIENDS) if TOLD in m.text)
        self.stage.act("Erase", "Marek said one thing in confidence, and wants it forgotten. What that takes along:")
        plan = space.plan_erase(told)
        print_plan(plan, [told])
        wanted = [n for m in plan for n in needles(space.get(m.id))]
        found = Counter(_inside(r.file, space.path) for r in residue.scan(space.path, wanted))
        receipt = space.erase(told)
        left = Counter(_inside(r.file, space.path) for r in residue.scan(space.path, wanted))
        self.stage.say(f"{len(wanted)} pieces of its text, ids and vectors, looked for in the bytes of every file:")
        self.stage.scan(found, left, _sizes(space.path))
        self.stage.check("they were found before, so the search can find them", found.total() > 0)
        self.stage.check("none is left in any file", left.total() == 0)
        self.stage.say(said(receipt))
        self.stage.check("the receipt says so", receipt.level == "physical" and not receipt.pending)
        self._ask_again(space, [m.id for m in plan])

    def _ask_again(self, space: Space, gone: list[MemoryId]) -> None:
        with agent.chat(space, thread="questions") as talk:
            reply = talk.ask(PRYING)
        self.stage.ask(PRYING, reply.text)
        self.stage.check("it is not answered any more", TOLD not in reply.text)
        self.stage.check("nothing that was erased is recalled", not set(gone) & set(space.recall(PRYING, 50).ids))

    def leave(self, space: Space) -> None:
        """Say where it all lies and what to type next."""
        took = time.perf_counter() - self.began
        self.stage.act("Yours now", f"All of this took {took:.0f} s, without a network and without a key.")
        root = "" if self.root is None else f" --root {self.root}"
        self.stage.say(f"It lies in {space.path} ({size(sum(_sizes(space.path).values()))}):")
        self.stage.say(
            dim("ledger.db is the truth, threads.db the running conversations; indexes are rebuilt from the ledger.")
        )
        self.stage.commands(
            {
                f'agentmem recall {NAME} "What did Biscuit eat?" --explain{root}': "ask it yourself",
                f"agentmem chat {NAME}{root}": "talk with it; with a model: --model openai:gpt-4o-mini",
                f"agentmem show {NAME} --receipts{root}": "what was erased, without what it said",
                f"agentmem doctor {NAME}{root}": "check all of it",
                f"agentmem import mine chat.jsonl{root}": "your own conversations; also ChatGPT's export",
            }
        )
        self.stage.end()


def _clear(system: System) -> None:
    """Throw an earlier demo away; refuse to touch a space that the demo did not make."""
    folder = system.folder(NAME)
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MARK).exists():
        raise InputError(
            f"there is a space {NAME!r} in {system.root} that the demo did not make, and it would be replaced. Play it "
            "elsewhere: agentmem demo --root /tmp/agentmem-demo"
        )
    shutil.rmtree(folder)


def _inside(file: Path, folder: Path) -> str:
    return str(file.relative_to(folder))


def _sizes(folder: Path) -> dict[str, int]:
    return {_inside(f, folder): f.stat().st_size for f in sorted(folder.rglob("*")) if f.is_file()}
