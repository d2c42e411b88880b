"""Ready open information extraction, as HippoRAG writes it: passages to notes, their triples to facts.

```json
{"docs": [{"title": "Miso", "text": "Miso is Ana's cat.", "extracted_entities": ["Miso", "Ana"],
           "extracted_triples": [["Miso", "is cat of", "Ana"]]}]}
```

HippoRAG 2 writes title and text as one `passage`. A triple that has not three parts is left out and counted, as
HippoRAG does; a document without a text is refused, naming its line. https://github.com/OSU-NLP-Group/HippoRAG (MIT).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ValidationError, model_validator

from agentmem.encoding.extraction import ExtractedFact
from agentmem.formats.faults import Origins, check_text, line_of, of_model, refuse
from agentmem.formats.hipporag import Triple
from agentmem.formats.parsed import Parsed
from agentmem.types import Draft, MemoryId

Text = Annotated[str, AfterValidator(check_text)]
BY = "openie"
"""What the facts of a file name as their reader."""
MALFORMED = "malformed triples"


class Document(BaseModel):
    """A passage and what was extracted from it, as the file has it."""

    title: str = ""
    text: Text | None = None
    passage: Text | None = None
    extracted_triples: list[Any] = []

    @model_validator(mode="after")
    def _whole(self) -> Document:
        if self.text is None and self.passage is None:
            raise ValueError("a document needs a 'text' or a 'passage'")
        check_text(self.whole)
        return self

    @property
    def whole(self) -> str:
        """Title and text, as they are remembered."""
        text = self.passage or self.text or ""
        return f"{self.title}\n{text}" if self.passage is None and self.title else text


class File(BaseModel):
    """The file."""

    docs: list[Document]


@dataclass(frozen=True, slots=True)
class Extracted(Parsed):
    """The passages as drafts, and the triples of each, in the same order, each once."""

    triples: Sequence[tuple[Triple, ...]] = ()


def parse(text: str, source: str, thread: str) -> Extracted:
    """Return what a file holds; `text` is JSON. Raises ImportRefusedError naming the line of each document at fault."""
    try:
        documents = File.model_validate(json.loads(text)).docs
    except ValidationError as error:
        raise refuse(source, [(line_of(text, path), what) for path, what in of_model(error)]) from error
    origins = Origins(BY)
    drafts = [Draft(d.whole, kind="note", thread=thread, origin=origins((d.whole,))) for d in documents]
    triples = [tuple(_once(document)) for document in documents]
    malformed = sum(_triple(raw) is None for document in documents for raw in document.extracted_triples)
    return Extracted(BY, drafts, {MALFORMED: malformed} if malformed else {}, triples)


def facts(extracted: Extracted, ids: Sequence[MemoryId]) -> list[ExtractedFact]:
    """Return the triples as facts; `ids` are the memories that the passages became, in order."""
    return [
        ExtractedFact(*triple, parents=(note,), by=BY)
        for note, triples in zip(ids, extracted.triples, strict=True)
        for triple in triples
    ]


def _once(document: Document) -> Iterable[Triple]:
    """Return the triples that are well formed, each once, compared as facts are."""
    good = (triple for raw in document.extracted_triples if (triple := _triple(raw)) is not None)
    once: dict[tuple[str, ...], Triple] = {}
    for triple in good:
        once.setdefault(tuple(" ".join(part.casefold().split()) for part in triple), triple)
    return once.values()


def _triple(raw: Any) -> Triple | None:
    """Return subject, relation and object; None for what is not three texts."""
    match raw:
        case [str(subject), str(relation), str(object_)]:
            triple = subject.strip(), relation.strip(), object_.strip()
            try:
                check_text(" ".join(triple))
            except ValueError:
                return None
            return triple if all(triple) else None
        case _:
            return None
