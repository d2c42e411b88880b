"""An agent with a model on this machine: a folder of Hugging Face's, no key, no network.

Pass the folder of a real one: python examples/15_a_local_model.py /path/to/Qwen2.5-0.5B-Instruct. Without, a tiny one
is made here, whose weights are random: it says nothing of sense, but in the same way.
"""

from __future__ import annotations

import sys
import tempfile

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils.logging import disable_progress_bar

import agentmem
from agentmem import agent


def tiny(folder: str) -> str:
    """Make a Llama of a few thousand random weights, and a tokenizer of bytes."""
    letters = ["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    inner = Tokenizer(models.BPE(vocab={letter: n for n, letter in enumerate(letters)}, merges=[]))
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    ends = {"bos_token": "<s>", "eos_token": "</s>"}
    PreTrainedTokenizerFast(tokenizer_object=inner, **ends).save_pretrained(folder)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=258, max_position_embeddings=4096, **size)).save_pretrained(folder)
    return folder


disable_progress_bar()
with tempfile.TemporaryDirectory() as root, agentmem.open(f"{root}/memory") as system:
    model = sys.argv[1] if len(sys.argv) > 1 else tiny(f"{root}/model")
    space = system.space("ana")
    space.remember("I adopted a grey cat. Her name is Miso.", speaker="Ana")
    with agent.chat(space, f"huggingface:{model}", user="Ana") as talk:
        *pieces, reply = talk.stream("What is my cat called?")
    print("it was shown:", reply.recall.texts, "and answered in", "pieces" if len(pieces) > 1 else "one piece")
    print("remembered:", [(memory.kind, memory.speaker) for memory in space.memories()])
