"""The pool, the OpenAI embedder and a server together."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.embeddings.pool.blame import PLAIN_WORD
from knowledge.embeddings.registry import create_embedder
from knowledge.errors import RemoteQuotaError, RemoteResponseError, RemoteUnavailableError
from knowledge.settings.reading import Settings
from tests.embeddings.fakes import new_pool, unit_vectors
from tests.openai_server import OpenAIServer, Reply, refusal

TEXTS = [f"text number {number}" for number in range(50)]


@pytest.fixture
def pool_for(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def build(url, **options):
        settings = Settings.read(environ={"OPENAI_BASE_URL": url}, folder=tmp_path)
        return new_pool(create_embedder("openai:m", settings=settings), **options)

    return build


def same(got, texts):
    np.testing.assert_allclose(got, unit_vectors(texts, 64), atol=1e-6)


@pytest.mark.parametrize("threads", [1, 8])
def test_order_is_kept_through_failures_limits_and_shuffles(pool_for, threads):
    replies = [
        refusal(429, "slow down", retry_after="0.001"),
        Reply(drop=True),
        None,
        refusal(503, "overloaded"),
        Reply(500, "<html>oops</html>"),
        None,
        Reply(200, {"data": []}, cut=True),
    ]
    server = OpenAIServer(script=replies, max_batch=6, shuffled=True, as_base64=True)
    with server, pool_for(server.base_url, threads=threads, batch_size=16, retries=9) as pool:
        same(pool.embed(TEXTS), TEXTS)
        assert pool.stats.requests == len(server.requests)
    assert server.peak <= threads
    sent = {text: times for text, times in server.texts.items() if text != PLAIN_WORD}
    assert sent == dict.fromkeys(TEXTS, 1)


def test_a_text_over_the_context_length_is_split(pool_for):
    said = []
    long = "several words " * 10
    with OpenAIServer(max_chars=100) as server, pool_for(server.base_url, notify=said.append) as p:
        assert p.embed([*TEXTS[:3], long]).shape == (4, 64)
    assert said[0].startswith("1 text of 140 characters was longer than openai:m at http://127")


def test_a_request_over_the_token_limit_is_halved(pool_for):
    texts = [f"{text} with many many more words in it" for text in TEXTS]
    with OpenAIServer(max_tokens=40) as server, pool_for(server.base_url, batch_size=8) as pool:
        same(pool.embed(texts), texts)


def test_a_spent_quota_ends_it_at_once(pool_for):
    reply = refusal(429, "You exceeded your current quota", "insufficient_quota")
    with (
        OpenAIServer(script=lambda _: reply) as server,
        pool_for(server.base_url, threads=1) as pool,
        pytest.raises(RemoteQuotaError) as caught,
    ):
        pool.embed(TEXTS)
    assert len(server.requests) == 1
    assert "billing" in caught.value.hint


def test_a_server_that_does_not_run_is_named_after_all_tries(pool_for):
    with OpenAIServer() as server:
        url = server.base_url
    with pool_for(url, retries=2) as pool, pytest.raises(RemoteUnavailableError) as caught:
        pool.embed_query("why?")
    assert url in caught.value.message
    assert "refused (3 tries)" in caught.value.message
    assert "Check that the server runs" in caught.value.hint


def test_identical_vectors_are_refused(pool_for):
    body = {"data": [{"embedding": [0.1, 0.2], "index": number} for number in range(4)]}
    with (
        OpenAIServer(script=[Reply(200, body)]) as server,
        pool_for(server.base_url) as pool,
        pytest.raises(RemoteResponseError, match="same vector for 4 texts"),
    ):
        pool.embed(TEXTS[:4])


@pytest.mark.parametrize("items", [1, 5])
def test_a_wrong_number_of_vectors_is_refused(pool_for, items):
    body = {"data": [{"embedding": [0.1, float(number)]} for number in range(items)]}
    with (
        OpenAIServer(script=[Reply(200, body)]) as server,
        pool_for(server.base_url) as pool,
        pytest.raises(RemoteResponseError, match=rf"{items} vectors? for 4 texts"),
    ):
        pool.embed(TEXTS[:4])
