"""A write run: stage changes beside the published generation, then publish them at once.

Catalog rows are staged with the number of the next generation, which no reader looks at;
vectors go to the next version of the index. Publishing closes that, gives it its number and sets
the dataset's generation in one catalog transaction. Whatever is killed before that
transaction is swept by the next run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError
from knowledge.model import Dataset, EmbedderSpec, SourceFile, SplitterSpec
from knowledge.storage.changes import FileChange, Unweighed
from knowledge.storage.relational.ownership import locked_dataset
from knowledge.storage.relational.staging import facts_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.relational.catalog import SqlCatalog
    from knowledge.storage.vector_index import VectorWriter

BUFFERED_CHUNKS = 2_000  # written together: one catalog transaction, one upsert
MAX_DEAD_SHARE = 0.3


@contextlib.contextmanager
def open_write_run(
    catalog: SqlCatalog, name: str, *, lock_timeout: float, notify: Callable[[str], None]
) -> Iterator[WriteRun]:
    """Take the dataset's lock, sweep what a killed run left, and yield a run.

    What the run has not published when the context ends is dropped.

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset, or it was deleted while we waited.
    LockedError
        Another writer held the lock for ``lock_timeout`` seconds.
    VectorsElsewhereError
        Its vectors are kept elsewhere than the settings say.
    VectorServerError
        What keeps its vectors can't be reached.
    """
    with locked_dataset(catalog, name, lock_timeout=lock_timeout, notify=notify) as dataset:
        catalog.index(dataset.key).check_place(dataset.vectors)
        with begun(catalog, dataset) as run:
            yield run


@contextlib.contextmanager
def begun(catalog: SqlCatalog, dataset: Dataset) -> Iterator[WriteRun]:
    """Yield a run on a dataset whose lock is ours; else as :func:`open_write_run`."""
    run = WriteRun(catalog, dataset)
    try:
        run.sweep()
        yield run
    finally:
        run.drop()


class WriteRun:
    """One writer's session on a dataset; made by :func:`open_write_run`.

    All methods must be called from one thread at a time, on a catalog connection that nobody else
    uses meanwhile.
    """

    def __init__(self, catalog: SqlCatalog, dataset: Dataset) -> None:
        self.dataset = dataset
        self._catalog = catalog
        self._staging = catalog.staging(dataset)
        self._index = catalog.index(dataset.key)
        self._candidate: VectorWriter | None = None
        self._pending: list[FileChange] = []
        self._pending_chunks = 0
        self._dead = 0
        self._staged = False

    def sweep(self) -> None:
        """Remove what a killed run left: staged rows, the candidate, old versions."""
        self._staging.sweep()
        self._index.sweep(self.dataset.vectors)

    def prepare(self) -> None:
        """Begin the next version of the index; done while they are on their way."""
        self._opened()

    def write_waiting(self, least: int) -> None:
        """Write what waits to be written together, where it is ``least`` chunks or more."""
        if self._pending_chunks >= least:
            self._write_pending()

    def write_file(self, change: FileChange) -> None:
        """Stage a new or changed file."""
        self._staged = True
        self._pending.append(change)
        self._pending_chunks += len(change.diff.added) + len(change.diff.moved) + 1
        if self._pending_chunks >= BUFFERED_CHUNKS:
            self._write_pending()

    def remove_file(self, file: SourceFile) -> int:
        """Stage a file's removal; return how many chunks go with it."""
        self._staged = True
        self._write_pending()
        ids = self._staging.remove_file(file.id)
        if ids:
            self._opened().delete(ids)
            self._dead += len(ids)
        return len(ids)

    def touch_file(self, file: SourceFile) -> None:
        """Record another size, modification time or metadata of a file whose text is the same.

        Seen by readers at once; no generation is made for it.
        """
        if any(change.file.id == file.id for change in self._pending):
            self._write_pending()
        self._staging.touch_file(file)

    def without_sparse(self, limit: int, after: int = 0) -> list[Unweighed]:
        """Return chunks, staged ones too, without a sparse vector, in rows after one, in order."""
        self._write_pending()
        return self._staging.without_sparse(limit, after)

    def write_sparse(
        self,
        model: EmbedderSpec,
        vectors: Mapping[int, tuple[NDArray[np.uint32], NDArray[np.float32]]],
    ) -> None:
        """Record the sparse model, and the vectors of some rows; readers see them at once."""
        self._staging.write_sparse(model, vectors)

    def list_sparse(self) -> None:
        """Bring the lists that questions read of sparse vectors up to date.

        An index that keeps such vectors gets a version with those that it lacks.
        """
        self._write_pending()
        self._staging.list_sparse()
        if self._candidate is not None or self._index.complete(self.dataset.vectors, self._staging):
            return
        if not self._staging.without_sparse(1):
            self._opened()
            self._staged = True

    def publish(self, embedding: EmbedderSpec, splitter: SplitterSpec) -> Dataset:
        """Make all that was staged visible, in one step.

        Raises
        ------
        DamagedStoreError
            The index does not hold one vector for each chunk; nothing was published.
        """
        if not self._staged:
            return self.dataset
        self._write_pending()
        dead = self._staging.dead_vectors()
        if self._candidate is not None:
            dead = self._publish_vectors(self._candidate, dead + self._dead, embedding, splitter)
        self._staging.publish(embedding, splitter, dead, new_vectors=self._candidate is not None)
        self._candidate = None
        self.dataset = self._catalog.dataset_by_key(self.dataset.key)
        self._staging = self._catalog.staging(self.dataset)
        self._staged, self._dead = False, 0
        self.sweep()
        return self.dataset

    def _publish_vectors(
        self, candidate: VectorWriter, dead: int, embedding: EmbedderSpec, splitter: SplitterSpec
    ) -> int:
        """Give the candidate its number; return how many deleted vectors it carries."""
        live = self._staging.live_chunks()
        if dead > MAX_DEAD_SHARE * (live + dead):
            candidate.rebuild(self._staging.live_chunk_ids())
            dead = 0
        vectors = candidate.flush()
        if vectors != live:
            raise DamagedStoreError(
                f"dataset {self.dataset.name!r}: {live} chunks but {vectors} vectors",
                hint="Nothing was changed. `knowledge doctor --fix` rebuilds the index.",
            )
        facts = facts_of(self.dataset, embedding, splitter)
        self._index.publish(facts["generation"], facts)
        return dead

    def drop(self) -> None:
        """Forget what was not published."""
        opened = self._candidate is not None
        if self._candidate is not None:
            self._candidate.close()
            self._candidate = None
        if self._staged or opened:
            self._pending.clear()
            self.sweep()
            self._staged = False

    def _opened(self) -> VectorWriter:
        if self._candidate is None:
            self._candidate = self._index.candidate(self.dataset.vectors, self._staging)
        return self._candidate

    def _write_pending(self) -> None:
        if not self._pending:
            return
        changes, self._pending, self._pending_chunks = self._pending, [], 0
        self._staging.write_files(changes)
        removed = [id for change in changes for id in change.diff.removed]
        if removed:
            self._opened().delete(removed)
            self._dead += len(removed)
        self._add_vectors([change for change in changes if change.diff.added])

    def _add_vectors(self, changes: Sequence[FileChange]) -> None:
        import numpy as np

        ids = [chunk.id for change in changes for chunk in change.diff.added]
        if ids:
            arrays = [change.vectors for change in changes if change.vectors is not None]
            self._opened().add(ids, np.concatenate(arrays))
