"""Reranking by all-MiniLM-L6-v2 in the process: the cosine of question and passage.

It reads neither with the other, as a cross-encoder does, so a passage's vector can be kept: what
was reranked once costs nothing again, whatever the question is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from knowledge.embeddings.local.extras import need_library
from knowledge.embeddings.local.minilm import EXTRA, PACKAGE, MiniLmEmbedder

if TYPE_CHECKING:
    from knowledge.embeddings.embedder import Embedder
    from knowledge.embeddings.pool.cache import VectorCache
    from knowledge.embeddings.pool.pool import EmbeddingPool
    from knowledge.settings.reading import Settings

DEPTH = 20
"""Hits that it scores by default: about a second of one core, the first time."""
FORMER_SHARE = 0.25
"""Of the score that the hit had: measured on three collections, .15 to .35 are alike."""

KeepVectors = Callable[["Embedder"], "VectorCache | None"]
"""Opens the cache for an embedder's vectors; ``None`` where there is none."""


class MiniLmReranker:
    """Scores passages by their cosine to the question; the model is loaded when one is new.

    Parameters
    ----------
    keep:
        Where vectors are kept beyond the process; ``None`` is nowhere.

    Raises
    ------
    UsageError
        The model's wheel is not installed.
    """

    def __init__(self, settings: Settings, keep: KeepVectors | None = None) -> None:
        need_library(PACKAGE, extra=EXTRA, user="`rerank`: minilm")
        self._embedder = MiniLmEmbedder(threads=settings["local_model_threads"])
        self._keep = keep
        self._pool: EmbeddingPool | None = None
        self._lock = threading.Lock()

    def __call__(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return each text's cosine to the question.

        Raises
        ------
        RemoteError
            The model can't be loaded.
        """
        pool = self._opened()
        vectors = pool.embed(texts)
        return [float(cosine) for cosine in vectors @ pool.embed_query(question)]

    def close(self) -> None:
        """Let the model go; a later call loads it again."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _opened(self) -> EmbeddingPool:
        from knowledge.embeddings.pool.pool import EmbeddingPool

        with self._lock:
            if self._pool is None:
                cache = self._keep(self._embedder) if self._keep else None
                self._pool = EmbeddingPool(
                    self._embedder, threads=1, batch_size=DEPTH, retries=0, cache=cache
                )
            return self._pool
