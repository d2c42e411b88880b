"""The door to all embedders: from a name to something that turns texts into vectors.

`open_embedder("default")` chooses the backend; the chosen embedder's `name`, such as "all-MiniLM-L6-v2/onnx-int8", is
what a space records, and `open_embedder(name)` opens the same again. What "auto" chooses: on a CUDA device PyTorch in
bfloat16; on a CPU ONNX Runtime in int8 where that measures faster than fp32 on this machine and close enough to it,
else in fp32; PyTorch, with a warning that says why, where a model cannot be exported.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from agentmem import config
from agentmem.encoding.hash_embedder import DEFAULT_DIM, HashEmbedder
from agentmem.encoding.model_files import ModelFiles, find_model, write_note
from agentmem.encoding.onnx_embedder import OnnxEmbedder, load_onnxruntime
from agentmem.encoding.onnx_export import EXPORT_VERSION
from agentmem.encoding.sentence_transformer import SentenceTransformerEmbedder
from agentmem.errors import EncodingError, InputError, MissingExtraError

if TYPE_CHECKING:
    from agentmem.protocols import Embedder

Backend = Literal["auto", "torch-fp32", "torch-bf16", "onnx-fp32", "onnx-int8"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)
HASH = re.compile(r"hash(?:-(?P<dim>\d{1,5}))?")
CPU_FACTS = frozenset({"model name", "flags", "Features", "CPU part"})  # as x86 and ARM write them
NVIDIA_DEVICE = Path("/dev/nvidiactl")

CLOSE_ENOUGH = 0.99
"""Least mean cosine of int8 to fp32 over the sentences below. A processor whose int8 products saturate, or a model that
does not quantise well, falls below it."""
FASTER = 0.9
PROBE = (
    "I adopted a grey cat last Friday; she hides under the sofa whenever the bell rings.",
    "What time does the train to Lyon leave?",
    "Yes.",
    "Thanks so much! That means a lot to me 😊",
    "The meeting moved from Tuesday to Thursday at half past three, in the small room on the second floor.",
    "My sister is a nurse in Leeds and works nights.",
    "Could you send me the recipe for the lentil soup you made at New Year?",
    "We hiked eleven miles along the coast and saw two seals.",
    "He no longer drinks coffee, only green tea.",
    "Invoice 4471 over 1,250.00 EUR is due on 2024-03-15.",
    "Which book did she recommend?",
    "Honestly, moving here was the best decision I ever made, although the first winter was very hard.",
    "def area(r): return math.pi * r ** 2",
    "The doctor said the results are fine, so I can start running again.",
    "Mein Bruder wohnt seit 2019 in Hamburg und spielt Cello.",
    "Let us paint the fence before it rains.",
    "Why did they sell the boat?",
    "Our team won the regional robotics final by a single point after three rounds of overtime.",
    "I am allergic to peanuts and to penicillin.",
    "Grandma's ring is in the blue tin on the top shelf.",
    "Nobody told me the concert had been cancelled.",
    "Please remind me to renew my passport in August.",
    "She speaks Portuguese at home and English at school.",
    "How was your weekend?",
)


def open_embedder(
    spec: str = "default",
    *,
    device: str | None = None,
    backend: Backend = "auto",
    batch_size: int | None = None,
    cache_dir: str | Path | None = None,
) -> Embedder:
    """Open an embedder.

    `spec` is "default", a folder, a name on the Hugging Face hub, "hash-64" (for tests), or the name that a space
    recorded, which fixes the backend too. `device` and `batch_size` concern PyTorch alone. `cache_dir` keeps exported
    models (default: the user's cache).

    Raises ModelNotFoundError, MissingExtraError; InputError for a backend that is unknown or not the recorded one.
    """
    if backend not in BACKENDS:
        raise InputError(f"there is no backend {backend!r}; choose one of: {', '.join(BACKENDS)}")
    if hashed := HASH.fullmatch(spec):
        return HashEmbedder(int(hashed["dim"] or DEFAULT_DIM))
    cache = config.cache(cache_dir)
    model, recorded = _split(spec)
    if recorded and backend not in ("auto", recorded):
        raise InputError(f"{spec} names {recorded}, not {backend}: leave the backend out, or name the model alone")
    files = find_model(model, cache)
    chosen = recorded or backend
    if chosen == "auto":
        return _automatic(files, cache, device, batch_size)
    return _open(files, chosen, cache, device, batch_size)


def _split(spec: str) -> tuple[str, Backend | None]:
    model, _, last = spec.rpartition("/")
    for backend in BACKENDS[1:]:
        if model and last == backend:
            return model, backend
    return spec, None


def _open(
    files: ModelFiles, backend: Backend, cache: Path, device: str | None, batch_size: int | None
) -> OnnxEmbedder | SentenceTransformerEmbedder:
    if backend == "onnx-int8":
        return OnnxEmbedder(files, cache=cache, precision="int8")
    if backend == "onnx-fp32":
        return OnnxEmbedder(files, cache=cache, precision="fp32")
    precision: Literal["fp32", "bf16"] = "bf16" if backend == "torch-bf16" else "fp32"
    where = device or ("cuda" if _cuda() else "cpu")
    return SentenceTransformerEmbedder(files, precision=precision, device=where, batch_size=batch_size)


def _automatic(files: ModelFiles, cache: Path, device: str | None, batch_size: int | None) -> Embedder:
    if device is None and _cuda():
        device = "cuda"
    if device is not None and device != "cpu":
        return _open(files, "torch-bf16" if device.startswith("cuda") else "torch-fp32", cache, device, batch_size)
    try:
        return _fastest_on_cpu(files, cache)
    except (MissingExtraError, EncodingError) as error:
        warnings.warn(
            f"{files.label} runs with PyTorch, several times slower than with ONNX Runtime, because: {error}",
            RuntimeWarning,
            stacklevel=3,
        )
    return _open(files, "torch-fp32", cache, "cpu", batch_size)


def _fastest_on_cpu(files: ModelFiles, cache: Path) -> OnnxEmbedder:
    """Open int8 or fp32, as it was measured here before; measure it now where it was not."""
    machine = hashlib.sha256(_processor().encode()).hexdigest()[:12]
    note = cache / "backends" / f"{files.digest[:32]}-{machine}-{EXPORT_VERSION}.json"
    try:
        precision = json.loads(note.read_text(encoding="utf-8"))["precision"]
    except (OSError, ValueError, KeyError, TypeError):
        precision = None
    if precision == "int8":
        return OnnxEmbedder(files, cache=cache, precision="int8")
    exact = OnnxEmbedder(files, cache=cache, precision="fp32")
    if precision == "fp32":
        return exact
    quick = OnnxEmbedder(files, cache=cache, precision="int8")
    exact_rows, exact_seconds = _probe(exact)
    quick_rows, quick_seconds = _probe(quick)
    cosine = float(np.mean(np.sum(exact_rows * quick_rows, axis=1)))
    takes_int8 = cosine >= CLOSE_ENOUGH and quick_seconds < FASTER * exact_seconds
    write_note(
        note,
        {
            "precision": "int8" if takes_int8 else "fp32",
            "cosine": round(cosine, 5),
            "seconds": {"fp32": exact_seconds, "int8": quick_seconds},
            "model": files.label,
            "processor": _processor(),
        },
    )
    return quick if takes_int8 else exact


def _probe(embedder: OnnxEmbedder) -> tuple[np.ndarray, float]:
    rows = np.concatenate([embedder([text]) for text in PROBE])
    times = []
    for _ in range(3):
        start = time.perf_counter()
        for text in PROBE:
            embedder([text])
        times.append(time.perf_counter() - start)
    return rows, min(times)


def _processor() -> str:
    """Return what decides how fast and how exact int8 is: the model of the processor and ONNX Runtime's version."""
    onnxruntime, _ = load_onnxruntime()
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    pairs = (line.partition(":") for line in lines)
    facts = {key.strip(): value.strip() for key, _, value in pairs if key.strip() in CPU_FACTS}
    return "; ".join([name, *facts.values(), f"onnxruntime {onnxruntime.__version__}"])


def _cuda() -> bool:
    """Say whether PyTorch can use a GPU; without a driver's device file PyTorch need not even be imported to know."""
    if not NVIDIA_DEVICE.exists():
        return False
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())
