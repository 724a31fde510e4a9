"""The seam: what everything above storage may ask of a store, and of an index of vectors.

A :class:`Store` keeps datasets: their files, chunks and full-text lists, in generations that are
published at once. A :class:`~knowledge.storage.vector_index.VectorIndex` keeps the vectors of one
dataset, in versions. The two meet in a number: a dataset says which version of its index belongs to
what it shows.

Nothing above storage imports a kind of store; :mod:`knowledge.storage.opening` chooses one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Protocol

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.model import (
        Chunk,
        Dataset,
        EmbedderSpec,
        FileProblem,
        SourceFile,
        SplitterSpec,
    )
    from knowledge.storage.changes import FileChange, SparseBytes, Unweighed
    from knowledge.storage.columns import StoredColumns
    from knowledge.storage.findings import Fault
    from knowledge.storage.history import MissedFile, Run
    from knowledge.storage.reports import CacheStats, Compacted, Leftover, Places, Status
    from knowledge.storage.vector_index import VectorIndex, VectorReader
else:
    Protocol = object  # a real one takes half a millisecond, and there are many

Answer = TypeVar("Answer")
Notify = Callable[[str], None]
FileState = tuple[str, int, int, str, int, str, "str | None"]
"""Of a file: path, bytes, modification time in nanoseconds, ISO time of its ingest, chunks, and the
JSON of what was given for it and of what is remembered."""

ATTEMPTS = 8
"""How often a read is restarted where writers were faster."""
FIX = "Run `knowledge doctor --fix`; it makes a backup first."
REPAIR_CATALOG = "`knowledge doctor --fix` saves what can be read of it; it makes a backup first."
REPAIR_INDEX = "`knowledge doctor --fix` rebuilds it from the stored texts."


def open_vectors(holder: Store | Catalog, dataset: Dataset) -> VectorReader:
    """Open the version of a dataset's index that belongs to what the dataset shows.

    Raises
    ------
    DamagedStoreError
        It is not there, can't be read, or is that of another dataset or generation.
    """
    dimensions = dataset.embedding.dimensions if dataset.embedding else None
    return holder.index(dataset.key).open(dataset.vectors, dimensions)


class Snapshot(Protocol):
    """One published state of the datasets, whatever writers do meanwhile.

    A row is the number of a chunk in the store. Rows may be of any generation; those that a
    generation shows are given by :meth:`chunk_sizes`.
    """

    def dataset(self, name: str) -> Dataset:
        """Return a dataset, or raise ``DatasetNotFoundError``."""

    def dataset_by_key(self, key: str) -> Dataset:
        """Return the dataset with this key, or raise ``DatasetNotFoundError``."""

    def names(self) -> list[str]:
        """Return the names of all datasets, in order."""

    def revision(self, dataset: Dataset) -> int:
        """Return a number that grows with each change of a file that made no generation."""

    def files(self, dataset: Dataset) -> Iterator[SourceFile]:
        """Yield the dataset's files by path."""

    def file_states(self, dataset: Dataset) -> list[FileState]:
        """Return what tells of each file whether it has changed."""

    def file_identities(self, dataset: Dataset) -> list[tuple[str, str, str]]:
        """Return the id, the path and the content's hash of each file, by path."""

    def file(self, dataset: Dataset, *, id: str | None = None, path: str = "") -> SourceFile | None:
        """Return the file with this id, or else with this path; ``None`` when there is none."""

    def files_page(
        self, dataset: Dataset, part: str, after: str, limit: int
    ) -> tuple[list[SourceFile], int]:
        """Return the first files by path behind a path, and how many there are before and behind.

        ``part`` is what their paths must hold, whatever its case; empty is any.
        """

    def find_file(self, dataset: Dataset, text: str) -> SourceFile | None:
        """Return the file that ``text`` names: by id, by stored name, or by a path to it."""

    def files_ending_with(self, dataset: Dataset, end: str, limit: int) -> list[SourceFile]:
        """Return the first files by path whose path ends with ``end``, at the start of a name."""

    def files_by_id(self, dataset: Dataset, ids: Iterable[str]) -> dict[str, SourceFile]:
        """Return the files with these ids, by id."""

    def files_with_rows(self, dataset: Dataset) -> Iterator[tuple[SourceFile, NDArray[np.int64]]]:
        """Yield the files, each with the rows of its chunks."""

    def chunks(self, dataset: Dataset, ids: Iterable[str]) -> dict[str, Chunk]:
        """Return the chunks with these ids, by id; raise ``DamagedStoreError`` for a wrong text."""

    def chunks_of_file(self, dataset: Dataset, file_id: str, *, proven: bool = True) -> list[Chunk]:
        """Return a file's chunks in order; unless ``proven`` is false, wrong texts raise."""

    def chunks_by_prefix(self, dataset: Dataset, prefix: str) -> list[Chunk]:
        """Return up to two chunks whose id begins with ``prefix``, which is alphanumeric."""

    def chunk_ids(self, dataset: Dataset) -> list[str]:
        """Return the ids of all chunks."""

    def chunk_sizes(self, dataset: Dataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of all chunks, and how many tokens each has, in no order."""

    def sparse_of_ids(self, dataset: Dataset, ids: Sequence[str]) -> dict[str, SparseBytes]:
        """Return the sparse vectors of some chunks, by id, of those that have one."""

    def unlisted_sparse(self, dataset: Dataset) -> list[tuple[int, bytes, bytes]]:
        """Return row, terms and weights of the sparse vectors that are in no list, by row.

        Here and in the lists rows of any generation may be, also such as are gone.
        """

    def sparse_lists(
        self, dataset: Dataset, terms: Sequence[int]
    ) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield (term, rows as uint32, weights as float16) of the lists of some terms, by term."""

    def file_sizes(
        self, dataset: Dataset
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of all chunks, file by file, how many each file has, and its own row.

        A file's row is 0 where it is not shown.
        """

    def stored_columns(self, dataset: Dataset) -> StoredColumns | None:
        """Return the columns that were kept of what the dataset shows; ``None`` without any."""

    def keep_columns(self, dataset: Dataset, columns: StoredColumns) -> None:
        """Keep the columns of what the dataset shows for others, where the store can."""

    def files_named(self, dataset: Dataset, term: str) -> NDArray[np.int64]:
        """Return the rows of the files whose name or title holds a full-text term.

        Rows may be of any generation. Terms are those of
        :func:`knowledge.storage.terms.name_terms_of`.
        """

    def ids_of_rows(self, rows: Sequence[int]) -> dict[int, str]:
        """Return the ids of the chunks in some rows, by row."""

    def rows_of_ids(
        self, dataset: Dataset, ids: Sequence[str]
    ) -> tuple[NDArray[np.int64], list[str]]:
        """Return pairs of rows and ids of some chunks."""

    def rows_with_ids(self, dataset: Dataset) -> tuple[NDArray[np.int64], NDArray[np.bytes_]]:
        """Return pairs of rows and ids, in UTF-8, of all chunks; best in the order of the ids."""

    def own_metadata(self, dataset: Dataset) -> tuple[NDArray[np.int64], list[dict[str, Any]]]:
        """Return the rows of the chunks with metadata of their own, and that metadata."""

    def texts(self, dataset: Dataset) -> Iterator[tuple[int, str]]:
        """Yield the row of each chunk with its headings and its text, each on lines of its own."""

    def rows_with_term(self, dataset: Dataset, term: str, count: int) -> NDArray[np.int64]:
        """Return the rows of the chunks that hold a full-text term at least ``count`` times.

        ``count`` is one of :data:`knowledge.storage.terms.COUNTS`.
        """

    def vocabulary(self, dataset: Dataset, least: int) -> list[str]:
        """Return the full-text terms of so many characters or more, of any generation, in order."""

    def terms_of_rows(self, rows: Sequence[int]) -> dict[int, frozenset[str]]:
        """Return the full-text terms that the texts of some rows have, by row."""

    def languages(self, dataset: Dataset) -> list[str]:
        """Return the languages in which the chunks' full-text terms are stemmed."""


class WriteRun(Protocol):
    """One writer's session on a dataset: changes are staged, then published at once."""

    dataset: Dataset

    def prepare(self) -> None:
        """Begin the next version of the index; done while vectors are on their way."""

    def write_waiting(self, least: int) -> None:
        """Write what waits to be written together, where it is ``least`` chunks or more."""

    def write_file(self, change: FileChange) -> None:
        """Stage a new or changed file."""

    def remove_file(self, file: SourceFile) -> int:
        """Stage a file's removal; return how many chunks go with it."""

    def touch_file(self, file: SourceFile) -> None:
        """Record other facts of a file whose text is the same; readers see them at once."""

    def without_sparse(self, limit: int, after: int = 0) -> list[Unweighed]:
        """Return chunks, staged ones too, without a sparse vector, in rows after one, in order."""

    def write_sparse(
        self,
        model: EmbedderSpec,
        vectors: Mapping[int, tuple[NDArray[np.uint32], NDArray[np.float32]]],
    ) -> None:
        """Record the sparse model, and the vectors of some rows: terms with their weights."""

    def list_sparse(self) -> None:
        """Bring the lists that questions read of sparse vectors up to date."""

    def publish(self, embedding: EmbedderSpec, splitter: SplitterSpec) -> Dataset:
        """Make all that was staged visible, in one step."""


class Replacement(Protocol):
    """New vectors of a dataset, beside those in use; its chunks stay as they are."""

    dataset: Dataset

    def chunks(self, page: int) -> Iterator[list[Chunk]]:
        """Yield the dataset's chunks by id, so many at a time."""

    def paths(self, files: Iterable[str]) -> dict[str, str]:
        """Return the paths of files by their ids."""

    def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Write vectors, shape (len(ids), dimensions), beside the published ones."""

    def publish(self, embedding: EmbedderSpec) -> Dataset:
        """Let readers see the new vectors, and record their model; in one step."""


class EmbeddingCache(Protocol):
    """Vectors by model and text hash; safe to use from several threads."""

    def get_many(self, model: str, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors that are there, by key."""

    def known(self, model: str, keys: Iterable[bytes]) -> set[bytes]:
        """Return those of ``keys`` that are there."""

    def put_many(self, model: str, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep vectors; committed when this returns."""

    def close(self) -> None:
        """Close it."""


class Catalog(Protocol):
    """One connection to a store; a context manager. Use it from one thread at a time."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: Any) -> None: ...

    def close(self) -> None:
        """Close the connection."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Read from one state, whatever writers do meanwhile."""

    def read(self, read: Callable[[Snapshot], Answer]) -> Answer:
        """Return what ``read`` makes of one state and the index versions that it names.

        Where writers removed a version before it was opened, all is read again in the state that
        is there now; ``DamagedStoreError`` means that the state is still there.
        """

    def index(self, key: str) -> VectorIndex:
        """Return the index of the dataset with this key."""

    def datasets(self) -> list[Dataset]:
        """Return all datasets by name."""

    def dataset(self, name: str) -> Dataset:
        """Return a dataset, or raise ``DatasetNotFoundError``."""

    def dataset_by_key(self, key: str) -> Dataset:
        """Return the dataset with this key, or raise ``DatasetNotFoundError``."""

    def create(self, name: str, metadata: Mapping[str, Any] | None = None) -> Dataset:
        """Create an empty dataset, or raise ``DatasetExistsError`` or ``UsageError``."""

    def ensure(self, name: str) -> Dataset | None:
        """Make a dataset called ``name`` when there is none; return it where it was made."""

    def set_metadata(self, name: str, metadata: Mapping[str, Any]) -> Dataset:
        """Replace a dataset's metadata."""

    def rename(self, name: str, new: str, *, lock_timeout: float, notify: Notify) -> Dataset:
        """Give a dataset another name; its key stays."""

    def delete(self, name: str, *, lock_timeout: float, notify: Notify) -> None:
        """Delete a dataset with all it holds; what a reader still uses goes later."""

    def discard_unpublished(self, key: str) -> None:
        """Delete a new dataset to which nothing was published, unless somebody writes to it."""

    def merge(
        self,
        names: Sequence[str],
        target: str,
        *,
        overwrite: bool,
        lock_timeout: float,
        notify: Notify,
    ) -> Dataset:
        """Make ``target`` of all files of the datasets; of one alone it is a copy."""

    def check_free(self, name: str, *, overwrite: bool) -> None:
        """Raise ``DatasetExistsError`` when the name is taken and is not to be replaced."""

    def build(
        self, name: str, *, overwrite: bool, lock_timeout: float, notify: Notify
    ) -> AbstractContextManager[tuple[WriteRun, Callable[..., Dataset]]]:
        """Yield a run on a new hidden dataset, and a function that shows it as ``name``.

        That function takes ``metadata``, ``generation``, ``created_at`` and ``updated_at``, each
        optional, and returns the dataset. Without a call of it, nothing of the new dataset stays.
        """

    def write_run(
        self, name: str, *, lock_timeout: float, notify: Notify
    ) -> AbstractContextManager[WriteRun]:
        """Take the dataset's lock, and yield a run; what is not published is dropped."""

    def replacement(
        self, name: str, *, lock_timeout: float, notify: Notify
    ) -> AbstractContextManager[Replacement]:
        """Take the dataset's lock, and yield a replacement; what is not published is dropped."""

    def recorded(
        self, dataset: Dataset, command: str, report: Callable[[], dict[str, Any]]
    ) -> AbstractContextManager[None]:
        """Remember a run with how it ended; the caller holds the dataset's lock.

        Parameters
        ----------
        report:
            Asked for the run's facts when it has ended, however it did.
        """

    def runs(self, dataset: Dataset, limit: int | None = None) -> list[Run]:
        """Return a dataset's runs, the last one first."""

    def missed_files(self, dataset: Dataset) -> list[MissedFile]:
        """Return the files that the last run over them could not take in, by path."""

    def missed_page(
        self, dataset: Dataset, statuses: Sequence[str], part: str, offset: int, limit: int
    ) -> tuple[list[MissedFile], dict[str, int]]:
        """Return some of the files that could not be taken in, by path, and how many there are.

        Parameters
        ----------
        part:
            What their paths must hold, whatever its case; empty is any.

        Returns
        -------
        tuple
            The files, of some statuses, and the number of all of each status.
        """

    def change_missed(
        self, dataset: Dataset, gone: Collection[FileProblem], new: Collection[FileProblem]
    ) -> None:
        """Forget some files that could not be taken in, and remember others."""


class Checkup(Protocol):
    """A store looked over, for ``doctor``.

    Each fault is found when it is asked for: what a repair has put right is not found again.
    """

    writable: bool
    """False, after :meth:`place`, where nothing can be written."""
    readable: bool
    """False, after :meth:`catalog`, where nothing is stored, or it can't be read."""
    remedy: str
    """What mends a damage."""

    @property
    def exists(self) -> bool:
        """True when anything was ever stored, be it damaged."""

    def versions(self) -> dict[str, str]:
        """Return the versions that matter to the store, by name."""

    def back_up(self) -> Path | None:
        """Return the folder of a backup, made at the first call; ``None`` where others make it."""

    def place(self) -> Iterator[Fault]:
        """Look at what is around the data: versions, rights, and whether it can be written."""

    def catalog(self) -> Iterator[Fault]:
        """Check whether the catalog can be read; raise ``NewerStoreError`` for a newer one."""

    def cache(self) -> Iterator[Fault]:
        """Check the embedding cache."""

    def rows(self, name: str | None) -> Iterator[Fault]:
        """Check what is stored of one dataset, or of all, and the full-text lists."""

    def datasets(self, name: str | None) -> list[Dataset]:
        """Return one dataset, or all, as far as they can be read."""

    def index(self, dataset: Dataset) -> Iterator[Fault]:
        """Report what a whole index lacks."""

    def garbled_chunks(self, dataset: Dataset) -> dict[str, list[str]]:
        """Return the ids of chunks that do not fit their text, by the id of their file."""

    def incomplete_files(self, dataset: Dataset) -> list[str]:
        """Return the ids of files of which something is lost."""

    def mark_unread(self, dataset: Dataset, file_ids: Sequence[str]) -> list[Path]:
        """Let the next ingest read those of some files that are still there; return their paths."""

    def leftovers(self) -> Iterator[Fault]:
        """Report what nobody needs any more."""

    def room(self, datasets: Sequence[Dataset]) -> Iterator[Fault]:
        """Report that there is too little room to write the largest index once more."""


class Hold(Protocol):
    """A folder that stays until this is released; a context manager."""

    @property
    def folder(self) -> Path:
        """The folder."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: Any) -> None: ...

    def release(self) -> None:
        """Let it go; a second call does nothing."""


class Store(Protocol):
    """All datasets of one place; asking it for anything else than its contents makes nothing."""

    @property
    def root(self) -> Path:
        """The folder on this machine in which it keeps files; no documents are read from there."""

    @property
    def place(self) -> str:
        """Where the datasets are: a folder, or an address without a password."""

    def places(self) -> Places:
        """Look where datasets and vectors are, and whether that can be read; nothing is made."""

    def close(self) -> None:
        """Let go of what is kept open between two calls; the object can still be used."""

    def identity(self) -> Hashable:
        """Return what is equal of two stores that hold the same, and open it in the same way."""

    def exists(self) -> bool:
        """Return whether anything was ever stored; raise ``DamagedStoreError`` for half a store."""

    def names(self) -> list[str]:
        """Return the names of all datasets, fast, and none where they can't be read."""

    def open(self) -> Catalog:
        """Open a connection; what is missing is made."""

    def hold(self) -> AbstractContextManager[object]:
        """See that nobody empties the store meanwhile."""

    def index(self, key: str) -> VectorIndex:
        """Return the index of the dataset with this key."""

    def has_cache(self) -> bool:
        """Return whether there is an embedding cache."""

    def open_cache(self, limit: int) -> EmbeddingCache:
        """Open the embedding cache, which is made when missing.

        Parameters
        ----------
        limit:
            Most bytes of vectors; the oldest go first.
        """

    def cache_stats(self, limit: int) -> CacheStats:
        """Count what the embedding cache keeps; ``limit`` is as for :meth:`open_cache`."""

    def clear_cache(self) -> None:
        """Forget all cached vectors; datasets keep theirs."""

    def unpack_archive(
        self, path: Path, notify: Notify, spare: Callable[[], Path] | None = None
    ) -> Hold:
        """Hold a data folder in which is what an archive holds: unpacked once, kept for a while.

        Parameters
        ----------
        spare:
            Makes the folder in which it is unpacked where the store can't be written.
        """

    def status(self, name: str | None, cache_limit: int) -> Status:
        """Return sizes, counts and the last runs of one dataset, or of all."""

    def compact(self, name: str | None, *, lock_timeout: float, notify: Notify) -> list[Compacted]:
        """Build indexes without deleted vectors, of one dataset or all; give back empty pages."""

    def leftovers(self) -> AbstractContextManager[Sequence[Leftover]]:
        """Yield what nobody needs any more; each can be removed while the context lasts."""

    def checkup(self, *, lock_timeout: float, cache_limit: int, notify: Notify) -> Checkup:
        """Return what looks the store over; ``cache_limit`` is as for :meth:`open_cache`."""

    def contents(self) -> list[str]:
        """Return the names of what :meth:`empty` removes: files, folders or tables."""

    def empty(self, patience: float) -> None:
        """Remove everything that is stored, once those who read have been waited for."""
