"""Finding a name in a text: as a whole word, in any case, accent or script, and identifiers however they are written.

A mention is sure where the name stands as it is. Where it is written otherwise (another script, a phone number with a
country code, an address spelled "at" and "dot") or is part of something longer ("Anna-Maria", "anna@x.org") it is one
to ask about, and a word that only contains it (Annapolis) is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple
from unicodedata import normalize

SAME, FOLDED, OTHERWISE, PART = 0.97, 0.92, 0.8, 0.7
"""How sure a mention is: as written, but for case and accents, written otherwise, within something longer."""

_MARKS = re.compile("[\u0300-\u036f\u00ad\u200b-\u200f\u2060\ufeff]")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]")
_LONGEST_ENDING = 2
"""Letters by which the ending of a name in an inflected language may be longer: Anna, Anny, Annoy."""
_TABLE = re.findall(
    r"(\S)=(\S*)",
    """
    а=a б=b в=v г=g д=d е=e ё=e ж=zh з=z и=i й=i к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=kh ц=ts ч=ch ш=sh щ=shch
    ъ= ы=y ь= э=e ю=yu я=ya і=i ї=i є=ye ґ=g α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s
    ς=s τ=t υ=y φ=f χ=ch ψ=ps ω=o ß=ss ø=o ł=l đ=d æ=ae œ=oe
    """,  # noqa: RUF001 - letters of other scripts are meant
)
_LETTERS = str.maketrans(dict(_TABLE))
"""How Russian, Ukrainian and Greek names are written in Latin letters, roughly: what is found so is asked about."""
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})  # codespell:ignore ue
_DIGITS = {word: str(n % 10) for n, word in enumerate(re.findall(
    r"\w+", "zero one two three four five six seven eight nine oh"))}  # fmt: skip
_SPOKEN_DIGITS = re.compile(rf"\b(?:{'|'.join(_DIGITS)})(?:[\s,-]+(?:{'|'.join(_DIGITS)})){{4,}}\b", re.IGNORECASE)
_SOME_DIGIT = re.compile(r"\d")
_SPELLED = re.compile(r"\s*[\[({<]?\s*\b(at|dot)\b\s*[\])}>]?\s*", re.IGNORECASE)
_SHORTEST, _LONGEST = 5, 64
"""Letters and digits of an identifier that is also looked for in other clothes."""
_BETWEEN = r"[\W_]{0,3}"
_IDENTIFIER = re.compile(r"\S*@\S+\.\S+|\S*\d\S*[/_.-]\S*|[\w-]*\d[\w-]*|\+?\d[\d ().\-/]{5,}\d")
_SENTENCE_END = re.compile(r"(?:^|[.!?:;\n\u2026\"\u201c(*-])\s*$")


class Mention(NamedTuple):
    """Where a text names something (half-open offsets), how sure that is, and why, without the words."""

    start: int
    end: int
    confidence: float
    why: str


class Folded(NamedTuple):
    """A text without case, accents and invisible signs, and where each of its characters came from."""

    text: str
    at: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the offsets in the original of a span of the folded text that is not empty."""
        return self.at[start], self.at[end - 1] + 1


def folded(text: str) -> Folded:
    """Fold a text and remember the places."""
    if text.isascii():
        return Folded(text.lower(), range(len(text)))
    parts, at = [], []
    for place, sign in enumerate(text):
        bare = _MARKS.sub("", normalize("NFKD", sign)).casefold()
        parts.append(bare)
        at += [place] * len(bare)
    return Folded("".join(parts), at)


def fold(text: str) -> str:
    """Return a text without case, accents and invisible signs."""
    return text.lower() if text.isascii() else folded(text).text


def is_identifier(name: str) -> bool:
    """Say whether a name is an address, a number or a code, rather than words."""
    return _IDENTIFIER.fullmatch(name.strip()) is not None


class Name:
    """One name, to be found in many texts."""

    def __init__(self, name: str) -> None:
        self.name = name.strip()
        self.folded = fold(self.name)
        self.identifier = is_identifier(self.name)
        self._first = self.folded.split()[0] if self.folded.split() else ""

    @cached_property
    def _words(self) -> re.Pattern[str]:
        words = r"[\s_\u2010-]+".join(re.escape(word) for word in self.folded.split())
        if _UNSPACED.search(normalize("NFC", self.name)):
            return re.compile(words)
        return re.compile(rf"(?<!\w){words}(?!\w)")

    @cached_property
    def _loose(self) -> re.Pattern[str] | None:
        """The letters and digits of an identifier with any signs between, maybe after a country code."""
        signs = re.findall(r"[^\W_]", self.folded)
        if not self.identifier or not _SHORTEST <= len(signs) <= _LONGEST or "@" in self.name:
            return None
        digits = "".join(signs)
        if digits.isdigit() and len(digits) > 9:  # what is dialled without the code of the country
            code = ""
            for digit in signs[:-9]:
                code = f"(?:{code}{digit}{_BETWEEN})?"
            signs = [code + signs[-9], *signs[-8:]]
        return re.compile(rf"(?<![^\W_])(?:\+\d{{1,3}}{_BETWEEN})?0?{_BETWEEN.join(signs)}(?![^\W_])")

    @cached_property
    def _variants(self) -> tuple[str, ...]:
        """Other ways to write the name in Latin letters."""
        lower = self.name.casefold()
        plain = re.sub(r"(?<=[aou])e", "", self.folded)
        latin = self.folded.translate(_LETTERS)
        found = {fold(lower.translate(_UMLAUTS)), plain, latin} - {self.folded}
        return tuple(sorted(v for v in found if len(v) > 2))

    def mentions(self, text: str) -> list[Mention]:
        """Return where a text names it, in order; at most one mention a place."""
        if text.isascii() and not self.identifier and not self._variants and self._first not in text.lower():
            return []  # as nearly every text
        whole = folded(text)
        found = list(self._as_words(text, whole)) if self.folded else []
        if not found:
            found = (
                list(self._as_identifier(text, whole))
                if is_identifier(self.name)
                else list(self._as_variant(text, whole))
            )
        return found

    def _as_words(self, text: str, whole: Folded) -> Iterator[Mention]:
        if self._first not in whole.text:
            return
        for match in self._words.finditer(whole.text):
            start, end = whole.span(*match.span())
            if _within(text, start, end, identifier=self.identifier):
                if not self.identifier:
                    yield Mention(start, end, PART, "within a longer word")
            elif text[start:end] == self.name:
                yield Mention(start, end, SAME, "named")
            elif normalize("NFKC", text[start:end]).casefold() == normalize("NFKC", self.name).casefold():
                yield Mention(start, end, FOLDED, "named, in other case")
            else:
                yield Mention(start, end, FOLDED, "named, with other accents or signs")

    def _as_identifier(self, text: str, whole: Folded) -> Iterator[Mention]:
        if "@" in self.name:
            clear = _SPELLED.sub(lambda m: "@" if m[1].lower() == "at" else ".", text)
            if clear != text and any(self._as_words(clear, folded(clear))):
                yield Mention(0, len(text), OTHERWISE, "an address that is spelled out")
            return
        if self._loose is None:
            return
        if _SOME_DIGIT.search(text):
            for match in self._loose.finditer(whole.text):
                yield Mention(*whole.span(*match.span()), OTHERWISE, "the same identifier, written otherwise")
        spoken = not re.search(r"[^\W\d]", self.name)
        for match in _SPOKEN_DIGITS.finditer(text) if spoken else ():
            said = "".join(_DIGITS[word] for word in re.findall(r"[a-z]+", match[0].lower()))
            if self._loose.fullmatch(said):
                yield Mention(*match.span(), OTHERWISE, "the same number, in words")

    def _as_variant(self, text: str, whole: Folded) -> Iterator[Mention]:
        """Find the name transliterated: only texts or names with letters beyond ASCII can hold it so."""
        for variant in self._variants:
            for match in re.finditer(rf"(?<!\w){re.escape(variant)}(?!\w)", whole.text):
                yield Mention(*whole.span(*match.span()), OTHERWISE, "named, in other letters")
        if text.isascii() or " " in self.name or len(self.name) < 3:
            return
        name = self.folded.translate(_LETTERS)
        stem = name.rstrip("aeiouy") or name
        for match in re.finditer(r"[^\W\d_]+", text):
            latin = fold(match[0]).translate(_LETTERS)
            if match[0].isascii() or not latin.startswith(stem):
                continue
            if latin == name or (not _latin(match[0]) and len(latin) - len(stem) <= _LONGEST_ENDING):
                yield Mention(*match.span(), OTHERWISE, "named, in another script or case")


def begins_sentence(text: str, start: int) -> bool:
    """Say whether what stands at `start` may owe its capital to the sentence it begins."""
    return _SENTENCE_END.search(text[max(0, start - 8) : start]) is not None


def _latin(word: str) -> bool:
    return all(ord(sign) < 0x250 for sign in word)


def _within(text: str, start: int, end: int, *, identifier: bool) -> bool:
    """Say whether a match is part of a longer thing: Anna-Maria, anna@x.org, alice.smith@x.org, Annas (Hangul) etc."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if _UNSPACED.search(text[start:end]) and (_UNSPACED.search(before[-1:]) or _UNSPACED.search(after[:1])):
        return True
    signs = "@.+-" if identifier else "@-"
    left = before[-1:] in {*signs} and before[-1:] != "" and (before[:1].isalnum() or before[-1:] == "@")
    right = after[:1] in {*signs, "."} and after[:1] != "" and (after[1:].isalnum() or after[:1] == "@")
    return left or right
