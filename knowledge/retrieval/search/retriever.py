"""A query to hits: embed, search each dataset, rank together, hydrate, post-process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from knowledge.errors import (
    DamagedStoreError,
    DatasetNotFoundError,
    KnowledgeError,
    ModelMismatchError,
)
from knowledge.model import Chunk, Dataset, EmbedderSpec, Hit
from knowledge.retrieval.query import Query
from knowledge.retrieval.refine.stages import Rerank, refine
from knowledge.retrieval.search.opened import OpenDatasets
from knowledge.storage.local.catalog.catalog import Catalog, check_there
from knowledge.storage.local.catalog.database import REPAIR_CATALOG
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.vectors.failures import REPAIR_INDEX

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.retrieval.search.candidates import Candidate, Source
    from knowledge.retrieval.search.keyword import KeywordScores
    from knowledge.storage.local.catalog.snapshot import Snapshot


# What stands around hits: their vectors, and the other chunks of their files.


class StoredSurroundings:
    """Reads them in the state of the catalog in which the hits were found.

    Parameters
    ----------
    datasets:
        Those that were searched, by name.
    """

    def __init__(
        self, snapshot: Snapshot, opened: OpenDatasets, datasets: Mapping[str, Dataset]
    ) -> None:
        self._snapshot = snapshot
        self._opened = opened
        self._datasets = datasets
        self._files: dict[tuple[str, str], list[Chunk]] = {}

    def vectors(self, hits: Sequence[Hit]) -> list[NDArray[np.float32]]:
        """Return each hit's stored vector, of unit length."""
        found: dict[tuple[str, str], NDArray[np.float32]] = {}
        for name in {hit.dataset for hit in hits}:
            index = self._opened.index(self._datasets[name])
            for ids, rows in index.vectors([hit.chunk.id for hit in hits if hit.dataset == name]):
                found |= {(name, id): row for id, row in zip(ids, rows, strict=True)}
        if lost := [hit for hit in hits if (hit.dataset, hit.chunk.id) not in found]:
            raise DamagedStoreError(
                f"the index has no vector for chunk {lost[0].chunk.id}", hint=REPAIR_INDEX
            )
        return [found[hit.dataset, hit.chunk.id] for hit in hits]

    def chunks_of_file(self, hit: Hit) -> Sequence[Chunk]:
        """Return all chunks of the hit's file, in order."""
        key = (hit.dataset, hit.chunk.file_id)
        if key not in self._files:
            dataset = self._datasets[hit.dataset]
            self._files[key] = self._snapshot.chunks_of_file(dataset, hit.chunk.file_id)
        return self._files[key]


# Candidates to hits: text, place and metadata from the catalog.


def hydrate(snapshot: Snapshot, candidates: Sequence[Candidate]) -> list[Hit]:
    """Return a hit for each candidate, in the same order."""
    hits: dict[tuple[str, str], Hit] = {}
    for dataset in {item.source.dataset.key: item.source.dataset for item in candidates}.values():
        own = [item for item in candidates if item.source.dataset.key == dataset.key]
        chunks = snapshot.chunks(dataset, [item.id for item in own])
        files = snapshot.files_by_id(dataset, {chunk.file_id for chunk in chunks.values()})
        for item in own:
            chunk = chunks.get(item.id)
            file = files.get(chunk.file_id) if chunk else None
            if chunk is None or file is None:
                raise DamagedStoreError(
                    f"the catalog has no text, or no file, for chunk {item.id}", hint=REPAIR_CATALOG
                )
            hits[dataset.key, item.id] = Hit(
                rank=0,
                score=item.score,
                cosine=item.cosine,
                dataset=dataset.name,
                file=file.path,
                name=file.name,
                chunk=chunk,
                metadata={**file.all_metadata, **chunk.passage.metadata},
                scores=item.parts,
            )
    return [hits[item.source.dataset.key, item.id] for item in candidates]


ATTEMPTS = 5

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

    def __init__(self, folder: DataFolder, embed: EmbedQuery) -> None:
        self._folder = folder
        self._embed = embed
        self._open = OpenDatasets(folder)
        self.seen: dict[str, Dataset] = {}
        """The datasets, by name, as the last answer was taken from them."""

    def close(self) -> None:
        """Close the open indexes."""
        self._open.close()

    def resolve(self, query: Query) -> Query:
        """Return the query with mode ``auto`` replaced by what it means for its datasets.

        With ``static`` among the models of several datasets all are searched in hybrid mode, since
        scores of different modes can't be ranked together.

        Raises
        ------
        DatasetNotFoundError
            One of the datasets does not exist.
        """
        if query.mode != "auto":
            return query
        if not check_there(self._folder):
            raise DatasetNotFoundError(f"there is no dataset {query.datasets[0]!r}")
        with Catalog(self._folder) as catalog:
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
        EmbeddingError
            The question could not be embedded.
        DamagedStoreError
            An index can't be read.
        """
        query = self.resolve(query)
        hits = self._found(query, rerank)
        self._open.trim()
        return hits

    def refined(self, query: Query, hits: Sequence[Hit], rerank: Rerank | None) -> list[Hit]:
        """Return hits that were found already as the query shows them, ranked from 1.

        Raises
        ------
        DatasetNotFoundError
            The dataset of a hit was deleted meanwhile.
        """

        def refined(snapshot: Snapshot) -> list[Hit]:
            datasets = {name: snapshot.dataset(name) for name in {hit.dataset for hit in hits}}
            around = StoredSurroundings(snapshot, self._open, datasets)
            there = self._still_there(snapshot, hits, datasets)
            return refine(query.text, there, query, query.top_k, around, rerank)

        with Catalog(self._folder) as catalog:
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
        if not check_there(self._folder):
            raise DatasetNotFoundError(f"there is no dataset {query.datasets[0]!r}")
        with Catalog(self._folder) as catalog:
            vectors = self._vectors(catalog, query)
            for _ in range(ATTEMPTS):
                search = partial(self._search, query, vectors, rerank)
                try:
                    return catalog.read(search)
                except _ModelChangedError:
                    vectors = self._vectors(catalog, query)
        raise KnowledgeError("the datasets are embedded anew faster than they can be asked")

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
            hits = hydrate(snapshot, ranked if query.reorders else ranked[: query.top_k])
            around = StoredSurroundings(snapshot, self._open, self.seen)
            hits = refine(query.text, hits, query, query.top_k, around, rerank)
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
        from knowledge.retrieval.search.dense import DenseSearch
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
                DenseSearch(self._open.index(dataset), vector, column, snapshot),
                allowed(query, column, snapshot),
                score,
            )
            for (dataset, vector), column, score in zip(asked, columns, scores, strict=True)
        ]
        return sources, words
