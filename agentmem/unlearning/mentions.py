"""Which memories name somebody or something, and which only go on speaking of them without the name."""

from __future__ import annotations

import re

from agentmem.types import Memory
from agentmem.unlearning import clauses
from agentmem.unlearning.finds import Find, Finds
from agentmem.unlearning.known import PRONOUN, Known
from agentmem.unlearning.names import FOLDED, PART, SAME, Mention, Name, begins_sentence, fold
from agentmem.unlearning.selector import SELECTED, Entity, Words

FOLLOWING = 2
"""Turns after one that names a person in which a pronoun may still mean that person."""
FOLLOW_UPS = 10
"""Such turns that are asked about at most, the nearest ones."""
SPEAKS_ON, ORDINARY, OF_ANOTHER = 0.55, 0.6, 0.3
"""How sure it is of a pronoun, of an ordinary word that is a name as well, and of a short name within another's."""

_NEXT_NAME = re.compile(r"[ ](?!I\b)([A-Z\u00c0-\u00de][\w-]+)")
_LAST_NAME = re.compile(r"([A-Z\u00c0-\u00de][\w-]+)[ ]$")


def naming(entity: Entity, known: Known) -> Finds:
    """Return what names an entity, with the clauses that do where the rest stands alone, and what speaks on of it."""
    names = [Name(entity.name), *(Name(alias) for alias in entity.aliases)]
    found: dict[str, tuple[Memory, list[Mention]]] = {}
    for memory in known.memories():
        mentions = [m for n, name in enumerate(names) for m in _proper(name, names, memory.text, alias=n > 0)]
        if mentions:
            found[memory.id] = (memory, mentions)
    everyday = _everyday(names[0], list(found.values()))
    finds: Finds = {}
    for memory, mentions in found.values():
        best = max((_judged(m, memory.text, everyday=everyday) for m in mentions), key=lambda m: m.confidence)
        at = [m[:2] for m in mentions]
        spans = clauses.around(memory.text, at)
        finds[memory.id] = Find(best.confidence, best.why, spans, clauses.merged(at), len(memory.text))
    return finds | _follow_ups(entity, [m for m, _ in found.values() if finds[m.id].confidence >= SELECTED], known)


def literal(words: Words, known: Known) -> Finds:
    """Return what holds these words, and where; where hardly anything else is said, the whole memory."""
    name = Name(words.text)
    finds: Finds = {}
    for memory in known.memories():
        mentions = name.mentions(memory.text)
        if mentions:
            spans = clauses.merged(m[:2] for m in mentions)
            left = clauses.minus([(0, len(memory.text))], spans)
            told = sum(len(re.findall(r"\w+", memory.text[a:b])) for a, b in left)
            best = max(m.confidence for m in mentions)
            finds[memory.id] = Find(
                best, "holds these words", spans if told >= clauses.LEAST_WORDS else (), spans, len(memory.text)
            )
    return finds


def _proper(name: Name, names: list[Name], text: str, *, alias: bool) -> list[Mention]:
    """Return the mentions of a name; of one that is short for a longer, those in another's name are less sure."""
    found = name.mentions(text)
    if not alias or not name.name[:1].isupper() or " " in name.name:
        return found
    own = {word for other in names for word in other.folded.split()}
    return [
        m._replace(confidence=OF_ANOTHER, why="another of that name") if _another(m, text, own) else m for m in found
    ]


def _another(mention: Mention, text: str, own: set[str]) -> bool:
    after = _NEXT_NAME.match(text, mention.end)
    before = _LAST_NAME.search(text[: mention.start])
    if before is not None and begins_sentence(text, before.start()):
        before = None  # "Yesterday Anna came"
    return any(match is not None and fold(match[1]) not in own for match in (after, before))


def _everyday(name: Name, found: list[tuple[Memory, list[Mention]]]) -> bool:
    """Say whether a name is a word of the language too ("Hope"): written small more often than it is surely a name."""
    if not name.name[:1].isupper() or " " in name.name:
        return False
    small, proper = 0, 0
    for memory, mentions in found:
        words = [memory.text[m.start : m.end] for m in mentions if m.confidence != PART]
        small += any(word.islower() for word in words)
        proper += any(
            m.confidence >= SAME and not begins_sentence(memory.text, m.start) and not memory.text.isupper()
            for m in mentions
        )
    return small > proper


def _judged(mention: Mention, text: str, *, everyday: bool) -> Mention:
    """Return a mention less sure where the name is an everyday word that may stand there for itself."""
    unsure = mention.confidence == FOLDED or begins_sentence(text, mention.start)
    if everyday and unsure and mention.confidence >= SELECTED:
        return mention._replace(confidence=ORDINARY, why="named, or only a word that is written the same")
    return mention


def _follow_ups(entity: Entity, named: list[Memory], known: Known) -> Finds:
    """Return the turns after a mention of a person that speak of him or her without any name."""
    mine = any(alias.startswith("my ") for alias in (entity.name, *entity.aliases))
    if not mine and not any(PRONOUN.search(m.text) for m in named):
        return {}
    there = {m.id for m in named}
    speakers = {fold(s) for s in known.speakers}
    near: list[tuple[int, Memory]] = []
    for memory in named:
        for distance, turn in enumerate(known.after(memory, FOLLOWING), 1):
            others = [e for e in turn.cues.entities if fold(e) not in speakers]
            if turn.id in there or others or not PRONOUN.search(turn.text):
                break
            near.append((distance, turn))
            there.add(turn.id)
    near.sort(key=lambda pair: (pair[0], pair[1].seq))
    return {t.id: Find(SPEAKS_ON, f"{d} turn(s) after the name, he or she") for d, t in near[:FOLLOW_UPS]}
