"""Who may see what, as the people of a shared space have said it: their policies, read by rules, become audiences.

    policies = Policies(space.memories(), [Person("cy", "Cy Webb", "contractor")])
    policies.verdict(memory)     who may see it, and why
    apply(space)                 every memory gets that audience; `sharing.Seat` keeps it from then on

Two kinds are read, in English, without a model:

- What is said of a memory in so many words: "only Ana and Bo may see this", "don't tell the students", "keep this from
  Cy", "between us", "visible to staff only", "Cy may know". People are meant by id, name or role. It holds for what is
  said with it, and where it points back ("don't share that with Cy") for what the speaker said before.
- What follows where people call things private, confidential, restricted and so on again and again. Then what gives
  something away (codes, sums, dates, numbered places, quoted labels, how things stand) is for the circle of those who
  have told such things themselves, without asking. Who says that a matter is not for him or her, or tells public things
  for the most part, is not of it; what is said to be public is for everyone. So having known shows the need to know.
  Whose the private things are ("Hannah's private appeal"), who may only ever have listened, sees what is of him or her.

Where nobody has ever drawn a boundary, everyone sees everything. Who is told in a way that no rule reads is not told.
What somebody gave an audience on purpose is left as it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agentmem import _policy_words as words
from agentmem.ledger import audiences
from agentmem.space import Space
from agentmem.types import Memory
from agentmem.unlearning.wording import Wording

GOVERNED, ONE_IN = 3, 50
"""So many memories, and one in so many, must call something private before it matters who has told what."""
ECHO = 0.1
"""What telling counts that says nothing which was not said before: who repeats what was said need but have listened."""
PUBLIC = 4
"""So many public things must somebody tell for each private one to be no longer one of those who need to know."""
_APPLIED = "audiences_from_policies"
"""Where a space notes the seqs of the memories whose audience was read, by a digest of it: no other is ever changed."""
TOLD = ("turn", "note")
"""The kinds of memories that policies are read from, and said of."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may ask: the principal's id, and the name and role by which others speak of him or her."""

    id: str
    name: str = ""
    role: str = ""


@dataclass(slots=True)
class Standing:
    """What somebody's own words show: private and public things told, and times it was said how little is for them.

    What was said before, by whomever, counts `ECHO`.
    """

    told: float = 0
    public: float = 0
    limited: float = 0

    @property
    def inside(self) -> bool:
        """Whether that makes him or her one of those who need to know."""
        return self.told > self.limited and PUBLIC * self.told > self.public

    @property
    def why(self) -> str:
        """Return the reason in words."""
        if self.inside:
            return f"has told {self.told:g} private things"
        if not self.told:
            return "has told nothing private"
        kept_out = f"{self.limited:g} times kept out"
        return f"has told {self.told:g} private things, {self.public:g} public ones, and {kept_out}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who may see a memory (nobody named: everyone; `NOBODY`: nobody), and why."""

    audience: tuple[str, ...]
    why: str

    @property
    def whom(self) -> str:
        """Return whom it is for, in words."""
        return "everyone" if not self.audience else ", ".join(filter(None, self.audience)) or "nobody"


@dataclass(slots=True)
class _Said:
    """What is said in so many words of one memory."""

    only: set[str] = field(default_factory=set)
    never: set[str] = field(default_factory=set)
    also: set[str] = field(default_factory=set)

    def add(self, only: set[str], never: set[str], also: set[str]) -> None:
        """Take in what is said later; it counts more than what was said before."""
        self.only |= only
        self.never = (self.never - also) | never
        self.also = (self.also - never) | also


EVERYONE = Verdict((), "nobody has said that it is private")


class Policies:
    """The policies of a dialogue, read from its memories in their order. `people` are those beside its speakers."""

    def __init__(self, memories: Iterable[Memory], people: Iterable[Person] = ()) -> None:
        self._memories = tuple(memories)
        self.people: dict[str, Person] = {person.id: person for person in people}
        for memory in self._memories:
            if (who := principal(memory)) and who not in self.people:
                self.people[who] = Person(who, memory.speaker or "", str(memory.metadata.get("role") or ""))
        self._called = _called(self.people.values())
        self._found: dict[str, tuple[tuple[str, bool], ...]] = {}
        self.standing: dict[str, Standing] = defaultdict(Standing)
        self._heard: set[str] = set()
        private: dict[str, None] = {}
        for memory in self._memories:
            if memory.kind in TOLD:
                self._hear(memory)
                private.update((value, None) for value, public in self._values_in(memory.text) if not public)
        self._values = frozenset(private)
        self._labels = Wording(v for v in private if re.search(r"[^\W\d]\w* +[^\W\d]", v))
        called = sum(words.PRIVATE.search(m.text) is not None for m in self._memories)
        self.governed = called >= max(GOVERNED, len(self._memories) / ONE_IN)
        self.circle = tuple(sorted(who for who, standing in self.standing.items() if standing.inside))
        owned = Counter(who for m in self._memories if m.kind in TOLD for who in self._owners(m.text))
        self.owners = tuple(sorted(who for who, times in owned.items() if times >= GOVERNED))
        self._said = self._explicit()

    def verdict(self, memory: Memory) -> Verdict:
        """Return who may see a memory, and why."""
        said = self._said.get(memory.id, _Said())
        if said.only:
            return Verdict(_listed((said.only | said.also) - said.never), "said to be for these alone")
        if self.governed and (why := self._closed(memory.text)):
            return Verdict(_listed({*self.circle, *self._concerned(memory.text), *said.also} - said.never), why)
        if said.never:
            return Verdict(_listed(self.people.keys() - said.never), "said not to be for the others")
        return EVERYONE

    def reasons(self) -> list[tuple[Verdict, int]]:
        """Return what may be seen by whom and why, with how many memories that holds for, most first."""
        return Counter(self.verdict(memory) for memory in self._memories if memory.kind in TOLD).most_common()

    def _hear(self, memory: Memory) -> None:
        """Note what a memory shows of who says it."""
        standing, text = self.standing[principal(memory)], memory.text
        told = words.ASKING.sub(" ", text)
        values = {value for value, _ in self._values_in(told)}
        telling = bool(values) or words.TERM.search(told) is not None
        limited = words.LIMITED.search(text) is not None
        new = text not in self._heard and (limited or not values or not values <= self._heard)
        self._heard |= {text, *values}
        weight = 1 if new else ECHO
        if limited:
            standing.limited += weight
        elif words.PUBLIC.search(text):
            standing.public += weight * telling
        else:
            standing.told += weight * telling

    def _values_in(self, text: str) -> tuple[tuple[str, bool], ...]:
        """Return the values of a text, each with whether it is called public; read once."""
        if text not in self._found:
            self._found[text] = tuple(words.values(text))
        return self._found[text]

    def _closed(self, text: str) -> str:
        """Return why a text is for the circle alone; empty where it is for everyone."""
        if words.PRIVATE.search(text):
            return "speaks of something private"
        if any(value in self._values for value, _ in self._values_in(text)) or self._labels.spans(text):
            return "gives a private value"
        if words.PUBLIC.search(text) or not words.STATES.search(text):
            return ""
        return "tells how a private matter stands"

    def _owners(self, text: str) -> set[str]:
        """Return the people whose something private is in a text: "Hannah's private appeal"."""
        before = (words.WHOSE.search(text[: match.start()]) for match in words.PRIVATE.finditer(text))
        return {who for owner in before if owner for who in self.named(owner.group(1))}

    def _concerned(self, text: str) -> set[str]:
        """Return which owners of private things a text is of: who alone is one, else those whom it names."""
        if len(self.owners) == 1:
            return set(self.owners)
        return {who for owner in words.NAMES.findall(text) for who in self.named(owner) if who in self.owners}

    def _explicit(self) -> dict[str, _Said]:
        """Return what is said of memories in so many words, by id."""
        found: dict[str, _Said] = defaultdict(_Said)
        before: dict[str, dict[str, Memory]] = defaultdict(dict)  # what each speaker last said in a thread, latest last
        for memory in self._memories:
            thread, who = before[memory.thread], principal(memory)
            own = thread.pop(who, None)
            only, never, also = self._rules(memory.text)
            if any(words.said(words.MINE, memory.text)):
                only |= {who}
            elif any(words.said(words.BETWEEN, memory.text)):
                only |= {who, *_addressed(memory, thread)}
            points = words.POINTS.search(memory.text) and not self._values_in(memory.text)
            abouts = (memory, own) if own is not None and points else (memory,)
            if own is not None and points and any(words.said(words.OPENED, memory.text)):
                found.pop(own.id, None)
            elif only or never or also:
                for about in abouts:
                    found[about.id].add({*only, who} if only else only, never - {who}, also)
            thread[who] = memory
        return found

    def _rules(self, text: str) -> tuple[set[str], set[str], set[str]]:
        """Return whom a text names as those who alone may know, must not know, and may know as well."""
        only, never, also = (
            {who for match in words.said(rule, text) for group in match.groups() if group for who in self.named(group)}
            for rule in (words.ONLY, words.NOT_FOR, words.ALSO_FOR)
        )
        return only, never, also - never

    def named(self, phrase: str) -> set[str]:
        """Return the ids of the people that a phrase names, by id, name or role: "Ana and the contractors"."""
        parts = re.split(r",\s*(?:and |or )?|\s+(?:and|or|nor)\s+|/", phrase)
        return {who for part in parts for who in self._called.get(_plain(part), ())}


def principal(memory: Memory) -> str:
    """Return the id of who said a memory: its metadata's `principal`, else the speaker's name."""
    return str(memory.metadata.get("principal") or memory.speaker or "")


def _addressed(memory: Memory, thread: Mapping[str, Memory]) -> set[str]:
    """Return whom a memory speaks to: who is named as such, else whoever else spoke last in the thread."""
    to = memory.metadata.get("to") or next(reversed([*thread]), "")
    return {str(to)} - {""}


def _called(people: Iterable[Person]) -> dict[str, set[str]]:
    """Return by what each person can be called; a first name only where it is one person's."""
    found: dict[str, set[str]] = defaultdict(set)
    people = tuple(people)
    firsts = Counter(_plain(p.name.split()[0]) for p in people if p.name.split())
    for person in people:
        first = _plain(person.name.split()[0]) if person.name.split() else ""
        for called in {_plain(person.id), _plain(person.name), _plain(person.role), first} - {""}:
            if called != first or firsts[first] == 1:
                found[called].add(person.id)
    return found


def _plain(phrase: str) -> str:
    """Return a name or role as it is compared: small, without articles and the plural, words apart."""
    bare = re.sub(r"[_\W]+", " ", re.sub(r"['\u2019]s?\b", "", phrase)).strip().lower()
    bare = re.sub(r"^(?:(?:the|any|all|our|my|other|please) )+|(?: (?:only|alone|team|members?|group))+$", "", bare)
    return re.sub(r"(?<=[^s])s$", "", bare)


def _listed(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names) - {""})) or (audiences.NOBODY,)


def apply(space: Space, people: Iterable[Person] = ()) -> Policies:
    """Give the memories of a space the audiences that the policies said in it leave them; return the policies.

    Call it again when more was said: what was read before is read anew. An audience that somebody gave on purpose, by
    `Seat.remember(audience=)` or `set_audience`, stays. What is derived is narrowed with what it was derived from.
    """
    ledger = space._ledger  # noqa: SLF001 - a part of the space's facade, as `sharing` is
    memories = [memory for memory in space.memories() if memory.kind in TOLD]
    policies = Policies(memories, people)
    read: dict[str, list[int]] = json.loads(str(ledger.meta(_APPLIED) or "{}"))
    read_as = {seq: mark for mark, seqs in read.items() for seq in seqs}
    given = audiences.own(ledger.connection, [memory.seq for memory in memories])
    wanted: dict[tuple[str, ...], list[int]] = defaultdict(list)
    ours: dict[str, list[int]] = defaultdict(list)
    for memory in memories:
        has = tuple(sorted(given.get(memory.seq, ())))
        if has and read_as.get(memory.seq) != _mark(has):
            continue  # on purpose
        audience = policies.verdict(memory).audience
        if audience:
            ours[_mark(audience)].append(memory.seq)
        if has != audience:
            wanted[audience].append(memory.seq)
    if wanted or ours != read:
        with ledger.connection.transaction():
            for audience, seqs in wanted.items():
                audiences.set_for(ledger.connection, seqs, audience)
            ledger.note(_APPLIED, json.dumps(ours))
    if wanted:
        space._drop()  # noqa: SLF001
    return policies


def _mark(audience: tuple[str, ...]) -> str:
    """Return what an audience is recognised by; it names nobody."""
    return hashlib.blake2b(json.dumps(audience).encode(), digest_size=8).hexdigest()
