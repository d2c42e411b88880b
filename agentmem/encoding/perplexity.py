"""How surprising texts are to a causal language model on this machine: LUFY's signal, for whoever has one.

LUFY (arXiv 2409.12524) takes the perplexity of what was said. Here it is the mean negative log-likelihood of a token,
as a share of what a model that knows nothing would give: ln of the size of its vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from agentmem.errors import ModelNotFoundError
from agentmem.types import Floats

NEUTRAL = 0.5
LONGEST = 512
"""Tokens of a text that are read."""


class Perplexity:
    """Surprise by a causal model of transformers: a folder, or a name whose files are on this machine already.

    The model is loaded by the first call, and nothing is fetched. Raises ModelNotFoundError by that call.
    """

    def __init__(self, model: str) -> None:
        self.name = f"perplexity of {model}"
        self._model = model
        self._opened: tuple[Any, Any] | None = None

    def __call__(self, texts: Sequence[str]) -> Floats:
        """Return (n,) in [0, 1]: 0 is foreseen to the letter, 1 is no better than a random token.

        One text after the other, so that each gets the same bits whichever texts come with it; a text of less than two
        tokens is neutral, as there is nothing to foresee it from.
        """
        import torch

        tokenizer, model = self._open()
        found = np.full(len(texts), NEUTRAL, np.float32)
        for row, text in enumerate(texts):
            start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
            ids = (start + tokenizer(text, add_special_tokens=False)["input_ids"])[:LONGEST]
            if len(ids) > 1:
                read = torch.tensor([ids])
                with torch.inference_mode():
                    loss = float(model(input_ids=read, labels=read).loss)
                found[row] = min(max(loss / math.log(model.config.vocab_size), 0.0), 1.0)
        return found

    def _open(self) -> tuple[Any, Any]:
        if self._opened is None:
            from transformers import AutoModelForCausalLM, AutoTokenizer

            try:
                tokenizer = AutoTokenizer.from_pretrained(self._model, local_files_only=True)
                model: Any = AutoModelForCausalLM.from_pretrained(self._model, local_files_only=True)
            except (OSError, ValueError) as error:
                raise ModelNotFoundError(
                    f"no causal language model {self._model!r} on this machine: {str(error).splitlines()[0]}. Name a "
                    "folder with a transformers model, or leave AGENTMEM_SURPRISE out: surprise is novelty then"
                ) from error
            model.eval()
            self._opened = tokenizer, model
        return self._opened
