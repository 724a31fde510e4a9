from __future__ import annotations

import pytest

from knowledge.errors import RemoteQuotaError
from tests.embeddings.providers.conftest import KEY
from tests.embeddings.providers.server import JinaServer
from tests.openai_server import Reply


@pytest.fixture
def server():
    with JinaServer() as server:
        yield server


@pytest.fixture
def jina(connect, server):
    return lambda model=None, **environ: connect(
        "jina", model=model, JINA_BASE_URL=server.base, JINA_API_KEY=KEY, **environ
    )


@pytest.fixture(autouse=True)
def base(server):
    server.base = f"{server.root_url}/v1"


def test_the_default_model_takes_no_task(jina, server):
    answer = jina().embed_documents(["one text", "another"])
    (request,) = server.requests
    assert request.path == "/v1/embeddings"
    assert request.body == {
        "model": "jina-embeddings-v2-base-en",
        "input": ["one text", "another"],
        "embedding_type": "float",
        "truncate": False,
    }
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert answer.tokens == 3


@pytest.mark.parametrize(
    ("model", "document", "query"),
    [
        ("jina-embeddings-v2-base-en", None, None),
        ("jina-clip-v2", None, None),
        ("jina-embeddings-v3", "retrieval.passage", "retrieval.query"),
        ("jina-embeddings-v4", "retrieval.passage", "retrieval.query"),
        ("jina-embeddings-v5-text-small", "retrieval.passage", "retrieval.query"),
        ("jina-code-embeddings-1.5b", "nl2code.passage", "nl2code.query"),
    ],
)
def test_the_task_says_what_a_text_is_for(jina, server, model, document, query):
    embedder = jina(model)
    embedder.embed_documents(["one"])
    embedder.embed_query("why?")
    assert [request.body.get("task") for request in server.requests] == [document, query]
    assert [request.texts for request in server.requests] == [["one"], ["why?"]]


def test_an_empty_account_is_no_wrong_key(jina, server):
    server.script.append(Reply(403, {"detail": "Insufficient account balance"}))
    with pytest.raises(RemoteQuotaError):
        jina().embed_query("x")
