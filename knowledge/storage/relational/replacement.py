"""New vectors for a whole dataset: another model's, built beside those that are in use.

The chunks stay as they are, with their ids; only the version of the index and the recorded model
change, in one catalog transaction. Readers use the published version until then.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError
from knowledge.model import Chunk, Dataset, EmbedderSpec, SplitterSpec
from knowledge.storage.relational.ownership import locked_dataset
from knowledge.storage.relational.staging import facts_of
from knowledge.storage.relational.write_run import begun

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.relational.catalog import SqlCatalog
    from knowledge.storage.vector_index import VectorWriter


@contextlib.contextmanager
def open_replacement(
    catalog: SqlCatalog, name: str, *, lock_timeout: float, notify: Callable[[str], None]
) -> Iterator[Replacement]:
    """Take the dataset's lock and yield a replacement; what is not published is dropped.

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset, or it was deleted while we waited.
    LockedError
        Another writer held the lock for ``lock_timeout`` seconds.
    """
    with (
        locked_dataset(catalog, name, lock_timeout=lock_timeout, notify=notify) as dataset,
        begun(catalog, dataset) as run,
    ):
        replacement = Replacement(catalog, run.dataset)
        try:
            yield replacement
        finally:
            replacement.drop()


class Replacement:
    """Made by :func:`open_replacement`; for one thread at a time."""

    def __init__(self, catalog: SqlCatalog, dataset: Dataset) -> None:
        self.dataset = dataset
        self._catalog = catalog
        self._staging = catalog.staging(dataset)
        self._index = catalog.index(dataset.key)
        self._candidate: VectorWriter | None = None

    def chunks(self, page: int) -> Iterator[list[Chunk]]:
        """Yield the dataset's chunks by id, so many at a time."""
        last = ""
        while rows := self._staging.chunks_after(last, page):
            yield rows
            last = rows[-1].id

    def paths(self, files: Iterable[str]) -> dict[str, str]:
        """Return the paths of files by their ids."""
        with self._catalog.snapshot() as snapshot:
            found = snapshot.files_by_id(self.dataset, files)
        return {id: file.path for id, file in found.items()}

    def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Write vectors, shape (len(ids), dimensions), beside the published ones."""
        self._open().add(ids, vectors)

    def publish(self, embedding: EmbedderSpec) -> Dataset:
        """Let readers see the new vectors, and record their model; in one step.

        Raises
        ------
        DamagedStoreError
            There is not one vector for each chunk; nothing was published.
        """
        vectors = self._open().flush()
        self._candidate = None
        live = self._staging.live_chunks()
        if vectors != live:
            raise DamagedStoreError(
                f"dataset {self.dataset.name!r}: {live} chunks but {vectors} vectors",
                hint="Nothing was changed. Run again.",
            )
        splitter = self.dataset.splitter or SplitterSpec()
        facts = facts_of(self.dataset, embedding, splitter)
        self._index.publish(facts["generation"], facts)
        self._staging.publish(embedding, splitter, 0, new_vectors=True)
        self.dataset = self._catalog.dataset_by_key(self.dataset.key)
        self._staging = self._catalog.staging(self.dataset)
        self._staging.sweep()
        self._index.sweep(self.dataset.vectors)
        return self.dataset

    def drop(self) -> None:
        """Forget what was not published."""
        if self._candidate is not None:
            self._candidate.close()
            self._candidate = None
            self._index.sweep(self.dataset.vectors)

    def _open(self) -> VectorWriter:
        if self._candidate is None:
            self._candidate = self._index.candidate(0, self._staging)
        return self._candidate
