"""A server on the loopback address that speaks OpenAI's embeddings protocol, well or badly.

    with OpenAIServer(dimensions=64) as server:
        run(env={"OPENAI_BASE_URL": server.base_url})
    assert server.texts["a text"] == 1

Its vectors are hashed bags of words: the same text has the same vector anywhere, texts that share
words are close, and different texts differ. `vector_of` gives the same without a server.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
import socket
import threading
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

WORD = re.compile(r"\w+")


def vector_of(text: str, dimensions: int = 64) -> list[float]:
    """Return the vector that the server gives for a text; not normalised."""
    vector = [0.0] * dimensions
    for word in WORD.findall(text.lower()):
        for seed in range(4):
            number = binascii.crc32(word.encode("utf-8", "replace"), seed)
            vector[number % dimensions] += 1.0 if number & 0x10000 else -1.0
    number = binascii.crc32(text.encode("utf-8", "replace"))
    vector[number % dimensions] += 0.01 + (number % 997) / 50_000
    return vector


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: dict[str, Any]
    method: str = "POST"

    @property
    def texts(self) -> list[str]:
        """What is to be embedded."""
        given = self.body.get("input", [])
        return [given] if isinstance(given, str) else list(given)


@dataclass(frozen=True)
class Reply:
    """An answer: JSON, or text as it is; with ``drop`` the connection ends without one.

    ``cut`` ends the connection in the middle of the body.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: bool = False

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body).encode()


def refusal(status: int, message: str, code: str | None = None, **headers: str) -> Reply:
    """Return an error as OpenAI words it; ``retry_after="2"`` becomes a header."""
    error = {"message": message, "type": "error", "code": code, "param": None}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"error": error}, named)


class LoopbackServer(ThreadingHTTPServer):
    """An HTTP server on a free port of the loopback address; a context manager.

    Subclasses answer in ``reply``. All connections are closed at the end.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.Lock()
        self.requests: list[Request] = []
        self.peak = 0
        """Most requests that were under way at the same time."""
        self._under_way = 0
        self._connections: set[socket.socket] = set()
        self._handlers: list[threading.Thread] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    @property
    def root_url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def reply(self, request: Request) -> Reply:
        """Answer a request; called from many threads."""
        raise NotImplementedError

    def reply_to_get(self, request: Request) -> Reply:
        """Answer a GET request, which is not counted."""
        return Reply(404, {"error": {"message": "not found"}})

    def handle_request_of(self, request: Request) -> Reply:
        """Count and record a request around ``reply``."""
        with self.lock:
            self.requests.append(request)
            self._under_way += 1
            self.peak = max(self.peak, self._under_way)
        try:
            return self.reply(request)
        finally:
            with self.lock:
                self._under_way -= 1

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own, and remember both."""
        with self.lock:
            self._connections.add(request)
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        self._handlers.append(thread)
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that ended."""
        with self.lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client goes away."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        with self.lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._handlers:
            thread.join(timeout=5)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one write for head and body
    server: LoopbackServer

    def do_POST(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        content = self.rfile.read(size)
        parts = urlsplit(self.path)
        reply = self.server.handle_request_of(
            Request(
                path=parts.path,
                query=dict(parse_qsl(parts.query)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=parsed(content),
            )
        )
        self._send(reply)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query))
        request = Request(parts.path, query, headers, {}, method="GET")
        self._send(self.server.reply_to_get(request))

    def _send(self, reply: Reply) -> None:
        if reply.drop:
            self.close_connection = True
            return
        content = reply.content
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if reply.cut:
            content = content[: len(content) // 2]
            self.close_connection = True
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def parsed(content: bytes) -> dict[str, Any]:
    """Read a request's body: JSON, or a form such as those of token endpoints."""
    try:
        return json.loads(content) if content else {}
    except ValueError:
        return dict(parse_qsl(content.decode()))


Script = Callable[[Request], Reply | None]


class OpenAIServer(LoopbackServer):
    """Answers ``POST .../embeddings``.

    Parameters
    ----------
    dimensions:
        Of the vectors, unless the request asks for others.
    latency:
        Seconds each answer takes.
    script:
        Answers to give first, one a request, where ``None`` is a true answer; or a function that
        is asked each time, and gives ``None`` for a true answer.
    max_batch, max_tokens, max_chars:
        Most texts in a request, tokens (words) in a request, characters in a text; more is a 400
        in OpenAI's words.
    models:
        Names of the models that there are; ``None`` is any.
    key:
        The key to ask for; ``None`` is any.
    as_base64, shuffled, indexed, usage, takes_dimensions:
        Give vectors as base64 although floats were asked for; items out of order; with
        ``index``; with ``usage``; honour ``dimensions``.
    gate:
        Where set, an answer waits until the event is set.
    route:
        Path that embeds, below the base URL.
    """

    def __init__(
        self,
        *,
        dimensions: int = 64,
        latency: float = 0.0,
        script: Iterable[Reply | None] | Script = (),
        max_batch: int | None = None,
        max_tokens: int | None = None,
        max_chars: int | None = None,
        models: Iterable[str] | None = None,
        key: str | None = None,
        as_base64: bool = False,
        shuffled: bool = False,
        indexed: bool = True,
        usage: bool = True,
        takes_dimensions: bool = True,
        gate: threading.Event | None = None,
        route: str = "/embeddings",
    ) -> None:
        super().__init__()
        self.route = route
        self.dimensions = dimensions
        self.latency = latency
        self.max_batch = max_batch
        self.max_tokens = max_tokens
        self.max_chars = max_chars
        self.models = None if models is None else set(models)
        self.key = key
        self.as_base64 = as_base64
        self.shuffled = shuffled
        self.indexed = indexed
        self.usage = usage
        self.takes_dimensions = takes_dimensions
        self.gate = gate
        self.texts: Counter[str] = Counter()
        """How often each text was embedded."""
        self._function = script if callable(script) else None
        self._script = deque(() if callable(script) else script)

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL must be."""
        return f"{self.root_url}/v1"

    def reply(self, request: Request) -> Reply:
        """Answer by the script, or truly."""
        if self.latency:
            time.sleep(self.latency)
        if self.gate is not None:
            self.gate.wait(60)
        with self.lock:
            scripted = self._script.popleft() if self._script else None
        if self._function is not None:
            scripted = self._function(request)
        return scripted or self._refuse(request) or self.answer(request)

    def answer(self, request: Request) -> Reply:
        """Return the true answer."""
        texts = request.texts
        with self.lock:
            self.texts.update(texts)
        size = (self.takes_dimensions and request.body.get("dimensions")) or self.dimensions
        data = [self._item(index, vector_of(text, size)) for index, text in enumerate(texts)]
        if self.shuffled:
            data = data[1::2] + data[::2][::-1]
        body: dict[str, Any] = {"object": "list", "data": data, "model": request.body.get("model")}
        if self.usage:
            tokens = sum(len(text.split()) for text in texts)
            body["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
        return Reply(200, body)

    def _item(self, index: int, vector: list[float]) -> dict[str, Any]:
        shown: Any = vector
        if self.as_base64:
            shown = base64.b64encode(array("f", vector).tobytes()).decode()
        item = {"object": "embedding", "embedding": shown}
        return {**item, "index": index} if self.indexed else item

    def _refuse(self, request: Request) -> Reply | None:
        texts, model = request.texts, request.body.get("model")
        sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.key is not None and self.key not in (sent, request.headers.get("api-key")):
            return refusal(401, f"Incorrect API key provided: {sent}.", "invalid_api_key")
        if not request.path.endswith(self.route):
            return refusal(404, f"Unknown path {request.path}")
        if self.models is not None and model not in self.models:
            return refusal(404, f'model "{model}" not found, try pulling it first')
        if not texts or not all(isinstance(text, str) and text for text in texts):
            return refusal(400, "'$.input' is invalid. Please check the API reference.")
        if self.max_batch is not None and len(texts) > self.max_batch:
            message = f"batch size is invalid, it should not be larger than {self.max_batch}."
            return refusal(400, message)
        if self.max_chars is not None and max(map(len, texts)) > self.max_chars:
            message = f"This model's maximum context length is {self.max_chars} tokens."
            return refusal(400, message)
        tokens = sum(len(text.split()) for text in texts)
        if self.max_tokens is not None and tokens > self.max_tokens:
            message = f"Requested {tokens} tokens, max {self.max_tokens} tokens per request"
            return refusal(400, message, "max_tokens_per_request")
        return None
