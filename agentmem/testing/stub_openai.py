"""A small local server that speaks the OpenAI chat protocol, so that model code is tested without network or key.

What is asked below `/api/chat` is answered in Ollama's protocol: a line of JSON for each piece.

    with StubOpenAI("Hello there.") as stub:
        model = open_model("openai:any", base_url=stub.url, api_key="none")
        ...
        stub.requests[0]["messages"]    # what the model was really sent

Each answer of the script serves one request; the last one serves all that follow. An answer is a text (sent whole or
as a stream of words, as the request asks), the call of a tool, or one of the faults below.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with an HTTP error such as 401, 429 or 500."""

    code: int
    message: str = "refused by the stub"


@dataclass(frozen=True, slots=True)
class Hang:
    """Accept the request and send nothing, until the stub closes."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """Answer 200 with a body that is no answer."""

    body: str = "<html>certainly not JSON</html>"


@dataclass(frozen=True, slots=True)
class Torn:
    """Stream the beginning of a text, then break the connection off."""

    text: str


@dataclass(frozen=True, slots=True)
class Calls:
    """Call a tool; with a text in place of the arguments, that very text."""

    tool: str
    arguments: Mapping[str, Any] | str

    def to_json(self) -> dict[str, Any]:
        """Return the call as the protocol has it."""
        given = self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)
        return {"id": "call_1", "type": "function", "function": {"name": self.tool, "arguments": given}}


Step = str | Calls | Status | Hang | Garbage | Torn


class StubOpenAI:
    """The server. `url` and `ollama` are base URLs for clients; `requests` holds the bodies received, oldest first."""

    def __init__(self, *script: Step) -> None:
        self.script: list[Step] = list(script) or ["Yes."]
        self.requests: list[dict[str, Any]] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Base URL, to be given to a client of OpenAI's."""
        return f"{self.ollama}/v1"

    @property
    def ollama(self) -> str:
        """Base URL, to be given to a client of Ollama's."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, body: dict[str, Any]) -> Step:
        """Note a request and return the answer that is its turn."""
        with self._lock:
            self.requests.append(body)
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    def __init__(self, stub: StubOpenAI) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.stub = stub


class _Conversation(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", "0"))
        body = json.loads(self.rfile.read(size) or b"{}")
        ollama = self.path == "/api/chat"
        match self.server.stub.take(body):
            case Status(code, message):
                self._send(code, json.dumps({"error": message if ollama else {"message": message, "code": code}}))
            case Hang():
                self.server.stub.closing.wait()
            case Garbage(text):
                self._send(200, text)
            case Torn(text):
                self._stream(_lines(text) if ollama else _events(text), torn=True)
            case said if body.get("stream", ollama):
                self._stream(_lines(said) if ollama else _events(said))
            case said:
                self._send(200, json.dumps(_ended(said) if ollama else _whole(said)))

    def _send(self, code: int, text: str) -> None:
        payload = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _stream(self, pieces: Iterator[str], *, torn: bool = False) -> None:
        """Send pieces as they come; torn, all but the last, and more is promised, so that a client sees the break."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        if torn:
            self.send_header("Content-Length", "1000000")
        self.end_headers()
        sent = [*pieces]
        for piece in sent[:-1] if torn else sent:
            self.wfile.write(piece.encode())
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Keep the tests' output clean."""


def _whole(said: str | Calls) -> dict[str, Any]:
    message: dict[str, Any] = {"content": said}
    end, words = "stop", len(said.split()) if isinstance(said, str) else 1
    if isinstance(said, Calls):
        end, message = "tool_calls", {"content": None, "tool_calls": [said.to_json()]}
    return {
        "id": "stub",
        "object": "chat.completion",
        "created": 0,
        "model": "stub",
        "choices": [{"index": 0, "finish_reason": end, "message": {"role": "assistant", **message}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": words, "total_tokens": 1 + words},
    }


def _events(said: str | Calls) -> Iterator[str]:
    end = "tool_calls" if isinstance(said, Calls) else "stop"
    for delta in ({"role": "assistant", "content": ""}, *_deltas(said), {}):
        choice = {"index": 0, "delta": delta, "finish_reason": None if delta else end}
        event = {"id": "stub", "object": "chat.completion.chunk", "created": 0, "model": "stub", "choices": [choice]}
        yield f"data: {json.dumps(event)}\n\n"
    yield "data: [DONE]\n\n"


def _deltas(said: str | Calls) -> Iterator[dict[str, Any]]:
    """Yield a text word by word, the call of a tool first by its name and then its arguments in two halves."""
    if isinstance(said, str):
        yield from ({"content": word if n == 0 else f" {word}"} for n, word in enumerate(said.split(" ")))
        return
    call = said.to_json()
    given = call["function"].pop("arguments")
    yield {"tool_calls": [{"index": 0, **call, "function": {**call["function"], "arguments": ""}}]}
    for part in (given[: len(given) // 2], given[len(given) // 2 :]):
        yield {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}


def _lines(said: str | Calls) -> Iterator[str]:
    """Yield what Ollama streams: a text word by word, the call of a tool in one piece, then the end with its counts."""
    words = said.split(" ") if isinstance(said, str) else []
    for n, word in enumerate(words):
        piece = {"role": "assistant", "content": word if n == 0 else f" {word}"}
        yield json.dumps({"model": "stub", "message": piece, "done": False}) + "\n"
    yield json.dumps(_ended("" if words else said)) + "\n"


def _ended(said: str | Calls) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said}
    if isinstance(said, Calls):
        message = {"role": "assistant", "content": "", "tool_calls": [{"function": said.to_json()["function"]}]}
        message["tool_calls"][0]["function"]["arguments"] = said.arguments
    return {
        "model": "stub",
        "message": message,
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 1,
        "eval_count": 1,
    }
