"""A request in words to a selector, by rules and without a model; what is ambiguous becomes a question, never a guess.

    parse("forget everything about my ex Anna, except the trip to Lisbon", space, now)

Only English is read, names in any script. A model may be asked as well (`propose`): what it proposes is checked and
always asked about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from agentmem.encoding.calendar import add_months
from agentmem.encoding.dates import LEAST_YEAR, find_times, parse_when
from agentmem.errors import TextError
from agentmem.unlearning import _request_words as words
from agentmem.unlearning.known import Known
from agentmem.unlearning.phrases import Phrases, verbatim
from agentmem.unlearning.proposals import Propose, proposed
from agentmem.unlearning.selector import (
    NOTHING,
    AllOf,
    AnyOf,
    Choice,
    Everything,
    Except,
    OneOf,
    Question,
    Said,
    Selector,
    Topic,
    Understood,
    View,
    Words,
)

__all__ = ["Propose", "is_request", "parse"]

LONGEST = 2_000
"""Characters of a request."""

_NUMBERS = {"a": 1, "an": 1, "couple of": 2, "two": 2, "few": 5, "three": 3, "five": 5, "ten": 10}
_SPEAKS = re.compile(
    r"\b(?:told|tell|said|say|says|wrote|mentioned|shared|talked|discussed|spoke|asked|sent|chatted|messages?"
    r"|conversations?"
    r"|chats?|everything|all|anything|whatever|memory|memories|notes?|facts?|know|learn\w*|remember\w*|stored?|saved?)\b|^\W*$",
    re.IGNORECASE,
)
_SAID_WHEN = re.compile(
    r"\b(?:said|told|mentioned|wrote|discussed|talked|spoke|shared) (?!(?:you |me )?about\b)(?:you )?.{2,40} about\b",
    re.IGNORECASE,
)
"""A time between the saying and the topic is that of the saying."""
_JOINS = re.compile(r"\s*(?:and|to|until|till|through|-|\u2013)\s*(?:the\s+)?", re.IGNORECASE)


def is_request(text: str) -> bool:
    """Say whether something said in a chat asks to forget: "don't forget the milk" and "I forgot my keys" do not."""
    sentences = words.SENTENCES.split(text[:LONGEST].replace("\u2019", "'"))
    return any(_asks(sentence) or _reported(sentence) for sentence in sentences) or bool(_forbidden(sentences))


def _asks(sentence: str) -> bool:
    if words.PASSIVE.match(sentence):
        return True
    sentence, labelled = _unlabelled(sentence)
    found = words.OPENING.match(sentence)
    if found is None:
        return labelled and words.ALSO_KEPT.match(sentence) is None and verbatim(sentence) is not None
    asking, rest = found["asking"].strip().lower(), found["rest"]
    verb = (found["forget"] or found["remove"]).lower()
    if verb.split()[0].endswith("ing") and "mind" not in asking:
        return False
    polite = bool(asking) or re.search(r"\b(?:please|pls|plz|kindly)\b", found["calm"], re.IGNORECASE) is not None
    if words.BARE_PRONOUN.match(rest):
        return polite and not rest.strip().lower().startswith("it")
    if found["remove"] or re.match(r"let's|you (?:should|must|can|may|need|have|ought)|it's time", asking):
        replaced = words.RETIRED.search(rest) is not None and words.VALUE.search(rest) is not None
        return labelled or replaced or words.OF_MEMORY.search(rest) is not None
    asked = rest.rstrip().endswith("?") and not re.search(
        r"\b(?:ok|okay|please|you|alright)\W*\?$", rest, re.IGNORECASE
    )
    return words.NO_REQUEST.match(rest) is None and (bool(asking) or not asked)


def _reported(sentence: str) -> str:
    """Return what a sentence says is deleted, or must count as that, where it names it to the letter; else nothing."""
    if sentence.rstrip().endswith("?"):
        return ""
    tidying = words.TIDYING.match(sentence)
    bare = sentence[tidying.end() :] if tidying else sentence
    done, gone = words.DONE.match(bare), words.GONE.search(bare)
    if done is not None and (done["where"] or tidying):
        what: str = done["object"]
    elif gone is not None and words.RETIRED.search(bare[: gone.start()]):
        what = bare[: gone.start()]
    else:
        return ""
    return what if verbatim(what) is not None else ""


def _forbidden(sentences: Sequence[str]) -> list[str]:
    """Return the sentences that name something retired to the letter, before one that says not to bring it up again."""
    return [
        before
        for before, after in pairwise(sentences)
        if words.REVIVE.match(after) and words.RETIRED.search(before) and words.VALUE.search(before)
    ]


def _unlabelled(sentence: str) -> tuple[str, bool]:
    """Return a sentence without a heading such as "Deletion request:", and whether that says that it is one."""
    label = None if words.OPENING.match(sentence) else words.LABEL.match(sentence)
    return (sentence[label.end() :], label["asks"] is not None) if label else (sentence, False)


def parse(
    request: str,
    view: View,
    now: datetime,
    *,
    speaker: str | None = None,
    thread: str | None = None,
    propose: Propose | None = None,
) -> Understood:
    """Return what a request means in a space, and what must be asked first.

    `now` is aware; `speaker` is who asks ("my address", "what I told you"; default: the only person who speaks there),
    `thread` the conversation it is asked in. `propose` is asked where the rules came to no more than a topic or an open
    question. Raises TextError for an empty or endless request, TimeError for a naive `now`.
    """
    if not isinstance(request, str) or not request.strip():
        raise TextError('the request is empty; say what to forget, for example "forget everything about Anna"')
    if len(request) > LONGEST:
        raise TextError(f"the request has {len(request)} characters, the most is {LONGEST}; say it in a sentence")
    known = Known.of(view)
    reading = _Reading(Phrases(known, speaker, thread), now)
    parts = [reading.request(part) for part in _objects(request)]
    selector = parts[0] if len(parts) == 1 else AnyOf(tuple(parts))
    understood = Understood(selector, tuple(reading.phrases.questions))
    unclear = isinstance(selector, Topic) or any(not q.choices for q in understood.questions)
    if propose is not None and unclear:
        return proposed(propose, request, known, now) or understood
    return understood


def _objects(request: str) -> list[str]:
    """Return what is to be forgotten, one text a sentence that asks, without the verb and all politeness around it.

    A sentence after it that says what to keep belongs to it; what else is told is left out. Where no sentence asks, the
    whole text names what is to be forgotten.
    """
    text = " ".join(request.replace("\u2019", "'").split())
    sentences = words.SENTENCES.split(text)
    asked: list[str] = []
    for sentence in sentences:
        bare, labelled = _unlabelled(sentence)
        passive = words.PASSIVE.match(bare)
        if found := words.OPENING.match(bare):
            asked.append(found["rest"])
        elif passive:
            asked.append(passive["object"] or passive["what"] or passive["gone"] or passive["wanted"])
        elif labelled and not words.ALSO_KEPT.match(bare) and verbatim(bare):
            asked.append(bare)
        elif asked and (kept := words.ALSO_KEPT.match(bare)):
            asked[-1] = f"{asked[-1].rstrip('.!; ')}, but keep {bare[kept.end() :]}"
        elif reported := _reported(sentence):
            asked.append(reported)
        elif asked and words.GONE.search(bare):
            asked += [m[0] for m in words.VALUE.finditer(bare)]
    asked += _forbidden(sentences)
    asked = [part[: why.start()] if (why := words.REASON.search(part)) else part for part in asked]
    return [cut for part in asked or [text] if (cut := words.CLOSING.sub("", part).strip())] or [""]


class _Reading:
    """Reads one request: its exceptions, its times and threads, and the phrases that are left."""

    def __init__(self, phrases: Phrases, now: datetime) -> None:
        self.phrases = phrases
        self.now = now

    def request(self, text: str) -> Selector:
        if found := words.UNRELATED.match(text):
            return self._without(Everything(), found["what"])
        if found := words.ALL_BUT.match(text):
            return self._without(Everything(), text[found.end() :])
        kept = words.KEEPING.search(text)
        if kept is None or not text[: kept.start()].strip():
            return self.part(text)
        main = text[: kept.start()].strip(" ,;.")
        plain = re.fullmatch(r"(?:everything|all|anything)(?: else)?", main, re.IGNORECASE)
        return self._without(Everything() if plain else self.part(main), text[kept.end() :])

    def _without(self, of: Selector, kept: str) -> Selector:
        before = len(self.phrases.questions)
        but = self.part(kept, of)
        if _of_words(of) and not _of_words(but):
            # "delete the code K-4471-X, keep only the one that replaced it": words to the letter except nothing vague
            del self.phrases.questions[before:]
            return of
        found = of - but
        # what is not about a topic cannot be told by search: all of it is asked about
        return OneOf((found,)) if isinstance(of, Everything) and _holds(but, Topic) else found

    def part(self, text: str, of: Selector = NOTHING) -> Selector:
        """Read a part without exceptions: what, in which conversation, and when it was said."""
        if not words.QUOTED.search(text):  # what is quoted stays as it is
            for said_so, instead in words.RESPOKEN:
                text = said_so.sub(instead, text)
        bare, said = self._when(text)
        if said is None or self.phrases.known.spelled(text) is not None:  # Thanksgiving and April are names as well
            return self._in_thread(text, of)
        if not bare.strip(" ,.;"):
            return said
        before = len(self.phrases.questions)
        found = self._in_thread(bare, of)
        spoken = _SAID_WHEN.search(text) is not None and bare != text
        if (_holds(found, Topic) and not spoken) or not _SPEAKS.search(bare):
            # the time is one of the things it is about, not of when it was said
            del self.phrases.questions[before:]
            return self._in_thread(text, of)
        return _narrowed(found, said, self.phrases.questions)

    def _in_thread(self, text: str, of: Selector) -> Selector:
        found = words.IN_THREAD.search(text)
        thread = self.phrases.thread(found["thread"].strip()) if found else None
        if found is None or thread is None:
            return self.core(text, of)
        return _narrowed(self.core(text[: found.start()], of), thread, self.phrases.questions)

    def core(self, text: str, of: Selector = NOTHING) -> Selector:  # noqa: PLR0911 - one line a rule
        """Read what is left: "what I told you about Tom", "everything from the wiki", "my address"."""
        text = words.CLOSING.sub("", text).strip(" ,;:")
        if found := words.WHO_SAID.search(text):
            who = self.phrases.said_by(found["who"])
            if who is not None:
                return _narrowed(self.core(text[: found.start()], of), who, self.phrases.questions)
        if found := words.FOUND_IN.match(text):
            return self.core(text[found.end() :], of)
        if found := words.MESSAGES.match(text):
            return self.phrases.origin(found["who"])
        head = None if words.BARE_PRONOUN.match(text) or words.LATEST.match(text) else words.HEAD.match(text)
        if head is not None and (found_so := self._all_that(text[head.end() :], of)) is not None:
            return found_so
        if found := words.ABOUT.match(text):
            return self.core(text[found.end() :], of)
        about = re.search(r"\s(?:about|regarding|concerning)\s", text)
        which = words.CONVERSATION.match(text[: about.start()]) if about and not head else None
        if about is None or which is None:
            return self.phrases.read(text, of)
        # "the conversation about Lisbon" is what was said about it, "this conversation about" a part of this one
        topic = self.phrases.read(text[about.end() :])
        thread = self.phrases.thread(text[: about.start()]) if which["which"] in ("this", "last") else None
        return topic if thread is None else _narrowed(thread, topic, self.phrases.questions)

    def _all_that(self, rest: str, of: Selector) -> Selector | None:  # noqa: PLR0911 - one line a rule
        """Read what follows "everything", "all the things that", "what": None where it makes a topic of the whole."""
        if known := words.KNOWING.match(rest):
            rest = rest[known.end() :]
        if not rest.strip():
            return self.phrases.everything()
        if found := words.ABOUT.match(rest):
            return self.core(rest[found.end() :], of)
        if found := words.FROM.match(rest):
            return self.phrases.origin(rest[found.end() :])
        if (found := words.INSIDE.match(rest)) and (where := self.phrases.marked(rest[found.end() :])):
            return where
        if found := words.RETURNED.match(rest):
            return self.phrases.read(found["tool"])
        said = words.SAYING.match(rest)
        who = self.phrases.said_by(said["who"]) if said else None
        if said is None or who is None:
            return None
        rest = rest[said.end() :].strip()
        about = words.ABOUT.match(rest)
        if rest in ("", "about"):  # "what we talked about in May": the time was taken out before
            return who
        return _narrowed(who, self.phrases.read(rest[about.end() :] if about else rest), self.phrases.questions)

    # -- times -----------------------------------------------------------------------------------------------------

    def _when(self, text: str) -> tuple[str, Selector | None]:
        """Return the text without its time, and when that was; None for no time."""
        if found := words.LAST_UNITS.search(text):
            count = (found["count"] or found["ago"] or "a").lower()
            since = _ago(self.now, count, (found["unit"] or found["agounit"]).lower())
            return _cut(text, *found.span()), Said(since, None)
        if found := words.OLDER.search(text):
            return _cut(text, *found.span()), Said(None, _ago(self.now, found["count"].lower(), found["unit"].lower()))
        if found := words.AMBIGUOUS_DATE.search(text):
            readings = {}
            for day, month in ((found["first"], found["second"]), (found["second"], found["first"])):
                year = found["year"] if len(found["year"]) == 4 else f"20{found['year']}"
                iso = f"{year}-{int(month):02}-{int(day):02}"
                bare, said = self._spoken(text[: found.start()] + iso + text[found.end() :])
                if said is not None:
                    readings[iso] = bare, said
            if len(readings) > 1:
                about = OneOf(tuple(said for _, said in readings.values()))
                self.phrases.ask(
                    f"Which day is meant by {found[0]}?", about, [Choice(iso, r[1]) for iso, r in readings.items()]
                )
                return next(iter(readings.values()))[0], about
            return next(iter(readings.values()), (text, None))
        return self._spoken(text)

    def _spoken(self, text: str) -> tuple[str, Selector | None]:
        quoted = [m.span() for m in words.QUOTED.finditer(text)]  # a time in a quoted label is a part of the label
        times = [
            t for t in find_times(text, self.now, prefer=-1)
            if (t.kind != "duration" or re.search(r"\b(?:past|last)\b", t.text))
            and not any(start < t.start_char < end for start, end in quoted)
        ]  # fmt: skip
        span = parse_when(text, self.now) if times else None
        if span is None:
            return text, None
        start, end = times[0].start_char, times[0].end_char
        for time in times[1:]:
            if _JOINS.fullmatch(text, end, time.start_char):
                end = time.end_char
        lead = words.DATE_LEAD.search(text[:start])
        start = lead.start() if lead else start
        opening = text[start:end].lower()
        since: datetime | None = span.start if span.start.year > LEAST_YEAR else None
        until: datetime | None = span.end
        if re.search(r"\b(?:since|after|later than|starting)\b", opening):
            until = None
        return _cut(text, start, end), Said(since, until)


def _ago(now: datetime, count: str, unit: str) -> datetime:
    number = int(count) if count.isdigit() else _NUMBERS[count]
    if unit in ("month", "year"):
        return add_months(now, -number * (12 if unit == "year" else 1))
    return now - number * timedelta(**{f"{unit}s": 1})


def _cut(text: str, start: int, end: int) -> str:
    return " ".join((text[:start] + " " + text[end:]).split())


def _narrowed(found: Selector, by: Selector, questions: list[Question]) -> Selector:
    """Return what both mean; everything, narrowed, need not be asked about."""
    if isinstance(found, OneOf) and found.parts == (Everything(),):
        questions[:] = [q for q in questions if q.about != found]
        return by
    if isinstance(found, Everything):
        return by
    return found & by if found != by else found


def _holds(selector: Selector, kind: type[Selector]) -> bool:
    if isinstance(selector, AllOf | AnyOf | OneOf):
        return any(_holds(part, kind) for part in selector.parts)
    if isinstance(selector, Except):
        return _holds(selector.of, kind) or _holds(selector.but, kind)
    return isinstance(selector, kind)


def _of_words(selector: Selector) -> bool:
    if isinstance(selector, AnyOf):
        return all(map(_of_words, selector.parts))
    return isinstance(selector, Words)
