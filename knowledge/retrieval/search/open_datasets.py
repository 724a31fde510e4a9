"""Indexes and columns that stay open between questions."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from knowledge.errors import KnowledgeError
from knowledge.storage.store import open_vectors

if TYPE_CHECKING:
    from knowledge.model import Dataset
    from knowledge.retrieval.search.sparse import SparseVectors
    from knowledge.storage.columns import ChunkColumns
    from knowledge.storage.store import Snapshot, Store
    from knowledge.storage.vector_index import VectorReader

KEPT = 8
"""Datasets that stay open when a question has been answered."""


class OpenDatasets:
    """What was opened of each dataset: one generation of its index, one of its columns."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._indexes: dict[str, tuple[int, VectorReader]] = {}
        self._columns: dict[str, tuple[tuple[int, int], ChunkColumns]] = {}
        self._sparse: dict[str, tuple[ChunkColumns, SparseVectors]] = {}
        self._warming: dict[str, threading.Thread] = {}

    def close(self) -> None:
        """Close everything."""
        self.trim(0)

    def trim(self, kept: int = KEPT) -> None:
        """Close what was opened first, down to ``kept`` datasets."""
        for key in [*self._warming]:
            self._end_warming(key)
        while len(self._columns) > kept:
            del self._columns[next(iter(self._columns))]
        while len(self._sparse) > kept:
            del self._sparse[next(iter(self._sparse))]
        while len(self._indexes) > kept:
            self._indexes.pop(next(iter(self._indexes)))[1].close()

    def columns(self, snapshot: Snapshot, dataset: Dataset) -> ChunkColumns:
        """Return the columns of the generation that the snapshot shows."""
        from knowledge.storage.columns import ChunkColumns

        state = (dataset.generation, snapshot.revision(dataset))
        if dataset.key not in self._columns or self._columns[dataset.key][0] != state:
            self._columns[dataset.key] = (state, ChunkColumns(snapshot, dataset))
        return self._columns[dataset.key][1]

    def sparse(self, snapshot: Snapshot, dataset: Dataset, columns: ChunkColumns) -> SparseVectors:
        """Return the sparse vectors of the generation that the columns are of."""
        from knowledge.retrieval.search.sparse import SparseVectors

        if dataset.key not in self._sparse or self._sparse[dataset.key][0] is not columns:
            self._sparse[dataset.key] = (columns, SparseVectors(snapshot, dataset, columns))
        return self._sparse[dataset.key][1]

    def warm(self, dataset: Dataset) -> None:
        """Begin to open a dataset's index in a thread of its own, while its model is loaded.

        Chroma's native part holds no lock of Python's while it reads.
        """
        if not dataset.chunks or {dataset.key} & (self._indexes.keys() | self._warming.keys()):
            return
        thread = threading.Thread(target=self._read_ahead, args=(dataset,), daemon=True)
        self._warming[dataset.key] = thread
        thread.start()

    def _read_ahead(self, dataset: Dataset) -> None:
        assert dataset.embedding is not None
        # Whoever asks for the index meets the same error, and knows what to do about it.
        with contextlib.suppress(KnowledgeError):
            index = open_vectors(self._store, dataset)
            self._indexes[dataset.key] = (dataset.vectors, index)
            if index.matrix() is None:
                index.search([1.0] * (dataset.embedding.dimensions or 0), 1)  # reads all of it

    def _end_warming(self, key: str) -> None:
        if thread := self._warming.pop(key, None):
            thread.join()

    def index(self, dataset: Dataset) -> VectorReader:
        """Return the index of the dataset's generation.

        Raises
        ------
        DamagedStoreError
            It is not there, or cannot be read.
        """
        self._end_warming(dataset.key)
        opened = self._indexes.pop(dataset.key, None)
        if opened is not None and opened[0] != dataset.vectors:
            opened[1].close()
            opened = None
        if opened is None:
            opened = (dataset.vectors, open_vectors(self._store, dataset))
        self._indexes[dataset.key] = opened
        return opened[1]
