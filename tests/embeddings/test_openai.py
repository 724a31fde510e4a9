from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import knowledge
from knowledge.embeddings.embedder import Embedder
from knowledge.embeddings.providers.openai import OpenAIEmbedder
from knowledge.errors import (
    RemoteAuthError,
    RemoteBatchTooLargeError,
    RemoteError,
    RemoteInputTooLongError,
    RemoteQuotaError,
    RemoteRateLimitError,
    RemoteResponseError,
    RemoteUnavailableError,
    UsageError,
)
from knowledge.model import EmbedderSpec
from knowledge.settings.reading import Settings
from tests.embeddings.fakes import vectors_of
from tests.openai_server import OpenAIServer, Reply, refusal

ROOT = Path(knowledge.__file__).parents[1]
KEY = "sk-secret-0123456789abcdef"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def connect(tmp_path):
    """Build embedders, and close them at the end."""
    made = []

    def build(url, *, model="m", dimensions=None, **environ):
        environ = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEY, **environ}
        settings = Settings.read(
            environ={name: value for name, value in environ.items() if value}, folder=tmp_path
        )
        made.append(OpenAIEmbedder.from_settings(settings, model=model, dimensions=dimensions))
        return made[-1]

    yield build
    for embedder in made:
        embedder.close()


@pytest.fixture
def ask(connect):
    """Send two texts to a server with options, and return the answer."""

    def send(texts=("one text", "another"), **options):
        with OpenAIServer(**options) as server:
            return connect(server.base_url).embed_documents(texts)

    return send


def failing(*replies):
    return {"script": list(replies)}


def test_it_fulfils_the_protocol(connect):
    assert isinstance(connect("http://localhost:1"), Embedder)


def test_texts_are_sent_as_strings_and_vectors_come_back(connect):
    texts = ["one\ntext", "another", "Größe 🔑"]
    with OpenAIServer() as server:
        embedder = connect(server.base_url)
        answer = embedder.embed_documents(texts)
    np.testing.assert_allclose(answer.vectors, vectors_of(texts, 64), rtol=1e-6)
    assert answer.vectors.dtype == np.float32
    assert answer.tokens == 5
    request = server.requests[0]
    assert request.path == "/v1/embeddings"
    assert request.body == {"input": texts, "model": "m", "encoding_format": "float"}
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert embedder.spec == EmbedderSpec("openai", "m", 64)
    assert embedder.endpoint == server.base_url


@pytest.mark.parametrize("route", ["/embed", "/api/embed/", "custom/embeddings"])
def test_a_server_may_embed_at_another_path(connect, route):
    with OpenAIServer(route=route.rstrip("/")) as server:
        embedder = connect(server.base_url, OPENAI_EMBEDDING_ENDPOINT=route)
        embedder.embed_query("why?")
        embedder.embed_documents(["one", "two"])
    assert {request.path for request in server.requests} == {"/v1/" + route.strip("/")}


@pytest.mark.parametrize("route", ["http://elsewhere/embed", "/embed?key=1", "//elsewhere/embed"])
def test_the_path_leads_to_no_other_server(connect, route):
    with pytest.raises(UsageError, match="OPENAI_EMBEDDING_ENDPOINT must be a path"):
        connect("http://localhost:1", OPENAI_EMBEDDING_ENDPOINT=route)


def test_a_question_is_one_text(connect):
    with OpenAIServer() as server:
        answer = connect(server.base_url).embed_query("why?")
    assert answer.vectors.shape == (1, 64)


@pytest.mark.parametrize(
    "options",
    [{"as_base64": True}, {"shuffled": True}, {"indexed": False}, {"usage": False}],
    ids=lambda options: next(iter(options)),
)
def test_servers_that_differ_are_understood(ask, options):
    texts = [f"text number {number}" for number in range(7)]
    np.testing.assert_allclose(ask(texts, **options).vectors, vectors_of(texts, 64), rtol=1e-6)


def test_dimensions_are_asked_for(connect):
    with OpenAIServer() as server:
        embedder = connect(server.base_url, OPENAI_EMBEDDING_DIMENSIONS="8")
        assert embedder.embed_query("x").vectors.shape == (1, 8)
        assert server.requests[0].body["dimensions"] == 8
        assert connect(server.base_url, dimensions=4).embed_query("x").vectors.shape == (1, 4)
    assert embedder.spec == EmbedderSpec("openai", "m", 8, {"dimensions": 8})


def test_dimensions_of_openais_own_models_are_known(connect):
    own = "https://api.openai.com/v1"
    large = connect(own, model="text-embedding-3-large")
    assert large.spec == EmbedderSpec("openai", "text-embedding-3-large", 3072)
    assert large.max_input_tokens == 8191
    small = connect(own, model="text-embedding-3-small", dimensions=512)
    assert small.spec.dimensions == 512
    assert small.spec.options == {"dimensions": 512}
    # ada-002 refuses the parameter, even with its own size
    ada = connect(own, model="text-embedding-ada-002", dimensions=1536)
    assert ada.spec == EmbedderSpec("openai", "text-embedding-ada-002", 1536)


def test_elsewhere_a_known_name_may_be_another_model(connect):
    with OpenAIServer(dimensions=8) as server:
        embedder = connect(server.base_url, model="text-embedding-ada-002")
        assert embedder.spec.dimensions is None
        assert embedder.max_input_tokens is None
        embedder.embed_query("x")
    assert embedder.spec.dimensions == 8
    azure = {"OPENAI_API_TYPE": "AZURE", "OPENAI_AZURE_DEPLOYMENT": "large"}
    deployed = connect("https://x.azure.com", model="text-embedding-ada-002", **azure)
    assert deployed.spec == EmbedderSpec("azure", "text-embedding-ada-002")


def test_azure_with_a_key(connect):
    with OpenAIServer() as server:
        connect(server.root_url, OPENAI_API_TYPE="AZURE").embed_query("x")
    request = server.requests[0]
    assert request.path == "/openai/deployments/m/embeddings"
    assert request.query == {"api-version": "2024-02-01"}
    assert request.headers["api-key"] == KEY
    assert "authorization" not in request.headers


def test_azure_with_a_token(connect):
    azure = {"OPENAI_API_TYPE": "AZURE_AD", "OPENAI_AZURE_DEPLOYMENT": "d"}
    with OpenAIServer() as server:
        connect(server.root_url, **azure).embed_query("x")
    request = server.requests[0]
    assert request.path == "/openai/deployments/d/embeddings"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert "api-key" not in request.headers


def test_nothing_else_of_the_environment_is_sent(connect, monkeypatch):
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "from-the-environment")
    for name in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"):
        monkeypatch.setenv(name, "from-the-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/from-the-environment")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Mine: from-the-environment")
    with OpenAIServer() as server:
        connect(server.base_url).embed_query("x")
        connect(server.root_url, OPENAI_API_TYPE="AZURE").embed_query("x")
        connect(server.base_url, OPENAI_ORG_ID="org-1").embed_query("x")
    assert "from-the-environment" not in str([request.headers for request in server.requests])
    assert server.requests[2].headers["openai-organization"] == "org-1"
    allowed = {"accept", "accept-encoding", "connection", "content-length", "content-type"}
    allowed |= {"host", "user-agent", "authorization", "api-key", "openai-organization"}
    allowed |= {"x-stainless-raw-response"}
    for request in server.requests:
        assert set(request.headers) <= allowed


def test_a_name_and_password_in_the_url_are_sent_instead_of_the_key(connect):
    with OpenAIServer() as server:
        url = server.base_url.replace("://", "://me:pw@")
        embedder = connect(url)
        embedder.embed_query("x")
    assert server.requests[0].headers["authorization"].startswith("Basic ")
    assert "pw" not in embedder.endpoint


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (refusal(401, f"Incorrect API key provided: {KEY}"), RemoteAuthError, r"\[key\]"),
        (refusal(429, "no", "insufficient_quota"), RemoteQuotaError, "429"),
        (refusal(429, "slow down"), RemoteRateLimitError, "slow down"),
        (Reply(502, "<html><h1>Bad Gateway</h1></html>"), RemoteUnavailableError, "Bad Gateway"),
        (Reply(503, b"\xff\xfe"), RemoteUnavailableError, "503"),
        (Reply(drop=True), RemoteUnavailableError, "can't reach"),
        (Reply(200, {"data": []}, cut=True), RemoteUnavailableError, "can't reach"),
        (refusal(404, "model not found, try pulling it first"), RemoteError, "404"),
        (Reply(307, "", {"Location": "https://other/"}), RemoteError, "307"),
        (Reply(200, "<html>log in</html>"), RemoteResponseError, "log in"),
        (Reply(200, ""), RemoteResponseError, "an empty body"),
        (Reply(200, {"object": "list"}), RemoteResponseError, "without embeddings"),
        (Reply(200, {"data": [{"embedding": []}]}), RemoteResponseError, "empty vector"),
        (Reply(200, {"error": {"message": "boom", "code": 500}}), RemoteUnavailableError, "boom"),
        (Reply(200, {"error": "boom"}), RemoteResponseError, "boom"),
        (refusal(413, "inputs must have less than 512 tokens"), RemoteBatchTooLargeError, "413"),
    ],
)
def test_failures_become_errors_of_ours(connect, reply, kind, said):
    with OpenAIServer(script=[reply]) as server:
        embedder = connect(server.base_url)
        with pytest.raises(kind, match=said) as caught:
            embedder.embed_documents(["one", "two"])
        assert type(caught.value) is kind
        assert f"openai:m at {server.base_url}" in caught.value.message
        assert KEY not in str(caught.value.args)
        assert len(server.requests) == 1  # the pool tries again, not the client
        assert embedder.embed_query("afterwards").vectors.shape == (1, 64)


def test_one_text_that_is_too_long_is_named(connect):
    with OpenAIServer(max_chars=5) as server:
        embedder = connect(server.base_url)
        with pytest.raises(RemoteInputTooLongError):
            embedder.embed_documents(["too long"])
        with pytest.raises(RemoteBatchTooLargeError):
            embedder.embed_documents(["too long", "ok"])


def test_an_error_of_null_is_none(ask):
    body = {"error": None, "data": [{"embedding": [1.0]}]}
    assert ask(["x"], script=[Reply(200, body)]).vectors.tolist() == [[1.0]]


def test_the_wait_a_server_asks_for_is_passed_on(connect):
    script = [refusal(429, "slow", retry_after="2")]
    with (
        OpenAIServer(script=script) as server,
        pytest.raises(RemoteUnavailableError) as caught,
    ):
        connect(server.base_url).embed_query("x")
    assert caught.value.retry_after == 2


def test_a_server_that_does_not_run_is_named(connect):
    with OpenAIServer() as server:
        url = server.base_url
    with pytest.raises(RemoteUnavailableError, match="can't reach") as caught:
        connect(url).embed_query("x")
    assert "refused" in caught.value.message
    assert url in caught.value.hint


def test_a_server_that_is_slow_is_named(connect):
    gate = threading.Event()
    with OpenAIServer(gate=gate) as server:
        with pytest.raises(RemoteUnavailableError, match=r"did not answer within 0\.1 s"):
            connect(server.base_url, KNOW_EMBEDDING_TIMEOUT="0.1").embed_query("x")
        gate.set()


def test_no_text_goes_to_openai_without_a_key(connect):
    embedder = connect("https://api.openai.com/v1", OPENAI_API_KEY=None)
    with pytest.raises(RemoteAuthError, match="there is no key") as caught:
        embedder.embed_query("x")
    assert "OPENAI_API_KEY" in caught.value.hint


def test_other_servers_need_no_key(connect):
    with OpenAIServer() as server:
        connect(server.base_url, OPENAI_API_KEY=None).embed_query("x")
    assert server.requests[0].headers["authorization"] == "Bearer sk-foo"


@pytest.mark.parametrize("key", ["sk-“quoted”", "sk-a\nb"])
def test_a_key_that_can_not_be_sent_is_named_not_shown(connect, key):
    embedder = connect("http://127.0.0.1:9", OPENAI_API_KEY=key)
    with pytest.raises(RemoteAuthError, match="a character that no key has") as caught:
        embedder.embed_query("x")
    assert "sk-" not in caught.value.message


def test_a_closed_embedder_opens_again(connect):
    with OpenAIServer() as server:
        embedder = connect(server.base_url)
        embedder.embed_query("x")
        embedder.close()
        embedder.close()
        embedder.embed_query("x")
    assert len(server.requests) == 2


def test_threads_share_one_client(connect):
    texts = [f"text {number}" for number in range(16)]
    found = {}
    with OpenAIServer() as server:
        embedder = connect(server.base_url)

        def embed(text):
            found[text] = embedder.embed_query(text).vectors[0]

        threads = [threading.Thread(target=embed, args=(text,)) for text in texts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    together = np.array([found[text] for text in texts])
    np.testing.assert_allclose(together, vectors_of(texts, 64), rtol=1e-6)


@pytest.mark.slow
def test_another_thread_may_be_importing_httpx_meanwhile():
    code = """
import sys, threading, time
from knowledge.embeddings.registry import create_embedder
from knowledge.settings.reading import Settings
import knowledge.embeddings.providers.openai

class Slow:
    half_done = threading.Event()

    def find_spec(self, name, path=None, target=None):
        if name == "httpx._api":
            self.half_done.set()
            time.sleep(0.3)

sys.meta_path.insert(0, Slow())
threading.Thread(target=__import__, args=("httpx",)).start()
Slow.half_done.wait(1)
embedder = create_embedder("openai:m", settings=Settings.read())
print(embedder.embed_query("x").vectors.shape)
embedder.close()
"""
    with OpenAIServer() as server:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env={**os.environ, "OPENAI_BASE_URL": server.base_url},
            cwd=ROOT,
        )
    assert (done.stdout.strip(), done.stderr) == ("(1, 64)", "")


def test_the_request_is_plain_json(connect):
    with OpenAIServer(script=lambda request: Reply(200, {"data": [{"embedding": [1]}]})) as server:
        connect(server.base_url).embed_query('quotes " and \\ and \x01')
    assert json.dumps(server.requests[0].texts) == '["quotes \\" and \\\\ and \\u0001"]'
