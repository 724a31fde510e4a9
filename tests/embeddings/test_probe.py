"""Trying a model out: each quiet fault of a server is found."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from knowledge.embeddings import probe as probing
from knowledge.embeddings.choice import Choice
from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.probe import best_threads, known_dimensions, probe
from knowledge.errors import (
    RemoteBatchTooLargeError,
    RemoteError,
    RemoteResponseError,
    RemoteUnavailableError,
)
from knowledge.model import EmbedderSpec
from knowledge.settings.reading import Settings
from tests.embeddings.fakes import FakeEmbedder, vectors_of


class Faulty(FakeEmbedder):
    """Gives what ``spoil`` makes of the right vectors."""

    def __init__(self, spoil=lambda vectors: vectors, *, model="words", options=None, **more):
        super().__init__(**more)
        self.spec = EmbedderSpec("fake", model, None, options or {})
        self._spoil = spoil

    def embed_documents(self, texts):
        answer = super().embed_documents(texts)
        return Embeddings(self._spoil(answer.vectors), answer.tokens)


@pytest.fixture
def tried(tmp_path, monkeypatch):
    monkeypatch.setattr(probing, "_LARGEST_BATCH", 64)
    settings = Settings.read(environ={}, folder=tmp_path, embedding_retries=0)
    return lambda embedder: probe(Choice(embedder, settings), notify=lambda _: None)


def status(report):
    return {finding.name: finding.status for finding in report.findings}


def normalised(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_good_model_passes(tried):
    embedder = Faulty(normalised)
    report = tried(embedder)
    assert not report.failed
    assert set(status(report).values()) == {"ok"}
    assert report.dimensions == 16
    assert report.latency_ms >= 0
    assert (report.batch, report.batch_is_limit) == (64, False)
    assert list(report.throughput) == [1, 2, 4, 8]
    assert report.threads in report.throughput
    assert not embedder.closed  # the caller's


def first_twice(vectors):
    vectors[1:] = vectors[0]
    return vectors


def with_nan(vectors):
    vectors[0, 0] = np.nan
    return vectors


def with_zero(vectors):
    vectors[0] = 0
    return vectors


@pytest.mark.parametrize(
    ("spoil", "finding", "said"),
    [
        (lambda v: v[:-1] if len(v) > 1 else v, "count", "4 vectors for 5 texts"),
        (lambda v: np.repeat(v, 2, axis=0), "count", "10 vectors for 5 texts"),
        (lambda v: v[:, :0], "count", "empty"),
        (with_nan, "numbers", "NaN"),
        (with_zero, "numbers", "zero"),
        (lambda v: np.ones_like(v), "difference", "same vector"),
        (lambda v: np.roll(v, 1, axis=0), "order", "not come in the order"),
    ],
    ids=["too few", "too many", "empty", "nan", "zero", "identical", "order"],
)
def test_a_fault_is_found(tried, spoil, finding, said):
    report = tried(Faulty(spoil))
    assert report.failed
    (failed,) = [f for f in report.findings if f.status == "failed"]
    assert failed.name == finding
    assert said in failed.text
    assert report.throughput == {}


def test_vectors_of_a_quarter_of_the_size_are_found(tried):
    report = tried(Faulty(model="nomic-embed-text", dimensions=192))
    assert status(report)["size"] == "failed"
    assert "a quarter of 768: it misreads base64" in str(report.findings)
    assert status(tried(Faulty(dimensions=96)))["size"] == "note"
    # LocalAI's users call a MiniLM by this name, whose 384 is a quarter of OpenAI's 1536.
    aliased = tried(Faulty(model="text-embedding-ada-002", dimensions=384))
    assert not aliased.failed
    assert "or runs another model under this name" in str(aliased.findings)
    assert status(tried(Faulty(model="nomic-embed-text", dimensions=768)))["size"] == "ok"
    assert status(tried(Faulty(model="nomic-embed-text", dimensions=256)))["size"] == "note"


def test_a_server_that_ignores_the_dimensions_is_found(tried):
    report = tried(Faulty(options={"dimensions": 8}))
    assert report.failed
    assert "16 dimensions, although 8 are asked for" in str(report.findings)


def test_vectors_of_other_lengths_are_worth_a_note(tried):
    report = tried(Faulty(lambda vectors: vectors * 3))
    assert not report.failed
    assert status(report)["length"] == "note"


def test_questions_of_another_size_are_found(tried):
    class Odd(Faulty):
        def embed_query(self, text):
            return Embeddings(vectors_of([text], 8))

    assert "questions have 8 dimensions" in str(tried(Odd()).findings)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 10, 25, 64])
def test_the_batch_limit_is_found(tried, limit):
    def refuse(texts):
        if len(texts) > limit:
            raise RemoteBatchTooLargeError("too many")

    report = tried(Faulty(before=refuse))
    assert not report.failed
    assert report.batch == limit
    assert report.batch_is_limit is (limit < 64)


def test_an_embedders_own_limit_is_one(tried):
    for limit in (1, 3, 20):
        embedder = Faulty(max_batch=limit)
        report = tried(embedder)
        assert not report.failed
        assert (report.batch, report.batch_is_limit) == (limit, True)
        assert max(map(len, embedder.requests)) <= limit


def test_an_answer_that_can_not_be_read_is_a_finding(tried):
    def refuse(texts):
        raise RemoteResponseError("no data", hint="Check the address.")

    report = tried(Faulty(before=refuse))
    assert report.failed
    assert status(report) == {"answer": "failed"}
    assert "no data" in report.findings[0].text
    assert "Check the address." in report.findings[0].text


def test_a_server_that_does_not_answer_is_an_error(tried):
    def refuse(texts):
        raise RemoteUnavailableError("nobody there")

    with pytest.raises(RemoteUnavailableError):
        tried(Faulty(before=refuse))


def test_the_fewest_threads_that_come_near_are_the_best():
    assert best_threads({1: 100, 2: 180, 4: 195, 8: 199}) == 2
    assert best_threads({1: 100, 2: 200, 4: 400, 8: 800}) == 8
    assert best_threads({1: 100, 2: 90, 4: 80, 8: 70}) == 1


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("text-embedding-3-small", 1536),
        ("BAAI/bge-small-en-v1.5", 384),
        ("bge-m3:latest", 1024),
        ("nomic-embed-text:v1.5", 768),
        ("qwen3-embedding:4b", 2560),
        ("snowflake-arctic-embed:s", None),
        ("snowflake-arctic-embed-s", 384),
        ("unheard-of", None),
    ],
)
def test_sizes_of_well_known_models(model, size):
    assert known_dimensions(model) == size


def test_a_server_that_fails_when_asked_twice_at_once_gets_one_thread(try_fake_at_once):
    report = try_fake_at_once()
    assert (report.threads, list(report.throughput)) == (1, [1])
    (note,) = [one for one in report.findings if one.name == "at once"]
    assert note.status == "note"
    assert "2 times at once" in note.text
    assert not report.failed


@pytest.fixture
def try_fake_at_once():
    """Probe an embedder that fails while it is busy."""

    def call():
        under_way, lock = [], threading.Lock()

        def before(texts):
            with lock:
                under_way.append(1)
                alone = len(under_way) == 1
            time.sleep(0.01)
            with lock:
                under_way.pop()
            if not alone:
                raise RemoteError("one at a time")

        embedder = FakeEmbedder(before)
        settings = Settings.read(environ={}).override(embedding_batch_size=4)
        return probe(Choice(embedder, settings), notify=lambda _: None)

    return call
