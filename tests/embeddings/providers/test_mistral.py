from __future__ import annotations

from tests.embeddings.providers.conftest import KEY
from tests.embeddings.providers.server import MistralServer


def test_the_request(connect):
    with MistralServer() as server:
        environ = {"MISTRAL_BASE_URL": server.root_url, "MISTRAL_API_KEY": KEY}
        connect("mistral", **environ).embed_documents(["one text", "another"])
        connect("mistral", model="codestral-embed", dimensions=8, **environ).embed_query("why?")
    first, second = server.requests
    assert first.path == "/v1/embeddings"
    assert first.body == {
        "model": "mistral-embed",
        "input": ["one text", "another"],
        "encoding_format": "float",
    }
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert second.body == {
        "model": "codestral-embed",
        "input": ["why?"],
        "encoding_format": "float",
        "output_dimension": 8,
    }


def test_the_model_of_the_settings_is_used(connect):
    assert connect("mistral", MISTRAL_MODEL="codestral-embed").spec.model == "codestral-embed"
