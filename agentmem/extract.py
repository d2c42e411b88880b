"""Facts of a space: read them out of what was said, and remember each with the memories that it was read from.

`extract` goes on where it stopped: the ledger notes, for each extractor by name, up to which memory it has read. Facts
are written under an origin made of parent and content, so that reading again adds nothing. Every fact names its
parents, so erasing a turn takes its facts along.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agentmem.encoding.answers import Answers
from agentmem.encoding.encoder import Progress
from agentmem.encoding.extraction import CONTEXT, ExtractedFact, FactExtractor, RuleExtractor
from agentmem.errors import LineageError
from agentmem.types import PRIMARY, Draft, Memory, MemoryId

if TYPE_CHECKING:
    from agentmem.space import Space

SPOKEN = PRIMARY | {"reply"}
"""Kinds that help to understand what follows; an agent's replies are context only, never read for facts."""
STRIDE = 120
"""Memories between two notes of how far an extractor has read: what a crash makes it read again, at most."""
LOOK_BACK = 1_000
"""Places of the ledger before the first unread memory in which the turns before it are looked for."""
ANSWERS = Path("index") / "extraction.db"
"""Where a space keeps what a model answered: among the disposable files, which every erasure deletes."""


def extract(
    space: Space,
    extractor: FactExtractor | None = None,
    *,
    again: bool = False,
    progress: Progress | None = None,
) -> list[MemoryId]:
    """Read facts out of the turns and notes that `extractor` (default: the rules) has not read yet; remember them.

    The ids of the facts that are new are returned. `again` reads everything once more, for example after a model fell
    back to the rules. What is erased meanwhile takes its facts along and stops nothing. `progress` is told how far in
    the ledger it is, of how far.

    Raises ModelError where a model does not answer: what was read before is kept, and the next call goes on there.
    """
    reader = extractor if extractor is not None else RuleExtractor()
    space._check_open()  # noqa: SLF001 - it works on the ledger, which says how far it was read
    ledger = space._ledger  # noqa: SLF001
    noted = f"extracted:{reader.name}"
    mark = 0 if again else int(ledger.meta(noted) or 0)
    last = ledger.mark().seq
    before: defaultdict[str, deque[Memory]] = defaultdict(lambda: deque(maxlen=CONTEXT))
    written: list[MemoryId] = []
    for stride in _strides(space, max(mark - LOOK_BACK, 0), last):
        for turns, context in _stretches(stride, before, mark):
            written += remember_facts(space, reader(turns, context))
        if stride[-1].seq > mark:
            ledger.note(noted, stride[-1].seq)
            if progress is not None:
                progress(stride[-1].seq - mark, last - mark)
    return written


def remember_facts(space: Space, facts: Sequence[ExtractedFact], *, progress: Progress | None = None) -> list[MemoryId]:
    """Write facts in one transaction; return the ids of the new ones.

    Left out are those of which a parent is gone, and those that say what was forgotten and no parent says.
    """
    ledger = space._ledger  # noqa: SLF001
    while True:
        parents = ledger.find(list(dict.fromkeys(parent for fact in facts for parent in fact.parents)))
        drafts = [_draft(fact, parents) for fact in facts if parents.keys() >= set(fact.parents)]
        seq = ledger.mark().seq
        try:
            ids = space.remember(drafts, progress=progress, guarded="skip")
        except LineageError:
            continue  # a parent was erased between the look and the writing: look again
        new = ledger.seqs(list(dict.fromkeys(ids)))
        return [i for i in dict.fromkeys(ids) if new.get(i, 0) > seq]


def answers_of(space: Space) -> Answers:
    """Return the file of a space that keeps what a model answered; nothing is kept of what is erased meanwhile."""
    return Answers(space.path / ANSWERS, lambda ids: _held(space, ids))


@contextlib.contextmanager
def _held(space: Space, ids: Sequence[MemoryId]) -> Iterator[bool]:
    """Say whether memories are all there, under the ledger's write lock: no erasure can begin inside the block."""
    ledger = space._ledger  # noqa: SLF001
    with ledger.connection.transaction():
        yield len(ledger.seqs(list(ids))) == len(set(ids))


def _strides(space: Space, after: int, last: int) -> Iterator[list[Memory]]:
    """Yield what is in the ledger after one place and up to another, a stretch at a time."""
    for chunk in space._ledger.read(after):  # noqa: SLF001
        held = [memory for memory in chunk if memory.seq <= last]
        for start in range(0, len(held), STRIDE):
            yield held[start : start + STRIDE]
        if len(held) < len(chunk):
            return


def _stretches(
    stride: Sequence[Memory], before: Mapping[str, deque[Memory]], mark: int
) -> Iterator[tuple[list[Memory], list[Memory]]]:
    """Yield the unread turns of each thread, with those before them; note all in `before`."""
    threads: defaultdict[str, list[Memory]] = defaultdict(list)
    for memory in stride:
        if memory.kind in SPOKEN:
            threads[memory.thread].append(memory)
    for thread, spoken in threads.items():
        unread = [memory for memory in spoken if memory.seq > mark and memory.kind in PRIMARY]
        if unread:
            heard = [*before[thread], *(memory for memory in spoken if memory.seq < unread[0].seq)]
            yield unread, heard[-CONTEXT:]
        before[thread].extend(spoken)


def _draft(fact: ExtractedFact, parents: Mapping[MemoryId, Memory]) -> Draft:
    """Return a fact as a memory, which stands where the last of its parents does."""
    parent = max((parents[i] for i in fact.parents), key=lambda memory: memory.seq)
    subject, relation, value = fact.triple
    sure = {} if fact.confidence is None else {"confidence": fact.confidence}
    return Draft(
        fact.text,
        kind="fact",
        speaker=parent.speaker,
        thread=parent.thread,
        said_at=parent.said_at,
        valid_from=fact.valid_from,
        valid_to=fact.valid_to,
        parents=fact.parents,
        metadata={
            "subject": subject,
            "relation": relation,
            "object": value,
            "functional": fact.functional,
            "by": fact.by,
            **sure,
        },
        origin=f"fact:{parent.id}:{fact.digest}",
    )
