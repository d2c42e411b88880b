"""Aliases: which names mean the same person or thing, judged by the names alone.

"Ana" and "Reyes" mean "Ana Reyes" as long as no "Ana Costa" is known; then "Ana" stands for nobody in particular and is
left alone. What is merged depends on the set of names only: once the last memory of a name is erased, the others mean
what they would have meant without it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

_TITLES = frozenset({"mr", "mrs", "ms", "dr", "prof", "st", "sir", "lady", "aunt", "uncle", "grandma", "grandpa"})


def canonical(names: Iterable[str]) -> dict[str, str]:
    """Return for each name the longest name it is short for, or itself; compared without case and titles.

    Of several spellings of one name ("Ana Reyes", "Dr. ANA REYES") all mean the last in the order of their characters.
    A name is short for another where it is the first or the last words of it, and of no other longest name.
    """
    known = list(dict.fromkeys(names))
    parts = {name: _words(name) for name in known}
    longer: dict[tuple[str, ...], list[str]] = {}
    for name in known:
        for part in _ends(parts[name]):
            longer.setdefault(part, []).append(name)
    spelling: dict[tuple[str, ...], str] = {}
    for name in known:
        spelling[parts[name]] = max(name, spelling.get(parts[name], name))
    means = {name: spelling[parts[_stands_for(name, longer.get(parts[name], []), parts)]] for name in known}
    return {name: _followed(name, means) for name in known}


def same(name: str, names: Iterable[str]) -> frozenset[str]:
    """Return which of the names mean the same as `name`, itself included."""
    merged = canonical([name, *names])
    return frozenset(other for other, whole in merged.items() if whole == merged[name])


def _followed(name: str, means: Mapping[str, str]) -> str:
    """Return what a name means in the end: "Reyes" is "Ana Reyes", and that may be short as well; each is longer."""
    while means[name] != name:
        name = means[name]
    return name


def _stands_for(name: str, longer: Collection[str], parts: dict[str, tuple[str, ...]]) -> str:
    """Return the one longest name; the longer ones may be short for each other, but must not disagree."""
    if not longer:
        return name
    longest = max(longer, key=lambda other: (len(parts[other]), other))
    agree = all(parts[other] in _ends(parts[longest]) or parts[other] == parts[longest] for other in longer)
    return longest if agree else name


def _ends(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    """Return the proper beginnings and endings of a name."""
    return {words[:n] for n in range(1, len(words))} | {words[n:] for n in range(1, len(words))}


def _words(name: str) -> tuple[str, ...]:
    words = tuple(word.strip(".'\u2019").casefold() for word in name.split())
    return words[1:] if len(words) > 1 and words[0] in _TITLES else words
