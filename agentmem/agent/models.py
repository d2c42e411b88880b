"""Chat models by name: "openai:gpt-4o-mini", "ollama:llama3.2", "huggingface:<path or name>".

`check_model` says at once what is wrong with a name (unknown provider, missing package) and touches neither network
nor weights; `open_model` makes the LangChain model; `failure` turns what a provider raised into a ModelError that says
what to do. This module knows nothing of memory.
"""

from __future__ import annotations

import difflib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from agentmem.errors import AgentmemError, InputError, MissingExtraError, ModelError, ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from langchain_core.language_models import BaseChatModel

TIMEOUT_S = 60.0
"""How long a provider may stay silent before a request is given up; passed to providers that take one."""


class Provider(NamedTuple):
    """A provider that has an extra of agentmem: its package, and options that make it fail rather than hang."""

    package: str
    options: Mapping[str, Any]


PROVIDERS: dict[str, Provider] = {
    "openai": Provider("langchain_openai", {"timeout": TIMEOUT_S, "max_retries": 2}),
    "ollama": Provider("langchain_ollama", {"client_kwargs": {"timeout": TIMEOUT_S}}),
    "huggingface": Provider("langchain_huggingface", {}),
}


class Spec(NamedTuple):
    """A checked name of a model."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"


def check_model(spec: str) -> Spec:
    """Split "provider:model" and check that the provider can be used here; contact nothing.

    Raises:
        InputError: no model is named.
        ModelNotFoundError: no such provider; says which one was perhaps meant.
        MissingExtraError: the provider's package is not installed; names the pip command.

    """
    provider, colon, model = (part.strip() for part in spec.partition(":"))
    if not colon:
        raise ModelNotFoundError(
            f"{spec!r} names no provider, so nobody can tell where the model is. Write provider:model, for example "
            f"openai:gpt-4o-mini, ollama:llama3.2 or huggingface:/path/to/model{_meant(provider)}."
        )
    if not model:
        raise InputError(f"{spec!r} names no model. Write it after the colon, for example openai:gpt-4o-mini.")
    provider = provider.lower().replace("-", "_")
    known = _known()
    if provider not in known:
        raise ModelNotFoundError(
            f"no provider {provider!r}{_meant(provider)}. Those with an extra of agentmem are {', '.join(PROVIDERS)}; "
            f"LangChain also knows {', '.join(sorted(set(known) - set(PROVIDERS)))}."
        )
    package = known[provider]
    if find_spec(package) is None:
        if provider in PROVIDERS:
            raise MissingExtraError(f"the package for {provider} models ({package.replace('_', '-')})", provider)
        raise ModelNotFoundError(
            f"{provider} models need a package that is not installed. Install it with: pip install "
            f"{package.replace('_', '-')}"
        )
    return Spec(provider, model)


def open_model(spec: str, **options: Any) -> BaseChatModel:
    """Make the chat model that `spec` names, through LangChain's `init_chat_model`.

    Args:
        spec: "provider:model", as `check_model` takes it.
        options: passed to the model's constructor, over agentmem's own (a timeout, two retries): `temperature`,
            `base_url`, `api_key`, `timeout`, `max_retries`, `max_tokens`, ...

    A local model (huggingface) is loaded here; for the others nothing is contacted before the first question.

    Raises:
        ModelNotFoundError, MissingExtraError, InputError: as `check_model`, or no such local model.
        ModelError: the model cannot be made, most often because a key is missing.

    """
    named = check_model(spec)
    try:
        if named.provider == "huggingface":
            from agentmem.agent.local import open_local

            return open_local(named.model, **options)
        from langchain.chat_models import init_chat_model

        known = PROVIDERS.get(named.provider)
        settings = {
            **(known.options if known else {}),
            **(_patience() if named.provider == "ollama" else {}),
            **options,
        }
        return cast("BaseChatModel", init_chat_model(named.model, model_provider=named.provider, **settings))
    except AgentmemError:
        raise
    except Exception as error:
        raise failure(error, str(named)) from error


def _patience() -> dict[str, Any]:
    """Return the options that make Ollama's client ask again, unless a proxy of the environment is to be gone through.

    Mounted for all addresses, a transport yields to the proxies; as the client's own it would disable them.
    """
    from agentmem.agent.patience import AsyncPatient, Patient

    return {
        "sync_client_kwargs": {"mounts": {"all://": Patient()}},
        "async_client_kwargs": {"mounts": {"all://": AsyncPatient()}},
    }


def complete(model: BaseChatModel, prompt: str, *, system: str | None = None) -> str:
    """Return what `model` answers to one prompt, stripped.

    Raises:
        ModelError: the model failed, or answered nothing.

    """
    return complete_counted(model, prompt, system=system).text


class Counted(NamedTuple):
    """An answer, with the tokens of prompt and answer that the provider counted; None where it counted none."""

    text: str
    tokens: tuple[int, int] | None


def complete_counted(model: BaseChatModel, prompt: str, *, system: str | None = None) -> Counted:
    """Return what `model` answers to one prompt, stripped, with the tokens that it took.

    Raises:
        ModelError: the model failed, or answered nothing.

    """
    from langchain_core.messages import HumanMessage, SystemMessage

    messages = [*([SystemMessage(system)] if system else []), HumanMessage(prompt)]
    try:
        message = model.invoke(messages)
        text = str(message.text)
    except Exception as error:
        raise failure(error, name_of(model)) from error
    counts = getattr(message, "usage_metadata", None)
    tokens = (int(counts["input_tokens"]), int(counts["output_tokens"])) if counts else None
    return Counted(checked(text, name_of(model)), tokens)


def checked(text: str, name: str) -> str:
    """Return `text` stripped; raise ModelError when nothing is left of it."""
    if not text.strip():
        raise ModelError(f"{name} answered nothing. Ask again, or try another model.")
    return text.strip()


def name_of(model: BaseChatModel) -> str:
    """Name a model in a message: what its provider calls it, else its class."""
    for field in ("model_name", "model", "model_id"):
        if isinstance(name := getattr(model, field, None), str):
            return name
    return type(model).__name__


def failure(error: BaseException, name: str) -> ModelError:
    """Turn what a provider's client raised into a ModelError: what happened, why, what to do.

    Clients have no common error tree, so the status code and the names of the classes in the chain of causes decide.
    """
    chain = list(_causes(error))
    kinds = " ".join(cls.__name__ for link in chain for cls in type(link).__mro__).lower()
    said = " ".join(str(error).split())[:300] or type(error).__name__
    codes = [code for link in chain if isinstance(code := getattr(link, "status_code", None), int)]
    code = codes[0] if codes else 0
    lowered = said.lower()
    if code in {401, 403} or "authentication" in kinds or "api_key" in lowered or "credentials" in lowered:
        why = "no key, or one that the provider refuses. Set the provider's key (for OpenAI: export OPENAI_API_KEY=...)"
    elif code == 429 or "ratelimit" in kinds:
        why = "too many requests, or a quota that is used up. Wait a minute and ask again, or use another model"
    elif code == 404:
        why = "no such model there. Check its name (for Ollama: ollama pull NAME)"
    elif code in {400, 413, 422} or "out of range in self" in lowered or "context length" in lowered:
        why = "the request was refused; if it was too long, ask with a smaller max_tokens or k"
    elif code >= 500:
        why = "the provider failed. Ask again in a while, or use another model"
    elif "timeout" in kinds:
        why = "no answer in time. Ask again, or open the model with a longer timeout"
    elif "connect" in kinds or "protocolerror" in kinds:
        why = "it could not be reached, or it broke off. Check the network (for Ollama: is `ollama serve` running?)"
    else:
        why = "its answer could not be understood. Ask again, or try another model"
    return ModelError(f"{name} did not answer: {why}. It said: {said}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _known() -> dict[str, str]:
    """Map provider to package, for all that LangChain knows; agentmem's own where LangChain does not tell."""
    from langchain.chat_models import base

    table: Mapping[str, tuple[str, ...]] = getattr(base, "_BUILTIN_PROVIDERS", {})
    theirs = {name: str(entry[0]).partition(".")[0] for name, entry in table.items()}
    return theirs | {name: provider.package for name, provider in PROVIDERS.items()}


def _meant(provider: str) -> str:
    close = difflib.get_close_matches(provider.lower(), _known(), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""
