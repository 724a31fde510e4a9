"""LocalAI and LM Studio."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.errors import RemoteError, RemoteResponseError
from tests.embeddings.fakes import new_pool, vectors_of
from tests.embeddings.providers.server import LMStudioServer, LocalAIServer
from tests.openai_server import OpenAIServer, Reply, refusal

TEXTS = [f"text number {number}" for number in range(7)]
BOTH = pytest.mark.parametrize("provider", ["localai", "lmstudio"])


def address(provider, url):
    return {f"{provider.upper()}_BASE_URL": url}


@pytest.mark.parametrize(
    ("provider", "url", "model"),
    [
        ("localai", "http://localhost:8080/v1", "text-embedding-ada-002"),
        ("lmstudio", "http://localhost:1234/v1", "text-embedding-nomic-embed-text-v1.5"),
    ],
)
def test_presets(connect, provider, url, model):
    embedder = connect(provider)
    assert (embedder.endpoint, embedder.spec.model) == (url, model)


@BOTH
@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/embeddings"])
def test_a_base_url_may_be_written_in_many_ways(connect, provider, path):
    embedder = connect(provider, **address(provider, f"http://localhost:1{path}"))
    assert embedder.endpoint == "http://localhost:1/v1"


def test_strings_are_sent_and_floats_asked_for(connect):
    with LocalAIServer() as server:
        answer = connect("localai", model="m", **address("localai", server.root_url))
        assert answer.embed_documents(["one", "two"]).tokens is None
    (request,) = server.requests
    assert request.body == {"model": "m", "input": ["one", "two"], "encoding_format": "float"}
    assert "authorization" not in request.headers


def test_lm_studio_gets_one_request_after_the_other(corpus, data_dir, tmp_path):
    from knowledge import KnowledgeBase
    from knowledge.settings.reading import Settings

    with LMStudioServer() as server:
        environ = {
            "KNOW_EMBEDDING_MODEL_PROVIDER": "lmstudio",
            "KNOW_EMBEDDING_BATCH_SIZE": "1",
            **address("lmstudio", server.root_url),
        }
        settings = Settings.read(environ=environ, folder=tmp_path, data_dir=str(data_dir))
        with KnowledgeBase(settings) as kb:
            assert not kb.ingest(corpus).failed
    assert len(server.requests) >= 5
    assert server.peak == 1


@BOTH
@pytest.mark.parametrize(
    "options",
    [{"as_base64": True}, {"shuffled": True}, {"indexed": False}, {"usage": False}],
    ids=lambda options: next(iter(options)),
)
def test_servers_that_differ_are_understood(connect, provider, options):
    with OpenAIServer(dimensions=16, **options) as server:
        embedder = connect(provider, model="m", **address(provider, server.base_url))
        answer = embedder.embed_documents(TEXTS)
    np.testing.assert_allclose(answer.vectors, vectors_of(TEXTS), rtol=1e-6)


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        ([[0.1, 0.2]] * 7, "same vector for 7 texts"),
        ([[0.1, float(n)] for n in range(6)], "6 vectors for 7 texts"),
        ([[0.0, 0.0]] * 7, "zero vector"),
    ],
)
def test_vectors_of_no_use_are_refused(connect, vectors, said):
    items = [{"index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    with LocalAIServer(script=[Reply(200, {"data": items})]) as server:
        embedder = connect("localai", **address("localai", server.root_url))
        with new_pool(embedder, batch_size=7) as pool:
            with pytest.raises(RemoteResponseError, match=said):
                pool.embed(TEXTS)


def test_dimensions_that_the_server_ignores_are_noticed(connect):
    with OpenAIServer(takes_dimensions=False) as server:
        embedder = connect("localai", dimensions=8, **address("localai", server.base_url))
        with new_pool(embedder) as pool, pytest.raises(RemoteResponseError, match="not 8"):
            pool.embed(TEXTS)


def test_an_unknown_model_names_its_variable(connect):
    said = 'model "m" not found. To see available models, call GET /v1/models'
    with LocalAIServer(script=[refusal(404, said)]) as server:
        with pytest.raises(RemoteError) as caught:
            connect("localai", model="m", **address("localai", server.root_url)).embed_query("x")
    assert caught.value.hint == "Check LOCALAI_MODEL, now m"


def test_a_wrong_path_names_the_address(connect):
    with LMStudioServer() as server:
        with pytest.raises(RemoteError) as caught:
            connect("lmstudio", **address("lmstudio", f"{server.root_url}/v2")).embed_query("x")
    assert caught.value.hint == f"Check LMSTUDIO_BASE_URL, now {server.root_url}/v2."
