"""Each reply names the generation of the datasets that it was made of."""

from __future__ import annotations

import httpx
import pytest

from tests.chat_server import ChatServer

V1 = "/api/v1"
NAME = "Knowledge-Generation"


def id_of(client: httpx.Client) -> str:
    return client.get(f"{V1}/retrieve?query=key").json()["hits"][0]["chunk_id"]


def test_replies_name_what_they_were_made_of(library, served):
    client = served().client
    for path in (
        f"{V1}/datasets",
        f"{V1}/datasets/default",
        f"{V1}/datasets/default/files",
        f"{V1}/datasets/default/files/keys.md",
        f"{V1}/datasets/default/history",
        f"{V1}/status",
        f"{V1}/retrieve?query=key",
        f"{V1}/similar?target=keys.md",
        f"{V1}/chunks/{id_of(client)}",
        "/v1/vector_stores",
        "/v1/vector_stores/default",
        "/v1/vector_stores/default/files",
    ):
        assert client.get(path).headers[NAME] == "default=1", path


def test_replies_to_changes_name_what_they_made(library, served):
    client = served().client
    files = f"{V1}/datasets/default/files"
    changed = client.patch(f"{files}/keys.md", json={"metadata": {"team": "ops"}})
    assert changed.headers[NAME].startswith("default=")
    removed = client.delete(f"{files}/keys.md")
    now = client.get(f"{V1}/datasets/default").headers[NAME]
    assert removed.headers[NAME] == now != "default=1"
    assert client.delete(f"{V1}/datasets/default").headers[NAME] == now


def test_what_is_made_of_no_dataset_says_so(shared):
    for reply in (
        shared.client.post("/v1/embeddings", json={"model": "static", "input": "a"}),
        shared.client.get("/healthz"),
        shared.client.get(f"{V1}/datasets/nope"),
    ):
        assert reply.headers[NAME] == "none"


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_an_answer_names_it_before_its_first_piece(library, served, monkeypatch, accept):
    with ChatServer(["Every 90 days [1]."]) as server:
        monkeypatch.setenv("KNOW_CHAT_BASE_URL", server.base_url)
        monkeypatch.setenv("KNOW_CHAT_MODEL", "small")
        asked = {"json": {"query": "signing key"}, "headers": {"Accept": accept}}
        with served().client.stream("POST", f"{V1}/ask", **asked) as reply:
            assert reply.headers[NAME] == "default=1"
            assert "Every 90 days" in reply.read().decode()
