"""A query to hits: embed, filter, search each dataset, rank together, hydrate, refine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from knowledge.errors import (
    DamagedStoreError,
    KnowledgeError,
    ModelMismatchError,
    RemoteError,
    UntrustedEndpointError,
    UntrustedModelError,
    UsageError,
)
from knowledge.model import Dataset, EmbedderSpec, Hit
from knowledge.requests import MAX_TOP_K
from knowledge.retrieval.query import Query
from knowledge.retrieval.refine.pipeline import choose, refine, reorders, show
from knowledge.retrieval.refine.step import Rerank
from knowledge.retrieval.search.hydration import SnapshotChunks, hydrate
from knowledge.retrieval.search.open_datasets import OpenDatasets
from knowledge.storage.dataset_names import no_dataset

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.sparse import SparseEncoder
    from knowledge.retrieval.search.candidates import Source
    from knowledge.retrieval.search.keyword import KeywordScores
    from knowledge.retrieval.search.ranking import Ranking
    from knowledge.retrieval.search.sparse import IndexedSparse
    from knowledge.storage.columns import ChunkColumns
    from knowledge.storage.store import Catalog, Notify, Snapshot, Store


ATTEMPTS = 5
"""How often a question is embedded again when a dataset gets another model meanwhile."""
GROWTH = 4
"""By how much more candidates are looked at where folding and the like leave too few hits."""

EmbedQuery = Callable[[Dataset, str], "NDArray[np.float32]"]
"""(dataset, question) -> unit vector of shape (dimensions,) by the dataset's own embedder."""


EncoderOf = Callable[[Dataset], "SparseEncoder"]
"""Returns the encoder of a dataset's sparse model."""


class _QueryVector(NamedTuple):
    """The question by a dataset's model, as that was when the question was embedded.

    ``vector`` is ``None`` for a dataset without chunks, and where no provider is asked.
    """

    model: EmbedderSpec | None
    vector: NDArray[np.float32] | None


class _ModelChangedError(Exception):
    """A writer published the dataset with another model since the question was embedded."""


class _NotEmbeddedError(Exception):
    """The question could not be embedded."""

    def __init__(self, error: RemoteError | UsageError) -> None:
        self.error = error


class Retriever:
    """Answers queries; what it opened for one stays open for the next.

    Parameters
    ----------
    embed:
        Gives the query vector for a dataset.
    notify:
        Called with what the user should know of an answer.
    seen:
        Gets the datasets, by name, as the last answer was taken from them.
    """

    def __init__(
        self,
        store: Store,
        embed: EmbedQuery,
        notify: Notify = lambda _: None,
        seen: dict[str, Dataset] | None = None,
        encoder: EncoderOf | None = None,
    ) -> None:
        self._store = store
        self._embed = embed
        self._notify = notify
        self._encoder = encoder
        self._open = OpenDatasets(store)
        self.seen: dict[str, Dataset] = {} if seen is None else seen
        self.answered: Query | None = None
        """The query of the last answer, in the mode in which it was answered."""

    def close(self) -> None:
        """Close the open indexes."""
        self._open.close()

    def columns(self, snapshot: Snapshot, dataset: Dataset) -> ChunkColumns:
        """Return the columns of a dataset, which stay open for the next question."""
        return self._open.columns(snapshot, dataset)

    def resolve(self, query: Query) -> Query:
        """Return the query with mode ``auto`` replaced by what it means for its datasets.

        With a model on this machine among those of several datasets all are searched in hybrid
        mode, since scores of different modes cannot be ranked together.

        Raises
        ------
        DatasetNotFoundError
            One of the datasets does not exist.
        """
        if query.mode != "auto":
            return query
        if not self._store.exists():
            raise no_dataset(query.datasets[0])
        with self._store.open() as catalog:
            datasets = [catalog.dataset(name) for name in query.datasets]
        local = any(_runs_here(dataset) or dataset.sparse for dataset in datasets)
        return replace(query, mode="hybrid" if local else "dense")

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
        try:
            hits = self._found(query, rerank)
        except _NotEmbeddedError as failure:
            if query.fallback != "keyword" or query.threshold is not None:
                raise failure.error from None
            self._notify(f"answered by keyword search alone: {failure.error.in_full}")
            query = replace(query, mode="keyword")
            hits = self._found(query, rerank)
        finally:
            self._open.trim()
        self.answered = query
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

        try:
            with self._store.open() as catalog:
                return catalog.read(refined)
        finally:
            self._open.trim()

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
            raise no_dataset(query.datasets[0])
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
        datasets = [catalog.dataset(name) for name in query.datasets]
        embedded = [dataset for dataset in datasets if dataset.chunks]
        if not (query.needs_vector or all(map(_runs_here, embedded))):
            self._notify("no cosines: keyword search asks no embedding provider")
            embedded = []
        for dataset in embedded:
            self._open.warm(dataset)
        try:
            known = {dataset.key: self._vector(dataset, query) for dataset in embedded}
        except _NotEmbeddedError as failure:
            if query.needs_vector:
                raise
            self._notify(f"no cosines: {failure.error.in_full}")
            known = {}
        return {
            name: _QueryVector(dataset.embedding, known.get(dataset.key))
            for name, dataset in zip(query.datasets, datasets, strict=True)
        }

    def _vector(self, dataset: Dataset, query: Query) -> NDArray[np.float32]:
        try:
            vector = _mean([self._embed(dataset, one) for one in query.questions])
        except (UntrustedEndpointError, UntrustedModelError):
            raise  # not what a search by words should hide
        except (RemoteError, UsageError) as error:
            raise _NotEmbeddedError(error) from error
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
        from knowledge.retrieval.search.ranking import Ranking

        asked: list[tuple[Dataset, NDArray[np.float32] | None]] = []
        for name in dict.fromkeys(query.datasets):
            dataset = self.seen[name] = snapshot.dataset(name)
            vector = vectors[name].vector
            unasked = vector is None and query.needs_vector
            if vectors[name].model != dataset.embedding or (dataset.chunks and unasked):
                raise _ModelChangedError
            if dataset.chunks:
                asked.append((dataset, vector))
        try:
            sources, words = self._sources(snapshot, query, asked)
            hits = self._chosen(query, Ranking(query, sources, snapshot), rerank, snapshot)
            if words is not None:
                keyword.prove(words, sources, snapshot, hits)
            return hits
        except DamagedStoreError:
            self._open.forget()  # what is tried again is opened anew
            raise

    def _chosen(
        self, query: Query, ranking: Ranking, rerank: Rerank | None, snapshot: Snapshot
    ) -> list[Hit]:
        """Return the hits to show, of as many candidates as it takes to have ``top_k``."""
        stored = SnapshotChunks(snapshot, self._open, self.seen)
        most = query.offset + query.top_k
        depth = query.pool if reorders(query) else most
        while True:
            found = hydrate(snapshot, ranking.first(depth))
            hits = choose(query.text, found, query, most, stored, rerank)
            if len(hits) >= most or depth >= min(len(ranking), MAX_TOP_K) or query.rerank:
                shown = show(query.text, hits[query.offset :], query, query.top_k, stored)
                first = query.offset + 1
                return [replace(hit, rank=rank) for rank, hit in enumerate(shown, first)]
            depth = min(GROWTH * depth, MAX_TOP_K)

    def _sources(
        self,
        snapshot: Snapshot,
        query: Query,
        asked: Sequence[tuple[Dataset, NDArray[np.float32] | None]],
    ) -> tuple[list[Source], KeywordScores | None]:
        """Return what each dataset gives, and the scores of the keyword side where it is asked."""
        from knowledge.retrieval.search import keyword
        from knowledge.retrieval.search.candidates import Source
        from knowledge.retrieval.search.dense import dense_search

        columns = [self._open.columns(snapshot, dataset) for dataset, _ in asked]
        dense = [
            None
            if vector is None
            else dense_search(
                self._open.index(dataset), vector, column, snapshot, ahead=query.needs_vector
            )
            for (dataset, vector), column in zip(asked, columns, strict=True)
        ]
        ranked_by_words = "keyword" in query.sides
        whole = len(query.sides) > 1 and query.fusion == "weighted" and query.file_weight > 0
        words = keyword.scores(query.text, columns, snapshot, query.bm25, of_files=whole)
        nothing = [None] * len(asked)
        scores = words.by_dataset if ranked_by_words else nothing
        of_files = nothing if words.of_files is None else words.of_files
        weighed = self._weighed(query, snapshot, asked, columns)
        sources = [
            Source(
                dataset,
                column,
                near,
                _mask(query, column, snapshot),
                score,
                share,
                of_file,
                sparse,
                exact,
                sparse_index,
            )
            for (
                (dataset, _),
                column,
                near,
                score,
                share,
                of_file,
                (sparse, sparse_index),
                exact,
            ) in zip(
                asked,
                columns,
                dense,
                scores,
                words.shares,
                of_files,
                weighed,
                words.exact or nothing,
                strict=True,
            )
        ]
        return sources, words if ranked_by_words else None

    def _weighed(
        self,
        query: Query,
        snapshot: Snapshot,
        asked: Sequence[tuple[Dataset, NDArray[np.float32] | None]],
        columns: Sequence[ChunkColumns],
    ) -> Sequence[tuple[NDArray[np.float64] | None, IndexedSparse | None]]:
        """Return the scores of the sparse side, where hybrid has one in all of the datasets.

        With them what finds the best, where an index does; then they are filled in as it finds.
        """
        models = {dataset.sparse.fingerprint if dataset.sparse else "" for dataset, _ in asked}
        wanted = self._encoder is not None and len(query.sides) > 1 and query.sparse_weight > 0
        if not wanted or len(models) != 1 or "" in models:
            return [(None, None)] * len(asked)
        assert self._encoder is not None
        encoder = self._encoder(asked[0][0])
        question = encoder.encode([query.text], query=True)[0]
        from knowledge.retrieval.search.sparse import indexed_sparse

        # Ranks need the scores of all; and how rare a term is, only the catalog can count.
        by_index = query.fusion == "weighted" and not encoder.counts_rarity
        found: list[tuple[NDArray[np.float64] | None, IndexedSparse | None]] = []
        for (dataset, vector), column in zip(asked, columns, strict=True):
            index = None
            if by_index and vector is not None:
                index = indexed_sparse(self._open.index(dataset), question, column, dataset)
            if index is not None:
                found.append((index.scores, index))
                continue
            listed = self._open.sparse(snapshot, dataset, column)
            scores = listed.scores(question, snapshot, count_rarity=encoder.counts_rarity)
            found.append((scores, None))
        return found


def _mask(query: Query, columns: ChunkColumns, snapshot: Snapshot) -> NDArray[np.bool_] | None:
    """Return which chunks may be hits; ``None`` where all may."""
    if not query.is_filtered:
        return None
    from knowledge.retrieval.search.filters import allowed

    return allowed(query, columns, snapshot)


def _mean(vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean of unit vectors as a unit vector; opposite ones have none, so zeros."""
    import numpy as np

    if len(vectors) == 1:
        return vectors[0]
    mean: NDArray[np.float32] = np.mean(vectors, axis=0, dtype=np.float32)
    length = float(np.linalg.norm(mean))
    return mean / np.float32(length) if length else mean


def _runs_here(dataset: Dataset) -> bool:
    """Tell whether the dataset's model embeds on this machine, without a server."""
    model = dataset.embedding
    if model is not None and model.provider == "static":  # known without a look at all of them
        return True
    from knowledge.embeddings.provider import BUILT_IN, Place

    record = None if model is None else BUILT_IN.get(model.provider)
    return record is not None and record.place is Place.MACHINE
