"""What the verbs and the groups of one knowledge base share: settings, folder, open things."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from knowledge.settings.pairs import listed
from knowledge.settings.reading import Origin, Settings
from knowledge.storage.dataset_names import no_dataset
from knowledge.storage.opening import open_store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.embedder import Embedder
    from knowledge.embeddings.local.static import StaticQuestions
    from knowledge.embeddings.pool.questions import QuestionPool
    from knowledge.embeddings.sparse import SparseEncoder
    from knowledge.ingestion.request import Notify
    from knowledge.model import Dataset
    from knowledge.retrieval.rerank.choice import Reranker
    from knowledge.retrieval.search.retriever import Retriever
    from knowledge.storage.store import Catalog, EmbeddingCache


if TYPE_CHECKING:
    Embeds = QuestionPool | StaticQuestions


def say_nothing(_: str) -> None:
    """Take a note and drop it."""


class Shared:
    """The settings, the data folder, and what stays open between two calls."""

    def __init__(self, settings: Settings, *, notify: Notify = say_nothing) -> None:
        self.settings = settings
        self.store = open_store(settings)
        self.notify = notify
        self._retriever: Retriever | None = None
        self._pools: dict[str, Embeds] = {}
        self._caches: list[EmbeddingCache] = []
        self._rerankers: dict[tuple[str, Origin, int], Reranker] = {}
        self._named_only = False
        self._encoders: dict[str, SparseEncoder] = {}
        self.closing = ExitStack()
        self.seen: dict[str, Dataset] = {}
        """The datasets that the last verbs read, by name, as they were then."""

    def close(self) -> None:
        """Close what is open; the object can still be used."""
        self.close_indexes()
        while self._pools:
            self._pools.popitem()[1].close()
        while self._rerankers:
            self._rerankers.popitem()[1].close()
        while self._caches:
            self._caches.pop().close()
        self._encoders.clear()
        self.closing.close()
        self.store.close()

    def warn_of_passwords(self) -> None:
        """Report a file of passwords that others can read."""
        from knowledge.documents.options import passwords_warning

        if warning := passwords_warning(self.settings):
            self.notify(warning)

    def saw(self, dataset: Dataset) -> Dataset:
        """Note in which generation a dataset was read, and return it."""
        self.seen[dataset.name] = dataset
        return dataset

    def catalog(self) -> Catalog:
        """Open the catalog, and make the data folder where there is none."""
        return self.store.open()

    def existing(self, dataset: str) -> Catalog:
        """Open the catalog of a dataset that must be there."""
        if not self.is_there():
            raise no_dataset(dataset)
        return self.catalog()

    def is_there(self) -> bool:
        """Return whether there is a data folder."""
        return self.store.exists()

    def embed_query(self, dataset: Dataset, text: str) -> NDArray[np.float32]:
        """Return a question as a unit vector of shape (dimensions,), by the dataset's model."""
        assert dataset.embedding is not None
        fingerprint = dataset.embedding.fingerprint
        if fingerprint not in self._pools:
            self._pools[fingerprint] = self._open_pool(dataset)
        return self._pools[fingerprint].embed_query(text)

    def encoder(self, dataset: Dataset) -> SparseEncoder:
        """Return the encoder of a dataset's sparse model, which stays open."""
        from knowledge.embeddings.sparse import recorded_sparse

        assert dataset.sparse is not None
        key = f"{dataset.key} {dataset.sparse.fingerprint}"
        if key not in self._encoders:
            self._encoders[key] = recorded_sparse(dataset, dataset.sparse, self.settings)
        return self._encoders[key]

    def dataset(self, name: str | None) -> str:
        """Return the name of a dataset: by default the settings' one, or the only one there is."""
        if name is not None:
            return name
        return self.only_dataset() or str(self.settings["dataset"])

    def asked_datasets(self) -> Sequence[str] | None:
        """Return where questions go that name no dataset; ``None`` for the settings' one."""
        named = listed(self.settings["datasets"])
        only = None if named else self.only_dataset()
        return named or ((only,) if only else None)

    def only_dataset(self) -> str | None:
        """Return the only dataset where none is named, and there is no ``default``; and say so."""
        named = self.settings["dataset"]
        if self.settings.is_set("dataset"):
            return None
        known = self.store.names()
        if len(known) != 1 or named in known:
            return None
        if not self._named_only:
            self.notify(f"dataset {known[0]!r}, the only one")
            self._named_only = True
        return known[0]

    def inherit(self, sources: Sequence[Dataset], made: Dataset) -> None:
        """Let a dataset that was made of others ask the models that they may ask."""
        from knowledge.embeddings.choice import inherit
        from knowledge.embeddings.sparse import inherit as inherit_sparse

        for inherited in (inherit, inherit_sparse):
            if note := inherited(sources, made, self.settings):
                self.notify(note)

    @property
    def lock_timeout(self) -> float:
        """Seconds to wait for another writer."""
        return float(self.settings["lock_timeout"])

    def retriever(self) -> Retriever:
        """Return the retriever, which keeps open what it opened."""
        from knowledge.retrieval.search.retriever import Retriever

        if self._retriever is None:
            self._retriever = Retriever(
                self.store, self.embed_query, self.notify, self.seen, self.encoder
            )
        return self._retriever

    def close_indexes(self) -> None:
        """Close what the retriever holds open."""
        if self._retriever is not None:
            self._retriever.close()

    def reranker(self, name: str, settings: Settings) -> Reranker | None:
        """Return a reranker, which stays open for the next question; ``None`` for no name.

        Parameters
        ----------
        settings:
            They know who named it, which decides whether it may have a key.
        """
        key = (name, settings.origin("rerank"), settings["rerank_depth"])
        if name and key not in self._rerankers:
            from knowledge.retrieval.rerank.choice import create_reranker

            keep = partial(self._kept_vectors, settings=settings)
            self._rerankers[key] = create_reranker(name, settings, self.notify, keep)
        return self._rerankers.get(key)

    def _open_pool(self, dataset: Dataset) -> Embeds:
        spec = dataset.embedding
        if spec is not None and spec.provider == "static" and not spec.options:
            from knowledge.embeddings.local.static import StaticQuestions

            return StaticQuestions()  # nothing to choose, to ask or to keep: see there
        from knowledge.embeddings.choice import recorded
        from knowledge.embeddings.pool.questions import QuestionPool

        choice = recorded(dataset, self.settings)
        for note in choice.notes:
            self.notify(note)
        cache = self._kept_vectors(choice.embedder, choice.settings)
        return QuestionPool(choice, cache, self.notify)

    def _kept_vectors(self, embedder: Embedder, settings: Settings) -> EmbeddingCache | None:
        """Open the cache of a model's vectors, where it is on and the model's are worth keeping."""
        from knowledge.embeddings.choice import Choice

        if not embedder.cacheable:
            return None
        from knowledge.ingestion.run.pools import open_question_cache

        cache = open_question_cache(self.store, Choice(embedder, settings), self.notify)
        if cache is not None:
            self._caches.append(cache)
        return cache
