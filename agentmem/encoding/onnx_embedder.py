"""Texts to vectors with ONNX Runtime: no PyTorch, one text a run, as many runs at once as there are cores.

A text is always computed alone and on one thread. So its vector is the same whichever texts share the call, which the
proof of an erasure needs, and nothing is padded; the cores are used by running several texts side by side.
"""

from __future__ import annotations

import hashlib
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from agentmem.encoding.model_files import write_file
from agentmem.encoding.model_recipe import read_recipe, tokenizer_text
from agentmem.encoding.onnx_export import EXPORT_VERSION, Precision, build
from agentmem.errors import EncodingError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from agentmem.encoding.model_files import ModelFiles
    from agentmem.types import Vectors

CHARACTERS_PER_TOKEN = 128
"""Only `max_tokens` tokens count. No token of running text is near this long (a word of more than 100 letters is one
unknown token), so that what is cut before tokenising would have been cut after it."""
TEXTS_PER_TASK = 8


class OnnxEmbedder:
    """A sentence encoder in ONNX Runtime on the CPU, in precision "fp32" or "int8".

    May be called from several threads. `close` ends the worker threads; a later call starts new ones.
    """

    def __init__(
        self, files: ModelFiles, *, cache: Path, precision: Precision = "int8", workers: int | None = None
    ) -> None:
        recipe = read_recipe(files.folder)
        self.name = f"{files.label}/onnx-{precision}"
        self.dim = recipe.dim
        self.workers = workers or available_cores()
        self._prompt = recipe.prompt
        self._longest = recipe.max_tokens * CHARACTERS_PER_TOKEN
        self._tokenizer = _tokenizer(tokenizer_text(files.folder, recipe))
        key = f"{EXPORT_VERSION}\0{precision}\0{files.digest}\0{recipe.canonical()}"
        path = cache / "onnx" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.onnx"
        self._session = _open_session(path, lambda: build(files.folder, recipe, precision))
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._pool_process = 0

    def __call__(self, texts: Sequence[str], /) -> Vectors:
        """Return (n, dim) float32 unit rows, one a text, in order."""
        rows = np.empty((len(texts), self.dim), np.float32)
        if len(texts) == 1:
            rows[0] = self._encode(texts[0])
            return rows
        # Longest first, so that no worker is left with a long text when the others are done.
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))

        def work(start: int) -> None:
            for i in order[start : start + TEXTS_PER_TASK]:
                rows[i] = self._encode(texts[i])

        if self.workers == 1 or len(texts) <= 1:
            for start in range(0, len(texts), TEXTS_PER_TASK):
                work(start)
            return rows
        tasks = [self._workers().submit(work, start) for start in range(0, len(texts), TEXTS_PER_TASK)]
        try:
            for task in tasks:
                task.result()
        finally:
            for task in tasks:  # after Ctrl-C or an error: what has not begun does not begin
                task.cancel()
        return rows

    def close(self) -> None:
        """End the worker threads, waiting for the texts they are at."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None and self._pool_process == os.getpid():
            pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _encode(self, text: str) -> Vectors:
        tokens = self._tokenizer.encode(clean(self._prompt + text, self._longest)).ids
        vector: Vectors = self._session.run(None, {"input_ids": np.array([tokens], np.int64)})[0][0]
        return vector

    def _workers(self) -> ThreadPoolExecutor:
        with self._lock:
            # Threads do not survive a fork: a child process makes its own.
            if self._pool is None or self._pool_process != os.getpid():
                self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="agentmem-embed")
                self._pool_process = os.getpid()
            return self._pool


def clean(text: str, longest: int) -> str:
    """Cut a text to its first `longest` characters and replace lone surrogates, which are no text, by U+FFFD."""
    text = text[:longest]
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _tokenizer(text: str) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtraError("tokenizers", "offline") from error
    return Tokenizer.from_str(text)


def load_onnxruntime() -> tuple[Any, Any]:
    """Import ONNX Runtime and its module of errors, with its telemetry off.

    Official builds write a device identifier below ~/.cache and report to Microsoft unless ORT_DISABLE_TELEMETRY is set
    before the import (measured with 1.31 on Linux: the call that disables events comes too late for the identifier). A
    memory that promises to stay on the machine turns that off; whoever set the variable already has decided.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "offline") from error
    if os.environ["ORT_DISABLE_TELEMETRY"] == "1":
        onnxruntime.disable_telemetry_events()  # for the case that somebody else imported it first
    return onnxruntime, state


def _open_session(path: Path, make: Callable[[], bytes]) -> Any:
    """Open the exported model at `path`; export it first where it is missing, and again where it is damaged."""
    onnxruntime, state = load_onnxruntime()
    # They share no parent but Exception.
    refusals = (state.Fail, state.InvalidProtobuf, state.InvalidGraph, state.NotImplemented, state.RuntimeException)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.enable_mem_pattern = False  # a pattern is kept for every length of text: memory without end
    options.log_severity_level = 3

    def session(model: str | bytes) -> Any:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    if path.is_file():
        try:
            return session(str(path))
        except (*refusals, state.NoSuchFile):
            path.unlink(missing_ok=True)
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("onnx (needed once, to export the model)", "offline") from error
    exported = make()
    try:
        opened = session(exported)
    except refusals as error:
        raise EncodingError(f"ONNX Runtime {onnxruntime.__version__} refuses the exported model: {error}") from error
    try:
        write_file(path, exported)
    except OSError as error:
        warnings.warn(
            f"the exported model cannot be kept in {path.parent} ({error.strerror}): every start exports it anew. "
            "Set AGENTMEM_CACHE to a folder that can be written to.",
            RuntimeWarning,
            stacklevel=4,
        )
    return opened
