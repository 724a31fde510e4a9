"""A query to hits: embed, search each dataset, rank together, hydrate from the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError, DatasetNotFoundError, ModelMismatchError
from knowledge.model import Dataset, Hit
from knowledge.retrieval import dense
from knowledge.retrieval.query import Query
from knowledge.storage.catalog import Catalog
from knowledge.storage.layout import DataFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.snapshot import Snapshot
    from knowledge.storage.vectors.chroma import ChromaIndex

ATTEMPTS = 5
OPEN_INDEXES = 8

EmbedQuery = Callable[[Dataset, str], "NDArray[np.float32]"]
"""(dataset, question) -> unit vector of shape (dimensions,) by the dataset's own embedder."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    cosine: float
    dataset: Dataset
    chunk_id: str


class Retriever:
    """Answers queries; keeps the indexes it opened, which never change.

    Parameters
    ----------
    embed:
        Gives the query vector for a dataset.
    """

    def __init__(self, folder: DataFolder, embed: EmbedQuery) -> None:
        self._folder = folder
        self._embed = embed
        self._indexes: dict[tuple[str, int], ChromaIndex] = {}
        self._opened: dict[str, Dataset] = {}

    def close(self) -> None:
        """Close the open indexes."""
        while self._indexes:
            self._indexes.popitem()[1].close()

    def retrieve(self, query: Query) -> list[Hit]:
        """Return the best hits of all the query's datasets, best first.

        Raises
        ------
        DatasetNotFoundError
            One of the datasets does not exist.
        EmbeddingError
            The question could not be embedded.
        DamagedStoreError
            An index can't be read.
        """
        if not self._folder.catalog.exists():
            raise DatasetNotFoundError(f"there is no dataset {query.datasets[0]!r}")
        with Catalog(self._folder) as catalog:
            vectors = {name: self._vector(catalog.dataset(name), query) for name in query.datasets}
            for attempt in range(ATTEMPTS):
                try:
                    return self._search(catalog, query, vectors)
                except DamagedStoreError:
                    # A writer may have published twice meanwhile and removed the generation that
                    # the snapshot named; the next snapshot names a newer one.
                    if attempt == ATTEMPTS - 1 or not self._outdated(catalog, query):
                        raise
        raise AssertionError("unreachable")

    def _vector(self, dataset: Dataset, query: Query) -> NDArray[np.float32] | None:
        if not dataset.chunks:
            return None
        from knowledge.storage.vectors import chroma  # noqa: F401  import it before the snapshot

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
        self, catalog: Catalog, query: Query, vectors: dict[str, NDArray[np.float32] | None]
    ) -> list[Hit]:
        with catalog.snapshot() as snapshot:
            self._opened = {}
            found: list[_Candidate] = []
            for name in dict.fromkeys(query.datasets):
                dataset = self._opened[name] = snapshot.dataset(name)
                vector = vectors[name]
                if vector is not None and dataset.chunks:
                    found += self._search_one(snapshot, dataset, vector, query)
            found.sort(key=lambda item: (-item.cosine, item.dataset.name, item.chunk_id))
            return _hydrate(snapshot, found[: query.top_k])

    def _search_one(
        self, snapshot: Snapshot, dataset: Dataset, vector: NDArray[np.float32], query: Query
    ) -> Iterable[_Candidate]:
        allowed = None
        if query.filtered:
            allowed = snapshot.matching_chunk_ids(
                dataset, where=query.where, include=query.included, exclude=query.excluded
            )
        index = self._index(dataset)
        scored = dense.search(index, vector, query.top_k, allowed=allowed, chunks=dataset.chunks)
        least = -1.0 if query.threshold is None else query.threshold
        return [_Candidate(cosine, dataset, id) for id, cosine in scored if cosine >= least]

    def _index(self, dataset: Dataset) -> ChromaIndex:
        from knowledge.storage.vectors.chroma import ChromaIndex

        key = (dataset.key, dataset.vectors)
        if key not in self._indexes:
            while len(self._indexes) >= OPEN_INDEXES:
                self._indexes.pop(next(iter(self._indexes))).close()
            for old in [old for old in self._indexes if old[0] == dataset.key]:
                self._indexes.pop(old).close()
            self._indexes[key] = ChromaIndex(self._folder.generation(*key))
        return self._indexes[key]

    def _outdated(self, catalog: Catalog, query: Query) -> bool:
        self.close()
        return any(catalog.dataset(name) != self._opened.get(name) for name in query.datasets)


def _hydrate(snapshot: Snapshot, found: list[_Candidate]) -> list[Hit]:
    hits: dict[tuple[str, str], Hit] = {}
    for dataset in {item.dataset.key: item.dataset for item in found}.values():
        ids = [item.chunk_id for item in found if item.dataset.key == dataset.key]
        chunks = snapshot.chunks(dataset, ids)
        files = snapshot.files_by_id(dataset, {chunk.file_id for chunk in chunks.values()})
        for item in found:
            if item.dataset.key == dataset.key and item.chunk_id in chunks:
                chunk = chunks[item.chunk_id]
                file = files[chunk.file_id]
                hits[dataset.key, chunk.id] = Hit(
                    rank=0,
                    score=item.cosine,
                    cosine=item.cosine,
                    dataset=dataset.name,
                    file=file.path,
                    name=file.name,
                    chunk=chunk,
                    metadata=file.all_metadata,
                )
    ordered = [hits[key] for item in found if (key := (item.dataset.key, item.chunk_id)) in hits]
    return [replace(hit, rank=rank) for rank, hit in enumerate(ordered, 1)]
