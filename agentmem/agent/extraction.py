"""Facts read by a LangChain chat model: `open_extractor` for a name, `structured` for any model as an `Ask`.

A model is asked by `with_structured_output`. One that has none, or that answers in words all the same, is asked for a
JSON object instead, from then on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from agentmem.agent.models import check_model, failure, name_of, open_model
from agentmem.encoding._openie_form import Messages
from agentmem.encoding.openie import Ask, OpenIE
from agentmem.errors import ModelError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from agentmem.encoding.answers import Answers

IN_JSON = """

Answer with one JSON object and nothing else. Its JSON Schema is:
"""
CUT_SHORT = frozenset({"LengthFinishReasonError", "ContentFilterFinishReasonError"})
"""What OpenAI's client raises, where other clients return the answer as far as it went."""
MOST_TRIED = 50
"""Braces of an answer in words at which an object may begin."""


def open_extractor(model: str | BaseChatModel, *, answers: Answers | None = None, **options: Any) -> OpenIE:
    """Return an extractor that asks `model`, "provider:name" or a LangChain chat model, at temperature 0.

    `answers` keeps what it answers. `options` are passed to a model that is opened by name, as by `open_model`.

    Raises:
        ModelNotFoundError, MissingExtraError, InputError, ModelError: as `open_model`.

    """
    if not isinstance(model, str):
        return OpenIE(name_of(model), structured(model), answers=answers)
    opened = open_model(model, **{"temperature": 0, **options})
    return OpenIE(str(check_model(model)), structured(opened), answers=answers)


def structured(model: BaseChatModel) -> Ask:
    """Return a callable that asks `model` for an instance of a schema.

    It raises ValueError for an answer that is none, and ModelError where the model does not answer.
    """
    return _Structured(model).ask


class _Structured:
    def __init__(self, model: BaseChatModel) -> None:
        self.model = model
        self.able = True

    def ask(self, messages: Messages, schema: type[BaseModel]) -> BaseModel:
        if self.able:
            found = self._by_schema(messages, schema)
            if found is not None:
                return found
            self.able = False
        wanted = IN_JSON + json.dumps(schema.model_json_schema())
        *others, (role, last) = messages
        message = self._told(lambda: self.model.invoke([*others, (role, last + wanted)]))
        return _parsed(str(message.text), schema)

    def _by_schema(self, messages: Messages, schema: type[BaseModel]) -> BaseModel | None:
        """Return the model's structured answer, None where it has none to give. Raises ValueError for a wrong one."""
        try:
            asking = self.model.with_structured_output(schema, include_raw=True)
        except (NotImplementedError, TypeError, ValueError, ImportError):
            return None
        try:
            answer: Any = self._told(lambda: asking.invoke(list(messages)))
        except ModelError as error:
            cause = error.__cause__
            if isinstance(cause, NotImplementedError | TypeError | KeyError) or _refused(cause):
                return None
            raise
        parsed, raw = answer["parsed"], answer["raw"]
        if isinstance(parsed, schema):
            return parsed
        if calls := getattr(raw, "tool_calls", None):
            return schema.model_validate(calls[0]["args"])
        if getattr(raw, "invalid_tool_calls", None):
            raise ValueError(f"the model's call is no JSON: {answer['parsing_error']}")
        try:
            return _parsed(str(raw.text), schema)
        except ValueError:
            return None

    def _told(self, ask: Callable[[], Any]) -> Any:
        """Return what the model answers; keep what is wrong with an answer apart from what is wrong with the model."""
        try:
            return ask()
        except (ValidationError, json.JSONDecodeError):
            raise
        except Exception as error:
            if type(error).__name__ in CUT_SHORT:
                raise ValueError(f"the answer was cut short: {error}") from error
            raise failure(error, name_of(self.model)) from error


def _refused(error: BaseException | None) -> bool:
    """Say whether a server refused the request itself, as those do that know no structured output."""
    return getattr(error, "status_code", None) in {400, 422, 501}


def _parsed(text: str, schema: type[BaseModel]) -> BaseModel:
    """Return the first instance of the schema in a text, whatever stands around it. Raises ValueError for none."""
    fault: ValueError = ValueError(f"there is no JSON object in {text[:80]!r}")
    for value in _objects(text):
        try:
            return schema.model_validate(value)
        except ValidationError as error:
            fault = error
    raise fault


def _objects(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    at = -1
    for _ in range(MOST_TRIED):
        at = text.find("{", at + 1)
        if at < 0:
            return
        try:
            yield decoder.raw_decode(text, at)[0]
        except (json.JSONDecodeError, RecursionError):
            continue
