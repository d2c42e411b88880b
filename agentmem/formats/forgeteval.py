r"""ForgetEval: short cases of facts, what becomes of them, and a question with what it must and must not bring up.

A JSON list of cases, or an object with it under `cases`:

```
[{"id": "compound-1", "family": "adversarial", "category": "compound_fact",
  "setup_facts": ["Mara lives in Lund and keeps two cats.", "Jon keeps a dog."],
  "mutations": [["release", "where Mara lives"]],
  "final_query": "What do you know about Mara?",
  "must_contain": ["cats"], "must_not_contain": ["Lund"]}, ...]
```

A mutation is ["supersede", description, new fact], ["release", description] or ["purge", description]. The benchmark is
arXiv 2606.15903, MIT; this project ships a few cases of its own (`agentmem_evaluators/forgeteval_sample.json`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError

from agentmem.errors import ImportRefusedError, NotFoundError
from agentmem.formats.faults import check_text, line_of, of_json, of_model, refuse

CATEGORIES = (
    *("substring_trap", "prefix_collision", "paraphrase_supersession", "negation_trap", "temporal_qualifier"),
    *("shared_attribute", "compound_fact", "identifier_obfuscation", "cross_lingual_identifier"),
    "recursive_supersession",
)
"""The benchmark's adversarial categories; a file may have others."""

_Text = Annotated[str, AfterValidator(check_text)]
_Mutation = tuple[Literal["supersede"], _Text, _Text] | tuple[Literal["release", "purge"], _Text]


class _Case(BaseModel):
    id: str
    family: str = ""
    category: str
    setup_facts: list[_Text] = Field(min_length=1)
    mutations: list[_Mutation]
    final_query: _Text
    must_contain: list[_Text] = []
    must_not_contain: list[_Text] = []


_CASES = TypeAdapter(list[_Case])


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is done to the facts that `description` means; `new` is what takes their place, of a supersession."""

    operation: Literal["supersede", "release", "purge"]
    description: str
    new: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One case."""

    id: str
    category: str
    facts: tuple[str, ...]
    mutations: tuple[Mutation, ...]
    query: str
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]


def load(path: Path) -> list[Case]:
    """Return the cases of a file. Raises NotFoundError, and ImportRefusedError naming line and field."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no file {path}; bring a JSON list of cases: see agentmem.formats.forgeteval"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ImportRefusedError(f"{path} cannot be read: {error}") from error
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise refuse(str(path), [(error.lineno, of_json(error))]) from error
    inside = isinstance(found, dict) and "cases" in found
    try:
        rows = _CASES.validate_python(found["cases"] if inside else found)
    except ValidationError as error:
        raise refuse(str(path), list(_faults(text, error, inside=inside))) from error
    if not rows:
        raise ImportRefusedError(f"{path} holds no cases")
    twice = {row.id for n, row in enumerate(rows) if any(row.id == other.id for other in rows[:n])}
    if twice:
        raise ImportRefusedError(f"{path}: {len(twice)} ids stand for more than one case, such as {min(twice)!r}")
    return [_case(row) for row in rows]


def _faults(text: str, error: ValidationError, *, inside: bool) -> Iterator[tuple[int, str]]:
    for path, what in of_model(error):
        place: list[Any] = ["cases", *path] if inside else list(path)
        yield line_of(text, place), what


def _case(row: _Case) -> Case:
    mutations = tuple(Mutation(*mutation) for mutation in row.mutations)
    facts, wanted, unwanted = map(tuple, (row.setup_facts, row.must_contain, row.must_not_contain))
    return Case(row.id, row.category, facts, mutations, row.final_query, wanted, unwanted)
