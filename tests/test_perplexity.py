"""Surprise by a local language model: a tiny one, built and taught here."""

from __future__ import annotations

import subprocess
import sys

import pytest

import agentmem
from agentmem.encoding.perplexity import NEUTRAL, Perplexity
from agentmem.errors import ModelNotFoundError

WORDS = "<s> <unk> the cat sleeps on a mat dog eats my red shoes every morning".split()  # noqa: SIM905
KNOWN, STRANGE = "the cat sleeps on a mat", "shoes every a eats the on"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of one layer that has learned one sentence by heart."""
    torch = pytest.importorskip("torch", reason="torch is not installed, so perplexity was NOT tested")
    transformers = pytest.importorskip("transformers", reason="transformers is missing, so perplexity was NOT tested")
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokens = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokens.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=tokens, bos_token="<s>", unk_token="<unk>")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=len(WORDS), n_positions=32, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    model = transformers.GPT2LMHeadModel(config)
    ids = torch.tensor([[0, *tokenizer(KNOWN)["input_ids"]]])
    steps = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        steps.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        steps.step()
    path = tmp_path_factory.mktemp("causal")
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def test_what_the_model_foresees_is_no_surprise(folder):
    """The sentence it knows is near 0, its words in disorder near 1, and a text without tokens is neutral."""
    known, strange, empty = Perplexity(str(folder))([KNOWN, STRANGE, ""])
    assert known < 0.15
    assert strange > 0.6
    assert empty == NEUTRAL


def test_each_text_by_itself(folder):
    """Whichever texts come with it, a text's surprise is the same bits."""
    asked = Perplexity(str(folder))
    together = asked([STRANGE, KNOWN, STRANGE])
    assert together.tolist() == [asked([STRANGE])[0], asked([KNOWN])[0], asked([STRANGE])[0]]


def test_a_space_is_surprised_by_the_model_it_is_given(folder, tmp_path, clock, monkeypatch):
    """The trace is the model's; without it, signals are made anew by novelty, and with it again by the model."""
    monkeypatch.setenv("AGENTMEM_SURPRISE", str(folder))
    with agentmem.open(tmp_path, embedder="hash", clock=clock) as system:
        space = system.space("a")
        space.remember([KNOWN, STRANGE, KNOWN])
        asked = space.retention.traces()[1].surprise.tolist()
        assert asked == Perplexity(str(folder))([KNOWN, STRANGE, KNOWN]).tolist()
    monkeypatch.delenv("AGENTMEM_SURPRISE")
    with agentmem.open(tmp_path, embedder="hash", clock=clock) as system:
        novel = system.space("a").retention.traces()[1].surprise
        assert novel[0] == 1
        assert novel[2] == pytest.approx(0, abs=1e-6)
    with agentmem.open(tmp_path, embedder="hash", clock=clock, surprise=str(folder)) as system:
        assert system.space("a").retention.traces()[1].surprise.tolist() == asked


def test_a_model_that_is_not_there_says_what_to_type(tmp_path, clock):
    """The space opens; whoever needs the signals is told which model is missing."""
    with agentmem.open(tmp_path, embedder="hash", clock=clock, surprise=str(tmp_path / "none")) as system:
        space = system.space("a")
        space.remember("the cat")
        with pytest.raises(ModelNotFoundError, match="AGENTMEM_SURPRISE"):
            space.sweep("salience", budget="1")


def test_nothing_heavy_is_imported_for_it():
    """A space without such a model never imports torch or transformers."""
    code = "import sys, agentmem.system; sys.exit(bool({'torch', 'transformers'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
