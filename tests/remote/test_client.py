"""Server-sent events, and errors that say which service failed."""

from __future__ import annotations

from contextlib import closing

import pytest

from knowledge.chat import ChatModel
from knowledge.embeddings.registry import create_embedder
from knowledge.errors import RemoteAuthError, RemoteError, RemoteRateLimitError, Service
from knowledge.remote.client import Event, parse_events
from knowledge.retrieval.rerank.hosted import server_reranker
from knowledge.settings.reading import Settings
from tests.openai_server import OpenAIServer, refusal


@pytest.mark.parametrize(
    ("content", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [("", "a"), ("", "b")]),
        (b"event: done\r\ndata: a\r\ndata: b\r\n\r\n", [("done", "a\nb")]),
        (b": heartbeat\n\nid: 7\nretry: 9\n\ndata:no space\n\n", [("", "no space")]),
        ("data: a\u2028b\x0cc\n\n".encode(), [("", "a\u2028b\x0cc")]),
        (b"event: lost\n\ndata: the last has no end", [("", "the last has no end")]),
        (b"", []),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_events_are_read_however_they_are_cut(content, events, size):
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    assert list(parse_events(pieces)) == [Event(*event) for event in events]


def ask_chat(settings):
    with closing(ChatModel.from_settings(settings, model="m")) as model:
        model.complete([{"role": "user", "content": "?"}])


def ask_embedder(settings):
    with closing(create_embedder("openai:m", settings=settings)) as embedder:
        embedder.embed_query("?")


def ask_reranker(settings):
    with closing(server_reranker(str(settings["openai_base_url"]), "m", settings)) as reranker:
        reranker("?", ["text"])


@pytest.mark.parametrize(
    ("ask", "service", "code"),
    [
        (ask_chat, Service.CHAT, "chat-auth"),
        (ask_embedder, Service.EMBEDDING, "embedding-auth"),
        (ask_reranker, Service.RERANK, "embedding-auth"),
    ],
)
def test_an_error_says_which_service_failed(tmp_path, ask, service, code):
    with OpenAIServer(script=[refusal(401, "no such key")]) as server:
        environ = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "sk-1"}
        with pytest.raises(RemoteAuthError) as caught:
            ask(Settings.read(environ=environ, folder=tmp_path))
    assert (caught.value.service, caught.value.code) == (service, code)


def test_a_chat_model_has_codes_of_its_own():
    assert RemoteRateLimitError("busy").code == "embedding-rate-limit"
    assert RemoteRateLimitError("busy").of(Service.CHAT).code == "chat-unavailable"
    assert RemoteError("failed").of(Service.CHAT).of(Service.EMBEDDING).code == "embedding-failed"
