"""A whole ingest against a server that fails every third time, in all the ways servers do."""

from __future__ import annotations

import random
import threading
import time

import numpy as np
import pytest

from knowledge import KnowledgeBase
from knowledge.embeddings.pool import opening
from knowledge.embeddings.pool.pool import EmbeddingPool
from knowledge.storage.local.vectors.chroma import ChromaIndex
from tests.conftest import write_files
from tests.embeddings.fakes import unit_vectors
from tests.openai_server import OpenAIServer, Reply, refusal

CHUNKS = 1_000
SHARE = 0.3
TIMEOUT = 0.25


class Faults:
    """Answers 30 % of the requests with one fault after the other, by a fixed seed."""

    def __init__(self):
        self.count = dict.fromkeys(("429", "500", "timeout", "closed", "cut", "garbage"), 0)
        self._random = random.Random(7)
        self._lock = threading.Lock()

    def __call__(self, request):
        with self._lock:
            if self._random.random() >= SHARE:
                return None
            kind = min(self.count, key=self.count.__getitem__)
            self.count[kind] += 1
        if kind == "timeout":
            time.sleep(TIMEOUT + 0.05)
            return None
        return {
            "429": refusal(429, "slow down", retry_after="0.01"),
            "500": Reply(500, "<html>Internal Server Error</html>"),
            "closed": Reply(drop=True),
            "cut": Reply(200, {"data": [{"embedding": [0.5] * 64}] * 10}, cut=True),
            "garbage": Reply(200, "}{ this is no JSON"),
        }[kind]


@pytest.fixture
def quick_retries(monkeypatch):
    """Wait milliseconds, not seconds, between tries."""
    from tests.embeddings.fakes import QUICK

    def quick_pool(*arguments, **named):
        return EmbeddingPool(*arguments, **{"backoff": QUICK, **named})

    monkeypatch.setattr(opening, "EmbeddingPool", quick_pool)


@pytest.mark.slow
def test_an_ingest_through_a_bad_server_ends_complete_and_correct(
    quick_retries, monkeypatch, tmp_path, data_dir
):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    paragraphs = [f"Paragraph {n} tells of matter {n * 7919 % 1000}." for n in range(CHUNKS)]
    write_files(
        tmp_path / "docs",
        {
            f"f{n:03}.md": "\n\n".join(
                f"# T{k}\n\n{paragraphs[k]}" for k in range(n * 20, n * 20 + 20)
            )
            for n in range(CHUNKS // 20)
        },
    )
    faults = Faults()
    with OpenAIServer(script=faults) as server:
        settings = {
            "openai_base_url": server.base_url,
            "embedding_timeout": TIMEOUT,
            "embedding_retries": 12,
            "concurrency": 1,
            "chunk_size": 24,
            "chunk_overlap": 0,
        }
        with KnowledgeBase.open(**settings) as kb:
            report = kb.ingest(tmp_path / "docs")
            dataset = kb.datasets.get("default")
            files = [kb.files.get(file.path) for file in kb.files.list()]
    assert all(faults.count.values()), faults.count
    assert sum(faults.count.values()) >= 0.2 * len(server.requests)
    assert (report.failed, report.problems) == (False, ())
    texts = {chunk.id: chunk.passage.embedding_text for _, chunks in files for chunk in chunks}
    assert len(texts) == report.chunks_added == dataset.chunks >= CHUNKS
    with ChromaIndex(data_dir / "datasets" / dataset.key / f"g{dataset.vectors:06d}") as index:
        stored = {}
        for ids, vectors in index.vectors(sorted(texts)):
            stored.update(zip(ids, vectors, strict=True))
    assert stored.keys() == texts.keys()
    wanted = unit_vectors(list(texts.values()), 64)
    got = np.array([stored[id] for id in texts])
    np.testing.assert_allclose(got / np.linalg.norm(got, axis=1, keepdims=True), wanted, atol=1e-5)
