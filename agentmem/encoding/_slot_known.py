"""Which of the things that memory holds values of a question asks for: the names are known, so less grammar is needed.

"What's the gate code on my account?" could ask for a gate code or for an account. Where memory has heard of a gate code
the name is taken as one word, and what is left must ask for its present value: nothing but words in which one asks, or
the thing in the focus ("what is the X on ...", "which X did they ..."), or what somebody wrote down for it. Episodes,
reasons, times and comparisons are left alone, as are things of others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from agentmem.encoding._slot_loose import ASKS, KNOWN, NOTED, OTHERWISE, PAST, REQUESTS, WORD, bare
from agentmem.encoding._slot_words import SELF, Key, attribute, singular, words
from agentmem.encoding._stated_words import LEXICON

LONGEST, WIDEST = 240, 5
"""Characters of a question, and words of a name."""
_THING = "\u25c6"
_AFTER = re.compile(r"\b(?:my|our|the|which|what|today's|current|new|latest)(?= )(?=((?: \S+)+))")
_NOUNLIKE = frozenset("VEevgcka")
"""Words that may stand within a name, "work phone number" or "change fund"; at its end only content does."""
_SENTENCES = re.compile(r"(?<=[.?!])\s+|\s+[-\u2013\u2014]+\s+")
_OWN = re.compile(
    rf"\b(?:my|our|mine|i|me|we|us)\b|\b(?:the|a|that|this|which|what|whats|today's) (?:\w+ )?{_THING}"
    rf"|^\W*(?:\w+ )?{_THING}|\bfor {_THING}"
)
_FOREIGN = re.compile(
    rf"\b(?:his|her|their|its|your|(?!(?:what|who|today|now|that|it|where)'s)\w+(?:'s|s')) (?:\w+ )?{_THING}"
    rf"|{_THING}'s "
    rf"|\b(?:'s|is|was|are) (?:on|at|in|under|behind|inside|near|with) (?:my |our |the )?{_THING}"
    rf"|{_THING} (?:for|with|about|like)\W*$|{_THING} of (?!mine|ours|me\b|us\b)"
)
"""What another owns, and what is asked of the thing other than its value: "what's on my desk"."""
_DETERMINED = (
    r"(?:(?:my|our|the|a|that|this|own|new|newest|current|latest|present|actual|right|correct|very|other|today's) )*"
)
_ASKED = re.compile(
    rf"\b(?:what|which|who|whose|where)(?:'?s| is| are)? {_DETERMINED}{_THING}"
    r"(?=[?.!,]*$|,| (?:at|on|in|for|from|under|with|by|to|as|that|which|i|we|they|now|is|(?:am|are|is|do|did|does"
    r"|have|has"
    r"|had|was|were|should|can|will|must) (?:i|we|they|you|it)) )"
    rf"|\b(?:under|as) {_DETERMINED}{_THING}|\b(?:would|should|do|ought)\b.* {_DETERMINED}{_THING} (?:to )?(?:be"
    rf"|become)\b"
    rf"|{_THING} (?:is|was|would be)(?: now)?[ .\u2026]*\?$"
)
_PLAINLY = re.compile(
    rf"\bwhere do(?:es)? (?:things|we|i|it|that|this) stand (?:with|on|regarding|for|as to) {_DETERMINED}{_THING}"
    rf"|\b(?:what|which|who) (?:was|were) (?:that|this|the|my) {_THING} (?:again|already|supposed)\b"
    rf"|\bhow (?:does|do|about|is) {_DETERMINED}{_THING}(?: (?:stand|look|read)\b.*)?\W*$"
    rf"|\bwhat about {_DETERMINED}{_THING}\W*$"
    rf"|\bi (?:can(?:'t| never|not)|always|keep|never) (?:ever )?(?:remember|recall|forget|forgetting"
    rf"|mix up)\b.*{_THING}"
    rf"|\b(?:replac|swap|trad|switch|chang|exchang)\w* {_DETERMINED}{_THING} (?:with|for|to|by)\b"
    rf"|\b(?:what|which|who)\b.* (?:instead|in place) of {_DETERMINED}(?:old|previous|former) {_THING}\W*$"
    rf"|\b(?:what|who) (?:has |have |had )?(?:replaced|succeeded|superseded|took over (?:from|for|as)|t(?:ook|aken)"
    rf" the place of) {_DETERMINED}(?:(?:old|previous|former|last|earlier) )?{_THING}\W*$"
    rf"|{_THING}, (?:so )?(?:what|which|who)(?:'s| is) (?:it|that|the (?:new|current|right|correct|latest) one)\b"
    rf"|\b(?:what|which|who) {_DETERMINED}{_THING} (?:did|have|had) (?:i|we) (?:last |most recently )?"
    rf"(?:tell|told|give|given|mention\w*|say|said|name\w*|report\w*|note\w*)(?: to)?(?: you)?(?: about| of)?"
    rf"(?: (?:last|most recently|lately|recently|latest))*\W*$"
    rf"|\b(?:(?:asks?|asking|wonders?|curious|wants to know)(?: (?:you|me|us))? (?:about|for)|^(?:about|regarding"
    rf"|concerning)) {_DETERMINED}{_THING}, (?:what|which|who)\b"
    rf"|\b(?:can|could|may) (?:i|we|you) (?:please |just |quickly )?(?:have|get|see|check|confirm|look up|give me"
    rf"|tell me|show me)"
    rf" {_DETERMINED}{_THING}"
    rf"|^(?:[\w ]{{1,20}}[,:.!] ?)?{_DETERMINED}{_THING}(?:,? (?:now|again|please|pls|plz|then|rn|atm))*\W*$"
)
"""Forms that ask for a value whatever their words mean elsewhere."""
_EPISODE = re.compile(
    rf"\b(?:at|in|on|about|near|with|from|without|during|than|like) {_DETERMINED}{_THING}"
    rf"|\b(?:what|who|which \w+) (?!is|are|was|were|do|does|did|has|have|had|can|could|should|will|would|am"
    rf"|'s)\w+ (?:to )?"
    rf"(?:my|our|the) {_THING}|{_THING} \w+ (?:of|about|for|with)\W*$|\bin (?:19|20)\d\d\b"
    rf"|{_THING} (?:did|do|does|was|has|have|is) (?!i\b|we\b|you\b|they\b|it\b|my\b|our\b|the\b|a\b|in\b)[a-z]+ [a-z]+"
    rf"|\b(?:back then|at that time|in those days)\b"
)
"""What tells that more is asked for than the value: an episode beside the thing, who did something to it, long ago."""
_SINCE = re.compile(
    r"\b(?:after|since|with|following|as of|given) (?:(?:the|that|this|these|my|our|all|most|very) )*"
    r"(?:last|latest|recent|newest|new)? ?(?:chang|updat|switch|swap|correct|reset|mov|replac|reassign)\w*"
    r"|\b(?:instead of|in place of|rather than|unlike|compared (?:to|with)) (?:what|the (?:old )?one|whatever)"
    r"(?: (?:i|we|it) \w+)?(?: (?:before|earlier|previously|until \w+|back then))*"
    r"|\bdoes (?:it|that) (?:look|seem|sound|appear)(?: like| as if| that)?\b"
)
"""What only says that the value now is asked for, and not the one before: "after the last change"."""
_PUT = re.compile(
    rf"\b(?:what|which|who)(?: one)? (?:did|have|has|do|am|are|was|were) (?:i|we|they|you) (?P<verb>[\w' ]{{2,24}}?) "
    rf"(?:as|under|into|for|to) {_DETERMINED}{_THING}(?! \w)"
)
_WRITTEN = frozenset(
    re.findall(r"\w+", "write wrote written note noted jot jotted type typed file filed enter entered store stored")
)
_POINTS = re.compile(
    r"(?:(?:and |so )?(?:what about )?now(?: it is| it's)?\W*)|(?:(?:so|and|but|ok|well|please|again|sorry|now"
    r"|do you know|can you|could you|tell me|remind me),? )*(?:what(?:['\u2019]s"
    r"| is| was| would)|which(?: one)?(?: is| was)?|who(?:['\u2019]s| is| was)) (?:it|that|this|they|mine)?(?: be)?"
    r"(?: (?:now|again|then|these days|at the moment|currently|today|please|called|set to|supposed to be))*[?.! ]*"
)
"""A sentence that asks for what the one before named: "What was it again?"."""
_DO_YOU = re.compile(
    r"(?:do|did|have|would|could|can) you (?:\w+ )?(?:know|remember|have|recall|tell|got)? ?(?:it|that|me"
    r"|me that)?[?.! ]*"
)


def named(question: str) -> tuple[str, ...]:
    """Return the attributes that a question may name, longest first: its runs of words as `attribute` writes them."""
    keys = _keys(question)
    runs = {" ".join(keys[at : at + size]) for size in range(1, WIDEST + 1) for at in range(len(keys) - size + 1)}
    return tuple(sorted(runs, key=lambda run: (-run.count(" "), run)))


def written(question: str, name: str) -> str:
    """Return an attribute in the words of the question ("favorite color"); as it is where it stands nowhere."""
    said, size = words(question), name.count(" ") + 1
    runs = (" ".join(said[at : at + size]) for at in range(len(said) - size + 1))
    return next((run for run in runs if attribute(run) == name), name)


def likely(question: str) -> tuple[str, ...]:
    """Return what may be the names that follow a determiner in a question: its next words up to one of grammar."""
    found: list[str] = []
    for run in _AFTER.finditer(" ".join(question.lower().replace("\u2019", "'").split())):
        taken: list[str] = []
        for word in run[1].split()[:WIDEST]:
            bare_word = word.rstrip("?!.,;:").removesuffix("'s")
            if not bare_word or LEXICON.get(bare_word, "V") not in _NOUNLIKE:
                break
            taken.append(bare_word)
            if bare_word != word:
                break
        sizes = [n for n in range(len(taken), 0, -1) if LEXICON.get(taken[n - 1], "V") in "VEe"]
        found += [attribute(" ".join(taken[:n])) for n in sizes]
    return tuple(dict.fromkeys(filter(None, found)))


def asked_of(question: str, known: Mapping[str, int]) -> tuple[Key, ...]:
    """Return the keys of those `known` attributes whose present value a question may ask for, longest first."""
    text = " ".join(question.lower().replace("\u2019", "'").split())
    if len(text) > LONGEST:
        return ()
    text = " ".join(_SINCE.sub(" ", text).split())
    names = sorted(known, key=lambda name: (-name.count(" "), -len(name), name))
    asked = (n for n in names if any(_asks(said, changing=known[n] > 1) for said in _marked(text, n)))
    return tuple(Key(SELF, name) for name in asked)


def _keys(text: str) -> list[str]:
    return [singular(word.removesuffix("'s")) for word in words(text)]


def _marked(text: str, name: str) -> Iterator[str]:
    """Yield the text with each place where the name stands replaced by one sign."""
    size = name.count(" ") + 1
    spans = [(m.start(), m.end()) for m in re.finditer(r"[^\W_]+(?:['.&+/-][^\W_]+)*", text)]
    keys = [singular(text[a:b].removesuffix("'s")) for a, b in spans]
    for at in range(len(keys) - size + 1):
        if " ".join(keys[at : at + size]) == name:
            end = spans[at + size - 1][1]
            run = text[spans[at][0] : end]
            owner = run.endswith("'s")
            if run.endswith("s") and not owner and not name.endswith("s"):
                continue  # several are asked for: "which books"
            yield text[: spans[at][0]] + _THING + ("'s" if owner else "") + text[end:]


def _asks(said: str, *, changing: bool) -> bool:
    """Say whether a question, the thing in it marked, asks for the thing's present value."""
    if _FOREIGN.search(said) and not _PLAINLY.search(said):
        return False
    sentences = _SENTENCES.split(said)
    at = next(n for n, sentence in enumerate(sentences) if _THING in sentence)
    rest = sentences[at + 1 :]
    if rest and any(_POINTS.fullmatch(after) or _DO_YOU.fullmatch(after) for after in rest):
        return _OWN.search(said) is not None
    sentence = sentences[at] if at + 1 == len(sentences) else said
    if not _OWN.search(sentence) or _PLAINLY.search(sentence) or OTHERWISE.search(sentence):
        return _OWN.search(sentence) is not None and _PLAINLY.search(sentence) is not None
    if changing and not _EPISODE.search(sentence):
        return True
    return not PAST.search(sentence) and (_ASKED.search(sentence) is not None or _understood(sentence))


def _understood(sentence: str) -> bool:
    """Say whether all words of a sentence are those in which one asks for a value, or for what one had written down."""
    around = [word for word in WORD.findall(bare(sentence).replace(_THING, " ")) if word[0].isalnum()]
    if all(word in KNOWN for word in around):
        asked = ASKS.search(sentence) or REQUESTS.search(sentence)
        return asked is not None or all(word in NOTED or LEXICON.get(word) == "" for word in around)
    put = _PUT.search(sentence)
    return put is not None and not _WRITTEN.isdisjoint(put["verb"].split())
