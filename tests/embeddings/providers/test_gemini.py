from __future__ import annotations

import pytest

from knowledge.errors import RemoteAuthError, RemoteQuotaError, RemoteUnavailableError
from tests.embeddings.providers.conftest import KEY
from tests.embeddings.providers.google_server import GeminiServer, google_error

QUOTA = "You exceeded your current quota, please check your plan and billing details."


@pytest.fixture
def server():
    with GeminiServer() as server:
        yield server


@pytest.fixture
def gemini(connect, server):
    return lambda **options: connect(
        "gemini", **{"GEMINI_BASE_URL": server.root_url, "GEMINI_API_KEY": KEY, **options}
    )


def test_the_request_says_what_a_text_is_for(gemini, server):
    embedder = gemini()
    embedder.embed_documents(["one text", "another"])
    embedder.embed_query("why?")
    documents, question = server.requests
    assert documents.path == "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    assert documents.body["requests"][1] == {
        "model": "models/gemini-embedding-001",
        "taskType": "RETRIEVAL_DOCUMENT",
        "content": {"parts": [{"text": "another"}]},
    }
    assert question.body["requests"][0]["taskType"] == "RETRIEVAL_QUERY"
    assert documents.headers["x-goog-api-key"] == KEY
    assert "authorization" not in documents.headers
    assert not documents.query
    assert embedder.max_batch == 100


def test_dimensions_have_googles_name(gemini, server):
    gemini(dimensions=8).embed_query("x")
    assert server.requests[0].body["requests"][0]["outputDimensionality"] == 8


def test_later_models_take_no_task(gemini, server):
    server.path = "/v1beta/models/gemini-embedding-2:batchEmbedContents"
    gemini(model="models/gemini-embedding-2").embed_query("x")
    assert "taskType" not in server.requests[0].body["requests"][0]


def test_googles_other_name_for_the_key(connect, server):
    connect("gemini", GEMINI_BASE_URL=server.root_url, GOOGLE_API_KEY=KEY).embed_query("x")
    assert server.requests[0].headers["x-goog-api-key"] == KEY


def test_a_wrong_key_is_a_400_here(gemini, server):
    server.key = "another"
    with pytest.raises(RemoteAuthError, match="API key not valid"):
        gemini().embed_query("x")


def test_a_rate_limit_says_how_long_to_wait(gemini, server):
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}
    server.script.append(google_error(429, QUOTA, [info]))
    with pytest.raises(RemoteUnavailableError) as caught:
        gemini().embed_query("x")
    assert caught.value.retry_after == 34


def test_a_limit_of_the_day_is_not_waited_for(gemini, server):
    info = {"retryDelay": "34s"}
    violation = {"violations": [{"quotaId": "EmbedContentRequestsPerDayPerUser-FreeTier"}]}
    server.script.append(google_error(429, QUOTA, [violation, info]))
    with pytest.raises(RemoteQuotaError):
        gemini().embed_query("x")
