"""What a folder of sentence-transformers files asks for: architecture, tokenising, pooling. It reads no weights.

`read_recipe` understands the models that `onnx_export` can build: a BERT, RoBERTa or XLM-RoBERTa encoder, then pooling
by mean, first token or maximum, then perhaps normalisation. For all others it raises `NotExportableError` with the
reason, and the caller runs them with PyTorch.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from agentmem.errors import EncodingError, ModelNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

Pooling = Literal["mean", "cls", "max"]
LEGACY_POOLING: dict[str, Pooling] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
}
# RoBERTa counts positions from padding_idx + 1 (Liu et al. 2019, in fairseq and transformers alike).
POSITION_OFFSETS = {"bert": 0, "roberta": 2, "xlm-roberta": 2}
ACTIVATIONS = {"gelu": "none", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh", "relu": "relu"}
LARGEST_WEIGHTS = 1_800_000_000  # bytes; a protobuf, which an ONNX file is, ends at 2 GiB


class NotExportableError(EncodingError):
    """The model is not one that can be turned into a small ONNX graph; the message says why."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides a vector besides the weights and the vocabulary.

    `activation` is "none" or "tanh" (how GELU is approximated) or "relu"; `max_tokens` counts the special tokens too.
    """

    layers: int
    heads: int
    dim: int
    epsilon: float
    activation: str
    position_offset: int
    max_tokens: int
    pooling: Pooling
    lower: bool
    prompt: str

    def canonical(self) -> str:
        """Return one line that is equal exactly when the recipe is."""
        return json.dumps(asdict(self), sort_keys=True)


def read_recipe(folder: Path) -> Recipe:
    """Read the recipe of the model in `folder`.

    Raises NotExportableError for an architecture other than those above, ModelNotFoundError for unreadable files.
    """
    modules = read_json(folder / "modules.json", None)
    if not isinstance(modules, list):
        raise NotExportableError("it has no modules.json")
    kinds = [str(m.get("type", "")).rpartition(".")[2] for m in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise NotExportableError(f"its modules are {' + '.join(kinds)}, not Transformer + Pooling")
    body = folder / str(modules[0].get("path", ""))
    if body != folder and body.resolve() != folder.resolve():
        raise NotExportableError("its encoder lies in a folder of its own")
    config = read_json(folder / "config.json", {})
    sentence = read_json(folder / "sentence_bert_config.json", {})
    kind, activation = str(config.get("model_type")), str(config.get("hidden_act", "gelu"))
    if kind not in POSITION_OFFSETS:
        raise NotExportableError(f"its architecture is {kind}, not one of {', '.join(POSITION_OFFSETS)}")
    if config.get("position_embedding_type", "absolute") != "absolute" or config.get("is_decoder"):
        raise NotExportableError("its encoder has relative positions or is a decoder")
    if activation not in ACTIVATIONS:
        raise NotExportableError(f"its activation is {activation}")
    if not (folder / "tokenizer.json").is_file():
        raise NotExportableError("it has no tokenizer.json")
    offset = POSITION_OFFSETS[kind]
    if offset and int(config.get("pad_token_id", 1)) != offset - 1:
        raise NotExportableError("its positions do not start where RoBERTa's do")
    return Recipe(
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
        dim=int(config["hidden_size"]),
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
        activation=ACTIVATIONS[activation],
        position_offset=offset,
        max_tokens=_max_tokens(folder, config, sentence, offset),
        pooling=_pooling(read_json(folder / str(modules[1].get("path", "1_Pooling")) / "config.json", {})),
        lower=bool(sentence.get("do_lower_case", False)),
        prompt=_prompt(read_json(folder / "config_sentence_transformers.json", {})),
    )


def read_json(path: Path, default: Any) -> Any:
    """Return what a JSON file holds, or `default` where there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
    except (OSError, ValueError) as error:
        raise ModelNotFoundError(
            f"the model's file {path} cannot be read ({error}); download or copy the model again"
        ) from error


def tokenizer_text(folder: Path, recipe: Recipe) -> str:
    """Return tokenizer.json as sentence-transformers sets it up: lower-casing, truncation, and no padding.

    tokenizer_config.json outranks the normalizer of tokenizer.json, as in transformers.
    """
    tokenizer = read_json(folder / "tokenizer.json", {})
    settings = read_json(folder / "tokenizer_config.json", {})
    normalizer = tokenizer.get("normalizer")
    if normalizer and normalizer.get("type") == "BertNormalizer":
        normalizer["lowercase"] = settings.get("do_lower_case", normalizer["lowercase"])
        normalizer["strip_accents"] = settings.get("strip_accents", normalizer["strip_accents"])
        normalizer["handle_chinese_chars"] = settings.get("tokenize_chinese_chars", normalizer["handle_chinese_chars"])
    if recipe.lower and not (normalizer or {}).get("lowercase"):
        steps = [{"type": "Lowercase"}, *([normalizer] if normalizer else [])]
        tokenizer["normalizer"] = {"type": "Sequence", "normalizers": steps}
    tokenizer["padding"] = None
    tokenizer["truncation"] = {
        "direction": "Right",
        "max_length": recipe.max_tokens,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    return json.dumps(tokenizer, ensure_ascii=False)


def _max_tokens(folder: Path, config: dict[str, Any], sentence: dict[str, Any], offset: int) -> int:
    positions = int(config["max_position_embeddings"]) - offset
    asked = sentence.get("max_seq_length")
    if asked is None:
        asked = read_json(folder / "tokenizer_config.json", {}).get("model_max_length", positions)
    return min(int(asked), positions)


def _pooling(config: dict[str, Any]) -> Pooling:
    modes = config.get("pooling_mode")
    if modes is None:
        modes = [k for k, on in config.items() if k.startswith("pooling_mode_") and on is True]
        modes = [LEGACY_POOLING.get(m, m) for m in modes]
    modes = [modes] if isinstance(modes, str) else list(modes)
    if len(modes) != 1 or modes[0] not in LEGACY_POOLING.values():
        raise NotExportableError(f"its pooling is {' + '.join(modes) or 'unknown'}, not mean, cls or max")
    if config.get("include_prompt") is False:
        raise NotExportableError("its pooling leaves the prompt out")
    mode: Pooling = modes[0]
    return mode


def _prompt(config: dict[str, Any]) -> str:
    name = config.get("default_prompt_name")
    return str((config.get("prompts") or {}).get(name, "")) if name else ""
