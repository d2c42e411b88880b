"""A local transformers model as a LangChain chat model: loads a folder (or a name, from the hub) and streams.

On top of langchain-huggingface: only the answer is returned, not the prompt again; a failure while generating reaches
the caller at once instead of after a minute of silence; generation stops when nobody listens any more; base models
without a chat template, and templates without a system role, work. Imports torch: import this module late.
"""

from __future__ import annotations

from queue import Empty, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, cast

import torch
from langchain.chat_models import init_chat_model
from langchain_core.outputs import GenerationChunk
from langchain_huggingface import ChatHuggingFace, HuggingFacePipeline
from transformers import StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import TextStreamer

from agentmem.errors import ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.callbacks import CallbackManagerForLLMRun
    from langchain_core.language_models import BaseChatModel

MAX_NEW_TOKENS = 256

PLAIN_TEMPLATE = (
    "{% for m in messages %}{{ m['role'] | capitalize }}: {{ m['content'] }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""For base models, which were trained on no template of their own."""

FOLD_SYSTEM = (
    "{% if messages[0]['role'] == 'system' and messages | length > 1 %}{% set messages = [{'role': 'user', 'content': "
    "messages[0]['content'] + '\n\n' + messages[1]['content']}] + messages[2:] %}{% endif %}"
)
"""Put before a template that refuses a system message: its text then opens the first user message."""


def open_local(name: str, **options: Any) -> BaseChatModel:
    """Load the model in the folder `name`, or of that name from the hub.

    `options` are generation parameters (`max_tokens`, `temperature`, ...), `pipeline_kwargs`, `model_kwargs`, `device`.

    Raises:
        ModelNotFoundError: no such folder, and the hub does not have it or cannot be reached.

    """
    if not options.get("temperature", 1):
        del options["temperature"]  # transformers' word for 0 is not to sample
    settings = {
        "max_new_tokens": options.pop("max_tokens", MAX_NEW_TOKENS),
        "do_sample": "temperature" in options,
        "return_full_text": False,
        **options.pop("pipeline_kwargs", {}),
    }
    try:
        loaded = init_chat_model(name, model_provider="huggingface", pipeline_kwargs=settings, **options)
    except (OSError, ValueError) as error:
        raise ModelNotFoundError(
            f"no local model {name!r}: it is not a folder with a transformers model, and the hub did not give it "
            f"({' '.join(str(error).split())[:200]}). Write huggingface:/path/to/folder, or a hub name while online."
        ) from error
    pipeline = loaded.llm.pipeline
    # the chat template writes the special tokens itself; the tokenizer must not add a second set
    pipeline._preprocess_params["add_special_tokens"] = not _speaks(loaded.tokenizer)  # noqa: SLF001
    llm = LocalPipeline(pipeline=pipeline, model_id=name, pipeline_kwargs=settings)
    return ChatHuggingFace(llm=llm, tokenizer=loaded.tokenizer, model_id=name)


def _speaks(tokenizer: Any) -> bool:
    """Make the tokenizer able to format system, user and assistant; say whether it had a template of its own."""
    if not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN_TEMPLATE
        return False
    from jinja2 import TemplateError

    try:
        tokenizer.apply_chat_template(
            [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}], tokenize=False
        )
    except TemplateError:
        tokenizer.chat_template = FOLD_SYSTEM + tokenizer.chat_template
    return True


class LocalPipeline(HuggingFacePipeline):
    """A pipeline whose stream carries failures, and stops generating when it is closed."""

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,  # noqa: ARG002 - the signature is LangChain's
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> Iterator[GenerationChunk]:
        pieces = _Pieces(self.pipeline.tokenizer)
        abandoned = _Abandoned()

        def generate() -> None:
            try:
                self.pipeline(prompt, streamer=pieces, stopping_criteria=StoppingCriteriaList([abandoned]))
            except Exception as error:  # noqa: BLE001 - it is raised again, in the thread that listens
                pieces.queue.put(error)
            else:
                pieces.queue.put(None)

        worker = Thread(target=generate, name="agentmem-generate", daemon=True)
        worker.start()
        try:
            while (piece := _next(pieces.queue, worker)) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield GenerationChunk(text=piece)
        finally:
            abandoned.now.set()
            worker.join()


def _next(queue: Queue[str | Exception | None], worker: Thread) -> str | Exception | None:
    while True:
        try:
            return queue.get(timeout=1.0)
        except Empty:
            if not worker.is_alive() and queue.empty():
                return None


class _Pieces(TextStreamer):
    """Decoded text as it comes, put into a queue."""

    def __init__(self, tokenizer: Any) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.queue: Queue[str | Exception | None] = Queue()

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:  # noqa: ARG002 - transformers' signature
        if text:
            self.queue.put(text)


class _Abandoned(StoppingCriteria):
    """Stops the generation once `now` is set."""

    def __init__(self) -> None:
        self.now = Event()

    def __call__(
        self,
        input_ids: torch.LongTensor,
        scores: torch.FloatTensor,  # noqa: ARG002 - the signature is transformers'
        **kwargs: Any,  # noqa: ARG002
    ) -> torch.BoolTensor:
        stop = torch.full((input_ids.shape[0],), self.now.is_set(), device=input_ids.device, dtype=torch.bool)
        return cast("torch.BoolTensor", stop)
