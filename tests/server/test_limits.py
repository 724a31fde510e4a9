"""What one client may take, and what it can't hold."""

from __future__ import annotations

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from knowledge.errors import StoreServerError, UsageError, VectorServerError
from knowledge.knowledge_base import KnowledgeBase
from tests.conftest import check_schema


def address(running):
    host, _, port = running.url.removeprefix("http://").rpartition(":")
    return host, int(port)


def test_a_body_that_is_too_large_is_refused(served):
    client = served(max_body=1).client
    for path in ("/api/v1/retrieve", "/v1/embeddings"):
        assert client.post(path, content=b"x" * (2**20 + 1)).status_code == 413
        pieces = (b"x" * 2**16 for _ in range(17))  # of unknown length
        assert client.post(path, content=pieces).status_code == 413


def test_an_upload_has_a_limit_of_its_own(served):
    client = served(max_body=1, max_upload=2).client
    path = "/api/v1/datasets/new/files?name=a.txt"
    assert client.post(path, content=b"word " * 300_000).status_code == 202
    assert client.post(path, content=b"word " * 600_000).status_code == 413


@pytest.fixture
def slow(monkeypatch):
    """Let each question wait until it may go on; ``begun`` is set when the first one waits."""
    go_on, asked = threading.Event(), KnowledgeBase.retrieve
    go_on.begun = threading.Event()

    def retrieve(*arguments, **options):
        go_on.begun.set()
        go_on.wait(60)
        return asked(*arguments, **options)

    monkeypatch.setattr(KnowledgeBase, "retrieve", retrieve)
    yield go_on
    go_on.set()


def test_one_request_too_many_is_told_when_to_come_again(library, served, slow):
    running = served(concurrency=2)
    first = []
    threads = [
        threading.Thread(
            target=lambda: first.append(running.client.get("/api/v1/retrieve?query=key"))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while (refused := running.client.get("/metrics")).status_code != 429:
        assert time.monotonic() < deadline
    assert refused.headers["Retry-After"] == "1"
    check_schema(refused.json())
    assert running.client.get("/healthz").status_code == 200
    slow.set()
    for thread in threads:
        thread.join()
    assert [reply.status_code for reply in first] == [200, 200]
    assert running.client.get("/metrics").status_code == 200


def test_a_question_that_takes_too_long_is_given_up(library, served, slow):
    reply = served(timeout=0.2).client.get("/api/v1/retrieve?query=key")
    assert reply.status_code == 504
    check_schema(reply.json())


def test_requests_in_flight_are_finished_at_the_end(library, served, slow):
    running = served()
    replies = []
    thread = threading.Thread(
        target=lambda: replies.append(running.client.get("/api/v1/retrieve?query=key"))
    )
    thread.start()
    assert slow.begun.wait(60)
    running.started.stop()
    time.sleep(0.3)
    slow.set()
    thread.join()
    assert replies[0].status_code == 200
    running.thread.join(60)
    assert not running.thread.is_alive()


def test_a_client_that_sends_no_body_is_let_go(served):
    running = served(timeout=0.3)
    with socket.create_connection(address(running), timeout=60) as connection:
        head = "POST /api/v1/retrieve HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
        connection.sendall(head.encode() + b"{")
        assert b"504" in connection.recv(4096)


def test_a_client_that_reads_nothing_is_let_go(served):
    running = served(timeout=0.5, concurrency=1)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(address(running))
        texts = [f"text {number}" for number in range(2_048)]
        body = json.dumps({"model": "static", "input": texts}).encode()
        head = f"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        connection.sendall(head.encode() + b"\r\n" + body)
        deadline = time.monotonic() + 60
        time.sleep(0.2)
        while running.client.get("/metrics").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_client_that_dies_holds_nothing(library, served, slow):
    running = served(concurrency=1)
    with socket.create_connection(address(running)) as connection:
        connection.sendall(b"GET /api/v1/retrieve?query=key HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert slow.begun.wait(60)
    slow.set()
    deadline = time.monotonic() + 60
    while running.client.get("/metrics").status_code != 200:
        assert time.monotonic() < deadline


def test_no_reply_holds_a_traceback(library, served, monkeypatch):
    def fails(*_arguments, **_options):
        raise RuntimeError("a secret detail")

    running = served()
    monkeypatch.setattr(KnowledgeBase, "retrieve", fails)
    for method, path in (("GET", "/api/v1/retrieve?query=key"),):
        reply = running.client.request(method, path)
        assert reply.status_code == 500
        check_schema(reply.json())
        assert "secret detail" not in reply.text
        assert "Traceback" not in reply.text
        assert reply.headers["X-Request-ID"] in reply.text
    assert "a secret detail" in "\n".join(running.lines)


def test_every_reply_has_safe_headers(shared):
    for path in ("/healthz", "/api/v1/datasets", "/v1/models", "/nothing", "/openapi.json"):
        headers = shared.client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in headers["Content-Security-Policy"]


def test_what_another_process_does_is_seen_by_the_next_request(library, served, run):
    client = served().client
    path = "/api/v1/retrieve?query=apples&mode=keyword"
    assert not client.get(path).json()["hits"]
    (library.parent / "apples.md").write_text("apples are red")
    assert run("ingest", library.parent / "apples.md").code == 0
    seen = client.get(path)
    assert [hit["name"] for hit in seen.json()["hits"]] == ["apples.md"]
    assert seen.headers["Knowledge-Generation"] == "default=2"
    assert run("rename-dataset", "default", "other").code == 0
    assert client.get(f"{path}&datasets=default").status_code == 404
    assert client.get(f"{path}&datasets=other").json()["hits"]
    assert run("delete-dataset", "other", "--yes").code == 0
    assert client.get(f"{path}&datasets=other").status_code == 404


@pytest.mark.parametrize("form", ["text", "json", "off"])
def test_the_log_has_a_line_for_each_request_and_no_question(library, served, form):
    running = served(log=form)
    running.client.get("/api/v1/retrieve?query=secret", headers={"X": "y"})
    running.client.get("/a%0Ab")
    running.stop()
    lines = [line for line in running.lines if "/a" in line]
    assert not any("secret" in line for line in lines)
    if form == "off":
        assert not lines
    elif form == "json":
        assert [json.loads(line)["status"] for line in lines] == [200, 404]
    else:
        assert len(lines) == 2
        assert all("\n" not in line for line in lines)


def test_metrics_count_requests_and_texts(library, served):
    client = served().client
    client.post("/v1/embeddings", json={"model": "static", "input": ["a", "b"]})
    text = client.get("/metrics").text
    assert 'knowledge_embedded_texts_total{model="static"} 2' in text
    request = 'knowledge_requests_total{method="POST",route="/v1/embeddings",status="200"} 1'
    assert request in text
    assert 'knowledge_request_seconds_count{route="/v1/embeddings"} 1' in text


def test_a_warm_server_has_loaded_what_questions_need(library, served, monkeypatch):
    asked, real = [], KnowledgeBase.retrieve

    def retrieve(self, *arguments, **options):
        asked.append(arguments)
        return real(self, *arguments, **options)

    monkeypatch.setattr(KnowledgeBase, "retrieve", retrieve)
    running = served(warm=True)
    assert [arguments[1] for arguments in asked] == ["default"]
    metrics = running.client.get("/metrics").text
    assert 'knowledge_embedded_texts_total{model="static:wordllama-l2-supercat-256"} 1' in metrics


@pytest.mark.parametrize("error", [StoreServerError("it is down"), VectorServerError("it is down")])
def test_a_store_that_cannot_be_reached_is_worth_another_try(library, served, monkeypatch, error):
    def fails(*_arguments, **_options):
        raise error

    monkeypatch.setattr(KnowledgeBase, "retrieve", fails)
    running = served()
    for path in ("/api/v1/retrieve", "/v1/vector_stores/default/search"):
        reply = running.client.post(path, json={"query": "x"})
        assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1"), reply.text
        assert "it is down" in reply.text


def test_what_cannot_be_warmed_is_said(library, served, monkeypatch):
    def fails(*_arguments, **_options):
        raise UsageError("no such model")

    monkeypatch.setattr(KnowledgeBase, "retrieve", fails)
    running = served(warm=True)
    assert running.client.get("/readyz").status_code == 200
    assert "dataset default is not warm: no such model" in running.lines


CHANGES = {
    "publish": [("ingest", "{more}"), ("ingest", "{more}", "--force")],
    "rename": [("rename-dataset", "default", "other")],
    "delete": [("delete-dataset", "default", "--yes")],
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_another_process_does_breaks_no_question_in_flight(
    library, served, run, monkeypatch, tmp_path, change
):
    from knowledge.retrieval.search.retriever import Retriever

    begun, go_on = threading.Event(), threading.Event()
    chosen = Retriever._chosen

    def waits(self, *arguments):
        begun.set()
        assert go_on.wait(60)
        return chosen(self, *arguments)

    (tmp_path / "more.md").write_text("When must I rotate the signing key? Now.")
    client = served().client
    monkeypatch.setattr(Retriever, "_chosen", waits)
    with ThreadPoolExecutor(1) as pool:
        path = "/api/v1/retrieve?query=signing+key&datasets=default"
        asked = pool.submit(client.get, path)
        assert begun.wait(30)
        for command in CHANGES[change]:
            filled = [part.format(more=tmp_path / "more.md") for part in command]
            assert run(*filled).code == 0
        go_on.set()
        reply = asked.result(60)
    assert reply.status_code == 200, reply.text
    assert reply.json()["hits"][0]["name"] == "keys.md"
    assert reply.headers["Knowledge-Generation"] == "default=1"
