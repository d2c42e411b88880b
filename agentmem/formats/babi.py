"""bAbI tasks: short stories, each sentence numbered, with questions, answers and the sentences that support them.

```
1 Mary went to the garden.
2 John got the milk.
3 Where is Mary? <tab>garden<tab>1
```

Numbers begin anew with each story. Weston et al., 2015, CC BY 3.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from agentmem.errors import ImportRefusedError, NotFoundError

_LINE = re.compile(r"(\d+) ([^\t]+?)\s*(?:\t([^\t]+)\t([\d ]+))?")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A statement of a story, with its number."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its answer, and the numbers of the sentences that support it, all of them before it."""

    number: int
    text: str
    answer: str
    support: tuple[int, ...]


Story = tuple[Sentence | Question, ...]


def load(path: Path) -> list[Story]:
    """Return the stories of a file. Raises NotFoundError, and ImportRefusedError naming the line at fault."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no file {path}; bAbI's are called qa1_single-supporting-fact_test.txt"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ImportRefusedError(f"{path} cannot be read: {error}") from error
    stories: list[list[Sentence | Question]] = []
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.strip())
        number = int(found[1]) if found else 0
        if found is None or (number != 1 and (not stories or number <= stories[-1][-1].number)):
            raise ImportRefusedError(
                f"{path}, line {place}: expected '3 Where is Mary?<tab>garden<tab>1', numbers rising"
            )
        if number == 1:
            stories.append([])
        if found[3] is None:
            stories[-1].append(Sentence(number, found[2]))
            continue
        support = tuple(int(n) for n in found[4].split())
        if not set(support) <= {s.number for s in stories[-1] if isinstance(s, Sentence)}:
            raise ImportRefusedError(f"{path}, line {place}: it names supporting sentences that are not there")
        stories[-1].append(Question(number, found[2], found[3].strip(), support))
    if not stories:
        raise ImportRefusedError(f"{path} holds no story")
    return [tuple(story) for story in stories]
