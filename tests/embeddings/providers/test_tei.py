"""Text Embeddings Inference, and the limits that servers name."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.errors import RemoteBatchTooLargeError, RemoteError, RemoteResponseError
from knowledge.remote.refusals import named_limit
from tests.embeddings.fakes import new_pool, unit_vectors
from tests.embeddings.providers.tei_server import TeiServer
from tests.openai_server import Reply


@pytest.mark.parametrize("path", ["", "/", "/embed", "/v1", "/v1/embeddings"])
def test_a_base_url_may_be_written_in_many_ways(connect, path):
    embedder = connect("tei", TEI_BASE_URL=f"http://localhost:1{path}")
    assert embedder.endpoint == "http://localhost:1"


def test_its_own_protocol(connect):
    with TeiServer() as server:
        embedder = connect("tei", model="BAAI/bge-large-en", TEI_BASE_URL=server.root_url)
        assert embedder.embed_documents(["one", "two"]).vectors.shape == (2, 16)
    (request,) = server.requests
    assert (request.path, request.body) == ("/embed", {"inputs": ["one", "two"], "truncate": False})
    assert embedder.spec.model == "BAAI/bge-large-en"


def test_an_object_is_no_list_of_vectors(connect):
    with TeiServer(script=[Reply(200, {"embedding": [1.0]})]) as server:
        with pytest.raises(RemoteResponseError, match="without a list of vectors"):
            connect("tei", TEI_BASE_URL=server.root_url).embed_query("one")


def test_the_limit_that_it_names_is_taken_at_once(connect):
    texts = [f"text number {number}" for number in range(40)]
    notes = []
    with TeiServer(max_batch=10) as server:
        with new_pool(
            connect("tei", TEI_BASE_URL=server.root_url),
            threads=1,
            batch_size=40,
            notify=notes.append,
        ) as pool:
            np.testing.assert_allclose(pool.embed(texts), unit_vectors(texts), atol=1e-5)
        sizes = [len(request.body["inputs"]) for request in server.requests]
    assert sizes == [40, 10, 10, 10, 10]
    assert [note.rpartition("; ")[2] for note in notes] == ["sending 10"]


def test_a_limit_that_is_named_wrongly_does_not_go_round(connect):
    def wrong(texts):
        return Reply(422, {"error": f"batch size {texts} > maximum allowed batch size 3"})

    texts = ["one", "two", "three", "four"]
    with TeiServer(max_batch=1) as server:
        server.too_many = wrong
        with new_pool(connect("tei", TEI_BASE_URL=server.root_url), threads=1) as pool:
            assert pool.embed(texts).shape == (4, 16)


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        ("batch size is invalid, it should not be larger than 10.: input.contents", 10),
        ("batch size 64 > maximum allowed batch size 32", 32),
        ("at most 16 inputs, you gave 64", 16),
        ("Too many inputs. The max batch size is 8.", 8),
        ("maximum context length is 12 tokens, in one request", None),
        ("at most 100 texts", None),
        ("too many tokens: limit 20 tokens in a batch", None),
        ("no more than 1.5 MB", None),
        ("array too long", None),
    ],
)
def test_limits_in_words(said, limit):
    assert named_limit(RemoteBatchTooLargeError(said), 64) == limit
    error = RemoteError("elsewhere")
    error.said = said
    assert named_limit(error, 64) == limit
