from __future__ import annotations

import pytest

from tests.embeddings.providers.conftest import KEY
from tests.embeddings.providers.server import MixedbreadServer


@pytest.fixture
def server():
    with MixedbreadServer() as server:
        yield server


@pytest.mark.parametrize("variable", ["MXBAI_API_KEY", "MIXEDBREAD_API_KEY"])
def test_the_request(connect, server, variable):
    embedder = connect("mixedbread", MIXEDBREAD_BASE_URL=server.root_url, **{variable: KEY})
    embedder.embed_documents(["one text"])
    (request,) = server.requests
    assert request.path == "/v1/embeddings"
    assert request.body == {
        "model": "mixedbread-ai/mxbai-embed-large-v1",
        "input": ["one text"],
        "encoding_format": "float",
        "normalized": True,
    }
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert embedder.max_batch == 256


def test_questions_have_the_words_that_the_model_was_trained_with(connect, server):
    embedder = connect("mixedbread", MIXEDBREAD_BASE_URL=server.root_url)
    embedder.embed_query("why?")
    assert server.requests[0].texts == [
        "Represent this sentence for searching relevant passages: why?"
    ]
