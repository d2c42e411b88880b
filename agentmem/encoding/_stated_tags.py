"""A sentence as a string of tags, one letter a word, in which the asked attribute is one letter of its own.

Patterns over the tags are in `_stated_rules`; the two are a cascade of finite-state rules (Abney 1996, "Partial parsing
via finite-state cascades"). The letters are those of `_stated_words.LEXICON`; besides, `V` is content, `e` an unknown
participle, `A` the attribute, `O` a past value of it, `P` a sentence about the past, and `,` `:` `!` signs, `!` a
question mark.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from agentmem.encoding._slot_words import singular
from agentmem.encoding._stated_words import (
    ADJECTIVE,
    AGO,
    ENCLITIC,
    FILLER,
    FOREIGN,
    FRESH,
    IDIOMS,
    LEXICON,
    NEUTRAL,
    OLD,
    PAST,
    PHRASE,
    POINTING,
    RHETORICAL,
    SIGNS,
    SPLIT,
    THING,
    WHEN,
)

_RUN = re.compile(r"[^\s\u2014]+|\u2014")
_BEFORE = "\"'\u201c\u2018([*"
_AFTER = ",;:!?.)]\"'\u201d*\u2026"
_NOT_AS_NAME = frozenset(("", *"EvgckaeLQ"))
_SIGN_TAGS = frozenset((",", ":", "!"))
_LONG = 5
"""Letters from which the ending of a word tells its kind."""
_AS_MODIFIER = re.compile(r"(?<![VIYAOT])E(?=V)|(?<![VIYAOTph])e(?=V)|(?<=b)v(?=V)")
"""An adjective or participle before a noun is part of its name: "wild horse", "is left ventricle"."""
_AS_NOUN = re.compile(r"(?<=V)[gcvka](?=[,:!]|$)")
"""A verb after a noun with nothing behind it is a noun: "folding rest"."""
_PREPOSITIONS = frozenset("fiontsz")
_SPECIAL = frozenset(("should", "of", "but", "so"))


class Tagged(NamedTuple):
    """A sentence: `tags[i]` is the letter of the token that spans `spans[i]` in the text; `asks`: it ends with "?"."""

    tags: str
    spans: list[tuple[int, int]]
    asks: bool


class _Tokens(NamedTuple):
    letters: list[str]
    words: list[str]
    spans: list[tuple[int, int]]

    def add(self, letter: str, word: str, start: int, end: int) -> None:
        self.letters.append(letter)
        self.words.append(word)
        self.spans.append((start, end))


def tagged(
    text: str, start: int, end: int, what: tuple[str, ...], owner: str, *, mine: bool, dated: bool = False
) -> Tagged:
    """Return the tags of `text[start:end]`, the attribute `what` (its words, singular) as `A`, as `O` where it is past.

    `mine`: what is "my" belongs to `owner`; else only "owner's" and "of owner" are the attribute. `dated`: keep dates,
    which else only say when.
    """

    def blank(found: re.Match[str]) -> str:
        said = found[0]
        return said if any(word in said for word in what) else " " * len(said)

    def meaning(found: re.Match[str]) -> str:
        return IDIOMS[found.lastgroup or ""].ljust(found.end() - found.start())

    piece = text[start:end]
    low = piece.lower().replace("\u2019", "'")
    if len(low) != len(piece):  # letters whose small form is longer
        low = piece
    tokens = _Tokens([], [], [])
    if PAST.search(low):
        tokens.add("P", "", start, start)
    bare = AGO.sub(blank, FILLER.sub(blank, PHRASE.sub(meaning, low)))
    if not dated:
        bare = WHEN.sub(blank, bare)
    letters, words, spans = tokens
    for found in _RUN.finditer(bare):
        word = found[0]
        tag = LEXICON.get(word)
        at = found.start()
        if tag is None and word.isalnum():
            tag = _unknown(word, capital=piece[at].isupper())
        elif (
            tag is None
            or word in _SPECIAL
            or (tag == "b" and words and words[-1] in POINTING)
            or (tag in _NOT_AS_NAME and piece[at].isupper())
        ):
            _token(word, piece, at, start, tokens)
            continue
        letters.append(tag)
        words.append(word)
        spans.append((start + at, start + found.end()))
    asks = low.rstrip(" \"')\n").endswith("?") and not RHETORICAL.search(low)
    return _merged(tokens, what, owner, asks=asks, mine=mine)


def has_dates(text: str) -> bool:
    """Say whether a text holds what is read as a date unless asked otherwise."""
    return WHEN.search(text.lower()) is not None


def _token(run: str, piece: str, at: int, start: int, tokens: _Tokens) -> None:
    """Add what a run of signs between spaces is: a bracket, a word with its enclitic, and the sign behind it.

    The run stands in `piece` at `at`, and `piece` in the text at `start`.
    """
    word = run.lstrip(_BEFORE)
    if word is not run and "(" in run[: len(run) - len(word)]:
        tokens.add(",", "(", start + at, start + at)
    at += len(run) - len(word)
    tail = word
    word = word.rstrip(_AFTER)
    tail = tail[len(word) :]
    end = start + at + len(word)
    if not word:
        pass  # a sign that stands alone
    elif not word.isalnum() and (word in SIGNS or not any(map(str.isalnum, word))):
        tokens.add(":", word, start + at, end)
    elif "'" in word and word not in LEXICON and (enclitic := ENCLITIC.match(word)):
        first, cut = enclitic[1], start + at + enclitic.end(1)
        tokens.add("T" if first in POINTING else LEXICON.get(first, "T"), first, start + at, cut)
        tokens.add(SPLIT[enclitic[2]], enclitic[2], cut, end)
    else:
        tag = _letter(word, tokens, capital=piece[at].isupper())
        tokens.add(tag, word, start + at, end)
    if tail:
        dots = "..." in tail or "\u2026" in tail
        sign = "!" if "?" in tail else ":" if ":" in tail or dots else "," if tail.strip(".\"'\u201d*") else ""
        if sign:
            tokens.add(sign, tail, end, end + len(tail))


def _letter(word: str, tokens: _Tokens, *, capital: bool) -> str:
    """Return the letter of a word after those before it."""
    tag = LEXICON.get(word)
    if tag is None:
        return _unknown(word, capital=capital)
    before = tokens.letters[-1] if tokens.letters else ""
    if tag == "b" and tokens.words and tokens.words[-1] in POINTING:
        tokens.letters[-1] = "T"
    elif word == "should" and before == "I":
        tag = "q"
    elif word == "of" and tokens.words and tokens.words[-1] == "instead":
        tag = "z"
    elif word == "but" and "x" in tokens.letters:
        tag = ","  # "not this but that"
    elif word == "so" and before in {"b", "p"}:
        tag = "Q"
    name = capital and tag in _NOT_AS_NAME and tokens.words and before not in _SIGN_TAGS
    return "V" if name else tag  # a name in the middle of a sentence: "Great Wall"


def _unknown(word: str, *, capital: bool) -> str:
    """Return the letter of a word outside the lexicon by how it ends."""
    if capital or len(word) < _LONG:
        return "V"
    if word.endswith("ed"):
        return "e"
    return "E" if word.endswith(ADJECTIVE) else "" if word.endswith("ly") else "V"


def _merged(tokens: _Tokens, what: tuple[str, ...], owner: str, *, asks: bool, mine: bool) -> Tagged:
    """Make one letter of each naming of the attribute, with its determiners, and drop adverbs."""
    letters, words, spans = tokens
    size = len(what)
    out: list[str] = []
    places: list[tuple[int, int]] = []
    done = 0
    keys = [singular(word.removesuffix("'s")) for word in words]
    for at in range(len(words) - size + 1):
        if keys[at] != what[0] or at < done or tuple(keys[at : at + size]) != what:
            continue
        begin, end, tag = _named(letters, words, at, at + size, owner, mine=mine)
        if words[at + size - 1].endswith("'s") and begin and letters[begin - 1] in _PREPOSITIONS:
            tag = "d"  # "for my boss's birthday"
        _copy(letters, spans, done, begin, out, places)
        if done < begin < at and tag[-1] == "A" and letters[begin - 1] == "V" and words[begin - 1].endswith("'s"):
            start, after = places[-1]  # "teal's my colour"
            places[-1:] = [(start, after - 2), (after - 2, after)]
            out.append("b")
        if tag.startswith("x"):
            out.append("x")
            places.append(spans[begin])
        out.append(tag[-1])
        places.append((spans[begin][0], spans[at + size - 1][1]))
        if tag[-1] in "AO" and words[at + size - 1].endswith("'s"):
            out.append("b")
            places.append(spans[at + size - 1])
        done = end
    _copy(letters, spans, done, len(words), out, places)
    return Tagged(_AS_NOUN.sub("V", _AS_MODIFIER.sub("V", "".join(out))), places, asks)


def _copy(
    letters: list[str], spans: list[tuple[int, int]], start: int, end: int, out: list[str],
    places: list[tuple[int, int]],
) -> None:  # fmt: skip
    for at in range(start, end):
        if letters[at] and not (letters[at] == "," and out and out[-1] == ","):
            out.append(letters[at])
            places.append(spans[at])


def _named(letters: list[str], words: list[str], at: int, end: int, owner: str, *, mine: bool) -> tuple[int, int, str]:
    """Return where the noun phrase around the attribute's words begins and ends, and its letter (`xA`: "no code")."""
    begin, old, theirs = _determined(letters, words, at)
    names = owner.split()
    of_owner = ["of", *names]
    if theirs:
        whose = words[begin].removesuffix("'s").removesuffix("'")
        named = bool(names) and [*words[max(begin - len(names) + 1, 0) : begin], whose] == names
        known = named or (not mine and whose in FOREIGN and names and names[-1] in words)
        begin -= len(names) - 1 if named else 0
    elif mine:
        known = begin < at or (_may_be_bare(letters, at) and not _compound(letters, at))
    else:
        known = words[end : end + len(of_owner)] == of_owner or (
            bool(names) and names[-1] in words[:begin] and words[begin:at][:2] == ["a", "new"]
        )  # "Ana got a new code"
    if not known:
        return begin, end, "V"
    if end < len(words) and words[end] in THING:
        end += 1
    for of in (["of", "me"], ["of", "mine"], ["of", "ours"], ["of", "choice"], of_owner):
        if len(of) > 1 and words[end : end + len(of)] == of:
            end += len(of)
            break
    return begin, end, ("x" if words[begin] == "no" else "") + ("O" if old else "A")


def _determined(letters: list[str], words: list[str], at: int) -> tuple[int, bool, bool]:
    """Return where the words begin that determine the noun at `at`, whether they say that it is past, and another's."""
    begin, old = at, False
    while begin:
        word = words[begin - 1]
        theirs = word in FOREIGN or (word.endswith(("'s", "s'")) and letters[begin - 1] == "V")
        if not theirs and word not in OLD and word not in FRESH and word not in NEUTRAL:
            break
        old = old or word in OLD
        begin -= 1
        if theirs or word in NEUTRAL:
            return begin, old, theirs
    return begin, old, False


def _compound(letters: list[str], at: int) -> bool:
    """Say whether the noun at `at` is part of a longer one: "my work phone number" is not "my phone number"."""
    first = at
    while first and letters[first - 1] == "V":
        first -= 1
    return 0 < first < at and letters[first - 1] == "d"


def _may_be_bare(letters: list[str], at: int) -> bool:
    """Say whether an attribute without determiner is one: in a note ("code: 4417"), after "as", "for" or a change."""
    before = [letter for letter in letters[:at] if letter][-1:]
    return not before or before[0] in ",:sflnitckgP"
