"""Indexes and columns that stay open between questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowledge.model import Dataset
    from knowledge.storage.columns import ChunkColumns
    from knowledge.storage.layout import DataFolder
    from knowledge.storage.snapshot import Snapshot
    from knowledge.storage.vectors.reader import VectorReader

KEPT = 8
"""Datasets that stay open when a question has been answered."""


class OpenDatasets:
    """What was opened of each dataset: one generation of its index, one of its columns."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._indexes: dict[str, tuple[int, VectorReader]] = {}
        self._columns: dict[str, tuple[tuple[int, int], ChunkColumns]] = {}

    def close(self) -> None:
        """Close everything."""
        self.trim(0)

    def trim(self, kept: int = KEPT) -> None:
        """Close what was opened first, down to ``kept`` datasets."""
        while len(self._columns) > kept:
            del self._columns[next(iter(self._columns))]
        while len(self._indexes) > kept:
            self._indexes.pop(next(iter(self._indexes)))[1].close()

    def columns(self, snapshot: Snapshot, dataset: Dataset) -> ChunkColumns:
        """Return the columns of the generation that the snapshot shows."""
        from knowledge.storage.columns import ChunkColumns

        state = (dataset.generation, snapshot.revision(dataset))
        if dataset.key not in self._columns or self._columns[dataset.key][0] != state:
            self._columns[dataset.key] = (state, ChunkColumns(snapshot, dataset))
        return self._columns[dataset.key][1]

    def index(self, dataset: Dataset) -> VectorReader:
        """Return the index of the dataset's generation.

        Raises
        ------
        DamagedStoreError
            It is not there, or can't be read.
        """
        from knowledge.storage.vectors.reader import open_reader

        opened = self._indexes.pop(dataset.key, None)
        if opened is not None and opened[0] != dataset.vectors:
            opened[1].close()
            opened = None
        if opened is None:
            folder = self._folder.generation(dataset.key, dataset.vectors)
            opened = (dataset.vectors, open_reader(folder))
        self._indexes[dataset.key] = opened
        return opened[1]
