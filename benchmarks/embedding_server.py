"""A server of OpenAI's embeddings protocol in a process of its own.

    python -m benchmarks.embedding_server DIMENSIONS LATENCY

Prints its address, and serves until its standard input ends. Vectors are drawn by a hash of the
text and answered as base64 or as floats, as the request asks; only the latency takes time.
"""

from __future__ import annotations

import base64
import contextlib
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.openai_server import LoopbackServer, Reply, Request


class Server(LoopbackServer):
    """Answers each request after the latency."""

    def __init__(self, dimensions: int, latency: float) -> None:
        super().__init__()
        self.dimensions = dimensions
        self.latency = latency

    def reply(self, request: Request) -> Reply:
        """Answer with the texts' vectors."""
        due = time.monotonic() + self.latency
        as_base64 = request.body.get("encoding_format") == "base64"
        data = [self._item(i, text, as_base64) for i, text in enumerate(request.texts)]
        tokens = sum(len(text) // 4 for text in request.texts)
        body = {"object": "list", "data": data, "model": request.body.get("model")}
        time.sleep(max(0.0, due - time.monotonic()))
        return Reply(200, {**body, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})

    def _item(self, index: int, text: str, as_base64: bool) -> dict[str, Any]:
        source = np.random.default_rng(zlib.crc32(text.encode()))
        vector = source.normal(size=self.dimensions).astype(np.float32)
        vector /= np.linalg.norm(vector)
        shown: Any = vector.round(6).tolist()
        if as_base64:
            shown = base64.b64encode(vector.tobytes()).decode()
        return {"object": "embedding", "index": index, "embedding": shown}


@contextlib.contextmanager
def serving(dimensions: int, latency: float) -> Iterator[str]:
    """Run a server; gives what OPENAI_BASE_URL must be."""
    command = [sys.executable, "-m", "benchmarks.embedding_server", str(dimensions), str(latency)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.communicate()


def main() -> None:
    """Serve."""
    dimensions, latency = sys.argv[1:]
    with Server(int(dimensions), float(latency)) as server:
        print(f"{server.root_url}/v1", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
