"""A server on the loopback address whose replies do not end, or are not what they seem.

with HostileServer(ENDLESS) as server:
    run(env={"OPENAI_BASE_URL": server.url})
assert server.sent < 10_000_000
"""

from __future__ import annotations

import contextlib
import gzip
import threading
import time
import zlib
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Behaviour = Callable[["Answering"], object]
DEPTH = 100_000


class Answering(BaseHTTPRequestHandler):
    """One request of a `HostileServer`."""

    server: Any

    def begin(self, content_type: str = "application/json", **headers: str) -> None:
        """Send a status and headers, and no length."""
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send(self, content: bytes) -> None:
        """Send a piece of the body."""
        self.wfile.write(content)
        self.server.sent += len(content)

    def _answer(self) -> None:
        self.server.requests += 1
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        with contextlib.suppress(OSError):
            self.server.behaviour(self)
        self.close_connection = True

    do_GET = do_POST = _answer  # noqa: N815 - the names are the base class's

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class HostileServer(ThreadingHTTPServer):
    """Answers every request by one behaviour; counts requests and bytes of bodies."""

    daemon_threads = True

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.behaviour = behaviour
        self.requests = 0
        self.sent = 0
        self.connections = 0
        self.open = True
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def get_request(self) -> Any:
        """Take a connection, which may not become a request."""
        self.connections += 1
        return super().get_request()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open = False
        self.shutdown()
        self.server_close()


def endless(handler: Answering) -> None:
    """Send one JSON text that never ends."""
    handler.begin()
    handler.send(b'{"data": "')
    while handler.server.open:
        handler.send(b"x" * (1 << 16))


def gzip_bomb(handler: Answering) -> None:
    """Send 100 KiB of gzip that unpack to 100 MiB of JSON."""
    body = _bomb()
    handler.begin(Content_Encoding="gzip", Content_Length=str(len(body)))
    handler.send(body)


@cache
def _bomb() -> bytes:
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(b'{"data": "')]
    pieces += [packer.compress(bytes(1 << 20)) for _ in range(100)]
    return b"".join([*pieces, packer.compress(b'"}'), packer.flush()])


def dripping(handler: Answering) -> None:
    """Send a byte now and then."""
    handler.begin()
    while handler.server.open:
        handler.send(b" ")
        time.sleep(0.05)


def dripping_headers(handler: Answering) -> None:
    """Send a byte of a header now and then."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while handler.server.open:
        handler.wfile.write(b"x")
        time.sleep(0.05)


def deep(handler: Answering) -> None:
    """Send JSON that is nested deeper than any parser goes."""
    body = gzip.compress(b'{"data": ' + b"[" * DEPTH + b"]" * DEPTH + b"}")
    handler.begin(Content_Encoding="gzip", Content_Length=str(len(body)))
    handler.send(body)


def silent(handler: Answering) -> None:
    """Send nothing."""
    while handler.server.open:
        time.sleep(0.02)
