"""Derivers that ask a model: what they are asked, what it costs, and what is done where a model is of no use."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

import agentmem
from agentmem import registry
from agentmem.encoding.extraction import ExtractionWarning
from agentmem.encoding.openie import Reading
from agentmem.errors import InputError, ModelError
from agentmem.protocols import Metered
from agentmem.testing.deriver_kit import DeriverKit, talk
from agentmem.testing.fakes import derive_all, make_talk
from agentmem_stores.derive._asking import PART, Budget, Written

AMPLE = Budget(1e9, 1e9)
FORMS = ("facts", "notes", "preference", "profile", "skills", "summary", "thoughts")
TALK = ("Ana: I collect stamps.", "Ana: I love old maps.", "Ben: Do you?", "Ana: I collect spoons.")


def shown(messages):
    """Return the lines of turns that a model was shown."""
    return [json.loads(line) for line in messages[-1][1].splitlines() if line.startswith("{")]


class Model:
    """A model that says of each turn with an I in it who said it, in words of its own; or else `says` each in turn."""

    def __init__(self, *says):
        self.says = list(says)
        self.asked = []

    def __call__(self, messages, schema):
        self.asked.append(messages)
        if self.says:
            said = self.says.pop(0)
            if isinstance(said, Exception):
                raise said
            return schema.model_validate(said)
        lines = [line for line in shown(messages) if re.search(r"\bI\b", line["text"])]
        if schema is Reading:
            facts = [
                {"subject": x["speaker"], "relation": "told", "object": x["text"], "turns": [x["turn"]]} for x in lines
            ]
            return schema.model_validate({"named_entities": [], "facts": facts})
        items = [{"text": f"{x['speaker']} told: {x['text']}", "turns": [x["turn"]]} for x in lines]
        return schema.model_validate({"items": items})


for name in ("facts", "skills", "summary", "thoughts"):  # one of each way of asking

    class _Held(DeriverKit):
        deriver = name

        def make(self):
            return registry.make_deriver(self.deriver, {"ask": Model(), "budget": AMPLE})

        def talk(self):
            marks = {"task": "talk", "run": 1, "outcome": "success"} if self.deriver == "skills" else {}
            return [replace(draft, metadata=marks) for draft in talk()]

    globals()[f"Test{name.title()}WithModel"] = _Held
del _Held


def made(model, *, name="thoughts", lines=TALK, **settings):
    deriver = registry.make_deriver(name, {"ask": model, "budget": AMPLE, **settings})
    return deriver, derive_all(deriver, make_talk(*lines, days=0.01))


def test_what_a_model_writes_names_its_turns():
    """Turns are shown by number, with who spoke and when; what is written follows from those that it names."""
    model = Model({"items": [{"text": "Ana\n collects many\0 things.", "turns": [1, 4, 4, 9], "keywords": ["stamps"]}]})
    deriver, drafts = made(model)
    assert drafts == {"Ana collects many things.": ["I collect stamps.", "I collect spoons."]}
    assert [(line["turn"], line["speaker"], line["text"]) for line in shown(model.asked[0])][:2] == [
        (1, "Ana", "I collect stamps."),
        (2, "Ana", "I love old maps."),
    ]
    assert isinstance(deriver, Metered)
    assert deriver.calls == 1
    assert deriver.tokens == sum(len(text.encode()) for _, text in model.asked[0]) // 4 + (
        len(Written.model_validate({"items": [{"text": "Ana\n collects many\0 things.", "turns": [1, 4, 4, 9],
                                               "keywords": ["stamps"]}]}).model_dump_json()) // 4
    )  # fmt: skip


def test_a_turn_that_alone_holds_a_word_is_a_parent_named_or_not():
    """So that erasing it takes along what was written with its words; a summary follows from all that was shown."""
    model = Model({"items": [{"text": "Ana collects stamps and spoons.", "turns": [1]}]})
    assert list(made(model)[1].values()) == [["I collect stamps.", "I collect spoons."]]
    model = Model({"items": [{"text": "Ana collects.", "turns": [1]}]})
    _, drafts = made(model, name="summary")
    assert drafts == {"Ana collects.": [line.partition(": ")[2] for line in TALK]}


RUBBISH = [
    ValueError("I'm sorry, but I cannot help with that."),
    {"items": [{"text": "Ana collects stamps.", "turns": [99]}]},
    {"items": [{"text": "  ", "turns": [1]}, {"text": "x" * 2_000, "turns": [1]}]},
]


@pytest.mark.parametrize("wrong", RUBBISH)
def test_rubbish_is_asked_for_once_more(wrong):
    """A refusal, and what names no turn that was shown; the second answer is taken."""
    model = Model(wrong, {"items": [{"text": "Ana collects.", "turns": [1]}]})
    deriver, drafts = made(model)
    assert drafts == {"Ana collects.": ["I collect stamps."]}
    assert (deriver.calls, len(model.asked)) == (2, 2)


@pytest.mark.parametrize("wrong", RUBBISH)
def test_the_rules_derive_where_the_model_does_not(wrong):
    """With a warning that says why; what they make is what they make without a model."""
    with pytest.warns(ExtractionWarning, match="the rules of thoughts derived 4 memories instead of the model"):
        deriver, drafts = made(Model(wrong, wrong))
    assert drafts == {"Ana collects stamps and spoons": ["I collect stamps.", "I collect spoons."]}
    assert deriver.calls == 2


def test_a_model_that_says_nothing_is_right():
    """No items are an answer, and are not asked for again."""
    model = Model({"items": []})
    assert made(model)[1] == {}
    assert len(model.asked) == 1


def test_a_model_that_cannot_be_reached_is_an_error():
    """Nobody wants all that was said derived by rules since a key was wrong."""
    with pytest.raises(ModelError, match="no such key"):
        made(Model(ModelError("no such key")))


def test_the_budget_stops_the_model():
    """Calls and tokens for each memory that was shown; from then on the rules derive."""
    model = Model()
    with pytest.warns(
        ExtractionWarning, match="the budget of 0.5 calls and 1e\\+09 tokens for each of 1 memories is used up"
    ):
        made(model, lines=TALK[:1], budget=Budget(0.5, 1e9))
    assert model.asked == []
    deriver, _ = made(model, lines=TALK[:2], budget=Budget(0.5, 1e9))
    assert deriver.calls == 1
    with pytest.warns(ExtractionWarning, match="the budget of 1 calls and 10 tokens"):
        deriver, _ = made(model, lines=TALK, budget=(1, 10))
    assert deriver.calls == 0


def test_a_long_scope_is_shown_in_parts_and_only_the_last_is_new():
    """What was asked before is not asked again, where there is a file for answers."""

    class Kept(dict):
        def put(self, key, answer, read):
            self[key] = answer

    model, kept = Model(), Kept()
    deriver = registry.make_deriver("thoughts", {"ask": model, "budget": AMPLE}).keeping(kept)
    members = make_talk(*(f"Ana: I bought {n} stamps." for n in range(PART + 2)), days=0.001)
    (scope,) = deriver.scopes(members[0])
    assert len(deriver.derive(scope, members[: PART + 1])) == PART + 1
    assert [len(shown(messages)) for messages in model.asked] == [PART, 1]
    assert len(deriver.derive(scope, members)) == PART + 2
    assert [len(shown(messages)) for messages in model.asked] == [PART, 1, 2]
    kept.update(dict.fromkeys(kept, "[]"))  # another form, of another version
    assert len(deriver.derive(scope, members)) == PART + 2
    assert deriver.calls == 5


def test_a_space_keeps_answers_and_counts_what_they_cost(tmp_path):
    """The doctor says it; asking is not repeated when the space is opened again; erasing throws the answers away."""
    asked = []
    for _ in range(2):
        model = Model()
        asking = {"thoughts": registry.make_deriver("thoughts", {"ask": model, "budget": AMPLE})}
        with agentmem.open(tmp_path, embedder="hash", derive=asking) as system:
            space = system.space("a")
            space.deriving.close()
            if not asked:
                space.remember("I collect stamps.", speaker="Ana")
                space.remember("I collect 5 spoons.", speaker="Ben")
                space.settle()
                calls, tokens = space.deriving.spent
                assert f"models were asked 1 times ({tokens:,} tokens)" in space.deriving.finding().seen
                assert calls == 1
                assert (space.path / "index" / "derivation.db").exists()
            else:
                space.remember("Good morning!", speaker="Ana", thread="other")
                space.settle()
                turn = next(m.id for m in space.memories() if m.text == "I collect 5 spoons.")
                space.erase(turn)
                assert not (space.path / "index" / "derivation.db").exists()
                space.settle()
                texts = [m.text for m in space.memories() if m.parents]
                assert texts == ["Ana told: I collect stamps."]
        asked.append(len(model.asked))
    assert asked == [1, 2]


def test_facts_are_read_by_a_model_within_the_budget():
    """OpenIE asks through the same meter, and its rules do where that stops."""
    deriver, drafts = made(Model(), name="facts")
    assert drafts["Ana told I collect stamps."] == ["I collect stamps."]
    assert deriver.calls == 1
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        deriver, drafts = made(Model(), name="facts", budget=Budget(0, 0))
    assert "the budget of 0 calls" in str(told[0].message)
    assert "Ana collects stamps" in drafts
    assert deriver.calls == 0


@pytest.mark.parametrize("name", FORMS)
def test_a_budget_below_nothing_is_refused(name):
    """With what it must be."""
    with pytest.raises(InputError, match="must be 0 or more"):
        registry.make_deriver(name, {"ask": Model(), "budget": (-1, 5)})


def test_what_the_readme_says_of_models_runs(tmp_path):
    """Its lines make derivers that ask the model, and a space that derives with them."""
    readme = Path(__file__).parents[1] / "stores/agentmem_stores/derive/README.md"
    (block,) = re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    names = {"model": object(), "root": tmp_path, "agentmem": agentmem}
    exec(block, names)
    assert names["notes"].meter.budget == Budget(1, 1500)
    assert (names["notes"].calls, names["notes"].meter.ask) == (0, names["ask"])
