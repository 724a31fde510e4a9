from __future__ import annotations

from tests.embeddings.providers.conftest import KEY
from tests.embeddings.providers.server import VoyageServer


def test_the_request_says_what_a_text_is_for(connect):
    with VoyageServer() as server:
        environ = {"VOYAGE_BASE_URL": server.root_url, "VOYAGE_API_KEY": KEY}
        embedder = connect("voyage", **environ)
        assert embedder.embed_documents(["one text", "another"]).tokens == 3
        embedder.embed_query("why?")
        connect("voyage", dimensions=8, **environ).embed_query("x")
    documents, question, sized = server.requests
    assert documents.path == "/v1/embeddings"
    assert documents.body == {
        "model": "voyage-4",
        "input": ["one text", "another"],
        "input_type": "document",
        "truncation": False,
    }
    assert documents.headers["authorization"] == f"Bearer {KEY}"
    assert question.body["input_type"] == "query"
    assert sized.body["output_dimension"] == 8
    assert embedder.max_batch == 1000
