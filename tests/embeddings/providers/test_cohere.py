from __future__ import annotations

import numpy as np
import pytest

from knowledge.errors import RemoteAuthError, RemoteQuotaError, RemoteUnavailableError
from tests.embeddings.fakes import vectors_of
from tests.embeddings.providers.conftest import KEY
from tests.embeddings.providers.server import CohereServer
from tests.openai_server import Reply


@pytest.fixture
def server():
    with CohereServer() as server:
        yield server


@pytest.fixture
def cohere(connect, server):
    return lambda **environ: connect(
        "cohere", **{"COHERE_BASE_URL": server.root_url, "COHERE_API_KEY": KEY, **environ}
    )


def test_the_request_says_what_a_text_is_for(cohere, server):
    embedder = cohere()
    answer = embedder.embed_documents(["one text", "another"])
    embedder.embed_query("why?")
    documents, question = server.requests
    assert documents.path == question.path == "/v2/embed"
    assert documents.body == {
        "model": "embed-english-v3.0",
        "texts": ["one text", "another"],
        "input_type": "search_document",
        "embedding_types": ["float"],
        "truncate": "NONE",
    }
    assert question.body["input_type"] == "search_query"
    assert documents.headers["authorization"] == f"Bearer {KEY}"
    assert answer.tokens == 3
    assert embedder.max_batch == 96


def test_dimensions_have_coheres_name(cohere, server):
    cohere(COHERE_MODEL="embed-v4.0", KNOW_EMBEDDING_DIMENSIONS="8").embed_query("x")
    assert server.requests[0].body["output_dimension"] == 8
    assert server.requests[0].body["model"] == "embed-v4.0"


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v2", "/v2/", "/v2/embed", "/v1/embed/"])
def test_a_base_url_may_be_written_in_many_ways(cohere, server, path):
    assert cohere(COHERE_BASE_URL=server.root_url + path).endpoint == f"{server.root_url}/v2"


def test_cohere_has_another_name_for_its_key(connect, server):
    connect("cohere", COHERE_BASE_URL=server.root_url, CO_API_KEY=KEY).embed_query("x")
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_vectors_without_types_are_understood(cohere, server):
    server.script.append(Reply(200, {"embeddings": vectors_of(["a", "b"], 4).tolist()}))
    answer = cohere().embed_documents(["a", "b"])
    np.testing.assert_allclose(answer.vectors, vectors_of(["a", "b"], 4))
    assert answer.tokens is None


@pytest.mark.parametrize(
    ("per", "kind"), [("minute", RemoteUnavailableError), ("month", RemoteQuotaError)]
)
def test_a_trial_key_has_two_limits(cohere, server, per, kind):
    said = f"You are using a Trial key, which is limited to 40 API calls / {per}."
    server.script.append(Reply(429, {"message": said}))
    with pytest.raises(kind):
        cohere().embed_query("x")


def test_no_text_goes_to_cohere_without_a_key(connect):
    with pytest.raises(RemoteAuthError, match=r"no key for cohere:\S+ at https://api.cohere") as e:
        connect("cohere").embed_query("x")
    assert e.value.hint == "Set COHERE_API_KEY."
