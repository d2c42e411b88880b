"""The English in which people say who may know what: what is private or public, and for whom.

A value is what a sentence could give away by itself: a code, a sum, a share, a date, a numbered place, a quoted label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_COUNT = (
    r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|eighteen|twenty[\w-]*|thirty[\w-]*"
    r"|sixty|ninety)"
)
VALUE = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w.-]{1,253}\.\w+|(?<!\w)\+?\d[\d ().\-]{6,30}\d(?!\w)"
    r"|(?<![\w-])(?=[\w-]{0,80}\d)(?=[\w-]{0,80}[A-Za-z])(?=[\w-]{0,80}[_-]|[A-Z\d]{5,80}\b)[\w-]{5,160}\b"
    r"|[$\u20ac\u00a3]\s?\d[\d.,]*|\b\d{1,3}(?:[,.]\d{3})+(?:\s?[A-Z]{3}\b)?|\b\d+(?:\.\d+)?\s?%"
    rf"|\b(?i:{_MONTH}) \d{{1,2}}(?:, \d{{4}})?\b|\b\d{{1,2}} (?i:{_MONTH})\b|\b\d{{4}}-\d\d-\d\d\b"
    r"|\b(?:[A-Z][a-z]{1,30} ){1,6}\d{1,5}\b"
)
"""Values by their form. All is bounded, so that no text takes longer than its length."""
TERM = re.compile(rf"\b{_COUNT}[- ](?:hour|day|week|month|year)s?\b", re.IGNORECASE)
"""How long something lasts: it tells that somebody knows terms, but not which."""
QUOTED = re.compile(r"(?<!\w)[\"'\u201c\u2018]([^\"\u201c\u201d\n]{3,120}?)[\"'\u201d\u2019](?!\w)")
SEGMENTS = re.compile(r"(?<=[.!?;:])\s+|,\s+|\s+(?:while|separate from|distinct from|and not|not|but)\s+")
"""Where a sentence goes over from what is private to what is public."""

PUBLIC = re.compile(
    r"\bpublic(?:ly)?\b|\bopen-facing\b|\bcirculate (?:broadly|openly|widely)\b"
    r"|\b(?:visible to|open to|shared with|for) (?:everyone|everybody|all of us|anyone)\b"
    r"|\b(?:everyone|everybody|anyone) (?:may|can|should) (?:know|see|read)\b",
    re.IGNORECASE,
)
PRIVATE = re.compile(
    r"\b(?:private|confidential|restricted|sensitive|secret|internal|exact|classified|credentials?|passwords?|tokens?"
    r"|off the record|need[- ]to[- ]know|core (?:\w+ )?(?:room|team|group|chain|thread|channel))\b",
    re.IGNORECASE,
)
SAFE = re.compile(r"\b(?:safe|broad|mixed-audience)\b", re.IGNORECASE)
"""A quoted wording that is meant for everyone."""
WHOSE = re.compile(r"([A-Z][\w-]*(?: [A-Z][\w-]*)?)['\u2019]s?\s+(?:[\w-]+\s+){0,2}$")
"""Before something private: whose it is."""
NAMES = re.compile(r"(?=\b([A-Z][\w-]*(?: [A-Z][\w-]*)?))")
"""What may be somebody's name."""
STATES = re.compile(
    r"\b(?:is|are|was|were|remains?|stays?|moves?|now|current(?:ly)?|approved|active|updated?|replaces?"
    r"|holds?|confirmed|selected)\b",
    re.IGNORECASE,
)
"""What tells how things stand, where it is not told to everyone."""
LIMITED = re.compile(
    r"\b(?:my|our) (?:\w+ )?(?:scope|access|role|clearance) (?:is|remains|stays)\b"
    r"|\bI(?: still| also| really)? (?:do not|don't|should not|shouldn't|cannot|can't|must not|may not|am not"
    r"|am not allowed to|only(?! need))\b"
    r"|\bI(?: am|'m| can| may| should)(?: \w+){0,4} (?:only|but not)\b"
    r"|\bI can\b[^.;!?\n]{0,120}\bbut\b[^.;!?\n]{0,120}\b(?:not|restricted)\b|\bI may\b[^.;!?\n]{0,120}\bbut\b"
    r"|\b(?:not|never) (?:authori[sz]e|give|grant|entitle) me\b",
    re.IGNORECASE,
)
"""How somebody says that a matter is not, or not wholly, for them."""

_WHO = r"([^.;:!?\n]{1,80}?)"
_END = r"(?=[.,;:!?]|$)"
_KNOW = r"(?:(?:see|know|read|access|view|receive|hear|get|learn)s?(?: about| of)?|have)"
_BUT = r"(?:except(?: for)?|but|other than|apart from|besides)"
_IT = r"(?:this|that|it|these|those)"
ONLY = re.compile(
    rf"\bonly {_WHO} (?:may|can|should|is allowed to|are allowed to|is to|are to|needs? to|must|gets? to) {_KNOW}\b"
    rf"|\bfor {_WHO}(?:['\u2019]s?)? eyes only\b"
    rf"|\blet only {_WHO} {_KNOW}\b"
    rf"|\b(?:nobody|no one|no-one) {_BUT} {_WHO}"
    rf" (?:may|can|should|is allowed to|is to|needs? to|must|gets? to) {_KNOW}\b"
    rf"|\b(?:do not|never) (?:tell|show) (?:anyone|anybody) {_BUT} {_WHO}{_END}"
    rf"|\b(?:keep|hide|withhold) [^.;!?\n]{{1,40}}? from (?:everyone|everybody|anyone|anybody) {_BUT} {_WHO}{_END}"
    rf"|\b(?:visible|available|restricted|limited|confined|private|confidential) to {_WHO}(?: only| alone)?{_END}"
    rf"|\bonly (?:visible|available|open) (?:to|for) {_WHO}{_END}"
    rf"|\b(?:share|discuss) {_IT} (?:only with {_WHO}{_END}|with {_WHO} (?:only|alone)\b)",
    re.IGNORECASE,
)
"""Who alone may know."""
BETWEEN = re.compile(
    r"\b(?:keep (?:this|that|it)|(?:this|that|it)(?:'s| is| stays)|just|strictly) (?:just |only |strictly )?"
    r"between (?:us|you and me|the two of us|ourselves)\b"
    r"|\bkeep (?:this|that|it) to yourself\b|\btell (?:nobody|no one)\b"
    rf"|\b(?:(?:do not|never) (?:tell|show)|not a word [^.;!?\n]{{0,20}}?to)"
    rf" (?:anyone|anybody|a soul|the others)\b(?! {_BUT}\b)",
    re.IGNORECASE,
)
"""For the two who talk, and nobody else."""
MINE = re.compile(
    r"\b(?:private to|only for|just for|for) me (?:only|alone)\b|\b(?:private to|only for|just for) me\b", re.IGNORECASE
)
"""For the speaker alone."""
NOT_FOR = re.compile(
    r"\b(?:do not|never|must not|should not|not to)(?: ever)? (?:(?:tell|show|let)(?! me\b| you\b) "
    rf"{_WHO}(?= (?:about|that|this|the|know|see|any|anything|what|where|when|how|until|yet)\b|[.,;!?]|$)"
    r"|(?:share|mention|discuss|forward|reveal|give|disclose|pass|leak|repeat|show)\b[^.;!?\n]{0,60}?"
    rf" (?:with|to) {_WHO}{_END})"
    rf"|(?:^|[.;,!?]\s+){_WHO} (?:must not|should not|may not|cannot|must never|should never"
    rf"|is not allowed to|are not allowed to|does not need to|do not need to) {_KNOW}\b"
    rf"|\b(?:make sure|ensure|see to it)(?: that)? {_WHO} (?:never|does not|do not) {_KNOW}\b"
    rf"|\b(?:would|'d) (?:rather|prefer)(?: that)? {_WHO} (?:did not|does not|do not) {_KNOW}\b"
    rf"|\bnot a word (?:about|of) [^.;!?\n]{{1,40}}? to {_WHO}{_END}|\bnot a word to {_WHO}{_END}"
    rf"|\b(?:keep|hide|withhold) (?:{_IT}|[^.;!?\n]{{1,40}}?) (?:away )?from {_WHO}{_END}"
    rf"|\bnot (?:visible|available|open|meant|intended) (?:to|for) {_WHO}{_END}",
    re.IGNORECASE,
)
"""Who must not know."""
ALSO_FOR = re.compile(
    rf"(?:^|[.;,!?]\s+){_WHO} (?:may|can|is allowed to|are allowed to|is cleared to|are cleared to|is welcome to)"
    rf" {_KNOW}\b"
    rf"|\b(?:feel free to|you may|you can|please) (?:share|tell|show)\b[^.;!?\n]{{0,40}}? (?:with|to) {_WHO}{_END}",
    re.IGNORECASE,
)
"""Who may know as well."""
OPENED = re.compile(
    r"\b(?:everyone|everybody|anyone|anybody|all of you) (?:else )?(?:may|can|should|is allowed to|is welcome to) "
    rf"(?:now )?{_KNOW}\b"
    r"|\b(?:feel free to|you may|you can) (?:share|tell|show)\b[^.;!?\n]{0,40}? (?:with |to )?"
    r"(?:everyone|everybody|anyone|anybody)\b",
    re.IGNORECASE,
)
"""How somebody takes back that something is for few."""
_DENIED = re.compile(
    r"\b(?:not|never|no longer|no need to|used to|stop|why|if|whether"
    r"|won't)"
    r"(?: [\w'\u2019]+){0,3}\W*$",
    re.IGNORECASE,
)
"""What before a rule makes it none: "don't keep it from Cy", "not only Ana may see this"."""
_SHORT = re.compile(r"\b(is|are|was|were|do|does|did|should|must|need|would|has|have)n't\b", re.IGNORECASE)
ASKING = re.compile(r"[^.!?\n]{1,400}\?")
"""A question, which tells nothing."""
_ASKED = re.compile(r"[^.!?\n]{0,200}\?")
POINTS = re.compile(rf"\b{_IT}\b|\bwhat I (?:just )?(?:said|told you)\b", re.IGNORECASE)
"""How a sentence speaks of what was said before it."""


def said(rule: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Yield where a text lays down a rule: not where it asks for it, or says that it does not hold."""
    text = _SHORT.sub(r"\1 not", text.replace("\u2019", "'")).replace("can't", "cannot")
    for match in rule.finditer(text):
        before = re.split(r"[.;:!?,\n]", text[max(0, match.start() - 60) : match.start()])[-1]
        if not _DENIED.search(before) and not _ASKED.match(text, match.end()):
            yield match


def values(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the values of a text, each with whether the part of the sentence in which it stands calls it public."""
    for segment in SEGMENTS.split(" ".join(text.split())):
        public = PUBLIC.search(segment) is not None
        for match in VALUE.finditer(segment):
            yield match[0], public
        if not SAFE.search(segment):
            for match in QUOTED.finditer(segment):
                yield match[1], public
