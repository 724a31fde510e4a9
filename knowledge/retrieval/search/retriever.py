"""A query to hits: embed, filter, search each dataset, rank together, hydrate, refine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from knowledge.errors import (
    DamagedStoreError,
    DatasetNotFoundError,
    KnowledgeError,
    ModelMismatchError,
)
from knowledge.model import Dataset, EmbedderSpec, Hit
from knowledge.retrieval.query import Query
from knowledge.retrieval.refine.pipeline import refine, reorders
from knowledge.retrieval.refine.step import Rerank
from knowledge.retrieval.search.hydration import SnapshotChunks, hydrate
from knowledge.retrieval.search.open_datasets import OpenDatasets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.retrieval.search.candidates import Source
    from knowledge.retrieval.search.keyword import KeywordScores
    from knowledge.storage.store import Catalog, Snapshot, Store


ATTEMPTS = 5
"""How often a question is embedded again when a dataset gets another model meanwhile."""

EmbedQuery = Callable[[Dataset, str], "NDArray[np.float32]"]
"""(dataset, question) -> unit vector of shape (dimensions,) by the dataset's own embedder."""


@dataclass(frozen=True, slots=True)
class _QueryVector:
    """The question by a dataset's model, as that was when the question was embedded."""

    model: EmbedderSpec | None
    vector: NDArray[np.float32] | None


class _ModelChangedError(Exception):
    """A writer published the dataset with another model since the question was embedded."""


class Retriever:
    """Answers queries; what it opened for one stays open for the next.

    Parameters
    ----------
    embed:
        Gives the query vector for a dataset.
    """

    def __init__(self, store: Store, embed: EmbedQuery) -> None:
        self._store = store
        self._embed = embed
        self._open = OpenDatasets(store)
        self.seen: dict[str, Dataset] = {}
        """The datasets, by name, as the last answer was taken from them."""

    def close(self) -> None:
        """Close the open indexes."""
        self._open.close()

    def resolve(self, query: Query) -> Query:
        """Return the query with mode ``auto`` replaced by what it means for its datasets.

        With ``static`` among the models of several datasets all are searched in hybrid mode, since
        scores of different modes cannot be ranked together.

        Raises
        ------
        DatasetNotFoundError
            One of the datasets does not exist.
        """
        if query.mode != "auto":
            return query
        if not self._store.exists():
            raise DatasetNotFoundError(f"there is no dataset {query.datasets[0]!r}")
        with self._store.open() as catalog:
            models = [catalog.dataset(name).embedding for name in query.datasets]
        static = any(model is not None and model.provider == "static" for model in models)
        return replace(query, mode="hybrid" if static else "dense")

    def retrieve(self, query: Query, rerank: Rerank | None = None) -> list[Hit]:
        """Return the best hits of all the query's datasets, best first.

        Parameters
        ----------
        rerank:
            The reranker that the query names.

        Raises
        ------
        DatasetNotFoundError
            One of the datasets does not exist.
        RemoteError
            The question could not be embedded.
        DamagedStoreError
            An index cannot be read.
        """
        query = self.resolve(query)
        hits = self._found(query, rerank)
        self._open.trim()
        return hits

    def refined(
        self,
        query: Query,
        hits: Sequence[Hit],
        rerank: Rerank | None,
        request: object | None = None,
    ) -> list[Hit]:
        """Return hits that were found already as the query shows them, ranked from 1.

        Parameters
        ----------
        rerank:
            The reranker that the request names.
        request:
            Which retrieval steps run, as `refine` takes it; ``None`` is the query's own.

        Raises
        ------
        DatasetNotFoundError
            The dataset of a hit was deleted meanwhile.
        """

        def refined(snapshot: Snapshot) -> list[Hit]:
            datasets = {name: snapshot.dataset(name) for name in {hit.dataset for hit in hits}}
            stored = SnapshotChunks(snapshot, self._open, datasets)
            there = self._still_there(snapshot, hits, datasets)
            asked = query if request is None else request
            return refine(query.text, there, asked, query.top_k, stored, rerank)

        with self._store.open() as catalog:
            return catalog.read(refined)

    def _still_there(
        self, snapshot: Snapshot, hits: Sequence[Hit], datasets: dict[str, Dataset]
    ) -> list[Hit]:
        """Return the hits without those that went with a publish since they were found."""
        found = list(hits)
        for name, dataset in datasets.items():
            if dataset != self.seen.get(name):
                ids = [hit.chunk.id for hit in found if hit.dataset == name]
                known = snapshot.chunks(dataset, ids)
                found = [hit for hit in found if hit.dataset != name or hit.chunk.id in known]
        return found

    def _found(self, query: Query, rerank: Rerank | None) -> list[Hit]:
        if not self._store.exists():
            raise DatasetNotFoundError(f"there is no dataset {query.datasets[0]!r}")
        with self._store.open() as catalog:
            vectors = self._vectors(catalog, query)
            for _ in range(ATTEMPTS):
                search = partial(self._search, query, vectors, rerank)
                try:
                    return catalog.read(search)
                except _ModelChangedError:
                    vectors = self._vectors(catalog, query)
        raise KnowledgeError(
            f"the model of a dataset changed {ATTEMPTS} times while the question was answered",
            hint="Ask again when nobody writes the dataset.",
        )

    def _vectors(self, catalog: Catalog, query: Query) -> dict[str, _QueryVector]:
        found = {}
        datasets = [catalog.dataset(name) for name in query.datasets]
        for dataset in datasets:
            self._open.warm(dataset)
        for name, dataset in zip(query.datasets, datasets, strict=True):
            found[name] = _QueryVector(dataset.embedding, self._vector(dataset, query))
        return found

    def _vector(self, dataset: Dataset, query: Query) -> NDArray[np.float32] | None:
        if not dataset.chunks:
            return None
        vector = self._embed(dataset, query.text)
        assert dataset.embedding is not None
        if vector.shape[0] != dataset.embedding.dimensions:
            raise ModelMismatchError(
                f"dataset {dataset.name!r} is embedded with {dataset.embedding}, but the provider "
                f"answered with {vector.shape[0]} dimensions",
                hint="Check that the endpoint still serves the same model.",
            )
        return vector

    def _search(
        self,
        query: Query,
        vectors: dict[str, _QueryVector],
        rerank: Rerank | None,
        snapshot: Snapshot,
    ) -> list[Hit]:
        from knowledge.retrieval.search import keyword
        from knowledge.retrieval.search.ranking import rank

        asked: list[tuple[Dataset, NDArray[np.float32]]] = []
        for name in dict.fromkeys(query.datasets):
            dataset = self.seen[name] = snapshot.dataset(name)
            vector = vectors[name].vector
            if vectors[name].model != dataset.embedding or (dataset.chunks and vector is None):
                raise _ModelChangedError
            if vector is not None and dataset.chunks:
                asked.append((dataset, vector))
        try:
            sources, words = self._sources(snapshot, query, asked)
            ranked = rank(query, sources, snapshot)
            hits = hydrate(snapshot, ranked if reorders(query) else ranked[: query.top_k])
            stored = SnapshotChunks(snapshot, self._open, self.seen)
            hits = refine(query.text, hits, query, query.top_k, stored, rerank)
            if words is not None:
                keyword.prove(words, sources, snapshot, hits)
            return hits
        except DamagedStoreError:
            self.close()  # what is tried again is opened anew
            raise

    def _sources(
        self,
        snapshot: Snapshot,
        query: Query,
        asked: Sequence[tuple[Dataset, NDArray[np.float32]]],
    ) -> tuple[list[Source], KeywordScores | None]:
        """Return what each dataset gives, and the scores of the keyword side where it is asked."""
        from knowledge.retrieval.search import keyword
        from knowledge.retrieval.search.candidates import Source
        from knowledge.retrieval.search.dense import dense_search
        from knowledge.retrieval.search.filters import allowed

        columns = [self._open.columns(snapshot, dataset) for dataset, _ in asked]
        words = None
        if "keyword" in query.sides:
            words = keyword.scores(query.text, columns, snapshot, query.bm25)
        scores = [None] * len(asked) if words is None else words.by_dataset
        sources = [
            Source(
                dataset,
                column,
                dense_search(self._open.index(dataset), vector, column, snapshot),
                allowed(query, column, snapshot),
                score,
            )
            for (dataset, vector), column, score in zip(asked, columns, scores, strict=True)
        ]
        return sources, words
