"""What a LoCoMo file tells, and what was derived from it: turns, observations and summaries of sessions, with lineage.

The makers of the data wrote, for each session, sentences about one speaker with the turns that show them
(`observation`: facts, here), and a summary (`session_summary`: derived from every turn of its session):

```
"observation": {"session_1_observation": {"Ana": [["Ana adopted a cat.", "D1:3"], ...], ...}, ...},
"session_summary": {"session_1_summary": "Ana and Ben talked about ...", ...}
```
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from agentmem.errors import ImportRefusedError
from agentmem.formats import locomo as format_
from agentmem.formats.faults import of_model
from agentmem.space import Space
from agentmem.types import Draft, MemoryId

_NUMBER = re.compile(r"session_(\d+)_(?:observation|summary)")


class RawDerived(BaseModel):
    """What was derived from the sessions of a sample, as the file has it."""

    observation: dict[str, dict[str, list[tuple[str, str | list[str]]]]] = {}
    session_summary: dict[str, str] = {}


class Artefact(NamedTuple):
    """One text of a store: a turn, or what was derived; `sources` are the origins of the turns it comes from."""

    draft: Draft
    sources: frozenset[str]

    @property
    def origin(self) -> str:
        """What names it in every space that holds it."""
        return str(self.draft.origin)

    @property
    def derived(self) -> bool:
        """Whether it was derived."""
        return self.draft.kind != "turn"


@dataclass(frozen=True, slots=True)
class Told:
    """A conversation and all that a store holds of it: its turns in order, then its facts, then its summaries."""

    sample: format_.Sample
    artefacts: tuple[Artefact, ...]


def load(path: Path) -> list[Told]:
    """Return the conversations of a file. Raises NotFoundError, and ImportRefusedError for what does not fit."""
    samples = format_.load(path)
    document = json.loads(path.read_text(encoding="utf-8-sig"))
    raw = [document] if isinstance(document, dict) else document
    return [_told(sample, item, path.name) for sample, item in zip(samples, raw, strict=True)]


def _told(sample: format_.Sample, item: Mapping[str, Any], source: str) -> Told:
    try:
        raw = RawDerived.model_validate({name: item[name] for name in RawDerived.model_fields if name in item})
    except ValidationError as error:
        place, what = next(iter(of_model(error)))
        where = " > ".join(map(str, place))
        raise ImportRefusedError(f"{source}, sample {sample.id}, {where}: {what}. Nothing was measured") from error
    turns = [Artefact(draft, frozenset({str(draft.origin)})) for draft in sample.drafts]
    return Told(sample, (*turns, *_facts(sample, raw), *_summaries(sample, raw)))


def _facts(sample: format_.Sample, raw: RawDerived) -> Iterator[Artefact]:
    """Yield the observations that name a turn of the conversation; they stand where the last of them does."""
    by_origin = {str(draft.origin): draft for draft in sample.drafts}
    for name, by_speaker in raw.observation.items():
        for speaker, sentences in by_speaker.items():
            for number, (text, evidence) in enumerate(sentences):
                named = [evidence] if isinstance(evidence, str) else evidence
                sources = [sample.origins[e] for e in format_.clean_evidence(named, sample.origins)]
                if sources and text.strip():
                    last = by_origin[sources[-1]]
                    origin = f"fact:{sample.id}:{name}:{speaker}:{number}"
                    fact = Draft(text, "fact", speaker, thread=last.thread, said_at=last.said_at, origin=origin)
                    yield Artefact(fact, frozenset(sources))


def _summaries(sample: format_.Sample, raw: RawDerived) -> Iterator[Artefact]:
    for name, text in raw.session_summary.items():
        found = _NUMBER.fullmatch(name)
        thread = f"session_{found[1]}" if found else ""
        turns = [draft for draft in sample.drafts if draft.thread == thread]
        if turns and text.strip():
            origin = f"summary:{sample.id}:{thread}"
            summary = Draft(text, "summary", thread=thread, said_at=turns[-1].said_at, origin=origin)
            yield Artefact(summary, frozenset(str(d.origin) for d in turns))


def remember(space: Space, artefacts: Sequence[Artefact]) -> dict[str, MemoryId]:
    """Remember turns, then what was derived; return ids by origin.

    A store that deletes turns alone keeps what was derived from nothing any more; in a space such a one hangs on the
    first turn that there is: lineage says what goes, and weighs nothing in recall.
    """
    turns = [a for a in artefacts if not a.derived]
    derived = [a for a in artefacts if a.derived]
    ids = dict(zip((a.origin for a in turns), space.remember([a.draft for a in turns]), strict=True))
    first = tuple(ids.values())[:1]
    named = [tuple(ids[o] for o in ids if o in a.sources) or first for a in derived]
    drafts = [replace(a.draft, parents=parents) for a, parents in zip(derived, named, strict=True)]
    return ids | dict(zip((a.origin for a in derived), space.remember(drafts), strict=True))
