"""Texts to vectors with sentence-transformers and PyTorch: any model it can load, on a CPU or a GPU.

A row must depend on its own text alone, to the last bit: an erasure is proven by building again without what was
erased. Matrix products round differently for batches of different shapes, so the shape of every batch is fixed before
its texts are known. On a CPU a batch is one text. On a GPU it is always `batch_size` texts, filled up with empty ones,
padded to a length that follows from the text itself: the next multiple of 32 tokens.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from agentmem.encoding.onnx_embedder import CHARACTERS_PER_TOKEN, clean
from agentmem.errors import EncodingError, MissingExtraError, ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentmem.encoding.model_files import ModelFiles
    from agentmem.types import Vectors

TorchPrecision = Literal["fp32", "bf16"]
GPU_BATCH = 64
LENGTH_STEP = 32
UNKNOWN_LIMIT = 8192  # tokens, for models that name no limit
PADDABLE = frozenset({"input_ids", "attention_mask", "token_type_ids"})


class SentenceTransformerEmbedder:
    """A sentence-transformers model in precision "fp32" or "bf16" on `device` ("cpu", "cuda", "cuda:1", "mps").

    May be called from several threads; they take turns.
    """

    def __init__(
        self,
        files: ModelFiles,
        *,
        precision: TorchPrecision = "fp32",
        device: str | None = None,
        batch_size: int | None = None,
    ) -> None:
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtraError("sentence-transformers", "offline") from error
        self.name = f"{files.label}/torch-{precision}"
        self.device = device or "cpu"
        try:
            self._model: Any = SentenceTransformer(
                str(files.folder), device=self.device, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            raise ModelNotFoundError(
                f"sentence-transformers cannot load {files.folder} on {self.device}: {error}"
            ) from error
        if precision == "bf16":
            self._model.bfloat16()
        self._model.eval()
        self.batch_size = batch_size or (1 if self.device == "cpu" else GPU_BATCH)
        limit = self._model.max_seq_length
        self._limit = int(limit) if limit and limit < 10**6 else UNKNOWN_LIMIT
        self._prompt = str((self._model.prompts or {}).get(self._model.default_prompt_name or "", ""))
        self._torch = torch
        self._lock = threading.Lock()
        with self._lock:
            probe = self._rows([""])
        self.dim = int(probe.shape[1])

    def __call__(self, texts: Sequence[str], /) -> Vectors:
        """Return (n, dim) float32 unit rows, one a text, in order."""
        if not texts:
            return np.empty((0, self.dim), np.float32)
        longest = self._limit * CHARACTERS_PER_TOKEN
        with self._lock:
            rows = self._rows([clean(self._prompt + t, longest) for t in texts])
        if not np.isfinite(rows).all():
            raise EncodingError(f"{self.name} made a vector that is not finite; try the backend torch-fp32")
        return rows

    def close(self) -> None:
        """Release nothing: PyTorch's threads belong to the process."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, texts: list[str]) -> Vectors:
        with self._torch.inference_mode():
            tokenised = [self._tokens([t]) for t in texts]
            if self.batch_size == 1 or not all(t.keys() <= PADDABLE for t in tokenised):
                return np.stack([self._forward(t)[0] for t in tokenised])
            blank = self._tokens([""])
            groups: dict[int, list[int]] = {}
            for i, tokens in enumerate(tokenised):
                groups.setdefault(-(-tokens["input_ids"].shape[1] // LENGTH_STEP) * LENGTH_STEP, []).append(i)
            rows: Vectors = np.empty((len(texts), 0), np.float32)
            for length in sorted(groups, reverse=True):
                for start in range(0, len(groups[length]), self.batch_size):
                    chosen = groups[length][start : start + self.batch_size]
                    fill = [blank] * (self.batch_size - len(chosen))
                    made = self._forward(self._pad([*(tokenised[i] for i in chosen), *fill], length))
                    if not rows.size:
                        rows = np.empty((len(texts), made.shape[1]), np.float32)
                    rows[chosen] = made[: len(chosen)]
            return rows

    def _tokens(self, texts: list[str]) -> dict[str, Any]:
        # `preprocess` since sentence-transformers 5.4, `tokenize` before.
        preprocess = getattr(self._model, "preprocess", None) or self._model.tokenize
        found = preprocess(texts)
        return {k: v for k, v in found.items() if isinstance(v, self._torch.Tensor)}

    def _pad(self, batch: list[dict[str, Any]], length: int) -> dict[str, Any]:
        tokenizer = self._model.tokenizer
        fills = {"input_ids": tokenizer.pad_token_id or 0, "attention_mask": 0, "token_type_ids": 0}
        padded: dict[str, Any] = {}
        for key in batch[0]:
            table = self._torch.full((len(batch), length), fills[key], dtype=self._torch.long)
            for row, tokens in zip(table, batch, strict=True):
                n = tokens[key].shape[1]
                where = slice(length - n, length) if tokenizer.padding_side == "left" else slice(0, n)
                row[where] = tokens[key][0]
            padded[key] = table
        return padded

    def _forward(self, tokens: dict[str, Any]) -> Vectors:
        on_device = {k: v.to(self.device) for k, v in tokens.items()}
        made = self._model(on_device)["sentence_embedding"].float()
        rows: Vectors = self._torch.nn.functional.normalize(made, dim=1).cpu().numpy()
        return rows
