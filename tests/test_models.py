"""Chat models by name: what can be wrong with one is said at once, and what fails later is said clearly."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading

import pytest

from agentmem.agent import chat, models
from agentmem.agent.models import check_model, complete, complete_counted, failure, open_model
from agentmem.errors import InputError, MissingExtraError, ModelError, ModelNotFoundError
from agentmem.testing.stub_openai import Calls, Garbage, Hang, Status, StubOpenAI, Torn

# sockets that the providers' clients leave to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    """No test may depend on, or spend, a key of the person who runs it."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "OLLAMA_HOST", "LANGSMITH_TRACING"):
        monkeypatch.delenv(name, raising=False)


def openai(stub, **options):
    return open_model("openai:any", base_url=stub.url, api_key="none", **{"max_retries": 0, "timeout": 5, **options})


def test_a_name_is_split_into_provider_and_model():
    """The model may itself contain colons, as Ollama's do."""
    assert check_model("ollama:llama3.2:3b") == ("ollama", "llama3.2:3b")
    assert check_model(" OpenAI:gpt-4o-mini ") == ("openai", "gpt-4o-mini")
    assert str(check_model("huggingface:/models/tiny")) == "huggingface:/models/tiny"


def test_an_unknown_provider_is_answered_with_the_one_that_was_meant():
    """A typing error costs one reading of the message."""
    with pytest.raises(ModelNotFoundError, match=r"did you mean openai\?"):
        check_model("opnai:gpt-4o-mini")
    with pytest.raises(ModelNotFoundError, match=r"did you mean huggingface\?"):
        check_model("hugingface:x")
    with pytest.raises(ModelNotFoundError, match="no provider 'qqqq'"):
        check_model("qqqq:x")


def test_a_name_without_provider_or_without_model_is_refused():
    """Guessing a provider would send text to somebody who was not named."""
    with pytest.raises(ModelNotFoundError, match="Write provider:model"):
        check_model("gpt-4o-mini")
    with pytest.raises(InputError, match="names no model"):
        check_model("openai:")
    with pytest.raises(ModelNotFoundError, match="Write provider:model"):
        check_model("")


@pytest.mark.parametrize("provider", ["openai", "ollama", "huggingface"])
def test_a_missing_extra_names_the_pip_command(provider, monkeypatch):
    """The command can be copied from the message."""
    monkeypatch.setattr(models, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'agentmem\[{provider}\]'") as caught:
        open_model(f"{provider}:any")
    assert caught.value.extra == provider


def test_a_provider_without_an_extra_names_its_own_package(monkeypatch):
    """LangChain knows more providers than agentmem has extras for."""
    monkeypatch.setattr(models, "find_spec", lambda name: None)
    with pytest.raises(ModelNotFoundError, match="pip install langchain-anthropic"):
        check_model("anthropic:claude")


def test_opening_a_remote_model_contacts_nobody(monkeypatch):
    """Making the client opens no connection; only a question does."""
    pytest.importorskip("langchain_openai")

    def refuse(*args):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert open_model("openai:gpt-4o-mini", api_key="none") is not None
    if models.find_spec("langchain_ollama"):
        assert open_model("ollama:llama3.2") is not None


def test_a_missing_key_says_which_variable_to_set():
    """The client refuses to be made without one; that becomes a sentence."""
    pytest.importorskip("langchain_openai")
    with pytest.raises(ModelError, match="export OPENAI_API_KEY"):
        open_model("openai:gpt-4o-mini")


def test_a_model_answers_through_the_wire():
    """Plain and streamed answers arrive whole, and the prompt arrives as it was given."""
    pytest.importorskip("langchain_openai")
    with StubOpenAI("Miso is the cat. ") as stub:
        model = openai(stub)
        assert complete(model, "Who is Miso?", system="Be short.") == "Miso is the cat."
        assert [chunk.text for chunk in model.stream("Who?") if chunk.text.strip()][:2] == ["Miso", " is"]
    assert [m["role"] for m in stub.requests[0]["messages"]] == ["system", "user"]
    assert stub.requests[0]["messages"][1]["content"] == "Who is Miso?"
    assert [bool(request.get("stream")) for request in stub.requests] == [False, True]


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (Status(401), "OPENAI_API_KEY"),
        (Status(404), "no such model"),
        (Status(429), "too many requests"),
        (Status(400, "maximum context length is 10 tokens"), "smaller max_tokens or k"),
        (Status(500), "the provider failed"),
        (Garbage(), "could not be understood"),
        (Garbage('{"choices": []}'), "could not be understood"),
        (Garbage("[]"), "could not be understood"),
        ("   ", "answered nothing"),
    ],
)
def test_every_way_to_fail_has_its_own_sentence(step, says):
    """Each fault becomes a ModelError that says what to do."""
    pytest.importorskip("langchain_openai")
    with StubOpenAI(step) as stub, pytest.raises(ModelError, match=says):
        complete(openai(stub), "Hello?")


def test_silence_is_given_up_after_the_timeout():
    """A provider that accepts and never answers does not hang the conversation."""
    pytest.importorskip("langchain_openai")
    with StubOpenAI(Hang()) as stub, pytest.raises(ModelError, match="no answer in time"):
        complete(openai(stub, timeout=0.2), "Hello?")


def test_a_stream_that_breaks_off_is_an_error_and_not_a_short_answer():
    """Half an answer must not pass for a whole one."""
    pytest.importorskip("langchain_openai")
    with StubOpenAI(Torn("Miso is")) as stub:
        pieces = []
        with pytest.raises(ModelError, match="broke off"):  # noqa: PT012 - the pieces before the break count
            try:
                pieces.extend(chunk.text for chunk in openai(stub).stream("Who?"))
            except Exception as error:
                raise failure(error, "any") from error


def test_a_server_that_is_not_there_is_named_as_such():
    """The commonest fault of a local server is that nobody started it."""
    pytest.importorskip("langchain_openai")
    with StubOpenAI() as stub:
        url = stub.url
    model = open_model("openai:any", base_url=url, api_key="none", max_retries=0, timeout=2)
    with pytest.raises(ModelError, match="could not be reached"):
        complete(model, "Hello?")
    if models.find_spec("langchain_ollama"):
        model = open_model("ollama:llama3.2", base_url=url.removesuffix("/v1"))
        with pytest.raises(ModelError, match="ollama serve"):
            complete(model, "Hello?")


def test_a_passing_fault_is_tried_again():
    """One 500 followed by an answer is an answer."""
    pytest.importorskip("langchain_openai")
    with StubOpenAI(Status(500), "Yes.") as stub:
        assert complete(openai(stub, max_retries=1), "Hello?") == "Yes."
    assert len(stub.requests) == 2


def ollama(stub, **options):
    pytest.importorskip("langchain_ollama")
    return open_model("ollama:llama3.2", base_url=stub.ollama, **options)


def test_ollama_answers_streams_and_counts():
    """The same over Ollama's own protocol: whole, in pieces, with the tokens that it counted."""
    with StubOpenAI("Miso is the cat. ") as stub:
        model = ollama(stub)
        assert complete_counted(model, "Who is Miso?", system="Be short.") == ("Miso is the cat.", (1, 1))
        assert [chunk.text for chunk in model.stream("Who?") if chunk.text.strip()] == ["Miso", " is", " the", " cat."]
    assert [m["role"] for m in stub.requests[0]["messages"]] == ["system", "user"]
    assert stub.requests[0]["model"] == "llama3.2"


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (Status(404, "model 'llama3.2' not found"), "ollama pull NAME"),
        (Status(429), "too many requests"),
        (Status(500), "the provider failed"),
        (Garbage(), "could not be understood"),
        (Torn("Miso is"), "broke off"),
        (Hang(), "no answer in time"),
        ("", "answered nothing"),
    ],
)
def test_every_way_in_which_ollama_fails_has_its_own_sentence(step, says):
    """Its client raises other errors than OpenAI's; people read the same sentences."""
    with StubOpenAI(step) as stub, pytest.raises(ModelError, match=says):
        complete(ollama(stub, client_kwargs={"timeout": 0.5}, sync_client_kwargs={}), "Hello?")


@pytest.mark.parametrize("way", ["in a thread", "in a loop"])
def test_ollama_is_asked_again_when_a_fault_passes(way, monkeypatch):
    """An overloaded server, then an answer, is an answer; what does not pass is asked once; three faults are one."""
    pytest.importorskip("langchain_ollama")
    from ollama import ResponseError

    from agentmem.agent import patience

    monkeypatch.setattr(patience, "WAITS_S", (0.01, 0.02))

    def asked(*script):
        with StubOpenAI(*script) as stub:
            model = ollama(stub)
            try:
                said = model.invoke("Hello?") if way == "in a thread" else asyncio.run(model.ainvoke("Hello?"))
            except ResponseError as error:
                return str(failure(error, "ollama")).partition(". ")[0], len(stub.requests)
            return said.text, len(stub.requests)

    assert asked(Status(503), Status(429), "Yes.") == ("Yes.", 3)
    assert asked(Status(500)) == ("ollama did not answer: the provider failed", 3)
    assert asked(Status(404)) == ("ollama did not answer: no such model there", 1)


def test_an_agent_on_ollama_calls_a_tool(space):
    """The tool is offered over the wire, called with its arguments, and what it returned goes back to the model."""

    def forecast(month: str) -> str:
        """Say how the weather will be."""
        return f"{month} will be dry."

    with StubOpenAI(Calls("forecast", {"month": "October"}), "A dry one.") as stub:
        with chat(space, ollama(stub), tools=[forecast]) as talk:
            assert talk.ask("How will October be?").text == "A dry one."
        assert [tool["function"]["name"] for tool in stub.requests[0]["tools"]] == ["forecast"]
        assert stub.requests[1]["messages"][-1]["content"] == "October will be dry."


# ---------------------------------------------------------------------------------------------------- local models


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A Llama of a few thousand random weights, with a tokenizer made here: no hub, no key."""
    pytest.importorskip("langchain_huggingface")
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    inner.train_from_iterator(["Who is Miso? Miso is the cat."], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def test_a_local_model_answers_and_streams_the_same(tiny):
    """A folder is enough; the stream adds up to the whole answer, and the prompt is not repeated in it."""
    model = open_model(f"huggingface:{tiny}", max_tokens=8)
    whole = str(model.invoke("Who is Miso?").text)
    pieces = [chunk.text for chunk in model.stream("Who is Miso?")]
    assert "".join(pieces) == whole
    assert whole
    assert "Who is Miso?" not in whole


def test_a_base_model_without_a_chat_template_gets_a_plain_one(tiny):
    """The roles are written as words, and the special tokens are left to the tokenizer."""
    model = open_model(f"huggingface:{tiny}", max_tokens=2)
    prompt = model._to_chat_prompt(_three())
    assert prompt == "System: Be short.\n\nUser: Who?\n\nAssistant:"
    assert model.llm.pipeline._preprocess_params["add_special_tokens"] is True


def test_a_template_that_refuses_a_system_message_gets_it_in_the_first_question(tiny, tmp_path):
    """Gemma's template raises on the role; its users still want instructions followed."""
    import shutil

    folder = shutil.copytree(tiny, tmp_path / "strict")
    (folder / "chat_template.jinja").write_text(
        "<s>{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
        "{% endif %}[{{ m['role'] }}] {{ m['content'] }}{% endfor %}"
    )
    model = open_model(f"huggingface:{folder}", max_tokens=2)
    assert model._to_chat_prompt(_three()) == "<s>[user] Be short.\n\nWho?"
    assert model.llm.pipeline._preprocess_params["add_special_tokens"] is False


def _three():
    from langchain_core.messages import HumanMessage, SystemMessage

    return [SystemMessage("Be short."), HumanMessage("Who?")]


def test_an_agent_talks_with_a_local_model(tiny, space):
    """From the name alone: built without loading it, streamed through the graph, remembered."""
    from agentmem.agent import chat

    space.remember("Miso is the cat.")
    with chat(space, f"huggingface:{tiny}") as talk:
        *pieces, reply = talk.stream("Who is Miso?")
        assert len(pieces) > 1
        assert "".join(piece.text for piece in pieces).strip() == reply.text == space.get(reply.id).text


def test_a_failure_while_generating_reaches_the_caller_at_once(tiny):
    """Generation runs in a thread of its own; what it raises must not become a minute of silence."""
    model = open_model(f"huggingface:{tiny}", max_tokens=4)
    model.llm.pipeline.model.lm_head.weight.data = model.llm.pipeline.model.lm_head.weight.data[:, :3]
    with pytest.raises(RuntimeError):
        list(model.stream("Who is Miso?"))


def test_closing_a_stream_stops_the_generation(tiny):
    """Nobody listens any more, so no thread goes on computing."""
    model = open_model(f"huggingface:{tiny}", max_tokens=400)
    stream = model.stream("Who is Miso?")
    next(stream)
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "agentmem-generate"]


def test_a_local_model_that_is_not_there_says_where_it_was_looked_for(tmp_path, monkeypatch):
    """Neither a folder nor, offline, a name of the hub."""
    pytest.importorskip("langchain_huggingface")
    with pytest.raises(ModelNotFoundError, match="no local model"):
        open_model(f"huggingface:{tmp_path}/nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFoundError, match="not a folder with a transformers model"):
        open_model(f"huggingface:{tmp_path}/empty")


def test_importing_the_room_costs_nothing():
    """Neither langgraph nor a model package is loaded before it is used."""
    import subprocess

    code = (
        "import sys, agentmem.agent, agentmem.agent.models\n"
        "heavy = {'torch', 'transformers', 'langgraph', 'langchain', 'langchain_core', 'faiss'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
