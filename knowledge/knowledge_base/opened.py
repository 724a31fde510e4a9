"""What every part of the facade has: the settings, the data folder, the open things."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from knowledge.errors import DatasetNotFoundError
from knowledge.settings.reading import Settings
from knowledge.storage.store import open_store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.pool.questions import QuestionPool
    from knowledge.ingestion.request import Notify
    from knowledge.model import Dataset
    from knowledge.retrieval.rerank.choice import Reranker
    from knowledge.retrieval.search.retriever import Retriever
    from knowledge.storage.store import Catalog, EmbeddingCache

StrPath = str | os.PathLike[str]


def say_nothing(_: str) -> None:
    """Take a note and drop it."""


class Opened:
    """The state that the parts of :class:`KnowledgeBase` share."""

    def __init__(self, settings: Settings, *, notify: Notify = say_nothing) -> None:
        self.settings = settings
        self.store = open_store(settings)
        self._notify = notify
        self._retriever: Retriever | None = None
        self._pools: dict[str, QuestionPool] = {}
        self._caches: list[EmbeddingCache] = []
        self._rerankers: dict[str, Reranker] = {}
        self._closing = ExitStack()

    def close(self) -> None:
        """Close what is open; the object can still be used."""
        if self._retriever is not None:
            self._retriever.close()
        while self._pools:
            self._pools.popitem()[1].close()
        while self._caches:
            self._caches.pop().close()
        while self._rerankers:
            self._rerankers.popitem()[1].close()
        self._closing.close()

    def _warn_of_passwords(self) -> None:
        from knowledge.documents.options import passwords_warning

        if warning := passwords_warning(self.settings):
            self._notify(warning)

    def _existing(self, dataset: str) -> Catalog:
        if not self.store.exists():
            raise DatasetNotFoundError(f"there is no dataset {dataset!r}")
        return self.store.open()

    def _embed_query(self, dataset: Dataset, text: str) -> NDArray[np.float32]:
        assert dataset.embedding is not None
        fingerprint = dataset.embedding.fingerprint
        if fingerprint not in self._pools:
            self._pools[fingerprint] = self._open_pool(dataset)
        return self._pools[fingerprint].embed_query(text)

    def _open_pool(self, dataset: Dataset) -> QuestionPool:
        from knowledge.embeddings.choice import recorded
        from knowledge.embeddings.pool.questions import QuestionPool

        choice = recorded(dataset, self.settings)
        for note in choice.notes:
            self._notify(note)
        cache = None
        if choice.embedder.cacheable:
            from knowledge.ingestion.run.pools import open_question_cache

            cache = open_question_cache(self.store, choice, self._notify)
        if cache is not None:
            self._caches.append(cache)
        return QuestionPool(choice, cache, self._notify)
