"""A phrase of a request to a selector: whom or what is to be forgotten, looked up in what the space knows.

"my ex Anna", "Anna Smith", "my address", "the deploy tool", "session 3", "the divorce". What may mean several things
becomes a question; until it is answered, what it is about is asked and never selected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from agentmem.encoding._slot_words import attribute as key_of
from agentmem.types import KINDS
from agentmem.unlearning import _request_words as words
from agentmem.unlearning.attributes import PARTS, family, given
from agentmem.unlearning.known import Known
from agentmem.unlearning.names import Name, fold, is_identifier
from agentmem.unlearning.relations import called
from agentmem.unlearning.selector import (
    NOTHING,
    AnyOf,
    Attribute,
    Choice,
    Entity,
    Everything,
    Ids,
    Kind,
    OneOf,
    Question,
    Selector,
    Source,
    Speaker,
    Thread,
    Tool,
    Topic,
    Where,
    Words,
)

MOST_CHOICES = 8
_AGENTS = frozenset({"assistant", "agent", "ai", "bot", "system", "model"})
_SPLIT = re.compile(r"\s*,\s*(?:and|or)?\s*|\s+(?:and|or|&|as well as|plus|along with)\s+(?:also\s+)?(?:about\s+)?")
_CAPITALISED = re.compile(
    r"[^\W\d_a-z][^\s]*(?:\s+(?:(?:of|the|de|del|von|van|der|du|da|di|la|le)\s+)*[^\Wa-z_][^\s]*)*"
)


def verbatim(text: str) -> Selector | None:
    """Read the values that a phrase gives to the letter: what is quoted, codes and addresses, sums of money."""
    found = [m[1] for m in words.QUOTED.finditer(text) if _to_the_letter(text, m.start())]
    found += [m["value"].strip(" .,'\"") for m in words.EQUATED.finditer(text)]
    bare = words.QUOTED.sub(" ", text)
    found += [m[0].rstrip(".,;:!?") for m in words.VALUE.finditer(bare)]
    if words.EXACT.search(text) or words.RETIRED.search(text):
        found += [m[0] for m in words.NUMBERED.finditer(bare)]
    return AnyOf(tuple(Words(value) for value in dict.fromkeys(found))) if found else None


def _to_the_letter(text: str, start: int) -> bool:
    """Say whether what is quoted is itself meant ("the label 'red fox'"), not a thing ("what I liked in 'Dune'")."""
    if words.EXACT.search(text) or words.RETIRED.search(text):
        return True
    return any(noun.end() == start for noun in words.TITLE.finditer(text))


class Phrases:
    """Reads phrases against one space; what must be asked gathers in `questions`."""

    def __init__(self, known: Known, speaker: str | None, thread: str | None) -> None:
        self.known = known
        self.speaker = speaker or self._only_speaker()
        self.thread_now = thread
        self.questions: list[Question] = []

    def read(self, phrase: str, of: Selector = NOTHING) -> Selector:
        """Return what a phrase means; `of` is what it is an exception of: the city is that of the address."""
        text = words.CLOSING.sub("", phrase.strip()).strip(" ,;:.!?")
        bare = re.sub(r"^(?:the|that|this|those|all|any)\s+", "", text, flags=re.IGNORECASE)
        quoted = re.fullmatch(r"[\"'\u201c\u2018\u00ab](.+)[\"'\u201d\u2019\u00bb]", text)
        if quoted:
            return self.entity(quoted[1]) if self._is_name(quoted[1]) else Words(quoted[1])
        if not text or words.BARE_PRONOUN.match(text):
            return self.open("What should be forgotten? Name the person, thing, time or conversation.")
        if re.fullmatch(r"(?:me|myself|us|everything|all|anything)", text, re.IGNORECASE):
            return self.everything()
        return (
            self._latest(text)
            or self.marked(text)
            or self._related(text)
            or self._property(text, bare, of)
            or self._name(text, bare)
            or self._several(text)
            or verbatim(text)
            or self._titled(text)
            or Topic(bare)
        )

    # -- the kinds of phrases --------------------------------------------------------------------------------------

    def _latest(self, text: str) -> Selector | None:
        """Read "my last message", "the last three turns": those of the conversation, or else of all that was said."""
        found = words.LATEST.match(text)
        if found is None:
            return None
        whose = {"my": "i", "your": "you"}.get(fold(found["whose"] or ""), fold(found["who"] or "we"))
        whose = "you" if re.match(r"repl|answer", fold(found["what"] or "")) else whose
        count = fold(found["count"] or "1")
        number = int(count) if count.isdigit() else words.COUNTS[count]
        speaker = fold(self.speaker or "")
        said = [
            m
            for m in self.known.memories()
            if m.kind in ("turn", "reply", "note")
            and (self.thread_now is None or m.thread == self.thread_now)
            and (whose == "we" or (m.kind == "reply" or fold(m.speaker or "") in _AGENTS) == (whose == "you"))
            and (whose != "i" or not speaker or fold(m.speaker or "") == speaker)
        ]
        said.sort(key=lambda m: (m.said_at, m.seq))
        return Ids(tuple(m.id for m in said[-number:])) if said else None

    def marked(self, text: str) -> Selector | None:  # noqa: PLR0911 - one line a kind
        """Read what says its own kind: ids, kinds of memory, threads, tools, sources, namespaces."""
        text = words.CLOSING.sub("", text).strip(" ,;:.!?")
        if ids := words.ULID.findall(text):
            return Ids(tuple(ids))
        if (found := words.THEIR_MESSAGES.match(text)) and (who := self.said_by(found["who"])):
            return who
        if found := words.KINDS_SAID.match(text):
            kind = next((k for k in KINDS if fold(found["kind"])[:4] == k[:4]), "reply")
            return Kind(kind)
        if thread := self.thread(text):
            return thread
        if found := words.TOOL.match(text):
            name = (found["name"] or found["used"] or "").strip()
            return self._chosen(name, self.known.tools, Tool, "tool", or_else=True)
        if found := words.SPACE_NAME.match(text):
            return Where({found["key"].lower(): found["name"].strip()})
        if (found := words.SOURCE.match(text)) and (name := found["name"] or found["named"]):
            among = self.known.matching(name.strip(), self.known.sources)
            return self._chosen(name.strip(), among, Source, "source", or_else=False) if among else None
        if found := words.EXISTING.match(text):
            return self._name(found["who"] or found["what"], found["who"] or found["what"])
        return None

    def _related(self, text: str) -> Selector | None:
        """Read "my ex", "my ex Anna": what the speaker calls so, and whoever that is."""
        found = words.RELATION.match(text)
        if found is None:
            return None
        relation, named = found["relation"].lower(), found["name"]
        mine: Selector = Entity(f"my {relation}")
        yours: Selector = Entity(f"your {relation}")
        mine = (mine & Speaker(self.speaker)) | (yours - Speaker(self.speaker)) if self.speaker else mine
        if named:
            return mine | self.entity(named) if self._is_name(named) or named[:1].isupper() else None
        people = called(relation, self.known, self.speaker)
        if len(people) < 2:
            return mine | self.entity(people[0]) if people else mine
        about = OneOf(tuple(Entity(p) for p in people))
        choices = [Choice(p, self._person(p)) for p in people]
        self.ask(f"Who is meant by {found[0]!r}?", about, [*choices, Choice("all of them", AnyOf(about.parts))])
        return mine | about

    def _property(self, text: str, bare: str, of: Selector) -> Selector | None:
        """Read "my address", "Anna's phone number", "where I live"."""
        if found := words.WHERE.match(text):
            which = "former" if re.search(r"lived|used to", text) else ""
            who = found["who"]
            return Attribute((self.speaker or "") if fold(who) in ("i", "we") else who, "home", which=which)
        if isinstance(of, Attribute) and key_of(bare) in PARTS | family(of.attribute):
            return Attribute(of.subject, bare)
        found = words.ATTRIBUTE.match(text)
        if found is None or not self._is_attribute(found["what"]):
            return None
        if found["whose"] and not self._is_name(found["whose"]):
            return None
        said = (found["which"] or "").lower()
        which = "" if not said else "current" if said in ("current", "present", "latest", "newest") else "former"
        owner = (self.speaker or "") if found["mine"] else self.known.spelled(found["whose"]) or found["whose"]
        meant = Attribute(owner, found["what"].lower(), which=which)
        return meant if given(meant, self.known) else None

    def _name(self, text: str, bare: str) -> Selector | None:
        for name in dict.fromkeys((text, bare)):
            if is_identifier(name) or self._is_name(name):
                return self.entity(name)
        return None

    def _titled(self, text: str) -> Selector | None:
        """Read "the exact label temporary relocation": the words after it, where a memory holds them."""
        named = words.EXACT_NAME.search(text) if words.EXACT.search(text) or words.RETIRED.search(text) else None
        for what in [text[noun.end() :] for noun in words.TITLE.finditer(text)] + ([named["name"]] if named else []):
            if " " in what and any(Name(what).mentions(m.text) for m in self.known.memories()):
                return AnyOf((Words(what),))
        return None

    def _several(self, text: str) -> Selector | None:
        """Read a list, where each of its parts is clear by itself."""
        parts = [part for part in _SPLIT.split(text) if part]
        if len(parts) < 2:
            return None
        before = len(self.questions)
        read = [self.read(part) for part in parts]
        if any(isinstance(part, Topic) for part in read):
            del self.questions[before:]
            return None
        return AnyOf(tuple(p for part in read for p in (part.parts if isinstance(part, AnyOf) else (part,))))

    # -- people ----------------------------------------------------------------------------------------------------

    def entity(self, name: str) -> Selector:
        """Return who or what goes by a name, with questions where that is not clear."""
        name = re.sub(r"['\u2019]s$", "", name.strip(" ,.\"'"))
        name = self.known.spelled(name) or name
        people = self.known.longer(name)
        if len(people) > 1:
            about = OneOf((Entity(name),))
            choices = [Choice(p, self._person(p)) for p in people[:MOST_CHOICES]]
            self.ask(f"Which {name} is meant?", about, [*choices, Choice("all of them", Entity(name))])
            return about
        found = self._person(name)
        for other in self.known.nicknames(name):
            about = OneOf((Entity(other),))
            choices = [Choice("yes", Entity(other)), Choice("no", NOTHING)]
            self.ask(f"Is {other} the same as {name}?", about, choices)
            found |= about
        if any(fold(s) == fold(name) for s in self.known.speakers):
            about = OneOf((NOTHING, Speaker(name)))
            choices = [Choice("yes", Speaker(name)), Choice("no", NOTHING)]
            self.ask(f"{name} speaks here as well. Forget all that {name} said, too?", about, choices)
            found |= about
        return self._perhaps_misspelt(name, found)

    def _person(self, name: str) -> Selector:
        """Return what names one person; where others share the short name, that is only asked."""
        found: Selector = Entity(name, self.known.also_called(name))
        if len(name.split()) != 2:
            return found
        for short in name.split():
            others = [p for p in self.known.longer(short) if fold(p) != fold(name)]
            if others and self.known.spelled(short):
                alone: Selector = Entity(short)
                for other in others:
                    alone -= Entity(other)
                found |= OneOf((alone - Entity(name),))
        return found

    def _perhaps_misspelt(self, name: str, found: Selector) -> Selector:
        named = Name(name)
        if self.known.spelled(name) or any(named.mentions(m.text) for m in self.known.memories()):
            return found
        near = get_close_matches(fold(name), {fold(n): n for n in self.known.names}, n=3, cutoff=0.75)
        if not near or is_identifier(name):
            return found
        about = OneOf(tuple(Entity(self.known.spelled(n) or n) for n in near))
        choices = [Choice(self.known.spelled(n) or n, self._person(self.known.spelled(n) or n)) for n in near]
        self.ask(f"Nothing names {name}. Who or what is meant?", about, [*choices, Choice("none of them", found)])
        return about

    def said_by(self, who: str) -> Selector | None:
        """Return what somebody said: "I", "you", "we" or a speaker's name; None where nobody of that name speaks."""
        who = fold(who.strip())
        if who in ("i", "me"):
            if self.speaker:
                return Speaker(self.speaker)
            people = self._people()
            if not people:
                return Everything() - Kind("reply")
            about = OneOf(tuple(map(Speaker, people)))
            self.ask("Who is asking?", about, [Choice(p, Speaker(p)) for p in people[:MOST_CHOICES]])
            return about
        if who == "you":
            agents = [s for s in self.known.speakers if fold(s) in _AGENTS]
            return AnyOf((Kind("reply"), *map(Speaker, agents)))
        if who in ("we", "us"):
            return Everything()
        among = self.known.matching(who, self.known.speakers)
        return self._chosen(who, among, Speaker, "speaker", or_else=False) if among else None

    # -- threads and sources ---------------------------------------------------------------------------------------

    def thread(self, text: str) -> Selector | None:
        """Return the thread that a phrase means; None where it means none."""
        found = words.CONVERSATION.match(text)
        if found and not found["name"]:
            return self._this_thread(fold(found["which"] or ""), several=found["noun"].endswith("s"))
        name = found["name"] if found else (named["name"] if (named := words.NAMED_THREAD.match(text)) else None)
        if not name:
            return None
        noun = found["noun"] if found else ""
        among = self.known.matching(f"{noun} {name}", self.known.threads) or self.known.matching(
            name, self.known.threads
        )
        if not among and found is None:
            return None
        return self._chosen(name, among or self.known.threads, Thread, "thread", or_else=False)

    def _this_thread(self, which: str, *, several: bool) -> Selector | None:
        """Return the thread of "this conversation", "our last chat", "our chats"."""
        if several and which in ("", "my", "our", "the"):
            return self.everything()
        if which.endswith(("last", "latest", "previous")):
            earlier = [t for t in self._by_time() if t != self.thread_now]
            return Thread(earlier[-1]) if earlier else None
        if which in ("this", "the current", "current", "the", "our") and self.thread_now:
            return Thread(self.thread_now)
        return self._which_thread(self.known.threads[-MOST_CHOICES:])

    def origin(self, name: str) -> Selector:
        """Return what came "from" something: a speaker, source, tool or thread of that name, or else a phrase."""
        name = words.CLOSING.sub("", name.strip()).strip(" ,;:.!?")
        bare = re.sub(r"^(?:the|my|our)\s+", "", name, flags=re.IGNORECASE)
        kinds: tuple[tuple[type[Speaker | Source | Tool | Thread], Sequence[str]], ...] = (
            (Speaker, self.known.speakers),
            (Source, self.known.sources),
            (Tool, self.known.tools),
            (Thread, self.known.threads),
        )
        short = re.sub(
            r"\s+(?:import|file|source|website|document|export|tool|thread|plugin)s?$", "", bare, flags=re.IGNORECASE
        )
        found = [
            Choice(f"{kind.__name__.lower()} {n}", kind(n))
            for kind, among in kinds
            for n in self.known.matching(short, among)
        ]
        if len(found) == 1:
            return found[0].selector
        if found:
            about = OneOf(tuple(c.selector for c in found))
            self.ask(f"What is meant by {name!r}?", about, found[:MOST_CHOICES])
            return about
        return self.said_by(name) or self.read(name)

    # -- asking ----------------------------------------------------------------------------------------------------

    def ask(self, text: str, about: Selector, choices: Iterable[Choice] = ()) -> None:
        """Note a question, once."""
        question = Question(text, about, tuple(choices))
        if question not in self.questions:
            self.questions.append(question)

    def open(self, text: str) -> Selector:
        """Note a question that only a new request can answer."""
        self.ask(text, NOTHING)
        return NOTHING

    def everything(self) -> Selector:
        """Return everything, and ask whether that is really meant."""
        about = OneOf((Everything(),))
        self.ask("Forget everything there is?", about, [Choice("yes", Everything()), Choice("no", NOTHING)])
        return about

    def _chosen(
        self, name: str, among: Sequence[str], kind: type[Speaker | Source | Tool | Thread], noun: str, *, or_else: bool
    ) -> Selector:
        """Return the one of these that is called so; a question where several are, or none."""
        found = self.known.matching(name, among)
        if len(found) == 1:
            return kind(found[0])
        if found:
            about = OneOf(tuple(map(kind, found)))
            self.ask(f"Which {noun} is meant by {name!r}?", about, [Choice(n, kind(n)) for n in found[:MOST_CHOICES]])
            return about
        if or_else:
            return kind(name)
        there = ", ".join(among[:MOST_CHOICES]) or "none"
        return self.open(f"No {noun} is called {name!r}; there are: {there}. Which is meant?")

    def _which_thread(self, among: Sequence[str]) -> Selector:
        about = OneOf(tuple(map(Thread, among)))
        self.ask("Which conversation is meant?", about, [Choice(t, Thread(t)) for t in among])
        return about

    def _by_time(self) -> list[str]:
        latest: dict[str, tuple[object, ...]] = {}
        for m in self.known.memories():
            latest[m.thread] = max(latest.get(m.thread, (m.said_at, m.seq)), (m.said_at, m.seq))
        return sorted(latest, key=lambda t: latest[t])

    def _people(self) -> list[str]:
        return [s for s in self.known.speakers if fold(s) not in _AGENTS]

    def _only_speaker(self) -> str | None:
        people = self._people()
        return people[0] if len(people) == 1 else None

    def _is_name(self, text: str) -> bool:
        return (self.known.spelled(text) is not None and not self.known.is_word(text)) or (
            _CAPITALISED.fullmatch(text) is not None and not re.search(r"['\u2019]s\s", text)
        )

    def _is_attribute(self, what: str) -> bool:
        keys = family(what)
        return (
            bool(keys & words.COMMON_ATTRIBUTES)
            or fold(what) in words.COMMON_ATTRIBUTES
            or any(slot.attribute in keys for m in self.known.memories() for slot in m.cues.slots)
        )
