from __future__ import annotations

import numpy as np
import pytest

from knowledge.embeddings.providers.ollama import url_of_host
from knowledge.errors import RemoteError, RemoteResponseError, UsageError
from knowledge.settings.reading import Settings
from tests.embeddings.fakes import vectors_of
from tests.embeddings.providers.ollama_server import OllamaServer
from tests.openai_server import Reply

MODEL = "all-minilm"


@pytest.fixture
def serve(connect):
    """Start a server and return it with an embedder for it."""
    opened = []

    def start(model=MODEL, dimensions=None, **options):
        server = OllamaServer(**{"models": [MODEL], **options})
        opened.append(server.__enter__())
        environ = {"OLLAMA_BASE_URL": server.root_url}
        return server, connect("ollama", model=model, dimensions=dimensions, **environ)

    yield start
    for server in opened:
        server.__exit__()


def test_a_text_that_is_too_long_is_refused_not_cut(serve):
    server, embedder = serve()
    answer = embedder.embed_documents(["one text", "another"])
    (request,) = server.requests
    assert request.path == "/api/embed"
    assert request.body == {"model": MODEL, "input": ["one text", "another"], "truncate": False}
    assert "authorization" not in request.headers
    assert answer.tokens == 3


def test_dimensions_are_asked_for(serve):
    server, embedder = serve(dimensions=8)
    embedder.embed_query("x")
    assert server.requests[0].body["dimensions"] == 8


def test_an_old_server_takes_one_text_after_the_other(serve):
    server, embedder = serve(old=True)
    texts = ["one", "two", "three"]
    np.testing.assert_allclose(embedder.embed_documents(texts).vectors, vectors_of(texts))
    embedder.embed_documents(["four"])
    assert [request.path for request in server.requests] == [
        "/api/embed",
        *["/api/embeddings"] * 4,  # and /api/embed is not tried again
    ]
    assert server.requests[1].body == {"model": MODEL, "prompt": "one"}


def test_a_server_that_gives_nothing_for_lists_is_asked_one_by_one(serve):
    server, embedder = serve(empty_for_lists=True)
    texts = ["one", "two"]
    np.testing.assert_allclose(embedder.embed_documents(texts).vectors, vectors_of(texts))
    assert [request.path for request in server.requests].count("/api/embed") == 1


def test_localais_answer_at_the_old_path_is_understood(serve):
    server, embedder = serve(old=True)
    server.script.extend([None, Reply(200, {"embeddings": [[1.0, 2.0]]})])
    assert embedder.embed_query("x").vectors.tolist() == [[1.0, 2.0]]


def test_a_missing_model_is_to_be_pulled(serve):
    server, embedder = serve("nomic-embed-text:v1.5")
    with pytest.raises(RemoteError, match="not found") as caught:
        embedder.embed_query("x")
    assert caught.value.hint == "Run: ollama pull nomic-embed-text:v1.5"
    assert len(server.requests) == 1


def test_a_model_that_is_none_for_embeddings_is_named(serve):
    _, embedder = serve()
    embedder._client.close()
    server, embedder = serve(script=[Reply(200, {"embeddings": []}), Reply(200, {"embedding": []})])
    with pytest.raises(RemoteResponseError, match="empty vector") as caught:
        embedder.embed_query("x")
    assert "embedding model" in caught.value.hint
    assert len(server.requests) == 2


def test_a_server_that_is_no_ollama_is_named(serve):
    gone = Reply(404, "404 page not found")
    _, embedder = serve(script=[gone, gone])
    with pytest.raises(RemoteError, match="answered 404") as caught:
        embedder.embed_query("x")
    assert caught.value.hint.startswith("It is not Ollama. Check OLLAMA_BASE_URL, now http://")


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/api", "/api/embed", "/v1/embeddings"])
def test_a_base_url_may_be_written_in_many_ways(connect, path):
    environ = {"OLLAMA_BASE_URL": f"http://localhost:11434{path}"}
    assert connect("ollama", **environ).endpoint == "http://localhost:11434"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("[::]:8000", "http://[::1]:8000"),
        ("box.local:8000/ollama", "http://box.local:8000/ollama"),
        ("https://ollama.example", "https://ollama.example"),
    ],
)
def test_ollamas_own_variable_is_read_as_ollama_does(connect, host, url):
    assert url_of_host(host) == url
    assert connect("ollama", OLLAMA_HOST=host).endpoint == url


def test_the_base_url_wins_over_the_host(connect):
    environ = {"OLLAMA_HOST": "0.0.0.0", "OLLAMA_BASE_URL": "http://gpu.local:11434"}
    assert connect("ollama", **environ).endpoint == "http://gpu.local:11434"


def test_a_host_that_is_none_is_a_usage_error(connect):
    with pytest.raises(UsageError, match="not an http"):
        connect("ollama", OLLAMA_HOST="box:many")


def test_defaults(connect):
    embedder = connect("ollama")
    assert (embedder.endpoint, embedder.spec.model) == (
        "http://localhost:11434",
        "mxbai-embed-large",
    )


def test_the_settings_are_left_as_they_are(tmp_path):
    settings = Settings.read(environ={"OLLAMA_HOST": "box.local"}, folder=tmp_path)
    assert not settings.is_set("ollama_base_url")
