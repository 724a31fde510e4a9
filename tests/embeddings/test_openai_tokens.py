"""Exact token counts are used where the encoding is at hand, and nothing is ever downloaded."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from knowledge.embeddings.pool.pool import EmbeddingPool
from knowledge.embeddings.providers import openai_tokens
from knowledge.embeddings.registry import create_embedder
from knowledge.settings.reading import Settings
from tests.embeddings.fakes import FakeEmbedder

NAME = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    openai_tokens._encoding.cache_clear()
    yield
    openai_tokens._encoding.cache_clear()


@pytest.fixture
def at_hand(monkeypatch, tmp_path):
    """An encoding of a word a token, in the place of tiktoken's."""
    (tmp_path / NAME).write_bytes(b"ranks")
    monkeypatch.setattr(openai_tokens, "_SHA256", hashlib.sha256(b"ranks").hexdigest())
    encoding = SimpleNamespace(encode_ordinary=str.split)
    monkeypatch.setattr("tiktoken.get_encoding", {"cl100k_base": encoding}.__getitem__)


@pytest.mark.parametrize("folder", ["", "/nowhere"])
def test_without_the_encoding_nothing_is_counted(monkeypatch, folder):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", folder)
    assert openai_tokens.count_tokens("a text") is None


def test_a_damaged_encoding_is_neither_used_nor_fetched_again(tmp_path):
    (tmp_path / NAME).write_bytes(b"half of it")
    assert openai_tokens.count_tokens("a text") is None
    assert (tmp_path / NAME).read_bytes() == b"half of it"


def test_with_it_texts_are_counted(at_hand):
    assert openai_tokens.count_tokens("three small words") == 3
    assert openai_tokens.count_tokens("x" * 200_000) is None


@pytest.mark.parametrize(
    ("address", "model", "counted"),
    [
        ("https://api.openai.com/v1", "text-embedding-3-small", 3),
        ("https://api.openai.com/v1", "another-model", None),
        ("http://127.0.0.1:9/v1", "text-embedding-3-small", None),
    ],
)
def test_only_models_of_openai_are_counted(at_hand, tmp_path, address, model, counted):
    settings = Settings.read(environ={"OPENAI_BASE_URL": address}, folder=tmp_path)
    embedder = create_embedder(f"openai:{model}", settings=settings)
    assert embedder.count_tokens("three small words") == counted


class Counting(FakeEmbedder):
    def count_tokens(self, text):
        return 1


@pytest.mark.parametrize(("embedder", "requests"), [(Counting, 1), (FakeEmbedder, 4)])
def test_a_request_holds_as_many_tokens_as_it_may(embedder, requests):
    texts = [f"text {number} of some thirty letters" for number in range(4)]
    with EmbeddingPool(embedder(), threads=1, batch_size=100, batch_tokens=10, retries=0) as pool:
        pool.embed(texts)
        assert pool.stats.requests == requests


def test_the_hash_is_tiktokens():
    import tiktoken_ext.openai_public as public

    assert openai_tokens._SHA256 in Path(public.__file__).read_text(encoding="utf-8")
    assert openai_tokens._URL in Path(public.__file__).read_text(encoding="utf-8")
