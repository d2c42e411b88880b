"""A small local server that speaks the OpenAI chat protocol, so that model code is tested without network or key.

    with StubOpenAI("Hello there.") as stub:
        model = open_model("openai:any", base_url=stub.url, api_key="none")
        ...
        stub.requests[0]["messages"]    # what the model was really sent

Each answer of the script serves one request; the last one serves all that follow. An answer is a text (sent whole or
as a stream of words, as the request asks) or one of the faults below.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
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


Step = str | Status | Hang | Garbage | Torn


class StubOpenAI:
    """The server. `url` is the base URL for a client; `requests` holds the bodies received, oldest first."""

    def __init__(self, *script: Step) -> None:
        self.script: list[Step] = list(script) or ["Yes."]
        self.requests: list[dict[str, Any]] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Base URL, to be given to a client."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

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
        match self.server.stub.take(body):
            case Status(code, message):
                self._send(code, json.dumps({"error": {"message": message, "code": code}}))
            case Hang():
                self.server.stub.closing.wait()
            case Garbage(text):
                self._send(200, text)
            case Torn(text):
                self._stream(text, torn=True)
            case text if body.get("stream"):
                self._stream(text)
            case text:
                self._send(200, json.dumps(_whole(text)))

    def _send(self, code: int, text: str) -> None:
        payload = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _stream(self, text: str, *, torn: bool = False) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        if torn:  # promise more than will come, so that the client can see the break
            self.send_header("Content-Length", "1000000")
        self.end_headers()
        for event in _events(text):
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
        if not torn:
            self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Keep the tests' output clean."""


def _whole(text: str) -> dict[str, Any]:
    return {
        "id": "stub",
        "object": "chat.completion",
        "created": 0,
        "model": "stub",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": len(text.split()), "total_tokens": 1 + len(text.split())},
    }


def _events(text: str) -> Iterator[dict[str, Any]]:
    words = text.split(" ")
    pieces = [word if i == 0 else f" {word}" for i, word in enumerate(words)]
    for delta in ({"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces), {}):
        choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
        yield {"id": "stub", "object": "chat.completion.chunk", "created": 0, "model": "stub", "choices": [choice]}
