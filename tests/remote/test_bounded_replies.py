"""Replies that do not end, or hold what they should not: for every provider, an error of ours."""

from __future__ import annotations

import time

import pytest

from knowledge.embeddings.registry import create_embedder
from knowledge.errors import RemoteError, RemoteResponseError, RemoteUnavailableError
from knowledge.remote import client as http_client
from knowledge.remote import transport
from knowledge.remote.answers import UnusableAnswerError, parse_object, read_vector, token_count
from knowledge.remote.retry import Backoff
from knowledge.settings.reading import Settings
from tests import hostile_server as hostile
from tests.embeddings.fakes import new_pool
from tests.embeddings.providers.cases import CASES, NAMES

SECONDS = 0.2
HANGS = 60.0
LIMIT = 256 << 10

PROVIDERS = [
    ("openai", lambda root: {"OPENAI_BASE_URL": root, "OPENAI_API_KEY": "sk-test"}),
    (
        "openai",
        lambda root: {
            "OPENAI_API_TYPE": "AZURE",
            "AZURE_OPENAI_ENDPOINT": root,
            "OPENAI_API_KEY": "sk-test",
        },
    ),
    *((case.provider, lambda root, case=case: {case.key: "k" * 20, **case.environ(root)})
      for case in CASES),
]  # fmt: skip
every_provider = pytest.mark.parametrize(
    ("provider", "environ"), PROVIDERS, ids=["openai", "azure", *NAMES]
)


@pytest.fixture(autouse=True)
def small_limits(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(transport, "REPLY_BYTES", LIMIT)
    monkeypatch.setattr(http_client, "BYTES_A_TEXT", 0)


@pytest.fixture
def failure(tmp_path):
    """Embed by each way there is; return the error, which is the same for all."""

    def call(provider, environ, server, seconds=30.0):
        given = {**environ(server.url), "KNOW_EMBEDDING_TIMEOUT": str(seconds)}
        settings = Settings.read(environ=given, folder=tmp_path)
        embedder = create_embedder(provider, settings=settings)
        try:
            with pytest.raises(RemoteError) as of_question:
                embedder.embed_query("a question")
            with pytest.raises(RemoteError) as of_texts:
                embedder.embed_documents(["one text", "another"])
        finally:
            embedder.close()
        assert type(of_question.value) is type(of_texts.value)
        assert "127.0.0.1" in of_texts.value.message
        return of_texts.value

    return call


@every_provider
@pytest.mark.parametrize("behaviour", [hostile.endless, hostile.gzip_bomb])
def test_a_reply_is_bounded_in_bytes(provider, environ, behaviour, failure):
    with hostile.HostileServer(behaviour) as server:
        error = failure(provider, environ, server)
    assert "larger than 262,144 bytes" in error.message
    assert not isinstance(error, RemoteUnavailableError | RemoteResponseError)
    assert server.sent < 60 * LIMIT  # sockets hold some of it


@pytest.mark.slow
@every_provider
def test_a_reply_is_bounded_in_time_as_a_whole(provider, environ, failure):
    started = time.monotonic()
    with hostile.HostileServer(hostile.dripping) as server:
        error = failure(provider, environ, server, SECONDS)
    assert isinstance(error, RemoteUnavailableError)
    assert "did not answer within 0.2 s" in error.message
    assert time.monotonic() - started < HANGS


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", [hostile.dripping_headers, hostile.silent])
@pytest.mark.parametrize(("provider", "environ"), PROVIDERS[:3])
def test_headers_that_do_not_end_are_given_up(provider, environ, behaviour, failure):
    with hostile.HostileServer(behaviour) as server:
        error = failure(provider, environ, server, SECONDS)
    assert "did not answer within 0.2 s" in error.message


@every_provider
def test_deep_json_is_a_sentence(provider, environ, failure):
    with hostile.HostileServer(hostile.deep) as server:
        error = failure(provider, environ, server)
    assert isinstance(error, RemoteResponseError)
    assert "nested too deeply" in error.message


def test_what_is_too_large_is_not_tried_again(tmp_path):
    with hostile.HostileServer(hostile.endless) as server:
        given = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "sk-test"}
        settings = Settings.read(environ=given, folder=tmp_path)
        embedder = create_embedder("openai", settings=settings)
        quick = Backoff(start=0.001, cap=0.002)
        with new_pool(embedder, retries=7, backoff=quick) as pool, pytest.raises(RemoteError):
            pool.embed(["one text"])
    assert server.requests == 1


def test_a_large_reply_to_many_texts_passes(monkeypatch):
    monkeypatch.setattr(http_client, "BYTES_A_TEXT", 1000)
    assert http_client.reply_bytes(2048) == LIMIT + 2_048_000


@pytest.mark.parametrize(
    "found",
    [["0.5", "1"], [True, False], [0.5, "1"], [0.5, {}], "0.5", {"0": 1}, [[[]]], [10**400, {}]],
    ids=str,
)
def test_only_numbers_are_a_vector(found):
    with pytest.raises(UnusableAnswerError):
        read_vector(found)


@pytest.mark.parametrize("found", [[1e400, 1.0], [float("nan"), 1.0], [None, 1.0], [2**70, 1]])
def test_odd_numbers_are_left_to_the_checks(found):
    assert read_vector(found).shape == (2,)


def test_a_number_of_five_thousand_digits_is_no_json():
    with pytest.raises(UnusableAnswerError):
        parse_object(b'{"tokens": 1' + b"0" * 5000 + b"}")
    assert token_count(10**30, -1, True, 7) == 7
