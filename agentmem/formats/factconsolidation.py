r"""FactConsolidation (MemoryAgentBench): numbered facts of which later ones contradict earlier ones, and questions.

```
[{"context": "Here is a list of facts:\n0. Ana Reyes was born in the city of Porto.\n1. ...",
  "questions": ["Where was Ana Reyes born?", ...], "answers": [["Porto"], ...],
  "metadata": {"source": "factconsolidation_sh_6k"}}, ...]
```

Where two facts contradict each other, the one with the larger number holds. Hu et al., 2025, MIT,
https://github.com/HUST-AI-HYZ/MemoryAgentBench.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from agentmem.errors import ImportRefusedError, NotFoundError

_FACT = re.compile(r"^(\d+)\. (.+)$", re.MULTILINE)


class _Metadata(BaseModel):
    source: str


class _Row(BaseModel):
    context: str
    questions: list[str]
    answers: list[list[str]]
    metadata: _Metadata


_ROWS = TypeAdapter(list[_Row])


@dataclass(frozen=True, slots=True)
class Sample:
    """Facts in the order of their numbers, and questions with the answers that count; `name` is such as "sh_6k"."""

    name: str
    facts: tuple[str, ...]
    questions: tuple[tuple[str, tuple[str, ...]], ...]


def load(path: Path) -> list[Sample]:
    """Return the samples of a file. Raises NotFoundError, and ImportRefusedError for what is no such file."""
    try:
        rows = _ROWS.validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no file {path}; it is in https://github.com/HUST-AI-HYZ/MemoryAgentBench"
        ) from error
    except OSError as error:
        raise ImportRefusedError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        raise ImportRefusedError(f"{path} is no list of FactConsolidation rows: {error.errors()[0]['msg']}") from error
    samples = []
    for row in rows:
        found = [(int(number), text.strip()) for number, text in _FACT.findall(row.context)]
        if not found or [number for number, _ in found] != list(range(len(found))):
            raise ImportRefusedError(f"{path}: the facts of {row.metadata.source} are not numbered from 0 on")
        if len(row.questions) != len(row.answers):
            raise ImportRefusedError(
                f"{path}: {row.metadata.source} has {len(row.questions)} questions and {len(row.answers)} answers"
            )
        asked = zip(row.questions, map(tuple, row.answers), strict=True)
        name = row.metadata.source.removeprefix("factconsolidation_")
        samples.append(Sample(name, tuple(text for _, text in found), tuple(asked)))
    if not samples:
        raise ImportRefusedError(f"{path} holds no samples")
    return samples
