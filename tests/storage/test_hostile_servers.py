"""Servers of vectors whose answers do not end, or are not what was asked for: an error of ours."""

from __future__ import annotations

import json

import numpy as np
import pytest

from knowledge.errors import KnowledgeError, VectorServerError
from knowledge.storage.servers import server as bounds
from knowledge.storage.servers.chroma import ChromaServer
from knowledge.storage.servers.qdrant import QdrantServer
from tests import hostile_server as hostile
from tests.cli.test_terminal_safety import EVIL_LINES, assert_clean, assert_lines

KINDS = {"chroma": ChromaServer, "qdrant": QdrantServer}
LIMIT = 256 << 10
KEY = "top-secret-key"
ROW = np.eye(1, 8, dtype=np.float32)
CALLS = {
    "ping": lambda server: server.ping(),
    "create": lambda server: server.create("c", 8),
    "drop": lambda server: server.drop("c"),
    "count": lambda server: server.count("c"),
    "add": lambda server: server.add("c", ["a.r"], ROW, "r"),
    "delete": lambda server: server.delete("c", ["a.r"]),
    "present": lambda server: server.present("c", ["a.r"]),
    "fetch": lambda server: server.fetch("c", ["a.r"]),
    "names": lambda server: [*server.names("c")],
    "delete_run": lambda server: server.delete_run("c", "r"),
    "page": lambda server: server.page(8),
    "search": lambda server: server.search("c", ROW[0], 1),
}


@pytest.fixture(params=KINDS)
def opened(request, monkeypatch):
    """Open a server of either kind at a URL, with small bounds."""
    if request.param == "qdrant":
        pytest.importorskip("qdrant_client")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(bounds, "MOST_BYTES", LIMIT)
    kind = KINDS[request.param]
    return lambda url: kind(f"{request.param}+{url}", url, KEY)


@pytest.mark.parametrize("behaviour", [hostile.endless, hostile.gzip_bomb])
def test_an_answer_is_bounded_in_bytes(opened, behaviour):
    with hostile.HostileServer(behaviour) as server:
        with pytest.raises(VectorServerError, match="larger than 262,144 bytes"):
            opened(server.url).ping()
        assert server.requests == 1
    assert server.sent < 60 * LIMIT  # sockets hold some of it


@pytest.mark.parametrize("behaviour", [hostile.dripping, hostile.silent])
def test_an_answer_is_bounded_in_time_as_a_whole(opened, monkeypatch, behaviour):
    monkeypatch.setattr(bounds, "SECONDS", 0.3)
    with hostile.HostileServer(behaviour) as server, pytest.raises(VectorServerError):
        opened(server.url).ping()


def test_deep_json_is_a_sentence(opened):
    with hostile.HostileServer(hostile.deep) as server, pytest.raises(VectorServerError):
        opened(server.url).ping()


ODD = ["", "no JSON", "7", "null", "[]", '"text"', "{}", "[[1]]", '{"id": "1", "ids": 5}']
ODD += ['{"id": "1", "ids": [["a"]], "distances": [[null]], "embeddings": [["x"]]}']
ODD += ['{"id": "1", "ids": ["a.r"]}']  # on each page
ODD += ['{"result": {"points": [{"id": 1, "version": 0, "score": 1}]}, "status": "ok", "time": 0}']
ODD += ['{"max_batch_size": "many", "id": 1, "supports_base64_encoding": 1}', "1" + "0" * 5000]


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_what_was_not_asked_for_is_a_sentence(opened, body):
    def odd(handler):
        handler.begin()
        handler.send(body.encode())

    failed = []
    with hostile.HostileServer(odd) as server:
        client = opened(server.url)
        for call in CALLS.values():
            try:
                call(client)
            except KnowledgeError as error:
                failed.append(error.message)
    assert failed
    assert max(map(len, failed)) < 500


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_server_says_drives_no_terminal_and_shows_no_key(run, corpus, monkeypatch, kind):
    if kind == "qdrant":
        pytest.importorskip("qdrant_client")

    def rude(handler):
        echoed = f"{EVIL_LINES} {handler.headers.get('X-Chroma-Token', KEY)} {'x' * 10_000}"
        reason = echoed[:300].replace("\r", "").replace("\n", "").encode("utf-8", "replace")
        handler.wfile.write(b"HTTP/1.1 500 " + reason + b"\r\nConnection: close\r\n\r\n")
        handler.send(json.dumps({"message": echoed}).encode())

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv(f"{kind.upper()}_API_KEY", KEY)
    with hostile.HostileServer(rude) as server:
        monkeypatch.setenv("KNOW_VECTORS", f"{kind}+{server.url}")
        for line in ("store", "store --json", "ingest", "ingest --json", "ingest --debug"):
            outcome = run(*line.split(), *([corpus] if "ingest" in line else []))
            assert outcome.code == 5, outcome
            assert_clean(outcome.out + outcome.err)
            assert_lines(outcome.err)
            assert KEY not in outcome.out + outcome.err
        assert server.requests
