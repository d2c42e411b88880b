"""HippoRAG's files to passages, questions and ready triples (OpenIE): what multi-hop retrieval is measured on.

A folder holds three files that belong together by name, such as `musique_train`:

```
musique_train_corpus.json         [{"title": "Miso", "text": "Miso is Ana's cat."}, ...]
musique_train.json                [{"id": "2hop__1", "question": "...", "answer": "...", "answer_aliases": [],
                                    "paragraphs": [{"title": "Miso", "paragraph_text": "...", "is_supporting": true}]}]
openie_musique_train_*.json       {"docs": [{"title": "Miso", "text": "Miso is Ana's cat.",
                                             "extracted_triples": [["Miso", "is", "Ana's cat"]]}]}
```

The third may be missing. A triple that does not have three parts is left out and counted, as HippoRAG does; whatever
else does not fit is refused. Questions and corpora in the form of HotpotQA and 2WikiMultiHopQA are read too, see
`agentmem.formats.hotpotqa`. https://github.com/OSU-NLP-Group/HippoRAG (MIT); MuSiQue: Trivedi et al., TACL 2022.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from agentmem.errors import ImportRefusedError, NotFoundError
from agentmem.formats import hotpotqa
from agentmem.formats.faults import line_of, of_json, of_model, refuse

Triple = tuple[str, str, str]
T = TypeVar("T")

_CORPUS = "_corpus.json"


class RawPassage(BaseModel):
    """A passage, as the file has it."""

    title: str
    text: str


class RawParagraph(BaseModel):
    """A paragraph of a question, as the file has it."""

    title: str
    paragraph_text: str
    is_supporting: bool


class RawQuestion(BaseModel):
    """A question, as the file has it."""

    id: str
    question: str
    answer: str = ""
    answer_aliases: list[str] = []
    paragraphs: list[RawParagraph]

    @property
    def support(self) -> list[str]:
        """Title and text of each paragraph that supports the answer."""
        return [f"{p.title}\n{p.paragraph_text}" for p in self.paragraphs if p.is_supporting]


class RawDocument(BaseModel):
    """What was extracted from a passage, as the file has it."""

    title: str
    text: str
    extracted_triples: list[list[Any]] = []


class RawExtraction(BaseModel):
    """The file of triples."""

    docs: list[RawDocument]


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage and what was extracted from it: (subject, relation, object), each once."""

    title: str
    text: str
    triples: tuple[Triple, ...] = ()

    @property
    def whole(self) -> str:
        """Title and text, as they are embedded and compared."""
        return f"{self.title}\n{self.text}"


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the places in the corpus of the passages that answer it together."""

    id: str
    question: str
    answers: tuple[str, ...]
    gold: frozenset[int]


@dataclass(frozen=True, slots=True)
class Collection:
    """A corpus with its questions. `malformed` counts the triples that were left out."""

    name: str
    passages: tuple[Passage, ...]
    questions: tuple[Question, ...]
    files: tuple[Path, ...]
    malformed: int = 0


def load(folder: Path, name: str | None = None) -> Collection:
    """Return the collection `name` of a folder, by default the only one.

    Raises NotFoundError for a missing file, ImportRefusedError for one that does not fit, naming the line.
    """
    name = name or _only(folder)
    corpus, asked = folder / f"{name}{_CORPUS}", folder / f"{name}.json"
    extracted = sorted(folder.glob(f"openie_{name}_*.json"))[:1]
    raw_passages = _passages(corpus)
    triples, malformed = _triples(extracted)
    passages = tuple(Passage(title, text, triples.get((title, text), ())) for title, text in raw_passages)
    questions = tuple(_questions(asked, corpus, passages))
    return Collection(name, passages, questions, (corpus, asked, *extracted), malformed)


def _passages(corpus: Path) -> list[tuple[str, str]]:
    """Return title and text of each passage, from either form of a corpus."""
    text, document = _parsed(corpus)
    if isinstance(document, dict):
        return hotpotqa.passages(_fits(corpus, text, document, TypeAdapter(dict[str, list[str]])))
    return [(p.title, p.text) for p in _fits(corpus, text, document, TypeAdapter(list[RawPassage]))]


def _questions(asked: Path, corpus: Path, passages: Sequence[Passage]) -> Iterator[Question]:
    """Yield the questions of either form with the places of their gold; refuse one whose support is not there."""
    text, document = _parsed(asked)
    known: list[tuple[str, str, tuple[str, ...], list[str]]]
    if hotpotqa.has_form(document):
        by_title = _fits(asked, text, document, TypeAdapter(list[hotpotqa.RawSupported]))
        known = [(q.id, q.question, (q.answer,), list(q.titles)) for q in by_title]
        place = _places(passage.title for passage in passages)
    else:
        by_text = _fits(asked, text, document, TypeAdapter(list[RawQuestion]))
        known = [(q.id, q.question, (q.answer, *q.answer_aliases), q.support) for q in by_text]
        place = _places(passage.whole for passage in passages)
    for number, (name, question, answers, support) in enumerate(known):
        lost = [key for key in support if key not in place]
        if lost or not support:
            what = f"what supports it is not in {corpus.name}: {lost[0][:60]!r}" if lost else "nothing supports it"
            line = line_of(text, (number,))
            raise refuse(asked.name, [(line, f"question {name or number + 1}: {what}")])
        gold = frozenset(place[key] for key in support)
        yield Question(name or str(number + 1), question, tuple(dict.fromkeys(answers)), gold)


def _places(keys: Iterable[str]) -> dict[str, int]:
    """Return where each key comes first."""
    place: dict[str, int] = {}
    for number, key in enumerate(keys):
        place.setdefault(key, number)
    return place


def _only(folder: Path) -> str:
    """Return the name of the only collection of a folder."""
    found = sorted(path.name.removesuffix(_CORPUS) for path in folder.glob(f"*{_CORPUS}"))
    if len(found) != 1:
        there = f"the corpora {', '.join(found)}; name one" if found else f"no *{_CORPUS}"
        raise NotFoundError(
            f"{folder} has {there}. Wanted is a folder with NAME.json, NAME{_CORPUS} and openie_NAME_*.json, as in "
            "https://github.com/OSU-NLP-Group/HippoRAG"
        )
    return found[0]


def _triples(files: Iterable[Path]) -> tuple[dict[tuple[str, str], tuple[Triple, ...]], int]:
    """Return the triples of each passage, and how many were malformed."""
    found: dict[tuple[str, str], tuple[Triple, ...]] = {}
    malformed = 0
    for file in files:
        for document in _read(file, TypeAdapter(RawExtraction)).docs:
            good: dict[Triple, None] = {}
            for triple in document.extracted_triples:
                match triple:
                    case [str(subject), str(relation), str(object_)]:
                        good[subject, relation, object_] = None
                    case _:
                        malformed += 1
            found[document.title, document.text] = tuple(good)
    return found, malformed


def _read(path: Path, form: TypeAdapter[T]) -> T:
    """Return what a file holds; raise NotFoundError, or ImportRefusedError naming each line at fault."""
    text, document = _parsed(path)
    return _fits(path, text, document, form)


def _parsed(path: Path) -> tuple[str, JsonValue]:
    """Return the text of a file and the JSON in it."""
    try:
        # `extracted_triples` of the published file are beside NaN figures, which Python's own decoder lets pass.
        text = path.read_text(encoding="utf-8-sig")
        return text, json.loads(text)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}; see https://github.com/OSU-NLP-Group/HippoRAG") from error
    except UnicodeDecodeError as error:
        raise ImportRefusedError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise ImportRefusedError(f"{path} cannot be read: {error.strerror or error}") from error
    except json.JSONDecodeError as error:
        raise refuse(path.name, [(error.lineno, of_json(error))]) from error


def _fits(path: Path, text: str, document: JsonValue, form: TypeAdapter[T]) -> T:
    """Return a document in its form; raise ImportRefusedError naming each line at fault."""
    try:
        return form.validate_python(document)
    except ValidationError as error:
        raise refuse(path.name, [(line_of(text, place), what) for place, what in of_model(error)]) from error
