"""HotpotQA's and 2WikiMultiHopQA's form of questions and corpora, as HippoRAG's files have them.

```
hotpotqa_train.json           [{"question": "...", "answer": "bees", "supporting_facts": [["Ines Moreau", 0]],
                                "context": [["Ines Moreau", ["She was born in Porto.", ...]]], "type": "bridge", ...}]
hotpotqa_train_corpus.json    {"Ines Moreau": ["She was born in Porto.", " She keeps bees."], ...}
2wikimultihopqa.json          the same questions, each with an "_id"
2wikimultihopqa_corpus.json   [{"title": "Ines Moreau", "text": "She was born in Porto. She keeps bees."}, ...]
```

What supports an answer is known by title. Yang et al., EMNLP 2018, CC BY-SA 4.0; Ho et al., COLING 2020, Apache-2.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue, StrictInt, StrictStr


class RawSupported(BaseModel):
    """A question whose support is named by title and sentence, as the file has it; `id` is empty where it has none."""

    model_config = ConfigDict(populate_by_name=True)

    id: str = Field("", validation_alias=AliasChoices("id", "_id"))
    question: str
    answer: str = ""
    supporting_facts: list[tuple[StrictStr, StrictInt]]

    @property
    def titles(self) -> tuple[str, ...]:
        """The titles of the passages that support the answer, each once."""
        return tuple(dict.fromkeys(title for title, _ in self.supporting_facts))


def has_form(questions: JsonValue) -> bool:
    """Say whether a file's questions name their support by title."""
    return (
        isinstance(questions, list)
        and bool(questions)
        and isinstance(first := questions[0], dict)
        and ("supporting_facts" in first and "paragraphs" not in first)
    )


def passages(corpus: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return (title, text) of each passage of a corpus that gives sentences by title."""
    return [(title, " ".join(sentence.strip() for sentence in sentences)) for title, sentences in corpus.items()]
