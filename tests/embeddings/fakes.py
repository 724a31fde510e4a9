"""An embedder and a cache in memory, for tests of the pool."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.pool.pool import Backoff, EmbeddingPool
from knowledge.model import EmbedderSpec
from tests.openai_server import vector_of

QUICK = Backoff(start=0.0001, cap=0.001, longest=0.01)


def vectors_of(texts: Sequence[str], dimensions: int = 16) -> np.ndarray:
    return np.array([vector_of(text, dimensions) for text in texts], np.float32)


def unit_vectors(texts: Sequence[str], dimensions: int = 16) -> np.ndarray:
    vectors = vectors_of(texts, dimensions)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class FakeEmbedder:
    """Gives `vector_of`; ``before`` is called with each request's texts, and may raise."""

    def __init__(
        self,
        before: Callable[[Sequence[str]], None] | None = None,
        *,
        dimensions: int = 16,
        known: bool = True,
        cacheable: bool = True,
        max_batch: int = 2048,
    ) -> None:
        self.spec = EmbedderSpec("fake", "words", dimensions if known else None)
        self.endpoint = "http://fake"
        self.max_input_tokens = None
        self.max_batch = max_batch
        self.cacheable = cacheable
        self.dimensions = dimensions
        self.requests: list[list[str]] = []
        self.peak = 0
        self.closed = False
        self._before = before
        self._under_way = 0
        self._lock = threading.Lock()

    @property
    def texts(self) -> Counter[str]:
        return Counter(text for request in self.requests for text in request)

    def embed_documents(self, texts: Sequence[str]) -> Embeddings:
        with self._lock:
            self.requests.append(list(texts))
            self._under_way += 1
            self.peak = max(self.peak, self._under_way)
        try:
            if self._before is not None:
                self._before(texts)
            return Embeddings(vectors_of(texts, self.dimensions), len(texts))
        finally:
            with self._lock:
                self._under_way -= 1

    def embed_query(self, text: str) -> Embeddings:
        return self.embed_documents([text])

    def close(self) -> None:
        self.closed = True


class DictCache:
    """A `VectorCache` in a dict."""

    def __init__(self) -> None:
        self.vectors: dict[tuple[str, bytes], np.ndarray] = {}
        self.asked = 0

    def get_many(self, model: str, keys: Sequence[bytes]) -> dict[bytes, np.ndarray]:
        self.asked += 1
        return {k: self.vectors[model, k] for k in keys if (model, k) in self.vectors}

    def put_many(self, model: str, vectors: Mapping[bytes, np.ndarray]) -> None:
        self.vectors.update({(model, key): vector for key, vector in vectors.items()})


def new_pool(embedder, *, threads=2, batch_size=4, retries=2, **options) -> EmbeddingPool:
    options.setdefault("backoff", QUICK)
    return EmbeddingPool(
        embedder, threads=threads, batch_size=batch_size, retries=retries, **options
    )
