"""What somebody says of liking and disliking things, read by rules of English: whom the words are of is who speaks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from agentmem.encoding.words import terms
from agentmem_stores.derive._sessions import clauses


class Liking(NamedTuple):
    """One thing and how it is liked.

    `topic` as written, `key` its stems, `lean` from -1 (hates) to 1 (loves); `changed`: the words say that it was
    otherwise before; `over`: what it is preferred to, `of`: the sort of things of which it is the favourite.
    """

    topic: str
    key: tuple[str, ...]
    lean: float
    changed: bool
    preferred: bool = False
    over: str = ""
    of: str = ""


_ADVERBS = (
    r"(?:(?:really|absolutely|just|still|also|always|totally|honestly|actually|simply|both|so|very|quite|truly|now|do)"
    r" )*"
)
_FORMS = (
    (r"(?:love|adore)", 1.0),
    (r"(?:['\u2019]m|am) (?:crazy|mad|passionate) about", 1.0),
    (r"can(?:not|['\u2019]t) get enough of", 1.0),
    (rf"(?:['\u2019]m|am) {_ADVERBS}(?:a )?(?:big |huge |great )?fan of", 0.8),
    (r"prefer", 0.8),
    (r"(?:like|enjoy)(?! to say)", 0.6),
    (rf"(?:['\u2019]m|am) {_ADVERBS}(?:into|fond of|keen on)", 0.6),
    (r"used to (?:love|like|enjoy|adore)", -0.4),
    (rf"(?:do not|don['\u2019]t) {_ADVERBS}(?:like|enjoy|love|care for)", -0.6),
    (
        rf"(?:['\u2019]m|am) (?:not|no longer) {_ADVERBS}(?:a )?(?:big |huge |great )?(?:into|fond of|keen on|fan of)",
        -0.6,
    ),
    (r"no longer (?:like|enjoy|love)", -0.6),
    (rf"(?:['\u2019]m|am) {_ADVERBS}(?:tired|sick) of", -0.6),
    (r"dislike", -0.6),
    (r"(?:hate|detest|loathe|despise)", -1.0),
    (r"can(?:not|['\u2019]t) stand", -1.0),
)
_SAID = [(re.compile(rf"\b(?:I|[Ww]e) ?{_ADVERBS}{form} (?P<thing>.+)"), lean) for form, lean in _FORMS]
_ELIDED = [
    (re.compile(rf"^(?:and |but ){_ADVERBS}{form} (?P<thing>.+)"), lean) for form, lean in _FORMS if form[0] != "("
]
_BORES = re.compile(r"^(?P<thing>[\w' -]+?) (?:bores?|annoys?|disgusts?) me\b")
_FAVOURITE = re.compile(
    r"\b[Mm]y (?:(?:new|all-time|absolute|current) )*favou?rite (?P<of>[\w -]+?) "
    r"(?:is|are|has become|will be) (?:now )?(?P<thing>.+)"
)
_IS_FAVOURITE = re.compile(
    r"^(?P<thing>[\w' -]+?) (?:is|are) (?:now )?my (?:new |all-time |absolute |current )*"
    r"favou?rites?\b ?(?P<of>[\w -]*)"
)
_CHANGED = re.compile(
    r"\b(?:now|nowadays|these days|lately|any ?more|no longer|used to|from now on|new|has become)\b", re.IGNORECASE
)
_OVER = re.compile(r" (?:to|over|than|rather than|instead of) (?!be\b|\w+ (?:it|them)\b)")
_END = re.compile(
    r"[,;:!?\n\"()\[]|\.(?=\s|$)| (?:because|since|when|while|which|who|so|but|if|although|after|before|that|as|with|"
    r"for|"
    r"and (?:I|we|it|they|he|she)|and (?:hate|love|like|enjoy|dislike)|these days|any ?more|too|now|nowadays|lately|"
    r"very much|so much|a lot|more and more|the most|best|again|at the moment|right now|anyway)\b",
    re.IGNORECASE,
)
_LEAD = re.compile(r"^(?:to |the |an? |my |our |all |some |any |both |really |this |these )+", re.IGNORECASE)
_NOTHING = re.compile(
    r"(?:it|them|that|those|this|him|her|you|your|me|us|how|what|why|where|when|if|whether|who|one|everything|anything|"
    r"being|having|see|seeing|hear|hearing|know|think|say|be|talk|chat|own)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"\b(?:is|was|are|were|it|them|you|your|my|our|me|us|every|\w+['\u2019](?:s|re|ve))\b|"
    r"^(?:his|her|their|get|help|thought)\b|\b(?:and|or|a|an|the|of|in|to|on|at|with)$",
    re.IGNORECASE,
)
"""What a thing has in it that is a clause, hangs on somebody who is not named, or was cut off."""
_LONGEST = 5


def likings(text: str) -> Iterator[Liking]:
    """Yield what a text says that its speaker likes or dislikes, in its order; questions say nothing."""
    for clause in clauses(text):
        if clause.endswith("?"):
            continue
        changed = _CHANGED.search(clause) is not None
        if found := _FAVOURITE.search(clause) or _IS_FAVOURITE.search(clause):
            of = found["of"].strip()
            yield from _liking(found["thing"], 1.0, changed=changed, of=of)
        elif found := _BORES.match(clause):
            yield from _liking(found["thing"], -0.6, changed=changed)
        else:
            for form, lean in (*_SAID, *_ELIDED):
                if found := form.search(clause):
                    yield from _liking(found["thing"], lean, changed=changed)
                    break


def _liking(thing: str, lean: float, *, changed: bool, of: str = "") -> Iterator[Liking]:
    preferred = lean == PREFERS and not of
    first, *over = _OVER.split(thing, maxsplit=1) if preferred else [thing]
    topic = _topic(first)
    if topic:
        yield Liking(topic, tuple(terms(topic)), lean, changed, preferred, _topic(over[0]) if over else "", of)


PREFERS = 0.8


def _topic(thing: str) -> str:
    """Return what a phrase names, without articles and what follows it; "" for what is no thing, or a clause."""
    end = _END.search(thing)
    bare = _LEAD.sub("", thing[: end.start() if end else None].strip(" .'")).strip()
    return (
        "" if _NOTHING.match(bare) or _CLAUSE.search(bare) or len(bare.split()) > _LONGEST or not terms(bare) else bare
    )
