"""Where in a tagged sentence the value stands: patterns over the letters of `_stated_tags`.

First the clause that names the attribute, then the ones after it that speak on of it ("it is", "the new one is", "I
have ... now"), then, where a clause says "that's my code", the one before.
"""

from __future__ import annotations

import re

from agentmem.encoding._stated_tags import Tagged

_R = r"(?P<value>d?V+(?:(?:nd?|dn|j|d|f)V+){0,3})(?![VbwgcakevEnrhs])"
"""A value: content words, with "of the", "and" and the like between them; no verb may follow."""
_S = r"(?P<value>d?V+(?:(?:nd?|d)V+){0,3})"
"""The same before the attribute."""
_P = r"(?P<value>V{1,5}(?:(?:nd?|j)V{1,3})?)"
"""A value without determiner: "some help for my boss" is none of my boss."""
_ANY = r"(?P<value>[^AO,:!djTIY][^AO,:!TIY]{0,3}?)"
"""Any words: for a value of common ones ("down", "open"), where the place alone tells."""
_END = r"(?=[,:!j]|$)"
_OPEN = r"(?:^|(?<=[,:!jk]))"
"""Where a clause begins."""


def _compiled(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in patterns)


_HERE = _compiled(
    # the attribute is ..., became ..., is called ..., stands at ..., I use is ...
    rf"A[,:]?[jT]?(?:[IY][hwb]*[gec]m?[nofi]?|[gec]om)?[whpc]*T?(?:ej|cj)?(?:[whe]*|ho)b(?:[abc][osi]?|[sn]|g?ob)?[,:]?j?T?b?{_R}",
    rf"A(?:[IY]?h?[gec]m?[nofi]?)b{_R}",
    # the attribute changed to ..., they changed it to ..., traded it for ...
    rf"A[,:]?[jT]*[IY]?[whpbg]*(?:[cr]|g(?=n))e?(?:n[OA]|n[dEVN]*)*[os]{_R}",
    rf"(?:c|r)(?:n|m|d|uYhf)*[AO][,:]?(?:[IY]h?g?f?m?|nd?V+)?[oifs]{_R}",
    rf"[hg]Aa{_R}",
    rf"[cg]n+[AO]j?[on]{_R}",
    rf"A[,:]?[jT]*[whpbg]*(?:Hob)?(?:r[oi]|c[oif]|cnd?V+[oif]){_R}",
    rf"A[wh]*eo{_R}$",
    rf"[ce]Of{_R}",
    rf"[gc][oif]?{_S}z+[AO](?!V)",
    rf"z[nz]*[AO],?[IY][whb]*[gc][onfi]?{_R}",
    # the attribute: ...
    rf"(?:^|[:,jtv])(?:[IT][whb]*)?[cgkh]?A[cgehwb]*(?:[fn][dT]?V+)?,?:[,:]*[jT]*(?:[T]?b)?(?:I?[wbh]*[ck]?g[fonis]?)?{_R}{_END}",
    rf"TbA[,:]+{_P}{_END}",
    rf"[gkcm]A:{_P}{_END}",
    rf"(?:^|:|[gk]T?,)A{_R}(?=$|,g?$)",
    # ... as the attribute, ... is the attribute
    rf"{_S}b[uj]I[w]*[hgck]+[sfon]*A(?!V)",
    rf"T[pb]{_S}j[IY][hwgb]*[gck]sA(?!V)",
    rf"{_S}[wh]*(?:[bpg][gckean]*(?:om)?|vE|v|og)?E?sA(?!V)",
    rf"Tb{_P}(?:f|,)A{_END}",
    rf"[gh]{_S}lA(?!V)",
    rf"{_OPEN}(?:[Ij]*|[IY]k){_S}[,:]?[wh]*(?:b+|bgob|bu|p[gca]+o?b?|r|Tbf|[kg]ob|ob|r)A(?!V)",
    rf"{_S}(?:ob|Tbf|bu)A(?!V)",
    rf"^{_S}[,:]+(?:Tb[sf]?|[sf])?A(?=[,:!]|$)",
    rf"{_OPEN}{_S}[wh]*rO(?!V)",
    rf"gm{_S},A(?=[,:!]|$)",
    # use ... for the attribute, make ... my attribute
    rf"(?:[gec]o?m?[ino]?|h|bi){_P}fA(?!V)",
    rf"(?:g|c)[o]?m?[in]?{_P}g*rO?A(?!V)",
    rf"a{_S}A(?!V)",
    rf"^Ik{_P}fA{_END}",
    rf"^b{_S}A(?!V)",
    rf"(?:^|:){_P}[fs]A{_END}",
    rf"(?:^|I)[gk]m?{_S}j[IYgkvhf]*A",
    # for the attribute I use ...
    rf"{_OPEN}(?:f|i|t|s|sf)A,?:?j?[IY]?[whb]*(?:g|k|c)[gb]*[oifn]?{_R}{_END}",
    rf"vfA[,:]?[Ikm]+n?{_R}",
    # the same of a value of common words
    rf"[gch]m?{_ANY}sA(?!V)",
    rf"A[whb]*c[oi]{_ANY}$",
    rf"^A:{_ANY}$",
)
_FUTURE = re.compile(rf"[gk]j?{_S}qbA(?!V)")
"""What was decided then ("that it would be ...") holds now."""
_ASIDE = re.compile(
    r"(?<=A),j[^,:!AO]*,(?=[wh]*b)|(?<=A)[IY][hwpb]*[gcqvek]m?[nofi]?(?:nd?V+)?(?=[wh]*b|:)|(?<=V),x[^,:!AO]*,(?=[wh]*b)"
)
"""What stands between a noun and its verb: "my code, which used to be short, is", "the code I use at work is"."""
_GAVE_UP = re.compile(
    r"O|[crx]M?[hgn]*A|A[jT]*[whpb]*[ce]|[nz]A[veE]|H?o?[hg]A(?=,?j)|A:?[whb]*x|^[jk]*A!$|[AO][npz]*E,|A[Hh]og"
    r"|(?:[gem]|gm|vf?)A(?=[,:!j]|$)|vnA(?=[,:!]|$)"
)
"""What says of the attribute that it has changed, went or was given: what is had next is the new one."""
_THEN_SURE = _compiled(
    rf"[Ij]*(?:T|d*N|TN|m)w?b[cgea]?[onj]?{_R}$",
    rf"[jw]*{_S}(?:Tb$|b(?:d?N|u)I|bc$|b$|r.?$|bd*N$)",
)
_THEN = _compiled(
    rf"[jb]*b{_R}$",
    rf"[Ij]*[IY]?[whbc]*[ghc][gche]*[onfi]?m?{_R}$",
    rf"I[whbg]*[n]{_R}$",
    rf"[IYTbgckEpe]*j{_S}Tb$",
    rf"ni{_R}$",
    rf"j?T+k{_R}$",
    rf"[Ij]*I[hw]*k{_R}$",
)
_BARE = re.compile(rf"{_R}$")
_ENDED = re.compile(r"xM[hg]A|x[wh]*[hg]A[dE]?M|(?:^|[,:j])I[wh]*LA|[Ih]xA(?=$|[,:!M])|^xAM")
"""No longer having it, having none, giving it up."""
_BACK = re.compile(r"^[jx,]*(?:T|N)w?b[se]?A(?!V)")
_BACK_HERE = re.compile(r"[,:]j?(?:(?:T|N)w?b[se]?|[IY]?[hw]*aT)A(?!V)")
_SUBJECT = re.compile(rf"[,:j]?{_S}(?:[pb]|Tb)")
_LAST = re.compile(rf"{_S}[,:!]*$")
_BLOCK = re.compile(r"[xqP]|H(?!Ac|obc|obr)")
_CLAUSES = re.compile(r"[^,:!]+")
_PARTS = re.compile(r"[^,:!j]+")

Place = tuple[int, int]


def read(sentences: list[Tagged]) -> Place | None:
    """Return the offsets of the value that the last assertion gives; equal offsets where it ends; None for nothing."""
    result: Place | None = None
    about = ""  # what the sentence that last named the attribute said
    for number, sentence in enumerate(sentences):
        found: Place | None = None
        if "A" in sentence.tags or "O" in sentence.tags:
            about = sentence.tags
            found = _named(sentence, sentences[number - 1] if number else None)
        elif about and not sentence.asks:
            found = _after(sentence, 0, about)
            about = ""
        result = found or result
    return result


def _named(sentence: Tagged, before: Tagged | None) -> Place | None:
    """Read a sentence that names the attribute."""
    tags = sentence.tags
    if sentence.asks or tags.startswith("P"):
        return None
    if aside := _ASIDE.search(tags):
        first, last = aside.span()
        tags, spans = tags[:first] + tags[last:], sentence.spans[:first] + sentence.spans[last:]
        sentence = Tagged(tags, spans, asks=False)
    if (back := _BACK_HERE.search(tags)) and back.start():
        return _spoken_of(sentence, back.start())
    if before is not None and not before.asks and _BACK.match(tags):
        return _spoken_of(before, len(before.tags))
    return _here(sentence) or _further(sentence)


def _here(sentence: Tagged) -> Place | None:
    """Return the value that stands in the clause of the attribute."""
    tags = sentence.tags
    for pattern in _HERE:
        for found in pattern.finditer(tags):
            if not _blocked(tags, found.start(), found.end()):
                return _place(sentence, found)
    if (future := _FUTURE.search(tags)) and not _blocked(tags, future.start(), future.start("value")):
        return _place(sentence, future)
    return None


def _further(sentence: Tagged) -> Place | None:
    """Return the value that stands in a clause after the attribute's, or the end that its own tells."""
    tags = sentence.tags
    named = min(at for at in (tags.find("A"), tags.find("O")) if at >= 0)
    rest = _PARTS.match(tags, named)
    value = _after(sentence, named + 1 if rest is None else rest.end(), "")
    if value is None and (end := _ENDED.search(tags)) and not set("qPH") & set(tags[: end.end()]):
        return sentence.spans[named][0], sentence.spans[named][0]
    return value


def _spoken_of(sentence: Tagged, end: int) -> Place | None:
    """Return of which thing the clause that ends at `end` speaks: its subject if it says how that is, else its last."""
    begin = max(sentence.tags.rfind(sign, 0, end) for sign in ",:!") + 1
    part = sentence._replace(tags=sentence.tags[begin:end], spans=sentence.spans[begin:end])
    if _BLOCK.search(part.tags):
        return None
    found = _SUBJECT.match(part.tags) or _LAST.search(part.tags)
    return _place(part, found) if found else None


def _after(sentence: Tagged, start: int, about: str) -> Place | None:
    """Read the clauses from `start` on as speaking of the attribute, of which `about` was said in the one before."""
    tags = sentence.tags
    for split in (_CLAUSES, _PARTS):
        for clause in split.finditer(tags, start):
            if _BLOCK.search(clause[0]):
                continue
            gone = _GAVE_UP.search(about + tags[: clause.start()])
            for pattern in _THEN_SURE + _THEN if gone else _THEN_SURE:
                if found := pattern.match(clause[0]):
                    return _place(sentence, found, clause.start())
            if gone and split is _CLAUSES and (found := _BARE.match(clause[0])):
                return _place(sentence, found, clause.start())
            if about and split is _CLAUSES:
                break  # of the sentence after, the first clause
    return None


def _place(sentence: Tagged, found: re.Match[str], start: int = 0) -> Place:
    first, last = found.span("value")
    return sentence.spans[start + first][0], sentence.spans[start + last - 1][1]


def _blocked(tags: str, start: int, end: int) -> bool:
    """Say whether the clause around a match denies, supposes or remembers."""
    begin = max(tags.rfind(sign, 0, start) for sign in ",:j!") + 1
    return _BLOCK.search(tags, begin, end) is not None
