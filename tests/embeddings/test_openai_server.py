"""The fake server is relied on by other tests, so that it is tested itself."""

from __future__ import annotations

import http.client
import json
import threading
import time

import numpy as np
import pytest

from tests.openai_server import OpenAIServer, Reply, refusal, vector_of


def post(server, body, path="/v1/embeddings", connection=None):
    own = connection or http.client.HTTPConnection(*server.server_address[:2])
    own.request("POST", path, json.dumps(body), {"Authorization": "Bearer k"})
    answer = own.getresponse()
    content = answer.read()
    if connection is None:
        own.close()
    return answer.status, json.loads(content) if content else None


def test_it_answers_in_order_and_keeps_records():
    with OpenAIServer(dimensions=8) as server:
        status, body = post(server, {"input": ["a", "b"], "model": "m"})
    assert status == 200
    assert [item["embedding"] for item in body["data"]] == [vector_of("a", 8), vector_of("b", 8)]
    assert body["usage"]["total_tokens"] == 2
    assert server.texts == {"a": 1, "b": 1}
    request = server.requests[0]
    assert (request.path, request.texts) == ("/v1/embeddings", ["a", "b"])
    assert request.headers["authorization"] == "Bearer k"


def test_texts_that_share_words_are_close_and_others_differ():
    def cosine(one, other):
        one, other = np.array(vector_of(one)), np.array(vector_of(other))
        return one @ other / np.linalg.norm(one) / np.linalg.norm(other)

    assert cosine("rotate the signing key", "the signing key is rotated") > 0.6
    assert cosine("rotate the signing key", "bananas ripen slowly") < 0.4
    assert 0.99 < cosine("same words", "words same") < 1


def test_a_script_goes_first():
    script = [refusal(429, "slow down", retry_after="1"), None, Reply(500, "<html>")]
    with OpenAIServer(script=script) as server:
        got = [post(server, {"input": ["a"]})[0] for _ in range(2)]
    assert got == [429, 200]


def test_limits_are_refused_in_openais_words():
    with OpenAIServer(max_batch=1, max_chars=5, models=["m"], key="k") as server:
        assert post(server, {"input": ["a", "b"], "model": "m"})[0] == 400
        assert post(server, {"input": ["abcdef"], "model": "m"})[0] == 400
        assert post(server, {"input": [""], "model": "m"})[0] == 400
        assert post(server, {"input": ["a"], "model": "n"})[0] == 404
        assert post(server, {"input": ["a"], "model": "m"}, "/v1/other")[0] == 404
        assert post(server, {"input": ["a"], "model": "m"})[0] == 200
        server.key = "other"
        assert post(server, {"input": ["a"], "model": "m"})[0] == 401


def test_requests_under_way_are_counted():
    gate = threading.Event()
    with OpenAIServer(gate=gate) as server:
        threads = [
            threading.Thread(target=post, args=(server, {"input": [str(number)]}))
            for number in range(3)
        ]
        for thread in threads:
            thread.start()
        while len(server.requests) < 3:
            time.sleep(0.001)
        gate.set()
        for thread in threads:
            thread.join()
    assert server.peak == 3


def test_a_connection_is_kept_and_closed_with_the_server():
    with OpenAIServer() as server:
        connection = http.client.HTTPConnection(*server.server_address[:2])
        for _ in range(3):
            assert post(server, {"input": ["a"]}, connection=connection)[0] == 200
        assert len(server._handlers) == 1
    with pytest.raises((OSError, http.client.HTTPException)):
        post(server, {"input": ["a"]}, connection=connection)
    connection.close()
