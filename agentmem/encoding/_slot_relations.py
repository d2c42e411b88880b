"""The rules for verbs that tie a subject to a value: where somebody lives, who founded a firm, what has ended."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentmem.encoding._slot_rules import CLASSES_OF_PLACE, OWNED, WEAK, Found, given, unclassed, value_of
from agentmem.encoding._slot_words import SELF, Key, attribute, owned, subject, verb

_NO_LONGER = re.compile(
    r"(.{1,60}?) (?:is|are|am)(?: no longer|n['\u2019]t| not) (.+?)(?: any ?more| any longer)?", re.IGNORECASE
)
_QUIT = re.compile(
    r"(.{1,60}?) (?:no longer (\w+)|(?:do|does)(?:n['\u2019]t| not) (\w+)(?=.* any(?: ?more| longer))|"
    r"(?:stopped|quit) (\w+ing))"
    r" (?:(in|at|for|as|with) )?(.+?)(?: any ?more| any longer)?",
    re.IGNORECASE,
)

_OLD = re.compile(r"(?:my|our|the|his|her|their) (?:old|previous|former)\b", re.IGNORECASE)
"""Who no longer has the old one may well have a new one."""


def endings(clause: str, speaker: str | None) -> Iterator[Found]:
    """Read what has ended: "I no longer live in Porto", "my code is no longer 4"."""
    if (
        "no longer" not in clause
        and "more" not in clause
        and "longer" not in clause
        and not re.search(r"\b(?:stopped|quit)\b", clause)
    ):
        return
    if (found := _QUIT.fullmatch(clause)) and not _OLD.match(found[6]):
        who = _who(found[1], speaker)
        if who is not None:
            for key in _verb_keys(who, found[2] or found[3] or found[4], found[5] or ""):
                yield Found(key, value_of(found[6]), ends=True)
        return
    if (
        ("no longer" in clause or "more" in clause or "longer" in clause)
        and (found := _NO_LONGER.fullmatch(clause))
        and OWNED.fullmatch(found[1])
    ):
        yield from given(found[1], found[2], speaker, ends=True)


_PLACED = re.compile(
    r"(.{1,60}?)(?:['\u2019](?:ve|m|s|re))?(?: (?:have|has|had|are|is|am|was|just|recently|then|now"
    r"|currently|finally|still|also|both))* "
    r"(live|lives|living|lived|resid(?:e|es|ed|ing)\b|moved|moving|relocat\w+|settled|stay\w*|went|gone"
    r"|going|travell?ed|journeyed|walked|returned|headed|flew"
    r"|drove|back|is|are|am|based)(?: (?:back|over|out|down|up|off))? (in|to|at|into|near)(?: the "
    r"(?:city|town|village|country|state) of)? (.+)",
    re.IGNORECASE,
)
_HOLD = re.compile(
    r"(.{1,60}?) (got|grabbed|took|picked up|has|holds|is holding|is carrying|received|found|bought|obtained"
    r"|dropped|discarded|left|put down|lost|threw away|gave away) (?:the|his|her|their|my|an?) (.+?)"
    r"(?: (?:up|down|there|here))*",
    re.IGNORECASE,
)
_GIVE = re.compile(r"(.{1,40}?) (?:gave|handed|passed) (?:the|his|her|their|my) (.+?) to (.+)", re.IGNORECASE)
_ENDED_HOLD = frozenset({"dropped", "discarded", "left", "put down", "lost", "threw away", "gave away"})
_LIVE = frozenset({"liv", "live", "resid", "mov", "move", "relocat", "settl", "bas", "base"})


_NAMED = re.compile(
    r"(?:[Tt]he )?[A-Z\d\u00c0-\u024f\u0370-\u04ff][^\s,:;]*"
    r"(?:,? (?:[A-Z\d&\u00c0-\u024f\u0370-\u04ff][^\s,:;]*|of|the|de|del|von|van|der|du|da|di|la|le|and"
    r"|in|for|on|a|an|to|with|at)){0,9}"
)
_NO_NAME = re.compile(
    r"(?:he|she|it|they|you|your|his|her|their|its|this|that|there|these|those|who|what|which|how|why"
    r"|when|where|if|everyone|someone"
    r"|nobody|not|and|but|so|people|to|let|having|being|seeing|all|any|some|each|every|no|as"
    r"|i['\u2019]\w+|it['\u2019]s|that['\u2019]s)\b",
    re.IGNORECASE,
)
_COMMON = re.compile(
    r"(?:(?:the|an?|The|An?) )?(?!(?:is|are|was|i|I|that|who|when|just|got)\b)\w[\w'&.-]*(?: (?!(?:is"
    r"|are|was|i|I|that|who|when|just|got|been|to|on|in|so|really)\b)[\w'&.-]+){0,4}"
)


def _who(phrase: str, speaker: str | None, *, common: bool = False) -> str | None:
    """Return the subject a clause is about: the speaker for "I", a name, "my sister"; None for what is none of these.

    `common`: a noun phrase without a capital will do.
    """
    phrase = phrase.strip(" ,\"'")
    if phrase.lower() in {"i", "we"}:
        return subject(speaker) if speaker else SELF
    if phrase.lower().startswith(("my ", "our ")):
        key = owned(phrase, speaker) if phrase.count(" ") < 4 else None
        return f"{key.subject} {key.attribute}".strip() if key else None
    if _NO_NAME.match(phrase) and not re.search(r" [A-Z]", phrase):
        return None
    if _NAMED.fullmatch(phrase) or (common and _COMMON.fullmatch(phrase)):
        return subject(phrase)
    return None


def _verb_keys(who: str, word: str, preposition: str) -> Iterator[Key]:
    stem = verb(word)
    if stem in _LIVE:
        yield Key(who, "home")
        yield Key(who, "place")
    elif stem in {"work", "employ"}:
        yield Key(who, "job" if preposition.lower() == "as" else "employer")
    else:
        yield Key(who, f"{stem} {preposition}".strip())


def places(clause: str, speaker: str | None) -> Iterator[Found]:
    """Read where somebody lives or is, and who holds a thing: "Ana moved to Porto", "Ben dropped the ball"."""
    if found := _PLACED.fullmatch(clause):
        who = _who(found[1], speaker)
        word, preposition = found[2].lower(), found[3].lower()
        value = value_of(re.sub(r"^(?:the|our|my|a) ", "", found[4]))
        if (
            who is None
            or not value
            or value.count(" ") > 5
            or (preposition == "to" and word in {"is", "are", "am", "live"})
        ):
            return
        if preposition == "to" and not re.match(r"(?:the|an?|my|our|his|her|their|[A-Z])", found[4]):
            return
        if word in {"is", "are", "am"} and not re.match(r"(?:the|[A-Z])", found[4]):
            return
        named = found[4][:1].isupper() or word.startswith(("liv", "resid", "reloc", "settl", "based"))
        if named and not word.startswith(
            ("went", "go", "travel", "journey", "walk", "return", "head", "fl", "dr", "back", "is", "are", "am", "stay")
        ):
            yield Found(Key(who, "home"), value)
        yield Found(Key(who, "place"), value)
    elif found := _GIVE.fullmatch(clause):
        yield Found(Key(subject(found[2]), "holder"), value_of(found[3]))
    elif (found := _HOLD.fullmatch(clause)) and found[3].count(" ") < 3:
        who = _who(found[1], speaker)
        if who is not None:
            yield Found(
                Key(subject(value_of(found[3])), "holder"),
                found[1].strip() if who else who,
                found[2].lower() in _ENDED_HOLD,
            )


_LINKED = re.compile(
    r"(.{1,100}?) (?:is|are|was|were|has been|have been)(?: (?:an?|the))?(?: (?:also|mainly|best))?"
    r" (\w+ed|\w+wn|\w+tten|born|made|built|led|sung|held|won|citizen|member|famous|speaker)"
    r" (by|in|at|with|of|for|to|from|on) (.+)",
    re.DOTALL,
)
_RELATIVE = re.compile(
    r"[Tt]he ([\w ]{2,40}?) (where|in which|at which|that|which|who) ([A-Z\d].{0,80}? )?(?:was |is "
    r"|were )?([a-z]+)(?: (in|at|by|for))?( [A-Z\d].{0,80}?)? is (.+)",
    re.DOTALL,
)
_ACTS = re.compile(
    r"([A-Z\d][^,:;]{1,80}?) (works|worked|plays|played|speaks|studies|studied|teaches|taught|runs"
    r"|leads|owns|drives|wrote|founded|died|performs|married"
    r"|believes|supports|practi[cs]es)"
    r"(?: (as|in|at|for|with|on))? (.+)",
    re.DOTALL,
)
_I_ACT = re.compile(
    r"(I|We)(?:['\u2019](?:m|ve|re))?(?: (?:now|just|currently|am|have))* (work|works|worked|working"
    r"|speak|play|study|studying|teach|drive|own)(?: (as|in|at|for|with|on))? (.+)"
)


def linked(clause: str, speaker: str | None) -> Iterator[Found]:
    """Read verbs that tie a subject to a value: "Ana was born in Porto", "Ben plays the position of goalkeeper"."""
    if found := _LINKED.fullmatch(clause):
        who = _who(found[1], speaker, common=True)
        if who is None or WEAK.match(found[4]):
            return
        yield from _tied(who, found[2], found[3], found[4])
    elif found := _ACTS.fullmatch(clause) or _I_ACT.fullmatch(clause):
        who = _who(found[1], speaker)
        if who is not None:
            yield from _tied(who, found[2], found[3] or "", found[4])


def related(clause: str, speaker: str | None) -> Iterator[Found]:  # noqa: ARG001 - a rule, of which no clause says "I"
    """Read "the school where Ana was taught is X", "the music that Ana plays is X", "the firm that built Y is X"."""
    found = _RELATIVE.fullmatch(clause)
    if found is None or bool(found[3]) == bool(found[6]):
        return
    kind, link, who, word, preposition, whom, value = found.groups()
    if who is not None:
        preposition = preposition or ("at" if link == "where" else "")
        yield Found(tied_key(subject(who), word, preposition, kind), value_of(unclassed(value)[1]))
    elif word.endswith("ed"):
        yield Found(tied_key(subject(whom), word, "by"), value_of(unclassed(value)[1]))


def _tied(who: str, word: str, preposition: str, rest: str) -> Iterator[Found]:
    kind, value = unclassed(rest)
    value = value_of(value)
    if value and value.count(" ") < 14:
        yield Found(tied_key(who, word, preposition, kind), value)


def tied_key(who: str, word: str, preposition: str, kind: str = "") -> Key:
    """Return the key of a verb with its preposition, and of the kind of value where it is named and is no place."""
    stem = verb(word)
    if stem in {"work", "employ"} and preposition.lower() not in {"in", "on"}:
        return Key(who, "job" if preposition.lower() == "as" else "employer")
    if stem in {"marr", "marry", "marri"}:
        return Key(who, "spouse")
    if stem == "citizen":
        return Key(who, "citizenship")
    if preposition.lower() == "by":
        return Key(who, agent(stem))
    named = attribute(kind)
    if stem == "work" and named == "field":
        return Key(who, "job")
    if named in CLASSES_OF_PLACE or preposition.lower() == "at":
        named = ""
    return Key(who, " ".join(part for part in (stem, preposition.lower(), named) if part))


def agent(stem: str) -> str:
    """Return who does a verb: "found" by Ana makes Ana the "founder"."""
    return attribute(stem + ("or" if stem.endswith(("at", "ct", "invent")) else "r" if stem.endswith("e") else "er"))
