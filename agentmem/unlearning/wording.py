r"""Where a text says a forgotten thing again: the same words in a row, whatever lies between, however it is escaped.

"I live in *Lisbon*!" says "i live in lisbon" again; so do its copy in capitals, over several lines, with composed or
decomposed accents, and inside the JSON of a tool call (`"I live in \"Lisbon\""`), also when that JSON was escaped
twice. "Bobsled" does not say "Bob". Scripts written without spaces are matched character by character.

`sealed` keeps keyed digests in place of the words, for whoever must recognise what was forgotten without knowing it.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from agentmem.errors import TextError

Span = tuple[int, int]

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:[^\W{_UNSPACED}][\u0300-\u036f]*)+")
_ESCAPE = re.compile(r"(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[0-9a-fA-F]{4}|\\[\"\\/bfnrt]")
DEPTH = 2
"""How often a text is unescaped: a tool's JSON inside a model's JSON is two."""
DIGEST = 16
"""Bytes of the digest of a run of words."""
FIRST = 2
"""Bytes of the digest of a first word: enough to pass over most places, too few to tell the word."""


class Wording:
    """Recognises texts by their words in order. Immutable; give it texts, or digests through `sealed`.

    Those of `alone` count only where they are all that a text says: "Yes." is not said again by every other "yes".
    Raises TextError for a text without a word.
    """

    def __init__(self, texts: Iterable[str], alone: Iterable[str] = ()) -> None:
        self.texts: tuple[str, ...] = tuple(dict.fromkeys(texts))
        self._alone: frozenset[object] = frozenset(" ".join(_folded(words(text))) for text in alone)
        self._digest: Callable[[str], object] = str
        self._first: Callable[[str], object] = str
        runs = [_folded(words(text)) for text in self.texts]
        if not all(runs) or "" in self._alone:
            raise TextError("a text without a single word cannot be found again; give one that has words")
        self._runs: frozenset[object] = frozenset(" ".join(run) for run in runs)
        self._firsts: frozenset[object] = frozenset(run[0] for run in runs)
        self._lengths = tuple(sorted({len(run) for run in runs}, reverse=True))

    def __bool__(self) -> bool:
        return bool(self._runs or self._alone)

    def sealed(self, key: bytes) -> Wording:
        """Return one that finds the same and holds no word: keyed BLAKE2b digests. `key` is 16 to 64 bytes, random."""
        found = Wording(())
        found._key(key)
        found._runs = frozenset(found._digest(str(run)) for run in self._runs)
        found._alone = frozenset(found._digest(str(run)) for run in self._alone)
        found._firsts = frozenset(found._first(str(word)) for word in self._firsts)
        found._lengths = self._lengths
        return found

    def _key(self, key: bytes) -> None:
        self._digest = lambda run: hashlib.blake2b(run.encode(), key=key, digest_size=DIGEST).hexdigest()
        self._first = lambda word: hashlib.blake2b(word.encode(), key=key, digest_size=FIRST).hexdigest()

    def to_json(self) -> str:
        """Return sealed wording as text, without its key. Raises TextError for one that holds words."""
        if self.texts:
            raise TextError("wording that holds words is not written down; seal it with a key first")
        return json.dumps([*(sorted(map(str, s)) for s in (self._runs, self._alone, self._firsts)), self._lengths])

    @staticmethod
    def from_json(data: str, key: bytes) -> Wording:
        """Return what `to_json` wrote, with its key."""
        found = Wording(())
        found._key(key)
        runs, alone, firsts, lengths = json.loads(data)
        found._runs, found._alone, found._firsts = frozenset(runs), frozenset(alone), frozenset(firsts)
        found._lengths = tuple(lengths)
        return found

    def spans(self, text: str) -> list[tuple[Span, int]]:
        """Return the half-open ranges of `text` that say it, sorted and apart, each with how often it is escaped."""
        found = dict.fromkeys(self._runs_in(text), 0)
        seen, places = text, [*range(len(text) + 1)]
        for depth in range(1, DEPTH + 1):
            if "\\" not in seen:
                break
            seen, inner = _unescaped(seen)
            places = [places[n] for n in inner]
            for start, end in self._runs_in(seen):
                found.setdefault((places[start], places[end]), depth)
        return _apart(found)

    def replaced(self, text: str, by: str) -> str:
        """Return `text` with every such range exchanged for `by`, which is escaped where the text is."""
        done, last = [], 0
        for (start, end), depth in self.spans(text):
            put = by
            for _ in range(depth):
                put = json.dumps(put)[1:-1]
            done += [text[last:start], put]
            last = end
        return "".join([*done, text[last:]]) if done else text

    def _runs_in(self, text: str) -> list[Span]:
        places = words(text)
        if not places or not self:
            return []
        folded = _folded(places)
        if self._alone and self._digest(" ".join(folded)) in self._alone:
            return [(places[0].start(), places[-1].end())]
        known = {word: self._first(word) in self._firsts for word in set(folded)}
        spans: list[Span] = []
        for n, word in enumerate(folded):
            if known[word]:
                for length in self._lengths:
                    if n + length <= len(folded) and self._digest(" ".join(folded[n : n + length])) in self._runs:
                        spans.append((places[n].start(), places[n + length - 1].end()))
                        break
        return spans

    def in_bytes(self, at_least: int = 1) -> Callable[[bytes], int] | None:
        """Return what counts the texts in raw bytes: UTF-8, any case, JSON-escaped, UTF-16 or -32.

        It knows no word boundaries: in a serialised state the byte before a string may be its length. Only of texts of
        `at_least` so many bytes; None if there are none, or they are sealed.
        """
        long = [text for text in self.texts if len(text.encode()) >= at_least]
        between = rb"(?:\\+[nrtbf]|[^0-9a-z\x80-\xff]){1,12}"
        forms: dict[bytes, None] = {}
        for text in long:
            said = [match.group() for match in words(text)]
            for form in (str, str.lower, str.upper, str.casefold):
                for spelt in ([form(word) for word in said], [json.dumps(form(word))[1:-1] for word in said]):
                    forms[between.join(re.escape(word.encode().lower()) for word in spelt)] = None
            for code in ("utf-16-le", "utf-16-be", "utf-32-le"):
                forms[re.escape(text.encode(code).lower())] = None
        patterns = [re.compile(form) for form in forms]  # one by one: each is searched for by its literal beginning

        def count(data: bytes) -> int:
            low = data.lower()
            return sum(len(pattern.findall(low)) for pattern in patterns)

        return count if patterns else None


def words(text: str) -> list[re.Match[str]]:
    """Return the words of a text, in order."""
    return [*_WORD.finditer(text)]


def _folded(found: Sequence[re.Match[str]]) -> list[str]:
    return [unicodedata.normalize("NFKC", match.group()).casefold() for match in found]


def _unescaped(text: str) -> tuple[str, list[int]]:
    """Undo JSON's escapes once; return the text and where each of its characters, and its end, stood."""
    made: list[str] = []
    places: list[int] = []
    last = 0
    for match in _ESCAPE.finditer(text):
        made.append(text[last : match.start()])
        places += range(last, match.start())
        made.append(json.loads(f'"{match.group()}"'))
        places += [match.start()] * len(made[-1])
        last = match.end()
    return "".join([*made, text[last:]]), [*places, *range(last, len(text) + 1)]


def _apart(found: dict[Span, int]) -> list[tuple[Span, int]]:
    """Merge ranges that overlap; the outermost escaping of a group holds for all of it."""
    done: list[tuple[Span, int]] = []
    for (start, end), depth in sorted(found.items()):
        if done and start < done[-1][0][1]:
            (first, last), before = done[-1]
            done[-1] = ((first, max(last, end)), min(before, depth))
        else:
            done.append(((start, end), depth))
    return done
